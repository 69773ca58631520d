/*
 * Games. The lobby does the work (lib/lobby.h); here its results become statuses and words that
 * clients have known for long and tell apart: none of the texts may change.
 */
#include "fcgi/games.h"

#include <string.h>

#include "fcgi/app.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "lib/lobby.h"
#include "lib/text.h"

#define COUNT_DEFAULT 10
#define COUNT_MAX 25
/* No lobby has as many pages; page times count stays an exact number in Lua. */
#define PAGE_MAX 1000000000000

static void
answer_invalid_state(struct request *r, const struct lobby_answer *a)
{
    struct buf detail;

    buf_init(&detail, 512);
    buf_printf(&detail, "invalid state: %s. Required state: creator_joined", a->state);
    if (a->reason != NULL && a->reason[0] != '\0')
        buf_printf(&detail, " (%s)", a->reason);
    reply_problem(r, 400, buf_ok(&detail) ? detail.data : "invalid state");
    buf_free(&detail);
}

static void
answer_failed(struct request *r, const char *reason)
{
    struct log_context context = request_log_context(r);
    const struct log_context *before = log_set_context(&context);

    log_error("lobby", "call failed", LOG_S("reason", reason));
    log_set_context(before);
    reply_problem(r, 500, "The lobby does not work at present");
}

/* refused: what the client is told where the game server says no. */
static void
answer(struct request *r, const struct lobby_answer *a, const char *refused)
{
    switch (a->result) {
    case LOBBY_DONE:
        reply_json(r, 200, a->json, a->len);
        break;
    case LOBBY_NOT_FOUND:
        reply_problem(r, 404, "game not found");
        break;
    case LOBBY_INVALID_STATE:
        answer_invalid_state(r, a);
        break;
    case LOBBY_NO_LONGER_AVAILABLE:
        reply_problem(r, 400, "The game is no longer available");
        break;
    case LOBBY_LIMIT:
        reply_later(r, 429, a->retry_after, "You have as many games as you can have");
        break;
    case LOBBY_BANNED:
        reply_problem(r, 403, "You are banned from this game");
        break;
    case LOBBY_NOT_IN_GAME:
        reply_problem(r, 404, "You have no seat in this game");
        break;
    case LOBBY_NOT_CREATOR:
        reply_problem(r, 403, "Only its creator can remove a game");
        break;
    case LOBBY_REFUSED:
        reply_problem(r, 400, refused);
        break;
    case LOBBY_GAME_SERVER_AWAY:
        reply_later(r, 503, a->retry_after, "The game server does not answer");
        break;
    case LOBBY_REDIS_AWAY:
        reply_later(r, 503, a->retry_after, "The lobby cannot be reached");
        break;
    case LOBBY_FAILED:
        answer_failed(r, a->reason);
        break;
    }
}

static void
created(void *cookie, const struct lobby_answer *a)
{
    answer(cookie, a, "Unable to create game on target game server");
}

void
games_create(struct request *r)
{
    lobby_create(r->app->lobby, r->product, &r->player, r->id, created, r);
}

static void
joined(void *cookie, const struct lobby_answer *a)
{
    answer(cookie, a, "Unable to join game on target game server");
}

/* The game that the path names, to r->game_id; where it names none, answers r. */
static bool
take_game_id(struct request *r)
{
    if (!text_is_game_id(r->arg.s, r->arg.len)) {
        reply_problem(r, 404, "game not found");
        return false;
    }
    memcpy(r->game_id, r->arg.s, TEXT_GAME_ID_LEN);
    return true;
}

void
games_join(struct request *r)
{
    if (take_game_id(r))
        lobby_join(r->app->lobby, r->product, r->game_id, &r->player, r->id, joined, r);
}

/* Where no game server is asked. */
static void
done(void *cookie, const struct lobby_answer *a)
{
    answer(cookie, a, "");
}

void
games_leave(struct request *r)
{
    if (take_game_id(r))
        lobby_leave(r->app->lobby, r->product, r->game_id, &r->player, done, r);
}

void
games_remove(struct request *r)
{
    if (take_game_id(r))
        lobby_remove(r->app->lobby, r->product, r->game_id, &r->player, done, r);
}

void
games_view(struct request *r)
{
    const struct token_player *player = r->player.user_id_len > 0 ? &r->player : NULL;

    if (take_game_id(r))
        lobby_view(r->app->lobby, r->product, r->game_id, player, done, r);
}

void
games_mine(struct request *r)
{
    lobby_mine(r->app->lobby, r->product, &r->player, done, r);
}

void
games_list(struct request *r)
{
    int64_t count;
    int64_t page;

    if (target_integer(&r->target, "count", COUNT_DEFAULT, COUNT_MAX, &count) != 0) {
        reply_problem(r, 400, "count must be an integer, 0 or more");
        return;
    }
    if (target_integer(&r->target, "page", 0, PAGE_MAX, &page) != 0) {
        reply_problem(r, 400, "page must be an integer, 0 or more");
        return;
    }
    if (count == 0)
        reply_json(r, 200, "[]", 2);
    else
        lobby_list(r->app->lobby, r->product, count, page, done, r);
}
