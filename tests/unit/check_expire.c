/*
 * What the functions of games do when something takes too long: each deadline, answers that come
 * late, removals that have to be repeated.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/games.h"

START_TEST(test_create_fails)
{
    intent(A, 2);
    CALL("ok", "create_failed", A, "1200|0"); /* refused: forgotten */
    NOTHING_LEFT();
    CALL("gone", "create_done", A, "1300|tok|60000");
    CALL("ok", "create_failed", A, "1300|0");

    intent(A, 2); /* late, then refused after all */
    CALL("ok", "create_failed", A, "5000|31000");
    STATE(A, "removing");
    DUE(A, "6000");
    CALL("gone", "create_done", A, "5001|tok|60000");
    CALL("ok", "create_failed", A, "7000|0");
    NOTHING_LEFT();

    intent(A, 2); /* late, then done: told at once, and once is enough */
    CALL("ok", "create_failed", A, "5000|31000");
    CALL("ok", "create_failed", A, "7000|7000");
    DUE(A, "7000");
    CALL("game http://s 0 0", "expire", A, "7000|%d|%d", LATE, RELIST);
    CALL("ok", "game_gone", A, "7000");
    NOTHING_LEFT();

    intent(A, 2); /* late and never heard of: told until it worked after the last moment */
    CALL("ok", "create_failed", A, "5000|31000");
    CALL("game http://s 0 0", "expire", A, "6000|%d|%d", LATE, RELIST);
    CALL("ok", "game_gone", A, "6000");
    DUE(A, "31000");
    CALL("none http://s 0 0", "expire", A, "30999|%d|%d", LATE, RELIST);
    CALL("game http://s 0 0", "expire", A, "31000|%d|%d", LATE, RELIST);
    CALL("ok", "game_gone", A, "31000");
    NOTHING_LEFT();
}
END_TEST

/* Whoever asked stood still until all was over. */
START_TEST(test_made_after_all)
{
    intent(A, 2);
    CALL("game http://s 1 0", "expire", A, "9000|%d|%d", LATE, RELIST);
    CALL("gone", "create_done", A, "9001|tok|60000|http://s"); /* not before: once more, now */
    CALL("ok", "game_gone", A, "9000");
    DUE(A, "9001");
    CALL("game http://s 0 0", "expire", A, "9001|%d|%d", LATE, RELIST);
    CALL("ok", "game_gone", A, "9001");
    NOTHING_LEFT();
}
END_TEST

/* Nothing is known of the game: neither its id nor who asked for it. */
START_TEST(test_an_unknown_game_is_removed_too)
{
    CALL("gone", "create_done", A, "5000|tok|60000|http://s");
    CALL("ok", "create_failed", B, "5000|9000|http://s");
    STATE(A, "removing");
    DUE(A, "5000");
    DUE(B, "6000");
    CALL("game http://s 0 0", "expire", A, "5000|%d|%d", LATE, RELIST);
    DUE(A, "6000"); /* the game server was not there */
    CALL("game http://s 0 0", "expire", A, "6000|%d|%d", LATE, RELIST);
    CALL("ok", "game_gone", A, "6000");
    CALL("game http://s 0 0", "expire", B, "6000|%d|%d", LATE, RELIST);
    CALL("ok", "game_gone", B, "6000");
    DUE(B, "9000"); /* it may yet be made until then */
    EVENT("1", B, 9000, "removed", "");
    NOTHING_LEFT();
    CALL("gone", "create_done", A, "9000|tok|60000|"); /* who could be told? */
    CALL("ok", "create_failed", A, "9000|0|http://s");
    NOTHING_LEFT();
}
END_TEST

START_TEST(test_create_expires)
{
    intent(A, 2);
    CALL("none http://s 0 0", "expire", A, "8999|%d|%d", LATE, RELIST);
    CALL("game http://s 1 0", "expire", A, "9000|%d|%d", LATE, RELIST);
    CALL("ok", "game_gone", A, "9000");
    DUE(A, "39000"); /* it may yet be made until then */
    EVENT("1", A, 9500, "removed", "");
    STATE(A, "removing"); /* as a game server may say of a game it has yet to make */
    EVENT("1", A, 39000, "removed", "");
    NOTHING_LEFT();
}
END_TEST

/* Pauses grow from 1 s to a minute, and a day ends it. */
START_TEST(test_removal_is_repeated)
{
    static const char *const pauses[] = {"1000",  "2000",  "4000",  "8000",
                                         "16000", "32000", "60000", "60000"};
    long long now = 902000;
    char due[32];

    open_game(A, 2);
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        CALL(i == 0 ? "game http://s 1 0" : "game http://s 0 0", "expire", A, "%lld|%d|%d", now,
             LATE, RELIST);
        now += strtoll(pauses[i], NULL, 10);
        snprintf(due, sizeof due, "%lld", now);
        DUE(A, due);
    }
    CALL("not_found", "seat_reserve", A, "%lld|%lld|b", now, now + 8000);
    EVENT("1 [0 out_of_order removing]", A, now, "state", "in_progress");
    now = 902000 + DAY;
    CALL("game http://s 0 0", "expire", A, "%lld|%d|%d", now, LATE, RELIST);
    CALL("none http://s 0 1", "expire", A, "%lld|%d|%d", now + 60000, LATE, RELIST);
    NOTHING_LEFT();
    CALL("none  0 0", "expire", A, "%lld|%d|%d", now, LATE, RELIST);
}
END_TEST

