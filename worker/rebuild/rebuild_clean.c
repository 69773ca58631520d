/* What a rebuild removes: keys of generations that nobody reads, a few at a time, and past windows.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/ctl/ctl.h"
#include "worker/past.h"
#include "worker/rebuild/rebuild.h"

#define SCAN_COUNT 1000
#define WINDOWS_A_LOOK 500

/* Whether the key is of a generation that is to go. */
static bool
is_left_over(const struct rebuild *r, const struct generation *only, const char *key)
{
    const char *number = key + strlen(r->product->id) + strlen("{}:");
    size_t digits = strspn(number, "0123456789");
    const char *named = only != NULL ? only->s : r->live.s;
    bool same = strlen(named) == digits && memcmp(number, named, digits) == 0;

    return digits > 0 && number[digits] == ':' && same == (only != NULL);
}

static bool
unlink_all(struct rebuild *r, struct redis_args *a, size_t n)
{
    struct redisReply *reply;

    if (n == 0) {
        redis_args_free(a);
        return true;
    }
    reply = ctl_redis_call(r->c, a);
    if (reply != NULL)
        freeReplyObject(reply);
    return reply != NULL;
}

bool
rebuild_clean(struct rebuild *r, const struct generation *only)
{
    char cursor[32] = "0";

    do {
        struct redisReply *reply;
        struct redis_args a;
        size_t n = 0;

        redis_args_init(&a);
        redis_args_str(&a, "SCAN");
        redis_args_str(&a, cursor);
        redis_args_str(&a, "MATCH");
        redis_args_printf(&a, "{%s}:[0-9]*", r->product->id);
        redis_args_str(&a, "COUNT");
        redis_args_int(&a, SCAN_COUNT);
        reply = ctl_redis_call(r->c, &a);
        if (reply == NULL)
            return false;
        redis_args_init(&a);
        redis_args_str(&a, "UNLINK");
        (void)snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
        for (size_t i = 0; i < reply->element[1]->elements; i++)
            if (is_left_over(r, only, reply->element[1]->element[i]->str)) {
                redis_args_str(&a, reply->element[1]->element[i]->str);
                n++;
            }
        freeReplyObject(reply);
        if (!unlink_all(r, &a, n))
            return false;
    } while (strcmp(cursor, "0") != 0);
    return true;
}

bool
rebuild_drop_past(struct rebuild *r, wall_ms now)
{
    wall_ms present = clock_wall();
    int64_t offset = 0;
    size_t listed;

    if (now > present)
        now = present; /* an event from the future ends no window */
    do {
        struct redisReply *reply, *done;
        struct redis_args a;
        size_t n;

        redis_args_init(&a);
        redis_args_str(&a, "ZRANGE");
        redis_args_printf(&a, KEYG_WINDOWS, r->product->id, r->own.s);
        redis_args_str(&a, "-inf");
        redis_args_int(&a, now);
        redis_args_str(&a, "BYSCORE");
        redis_args_str(&a, "LIMIT");
        redis_args_int(&a, offset);
        redis_args_int(&a, WINDOWS_A_LOOK);
        reply = ctl_redis_call(r->c, &a);
        if (reply == NULL)
            return false;
        listed = reply->elements;
        redis_args_init(&a);
        n = past_drop(r->product, &r->own, reply, now, &a);
        freeReplyObject(reply);
        offset += (int64_t)(listed - n);
        if (n == 0) {
            redis_args_free(&a);
            continue;
        }
        done = ctl_redis_call(r->c, &a);
        if (done == NULL)
            return false;
        freeReplyObject(done);
    } while (listed == WINDOWS_A_LOOK);
    return true;
}
