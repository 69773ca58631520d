/*
 * The lobby: games from the moment a player wants one until nothing of them is left, here and on
 * the game server. Every step is one Redis function (lib/redis/lobby.lua has the state machine);
 * this module puts the steps together with the calls to the game server.
 *
 *   create:  create_intent -> game server create_game -> create_done   | create_failed
 *   join:    seat_reserve  -> game server join_game   -> seat_confirm  | seat_release
 *   leave:   seat_leave | game_remove; the game server is told as by expire
 *   expire:  expire -> game server remove_game / remove_player -> game_gone / player_gone
 *
 * A game server that could not be asked (nothing was sent) is passed over: create_failed, and
 * create_intent with another one (servers.h).
 *
 * Before the game server is asked, the state already has a deadline, so whatever dies between two
 * steps is undone by whoever runs lobby_expire_due (the worker's curator), on the game server too.
 */
#ifndef VARCADE_LOBBY_H
#define VARCADE_LOBBY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"

struct redis;
struct gameserver_client;
struct loop;
struct lobby;
struct product;
struct redis_args;
struct token_player;

enum lobby_result {
    LOBBY_DONE,             /* json is the answer */
    LOBBY_NOT_FOUND,        /* no such game */
    LOBBY_INVALID_STATE,    /* not joinable; state and reason say why */
    LOBBY_NO_LONGER_AVAILABLE, /* lost the race for the seat, or the game went in between (a new one too:
                                  where this process stood still until its time was up) */
    LOBBY_LIMIT,            /* the player has as many games or seats as the game's file allows */
    LOBBY_BANNED,           /* the player cannot play: varcadectl ban */
    LOBBY_NOT_IN_GAME,      /* leave: the player has no seat in it */
    LOBBY_NOT_CREATOR,      /* remove: somebody else's game */
    LOBBY_REFUSED,          /* the game server answered, and not 200 with a token */
    LOBBY_DRAINED,          /* create: all game servers of the product are drained */
    LOBBY_GAME_SERVER_AWAY, /* the game server is down, too slow, or its breaker is open */
    LOBBY_REDIS_AWAY,       /* Redis cannot be reached */
    LOBBY_FAILED            /* a fault of ours: Redis refused the call; reason has its words */
};

struct lobby_answer {
    enum lobby_result result;
    const char *json;   /* borrowed; len bytes */
    size_t len;
    const char *state;  /* LOBBY_INVALID_STATE: the game's state */
    const char *reason; /* LOBBY_INVALID_STATE: "", `the game is full` or `already in it`; LOBBY_REFUSED, _AWAY and _FAILED:
                           words for the log */
    dur_ms retry_after; /* the two AWAYs, LIMIT and DRAINED: when to try again */
};

/* answer is borrowed until the function returns. Called exactly once, from the loop and never from
 * inside the call that asked, unless memory ran out there (LOBBY_FAILED), or all game servers are
 * drained. */
typedef void lobby_fn(void *cookie, const struct lobby_answer *answer);

struct lobby_limits {
    dur_ms game_server_timeout; /* as in gameserver_limits */
    dur_ms game_server_late;
};

/* lobby_new(loop, redis, client, limits): loop, redis and client are borrowed until lobby_free, limits is
 * copied. client may be NULL where no call to a game server will be made. NULL with errno
 * ENOMEM. */
struct lobby *lobby_new(struct loop *loop, struct redis *redis,
                        struct gameserver_client *client, const struct lobby_limits *limits) __attribute__((warn_unused_result));

/* lobby_free(lobby): what is under way ends here, without a callback; so close redis and free
 * client before, that neither answers any more. NULL is legal. */
void lobby_free(struct lobby *lobby);

/* What a new game is to be like. */
struct lobby_wish {
    const char *settings; /* a JSON object, num_players in it; copied */
    bool is_private;      /* not listed; its object has a join_code */
    /* Of a quick match: */
    const char *terms;    /* what settings have to fit (lib/product/gamesettings.h), copied */
    int board;            /* on which the creator's rating is to be near the player's; -1: none */
};

/*
 * lobby_create(lobby, product, player, wish, request_id, fn, cookie): make a game with player as
 * its creator. The answer is the whole game object (docs/http-api.md). player and request_id are
 * copied; product is borrowed until fn was called (and while a late answer is awaited: products
 * live as long as the program or its next reload, which waits).
 */
void lobby_create(struct lobby *lobby, const struct product *product,
                  const struct token_player *player, const struct lobby_wish *wish,
                  const char *request_id, lobby_fn *fn, void *cookie);

/* lobby_join(lobby, product, game_id, player, request_id, fn, cookie): take a free seat of a game that is not private. game_id is
 * 32 hex digits, NUL-terminated. The answer is the whole game object, with the joining player's
 * token. */
void lobby_join(struct lobby *lobby, const struct product *product, const char *game_id,
                const struct token_player *player, const char *request_id, lobby_fn *fn,
                void *cookie);

