/* Boards as files, by the real worker: which there are, when they are written, and their times. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"
#include "tests/unit/worker_fixture.h"

#define FOLDER "snapshots/leaderboards/"
#define SCORE "XADD game_event_stream * product_id calm type score "

static const char head[] = "{\"product_id\": \"calm\", \"game_server_url\": \"http://127.0.0.1:1\","
                           " \"game_socket_url\": \"ws://127.0.0.1:2/\", \"boards\": [";
static const char from[] = "\"from\": [{\"on\": {\"type\": \"score\"}, \"player\": \"user_id\","
                           " \"max\": {\"field\": \"score\"}}]}";

/* boards: id and windows of each, without `from`. */
static void
write_game(const char *const *boards)
{
    char json[4096];
    size_t len = (size_t)snprintf(json, sizeof(json), "%s", head);

    for (size_t i = 0; boards[i] != NULL; i++)
        len += (size_t)snprintf(json + len, sizeof(json) - len, "%s{%s, %s", i > 0 ? ", " : "",
                                boards[i], from);
    (void)snprintf(json + len, sizeof(json) - len, "]}");
    worker_write("games/calm.json", json);
}

static void
look_at(const char *name, struct stat *ret_st)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/" FOLDER "%s", fix.dir, name);
    ck_assert_msg(lstat(path, ret_st) == 0, "%s", name);
}

static bool
has(const char *name, const char *text)
{
    char path[128];

    (void)snprintf(path, sizeof(path), FOLDER "%s", name);
    return strstr(worker_read(path), text) != NULL;
}

static bool
is_there(const char *name)
{
    return has(name, "[");
}

static void
start_with_windows(void)
{
    static const char *const boards[] = {
        "\"id\": \"b\", \"windows\": [\"daily\", \"all\", \"monthly\"]", NULL};

    write_game(boards);
    worker_start(0);
    WAIT(is_there("calm/b") && is_there("calm/b.all") && is_there("calm/b.daily") &&
         is_there("calm/b.monthly"));
}

START_TEST(every_window_has_a_file)
{
    struct stat st;

    start_with_windows();
    ck_assert(!is_there("calm/b.weekly"));
    ck_assert(has("calm/b", "\"window\": \"all\"") && has("calm/b.all", "\"window\": \"all\""));
    ck_assert(has("calm/b.daily", "\"window\": \"daily\""));
    ck_assert(has("calm/b.monthly", "\"window\": \"monthly\""));
    look_at("calm/b.all", &st);
    ck_assert(S_ISLNK(st.st_mode));
    worker_ask(SCORE "user_id ann score 3");
    WAIT(has("calm/b.all", "\"ann\"") && has("calm/b.daily", "\"ann\"") &&
         has("calm/b.monthly", "\"ann\"") && has("top_ten/calm", "\"ann\""));
}
END_TEST

/* An event of long ago is in the window of all time, and in none else that is shown. */
START_TEST(what_did_not_change_is_not_written)
{
    struct stat before, after;

    start_with_windows();
    look_at("calm/b.daily", &before);
    worker_ask("XADD game_event_stream 1577836800000-1 product_id calm type score user_id old "
               "score 3");
    WAIT(has("calm/b", "\"old\""));
    WAIT(has("top_ten/calm", "\"old\""));
    look_at("calm/b.daily", &after);
    ck_assert(before.st_ino == after.st_ino);
    ck_assert_int_eq((int)worker_metric("varcade_snapshots_written_total"), 8);
    worker_ask(SCORE "user_id old score 2");
    worker_ask(SCORE "user_id new score 2");
    WAIT(has("calm/b.daily", "\"new\""));
    ck_assert(has("calm/b.daily", "\"old\""));
}
END_TEST

/* A web server's ETag is the file's second and its size. */
START_TEST(a_file_has_the_time_of_its_bytes)
{
    struct {
        time_t second;
        off_t size;
    } seen[50];
    char wanted[64];
    struct stat st;

    start_with_windows();
    for (int i = 0; i < 50; i++) {
        worker_ask(SCORE "user_id ann score %d", 100 + i);
        (void)snprintf(wanted, sizeof(wanted), "\"score\": %d}", 100 + i);
        WAIT(has("calm/b", wanted));
        look_at("calm/b", &st);
        ck_assert_int_eq(st.st_mode & 0777, 0644);
        ck_assert(st.st_mtim.tv_sec >= 0 && st.st_mtim.tv_sec <= INT_MAX);
        seen[i].second = st.st_mtim.tv_sec;
        seen[i].size = st.st_size;
        for (int j = 0; j < i; j++)
            ck_assert(seen[i].second != seen[j].second || seen[i].size != seen[j].size);
    }
    worker_remove(FOLDER "calm/b");
    WAIT(is_there("calm/b"));
    look_at("calm/b", &st);
    ck_assert(st.st_mtim.tv_sec == seen[49].second && st.st_size == seen[49].size);
}
END_TEST

