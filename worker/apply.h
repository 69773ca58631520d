/*
 * One lane's batch on its way through Redis: the figures are read in one pipeline, computed
 * (worker/batch/batch.c), and written with the checkpoint by one call of the function `apply`.
 */
#ifndef VARCADE_WORKER_APPLY_H
#define VARCADE_WORKER_APPLY_H

#include <stdint.h>

#include "worker/batch/batch.h"

struct apply;
struct lane;
struct redisReply;

enum apply_outcome {
    APPLY_DONE,    /* the batch is applied */
    APPLY_FENCED,  /* the checkpoint is not the expected one; nothing was done */
    APPLY_AWAY,    /* Redis could not be asked, or did not answer: it may have been done */
    APPLY_REFUSED, /* Redis will never take this batch */
    APPLY_BARRED   /* Redis takes nothing of the kind from us at present (no permission, another
                      node's slot) */
};

/* All is borrowed until the function returns. */
struct apply_result {
    enum apply_outcome outcome;
    int64_t micros;                 /* how long apply took, as seen from here */
    int64_t held;                   /* how much of it Redis did nothing else, as far as is known */
    const struct redisReply *reply; /* APPLY_DONE: what it answered */
    const char *why;                /* APPLY_REFUSED, APPLY_BARRED: Redis's words */
};
typedef void apply_fn(struct lane *lane, const struct apply_result *result);

struct apply *apply_new(struct lane *lane);
void apply_free(struct apply *a);

/* apply_batch(a): its batch, to be filled; not while one is under way. apply_begin(a): start it, for what
 * follows lane->checkpoint. */
struct batch *apply_batch(struct apply *a);
void apply_begin(struct apply *a);

/*
 * Figures are kept from one batch to the next, as long as the checkpoint is the one that the batch before has
 * written: whoever else changes a figure moves it or states it anew. apply_forget(a): they are not, whatever the
 * checkpoint says. apply_rest(a): nor are they, and their memory is given back; not while a batch is under way.
 */
void apply_forget(struct apply *a);
void apply_rest(struct apply *a);

/* apply_start(a, fn): send the batch; the checkpoint moves from lane->checkpoint to lane->read. fn
 * is called once, from the loop. */
void apply_start(struct apply *a, apply_fn *fn);

/* apply_micros(): the monotonic clock, finer. */
int64_t apply_micros(void);

#endif
