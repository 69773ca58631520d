/*
 * The reads of the stream whose batches are under way, and how many entries the next one asks for: worker/consumer.c alone.
 */
#ifndef VARCADE_WORKER_ROUNDS_H
#define VARCADE_WORKER_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/apply.h"
#include "worker/portion.h"

/* A read whose batches are under way; the caller fills it in. */
struct round {
    size_t under_way; /* batches; 0: there is none */
    size_t got;       /* entries that it brought */
    bool full;        /* as many as it asked for */
    int64_t ahead;    /* entries behind it, as far as is known */
    int64_t slowest;  /* apply of it, microseconds */
};

struct rounds {
    struct round round[APPLY_DEPTH];
    struct portion portion; /* of the next read */
    size_t max;             /* entries a read at the most */
};

/* rounds_init(r, max): there are none. */
void rounds_init(struct rounds *r, size_t max);

/* rounds_unused(r): one that has no batches; NULL where there is none. */
struct round *rounds_unused(struct rounds *r);

/* rounds_are_under_way(r): whether one has batches. */
bool rounds_are_under_way(const struct rounds *r);

/* rounds_end_batch(r, round, micros): a batch of the round is back, and held Redis so long. */
void rounds_end_batch(struct rounds *r, struct round *round, int64_t micros);

#endif
