/* Tests of lib/gameserver.c and, through it, of lib/httpclient.c. */
#include <dirent.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/gameserver.h"
#include "lib/loop.h"
#include "tests/unit/stub.h"
#include "tests/unit/unit.h"

#define CONNECT_TIMEOUT 60
#define TIMEOUT 100
#define LATE 300
#define PAUSE 50

/* What a call's callbacks were told. */
struct told {
    int done, late; /* how often */
    enum gameserver_outcome outcome, late_outcome;
    long status;
    dur_ms retry_after;
    char token[5000];
    size_t token_len;
    char reason[100];
    mono_ms at;
};

static struct loop *loop;
static struct stub stub;
static struct gameserver_client *client;
static struct gameserver_limits limits = {.connect_timeout = CONNECT_TIMEOUT,
                                          .timeout = TIMEOUT,
                                          .late = LATE,
                                          .concurrent = 4,
                                          .breaker_failures = 1000,
                                          .breaker_open = PAUSE};

static int slow_names[2] = {-1, -1};

/* Takes the place of the C library's, for libcurl too: names are not resolved before somebody
 * writes to slow_names, and then do not exist. */
int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
            struct addrinfo **ret)
{
    char byte;

    (void)node;
    (void)service;
    (void)hints;
    (void)ret;
    (void)!read(slow_names[0], &byte, 1);
    return EAI_NONAME;
}

static void
start_client(void)
{
    gameserver_client_free(client);
    client = gameserver_client_new(loop, &limits);
    ck_assert_ptr_nonnull(client);
}

static void
setup(void)
{
    loop = loop_new();
    ck_assert_ptr_nonnull(loop);
    stub_bind(&stub);
    stub_listen(&stub, loop);
    limits.concurrent = 4;
    limits.breaker_failures = 1000;
    start_client();
}

static void
teardown(void)
{
    gameserver_client_free(client);
    client = NULL;
    stub_done(&stub);
    loop_free(loop);
}

static void
on_done(void *cookie, const struct gameserver_answer *answer)
{
    struct told *told = cookie;

    told->done++;
    told->outcome = answer->outcome;
    told->status = answer->status;
    told->retry_after = answer->retry_after;
    told->at = clock_mono();
    ck_assert_ptr_nonnull(answer->reason);
    snprintf(told->reason, sizeof(told->reason), "%s", answer->reason);
    ck_assert((answer->token != NULL) == (answer->token_len > 0));
    ck_assert_uint_lt(answer->token_len, sizeof(told->token));
    if (answer->token != NULL)
        memcpy(told->token, answer->token, answer->token_len + 1);
    told->token_len = answer->token_len;
}

static void
on_late(void *cookie, const struct gameserver_answer *answer)
{
    struct told *told = cookie;
    int done = told->done;

    on_done(told, answer);
    told->late_outcome = answer->outcome;
    told->outcome = GAMESERVER_LATE;
    told->done = done;
    told->late++;
}

/* ask(url, told): a create_game; asked(...) with all that a test may choose. */
static void
asked(const char *url, bool wants_token, gameserver_fn *late, struct told *told)
{
    const struct gameserver_request request = {.url = url,
                                               .action =
                                                   wants_token ? "create_game" : "remove_game",
                                               .game_id = "0123456789abcdef0123456789abcdef",
                                               .user_id = wants_token ? "u\"1" : NULL,
                                               .username = wants_token ? "J\xc3\xbcrgen" : NULL,
                                               .request_id = "req-1",
                                               .wants_token = wants_token};

    memset(told, 0, sizeof(*told));
    gameserver_call(client, &request, on_done, late, told);
    ck_assert_int_eq(told->done, 0); /* never from inside the call */
}

static void
ask(const char *url, struct told *told)
{
    asked(url, true, on_late, told);
}

static void
wait_done(const struct told *told)
{
    while (told->done == 0)
        ck_assert_int_eq(loop_run_once(loop, 1000), 0);
    ck_assert_int_eq(told->done, 1);
}

static void
wait_late(const struct told *told)
{
    while (told->late == 0)
        ck_assert_int_eq(loop_run_once(loop, 1000), 0);
    ck_assert_int_eq(told->late, 1);
    ck_assert_int_eq(told->done, 1);
}

