/* The program's life: connections good, idle, slow and rotten; signals; Redis lost; CGI. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tests/unit/fcgi_program.h"
#include "tests/unit/functions.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/unit.h"

#define AT_ONCE 1500 /* ms: a busy machine may take it; one wait within libfcgi is 2000 */

static const struct fcgi_call health = {.target = "/healthz"};
static const struct fcgi_call stats = {.target = "/stats/p/ann"};

/* One call on an open connection; its status. */
static int
ask(int fd, const struct fcgi_call *c)
{
    struct fcgi_answer a;

    fcgi_client_send(fd, c);
    a = fcgi_client_read(fd);
    fcgi_answer_free(&a);
    return a.status;
}

static int
ask_anew(const struct fcgi_call *c)
{
    int fd = fcgi_client_connect(fcgi_program_socket());
    int status = ask(fd, c);

    (void)close(fd);
    return status;
}

static void
build(struct buf *bytes, const struct fcgi_call *c)
{
    buf_init(bytes, 1 << 23);
    fcgi_client_build(c, bytes);
}

static void
expect_status(int fd, int status)
{
    struct fcgi_answer a = fcgi_client_read(fd);

    ck_assert_int_eq(a.status, status);
    fcgi_answer_free(&a);
}

/* --- connections ------------------------------------------------------------------------------ */

START_TEST(connection_is_kept)
{
    int fd = fcgi_client_connect(fcgi_program_socket());

    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(ask(fd, i % 2 == 0 ? &stats : &health), 200);
    (void)close(fd);
}
END_TEST

/* libfcgi reads 8192 bytes at a time: wherever those end, nothing of a request may be left over. */
START_TEST(requests_may_have_any_length)
{
    char value[8192];
    struct fcgi_call c = {.target = "/stats/p/ann", .name = "HTTP_X", .value = value};
    int fd = fcgi_client_connect(fcgi_program_socket());
    struct buf b;

    memset(value, 'x', sizeof(value));
    for (size_t len = 7950; len < 8190; len++) {
        value[len] = '\0';
        fcgi_client_send(fd, &c);
        expect_status(fd, 200);
        value[len] = 'x';
    }
    value[7950] = '\0';
    build(&b, &c);
    ck_assert_uint_lt(b.len, 8192);
    (void)close(fd);
    buf_free(&b);
}
END_TEST

START_TEST(connection_is_closed_where_asked)
{
    struct fcgi_call c = {.target = "/stats/p/ann", .close = true};
    int fd = fcgi_client_connect(fcgi_program_socket());

    ck_assert_int_eq(ask(fd, &c), 200);
    ck_assert(fcgi_client_is_closed(fd));
    (void)close(fd);
}
END_TEST

/* A web server that has sent its last byte and waits for ours. */
START_TEST(half_closed_connection_is_answered)
{
    int fd = fcgi_client_connect(fcgi_program_socket());

    fcgi_client_send(fd, &stats);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    expect_status(fd, 200);
    ck_assert(fcgi_client_is_closed(fd));
    (void)close(fd);
}
END_TEST

START_TEST(request_may_come_in_bytes)
{
    int fd = fcgi_client_connect(fcgi_program_socket());
    mono_ms began;
    struct buf b;

    build(&b, &stats);
    for (size_t i = 0; i + 1 < b.len; i++)
        fcgi_client_write(fd, b.data + i, 1);
    /* Nobody waits for the last one but this connection. */
    began = clock_mono();
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(ask_anew(&health), 200);
    ck_assert_int_lt(clock_mono() - began, AT_ONCE);
    fcgi_client_write(fd, b.data + b.len - 1, 1);
    expect_status(fd, 200);
    ck_assert_int_eq(ask(fd, &stats), 200);
    (void)close(fd);
    buf_free(&b);
}
END_TEST

#define MANY 200

