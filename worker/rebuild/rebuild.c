/* The way of a rebuild: see rebuild.h. */
#include "worker/rebuild/rebuild.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/conf.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/archive/pseudonym.h"
#include "worker/batch/batch.h"
#include "worker/batch/rulings.h"
#include "worker/ctl/ctl.h"
#include "worker/ctl/ctl_scan.h"
#include "worker/position.h"

#define BATCH_FIRST 256
#define DROP_EVERY 200 /* batches between two looks for past windows */
#define SWAPS_MAX 20

/* --- the beginning and the end ---------------------------------------------------------------- */

static bool
take_generations(struct rebuild *r)
{
    struct redisReply *reply;
    struct redis_args a;
    int64_t number = 0;

    redis_args_init(&a);
    redis_args_fcall(&a, "rebuild_begin", false);
    redis_args_key(&a, KEY_GENERATIONS, r->product->id);
    redis_args_key(&a, KEY_GENERATION, r->product->id);
    reply = ctl_redis_call(r->c, &a);
    if (reply != NULL && reply->elements == 2 && reply->element[0]->type == REDIS_REPLY_INTEGER &&
        generation_take(reply->element[1], &r->live) == 0)
        number = reply->element[0]->integer;
    if (reply != NULL)
        freeReplyObject(reply);
    if (number <= 0)
        return false;
    (void)snprintf(r->own.s, sizeof(r->own.s), "%lld", (long long)number);
    return true;
}

/* What is decided by hand later gives out another number, and this rebuild does not come to be. */
static bool
take_rulings(struct rebuild *r)
{
    struct ctl_call calls[2];
    bool good;

    redis_args_init(&calls[0].a);
    redis_args_str(&calls[0].a, "SMEMBERS");
    redis_args_printf(&calls[0].a, KEY_HIDDEN, r->product->id);
    redis_args_init(&calls[1].a);
    redis_args_str(&calls[1].a, "HGETALL");
    redis_args_printf(&calls[1].a, KEY_CLOSED, r->product->id);
    good = ctl_redis_pipeline(r->c, calls, 2) &&
           rulings_take_hidden(r->rulings, calls[0].reply) == 0 &&
           rulings_take_closed(r->rulings, calls[1].reply) == 0;
    for (size_t i = 0; i < 2; i++)
        if (calls[i].reply != NULL)
            freeReplyObject(calls[i].reply);
    return good;
}

bool
rebuild_begin(struct rebuild *r)
{
    r->portion.count = BATCH_FIRST;
    r->began = r->told = clock_mono();
    r->rulings = rulings_new();
    r->batch = batch_new();
    batch_set_rulings(r->batch, r->rulings);
    batch_set_rebuild(r->batch);
    if (!take_generations(r) || !rebuild_clean(r, NULL) || !take_rulings(r) ||
        !rebuild_source_open(r))
        return false;
    batch_start(r->batch, r->product->id, &r->own, r->product);
    return true;
}

void
rebuild_end(struct rebuild *r)
{
    struct generation live;

    rebuild_source_close(r);
    if (r->own.s[0] != '\0' &&
        (!ctl_generation(r->c, r->product->id, &live) ||
         !rebuild_clean(r, strcmp(live.s, r->own.s) == 0 ? &r->live : &r->own)))
        (void)ctl_fail("what is left of it is removed by the next rebuild");
    batch_free(r->batch);
    rulings_free(r->rulings);
}

/* --- a batch ---------------------------------------------------------------------------------- */

static bool
read_figures(struct rebuild *r)
{
    size_t n = batch_reads(r->batch);
    struct ctl_call *calls = calloc(n > 0 ? n : 1, sizeof(*calls));
    bool good = calls != NULL;

    for (size_t i = 0; good && i < n; i++) {
        redis_args_init(&calls[i].a);
        batch_read_command(r->batch, i, &calls[i].a);
    }
    good = good && (n == 0 || ctl_redis_pipeline(r->c, calls, n));
    for (size_t i = 0; good && i < n; i++)
        if (batch_read_reply(r->batch, i, calls[i].reply) < 0) {
            (void)ctl_fail("Redis: an answer of another shape");
            good = false;
        }
    for (size_t i = 0; calls != NULL && i < n; i++)
        if (calls[i].reply != NULL)
            freeReplyObject(calls[i].reply);
    free(calls);
    return good;
}

