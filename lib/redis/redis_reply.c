/*
 * Where hiredis puts the answers of a connection: in chunks that are used again for the next one.
 *
 * hiredis allocates each string of an answer twice, and frees them one by one; that was a third of
 * what the worker did with an event. An answer is gone when its callback returns, and they are read
 * one after another, so that the first object of one releases all of the one before.
 */
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/redis/redis_impl.h"

#define CHUNK_SIZE ((size_t)256 << 10)
#define KEPT_MAX ((size_t)8 << 20) /* of memory, from one answer to the next */

/* Under the sanitizers hiredis' own blocks are used, so that they see each of them. */
#ifdef __has_feature
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#define SANITIZED true
#else
#define SANITIZED false
#endif

struct redis_chunk {
    struct redis_chunk *next;
    size_t size;
    max_align_t data[];
};

void
redis_replies_free(struct redis_replies *r)
{
    struct redis_chunk *chunk = r->first, *next;

    for (; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    *r = (struct redis_replies){.first = NULL};
}

static void
forget(struct redis_replies *r)
{
    if (r->size > KEPT_MAX)
        redis_replies_free(r);
    r->chunk = r->first;
    r->used = 0;
}

/* The next chunk that has room for len: the one behind, or else a new one there. */
static int
next_chunk(struct redis_replies *r, size_t len)
{
    struct redis_chunk *next = r->chunk != NULL ? r->chunk->next : NULL;
    size_t size = len > CHUNK_SIZE ? len : CHUNK_SIZE;

    if (next == NULL || next->size < len) {
        struct redis_chunk *chunk =
            size > SIZE_MAX - sizeof(*chunk) ? NULL : malloc(sizeof(*chunk) + size);

        if (chunk == NULL)
            return -1;
        chunk->size = size;
        chunk->next = next;
        if (r->chunk != NULL)
            r->chunk->next = chunk;
        else
            r->first = chunk;
        r->size += size;
        next = chunk;
    }
    r->chunk = next;
    r->used = 0;
    return 0;
}

static void *
take(struct redis_replies *r, size_t len)
{
    size_t align = sizeof(max_align_t);
    void *p;

    if (len > SIZE_MAX - align)
        return NULL;
    len = (len + align - 1) / align * align;
    if ((r->chunk == NULL || len > r->chunk->size - r->used) && next_chunk(r, len) < 0)
        return NULL;
    p = (char *)r->chunk->data + r->used;
    r->used += len;
    return p;
}

/* A reply with room for more bytes behind it, in its place in the array that it is of. */
static redisReply *
new_reply(const redisReadTask *task, int type, size_t more)
{
    struct redis_replies *r = task->privdata;
    redisReply *reply;

    if (task->parent == NULL)
        forget(r);
    reply = take(r, sizeof(*reply) + more);
    if (reply == NULL)
        return NULL;
    *reply = (redisReply){.type = type};
    if (task->parent != NULL)
        ((redisReply *)task->parent->obj)->element[task->idx] = reply;
    return reply;
}

static void *
create_string(const redisReadTask *task, char *s, size_t len)
{
    redisReply *reply = new_reply(task, task->type, len + 1);

    if (reply == NULL)
        return NULL;
    reply->str = (char *)(reply + 1);
    memcpy(reply->str, s, len);
    reply->str[len] = '\0';
    reply->len = len;
    return reply;
}

static void *
create_array(const redisReadTask *task, int elements)
{
    size_t n = (size_t)elements;
    redisReply *reply = new_reply(task, REDIS_REPLY_ARRAY, n * sizeof(redisReply *));

    if (reply == NULL)
        return NULL;
    reply->elements = n;
    reply->element = (redisReply **)(reply + 1);
    memset(reply->element, 0, n * sizeof(redisReply *));
    return reply;
}

static void *
create_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = new_reply(task, REDIS_REPLY_INTEGER, 0);

    if (reply != NULL)
        reply->integer = value;
    return reply;
}

static void *
create_nil(const redisReadTask *task)
{
    return new_reply(task, REDIS_REPLY_NIL, 0);
}

static void
free_object(void *reply)
{
    (void)reply;
}

void
redis_replies_use(struct redis_replies *r, redisReader *reader)
{
    /* hiredis wants it writable, and does not write. */
    static redisReplyObjectFunctions functions = {
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createNil = create_nil,
        .freeObject = free_object,
    };

    if (SANITIZED)
        return;
    reader->fn = &functions;
    reader->privdata = r;
}
