/*
 * Clocks in milliseconds, and the one text form of a time that varcade writes.
 */
#include "lib/clock.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#define MS_PER_S 1000
/* 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: four digits are all that RFC 3339 has. */
#define RFC3339_MIN INT64_C(-62167219200000)
#define RFC3339_MAX INT64_C(253402300799999)

static int64_t
now_ms(clockid_t clock)
{
    struct timespec ts;

    /* Fails only for a clock that does not exist. */
    if (clock_gettime(clock, &ts) != 0)
        assert(0);
    return (int64_t)ts.tv_sec * MS_PER_S + ts.tv_nsec / 1000000;
}

mono_ms
clock_mono(void)
{
    return now_ms(CLOCK_MONOTONIC);
}

wall_ms
clock_wall(void)
{
    return now_ms(CLOCK_REALTIME);
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
