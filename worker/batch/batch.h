/*
 * A batch: some events of one product, and what comes of them.
 *
 *   batch_start, batch_add …      the events, in the stream's order
 *   batch_read_command/_reply …   the figures they touch, each read once
 *   batch_compute                 the effects, in order
 *   batch_apply_command           all that is to be written, as one call of the function `apply`
 *
 * Pure: it makes commands and takes replies, and knows neither a connection nor a clock, so that
 * what it computes follows from the events and the figures alone. worker/apply.c sends it.
 */
#ifndef VARCADE_WORKER_BATCH_H
#define VARCADE_WORKER_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/rules/event.h"
#include "worker/tally.h"

struct batch;
struct generation;
struct product;
struct redis_args;
struct redisReply;
struct rulings;

/* What is to be known about the place in the stream; apply moves the checkpoint from one to the
 * other. */
struct batch_span {
    const char *stream;     /* its name */
    const char *checkpoint; /* the expected checkpoint, "" for none */
    struct event_id end;    /* the new one */
    wall_ms latest;         /* what is later was written by a wrong clock, and counts as this */
    int64_t entries;        /* entries ever added to the stream up to end; -1: not known */
    struct tally events;    /* of the product, up to end */
};

/* How the events of a batch ended. */
struct batch_results {
    size_t applied; /* it had an effect, or was for a game's state */
    size_t ignored; /* no rule speaks of it */
    size_t dead;    /* it became a dead letter */
    size_t duplicates; /* its event_id was seen before; or a verdict on what is not in quarantine */
    size_t held;    /* it went to quarantine */
    size_t gone;    /* it was for the state of a game that is not there; counted above too */
};

/* One dead letter of a batch, or one event that went to quarantine, for the log. */
struct batch_dead {
    struct event_id id;
    const char *reason;
};

/* One event that went to a game's state, for the log. */
struct batch_move {
    struct event_id id;
    struct event_text game_id;
    const char *kind; /* as apply calls it: state, connect, disconnect, removed, over */
    struct event_text argument;
};

/*
 * batch_new(): an empty batch. batch_new_beside(b): another one, which shares with b what is known of figures, so that it can be
 * filled while b is computed, and computed while b is on its way to Redis. batch_free(b): NULL is legal; those beside it
 * stay.
 */
struct batch *batch_new(void);
struct batch *batch_new_beside(struct batch *b);
void batch_free(struct batch *b);

/* batch_start(b, product_id, generation, product): forget all; the events that follow are this
 * product's, and the figures those of this generation. product is borrowed until the next start, and what has its id
 * and another generation is another one; NULL: none, and there will be dead letters alone. */
void batch_start(struct batch *b, const char *product_id, const struct generation *generation,
                 const struct product *product);

/*
 * batch_keep(b, max), between batch_start and batch_reads: what was computed last, by b or one beside it, is in Redis when b's reads are
 * answered, and until b is applied nobody else changes a figure; or b is not applied. So b finds the figures, and does not read again
 * what it touches of them; but not where they take more than max bytes, or many and few were touched again. batch_rest(b): forget
 * all, and give the memory back; not while one beside it is between batch_reads and batch_apply_command.
 */
#define BATCH_KEPT_MAX ((size_t)64 << 20) /* what a program keeps in all */
void batch_keep(struct batch *b, size_t max);
void batch_rest(struct batch *b);

/* batch_set_rulings(b, rulings): what was decided by hand about the product, borrowed from now on; to be as it was
 * when the checkpoint was read that the batch is to move. NULL, as at first: nothing was. */
void batch_set_rulings(struct batch *b, const struct rulings *rulings);

/* batch_set_rebuild(b): it is always for figures that are computed anew, beside the live ones: games' states, names
 * and dead letters are left alone, and the checkpoint is that generation's own. */
void batch_set_rebuild(struct batch *b);

/* batch_add(b, e): the next event; copied. */
void batch_add(struct batch *b, const struct event *e);

/* batch_add_dead(b, id, entry, reason): the next entry of the stream, which is to become a dead
 * letter with its fields as they are. reason is static text, or lives as long as the batch. */
void batch_add_dead(struct batch *b, struct event_id id, const struct redisReply *entry,
                    const char *reason);

/* batch_events(b): how many there are. batch_last_id(b): the id of the last one. */
size_t batch_events(const struct batch *b);
struct event_id batch_last_id(const struct batch *b);

/*
 * batch_reads(b): how many commands read what the batch needs to know; of those beside it none is between this and
 * batch_apply_command. batch_early_reads(b): so many of them, the first ones, may be sent before that, as soon as the
 * batch is filled. batch_read_command(b, i, a) adds the i-th to a; batch_read_reply(b, i, reply) takes its answer and returns 0,
 * or -1 where it is not one.
 */
size_t batch_early_reads(const struct batch *b);
size_t batch_reads(struct batch *b);
void batch_read_command(const struct batch *b, size_t i, struct redis_args *a);
int batch_read_reply(struct batch *b, size_t i, const struct redisReply *reply)
    __attribute__((warn_unused_result));

/* batch_compute(b): apply the effects in order to the figures that were read. An event with an
 * effect that does not fit (RULES_SCORE_MAX, a stored figure that is no number) becomes a dead
 * letter, one beyond a board's bounds goes to quarantine, and nothing of it counts. */
void batch_compute(struct batch *b);

/* batch_apply_command(b, span, a): the call of `apply`; after batch_compute. */
void batch_apply_command(const struct batch *b, const struct batch_span *span,
                         struct redis_args *a);

/* What came of it; valid after batch_compute and until the next start. */
struct batch_results batch_results(const struct batch *b);
struct batch_dead batch_dead_at(const struct batch *b, size_t i); /* i < results.dead */
struct batch_dead batch_held_at(const struct batch *b, size_t i); /* i < results.held */
size_t batch_moves(const struct batch *b);
struct batch_move batch_move_at(const struct batch *b, size_t i);

/* batch_changes_board(b, board, window): whether a score in the board's window of this name is
 * written. */
bool batch_changes_board(const struct batch *b, size_t board, const char *window);

/* batch_changes_names(b): whether a player's name is written, which boards show. */
bool batch_changes_names(const struct batch *b);

#endif
