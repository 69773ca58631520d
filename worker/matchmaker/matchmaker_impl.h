/*
 * What the parts of the matchmaker share; for these alone.
 *
 *   matchmaker.c  the lease, news, rounds
 *   matchmaker_load.c  who waits
 *   making.c, making_game.c  a match from its tickets to its game
 *   ticketcare.c  what is due: tickets that expire, matches that nobody finished
 *   ticketnotes.c what those who wait are told
 */
#ifndef VARCADE_WORKER_MATCHMAKER_IMPL_H
#define VARCADE_WORKER_MATCHMAKER_IMPL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/clock.h"
#include "lib/matcher/matcher.h"
#include "lib/matcher/tickets.h"
#include "lib/redis/redis.h"

struct backfill;
struct lane;
struct loop_timer;
struct making;
struct metric;
struct metric_histogram;
struct product_server;

/* What became of matches, or of backfills. */
struct matchmaker_outcomes {
    struct metric *done, *failed, *gone, *orphaned;
};

/* The figures of a product's matchmaker. */
struct matchmaker_report {
    struct metric *held, *open;
    struct matchmaker_outcomes matches, backfills;
    struct metric *expired; /* tickets */
    struct metric_histogram *waits, *ranges, *gaps;
};

struct matchmaker {
    struct lane *lane;
    struct matchmaker_report report;
    char owner[17]; /* of the lease */
    struct loop_timer *lease_timer, *round_timer, *care_timer, *news_timer;
    bool held, asked;
    bool loaded;     /* all that waited when it was asked for is in the queues */
    bool caring;     /* ticketcare.c is at work */
    unsigned cares;  /* how often it was */
    unsigned epoch;  /* changes when what is known is forgotten: older answers are of no use */
    size_t loading;  /* answers to come until it is loaded */
    struct matcher **queue; /* as the product's queues */
    size_t nqueues;
    struct backfill *backfill;
    size_t note_offset;     /* ticketnotes.c: the next ones in turn, from this place on */
    char (*news)[TICKETS_ID_SIZE]; /* tickets that began to wait, to be read at the end of the turn */
    size_t nnews, news_cap;
    size_t seats_making; /* players of matches that are being made */
    wall_ms paused;      /* no match is begun before: the game server does not work */
};

/* --- matchmaker.c --- */

/* Look for matches soon. */
void matchmaker_wake(struct matchmaker *m);

/* Whether one more match may be begun: each of its players is a call to the game server, and these are bounded. */
bool matchmaker_has_room(const struct matchmaker *m);

/* The ticket is out of all queues. */
void matchmaker_remove(struct matchmaker *m, const char *ticket);

/* matchmaker_send(m, a, fn, cookie): a command whose answer counts as something that the lane waits for; fn calls
 * matchmaker_answered(m) first. */
void matchmaker_send(struct matchmaker *m, struct redis_args *a, redis_fn *fn, void *cookie);
void matchmaker_answered(struct matchmaker *m);

/* --- matchmaker_load.c --- */

/* Whoever is not in the queues yet. Rounds wait for that only where nothing was known before. */
void matchmaker_load(struct matchmaker *m);

/* Add those of the tickets that wait. */
void matchmaker_read(struct matchmaker *m, const char (*ids)[TICKETS_ID_SIZE], size_t n);

/* --- making.c --- */

/* Make the match's game on server; the match is given back or done when that is known. */
void making_start(struct matchmaker *m, size_t queue, const struct product_server *server,
                  struct matcher_match *match);

/* Seats for the one ticket of the match in a game that is listed; likewise. */
void making_join(struct matchmaker *m, size_t queue, const char *game_id, struct matcher_match *match);

/* Whether a match that is being made has the ticket. */
bool making_has(const struct matchmaker *m, const char *ticket);

/* The ticket was cancelled: a match that has it will not be. */
void making_cancelled(struct matchmaker *m, const char *ticket);

/* The queues are about to be forgotten: what is being made goes on without them. */
void making_detach_all(struct matchmaker *m);

/* Whether any is being made for m. */
bool making_is_busy(const struct matchmaker *m);

/* --- ticketcare.c, ticketnotes.c --- */

/* Act on what is due in the product's tickets and matches. */
void ticketcare_tick(struct matchmaker *m);

/* The ticket's time is over. */
void ticketcare_expire(struct matchmaker *m, const char *ticket);

/* Tell some of those who wait why they do. */
void ticketnotes_tick(struct matchmaker *m);

#endif
