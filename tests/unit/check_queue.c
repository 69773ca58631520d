/* Queues of a game's file: what they say, every mistake with its place, and limits that widen. */
#include <math.h>
#include <stdio.h>

#include "lib/product/queue.h"
#include "lib/rules/rating_rule.h"
#include "tests/unit/rules_file.h"
#include "tests/unit/unit.h"

#define PAIR "'on': {'type': 'game_over'}, 'winner': 'w', 'loser': 'l'"
#define BOARDS                                                                               \
    "'boards': [{'id': 'elo', 'rating': {'system': 'elo', " PAIR ", 'start': 1200}},"        \
    "{'id': 'skill', 'rating': {'system': 'openskill', " PAIR ", 'scale': 40, 'base': 10}}," \
    "{'id': 'plain', " FROM "}]"
#define QUEUES(list) "{" BOARDS ", 'queues': [" list "]}"

/* Players are 2 to 8. */
static int
compile(const char *json, struct rules **ret_rules, struct queue **ret_queues, size_t *ret_n,
        struct buf *why)
{
    struct json_object *object = parse(json);
    struct buf none;
    int ret;

    buf_init(&none, 65536);
    ck_assert_int_eq(rules_compile(object, ret_rules, &none), 0);
    ret = queue_compile(object, *ret_rules, 2, 8, ret_queues, ret_n, why);
    json_object_put(object);
    buf_free(&none);
    return ret;
}

START_TEST(none)
{
    struct rules *rules = NULL;
    struct queue *queues = NULL;
    struct buf why;
    size_t n = 7;

    buf_init(&why, 65536);
    ck_assert_int_eq(compile("{}", &rules, &queues, &n, &why), 0);
    ck_assert_uint_eq(n, 0);
    ck_assert_ptr_null(queue_find(queues, n, "a", 1));
    rules_free(rules);
    buf_free(&why);
}
END_TEST

START_TEST(defaults)
{
    struct rules *rules = NULL;
    struct queue *queues = NULL;
    struct buf why;
    size_t n;

    buf_init(&why, 65536);
    ck_assert_int_eq(compile(QUEUES("{'id': 'duel'}, {'id': 'rated', 'rating': 'elo'}"), &rules,
                             &queues, &n, &why),
                     0);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(queues[0].id, "duel");
    ck_assert_uint_eq(queues[0].teams, 2);
    ck_assert_uint_eq(queues[0].size_min, 1);
    ck_assert_uint_eq(queues[0].size_max, 1);
    ck_assert_int_eq(queues[0].full_ms, 0);
    ck_assert_int_eq(queues[0].board, -1);
    ck_assert_uint_eq(queues[0].nregions + queues[0].nequal + queues[0].nwithin, 0);
    ck_assert_int_eq(queues[0].timeout, 300000);
    ck_assert(!queues[0].backfill);
    ck_assert_int_eq(queues[1].board, 0);
    ck_assert_double_eq(queues[1].newcomer, 1200);
    ck_assert_double_eq(queues[1].range.start, 100);
    ck_assert_double_eq(queues[1].range.per_second, 10);
    ck_assert(isinf(queues[1].range.max));
    free(queues);
    rules_free(rules);
    buf_free(&why);
}
END_TEST

