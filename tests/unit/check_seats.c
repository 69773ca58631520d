/*
 * Who has a seat where: leaving, removing, how many games one player can have, and what players see
 * of a game.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/games.h"

/* A game of host's; its id, and the limits. */
#define INTENT "1000|9000|%s|p|host|Host|2|{}|http://s|ws://s|games_max|%d|seats_max|%d"

static const char *
view(const char *user, const char *which)
{
    functions_begin("games_view");
    functions_key("{p}:game:" A);
    functions_key("{p}:game:" B);
    functions_arg("%s", user);
    functions_arg("%s", which);
    return functions_run();
}

START_TEST(test_a_guest_leaves)
{
    open_game(A, 2);
    join(A, 3000, "b");
    LISTED("0");
    HELD("b", A);
    CALL("ok left", "seat_leave", A, "4000|%d|%d|b", LATE, RELIST);
    LISTED("1");
    HELD("b", "nil");
    DUE(A, "4000"); /* the game server has to be told */
    CALL("not_in_game", "seat_leave", A, "4001|%d|%d|b", LATE, RELIST);
    CALL("players http://s 0 0 b", "expire", A, "4002|%d|%d", LATE, RELIST);
    CALL("ok", "player_gone", A, "4002|b");
    DUE(A, "904000"); /* listed anew */
    join(A, 5000, "b");
}
END_TEST

START_TEST(test_a_guest_leaves_a_match)
{
    open_game(A, 3);
    join(A, 3000, "b");
    join(A, 3000, "c");
    EVENT("1", A, 4000, "state", "in_progress");
    CALL("ok left", "seat_leave", A, "5000|%d|%d|b", LATE, RELIST);
    STATE(A, "creator_joined");
    LISTED("1");
    HELD("c", A);
}
END_TEST

/* Where the game server is being asked for the seat it may yet give it. */
START_TEST(test_a_seat_that_is_only_reserved_is_left)
{
    open_game(A, 2);
    CALL("ok http://s", "seat_reserve", A, "3000|11000|b");
    CALL("ok left", "seat_leave", A, "3500|%d|%d|b", LATE, RELIST);
    CALL("gone", "seat_confirm", A, "3600|b|tok|%d", FUNCTIONS_SEAT_MS);
    CALL("taken", "seat_reserve", A, "3700|11000|b");
    CALL("players http://s 0 0 b", "expire", A, "4500|%d|%d", LATE, RELIST);
    CALL("ok", "player_gone", A, "4500|b");
    CALL("ok http://s", "seat_reserve", A, "40000|48000|b");
}
END_TEST

/* Else he would come back, and be thrown out by what the game server was told of his first stay. */
START_TEST(test_a_refusal_while_the_game_server_is_told_frees_no_seat)
{
    open_game(A, 2);
    CALL("ok http://s", "seat_reserve", A, "3000|11000|b");
    CALL("ok left", "seat_leave", A, "3500|%d|%d|b", LATE, RELIST);
    CALL("players http://s 0 0 b", "expire", A, "4500|%d|%d", LATE, RELIST);
    CALL("ok", "seat_release", A, "4600|0|b");
    CALL("taken", "seat_reserve", A, "4700|12000|b");
    CALL("ok", "player_gone", A, "4500|b"); /* that call began before the refusal */
    CALL("players http://s 0 0 b", "expire", A, "4800|%d|%d", LATE, RELIST);
    CALL("ok", "player_gone", A, "4800|b");
    CALL("ok http://s", "seat_reserve", A, "5000|12000|b");
}
END_TEST

START_TEST(test_the_creator_leaves)
{
    CALL("not_found", "seat_leave", A, "1000|%d|%d|host", LATE, RELIST);
    open_game(A, 2);
    join(A, 3000, "b");
    CALL("ok removed", "seat_leave", A, "4000|%d|%d|host", LATE, RELIST);
    STATE(A, "removing");
    HELD("host", "nil");
    HELD("b", "nil");
    CALL("not_found", "seat_leave", A, "4001|%d|%d|b", LATE, RELIST);
    CALL("not_found", "game_remove", A, "4001|host");
    CALL("game http://s 0 0", "expire", A, "4001|%d|%d", LATE, RELIST);
    CALL("ok", "game_gone", A, "4001");
    NOTHING_LEFT();
}
END_TEST

START_TEST(test_remove)
{
    open_game(A, 2);
    join(A, 3000, "b");
    CALL("not_creator", "game_remove", A, "4000|b");
    CALL("ok removed", "game_remove", A, "4000|host");
    DUE(A, "4000");
}
END_TEST

