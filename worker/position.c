/* Checkpoints are loaded here, and the stream's count is compared with ours: see position.h. */
#include <hiredis/hiredis.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/config/conf.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "worker/apply.h"
#include "worker/batch/rulings.h"
#include "worker/consumer.h"
#include "worker/position.h"
#include "worker/snapshots/snapshots.h"
#include "worker/worker.h"

#define HOLD ((dur_ms)20) /* how often a lane that is on hold looks again */

/* The checkpoint, the generation, and whether all is to wait, in one answer: a generation that
 * became live later comes with a checkpoint stated anew. */
static int
take_checkpoint(struct lane *lane, const struct redisReply *both)
{
    const struct redisReply *reply;
    struct event_id id = {0, 0};

    if (both->type != REDIS_REPLY_ARRAY || both->elements != 3 ||
        generation_take(both->element[1], &lane->generation) < 0)
        return -1;
    reply = both->element[0];
    if (reply->type == REDIS_REPLY_STRING) {
        if (position_checkpoint(reply->str, reply->len, &id) < 0)
            return -1;
        memcpy(lane->checkpoint, reply->str, reply->len + 1);
    } else {
        lane->checkpoint[0] = '\0';
    }
    lane->read = id;
    lane->on_hold = both->element[2]->type != REDIS_REPLY_NIL;
    return 0;
}

static void
trouble(struct lane *lane, const struct redisReply *reply)
{
    lane->place = LANE_UNKNOWN;
    if (reply != NULL &&
        report_allowed(&lane->worker->report.trouble_lines, loop_now(lane->worker->loop)))
        log_error("worker", "the checkpoint cannot be read", LOG_S("product", lane->id),
                  LOG_B("answer", reply->str, reply->len));
}

/* The first answer. */
static void
on_checkpoint(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct lane *lane = cookie;

    lane->busy--;
    if (lane->place == LANE_LOADING && (outcome != REDIS_DONE || take_checkpoint(lane, reply) < 0))
        trouble(lane, reply);
}

/* The answers in between. */
static void
on_ruling(struct lane *lane, enum redis_outcome outcome, const struct redisReply *reply,
          int (*take)(struct rulings *r, const struct redisReply *reply))
{
    lane->busy--;
    if (lane->place == LANE_LOADING && (outcome != REDIS_DONE || take(lane->rulings, reply) < 0))
        trouble(lane, reply);
}

static void
on_hidden(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    on_ruling(cookie, outcome, reply, rulings_take_hidden);
}

static void
on_closed(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    on_ruling(cookie, outcome, reply, rulings_take_closed);
}

static void
on_position(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct lane *lane = cookie;

    lane->busy--;
    if (lane->place == LANE_LOADING) {
        if (outcome != REDIS_DONE) {
            trouble(lane, reply);
        } else if (lane->on_hold) {
            lane->place = LANE_UNKNOWN;
            loop_timer_set(lane->again, HOLD);
        } else {
            struct position position = position_take(reply, lane->checkpoint);

            lane->read_entries = lane->moved_entries = position.entries;
            lane->read_events = lane->moved_events = position.events;
            lane->moved_at = loop_now(lane->worker->loop);
            lane->at_end = false;
            lane->place = LANE_READY;
            /* Whoever moved the checkpoint may have changed anything. */
            snapshots_refresh(lane->snapshots);
        }
    }
    consumer_wake(lane->worker->consumer);
}

void
position_again(void *cookie)
{
    struct lane *lane = cookie;

    if (lane->held && lane->place == LANE_UNKNOWN)
        position_load(lane);
}

void
position_load(struct lane *lane)
{
    struct worker *w = lane->worker;
    struct redis_args a;

    if (w->reloading || w->stopping)
        return;
    lane->place = LANE_LOADING;
    apply_forget(lane->apply);
    lane->busy += 4;
    redis_args_init(&a);
    redis_args_str(&a, "MGET");
    redis_args_printf(&a, KEY_CHECKPOINT, lane->id, w->conf->stream_name);
    redis_args_printf(&a, KEY_GENERATION, lane->id);
    redis_args_printf(&a, KEY_HOLD, lane->id);
    redis_send(w->state, &a, on_checkpoint, lane);
    redis_args_reset(&a);
    redis_args_str(&a, "SMEMBERS");
    redis_args_printf(&a, KEY_HIDDEN, lane->id);
    redis_send(w->state, &a, on_hidden, lane);
    redis_args_reset(&a);
    redis_args_str(&a, "HGETALL");
    redis_args_printf(&a, KEY_CLOSED, lane->id);
    redis_send(w->state, &a, on_closed, lane);
    redis_args_reset(&a);
    position_ask(&a, lane->id, w->conf->stream_name);
    redis_send(w->state, &a, on_position, lane);
    redis_args_free(&a);
}