/* call(behaviour, told): a create_game and its outcome. */
static enum gameserver_outcome
call(const char *behaviour, struct told *told)
{
    ask(stub_url(&stub, behaviour), told);
    wait_done(told);
    return told->outcome;
}

static struct gameserver_status
status(size_t i)
{
    struct gameserver_status s;

    ck_assert_int_eq(gameserver_status(client, i, &s), 0);
    return s;
}

static int
count_entries(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

START_TEST(test_request_and_token)
{
    struct told told;
    const char *request = stub.last_request;

    ck_assert_int_eq(call("ok", &told), GAMESERVER_DONE);
    ck_assert_str_eq(told.token, "t-1");
    ck_assert_uint_eq(told.token_len, 3);
    ck_assert_int_eq(told.status, 200);
    ck_assert_str_eq(told.reason, "");
    ck_assert_int_eq(strncmp(request, "POST /ok/create_game HTTP/1.1\r\n", 31), 0);
    ck_assert_ptr_nonnull(strstr(request, "\r\nContent-Type: application/json\r\n"));
    ck_assert_ptr_nonnull(strstr(request, "\r\nX-Request-Id: req-1\r\n"));
    ck_assert_ptr_nonnull(strstr(request, "\r\nUser-Agent: varcade/"));
    ck_assert_ptr_null(strstr(request, "Expect"));
    ck_assert_str_eq(strstr(request, "\r\n\r\n") + 4,
                     "{\"gameId\":\"0123456789abcdef0123456789abcdef\","
                     "\"userId\":\"u\\\"1\",\"username\":\"J\xc3\xbcrgen\"}");

    asked(stub_url(&stub, "empty"), false, NULL, &told);
    wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DONE);
    ck_assert_int_eq(strncmp(request, "POST /empty/remove_game HTTP/1.1\r\n", 34), 0);
    ck_assert_str_eq(strstr(request, "\r\n\r\n") + 4,
                     "{\"gameId\":\"0123456789abcdef0123456789abcdef\"}");
    ck_assert_uint_eq(stub.connections, 1);
}
END_TEST

START_TEST(test_request_id_cannot_make_headers)
{
    struct gameserver_request request = {.url = stub_url(&stub, "ok"),
                                         .action = "create_game",
                                         .game_id = "g",
                                         .request_id = "a\r\nX-Evil: 1",
                                         .wants_token = true};
    struct told told = {.done = 0};

    gameserver_call(client, &request, on_done, NULL, &told);
    wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DONE);
    ck_assert_ptr_null(strstr(stub.last_request, "X-"));
}
END_TEST

START_TEST(test_answers)
{
    static const struct {
        const char *behaviour;
        enum gameserver_outcome outcome;
        long status;
    } cases[] = {
        {"ok", GAMESERVER_DONE, 200},
        {"ok-close", GAMESERVER_DONE, 200},
        {"status-201", GAMESERVER_REFUSED, 201},
        {"status-204", GAMESERVER_REFUSED, 204},
        {"status-302", GAMESERVER_REFUSED, 302},
        {"status-400", GAMESERVER_REFUSED, 400},
        {"status-404", GAMESERVER_REFUSED, 404},
        {"status-500", GAMESERVER_REFUSED, 500},
        {"cut-400", GAMESERVER_REFUSED, 400},
        {"no-token", GAMESERVER_RUBBISH, 200},
        {"empty", GAMESERVER_RUBBISH, 200},
        {"no-json", GAMESERVER_RUBBISH, 200},
        {"array", GAMESERVER_RUBBISH, 200},
        {"token-number", GAMESERVER_RUBBISH, 200},
        {"token-null", GAMESERVER_RUBBISH, 200},
        {"token-empty", GAMESERVER_RUBBISH, 200},
        {"token-newline", GAMESERVER_RUBBISH, 200},
        {"token-nul", GAMESERVER_RUBBISH, 200},
        {"token-latin1", GAMESERVER_RUBBISH, 200},
        {"cut", GAMESERVER_RUBBISH, 200},
        {"no-http", GAMESERVER_RUBBISH, 0},
        {"silent", GAMESERVER_RUBBISH, 0},
        {"reset", GAMESERVER_RUBBISH, 0},
        {"huge", GAMESERVER_RUBBISH, 200},
        {"huge-headers", GAMESERVER_RUBBISH, 200},
    };
    struct told told;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)call(cases[i].behaviour, &told);
        ck_assert_msg(told.outcome == cases[i].outcome && told.status == cases[i].status &&
                          (told.token_len > 0) == (told.outcome == GAMESERVER_DONE),
                      "%s: outcome %d, status %ld, %s", cases[i].behaviour, told.outcome,
                      told.status, told.reason);
        ck_assert_int_eq(told.late, 0);
    }
    ck_assert_uint_eq(status(0).under_way, 0);
    ck_assert_uint_eq(status(0).calls[GAMESERVER_DONE], 2);
    ck_assert_uint_eq(status(0).calls[GAMESERVER_REFUSED], 7);
    ck_assert_uint_eq(status(0).calls[GAMESERVER_RUBBISH], 16);
}
END_TEST