START_TEST(test_a_player_has_so_many_games)
{
    CALL("ok", "create_intent", A, INTENT, A, 1, 2);
    CALL("limit", "create_intent", B, INTENT, B, 1, 2);
    CALL("ok", "create_intent", B, INTENT, B, 2, 2);
    CALL("ok", "create_failed", B, "1500|0");
    CALL("limit", "create_intent", B, INTENT, B, 0, 1);
    CALL("ok", "create_intent", B, INTENT, B, 0, 0);
    CALL("ok", "create_failed", B, "1500|0");
    CALL("ok", "create_intent", B, "1000|9000|" B "|p|b|B|2|{}|http://s|ws://s");
    CALL_JSON("create_done", B, "1500|tok|60000");
    EVENT("1", B, 2000, "state", "creator_joined");
    CALL("limit", "seat_reserve", B, "3000|9000|host|seats_max|1");
    CALL("ok http://s", "seat_reserve", B, "3000|9000|host|seats_max|2");
    HELD("host", A "* " B);
    EVENT("1", B, 4000, "over", ""); /* what is over counts no more */
    HELD("host", A "*");
    HELD("b", "nil");
    ck_assert_int_eq(functions_game("seat_reserve", B, "1|2|x|seats|1")[0], '!');
}
END_TEST

START_TEST(test_what_players_see)
{
    char all[4096];

    ck_assert_str_eq(view("host", "any"), "");
    intent(A, 2);
    ck_assert_str_eq(view("host", "any"), "");
    CALL_JSON("create_done", A, "1500|tok|60000");
    snprintf(all, sizeof all, "%s", view("host", "own"));
    ck_assert_ptr_nonnull(strstr(all, "\"token\":\"tok\",\"state\":\"created\""));
    ck_assert_str_eq(view("b", "own"), "");
    ck_assert_ptr_null(strstr(view("b", "any"), "token"));
    EVENT("1", A, 2000, "state", "creator_joined");
    join(A, 3000, "b");
    ck_assert_ptr_nonnull(strstr(view("b", "any"), "\"token\":\"t-b\""));
    ck_assert_ptr_nonnull(strstr(view("host", "any"), "\"token\":\"tok\""));
    intent(B, 2);
    CALL_JSON("create_done", B, "1500|other|60000");
    snprintf(all, sizeof all, "%s", view("host", "own"));
    ck_assert_ptr_nonnull(strstr(all, "\"token\":\"tok\""));
    ck_assert_ptr_nonnull(strstr(all, "\"token\":\"other\""));
    CALL("ok removed", "game_remove", A, "4000|host");
    ck_assert_ptr_null(strstr(view("host", "any"), "\"token\":\"tok\""));
}
END_TEST

/* The ids of a page, by their last digits. */
static const char *
page(int first, int count, const char *order, const char *term, const char *more)
{
    static char ids[2048];
    char *list, *at;

    functions_begin("open_games");
    functions_key("{p}:lobby");
    functions_key("{p}:public");
    functions_key("{p}:index");
    functions_arg("%d", first);
    functions_arg("%d", count);
    functions_arg("%s", order);
    if (term != NULL)
        functions_arg("%s", term);
    if (more != NULL)
        functions_arg("%s", more);
    list = strdup(functions_run());
    ck_assert_ptr_nonnull(list);
    ids[0] = '\0';
    for (at = list; (at = strstr(at, "game_id\":\"")) != NULL; at += 32) {
        size_t len = strlen(ids);

        snprintf(ids + len, sizeof ids - len, "%s%.4s", len > 0 ? " " : "", at + 38);
    }
    free(list);
    return ids;
}

