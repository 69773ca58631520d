/* Sends a batch: see apply.h. The arithmetic is in batch.c, the call's arguments in
 * batch_apply.c. */
#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/loop.h"
#include "lib/config/conf.h"
#include "lib/redis/redis.h"
#include "worker/apply.h"
#include "worker/batch/batch.h"
#include "worker/consumer.h"
#include "worker/mem.h"
#include "worker/worker.h"

/* How far the clocks of two machines may be apart. */
#define CLOCKS_APART ((dur_ms)60000)

/* How far a batch is. */
enum stage {
    FREE,
    OPEN,    /* it is being filled */
    FILLED,  /* the one before it is yet to be sent */
    READING, /* its figures are being read */
    READY,   /* it is computed */
    SENT     /* `apply` is under way */
};

struct flight;

/* Which read an answer is of. */
struct read {
    struct flight *flight;
    size_t i;
};

struct reads {
    struct read *v;
    size_t cap;
};

/* One batch. */
struct flight {
    struct apply *apply;
    struct batch *batch;
    enum stage stage;
    bool dropped; /* the lane's place was read anew since it began, or the one before it came to nothing */
    bool more;    /* when it was started there was more to be read, and that is yet to come */
    struct batch_span span;
    char checkpoint[EVENT_ID_SIZE];
    struct reads early, late;
    size_t nlate;               /* reads that were sent when READING */
    size_t waiting;             /* reads without an answer */
    enum apply_outcome outcome; /* so far: APPLY_DONE, or the first trouble */
    char why[128];              /* of that trouble */
    struct redis_args command;  /* READY: the call */
    int64_t sent;               /* when apply was, in microseconds */
    apply_fn *fn;
    void *cookie;
};

/*
 * Invariants:
 * 1. The n flights from first on are those under way, in the order of the stream; FREE ones among them are no longer.
 * 2. At most one is READING or READY, and all before it are SENT: so figures, which they share, are those of one at a time, and
 *    what is read of them, but early, is as the one before leaves it.
 */
struct apply {
    struct lane *lane;
    struct flight flights[APPLY_DEPTH];
    size_t first, n;
    char known_at[EVENT_ID_SIZE]; /* the checkpoint to which figures are known; "" for none */
    bool begun;                   /* one was applied since the lane's place was read */
    struct redis_args args;
    bool again;             /* at the turn's end: whether one can go on */
    struct loop_hook *hook;
};

static void on_turn(void *cookie);

struct apply *
apply_new(struct lane *lane)
{
    struct apply *a = mem_alloc(1, sizeof(*a));

    a->lane = lane;
    for (size_t i = 0; i < APPLY_DEPTH; i++) {
        a->flights[i].apply = a;
        a->flights[i].batch = i == 0 ? batch_new() : batch_new_beside(a->flights[0].batch);
        batch_set_rulings(a->flights[i].batch, lane->rulings);
        redis_args_init(&a->flights[i].command);
    }
    redis_args_init(&a->args);
    a->hook = loop_hook_add(lane->worker->loop, on_turn, a);
    if (a->hook == NULL)
        mem_out();
    return a;
}

void
apply_free(struct apply *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < APPLY_DEPTH; i++) {
        batch_free(a->flights[i].batch);
        free(a->flights[i].early.v);
        free(a->flights[i].late.v);
        redis_args_free(&a->flights[i].command);
    }
    redis_args_free(&a->args);
    loop_hook_free(a->hook);
    free(a);
}

/* The i-th of those under way. */
static struct flight *
nth(struct apply *a, size_t i)
{
    return &a->flights[(a->first + i) % APPLY_DEPTH];
}

/* Who changes figures by hand, one time after another, must not keep it from going on: so the first batch has no company. */
bool
apply_has_room(const struct apply *a)
{
    return a->n < (a->begun ? APPLY_DEPTH : 1);
}

bool
apply_is_waiting(const struct apply *a)
{
    return a->n > 0 && a->flights[(a->first + a->n - 1) % APPLY_DEPTH].stage == FILLED;
}

bool
apply_is_idle(const struct apply *a)
{
    return a->n == 0;
}

struct batch *
apply_batch(struct apply *a)
{
    assert(a->n > 0);
    return nth(a, a->n - 1)->batch;
}

void
apply_begin(struct apply *a)
{
    const struct lane *lane = a->lane;
    const struct flight *before = a->n > 0 ? nth(a, a->n - 1) : NULL;
    struct flight *f = nth(a, a->n);

    assert(apply_has_room(a));
    a->n++;
    f->stage = OPEN;
    f->dropped = f->more = false;
    if (before != NULL && !before->dropped)
        (void)event_id_format(before->span.end, f->checkpoint);
    else
        memcpy(f->checkpoint, lane->checkpoint, sizeof(f->checkpoint));
    batch_start(f->batch, lane->id, &lane->generation, lane->product);
}

