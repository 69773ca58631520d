/*
 * What a batch reads, in one pipeline: the figures of each key, and what it needs to know beside
 * them.
 */
#include <hiredis/hiredis.h>

#include "lib/base/text.h"
#include "lib/redis/redis.h"
#include "worker/batch/batch.h"
#include "worker/batch/batch_private.h"

size_t
batch_reads(const struct batch *b)
{
    return b->nunknown + b->nledgers + batch_seen_reads(b) + batch_bounds_reads(b) +
           batch_quarantine_reads(b) + batch_games_reads(b);
}

/* What is read behind groups and ledgers; i is counted down to its place in its own kind. */
enum other_read { READ_SEEN, READ_BOUNDS, READ_QUARANTINE, READ_GAMES };

static enum other_read
find_other(const struct batch *b, size_t *i)
{
    *i -= b->nunknown + b->nledgers;
    if (*i < batch_seen_reads(b))
        return READ_SEEN;
    *i -= batch_seen_reads(b);
    if (*i < batch_bounds_reads(b))
        return READ_BOUNDS;
    *i -= batch_bounds_reads(b);
    if (*i < batch_quarantine_reads(b))
        return READ_QUARANTINE;
    *i -= batch_quarantine_reads(b);
    return READ_GAMES;
}

static void
read_other_command(const struct batch *b, size_t i, struct redis_args *a)
{
    switch (find_other(b, &i)) {
    case READ_SEEN:
        batch_seen_read_command(b, a);
        break;
    case READ_BOUNDS:
        batch_bounds_read_command(b, a);
        break;
    case READ_QUARANTINE:
        batch_quarantine_read_command(b, i, a);
        break;
    case READ_GAMES:
        batch_games_read_command(b, i, a);
        break;
    }
}

static int
read_other_reply(struct batch *b, size_t i, const struct redisReply *reply)
{
    switch (find_other(b, &i)) {
    case READ_SEEN:
        return batch_seen_read_reply(b, reply);
    case READ_BOUNDS:
        return batch_bounds_read_reply(b, reply);
    case READ_QUARANTINE:
        return batch_quarantine_read_reply(b, i, reply);
    case READ_GAMES:
        return batch_games_read_reply(b, i, reply);
    }
    return -1;
}

void
batch_read_command(const struct batch *b, size_t i, struct redis_args *a)
{
    const struct group *group;
    const struct figure *figure;

    if (i >= b->nunknown + b->nledgers) {
        read_other_command(b, i, a);
        return;
    }
    if (i >= b->nunknown) {
        batch_ledgers_read_command(b, i - b->nunknown, a);
        return;
    }
    group = b->unknown[i];
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

int
batch_read_reply(struct batch *b, size_t i, const struct redisReply *reply)
{
    struct group *group;
    struct figure *figure;
    size_t n = 0;

    if (i >= b->nunknown + b->nledgers)
        return read_other_reply(b, i, reply);
    if (i >= b->nunknown)
        return batch_ledgers_read_reply(b, i - b->nunknown, reply);
    group = b->unknown[i];
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
            text = batch_ranked_score(value);
        figure->broken =
            figure->exists && (value->type != REDIS_REPLY_STRING ||
                               text_parse_double(text.s, text.len, &figure->value) < 0);
        figure->known = !figure->broken; /* somebody may put it right */
    }
    return 0;
}
