/*
 * The lobby's calls of Redis functions, and its operations: one small struct each, which goes from
 * step to step as Redis and the game server answer. What the steps are is in lobby_seat.c,
 * lobby_leave.c and lobby_view.c.
 */
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>
#include <utlist.h>

#include "lib/access/token.h"
#include "lib/base/loop.h"
#include "lib/base/text.h"
#include "lib/lobby/gameserver.h"
#include "lib/lobby/lobby_internal.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"

struct lobby *
lobby_new(struct loop *loop, struct redis *redis, struct gameserver_client *client,
          const struct lobby_limits *limits)
{
    struct lobby *lobby = calloc(1, sizeof *lobby);

    if (lobby == NULL)
        return NULL;
    lobby->loop = loop;
    lobby->redis = redis;
    lobby->client = client;
    lobby->limits = *limits;
    redis_args_init(&lobby->args);
    return lobby;
}

static void
op_free(struct lobby_op *op)
{
    free(op->settings);
    free(op->terms);
    loop_timer_free(op->timer);
    free(op);
}

void
lobby_free(struct lobby *lobby)
{
    struct lobby_op *op, *next;

    if (lobby == NULL)
        return;
    DL_FOREACH_SAFE (lobby->ops, op, next) {
        op_free(op);
    }
    lobby_free_listings(lobby);
    lobby_free_rounds(lobby);
    lobby_free_undoings(lobby);
    redis_args_free(&lobby->args);
    free(lobby);
}

void
lobby_add_keys(struct redis_args *a, const char *product_id)
{
    redis_args_key(a, KEY_DEADLINES, product_id);
    redis_args_key(a, KEY_LOBBY, product_id);
    redis_args_key(a, KEY_PUBLIC, product_id);
    redis_args_key(a, KEY_COUNTS, product_id);
    redis_args_key(a, KEY_HOLDERS, product_id);
    redis_args_key(a, KEY_INDEX, product_id);
    redis_args_key(a, KEY_CODES, product_id);
}

struct redis_args *
lobby_call(struct lobby *lobby, const char *function, const char *product_id, const char *game_id)
{
    struct redis_args *a = &lobby->args;

    redis_args_reset(a);
    redis_args_fcall(a, function, false);
    redis_args_key(a, KEY_GAME, product_id, game_id);
    lobby_add_keys(a, product_id);
    return a;
}

enum lobby_result
lobby_result_of(enum redis_outcome outcome)
{
    switch (outcome) {
    case REDIS_DONE:
        return LOBBY_DONE;
    case REDIS_UNAVAILABLE:
    case REDIS_LOST:
        return LOBBY_REDIS_AWAY;
    case REDIS_REFUSED:
        break;
    }
    return LOBBY_FAILED;
}

/* --- operations ----------------------------------------------------------------------- */

void
lobby_op_done(struct lobby_op *op)
{
    if (op->fn != NULL || op->late_awaited || op->redis_awaited > 0)
        return;
    DL_DELETE(op->lobby->ops, op);
    op_free(op);
}

static void
op_answer(struct lobby_op *op, const struct lobby_answer *answer)
{
    lobby_fn *fn = op->fn;

    op->fn = NULL;
    fn(op->cookie, answer);
}

void
lobby_op_answer_json(struct lobby_op *op, const char *json, size_t len)
{
    op_answer(op, &(struct lobby_answer){
                      .result = LOBBY_DONE, .json = json, .len = len, .state = "", .reason = ""});
}

void
lobby_op_fail(struct lobby_op *op, enum lobby_result result, const char *state, const char *reason)
{
    op_answer(op, &(struct lobby_answer){.result = result,
                                         .json = "",
                                         .state = state,
                                         .reason = reason,
                                         .retry_after = op->retry_after});
}

void
lobby_fail_redis(lobby_fn *fn, void *cookie, dur_ms retry_after, enum redis_outcome outcome,
                 const redisReply *reply)
{
    struct lobby_answer answer = {.result = lobby_result_of(outcome),
                                  .json = "",
                                  .state = "",
                                  .reason = "the function's answer is not understood",
                                  .retry_after = retry_after};

    if (outcome == REDIS_DONE)
        answer.result = LOBBY_FAILED;
    else if (reply == NULL)
        answer.reason =
            outcome == REDIS_LOST ? "connection to Redis lost" : "not connected to Redis";
    else if (reply->type == REDIS_REPLY_ERROR)
        answer.reason = reply->str;
    fn(cookie, &answer);
}

/* A command of this operation did not do what it should. */
void
lobby_op_fail_redis(struct lobby_op *op, enum redis_outcome outcome, const redisReply *reply)
{
    lobby_fn *fn = op->fn;

    op->fn = NULL;
    lobby_fail_redis(fn, op->cookie, op->retry_after, outcome, reply);
}

struct lobby_op *
lobby_op_new(struct lobby *lobby, const struct product *product, const struct token_player *player,
             lobby_fn *fn, void *cookie)
{
    struct lobby_op *op = calloc(1, sizeof *op);

    if (op == NULL) {
        fn(cookie, &(struct lobby_answer){
                       .result = LOBBY_FAILED, .json = "", .state = "", .reason = "out of memory"});
        return NULL;
    }
    op->lobby = lobby;
    op->product = product;
    op->fn = fn;
    op->cookie = cookie;
    op->retry_after = LOBBY_RETRY_AFTER;
    if (player != NULL)
        op->player = *player;
    DL_APPEND(lobby->ops, op);
    return op;
}

void
lobby_op_send(struct lobby_op *op, redis_fn *fn)
{
    op->redis_awaited++;
    redis_send(op->lobby->redis, &op->lobby->args, fn, op);
}

bool
lobby_op_refused(struct lobby_op *op, const redisReply *reply)
{
    static const struct {
        const char *word;
        enum lobby_result result;
    } refusals[] = {{"not_found", LOBBY_NOT_FOUND},
                    {"state", LOBBY_INVALID_STATE},
                    {"taken", LOBBY_NO_LONGER_AVAILABLE},
                    {"limit", LOBBY_LIMIT},
                    {"banned", LOBBY_BANNED},
                    {"not_in_game", LOBBY_NOT_IN_GAME},
                    {"not_creator", LOBBY_NOT_CREATOR}};
    const char *word = redis_text_at(reply, 0).s;

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (strcmp(word, refusals[i].word) == 0) {
            if (refusals[i].result == LOBBY_LIMIT)
                op->retry_after = LOBBY_LIMIT_RETRY_AFTER;
            lobby_op_fail(op, refusals[i].result, redis_text_at(reply, 1).s,
                          redis_text_at(reply, 2).s);
            return true;
        }
    }
    return false;
}
