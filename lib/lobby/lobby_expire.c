/*
 * The curator's rounds: what is due in a product's games, done here and on the game server.
 *
 * A few games at a time, so that a round neither fills a game server with calls nor waits for one
 * hanging call after the other; within a game one call after the other. The function `expire` has
 * moved the deadline on before the game server is called: where this process dies in between, or
 * the call fails, the next round that finds the game due tells the game server again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>
#include <utlist.h>

#include "lib/base/text.h"
#include "lib/lobby/gameserver.h"
#include "lib/lobby/lobby_internal.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"

#define GAMES_AT_ONCE 8

typedef char lobby_user[TEXT_USER_ID_MAX + 1];

/* One game of a round. */
struct task {
    struct lobby_round *round;
    bool busy;
    char game_id[TEXT_GAME_ID_LEN + 1];
    char *server;      /* its URL */
    lobby_user *users; /* whom to remove; NULL: the game */
    size_t ntell;      /* calls to make, 1 for a game */
    size_t told;       /* calls made */
};

struct lobby_round {
    struct lobby *lobby;
    const struct product *product;
    wall_ms now;
    lobby_expired_fn *fn;
    void *cookie;
    struct lobby_expired done;
    char (*ids)[TEXT_GAME_ID_LEN + 1]; /* the games that are due */
    size_t nids, next_id;
    size_t busy; /* tasks under way */
    struct task tasks[GAMES_AT_ONCE];
    struct lobby_round *prev, *next;
};

static void task_tell(struct task *t);

static void
task_clear(struct task *t)
{
    free(t->server);
    free(t->users);
    *t = (struct task){.round = t->round};
}

static void
round_free(struct lobby_round *r)
{
    for (size_t i = 0; i < GAMES_AT_ONCE; i++)
        task_clear(&r->tasks[i]);
    DL_DELETE(r->lobby->rounds, r);
    free(r->ids);
    free(r);
}

void
lobby_free_rounds(struct lobby *lobby)
{
    struct lobby_round *r, *next;

    DL_FOREACH_SAFE (lobby->rounds, r, next) {
        round_free(r);
    }
}

static void
round_fail(struct lobby_round *r, enum lobby_result result)
{
    if (r->done.result == LOBBY_DONE)
        r->done.result = result;
}

/* --- the steps of one game -------------------------------------------------------------------- */

/* What is to be told: `{what, server, taken, abandoned, user...}`. Returns 0, or -1: not
 * understood, no memory. */
static int
task_read_answer(struct task *t, const redisReply *reply)
{
    struct lobby_expired *done = &t->round->done;
    const char *what = redis_text_at(reply, 0).s;
    bool game = strcmp(what, "game") == 0;
    size_t nusers, taken;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 4 ||
        reply->element[2]->type != REDIS_REPLY_INTEGER ||
        reply->element[3]->type != REDIS_REPLY_INTEGER)
        return -1;
    taken = (size_t)reply->element[2]->integer;
    done->abandoned += (size_t)reply->element[3]->integer;
    if (strcmp(what, "damaged") == 0 && done->damaged++ == 0)
        snprintf(done->damage, sizeof done->damage, "%s", redis_text_at(reply, 1).s);
    nusers = reply->elements - 4;
    if (game)
        done->expired += taken;
    else
        done->seats += taken;
    if (nusers > 0) {
        t->users = calloc(nusers, sizeof *t->users);
        if (t->users == NULL)
            return -1;
    }
    for (size_t i = 0; i < nusers; i++)
        snprintf(t->users[i], sizeof t->users[i], "%s", redis_text_at(reply, i + 4).s);
    t->server = strdup(redis_text_at(reply, 1).s);
    if (t->server == NULL)
        return -1;
    t->ntell = game ? 1 : nusers;
    return 0;
}

static void
on_gone(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct task *t = cookie;

    (void)reply;
    if (outcome == REDIS_DONE) {
        t->round->done.removed++;
    } else {
        t->round->done.failed++;
        round_fail(t->round, lobby_result_of(outcome));
    }
    task_tell(t);
}

