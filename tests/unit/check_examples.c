/* The example games of docs/examples/games, as they are, in a running worker: events in, boards
 * out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/unit.h"
#include "tests/unit/worker_fixture.h"

static void
install(const char *name)
{
    const char *srcdir = getenv("srcdir");
    char path[512], to[64];
    char *text = NULL;
    size_t len;

    (void)snprintf(path, sizeof(path), "%s/docs/examples/games/%s", srcdir != NULL ? srcdir : ".",
                   name);
    ck_assert_msg(text_read_file(path, 65536, &text, &len) == 0, "%s", path);
    (void)snprintf(to, sizeof(to), "games/%s", name);
    worker_write(to, text);
    free(text);
}

static void
score(const char *user, int points)
{
    worker_ask("XADD game_event_stream * product_id arcade type score user_id %s score %d", user,
               points);
}

/* Ann reaches 900 first, and again; Bob reaches it too, and then Cy is better than both. */
START_TEST(an_arcade_high_score)
{
    install("arcade.json");
    worker_start(0);
    score("ann", 900);
    score("bob", 900);
    score("ann", 100);
    score("ann", 900);
    score("cy", 901);
    WAIT_FOR("1", "HGET {arcade}:0:stats:cy runs");
    ck_assert_str_eq(worker_ask("HMGET {arcade}:0:stats:ann runs best_score"), "3 900");
    WAIT(strstr(worker_read("snapshots/leaderboards/arcade/high-score"), "cy") != NULL);
    ck_assert_ptr_nonnull(
        strstr(worker_read("snapshots/leaderboards/arcade/high-score"),
               "\"total\": 3, \"entries\": ["
               "{\"rank\": 1, \"user_id\": \"cy\", \"username\": null, \"score\": 901}, "
               "{\"rank\": 2, \"user_id\": \"ann\", \"username\": null, \"score\": 900}, "
               "{\"rank\": 3, \"user_id\": \"bob\", \"username\": null, \"score\": 900}]}"));
    WAIT_FOR("2", "ZCARD {arcade}:0:windows");
    worker_end(0);
}
END_TEST

static void
lap(long long ms, const char *user, int time)
{
    worker_ask("XADD game_event_stream %lld-* product_id timetrial type gameplay event_name lap "
               "user_id %s ms %d",
               ms, user, time);
}

/* Two laps in the season's last second, two after it. */
START_TEST(a_time_trial)
{
    install("timetrial.json");
    lap(1782863999000, "ann", 61000);
    lap(1782863999999, "bob", 61000);
    lap(1782864000000, "cy", 62500);
    lap(1782864000001, "ann", 60999);
    worker_start(0);
    WAIT_FOR("2", "HGET {timetrial}:0:stats:ann laps");
    ck_assert_str_eq(worker_ask("HGET {timetrial}:0:stats:ann best_lap_ms"), "60999");
    ck_assert_str_eq(worker_ask("ZRANGE {timetrial}:0:board:fastest-lap:s-2026-1 0 -1 WITHSCORES"),
                     "ann 61000 bob 61000");
    ck_assert_str_eq(worker_ask("HGETALL {timetrial}:0:board:fastest-lap:s-2026-1:counts"),
                     "61000 2");
    ck_assert_str_eq(worker_ask("ZRANGE {timetrial}:0:board:fastest-lap:2026-07 0 -1 WITHSCORES"),
                     "ann 60999 cy 62500");
    WAIT(strstr(worker_read("snapshots/leaderboards/timetrial/fastest-lap"), "cy") != NULL);
    ck_assert_ptr_nonnull(
        strstr(worker_read("snapshots/leaderboards/timetrial/fastest-lap"),
               "\"total\": 3, \"entries\": ["
               "{\"rank\": 1, \"user_id\": \"ann\", \"username\": null, \"score\": 60999}, "
               "{\"rank\": 2, \"user_id\": \"bob\", \"username\": null, \"score\": 61000}, "
               "{\"rank\": 3, \"user_id\": \"cy\", \"username\": null, \"score\": 62500}]}"));
    worker_end(0);
}
END_TEST

static void
over(const char *product, const char *placements, const char *ranks)
{
    worker_ask("XADD game_event_stream * product_id %s game_id 0123456789abcdef0123456789abcdef "
               "type game_over placements %s ranks %s",
               product, placements, ranks);
}

/* A player's number in a text of numbers with blanks between them. */
static double
number(const char *text, int i)
{
    double v = 0;

    while (i-- > 0)
        text = strchr(text, ' ') + 1;
    ck_assert_int_eq(text_parse_double(text, strcspn(text, " "), &v), 0);
    return v;
}

