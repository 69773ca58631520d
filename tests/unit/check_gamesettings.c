/* Settings: what a file may declare, what a body may choose, and by which terms games are found. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "lib/product/gamesettings.h"
#include "tests/unit/unit.h"

#define DECLARED                                                               \
    "{\"settings\": {"                                                         \
    "\"map\": {\"type\": \"string\", \"values\": [\"ice\", \"s \\\"x\\\"\"], " \
    "\"default\": \"s \\\"x\\\"\"},"                                           \
    "\"rounds\": {\"type\": \"integer\", \"min\": -1, \"max\": 9},"            \
    "\"ranked\": {\"type\": \"boolean\", \"default\": true}}}"

static struct buf out, why;

static void
setup(void)
{
    buf_init(&out, 8192);
    buf_init(&why, 8192);
}

static void
teardown(void)
{
    buf_free(&out);
    buf_free(&why);
}

static struct gamesettings *
compile(const char *file)
{
    struct json_object *object = json_tokener_parse(file);
    struct gamesettings *s = NULL;

    ck_assert_ptr_nonnull(object);
    if (gamesettings_compile(object, &s, &why) != 0)
        ck_assert_ptr_null(s);
    json_object_put(object);
    return s;
}

static const char *const wrong[][2] = {
    {"{\"settings\": 1}", "settings: "},
    {"{\"settings\": {}}", "settings: "},
    {"{\"settings\": {\"a b\": {\"type\": \"boolean\"}}}", "settings.a b: "},
    {"{\"settings\": {\"num_players\": {\"type\": \"boolean\"}}}", "reserved"},
    {"{\"settings\": {\"a\": true}}", "settings.a: "},
    {"{\"settings\": {\"a\": {}}}", "settings.a.type: "},
    {"{\"settings\": {\"a\": {\"type\": \"float\"}}}", "settings.a.type: "},
    {"{\"settings\": {\"a\": {\"type\": \"boolean\", \"min\": 1}}}", "settings.a.min: "},
    {"{\"settings\": {\"a\": {\"type\": \"boolean\", \"default\": 1}}}", "settings.a.default: "},
    {"{\"settings\": {\"a\": {\"type\": \"integer\", \"min\": 1}}}", "settings.a.max: "},
    {"{\"settings\": {\"a\": {\"type\": \"integer\", \"min\": 2, \"max\": 1}}}", "settings.a: "},
    {"{\"settings\": {\"a\": {\"type\": \"integer\", \"min\": 0.5, \"max\": 1}}}",
     "settings.a.min: "},
    {"{\"settings\": {\"a\": {\"type\": \"integer\", \"min\": 0, \"max\": 1, \"default\": 2}}}",
     "settings.a.default: "},
    {"{\"settings\": {\"a\": {\"type\": \"string\"}}}", "settings.a.values: "},
    {"{\"settings\": {\"a\": {\"type\": \"string\", \"values\": []}}}", "settings.a.values: "},
    {"{\"settings\": {\"a\": {\"type\": \"string\", \"values\": [1]}}}", "settings.a.values[0]: "},
    {"{\"settings\": {\"a\": {\"type\": \"string\", \"values\": [\"\"]}}}",
     "settings.a.values[0]: "},
    {"{\"settings\": {\"a\": {\"type\": \"string\", \"values\": [\"x\\ny\"]}}}",
     "settings.a.values[0]: "},
    {"{\"settings\": {\"a\": {\"type\": \"string\", \"values\": [\"x\", \"x\"]}}}",
     "settings.a.values[1]: "},
    {"{\"settings\": {\"a\": {\"type\": \"string\", \"values\": [\"x\"], \"default\": \"y\"}}}",
     "settings.a.default: "},
};

START_TEST(test_files_that_are_wrong)
{
    ck_assert_ptr_null(compile(wrong[_i][0]));
    ck_assert_msg(why.len > 0 && strstr(why.data, wrong[_i][1]) != NULL, "%s: %s", wrong[_i][0],
                  why.len > 0 ? why.data : "no problem");
}
END_TEST

static int
choose(const struct gamesettings *s, const char *body)
{
    struct json_object *given = json_tokener_parse(body);
    int ret;

    buf_reset(&out);
    buf_reset(&why);
    ret = gamesettings_choose(s, given, 2, &out, &why);
    json_object_put(given);
    return ret;
}

START_TEST(test_choose)
{
    struct gamesettings *s = compile(DECLARED);

    ck_assert_ptr_nonnull(s);
    ck_assert_int_eq(choose(s, "null"), 0);
    ck_assert_str_eq(out.data,
                     "{\"num_players\":2,\"map\":\"s \\\"x\\\"\",\"rounds\":-1,\"ranked\":true}");
    ck_assert_int_eq(choose(s, "{\"ranked\":false,\"rounds\":9,\"map\":\"ice\"}"), 0);
    ck_assert_str_eq(out.data, "{\"num_players\":2,\"map\":\"ice\",\"rounds\":9,\"ranked\":false}");
    ck_assert_int_eq(choose(s, "{\"rounds\":10}"), -1);
    ck_assert_str_eq(why.data, "settings.rounds: must be a whole number from -1 to 9");
    ck_assert_int_eq(choose(s, "{\"map\":null}"), -1);
    ck_assert_str_eq(why.data, "settings.map: must be one of ice, s \"x\"");
    ck_assert_int_eq(choose(s, "{\"mop\":1}"), -1);
    ck_assert_str_eq(why.data, "settings.mop: there is no such setting");
    ck_assert_int_eq(choose(NULL, "{}"), 0);
    ck_assert_str_eq(out.data, "{\"num_players\":2}");
    ck_assert_int_eq(choose(NULL, "{\"map\":\"ice\"}"), -1);
    gamesettings_free(s);
}
END_TEST

START_TEST(test_of_a_match)
{
    static const struct gamesettings_wish ice[] = {{.name = "map", .text = "ice", .text_len = 3},
                                                   {.name = "rounds", .number = 9},
                                                   {.name = "ranked", .text = "x", .text_len = 1},
                                                   {.name = "mood", .number = 1}},
                                          sea[] = {{.name = "map", .text = "sea", .text_len = 3},
                                                   {.name = "rounds", .number = 1.5}},
                                          far[] = {{.name = "map", .number = 0},
                                                   {.name = "rounds", .number = 1e300}};
    struct gamesettings *s = compile(DECLARED);

    gamesettings_of_match(s, ice, 4, true, &out);
    ck_assert_str_eq(out.data, ",\"map\":\"ice\",\"rounds\":9,\"ranked\":true");
    buf_reset(&out);
    gamesettings_of_match(s, sea, 2, true, &out);
    gamesettings_of_match(s, far, 2, true, &out);
    ck_assert_str_eq(out.data, ",\"map\":\"s \\\"x\\\"\",\"rounds\":-1,\"ranked\":true"
                               ",\"map\":\"s \\\"x\\\"\",\"rounds\":-1,\"ranked\":true");
    gamesettings_free(s);
    buf_reset(&out);
    s = compile(
        "{\"settings\": {\"queue\": {\"type\": \"boolean\"}, \"teams\": {\"type\": \"boolean\"},"
        "\"attributes\": {\"type\": \"boolean\"}, \"region\": {\"type\": \"boolean\"}}}");
    gamesettings_of_match(s, NULL, 0, true, &out);
    gamesettings_of_match(NULL, ice, 4, false, &out);
    ck_assert_uint_eq(out.len, 0);
    gamesettings_of_match(s, NULL, 0, false, &out);
    ck_assert_str_eq(out.data, ",\"region\":false");
    gamesettings_free(s);
}
END_TEST

static int
term(const struct gamesettings *s, const char *name, const char *value)
{
    buf_reset(&why);
    return gamesettings_term(s, name, strlen(name), value, strlen(value), &out, &why);
}

START_TEST(test_terms)
{
    struct gamesettings *s = compile(DECLARED);
    struct json_object *given = json_tokener_parse("{\"ranked\":true,\"rounds\":7}");

    ck_assert_int_eq(term(s, "map", "s \"x\""), 0);
    ck_assert_int_eq(term(s, "rounds", "-1"), 0);
    ck_assert_int_eq(term(s, "ranked", "false"), 0);
    ck_assert_str_eq(out.data, "map=s \"x\"\nrounds=-1\nranked=false");
    ck_assert_int_eq(term(s, "map", "s"), -1);
    ck_assert_int_eq(term(s, "rounds", "1.0"), -1);
    ck_assert_int_eq(term(s, "rounds", "99999999999999999999"), -1);
    ck_assert_int_eq(term(s, "ranked", "1"), -1);
    ck_assert_int_eq(term(s, "", "1"), -1);
    ck_assert_int_eq(term(NULL, "map", "ice"), -1);
    buf_reset(&out);
    ck_assert_int_eq(gamesettings_terms(s, given, &out, &why), 0);
    ck_assert_str_eq(out.data, "rounds=7\nranked=true");
    json_object_put(given);
    gamesettings_free(s);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("gamesettings");
    TCase *tc = tcase_create("gamesettings");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, test_files_that_are_wrong, 0, (int)(sizeof wrong / sizeof wrong[0]));
    tcase_add_test(tc, test_choose);
    tcase_add_test(tc, test_of_a_match);
    tcase_add_test(tc, test_terms);
    suite_add_tcase(s, tc);
    return s;
}