START_TEST(all_keys)
{
    struct rating_state state = {.rating = 30, .deviation = 5};
    struct rules *rules = NULL;
    struct queue *queues = NULL;
    const struct queue *q;
    struct buf why;
    size_t n;

    buf_init(&why, 65536);
    ck_assert_int_eq(
        compile(
            QUEUES("{'id': 'a'}, {'id': 'team', 'teams': 2, 'team_size': {'min': 2, 'max': 4, "
                   "'wait': 20},"
                   "'rating': 'skill', 'range': {'start': 50, 'per_second': 2.5, 'max': 400},"
                   "'latency': {'regions': ['eu', 'us'], 'start': 60, 'per_second': 5, 'max': 200},"
                   "'equal': ['mode', 'map'], 'within': {'level': 3, 'age': 0.5}, 'timeout': 90, 'backfill': true}"),
            &rules, &queues, &n, &why),
        0);
    q = queue_find(queues, n, "team", 4);
    ck_assert_ptr_eq(q, &queues[1]);
    ck_assert_ptr_null(queue_find(queues, n, "tea", 3));
    ck_assert_uint_eq(q->size_min, 2);
    ck_assert_uint_eq(q->size_max, 4);
    ck_assert_int_eq(q->full_ms, 20000);
    ck_assert_int_eq(q->board, 1);
    ck_assert_double_eq(q->newcomer, 25 * 40 + 10);
    ck_assert_double_eq(queue_rating(q, rules, &state), 30 * 40 + 10);
    ck_assert_double_eq(q->range.max, 400);
    ck_assert_double_eq(q->latency.start, 60);
    ck_assert_double_eq(q->latency.max, 200);
    ck_assert_uint_eq(q->nregions, 2);
    ck_assert_str_eq(q->region[1], "us");
    ck_assert_uint_eq(q->nequal, 2);
    ck_assert_str_eq(q->equal[0], "mode");
    ck_assert_uint_eq(q->nwithin, 2);
    ck_assert_str_eq(q->within[1].name, "age");
    ck_assert_double_eq(q->within[1].distance, .5);
    ck_assert_int_eq(q->timeout, 90000);
    ck_assert(q->backfill);
    free(queues);
    rules_free(rules);
    buf_free(&why);
}
END_TEST

#define ENTRY(more) QUEUES("{'id': 'q', " more "}")
#define SEVENTEEN "'a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p','q'"

static const struct {
    const char *json, *lines;
} bad[] = {
    {"{'queues': {}}", "queues: not an array\n"},
    {QUEUES("3"), "queues[0]: not an object\n"},
    {QUEUES("{}"), "queues[0].id: not 1 to 64 of A-Z a-z 0-9 _ -\n"},
    {QUEUES("{'id': 'q'}, {'id': 'q'}"), "queues[1].id: another queue has this id\n"},
    {ENTRY("'speed': 1, 'range': {'end': 1}"),
     "queues[0].speed: unknown key\n"
     "queues[0].range: is one of ratings, and the queue has no `rating`\n"
     "queues[0].range.end: unknown key\n"},
    {ENTRY("'teams': 0"), "queues[0].teams: not a number from 1 to 64\n"},
    {ENTRY("'teams': 1.5"), "queues[0].teams: not a whole number\n"},
    {ENTRY("'teams': 3, 'team_size': 3"),
     "queues[0].team_size: 3 teams of 3 are more than players.max, 8\n"},
    {ENTRY("'teams': 1, 'team_size': {'min': 1, 'max': 4}"),
     "queues[0].team_size: 1 teams of 1 are fewer than players.min, 2\n"},
    {ENTRY("'team_size': []"), "queues[0].team_size: not a number from 1 to 64\n"},
    {ENTRY("'team_size': {}"), "queues[0].team_size.max: missing\n"},
    {ENTRY("'team_size': {'min': 3, 'max': 2}"), "queues[0].team_size: `min` is more than `max`\n"},
    {ENTRY("'team_size': {'max': 2, 'wait': 30}, 'timeout': 30"),
     "queues[0].team_size: `wait` is not less than `timeout`: there would be none but full "
     "teams\n"},
    {ENTRY("'rating': 1"), "queues[0].rating: not the id of a board\n"},
    {ENTRY("'rating': 'nope'"), "queues[0].rating: not the id of a board\n"},
    {ENTRY("'rating': 'plain'"), "queues[0].rating: this board has no rating\n"},
    {ENTRY("'rating': 'elo', 'range': 3"), "queues[0].range: not an object\n"},
    {ENTRY("'rating': 'elo', 'range': {'start': -1}"),
     "queues[0].range.start: not a number from 0 to 1e+06\n"},
    {ENTRY("'rating': 'elo', 'range': {'start': 200, 'max': 100}"),
     "queues[0].range: `max` is less than `start`\n"},
    {ENTRY("'rating': 'elo', 'range': {'per_second': 0, 'max': 200}"),
     "queues[0].range: `max` is never reached: `per_second` is 0\n"},
    {ENTRY("'latency': {}"), "queues[0].latency: has no `regions`\n"},
    {ENTRY("'latency': {'regions': []}"),
     "queues[0].latency.regions: not an array of 1 to 16 names\n"},
    {ENTRY("'latency': {'regions': [" SEVENTEEN "]}"),
     "queues[0].latency.regions: not an array of 1 to 16 names\n"},
    {ENTRY("'latency': {'regions': ['a', 'b', 'a'], 'start': 20000}"),
     "queues[0].latency.regions[2]: stands here twice\n"
     "queues[0].latency.start: not a number from 0 to 10000\n"},
    {ENTRY("'equal': 'mode'"), "queues[0].equal: not an array of 1 to 8 names\n"},
    {ENTRY("'equal': ['a b', 3]"), "queues[0].equal[0]: not 1 to 64 of A-Z a-z 0-9 _ -\n"
                                   "queues[0].equal[1]: not 1 to 64 of A-Z a-z 0-9 _ -\n"},
    {ENTRY("'within': {}"), "queues[0].within: empty\n"},
    {ENTRY("'within': {'a': 1, 'b': 1, 'c': 1, 'd': 1, 'e': 1}"),
     "queues[0].within: more than 4 attributes\n"},
    {ENTRY("'within': {'a b': 1}"), "queues[0].within.a b: not 1 to 64 of A-Z a-z 0-9 _ -\n"},
    {ENTRY("'within': {'a': '1'}"), "queues[0].within.a: not a number from 0 to 1e+09\n"},
    {ENTRY("'equal': ['a'], 'within': {'a': 1}"), "queues[0].within.a: has to be equal already\n"},
    {ENTRY("'backfill': 1"), "queues[0].backfill: neither true nor false\n"},
    {ENTRY("'timeout': 0"), "queues[0].timeout: not a number from 1 to 86400\n"},
};

