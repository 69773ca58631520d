/*
 * Matches whose games are being made: of all products, since a game server may answer when its product is served by
 * other rules, or by another worker.
 */
#ifndef VARCADE_WORKER_MAKING_H
#define VARCADE_WORKER_MAKING_H

struct worker;

/* makings_free(w): forget all of them; the connections to Redis and game servers are closed. */
void makings_free(struct worker *w);

#endif