START_TEST(idle_connections_cost_nothing)
{
    int fds[MANY];
    mono_ms began;

    for (int i = 0; i < MANY; i++)
        fds[i] = fcgi_client_connect(fcgi_program_socket());
    began = clock_mono();
    ck_assert_int_eq(ask_anew(&stats), 200);
    ck_assert_int_lt(clock_mono() - began, AT_ONCE);
    for (int i = 0; i < MANY; i++)
        fcgi_client_send(fds[i], &stats);
    for (int i = 0; i < MANY; i++)
        expect_status(fds[i], 200);
    ck_assert_int_eq(ask_anew(&stats), 200);
    for (int i = 0; i < MANY; i++)
        (void)close(fds[i]);
}
END_TEST

START_TEST(pipelined_request_ends_the_connection)
{
    int fd = fcgi_client_connect(fcgi_program_socket());
    struct buf b;

    build(&b, &health);
    fcgi_client_build(&health, &b);
    fcgi_client_write(fd, b.data, b.len);
    expect_status(fd, 200);
    ck_assert(fcgi_client_is_closed(fd));
    (void)close(fd);
    buf_free(&b);
}
END_TEST

static void
add_begin(struct buf *b, unsigned role)
{
    const char begin[8] = {0, (char)role, 1};

    fcgi_client_record(b, 1, 1, begin, sizeof(begin), 0);
}