START_TEST(test_remove_of_what_is_gone)
{
    struct told told;

    asked(stub_url(&stub, "status-404"), false, NULL, &told);
    wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DONE);
    asked(stub_url(&stub, "status-400"), false, NULL, &told);
    wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_REFUSED);
}
END_TEST

START_TEST(test_no_proxy_from_the_environment)
{
    struct told told;

    ck_assert_int_eq(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    ck_assert_int_eq(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    ck_assert_int_eq(call("ok", &told), GAMESERVER_DONE);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}
END_TEST

START_TEST(test_urls_that_are_none)
{
    static const char *const urls[] = {"",        "nonsense",          "/path",
                                       "http://", "ftp://127.0.0.1/x", "file:///etc/passwd"};
    struct told told;

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        ask(urls[i], &told);
        wait_done(&told);
        ck_assert_msg(told.outcome == GAMESERVER_DOWN && told.reason[0] != '\0', "%s", urls[i]);
    }
}
END_TEST

/* A bound port that nobody listens on. */
START_TEST(test_connection_refused)
{
    struct stub closed;
    struct told told;

    stub_bind(&closed);
    ask(stub_url(&closed, "ok"), &told);
    wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DOWN);
    ck_assert_int_eq(told.status, 0);
    ck_assert_int_eq(told.retry_after, 0);
    ck_assert_uint_eq(status(0).calls[GAMESERVER_DOWN], 1);
    close(closed.fd);
}
END_TEST

/* A listener whose queue is full: the kernel answers no SYN. */
START_TEST(test_connection_hangs)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int waiting[4];
    struct stub full;
    struct told told;
    mono_ms before = clock_mono();

    stub_bind(&full);
    address.sin_port = htons((uint16_t)full.port);
    ck_assert_int_eq(listen(full.fd, 0), 0);
    for (int i = 0; i < 4; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(waiting[i], (struct sockaddr *)&address, sizeof(address));
    }
    ask(stub_url(&full, "ok"), &told);
    wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DOWN);
    ck_assert_int_ge(told.at - before, CONNECT_TIMEOUT - 1);
    ck_assert_int_eq(told.late, 0);
    ck_assert_uint_eq(status(0).under_way, 0);

    /* A caller's wait that is shorter than connecting may take: the request is never sent. */
    limits.connect_timeout = LATE;
    start_client();
    ask(stub_url(&full, "ok"), &told);
    wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DOWN);
    ck_assert_uint_eq(status(0).under_way, 0);
    limits.connect_timeout = CONNECT_TIMEOUT;
    for (int i = 0; i < 4; i++)
        close(waiting[i]);
    close(full.fd);
}
END_TEST

/* A name server that does not answer: neither the call nor the loop waits for it. */
START_TEST(test_name_server_hangs)
{
    struct told told;
    mono_ms before = clock_mono();

    ck_assert_int_eq(pipe(slow_names), 0);
    ask("http://slow.example", &told);
    wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DOWN);
    ck_assert_int_lt(clock_mono() - before, 1000);

    ask("http://slow.example", &told);
    ck_assert_int_eq(loop_run_once(loop, 10), 0);
    gameserver_client_free(client);
    client = NULL;
    ck_assert_int_lt(clock_mono() - before, 2000);

    /* The threads that asked end on their own. */
    ck_assert_int_eq(write(slow_names[1], "12", 2), 2);
    while (count_entries("/proc/self/task") > 3)
        ck_assert_int_eq(loop_run_once(loop, 1), 0);
    close(slow_names[0]);
    close(slow_names[1]);
}
END_TEST