/* Those behind the first n come to nothing. */
static void
drop_behind(struct apply *a, size_t n)
{
    a->known_at[0] = '\0';
    for (; n < a->n; n++)
        nth(a, n)->dropped = true;
}

void
apply_forget(struct apply *a)
{
    drop_behind(a, 0);
    a->begun = false;
}

void
apply_rest(struct apply *a)
{
    assert(apply_is_idle(a));
    a->known_at[0] = '\0';
    for (size_t i = 0; i < APPLY_DEPTH; i++) {
        batch_rest(a->flights[i].batch);
        redis_args_free(&a->flights[i].command);
    }
    redis_args_free(&a->args);
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
trouble(struct flight *f, enum apply_outcome outcome, const char *why, size_t len)
{
    if (f->outcome != APPLY_DONE)
        return;
    f->outcome = outcome;
    (void)snprintf(f->why, sizeof(f->why), "%.*s",
                   (int)(len < sizeof(f->why) ? len : sizeof(f->why)), why);
}

static void
take_outcome(struct flight *f, enum redis_outcome outcome, const struct redisReply *reply)
{
    switch (outcome) {
    case REDIS_DONE:
        break;
    case REDIS_REFUSED:
        trouble(f, is_about_data(reply) ? APPLY_REFUSED : APPLY_BARRED, reply->str, reply->len);
        break;
    case REDIS_UNAVAILABLE:
    case REDIS_LOST:
    default:
        trouble(f, APPLY_AWAY, "", 0);
        break;
    }
}

static void
strange(struct flight *f)
{
    static const char why[] = "an answer of another shape";

    trouble(f, APPLY_BARRED, why, sizeof(why) - 1);
}

/* --- from stage to stage ---------------------------------------------------------------------- */

/* Under way no longer. */
static void
release(struct flight *f)
{
    struct apply *a = f->apply;

    f->stage = FREE;
    while (a->n > 0 && nth(a, 0)->stage == FREE) {
        a->first = (a->first + 1) % APPLY_DEPTH;
        a->n--;
    }
}

static size_t
place_of(struct flight *f)
{
    struct apply *a = f->apply;
    size_t i = 0;

    while (nth(a, i) != f)
        i++;
    return i;
}

static void
finish(struct flight *f, const struct redisReply *reply)
{
    struct apply *a = f->apply;
    struct apply_result result = {
        .outcome = f->outcome == APPLY_DONE || !f->dropped ? f->outcome : APPLY_DROPPED,
        .batch = f->batch,
        .span = &f->span,
        .current = !f->dropped,
        .micros = clock_mono_us() - f->sent,
        .reply = reply,
        .why = f->why,
        .cookie = f->cookie,
    };

    if (f->outcome == APPLY_DONE)
        result.held = reply->element[1]->integer;
    else if (result.outcome != APPLY_DROPPED)
        result.held = result.micros;
    if (f->outcome == APPLY_DONE && !f->dropped)
        a->begun = true;
    else if (!f->dropped)
        drop_behind(a, place_of(f) + 1);
    release(f);
    f->fn(a->lane, &result);
}

static void advance(struct apply *a);

static void
on_applied(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct flight *f = cookie;
    struct apply *a = f->apply;

    a->lane->busy--;
    take_outcome(f, outcome, reply);
    if (f->outcome == APPLY_DONE) {
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2)
            strange(f);
        else if (reply->element[0]->type != REDIS_REPLY_INTEGER || reply->element[0]->integer != 1)
            trouble(f, APPLY_FENCED, "", 0);
        else if (reply->element[1]->type != REDIS_REPLY_INTEGER)
            strange(f);
    }
    finish(f, reply);
    advance(a);
}

static void
send_apply(struct flight *f)
{
    struct apply *a = f->apply;

    a->lane->busy++;
    f->stage = SENT;
    f->sent = clock_mono_us();
    redis_send(a->lane->worker->state, &f->command, on_applied, f);
    redis_args_reset(&f->command);
}

static void
on_read(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct read *read = cookie;
    struct flight *f = read->flight;

    f->apply->lane->busy--;
    take_outcome(f, outcome, reply);
    if (f->outcome == APPLY_DONE && batch_read_reply(f->batch, read->i, reply) < 0)
        strange(f);
    if (--f->waiting == 0)
        advance(f->apply);
}

