/*
 * Windows of time: see window.h. A day is a number, days since 1970-01-01 on the clock of the
 * zone; the calendar is the C library's, which needs no zone for timegm and gmtime_r.
 */
#include "lib/rules/window.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/text.h"
#include "lib/base/zone.h"

#define SECOND_MS 1000
#define DAY_S INT64_C(86400)
#define DAY_MS (DAY_S * SECOND_MS)
#define WEEK 7

static const char *const kinds[WINDOW_KINDS] = {
    [WINDOW_ALL] = "all",       [WINDOW_YEARLY] = "yearly", [WINDOW_MONTHLY] = "monthly",
    [WINDOW_WEEKLY] = "weekly", [WINDOW_DAILY] = "daily",   [WINDOW_SEASON] = "season",
};

const char *
window_kind_name(enum window_kind kind)
{
    return kinds[kind];
}

int
window_kind_find(const char *name, size_t len)
{
    for (int i = 0; i < WINDOW_KINDS; i++)
        if (strlen(kinds[i]) == len && memcmp(kinds[i], name, len) == 0)
            return i;
    return -1;
}

/* --- days ------------------------------------------------------------------------------------- */

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static struct tm
date_of(int64_t day)
{
    time_t seconds = (time_t)(day * DAY_S);
    struct tm tm = {0};

    (void)gmtime_r(&seconds, &tm);
    return tm;
}

/* month counts from 0 and may be past 11. */
static int64_t
day_of(int year, int month, int mday)
{
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month, .tm_mday = mday};

    return floor_div((int64_t)timegm(&tm), DAY_S);
}

static wall_ms
day_starts(const struct window_plan *plan, int64_t day)
{
    return zone_reached(plan->zone, day * DAY_MS);
}

/* The day that t belongs to. A clock that is put back across midnight does not bring back the day
 * before. */
static int64_t
day_at(const struct window_plan *plan, wall_ms t)
{
    int64_t day = floor_div(zone_local(plan->zone, t), DAY_MS);

    while (day_starts(plan, day + 1) <= t)
        day++;
    return day;
}

/* The first day of the week that the day is in; day 0 was a Thursday. */
static int64_t
week_of(const struct window_plan *plan, int64_t day)
{
    int64_t since = day + (plan->from_sunday ? 4 : 3);

    return day - (since - floor_div(since, WEEK) * WEEK);
}

/* --- windows of days -------------------------------------------------------------------------- */

/* The window that the day is in: its first day, and the one after its last. */
static void
find_days(const struct window_plan *plan, enum window_kind kind, int64_t day, int64_t *ret_first,
          int64_t *ret_next)
{
    struct tm tm = date_of(day);
    int year = tm.tm_year + 1900;

    if (kind == WINDOW_YEARLY) {
        *ret_first = day_of(year, 0, 1);
        *ret_next = day_of(year + 1, 0, 1);
    } else if (kind == WINDOW_MONTHLY) {
        *ret_first = day_of(year, tm.tm_mon, 1);
        *ret_next = day_of(year, tm.tm_mon + 1, 1);
    } else if (kind == WINDOW_WEEKLY) {
        *ret_first = week_of(plan, day);
        *ret_next = *ret_first + WEEK;
    } else {
        *ret_first = day;
        *ret_next = day + 1;
    }
}

static void
name_days(const struct window_plan *plan, enum window_kind kind, int64_t first, struct window *w)
{
    struct tm tm = date_of(first);

    if (kind == WINDOW_YEARLY)
        (void)strftime(w->name, sizeof(w->name), "%Y", &tm);
    else if (kind == WINDOW_MONTHLY)
        (void)strftime(w->name, sizeof(w->name), "%Y-%m", &tm);
    else if (kind == WINDOW_DAILY)
        (void)strftime(w->name, sizeof(w->name), "%Y-%m-%d", &tm);
    else if (plan->from_sunday)
        (void)strftime(w->name, sizeof(w->name), "%Y-%m-%dw", &tm);
    else
        (void)strftime(w->name, sizeof(w->name), "%G-W%V", &tm);
}

static void
window_of_day(const struct window_plan *plan, enum window_kind kind, int64_t day, struct window *w)
{
    int64_t first, next;

    find_days(plan, kind, day, &first, &next);
    name_days(plan, kind, first, w);
    w->starts = day_starts(plan, first);
    w->ends = day_starts(plan, next);
}

/* --- seasons ---------------------------------------------------------------------------------- */