/* Bytes that are no request, each kind of which libfcgi would wait for, or fall over. */
static void
add_rubbish(struct buf *b, int kind)
{
    static const char ask[] = "\x0e\0FCGI_MAX_CONNS\x0e\0FCGI_MAX_CONNS\x0e\0FCGI_MAX_CONNS"
                              "\x0e\0FCGI_MAX_CONNS\x0e\0FCGI_MAX_CONNS\x0e\0FCGI_MAX_CONNS";

    switch (kind) {
    case 0:
        buf_str(b, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        break;
    case 1:
        fcgi_client_record(b, 9, 0, ask, sizeof(ask) - 1, 0);
        break;
    case 2:
        add_begin(b, 1);
        fcgi_client_record(b, 4, 1, "\xff\xff\xff\xfe\xff\xff\xff\xfe", 8, 0);
        fcgi_client_record(b, 4, 1, "", 0, 0);
        fcgi_client_record(b, 5, 1, "", 0, 0);
        break;
    case 3:
        add_begin(b, 3);
        break;
    default:
        srand(1);
        for (int i = 0; i < 1000; i++)
            buf_byte(b, (char)rand());
        break;
    }
}

START_TEST(rubbish_is_turned_away)
{
    pid_t before[2];
    pid_t after[2];

    ck_assert_uint_eq(fcgi_program_children(before, 2), 1);
    for (int kind = 0; kind < 5; kind++) {
        int fd = fcgi_client_connect(fcgi_program_socket());
        struct buf b;

        buf_init(&b, 1 << 20);
        add_rubbish(&b, kind);
        fcgi_client_write(fd, b.data, b.len);
        ck_assert(fcgi_client_is_closed(fd));
        (void)close(fd);
        buf_free(&b);
    }
    ck_assert_int_eq(ask_anew(&stats), 200);
    ck_assert_uint_eq(fcgi_program_children(after, 2), 1);
    ck_assert_int_eq(before[0], after[0]);
}
END_TEST

/* --- bodies and answers ----------------------------------------------------------------------- */

static const struct {
    size_t len;
    size_t piece; /* one record */
    int status;
} bodies[] = {{2, 2, 404},         {65536, 16384, 404},   {65536, 300, 404},
              {65537, 16384, 413}, {65537, 300, 413},     {1000000, 16384, 413},
              {1048576, 300, 413}, {1048577, 16384, 413}, {3000000, 16384, 413}};
/* Beyond this no route takes a body, and the connection is closed with the answer. */
#define ANY_BODY_MAX 1048576

static void
send_body(int fd, size_t len, size_t piece)
{
    struct fcgi_call c = {.method = "POST", .target = "/game_lobby/p/join_game/x"};
    char *body = malloc(len);
    struct buf b;

    memset(body, ' ', len);
    body[0] = '[';
    body[len - 1] = ']';
    c.token = fcgi_program_token("ann");
    build(&b, &c);
    b.len -= 8; /* the empty body */
    for (size_t at = 0; at < len; at += piece)
        fcgi_client_record(&b, 5, 1, body + at, len - at < piece ? len - at : piece, 0);
    fcgi_client_record(&b, 5, 1, "", 0, 0);
    fcgi_client_write(fd, b.data, b.len);
    buf_free(&b);
    free(body);
}

START_TEST(body_has_a_limit)
{
    int fd = fcgi_client_connect(fcgi_program_socket());

    send_body(fd, bodies[_i].len, bodies[_i].piece);
    expect_status(fd, bodies[_i].status);
    if (bodies[_i].len > ANY_BODY_MAX)
        ck_assert(fcgi_client_is_closed(fd));
    else
        ck_assert_int_eq(ask(fd, &health), 200);
    (void)close(fd);
}
END_TEST

/* An answer larger than the socket holds, to a client that reads it late. */
START_TEST(large_answer_waits_for_its_reader)
{
    int fd = fcgi_client_connect(fcgi_program_socket());
    struct fcgi_answer a;

    for (int i = 0; i < 3000; i++)
        redis_server_do(functions_server(), "HSET {p}:0:stats:ann stat-%0200d 1", i);
    fcgi_client_send(fd, &stats);
    ck_assert_int_eq(ask_anew(&health), 200);
    ck_assert_int_eq(ask_anew(&health), 200);
    a = fcgi_client_read(fd);
    ck_assert_int_eq(a.status, 200);
    ck_assert_uint_gt(a.len, 600000);
    ck_assert_int_eq(a.body[a.len - 1], '}');
    fcgi_answer_free(&a);
    ck_assert_int_eq(ask(fd, &health), 200);
    (void)close(fd);
}
END_TEST

/* --- Redis ------------------------------------------------------------------------------------ */

static mono_ms
time_of(const struct fcgi_call *c, int status)
{
    mono_ms began = clock_mono();

    ck_assert_int_eq(ask_anew(c), status);
    return clock_mono() - began;
}

static void
await_status(const struct fcgi_call *c, int status)
{
    mono_ms until = clock_mono() + FCGI_CLIENT_WAIT;

    while (ask_anew(c) != status)
        ck_assert_int_lt(clock_mono(), until);
}

START_TEST(redis_gone_is_503)
{
    struct fcgi_call create = {.method = "POST", .target = "/game_lobby/p/create_game"};
    struct fcgi_call ready = {.target = "/readyz"};

    create.token = fcgi_program_token("ann");
    redis_server_kill(functions_server());
    ck_assert_int_lt(time_of(&stats, 503), 1000);
    ck_assert_int_lt(time_of(&create, 503), 1000);
    ck_assert_int_lt(time_of(&ready, 503), 1000);
    ck_assert_int_eq(ask_anew(&health), 200);
    redis_server_restart(functions_server());
    await_status(&stats, 200);
    await_status(&create, 200);
}
END_TEST

START_TEST(redis_hanging_is_503)
{
    redis_server_pause(functions_server());
    ck_assert_int_lt(time_of(&stats, 503), 1000);
    ck_assert_int_lt(time_of(&stats, 503), 1000);
    ck_assert_int_eq(ask_anew(&health), 200);
    redis_server_resume(functions_server());
    await_status(&stats, 200);
}
END_TEST

START_TEST(starts_without_redis)
{
    redis_server_kill(functions_server());
    fcgi_program_start("1");
    ck_assert_int_lt(time_of(&stats, 503), 1000);
    redis_server_restart(functions_server());
    await_status(&stats, 200);
}
END_TEST

/* --- signals ---------------------------------------------------------------------------------- */

static int
connect_and_hang(void)
{
    struct fcgi_call c = {.method = "POST", .target = "/game_lobby/hang/create_game"};
    int fd = fcgi_client_connect(fcgi_program_socket());

    c.token = fcgi_program_token("ann");
    fcgi_client_send(fd, &c);
    ck_assert_int_eq(ask_anew(&health), 200); /* so it has been read */
    return fd;
}

START_TEST(sigterm_finishes_what_is_under_way)
{
    int idle = fcgi_client_connect(fcgi_program_socket());
    int fd;

    ck_assert_int_eq(ask(idle, &health), 200);
    fd = connect_and_hang();
    ck_assert_int_eq(kill(fcgi_program_pid(), SIGTERM), 0);
    ck_assert(fcgi_client_is_closed(idle));
    expect_status(fd, 503); /* the game server's time is up, and not ours */
    ck_assert(fcgi_client_is_closed(fd));
    ck_assert_int_eq(fcgi_program_await_end(), 0);
    ck_assert_ptr_nonnull(strstr(fcgi_program_log(), "create_game"));
    (void)close(fd);
    (void)close(idle);
}
END_TEST

START_TEST(dead_process_is_replaced)
{
    pid_t before[4];
    pid_t after[4];
    mono_ms until = clock_mono() + FCGI_CLIENT_WAIT;

    fcgi_program_start("2");
    ck_assert_uint_eq(fcgi_program_children(before, 4), 2);
    ck_assert_int_eq(kill(before[0], SIGKILL), 0);
    do {
        ck_assert_int_lt(clock_mono(), until);
        ck_assert_int_eq(ask_anew(&stats), 200); /* by the other one */
    } while (fcgi_program_children(after, 4) != 2 || after[0] == before[0] ||
             after[1] == before[0]);
    ck_assert_ptr_nonnull(strstr(fcgi_program_log(), "process killed"));
}
END_TEST

START_TEST(watchdog_is_fed)
{
    ck_assert_int_eq(setenv("WATCHDOG_USEC", "400000", 1), 0);
    fcgi_program_start("2");
    fcgi_program_await_notice("WATCHDOG=1");
    fcgi_program_await_notice("WATCHDOG=1");
    ck_assert_int_eq(unsetenv("WATCHDOG_USEC"), 0);
}
END_TEST

/* Descriptors have run out: connections wait until others have gone. */
START_TEST(connections_may_be_too_many)
{
    const struct rlimit few = {.rlim_cur = 64, .rlim_max = 1024};
    int fds[80];
    mono_ms until = clock_mono() + FCGI_CLIENT_WAIT;

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    fcgi_program_start("1");
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){1024, 1024}), 0);
    for (int i = 0; i < 80; i++)
        fds[i] = fcgi_client_connect(fcgi_program_socket());
    while (strstr(fcgi_program_log(), "cannot accept") == NULL)
        ck_assert_int_lt(clock_mono(), until);
    ck_assert_int_eq(ask(fds[0], &stats), 200);
    for (int i = 0; i < 70; i++)
        (void)close(fds[i]);
    for (int i = 70; i < 80; i++) {
        ck_assert_int_eq(ask(fds[i], &stats), 200);
        (void)close(fds[i]);
    }
}
END_TEST

