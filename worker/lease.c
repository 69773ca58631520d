/* Leases: see lease.h. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "lib/config/conf.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "worker/consumer.h"
#include "worker/lease.h"
#include "worker/mem.h"
#include "worker/position.h"
#include "worker/worker.h"

#define OWNER_RANDOM_BYTES 8

struct leases {
    struct worker *worker;
    struct loop_timer *timer;
    char owner[2 * OWNER_RANDOM_BYTES + 1];
};

static void
hold(struct lane *lane, bool held)
{
    if (lane->held != held) {
        lane->held = held;
        lane->place = LANE_UNKNOWN;
        lane->lag = (struct lag){.entries = 0};
        metric_set(lane->report.held, held);
        log_info("worker", held ? "lease taken" : "lease lost", LOG_S("product", lane->id));
    }
    /* Also where loading it failed before: this is the pace at which that is tried again. */
    if (held && lane->place == LANE_UNKNOWN)
        position_load(lane);
}

static void
on_lease(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct lane *lane = cookie;

    lane->busy--;
    lane->asked = false;
    if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_INTEGER)
        hold(lane, reply->integer == 1);
    else if (outcome != REDIS_DONE && reply != NULL &&
             report_allowed(&lane->worker->report.trouble_lines, loop_now(lane->worker->loop)))
        log_error("worker", "Redis refuses the lease", LOG_S("product", lane->id),
                  LOG_B("error", reply->str, reply->len));
}

static void
send_lease(const struct leases *l, const struct lane *lane, dur_ms ms, redis_fn *fn, void *cookie)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_fcall(&a, "lease", false);
    redis_args_key(&a, KEY_LEASE, lane->id);
    redis_args_str(&a, l->owner);
    redis_args_int(&a, ms);
    redis_send(l->worker->state, &a, fn, cookie);
    redis_args_free(&a);
}

void
leases_ask(struct leases *l)
{
    struct worker *w = l->worker;
    dur_ms ms = w->conf->worker_lease;
    size_t i;

    loop_timer_set(l->timer, ms / 3);
    consumer_tell_lag(w->consumer);
    if (!redis_is_up(w->state) || w->stopping)
        return;
    for (i = 0; i < w->nlanes; i++) {
        struct lane *lane = w->lanes[i];

        /* A reload waits for the moment when no answer is under way. */
        if (lane->asked || w->reloading)
            continue;
        lane->asked = true;
        lane->busy++;
        send_lease(l, lane, ms, on_lease, lane);
    }
}

static void
on_timer(void *cookie)
{
    leases_ask(cookie);
}

void
leases_drop(struct leases *l)
{
    size_t i;

    for (i = 0; i < l->worker->nlanes; i++)
        hold(l->worker->lanes[i], false);
}

void
leases_release(struct leases *l)
{
    size_t i;

    for (i = 0; i < l->worker->nlanes; i++)
        if (l->worker->lanes[i]->held)
            send_lease(l, l->worker->lanes[i], 1, NULL, NULL);
}

struct leases *
leases_new(struct worker *w)
{
    struct leases *l = mem_alloc(1, sizeof(*l));

    l->worker = w;
    text_random_hex(l->owner, OWNER_RANDOM_BYTES);
    l->timer = loop_timer_new(w->loop, on_timer, l);
    if (l->timer == NULL)
        mem_out();
    loop_timer_set(l->timer, 0);
    return l;
}

void
leases_free(struct leases *l)
{
    if (l == NULL)
        return;
    loop_timer_free(l->timer);
    free(l);
}