START_TEST(test_late_answer)
{
    struct told told;
    mono_ms before = clock_mono();

    ck_assert_int_eq(call("hang", &told), GAMESERVER_LATE);
    ck_assert_int_ge(told.at - before, TIMEOUT - 1);
    ck_assert_int_lt(told.at - before, LATE);
    ck_assert_uint_eq(status(0).under_way, 1);
    ck_assert_uint_eq(gameserver_late_pending(client), 1);

    stub_answer_all(&stub);
    wait_late(&told);
    ck_assert_int_eq(told.late_outcome, GAMESERVER_DONE);
    ck_assert_str_eq(told.token, "t-1");
    ck_assert_uint_eq(status(0).under_way, 0);
    ck_assert_uint_eq(gameserver_late_pending(client), 0);
    ck_assert_uint_eq(status(0).calls[GAMESERVER_LATE], 1);
    ck_assert_uint_eq(status(0).calls[GAMESERVER_DONE], 0);
}
END_TEST

START_TEST(test_no_answer_ever)
{
    struct told told;
    mono_ms before = clock_mono();

    ck_assert_int_eq(call("hang", &told), GAMESERVER_LATE);
    wait_late(&told);
    ck_assert_int_eq(told.late_outcome, GAMESERVER_LATE);
    ck_assert_int_ge(clock_mono() - before, LATE - 1);
    ck_assert_uint_eq(status(0).under_way, 0);
    ck_assert_uint_eq(gameserver_late_pending(client), 0);
}
END_TEST

START_TEST(test_breaks_off_after_the_wait)
{
    struct told told;

    ck_assert_int_eq(call("hang", &told), GAMESERVER_LATE);
    stub_close_all(&stub);
    wait_late(&told);
    ck_assert_int_eq(told.late_outcome, GAMESERVER_RUBBISH);
}
END_TEST

/* Where nobody wants to know, the call still takes its place until it ends. */
START_TEST(test_late_without_callback)
{
    struct told told;

    asked(stub_url(&stub, "hang"), false, NULL, &told);
    wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_LATE);
    ck_assert_uint_eq(gameserver_late_pending(client), 0);
    ck_assert_uint_eq(status(0).under_way, 1);
    stub_answer_all(&stub);
    while (status(0).under_way > 0)
        ck_assert_int_eq(loop_run_once(loop, 1000), 0);
    ck_assert_int_eq(told.done, 1);
}
END_TEST

/* timeout and late at the same moment: both callbacks, in this order. */
START_TEST(test_no_time_between)
{
    struct told told;

    limits.late = limits.timeout;
    start_client();
    ck_assert_int_eq(call("hang", &told), GAMESERVER_LATE);
    wait_late(&told);
    ck_assert_int_eq(told.late_outcome, GAMESERVER_LATE);
    limits.late = LATE;
}
END_TEST

START_TEST(test_concurrency_is_bounded)
{
    struct told hanging[4], refused, other;
    struct stub second;

    stub_bind(&second);
    stub_listen(&second, loop);
    for (int i = 0; i < 4; i++)
        ask(stub_url(&stub, "hang"), &hanging[i]);
    ck_assert_int_eq(call("ok", &refused), GAMESERVER_DOWN);
    ck_assert_str_eq(refused.reason, "too many calls under way");
    ck_assert_int_eq(refused.retry_after, 0);
    ask(stub_url(&second, "ok"), &other);
    wait_done(&other);
    ck_assert_int_eq(other.outcome, GAMESERVER_DONE);

    /* Calls whose callers went away with LATE still count. */
    for (int i = 0; i < 4; i++)
        wait_done(&hanging[i]);
    ck_assert_int_eq(call("ok", &refused), GAMESERVER_DOWN);
    stub_answer_all(&stub);
    for (int i = 0; i < 4; i++)
        wait_late(&hanging[i]);
    ck_assert_int_eq(call("ok", &refused), GAMESERVER_DONE);
    ck_assert_int_eq(gameserver_status(client, 2, &(struct gameserver_status){0}), -1);
    ck_assert_ptr_nonnull(strstr(status(1).origin, "http://127.0.0.1:"));
    stub_done(&second);
}
END_TEST

