/*
 * Quick match. The function quick_match gives the player a seat in an open game, or makes the
 * intent for a new one; then it goes on as for who joins or creates (lobby_seat.c). A seat can be
 * in a game that another player's quick match is just having made: then it has to be waited for
 * that the game server has it. Where a game comes to nothing meanwhile, it is begun again. Where
 * all game servers are drained, only open games will do.
 */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/loop.h"
#include "lib/lobby/lobby_internal.h"
#include "lib/product/generation.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/rules/rules.h"

#define TRIES_MAX 4
/* How often it is looked whether a game is made. */
#define LOOK_MS 40

bool
lobby_quick_again(struct lobby_op *op)
{
    if (!op->quick || ++op->tries >= TRIES_MAX)
        return false;
    op->join = false;
    lobby_quick_decide(op);
    return true;
}

/* The game that the seat was in is gone, and the seat with it. */
static void
op_over(struct lobby_op *op)
{
    if (!lobby_quick_again(op))
        lobby_op_fail(op, LOBBY_NO_LONGER_AVAILABLE, "", "");
}

/* The game is still being made. */
static void
op_wait(struct lobby_op *op)
{
    if (clock_mono() < op->wait_until) {
        loop_timer_set(op->timer, LOOK_MS);
        return;
    }
    op->failure = LOBBY_GAME_SERVER_AWAY;
    snprintf(op->reason, sizeof op->reason, "the game is not made in time");
    lobby_op_undo(op, 0);
}

static void
on_looked(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_op *op = cookie;
    const char *state = outcome == REDIS_DONE ? redis_text_at(reply, 0).s : "";

    op->redis_awaited--;
    if (outcome != REDIS_DONE)
        lobby_op_fail_redis(op, outcome, reply);
    else if (strcmp(state, "creating") == 0)
        op_wait(op);
    else if (state[0] == '\0' || strcmp(state, "removing") == 0 || strcmp(state, "ended") == 0)
        op_over(op);
    else
        lobby_op_ask(op, redis_text_at(reply, 1).s);
    lobby_op_done(op);
}

static void
on_timer(void *cookie)
{
    struct lobby_op *op = cookie;
    struct redis_args *a = &op->lobby->args;

    redis_args_reset(a);
    redis_args_str(a, "HMGET");
    redis_args_printf(a, KEY_GAME, op->product->id, op->game_id);
    redis_args_str(a, "state");
    redis_args_str(a, "server");
    lobby_op_send(op, on_looked);
}

/* No game is there to join, and the intent for a new one is made: its place may be nowhere. */
static void
create(struct lobby_op *op)
{
    if (op->server != NULL) {
        lobby_op_ask(op, op->server->url);
        return;
    }
    op->failure = LOBBY_DRAINED;
    lobby_op_undo(op, 0);
}

static void
on_decided(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_op *op = cookie;
    const char *word = outcome == REDIS_DONE ? redis_text_at(reply, 0).s : "";

    op->redis_awaited--;
    if (generation_moved(op->product, outcome, reply)) {
        lobby_quick_decide(op);
    } else if (strcmp(word, "create") == 0) {
        create(op);
    } else if (strcmp(word, "join") == 0) {
        op->join = true;
        snprintf(op->game_id, sizeof op->game_id, "%s", redis_text_at(reply, 1).s);
        op->wait_until = clock_mono() + op->lobby->limits.game_server_timeout;
        /* A game server may want its creator to come first; then only games that are listed will
         * do. */
        op->early = strcmp(redis_text_at(reply, 2).s, "creator_joined") != 0;
        if (strcmp(redis_text_at(reply, 2).s, "creating") == 0)
            op_wait(op);
        else
            lobby_op_ask(op, redis_text_at(reply, 3).s);
    } else if (outcome != REDIS_DONE || !lobby_op_refused(op, reply)) {
        lobby_op_fail_redis(op, outcome, reply);
    }
    lobby_op_done(op);
}

void
lobby_quick_decide(struct lobby_op *op)
{
    struct lobby *lobby = op->lobby;
    const char *generation = op->product->generation->s;
    struct redis_args *a;

    lobby_op_choose(op);
    text_random_hex(op->game_id, TEXT_GAME_ID_LEN / 2);
    a = lobby_call(lobby, "quick_match", op->product->id, op->game_id);
    redis_args_key(a, KEY_BANNED, op->product->id);
    if (op->board >= 0) {
        const struct rules_board *board = rules_board_at(op->product->rules, (size_t)op->board);

        redis_args_key(a, KEY_GENERATION, op->product->id);
        redis_args_key(a, KEYG_BOARD, op->product->id, generation, board->id, "all");
    }
    lobby_add_new_game(a, op);
    redis_args_str(a, "terms");
    redis_args_str(a, op->terms);
    redis_args_str(a, "listed");
    redis_args_int(a, op->listed_only);
    redis_args_str(a, "generation");
    redis_args_str(a, generation);
    lobby_op_send(op, on_decided);
}

void
lobby_quick_match(struct lobby *lobby, const struct product *product,
                  const struct token_player *player, const struct lobby_wish *wish,
                  const char *request_id, lobby_fn *fn, void *cookie)
{
    struct lobby_op *op = lobby_op_start(lobby, product, player, request_id, fn, cookie);

    if (op == NULL)
        return;
    op->quick = true;
    op->board = wish->board;
    op->settings = strdup(wish->settings);
    op->terms = strdup(wish->terms);
    op->timer = loop_timer_new(lobby->loop, on_timer, op);
    if (op->settings == NULL || op->terms == NULL || op->timer == NULL) {
        lobby_op_fail(op, LOBBY_FAILED, "", "out of memory");
        lobby_op_done(op);
        return;
    }
    lobby_quick_decide(op);
}
