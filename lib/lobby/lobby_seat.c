/*
 * Creating and joining games.
 *
 * Create and join are the same operation with other names: an intent in Redis, a question to the
 * game server, and then what its answer means. An operation whose game server was late has answered
 * its player, and lives on until it is known what the game server did.
 */
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "lib/boards/names.h"
#include "lib/lobby/gameserver.h"
#include "lib/lobby/lobby_internal.h"
#include "lib/lobby/servers.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"

/* --- the game server's answer ----------------------------------------------------------------- */

/* A game server may refuse players before the creator has come: then a quick match looks for a
 * listed game. */
static bool
wants_another(struct lobby_op *op)
{
    if (!op->quick || !op->join || !op->early || op->failure != LOBBY_REFUSED)
        return false;
    op->listed_only = true;
    return lobby_quick_again(op);
}

static void op_create(struct lobby_op *op);

/* On another game server. */
static void
begin_again(struct lobby_op *op)
{
    if (op->quick)
        lobby_quick_decide(op);
    else
        op_create(op);
}

/* The game server has made a game, or may do so, and it is not known whether Redis has heard of it.
 */
static void
undo_until_known(const struct lobby_op *op)
{
    lobby_undo(op->lobby, op->product->id, op->game_id, op->server->url, op->undo_until);
}

static void
on_undone(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_op *op = cookie;

    /* Where Redis does not answer, a reservation's deadline passes and the curator undoes it; so
     * does an intent's, where Redis comes back with it. */
    (void)reply;
    op->redis_awaited--;
    if (outcome != REDIS_DONE && !op->join && op->undo_until > 0)
        undo_until_known(op);
    if (op->again && outcome == REDIS_DONE)
        begin_again(op);
    else if (op->fn != NULL && !wants_another(op))
        lobby_op_fail(op, op->failure, "", op->reason);
    lobby_op_done(op);
}

/* The game server did not do it (until 0), or has to be told to undo it. */
void
lobby_op_undo(struct lobby_op *op, wall_ms until)
{
    struct redis_args *a = lobby_call(op->lobby, op->join ? "seat_release" : "create_failed",
                                      op->product->id, op->game_id);

    op->undo_until = until;
    redis_args_int(a, clock_wall());
    redis_args_int(a, until);
    if (op->join)
        redis_args_add(a, op->player.user_id, op->player.user_id_len);
    else
        redis_args_str(a, op->server != NULL ? op->server->url : "");
    lobby_op_send(op, on_undone);
}

/* The game, to who has a token now; of a quick match with whether it is a new one. */
static void
answer_object(struct lobby_op *op, struct redis_text object)
{
    struct buf json;

    if (!op->quick || object.len == 0) {
        lobby_op_answer_json(op, object.s, object.len);
        return;
    }
    buf_init(&json, object.len + 32);
    buf_add(&json, object.s, object.len - 1);
    buf_printf(&json, ",\"created\":%s}", op->join ? "false" : "true");
    if (buf_ok(&json))
        lobby_op_answer_json(op, json.data, json.len);
    else
        lobby_op_fail(op, LOBBY_FAILED, "", "out of memory");
    buf_free(&json);
}

static void
on_confirmed(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_op *op = cookie;
    const char *word = outcome == REDIS_DONE ? redis_text_at(reply, 0).s : "";

    op->redis_awaited--;
    if (strcmp(word, "ok") == 0)
        answer_object(op, redis_text_at(reply, 1));
    else if (strcmp(word, "gone") == 0 && op->join && lobby_quick_again(op)) {
        /* Another game, then. */
    } else if (strcmp(word, "gone") == 0) {
        lobby_op_fail(op, LOBBY_NO_LONGER_AVAILABLE, "", "");
    } else {
        if (!op->join) {
            op->undo_until = clock_wall();
            undo_until_known(op);
        }
        lobby_op_fail_redis(op, outcome, reply);
    }
    lobby_op_done(op);
}

static void
op_confirm(struct lobby_op *op, const struct gameserver_answer *answer)
{
    struct redis_args *a = lobby_call(op->lobby, op->join ? "seat_confirm" : "create_done",
                                      op->product->id, op->game_id);
    const struct product_timeouts *t = &op->product->timeouts;

    redis_args_int(a, clock_wall());
    if (op->join)
        redis_args_add(a, op->player.user_id, op->player.user_id_len);
    redis_args_add(a, answer->token, answer->token_len);
    redis_args_int(a, op->join ? t->seat : t->created);
    if (!op->join)
        redis_args_str(a, op->server->url);
    lobby_op_send(op, on_confirmed);
}

/* Whether a game that its game server was not even asked for is to be made on another one: not
 * where the player has waited as long as for one that does not answer. */
static bool
may_begin_again(const struct lobby_op *op)
{
    const struct lobby *lobby = op->lobby;

    return !op->join && clock_mono() - op->began < lobby->limits.game_server_timeout &&
           servers_other(lobby->client, op->product, op->server->url);
}