/* wait_for_pause(): until the breaker lets a call through. */
static void
wait_for_pause(struct told *told, const char *behaviour)
{
    mono_ms end = clock_mono() + told->retry_after;

    while (clock_mono() <= end)
        ck_assert_int_eq(loop_run_once(loop, 5), 0);
    (void)call(behaviour, told);
}

START_TEST(test_breaker)
{
    struct told told;

    limits.breaker_failures = 3;
    start_client();
    ck_assert_int_eq(call("status-500", &told), GAMESERVER_REFUSED);
    ck_assert_int_eq(call("status-400", &told), GAMESERVER_REFUSED); /* it lives */
    ck_assert_int_eq(call("reset", &told), GAMESERVER_RUBBISH);
    ck_assert_int_eq(call("status-500", &told), GAMESERVER_REFUSED);
    ck_assert_int_eq(status(0).breaker_open, 0);
    ck_assert_int_eq(call("no-json", &told), GAMESERVER_RUBBISH);
    ck_assert_int_eq(status(0).breaker_open, 1);

    ck_assert_int_eq(call("ok", &told), GAMESERVER_DOWN);
    ck_assert_str_eq(told.reason, "the circuit breaker is open");
    ck_assert_int_gt(told.retry_after, 0);
    ck_assert_int_le(told.retry_after, PAUSE);

    wait_for_pause(&told, "status-500");
    ck_assert_int_eq(told.outcome, GAMESERVER_REFUSED);
    ck_assert_int_eq(call("ok", &told), GAMESERVER_DOWN);
    ck_assert_int_gt(told.retry_after, PAUSE);
    ck_assert_int_le(told.retry_after, 2 * PAUSE);

    wait_for_pause(&told, "ok");
    ck_assert_int_eq(told.outcome, GAMESERVER_DONE);
    ck_assert_int_eq(status(0).breaker_open, 0);
    ck_assert_int_eq(call("ok", &told), GAMESERVER_DONE);
}
END_TEST

/* While the one trial is under way nobody else gets through; that it ends late does not help. */
START_TEST(test_breaker_trial_hangs)
{
    struct told told, trial, other;

    limits.breaker_failures = 1;
    start_client();
    ck_assert_int_eq(call("status-500", &told), GAMESERVER_REFUSED);
    ck_assert_int_eq(call("ok", &told), GAMESERVER_DOWN);
    mono_ms end = clock_mono() + told.retry_after;
    while (clock_mono() <= end)
        ck_assert_int_eq(loop_run_once(loop, 5), 0);
    ask(stub_url(&stub, "hang"), &trial);
    ck_assert_int_eq(call("ok", &other), GAMESERVER_DOWN);
    ck_assert_int_gt(other.retry_after, 0);
    wait_done(&trial);
    stub_answer_all(&stub);
    wait_late(&trial);
    ck_assert_int_eq(trial.late_outcome, GAMESERVER_DONE);
    ck_assert_int_eq(status(0).breaker_open, 1);
    ck_assert_int_eq(call("ok", &other), GAMESERVER_DOWN);
}
END_TEST

START_TEST(test_breaker_is_one_servers)
{
    struct told told;
    struct stub closed;

    limits.breaker_failures = 1;
    start_client();
    stub_bind(&closed);
    ask(stub_url(&closed, "ok"), &told);
    wait_done(&told);
    ask(stub_url(&closed, "another-game"), &told);
    wait_done(&told);
    ck_assert_int_gt(told.retry_after, 0);
    ck_assert_int_eq(call("ok", &told), GAMESERVER_DONE);

    /* It comes up. */
    stub_listen(&closed, loop);
    ask(stub_url(&closed, "ok"), &told);
    wait_done(&told);
    while (told.outcome != GAMESERVER_DONE) {
        ck_assert_int_eq(loop_run_once(loop, 5), 0);
        ask(stub_url(&closed, "ok"), &told);
        wait_done(&told);
    }
    ck_assert_int_eq(status(0).breaker_open, 0);
    stub_done(&closed);
}
END_TEST

