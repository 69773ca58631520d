/*
 * varcadectl games: what games there are, and ending one.
 *
 * A game is ended as its deadline would end it: players see it no more at once, and the worker
 * tells the game server until that has heard it.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/lobby/lobby.h"
#include "lib/redis/keys.h"
#include "worker/ctl/ctl.h"

#define LIMIT_MAX 100000
#define CHUNK 200 /* games a call */
#define OUT_MAX ((size_t)64 << 20)

/* What games_read answers of a game, in its order; then players and how far each is. */
enum field { ID, STATE, SERVER, SOCKET, CREATED, DUE, CREATOR, SETTINGS, CODE, PLAYERS };

static const char *
text_of(const struct redisReply *game, size_t i)
{
    return i < game->elements && game->element[i]->type == REDIS_REPLY_STRING
               ? game->element[i]->str
               : "";
}

static size_t
count_players(const struct redisReply *game)
{
    return game->elements > PLAYERS ? (game->elements - PLAYERS) / 2 : 0;
}

static wall_ms
time_of(const struct redisReply *game, enum field field)
{
    const char *s = text_of(game, field);
    wall_ms ms;

    return text_parse_int(s, strlen(s), 0, INT64_MAX, &ms) == 0 ? ms : 0;
}

static bool
is_damaged(const struct redisReply *game)
{
    return strcmp(text_of(game, STATE), "damaged") == 0;
}

/* --- one game --------------------------------------------------------------------------------- */

static void
add_json_text(struct buf *out, const char *key, const char *s)
{
    buf_printf(out, ", \"%s\": ", key);
    ctl_json_text(out, s, strlen(s));
}

static void
add_time(struct buf *out, const char *key, wall_ms ms)
{
    char at[CLOCK_RFC3339_SIZE];

    clock_format_rfc3339(ms, at);
    buf_printf(out, ", \"%s\": \"%s\"", key, at);
}

static void
add_players(struct buf *out, const struct redisReply *game)
{
    buf_str(out, ", \"players\": [");
    for (size_t i = 0; i < count_players(game); i++) {
        const char *user = text_of(game, PLAYERS + 2 * i);

        buf_str(out, i > 0 ? ", {\"user_id\": " : "{\"user_id\": ");
        ctl_json_text(out, user, strlen(user));
        buf_printf(out, ", \"status\": \"%s\"}", text_of(game, PLAYERS + 2 * i + 1));
    }
    buf_byte(out, ']');
}

static void
add_json(struct buf *out, const struct redisReply *game)
{
    buf_printf(out, "{\"game_id\": \"%s\", \"state\": \"%s\"", text_of(game, ID),
               text_of(game, STATE));
    if (is_damaged(game)) {
        add_json_text(out, "reason", text_of(game, SERVER));
    } else {
        add_time(out, "created_at", time_of(game, CREATED));
        add_time(out, "due_at", time_of(game, DUE));
        add_json_text(out, "server", text_of(game, SERVER));
        add_json_text(out, "socket", text_of(game, SOCKET));
        add_json_text(out, "creator_id", text_of(game, CREATOR));
        buf_printf(out, ", \"settings\": %s", text_of(game, SETTINGS));
        if (text_of(game, CODE)[0] != '\0')
            add_json_text(out, "join_code", text_of(game, CODE));
        add_players(out, game);
    }
    buf_byte(out, '}');
}

static void
add_line(struct buf *out, const struct redisReply *game)
{
    dur_ms age = clock_wall() - time_of(game, CREATED);

    buf_printf(out, "%s  %-18s  ", text_of(game, ID), text_of(game, STATE));
    if (is_damaged(game))
        buf_str(out, text_of(game, SERVER));
    else
        buf_printf(out, "players %zu  age %lld s  %s", count_players(game), (long long)(age / 1000),
                   text_of(game, SERVER));
}

/* --- reading ---------------------------------------------------------------------------------- */

/* n games, or those of them that are still there. NULL: they cannot be read, and that was told. */
static struct redisReply *
read_games(struct ctl *c, const char *product, struct redisReply *const *ids, size_t n)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_fcall(&a, "games_read", true);
    for (size_t i = 0; i < n; i++)
        redis_args_key(&a, KEY_GAME, product, ids[i]->str);
    return ctl_redis_call(c, &a);
}

