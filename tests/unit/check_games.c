/*
 * The Redis functions of games, each transition by its own call: what each answers, when the game
 * is due, who is listed.
 */
#include <stdio.h>

#include "tests/unit/games.h"

START_TEST(test_a_whole_life)
{
    intent(A, 2);
    DUE(A, "9000");
    CALL("not_found", "seat_reserve", A, "1100|9100|guest");
    CALL("ok {\"game_id\":\"" A
         "\",\"product_id\":\"p\",\"creator_id\":\"host\",\"creator_name\":\"Host\","
         "\"players\":[\"host\"],\"settings\":{\"num_players\":2},\"token\":\"tok\",\"state\":"
         "\"created\","
         "\"target_game_server\":\"ws:\\/\\/s\\/x\"}",
         "create_done", A, "1500|tok|60000");
    DUE(A, "61500");
    CALL("state created ", "seat_reserve", A, "1600|9100|guest");
    CALL("state created already in it", "seat_reserve", A, "1600|9100|host");
    LISTED("0");
    EVENT("1", A, 2000, "state", "creator_joined");
    DUE(A, "902000");
    LISTED("1");
    join(A, 3000, "guest");
    LISTED("0");
    DUE(A, "53100");
    EVENT("1", A, 4000, "state", "all_players_joined");
    DUE(A, "604000");
    CALL("state all_players_joined ", "seat_reserve", A, "1600|9100|third");
    EVENT("1", A, 5000, "state", "in_progress");
    DUE(A, "1205000");
    EVENT("1", A, 6000, "over", "");
    DUE(A, "306000");
    EVENT("1", A, 7000, "removed", "");
    NOTHING_LEFT();
    CALL("not_found", "seat_reserve", A, "8000|9100|guest");
    EVENT("1 [0 unknown_game ]", A, 8000, "removed", "");
}
END_TEST

START_TEST(test_join_answers)
{
    open_game(A, 3);
    CALL("ok http://s", "seat_reserve", A, "3000|8000|b");
    CALL("state creator_joined already in it", "seat_reserve", A, "3001|8000|b");
    LISTED("1");
    CALL("ok http://s", "seat_reserve", A, "3002|8000|c");
    LISTED("0");
    CALL("taken", "seat_reserve", A, "3003|8000|d");
    CALL("ok", "seat_release", A, "3004|0|c");
    LISTED("1");
    CALL("ok http://s", "seat_reserve", A, "3005|8000|d");
    CALL("ok {\"game_id\":\"" A
         "\",\"product_id\":\"p\",\"creator_id\":\"host\",\"creator_name\":\"Host\","
         "\"players\":[\"host\",\"d\"],\"settings\":{\"num_players\":3},\"token\":\"t\",\"state\":"
         "\"creator_joined\","
         "\"target_game_server\":\"ws:\\/\\/s\\/x\"}",
         "seat_confirm", A, "3006|d|t|50000");
    DUE(A, "8000"); /* b's reservation; no seat timeout before the game is full */
    CALL("taken", "seat_reserve", A, "3007|8000|e");
    CALL_JSON("seat_confirm", A, "3008|b|t|50000");
    CALL("state creator_joined the game is full", "seat_reserve", A, "3009|8000|e");
    CALL("state creator_joined already in it", "seat_reserve", A, "3009|8000|d");
    DUE(A, "53008");
    CALL("ok", "seat_release", A, "3010|0|b"); /* a sure seat is nobody's to release */
    DUE(A, "53008");
}
END_TEST

START_TEST(test_events_out_of_order)
{
    EVENT("1 [0 unknown_game ]", A, 1000, "state", "ended");
    intent(A, 2);
    EVENT("1 [0 out_of_order creating]", A, 1000, "state", "creator_joined");
    EVENT("1 [0 out_of_order creating]", A, 1000, "over", "");
    EVENT("1 [0 out_of_order creating]", A, 1000, "connect", "host");
    CALL_JSON("create_done", A, "1500|tok|60000");
    EVENT("1", A, 2000, "state", "in_progress"); /* two steps at once */
    EVENT("1 [0 out_of_order in_progress]", A, 2001, "state", "creator_joined");
    EVENT("1 [0 out_of_order in_progress]", A, 2001, "state", "in_progress");
    EVENT("1 [0 not_in_game in_progress]", A, 2001, "disconnect", "stranger");
    EVENT("1 [0 not_in_game in_progress]", A, 2001, "connect", "stranger");
    EVENT("1", A, 3000, "over", "");
    EVENT("1 [0 out_of_order ended]", A, 3000, "over", "");
    EVENT("1 [0 out_of_order ended]", A, 3001, "state", "all_players_joined");
    DUE(A, "303000");
}
END_TEST

