/*
 * Tests of lib/lobby/gameserver.c: many calls, and the bounds and breakers between them.
 */
#include <string.h>
#include <unistd.h>

#include "lib/base/loop.h"
#include "lib/lobby/gameserver.h"
#include "tests/unit/calls.h"
#include "tests/unit/stub.h"
#include "tests/unit/unit.h"

/* Of a breaker: no machine is so busy that one is over by itself. */
#define PAUSE 20000

/* The linker gives these names: all that calls clock_mono() comes here. */
mono_ms __real_clock_mono(void);
mono_ms __wrap_clock_mono(void);

static dur_ms passed;

mono_ms
__wrap_clock_mono(void)
{
    return __real_clock_mono() + passed;
}

/* The loop's clock, and so the breakers', is so far ahead from now on. */
static void
pass(dur_ms time)
{
    passed += time;
    ck_assert_int_eq(loop_run_once(calls_loop, 0), 0);
}

static void
start_with_breaker(unsigned failures)
{
    calls_limits.breaker_failures = failures;
    calls_limits.breaker_open = PAUSE;
    calls_start_client();
}

START_TEST(test_concurrency_is_bounded)
{
    struct told hanging[4], refused, other;
    struct stub second;

    calls_hurry();
    stub_bind(&second);
    stub_listen(&second, calls_loop);
    for (int i = 0; i < 4; i++)
        calls_ask(stub_url(&calls_stub, "hang"), true, calls_on_late, &hanging[i]);
    ck_assert_int_eq(calls_make("ok", &refused), GAMESERVER_DOWN);
    ck_assert_str_eq(refused.reason, "too many calls under way");
    ck_assert_int_eq(refused.retry_after, 0);
    (void)calls_make_at(stub_url(&second, "ok"), &other);
    ck_assert_int_eq(other.outcome, GAMESERVER_DONE);

    /* Calls whose callers went away with LATE still count. */
    for (int i = 0; i < 4; i++)
        calls_wait_done(&hanging[i]);
    ck_assert_int_eq(calls_make("ok", &refused), GAMESERVER_DOWN);
    stub_answer_all(&calls_stub);
    for (int i = 0; i < 4; i++)
        calls_wait_late(&hanging[i]);
    ck_assert_int_eq(calls_make("ok", &refused), GAMESERVER_DONE);
    ck_assert_int_eq(gameserver_status(calls_client, 2, &(struct gameserver_status){0}), -1);
    ck_assert_ptr_nonnull(strstr(calls_status(1).origin, "http://127.0.0.1:"));
    stub_done(&second);
}
END_TEST

START_TEST(test_breaker)
{
    struct told told;

    start_with_breaker(3);
    ck_assert_int_eq(calls_make("status-500", &told), GAMESERVER_REFUSED);
    ck_assert_int_eq(calls_make("status-400", &told), GAMESERVER_REFUSED); /* it lives */
    ck_assert_int_eq(calls_make("reset", &told), GAMESERVER_RUBBISH);
    ck_assert_int_eq(calls_make("status-500", &told), GAMESERVER_REFUSED);
    ck_assert_int_eq(calls_status(0).breaker, BREAKER_CLOSED);
    ck_assert_int_eq(calls_make("no-json", &told), GAMESERVER_RUBBISH);
    ck_assert_int_eq(calls_status(0).breaker, BREAKER_OPEN);

    ck_assert_int_eq(calls_make("ok", &told), GAMESERVER_DOWN);
    ck_assert_str_eq(told.reason, "the circuit breaker is open");
    ck_assert_int_gt(told.retry_after, 0);
    ck_assert_int_le(told.retry_after, PAUSE);

    pass(told.retry_after);
    ck_assert_int_eq(calls_make("status-500", &told), GAMESERVER_REFUSED);
    ck_assert_int_eq(calls_make("ok", &told), GAMESERVER_DOWN);
    ck_assert_int_gt(told.retry_after, PAUSE);
    ck_assert_int_le(told.retry_after, 2 * PAUSE);

    pass(told.retry_after);
    ck_assert_int_eq(calls_make("ok", &told), GAMESERVER_DONE);
    ck_assert_int_eq(calls_status(0).breaker, BREAKER_CLOSED);
    ck_assert_int_eq(calls_make("ok", &told), GAMESERVER_DONE);
}
END_TEST

/* While the one trial is under way nobody else gets through; that it ends late does not help. */
START_TEST(test_breaker_trial_hangs)
{
    struct told told, trial, other;

    start_with_breaker(1);
    ck_assert_int_eq(calls_make("status-500", &told), GAMESERVER_REFUSED);
    ck_assert_int_eq(calls_make("ok", &told), GAMESERVER_DOWN);
    pass(told.retry_after);
    calls_ask(stub_url(&calls_stub, "hang"), true, calls_on_late, &trial);
    ck_assert_int_eq(calls_make("ok", &other), GAMESERVER_DOWN);
    ck_assert_int_gt(other.retry_after, 0);
    while (calls_stub.requests < 2)
        ck_assert_int_eq(loop_run_once(calls_loop, 1000), 0);
    pass(calls_limits.timeout);
    calls_wait_done(&trial);
    ck_assert_int_eq(trial.outcome, GAMESERVER_LATE);
    stub_answer_all(&calls_stub);
    calls_wait_late(&trial);
    ck_assert_int_eq(trial.late_outcome, GAMESERVER_DONE);
    ck_assert_int_eq(calls_status(0).breaker, BREAKER_OPEN);
    ck_assert_int_eq(calls_make("ok", &other), GAMESERVER_DOWN);
}
END_TEST