START_TEST(mistakes)
{
    struct rules *rules = NULL;
    struct queue *queues = NULL;
    struct buf why;
    size_t n = 7;

    buf_init(&why, 65536);
    ck_assert_msg(compile(bad[_i].json, &rules, &queues, &n, &why) == -1, "taken: %s",
                  bad[_i].json);
    ck_assert_str_eq(why.data, bad[_i].lines);
    ck_assert_ptr_null(queues);
    ck_assert_uint_eq(n, 7);
    rules_free(rules);
    buf_free(&why);
}
END_TEST

START_TEST(too_many)
{
    char json[2048] = "{'queues': [";
    struct rules *rules = NULL;
    struct queue *queues = NULL;
    struct buf why;
    size_t n;

    for (int i = 0; i < QUEUE_QUEUES_MAX + 1; i++)
        (void)snprintf(json + strlen(json), 32, "%s{'id': 'q%d'}", i > 0 ? "," : "", i);
    (void)snprintf(json + strlen(json), 8, "]}");
    buf_init(&why, 65536);
    ck_assert_int_eq(compile(json, &rules, &queues, &n, &why), -1);
    ck_assert_str_eq(why.data, "queues: more than 16 elements\n");
    rules_free(rules);
    buf_free(&why);
}
END_TEST

START_TEST(limits)
{
    static const struct queue_limit widening = {100, 10, 250}, fixed = {50, 0, HUGE_VAL},
                                    third = {0, 1.0 / 3, HUGE_VAL};

    ck_assert_double_eq(queue_limit_at(&widening, -5), 100);
    ck_assert_double_eq(queue_limit_at(&widening, 0), 100);
    ck_assert_double_eq(queue_limit_at(&widening, 1500), 115);
    ck_assert_double_eq(queue_limit_at(&widening, 60000), 250);
    ck_assert_int_eq(queue_limit_when(&widening, 20), 0);
    ck_assert_int_eq(queue_limit_when(&widening, 115), 1500);
    ck_assert_int_eq(queue_limit_when(&widening, 250), 15000);
    ck_assert_int_eq(queue_limit_when(&widening, 250.1), INT64_MAX);
    ck_assert_int_eq(queue_limit_when(&fixed, 50), 0);
    ck_assert_int_eq(queue_limit_when(&fixed, 51), INT64_MAX);
    for (double v = .1; v < 1000; v += .7) {
        dur_ms when = queue_limit_when(&third, v);

        ck_assert_double_ge(queue_limit_at(&third, when), v);
        ck_assert_double_lt(queue_limit_at(&third, when - 1), v);
    }
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("queue");
    TCase *t = tcase_create("queue");

    tcase_add_test(t, none);
    tcase_add_test(t, defaults);
    tcase_add_test(t, all_keys);
    tcase_add_loop_test(t, mistakes, 0, (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_test(t, too_many);
    tcase_add_test(t, limits);
    suite_add_tcase(s, t);
    return s;
}