/* Stopped, it turns no more; the supervisor kills it. */
START_TEST(hanging_process_is_replaced)
{
    pid_t pid;
    int fd;

    fcgi_program_start("1");
    ck_assert_uint_eq(fcgi_program_children(&pid, 1), 1);
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    fd = fcgi_client_connect(fcgi_program_socket());
    fcgi_client_send(fd, &stats); /* waits in the socket's queue for the next process */
    expect_status(fd, 200);
    ck_assert_ptr_nonnull(strstr(fcgi_program_log(), "process hangs"));
    (void)close(fd);
}
END_TEST

static void
await_death(pid_t pid)
{
    mono_ms until = clock_mono() + FCGI_CLIENT_WAIT;

    while (waitpid(pid, NULL, WNOHANG) != pid) {
        ck_assert_msg(clock_mono() < until, "process %d lives on", (int)pid);
        (void)poll(NULL, 0, 10);
    }
}

/* Nobody is left who would hold the socket: one that is stopped would do so until it goes on. */
START_TEST(supervisor_that_is_killed_leaves_no_process)
{
    pid_t pids[2];

    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    fcgi_program_start("2");
    ck_assert_uint_eq(fcgi_program_children(pids, 2), 2);
    ck_assert_int_eq(kill(pids[0], SIGSTOP), 0);
    ck_assert_int_eq(kill(fcgi_program_pid(), SIGKILL), 0);
    (void)fcgi_program_await_end();
    await_death(pids[0]);
    await_death(pids[1]);
}
END_TEST

