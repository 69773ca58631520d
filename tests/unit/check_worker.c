/* The worker as a program: events in; figures, boards, games, files and dead letters out. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/unit.h"
#include "tests/unit/worker_fixture.h"

#define ADD "XADD game_event_stream * "
#define DUEL ADD "product_id duel "
#define OVER DUEL "type game_over game_id " GAME_ID " "
#define SNAPSHOT "snapshots/leaderboards/top_ten/duel"

START_TEST(events_become_figures)
{
    worker_start(0);
    worker_ask(OVER "winner_id ann loser_id bob");
    worker_ask(OVER "winner_id ann loser_id bob");
    worker_ask(OVER "winner_id bob loser_id ann");
    WAIT_FOR("3", "HGET {duel}:0:stats:ann games");
    ck_assert_str_eq(worker_ask("HMGET {duel}:0:stats:ann games wins losses"), "3 2 1");
    ck_assert_str_eq(worker_ask("HMGET {duel}:0:stats:bob games wins losses"), "3 1 2");
    ck_assert_str_eq(worker_ask("ZRANGE {duel}:0:board:wins:all 0 -1 WITHSCORES"), "bob 1 ann 2");
    ck_assert_str_eq(worker_ask("EXISTS {duel}:deadletters"), "0");
    ck_assert_str_eq(worker_ask("HGET {duel}:position:game_event_stream entries"), "3");
    WAIT(worker_int("GET varcade:heartbeat") > 0);
    worker_end(0);
}
END_TEST

START_TEST(events_that_cannot_be_applied_are_kept_and_the_rest_goes_on)
{
    worker_start(0);
    worker_ask(DUEL "type game_over game_id " GAME_ID " winner_id ann");
    worker_ask(DUEL "type points user_id ann n lots");
    worker_ask(DUEL "a 1 a 2");
    worker_ask(DUEL "type points user_id %b n 1", "\xff", (size_t)1);
    worker_ask(DUEL "type points user_id ann n 9007199254740992");
    worker_ask(DUEL "type points user_id ann n 2");
    worker_ask(ADD "product_id other type game_over");
    worker_ask(ADD "type game_over");
    worker_ask(OVER "winner_id ann loser_id bob");
    WAIT_FOR("1", "HGET {duel}:0:stats:ann wins");
    WAIT_FOR("2", "XLEN {?}:deadletters");
    ck_assert_str_eq(worker_ask("HGET {duel}:0:stats:ann points"), "9007199254740992");
    ck_assert_int_eq(worker_int("XLEN {duel}:deadletters"), 5);
    ck_assert_ptr_nonnull(
        strstr(worker_ask("XRANGE {duel}:deadletters - +"), "loser_id is missing"));
    ck_assert_ptr_nonnull(
        strstr(worker_ask("XRANGE {duel}:deadletters - +"), "a field occurs twice"));
    ck_assert_ptr_nonnull(strstr(worker_ask("XRANGE {duel}:deadletters - +"), "not UTF-8"));
    ck_assert_ptr_nonnull(strstr(worker_ask("XRANGE {duel}:deadletters - +"), "beyond 2^53"));
    ck_assert_ptr_nonnull(strstr(worker_ask("XRANGE {?}:deadletters - +"), "unknown product"));
    ck_assert_ptr_nonnull(
        strstr(worker_ask("XRANGE {?}:deadletters - +"), "product_id is missing"));
    WAIT(worker_metric("varcade_events_total{process=\"worker\"") >= 0);
    ck_assert(worker_logged(0, "dead letter product=duel"));
}
END_TEST

static const char calm_game[] =
    "{\"product_id\": \"calm\", \"game_server_url\": \"http://127.0.0.1:1\","
    " \"game_socket_url\": \"ws://127.0.0.1:2/\", \"boards\": [{\"id\": \"b\","
    " \"windows\": [\"all\", \"daily\"], \"keep\": 1, \"from\": [{\"on\": {\"type\": \"score\"},"
    " \"player\": \"user_id\", \"max\": {\"field\": \"score\"}}]}]}";

/* Four days in March 2026; by the fourth the first two can no longer be asked for. */
START_TEST(past_windows_end)
{
    worker_write("games/calm.json", calm_game);
    worker_ask("ZADD {calm}:0:windows 1 {calm}:0:board:gone:2020-01-01 2 {calm}:0:board:b:rubbish");
    for (int day = 0; day < 4; day++)
        worker_ask("XADD game_event_stream %lld-0 product_id calm type score user_id ann score %d",
                   1772366400000 + day * 86400000LL, 10 - day);
    worker_start(0);
    WAIT_FOR("{calm}:0:board:gone:2020-01-01 {calm}:0:board:b:rubbish {calm}:0:board:b:2026-03-03 "
             "{calm}:0:board:b:2026-03-04",
             "ZRANGE {calm}:0:windows 0 -1");
    ck_assert_str_eq(worker_ask("EXISTS {calm}:0:board:b:2026-03-01 {calm}:0:board:b:2026-03-02"), "0");
    ck_assert_str_eq(worker_ask("ZSCORE {calm}:0:board:b:2026-03-03 ann"), "8");
    ck_assert_str_eq(worker_ask("ZSCORE {calm}:0:board:b:2026-03-04 ann"), "7");
    ck_assert_str_eq(worker_ask("ZSCORE {calm}:0:board:b:all ann"), "10");
    WAIT(worker_logged(0, "past windows removed"));
}
END_TEST

