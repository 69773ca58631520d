/*
 * Tickets of a queue with `backfill` into games that are listed, before they are matched with each other. For
 * matchmaker.c and making*.c alone; docs/matchmaking.md says which game is taken.
 */
#ifndef VARCADE_WORKER_BACKFILL_H
#define VARCADE_WORKER_BACKFILL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/clock.h"

struct backfill;
struct matchmaker;

/* Whoever waits is looked at again after so long: games are listed, and ranges widen. */
#define BACKFILL_AGAIN ((dur_ms)1000)

/* backfill_new(nqueues): what is known of listed games, for each of a product's queues. backfill_free(NULL) is legal. */
struct backfill *backfill_new(size_t nqueues);
void backfill_free(struct backfill *b);

/*
 * backfill_round(m, queue, now, ret_again): seat those for whom there is a listed game. Returns whether those that are left may be
 * matched now; else that is asked again at *ret_again, or when the matchmaker is woken. True for a queue without `backfill`.
 */
bool backfill_round(struct matchmaker *m, size_t queue, wall_ms now, wall_ms *ret_again);

/*
 * backfill_avoid(m, ticket, game, all, ms): the game did not take the ticket, and for so long it is not tried with that; all: nor is
 * any other. A ticket that several games did not take in that time is tried with none for so long: it is matched with others.
 */
void backfill_avoid(struct matchmaker *m, const char *ticket, const char *game, bool all, dur_ms ms);

#define BACKFILL_NO_SEAT ((dur_ms)2000) /* after Redis, which may have a seat soon */
#define BACKFILL_FAILED ((dur_ms)30000) /* after the game server */

#endif
