/* See store.h: one place for what each read can end in. */
#include "fcgi/store.h"

#include <hiredis/hiredis.h>

#include "fcgi/app.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/router.h"
#include "lib/product/product.h"

void
store_read(struct request *r, struct redis_args *a, redis_fn *fn)
{
    redis_send(r->app->redis, a, fn, r);
    redis_args_free(a);
}

void
store_fail(struct request *r, enum redis_outcome outcome, const char *reason)
{
    struct log_context context = request_log_context(r);
    const struct log_context *before;

    if (outcome == REDIS_UNAVAILABLE || outcome == REDIS_LOST) {
        reply_unavailable(r, STORE_RETRY_AFTER, "The store cannot be reached");
        return;
    }
    before = log_set_context(&context);
    log_error("store", "unusable answer", LOG_S("reason", reason));
    log_set_context(before);
    reply_problem(r, 500, "The store does not work at present");
}

bool
store_repeats(struct request *r, enum redis_outcome outcome, const struct redisReply *reply)
{
    if (!generation_moved(r->product, outcome, reply))
        return false;
    buf_reset(&r->answer);
    r->route->fn(r);
    return true;
}

bool
store_usable(struct request *r, enum redis_outcome outcome, const struct redisReply *reply)
{
    if (outcome == REDIS_DONE)
        return true;
    store_fail(r, outcome, outcome == REDIS_REFUSED ? reply->str : NULL);
    return false;
}
