/*
 * Windows of time, and the time zones under them. The dates are from the calendar, the changes of
 * the clocks from the zones' laws: in Berlin at 01:00 UTC on the last Sunday of March and October,
 * in New York at 02:00 local time on the second Sunday of March and the first of November.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/zone.h"
#include "lib/rules/window.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

static struct window_plan
plan_in(const char *zone)
{
    struct window_plan plan = {.zone = zone_find(zone)};

    ck_assert_msg(plan.zone != NULL, "%s", zone);
    return plan;
}

static wall_ms
time_of(const char *text)
{
    wall_ms t = 0;

    ck_assert_msg(clock_parse_rfc3339(text, strlen(text), &t) == 0, "%s", text);
    return t;
}

static const char *
text_of(wall_ms t)
{
    static char texts[4][CLOCK_RFC3339_SIZE];
    static unsigned n;
    char *text = texts[n++ % 4];

    clock_format_rfc3339(t, text);
    return text;
}

static void
expect(const struct window_plan *plan, enum window_kind kind, const char *t, const char *name,
       const char *starts, const char *ends)
{
    struct window w, again;

    ck_assert(window_at(plan, kind, time_of(t), &w));
    ck_assert_str_eq(w.name, name);
    ck_assert_str_eq(text_of(w.starts), text_of(time_of(starts)));
    ck_assert_str_eq(text_of(w.ends), text_of(time_of(ends)));
    ck_assert(window_named(plan, kind, name, strlen(name), &again));
    ck_assert_int_eq(again.starts, w.starts);
    ck_assert_int_eq(again.ends, w.ends);
}

/* --- zones ------------------------------------------------------------------------------------ */

START_TEST(zones_are_known_by_name)
{
    static const char *const unknown[] = {"",       "Europe/Berlino", "/etc/localtime",  "../UTC",
                                          "Europe", "tzdata.zi",      "Europe/Berlin\n", "UTC0"};

    ck_assert_ptr_nonnull(zone_find("UTC"));
    ck_assert_ptr_eq(zone_find("Europe/Berlin"), zone_find("Europe/Berlin"));
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        errno = 0;
        ck_assert_msg(zone_find(unknown[i]) == NULL, "%s", unknown[i]);
        ck_assert_int_eq(errno, ENOENT);
    }
}
END_TEST

START_TEST(loading_a_zone_leaves_the_process_alone)
{
    time_t t = 0;
    struct tm tm;

    ck_assert_int_eq(setenv("TZ", "EST5", 1), 0);
    tzset();
    ck_assert_ptr_nonnull(zone_find("Asia/Tokyo"));
    ck_assert_str_eq(getenv("TZ"), "EST5");
    ck_assert_ptr_nonnull(localtime_r(&t, &tm));
    ck_assert_int_eq(tm.tm_gmtoff, -5 * 3600);
    ck_assert_int_eq(unsetenv("TZ"), 0);
    ck_assert_ptr_nonnull(zone_find("Asia/Kolkata"));
    ck_assert_ptr_null(getenv("TZ"));
}
END_TEST

/* What the C library says, asked at random moments and around every change it may have. */
START_TEST(zones_agree_with_the_c_library)
{
    static const char *const names[] = {
        "Europe/Berlin",  "America/New_York",    "America/St_Johns",
        "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Casablanca",
        "Pacific/Apia",   "America/Sao_Paulo",   "UTC"};
    struct random_source random = random_start();
    const struct zone *z = zone_find(names[_i]);

    ck_assert_int_eq(setenv("TZ", names[_i], 1), 0);
    tzset();
    for (int i = 0; i < 20000; i++) {
        time_t t = (time_t)random_below(&random, 4102444800);
        wall_ms local, first;
        struct tm tm;

        ck_assert_ptr_nonnull(localtime_r(&t, &tm));
        local = zone_local(z, (wall_ms)t * 1000);
        ck_assert_int_eq(local, ((wall_ms)t + tm.tm_gmtoff) * 1000);
        first = zone_reached(z, local);
        ck_assert_int_le(first, (wall_ms)t * 1000);
        ck_assert_int_ge(zone_local(z, first), local);
        ck_assert_int_lt(zone_local(z, first - 1), local);
    }
}
END_TEST

/* --- windows ---------------------------------------------------------------------------------- */

