/*
 * Time as types: two clocks and a duration, all in milliseconds.
 *
 * A timeout is measured with mono_ms, which never jumps. What is stored or shown is wall_ms,
 * milliseconds since 1970-01-01 UTC, the unit of a Redis stream id.
 */
#ifndef VARCADE_CLOCK_H
#define VARCADE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t mono_ms;
typedef int64_t wall_ms;
typedef int64_t dur_ms;

/* Room for clock_format_rfc3339's text and its NUL. */
#define CLOCK_RFC3339_SIZE 32

/* clock_mono(): now on the monotonic clock. Never fails. clock_mono_us(): the same in microseconds. */
mono_ms clock_mono(void);
int64_t clock_mono_us(void);

/* clock_wall(): now on the wall clock. Never fails. */
wall_ms clock_wall(void);

/*
 * clock_format_rfc3339(t, out): write t as `2026-01-31T23:59:59.123Z` into out. Times outside the
 * years 0000 to 9999 are clamped to them.
 */
void clock_format_rfc3339(wall_ms t, char out[static CLOCK_RFC3339_SIZE]);

/*
 * clock_parse_rfc3339(s, len, ret_t): a time as RFC 3339 writes it, `2026-01-31T23:59:59.123+01:00`;
 * what is finer than a millisecond is dropped, and second 60 is the one after 59. Returns 0, or -1
 * where it is none.
 */
int clock_parse_rfc3339(const char *s, size_t len, wall_ms *ret_t)
    __attribute__((warn_unused_result));

#endif