/* Two against two: a win, then a draw in other teams. */
START_TEST(two_against_two)
{
    install("teams.json");
    worker_start(0);
    over("teams", "[[\"ann\",\"bob\"],[\"cy\",\"dee\"]]", "[1,2]");
    worker_ask("XADD game_event_stream * product_id teams type score user_id ann score 3");
    WAIT_FOR("3", "HGET {teams}:0:stats:ann goals");
    ck_assert_double_eq(number(worker_ask("HGET {teams}:0:player:ann r:skill"), 2), 1);
    ck_assert_double_gt(number(worker_ask("HGET {teams}:0:player:bob r:skill"), 0), 25);
    ck_assert_double_lt(number(worker_ask("HGET {teams}:0:player:dee r:skill"), 0), 25);
    ck_assert_str_eq(worker_ask("HGET {teams}:0:versus:ann dee"), "1 0 0");
    ck_assert_str_eq(worker_ask("HGET {teams}:0:versus:ann bob"), "nil");
    over("teams", "[[\"ann\",\"dee\"],[\"bob\",\"cy\"]]", "[1,1]");
    over("teams", "[[\"ann\"],[\"ann\"]]", "[1,2]");
    WAIT_FOR("1", "XLEN {teams}:deadletters");
    ck_assert_str_eq(worker_ask("HGET {teams}:0:versus:ann bob"), "0 0 1");
    WAIT(strstr(worker_read("snapshots/leaderboards/teams/skill"), "\"total\": 4") != NULL);
    worker_end(0);
}
END_TEST

/* Eight, of whom the third and the fourth are equal. Everybody began with 1500, where each of seven
 * games is expected to come to a half: Elo changes by 8 * (points - 3.5). */
START_TEST(eight_each_for_himself)
{
    static const char *const elo[] = {"1528", "1520", "1508", "1508",
                                      "1496", "1488", "1480", "1472"};

    install("freeforall.json");
    over("freeforall", "[[\"p0\"],[\"p1\"],[\"p2\"],[\"p3\"],[\"p4\"],[\"p5\"],[\"p6\"],[\"p7\"]]",
         "[1,2,3,3,5,6,7,8]");
    worker_start(0);
    WAIT_FOR("8", "ZCARD {freeforall}:0:board:elo:all");
    for (int i = 0; i < 8; i++)
        ck_assert_str_eq(worker_ask("ZSCORE {freeforall}:0:board:elo:all p%d", i), elo[i]);
    ck_assert_str_eq(worker_ask("ZREVRANK {freeforall}:0:board:skill:all p0"), "0");
    ck_assert_str_eq(worker_ask("ZRANK {freeforall}:0:board:skill:all p7"), "0");
    ck_assert_str_eq(worker_ask("HGET {freeforall}:0:versus:p2 p3"), "0 0 1");
    ck_assert_str_eq(worker_ask("HLEN {freeforall}:0:versus:p7"), "7");
    WAIT_FOR("1", "ZCARD {freeforall}:0:windows");
    worker_end(0);
}
END_TEST

static void
raid(const char *players, const char *score, const char *slain)
{
    worker_ask("XADD game_event_stream * product_id raid game_id " GAME_ID
               " type game_over placements %s score %s slain %s",
               players, score, slain);
}

/* What a team brings home, each of it has. */
START_TEST(four_against_the_dragon)
{
    install("raid.json");
    raid("[[\"ann\",\"bob\",\"cy\",\"dee\"]]", "700", "true");
    raid("[[\"ann\",\"bob\"]]", "900", "true");
    raid("[[\"bob\",\"cy\"]]", "50", "false");
    raid("[[\"ann\",\"eve\"]]", "10001", "true");
    raid("[\"ann\"", "1", "true");
    worker_start(0);
    WAIT_FOR("3", "HGET {raid}:0:stats:bob raids");
    WAIT_FOR("1", "XLEN {raid}:0:quarantine");
    ck_assert_str_eq(worker_ask("ZRANGE {raid}:0:board:points:all 0 -1 WITHSCORES"),
                     "dee 700 cy 750 ann 1600 bob 1650");
    ck_assert_str_eq(worker_ask("HMGET {raid}:0:stats:ann raids points row longest_row"),
                     "2 1600 2 2");
    ck_assert_str_eq(worker_ask("HMGET {raid}:0:stats:bob row longest_row"), "0 2");
    ck_assert_str_eq(worker_ask("ZREVRANK {raid}:0:board:points:all bob"), "0");
    ck_assert_str_eq(worker_ask("ZCOUNT {raid}:0:board:best-raid:all 900 900"), "2");
    WAIT_FOR("1", "XLEN {raid}:deadletters");
    ck_assert_int_eq(worker_int("EXISTS {raid}:0:stats:eve"), 0);
    worker_end(0);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("examples");
    TCase *tc = tcase_create("examples");

    redis_server_require();
    tcase_add_checked_fixture(tc, worker_fixture_setup, worker_fixture_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, an_arcade_high_score);
    tcase_add_test(tc, a_time_trial);
    tcase_add_test(tc, two_against_two);
    tcase_add_test(tc, eight_each_for_himself);
    tcase_add_test(tc, four_against_the_dragon);
    suite_add_tcase(suite, tc);
    return suite;
}
