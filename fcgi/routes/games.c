/*
 * Games. The lobby does the work (lib/lobby/lobby.h); here its results become statuses and words
 * that clients have known for long and tell apart: none of the texts may change.
 */
#include "fcgi/routes/games.h"

#include <string.h>

#include "fcgi/app.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/routes/gamebody.h"
#include "lib/base/text.h"
#include "lib/lobby/lobby.h"
#include "lib/product/gamesettings.h"
#include "lib/product/product.h"

#define WHY_MAX 8192
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
    case LOBBY_DRAINED:
        reply_later(r, 503, a->retry_after,
                    "All game servers of this game are drained: it takes no new games at present");
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
    struct gamebody body;

    if (gamebody_read(r, false, &body) != 0)
        return;
    lobby_create(
        r->app->lobby, r->product, &r->player,
        &(struct lobby_wish){.settings = body.settings.data, .is_private = body.is_private}, r->id,
        created, r);
    gamebody_free(&body);
}

/* Whatever the game server said no to. */
static void
matched(void *cookie, const struct lobby_answer *a)
{
    answer(cookie, a, "Unable to create or join game on target game server");
}

void
games_quick(struct request *r)
{
    struct gamebody body;

    if (gamebody_read(r, true, &body) != 0)
        return;
    lobby_quick_match(r->app->lobby, r->product, &r->player,
                      &(struct lobby_wish){.settings = body.settings.data,
                                           .terms = body.terms.len > 0 ? body.terms.data : "",
                                           .board = body.board},
                      r->id, matched, r);
    gamebody_free(&body);
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

void
games_join_code(struct request *r)
{
    char code[LOBBY_CODE_LEN + 1];

    if (lobby_read_code(r->arg.s, r->arg.len, code) != 0)
        reply_problem(r, 404, "game not found");
    else
        lobby_join_code(r->app->lobby, r->product, code, &r->player, r->id, joined, r);
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

/* The parameters `settings.NAME=VALUE` as terms. Returns 0; or -1, and r is answered. */
static int
read_filters(struct request *r, struct buf *terms)
{
    static const char head[] = "settings.";
    struct buf why;
    int ret = 0;

    buf_init(&why, WHY_MAX);
    for (size_t i = 0; ret == 0 && i < r->target.nparams; i++) {
        const struct target_param *p = &r->target.param[i];

        if (p->name.len >= sizeof head - 1 && memcmp(p->name.s, head, sizeof head - 1) == 0)
            ret = gamesettings_term(r->product->settings, p->name.s + sizeof head - 1,
                                    p->name.len - (sizeof head - 1), p->value.s, p->value.len,
                                    terms, &why);
    }
    if (ret == 0 && !buf_ok(terms))
        ret = -1;
    if (ret == -1)
        reply_problem(r, 400, why.len > 0 && buf_ok(&why) ? why.data : "too many filters");
    buf_free(&why);
    return ret;
}

void
games_list(struct request *r)
{
    struct target_text order = target_param(&r->target, "order");
    struct lobby_query query = {.newest = target_text_is(order, "newest")};
    struct buf terms;

    if (target_integer(&r->target, "count", COUNT_DEFAULT, COUNT_MAX, &query.count) != 0) {
        reply_problem(r, 400, "count must be an integer, 0 or more");
        return;
    }
    if (target_integer(&r->target, "page", 0, PAGE_MAX, &query.page) != 0) {
        reply_problem(r, 400, "page must be an integer, 0 or more");
        return;
    }
    if (order.s != NULL && !query.newest && !target_text_is(order, "oldest")) {
        reply_problem(r, 400, "order must be oldest or newest");
        return;
    }
    buf_init(&terms, GAMESETTINGS_TERMS_MAX);
    if (read_filters(r, &terms) == 0) {
        query.terms = terms.len > 0 ? terms.data : "";
        if (query.count == 0)
            reply_json(r, 200, "[]", 2);
        else
            lobby_list(r->app->lobby, r->product, &query, done, r);
    }
    buf_free(&terms);
}
