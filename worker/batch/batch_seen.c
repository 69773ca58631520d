/*
 * Events that were sent twice: an event may carry an event_id, and a second one with the same id
 * within a day changes nothing. The day is one of the stream's time, as everything here.
 *
 * What is remembered is written in the step that applies the event. A dead letter is not: it may
 * be sent again, put right.
 */
#include <hiredis/hiredis.h>

#include "lib/base/text.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "worker/batch/batch_private.h"
#include "worker/mem.h"

#define DAY_MS ((wall_ms)86400000)

static wall_ms
time_of(const struct item *item)
{
    return item->id.ms < (uint64_t)WINDOW_TIME_MAX ? (wall_ms)item->id.ms : WINDOW_TIME_MAX;
}

void
batch_seen_add(struct batch *b, struct item *item, struct event_text event_id)
{
    struct seen *seen;

    if (event_id.s == NULL)
        return;
    HASH_FIND(hh, b->seen_by_id, event_id.s, event_id.len, seen);
    if (seen == NULL) {
        seen = mem_arena_alloc(&b->arena, sizeof(*seen));
        seen->event_id = event_id;
        HASH_ADD_KEYPTR(hh, b->seen_by_id, seen->event_id.s, seen->event_id.len, seen);
    }
    item->seen = seen;
}

size_t
batch_seen_reads(const struct batch *b)
{
    return b->seen_by_id != NULL ? 1 : 0;
}

void
batch_seen_read_command(const struct batch *b, struct redis_args *a)
{
    redis_args_str(a, "ZMSCORE");
    redis_args_printf(a, KEYG_SEEN, b->product_id, b->generation.s);
    for (const struct seen *seen = b->seen_by_id; seen != NULL; seen = seen->hh.next)
        redis_args_add(a, seen->event_id.s, seen->event_id.len);
}

int
batch_seen_read_reply(struct batch *b, const struct redisReply *reply)
{
    size_t n = 0;
    double ms;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != HASH_COUNT(b->seen_by_id))
        return -1;
    for (struct seen *seen = b->seen_by_id; seen != NULL; seen = seen->hh.next) {
        const struct redisReply *score = reply->element[n++];

        if (score->type == REDIS_REPLY_NIL)
            continue;
        if (score->type != REDIS_REPLY_STRING || text_parse_double(score->str, score->len, &ms) < 0)
            return -1;
        seen->known = true;
        seen->at = (wall_ms)ms;
    }
    return 0;
}

bool
batch_seen_before(const struct item *item)
{
    return item->seen != NULL && item->seen->known && time_of(item) - item->seen->at < DAY_MS;
}

void
batch_seen_commit(struct item *item)
{
    if (item->seen == NULL)
        return;
    item->seen->known = item->seen->changed = true;
    item->seen->at = time_of(item);
}

/* --- writing ---------------------------------------------------------------------------------- */

size_t
batch_seen_changed(const struct batch *b)
{
    size_t n = 0;

    for (const struct seen *seen = b->seen_by_id; seen != NULL; seen = seen->hh.next)
        n += seen->changed;
    return n;
}

void
batch_seen_add_set(const struct batch *b, size_t key, struct redis_args *a)
{
    size_t n = batch_seen_changed(b);

    if (n == 0)
        return;
    redis_args_int(a, (int64_t)key);
    redis_args_int(a, (int64_t)n);
    for (const struct seen *seen = b->seen_by_id; seen != NULL; seen = seen->hh.next)
        if (seen->changed) {
            redis_args_int(a, seen->at);
            redis_args_add(a, seen->event_id.s, seen->event_id.len);
        }
}

void
batch_seen_add_forget(const struct batch *b, size_t key, struct redis_args *a)
{
    wall_ms newest;

    if (batch_seen_changed(b) == 0)
        return;
    newest = time_of(&b->items[b->nitems - 1]);
    redis_args_str(a, "forget");
    redis_args_int(a, (int64_t)key);
    redis_args_int(a, newest > DAY_MS ? newest - DAY_MS : 0);
}
