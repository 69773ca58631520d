/*
 * Trimming: see trim.h. Where every product is, is read from Redis, since other workers serve some
 * of them. These places only go forward, so that what was read is still true when the stream is
 * trimmed. The entry at the lowest place itself stays: the first entry of the stream is one that
 * was read, by which a gap would be noticed (position.h).
 */
#include "worker/archive/trim.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "lib/config/conf.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "worker/archive/aside.h"
#include "worker/mem.h"
#include "worker/position.h"
#include "worker/worker.h"

#define TICK ((dur_ms)10000)
#define SOON ((dur_ms)50)
#define TICK_MIN ((dur_ms)100)

struct trim {
    struct worker *worker;
    struct loop_timer *timer;
    size_t waiting;         /* answers to come */
    bool unknown;           /* one of them does not tell: nothing is trimmed */
    struct event_id lowest; /* what may go is below; so far */
};

static dur_ms
pause_of(const struct trim *t)
{
    dur_ms keep = t->worker->conf->stream_keep;

    return keep >= TICK ? TICK : keep > TICK_MIN ? keep : TICK_MIN;
}

static void
lower(struct trim *t, struct event_id id)
{
    if (event_id_compare(id, t->lowest) < 0)
        t->lowest = id;
}

/* --- the stream ------------------------------------------------------------------------------- */

/* The marks of what did not count are the archive's to remove; without one they go with the
 * entries. */
static void
drop_aside(const struct trim *t)
{
    const struct worker *w = t->worker;
    struct redis_args a;

    redis_args_init(&a);
    for (size_t i = 0; w->archiver == NULL && i < w->nlanes; i++) {
        redis_args_reset(&a);
        aside_drop(&a, w->lanes[i]->id, t->lowest);
        redis_send(w->state, &a, NULL, NULL);
    }
    redis_args_free(&a);
}

static void
on_trimmed(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct trim *t = cookie;

    t->waiting = 0;
    if (outcome != REDIS_DONE || reply->type != REDIS_REPLY_INTEGER || reply->integer == 0)
        return;
    metric_add(t->worker->report.trimmed, (double)reply->integer);
    drop_aside(t);
    loop_timer_set(t->timer, SOON); /* Redis stops after so many */
}

static void
trim_stream(struct trim *t)
{
    const struct worker *w = t->worker;
    wall_ms oldest = clock_wall() - w->conf->stream_keep;
    char id[EVENT_ID_SIZE];
    struct redis_args a;

    lower(t, (struct event_id){oldest > 0 ? (uint64_t)oldest : 0, 0});
    if (t->unknown || t->lowest.ms == 0 || w->stopping)
        return;
    redis_args_init(&a);
    redis_args_str(&a, "XTRIM");
    redis_args_str(&a, w->conf->stream_name);
    redis_args_str(&a, "MINID");
    redis_args_str(&a, "~");
    (void)event_id_format(t->lowest, id);
    redis_args_str(&a, id);
    t->waiting = 1;
    redis_send(w->side, &a, on_trimmed, t);
    redis_args_free(&a);
}

/* --- consumer groups -------------------------------------------------------------------------- */

static void
take_id(struct trim *t, const struct redisReply *reply)
{
    struct event_id id;

    if (reply->type != REDIS_REPLY_STRING || event_id_parse(reply->str, reply->len, &id) < 0)
        t->unknown = true;
    else
        lower(t, id);
}

/* XPENDING: how many, the lowest id, the highest, by whom. */
static void
on_pending(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct trim *t = cookie;

    if (outcome != REDIS_DONE || reply->type != REDIS_REPLY_ARRAY || reply->elements < 2)
        t->unknown = true;
    else if (reply->element[1]->type != REDIS_REPLY_NIL)
        take_id(t, reply->element[1]);
    if (--t->waiting == 0)
        trim_stream(t);
}