/* The first season that ends after t, or nseasons. */
static size_t
season_after(const struct window_plan *plan, wall_ms t)
{
    size_t i = 0;

    while (i < plan->nseasons && plan->season[i].to <= t)
        i++;
    return i;
}

static void
window_of_season(const struct window_season *season, struct window *w)
{
    (void)snprintf(w->name, sizeof(w->name), "s-%s", season->id);
    w->starts = season->from;
    w->ends = season->to;
}

/* --- the outside ------------------------------------------------------------------------------ */

bool
window_at(const struct window_plan *plan, enum window_kind kind, wall_ms t,
          struct window *ret_window)
{
    size_t i;

    if (t < 0)
        t = 0;
    if (t > WINDOW_TIME_MAX)
        t = WINDOW_TIME_MAX;
    if (kind == WINDOW_SEASON) {
        i = season_after(plan, t);
        if (i == plan->nseasons || plan->season[i].from > t)
            return false;
        window_of_season(&plan->season[i], ret_window);
    } else if (kind == WINDOW_ALL) {
        *ret_window = (struct window){"all", -WINDOW_NEVER, WINDOW_NEVER};
    } else {
        window_of_day(plan, kind, day_at(plan, t), ret_window);
    }
    return true;
}

/* Take a number of n digits off the front, with the text before it. */
static bool
take_number(const char **s, size_t *len, const char *before, size_t n, int *ret_v)
{
    size_t skip = strlen(before);
    int64_t v;

    if (*len < skip + n || memcmp(*s, before, skip) != 0 ||
        text_parse_int(*s + skip, n, 0, 9999, &v) == -1)
        return false;
    *s += skip + n;
    *len -= skip + n;
    *ret_v = (int)v;
    return true;
}

/* Some day of the window of this name, if it is one: whether it is, its own name tells. */
static bool
day_of_name(const struct window_plan *plan, enum window_kind kind, const char *s, size_t len,
            int64_t *ret_day)
{
    int year, month = 1, mday = 1, week;

    if (!take_number(&s, &len, "", 4, &year) || year < 1970)
        return false;
    if (kind == WINDOW_WEEKLY && !plan->from_sunday) {
        if (!take_number(&s, &len, "-W", 2, &week))
            return false;
        /* The first week is the one that has 4 January in it. */
        *ret_day = day_of(year, 0, 4) + (int64_t)(week - 1) * WEEK;
        return true;
    }
    if (kind != WINDOW_YEARLY && !take_number(&s, &len, "-", 2, &month))
        return false;
    if (kind != WINDOW_YEARLY && kind != WINDOW_MONTHLY && !take_number(&s, &len, "-", 2, &mday))
        return false;
    *ret_day = day_of(year, month - 1, mday);
    return true;
}

bool
window_named(const struct window_plan *plan, enum window_kind kind, const char *name, size_t len,
             struct window *ret_window)
{
    struct window w = {.name = ""};
    size_t i = 0;
    int64_t day;

    if (kind == WINDOW_ALL) {
        if (!window_at(plan, kind, 0, &w))
            return false;
    } else if (kind == WINDOW_SEASON) {
        while (i < plan->nseasons &&
               !(len == strlen(plan->season[i].id) + 2 && memcmp(name, "s-", 2) == 0 &&
                 memcmp(name + 2, plan->season[i].id, len - 2) == 0))
            i++;
        if (i == plan->nseasons)
            return false;
        window_of_season(&plan->season[i], &w);
    } else {
        if (!day_of_name(plan, kind, name, len, &day))
            return false;
        window_of_day(plan, kind, day, &w);
    }
    if (strlen(w.name) != len || memcmp(w.name, name, len) != 0)
        return false;
    *ret_window = w;
    return true;
}

wall_ms
window_horizon(const struct window_plan *plan, enum window_kind kind, wall_ms now)
{
    struct window w;
    size_t i;

    if (kind == WINDOW_ALL)
        return -WINDOW_NEVER;
    if (kind == WINDOW_SEASON) {
        i = season_after(plan, now);
        i = i > (size_t)plan->keep ? i - (size_t)plan->keep : 0;
        return i < plan->nseasons ? plan->season[i].from : now;
    }
    if (!window_at(plan, kind, now, &w))
        return 0;
    for (int64_t n = 0; n < plan->keep && w.starts > 0; n++)
        if (!window_at(plan, kind, w.starts - 1, &w))
            break;
    return w.starts;
}

const char *
window_season_id(const struct window *season)
{
    return season->name + strlen("s-");
}
