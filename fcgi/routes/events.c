/*
 * POST /events/{product}: first the key, then the body, then all events to the stream in one step.
 * The key is looked up anew for each request, so that a revoked one ends at once.
 */
#include "fcgi/routes/events.h"

#include <hiredis/hiredis.h>
#include <string.h>

#include "fcgi/app.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/routes/eventbody.h"
#include "fcgi/store.h"
#include "lib/access/gamekey.h"
#include "lib/access/token.h"
#include "lib/config/conf.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"

#define WHY_MAX 2048

/* The key that came with r. The caller wipes it. */
static int
read_key(const struct request *r, struct gamekey *ret_key)
{
    const char *header = r->authorization != NULL ? r->authorization : "";
    const char *key;
    size_t len;

    if (token_from_header(header, strlen(header), &key, &len) != 0)
        return -1;
    return gamekey_parse(key, len, ret_key);
}

static void
refuse_key(struct request *r, const char *id, int status, const char *detail)
{
    log_info("events", "key refused", LOG_S("request_id", r->id), LOG_S("product", r->product->id),
             LOG_S("key", id), LOG_S("reason", detail));
    if (status == 401)
        reply_header(r, "WWW-Authenticate", "Bearer");
    reply_problem(r, status, detail);
}

static void
got_ids(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;

    if (!store_usable(r, outcome, reply))
        return;
    if (reply->type != REDIS_REPLY_ARRAY) {
        store_fail(r, REDIS_DONE, "events: not an array of ids");
        return;
    }
    buf_str(&r->answer, "{\"ids\":[");
    for (size_t i = 0; i < reply->elements; i++) {
        if (i > 0)
            buf_byte(&r->answer, ',');
        buf_json_string(&r->answer, reply->element[i]->str, reply->element[i]->len);
    }
    buf_str(&r->answer, "]}");
    reply_answer(r, 202, "application/json");
}

static void
add_events(struct request *r)
{
    struct redis_args a;
    struct buf why;

    buf_init(&why, WHY_MAX);
    redis_args_init(&a);
    redis_args_fcall(&a, "events_add", false);
    redis_args_key(&a, "%s", r->app->settings->conf->stream_name);
    if (eventbody_read(r->body != NULL ? r->body : "", r->body_len, r->product->id, &a, &why) == 0)
        redis_send(r->app->stream, &a, got_ids, r);
    else
        reply_problem(r, 400, why.data != NULL ? why.data : "The events cannot be read");
    redis_args_free(&a);
    buf_free(&why);
}

static void
got_key(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;
    struct gamekey_record record;
    struct gamekey key;
    bool known;

    if (!store_usable(r, outcome, reply))
        return;
    if (read_key(r, &key) != 0 ||
        (reply->type == REDIS_REPLY_STRING && gamekey_read(reply->str, reply->len, &record) != 0)) {
        store_fail(r, REDIS_DONE, "events: not a key's record");
        return;
    }
    known = reply->type == REDIS_REPLY_STRING && gamekey_matches(&key, &record);
    text_wipe(key.secret, sizeof(key.secret));
    if (!known)
        refuse_key(r, key.id, 401, "The key is not one of this game's");
    else if (!gamekey_counts(&record, clock_wall()))
        refuse_key(r, key.id, 403, "The key was revoked");
    else
        add_events(r);
}

void
events_post(struct request *r)
{
    struct redis_args a;
    struct gamekey key;

    if (read_key(r, &key) != 0) {
        refuse_key(r, "", 401, "A key of the game is needed: Bearer <id>.<secret>");
        return;
    }
    text_wipe(key.secret, sizeof(key.secret));
    redis_args_init(&a);
    redis_args_str(&a, "HGET");
    redis_args_printf(&a, KEY_KEYS, r->product->id);
    redis_args_str(&a, key.id);
    store_read(r, &a, got_key);
}
