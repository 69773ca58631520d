/*
 * Tests of lib/lobby/gameserver.c and, through it, of lib/base/httpclient.c: one call and what becomes of it.
 */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/loop.h"
#include "lib/lobby/gameserver.h"
#include "tests/unit/calls.h"
#include "tests/unit/stub.h"
#include "tests/unit/unit.h"

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

START_TEST(test_request_and_token)
{
    struct told told;
    const char *request = calls_stub.last_request;

    ck_assert_int_eq(calls_make("ok", &told), GAMESERVER_DONE);
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

    calls_ask(stub_url(&calls_stub, "empty"), false, NULL, &told);
    calls_wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DONE);
    ck_assert_int_eq(strncmp(request, "POST /empty/remove_game HTTP/1.1\r\n", 34), 0);
    ck_assert_str_eq(strstr(request, "\r\n\r\n") + 4,
                     "{\"gameId\":\"0123456789abcdef0123456789abcdef\"}");
    ck_assert_uint_eq(calls_stub.connections, 1);
}
END_TEST

START_TEST(test_request_id_cannot_make_headers)
{
    struct gameserver_request request = {.url = stub_url(&calls_stub, "ok"),
                                         .action = "create_game",
                                         .game_id = "g",
                                         .request_id = "a\r\nX-Evil: 1",
                                         .wants_token = true};
    struct told told = {.done = 0};

    gameserver_call(calls_client, &request, calls_on_done, NULL, &told);
    calls_wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DONE);
    ck_assert_ptr_null(strstr(calls_stub.last_request, "X-"));
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
        (void)calls_make(cases[i].behaviour, &told);
        ck_assert_msg(told.outcome == cases[i].outcome && told.status == cases[i].status &&
                          (told.token_len > 0) == (told.outcome == GAMESERVER_DONE),
                      "%s: outcome %d, status %ld, %s", cases[i].behaviour, told.outcome,
                      told.status, told.reason);
        ck_assert_int_eq(told.late, 0);
    }
    ck_assert_uint_eq(calls_status(0).under_way, 0);
    ck_assert_uint_eq(calls_status(0).calls[GAMESERVER_DONE], 2);
    ck_assert_uint_eq(calls_status(0).calls[GAMESERVER_REFUSED], 7);
    ck_assert_uint_eq(calls_status(0).calls[GAMESERVER_RUBBISH], 16);
}
END_TEST

START_TEST(test_remove_of_what_is_gone)
{
    struct told told;

    calls_ask(stub_url(&calls_stub, "status-404"), false, NULL, &told);
    calls_wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DONE);
    calls_ask(stub_url(&calls_stub, "status-400"), false, NULL, &told);
    calls_wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_REFUSED);
}
END_TEST

