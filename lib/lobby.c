/*
 * Creating and joining games: one small struct an operation, which goes from step to step
 * as Redis and the game server answer.
 *
 * Create and join are the same operation with other names: an intent in Redis, a question to the
 * game server, and then what its answer means. An operation whose game server was late has answered
 * its player, and lives on until it is known what the game server did.
 */
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>
#include <utlist.h>

#include "lib/gameserver.h"
#include "lib/keys.h"
#include "lib/lobby_internal.h"
#include "lib/product.h"
#include "lib/text.h"
#include "lib/token.h"

/* How much longer than the game server's limit an intent holds: for the steps before and after. */
#define INTENT_MARGIN_MS 2000
/* Of a request's id, which only goes to logs. */
#define REQUEST_ID_SIZE 65

struct lobby_op {
    struct lobby *lobby;
    const struct product *product;
    lobby_fn *fn; /* NULL once it was called */
    void *cookie;
    bool join;
    bool late_awaited;         /* the game server's late answer is yet to come */
    unsigned redis_awaited;    /* answers of Redis yet to come */
    enum lobby_result failure; /* what to answer once Redis knows of it */
    dur_ms retry_after;
    char game_id[TEXT_GAME_ID_LEN + 1];
    char request_id[REQUEST_ID_SIZE];
    char reason[128];
    struct token_player player;
    struct lobby_op *prev, *next;
};

struct lobby *
lobby_new(struct redis *redis, struct gameserver_client *client, const struct lobby_limits *limits)
{
    struct lobby *lobby = calloc(1, sizeof *lobby);

    if (lobby == NULL)
        return NULL;
    lobby->redis = redis;
    lobby->client = client;
    lobby->limits = *limits;
    redis_args_init(&lobby->args);
    return lobby;
}

void
lobby_free(struct lobby *lobby)
{
    struct lobby_op *op, *next;

    if (lobby == NULL)
        return;
    DL_FOREACH_SAFE (lobby->ops, op, next) {
        free(op);
    }
    lobby_free_listings(lobby);
    lobby_free_rounds(lobby);
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
}

struct redis_args *
lobby_call(struct lobby *lobby, const char *function, const struct product *product,
           const char *game_id)
{
    struct redis_args *a = &lobby->args;

    redis_args_reset(a);
    redis_args_fcall(a, function, false);
    redis_args_key(a, KEY_GAME, product->id, game_id);
    lobby_add_keys(a, product->id);
    return a;
}

struct lobby_text
lobby_text_at(const struct redisReply *reply, size_t i)
{
    struct lobby_text t = {.s = "", .len = 0};

    if (reply->type == REDIS_REPLY_ARRAY && i < reply->elements &&
        reply->element[i]->type == REDIS_REPLY_STRING) {
        t.s = reply->element[i]->str;
        t.len = reply->element[i]->len;
    }
    return t;
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

/* --- an operation's end ----------------------------------------------------------------------- */

/* Forget the operation if nothing of it is under way. */
static void
op_done(struct lobby_op *op)
{
    if (op->fn != NULL || op->late_awaited || op->redis_awaited > 0)
        return;
    DL_DELETE(op->lobby->ops, op);
    free(op);
}

static void
op_answer(struct lobby_op *op, const struct lobby_answer *answer)
{
    lobby_fn *fn = op->fn;

    op->fn = NULL;
    fn(op->cookie, answer);
}

static void
op_answer_json(struct lobby_op *op, struct lobby_text json)
{
    op_answer(
        op, &(struct lobby_answer){
                .result = LOBBY_DONE, .json = json.s, .len = json.len, .state = "", .reason = ""});
}

static void
op_fail(struct lobby_op *op, enum lobby_result result, const char *state, const char *reason)
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
static void
op_fail_redis(struct lobby_op *op, enum redis_outcome outcome, const redisReply *reply)
{
    lobby_fn *fn = op->fn;

    op->fn = NULL;
    lobby_fail_redis(fn, op->cookie, op->retry_after, outcome, reply);
}

static struct lobby_op *
op_new(struct lobby *lobby, const struct product *product, lobby_fn *fn, void *cookie)
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
    DL_APPEND(lobby->ops, op);
    return op;
}

