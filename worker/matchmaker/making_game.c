/*
 * A match's game on the game server: create_game for the first player, join_game for the others, as
 * many at once as the game server may be asked, and then what the answers come to.
 */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/conf.h"
#include "lib/lobby/gameserver.h"
#include "lib/lobby/lobby.h"
#include "lib/lobby/servers.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/matchmaker/making_impl.h"
#include "worker/matchmaker/matchmaker_impl.h"
#include "worker/mem.h"
#include "worker/worker.h"

/* What an answer that is not the wanted one means for the match. until: when nothing can come of it
 * any more. */
static void
note_failure(struct making *k, const struct making_player *player,
             const struct gameserver_answer *answer)
{
    bool may_have_done =
        answer->outcome == GAMESERVER_LATE || answer->outcome == GAMESERVER_RUBBISH;
    wall_ms until = may_have_done ? clock_wall() + k->worker->conf->game_server_late : 0;

    k->failed = true;
    if (until > k->until)
        k->until = until;
    /* 4xx: it does not want this player; else it does not work, and a player is not to blame. */
    if (answer->outcome == GAMESERVER_REFUSED && answer->status >= 400 && answer->status < 500)
        memcpy(k->refused, player->user, sizeof(k->refused));
    else if (answer->outcome == GAMESERVER_DOWN && k->awaited == 0 &&
             servers_other(k->worker->client, k->m->lane->product, k->url))
        k->elsewhere = true;
    else if (answer->retry_after > k->pause)
        k->pause = answer->retry_after;
    else if (k->pause == 0)
        k->pause = MAKING_PAUSE;
    (void)snprintf(k->reason, sizeof(k->reason), "%s",
                   answer->reason != NULL ? answer->reason : "");
}

static void
on_done(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct making *k = cookie;
    const char *word = outcome == REDIS_DONE ? tickets_word(reply) : "";

    matchmaker_answered(k->m);
    if (strcmp(word, "ok") == 0) {
        making_finish_done(k, reply);
        return;
    }
    k->until = clock_wall();
    if (strcmp(word, "gone") == 0)
        making_fail(k);
    else
        making_finish_redis(k, outcome, reply);
}

/* All players have their tokens. */
static void
confirm(struct making *k)
{
    const struct product_timeouts *timeouts = &k->m->lane->product->timeouts;
    struct redis_args a;

    redis_args_init(&a);
    making_call(k, &a, "match_done", "backfill_done");
    redis_args_int(&a, clock_wall());
    redis_args_int(&a, k->backfill[0] != '\0' ? timeouts->seat : timeouts->created);
    redis_args_int(&a, TICKETS_KEEP);
    for (size_t i = 0; i < k->nplayers; i++)
        redis_args_add(&a, k->player[i].token, k->player[i].token_len);
    matchmaker_send(k->m, &a, on_done, k);
    redis_args_free(&a);
}

static void
keep_token(struct making_player *p, const struct gameserver_answer *answer)
{
    p->token = mem_alloc(answer->token_len + 1, 1);
    memcpy(p->token, answer->token, answer->token_len);
    p->token_len = answer->token_len;
}

/* settings: NULL but where a game is made whose file declares some. */
static void
call_for(struct making_player *p, const char *action, const char *settings, gameserver_fn *done,
         gameserver_fn *late)
{
    const struct making *k = p->making;

    k->m->lane->busy++;
    gameserver_call(k->worker->client,
                    &(struct gameserver_request){.url = k->url,
                                                 .action = action,
                                                 .game_id = k->game_id,
                                                 .user_id = p->user,
                                                 .username = p->name,
                                                 .settings = settings,
                                                 .wants_token = true},
                    done, late, p);
}

/* As many of those who are left as may be asked for at once. */
static void
ask_next(struct making *k, gameserver_fn *done, gameserver_fn *late)
{
    size_t most = (size_t)k->worker->conf->game_server_concurrent;

    for (; k->asked < k->nplayers && k->awaited < most; k->asked++, k->awaited++)
        call_for(&k->player[k->asked], "join_game", NULL, done, late);
}

