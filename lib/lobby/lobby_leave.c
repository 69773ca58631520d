/*
 * Giving up a seat, and a game of one's own. The game server is not called here: what it has to be
 * told is owed from then on, is due at once, and the curator tells it, however often that takes.
 */
#include <hiredis/hiredis.h>
#include <string.h>

#include "lib/lobby/lobby_internal.h"
#include "lib/product/product.h"

static void
on_left(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_op *op = cookie;
    char json[TEXT_GAME_ID_LEN + 64];

    op->redis_awaited--;
    if (outcome == REDIS_DONE && strcmp(redis_text_at(reply, 0).s, "ok") == 0) {
        bool removed = strcmp(redis_text_at(reply, 1).s, "removed") == 0;
        int len = snprintf(json, sizeof json, "{\"game_id\":\"%s\",\"removed\":%s}", op->game_id,
                           removed ? "true" : "false");

        lobby_op_answer_json(op, json, (size_t)len);
    } else if (outcome != REDIS_DONE || !lobby_op_refused(op, reply)) {
        lobby_op_fail_redis(op, outcome, reply);
    }
    lobby_op_done(op);
}

/* Begin what a player does to a game: `function` with the game's keys, and the time. Returns the
 * operation, or NULL where it is answered already; ret_a takes the arguments that are left. */
static struct lobby_op *
begin(struct lobby *lobby, const char *function, const struct product *product, const char *game_id,
      const struct token_player *player, lobby_fn *fn, void *cookie, struct redis_args **ret_a)
{
    struct lobby_op *op = lobby_op_new(lobby, product, player, fn, cookie);

    if (op == NULL)
        return NULL;
    snprintf(op->game_id, sizeof op->game_id, "%s", game_id);
    *ret_a = lobby_call(lobby, function, product->id, op->game_id);
    redis_args_int(*ret_a, clock_wall());
    return op;
}

void
lobby_leave(struct lobby *lobby, const struct product *product, const char *game_id,
            const struct token_player *player, lobby_fn *fn, void *cookie)
{
    struct redis_args *a;
    struct lobby_op *op = begin(lobby, "seat_leave", product, game_id, player, fn, cookie, &a);

    if (op == NULL)
        return;
    /* Who has the seat by quick match may wait for the game to be made, and only then ask for it.
     */
    redis_args_int(a, lobby->limits.game_server_late + lobby->limits.game_server_timeout +
                          LOBBY_INTENT_MARGIN);
    redis_args_int(a, product->timeouts.creator_joined);
    redis_args_add(a, player->user_id, player->user_id_len);
    lobby_op_send(op, on_left);
}

void
lobby_remove(struct lobby *lobby, const struct product *product, const char *game_id,
             const struct token_player *player, lobby_fn *fn, void *cookie)
{
    struct redis_args *a;
    struct lobby_op *op = begin(lobby, "game_remove", product, game_id, player, fn, cookie, &a);

    if (op == NULL)
        return;
    redis_args_add(a, player->user_id, player->user_id_len);
    lobby_op_send(op, on_left);
}
