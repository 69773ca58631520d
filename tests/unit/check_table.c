/* The strict reader of JSON text, the reader by table, and what a table prints. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/clock.h"
#include "lib/config/table.h"
#include "tests/unit/unit.h"

#define WHY_MAX 4096

static const char *
text(const struct buf *b)
{
    return b->len > 0 ? b->data : "";
}

/* --- table_parse ------------------------------------------------------------------------------ */

/* What json-c would write for the text, or the reason; in out. */
static void
parse(const char *json, size_t len, struct buf *out)
{
    struct json_object *object = NULL;

    buf_reset(out);
    if (table_parse(json, len, &object, out) == 0) {
        ck_assert_uint_eq(out->len, 0);
        buf_str(out, json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(object);
    } else {
        ck_assert_ptr_null(object);
    }
}

static void
assert_parses(const char *json, const char *expected)
{
    struct buf out;

    buf_init(&out, WHY_MAX);
    parse(json, strlen(json), &out);
    ck_assert_str_eq(text(&out), expected);
    buf_free(&out);
}

START_TEST(parse_good)
{
    assert_parses("{}", "{}");
    assert_parses(" \t\r\n{ } \n", "{}");
    assert_parses("{\"a\":[1,-2,0,-0,1.5,1e3,9223372036854775807]}",
                  "{\"a\":[1,-2,0,0,1.5,1e3,9223372036854775807]}");
    assert_parses("{\"a\":[true,false,null,[],{},\"\"]}", "{\"a\":[true,false,null,[],{},\"\"]}");
    assert_parses("{\"\":1,\"b\":{\"\":2}}", "{\"\":1,\"b\":{\"\":2}}");
    assert_parses("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}");
    assert_parses("{\"a\":\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"}",
                  "{\"a\":\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}");
    assert_parses("{\"\\u00e9\":\"\xc3\xa9\"}", "{\"\xc3\xa9\":\"\xc3\xa9\"}");
    /* the same key in different objects */
    assert_parses("{\"a\":{\"a\":1},\"b\":{\"a\":2}}", "{\"a\":{\"a\":1},\"b\":{\"a\":2}}");
}
END_TEST

