/*
 * What lobby.c (create, join), lobby_list.c (open games) and lobby_expire.c (the curator's rounds)
 * share; for these alone.
 */
#ifndef VARCADE_LOBBY_INTERNAL_H
#define VARCADE_LOBBY_INTERNAL_H

#include <stdbool.h>

#include "lib/lobby.h"
#include "lib/redis.h"

/* An answer of a function: array of texts. Texts are borrowed from the reply. */
struct lobby_text {
    const char *s; /* NUL-terminated, as hiredis leaves it; "" where the reply has none */
    size_t len;
};

#define LOBBY_RETRY_AFTER ((dur_ms)1000) /* what a player is told to wait where nothing better is known */

struct redisReply;
struct lobby_op;
struct lobby_listing;
struct lobby_round;

struct lobby {
    struct redis *redis;
    struct gameserver_client *client;
    struct lobby_limits limits;
    struct redis_args args;     /* of the command that is being built */
    struct lobby_op *ops;       /* under way, so that lobby_free can free them */
    struct lobby_listing *listings; /* being read */
    struct lobby_round *rounds;
};

/* lobby_call(lobby, function, product, game_id): start a call of one game's function; then the
 * arguments. */
struct redis_args *lobby_call(struct lobby *lobby, const char *function,
                              const struct product *product, const char *game_id);

/* lobby_text_at(reply, i): the i-th element of a function's answer. */
struct lobby_text lobby_text_at(const struct redisReply *reply, size_t i);

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

#endif