static void
on_game_server(void *cookie, const struct gameserver_answer *answer)
{
    struct lobby_op *op = cookie;

    op->late_awaited = answer->outcome == GAMESERVER_LATE;
    /* An HTTP answer that is not a good one is a refusal, whatever it did; none at all is not. */
    op->failure = answer->status != 0 ? LOBBY_REFUSED : LOBBY_GAME_SERVER_AWAY;
    if (answer->retry_after > 0)
        op->retry_after = answer->retry_after;
    if (answer->reason != NULL)
        snprintf(op->reason, sizeof op->reason, "%s", answer->reason);
    switch (answer->outcome) {
    case GAMESERVER_DONE:
        op_confirm(op, answer);
        break;
    case GAMESERVER_DOWN:
        op->again = may_begin_again(op);
        lobby_op_undo(op, 0);
        break;
    case GAMESERVER_REFUSED:
        lobby_op_undo(op, 0);
        break;
    case GAMESERVER_RUBBISH:
    case GAMESERVER_LATE:
        lobby_op_undo(op, clock_wall() + op->lobby->limits.game_server_late);
        break;
    }
}

/* The player was answered long ago; what is left is to undo what the game server did after all. */
static void
on_game_server_late(void *cookie, const struct gameserver_answer *answer)
{
    struct lobby_op *op = cookie;

    op->late_awaited = false;
    if (answer->outcome == GAMESERVER_REFUSED)
        lobby_op_undo(op, 0);
    else if (answer->outcome == GAMESERVER_DONE || answer->outcome == GAMESERVER_RUBBISH)
        lobby_op_undo(op, clock_wall());
    lobby_op_done(op);
}

/* A game server whose game has no settings is told of none: it is as old as the wire format. */
static bool
tells_settings(const struct lobby_op *op)
{
    return !op->join && op->product->settings != NULL;
}

void
lobby_op_ask(struct lobby_op *op, const char *url)
{
    gameserver_call(
        op->lobby->client,
        &(struct gameserver_request){.url = url,
                                     .action = op->join ? "join_game" : "create_game",
                                     .game_id = op->game_id,
                                     .user_id = op->player.user_id,
                                     .username = op->player.username,
                                     .settings = tells_settings(op) ? op->settings : NULL,
                                     .request_id = op->request_id[0] ? op->request_id : NULL,
                                     .wants_token = true},
        on_game_server, on_game_server_late, op);
}

/* --- the intent ------------------------------------------------------------------------------- */

static void
on_intent(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_op *op = cookie;

    op->redis_awaited--;
    if (outcome == REDIS_DONE && strcmp(redis_text_at(reply, 0).s, "ok") == 0)
        lobby_op_ask(op, op->join ? redis_text_at(reply, 1).s : op->server->url);
    else if (outcome != REDIS_DONE || !lobby_op_refused(op, reply))
        lobby_op_fail_redis(op, outcome, reply);
    lobby_op_done(op);
}

struct lobby_op *
lobby_op_start(struct lobby *lobby, const struct product *product,
               const struct token_player *player, const char *request_id, lobby_fn *fn,
               void *cookie)
{
    struct lobby_op *op = lobby_op_new(lobby, product, player, fn, cookie);

    if (op == NULL)
        return NULL;
    if (request_id != NULL)
        snprintf(op->request_id, sizeof op->request_id, "%s", request_id);
    op->began = clock_mono();
    names_keep(lobby->redis, &lobby->args, product, player);
    return op;
}

static void
add_option(struct redis_args *a, const char *name, int64_t value)
{
    redis_args_str(a, name);
    redis_args_int(a, value);
}

/* The arguments with which both intents begin: now, and when the curator may undo it. */
static void
add_times(struct redis_args *a, const struct lobby *lobby)
{
    wall_ms now = clock_wall();

    redis_args_int(a, now);
    redis_args_int(a, now + lobby->limits.game_server_timeout + LOBBY_INTENT_MARGIN);
}

void
lobby_add_new_game(struct redis_args *a, const struct lobby_op *op)
{
    const struct product *product = op->product;

    add_times(a, op->lobby);
    redis_args_str(a, op->game_id);
    redis_args_str(a, product->id);
    redis_args_add(a, op->player.user_id, op->player.user_id_len);
    redis_args_add(a, op->player.username, op->player.username_len);
    redis_args_int(a, product->players_max);
    redis_args_str(a, op->settings);
    redis_args_str(a, op->server != NULL ? op->server->url : "");
    redis_args_str(a, op->server != NULL ? op->server->socket_url : "");
    add_option(a, "games_max", product->limits.open_games);
    add_option(a, "seats_max", product->limits.seats);
    if (product->rejoin > 0)
        add_option(a, "rejoin", product->rejoin);
    if (product->host_migration)
        add_option(a, "migrates", 1);
}

static const char code_letters[] = "ABCDEFGHJKMNPRSTWXYZ";
#define CODE_LETTERS (sizeof code_letters - 1)
/* Of so many codes at least one is free, however many private games there are. */
#define CODES_AT_ONCE 4