/* Of many events for one game in one call each sees what those before it did. */
START_TEST(test_events_of_one_call)
{
    const struct functions_event events[] = {{A, 2000, "state", "creator_joined"},
                                             {B, 2000, "state", "creator_joined"},
                                             {A, 2001, "state", "creator_joined"},
                                             {A, 2002, "state", "all_players_joined"},
                                             {A, 2003, "over", ""},
                                             {A, 2004, "removed", ""},
                                             {A, 2005, "over", ""},
                                             {B, 2006, "disconnect", "host"}};

    intent(A, 1);
    CALL_JSON("create_done", A, "1500|tok|60000");
    intent(B, 2);
    CALL_JSON("create_done", B, "1500|tok|60000");
    ck_assert_str_eq(functions_events(events, sizeof events / sizeof events[0]),
                     "1 [2 out_of_order creator_joined] [6 unknown_game ]");
    CONSISTENT();
    STATE(A, "nil");
    STATE(B, "removing");
    DUE(B, "2006");
}
END_TEST

START_TEST(test_player_leaves)
{
    open_game(A, 2);
    join(A, 3000, "b");
    EVENT("1", A, 4000, "state", "all_players_joined");
    EVENT("1", A, 5000, "disconnect", "b");
    STATE(A, "creator_joined");
    LISTED("1");
    DUE(A, "905000");
    EVENT("1 [0 not_in_game creator_joined]", A, 5001, "disconnect", "b");
    join(A, 6000, "b"); /* the same one again; an old disconnect does not throw them out */
    EVENT("1 [0 not_in_game creator_joined]", A, 5500, "disconnect", "b");
    EVENT("1", A, 7000, "state", "in_progress");
    EVENT("1", A, 8000, "over", "");
    EVENT("1", A, 9000, "disconnect", "b"); /* over: not listed again */
    STATE(A, "ended");
    LISTED("0");
    EVENT("1", A, 9001, "disconnect", "host");
    STATE(A, "removing");
    DUE(A, "9001");
}
END_TEST

START_TEST(test_player_leaves_a_full_game_before_it_began)
{
    open_game(A, 3);
    join(A, 3000, "b");
    join(A, 3200, "c");
    DUE(A, "53300");
    EVENT("1", A, 4000, "disconnect", "b");
    LISTED("1");
    DUE(A, "904000"); /* c is no longer waited for; the game's own timeout begins anew */
}
END_TEST

START_TEST(test_creator_leaves)
{
    open_game(A, 2);
    CALL("ok http://s", "seat_reserve", A, "3000|8000|b");
    EVENT("1", A, 3500, "disconnect", "host");
    CALL("gone", "seat_confirm", A, "3600|b|t|50000");
    CALL("ok", "seat_release", A, "3600|33600|b");
    CALL("not_found", "seat_reserve", A, "3700|8000|c");
    CALL("game http://s 0 0", "expire", A, "3700|%d|%d", LATE, RELIST);
    CALL("ok", "game_gone", A, "3700");
    NOTHING_LEFT();
}
END_TEST

/* The game began or was over while the game server was asked. */
START_TEST(test_confirm_after_the_game_moved_on)
{
    open_game(A, 3);
    CALL("ok http://s", "seat_reserve", A, "3000|8000|b");
    CALL("ok http://s", "seat_reserve", A, "3000|8000|c");
    EVENT("1", A, 3100, "state", "all_players_joined");
    CALL_JSON("seat_confirm", A, "3200|b|t|50000");
    EVENT("1", A, 3300, "over", "");
    CALL("gone", "seat_confirm", A, "3400|c|t|50000");
    CALL("players http://s 0 0 c", "expire", A, "3400|%d|%d", LATE, RELIST);
}
END_TEST

START_TEST(test_leaving_players_are_bounded)
{
    open_game(A, 2);
    for (int i = 0; i < 64; i++) {
        CALL("ok http://s", "seat_reserve", A, "3000|8000|u%d", i);
        CALL("ok", "seat_release", A, "3000|33000|u%d", i);
    }
    CALL("taken", "seat_reserve", A, "3000|8000|one-more");
    LISTED("0"); /* nobody could join it */
    CALL("ok", "seat_release", A, "3500|0|u0");
    LISTED("1");
    functions_game("expire", A, "%d|%d|%d", 4000 + DAY, LATE, RELIST); /* the game is due first */
    STATE(A, "removing");
}
END_TEST

