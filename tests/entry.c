/* Entries of a stream made by hand. Every text is a block of its own size, so that a sanitizer sees
 * whoever counts on a NUL behind it. */
#include "tests/entry.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

static void *
must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static struct redisReply *
reply_new(int type)
{
    struct redisReply *reply = must(calloc(1, sizeof(*reply)));

    reply->type = type;
    return reply;
}

static struct redisReply *
string_new(const void *data, size_t len)
{
    struct redisReply *reply = reply_new(REDIS_REPLY_STRING);

    reply->str = must(malloc(len > 0 ? len : 1));
    if (len > 0)
        memcpy(reply->str, data, len);
    reply->len = len;
    return reply;
}

static struct redisReply *
array_new(size_t n)
{
    struct redisReply *reply = reply_new(REDIS_REPLY_ARRAY);

    reply->element = must(calloc(n > 0 ? n : 1, sizeof(*reply->element)));
    reply->elements = n;
    return reply;
}

struct redisReply *
entry_new(const char *id, const char *const *texts, size_t n)
{
    struct redisReply *entry = array_new(2);

    entry->element[0] = string_new(id, strlen(id));
    entry->element[1] = array_new(n);
    for (size_t i = 0; i < n; i++)
        entry->element[1]->element[i] =
            texts[i] != NULL ? string_new(texts[i], strlen(texts[i])) : reply_new(REDIS_REPLY_NIL);
    return entry;
}

static size_t
count_byte(const char *data, size_t len, char byte)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += data[i] == byte;
    return n;
}

struct redisReply *
entry_split(const char *data, size_t len)
{
    size_t nfields = len > 1 ? count_byte(data + 1, len - 1, data[0]) : 0;
    struct redisReply *entry = array_new(2);
    const char *at = len > 0 ? data + 1 : data, *end = data + len;

    entry->element[1] = array_new(nfields);
    for (size_t i = 0; i <= nfields; i++) {
        const char *stop = at < end ? memchr(at, data[0], (size_t)(end - at)) : NULL;
        struct redisReply *text = string_new(at, (size_t)((stop != NULL ? stop : end) - at));

        if (i == 0)
            entry->element[0] = text;
        else
            entry->element[1]->element[i - 1] = text;
        at = stop != NULL ? stop + 1 : end;
    }
    return entry;
}

void
entry_set(struct redisReply *entry, size_t i, const void *data, size_t len)
{
    struct redisReply *fields = entry->element[1];

    entry_free(fields->element[i]);
    fields->element[i] = string_new(data, len);
}

void
entry_free(struct redisReply *entry)
{
    if (entry == NULL)
        return;
    for (size_t i = 0; i < entry->elements; i++)
        entry_free(entry->element[i]);
    free(entry->element);
    free(entry->str);
    free(entry);
}
