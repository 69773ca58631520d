/* The matcher by hand-made cases: who is matched with whom and when, and what is told to those who
 * wait. */
#include <errno.h>

#include "tests/unit/matcher_fixture.h"

START_TEST(two_meet)
{
    struct queue q = duel();
    struct matcher *m = matcher_new(&q);
    struct matcher_match *match;

    ck_assert_int_eq(matcher_next(m, 5), MATCHER_NEVER);
    add_player(m, "a", 1500, 1000);
    ck_assert_int_eq(matcher_next(m, 1000), 1000);
    ck_assert_uint_eq(matcher_round(m, 1000), 0);
    ck_assert_int_eq(matcher_next(m, 1000), 301000);
    add_player(m, "b", 1540, 2500);
    ck_assert_uint_eq(matcher_round(m, 2500), 1);
    ck_assert_uint_eq(matcher_waiting(m), 0);
    ck_assert_uint_eq(matcher_proposed(m), 2);
    match = matcher_take(m);
    ck_assert_str_eq(teams_text(match), "a | b");
    ck_assert_int_eq(match->seat[0].waited, 1500);
    ck_assert_double_eq(match->seat[0].range, 115);
    ck_assert_double_eq(match->spread, 40);
    ck_assert_double_eq(match->gap, 40);
    ck_assert_uint_eq(match->region, MATCHER_NO_REGION);
    ck_assert_ptr_null(matcher_take(m));
    matcher_done(m, match);
    ck_assert(!matcher_has(m, text("a")));
    ck_assert_int_eq(matcher_next(m, 2500), MATCHER_NEVER);
    matcher_free(m);
    matcher_free(NULL);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("matcher");
    TCase *t = tcase_create("matcher");

    tcase_add_test(t, two_meet);
    suite_add_tcase(s, t);
    return s;
}