/* lobby_join_code(lobby, product, code, player, request_id, fn, cookie): take a seat of the private game of that code. */
#define LOBBY_CODE_LEN 6
void lobby_join_code(struct lobby *lobby, const struct product *product,
                     const char code[static LOBBY_CODE_LEN + 1], const struct token_player *player,
                     const char *request_id, lobby_fn *fn, void *cookie);

/* lobby_make_code(code): a random one. */
void lobby_make_code(char code[static LOBBY_CODE_LEN + 1]);

/* lobby_read_code(s, len, ret_code): a join code as somebody typed it, in either case. Returns 0, or -1 where it is none
 * that a game could have. */
int lobby_read_code(const char *s, size_t len, char ret_code[static LOBBY_CODE_LEN + 1])
    __attribute__((warn_unused_result));

/*
 * lobby_quick_match(lobby, product, player, wish, request_id, fn, cookie): a seat in the best open game that fits, else a new
 * game as wish says, which is never private. The answer is as that of lobby_create or lobby_join, with "created" in it. Of those
 * who ask at the same moment one makes a game and the others get its seats, before its creator has joined it; so it may
 * be that such a game comes to nothing.
 */
void lobby_quick_match(struct lobby *lobby, const struct product *product,
                       const struct token_player *player, const struct lobby_wish *wish,
                       const char *request_id, lobby_fn *fn, void *cookie);

/* lobby_leave(lobby, product, game_id, player, fn, cookie): give up the player's seat; the creator's game is removed. The
 * answer is {"game_id", "removed"}. lobby_remove: remove a game of the player's own; the same answer. */
void lobby_leave(struct lobby *lobby, const struct product *product, const char *game_id,
                 const struct token_player *player, lobby_fn *fn, void *cookie);
void lobby_remove(struct lobby *lobby, const struct product *product, const char *game_id,
                  const struct token_player *player, lobby_fn *fn, void *cookie);

/* lobby_undo(lobby, product_id, game_id, server, until): Redis is told that the game server has made a game that nobody
 * wants, or may do so as late as until (0: it did not), until it has heard of it: all else is the curator's. Where Redis is
 * away that takes as long as it is. server: its URL. All is copied. */
void lobby_undo(struct lobby *lobby, const char *product_id, const char *game_id,
                const char *server, wall_ms until);

/* lobby_view(lobby, product, game_id, player, fn, cookie): the whole object of a game in which the player has a token,
 * else the public one, but of a private game none. player may be NULL. lobby_mine: an array of the whole objects of all games, not yet over, in which
 * the player has a token. */
void lobby_view(struct lobby *lobby, const struct product *product, const char *game_id,
                const struct token_player *player, lobby_fn *fn, void *cookie);
void lobby_mine(struct lobby *lobby, const struct product *product,
                const struct token_player *player, lobby_fn *fn, void *cookie);

/* Which open games. */
struct lobby_query {
    int64_t count, page; /* not negative; a count above LOBBY_LIST_MAX is taken as that */
    bool newest;         /* first; else the oldest */
    const char *terms;   /* of settings that have to fit (lib/product/gamesettings.h); "" for none */
};

/* lobby_list(lobby, product, query, fn, cookie): public game objects as a JSON array. */
#define LOBBY_LIST_MAX 25
void lobby_list(struct lobby *lobby, const struct product *product,
                const struct lobby_query *query, lobby_fn *fn, void *cookie);

/* lobby_add_keys(a, product_id): the keys that follow from a product's games, LOBBY_KEYS of them in the order of
 * lobby_keys() in lib/redis/games.lua. Every function that changes games takes them behind its own first ones. */
#define LOBBY_KEYS 7
void lobby_add_keys(struct redis_args *a, const char *product_id);

/* What one lobby_expire_due did. */
struct lobby_expired {
    enum lobby_result result; /* LOBBY_DONE, LOBBY_REDIS_AWAY or LOBBY_FAILED */
    size_t games;             /* games whose deadline was looked at */
    size_t expired;           /* games taken away because a deadline passed */
    size_t seats;             /* seats taken back */
    size_t removed;           /* games and players the game server was successfully told to remove */
    size_t failed;            /* removals that have to be tried again */
    size_t damaged;           /* games that cannot be read: put off for a while */
    char damage[160];         /* what is wrong with the first of them; "" for none */
    size_t abandoned;         /* games and players given up on: the game server could not be told for a day */
};
typedef void lobby_expired_fn(void *cookie, const struct lobby_expired *done);

/*
 * lobby_expire_due(lobby, product, now, max, fn, cookie): act on at most max deadlines that are due
 * at now: one round of the curator. fn is called when all of it, the game server's answers
 * included, is done. now is a parameter because the curator must not run ahead of the events it has
 * yet to read.
 */
void lobby_expire_due(struct lobby *lobby, const struct product *product, wall_ms now, size_t max,
                      lobby_expired_fn *fn, void *cookie);

#endif
