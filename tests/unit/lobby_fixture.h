/*
 * The lobby on a real Redis, with a game server made up: gameserver_call() is this test's own. What a game server does
 * is scripted by action; which games and players it has is kept, to be compared with what Redis says.
 */
#ifndef VARCADE_TESTS_LOBBY_FIXTURE_H
#define VARCADE_TESTS_LOBBY_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/loop.h"
#include "lib/lobby/gameserver.h"
#include "lib/lobby/lobby.h"
#include "lib/product/product.h"
#include "tests/unit/functions.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/unit.h"

#define FIXTURE_TIMEOUT 3000
#define FIXTURE_LATE 20000

extern struct lobby *lobby;
extern struct product product; /* `p`, 2 players, the timeouts of functions.h */

extern struct lobby_wish fixture_wish; /* what begin_create() asks for; nothing special after fixture_setup */

/* fixture_setup(), fixture_teardown(): for one test case. */
void fixture_setup(void);
void fixture_teardown(void);

/* fixture_crash(): lobby, Redis connection and calls to the game server are gone from one moment to the
 * next; then all of it anew. */
void fixture_crash(void);

/* fixture_turn_until(done, n): run the loop until *done is n; fails the test after 10 s. */
void fixture_turn_until(const size_t *done, size_t n);

/* fixture_await_redis(): until the connection is up again. */
void fixture_await_redis(void);

/* --- the game server -------------------------------------------------------------------------- */

enum stub_action { STUB_CREATE, STUB_JOIN, STUB_REMOVE_GAME, STUB_REMOVE_PLAYER, STUB_ACTION_MAX };

struct stub_script {
    enum gameserver_outcome outcome;
    enum gameserver_outcome late; /* where outcome is LATE: what stub_end_late() says */
    bool cut;                     /* what RUBBISH is: no whole HTTP answer, not a 200 without token */
};

extern struct stub_script stub_script[STUB_ACTION_MAX]; /* all DONE after fixture_setup */
extern bool stub_hold;            /* calls are kept back until stub_release() */
extern size_t stub_calls;         /* calls made; those answered; the most under way at once */
extern size_t stub_answered;
extern size_t stub_most;

/* stub_release(): answer what was kept back. stub_do_held(): the game server does it, and nobody hears of it. */
void stub_release(void);
void stub_do_held(void);

/* stub_end_late(): the late calls end as scripted. */
void stub_end_late(void);

/* stub_players(game_id): its players with a space between them, sorted; "-" for a game it does not have. */
const char *stub_players(const char *game_id);

/* redis_players(game_id): the same by what Redis says of players with a token. */
const char *redis_players(const char *game_id);

/* stub_games(): how many games it has. */
size_t stub_games(void);

/* --- asking the lobby ------------------------------------------------------------------------- */

struct asked {
    size_t done; /* how often it was answered */
    enum lobby_result result;
    char json[8192], state[64], reason[256];
    char game_id[33]; /* from json */
    dur_ms retry_after;
};

/* Begin; the answer is in a when a->done is 1. */
void begin_create(struct asked *a, const char *user);
void begin_join(struct asked *a, const char *game_id, const char *user);

/* Whole calls. */
struct asked ask_create(const char *user);
struct asked ask_join(const char *game_id, const char *user);
struct asked ask_list(int64_t count, int64_t page);

/* make_game(creator): created, and joined by its creator on the game server. The id holds until the next call. */
const char *make_game(const char *creator);

/* curate(now, max): a whole round. */
struct lobby_expired curate(wall_ms now, size_t max);

#define CONSISTENT() ck_assert_str_eq(functions_inconsistency(), "")
#define SAME_VIEW(id) ck_assert_str_eq(stub_players(id), redis_players(id))

#endif