START_TEST(test_each_state_expires)
{
    static const struct {
        const char *state;
        long long at;
    } states[] = {{"creator_joined", 902000},
                  {"all_players_joined", 602000},
                  {"in_progress", 1202000},
                  {"ended", 302000}};

    intent(A, 2);
    CALL_JSON("create_done", A, "1500|tok|60000");
    CALL("game http://s 1 0", "expire", A, "61500|%d|%d", LATE, RELIST);
    CALL("ok", "game_gone", A, "61500");
    NOTHING_LEFT();
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        intent(A, 2);
        CALL_JSON("create_done", A, "1500|tok|60000");
        EVENT("1", A, 2000, "state", states[i].state);
        CALL("none http://s 0 0", "expire", A, "%lld|%d|%d", states[i].at - 1, LATE, RELIST);
        CALL("game http://s 1 0", "expire", A, "%lld|%d|%d", states[i].at, LATE, RELIST);
        STATE(A, "removing");
        CALL("ok", "game_gone", A, "%lld", states[i].at);
        NOTHING_LEFT();
    }
}
END_TEST

/* All seats sure, and one player never connects. */
START_TEST(test_seat_timeout)
{
    open_game(A, 3);
    join(A, 880000, "b");
    join(A, 890000, "c");
    DUE(A, "940100"); /* not 902000: the players are on their way */
    EVENT("1", A, 891000, "connect", "b");
    CALL("players http://s 1 0 c", "expire", A, "940100|%d|%d", LATE, RELIST);
    STATE(A, "creator_joined");
    LISTED("1");
    CALL("taken", "seat_reserve", A, "940200|950000|c"); /* until the game server was told */
    DUE(A, "941100");
    CALL("players http://s 0 0 c", "expire", A, "941100|%d|%d", LATE, RELIST);
    DUE(A, "943100");
    CALL("ok", "player_gone", A, "941100|c");
    DUE(A, "1840100");
    join(A, 942000, "c");
}
END_TEST

/* Everybody connects in time, after the game's own timeout, and the game begins a moment later. */
START_TEST(test_all_connect_late)
{
    open_game(A, 2);
    join(A, 890000, "b");
    EVENT("1", A, 905000, "connect", "b");
    DUE(A, "955000");
    EVENT("1", A, 905001, "state", "all_players_joined");
    DUE(A, "1505001");
}
END_TEST

START_TEST(test_reservation_expires)
{
    open_game(A, 2);
    CALL("ok http://s", "seat_reserve", A, "3000|8000|b");
    CALL("players http://s 1 0 b", "expire", A, "8000|%d|%d", LATE, RELIST);
    LISTED("1");
    CALL("ok", "player_gone", A, "8000|b");
    DUE(A, "38000"); /* the game server may yet let them in */
    CALL("taken", "seat_reserve", A, "9000|17000|b");
    CALL("gone", "seat_confirm", A, "9500|b|t|50000"); /* it did: now, and once */
    DUE(A, "9500");
    CALL("players http://s 0 0 b", "expire", A, "9500|%d|%d", LATE, RELIST);
    CALL("ok", "player_gone", A, "9500|b");
    DUE(A, "902000");
    join(A, 10000, "b");
}
END_TEST

START_TEST(test_join_is_late)
{
    open_game(A, 2);
    CALL("ok http://s", "seat_reserve", A, "3000|8000|b");
    CALL("ok", "seat_release", A, "6000|33000|b"); /* late */
    LISTED("1");
    DUE(A, "7000");
    CALL("ok", "seat_release", A, "6500|0|b"); /* refused after all */
    DUE(A, "902000");
    CALL("ok http://s", "seat_reserve", A, "7000|12000|b");
    CALL("ok", "seat_release", A, "8000|38000|b");
    CALL("ok", "seat_release", A, "9000|9000|b"); /* done after all */
    CALL("players http://s 0 0 b", "expire", A, "9000|%d|%d", LATE, RELIST);
    CALL("ok", "player_gone", A, "9000|b");
    DUE(A, "902000");
    CALL("ok", "player_gone", A, "9000|host");         /* whoever does not leave stays */
    CALL("gone", "seat_confirm", A, "9500|x|t|50000"); /* a seat nobody knows of: told too */
    CALL("players http://s 0 0 x", "expire", A, "9500|%d|%d", LATE, RELIST);
}
END_TEST

START_TEST(test_leaving_player_is_given_up)
{
    open_game(A, 2);
    CALL("ok http://s", "seat_reserve", A, "3000|8000|b");
    CALL("ok", "seat_release", A, "3000|3000|b");
    EVENT("1", A, DAY, "state", "in_progress");
    CALL("players http://s 0 1", "expire", A, "%d|%d|%d", DAY + 3001, LATE, RELIST);
}
END_TEST

Suite *
unit_suite(void)
{
    const TTest *const tests[] = {test_create_fails,
                                  test_made_after_all,
                                  test_an_unknown_game_is_removed_too,
                                  test_create_expires,
                                  test_removal_is_repeated,
                                  test_each_state_expires,
                                  test_seat_timeout,
                                  test_all_connect_late,
                                  test_reservation_expires,
                                  test_join_is_late,
                                  test_leaving_player_is_given_up};
    Suite *s = suite_create("expire");
    TCase *tc = tcase_create("functions");

    redis_server_require();
    tcase_add_checked_fixture(tc, functions_setup, functions_teardown);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}
