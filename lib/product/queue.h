/*
 * A game's queues: by which rules those who wait are put together, compiled from `queues` of its file
 * (docs/game-file.md). Pure data: lib/matcher/matcher.h does the matching, docs/matchmaking.md says how.
 */
#ifndef VARCADE_QUEUE_H
#define VARCADE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"

struct json_object;
struct rating_state;
struct rules;

#define QUEUE_ID_MAX 64       /* bytes of a queue's, an attribute's, a region's name */
#define QUEUE_TEXT_MAX 64     /* bytes of an attribute's value */
#define QUEUE_QUEUES_MAX 16   /* of a game */
#define QUEUE_EQUAL_MAX 8     /* attributes that must be equal */
#define QUEUE_WITHIN_MAX 4    /* attributes that must be within a distance */
#define QUEUE_REGIONS_MAX 16
#define QUEUE_NUMBER_MAX 1e9  /* a number that is an attribute is from - this to this */
#define QUEUE_LATENCY_MAX 10000 /* ms */

/* A limit that widens with waiting: start + per_second * seconds waited, at most max. */
struct queue_limit {
    double start;
    double per_second; /* 0: it stays as it is */
    double max;        /* HUGE_VAL: it grows without bound */
};

/* A number that any two of a match may differ in by distance at most. */
struct queue_within {
    char name[QUEUE_ID_MAX + 1];
    double distance;
};

struct queue {
    char id[QUEUE_ID_MAX + 1];
    size_t teams;              /* 1 .. */
    size_t size_min, size_max; /* players of a team, the same for all teams of a match; teams * size_max is
                                  at most the game's players.max, teams * size_min at least 2 */
    dur_ms full_ms;            /* so long a ticket takes full teams alone */
    int board;                 /* whose rating counts; -1: none, and every rating is 0 */
    double newcomer;           /* the rating of who has none there */
    struct queue_limit range;  /* of ratings: how far another's may be from one's own */
    struct queue_limit latency; /* ms; of no meaning without regions */
    char region[QUEUE_REGIONS_MAX][QUEUE_ID_MAX + 1];
    size_t nregions;           /* 0: latency does not matter */
    char equal[QUEUE_EQUAL_MAX][QUEUE_ID_MAX + 1];
    size_t nequal;
    struct queue_within within[QUEUE_WITHIN_MAX];
    size_t nwithin;
    bool backfill;             /* a listed game with free seats comes before a match */
    dur_ms timeout;            /* who waited so long leaves the queue */
};

/*
 * queue_compile(file, rules, players_min, players_max, ret_queues, ret_n, why): the key `queues` of a
 * game's file, for free(); none where it has none. rules (NULL where they did not compile) has the boards;
 * players_max is that of the file, 0 where it is a problem itself. Returns 0; or -1 with lines `PATH: REASON` in
 * why, one a problem.
 */
int queue_compile(struct json_object *file, const struct rules *rules, int64_t players_min,
                  int64_t players_max, struct queue **ret_queues, size_t *ret_n, struct buf *why)
    __attribute__((warn_unused_result));

/* queue_find(queues, n, id, len): the queue of this id, or NULL. */
const struct queue *queue_find(const struct queue *queues, size_t n, const char *id, size_t len);

/*
 * queue_rating(q, rules, state): what counts in the queue of a player's rating on q->board: elo and
 * glicko2: the rating; openskill: mu * scale + base (the most likely strength in the board's units,
 * where the board's score is the cautious one). q->board is not -1.
 */
double queue_rating(const struct queue *q, const struct rules *rules,
                    const struct rating_state *state);

/* queue_limit_at(limit, waited): the limit after waiting so long; waited < 0 counts as 0. */
double queue_limit_at(const struct queue_limit *limit, dur_ms waited);

/* queue_limit_when(limit, value): the least waiting after which queue_limit_at() is value or more;
 * INT64_MAX: it never is. */
dur_ms queue_limit_when(const struct queue_limit *limit, double value);

#endif