START_TEST(test_no_proxy_from_the_environment)
{
    struct told told;

    ck_assert_int_eq(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    ck_assert_int_eq(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    ck_assert_int_eq(calls_make("ok", &told), GAMESERVER_DONE);
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
        (void)calls_make_at(urls[i], &told);
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
    (void)calls_make_at(stub_url(&closed, "ok"), &told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DOWN);
    ck_assert_int_eq(told.status, 0);
    ck_assert_int_eq(told.retry_after, 0);
    ck_assert_uint_eq(calls_status(0).calls[GAMESERVER_DOWN], 1);
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

    calls_hurry();
    stub_bind(&full);
    address.sin_port = htons((uint16_t)full.port);
    ck_assert_int_eq(listen(full.fd, 0), 0);
    for (int i = 0; i < 4; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(waiting[i], (struct sockaddr *)&address, sizeof(address));
    }
    (void)calls_make_at(stub_url(&full, "ok"), &told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DOWN);
    ck_assert_int_ge(told.at - before, CALLS_CONNECT_TIMEOUT - 1);
    ck_assert_int_eq(told.late, 0);
    ck_assert_uint_eq(calls_status(0).under_way, 0);

    /* A caller's wait that is shorter than connecting may take: the request is never sent. */
    calls_limits.connect_timeout = CALLS_LATE;
    calls_start_client();
    (void)calls_make_at(stub_url(&full, "ok"), &told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DOWN);
    ck_assert_uint_eq(calls_status(0).under_way, 0);
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

    calls_hurry();
    ck_assert_int_eq(pipe2(slow_names, O_CLOEXEC), 0);
    (void)calls_make_at("http://slow.example", &told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DOWN);
    ck_assert_int_lt(clock_mono() - before, 1000);

    calls_ask("http://slow.example", true, calls_on_late, &told);
    ck_assert_int_eq(loop_run_once(calls_loop, 10), 0);
    gameserver_client_free(calls_client);
    calls_client = NULL;
    ck_assert_int_lt(clock_mono() - before, 2000);

    /* The threads that asked end on their own. */
    ck_assert_int_eq(write(slow_names[1], "12", 2), 2);
    while (calls_count_entries("/proc/self/task") > 3)
        ck_assert_int_eq(loop_run_once(calls_loop, 1), 0);
    close(slow_names[0]);
    close(slow_names[1]);
}
END_TEST

START_TEST(test_late_answer)
{
    struct told told;
    mono_ms before = clock_mono();

    calls_hurry();
    ck_assert_int_eq(calls_make("hang", &told), GAMESERVER_LATE);
    ck_assert_int_ge(told.at - before, CALLS_TIMEOUT - 1);
    ck_assert_int_lt(told.at - before, CALLS_LATE);
    ck_assert_uint_eq(calls_status(0).under_way, 1);
    ck_assert_uint_eq(gameserver_late_pending(calls_client), 1);

    stub_answer_all(&calls_stub);
    calls_wait_late(&told);
    ck_assert_int_eq(told.late_outcome, GAMESERVER_DONE);
    ck_assert_str_eq(told.token, "t-1");
    ck_assert_uint_eq(calls_status(0).under_way, 0);
    ck_assert_uint_eq(gameserver_late_pending(calls_client), 0);
    ck_assert_uint_eq(calls_status(0).calls[GAMESERVER_LATE], 1);
    ck_assert_uint_eq(calls_status(0).calls[GAMESERVER_DONE], 0);
}
END_TEST

START_TEST(test_no_answer_ever)
{
    struct told told;
    mono_ms before = clock_mono();

    calls_hurry();
    ck_assert_int_eq(calls_make("hang", &told), GAMESERVER_LATE);
    calls_wait_late(&told);
    ck_assert_int_eq(told.late_outcome, GAMESERVER_LATE);
    ck_assert_int_ge(clock_mono() - before, CALLS_LATE - 1);
    ck_assert_uint_eq(calls_status(0).under_way, 0);
    ck_assert_uint_eq(gameserver_late_pending(calls_client), 0);
}
END_TEST

START_TEST(test_breaks_off_after_the_wait)
{
    struct told told;

    calls_hurry();
    ck_assert_int_eq(calls_make("hang", &told), GAMESERVER_LATE);
    stub_close_all(&calls_stub);
    calls_wait_late(&told);
    ck_assert_int_eq(told.late_outcome, GAMESERVER_RUBBISH);
}
END_TEST

/* Sent again over a new connection: a refusal is of the second request, and what became of the
 * first is not known. Of a removal it does not matter: it is told again anyway. */
START_TEST(test_refused_when_sent_again)
{
    struct told told;
    size_t before;

    ck_assert_int_eq(calls_make("forget-400", &told), GAMESERVER_REFUSED);
    before = calls_stub.requests;
    ck_assert_int_eq(calls_make("forget-400", &told), GAMESERVER_RUBBISH);
    ck_assert_uint_eq(calls_stub.requests, before + 2);
    ck_assert_int_eq(told.status, 400);
}
END_TEST

/* Where nobody wants to know, the call still takes its place until it ends. */
START_TEST(test_late_without_callback)
{
    struct told told;

    calls_hurry();
    calls_ask(stub_url(&calls_stub, "hang"), false, NULL, &told);
    calls_wait_done(&told);
    ck_assert_int_eq(told.outcome, GAMESERVER_LATE);
    ck_assert_uint_eq(gameserver_late_pending(calls_client), 0);
    ck_assert_uint_eq(calls_status(0).under_way, 1);
    stub_answer_all(&calls_stub);
    while (calls_status(0).under_way > 0)
        ck_assert_int_eq(loop_run_once(calls_loop, 1000), 0);
    ck_assert_int_eq(told.done, 1);
}
END_TEST

/* timeout and late at the same moment: both callbacks, in this order. */
START_TEST(test_no_time_between)
{
    struct told told;

    calls_hurry();
    calls_limits.late = calls_limits.timeout;
    calls_start_client();
    ck_assert_int_eq(calls_make("hang", &told), GAMESERVER_LATE);
    calls_wait_late(&told);
    ck_assert_int_eq(told.late_outcome, GAMESERVER_LATE);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("gameserver");
    TCase *tc = tcase_create("gameserver");

    tcase_add_checked_fixture(tc, calls_setup, calls_teardown);
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
    tcase_add_test(tc, test_refused_when_sent_again);
    tcase_add_test(tc, test_late_without_callback);
    tcase_add_test(tc, test_no_time_between);
    suite_add_tcase(suite, tc);
    return suite;
}