START_TEST(sighup_reads_the_games_again)
{
    struct fcgi_call fresh = {.target = "/stats/fresh/ann"};
    int idle = fcgi_client_connect(fcgi_program_socket());
    int fd;

    ck_assert_int_eq(ask(idle, &fresh), 400);
    fd = connect_and_hang();
    fcgi_program_write_game("fresh", "ok");
    ck_assert_int_eq(kill(fcgi_program_pid(), SIGHUP), 0);
    fcgi_program_await_notice("RELOADING=1");
    fcgi_program_await_notice("READY=1");
    ck_assert_int_eq(ask_anew(&fresh), 200);
    expect_status(fd, 503);
    ck_assert(fcgi_client_is_closed(fd));
    ck_assert(fcgi_client_is_closed(idle)); /* of the old process */
    (void)close(fd);
    (void)close(idle);
}
END_TEST

static void
await_children(size_t n)
{
    pid_t pids[100];
    mono_ms until = clock_mono() + FCGI_CLIENT_WAIT;

    while (fcgi_program_children(pids, 100) != n) {
        ck_assert_msg(clock_mono() < until, "%zu processes", fcgi_program_children(pids, 100));
        (void)poll(NULL, 0, 5);
    }
}

/* Processes that are replaced before they served make room at once. None of them serves here while
 * Redis hangs. */
START_TEST(many_sighups_are_few_processes)
{
    fcgi_program_patience = 60000;
    fcgi_program_configure("");
    fcgi_program_start("1");
    redis_server_pause(functions_server());
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(kill(fcgi_program_pid(), SIGHUP), 0);
        fcgi_program_await_notice("RELOADING=1");
        await_children(2); /* the one that serves, and the last one */
    }
    redis_server_resume(functions_server());
    fcgi_program_await_notice("READY=1");
    await_children(1);
    ck_assert_int_eq(ask_anew(&stats), 200);
}
END_TEST

START_TEST(sighup_with_a_bad_game_changes_nothing)
{
    pid_t before;
    pid_t after;

    ck_assert_uint_eq(fcgi_program_children(&before, 1), 1);
    fcgi_program_write_game("fresh", "ok");
    fcgi_program_write("games/bad.json", "{\"product_id\": \"bad\"");
    ck_assert_int_eq(kill(fcgi_program_pid(), SIGHUP), 0);
    fcgi_program_await_notice("RELOADING=1");
    fcgi_program_await_notice("READY=1");
    ck_assert_int_eq(ask_anew(&(struct fcgi_call){.target = "/stats/fresh/ann"}), 400);
    ck_assert_int_eq(ask_anew(&stats), 200);
    ck_assert_uint_eq(fcgi_program_children(&after, 1), 1);
    ck_assert_int_eq(before, after);
    ck_assert_ptr_nonnull(strstr(fcgi_program_log(), "bad.json"));
}
END_TEST

/* --- by hand ---------------------------------------------------------------------------------- */

static struct buf said;

static int
run(const char *const *args, const char *const *env, const char *input)
{
    int status;

    buf_init(&said, 1 << 20);
    status = fcgi_program_run(args, env, input, &said);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void
expect_said(const char *words)
{
    ck_assert_msg(said.len > 0 && strstr(said.data, words) != NULL, "no '%s' in:\n%s", words,
                  said.data);
}

static const char *
config_path(void)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/varcade.json", fcgi_program_folder());
    return path;
}

START_TEST(says_what_it_takes)
{
    ck_assert_int_eq(run((const char *const[]){"--help", NULL}, NULL, ""), 0);
    expect_said("--config FILE");
    expect_said("redis.state_url");
    buf_free(&said);
    ck_assert_int_eq(run((const char *const[]){"--version", NULL}, NULL, ""), 0);
    expect_said("varcade ");
    buf_free(&said);
    ck_assert_int_eq(run((const char *const[]){"--nope", NULL}, NULL, ""), 2);
    buf_free(&said);
    ck_assert_int_eq(run((const char *const[]){"--processes", "0", NULL}, NULL, ""), 2);
    buf_free(&said);
    ck_assert_int_eq(run((const char *const[]){"x", NULL}, NULL, ""), 2);
    buf_free(&said);
}
END_TEST

