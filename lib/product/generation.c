/* Which generation of a product's figures is the live one: see generation.h. */
#include <hiredis/hiredis.h>
#include <string.h>

#include "lib/product/generation.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"

#define MOVED "GENERATION "

static int
parse(const char *s, size_t len, struct generation *ret)
{
    if (len == 0 || len >= GENERATION_SIZE || strspn(s, "0123456789") != len)
        return -1;
    memcpy(ret->s, s, len + 1);
    return 0;
}

int
generation_take(const struct redisReply *reply, struct generation *ret)
{
    if (reply->type == REDIS_REPLY_NIL) {
        *ret = GENERATION_FIRST;
        return 0;
    }
    return reply->type == REDIS_REPLY_STRING ? parse(reply->str, reply->len, ret) : -1;
}

bool
generation_moved(const struct product *product, enum redis_outcome outcome,
                 const struct redisReply *reply)
{
    static const size_t head = sizeof(MOVED) - 1;
    struct generation live;

    if (outcome != REDIS_REFUSED || reply->len < head || memcmp(reply->str, MOVED, head) != 0 ||
        parse(reply->str + head, reply->len - head, &live) < 0)
        return false;
    *product->generation = live;
    return true;
}

void
generation_begin(struct redis_args *a, const struct product *product)
{
    redis_args_fcall(a, "read", true);
    redis_args_key(a, KEY_GENERATION, product->id);
}

void
generation_command(struct redis_args *a, const struct product *product, const char *command)
{
    redis_args_str(a, product->generation->s);
    redis_args_str(a, command);
}
