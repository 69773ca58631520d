/* Deadlines of one product: see curator.h. */
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/lobby/lobby.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "worker/consumer.h"
#include "worker/curator.h"
#include "worker/mem.h"
#include "worker/worker.h"

#define TICK ((dur_ms)250)
#define GAMES_A_ROUND ((size_t)100)
#define COUNTS_TICKS 8 /* how often the figures of the lobby are read: every so many ticks */

struct curator {
    struct lane *lane;
    struct loop_timer *timer;
    bool busy;
    unsigned ticks;
};

static void
on_counts(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct lane *lane = cookie;

    lane->busy--;
    if (outcome == REDIS_DONE)
        report_counts(lane, reply);
}

static void
read_counts(struct lane *lane)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "HMGET");
    redis_args_printf(&a, KEY_COUNTS, lane->id);
    redis_args_str(&a, "players_in_lobby");
    redis_args_str(&a, "players_in_game");
    redis_args_str(&a, "games");
    redis_args_str(&a, "seats_too_many");
    lane->busy++;
    redis_send(lane->worker->state, &a, on_counts, lane);
    redis_args_free(&a);
}

static void
on_round(void *cookie, const struct lobby_expired *done)
{
    struct curator *c = cookie;

    c->lane->busy--;
    c->busy = false;
    report_expired(c->lane, done);
    /* A full round: there is more to do. */
    loop_timer_set(c->timer, done->games == GAMES_A_ROUND ? 0 : TICK);
}

static void
tick(void *cookie)
{
    struct curator *c = cookie;
    struct lane *lane = c->lane;
    const struct worker *w = lane->worker;
    wall_ms now = consumer_caught_up(lane);

    loop_timer_set(c->timer, TICK);
    if (!lane->held || w->settling || w->stopping || c->busy)
        return;
    if (c->ticks++ % COUNTS_TICKS == 0)
        read_counts(lane);
    if (now <= 0)
        return;
    c->busy = true;
    lane->busy++;
    lobby_expire_due(w->lobby, lane->product, now, GAMES_A_ROUND, on_round, c);
}

bool
curator_is_busy(const struct curator *c)
{
    return c != NULL && c->busy;
}

struct curator *
curator_new(struct lane *lane)
{
    struct curator *c = mem_alloc(1, sizeof(*c));

    c->lane = lane;
    c->timer = loop_timer_new(lane->worker->loop, tick, c);
    if (c->timer == NULL)
        mem_out();
    loop_timer_set(c->timer, TICK);
    return c;
}

void
curator_free(struct curator *c)
{
    if (c == NULL)
        return;
    loop_timer_free(c->timer);
    free(c);
}
