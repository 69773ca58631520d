/* Tests of lib/base/breaker.c. */
#include "lib/base/breaker.h"
#include "tests/unit/unit.h"

static struct breaker b;
static bool trial;
static dur_ms retry_after;

static void
setup(void)
{
    breaker_init(&b, 3, 1000);
}

/* fail_calls(now, n): n calls are let through and fail. */
static void
fail_calls(mono_ms now, int n)
{
    for (int i = 0; i < n; i++) {
        ck_assert(breaker_admit(&b, now, &trial, &retry_after));
        breaker_report(&b, now, trial, true);
    }
}

START_TEST(test_opens_after_failures_in_a_row)
{
    fail_calls(0, 2);
    ck_assert(breaker_admit(&b, 0, &trial, &retry_after));
    breaker_report(&b, 0, trial, false);
    fail_calls(0, 2);
    ck_assert(!b.open);
    fail_calls(0, 1);
    ck_assert(b.open);
    ck_assert(!breaker_admit(&b, 0, &trial, &retry_after));
    ck_assert_int_eq(retry_after, 1000);
    ck_assert(!breaker_admit(&b, 999, &trial, &retry_after));
    ck_assert_int_eq(retry_after, 1);
}
END_TEST

START_TEST(test_one_trial_decides)
{
    bool second;

    ck_assert_int_eq(breaker_state(&b, 0), BREAKER_CLOSED);
    fail_calls(0, 3);
    ck_assert_int_eq(breaker_state(&b, 999), BREAKER_OPEN);
    ck_assert(!breaker_would_admit(&b, 999));
    ck_assert_int_eq(breaker_state(&b, 1000), BREAKER_HALF_OPEN);
    ck_assert(breaker_would_admit(&b, 1000));
    ck_assert(breaker_admit(&b, 1000, &trial, &retry_after));
    ck_assert(trial);
    ck_assert(!breaker_would_admit(&b, 5000));
    ck_assert_int_eq(breaker_state(&b, 5000), BREAKER_HALF_OPEN);
    ck_assert(!breaker_admit(&b, 5000, &second, &retry_after));
    ck_assert_int_gt(retry_after, 0);
    breaker_report(&b, 5000, true, false);
    ck_assert(!b.open);
    ck_assert(breaker_admit(&b, 5000, &trial, &retry_after));
    ck_assert(!trial);
    breaker_report(&b, 5000, trial, true);
    ck_assert(!b.open);
}
END_TEST

START_TEST(test_pause_doubles_up_to_a_maximum)
{
    mono_ms now = 0;

    fail_calls(now, 3);
    for (dur_ms pause = 1000; pause < BREAKER_PAUSE_MAX; pause *= 2) {
        ck_assert_int_eq(b.until - now, pause);
        now = b.until;
        fail_calls(now, 1);
    }
    ck_assert_int_eq(b.until - now, BREAKER_PAUSE_MAX);
    now = b.until;
    fail_calls(now, 1);
    ck_assert_int_eq(b.until - now, BREAKER_PAUSE_MAX);

    /* After a success all begins anew. */
    now = b.until;
    ck_assert(breaker_admit(&b, now, &trial, &retry_after));
    breaker_report(&b, now, trial, false);
    fail_calls(now, 3);
    ck_assert_int_eq(b.until - now, 1000);
}
END_TEST

START_TEST(test_first_pause_past_the_maximum)
{
    breaker_init(&b, 1, 60000);
    fail_calls(0, 1);
    ck_assert_int_eq(b.until, 60000);
    fail_calls(60000, 1);
    ck_assert_int_eq(b.until, 120000);
}
END_TEST

START_TEST(test_calls_from_before_it_opened)
{
    bool old[2];

    for (int i = 0; i < 2; i++)
        ck_assert(breaker_admit(&b, 0, &old[i], &retry_after));
    fail_calls(0, 3);
    breaker_report(&b, 500, old[0], true);
    ck_assert_int_eq(b.until, 1000);
    ck_assert_int_eq(b.pause, 1000);
    breaker_report(&b, 600, old[1], false);
    ck_assert(!b.open);
    ck_assert(breaker_admit(&b, 600, &trial, &retry_after));
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("breaker");
    TCase *tc = tcase_create("breaker");

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, test_opens_after_failures_in_a_row);
    tcase_add_test(tc, test_one_trial_decides);
    tcase_add_test(tc, test_pause_doubles_up_to_a_maximum);
    tcase_add_test(tc, test_first_pause_past_the_maximum);
    tcase_add_test(tc, test_calls_from_before_it_opened);
    suite_add_tcase(suite, tc);
    return suite;
}