void
lobby_make_code(char code[static LOBBY_CODE_LEN + 1])
{
    char hex[17];
    uint64_t n;

    text_random_hex(hex, 8);
    n = strtoull(hex, NULL, 16);
    for (size_t i = 0; i < LOBBY_CODE_LEN; i++) {
        code[i] = code_letters[n % CODE_LETTERS];
        n /= CODE_LETTERS;
    }
    code[LOBBY_CODE_LEN] = '\0';
}

static void
add_codes(struct redis_args *a)
{
    char codes[CODES_AT_ONCE * (LOBBY_CODE_LEN + 1) + 1] = "", *at = codes;

    for (int i = 0; i < CODES_AT_ONCE; i++) {
        lobby_make_code(at);
        at[LOBBY_CODE_LEN] = ' ';
        at += LOBBY_CODE_LEN + 1;
    }
    redis_args_str(a, "codes");
    redis_args_add(a, codes, sizeof codes - 2);
}

int
lobby_read_code(const char *s, size_t len, char ret_code[static LOBBY_CODE_LEN + 1])
{
    char code[LOBBY_CODE_LEN + 1];

    if (len != LOBBY_CODE_LEN)
        return -1;
    for (size_t i = 0; i < len; i++) {
        code[i] = s[i] >= 'a' && s[i] <= 'z' ? (char)(s[i] - 'a' + 'A') : s[i];
        if (code[i] == '\0' || strchr(code_letters, code[i]) == NULL)
            return -1;
    }
    code[LOBBY_CODE_LEN] = '\0';
    memcpy(ret_code, code, sizeof code);
    return 0;
}

void
lobby_op_choose(struct lobby_op *op)
{
    op->again = false;
    op->server = servers_choose(op->lobby->client, op->product);
    if (op->server == NULL)
        op->retry_after = LOBBY_DRAINED_RETRY_AFTER;
}

/* The first time, or once more. */
static void
op_create(struct lobby_op *op)
{
    struct redis_args *a;

    lobby_op_choose(op);
    if (op->server == NULL) {
        lobby_op_fail(op, LOBBY_DRAINED, "", "");
        return;
    }
    text_random_hex(op->game_id, TEXT_GAME_ID_LEN / 2);
    a = lobby_call(op->lobby, "create_intent", op->product->id, op->game_id);
    redis_args_key(a, KEY_BANNED, op->product->id);
    lobby_add_new_game(a, op);
    if (op->is_private)
        add_codes(a);
    lobby_op_send(op, on_intent);
}

void
lobby_create(struct lobby *lobby, const struct product *product, const struct token_player *player,
             const struct lobby_wish *wish, const char *request_id, lobby_fn *fn, void *cookie)
{
    struct lobby_op *op = lobby_op_start(lobby, product, player, request_id, fn, cookie);

    if (op == NULL)
        return;
    op->is_private = wish->is_private;
    op->settings = strdup(wish->settings);
    if (op->settings != NULL)
        op_create(op);
    else
        lobby_op_fail(op, LOBBY_FAILED, "", "out of memory");
    lobby_op_done(op);
}

static void
op_reserve(struct lobby_op *op)
{
    struct redis_args *a = lobby_call(op->lobby, "seat_reserve", op->product->id, op->game_id);

    redis_args_key(a, KEY_BANNED, op->product->id);
    add_times(a, op->lobby);
    redis_args_add(a, op->player.user_id, op->player.user_id_len);
    add_option(a, "seats_max", op->product->limits.seats);
    redis_args_str(a, "name");
    redis_args_add(a, op->player.username, op->player.username_len);
    redis_args_str(a, "code");
    redis_args_str(a, op->code);
    lobby_op_send(op, on_intent);
}

void
lobby_join(struct lobby *lobby, const struct product *product, const char *game_id,
           const struct token_player *player, const char *request_id, lobby_fn *fn, void *cookie)
{
    struct lobby_op *op = lobby_op_start(lobby, product, player, request_id, fn, cookie);

    if (op == NULL)
        return;
    op->join = true;
    snprintf(op->game_id, sizeof op->game_id, "%s", game_id);
    op_reserve(op);
}

static void
on_code(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_op *op = cookie;

    op->redis_awaited--;
    if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_STRING) {
        snprintf(op->game_id, sizeof op->game_id, "%s", reply->str);
        op_reserve(op);
    } else if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_NIL) {
        lobby_op_fail(op, LOBBY_NOT_FOUND, "", "");
    } else {
        lobby_op_fail_redis(op, outcome, reply);
    }
    lobby_op_done(op);
}

void
lobby_join_code(struct lobby *lobby, const struct product *product,
                const char code[static LOBBY_CODE_LEN + 1], const struct token_player *player,
                const char *request_id, lobby_fn *fn, void *cookie)
{
    struct lobby_op *op = lobby_op_start(lobby, product, player, request_id, fn, cookie);
    struct redis_args *a = &lobby->args;

    if (op == NULL)
        return;
    op->join = true;
    memcpy(op->code, code, sizeof op->code);
    redis_args_reset(a);
    redis_args_str(a, "HGET");
    redis_args_printf(a, KEY_CODES, product->id);
    redis_args_str(a, code);
    lobby_op_send(op, on_code);
}
