/* Sends a batch: see apply.h. The arithmetic is in batch.c, the call's arguments in
 * batch_apply.c. */
#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/config/conf.h"
#include "lib/redis/redis.h"
#include "worker/apply.h"
#include "worker/batch/batch.h"
#include "worker/mem.h"
#include "worker/worker.h"

/* How far the clocks of two machines may be apart. */
#define CLOCKS_APART ((dur_ms)60000)

/* What the figures of all lanes may take from batch to batch. */
#define KEPT_BYTES_MAX ((size_t)64 << 20)

/* Which figures an answer is of. */
struct figures_read {
    struct apply *apply;
    size_t i;
};

struct apply {
    struct lane *lane;
    struct batch *batch;
    struct batch_span span;
    char checkpoint[EVENT_ID_SIZE];
    char known_at[EVENT_ID_SIZE]; /* the checkpoint to which the batch knows its figures; "" for
                                     none */
    struct redis_args args;
    struct figures_read *reads;
    size_t reads_cap;
    size_t waiting;             /* reads without an answer */
    enum apply_outcome outcome; /* so far: APPLY_DONE, or the first trouble */
    char why[128];              /* of that trouble */
    int64_t sent;               /* when apply was, in microseconds */
    apply_fn *fn;
};

int64_t
apply_micros(void)
{
    struct timespec t;
    int error = clock_gettime(CLOCK_MONOTONIC, &t);

    assert(error == 0);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct apply *
apply_new(struct lane *lane)
{
    struct apply *a = mem_alloc(1, sizeof(*a));

    a->lane = lane;
    a->batch = batch_new();
    redis_args_init(&a->args);
    return a;
}

void
apply_free(struct apply *a)
{
    if (a == NULL)
        return;
    batch_free(a->batch);
    redis_args_free(&a->args);
    free(a->reads);
    free(a);
}

struct batch *
apply_batch(struct apply *a)
{
    return a->batch;
}

void
apply_begin(struct apply *a)
{
    const struct lane *lane = a->lane;

    if (a->known_at[0] != '\0' && strcmp(a->known_at, lane->checkpoint) == 0)
        batch_keep(a->batch, KEPT_BYTES_MAX / lane->worker->nlanes);
    a->known_at[0] = '\0';
    batch_start(a->batch, lane->id, &lane->generation, lane->product);
}

void
apply_forget(struct apply *a)
{
    a->known_at[0] = '\0';
}

void
apply_rest(struct apply *a)
{
    apply_forget(a);
    batch_rest(a->batch);
}

/* Whether the error is about what was asked (a key of another type, a function that failed) and not
 * about who asks or whom. */
static bool
is_about_data(const struct redisReply *error)
{
    static const char *const kinds[] = {"WRONGTYPE", "ERR "};
    size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (error->len >= strlen(kinds[i]) && memcmp(error->str, kinds[i], strlen(kinds[i])) == 0)
            return true;
    return false;
}

/* Keep the first trouble. */
static void
trouble(struct apply *a, enum apply_outcome outcome, const char *why, size_t len)
{
    if (a->outcome != APPLY_DONE)
        return;
    a->outcome = outcome;
    (void)snprintf(a->why, sizeof(a->why), "%.*s",
                   (int)(len < sizeof(a->why) ? len : sizeof(a->why)), why);
}

static void
take_outcome(struct apply *a, enum redis_outcome outcome, const struct redisReply *reply)
{
    switch (outcome) {
    case REDIS_DONE:
        break;
    case REDIS_REFUSED:
        trouble(a, is_about_data(reply) ? APPLY_REFUSED : APPLY_BARRED, reply->str, reply->len);
        break;
    case REDIS_UNAVAILABLE:
    case REDIS_LOST:
    default:
        trouble(a, APPLY_AWAY, "", 0);
        break;
    }
}

static void
strange(struct apply *a)
{
    static const char why[] = "an answer of another shape";

    trouble(a, APPLY_BARRED, why, sizeof(why) - 1);
}

static void
finish(struct apply *a, const struct redisReply *reply)
{
    struct apply_result result = {
        .outcome = a->outcome,
        .micros = apply_micros() - a->sent,
        .reply = reply,
        .why = a->why,
    };

    result.held = a->outcome == APPLY_DONE ? reply->element[1]->integer : result.micros;
    if (a->outcome == APPLY_DONE)
        (void)event_id_format(a->span.end, a->known_at);
    a->fn(a->lane, &result);
}

static void
on_applied(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct apply *a = cookie;

    a->lane->busy--;
    take_outcome(a, outcome, reply);
    if (a->outcome == APPLY_DONE) {
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2)
            strange(a);
        else if (reply->element[0]->type != REDIS_REPLY_INTEGER || reply->element[0]->integer != 1)
            trouble(a, APPLY_FENCED, "", 0);
        else if (reply->element[1]->type != REDIS_REPLY_INTEGER)
            strange(a);
    }
    finish(a, reply);
}

static void
send_apply(struct apply *a)
{
    batch_compute(a->batch);
    redis_args_reset(&a->args);
    batch_apply_command(a->batch, &a->span, &a->args);
    a->lane->busy++;
    a->sent = apply_micros();
    redis_send(a->lane->worker->state, &a->args, on_applied, a);
}

static void
on_read(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct figures_read *read = cookie;
    struct apply *a = read->apply;

    a->lane->busy--;
    take_outcome(a, outcome, reply);
    if (a->outcome == APPLY_DONE && batch_read_reply(a->batch, read->i, reply) < 0)
        strange(a);
    if (--a->waiting > 0)
        return;
    if (a->outcome == APPLY_DONE)
        send_apply(a);
    else
        finish(a, NULL);
}

void
apply_start(struct apply *a, apply_fn *fn)
{
    size_t i, n = batch_reads(a->batch);

    assert(a->waiting == 0);
    a->fn = fn;
    /* A copy: what was read of the figures belongs to this checkpoint, whatever becomes of the
     * lane. */
    memcpy(a->checkpoint, a->lane->checkpoint, sizeof(a->checkpoint));
    a->span = (struct batch_span){.stream = a->lane->worker->conf->stream_name,
                                  .checkpoint = a->checkpoint,
                                  .end = a->lane->read,
                                  .latest = clock_wall() + CLOCKS_APART,
                                  .entries = a->lane->read_entries,
                                  .events = a->lane->read_events};
    a->outcome = APPLY_DONE;
    a->why[0] = '\0';
    a->sent = apply_micros();
    if (n == 0) {
        send_apply(a);
        return;
    }
    a->reads = mem_grow(a->reads, &a->reads_cap, n, sizeof(*a->reads));
    a->waiting = n;
    a->lane->busy += n;
    for (i = 0; i < n; i++) {
        a->reads[i] = (struct figures_read){.apply = a, .i = i};
        redis_args_reset(&a->args);
        batch_read_command(a->batch, i, &a->args);
        redis_send(a->lane->worker->state, &a->args, on_read, &a->reads[i]);
    }
}
