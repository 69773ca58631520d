/*
 * The consumer reads the stream from the lowest place of the lanes it holds, deals the entries out
 * to the lanes, and reads on as soon as these have looked for their figures (apply.h): so that the next entries are there when
 * Redis has applied those.
 *
 * Two rules make it safe whatever happens: a lane takes only entries behind its own place, and its
 * place moves with its checkpoint or is loaded anew.
 */
#ifndef VARCADE_WORKER_CONSUMER_H
#define VARCADE_WORKER_CONSUMER_H

#include <stdbool.h>

#include "lib/base/clock.h"

struct consumer;
struct lane;
struct worker;

struct consumer *consumer_new(struct worker *w);
void consumer_free(struct consumer *c);

/* consumer_wake(c): look, in the loop's next turn, whether there is something to do: a lane was
 * loaded, a connection is there again, a reload is over. c may be NULL. */
void consumer_wake(struct consumer *c);

/* consumer_read_on(c): the same, at once. consumer_is_reading(c): whether entries are being waited for. */
void consumer_read_on(struct consumer *c);
bool consumer_is_reading(const struct consumer *c);

/* consumer_tell_lag(c): set the figures of what is late. Reads do it; to be called where there may be none. */
void consumer_tell_lag(const struct consumer *c);

/* consumer_is_busy(c): whether batches are under way. */
bool consumer_is_busy(const struct consumer *c);

/* consumer_caught_up(lane): the time before which every event of the lane's product is applied; 0
 * where that is not known. No deadline later than that may be acted on. */
wall_ms consumer_caught_up(const struct lane *lane);

#endif