static void
op_send(struct lobby_op *op, redis_fn *fn)
{
    op->redis_awaited++;
    redis_send(op->lobby->redis, &op->lobby->args, fn, op);
}

/* --- create and join: the game server's answer ------------------------------------------------ */

/* Whether it worked: nobody is left to be told. */
static void
on_removed(void *cookie, const struct gameserver_answer *answer)
{
    (void)cookie;
    (void)answer;
}

/*
 * The game server has made a game of which Redis knows nothing any more: this process stood still
 * for so long that all of it was over, or Redis has lost it. No curator will ever find it, so it is
 * told here, once.
 */
static void
op_remove(const struct lobby_op *op)
{
    gameserver_call(op->lobby->client,
                    &(struct gameserver_request){.url = op->product->game_server_url,
                                                 .action = "remove_game",
                                                 .game_id = op->game_id},
                    on_removed, NULL, NULL);
}

static void
on_undone(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_op *op = cookie;

    /* Where Redis does not answer, the intent's deadline passes and the curator undoes it. */
    op->redis_awaited--;
    if (outcome == REDIS_DONE && strcmp(lobby_text_at(reply, 0).s, "gone") == 0)
        op_remove(op);
    if (op->fn != NULL)
        op_fail(op, op->failure, "", op->reason);
    op_done(op);
}

/* The game server did not do it (until 0), or has to be told to undo it. */
static void
op_undo(struct lobby_op *op, wall_ms until)
{
    struct redis_args *a = lobby_call(op->lobby, op->join ? "seat_release" : "create_failed",
                                      op->product, op->game_id);

    redis_args_int(a, clock_wall());
    redis_args_int(a, until);
    if (op->join)
        redis_args_add(a, op->player.user_id, op->player.user_id_len);
    op_send(op, on_undone);
}

static void
on_confirmed(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_op *op = cookie;
    const char *word = outcome == REDIS_DONE ? lobby_text_at(reply, 0).s : "";

    op->redis_awaited--;
    if (strcmp(word, "ok") == 0)
        op_answer_json(op, lobby_text_at(reply, 1));
    else if (strcmp(word, "gone") == 0) {
        if (!op->join)
            op_remove(op);
        op_fail(op, LOBBY_NO_LONGER_AVAILABLE, "", "");
    } else
        op_fail_redis(op, outcome, reply);
    op_done(op);
}

static void
op_confirm(struct lobby_op *op, const struct gameserver_answer *answer)
{
    struct redis_args *a =
        lobby_call(op->lobby, op->join ? "seat_confirm" : "create_done", op->product, op->game_id);
    const struct product_timeouts *t = &op->product->timeouts;

    redis_args_int(a, clock_wall());
    if (op->join)
        redis_args_add(a, op->player.user_id, op->player.user_id_len);
    redis_args_add(a, answer->token, answer->token_len);
    redis_args_int(a, op->join ? t->seat : t->created);
    op_send(op, on_confirmed);
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
    case GAMESERVER_REFUSED:
    case GAMESERVER_DOWN:
        op_undo(op, 0);
        break;
    case GAMESERVER_RUBBISH:
    case GAMESERVER_LATE:
        op_undo(op, clock_wall() + op->lobby->limits.game_server_late);
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
        op_undo(op, 0);
    else if (answer->outcome == GAMESERVER_DONE || answer->outcome == GAMESERVER_RUBBISH)
        op_undo(op, clock_wall());
    op_done(op);
}

static void
op_ask(struct lobby_op *op, const char *url)
{
    gameserver_call(
        op->lobby->client,
        &(struct gameserver_request){.url = url,
                                     .action = op->join ? "join_game" : "create_game",
                                     .game_id = op->game_id,
                                     .user_id = op->player.user_id,
                                     .username = op->player.username,
                                     .request_id = op->request_id[0] ? op->request_id : NULL,
                                     .wants_token = true},
        on_game_server, on_game_server_late, op);
}

/* --- create and join: the intent -------------------------------------------------------------- */