/* More games than one look takes in; every third has the rarer value too. */
START_TEST(test_pages_of_filtered_games)
{
    char id[33];

    for (int i = 0; i < 450; i++) {
        snprintf(id, sizeof id, "%032d", i);
        functions_game("create_intent", id,
                       "1000|9000|%s|p|host|Host|2|{\"num_players\":2,\"map\":\"%s\",\"n\":%d}"
                       "|http://s|ws://s",
                       id, i % 3 == 0 ? "ice" : "sand", i % 2);
        functions_game("create_done", id, "1500|tok|60000");
        functions_event(id, 2000 + i / 2, "state", "creator_joined");
    }
    CONSISTENT();
    ck_assert_str_eq(page(0, 3, "oldest", NULL, NULL), "0000 0001 0002");
    ck_assert_str_eq(page(1, 3, "newest", NULL, NULL), "0448 0447 0446");
    ck_assert_str_eq(page(0, 3, "oldest", "map=ice", NULL), "0000 0003 0006");
    ck_assert_str_eq(page(148, 3, "oldest", "map=ice", NULL), "0444 0447");
    ck_assert_str_eq(page(0, 2, "newest", "map=sand", NULL), "0449 0448");
    ck_assert_str_eq(page(0, 3, "oldest", "map=ice", "n=1"), "0003 0009 0015");
    ck_assert_str_eq(page(73, 3, "oldest", "n=1", "map=ice"), "0441 0447");
    ck_assert_str_eq(page(1, 2, "newest", "n=0", "map=sand"), "0446 0442");
    ck_assert_str_eq(page(148, 3, "oldest", "n=0", "map=sand"), "0446 0448");
    ck_assert_str_eq(page(0, 3, "oldest", "map=ic", NULL), "");
    ck_assert_str_eq(page(0, 3, "oldest", "map=ic", "n=1"), "");
}
END_TEST

/* A private game has one of its codes, until it is over. */
START_TEST(test_private_games)
{
    const char *taken = "1000|9000|" B "|p|host|Host|2|{}|http://s|ws://s|codes|AAAAAA";

    CALL("ok", "create_intent", A,
         "1000|9000|" A "|p|host|Host|2|{}|http://s|ws://s|codes|AAAAAA BBBBBB");
    CALL("taken", "create_intent", B, "%s", taken);
    CALL_JSON("create_done", A, "1500|tok|60000");
    EVENT("1", A, 2000, "state", "creator_joined");
    LISTED("0");
    CALL("not_found", "seat_reserve", A, "3000|9000|b"); /* as where there is no game */
    CALL("not_found", "seat_reserve", A, "3000|9000|b|code|BBBBBB");
    CALL("not_found", "seat_leave", A, "3000|%d|%d|b", LATE, RELIST);
    CALL("not_found", "game_remove", A, "3000|b");
    CALL("ok http://s", "seat_reserve", A, "3000|9000|b|code|AAAAAA");
    CALL_JSON("seat_confirm", A, "3100|b|t-b|%d", FUNCTIONS_SEAT_MS);
    CALL("state creator_joined already in it", "seat_reserve", A, "3200|9000|b");
    ck_assert_ptr_nonnull(strstr(view("b", "own"), "\"join_code\":\"AAAAAA\""));
    ck_assert_str_eq(view("c", "any"), "");
    ck_assert_str_eq(functions_command("HGETALL {p}:codes"), "AAAAAA " A);
    EVENT("1", A, 4000, "over", "");
    CALL("ok", "create_intent", B, "%s", taken);
}
END_TEST

#define C "cccccccccccccccccccccccccccccccc"
/* quick_match of a user, by the key of a game that may be made. */
#define QUICK(id, user, more) \
    "quick_match", id, "1000|9000|" id "|p|" user "|N|2|{\"num_players\":2}|http://s|ws://s" more

/* The first makes a game, the second gets a seat while it is being made, the third makes another.
 */
START_TEST(test_quick_match_at_the_same_moment)
{
    CALL("create", QUICK(A, "a", ""));
    CALL("join " A " creating http://s", QUICK(B, "b", ""));
    CALL("create", QUICK(B, "c", ""));
    CALL("join " B " creating http://s", QUICK(C, "a", "")); /* not into one's own */
    DUE(A, "9000");
    CALL_JSON("create_done", A, "1500|tok|60000");
    DUE(A, "17000"); /* b waited until the game was made, and is asked for now */
    CALL_JSON("seat_confirm", A, "2000|b|t-b|%d", FUNCTIONS_SEAT_MS);
    EVENT("1", A, 3000, "state", "creator_joined");
    DUE(A, "53000"); /* full: b has to connect */
    LISTED("0");
}
END_TEST

START_TEST(test_quick_match_prefers_listed_games)
{
    CALL("create", QUICK(A, "a", ""));
    open_game(B, 2);
    CALL("join " B " creator_joined http://s", QUICK(C, "c", ""));
    CALL("create", QUICK(C, "d", "|listed|1"));
}
END_TEST

#define ICE "1000|9000|%s|p|%s|N|2|{\"num_players\":2,\"map\":\"ice\"}|http://s|ws://s|terms|%s"

START_TEST(test_quick_match_fits)
{
    CALL("create", QUICK(A, "a", ""));
    CALL("create", "quick_match", B, ICE, B, "b", "map=ice");
    CALL("join " B " creating http://s", "quick_match", C, ICE, C, "c", "map=ice");
    CALL("create", "quick_match", C, ICE, C, "d", "map=ice");
    CALL("join " A " creating http://s", QUICK("dddddddddddddddddddddddddddddddd", "e", ""));
}
END_TEST

