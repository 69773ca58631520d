/* The example games of docs/examples/games, as they are, in a running worker: events in, boards
 * out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text.h"
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
    WAIT_FOR("1", "HGET {arcade}:stats:cy runs");
    ck_assert_str_eq(worker_ask("HMGET {arcade}:stats:ann runs best_score"), "3 900");
    WAIT(strstr(worker_read("snapshots/leaderboards/arcade/high-score"), "cy") != NULL);
    ck_assert_ptr_nonnull(
        strstr(worker_read("snapshots/leaderboards/arcade/high-score"),
               "\"total\": 3, \"entries\": ["
               "{\"rank\": 1, \"user_id\": \"cy\", \"username\": null, \"score\": 901}, "
               "{\"rank\": 2, \"user_id\": \"ann\", \"username\": null, \"score\": 900}, "
               "{\"rank\": 3, \"user_id\": \"bob\", \"username\": null, \"score\": 900}]}"));
    WAIT_FOR("2", "ZCARD {arcade}:windows");
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
    WAIT_FOR("2", "HGET {timetrial}:stats:ann laps");
    ck_assert_str_eq(worker_ask("HGET {timetrial}:stats:ann best_lap_ms"), "60999");
    ck_assert_str_eq(worker_ask("ZRANGE {timetrial}:board:fastest-lap:s-2026-1 0 -1 WITHSCORES"),
                     "ann 61000 bob 61000");
    ck_assert_str_eq(worker_ask("HGETALL {timetrial}:board:fastest-lap:s-2026-1:counts"),
                     "61000 2");
    ck_assert_str_eq(worker_ask("ZRANGE {timetrial}:board:fastest-lap:2026-07 0 -1 WITHSCORES"),
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
    suite_add_tcase(suite, tc);
    return suite;
}
