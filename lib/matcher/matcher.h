/*
 * One queue of one game: those who wait, and the matches that can be made of them. In memory and pure: no
 * Redis, no clock (now is an argument and never goes back), no randomness: the same calls give the same
 * matches. docs/matchmaking.md has the method, its formulas and what it costs.
 *
 * A ticket is one player or a party. The rules are those of the queue (lib/product/queue.h). A match that was
 * found is only proposed: its tickets are offered to nobody else, until the caller says that it was made
 * (matcher_done) or was not (matcher_back).
 *
 *     matcher_add(m, &ticket);
 *     matcher_round(m, now);
 *     while ((match = matcher_take(m)) != NULL) …            later: matcher_done() or matcher_back()
 *     while (matcher_expired(m, now, id)) …
 *     call again at matcher_next(m, now), and after the next matcher_add
 */
#ifndef VARCADE_MATCHER_H
#define VARCADE_MATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/product/queue.h"
#include "lib/rules/event.h"

struct matcher;

#define MATCHER_ID_MAX 64          /* bytes of a ticket's id */
#define MATCHER_TICKETS_MAX 1000000 /* in one queue */
#define MATCHER_NO_REGION SIZE_MAX
#define MATCHER_NEVER INT64_MAX

/* What is known of a ticket. Borrowed; what is kept is copied. */
struct matcher_ticket {
    struct event_text id;                      /* 1 .. MATCHER_ID_MAX bytes */
    size_t size;                               /* players: 1 .. the queue's size_max */
    double rating;                             /* a party's is the mean of its players'; finite */
    wall_ms since;                             /* when its waiting began */
    struct event_text equal[QUEUE_EQUAL_MAX];  /* values, in the queue's order; <= QUEUE_TEXT_MAX bytes */
    double within[QUEUE_WITHIN_MAX];           /* likewise; up to QUEUE_NUMBER_MAX either way */
    int32_t latency[QUEUE_REGIONS_MAX];        /* ms by region, a party's is the highest of its players';
                                                  < 0: no answer from there */
};

struct matcher_seat {
    char id[MATCHER_ID_MAX + 1]; /* the ticket's */
    size_t size;                 /* its players */
    size_t team;                 /* 0 .. teams - 1; the first seat is in team 0 */
    double rating;
    dur_ms waited;               /* when the match was found */
    double range;                /* how far from its own it took ratings then; HUGE_VAL: any */
};

/* A match that was found; valid until matcher_done or matcher_back. */
struct matcher_match {
    size_t teams, team_size;
    size_t region;  /* of the queue's regions, the one where the highest latency is lowest; or MATCHER_NO_REGION */
    double spread;  /* between the highest and the lowest rating of a ticket */
    double gap;     /* between the teams with the highest and the lowest mean rating */
    size_t nseats;
    struct matcher_seat seat[]; /* tickets, the one that waited longest first */
};

/* matcher_new(q): an empty queue by the rules of q, which must live as long. NULL: out of memory. */
struct matcher *matcher_new(const struct queue *q) __attribute__((warn_unused_result));

/* matcher_free(m): with the matches that were taken and not given back. NULL is legal. */
void matcher_free(struct matcher *m);

/* --- tickets ---------------------------------------------------------------------------------- */

/* matcher_add(m, t): into the queue. Returns 0; or -1 with errno EINVAL (the ticket is not as said above),
 * EEXIST (its id is there, proposed ones too), ENOSPC (MATCHER_TICKETS_MAX) or ENOMEM. */
int matcher_add(struct matcher *m, const struct matcher_ticket *t)
    __attribute__((warn_unused_result));

/* matcher_remove(m, id): a ticket that was cancelled. One that is proposed leaves its match: the match as
 * such stays as it is until it is done or back, and then that ticket does not return. Returns whether it was there. */
bool matcher_remove(struct matcher *m, struct event_text id);

/* matcher_has(m, id): whether it is there, waiting or proposed. */
bool matcher_has(const struct matcher *m, struct event_text id);

/* matcher_waiting(m), matcher_proposed(m): how many tickets. */
size_t matcher_waiting(const struct matcher *m);
size_t matcher_proposed(const struct matcher *m);

/* --- matches ---------------------------------------------------------------------------------- */

/*
 * matcher_round(m, now): look for matches; returns how many were found, to be had by matcher_take(). The work of a
 * call is bounded (a few ms); where more is left, matcher_next() is now. A round in which nothing can have changed costs nothing.
 * Out of memory: what cannot be done is left for the next round.
 */
size_t matcher_round(struct matcher *m, wall_ms now);