START_TEST(windows_in_utc)
{
    struct window_plan utc = plan_in("UTC");
    struct window w;

    expect(&utc, WINDOW_YEARLY, "2026-11-22T12:00:00Z", "2026", "2026-01-01T00:00:00Z",
           "2027-01-01T00:00:00Z");
    expect(&utc, WINDOW_MONTHLY, "2026-12-31T23:59:59.999Z", "2026-12", "2026-12-01T00:00:00Z",
           "2027-01-01T00:00:00Z");
    expect(&utc, WINDOW_MONTHLY, "2024-02-29T12:00:00Z", "2024-02", "2024-02-01T00:00:00Z",
           "2024-03-01T00:00:00Z");
    expect(&utc, WINDOW_DAILY, "2026-11-22T00:00:00Z", "2026-11-22", "2026-11-22T00:00:00Z",
           "2026-11-23T00:00:00Z");
    expect(&utc, WINDOW_DAILY, "1970-01-01T00:00:00Z", "1970-01-01", "1970-01-01T00:00:00Z",
           "1970-01-02T00:00:00Z");
    ck_assert(window_at(&utc, WINDOW_ALL, 5, &w));
    ck_assert_str_eq(w.name, "all");
    ck_assert_int_eq(w.ends, WINDOW_NEVER);
    ck_assert(window_at(&utc, WINDOW_DAILY, INT64_MAX, &w));
    ck_assert_str_eq(w.name, "9999-12-31");
    ck_assert(window_at(&utc, WINDOW_DAILY, INT64_MIN, &w));
    ck_assert_str_eq(w.name, "1970-01-01");
}
END_TEST

/* ISO 8601: a week belongs to the year that its Thursday is in. */
START_TEST(weeks_at_the_ends_of_years)
{
    struct window_plan utc = plan_in("UTC");

    expect(&utc, WINDOW_WEEKLY, "2026-11-22T23:59:59Z", "2026-W47", "2026-11-16T00:00:00Z",
           "2026-11-23T00:00:00Z");
    expect(&utc, WINDOW_WEEKLY, "2027-01-03T23:59:59Z", "2026-W53", "2026-12-28T00:00:00Z",
           "2027-01-04T00:00:00Z");
    expect(&utc, WINDOW_WEEKLY, "2020-12-31T00:00:00Z", "2020-W53", "2020-12-28T00:00:00Z",
           "2021-01-04T00:00:00Z");
    expect(&utc, WINDOW_WEEKLY, "2024-12-30T00:00:00Z", "2025-W01", "2024-12-30T00:00:00Z",
           "2025-01-06T00:00:00Z");
    expect(&utc, WINDOW_WEEKLY, "2023-01-01T12:00:00Z", "2022-W52", "2022-12-26T00:00:00Z",
           "2023-01-02T00:00:00Z");
    expect(&utc, WINDOW_YEARLY, "2027-01-03T23:59:59Z", "2027", "2027-01-01T00:00:00Z",
           "2028-01-01T00:00:00Z");
    utc.from_sunday = true;
    expect(&utc, WINDOW_WEEKLY, "2026-11-22T00:00:00Z", "2026-11-22w", "2026-11-22T00:00:00Z",
           "2026-11-29T00:00:00Z");
    expect(&utc, WINDOW_WEEKLY, "2026-11-21T23:59:59Z", "2026-11-15w", "2026-11-15T00:00:00Z",
           "2026-11-22T00:00:00Z");
    expect(&utc, WINDOW_WEEKLY, "2027-01-02T00:00:00Z", "2026-12-27w", "2026-12-27T00:00:00Z",
           "2027-01-03T00:00:00Z");
}
END_TEST

START_TEST(days_on_which_the_clock_is_changed)
{
    struct window_plan berlin = plan_in("Europe/Berlin"), york = plan_in("America/New_York");

    expect(&berlin, WINDOW_DAILY, "2026-03-29T12:00:00Z", "2026-03-29", "2026-03-28T23:00:00Z",
           "2026-03-29T22:00:00Z"); /* 23 hours */
    expect(&berlin, WINDOW_DAILY, "2026-10-25T12:00:00Z", "2026-10-25", "2026-10-24T22:00:00Z",
           "2026-10-25T23:00:00Z"); /* 25 hours */
    expect(&berlin, WINDOW_WEEKLY, "2026-10-25T22:59:59Z", "2026-W43", "2026-10-18T22:00:00Z",
           "2026-10-25T23:00:00Z");
    expect(&berlin, WINDOW_MONTHLY, "2026-03-31T22:00:00Z", "2026-04", "2026-03-31T22:00:00Z",
           "2026-04-30T22:00:00Z");
    expect(&berlin, WINDOW_YEARLY, "2026-12-31T23:00:00Z", "2027", "2026-12-31T23:00:00Z",
           "2027-12-31T23:00:00Z");
    expect(&york, WINDOW_DAILY, "2026-03-08T12:00:00Z", "2026-03-08", "2026-03-08T05:00:00Z",
           "2026-03-09T04:00:00Z");
    expect(&york, WINDOW_DAILY, "2026-11-01T12:00:00Z", "2026-11-01", "2026-11-01T04:00:00Z",
           "2026-11-02T05:00:00Z");
    expect(&york, WINDOW_DAILY, "2026-11-22T04:59:59Z", "2026-11-21", "2026-11-21T05:00:00Z",
           "2026-11-22T05:00:00Z");
    /* The rules go on behind the tables' last entry. */
    expect(&berlin, WINDOW_DAILY, "2090-03-26T12:00:00Z", "2090-03-26", "2090-03-25T23:00:00Z",
           "2090-03-26T22:00:00Z");
}
END_TEST

