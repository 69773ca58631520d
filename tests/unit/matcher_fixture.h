/* What the tests of the matcher share: queues and tickets in few words. */
#ifndef VARCADE_TESTS_MATCHER_FIXTURE_H
#define VARCADE_TESTS_MATCHER_FIXTURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/matcher/matcher.h"
#include "tests/unit/unit.h"

/* One against one: 100 apart at once, 10 more each second. */
static inline struct queue
duel(void)
{
    return (struct queue){.id = "duel",
                          .teams = 2,
                          .size_min = 1,
                          .size_max = 1,
                          .range = {100, 10, HUGE_VAL},
                          .timeout = 300000};
}

static inline struct queue
teams_of(size_t size)
{
    struct queue q = duel();

    q.size_min = q.size_max = size;
    return q;
}

static inline struct event_text
text(const char *s)
{
    return (struct event_text){s, strlen(s)};
}

static inline struct matcher_ticket
ticket(const char *id, double rating, wall_ms since)
{
    return (struct matcher_ticket){.id = text(id), .size = 1, .rating = rating, .since = since};
}

static inline void
add(struct matcher *m, struct matcher_ticket t)
{
    ck_assert_int_eq(matcher_add(m, &t), 0);
}

static inline void
add_player(struct matcher *m, const char *id, double rating, wall_ms since)
{
    add(m, ticket(id, rating, since));
}

static inline void
add_party(struct matcher *m, const char *id, size_t size, double rating, wall_ms since)
{
    struct matcher_ticket t = ticket(id, rating, since);

    t.size = size;
    add(m, t);
}

/* A match as "a b | c d", sorted by who waited longest, teams in order. */
static inline const char *
teams_text(const struct matcher_match *match)
{
    static char out[4096];
    size_t len = 0;

    out[0] = '\0';
    for (size_t team = 0; team < match->teams; team++) {
        if (team > 0)
            len += (size_t)snprintf(out + len, sizeof(out) - len, " |");
        for (size_t i = 0; i < match->nseats; i++)
            if (match->seat[i].team == team)
                len += (size_t)snprintf(out + len, sizeof(out) - len, "%s%s", len > 0 ? " " : "",
                                        match->seat[i].id);
    }
    return out;
}

/* The queue of the test. */
static struct queue q;
static struct matcher *m;

static inline void
open_duel(void)
{
    q = duel();
    m = matcher_new(&q);
    ck_assert_ptr_nonnull(m);
}

static inline void
open_queue(struct queue queue)
{
    q = queue;
    m = matcher_new(&q);
    ck_assert_ptr_nonnull(m);
}

static inline void
close_queue(void)
{
    matcher_free(m);
}

/* The round at that time finds these teams, and nothing else; they play. "" is none. */
static inline void
plays(wall_ms now, const char *teams)
{
    struct matcher_match *match;

    ck_assert_uint_eq(matcher_round(m, now), teams[0] != '\0' ? 1 : 0);
    match = matcher_take(m);
    if (teams[0] == '\0') {
        ck_assert_ptr_null(match);
        return;
    }
    ck_assert_ptr_nonnull(match);
    ck_assert_str_eq(teams_text(match), teams);
    matcher_done(m, match);
}

#endif
