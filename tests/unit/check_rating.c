/*
 * The rating systems against published figures; each case names its source. A tolerance says how
 * the source rounds.
 */
#include <math.h>

#include "lib/rules/rating.h"
#include "tests/unit/unit.h"

#define EXACT 1e-9 /* figures in full double precision */

/* --- Elo -------------------------------------------------------------------------------------- */

/* The formula of Elo's book in full precision, by rating difference. */
START_TEST(elo_expects_what_the_formula_says)
{
    static const struct {
        double difference, expected;
    } cases[] = {
        {0, .5}, {100, .6400649998028851}, {200, .7597469266479578}, {400, .9090909090909091}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double d = cases[i].difference, expected = cases[i].expected;

        ck_assert_double_eq_tol(rating_elo_expected(1500 + d, 1500), expected, EXACT);
        ck_assert_double_eq_tol(rating_elo_expected(1500, 1500 + d), 1 - expected, EXACT);
    }
}
END_TEST

START_TEST(elo_after_one_game)
{
    ck_assert_double_eq_tol(rating_elo(1500, rating_elo_expected(1500, 1500), 1, 20), 1510, EXACT);
    ck_assert_double_eq_tol(rating_elo(2400, rating_elo_expected(2400, 2300), 0, 10), 2393.59935,
                            1e-5);
}
END_TEST

/* Wikipedia, "Elo rating system": the player who is rated 1613 and plays five games; rounds to
 * 1601. */
START_TEST(elo_after_five_games_in_one_period)
{
    static const double others[] = {1609, 1477, 1388, 1586, 1720};
    static const double scores[] = {0, .5, 1, 1, 0};
    double expected = 0, score = 0;

    for (size_t i = 0; i < 5; i++) {
        expected += rating_elo_expected(1613, others[i]);
        score += scores[i];
    }
    ck_assert_double_eq_tol(expected, 2.866566, 1e-6);
    ck_assert_double_eq_tol(rating_elo(1613, expected, score, 32), 1601.27, .005);
}
END_TEST

/* FIDE Rating Regulations of 2024-03-01, 8.3.3: 40 for the first 30 games, 20 while below 2400, 10
 * once 2400 was reached, for good. */
START_TEST(elo_k_in_steps)
{
    static const struct rating_elo_step fide[] = {
        {40, 30, HUGE_VAL}, {20, UINT64_MAX, 2400}, {10, UINT64_MAX, HUGE_VAL}};

    ck_assert_double_eq(rating_elo_k(fide, 3, 0, 1500), 40);
    ck_assert_double_eq(rating_elo_k(fide, 3, 29, 2500), 40);
    ck_assert_double_eq(rating_elo_k(fide, 3, 30, 2399.99), 20);
    ck_assert_double_eq(rating_elo_k(fide, 3, 30, 2400), 10);
    ck_assert_double_eq(rating_elo_k(fide, 1, 1000, 3000), 40);
}
END_TEST

/* --- Glicko-2 --------------------------------------------------------------------------------- */

static const struct rating_glicko2 glickman = {1500, 200, .06};
static const struct rating_glicko2_result glickman_results[] = {
    {1400, 30, 1}, {1550, 100, 0}, {1700, 300, 0}};

/* M. Glickman, "Example of the Glicko-2 system", glicko.net: tau 0.5, one period of three games.
 * The paper rounds between the steps; the long figures are its formulas in double precision. */
START_TEST(glicko2_after_the_papers_example)
{
    struct rating_glicko2 after = rating_glicko2(glickman, glickman_results, 3, .5);

    ck_assert_double_eq_tol(after.rating, 1464.06, .01);
    ck_assert_double_eq_tol(after.deviation, 151.52, .01);
    ck_assert_double_eq_tol(after.volatility, .05999, 1e-5);
    ck_assert_double_eq_tol(after.rating, 1464.0506705393013, EXACT);
    ck_assert_double_eq_tol(after.deviation, 151.51652412385727, EXACT);
    ck_assert_double_eq_tol(after.volatility, .059995984286488495, EXACT);
    ck_assert_double_eq_tol(after.deviation / 173.7178, .8722, 1e-4);
}
END_TEST

