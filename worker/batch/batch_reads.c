/*
 * What a batch reads, in one pipeline: the figures of each key, and what it needs to know beside
 * them.
 */
#include <hiredis/hiredis.h>

#include "lib/base/text.h"
#include "lib/redis/redis.h"
#include "worker/batch/batch.h"
#include "worker/batch/batch_private.h"

/* In their order. */
enum read_kind { READ_GAMES, READ_FIGURES, READ_LEDGERS, READ_SEEN, READ_BOUNDS, READ_QUARANTINE, READ_KINDS };

static size_t
count(const struct batch *b, enum read_kind kind)
{
    switch (kind) {
    case READ_GAMES:
        return batch_games_reads(b);
    case READ_FIGURES:
        return b->nunknown;
    case READ_LEDGERS:
        return b->nledgers;
    case READ_SEEN:
        return batch_seen_reads(b);
    case READ_BOUNDS:
        return batch_bounds_reads(b);
    case READ_QUARANTINE:
        return batch_quarantine_reads(b);
    case READ_KINDS:
        break;
    }
    return 0;
}

size_t
batch_reads_count(const struct batch *b)
{
    size_t n = 0;

    for (enum read_kind kind = READ_GAMES; kind < READ_KINDS; kind++)
        n += count(b, kind);
    return n;
}

size_t
batch_early_reads(const struct batch *b)
{
    return count(b, READ_GAMES);
}

/* The i-th of all; i is counted down to its place in its own kind. */
static enum read_kind
find(const struct batch *b, size_t *i)
{
    enum read_kind kind = READ_GAMES;

    for (; kind < READ_KINDS && *i >= count(b, kind); kind++)
        *i -= count(b, kind);
    return kind;
}

static void
read_figures(const struct batch *b, const struct group *group, struct redis_args *a)
{
    const struct figure *figure;

    if (group->kind == GROUP_RANKED) {
        batch_ranked_read_command(b, group, a);
        return;
    }
    redis_args_str(a, group->kind == GROUP_BOARD ? "ZMSCORE" : "HMGET");
    redis_args_str(a, group->key);
    for (figure = group->figures; figure != NULL; figure = figure->next)
        if (!figure->known)
            redis_args_add(a, figure->name.s, figure->name.len);
}

void
batch_read_command(const struct batch *b, size_t i, struct redis_args *a)
{
    switch (find(b, &i)) {
    case READ_GAMES:
        batch_games_read_command(b, i, a);
        break;
    case READ_FIGURES:
        read_figures(b, b->unknown[i], a);
        break;
    case READ_LEDGERS:
        batch_ledgers_read_command(b, i, a);
        break;
    case READ_SEEN:
        batch_seen_read_command(b, a);
        break;
    case READ_BOUNDS:
        batch_bounds_read_command(b, a);
        break;
    case READ_QUARANTINE:
        batch_quarantine_read_command(b, i, a);
        break;
    case READ_KINDS:
        break;
    }
}

static int
take_figures(const struct batch *b, const struct group *group, const struct redisReply *reply)
{
    struct figure *figure;
    size_t n = 0;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != group->nunknown)
        return -1;
    for (figure = group->figures; figure != NULL; figure = figure->next) {
        const struct redisReply *value;
        struct event_text text;

        if (figure->known)
            continue;
        value = reply->element[n++];
        text = (struct event_text){value->str, value->len};
        figure->exists = value->type != REDIS_REPLY_NIL;
        figure->value = 0;
        if (value->type == REDIS_REPLY_STRING && batch_ranked_has_places(b, group))
            text = batch_ranked_score(b, group, value, &figure->reached);
        figure->broken =
            figure->exists && (value->type != REDIS_REPLY_STRING ||
                               text_parse_double(text.s, text.len, &figure->value) < 0);
        figure->known = !figure->broken; /* somebody may put it right */
    }
    return 0;
}

int
batch_read_reply(struct batch *b, size_t i, const struct redisReply *reply)
{
    switch (find(b, &i)) {
    case READ_GAMES:
        return batch_games_read_reply(b, i, reply);
    case READ_FIGURES:
        return take_figures(b, b->unknown[i], reply);
    case READ_LEDGERS:
        return batch_ledgers_read_reply(b, i, reply);
    case READ_SEEN:
        return batch_seen_read_reply(b, reply);
    case READ_BOUNDS:
        return batch_bounds_read_reply(b, reply);
    case READ_QUARANTINE:
        return batch_quarantine_read_reply(b, i, reply);
    case READ_KINDS:
        break;
    }
    return -1;
}