START_TEST(test_breaker_is_one_servers)
{
    struct told told;
    struct stub closed;

    start_with_breaker(1);
    stub_bind(&closed);
    (void)calls_make_at(stub_url(&closed, "ok"), &told);
    (void)calls_make_at(stub_url(&closed, "another-game"), &told);
    ck_assert_int_gt(told.retry_after, 0);
    ck_assert_int_eq(calls_make("ok", &told), GAMESERVER_DONE);

    /* It comes up. */
    stub_listen(&closed, calls_loop);
    (void)calls_make_at(stub_url(&closed, "ok"), &told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DOWN);
    pass(told.retry_after);
    ck_assert_int_eq(calls_make_at(stub_url(&closed, "ok"), &told), GAMESERVER_DONE);
    ck_assert_int_eq(calls_status(0).breaker, BREAKER_CLOSED);
    stub_done(&closed);
}
END_TEST

/* Connections of the pool that the game server has closed in the meantime are no failure. */
START_TEST(test_kept_connection_is_dead)
{
    struct told told;

    ck_assert_int_eq(calls_make("ok", &told), GAMESERVER_DONE);
    stub_close_all(&calls_stub);
    ck_assert_int_eq(calls_make("ok", &told), GAMESERVER_DONE);
    ck_assert_uint_eq(calls_stub.connections, 2);

    /* One that breaks under the request: curl asks once more, and what was sent stays sent. */
    ck_assert_int_eq(calls_make("reset", &told), GAMESERVER_RUBBISH);
    ck_assert_uint_eq(calls_stub.requests, 4);
    ck_assert_uint_eq(calls_stub.connections, 3);
}
END_TEST

START_TEST(test_thousands_of_calls)
{
    struct told told;
    int before;

    ck_assert_int_eq(calls_make("ok", &told), GAMESERVER_DONE);
    before = calls_count_entries("/proc/self/fd");
    for (int i = 0; i < 3000; i++)
        ck_assert_int_eq(calls_make("ok", &told), GAMESERVER_DONE);
    ck_assert_uint_eq(calls_stub.connections, 1);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(calls_make("ok-close", &told), GAMESERVER_DONE);
    ck_assert_int_eq(calls_make("ok", &told), GAMESERVER_DONE);
    ck_assert_int_eq(calls_count_entries("/proc/self/fd"), before);
    ck_assert_uint_eq(calls_status(0).calls[GAMESERVER_DONE], 4002);
}
END_TEST

/* A callback that calls again at once finds the place of the call that ended free. */
static void
on_done_call_again(void *cookie, const struct gameserver_answer *answer)
{
    calls_on_done(cookie, answer);
    if (answer->outcome == GAMESERVER_DONE && calls_stub.requests < 10) {
        const struct gameserver_request request = {
            .url = stub_url(&calls_stub, "ok"), .action = "x", .game_id = "g", .wants_token = true};

        gameserver_call(calls_client, &request, on_done_call_again, NULL, cookie);
    }
}

START_TEST(test_call_from_a_callback)
{
    const struct gameserver_request request = {
        .url = stub_url(&calls_stub, "ok"), .action = "x", .game_id = "g", .wants_token = true};
    struct told told = {.done = 0};

    calls_limits.concurrent = 1;
    calls_start_client();
    gameserver_call(calls_client, &request, on_done_call_again, NULL, &told);
    while (told.done < 10)
        ck_assert_int_eq(loop_run_once(calls_loop, 1000), 0);
    ck_assert_int_eq(told.outcome, GAMESERVER_DONE);
}
END_TEST

START_TEST(test_free_with_calls_under_way)
{
    struct told hanging, late, fresh, refused;

    calls_hurry();
    ck_assert_int_eq(calls_make("hang", &late), GAMESERVER_LATE);
    calls_ask(stub_url(&calls_stub, "hang"), true, calls_on_late, &hanging);
    while (calls_stub.requests < 2)
        ck_assert_int_eq(loop_run_once(calls_loop, 1000), 0);
    calls_ask(stub_url(&calls_stub, "ok"), true, calls_on_late, &fresh);
    calls_ask("nonsense", true, calls_on_late, &refused);
    gameserver_client_free(calls_client);
    calls_client = NULL;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(loop_run_once(calls_loop, 1), 0);
    ck_assert_int_eq(hanging.done + late.late + fresh.done + refused.done, 0);
    gameserver_client_free(NULL);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("gameserver_many");
    TCase *tc = tcase_create("gameserver_many");

    tcase_add_checked_fixture(tc, calls_setup, calls_teardown);
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