static const struct {
    const char *json, *reason;
} bad_texts[] = {
    {"", "line 1, column 1: the text ends too early"},
    {"  \n ", "line 2, column 2: the text ends too early"},
    {"[]", "line 1, column 1: expected '{'"},
    {"\xef\xbb\xbf{}", "line 1, column 1: byte order mark (save it as UTF-8 without one)"},
    {"{", "line 1, column 2: the text ends too early"},
    {"{\"a\"", "line 1, column 5: the text ends too early"},
    {"{\"a\":", "line 1, column 6: the text ends too early"},
    {"{\"a\":1", "line 1, column 7: the text ends too early"},
    {"{\"a\":[1", "line 1, column 8: the text ends too early"},
    {"{\"a\":1}x", "line 1, column 8: nothing may stand behind the last '}'"},
    {"{}\n{}", "line 2, column 1: nothing may stand behind the last '}'"},
    {"{a:1}", "line 1, column 2: expected a key in double quotes"},
    {"{'a':1}", "line 1, column 2: expected a key in double quotes"},
    {"{\"a\":1,}", "line 1, column 8: expected a key in double quotes"},
    {"{,}", "line 1, column 2: expected a key in double quotes"},
    {"{\"a\" 1}", "line 1, column 6: expected ':' behind the key"},
    {"{\"a\":1 \"b\":2}", "line 1, column 8: expected ',' or '}'"},
    {"{\"a\":1 // one\n}", "line 1, column 8: expected ',' or '}'"},
    {"{\"a\":[1,]}", "line 1, column 9: expected a value"},
    {"{\"a\":[1 2]}", "line 1, column 9: expected ',' or ']'"},
    {"{\"a\":[1}", "line 1, column 8: expected ',' or ']'"},
    {"{\"a\":}", "line 1, column 6: expected a value"},
    {"{\"a\":'x'}", "line 1, column 6: expected a value"},
    {"{\"a\":NaN}", "line 1, column 6: expected a value"},
    {"{\"a\":Infinity}", "line 1, column 6: expected a value"},
    {"{\"a\":True}", "line 1, column 6: expected a value"},
    {"{\"a\":+1}", "line 1, column 6: expected a value"},
    {"{\"a\":.5}", "line 1, column 6: expected a value"},
    {"{\"a\":nullx}", "line 1, column 10: expected ',' or '}'"},
    {"{\"a\":-Infinity}", "line 1, column 6: not a number"},
    {"{\"a\":-}", "line 1, column 6: not a number"},
    {"{\"a\":01}", "line 1, column 6: not a number"},
    {"{\"a\":-01}", "line 1, column 6: not a number"},
    {"{\"a\":1.}", "line 1, column 6: not a number"},
    {"{\"a\":1e}", "line 1, column 6: not a number"},
    {"{\"a\":1-2}", "line 1, column 6: not a number"},
    {"{\"a\":1e999}", "line 1, column 6: this number is too large"},
    {"{\"a\":\"x", "line 1, column 6: this string has no end"},
    {"{\"a\":\"x\ty\"}", "line 1, column 8: control character in a string"},
    {"{\"a\":\"x\n\"}", "line 1, column 8: control character in a string"},
    {"{\"a\":\"\\x\"}", "line 1, column 7: unknown escape"},
    {"{\"a\":\"\\", "line 1, column 7: unknown escape"},
    {"{\"a\":\"\\u00\"}", "line 1, column 7: \\u needs four hexadecimal digits"},
    {"{\"a\":\"\\u00g0\"}", "line 1, column 7: \\u needs four hexadecimal digits"},
    {"{\"a\":\"\\u0000\"}", "line 1, column 7: \\u0000 is not allowed"},
    {"{\"a\":\"\\ud800\"}", "line 1, column 7: half a surrogate pair"},
    {"{\"a\":\"\\ud800\\u0041\"}", "line 1, column 7: half a surrogate pair"},
    {"{\"a\":\"\\ude00\"}", "line 1, column 7: half a surrogate pair"},
    {"{\"a\":\"\xff\"}", "line 1, column 7: not UTF-8"},
    {"{\"a\":\"\xc0\x80\"}", "line 1, column 7: not UTF-8"},
    {"{\"a\":\"\xed\xa0\x80\"}", "line 1, column 7: not UTF-8"},
    {"{\"a\":\"\xe2\x82", "line 1, column 7: not UTF-8"},
    {"{\n \"\xc3\xa9\": \"\xe2\x82\xac\", x}",
     "line 2, column 12: expected a key in double quotes"},
    {"{\"a\":1,\n \"a\":2}", "line 2, column 2: the key \"a\" stands here twice"},
    {"{\"a\":1,\"\\u0061\":2}", "line 1, column 8: the key \"a\" stands here twice"},
    {"{\"x\":{\"a\":1,\"b\":{},\"a\":1}}", "line 1, column 20: the key \"a\" stands here twice"},
    {"{\"\":1,\"\":2}", "line 1, column 7: the key \"\" stands here twice"},
    {"{\"a\\n\":1,\"a\\n\":2}", "line 1, column 10: the key \"a\\n\" stands here twice"},
    {"{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", "line 1, column 21: nested deeper than 16 levels"},
};

START_TEST(parse_bad)
{
    assert_parses(bad_texts[_i].json, bad_texts[_i].reason);
}
END_TEST

START_TEST(parse_nul_and_depth)
{
    struct buf out;

    buf_init(&out, WHY_MAX);
    parse("{\0}", 3, &out);
    ck_assert_str_eq(text(&out), "line 1, column 2: expected a key in double quotes");
    parse("{\"a\":\"x\0y\"}", 11, &out);
    ck_assert_str_eq(text(&out), "line 1, column 8: control character in a string");
    parse("{\"a\":1\0}", 8, &out);
    ck_assert_str_eq(text(&out), "line 1, column 7: expected ',' or '}'");
    parse("{}\0", 3, &out);
    ck_assert_str_eq(text(&out), "line 1, column 3: nothing may stand behind the last '}'");
    /* 16 levels, the outermost one counted */
    assert_parses("{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}",
                  "{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}");
    buf_free(&out);
}
END_TEST

/* --- table_read ------------------------------------------------------------------------------- */

struct things {
    char *name, *path, *kind;
    int64_t count;
    bool sure;
    dur_ms wait;
    struct table_list list, paths;
};