/* Whether each player who was asked for is in the game on the game server is known. */
static void
settle(struct making *k)
{
    if (!k->failed && !k->cancelled) {
        confirm(k);
        return;
    }
    for (size_t i = 0; i < k->nplayers && k->until == 0; i++)
        if (k->player[i].token != NULL)
            k->until = clock_wall();
    making_fail(k);
}

/* late: as for those who were asked for before. */
static void
joined(struct making_player *p, const struct gameserver_answer *answer, gameserver_fn *done,
       gameserver_fn *late)
{
    struct making *k = p->making;

    matchmaker_answered(k->m);
    if (answer->outcome == GAMESERVER_DONE)
        keep_token(p, answer);
    else
        note_failure(k, p, answer);
    k->awaited--;
    if (!k->failed && !k->cancelled)
        ask_next(k, done, late);
    if (k->awaited == 0)
        settle(k);
}

static void
on_joined(void *cookie, const struct gameserver_answer *answer)
{
    joined(cookie, answer, on_joined, NULL);
}

static void
on_created(void *cookie, const struct gameserver_answer *answer)
{
    struct making_player *p = cookie;
    struct making *k = p->making;

    matchmaker_answered(k->m);
    if (answer->outcome != GAMESERVER_DONE) {
        k->late = answer->outcome == GAMESERVER_LATE;
        note_failure(k, p, answer);
        making_fail(k);
        return;
    }
    keep_token(p, answer);
    k->asked = 1;
    if (!k->cancelled)
        ask_next(k, on_joined, NULL);
    if (k->awaited == 0)
        settle(k);
}

/* The match has failed long ago; what is left is to undo what the game server did after all. */
static void
on_created_late(void *cookie, const struct gameserver_answer *answer)
{
    struct making *k = ((struct making_player *)cookie)->making;

    k->late--;
    if (k->m != NULL)
        return; /* match_failed is on its way, and what was late is removed at its deadline */
    if (answer->outcome != GAMESERVER_LATE && answer->outcome != GAMESERVER_DOWN)
        lobby_undo(k->worker->lobby, k->product_id, k->game_id, k->url,
                   answer->outcome == GAMESERVER_REFUSED ? 0 : clock_wall());
    making_free(k);
}

void
making_create(struct making *k)
{
    const char *settings = k->m->lane->product->settings != NULL ? k->settings : NULL;

    call_for(&k->player[0], "create_game", settings, on_created, on_created_late);
}

/* The backfill has failed long ago: the player leaves as soon as it is known that there is one. */
static void
on_seat_late(void *cookie, const struct gameserver_answer *answer)
{
    struct making_player *p = cookie;
    struct making *k = p->making;
    struct redis_args a;

    k->late--;
    if (k->m != NULL)
        return; /* backfill_failed is on its way, and the player is removed at its deadline */
    if (answer->outcome != GAMESERVER_LATE && answer->outcome != GAMESERVER_DOWN) {
        redis_args_init(&a);
        making_call(k, &a, NULL, "backfill_failed");
        redis_args_int(&a, clock_wall());
        redis_args_int(&a, answer->outcome == GAMESERVER_REFUSED ? 0 : clock_wall());
        redis_args_str(&a, p->user);
        redis_send(k->worker->state, &a, NULL, NULL);
        redis_args_free(&a);
    }
    if (k->late == 0)
        making_free(k);
}

static void
on_seat(void *cookie, const struct gameserver_answer *answer)
{
    struct making_player *p = cookie;

    p->making->late += answer->outcome == GAMESERVER_LATE;
    joined(p, answer, on_seat, on_seat_late);
}

void
making_ask_seats(struct making *k)
{
    ask_next(k, on_seat, on_seat_late);
}
