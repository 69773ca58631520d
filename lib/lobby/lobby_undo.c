/*
 * What a game server has made and nobody wants (any more) is stated in Redis, whence the curator
 * takes it: until Redis has heard of it. For where Redis was away it may come back without the
 * intent, and then nobody else knows of the game.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/base/loop.h"
#include "lib/lobby/lobby_internal.h"
#include "lib/redis/keys.h"

#define AGAIN_AFTER ((dur_ms)1000)

struct lobby_undoing {
    struct lobby *lobby;
    struct loop_timer *timer;
    char product_id[TEXT_PRODUCT_ID_MAX + 1];
    char game_id[TEXT_GAME_ID_LEN + 1];
    char *server; /* its URL */
    wall_ms until;
    struct lobby_undoing *prev, *next;
};

static void
undoing_free(struct lobby_undoing *u)
{
    DL_DELETE(u->lobby->undoings, u);
    loop_timer_free(u->timer);
    free(u->server);
    free(u);
}

void
lobby_free_undoings(struct lobby *lobby)
{
    while (lobby->undoings != NULL)
        undoing_free(lobby->undoings);
}

static void
on_stated(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct lobby_undoing *u = cookie;

    (void)reply;
    if (outcome == REDIS_UNAVAILABLE || outcome == REDIS_LOST)
        loop_timer_set(u->timer, AGAIN_AFTER);
    else
        undoing_free(u);
}

static void
state(void *cookie)
{
    struct lobby_undoing *u = cookie;
    struct redis_args *a = lobby_call(u->lobby, "create_failed", u->product_id, u->game_id);

    redis_args_int(a, clock_wall());
    redis_args_int(a, u->until);
    redis_args_str(a, u->server);
    redis_send(u->lobby->redis, a, on_stated, u);
}

void
lobby_undo(struct lobby *lobby, const char *product_id, const char *game_id, const char *server,
           wall_ms until)
{
    struct lobby_undoing *u = calloc(1, sizeof *u);

    if (u == NULL)
        return;
    u->lobby = lobby;
    u->until = until;
    snprintf(u->product_id, sizeof u->product_id, "%s", product_id);
    snprintf(u->game_id, sizeof u->game_id, "%s", game_id);
    DL_APPEND(lobby->undoings, u);
    u->server = strdup(server);
    u->timer = loop_timer_new(lobby->loop, state, u);
    if (u->server != NULL && u->timer != NULL)
        state(u);
    else
        undoing_free(u);
}