/* Ratings in a board: of those who are near the nearest, of the others the first. */
static const char *
quick_near(const char *id, const char *user)
{
    functions_begin("quick_match");
    functions_key("{p}:game:%s", id);
    functions_lobby_keys();
    functions_key("{p}:banned");
    functions_key("{p}:generation");
    functions_key("{p}:0:board:r:all");
    for (const char *const *arg = (const char *const[]){"1000", "9000", id, "p", user, "N", "2",
                                                        "{}", "s", "w", "generation", "0", NULL};
         *arg != NULL; arg++)
        functions_arg("%s", *arg);
    return functions_run();
}

START_TEST(test_quick_match_by_rating)
{
    static const char *const ids[] = {A, B, C};
    static const char *const creators[] = {"far", "near", "none"};

    functions_command("ZADD {p}:0:board:r:all 1000 far 1490 near 1500 me");
    for (int i = 0; i < 3; i++) {
        CALL("ok", "create_intent", ids[i], "1000|9000|%s|p|%s|H|3|{}|http://s|ws://s", ids[i],
             creators[i]);
        CALL_JSON("create_done", ids[i], "1500|tok|60000");
        EVENT("1", ids[i], 2000 + i, "state", "creator_joined");
    }
    ck_assert_str_eq(quick_near("dddddddddddddddddddddddddddddddd", "me"),
                     "join " B " creator_joined http://s");
    ck_assert_str_eq(quick_near("dddddddddddddddddddddddddddddddd", "unrated"),
                     "join " A " creator_joined http://s");
    functions_command("SADD {p}:banned me");
    ck_assert_str_eq(quick_near("dddddddddddddddddddddddddddddddd", "me"), "banned");
    functions_command("SET {p}:generation 1");
    ck_assert_str_eq(quick_near("dddddddddddddddddddddddddddddddd", "me"), "! GENERATION 1");
    CONSISTENT();
}
END_TEST

/* A game of three, connected, whose file has these options. */
static void
connected_game(const char *options)
{
    CALL("ok", "create_intent", A, "1000|9000|" A "|p|host|Host|3|{}|http://s|ws://s%s", options);
    CALL_JSON("create_done", A, "1500|tok|60000");
    EVENT("1", A, 2000, "state", "creator_joined");
    CALL("ok http://s", "seat_reserve", A, "3000|11000|b|name|Bob");
    CALL_JSON("seat_confirm", A, "3100|b|t-b|%d", FUNCTIONS_SEAT_MS);
    join(A, 3200, "c");
    EVENT("1", A, 4000, "state", "all_players_joined");
    EVENT("1", A, 4100, "state", "in_progress");
}

START_TEST(test_a_seat_is_kept)
{
    connected_game("|rejoin|5000");
    EVENT("1", A, 5000, "disconnect", "b");
    STATE(A, "in_progress");
    HELD("b", A);
    ck_assert_ptr_nonnull(strstr(view("b", "own"), "\"token\":\"t-b\""));
    DUE(A, "10000");
    EVENT("1", A, 6000, "connect", "b");
    EVENT("1", A, 7000, "disconnect", "b");
    EVENT("1", A, 8000, "disconnect", "b"); /* does not put it off */
    CALL("none http://s 0 0", "expire", A, "11999|%d|%d", LATE, RELIST);
    CALL("players http://s 1 0 b", "expire", A, "12000|%d|%d", LATE, RELIST);
    STATE(A, "creator_joined");
    LISTED("1");
    HELD("b", "nil");
    CALL("ok", "player_gone", A, "12000|b");
}
END_TEST

START_TEST(test_a_creator_who_does_not_come_back)
{
    connected_game("|rejoin|5000");
    EVENT("1", A, 4500, "disconnect", "c");
    EVENT("1", A, 4600, "disconnect", "host");
    CALL("players http://s 1 0 c", "expire", A, "9500|%d|%d", LATE, RELIST);
    LISTED("0"); /* there is a seat, and nobody to play with */
    CALL("taken", "seat_reserve", A, "9550|20000|d");
    CALL("game http://s 1 0", "expire", A, "9600|%d|%d", LATE, RELIST);
    STATE(A, "removing");
}
END_TEST

/* A full game waits for its players; where one of them is away too long it is not full any more,
 * and waits for anybody. */