START_TEST(a_damaged_key_costs_its_events_alone)
{
    worker_ask("SET {duel}:0:stats:w3 damaged");
    worker_games("duel", 100);
    worker_start(0);
    WAIT_FOR("10", "XLEN {duel}:deadletters");
    WAIT_FOR("10", "HGET {duel}:0:stats:w9 wins");
    ck_assert_ptr_nonnull(strstr(worker_ask("XRANGE {duel}:deadletters - +"), "WRONGTYPE"));
    ck_assert_str_eq(worker_ask("ZSCORE {duel}:0:board:wins:all w3"), "nil");
    worker_ask(OVER "winner_id ann loser_id bob");
    WAIT_FOR("1", "HGET {duel}:0:stats:ann wins");
}
END_TEST

/* As nginx would see it. */
static void
snapshot_time(struct timespec *ret_time)
{
    char path[128];
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/" SNAPSHOT, fix.dir);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0644);
    *ret_time = st.st_mtim;
}

/* How many of the ten have won all of their 20 games: before, the file is yet to change. */
static int
finished_players(void)
{
    const char *at = worker_read(SNAPSHOT);
    int n = 0;

    while ((at = strstr(at, "\"score\": 20.0")) != NULL) {
        n++;
        at++;
    }
    return n;
}

START_TEST(the_top_ten_is_a_file)
{
    struct timespec before, after;

    worker_start(0);
    WAIT(strcmp(worker_read(SNAPSHOT), "[]") == 0);
    worker_ask(OVER "winner_id ann loser_id %s", "b\"ob");
    WAIT(strcmp(worker_read(SNAPSHOT), "[{\"user_id\": \"ann\", \"score\": 1.0}, {\"user_id\": "
                                       "\"b\\\"ob\", \"score\": 0.0}]") == 0);
    snapshot_time(&before);
    worker_ask(DUEL "type points user_id ann n 1");
    WAIT_FOR("1", "HGET {duel}:0:stats:ann points");
    worker_games("duel", 200);
    WAIT(finished_players() == 10);
    snapshot_time(&after);
    ck_assert(before.tv_sec != after.tv_sec || before.tv_nsec != after.tv_nsec);
    ck_assert_ptr_null(strstr(worker_read(SNAPSHOT), "ann")); /* now the eleventh */

    /* Started again with nothing new, the file stays as it is. */
    worker_end(0);
    worker_start(0);
    WAIT(worker_metric("varcade_lease_held") == 1);
    WAIT(worker_metric("varcade_stream_lag_entries") == 0);
    snapshot_time(&before);
    ck_assert(before.tv_sec == after.tv_sec && before.tv_nsec == after.tv_nsec);
}
END_TEST

/* A web server makes a file's ETag of its second and its size: two versions may not share both. */
START_TEST(every_version_of_a_file_has_its_own_etag)
{
    struct {
        time_t second;
        size_t size;
    } seen[4];
    char wanted[64];
    struct timespec time;

    worker_start(0);
    WAIT(strcmp(worker_read(SNAPSHOT), "[]") == 0);
    for (int i = 0; i < 4; i++) {
        worker_ask(OVER "winner_id ann loser_id bob");
        (void)snprintf(wanted, sizeof(wanted), "\"ann\", \"score\": %d.0", i + 1);
        WAIT(strstr(worker_read(SNAPSHOT), wanted) != NULL);
        snapshot_time(&time);
        seen[i].second = time.tv_sec;
        seen[i].size = strlen(worker_read(SNAPSHOT));
        for (int j = 0; j < i; j++)
            ck_assert(seen[i].second != seen[j].second || seen[i].size != seen[j].size);
    }
}
END_TEST