static const char *
check_even(const char *value)
{
    return strlen(value) % 2 == 0 ? NULL : "must be of an even length";
}

#define FIELD(name) .offset = offsetof(struct things, name)

/* clang-format off */
static const struct table_row rows[] = {
    {.key = "name", .type = TABLE_STRING, FIELD(name), .min = 2, .max = 6, .unit = "",
     .check = check_even, .help = "A name. It has no default."},
    {.key = "a.path", .type = TABLE_PATH, FIELD(path), .min = 0, .max = 4096,
     .fallback = "\"\"", .unit = "", .help = "A path. .hidden is one. 'quoted' too."},
    {.key = "a.b.kind", .type = TABLE_ENUM, FIELD(kind), .max = 10, .choices = "red|green|blue",
     .fallback = "\"green\"", .unit = "", .help = "A colour."},
    {.key = "a.count", .type = TABLE_INT, FIELD(count), .min = -5, .max = 64,
     .fallback = "7", .unit = "", .help = "A count."},
    {.key = "a.sure", .type = TABLE_BOOL, FIELD(sure), .fallback = "true", .unit = "",
     .help = "Whether."},
    {.key = "a.wait", .type = TABLE_DURATION, FIELD(wait), .min = 1, .max = 86400, .scale = 1000,
     .fallback = "60", .unit = "s", .help = "How long, with so many words that a terminal's line "
     "cannot hold them all and they must be continued on the next one \\o/."},
    {.key = "list", .type = TABLE_LIST, FIELD(list), .min = 1, .max = 3, .check = check_even,
     .fallback = "[\"**\"]", .unit = "", .help = "A list."},
    {.key = "paths", .type = TABLE_PATHS, FIELD(paths), .min = 0, .max = 2,
     .fallback = "[]", .unit = "", .help = "Paths."},
    {.key = "rest", .type = TABLE_OTHER, .choices = "object", .fallback = "", .unit = "",
     .help = "Read elsewhere."},
};
/* clang-format on */
#define NROWS (sizeof(rows) / sizeof(rows[0]))

static int
read_things(const char *json, struct things *things, struct buf *why)
{
    struct json_object *object = NULL;
    int ret;

    if (json != NULL) {
        ck_assert_int_eq(table_parse(json, strlen(json), &object, why), 0);
    }
    memset(things, 0x55, sizeof(*things));
    ret = table_read(rows, NROWS, object, "/base", things, why);
    json_object_put(object);
    return ret;
}

START_TEST(read_defaults)
{
    struct things t;
    struct buf why;

    buf_init(&why, WHY_MAX);
    ck_assert_int_eq(read_things("{\"name\": \"ab\"}", &t, &why), 0);
    ck_assert_uint_eq(why.len, 0);
    ck_assert_str_eq(t.name, "ab");
    ck_assert_str_eq(t.path, "");
    ck_assert_str_eq(t.kind, "green");
    ck_assert_int_eq(t.count, 7);
    ck_assert(t.sure);
    ck_assert_int_eq(t.wait, 60000);
    ck_assert_uint_eq(t.list.n, 1);
    ck_assert_str_eq(t.list.item[0], "**");
    ck_assert_uint_eq(t.paths.n, 0);
    table_free(rows, NROWS, &t);
    ck_assert_ptr_null(t.name);
    buf_free(&why);
}
END_TEST

START_TEST(read_values)
{
    struct things t;
    struct buf why;

    buf_init(&why, WHY_MAX);
    ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", "/run/cred", 1), 0);
    ck_assert_int_eq(
        read_things(
            "{\"name\": \"abcdef\", \"a\": {\"path\": \"x/y\", \"b\": {\"kind\": \"blue\"},"
            " \"count\": -5, \"sure\": false, \"wait\": 86400}, \"list\": [\"aa\", \"bb\", \"cc\"],"
            " \"paths\": [\"$CREDENTIALS_DIRECTORY/k\", \"/abs\"], \"rest\": {\"any\": 1}}",
            &t, &why),
        0);
    ck_assert_str_eq(t.name, "abcdef");
    ck_assert_str_eq(t.path, "/base/x/y");
    ck_assert_str_eq(t.kind, "blue");
    ck_assert_int_eq(t.count, -5);
    ck_assert(!t.sure);
    ck_assert_int_eq(t.wait, 86400000);
    ck_assert_uint_eq(t.list.n, 3);
    ck_assert_str_eq(t.list.item[2], "cc");
    ck_assert_uint_eq(t.paths.n, 2);
    ck_assert_str_eq(t.paths.item[0], "/run/cred/k");
    ck_assert_str_eq(t.paths.item[1], "/abs");
    table_free(rows, NROWS, &t);
    buf_free(&why);
}
END_TEST

