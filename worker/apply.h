/*
 * A lane's batches on their way through Redis: the figures are read in one pipeline, computed
 * (worker/batch/batch.c), and written with the checkpoint by one call of the function `apply`.
 *
 * Up to APPLY_DEPTH of them are under way, so that Redis and the worker need not wait for each other: while one is being written,
 * the next one is computed, and a third is read. Each expects the checkpoint that the one before it writes; where that one
 * comes to nothing, so do those behind it.
 */
#ifndef VARCADE_WORKER_APPLY_H
#define VARCADE_WORKER_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/batch/batch.h"

struct apply;
struct lane;
struct redisReply;

#define APPLY_DEPTH 3

enum apply_outcome {
    APPLY_DONE,    /* the batch is applied */
    APPLY_FENCED,  /* the checkpoint is not the expected one; nothing was done */
    APPLY_AWAY,    /* Redis could not be asked, or did not answer: it may have been done */
    APPLY_REFUSED, /* Redis will never take this batch */
    APPLY_BARRED,  /* Redis takes nothing of the kind from us at present (no permission, another
                      node's slot) */
    APPLY_DROPPED  /* it followed one that came to nothing, or the lane's place was read anew meanwhile; nothing was done */
};

/* All is borrowed until the function returns. */
struct apply_result {
    enum apply_outcome outcome;
    const struct batch *batch;
    const struct batch_span *span;  /* from where to where */
    bool current;                   /* APPLY_DONE: the lane's place was not read anew since it began */
    int64_t micros;                 /* how long apply took, as seen from here */
    int64_t held;                   /* how much of it Redis did nothing else, as far as is known */
    const struct redisReply *reply; /* APPLY_DONE: what it answered */
    const char *why;                /* APPLY_REFUSED, APPLY_BARRED: Redis's words */
    void *cookie;                   /* as given to apply_start */
};
typedef void apply_fn(struct lane *lane, const struct apply_result *result);

/* apply_new(lane): of that lane and its rulings. */
struct apply *apply_new(struct lane *lane);
void apply_free(struct apply *a);

/* apply_has_room(a): whether a batch may begin: until one was applied since the lane's place was read, one at a time. apply_is_waiting(a): the last one that was started is yet to look for its figures:
 * another one would come too early. apply_is_idle(a): none is under way. */
bool apply_has_room(const struct apply *a);
bool apply_is_waiting(const struct apply *a);
bool apply_is_idle(const struct apply *a);

/* apply_begin(a): a batch, to be filled and started, for what follows the batch before or lane->checkpoint; only where
 * there is room. apply_batch(a): the one that was begun last. */
void apply_begin(struct apply *a);
struct batch *apply_batch(struct apply *a);

/*
 * apply_start(a, more, fn, cookie): send the batch that was begun; the checkpoint moves to lane->read. fn is called once, from
 * the loop; of several batches in their order, unless the function library had to be loaded in between. more: there is more to be
 * read; then it may wait until the consumer's next read came. apply_go_on(a): that came, and brought nothing for this lane, or
 * will not come.
 */
void apply_start(struct apply *a, bool more, apply_fn *fn, void *cookie);
void apply_go_on(struct apply *a);

/*
 * Figures are kept from one batch to the next, as long as the checkpoint is the one that the batch before has
 * written: whoever else changes a figure moves it or states it anew. apply_forget(a): the lane's place is read anew; what is known
 * of figures does not count any more, and what is under way and not yet sent is dropped. apply_rest(a): figures are not known any
 * more, and their memory is given back; only when idle.
 */
void apply_forget(struct apply *a);
void apply_rest(struct apply *a);

#endif
