/*
 * Reading single games: one by its id, and all that hold a player. The latter is two reads, since
 * the games' keys follow from what the first one answers: a game that goes in between is left out.
 */
#include <hiredis/hiredis.h>
#include <string.h>

#include "lib/lobby/lobby_internal.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"

/* Of games' objects together: so many of 64 players with long names. */
#define MINE_BYTES_MAX (4 << 20)

static void
on_viewed(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_op *op = cookie;
    struct redis_text object;

    op->redis_awaited--;
    if (outcome != REDIS_DONE || reply->type != REDIS_REPLY_ARRAY) {
        lobby_op_fail_redis(op, outcome, reply);
    } else {
        object = redis_text_at(reply, 0);
        if (object.len == 0)
            lobby_op_fail(op, LOBBY_NOT_FOUND, "", "");
        else
            lobby_op_answer_json(op, object.s, object.len);
    }
    lobby_op_done(op);
}

void
lobby_view(struct lobby *lobby, const struct product *product, const char *game_id,
           const struct token_player *player, lobby_fn *fn, void *cookie)
{
    struct lobby_op *op = lobby_op_new(lobby, product, player, fn, cookie);
    struct redis_args *a = &lobby->args;

    if (op == NULL)
        return;
    redis_args_reset(a);
    redis_args_fcall(a, "games_view", true);
    redis_args_key(a, KEY_GAME, product->id, game_id);
    redis_args_add(a, op->player.user_id, op->player.user_id_len);
    redis_args_str(a, "any");
    lobby_op_send(op, on_viewed);
}

static void
on_mine(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_op *op = cookie;
    struct buf json;

    op->redis_awaited--;
    buf_init(&json, MINE_BYTES_MAX);
    buf_byte(&json, '[');
    for (size_t i = 0; outcome == REDIS_DONE && i < reply->elements; i++) {
        struct redis_text object = redis_text_at(reply, i);

        buf_str(&json, i > 0 ? "," : "");
        buf_add(&json, object.s, object.len);
    }
    buf_byte(&json, ']');
    if (outcome != REDIS_DONE)
        lobby_op_fail_redis(op, outcome, reply);
    else if (!buf_ok(&json))
        lobby_op_fail(op, LOBBY_FAILED, "", "the caller's games are too large");
    else
        lobby_op_answer_json(op, json.data, json.len);
    buf_free(&json);
    lobby_op_done(op);
}

/* held: ids with blanks between them, `*` behind some. */
static void
read_held(struct lobby_op *op, const char *held)
{
    struct redis_args *a = &op->lobby->args;
    char id[TEXT_GAME_ID_LEN + 1];

    redis_args_reset(a);
    redis_args_fcall(a, "games_view", true);
    while (*held != '\0') {
        snprintf(id, sizeof id, "%.*s", (int)strcspn(held, "* "), held);
        redis_args_key(a, KEY_GAME, op->product->id, id);
        held += strcspn(held, " ");
        held += strspn(held, " ");
    }
    redis_args_add(a, op->player.user_id, op->player.user_id_len);
    redis_args_str(a, "own");
    lobby_op_send(op, on_mine);
}

static void
on_held(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_op *op = cookie;

    op->redis_awaited--;
    if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_STRING)
        read_held(op, reply->str);
    else if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_NIL)
        lobby_op_answer_json(op, "[]", 2);
    else
        lobby_op_fail_redis(op, outcome, reply);
    lobby_op_done(op);
}

void
lobby_mine(struct lobby *lobby, const struct product *product, const struct token_player *player,
           lobby_fn *fn, void *cookie)
{
    struct lobby_op *op = lobby_op_new(lobby, product, player, fn, cookie);
    struct redis_args *a = &lobby->args;

    if (op == NULL)
        return;
    redis_args_reset(a);
    redis_args_str(a, "HGET");
    redis_args_printf(a, KEY_HOLDERS, product->id);
    redis_args_add(a, player->user_id, player->user_id_len);
    lobby_op_send(op, on_held);
}