START_TEST(test_who_is_away_too_long_ends_the_wait)
{
    CALL("ok", "create_intent", A, "1000|9000|" A "|p|host|Host|3|{}|http://s|ws://s|rejoin|5000");
    CALL_JSON("create_done", A, "1500|tok|60000");
    EVENT("1", A, 2000, "state", "creator_joined");
    join(A, 3000, "b");
    join(A, 3200, "c");
    EVENT("1", A, 4000, "connect", "b");
    EVENT("1", A, 5000, "disconnect", "b");
    CALL("players http://s 1 0 b", "expire", A, "10000|%d|%d", LATE, RELIST);
    CALL("ok", "player_gone", A, "10000|b");
    LISTED("1");
    DUE(A, "910000"); /* c is in no hurry now */
}
END_TEST

/* A game that filled up late is not taken from its players while a seat is kept in it. */
START_TEST(test_a_kept_seat_outlasts_the_time_of_a_full_game)
{
    CALL("ok", "create_intent", A, "1000|9000|" A "|p|host|Host|2|{}|http://s|ws://s|rejoin|5000");
    CALL_JSON("create_done", A, "1500|tok|60000");
    EVENT("1", A, 2000, "state", "creator_joined");
    join(A, 901500, "b");
    EVENT("1", A, 901600, "disconnect", "b");
    CALL("none http://s 0 0", "expire", A, "906599|%d|%d", LATE, RELIST);
    DUE(A, "906600");
    EVENT("1", A, 906000, "connect", "b"); /* and all have a moment to begin */
    DUE(A, "956000");
    EVENT("1", A, 907000, "disconnect", "b");
    CALL("players http://s 1 0 b", "expire", A, "912000|%d|%d", LATE, RELIST);
    CALL("ok", "player_gone", A, "912000|b");
    LISTED("1");
    DUE(A, "1812000");
}
END_TEST

START_TEST(test_another_player_takes_the_place_of_the_creator)
{
    connected_game("|migrates|1");
    EVENT("1", A, 5000, "disconnect", "host");
    STATE(A, "creator_joined");
    LISTED("1");
    ck_assert_str_eq(functions_command("HMGET {p}:game:" A " creator_id creator_name"), "b Bob");
    HELD("b", A "*");
    CALL("not_creator", "game_remove", A, "5100|c");
    CALL("ok left", "seat_leave", A, "6000|%d|%d|b", LATE, RELIST);
    ck_assert_str_eq(functions_command("HMGET {p}:game:" A " creator_id creator_name"), "c c");
    CALL("players http://s 0 0 b", "expire", A, "6000|%d|%d", LATE, RELIST);
    CALL("ok removed", "seat_leave", A, "7000|%d|%d|c", LATE, RELIST);
}
END_TEST

START_TEST(test_a_creator_who_is_away_too_long_is_followed)
{
    connected_game("|rejoin|5000|migrates|1");
    EVENT("1", A, 5000, "disconnect", "host");
    CALL("players http://s 1 0 host", "expire", A, "10000|%d|%d", LATE, RELIST);
    HELD("b", A "*");
    LISTED("1");
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("seats");
    TCase *tc = tcase_create("functions");

    redis_server_require();
    tcase_add_checked_fixture(tc, functions_setup, functions_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_a_guest_leaves);
    tcase_add_test(tc, test_a_guest_leaves_a_match);
    tcase_add_test(tc, test_a_seat_that_is_only_reserved_is_left);
    tcase_add_test(tc, test_a_refusal_while_the_game_server_is_told_frees_no_seat);
    tcase_add_test(tc, test_the_creator_leaves);
    tcase_add_test(tc, test_remove);
    tcase_add_test(tc, test_a_player_has_so_many_games);
    tcase_add_test(tc, test_what_players_see);
    tcase_add_test(tc, test_pages_of_filtered_games);
    tcase_add_test(tc, test_private_games);
    tcase_add_test(tc, test_quick_match_at_the_same_moment);
    tcase_add_test(tc, test_quick_match_prefers_listed_games);
    tcase_add_test(tc, test_quick_match_fits);
    tcase_add_test(tc, test_quick_match_by_rating);
    tcase_add_test(tc, test_a_seat_is_kept);
    tcase_add_test(tc, test_a_creator_who_does_not_come_back);
    tcase_add_test(tc, test_who_is_away_too_long_ends_the_wait);
    tcase_add_test(tc, test_a_kept_seat_outlasts_the_time_of_a_full_game);
    tcase_add_test(tc, test_another_player_takes_the_place_of_the_creator);
    tcase_add_test(tc, test_a_creator_who_is_away_too_long_is_followed);
    suite_add_tcase(s, tc);
    return s;
}
