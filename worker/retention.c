/*
 * Past windows of one product: see retention.h.
 *
 * {p}:<generation>:windows lists the keys of boards by the end of their windows. Every tick looks
 * at the next so many of those that have ended. A window of a board or a kind that the game's file
 * does not have (any more) stays: a slip in a file must not cost what was counted.
 */
#include "worker/retention.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "lib/rules/event.h"
#include "worker/mem.h"
#include "worker/past.h"
#include "worker/worker.h"

#define TICK ((dur_ms)10000)
#define WINDOWS_A_TICK 500

struct retention {
    struct lane *lane;
    struct loop_timer *timer;
    bool busy;
    wall_ms now;    /* the time of the look that is under way */
    int64_t offset; /* windows that were looked at and stay */
};

/* What is applied, up to when; 0: not known. An event from the future ends no window. */
static wall_ms
applied_until(const struct lane *lane)
{
    struct event_id id;
    wall_ms now = clock_wall();

    if (lane->place != LANE_READY ||
        event_id_parse(lane->checkpoint, strlen(lane->checkpoint), &id) == -1)
        return 0;
    return id.ms < (uint64_t)now ? (wall_ms)id.ms : now;
}

static void
on_dropped(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct retention *r = cookie;

    r->lane->busy--;
    r->busy = false;
    if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_INTEGER)
        log_info("worker", "past windows removed", LOG_S("product", r->lane->id),
                 LOG_I("windows", reply->integer));
}

static void
on_ended(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct retention *r = cookie;
    struct redis_args a;
    size_t n;

    r->lane->busy--;
    r->busy = false;
    if (outcome != REDIS_DONE || reply->type != REDIS_REPLY_ARRAY)
        return;
    redis_args_init(&a);
    n = past_drop(r->lane->product, &r->lane->generation, reply, r->now, &a);
    r->offset = reply->elements < WINDOWS_A_TICK ? 0 : r->offset + (int64_t)(reply->elements - n);
    if (n > 0) {
        r->busy = true;
        r->lane->busy++;
        redis_send(r->lane->worker->state, &a, on_dropped, r);
    }
    redis_args_free(&a);
}

static void
tick(void *cookie)
{
    struct retention *r = cookie;
    const struct worker *w = r->lane->worker;
    struct redis_args a;

    loop_timer_set(r->timer, TICK);
    if (!r->lane->held || w->settling || w->reloading || w->stopping || r->busy)
        return;
    r->now = applied_until(r->lane);
    if (r->now <= 0)
        return;
    r->busy = true;
    r->lane->busy++;
    redis_args_init(&a);
    redis_args_str(&a, "ZRANGE");
    redis_args_printf(&a, KEYG_WINDOWS, r->lane->id, r->lane->generation.s);
    redis_args_str(&a, "-inf");
    redis_args_int(&a, r->now);
    redis_args_str(&a, "BYSCORE");
    redis_args_str(&a, "LIMIT");
    redis_args_int(&a, r->offset);
    redis_args_int(&a, WINDOWS_A_TICK);
    redis_send(w->state, &a, on_ended, r);
    redis_args_free(&a);
}

struct retention *
retention_new(struct lane *lane)
{
    struct retention *r = mem_alloc(1, sizeof(*r));

    r->lane = lane;
    r->timer = loop_timer_new(lane->worker->loop, tick, r);
    if (r->timer == NULL)
        mem_out();
    loop_timer_set(r->timer, TICK / 10);
    return r;
}

void
retention_free(struct retention *r)
{
    if (r == NULL)
        return;
    loop_timer_free(r->timer);
    free(r);
}