/* Midnight that is skipped (Sao Paulo 2017-10-15, Apia had no 2011-12-30 at all), and one that
 * comes twice (St. John's put its clock back at 00:01 until 2011). */
START_TEST(midnights_that_are_none_or_two)
{
    struct window_plan paulo = plan_in("America/Sao_Paulo"), apia = plan_in("Pacific/Apia");
    struct window_plan johns = plan_in("America/St_Johns");

    expect(&paulo, WINDOW_DAILY, "2017-10-15T12:00:00Z", "2017-10-15", "2017-10-15T03:00:00Z",
           "2017-10-16T02:00:00Z");
    expect(&apia, WINDOW_DAILY, "2011-12-30T10:00:00Z", "2011-12-31", "2011-12-30T10:00:00Z",
           "2011-12-31T10:00:00Z");
    expect(&apia, WINDOW_DAILY, "2011-12-30T09:59:59Z", "2011-12-29", "2011-12-29T10:00:00Z",
           "2011-12-30T10:00:00Z");
    expect(&johns, WINDOW_DAILY, "2010-11-07T03:00:00Z", "2010-11-07", "2010-11-07T02:30:00Z",
           "2010-11-08T03:30:00Z");
}
END_TEST

/* Every moment is in exactly one window of a kind, whose name finds it again. */
START_TEST(windows_have_no_gaps)
{
    static const char *const names[] = {"Europe/Berlin", "America/St_Johns", "America/Sao_Paulo",
                                        "Africa/Casablanca", "Asia/Kathmandu"};
    struct random_source random = random_start();
    struct window_plan plan = plan_in(names[_i]);

    for (int i = 0; i < 5000; i++) {
        enum window_kind kind = WINDOW_YEARLY + (enum window_kind)random_below(&random, 4);
        wall_ms t = (wall_ms)random_below(&random, 4102444800000);
        struct window w, other;

        plan.from_sunday = random_below(&random, 2) == 1;
        ck_assert(window_at(&plan, kind, t, &w));
        ck_assert_int_le(w.starts, t);
        ck_assert_int_gt(w.ends, t);
        ck_assert(window_at(&plan, kind, w.ends - 1, &other));
        ck_assert_str_eq(other.name, w.name);
        ck_assert(window_at(&plan, kind, w.ends, &other));
        ck_assert_str_ne(other.name, w.name);
        ck_assert_int_eq(other.starts, w.ends);
        if (w.starts > 0) {
            ck_assert(window_named(&plan, kind, w.name, strlen(w.name), &other));
            ck_assert_int_eq(other.starts, w.starts);
        }
    }
}
END_TEST

START_TEST(names_that_are_no_windows)
{
    static const struct {
        enum window_kind kind;
        bool from_sunday;
        const char *name;
    } none[] = {
        {WINDOW_ALL, false, "al"},
        {WINDOW_YEARLY, false, "2026-01"},
        {WINDOW_YEARLY, false, "1969"},
        {WINDOW_YEARLY, false, "-026"},
        {WINDOW_YEARLY, false, ""},
        {WINDOW_MONTHLY, false, "2026-13"},
        {WINDOW_MONTHLY, false, "2026-00"},
        {WINDOW_MONTHLY, false, "2026-1"},
        {WINDOW_MONTHLY, false, "2026-11-22"},
        {WINDOW_WEEKLY, false, "2025-W53"},
        {WINDOW_WEEKLY, false, "2026-W00"},
        {WINDOW_WEEKLY, false, "2026-W54"},
        {WINDOW_WEEKLY, false, "2026-11-22w"},
        {WINDOW_WEEKLY, true, "2026-11-23w"},
        {WINDOW_WEEKLY, true, "2026-W47"},
        {WINDOW_DAILY, false, "2026-02-29"},
        {WINDOW_DAILY, false, "2026-11-22x"},
        {WINDOW_DAILY, false, "2026-11-22w"},
        {WINDOW_SEASON, false, "s-"},
        {WINDOW_SEASON, false, "s"},
        {WINDOW_SEASON, false, "one"},
    };
    struct window_season season = {"one", 1000, 2000};
    struct window_plan plan = plan_in("UTC");
    struct window w = {.name = "untouched"};

    plan.season = &season;
    plan.nseasons = 1;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        plan.from_sunday = none[i].from_sunday;
        ck_assert_msg(!window_named(&plan, none[i].kind, none[i].name, strlen(none[i].name), &w),
                      "%s", none[i].name);
    }
    ck_assert_str_eq(w.name, "untouched");
}
END_TEST

