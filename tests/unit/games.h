/*
 * What the tests of the games' functions share: a call, its answer, and the check that the keys are consistent
 * after it. Times are made up.
 */
#ifndef VARCADE_TESTS_GAMES_H
#define VARCADE_TESTS_GAMES_H

#include <string.h>

#include "tests/unit/functions.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/unit.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define LATE 30000
#define RELIST FUNCTIONS_CREATOR_JOINED_MS
#define DAY (24 * 3600 * 1000)

#define CONSISTENT() ck_assert_str_eq(functions_inconsistency(), "")
/* A call, its answer, and that the keys are consistent after it. */
#define CALL(answer, ...)                                      \
    do {                                                       \
        ck_assert_str_eq(functions_game(__VA_ARGS__), answer); \
        CONSISTENT();                                          \
    } while (0)
#define EVENT(answer, ...)                                      \
    do {                                                        \
        ck_assert_str_eq(functions_event(__VA_ARGS__), answer); \
        CONSISTENT();                                           \
    } while (0)
/* The same where the answer is {"ok", json}. */
#define CALL_JSON(...)                                                        \
    do {                                                                      \
        ck_assert_int_eq(strncmp(functions_game(__VA_ARGS__), "ok {", 4), 0); \
        CONSISTENT();                                                         \
    } while (0)
#define STATE(id, state) ck_assert_str_eq(functions_command("HGET {p}:game:%s state", id), state)
#define DUE(id, ms) ck_assert_str_eq(functions_command("ZSCORE {p}:deadlines %s", id), ms)
#define LISTED(n) ck_assert_str_eq(functions_command("ZCARD {p}:lobby"), n)
#define HELD(user, games) ck_assert_str_eq(functions_command("HGET {p}:holders " user), games)
#define NOTHING_LEFT() ck_assert_str_eq(functions_command("KEYS {p}:game*"), "")

static inline void
intent(const char *id, int max)
{
    CALL("ok", "create_intent", id,
         "1000|9000|%s|p|host|Host|%d|{\"num_players\":%d}|http://s|ws://s/x", id, max, max);
}

/* A game that the creator has joined at 2000. */
static inline void
open_game(const char *id, int max)
{
    intent(id, max);
    CALL_JSON("create_done", id, "1500|tok|60000");
    EVENT("1", id, 2000, "state", "creator_joined");
}

static inline void
join(const char *id, int now, const char *user)
{
    CALL("ok http://s", "seat_reserve", id, "%d|%d|%s", now, now + 8000, user);
    CALL_JSON("seat_confirm", id, "%d|%s|t-%s|%d", now + 100, user, user, FUNCTIONS_SEAT_MS);
}

#endif