START_TEST(test_sixty_four_players)
{
    char user[16];

    open_game(A, 64);
    for (int i = 1; i < 64; i++) {
        LISTED("1");
        snprintf(user, sizeof user, "u%d", i);
        join(A, 3000 + i, user);
    }
    LISTED("0");
    CALL("state creator_joined the game is full", "seat_reserve", A, "4000|9000|u64");
    EVENT("1", A, 5000, "state", "all_players_joined");
    ck_assert_str_eq(functions_command("HGET {p}:counts players_in_game"), "64");
    EVENT("1", A, 6000, "disconnect", "u32");
    LISTED("1");
    join(A, 7000, "u64");
    LISTED("0");
    ck_assert_str_eq(functions_command("HGET {p}:counts players_in_lobby"), "64");
}
END_TEST

START_TEST(test_names_of_all_kinds)
{
    CALL("ok", "create_intent", A,
         "1000|9000|" A "|p|j\xc3\xb6rg \"x\"|\xe6\x97\xa5\xe6\x9c\xac/\\|2|{}|http://s|ws://s");
    ck_assert_str_eq(functions_game("create_done", A, "1500|t\xc3\xb6k|60000"),
                     "ok {\"game_id\":\"" A
                     "\",\"product_id\":\"p\",\"creator_id\":\"j\xc3\xb6rg \\\"x\\\"\","
                     "\"creator_name\":\"\xe6\x97\xa5\xe6\x9c\xac\\/"
                     "\\\\\",\"players\":[\"j\xc3\xb6rg \\\"x\\\"\"],"
                     "\"settings\":{},\"token\":\"t\xc3\xb6k\",\"state\":\"created\","
                     "\"target_game_server\":\"ws:\\/\\/s\"}");
}
END_TEST

/* What is wrong is refused before anything is written. */
START_TEST(test_bad_arguments)
{
    static const char *const calls[] = {
        "1000|9000|" B "|p|host|Host|2|{}|http://s|ws://s", /* another game's id */
        "1000|9000|" A "|p|host|Host|0|{}|http://s|ws://s",
        "1000|9000|" A "|p|host|Host|65|{}|http://s|ws://s",
        "1000|9000|" A "|p|host|Host|2|[]|http://s|ws://s",
        "1000|9000|" A "|p|host|Host|2|{\"a\"|http://s|ws://s",
        "x|9000|" A "|p|host|Host|2|{}|http://s|ws://s",
        "1000|-1|" A "|p|host|Host|2|{}|http://s|ws://s",
        "1000|nan|" A "|p|host|Host|2|{}|http://s|ws://s",
        "1000|1.5|" A "|p|host|Host|2|{}|http://s|ws://s",
        "1000|1e300|" A "|p|host|Host|2|{}|http://s|ws://s",
        "1000|9000|" A "|p|host|Host|2|{}|http://s",
    };

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        ck_assert_int_eq(functions_game("create_intent", A, "%s", calls[i])[0], '!');
        ck_assert_str_eq(functions_command("DBSIZE"), "0");
    }
    intent(A, 2);
    ck_assert_int_eq(functions_game("create_intent", A, "%s", "1000|9000|" A "|p|h|H|2|{}|s|w")[0],
                     '!');
    functions_command("HSET {p}:game:" A " seats damaged");
    ck_assert_int_eq(functions_game("create_done", A, "9000|t|1")[0], '!');
    STATE(A, "creating");
}
END_TEST

START_TEST(test_open_games)
{
    char id[33];

    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "%032x", i);
        open_game(id, 2);
    }
    functions_begin("open_games");
    functions_key("{p}:lobby");
    functions_key("{p}:public");
    functions_arg("29");
    functions_arg("25");
    ck_assert_str_eq(
        functions_run(),
        "[{\"game_id\":\"0000000000000000000000000000001d\",\"product_id\":\"p\",\"creator_id\":"
        "\"host\","
        "\"creator_name\":\"Host\",\"players\":[\"host\"],\"settings\":{\"num_players\":2}}]");
}
END_TEST

Suite *
unit_suite(void)
{
    const TTest *const tests[] = {test_a_whole_life,
                                  test_join_answers,
                                  test_events_out_of_order,
                                  test_events_of_one_call,
                                  test_player_leaves,
                                  test_player_leaves_a_full_game_before_it_began,
                                  test_creator_leaves,
                                  test_confirm_after_the_game_moved_on,
                                  test_leaving_players_are_bounded,
                                  test_sixty_four_players,
                                  test_names_of_all_kinds,
                                  test_bad_arguments,
                                  test_open_games};
    Suite *s = suite_create("games");
    TCase *tc = tcase_create("functions");

    redis_server_require();
    tcase_add_checked_fixture(tc, functions_setup, functions_teardown);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}
