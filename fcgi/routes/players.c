/* A player's statistics: what is stored, as it is stored, which is decimal text. And who is found
 * by a name. */
#include "fcgi/routes/players.h"

#include <hiredis/hiredis.h>
#include <string.h>

#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/store.h"
#include "lib/base/text.h"
#include "lib/boards/names.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"

static void
got_stats(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;

    if (store_repeats(r, outcome, reply) || !store_usable(r, outcome, reply))
        return;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0) {
        store_fail(r, REDIS_DONE, "stats: not a hash");
        return;
    }
    buf_byte(&r->answer, '{');
    for (size_t i = 0; i < reply->elements; i += 2) {
        const struct redisReply *name = reply->element[i];
        const struct redisReply *value = reply->element[i + 1];

        if (i > 0)
            buf_str(&r->answer, ", ");
        buf_json_string(&r->answer, name->str, name->len);
        buf_str(&r->answer, ": ");
        buf_json_string(&r->answer, value->str, value->len);
    }
    buf_byte(&r->answer, '}');
    reply_answer(r, 200, "application/json");
}

void
players_stats(struct request *r)
{
    char user_id[TEXT_USER_ID_MAX + 1] = "";
    struct redis_args a;

    if (!text_is_name(r->arg.s, r->arg.len)) {
        reply_problem(r, 400, "Invalid user ID");
        return;
    }
    memcpy(user_id, r->arg.s, r->arg.len);
    redis_args_init(&a);
    generation_begin(&a, r->product);
    redis_args_key(&a, KEYG_STATS, r->product->id, r->product->generation->s, user_id);
    generation_command(&a, r->product, "HGETALL");
    store_read(r, &a, got_stats);
}

static void
got_found(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;

    if (store_repeats(r, outcome, reply) || !store_usable(r, outcome, reply))
        return;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0) {
        store_fail(r, REDIS_DONE, "names: not ids and names");
        return;
    }
    buf_byte(&r->answer, '[');
    for (size_t i = 0; i < reply->elements; i += 2) {
        const struct redisReply *user = reply->element[i];
        const struct redisReply *name = reply->element[i + 1];

        buf_str(&r->answer, i > 0 ? ", {\"user_id\": " : "{\"user_id\": ");
        buf_json_string(&r->answer, user->str, user->len);
        buf_str(&r->answer, ", \"username\": ");
        if (name->type == REDIS_REPLY_STRING)
            buf_json_string(&r->answer, name->str, name->len);
        else
            buf_str(&r->answer, "null");
        buf_byte(&r->answer, '}');
    }
    buf_byte(&r->answer, ']');
    reply_answer(r, 200, "application/json");
}

void
players_search(struct request *r)
{
    struct target_text search = target_param(&r->target, "search");
    char text[TEXT_USER_ID_MAX + 1] = "";
    struct redis_args a;
    int64_t limit;

    if (search.s == NULL || !text_is_name(search.s, search.len)) {
        reply_problem(r, 400, "search must be 1 to 128 bytes of UTF-8 without control characters");
        return;
    }
    if (target_integer(&r->target, "limit", NAMES_FIND_DEFAULT, NAMES_FIND_MAX, &limit) != 0) {
        reply_problem(r, 400, "limit must be an integer, 0 or more");
        return;
    }
    memcpy(text, search.s, search.len);
    redis_args_init(&a);
    names_find_command(&a, r->product, text, limit);
    store_read(r, &a, got_found);
}