/* Connections of the pool that the game server has closed in the meantime are no failure. */
START_TEST(test_kept_connection_is_dead)
{
    struct told told;

    ck_assert_int_eq(call("ok", &told), GAMESERVER_DONE);
    stub_close_all(&stub);
    ck_assert_int_eq(call("ok", &told), GAMESERVER_DONE);
    ck_assert_uint_eq(stub.connections, 2);

    /* One that breaks under the request: curl asks once more, and what was sent stays sent. */
    ck_assert_int_eq(call("reset", &told), GAMESERVER_RUBBISH);
    ck_assert_uint_eq(stub.requests, 4);
    ck_assert_uint_eq(stub.connections, 3);
}
END_TEST

START_TEST(test_thousands_of_calls)
{
    struct told told;
    int before;

    ck_assert_int_eq(call("ok", &told), GAMESERVER_DONE);
    before = count_entries("/proc/self/fd");
    for (int i = 0; i < 3000; i++)
        ck_assert_int_eq(call("ok", &told), GAMESERVER_DONE);
    ck_assert_uint_eq(stub.connections, 1);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(call("ok-close", &told), GAMESERVER_DONE);
    ck_assert_int_eq(call("ok", &told), GAMESERVER_DONE);
    ck_assert_int_eq(count_entries("/proc/self/fd"), before);
    ck_assert_uint_eq(status(0).calls[GAMESERVER_DONE], 4002);
}
END_TEST

/* A callback that calls again at once finds the place of the call that ended free. */
static void
on_done_call_again(void *cookie, const struct gameserver_answer *answer)
{
    on_done(cookie, answer);
    if (answer->outcome == GAMESERVER_DONE && stub.requests < 10) {
        const struct gameserver_request request = {
            .url = stub_url(&stub, "ok"), .action = "x", .game_id = "g", .wants_token = true};

        gameserver_call(client, &request, on_done_call_again, NULL, cookie);
    }
}

START_TEST(test_call_from_a_callback)
{
    const struct gameserver_request request = {
        .url = stub_url(&stub, "ok"), .action = "x", .game_id = "g", .wants_token = true};
    struct told told = {.done = 0};

    limits.concurrent = 1;
    start_client();
    gameserver_call(client, &request, on_done_call_again, NULL, &told);
    while (told.done < 10)
        ck_assert_int_eq(loop_run_once(loop, 1000), 0);
    ck_assert_int_eq(told.outcome, GAMESERVER_DONE);
}
END_TEST

START_TEST(test_free_with_calls_under_way)
{
    struct told hanging, late, fresh, refused;

    ck_assert_int_eq(call("hang", &late), GAMESERVER_LATE);
    ask(stub_url(&stub, "hang"), &hanging);
    while (stub.requests < 2)
        ck_assert_int_eq(loop_run_once(loop, 1000), 0);
    ask(stub_url(&stub, "ok"), &fresh);
    ask("nonsense", &refused);
    gameserver_client_free(client);
    client = NULL;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(loop_run_once(loop, 1), 0);
    ck_assert_int_eq(hanging.done + late.late + fresh.done + refused.done, 0);
    gameserver_client_free(NULL);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("gameserver");
    TCase *tc = tcase_create("gameserver");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_request_and_token);
    tcase_add_test(tc, test_request_id_cannot_make_headers);
    tcase_add_test(tc, test_answers);
    tcase_add_test(tc, test_remove_of_what_is_gone);
    tcase_add_test(tc, test_no_proxy_from_the_environment);
    tcase_add_test(tc, test_urls_that_are_none);
    tcase_add_test(tc, test_connection_refused);
    tcase_add_test(tc, test_connection_hangs);
    tcase_add_test(tc, test_name_server_hangs);
    tcase_add_test(tc, test_late_answer);
    tcase_add_test(tc, test_no_answer_ever);
    tcase_add_test(tc, test_breaks_off_after_the_wait);
    tcase_add_test(tc, test_late_without_callback);
    tcase_add_test(tc, test_no_time_between);
    tcase_add_test(tc, test_concurrency_is_bounded);
    tcase_add_test(tc, test_breaker);
    tcase_add_test(tc, test_breaker_trial_hangs);
    tcase_add_test(tc, test_breaker_is_one_servers);
    tcase_add_test(tc, test_kept_connection_is_dead);
    tcase_add_test(tc, test_thousands_of_calls);
    tcase_add_test(tc, test_call_from_a_callback);
    tcase_add_test(tc, test_free_with_calls_under_way);
    suite_add_tcase(suite, tc);
    return suite;
}
