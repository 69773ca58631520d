/* See idempotent.h. A process that dies while it does the request leaves the key taken for
 * PENDING_MS. */
#include "fcgi/idempotent.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <openssl/evp.h>
#include <string.h>

#include "fcgi/app.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/router.h"
#include "fcgi/store.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"

#define KEEP_MS 86400000
/* Longer than any handler waits for a game server. */
#define PENDING_MS 60000
#define BUSY_RETRY_MS 1000

bool
idempotent_asked(const struct request *r)
{
    return r->method == REQUEST_POST && (r->route->needs & ROUTE_TOKEN) &&
           r->idempotency_key != NULL;
}

static bool
key_is_good(const char *key)
{
    size_t len = strlen(key);

    for (size_t i = 0; i < len; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return len > 0 && len <= IDEMPOTENT_KEY_MAX;
}

/* What makes it another request: its target and its body. */
static void
add_fingerprint(struct redis_args *a, const struct request *r)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool done = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(hash, r->raw_target, strlen(r->raw_target) + 1) == 1 &&
                (r->body_len == 0 || EVP_DigestUpdate(hash, r->body, r->body_len) == 1) &&
                EVP_DigestFinal_ex(hash, digest, &len) == 1;

    EVP_MD_CTX_free(hash);
    assert(done);
    redis_args_add(a, digest, len);
}

/* The user id may have any character: its length in front keeps two players' keys apart. */
static void
add_request_key(struct redis_args *a, const struct request *r)
{
    redis_args_key(a, KEY_REQUEST, r->product->id, r->player.user_id_len, r->player.user_id,
                   r->idempotency_key);
}

static void
replay(struct request *r, const struct redisReply *reply)
{
    int64_t status = 0;

    if (reply->elements < 4 || reply->element[1]->type != REDIS_REPLY_STRING ||
        reply->element[2]->type != REDIS_REPLY_STRING ||
        reply->element[3]->type != REDIS_REPLY_STRING ||
        text_parse_int(reply->element[1]->str, reply->element[1]->len, 100, 599, &status) != 0) {
        store_fail(r, REDIS_DONE, "what was kept of the first answer is not understood");
        return;
    }
    buf_add(&r->headers, reply->element[2]->str, reply->element[2]->len);
    reply_header(r, "Idempotent-Replayed", "true");
    buf_reset(&r->answer);
    buf_add(&r->answer, reply->element[3]->str, reply->element[3]->len);
    reply_as_built(r, (int)status);
}

static void
on_begun(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;
    const char *word;

    if (!store_usable(r, outcome, reply))
        return;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
        reply->element[0]->type != REDIS_REPLY_STRING) {
        store_fail(r, REDIS_DONE, "the function's answer is not understood");
        return;
    }
    word = reply->element[0]->str;
    if (strcmp(word, "new") == 0) {
        r->idempotent = true;
        r->route->fn(r);
    } else if (strcmp(word, "again") == 0) {
        replay(r, reply);
    } else if (strcmp(word, "busy") == 0) {
        reply_later(r, 409, BUSY_RETRY_MS, "The first request with this key is still being done");
    } else if (strcmp(word, "other") == 0) {
        reply_problem(r, 422, "This Idempotency-Key was of another request");
    } else {
        reply_later(r, 429, reply->elements > 1 ? reply->element[1]->integer : KEEP_MS,
                    "Too many different Idempotency-Keys");
    }
}

void
idempotent_begin(struct request *r)
{
    struct redis_args a;

    if (!key_is_good(r->idempotency_key)) {
        reply_problem(r, 400, "Idempotency-Key must be 1 to 128 visible ASCII characters");
        return;
    }
    text_random_hex(r->idempotent_owner, REQUEST_OWNER_LEN / 2);
    redis_args_init(&a);
    redis_args_fcall(&a, "request_begin", false);
    add_request_key(&a, r);
    redis_args_key(&a, KEY_REQUESTS, r->product->id, r->player.user_id);
    add_fingerprint(&a, r);
    redis_args_str(&a, r->idempotent_owner);
    redis_args_int(&a, PENDING_MS);
    redis_args_int(&a, KEEP_MS);
    redis_args_int(&a, IDEMPOTENT_KEYS_MAX);
    store_read(r, &a, on_begun);
}

void
idempotent_end(struct request *r, int status)
{
    bool is_kept = status != 409 && status != 429 && status < 500;
    struct redis_args a;

    if (!r->idempotent)
        return;
    redis_args_init(&a);
    redis_args_fcall(&a, "request_end", false);
    add_request_key(&a, r);
    redis_args_str(&a, r->idempotent_owner);
    redis_args_int(&a, KEEP_MS);
    redis_args_int(&a, is_kept ? status : 0);
    redis_args_add(&a, r->headers.data, r->headers.len);
    redis_args_add(&a, r->answer.data, r->answer.len);
    redis_send(r->app->redis, &a, NULL, NULL);
    redis_args_free(&a);
}
