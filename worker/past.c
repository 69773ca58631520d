/* Past windows: see past.h. */
#include "worker/past.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "lib/rules/rules.h"

bool
past_is_gone(const struct product *product, const struct generation *generation, const char *key,
             size_t len, wall_ms now)
{
    char head[sizeof(KEYG_BOARD_HEAD) + TEXT_PRODUCT_ID_MAX + GENERATION_SIZE];
    size_t skip = (size_t)snprintf(head, sizeof(head), KEYG_BOARD_HEAD, product->id, generation->s);
    const char *colon;
    struct window window;
    int board;

    if (len < skip || memcmp(key, head, skip) != 0)
        return false;
    key += skip;
    len -= skip;
    colon = memchr(key, ':', len);
    board = colon != NULL ? rules_board_find(product->rules, key, (size_t)(colon - key)) : -1;
    if (board == -1)
        return false;
    len -= (size_t)(colon + 1 - key);
    for (int kind = 0; kind < WINDOW_KINDS; kind++) {
        const struct window_plan *plan = &rules_board_at(product->rules, (size_t)board)->windows;

        if (plan->has[kind] && window_named(plan, (enum window_kind)kind, colon + 1, len, &window))
            return window.starts < window_horizon(plan, (enum window_kind)kind, now);
    }
    return false;
}

size_t
past_drop(const struct product *product, const struct generation *generation,
          const struct redisReply *listed, wall_ms now, struct redis_args *a)
{
    size_t n = 0;

    redis_args_fcall(a, "windows_drop", false);
    redis_args_key(a, KEYG_WINDOWS, product->id, generation->s);
    for (size_t i = 0; i < listed->elements; i++) {
        const struct redisReply *key = listed->element[i];

        if (key->type != REDIS_REPLY_STRING ||
            !past_is_gone(product, generation, key->str, key->len, now))
            continue;
        redis_args_key(a, "%s", key->str);
        redis_args_key(a, "%s" KEYS_SCORES, key->str);
        redis_args_key(a, "%s" KEYS_COUNTS, key->str);
        redis_args_key(a, "%s" KEYS_MEMBERS, key->str);
        redis_args_key(a, "%s" KEYS_HIDDEN, key->str);
        n++;
    }
    return n;
}