/* Those from first on and before end. */
static void
send_reads(struct flight *f, struct reads *reads, size_t first, size_t end)
{
    struct apply *a = f->apply;
    size_t n = end - first;

    if (n == 0)
        return;
    reads->v = mem_grow(reads->v, &reads->cap, n, sizeof(*reads->v));
    f->waiting += n;
    a->lane->busy += n;
    for (size_t i = 0; i < n; i++) {
        reads->v[i] = (struct read){.flight = f, .i = first + i};
        redis_args_reset(&a->args);
        batch_read_command(f->batch, first + i, &a->args);
        redis_send(a->lane->worker->state, &a->args, on_read, &reads->v[i]);
    }
}

static void
look(struct flight *f)
{
    struct apply *a = f->apply;
    size_t early = batch_early_reads(f->batch), all;

    f->stage = READING;
    if (a->known_at[0] != '\0' && strcmp(a->known_at, f->checkpoint) == 0)
        batch_keep(f->batch, BATCH_KEPT_MAX / a->lane->worker->nlanes);
    a->known_at[0] = '\0';
    all = batch_reads(f->batch);
    f->nlate = all - early;
    send_reads(f, &f->late, early, all);
}

static void
compute(struct flight *f)
{
    batch_compute(f->batch);
    redis_args_reset(&f->command);
    batch_apply_command(f->batch, &f->span, &f->command);
    (void)event_id_format(f->span.end, f->apply->known_at);
    f->stage = READY;
}

/*
 * Whether it should wait. While Redis applies a batch it does nothing else, and while there is more to be read that is what takes
 * longest: so what the worker can do meanwhile, it is to have at hand before: the next entries, and which of their games are gone.
 */
static bool
is_held(const struct flight *f, const struct flight *next)
{
    if (next != NULL && next->stage == FILLED && next->waiting > 0)
        return true;
    return f->more && consumer_is_reading(f->apply->lane->worker->consumer);
}

/* Take the flight as far as it can go now. Returns whether one behind it may go on. */
static bool
step(struct apply *a, size_t i)
{
    struct flight *f = nth(a, i);
    struct flight *next = i + 1 < a->n ? nth(a, i + 1) : NULL;

    if (f->stage == FREE || f->stage == SENT)
        return true;
    if (f->stage == OPEN || f->waiting > 0)
        return false;
    /* Answers come in order, but that of an `apply` that was sent once more, as its function was missing: what was read
     * behind it is older. */
    if (f->dropped || (f->stage == READING && f->nlate > 0 && i > 0))
        trouble(f, APPLY_DROPPED, "", 0);
    if (f->outcome != APPLY_DONE) {
        finish(f, NULL);
        a->again = true;
        return false;
    }
    switch (f->stage) {
    case FILLED:
        look(f);
        consumer_read_on(a->lane->worker->consumer);
        return step(a, i);
    case READING:
        compute(f);
        return step(a, i);
    case READY:
        if (!is_held(f, next)) {
            send_apply(f);
            a->again = true;
        }
        return false;
    case FREE:
    case OPEN:
    case SENT:
        break;
    }
    return false;
}

static void
advance(struct apply *a)
{
    for (size_t i = 0; i < a->n && step(a, i); i++)
        ;
}

/* What was sent is on its way before anything else is computed. */
static void
on_turn(void *cookie)
{
    struct apply *a = cookie;

    if (!a->again || redis_is_writing(a->lane->worker->state))
        return;
    a->again = false;
    advance(a);
}

void
apply_start(struct apply *a, bool more, apply_fn *fn, void *cookie)
{
    const struct lane *lane = a->lane;
    struct flight *f = nth(a, a->n - 1);

    assert(a->n > 0 && f->stage == OPEN);
    f->fn = fn;
    f->cookie = cookie;
    f->span = (struct batch_span){.stream = lane->worker->conf->stream_name,
                                  .checkpoint = f->checkpoint,
                                  .end = lane->read,
                                  .latest = clock_wall() + CLOCKS_APART,
                                  .entries = lane->read_entries,
                                  .events = lane->read_events};
    f->outcome = APPLY_DONE;
    f->why[0] = '\0';
    f->stage = FILLED;
    f->sent = clock_mono_us();
    send_reads(f, &f->early, 0, batch_early_reads(f->batch));
    apply_go_on(a);
    f->more = more;
}

void
apply_go_on(struct apply *a)
{
    for (size_t i = 0; i < a->n; i++)
        nth(a, i)->more = false;
    a->again = true;
}