bool
rebuild_flush(struct rebuild *r)
{
    struct batch_span span = {.stream = r->c->conf->stream_name,
                              .checkpoint = r->checkpoint,
                              .end = r->read,
                              .entries = -1};
    struct redisReply *reply;
    struct redis_args a;
    bool good;

    if (!read_figures(r))
        return false;
    batch_compute(r->batch);
    redis_args_init(&a);
    batch_apply_command(r->batch, &span, &a);
    reply = ctl_redis_call(r->c, &a);
    if (reply == NULL)
        return false;
    good = reply->type == REDIS_REPLY_ARRAY && reply->elements > 1 &&
           reply->element[0]->type == REDIS_REPLY_INTEGER && reply->element[0]->integer == 1 &&
           reply->element[1]->type == REDIS_REPLY_INTEGER;
    if (good && batch_events(r->batch) > 0)
        portion_adapt(&r->portion, batch_events(r->batch), reply->element[1]->integer,
                      APPLY_MICROS_MAX, (size_t)r->c->conf->stream_batch_max);
    freeReplyObject(reply);
    if (!good) {
        (void)ctl_fail("another rebuild of %s has begun: this one ends", r->product->id);
        return false;
    }
    (void)event_id_format(r->read, r->checkpoint);
    batch_start(r->batch, r->product->id, &r->own, r->product);
    /* Nobody else writes this generation: what is known of it stays true, but for windows that are removed. */
    if (++r->batches % DROP_EVERY != 0)
        batch_keep(r->batch, BATCH_KEPT_MAX);
    else if (!rebuild_drop_past(r, event_id_time(r->read)))
        return false;
    rebuild_progress(r);
    return true;
}

static bool
is_left_out(const struct rebuild *r, const struct redisReply *entry)
{
    for (size_t i = 0; i < r->nwithout; i++)
        if (pseudonym_names(r->product->rules, entry, r->without[i]))
            return true;
    return false;
}

bool
rebuild_take(struct rebuild *r, const struct redisReply *entry, struct event_id id)
{
    struct event *e = &r->event;
    const char *why;

    r->read = id;
    /* What cannot be read became a dead letter. */
    if (event_decode(entry, e, &why) < 0 || !event_text_is(e->product_id, r->product->id))
        return true;
    if (is_left_out(r, entry)) {
        r->left_out++;
        return true;
    }
    r->events++;
    batch_add(r->batch, e);
    return batch_events(r->batch) < r->portion.count || rebuild_flush(r);
}

/* --- catching up ------------------------------------------------------------------------------ */

/* Where the worker is; an answer to GET of its checkpoint. */
static bool
take_live(struct rebuild *r, struct redisReply *reply, struct event_id *ret)
{
    bool good = reply != NULL;

    *ret = (struct event_id){0, 0};
    if (good && reply->type == REDIS_REPLY_STRING &&
        position_checkpoint(reply->str, reply->len, ret) < 0) {
        (void)ctl_fail("the checkpoint of %s cannot be read", r->product->id);
        good = false;
    }
    if (reply != NULL)
        freeReplyObject(reply);
    return good;
}

/* All up to limit, and the checkpoint there. */
static bool
go_to(struct rebuild *r, struct event_id limit)
{
    if (event_id_compare(limit, r->read) < 0) {
        (void)ctl_fail("the checkpoint of %s went back", r->product->id);
        return false;
    }
    if (!rebuild_source_read(r, limit))
        return false;
    r->read = limit;
    return rebuild_flush(r);
}

bool
rebuild_catch_up(struct rebuild *r)
{
    struct redis_args a;
    struct event_id live;

    redis_args_init(&a);
    redis_args_str(&a, "GET");
    redis_args_printf(&a, KEY_CHECKPOINT, r->product->id, r->c->conf->stream_name);
    return take_live(r, ctl_redis_call(r->c, &a), &live) && go_to(r, live);
}