/* The paper's step 6, phi* = sqrt(phi^2 + sigma'^2): the deviation before the games of the period
 * count is what a period of rest with the new volatility makes of it. */
START_TEST(glicko2_deviation_before_the_period)
{
    struct rating_glicko2 player = {1500, 200, .059995984286488495};

    ck_assert_double_eq_tol(rating_glicko2_rest(player, 1).deviation / 173.7178, 1.1528546895801364,
                            EXACT);
}
END_TEST

/* The same example's steps 3 and 4, v and delta, as what comes out implies them: step 7 is
 * 1/phi'^2 = 1/phi*^2 + 1/v and mu' = mu + phi'^2 delta/v. */
START_TEST(glicko2_variance_and_improvement)
{
    struct rating_glicko2 after = rating_glicko2(glickman, glickman_results, 3, .5);
    double phi = after.deviation / 173.7178, phi_star = 1.1528546895801364;
    double v = 1 / (1 / (phi * phi) - 1 / (phi_star * phi_star));
    double delta = v * (after.rating - 1500) / 173.7178 / (phi * phi);

    ck_assert_double_eq_tol(v, 1.7789770897239976, EXACT);
    ck_assert_double_eq_tol(delta, -.4839332609836549, EXACT);
}
END_TEST

START_TEST(glicko2_without_play_grows_the_deviation_alone)
{
    struct rating_glicko2 one = rating_glicko2(glickman, NULL, 0, .5);
    struct rating_glicko2 halves = rating_glicko2_rest(rating_glicko2_rest(glickman, .5), .5);
    struct rating_glicko2 forever = rating_glicko2_rest(glickman, 1e9);

    ck_assert_double_eq(one.rating, 1500);
    ck_assert_double_eq(one.volatility, .06);
    ck_assert_double_eq_tol(one.deviation, 173.7178 * hypot(200 / 173.7178, .06), EXACT);
    ck_assert_double_eq_tol(halves.deviation, one.deviation, EXACT);
    ck_assert_double_eq(forever.deviation, 350);
    ck_assert_double_eq(rating_glicko2_rest(glickman, 0).deviation, 200);
}
END_TEST

/* What everybody expects of two players and one match. */
START_TEST(glicko2_is_even_handed)
{
    struct rating_glicko2 fresh = {1500, 350, .06};
    struct rating_glicko2 won =
        rating_glicko2(fresh, &(struct rating_glicko2_result){1500, 350, 1}, 1, .5);
    struct rating_glicko2 lost =
        rating_glicko2(fresh, &(struct rating_glicko2_result){1500, 350, 0}, 1, .5);
    struct rating_glicko2 drew =
        rating_glicko2(fresh, &(struct rating_glicko2_result){1500, 350, .5}, 1, .5);

    ck_assert_double_eq_tol(won.rating - 1500, 1500 - lost.rating, EXACT);
    ck_assert_double_gt(won.rating, 1600);
    ck_assert_double_eq_tol(won.deviation, lost.deviation, EXACT);
    ck_assert_double_lt(won.deviation, 350);
    ck_assert_double_eq_tol(drew.rating, 1500, EXACT);
}
END_TEST

/* A result that nobody could expect takes the other branch of the volatility's iteration. */
START_TEST(glicko2_survives_a_sensation)
{
    struct rating_glicko2 strong = {3000, 30, .06};
    struct rating_glicko2 after = strong;

    for (int i = 0; i < 1000; i++) {
        after = rating_glicko2(after, &(struct rating_glicko2_result){500, 30, 0}, 1, 1.2);
        ck_assert(isfinite(after.rating) && after.deviation > 0 && after.deviation <= 350);
        ck_assert(after.volatility > 0 && after.volatility < 100);
    }
    ck_assert_double_lt(after.rating, 1000);
}
END_TEST

/* --- OpenSkill -------------------------------------------------------------------------------- */

