/* Events that did not count: see aside.h. */
#include "worker/archive/aside.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)
#include <uthash.h>

#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "worker/mem.h"

struct aside {
    struct event_id id;
    UT_hash_handle hh;
};

void
aside_command(struct redis_args *a, const char *product_id, struct event_id from,
              struct event_id to)
{
    redis_args_str(a, "ZRANGE");
    redis_args_printf(a, KEY_ASIDE, product_id);
    redis_args_printf(a, "%llu", (unsigned long long)from.ms);
    redis_args_printf(a, "%llu", (unsigned long long)to.ms);
    redis_args_str(a, "BYSCORE");
}

void
aside_drop(struct redis_args *a, const char *product_id, struct event_id below)
{
    redis_args_str(a, "ZREMRANGEBYSCORE");
    redis_args_printf(a, KEY_ASIDE, product_id);
    redis_args_str(a, "-inf");
    redis_args_printf(a, "(%llu", (unsigned long long)below.ms);
}

int
aside_take(struct aside **set, const struct redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        return -1;
    for (size_t i = 0; i < reply->elements; i++) {
        const struct redisReply *text = reply->element[i];
        struct aside *mark = mem_alloc(1, sizeof(*mark));

        if (text->type != REDIS_REPLY_STRING ||
            event_id_parse(text->str, text->len, &mark->id) < 0 || aside_has(*set, mark->id))
            free(mark);
        else
            HASH_ADD(hh, *set, id, sizeof(mark->id), mark);
    }
    return 0;
}

bool
aside_has(const struct aside *set, struct event_id id)
{
    struct aside *mark;

    HASH_FIND(hh, set, &id, sizeof(id), mark);
    return mark != NULL;
}

void
aside_free(struct aside **set)
{
    struct aside *mark, *next;

    HASH_ITER (hh, *set, mark, next) {
        HASH_DEL(*set, mark);
        free(mark);
    }
}
