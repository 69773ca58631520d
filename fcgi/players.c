/* A player's statistics: what is stored, as it is stored, which is decimal text. */
#include "fcgi/players.h"

#include <hiredis/hiredis.h>
#include <string.h>

#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/store.h"
#include "lib/keys.h"
#include "lib/product.h"
#include "lib/text.h"

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