static const struct {
    const char *json, *reasons;
} bad_things[] = {
    {NULL, "name: is missing"},
    {"{}", "name: is missing"},
    {"{\"name\": null}", "name: must be a string, is null"},
    {"{\"name\": 3}", "name: must be a string, is a number"},
    {"{\"name\": \"\"}", "name: must not be empty"},
    {"{\"name\": \"a\"}", "name: is shorter than 2 bytes"},
    {"{\"name\": \"abcdefg\"}", "name: is longer than 6 bytes"},
    {"{\"name\": \"abc\"}", "name: must be of an even length"},
    {"{\"name\": \"a\\n\"}", "name: holds a control character"},
    {"{\"name\": \"a\\u007f\"}", "name: holds a control character"},
    {"{\"name\": \"ab\", \"a\": {\"count\": 65}}", "a.count: 65 is more than 64"},
    {"{\"name\": \"ab\", \"a\": {\"count\": -6}}", "a.count: -6 is less than -5"},
    {"{\"name\": \"ab\", \"a\": {\"count\": \"6\"}}", "a.count: must be an integer, is a string"},
    {"{\"name\": \"ab\", \"a\": {\"count\": 1.5}}", "a.count: must be an integer, is 1.5"},
    {"{\"name\": \"ab\", \"a\": {\"count\": true}}",
     "a.count: must be an integer, is true or false"},
    {"{\"name\": \"ab\", \"a\": {\"sure\": 1}}", "a.sure: must be true or false, is a number"},
    {"{\"name\": \"ab\", \"a\": {\"wait\": 0}}", "a.wait: 0 is less than 1"},
    {"{\"name\": \"ab\", \"a\": {\"wait\": 86401}}", "a.wait: 86401 is more than 86400"},
    {"{\"name\": \"ab\", \"a\": {\"b\": {\"kind\": \"gree\"}}}",
     "a.b.kind: \"gree\" is none of red|green|blue"},
    {"{\"name\": \"ab\", \"a\": 3}", "a: must be an object, is a number"},
    {"{\"name\": \"ab\", \"a\": {\"b\": []}}", "a.b: must be an object, is an array"},
    {"{\"name\": \"ab\", \"list\": {}}", "list: must be an array, is an object"},
    {"{\"name\": \"ab\", \"list\": []}", "list: must have 1 items at least, has 0"},
    {"{\"name\": \"ab\", \"list\": [\"aa\",\"aa\",\"aa\",\"aa\"]}",
     "list: must have 3 items at most, has 4"},
    {"{\"name\": \"ab\", \"list\": [\"a\", 3, \"\"]}",
     "list[0]: must be of an even length\nlist[1]: must be a string, is a number\n"
     "list[2]: must not be empty"},
    {"{\"name\": \"ab\", \"paths\": [\"$CREDENTIALS_DIRECTORY/k\"]}",
     "paths[0]: the environment has no CREDENTIALS_DIRECTORY"},
    {"{\"name\": \"ab\", \"nam\": 1}", "nam: unknown key"},
    {"{\"name\": \"ab\", \"name2\": 1}", "name2: unknown key"},
    {"{\"name\": \"ab\", \"a\": {\"pat\": 1}}", "a.pat: unknown key"},
    {"{\"name\": \"ab\", \"a.path\": \"x\"}", "[\"a.path\"]: unknown key"},
    {"{\"name\": \"ab\", \"a\": {\"b\": {\"k\\n\\u001b\": 1, \"\": 2}}}",
     "a.b[\"k\\n\\u001b\"]: unknown key\na.b[\"\"]: unknown key"},
    /* everything at once */
    {"{\"x\": 1, \"a\": {\"count\": 99, \"y\": 2}, \"list\": 1}",
     "x: unknown key\na.y: unknown key\nname: is missing\na.count: 99 is more than 64\n"
     "list: must be an array, is a number"},
};