/* Test data of openskill.js and openskill.py, Plackett-Luce: mu 25, sigma 25/3, beta 25/6, all
 * new players, in finishing order. */

#define TAU (25.0 / 300)
#define PLAYERS_MAX 8

struct skill_case {
    size_t teams, sizes[4], players;
    int64_t ranks[4];
    double tau;
    struct rating_skill expected[PLAYERS_MAX]; /* of each team's first player */
};

static const struct skill_case skill_cases[] = {
    {2,
     {1, 1},
     2,
     {1, 2},
     0,
     {{27.63523138347365, 8.065506316323548}, {22.36476861652635, 8.065506316323548}}},
    {3,
     {1, 1, 1},
     3,
     {1, 2, 3},
     0,
     {{27.868876552746237, 8.204837030780652},
      {25.717219138186557, 8.057829747583874},
      {21.413904309067206, 8.057829747583874}}},
    {3,
     {3, 1, 2},
     6,
     {1, 2, 3},
     0,
     {{25.939870821784513, 8.247641552260456},
      {27.21366020491262, 8.274321317985242},
      {21.84646897330287, 8.213058173195341}}},
    {2,
     {1, 1},
     2,
     {1, 2},
     TAU,
     {{27.635389493140497, 8.06590141354368}, {22.364610506859503, 8.06590141354368}}},
    {2, {1, 1}, 2, {1, 1}, TAU, {{25, 8.06590141354368}, {25, 8.06590141354368}}},
};

START_TEST(openskill_as_its_test_data)
{
    const struct skill_case *c = &skill_cases[_i];
    struct rating_skill players[PLAYERS_MAX];
    size_t p = 0;

    for (size_t i = 0; i < c->players; i++)
        players[i] = (struct rating_skill){25, 25.0 / 3};
    rating_plackett_luce(players, c->sizes, c->ranks, c->teams, c->tau);
    for (size_t i = 0; i < c->teams; i++)
        for (size_t j = 0; j < c->sizes[i]; j++, p++) {
            ck_assert_double_eq_tol(players[p].mu, c->expected[i].mu, EXACT);
            ck_assert_double_eq_tol(players[p].sigma, c->expected[i].sigma, EXACT);
        }
}
END_TEST

/* The order in which teams are named means nothing, their ranks do, and only by comparison. */
START_TEST(openskill_goes_by_rank)
{
    struct rating_skill named_first[] = {{30, 5}, {25, 8}, {20, 4}};
    struct rating_skill named_last[] = {{20, 4}, {25, 8}, {30, 5}};
    static const size_t sizes[] = {1, 1, 1};

    rating_plackett_luce(named_first, sizes, (int64_t[]){1, 2, 2}, 3, TAU);
    rating_plackett_luce(named_last, sizes, (int64_t[]){70, 70, -3}, 3, TAU);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_double_eq_tol(named_first[i].mu, named_last[2 - i].mu, EXACT);
        ck_assert_double_eq_tol(named_first[i].sigma, named_last[2 - i].sigma, EXACT);
    }
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("rating");
    TCase *tc = tcase_create("rating");

    tcase_add_test(tc, elo_expects_what_the_formula_says);
    tcase_add_test(tc, elo_after_one_game);
    tcase_add_test(tc, elo_after_five_games_in_one_period);
    tcase_add_test(tc, elo_k_in_steps);
    tcase_add_test(tc, glicko2_after_the_papers_example);
    tcase_add_test(tc, glicko2_deviation_before_the_period);
    tcase_add_test(tc, glicko2_variance_and_improvement);
    tcase_add_test(tc, glicko2_without_play_grows_the_deviation_alone);
    tcase_add_test(tc, glicko2_is_even_handed);
    tcase_add_test(tc, glicko2_survives_a_sensation);
    tcase_add_loop_test(tc, openskill_as_its_test_data, 0,
                        (int)(sizeof(skill_cases) / sizeof(skill_cases[0])));
    tcase_add_test(tc, openskill_goes_by_rank);
    suite_add_tcase(suite, tc);
    return suite;
}