bool
rebuild_forget(struct rebuild *r)
{
    struct ctl_player p = {.product = r->product->id, .generation = r->own};
    struct ctl_names boards = {.n = 0};
    struct redisReply *reply;
    struct redis_args a;
    bool good;

    redis_args_init(&a);
    redis_args_str(&a, "SMEMBERS");
    redis_args_printf(&a, KEY_PSEUDONYMS, r->product->id);
    reply = ctl_redis_call(r->c, &a);
    if (reply == NULL)
        return false;
    good = reply->elements == 0 || ctl_scan_boards(r->c, &p, &boards);
    for (size_t i = 0; good && i < reply->elements; i++) {
        p.user = reply->element[i]->str;
        good = ctl_player_forget(r->c, &p, &boards);
    }
    ctl_scan_free(&boards);
    freeReplyObject(reply);
    /* The batch is empty, as rebuild_catch_up has left it; what it would have kept is no longer so. */
    batch_start(r->batch, r->product->id, &r->own, r->product);
    return good;
}

bool
rebuild_hold(struct rebuild *r)
{
    struct redisReply *reply;
    struct redis_args a;
    struct event_id live;

    redis_args_init(&a);
    redis_args_fcall(&a, "rebuild_hold", false);
    redis_args_key(&a, KEY_GENERATIONS, r->product->id);
    redis_args_key(&a, KEY_CHECKPOINT, r->product->id, r->c->conf->stream_name);
    redis_args_key(&a, KEY_POSITION, r->product->id, r->c->conf->stream_name);
    redis_args_key(&a, KEY_HOLD, r->product->id);
    redis_args_str(&a, r->own.s);
    redis_args_int(&a, REBUILD_HOLD);
    reply = ctl_redis_call(r->c, &a);
    if (reply != NULL && reply->type == REDIS_REPLY_NIL) {
        freeReplyObject(reply);
        (void)ctl_fail("figures of %s were changed by hand, or another rebuild has begun, "
                       "meanwhile: begin again",
                       r->product->id);
        return false;
    }
    return take_live(r, reply, &live) && go_to(r, live) && rebuild_source_check(r);
}

void
rebuild_release(struct rebuild *r)
{
    struct redisReply *reply;
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "DEL");
    redis_args_printf(&a, KEY_HOLD, r->product->id);
    reply = ctl_redis_call(r->c, &a);
    if (reply != NULL)
        freeReplyObject(reply);
}

/* 1: done; 0: the worker is further again; -1. */
static int
swap_once(struct rebuild *r, const char *about)
{
    struct redisReply *reply;
    struct redis_args a;
    int ret = -1;

    ctl_redis_change(&a, "rebuild_swap", r->product->id);
    redis_args_key(&a, KEY_GENERATIONS, r->product->id);
    redis_args_key(&a, KEY_GENERATION, r->product->id);
    redis_args_key(&a, KEY_CHECKPOINT, r->product->id, r->c->conf->stream_name);
    redis_args_key(&a, KEY_POSITION, r->product->id, r->c->conf->stream_name);
    redis_args_key(&a, KEY_HOLD, r->product->id);
    redis_args_key(&a, KEYG_CHECKPOINT, r->product->id, r->own.s);
    redis_args_key(&a, KEYG_POSITION, r->product->id, r->own.s);
    ctl_redis_who(r->c, &a);
    redis_args_str(&a, about);
    redis_args_str(&a, r->own.s);
    reply = ctl_redis_call(r->c, &a);
    if (reply == NULL)
        return -1;
    if (reply->type == REDIS_REPLY_INTEGER)
        ret = reply->integer == 1;
    else
        (void)ctl_fail("figures of %s were changed by hand meanwhile: begin again", r->product->id);
    freeReplyObject(reply);
    return ret;
}

bool
rebuild_swap(struct rebuild *r, const char *about)
{
    int done = 0;

    if (!rebuild_drop_past(r, event_id_time(r->read)))
        return false;
    for (int i = 0; i < SWAPS_MAX && done == 0; i++)
        done = rebuild_hold(r) ? swap_once(r, about) : -1;
    if (done == 0)
        (void)ctl_fail("the worker is always further: Redis is too slow for a rebuild");
    if (done != 1)
        rebuild_release(r);
    return done == 1;
}