/* Who serves the files has no other way to know that one is old than that it is not there. */
START_TEST(a_file_that_cannot_be_written_is_removed)
{
    char path[160];

    worker_start(0);
    WAIT(strcmp(worker_read(SNAPSHOT), "[]") == 0);
    (void)snprintf(path, sizeof(path), "%s/snapshots/leaderboards/top_ten/.duel.%ld", fix.dir,
                   (long)fix.worker[0]);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    worker_ask(OVER "winner_id ann loser_id bob");
    WAIT(worker_read(SNAPSHOT)[0] == '\0');
    ck_assert_int_eq(rmdir(path), 0);
    WAIT(strstr(worker_read(SNAPSHOT), "ann") != NULL);
}
END_TEST

START_TEST(a_folder_that_was_removed_is_made_again)
{
    char path[128], away[128];

    worker_start(0);
    WAIT(strcmp(worker_read(SNAPSHOT), "[]") == 0);
    (void)snprintf(path, sizeof(path), "%s/snapshots", fix.dir);
    (void)snprintf(away, sizeof(away), "%s/away", fix.dir);
    ck_assert_int_eq(rename(path, away), 0);
    WAIT(strcmp(worker_read(SNAPSHOT), "[]") == 0);
}
END_TEST

START_TEST(what_a_killed_worker_left_is_removed)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/snapshots", fix.dir);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/snapshots/leaderboards", fix.dir);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/snapshots/leaderboards/top_ten", fix.dir);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    worker_write("snapshots/leaderboards/top_ten/.duel.2147483646", "[");
    worker_write("snapshots/leaderboards/top_ten/gone", "[]");
    worker_write("snapshots/leaderboards/top_ten/.htaccess", "kept");
    worker_start(0);
    WAIT(strcmp(worker_read(SNAPSHOT), "[]") == 0);
    ck_assert_str_eq(worker_read("snapshots/leaderboards/top_ten/.duel.2147483646"), "");
    ck_assert_str_eq(worker_read("snapshots/leaderboards/top_ten/gone"), "");
    ck_assert_str_eq(worker_read("snapshots/leaderboards/top_ten/.htaccess"), "kept");
}
END_TEST