START_TEST(read_bad)
{
    struct things t;
    struct buf why;

    buf_init(&why, WHY_MAX);
    ck_assert_int_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    ck_assert_int_eq(read_things(bad_things[_i].json, &t, &why), -1);
    ck_assert_str_eq(text(&why), bad_things[_i].reasons);
    table_free(rows, NROWS, &t);
    buf_free(&why);
}
END_TEST

START_TEST(read_bad_keeps_the_good)
{
    struct things t;
    struct buf why;

    buf_init(&why, WHY_MAX);
    ck_assert_int_eq(
        read_things("{\"name\": \"x\", \"a\": {\"count\": 65, \"wait\": 3}}", &t, &why), -1);
    ck_assert_ptr_null(t.name);
    ck_assert_int_eq(t.count, 0);
    ck_assert_int_eq(t.wait, 3000);
    ck_assert_str_eq(t.kind, "green");
    table_free(rows, NROWS, &t);
    ck_assert_ptr_null(t.kind);
    buf_free(&why);
}
END_TEST

START_TEST(prefix)
{
    struct buf lines, why;

    buf_init(&lines, WHY_MAX);
    buf_init(&why, WHY_MAX);
    table_prefix("f", &lines, &why);
    ck_assert_uint_eq(why.len, 0);
    buf_str(&lines, "one\n\ntwo\n");
    table_prefix("f", &lines, &why);
    table_problem(&why, "g: %s", "three");
    ck_assert_str_eq(text(&why), "f: one\nf: two\ng: three");
    buf_free(&lines);
    buf_free(&why);
}
END_TEST

/* --- printing --------------------------------------------------------------------------------- */

typedef void print_fn(const struct table_row *rows, size_t n, FILE *out);

static char *
printed(print_fn *print)
{
    char *s = NULL;
    size_t len;
    FILE *out = open_memstream(&s, &len);

    ck_assert_ptr_nonnull(out);
    print(rows, NROWS, out);
    ck_assert_int_eq(fclose(out), 0);
    return s;
}

START_TEST(print_help)
{
    char *s = printed(table_print_help), *line = s, *end;

    ck_assert_ptr_nonnull(
        strstr(s, "  name                             string, 2 to 6 bytes, required\n"
                  "      A name. It has no default.\n"));
    ck_assert_ptr_nonnull(strstr(s, " integer, 1 to 86400 s, default 60\n"));
    ck_assert_ptr_nonnull(strstr(s, " red|green|blue, default \"green\"\n"));
    ck_assert_ptr_nonnull(strstr(s, " array of strings, at most 3, default [\"**\"]\n"));
    ck_assert_ptr_nonnull(strstr(s, " object\n      Read elsewhere.\n"));
    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        ck_assert_int_le(end - line, 80);
    }
    free(s);
}
END_TEST

START_TEST(print_mdoc)
{
    char *s = printed(table_print_mdoc);

    ck_assert_ptr_nonnull(strstr(s, ".It Sy a.path\n(path, default \"\")\n.Pp\n"
                                    "A path.\n\\&.hidden is one.\n\\&'quoted' too.\n"));
    ck_assert_ptr_nonnull(strstr(s, " next one \\eo/.\n"));
    ck_assert_int_eq(strncmp(s, ".Sh KEYS\n", 9), 0);
    ck_assert_str_eq(s + strlen(s) - 4, ".El\n");
    free(s);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("table");
    TCase *tcase = tcase_create("parse");

    tcase_add_test(tcase, parse_good);
    tcase_add_loop_test(tcase, parse_bad, 0, sizeof(bad_texts) / sizeof(bad_texts[0]));
    tcase_add_test(tcase, parse_nul_and_depth);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("read");
    tcase_add_test(tcase, read_defaults);
    tcase_add_test(tcase, read_values);
    tcase_add_loop_test(tcase, read_bad, 0, sizeof(bad_things) / sizeof(bad_things[0]));
    tcase_add_test(tcase, read_bad_keeps_the_good);
    tcase_add_test(tcase, prefix);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("print");
    tcase_add_test(tcase, print_help);
    tcase_add_test(tcase, print_mdoc);
    suite_add_tcase(suite, tcase);
    return suite;
}
