/*
 * Clocks in milliseconds, and the one text form of a time that varcade writes.
 */
#include "lib/base/clock.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define MS_PER_S 1000
#define US_PER_MS 1000
/* 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: four digits are all that RFC 3339 has. */
#define RFC3339_MIN INT64_C(-62167219200000)
#define RFC3339_MAX INT64_C(253402300799999)

static int64_t
now_us(clockid_t clock)
{
    struct timespec ts;

    /* Fails only for a clock that does not exist. */
    if (clock_gettime(clock, &ts) != 0)
        assert(0);
    return (int64_t)ts.tv_sec * MS_PER_S * US_PER_MS + ts.tv_nsec / 1000;
}

mono_ms
clock_mono(void)
{
    return now_us(CLOCK_MONOTONIC) / US_PER_MS;
}

int64_t
clock_mono_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

wall_ms
clock_wall(void)
{
    return now_us(CLOCK_REALTIME) / US_PER_MS;
}

void
clock_format_rfc3339(wall_ms t, char out[static CLOCK_RFC3339_SIZE])
{
    struct tm tm = {0};
    time_t seconds;
    unsigned ms;

    if (t < RFC3339_MIN)
        t = RFC3339_MIN;
    if (t > RFC3339_MAX)
        t = RFC3339_MAX;
    /* Round down, before 1970 too. */
    ms = (unsigned)((t % MS_PER_S + MS_PER_S) % MS_PER_S);
    seconds = (time_t)((t - (int64_t)ms) / MS_PER_S);
    (void)gmtime_r(&seconds, &tm);
    /* Within the clamp each part has at most as many digits as shown; the remainders say so to the
     * compiler. */
    (void)snprintf(out, CLOCK_RFC3339_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                   (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
                   (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100,
                   (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100, ms);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* What is left of a text. */
struct cursor {
    const char *s;
    size_t len;
};

/* Take a number of exactly n digits, min to max. */
static bool
take_number(struct cursor *c, size_t n, int min, int max, int *ret_v)
{
    int v = 0;

    if (c->len < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (c->s[i] < '0' || c->s[i] > '9')
            return false;
        v = 10 * v + (c->s[i] - '0');
    }
    c->s += n;
    c->len -= n;
    *ret_v = v;
    return v >= min && v <= max;
}

/* Take one of the two characters. */
static bool
take(struct cursor *c, char a, char b)
{
    if (c->len == 0 || (*c->s != a && *c->s != b))
        return false;
    c->s++;
    c->len--;
    return true;
}

/* Take `.123456`, where it is there, to the millisecond. */
static bool
take_fraction(struct cursor *c, int *ret_ms)
{
    int ms = 0, digit, weight = 100;

    if (take(c, '.', '.')) {
        do {
            if (!take_number(c, 1, 0, 9, &digit))
                return false;
            ms += weight * digit;
            weight /= 10;
        } while (c->len > 0 && *c->s >= '0' && *c->s <= '9');
    }
    *ret_ms = ms;
    return true;
}

/* Take `Z` or `+01:00`. */
static bool
take_offset(struct cursor *c, int *ret_minutes)
{
    int hours, minutes, sign;

    if (take(c, 'Z', 'z')) {
        *ret_minutes = 0;
        return true;
    }
    sign = c->len > 0 && *c->s == '-' ? -1 : 1;
    if (!take(c, '+', '-') || !take_number(c, 2, 0, 23, &hours) || !take(c, ':', ':') ||
        !take_number(c, 2, 0, 59, &minutes))
        return false;
    *ret_minutes = sign * (60 * hours + minutes);
    return true;
}

int
clock_parse_rfc3339(const char *s, size_t len, wall_ms *ret_t)
{
    struct cursor c = {s, len};
    struct tm tm = {0};
    wall_ms t;
    int year, month, day, hour, minute, second, ms, offset;

    if (!take_number(&c, 4, 0, 9999, &year) || !take(&c, '-', '-') ||
        !take_number(&c, 2, 1, 12, &month) || !take(&c, '-', '-') ||
        !take_number(&c, 2, 1, 31, &day) || !take(&c, 'T', 't') ||
        !take_number(&c, 2, 0, 23, &hour) || !take(&c, ':', ':') ||
        !take_number(&c, 2, 0, 59, &minute) || !take(&c, ':', ':') ||
        !take_number(&c, 2, 0, 60, &second) || !take_fraction(&c, &ms) ||
        !take_offset(&c, &offset) || c.len > 0)
        return -1;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    tm.tm_mday = day;
    t = ((wall_ms)timegm(&tm) + (hour * 60 + minute - offset) * 60 + second) * MS_PER_S + ms;
    /* timegm makes 31 April 1 May. */
    if (tm.tm_mday != day)
        return -1;
    *ret_t = t;
    return 0;
}
