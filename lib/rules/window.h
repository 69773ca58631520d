/*
 * Windows of time: a board for all time and boards by year, month, week, day and season, each
 * with a name that stands in its key in Redis and in URLs. Days begin when the clock of the game's
 * time zone first shows midnight, or jumps over it, so that windows of one kind neither overlap
 * nor leave a gap, in the nights in which the clock is changed too. Pure but for zone_find().
 *
 *   all `all`    yearly `2026`    monthly `2026-11`    daily `2026-11-22`    season `s-<id>`
 *   weekly `2026-W47` (ISO 8601), where weeks begin on Sunday `2026-11-22w`, their first day
 */
#ifndef VARCADE_WINDOW_H
#define VARCADE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/clock.h"

struct zone;

enum window_kind {
    WINDOW_ALL,
    WINDOW_YEARLY,
    WINDOW_MONTHLY,
    WINDOW_WEEKLY,
    WINDOW_DAILY,
    WINDOW_SEASON,
    WINDOW_KINDS
};

#define WINDOW_SEASON_ID_MAX 64
#define WINDOW_NAME_SIZE (2 + WINDOW_SEASON_ID_MAX + 1)
#define WINDOW_KEEP_MAX 366
#define WINDOW_SEASONS_MAX 1000
/* The times of windows: 1970 to 9999. What lies outside counts as the end that is nearer. */
#define WINDOW_TIME_MAX INT64_C(253402300799999)
/* Starts and ends of what has none. */
#define WINDOW_NEVER INT64_MAX

struct window_season {
    char id[WINDOW_SEASON_ID_MAX + 1];
    wall_ms from, to; /* to: the first moment after it */
};

/* The windows of a board. */
struct window_plan {
    bool has[WINDOW_KINDS];
    enum window_kind standard; /* the one that is meant where none is named; has[] it */
    const struct zone *zone;
    bool from_sunday;             /* weeks */
    int64_t keep;                 /* how many past windows of each kind can be read */
    struct window_season *season; /* by time; they do not overlap */
    size_t nseasons;
};

/* One window: starts <= t < ends; WINDOW_ALL has -WINDOW_NEVER and WINDOW_NEVER. */
struct window {
    char name[WINDOW_NAME_SIZE];
    wall_ms starts, ends;
};

/* window_at(plan, kind, t, ret): the window of this kind that t is in, whether the plan has the
 * kind or not. Returns false where there is none: between seasons. */
bool window_at(const struct window_plan *plan, enum window_kind kind, wall_ms t,
               struct window *ret_window) __attribute__((warn_unused_result));

/* window_named(plan, kind, name, len, ret): the window of this kind that has the name; false where
 * none has. */
bool window_named(const struct window_plan *plan, enum window_kind kind, const char *name,
                  size_t len, struct window *ret_window) __attribute__((warn_unused_result));

/* window_horizon(plan, kind, now): the start of the oldest window that can be read at now, the
 * present one and plan->keep before it; what starts earlier is gone. */
wall_ms window_horizon(const struct window_plan *plan, enum window_kind kind, wall_ms now);

/* window_season_id(season): the id that is in a season's name. */
const char *window_season_id(const struct window *season);

/* The kinds' names: `all`, `yearly`, … , `season`. window_kind_find(): the kind, or -1. */
const char *window_kind_name(enum window_kind kind);
int window_kind_find(const char *name, size_t len);

#endif
