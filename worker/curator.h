/*
 * The curator acts on the deadlines of one product while this worker holds its lease, with the time
 * up to which the consumer has caught up as its clock: after an outage no game is taken away for
 * events that are merely unread.
 */
#ifndef VARCADE_WORKER_CURATOR_H
#define VARCADE_WORKER_CURATOR_H

#include <stdbool.h>

struct curator;
struct lane;

struct curator *curator_new(struct lane *lane);
void curator_free(struct curator *c);

/* curator_is_busy(c): whether a round is under way. It may wait for game servers. NULL is never
 * busy. */
bool curator_is_busy(const struct curator *c);

#endif
