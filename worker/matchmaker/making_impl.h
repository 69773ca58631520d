/*
 * What making.c and making_game.c share; for these alone.
 */
#ifndef VARCADE_WORKER_MAKING_IMPL_H
#define VARCADE_WORKER_MAKING_IMPL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/text.h"
#include "lib/matcher/matcher.h"
#include "lib/matcher/tickets.h"
#include "lib/redis/redis.h"

struct making;
struct matchmaker;
struct worker;

#define MAKING_PAUSE ((dur_ms)1000) /* at least so long after a failure */
#define MAKING_REASON_SIZE 128

struct making_player {
    struct making *making;
    char user[TEXT_USER_ID_MAX + 1];
    char name[TEXT_USER_ID_MAX + 1];
    char *token;
    size_t token_len;
};

/*
 * 1. m is set until it is known how the match ends; then only late answers are awaited.
 * 2. match is set until then too, unless the queues were forgotten.
 */
struct making {
    struct worker *worker;
    struct matchmaker *m;
    size_t queue;
    struct matcher_match *match;
    char product_id[TEXT_PRODUCT_ID_MAX + 1];
    char queue_id[QUEUE_ID_MAX + 1];
    char game_id[TEXT_GAME_ID_LEN + 1];
    char backfill[TEXT_GAME_ID_LEN + 1]; /* its number, where it is a ticket's into a game that is listed; else "" */
    char *url, *socket_url; /* the game server's */
    char *settings;         /* of the match's game, which its game server is told; NULL: of none */
    char (*ids)[TICKETS_ID_SIZE];
    size_t nids;
    struct making_player *player;
    size_t nplayers;
    size_t asked;   /* join_game: the first so many players need no more calls */
    size_t awaited; /* and answers to come */
    size_t late;    /* late answers to come */
    bool cancelled; /* one of its tickets is */
    bool failed;
    wall_ms until; /* failed: as in create_failed */
    bool elsewhere; /* failed: nothing was sent, and another game server may make it at once */
    dur_ms pause;  /* failed: no other match for so long; 0: none */
    char refused[TEXT_USER_ID_MAX +
                 1]; /* failed: the player whom the game server refused; "" for none */
    char reason[MAKING_REASON_SIZE];
    struct making *prev, *next;
};

/* --- making.c --- */

/* Nothing of it is under way. */
void making_free(struct making *k);

/* Every player has a token: it is known how the match ends. */
void making_finish_done(struct making *k, const struct redisReply *reply);

/* Redis did not do what it should. until is 0 where the game server was not asked. */
void making_finish_redis(struct making *k, enum redis_outcome outcome, const struct redisReply *reply);

/* The match is not: failed says why, or cancelled. */
void making_fail(struct making *k);

/* Begin the call of one of a match's functions, or of a backfill's; the latter also where m is NULL. */
void making_call(const struct making *k, struct redis_args *a, const char *match, const char *backfill);

/* --- making_game.c --- */

/* The tickets are taken: now the game server. */
void making_create(struct making *k);

/* The ticket's seats are reserved in a listed game: likewise. */
void making_ask_seats(struct making *k);

#endif