/* The ids of all games there are something to do in; all others are over. */
static struct redisReply *
read_ids(struct ctl *c, const char *product, int64_t most)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "ZRANGE");
    redis_args_printf(&a, KEY_DEADLINES, product);
    redis_args_int(&a, 0);
    redis_args_int(&a, most - 1);
    return ctl_redis_call(c, &a);
}

static bool
add_games(struct ctl *c, const char *product, const struct redisReply *ids, struct buf *out,
          size_t *n)
{
    for (size_t i = 0; i < ids->elements; i += CHUNK) {
        size_t left = ids->elements - i;
        struct redisReply *games =
            read_games(c, product, ids->element + i, left < CHUNK ? left : CHUNK);

        if (games == NULL)
            return false;
        for (size_t j = 0; j < games->elements; j++) {
            if (games->element[j]->type != REDIS_REPLY_ARRAY)
                continue;
            buf_str(out, (*n)++ == 0 ? "" : c->json ? ",\n " : "\n");
            if (c->json)
                add_json(out, games->element[j]);
            else
                add_line(out, games->element[j]);
        }
        freeReplyObject(games);
    }
    return true;
}

int
ctl_games_list(struct ctl *c)
{
    const char *product = ctl_product(c), *limit = ctl_option(c, "limit");
    struct redisReply *ids;
    int64_t most = 100;
    struct buf out;
    size_t n = 0;
    bool good;

    if (product == NULL)
        return CTL_USAGE;
    if (limit != NULL && text_parse_int(limit, strlen(limit), 1, LIMIT_MAX, &most) != 0)
        return ctl_usage("--limit: a number from 1 to %d", LIMIT_MAX);
    ids = ctl_redis_knows(c, product) ? read_ids(c, product, most) : NULL;
    if (ids == NULL)
        return CTL_FAILED;
    buf_init(&out, OUT_MAX);
    buf_str(&out, c->json ? "[" : "");
    good = add_games(c, product, ids, &out, &n);
    buf_str(&out, c->json ? "]" : "");
    freeReplyObject(ids);
    if (good && (n > 0 || c->json))
        return ctl_print(&out);
    buf_free(&out);
    return good ? CTL_OK : CTL_FAILED;
}

/* The game's id among the arguments; NULL where it is none, and that was told. */
static const char *
game_id(const struct ctl *c)
{
    if (text_is_game_id(c->args[1], strlen(c->args[1])))
        return c->args[1];
    (void)ctl_usage("%s: not a game's id", c->args[1]);
    return NULL;
}

int
ctl_games_show(struct ctl *c)
{
    const char *product = ctl_product(c), *id = game_id(c);
    struct redisReply *games;
    struct redis_args a;
    struct buf out;

    if (product == NULL || id == NULL)
        return CTL_USAGE;
    redis_args_init(&a);
    redis_args_fcall(&a, "games_read", true);
    redis_args_key(&a, KEY_GAME, product, id);
    games = ctl_redis_call(c, &a);
    if (games == NULL)
        return CTL_FAILED;
    buf_init(&out, OUT_MAX);
    if (games->elements == 1 && games->element[0]->type == REDIS_REPLY_ARRAY)
        add_json(&out, games->element[0]);
    freeReplyObject(games);
    return out.len > 0 ? ctl_print(&out) : ctl_fail("%s has no game %s", product, id);
}

/* --- end -------------------------------------------------------------------------------------- */

int
ctl_games_end(struct ctl *c)
{
    const char *product = ctl_product(c), *id = game_id(c);
    struct redisReply *reply;
    struct redis_args a;
    int ret = CTL_OK;

    if (product == NULL || id == NULL)
        return CTL_USAGE;
    ctl_redis_change(&a, "game_end", product);
    redis_args_key(&a, KEY_GAME, product, id);
    lobby_add_keys(&a, product);
    ctl_redis_who(c, &a);
    redis_args_str(&a, id);
    redis_args_int(&a, clock_wall());
    redis_args_int(&a, c->conf->game_server_late);
    reply = ctl_redis_call(c, &a);
    if (reply == NULL)
        return CTL_FAILED;
    if (reply->type == REDIS_REPLY_NIL)
        ret = ctl_fail("%s has no game %s", product, id);
    else
        ctl_redis_log(c, product, id);
    freeReplyObject(reply);
    return ret;
}