static void
on_told(void *cookie, const struct gameserver_answer *answer)
{
    struct task *t = cookie;
    struct lobby_round *r = t->round;
    struct redis_args *a;

    if (answer->outcome != GAMESERVER_DONE) {
        r->done.failed++;
        task_tell(t);
        return;
    }
    a = lobby_call(r->lobby, t->users != NULL ? "player_gone" : "game_gone", r->product->id,
                   t->game_id);
    redis_args_int(a, r->now);
    if (t->users != NULL)
        redis_args_str(a, t->users[t->told - 1]);
    redis_send(r->lobby->redis, a, on_gone, t);
}

static void round_next(struct lobby_round *r);

/* The next call to the game server, or the task's end. */
static void
task_tell(struct task *t)
{
    struct lobby_round *r = t->round;

    if (t->told < t->ntell && r->done.result == LOBBY_DONE) {
        size_t i = t->told++;

        gameserver_call(r->lobby->client,
                        &(struct gameserver_request){
                            .url = t->server,
                            .action = t->users != NULL ? "remove_player" : "remove_game",
                            .game_id = t->game_id,
                            .user_id = t->users != NULL ? t->users[i] : NULL},
                        on_told, NULL, t);
        return;
    }
    task_clear(t);
    r->busy--;
    round_next(r);
}

static void
on_expire(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct task *t = cookie;
    struct lobby_round *r = t->round;

    if (outcome != REDIS_DONE) {
        round_fail(r, lobby_result_of(outcome));
    } else {
        r->done.games++;
        if (task_read_answer(t, reply) == -1)
            round_fail(r, LOBBY_FAILED);
    }
    task_tell(t);
}

static void
task_start(struct task *t, const char *game_id)
{
    struct lobby_round *r = t->round;
    struct redis_args *a;

    t->busy = true;
    r->busy++;
    snprintf(t->game_id, sizeof t->game_id, "%s", game_id);
    a = lobby_call(r->lobby, "expire", r->product->id, t->game_id);
    redis_args_int(a, r->now);
    redis_args_int(a, r->lobby->limits.game_server_late);
    redis_args_int(a, r->product->timeouts.creator_joined);
    redis_send(r->lobby->redis, a, on_expire, t);
}

/* --- the round -------------------------------------------------------------------------------- */

/* Start what can be started; end the round where nothing is left. */
static void
round_next(struct lobby_round *r)
{
    for (size_t i = 0; i < GAMES_AT_ONCE; i++) {
        if (r->next_id == r->nids || r->done.result != LOBBY_DONE)
            break;
        if (!r->tasks[i].busy)
            task_start(&r->tasks[i], r->ids[r->next_id++]);
    }
    if (r->busy > 0)
        return;
    r->fn(r->cookie, &r->done);
    round_free(r);
}

static void
on_due(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_round *r = cookie;

    if (outcome != REDIS_DONE || reply->type != REDIS_REPLY_ARRAY) {
        round_fail(r, outcome == REDIS_DONE ? LOBBY_FAILED : lobby_result_of(outcome));
    } else if (reply->elements > 0) {
        r->ids = calloc(reply->elements, sizeof *r->ids);
        if (r->ids == NULL) {
            round_fail(r, LOBBY_FAILED);
        } else {
            r->nids = reply->elements;
            for (size_t i = 0; i < r->nids; i++)
                snprintf(r->ids[i], sizeof r->ids[i], "%s", redis_text_at(reply, i).s);
        }
    }
    round_next(r);
}

void
lobby_expire_due(struct lobby *lobby, const struct product *product, wall_ms now, size_t max,
                 lobby_expired_fn *fn, void *cookie)
{
    struct lobby_round *r = calloc(1, sizeof *r);
    struct redis_args *a = &lobby->args;

    assert(lobby->client != NULL);
    if (r == NULL) {
        fn(cookie, &(struct lobby_expired){.result = LOBBY_FAILED});
        return;
    }
    r->lobby = lobby;
    r->product = product;
    r->now = now;
    r->fn = fn;
    r->cookie = cookie;
    for (size_t i = 0; i < GAMES_AT_ONCE; i++)
        r->tasks[i].round = r;
    DL_APPEND(lobby->rounds, r);
    redis_args_reset(a);
    redis_args_str(a, "ZRANGEBYSCORE");
    redis_args_printf(a, KEY_DEADLINES, product->id);
    redis_args_str(a, "-inf");
    redis_args_int(a, now);
    redis_args_str(a, "LIMIT");
    redis_args_int(a, 0);
    redis_args_int(a, (int64_t)max);
    redis_send(lobby->redis, a, on_due, r);
}