/* Answer what a refusal of seat_reserve says; false where it is none. */
static bool
op_refused(struct lobby_op *op, const redisReply *reply)
{
    const char *word = lobby_text_at(reply, 0).s;

    if (strcmp(word, "not_found") == 0)
        op_fail(op, LOBBY_NOT_FOUND, "", "");
    else if (strcmp(word, "state") == 0)
        op_fail(op, LOBBY_INVALID_STATE, lobby_text_at(reply, 1).s, lobby_text_at(reply, 2).s);
    else if (strcmp(word, "taken") == 0)
        op_fail(op, LOBBY_NO_LONGER_AVAILABLE, "", "");
    else
        return false;
    return true;
}

static void
on_intent(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_op *op = cookie;

    op->redis_awaited--;
    if (outcome == REDIS_DONE && strcmp(lobby_text_at(reply, 0).s, "ok") == 0)
        op_ask(op, op->join ? lobby_text_at(reply, 1).s : op->product->game_server_url);
    else if (outcome != REDIS_DONE || !op_refused(op, reply))
        op_fail_redis(op, outcome, reply);
    op_done(op);
}

/* Boards show names: the last one that a player came with is kept. Nothing depends on the answer.
 */
static void
keep_name(struct lobby *lobby, const struct product *product, const struct token_player *player)
{
    struct redis_args *a = &lobby->args;

    redis_args_reset(a);
    redis_args_str(a, "HSET");
    redis_args_printf(a, KEY_NAMES, product->id);
    redis_args_add(a, player->user_id, player->user_id_len);
    redis_args_add(a, player->username, player->username_len);
    redis_send(lobby->redis, a, NULL, NULL);
}

static struct lobby_op *
op_new_player(struct lobby *lobby, const struct product *product, const struct token_player *player,
              const char *request_id, lobby_fn *fn, void *cookie)
{
    struct lobby_op *op = op_new(lobby, product, fn, cookie);

    if (op == NULL)
        return NULL;
    op->player = *player;
    if (request_id != NULL)
        snprintf(op->request_id, sizeof op->request_id, "%s", request_id);
    keep_name(lobby, product, player);
    return op;
}

/* The arguments with which both intents begin: now, and when the curator may undo it. */
static void
add_times(struct redis_args *a, const struct lobby *lobby)
{
    wall_ms now = clock_wall();

    redis_args_int(a, now);
    redis_args_int(a, now + lobby->limits.game_server_timeout + INTENT_MARGIN_MS);
}

void
lobby_create(struct lobby *lobby, const struct product *product, const struct token_player *player,
             const char *request_id, lobby_fn *fn, void *cookie)
{
    struct lobby_op *op = op_new_player(lobby, product, player, request_id, fn, cookie);
    struct redis_args *a;

    if (op == NULL)
        return;
    text_random_hex(op->game_id, TEXT_GAME_ID_LEN / 2);
    a = lobby_call(lobby, "create_intent", product, op->game_id);
    add_times(a, lobby);
    redis_args_str(a, op->game_id);
    redis_args_str(a, product->id);
    redis_args_add(a, player->user_id, player->user_id_len);
    redis_args_add(a, player->username, player->username_len);
    redis_args_int(a, product->players_max);
    redis_args_printf(a, "{\"num_players\":%lld}", (long long)product->players_max);
    redis_args_str(a, product->game_server_url);
    redis_args_str(a, product->game_socket_url);
    op_send(op, on_intent);
}

void
lobby_join(struct lobby *lobby, const struct product *product, const char *game_id,
           const struct token_player *player, const char *request_id, lobby_fn *fn, void *cookie)
{
    struct lobby_op *op = op_new_player(lobby, product, player, request_id, fn, cookie);
    struct redis_args *a;

    if (op == NULL)
        return;
    op->join = true;
    snprintf(op->game_id, sizeof op->game_id, "%s", game_id);
    a = lobby_call(lobby, "seat_reserve", product, op->game_id);
    add_times(a, lobby);
    redis_args_add(a, player->user_id, player->user_id_len);
    op_send(op, on_intent);
}
