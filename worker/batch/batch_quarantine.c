/*
 * Quarantine: the events that a board's bounds keep out, each under its own id, and what an
 * administrator says about them, which comes through the stream as an event too. So both happen at
 * one place in the order of all events, once, and come to the same whenever they are computed anew:
 * a verdict on an event that is not in quarantine (any more, or by the rules of today) means
 * nothing.
 *
 * A verdict that releases an event brings its fields along: which figures it touches has to be
 * known before anything is read.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "worker/batch/batch.h"
#include "worker/batch/batch_private.h"
#include "worker/mem.h"

static struct held *
find(struct batch *b, struct event_id id)
{
    struct held *held;

    HASH_FIND(hh, b->held_by_id, &id, sizeof(id), held);
    return held;
}

static struct held *
find_or_add(struct batch *b, struct event_id id)
{
    struct held *held = find(b, id);

    if (held != NULL)
        return held;
    held = mem_arena_alloc(&b->arena, sizeof(*held));
    held->id = id;
    HASH_ADD_KEYPTR(hh, b->held_by_id, &held->id, sizeof(held->id), held);
    return held;
}

void
batch_quarantine_add_verdict(struct batch *b, struct item *item, const struct event *e)
{
    static const char name[] = EVENT_VERDICT_FIELD;
    char value[EVENT_ID_SIZE + 16], id[EVENT_ID_SIZE];
    int len;

    (void)event_id_format(e->verdict_of, id);
    len =
        snprintf(value, sizeof(value), "%s %s", e->verdict == EVENT_DROP ? "drop" : "release", id);
    item->fields[item->nfields - 2] = (struct event_text){name, sizeof(name) - 1};
    item->fields[item->nfields - 1] =
        (struct event_text){mem_arena_copy(&b->arena, value, (size_t)len), (size_t)len};
    item->verdict = e->verdict;
    item->held = find_or_add(b, e->verdict_of);
}

/* --- reading ---------------------------------------------------------------------------------- */

size_t
batch_quarantine_reads(const struct batch *b)
{
    return HASH_COUNT(b->held_by_id);
}

static struct held *
nth(const struct batch *b, size_t i)
{
    struct held *held = b->held_by_id;

    while (i-- > 0)
        held = held->hh.next;
    return held;
}

void
batch_quarantine_read_command(const struct batch *b, size_t i, struct redis_args *a)
{
    char id[EVENT_ID_SIZE];

    (void)event_id_format(nth(b, i)->id, id);
    redis_args_str(a, "XRANGE");
    redis_args_printf(a, KEYG_QUARANTINE, b->product_id, b->generation.s);
    redis_args_str(a, id);
    redis_args_str(a, id);
}

int
batch_quarantine_read_reply(struct batch *b, size_t i, const struct redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        return -1;
    nth(b, i)->there = reply->elements > 0;
    return 0;
}

/* --- computing -------------------------------------------------------------------------------- */

void
batch_quarantine_hold(struct batch *b, const struct item *item)
{
    struct held *held = find(b, item->id);

    b->nheld++;
    if (held != NULL)
        held->there = true;
}

void
batch_quarantine_settle(struct batch *b, const struct item *item)
{
    item->held->there = false;
    item->held->settled = true;
    b->nsettled++;
}

/* --- writing ---------------------------------------------------------------------------------- */

size_t
batch_quarantine_add_key(const struct batch *b, struct redis_args *a)
{
    if (b->nheld + b->nsettled == 0)
        return 0;
    redis_args_key(a, KEYG_QUARANTINE, b->product_id, b->generation.s);
    return 1;
}

static void
add_held(const struct item *item, size_t key, struct redis_args *a)
{
    const struct breach *breach = item->breach;
    char id[EVENT_ID_SIZE];

    (void)event_id_format(item->id, id);
    redis_args_str(a, "hold");
    redis_args_int(a, (int64_t)key);
    redis_args_str(a, id);
    redis_args_int(a, (int64_t)(BATCH_HELD_HEAD + item->nfields));
    redis_args_str(a, "reason");
    redis_args_str(a, breach->reason);
    redis_args_str(a, "source_id");
    redis_args_str(a, id);
    redis_args_str(a, "board");
    redis_args_str(a, breach->guard->board->id);
    redis_args_str(a, "bound");
    redis_args_str(a, breach->bound);
    redis_args_str(a, "value");
    redis_args_str(a, breach->value);
    redis_args_str(a, "user_id");
    redis_args_add(a, breach->guard->player.s, breach->guard->player.len);
    for (size_t i = 0; i < item->nfields; i++)
        redis_args_add(a, item->fields[i].s, item->fields[i].len);
}

void
batch_quarantine_add(const struct batch *b, size_t key, struct redis_args *a)
{
    char id[EVENT_ID_SIZE];

    for (size_t i = 0; b->nheld > 0 && i < b->nitems; i++)
        if (b->items[i].breach != NULL)
            add_held(&b->items[i], key, a);
    for (const struct held *held = b->held_by_id; held != NULL; held = held->hh.next) {
        if (!held->settled)
            continue;
        (void)event_id_format(held->id, id);
        redis_args_str(a, "settle");
        redis_args_int(a, (int64_t)key);
        redis_args_str(a, id);
    }
}
