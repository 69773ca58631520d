/* What checkpoints and the stream's count say, for the worker and for varcadectl: see position.h.
 */
#include <hiredis/hiredis.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "worker/position.h"

int
position_checkpoint(const char *s, size_t len, struct event_id *ret_id)
{
    const char *mark = memchr(s, '/', len);
    size_t id = mark != NULL ? (size_t)(mark - s) : len;
    int64_t n;

    if (len >= EVENT_ID_SIZE ||
        (mark != NULL && text_parse_int(mark + 1, len - id - 1, 1, INT64_MAX, &n) != 0))
        return -1;
    return event_id_parse(s, id, ret_id);
}

void
position_ask(struct redis_args *a, const char *product_id, const char *stream)
{
    redis_args_str(a, "HMGET");
    redis_args_printf(a, KEY_POSITION, product_id, stream);
    redis_args_str(a, "id");
    redis_args_str(a, "entries");
    redis_args_str(a, "events");
    redis_args_str(a, "since");
}

struct position
position_take(const struct redisReply *reply, const char *checkpoint)
{
    struct redisReply *const *field = reply->element;
    struct position position = {.entries = -1};

    if (checkpoint[0] == '\0')
        return (struct position){.entries = 0};
    if (position_checkpoint(checkpoint, strlen(checkpoint), &position.events.since) < 0 ||
        reply->type != REDIS_REPLY_ARRAY || reply->elements != 4 ||
        field[0]->type != REDIS_REPLY_STRING || field[0]->len != strlen(checkpoint) ||
        memcmp(field[0]->str, checkpoint, field[0]->len) != 0)
        return position;
    if (field[1]->type == REDIS_REPLY_STRING &&
        text_parse_int(field[1]->str, field[1]->len, 0, INT64_MAX, &position.entries) < 0)
        position.entries = -1;
    if (field[2]->type == REDIS_REPLY_STRING && field[3]->type == REDIS_REPLY_STRING &&
        (text_parse_int(field[2]->str, field[2]->len, 0, INT64_MAX, &position.events.n) < 0 ||
         event_id_parse(field[3]->str, field[3]->len, &position.events.since) < 0))
        position.events.n = 0;
    return position;
}

static int
read_id(const struct redisReply *reply, struct event_id *ret_id)
{
    if (reply->type != REDIS_REPLY_STRING)
        return -1;
    return event_id_parse(reply->str, reply->len, ret_id);
}

static int
read_int(const struct redisReply *reply, int64_t *ret_n)
{
    if (reply->type != REDIS_REPLY_INTEGER)
        return -1;
    *ret_n = reply->integer;
    return 0;
}

/* One of XINFO's pairs, where it is one that matters here. */
static int
read_pair(const struct redisReply *name, const struct redisReply *value,
          struct position_stream *stream)
{
    struct event_text key = {.s = name->str, .len = name->len};

    if (name->type != REDIS_REPLY_STRING && name->type != REDIS_REPLY_STATUS)
        return -1;
    if (event_text_is(key, "length"))
        return read_int(value, &stream->length);
    if (event_text_is(key, "entries-added"))
        return read_int(value, &stream->added);
    if (event_text_is(key, "last-generated-id"))
        return read_id(value, &stream->last);
    if (event_text_is(key, "recorded-first-entry-id"))
        return read_id(value, &stream->first);
    return 0;
}

int
position_stream_read(const struct redisReply *reply, struct position_stream *ret_stream)
{
    struct position_stream stream = {.length = 0};
    size_t i;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0)
        return -1;
    for (i = 0; i < reply->elements; i += 2)
        if (read_pair(reply->element[i], reply->element[i + 1], &stream) < 0)
            return -1;
    *ret_stream = stream;
    return 0;
}

struct position_ahead
position_ahead(const struct position_stream *stream, struct event_id at, int64_t entries)
{
    struct position_ahead ahead = {.entries = entries};
    bool all_unread = stream->length > 0 && event_id_compare(at, stream->first) < 0;
    bool none_unread = stream->length == 0 || event_id_compare(at, stream->last) >= 0;
    int64_t counted = stream->added - (all_unread ? stream->length : 0);

    ahead.replaced = event_id_compare(stream->last, at) < 0;
    if (ahead.replaced)
        ahead.entries = -1;
    else if (!all_unread && !none_unread)
        return ahead; /* nothing can be missing: the first entry is one that was read */
    else {
        ahead.entries = counted;
        if (entries >= 0)
            ahead.lost = counted >= entries ? counted - entries : -1;
        else
            ahead.lost = all_unread && counted > 0 ? -1 : 0;
    }
    return ahead;
}