START_TEST(events_move_games_and_deadlines_end_them)
{
    static const char other[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    worker_start(0);
    WAIT_FOR("2", "EXISTS {duel}:lease {?}:lease");
    worker_create_game(GAME_ID, clock_wall() + 60000);
    worker_ask(DUEL "type state_change game_id " GAME_ID " new_state creator_joined");
    WAIT_FOR("1", "ZCARD {duel}:lobby");
    worker_create_game(other, clock_wall() - 1);
    /* The game server is not there, so the removal is tried again and again. */
    WAIT_FOR("removing", "HGET {duel}:game:%s state", other);
    ck_assert_str_eq(worker_ask("HGET {duel}:game:" GAME_ID " state"), "creator_joined");
    WAIT(worker_metric("varcade_games_expired_total") == 1);
    WAIT(worker_metric("varcade_players{process=\"worker\"") >= 0);
    worker_ask(DUEL "type game_removed game_id " GAME_ID);
    WAIT_FOR("0", "EXISTS {duel}:game:" GAME_ID);
    worker_ask(DUEL "type game_removed game_id " GAME_ID);
    WAIT(worker_logged(0, "note=unknown_game"));
}
END_TEST

START_TEST(a_product_is_added_while_the_worker_runs)
{
    worker_start(0);
    worker_games("late", 30);
    worker_games("duel", 30);
    WAIT_FOR("30", "XLEN {?}:deadletters");
    WAIT(worker_totals("duel") == 30);

    worker_write("games/late.json", "{\"product_id\": \"late\"}");
    ck_assert_int_eq(kill(fix.worker[0], SIGHUP), 0);
    WAIT(worker_logged(0, "the game files are not valid; the old ones stay"));
    worker_games("duel", 10);
    WAIT(worker_totals("duel") == 40);

    /* Its events are in the stream from before: they count. */
    worker_write_game("late");
    ck_assert_int_eq(kill(fix.worker[0], SIGHUP), 0);
    WAIT(worker_totals("late") == 30);
    worker_check_totals("late", 30);
    worker_games("duel", 10);
    WAIT(worker_totals("duel") == 50);
    ck_assert_str_eq(worker_ask("XLEN {?}:deadletters"), "30");

    worker_remove("games/late.json");
    ck_assert_int_eq(kill(fix.worker[0], SIGHUP), 0);
    WAIT(worker_read("snapshots/leaderboards/top_ten/late")[0] == '\0');
    worker_end(0);
}
END_TEST

START_TEST(a_product_without_events_is_not_left_behind)
{
    worker_write_game("quiet");
    worker_start(0);
    worker_games("duel", 3000);
    WAIT(worker_totals("duel") == 3000);
    WAIT_FOR("1", "EXISTS {quiet}:checkpoint:game_event_stream");
    ck_assert_int_gt(worker_int("HGET {quiet}:position:game_event_stream entries"), 1000);
}
END_TEST

START_TEST(the_stream_is_in_another_database)
{
    char url[128];

    (void)snprintf(url, sizeof(url), "%s?db=1", redis_server_url(fix.server));
    worker_configure(url);
    worker_start(0);
    worker_ask("SELECT 1");
    worker_games("duel", 20);
    worker_ask("SELECT 0");
    WAIT(worker_totals("duel") == 20);
    ck_assert_str_eq(worker_ask("EXISTS game_event_stream"), "0");
}
END_TEST

START_TEST(the_status_page)
{
    worker_start(0);
    WAIT(strstr(worker_http("/readyz"), "200 OK") != NULL);
    ck_assert_ptr_nonnull(strstr(worker_http("/readyz"), "\"status\": \"ready\""));
    ck_assert_ptr_nonnull(strstr(worker_http("/healthz"), "{\"status\": \"ok\"}"));
    ck_assert_ptr_nonnull(strstr(worker_http("/metrics"), "version=0.0.4"));
    ck_assert_ptr_nonnull(strstr(worker_http("/nothing"), "404 Not Found"));
    redis_server_kill(fix.server);
    WAIT(strstr(worker_http("/readyz"), "503") != NULL);
    ck_assert_ptr_nonnull(strstr(worker_http("/healthz"), "200 OK"));
    ck_assert_int_eq((int)worker_metric("varcade_redis_up"), 0);
    redis_server_restart(fix.server);
    WAIT(strstr(worker_http("/readyz"), "200 OK") != NULL);
}
END_TEST

START_TEST(arguments)
{
    ck_assert_int_eq(worker_run("--check"), 0);
    worker_write("games/duel.json", "{\"product_id\": \"dual\"}");
    ck_assert_int_eq(worker_run("--check"), 1);
    ck_assert(worker_logged(0, "duel.json"));
    ck_assert_int_eq(worker_run("--nonsense"), 2);
    worker_write("0.json", "{\"redis\": {\"state_urk\": \"x\"}}");
    ck_assert_int_eq(worker_run("--check"), 1);
    ck_assert(worker_logged(0, "state_urk"));
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("worker");
    TCase *tc = tcase_create("worker");

    redis_server_require();
    tcase_add_checked_fixture(tc, worker_fixture_setup, worker_fixture_teardown);
    tcase_add_test(tc, events_become_figures);
    tcase_add_test(tc, events_that_cannot_be_applied_are_kept_and_the_rest_goes_on);
    tcase_add_test(tc, past_windows_end);
    tcase_add_test(tc, a_damaged_key_costs_its_events_alone);
    tcase_add_test(tc, the_top_ten_is_a_file);
    tcase_add_test(tc, every_version_of_a_file_has_its_own_etag);
    tcase_add_test(tc, a_file_that_cannot_be_written_is_removed);
    tcase_add_test(tc, a_folder_that_was_removed_is_made_again);
    tcase_add_test(tc, what_a_killed_worker_left_is_removed);
    tcase_add_test(tc, events_move_games_and_deadlines_end_them);
    tcase_add_test(tc, a_product_is_added_while_the_worker_runs);
    tcase_add_test(tc, a_product_without_events_is_not_left_behind);
    tcase_add_test(tc, the_stream_is_in_another_database);
    tcase_add_test(tc, the_status_page);
    tcase_add_test(tc, arguments);
    suite_add_tcase(suite, tc);
    return suite;
}