START_TEST(checks_its_configuration)
{
    const char *const args[] = {"--config", config_path(), "--check", NULL};

    ck_assert_int_eq(run(args, NULL, ""), 0);
    buf_free(&said);
    fcgi_program_write("token.key", "short");
    ck_assert_int_eq(run(args, NULL, ""), 1);
    expect_said("token.key");
    buf_free(&said);
    fcgi_program_write("varcade.json", "{\"redis\": {\"state_ulr\": \"x\"}}");
    ck_assert_int_eq(run(args, NULL, ""), 1);
    expect_said("state_ulr");
    buf_free(&said);
}
END_TEST

START_TEST(needs_a_socket)
{
    const char *const args[] = {"--config", config_path(), NULL};

    ck_assert_int_eq(run(args, (const char *const[]){"PATH=/usr/bin:/bin", NULL}, ""), 1);
    expect_said("cannot listen");
    buf_free(&said);
}
END_TEST

static void
run_cgi(const char *method, const char *path, const char *header, const char *body)
{
    char variables[4][512];
    const char *const env[] = {"GATEWAY_INTERFACE=CGI/1.1",
                               "SCRIPT_NAME=/cgi-bin/varcade",
                               variables[0],
                               variables[1],
                               variables[2],
                               variables[3],
                               NULL};

    (void)snprintf(variables[0], sizeof(variables[0]), "REQUEST_METHOD=%s", method);
    (void)snprintf(variables[1], sizeof(variables[1]), "PATH_INFO=%s", path);
    (void)snprintf(variables[2], sizeof(variables[2]), "%s", header);
    (void)snprintf(variables[3], sizeof(variables[3]), "CONTENT_LENGTH=%zu", strlen(body));
    ck_assert_int_eq(run((const char *const[]){"--config", config_path(), NULL}, env, body), 0);
}

START_TEST(is_a_cgi_program_too)
{
    char header[1100];

    run_cgi("GET", "/stats/p/ann", "x=", "");
    expect_said("Status: 200 OK\r\n");
    expect_said("\r\n\r\n{}");
    buf_free(&said);
    run_cgi("GET", "/nope", "x=", "");
    expect_said("Status: 404 Not Found\r\n");
    buf_free(&said);
    (void)snprintf(header, sizeof(header), "HTTP_AUTHORIZATION=Bearer %s",
                   fcgi_program_token("ann"));
    run_cgi("POST", "/game_lobby/p/create_game", header, "{}");
    expect_said("Status: 200 OK\r\n");
    expect_said("\"creator_id\"");
    buf_free(&said);
    run_cgi("POST", "/game_lobby/p/create_game", header, "{");
    expect_said("Status: 400 Bad Request\r\n");
    buf_free(&said);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("fcgi_life");
    TCase *c = tcase_create("running");

    fcgi_program_require();
    tcase_add_checked_fixture(c, fcgi_program_setup, fcgi_program_teardown);
    tcase_set_timeout(c, 60);
    FCGI_PROGRAM_ADD(c, connection_is_kept, requests_may_have_any_length,
                     connection_is_closed_where_asked, half_closed_connection_is_answered,
                     request_may_come_in_bytes, idle_connections_cost_nothing,
                     pipelined_request_ends_the_connection, rubbish_is_turned_away,
                     large_answer_waits_for_its_reader);
    tcase_add_loop_test(c, body_has_a_limit, 0, (int)(sizeof(bodies) / sizeof(bodies[0])));
    FCGI_PROGRAM_ADD(c, redis_gone_is_503, redis_hanging_is_503, sigterm_finishes_what_is_under_way,
                     sighup_reads_the_games_again, sighup_with_a_bad_game_changes_nothing);
    suite_add_tcase(suite, c);

    c = tcase_create("prepared");
    tcase_add_checked_fixture(c, fcgi_program_prepare, fcgi_program_teardown);
    tcase_set_timeout(c, 60);
    FCGI_PROGRAM_ADD(c, starts_without_redis, watchdog_is_fed, connections_may_be_too_many,
                     dead_process_is_replaced, hanging_process_is_replaced,
                     supervisor_that_is_killed_leaves_no_process, many_sighups_are_few_processes,
                     says_what_it_takes, checks_its_configuration, needs_a_socket,
                     is_a_cgi_program_too);
    suite_add_tcase(suite, c);
    return suite;
}
