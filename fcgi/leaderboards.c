/* The top ten, where the web server has no snapshot of it; the same bytes (lib/topten.h). */
#include "fcgi/leaderboards.h"

#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/store.h"
#include "lib/topten.h"

static void
answer(struct request *r, const struct redisReply *reply)
{
    if (topten_render(reply, &r->answer) != 0)
        store_fail(r, REDIS_DONE, "top ten: not an array of players and scores");
    else
        reply_answer(r, 200, "application/json");
}

static void
got_top_ten(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;

    if (store_usable(r, outcome, reply))
        answer(r, reply);
}

void
leaderboards_top_ten(struct request *r)
{
    struct redis_args a;

    redis_args_init(&a);
    if (topten_command(&a, r->product))
        store_read(r, &a, got_top_ten);
    else
        answer(r, NULL);
}