START_TEST(seasons)
{
    struct window_season season[] = {{"one", 1000, 2000}, {"two", 2000, 3000}, {"3", 5000, 6000}};
    struct window_plan plan = plan_in("UTC");
    struct window w;

    plan.season = season;
    plan.nseasons = 3;
    plan.keep = 1;
    ck_assert(!window_at(&plan, WINDOW_SEASON, 999, &w));
    ck_assert(window_at(&plan, WINDOW_SEASON, 1000, &w));
    ck_assert_str_eq(w.name, "s-one");
    ck_assert(window_at(&plan, WINDOW_SEASON, 1999, &w));
    ck_assert_str_eq(w.name, "s-one");
    ck_assert(window_at(&plan, WINDOW_SEASON, 2000, &w));
    ck_assert_str_eq(w.name, "s-two");
    ck_assert(!window_at(&plan, WINDOW_SEASON, 3000, &w));
    ck_assert(window_named(&plan, WINDOW_SEASON, "s-3", 3, &w));
    ck_assert_int_eq(w.starts, 5000);
    ck_assert_int_eq(w.ends, 6000);
    ck_assert_int_eq(window_horizon(&plan, WINDOW_SEASON, 500), 1000);
    ck_assert_int_eq(window_horizon(&plan, WINDOW_SEASON, 2500), 1000);
    ck_assert_int_eq(window_horizon(&plan, WINDOW_SEASON, 4000), 2000);
    ck_assert_int_eq(window_horizon(&plan, WINDOW_SEASON, 5500), 2000);
    ck_assert_int_eq(window_horizon(&plan, WINDOW_SEASON, 9000), 5000);
    plan.keep = 0;
    ck_assert_int_eq(window_horizon(&plan, WINDOW_SEASON, 2500), 2000);
    ck_assert_int_eq(window_horizon(&plan, WINDOW_SEASON, 9000), 9000);
}
END_TEST

START_TEST(the_horizon_is_keep_windows_back)
{
    struct window_plan berlin = plan_in("Europe/Berlin");
    wall_ms now = time_of("2026-10-26T12:00:00Z");

    ck_assert_str_eq(text_of(window_horizon(&berlin, WINDOW_DAILY, now)),
                     "2026-10-25T23:00:00.000Z");
    berlin.keep = 1;
    ck_assert_str_eq(text_of(window_horizon(&berlin, WINDOW_DAILY, now)),
                     "2026-10-24T22:00:00.000Z");
    berlin.keep = 2;
    ck_assert_str_eq(text_of(window_horizon(&berlin, WINDOW_MONTHLY, now)),
                     "2026-07-31T22:00:00.000Z");
    berlin.keep = WINDOW_KEEP_MAX;
    ck_assert_str_eq(text_of(window_horizon(&berlin, WINDOW_DAILY, now)),
                     "2025-10-24T22:00:00.000Z");
    ck_assert_int_le(window_horizon(&berlin, WINDOW_YEARLY, now), 0);
    ck_assert_int_lt(window_horizon(&berlin, WINDOW_ALL, now), 0);
}
END_TEST

START_TEST(kinds_have_names)
{
    for (int i = 0; i < WINDOW_KINDS; i++) {
        const char *name = window_kind_name((enum window_kind)i);

        ck_assert_int_eq(window_kind_find(name, strlen(name)), i);
    }
    ck_assert_int_eq(window_kind_find("dail", 4), -1);
    ck_assert_int_eq(window_kind_find("", 0), -1);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("window");
    TCase *tc = tcase_create("window");

    tcase_add_test(tc, zones_are_known_by_name);
    tcase_add_test(tc, loading_a_zone_leaves_the_process_alone);
    tcase_add_loop_test(tc, zones_agree_with_the_c_library, 0, 9);
    tcase_add_test(tc, windows_in_utc);
    tcase_add_test(tc, weeks_at_the_ends_of_years);
    tcase_add_test(tc, days_on_which_the_clock_is_changed);
    tcase_add_test(tc, midnights_that_are_none_or_two);
    tcase_add_loop_test(tc, windows_have_no_gaps, 0, 5);
    tcase_add_test(tc, names_that_are_no_windows);
    tcase_add_test(tc, seasons);
    tcase_add_test(tc, the_horizon_is_keep_windows_back);
    tcase_add_test(tc, kinds_have_names);
    suite_add_tcase(suite, tc);
    return suite;
}
