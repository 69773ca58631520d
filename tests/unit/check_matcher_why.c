/* What those who wait in a queue are told: why there is no match, and how long the last ones took.
 */
#include "tests/unit/matcher_fixture.h"

static struct matcher_why
explained(const char *id, wall_ms now)
{
    struct matcher_why why;

    ck_assert_int_eq(matcher_explain(m, text(id), now, &why), 0);
    return why;
}

START_TEST(explanations)
{
    struct queue rich = teams_of(2);
    struct matcher_ticket t = ticket("me", 1500, 1000);
    struct matcher_why why;

    rich.nequal = rich.nwithin = rich.nregions = 1;
    rich.within[0].distance = 2;
    rich.latency = (struct queue_limit){50, 10, 200};
    rich.size_min = 1;
    rich.full_ms = 30000;
    open_queue(rich);
    t.equal[0] = text("x");
    add(m, t);
    ck_assert_int_eq(explained("me", 1000).reason, MATCHER_SOON);
    plays(1000, "");
    why = explained("me", 3000);
    ck_assert_int_eq(why.reason, MATCHER_ALONE);
    ck_assert_uint_eq(why.place, 1);
    ck_assert_uint_eq(why.waiting, 1);
    ck_assert_int_eq(why.waited, 2000);
    ck_assert_double_eq(why.low, 1380);
    ck_assert_double_eq(why.high, 1620);
    ck_assert_double_eq(why.latency, 70);
    ck_assert_int_eq(why.full_teams_ms, 28000);
    ck_assert_uint_eq(why.needed, 4);
    ck_assert_uint_eq(why.players, 1);

    t = ticket("mode", 1700, 0);
    t.equal[0] = text("y");
    add(m, t);
    t = ticket("level", 1500, 500);
    t.equal[0] = text("x");
    t.within[0] = 9;
    add(m, t);
    t = ticket("far", 1900, 2000);
    t.equal[0] = text("x");
    t.latency[0] = 100;
    add(m, t);
    plays(3000, "");
    why = explained("me", 3000);
    ck_assert_int_eq(why.reason, MATCHER_RULES);
    ck_assert_uint_eq(why.place, 3);
    ck_assert_uint_eq(why.others, 3);
    ck_assert_uint_eq(why.candidates, 0);
    ck_assert_uint_eq(why.by_rating, 2);
    ck_assert_uint_eq(why.by_equal[0], 1);
    ck_assert_uint_eq(why.by_within[0], 1);
    ck_assert_uint_eq(why.by_latency, 1);
    ck_assert_uint_eq(why.by_party, 0);

    t = ticket("friend", 1510, 3000);
    t.equal[0] = text("x");
    add(m, t);
    plays(3000, "");
    why = explained("me", 3000);
    ck_assert_int_eq(why.reason, MATCHER_TOO_FEW);
    ck_assert_uint_eq(why.candidates, 1);
    ck_assert_uint_eq(why.players, 2);
    ck_assert_int_eq(matcher_explain(m, text("nobody"), 3000, &why), -1);
    close_queue();
}
END_TEST

START_TEST(parties_that_do_not_fit)
{
    struct queue trio = teams_of(3);
    struct matcher_why why;

    open_queue(trio);
    add_party(m, "a", 2, 1500, 0);
    add_party(m, "b", 2, 1500, 0);
    add_party(m, "c", 2, 1500, 0);
    plays(0, "");
    why = explained("a", 0);
    ck_assert_int_eq(why.reason, MATCHER_NO_FIT);
    ck_assert_uint_eq(why.players, 6);
    ck_assert_uint_eq(why.needed, 6);
    close_queue();
    trio.teams = 1;
    open_queue(trio);
    add_party(m, "a", 2, 1500, 0);
    add_party(m, "b", 2, 1500, 0);
    plays(0, "");
    why = explained("a", 0);
    ck_assert_int_eq(why.reason, MATCHER_RULES);
    ck_assert_uint_eq(why.by_party, 1);
    close_queue();
}
END_TEST

START_TEST(waits)
{
    char id[16];

    open_duel();
    ck_assert_uint_eq(matcher_waits(m).n, 0);
    for (int i = 0; i < 10; i++) {
        (void)snprintf(id, sizeof(id), "a%d", i);
        add_player(m, id, 1500, i * 100000);
        (void)matcher_round(m, i * 100000);
        (void)snprintf(id, sizeof(id), "b%d", i);
        add_player(m, id, 1500, i * 100000 + (i + 1) * 1000);
        (void)matcher_round(m, i * 100000 + (i + 1) * 1000);
        matcher_done(m, matcher_take(m));
    }
    /* Ten waited 1 to 10 s, ten not at all. */
    ck_assert_uint_eq(matcher_waits(m).n, 20);
    ck_assert_int_eq(matcher_waits(m).p50, 0);
    ck_assert_int_eq(matcher_waits(m).p90, 8000);
    for (int i = 0; i < 2 * MATCHER_WAITS_MAX; i++) {
        (void)snprintf(id, sizeof(id), "c%d", i);
        add_player(m, id, 1500, 2000000);
    }
    (void)matcher_round(m, 2001000);
    for (struct matcher_match *match; (match = matcher_take(m)) != NULL;)
        matcher_done(m, match);
    ck_assert_uint_eq(matcher_waits(m).n, MATCHER_WAITS_MAX);
    ck_assert_int_eq(matcher_waits(m).p50, 1000);
    close_queue();
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("matcher_why");
    TCase *t = tcase_create("matcher_why");

    tcase_add_test(t, explanations);
    tcase_add_test(t, parties_that_do_not_fit);
    tcase_add_test(t, waits);
    suite_add_tcase(s, t);
    return s;
}
