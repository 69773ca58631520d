/*
 * What lobby.c and the lobby_*.c share; for these alone.
 */
#ifndef VARCADE_LOBBY_INTERNAL_H
#define VARCADE_LOBBY_INTERNAL_H

#include <stdbool.h>

#include "lib/access/token.h"
#include "lib/base/text.h"
#include "lib/lobby/lobby.h"
#include "lib/redis/redis.h"

#define LOBBY_RETRY_AFTER ((dur_ms)1000) /* what a player is told to wait where nothing better is known */
#define LOBBY_LIMIT_RETRY_AFTER ((dur_ms)10000) /* somebody has too many games: none ends sooner by itself */
/* How much longer than the game server's limit an intent holds: for the steps before and after. */
#define LOBBY_INTENT_MARGIN ((dur_ms)2000)

#define LOBBY_DRAINED_RETRY_AFTER ((dur_ms)10000)

struct loop_timer;
struct redisReply;
struct lobby_op;
struct lobby_listing;
struct lobby_round;
struct lobby_undoing;

struct lobby {
    struct loop *loop;
    struct redis *redis;
    struct gameserver_client *client;
    struct lobby_limits limits;
    struct redis_args args;     /* of the command that is being built */
    struct lobby_op *ops;       /* under way, so that lobby_free can free them */
    struct lobby_listing *listings; /* being read */
    struct lobby_round *rounds;
    struct lobby_undoing *undoings; /* of which Redis has not heard yet */
};

/* Of a request's id, which only goes to logs. */
#define LOBBY_REQUEST_ID_SIZE 65

/* An operation for a player. It ends when it has answered and nothing of it is under way. */
struct lobby_op {
    struct lobby *lobby;
    const struct product *product;
    lobby_fn *fn; /* NULL once it was called */
    void *cookie;
    bool join;
    bool quick;                /* by quick_match; then: */
    bool early;                /* joins before the creator may have joined */
    bool listed_only;          /* looks for listed games alone */
    int tries;                 /* how often it was begun again */
    int board;                 /* whose ratings are to be near; -1: none */
    char *terms;               /* of settings, lines */
    struct loop_timer *timer;
    mono_ms wait_until;        /* for a game that is being made */
    bool late_awaited;         /* the game server's late answer is yet to come */
    unsigned redis_awaited;    /* answers of Redis yet to come */
    enum lobby_result failure; /* what to answer once Redis knows of it */
    dur_ms retry_after;
    mono_ms began;
    const struct product_server *server; /* where a new game is made, one of the product's; NULL: all are drained */
    char code[LOBBY_CODE_LEN + 1]; /* by which a private game is joined; "" for none */
    bool is_private;           /* these two as in lobby_wish */
    char *settings;
    wall_ms undo_until;        /* as lobby_op_undo() was told */
    bool again;                /* nothing was sent to the game server: another one is tried */
    char game_id[TEXT_GAME_ID_LEN + 1];
    char request_id[LOBBY_REQUEST_ID_SIZE];
    char reason[128];
    struct token_player player;
    struct lobby_op *prev, *next;
};

/* lobby_op_new(lobby, product, player, fn, cookie): NULL where there is no memory: fn was told. player is copied; NULL is
 * none. lobby_op_done(op): forget it if nothing of it is under way. */
struct lobby_op *lobby_op_new(struct lobby *lobby, const struct product *product,
                              const struct token_player *player, lobby_fn *fn, void *cookie);
void lobby_op_done(struct lobby_op *op);

/* lobby_op_send(op, fn): the command that was built in lobby->args, with op as cookie. fn counts redis_awaited down. */
void lobby_op_send(struct lobby_op *op, redis_fn *fn);

/* Each answers the operation: with JSON, with what went wrong, with a command that did not do what it should. */
void lobby_op_answer_json(struct lobby_op *op, const char *json, size_t len);
void lobby_op_fail(struct lobby_op *op, enum lobby_result result, const char *state,
                   const char *reason);
void lobby_op_fail_redis(struct lobby_op *op, enum redis_outcome outcome,
                         const struct redisReply *reply);

/* The steps that create, join and quick match share (lobby_seat.c). lobby_op_start(): as lobby_op_new; the player's name is kept.
 * lobby_op_ask(op, url): ask the game server, and what follows. lobby_op_undo(op, until): release seat or intent; until as
 * in seat_release. lobby_add_new_game(a, op): the arguments of a new game's intent. */
struct lobby_op *lobby_op_start(struct lobby *lobby, const struct product *product,
                                const struct token_player *player, const char *request_id,
                                lobby_fn *fn, void *cookie);
void lobby_op_ask(struct lobby_op *op, const char *url);
void lobby_op_undo(struct lobby_op *op, wall_ms until);
void lobby_add_new_game(struct redis_args *a, const struct lobby_op *op);

/* lobby_op_choose(op): the game server of a new game. */
void lobby_op_choose(struct lobby_op *op);

/* lobby_quick_again(op): begin a quick match again; false where op is none, or has been at it often enough. */
bool lobby_quick_again(struct lobby_op *op);

/* lobby_quick_decide(op): the quick match's first step. */
void lobby_quick_decide(struct lobby_op *op);

/* lobby_op_refused(op, reply): answer what the refusal of a function means; false where reply is none. */
bool lobby_op_refused(struct lobby_op *op, const struct redisReply *reply);

/* lobby_call(lobby, function, product_id, game_id): start a call of one game's function; then the
 * arguments. */
struct redis_args *lobby_call(struct lobby *lobby, const char *function,
                              const char *product_id, const char *game_id);

/* lobby_add_terms(a, terms): each line of terms as an argument. */
void lobby_add_terms(struct redis_args *a, const char *terms);

/* lobby_result_of(outcome): what it means that a command ended like this. */
enum lobby_result lobby_result_of(enum redis_outcome outcome);

/* lobby_free_listings(lobby): lobby_list.c's part of lobby_free. */
void lobby_free_listings(struct lobby *lobby);

/* lobby_fail_redis(fn, cookie, outcome, reply): tell fn that a command did not do what it should;
 * retry_after 0: none better known. */
void lobby_fail_redis(lobby_fn *fn, void *cookie, dur_ms retry_after, enum redis_outcome outcome,
                      const struct redisReply *reply);

/* lobby_free_rounds(lobby): lobby_expire.c's part of lobby_free. */
void lobby_free_rounds(struct lobby *lobby);

/* lobby_free_undoings(lobby): lobby_undo.c's part of lobby_free. */
void lobby_free_undoings(struct lobby *lobby);

#endif