/* One group of XINFO GROUPS: names and values in turn. */
static void
take_group(struct trim *t, const struct redisReply *group)
{
    const struct redisReply *name = NULL;
    struct redis_args a;

    for (size_t i = 0; group->type == REDIS_REPLY_ARRAY && i + 1 < group->elements; i += 2) {
        struct event_text key = {group->element[i]->str, group->element[i]->len};

        if (event_text_is(key, "name"))
            name = group->element[i + 1];
        else if (event_text_is(key, "last-delivered-id"))
            take_id(t, group->element[i + 1]);
    }
    if (name == NULL || name->type != REDIS_REPLY_STRING) {
        t->unknown = true;
        return;
    }
    redis_args_init(&a);
    redis_args_str(&a, "XPENDING");
    redis_args_str(&a, t->worker->conf->stream_name);
    redis_args_add(&a, name->str, name->len);
    t->waiting++;
    redis_send(t->worker->side, &a, on_pending, t);
    redis_args_free(&a);
}

static void
on_groups(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct trim *t = cookie;

    t->waiting = 0;
    if (outcome != REDIS_DONE || reply->type != REDIS_REPLY_ARRAY)
        return; /* the stream is not there yet */
    for (size_t i = 0; i < reply->elements; i++)
        take_group(t, reply->element[i]);
    if (t->waiting == 0)
        trim_stream(t);
}

static void
ask_groups(struct trim *t)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "XINFO");
    redis_args_str(&a, "GROUPS");
    redis_args_str(&a, t->worker->conf->stream_name);
    t->waiting = 1;
    redis_send(t->worker->side, &a, on_groups, t);
    redis_args_free(&a);
}

/* --- the products ----------------------------------------------------------------------------- */

/* A checkpoint, or how far an archive is. What is not there yet is at the stream's beginning. */
static void
on_place(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct trim *t = cookie;
    struct event_id id;

    if (outcome != REDIS_DONE || reply->type != REDIS_REPLY_STRING ||
        position_checkpoint(reply->str, reply->len, &id) < 0)
        t->unknown = true;
    else
        lower(t, id);
    if (--t->waiting == 0 && !t->unknown)
        ask_groups(t);
}

static void
ask_places(struct trim *t, const struct lane *lane)
{
    const struct worker *w = t->worker;
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "GET");
    redis_args_printf(&a, KEY_CHECKPOINT, lane->id, w->conf->stream_name);
    t->waiting++;
    redis_send(w->state, &a, on_place, t);
    if (lane->archived != NULL) {
        redis_args_reset(&a);
        redis_args_str(&a, "HGET");
        redis_args_printf(&a, KEY_ARCHIVED, lane->id, w->conf->stream_name);
        redis_args_str(&a, "id");
        t->waiting++;
        redis_send(w->state, &a, on_place, t);
    }
    redis_args_free(&a);
}

static void
tick(void *cookie)
{
    struct trim *t = cookie;
    const struct worker *w = t->worker;

    loop_timer_set(t->timer, pause_of(t));
    if (t->waiting > 0 || !w->lanes[w->nlanes - 1]->held || w->settling || w->stopping ||
        !redis_is_up(w->state) || !redis_is_up(w->side))
        return;
    t->unknown = false;
    t->lowest = (struct event_id){UINT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < w->nlanes; i++)
        ask_places(t, w->lanes[i]);
}

struct trim *
trim_new(struct worker *w)
{
    bool archive = w->conf->archive_dir[0] != '\0';
    struct trim *t;

    if (strcmp(w->conf->stream_trim, "never") == 0 ||
        (strcmp(w->conf->stream_trim, "archived") == 0 && !archive))
        return NULL;
    t = mem_alloc(1, sizeof(*t));
    t->worker = w;
    t->timer = loop_timer_new(w->loop, tick, t);
    if (t->timer == NULL)
        mem_out();
    loop_timer_set(t->timer, pause_of(t));
    return t;
}

void
trim_free(struct trim *t)
{
    if (t == NULL)
        return;
    loop_timer_free(t->timer);
    free(t);
}
