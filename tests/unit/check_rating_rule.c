/* A board's rating: what a game's file may say of it, and what a match then does. */
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/rules/rating_rule.h"
#include "lib/rules/rules.h"
#include "tests/entry.h"
#include "tests/unit/unit.h"

static struct rules *rules;
static struct buf why;
static struct match_room room;

static void
teardown(void)
{
    rules_free(rules);
    rules = NULL;
    buf_free(&why);
}

/* Compile a file with one board, whose rating is this, ' for "; the problems, or "". */
static const char *
compile(const char *rating)
{
    struct json_object *file;
    char *json;
    int ret;

    teardown();
    buf_init(&why, 4096);
    ck_assert_int_ge(asprintf(&json, "{'boards': [{'id': 'r', %s}]}", rating), 0);
    for (char *c = json; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    file = json_tokener_parse(json);
    ck_assert_msg(file != NULL, "%s", json);
    ret = rules_compile(file, &rules, &why);
    ck_assert_int_eq(ret, why.len == 0 ? 0 : -1);
    json_object_put(file);
    free(json);
    return why.len > 0 ? why.data : "";
}

static const struct rating_rule *
rule_of(const char *rating)
{
    ck_assert_str_eq(compile(rating), "");
    return rules_board_at(rules, 0)->rating;
}

/* --- the file --------------------------------------------------------------------------------- */

#define ON "'on': {'type': 'game_over'}, "
#define PAIR ON "'winner': 'winner_id', 'loser': 'loser_id'"
#define TEAMS ON "'placements': 'placements', 'ranks': 'ranks'"

START_TEST(elo_in_a_file)
{
    const struct rating_rule *rule = rule_of("'rating': {'system': 'elo', " PAIR "}");

    ck_assert_int_eq(rule->system, RATING_RULE_ELO);
    ck_assert_double_eq(rule->start.rating, 1500);
    ck_assert_double_eq(rating_elo_k(rule->step, rule->nsteps, 0, 1500), 32);
    ck_assert(isinf(rule->max_difference));
    rule = rule_of("'rating': {'system': 'elo', " PAIR
                   ", 'k': [{'k': 40, 'games': 30}, {'k': 20, 'below': 2400}, {'k': 10}],"
                   " 'start': 1200, 'max_difference': 400}");
    ck_assert_double_eq(rule->start.rating, 1200);
    ck_assert_double_eq(rule->max_difference, 400);
    ck_assert_double_eq(rating_elo_k(rule->step, rule->nsteps, 29, 1500), 40);
    ck_assert_double_eq(rating_elo_k(rule->step, rule->nsteps, 30, 2399), 20);
    ck_assert_double_eq(rating_elo_k(rule->step, rule->nsteps, 30, 2400), 10);
}
END_TEST

START_TEST(glicko2_in_a_file)
{
    const struct rating_rule *rule = rule_of("'rating': {'system': 'glicko2', " PAIR "}");

    ck_assert_double_eq(rule->start.rating, 1500);
    ck_assert_double_eq(rule->start.deviation, 350);
    ck_assert_double_eq(rule->start.volatility, .06);
    ck_assert_double_eq(rule->tau, .5);
    ck_assert(isinf(rule->period));
    rule = rule_of("'rating': {'system': 'glicko2', " PAIR
                   ", 'tau': 0.3, 'start': {'rating': 1000, 'volatility': 0.1}, 'period_days': 7}");
    ck_assert_double_eq(rule->start.rating, 1000);
    ck_assert_double_eq(rule->start.deviation, 350);
    ck_assert_double_eq(rule->start.volatility, .1);
    ck_assert_double_eq(rule->tau, .3);
    ck_assert_double_eq(rule->period, 7 * 86400e3);
}
END_TEST

START_TEST(openskill_in_a_file)
{
    const struct rating_rule *rule = rule_of("'rating': {'system': 'openskill', " TEAMS "}");

    ck_assert_double_eq(rule->start.rating, 25);
    ck_assert_double_eq(rule->start.deviation, 25.0 / 3);
    ck_assert_double_eq(rule->tau, 25.0 / 300);
    ck_assert_double_eq(rating_rule_score(rule, &rule->start), 0);
    rule = rule_of("'rating': {'system': 'openskill', " ON "'placements': 'p',"
                   " 'tau': 0, 'scale': 40, 'base': 1000}");
    ck_assert_double_eq(rule->tau, 0);
    ck_assert(!rule->has_ranks);
    ck_assert_double_eq(
        rating_rule_score(rule, &(struct rating_state){.rating = 30, .deviation = 5}), 1600);
}
END_TEST

#define ELO "'rating': {'system': 'elo', " PAIR ", "

static const struct {
    const char *board, *lines;
} refused[] = {
    {"'rating': 1", "boards[0].rating: not an object\n"},
    {"'rating': null", "boards[0].rating: not an object\n"},
    {"'rating': {}", "boards[0].rating.system: none of \"elo\", \"glicko2\", \"openskill\"\n"},
    {"'rating': {'system': 'trueskill'}",
     "boards[0].rating.system: none of \"elo\", \"glicko2\", \"openskill\"\n"},
    {"'rating': {'system': 'elo'}",
     "boards[0].rating.on: missing\n"
     "boards[0].rating: needs either `winner` and `loser`, or `placements`\n"},
    {"'rating': {'system': 'elo', " ON "'winner': 'w'}", "boards[0].rating.loser: missing\n"},
    {"'rating': {'system': 'elo', " ON "'winner': 'w', 'loser': 'w'}",
     "boards[0].rating: `winner` and `loser` are the same field: nobody plays against himself\n"},
    {"'rating': {'system': 'openskill', " ON "'placements': 'p', 'ranks': 'p'}",
     "boards[0].rating: `placements` and `ranks` are the same field\n"},
    {"'rating': {'system': 'elo', " PAIR ", 'placements': 'p'}",
     "boards[0].rating: needs either `winner` and `loser`, or `placements`\n"},
    {"'rating': {'system': 'elo', " PAIR ", 'ranks': 'r'}",
     "boards[0].rating: `ranks` are those of `placements`\n"},
    {"'rating': {'system': 'elo', " PAIR "}, 'from': []",
     "boards[0]: has both `from` and `rating`: its scores can be but one\n"},
    {"'order': 'asc', 'rating': {'system': 'elo', " PAIR "}",
     "boards[0]: a rating's `order` is \"desc\"\n"},
    {ELO "'tau': 1}", "boards[0].rating.tau: unknown key\n"},
    {ELO "'k': 0}", "boards[0].rating.k: not a number from 1e-06 to 1000\n"},
    {ELO "'k': '20'}", "boards[0].rating.k: not a number from 1e-06 to 1000\n"},
    {ELO "'k': []}", "boards[0].rating.k: not 1 to 8 steps\n"},
    {ELO "'k': [20]}", "boards[0].rating.k[0]: not an object\n"},
    {ELO "'k': [{'k': 20, 'games': 3}]}",
     "boards[0].rating.k[0]: the last step is for all whom no other is for: it has neither "
     "`games` nor `below`\n"},
    {ELO "'k': [{'k': 20}, {'k': 10}]}",
     "boards[0].rating.k[0]: needs `games` or `below`: no step after it would hold\n"},
    {ELO "'k': [{'games': 0, 'k': 1}, {'k': 10, 'x': 1}]}",
     "boards[0].rating.k[0].games: not a number from 1 to 1e+06\n"
     "boards[0].rating.k[1].x: unknown key\n"},
    {ELO "'k': [{}]}", "boards[0].rating.k[0].k: missing\n"},
    {ELO "'start': {'rating': 1}}", "boards[0].rating.start: not a number from -1e+06 to 1e+06\n"},
    {"'rating': {'system': 'glicko2', " PAIR ", 'start': 1500, 'tau': 0, 'period_days': -1}",
     "boards[0].rating.start: not an object\n"
     "boards[0].rating.tau: not a number from 0.1 to 2\n"
     "boards[0].rating.period_days: not a number from 0.001 to 36500\n"},
    {"'rating': {'system': 'glicko2', " PAIR ", 'start': {'deviation': 351, 'mu': 25}}",
     "boards[0].rating.start.mu: unknown key\n"
     "boards[0].rating.start.deviation: not a number from 1 to 350\n"},
    {"'rating': {'system': 'openskill', " TEAMS ", 'scale': 0, 'tau': true}",
     "boards[0].rating.tau: not a number from 0 to 25\n"
     "boards[0].rating.scale: not a number from 1e-06 to 1e+06\n"},
};

START_TEST(a_file_is_told_its_problems)
{
    ck_assert_str_eq(compile(refused[_i].board), refused[_i].lines);
}
END_TEST

/* --- events ----------------------------------------------------------------------------------- */

/* What the rule makes of the event: `2 teams, 3 players`, `none` or the reason. Frees the entry. */
static const char *
seen(struct redisReply *entry)
{
    static char text[256];
    const char *reason = "";
    struct match match;
    struct event e;
    int found;

    ck_assert_int_eq(event_decode(entry, &e, &reason), 0);
    found = rating_rule_match(rules, rules_board_at(rules, 0)->rating, &e, &room, &match, &reason);
    if (found > 0)
        (void)snprintf(text, sizeof(text), "%zu teams, %zu players", match.nteams, match.nplayers);
    else
        (void)snprintf(text, sizeof(text), "%s", found == 0 ? "none" : reason);
    entry_free(entry);
    return text;
}

#define EVENT(...) ENTRY("1-0", "product_id", "p", __VA_ARGS__)
#define TWO "placements", "[[\"a\"],[\"b\"]]"

START_TEST(finds_a_pair)
{
    (void)rule_of("'rating': {'system': 'elo', 'on': {'type': 'duel', 'ranked': true},"
                  " 'winner': 'w', 'loser': 'l'}");
    ck_assert_str_eq(seen(EVENT("type", "duel", "ranked", "true", "w", "a", "l", "b")),
                     "2 teams, 2 players");
    ck_assert_str_eq(seen(EVENT("type", "duel", "ranked", "false", "w", "a", "l", "b")), "none");
    ck_assert_str_eq(seen(EVENT("type", "duel", "w", "a", "l", "b")), "none");
    ck_assert_str_eq(seen(EVENT("type", "duel", "ranked", "true", "l", "b")), "w is missing");
    ck_assert_str_eq(seen(EVENT("type", "duel", "ranked", "true", "w", "a", "l", "")),
                     "l is not 1 to 128 bytes of UTF-8 without control characters");
    ck_assert_str_eq(seen(EVENT("type", "duel", "ranked", "true", "w", "a", "l", "a")), "none");
}
END_TEST

START_TEST(finds_teams)
{
    (void)rule_of("'rating': {'system': 'openskill', 'on': {'type': 'end'},"
                  " 'placements': 'placements', 'ranks': 'ranks'}");
    ck_assert_str_eq(seen(EVENT("type", "end", "placements", "[[\"a\",\"b\"],[\"c\"]]")),
                     "2 teams, 3 players");
    ck_assert_str_eq(seen(EVENT("type", "end", TWO, "ranks", "[1,1]")), "2 teams, 2 players");
    ck_assert_str_eq(seen(EVENT("type", "end")), "placements is missing");
    ck_assert_str_eq(seen(EVENT("type", "end", TWO, "ranks", "[2,1]")),
                     "ranks is not in the order of placements, best first");
    ck_assert_str_eq(seen(EVENT("type", "end", "placements", "[[\"a\",\"b\"]]")),
                     "placements has one team, which no rating can be made of");
    (void)rule_of("'rating': {'system': 'glicko2', 'on': {'type': 'end'},"
                  " 'placements': 'placements'}");
    /* A field that the rule does not name is not looked at. */
    ck_assert_str_eq(seen(EVENT("type", "end", TWO, "ranks", "rubbish")), "2 teams, 2 players");
    ck_assert_str_eq(seen(EVENT("type", "end", "placements", "[[\"a\",\"b\"],[\"c\"]]")),
                     "placements has a team of several players, which only openskill can rate");
}
END_TEST

/* --- rating ----------------------------------------------------------------------------------- */

static const size_t ones[] = {1, 1, 1};
static const struct event_text names[] = {{"a", 1}, {"b", 1}, {"c", 1}};

/* A match of n players, each for himself. */
static struct match
match_of(size_t n, const int64_t *rank)
{
    return (struct match){n, n, ones, rank, names};
}

START_TEST(rates_each_against_each)
{
    const struct rating_rule *rule = rule_of("'rating': {'system': 'elo', " PAIR ", 'k': 20}");
    struct rating_state s[3] = {rule->start, rule->start, rule->start};
    struct match match = match_of(3, (int64_t[]){1, 2, 2});

    ck_assert_int_eq(rating_rule_rate(rule, &match, 5, s), 0);
    ck_assert_double_eq_tol(s[0].rating, 1520, 1e-9);
    ck_assert_double_eq_tol(s[1].rating, 1490, 1e-9);
    ck_assert_double_eq_tol(s[2].rating, 1490, 1e-9);
    ck_assert_double_eq(s[0].peak, s[0].rating);
    ck_assert_double_eq(s[1].peak, 1500);
    ck_assert_uint_eq(s[2].matches, 1);
}
END_TEST

/* FIDE Rating Regulations of 2024-03-01, 8.3.1: a difference of more than 400 counts as 400. */
START_TEST(a_difference_counts_so_much_at_the_most)
{
    const struct rating_rule *rule =
        rule_of("'rating': {'system': 'elo', " PAIR ", 'k': 20, 'max_difference': 400}");
    struct rating_state s[2] = {{.rating = 2500, .peak = 2500}, {.rating = 1500, .peak = 1500}};
    struct match match = match_of(2, (int64_t[]){1, 2});

    ck_assert_int_eq(rating_rule_rate(rule, &match, 5, s), 0);
    ck_assert_double_eq_tol(s[0].rating, 2500 + 20 * (1 - .9090909090909091), 1e-9);
    ck_assert_double_eq_tol(s[1].rating, 1500 - 20 * .09090909090909094, 1e-9);
}
END_TEST

/* Glickman's example as one match of each against each, but for the others' results among
 * themselves: the first player's figures are the paper's. */
START_TEST(glicko2_takes_a_match_as_a_period)
{
    const struct rating_rule *rule = rule_of("'rating': {'system': 'glicko2', " PAIR "}");
    struct rating_state s[3] = {{.rating = 1500, .deviation = 200, .volatility = .06},
                                {.rating = 1400, .deviation = 30, .volatility = .06},
                                {.rating = 1550, .deviation = 100, .volatility = .06}};
    struct rating_glicko2 expected =
        rating_glicko2((struct rating_glicko2){1500, 200, .06},
                       (struct rating_glicko2_result[]){{1400, 30, 1}, {1550, 100, 0}}, 2, .5);
    struct match match = {3, 3, ones, (int64_t[]){1, 2, 3}, names};
    struct rating_state inner[3] = {s[2], s[0], s[1]};

    ck_assert_int_eq(rating_rule_rate(rule, &match, 5, inner), 0);
    ck_assert_double_eq(inner[1].rating, expected.rating);
    ck_assert_double_eq(inner[1].deviation, expected.deviation);
    ck_assert_double_eq(inner[1].volatility, expected.volatility);
    ck_assert_int_eq(inner[1].last, 5);
}
END_TEST

START_TEST(rest_makes_a_rating_less_sure)
{
    const struct rating_rule *rule =
        rule_of("'rating': {'system': 'glicko2', " PAIR ", 'period_days': 2}");
    struct rating_state one = {.rating = 1500, .deviation = 60, .volatility = .06, .matches = 9};
    struct rating_state s[2] = {one, one}, t[2];
    struct rating_glicko2 rested = rating_glicko2_rest((struct rating_glicko2){1500, 60, .06}, 1.5);
    struct match match = match_of(2, (int64_t[]){1, 2});

    t[0] = t[1] = (struct rating_state){.rating = 1500,
                                        .deviation = rested.deviation,
                                        .volatility = .06,
                                        .matches = 9,
                                        .last = 3 * 86400000};
    ck_assert_int_eq(rating_rule_rate(rule, &match, 3 * 86400000, s), 0);
    ck_assert_int_eq(rating_rule_rate(rule, &match, 3 * 86400000, t), 0);
    ck_assert_double_eq_tol(s[0].rating, t[0].rating, 1e-9);
    ck_assert_double_eq_tol(s[1].deviation, t[1].deviation, 1e-9);
    /* Without period_days time is nothing. */
    rule = rule_of("'rating': {'system': 'glicko2', " PAIR "}");
    s[0] = s[1] = t[0] = t[1] = one;
    ck_assert_int_eq(rating_rule_rate(rule, &match, 0, s), 0);
    ck_assert_int_eq(rating_rule_rate(rule, &match, 900 * 86400000LL, t), 0);
    ck_assert_double_eq(s[0].deviation, t[0].deviation);
}
END_TEST

START_TEST(what_is_not_finite_is_refused)
{
    const struct rating_rule *rule = rule_of("'rating': {'system': 'openskill', " TEAMS "}");
    struct rating_state s[2] = {{.rating = 1e15, .deviation = 8},
                                {.rating = -1e15, .deviation = 8}};
    struct match match = match_of(2, (int64_t[]){1, 2});

    ck_assert_int_eq(rating_rule_rate(rule, &match, 0, s), -1);
}
END_TEST

/* --- texts ------------------------------------------------------------------------------------ */

static const struct {
    const char *rating;
    struct rating_state state;
    const char *text, *json;
} stored[] = {
    {ELO "'k': 9}",
     {.rating = 1510.5, .peak = 1600, .matches = 3},
     "1510.5 3 1600",
     "{\"rating\": 1510.5, \"matches\": 3}"},
    {"'rating': {'system': 'glicko2', " PAIR "}",
     {.rating = 1464.0506705393013,
      .deviation = 151.51652412385727,
      .volatility = .06,
      .matches = 1,
      .last = 1769903999123},
     "1464.0506705393013 151.51652412385727 0.06 1 1769903999123",
     "{\"rating\": 1464.0506705393013, \"deviation\": 151.51652412385727, \"volatility\": 0.06, "
     "\"matches\": 1}"},
    {"'rating': {'system': 'openskill', " TEAMS "}",
     {.rating = -2.5, .deviation = 8.065506316323548, .matches = 40},
     "-2.5 8.065506316323548 40",
     "{\"mu\": -2.5, \"sigma\": 8.065506316323548, \"matches\": 40}"},
};

START_TEST(a_rating_is_stored_and_shown)
{
    const struct rating_rule *rule = rule_of(stored[_i].rating);
    char text[RATING_RULE_TEXT_SIZE];
    struct rating_state back;
    struct buf json;
    size_t len = rating_rule_format(rule, &stored[_i].state, text);

    ck_assert_str_eq(text, stored[_i].text);
    ck_assert_int_eq(rating_rule_parse(rule, text, len, &back), 0);
    ck_assert_uint_eq(rating_rule_format(rule, &back, text), len);
    ck_assert_str_eq(text, stored[_i].text);
    buf_init(&json, 512);
    rating_rule_json(rule, &back, &json);
    ck_assert_str_eq(json.data, stored[_i].json);
    buf_free(&json);
}
END_TEST

START_TEST(a_damaged_text_is_no_rating)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "1500",
                                        "1500 3",
                                        "1500 3 1600 ",
                                        "1500 3 1600 1",
                                        " 1500 3 1",
                                        "1500  3 16",
                                        "1500 3 nan",
                                        "1500 -1 1600",
                                        "1500 1.5 1600",
                                        "1500 1 1499",
                                        "x 3 1600",
                                        "1e16 3 1e17",
                                        "1500 1e17 1600"};
    const struct rating_rule *rule = rule_of("'rating': {'system': 'elo', " PAIR "}");
    struct rating_state state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_msg(rating_rule_parse(rule, texts[i], strlen(texts[i]), &state) == -1,
                      "taken: %s", texts[i]);
    rule = rule_of("'rating': {'system': 'openskill', " TEAMS "}");
    ck_assert_int_eq(rating_rule_parse(rule, "25 0 1", 6, &state), -1);
    rule = rule_of("'rating': {'system': 'glicko2', " PAIR "}");
    ck_assert_int_eq(rating_rule_parse(rule, "1500 350 0 1 1", 14, &state), -1);
    ck_assert_int_eq(rating_rule_parse(rule, "1510.5 3 1600", 13, &state), -1);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("rating_rule");
    TCase *tc = tcase_create("rating_rule");

    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, elo_in_a_file);
    tcase_add_test(tc, glicko2_in_a_file);
    tcase_add_test(tc, openskill_in_a_file);
    tcase_add_loop_test(tc, a_file_is_told_its_problems, 0,
                        (int)(sizeof(refused) / sizeof(refused[0])));
    tcase_add_test(tc, finds_a_pair);
    tcase_add_test(tc, finds_teams);
    tcase_add_test(tc, rates_each_against_each);
    tcase_add_test(tc, a_difference_counts_so_much_at_the_most);
    tcase_add_test(tc, glicko2_takes_a_match_as_a_period);
    tcase_add_test(tc, rest_makes_a_rating_less_sure);
    tcase_add_test(tc, what_is_not_finite_is_refused);
    tcase_add_loop_test(tc, a_rating_is_stored_and_shown, 0,
                        (int)(sizeof(stored) / sizeof(stored[0])));
    tcase_add_test(tc, a_damaged_text_is_no_rating);
    suite_add_tcase(suite, tc);
    return suite;
}
