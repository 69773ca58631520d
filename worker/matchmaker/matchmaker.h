/*
 * The matchmaker of one product: who waits in its queues, kept in memory (lib/matcher/matcher.h), and the matches that are made of them.
 *
 * One worker does it at a time, by a lease of its own beside the lane's, so that another takes over within two
 * seconds of its death; what it knows it reads from Redis then. Correctness does not rest on the lease: a
 * match takes its tickets by one function, all or none.
 */
#ifndef VARCADE_WORKER_MATCHMAKER_H
#define VARCADE_WORKER_MATCHMAKER_H

#include <stdbool.h>

struct lane;
struct matchmaker;
struct ticketlog_entry;

/* matchmaker_new(lane): for a lane with a product. matchmaker_free(m): NULL is legal. */
struct matchmaker *matchmaker_new(struct lane *lane);
void matchmaker_free(struct matchmaker *m);

/* matchmaker_renew(m): the lane has another product now, or the same with other rules: begin anew. Nothing of m is under
 * way. */
void matchmaker_renew(struct matchmaker *m);

/* matchmaker_is_busy(m): whether matches are being made: they may wait for game servers. NULL is never busy. */
bool matchmaker_is_busy(const struct matchmaker *m);

/* matchmaker_drop(m): the connection is gone, and the lease with it, as far as is known. */
void matchmaker_drop(struct matchmaker *m);

/* matchmaker_release(m): give the lease back, so that another worker need not wait. */
void matchmaker_release(struct matchmaker *m);

/* matchmaker_entry(m, e): news of a ticket of the product. matchmaker_followed(m): news are told from now on; what was
 * before may have been missed. */
void matchmaker_entry(struct matchmaker *m, const struct ticketlog_entry *e);
void matchmaker_followed(struct matchmaker *m);

#endif
