/*
 * Computing a product's figures anew (varcadectl rebuild): its events from the archive, then from the
 * stream up to where the worker is, through the worker's own batches (worker/batch/batch.h) into a
 * generation of their own (lib/product/generation.h). The worker goes on meanwhile. When the new figures are
 * as far as its own, it is held for a moment (KEY_HOLD), the rest is caught up with, and the
 * generation changes; or the two are compared.
 *
 * Every batch moves the new generation's own checkpoint, which is a fence as the worker's is: who was
 * superseded by another rebuild, whose keys were removed, writes nothing any more.
 *
 * All calls wait, and tell on stderr what went wrong.
 */
#ifndef VARCADE_WORKER_REBUILD_H
#define VARCADE_WORKER_REBUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/product/generation.h"
#include "lib/rules/event.h"
#include "worker/archive/reach.h"
#include "worker/portion.h"

struct archive_reader;
struct aside;
struct batch;
struct buf;
struct ctl;
struct product;
struct redisReply;
struct rulings;

struct rebuild {
    struct ctl *c;
    const struct product *product;
    const char *const *without; /* user ids whose events are left out */
    size_t nwithout;
    bool verify;                /* the figures are compared, and do not become the live ones */
    bool partial;               /* also where events are no longer there */

    struct generation live, own;
    struct rulings *rulings;
    struct batch *batch;
    struct portion portion;      /* events a batch */
    char checkpoint[EVENT_ID_SIZE]; /* of the new generation; "" for none */
    struct event_id read;        /* all events up to here are in the batch, or behind it */
    struct event event;          /* the one that is looked at */

    /* rebuild_source.c */
    struct archive_reader *archive; /* NULL: none is kept */
    struct redisReply *ahead;       /* of it, what was read and has yet to be taken */
    struct event_id ahead_id;
    int64_t trimmed;                /* entries that the stream had lost at the beginning */
    struct reach gone; /* up to read: how many entries were met, and what is nowhere any more */
    struct event_id from;           /* where the stream's part began */

    int64_t events, left_out, batches;
    mono_ms began, told;
};

/* What progress is told by (ctl_rebuild.c): called now and then. */
void rebuild_progress(struct rebuild *r);

/* --- rebuild.c -------------------------------------------------------------------------------- */

/* rebuild_begin(r): c, product, without and partial are set, all else zero. rebuild_end(r): what is left of a
 * generation that did not become the live one is removed. Both in either case. */
bool rebuild_begin(struct rebuild *r) __attribute__((warn_unused_result));
void rebuild_end(struct rebuild *r);

/* rebuild_catch_up(r): apply all events up to where the worker is at present. */
bool rebuild_catch_up(struct rebuild *r) __attribute__((warn_unused_result));

/* rebuild_forget(r): take out what stands for players who were erased. */
bool rebuild_forget(struct rebuild *r) __attribute__((warn_unused_result));

/* rebuild_hold(r): hold the worker and catch up with it: then both are at the same event, for so long as
 * this is called again within REBUILD_HOLD. rebuild_release(r): let it go on. */
#define REBUILD_HOLD ((dur_ms)3000)
bool rebuild_hold(struct rebuild *r) __attribute__((warn_unused_result));
void rebuild_release(struct rebuild *r);

/* rebuild_swap(r, about): the new figures become the live ones; about: for the audit. */
bool rebuild_swap(struct rebuild *r, const char *about) __attribute__((warn_unused_result));

/* rebuild_take(r, entry, id): an entry of the stream, for the source. rebuild_flush(r): apply what was
 * taken; the checkpoint is r->read then. */
bool rebuild_take(struct rebuild *r, const struct redisReply *entry, struct event_id id)
    __attribute__((warn_unused_result));
bool rebuild_flush(struct rebuild *r) __attribute__((warn_unused_result));

/* --- rebuild_source.c ------------------------------------------------------------------------- */

/* rebuild_source_open(r): whether all events are there, as far as that can be told before they are read, or `partial` was
 * said, or it is only to be compared. rebuild_source_close(r). rebuild_source_read(r, limit): take all events up to limit,
 * which the worker has applied. rebuild_source_check(r): the same question when all up to the worker's checkpoint is
 * read, and it is on hold: all entries that it had gone through are to be those that were read. rebuild_source_gone(r, out):
 * what is nowhere any more, a line each. */
bool rebuild_source_open(struct rebuild *r) __attribute__((warn_unused_result));
void rebuild_source_close(struct rebuild *r);
bool rebuild_source_read(struct rebuild *r, struct event_id limit)
    __attribute__((warn_unused_result));
bool rebuild_source_check(struct rebuild *r) __attribute__((warn_unused_result));
void rebuild_source_gone(const struct rebuild *r, struct buf *out);

/* --- rebuild_clean.c -------------------------------------------------------------------------- */

/* rebuild_clean(r, only): remove all keys of that generation, or (NULL) of all but the live one; a few at a
 * time. */
bool rebuild_clean(struct rebuild *r, const struct generation *only)
    __attribute__((warn_unused_result));

/* rebuild_drop_past(r, now): remove the new generation's windows that nobody can ask for at this time. */
bool rebuild_drop_past(struct rebuild *r, wall_ms now) __attribute__((warn_unused_result));

/* --- rebuild_verify.c ------------------------------------------------------------------------- */

/* rebuild_verify(r, out, ret_n): compare the new figures with the live ones, at one event. What differs goes to
 * out, a key a line; how many, to ret_n. */
bool rebuild_verify(struct rebuild *r, struct buf *out, size_t *ret_n)
    __attribute__((warn_unused_result));

#endif