/* matcher_take(m): the next match that was found, or NULL. */
struct matcher_match *matcher_take(struct matcher *m);

/* matcher_attributes(m, match, ret_equal, ret_within): those of the ticket that waited longest, in the queue's order; borrowed, until
 * that ticket is removed or done. Returns false where it was cancelled. */
bool matcher_attributes(const struct matcher *m, struct matcher_match *match,
                        struct event_text ret_equal[static QUEUE_EQUAL_MAX],
                        const double **ret_within);

/* matcher_done(m, match): it was made: its tickets are gone, and their waiting counts in the estimate. */
void matcher_done(struct matcher *m, struct matcher_match *match);

/*
 * matcher_back(m, match, until): it was not made: its tickets wait as before, with their time kept, and are offered again from
 * until on (0: at once). Those that are cancelled have to be removed before, or they would be matched again.
 */
void matcher_back(struct matcher *m, struct matcher_match *match, wall_ms until);

/* One who waits. Borrowed, until the ticket is removed or done. */
struct matcher_waiter {
    const char *id;
    size_t size;
    double rating;
    double range; /* how far from its own it takes ratings now; HUGE_VAL: any */
    struct event_text equal[QUEUE_EQUAL_MAX];
    const double *within;
    uint32_t regions; /* whose latency it takes now, as bits; all where latency does not matter */
};

/* matcher_first(m, now, ret, max): those that may be offered, about in the order in which they came, at most max of them. Returns how
 * many. matcher_claim(m, id): such a ticket as a match of its own, taken already, for who found something for it elsewhere; NULL:
 * it is not (any more), or out of memory. */
size_t matcher_first(struct matcher *m, wall_ms now, struct matcher_waiter *ret, size_t max);
struct matcher_match *matcher_claim(struct matcher *m, const char *id);

/* matcher_expired(m, now, id): take a ticket out that has waited for the queue's timeout; false: there
 * is none. Proposed ones do not expire. */
bool matcher_expired(struct matcher *m, wall_ms now, char id[static MATCHER_ID_MAX + 1]);

/* matcher_next(m, now): when the next round, or the next look at those that expired, can have a result: now
 * or later, MATCHER_NEVER where there is nobody. Matches that were found and not taken do not count. */
wall_ms matcher_next(const struct matcher *m, wall_ms now);

/* --- what is told to those who wait ----------------------------------------------------------- */

/* Why a ticket has no match yet, from the first that holds. */
enum matcher_reason {
    MATCHER_SOON,     /* the next round looks at it, or it is proposed */
    MATCHER_ALONE,    /* nobody else waits */
    MATCHER_RULES,    /* the rules exclude everybody else */
    MATCHER_TOO_FEW,  /* there are candidates, and too few players among them */
    MATCHER_NO_FIT,   /* enough players, but their parties fill no teams, or the rules exclude some of each other */
    MATCHER_REASON_MAX
};

/* Others are counted at every rule that excludes them, so the sum may be more than there are. */
struct matcher_why {
    enum matcher_reason reason;
    size_t place;    /* 1: nobody has waited longer */
    size_t waiting;  /* tickets in the queue, this one too */
    dur_ms waited;
    double low, high; /* ratings that it takes now; -HUGE_VAL and HUGE_VAL: any */
    double latency;   /* ms that it takes now; HUGE_VAL where latency does not matter */
    dur_ms full_teams_ms; /* so much longer it takes full teams alone; 0: it takes smaller ones */
    size_t others;    /* looked at: all others in the queue, at most MATCHER_WHY_MAX of them */
    size_t candidates; /* of these, whom no rule excludes now */
    size_t players;   /* those of the candidates and its own */
    size_t needed;    /* players of the smallest match that it takes now */
    size_t by_rating; /* whom each rule excludes now */
    size_t by_latency;
    size_t by_party;  /* parties too large for a team together with this one */
    size_t by_equal[QUEUE_EQUAL_MAX];
    size_t by_within[QUEUE_WITHIN_MAX];
};

#define MATCHER_WHY_MAX 2000

/* matcher_explain(m, id, now, ret_why): 0, or -1 where there is no such ticket. */
int matcher_explain(struct matcher *m, struct event_text id, wall_ms now,
                    struct matcher_why *ret_why) __attribute__((warn_unused_result));

/* How long the tickets of the last matches had waited when they were found. */
struct matcher_waits {
    size_t n; /* tickets that this is of: the last ones, at most MATCHER_WAITS_MAX; 0: no figures yet */
    dur_ms p50, p90;
};

#define MATCHER_WAITS_MAX 256

struct matcher_waits matcher_waits(const struct matcher *m);

#endif