/* Its windows follow each other by the worker's clock, and there is no file where there is none. */
START_TEST(a_season_ends)
{
    char board[512], a[CLOCK_RFC3339_SIZE], b[CLOCK_RFC3339_SIZE], c[CLOCK_RFC3339_SIZE];
    const char *const boards[] = {board, NULL};
    wall_ms end = clock_wall() + 3000;

    clock_format_rfc3339(end - 100000, a);
    clock_format_rfc3339(end, b);
    clock_format_rfc3339(end + 1500, c);
    (void)snprintf(board, sizeof(board),
                   "\"id\": \"b\", \"windows\": [\"all\"], \"seasons\": ["
                   "{\"id\": \"one\", \"from\": \"%s\", \"to\": \"%s\"},"
                   "{\"id\": \"two\", \"from\": \"%s\", \"to\": \"%s\"}]",
                   a, b, b, c);
    write_game(boards);
    worker_start(0);
    worker_ask("XADD game_event_stream %lld-0 product_id calm type score user_id ann score 3",
               (long long)end - 5000);
    WAIT(has("calm/b.season", "\"s-one\""));
    WAIT(has("calm/b.season", "\"ann\""));
    WAIT(has("calm/b.season", "\"s-two\""));
    ck_assert_int_lt(clock_wall() - end, 1000);
    ck_assert(has("calm/b.season", "\"total\": 0"));
    WAIT(!is_there("calm/b.season"));
    ck_assert_int_ge(clock_wall(), end + 1500);
    ck_assert_int_lt(clock_wall() - end, 2500);
    ck_assert(has("calm/b", "\"ann\""));
}
END_TEST

/* The other one writes no files, and serves the product. */
START_TEST(what_another_worker_changes_is_noticed)
{
    static const char *const boards[] = {"\"id\": \"b\", \"windows\": [\"all\", \"daily\"]", NULL};

    write_game(boards);
    worker_start(1);
    WAIT_FOR("1", "EXISTS {calm}:lease");
    worker_start(0);
    WAIT(is_there("calm/b"));
    worker_ask(SCORE "user_id ann score 3");
    WAIT(has("calm/b", "\"ann\"") && has("calm/b.daily", "\"ann\""));
    worker_ask("HSET {calm}:names ann Ann");
    WAIT(has("calm/b", "\"Ann\"") && has("calm/b.daily", "\"Ann\""));
    worker_ask("HSET {calm}:names ann Annabel");
    WAIT(has("calm/b", "\"Annabel\"") && has("calm/b.daily", "\"Annabel\""));
}
END_TEST

START_TEST(the_boards_of_a_game_become_others)
{
    static const char *const boards[] = {"\"id\": \"c\", \"windows\": [\"daily\"]",
                                         "\"id\": \"b\", \"windows\": [\"weekly\", \"monthly\"]",
                                         NULL};
    struct stat st;

    start_with_windows();
    worker_write(FOLDER "calm/gone.daily", "[");
    worker_write(FOLDER "calm/b.season", "[");
    worker_write(FOLDER "calm/b.html", "[");
    write_game(boards);
    ck_assert_int_eq(kill(fix.worker[0], SIGHUP), 0);
    WAIT(has("calm/c", "\"daily\"") && has("calm/c.daily", "\"daily\""));
    WAIT(has("calm/b", "\"weekly\"") && has("calm/b.weekly", "\"weekly\""));
    WAIT(has("calm/b.monthly", "\"monthly\""));
    look_at("calm/b.weekly", &st);
    ck_assert(S_ISLNK(st.st_mode));
    look_at("calm/b.monthly", &st);
    ck_assert(S_ISREG(st.st_mode));
    ck_assert(!is_there("calm/b.all") && !is_there("calm/b.daily"));
    ck_assert(!is_there("calm/gone.daily") && !is_there("calm/b.season"));
    ck_assert(is_there("calm/b.html"));
    worker_ask(SCORE "user_id ann score 3");
    WAIT(has("calm/c", "\"ann\"") && has("calm/b", "\"ann\"") && has("calm/b.monthly", "\"ann\""));
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("snapshots");
    TCase *tc = tcase_create("snapshots");

    redis_server_require();
    tcase_add_checked_fixture(tc, worker_fixture_setup, worker_fixture_teardown);
    tcase_add_test(tc, every_window_has_a_file);
    tcase_add_test(tc, what_did_not_change_is_not_written);
    tcase_add_test(tc, a_file_has_the_time_of_its_bytes);
    tcase_add_test(tc, a_season_ends);
    tcase_add_test(tc, what_another_worker_changes_is_noticed);
    tcase_add_test(tc, the_boards_of_a_game_become_others);
    suite_add_tcase(suite, tc);
    return suite;
}
