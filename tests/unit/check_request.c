/* What is taken apart before anything is served: targets, FastCGI records, JSON, CGI variables. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/request.h"
#include "fcgi/server/frame.h"
#include "fcgi/server/jsontext.h"
#include "fcgi/server/target.h"
#include "tests/unit/fcgi_client.h"
#include "tests/unit/unit.h"

/* --- targets ---------------------------------------------------------------------------------- */

static struct target target;
static char target_text[TARGET_MAX + 1];

static void
expect_text(struct target_text text, const char *s)
{
    ck_assert_msg(target_text_is(text, s), "'%.*s' is not '%s'", (int)text.len, text.s, s);
}

static int
parse(const char *s)
{
    return target_parse(&target, s, strlen(s), target_text);
}

START_TEST(target_is_split_then_decoded)
{
    ck_assert_int_eq(parse("/stats/exrps/a%2Fb%20%C3%A4+c"), 0);
    ck_assert_uint_eq(target.nsegments, 3);
    expect_text(target.segment[0], "stats");
    expect_text(target.segment[2], "a/b \xc3\xa4+c");
    ck_assert_uint_eq(target.nparams, 0);
}
END_TEST

START_TEST(target_keeps_empty_segments)
{
    ck_assert_int_eq(parse("/a//b/"), 0);
    ck_assert_uint_eq(target.nsegments, 4);
    ck_assert_uint_eq(target.segment[1].len, 0);
    ck_assert_uint_eq(target.segment[3].len, 0);
    ck_assert_int_eq(parse("/"), 0);
    ck_assert_uint_eq(target.nsegments, 1);
}
END_TEST

START_TEST(target_has_parameters)
{
    ck_assert_int_eq(parse("/a?count=5&&page=a+b%2Bc&count=6&flag&=x&e="), 0);
    ck_assert_uint_eq(target.nsegments, 1);
    ck_assert_uint_eq(target.nparams, 6);
    expect_text(target_param(&target, "count"), "5");
    expect_text(target_param(&target, "page"), "a b+c");
    expect_text(target_param(&target, "flag"), "");
    expect_text(target_param(&target, "e"), "");
    ck_assert_ptr_null(target_param(&target, "none").s);
    ck_assert_int_eq(parse("/a?"), 0);
    ck_assert_uint_eq(target.nparams, 0);
}
END_TEST

START_TEST(target_may_hold_nul)
{
    ck_assert_int_eq(parse("/a%00b?c=%00"), 0);
    ck_assert_uint_eq(target.segment[0].len, 3);
    ck_assert_uint_eq(target_param(&target, "c").len, 1);
}
END_TEST

START_TEST(target_is_refused)
{
    static const char *const malformed[] = {"",    "a",    "?a",      "*",     "/%",
                                            "/%2", "/%zz", "/a?b=%f", "/a?%=1"};
    char many[TARGET_MAX + 2];

    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        errno = 0;
        ck_assert_int_eq(parse(malformed[i]), -1);
        ck_assert_int_eq(errno, EINVAL);
        ck_assert_uint_eq(target.nsegments + target.nparams, 0);
    }
    ck_assert_int_eq(parse("/1/2/3/4/5/6/7/8"), 0);
    ck_assert_int_eq(parse("/1/2/3/4/5/6/7/8/9"), -1);
    ck_assert_int_eq(errno, E2BIG);
    ck_assert_int_eq(parse("/a?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16"), 0);
    ck_assert_int_eq(parse("/a?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17"), -1);
    ck_assert_int_eq(errno, E2BIG);
    memset(many, 'x', sizeof(many));
    many[0] = '/';
    ck_assert_int_eq(target_parse(&target, many, TARGET_MAX, target_text), 0);
    ck_assert_int_eq(target_parse(&target, many, TARGET_MAX + 1, target_text), -1);
    ck_assert_int_eq(errno, E2BIG);
}
END_TEST

/* --- records ---------------------------------------------------------------------------------- */

#define BODY_MAX 100

static struct buf bytes;
static struct frame frame;

static void
set_up_bytes(void)
{
    buf_init(&bytes, 1 << 20);
}

static void
tear_down_bytes(void)
{
    buf_free(&bytes);
}

static enum frame_state
scan(void)
{
    return frame_scan((const unsigned char *)bytes.data, bytes.len, BODY_MAX, &frame);
}

static void
add_begin(unsigned role)
{
    const char begin[8] = {0, (char)role, 1};

    fcgi_client_record(&bytes, 1, 1, begin, sizeof(begin), 0);
}

START_TEST(frame_is_ready_with_its_last_byte)
{
    struct fcgi_call call = {.method = "POST", .target = "/a", .body = "hello"};

    fcgi_client_build(&call, &bytes);
    for (size_t len = 0; len < bytes.len; len++)
        ck_assert_int_eq(frame_scan((const unsigned char *)bytes.data, len, BODY_MAX, &frame),
                         FRAME_MORE);
    ck_assert_int_eq(scan(), FRAME_READY);
    ck_assert_uint_eq(frame.len, bytes.len);
    ck_assert_uint_eq(frame.body, 5);
    buf_str(&bytes, "\1more");
    ck_assert_int_eq(scan(), FRAME_READY);
    ck_assert_uint_eq(frame.len, bytes.len - 5);
}
END_TEST

START_TEST(frame_knows_a_large_body_early)
{
    char large[BODY_MAX + 1] = "";

    add_begin(1);
    fcgi_client_record(&bytes, 4, 1, "", 0, 0);
    fcgi_client_record(&bytes, 5, 1, large, BODY_MAX, 0);
    ck_assert_int_eq(scan(), FRAME_MORE);
    fcgi_client_record(&bytes, 5, 1, large, 1, 0);
    ck_assert_int_eq(scan(), FRAME_TOO_LARGE);
}
END_TEST

/* Parameters that straddle records and 4-byte lengths are good; what runs past the end is not. */
START_TEST(frame_checks_parameters)
{
    add_begin(1);
    fcgi_client_record(&bytes, 4, 1, "\x80\0\0", 3, 5);
    fcgi_client_record(&bytes, 4, 1, "\1\2A", 3, 0);
    fcgi_client_record(&bytes, 4, 1, "bc", 2, 0);
    fcgi_client_record(&bytes, 4, 1, "", 0, 0);
    fcgi_client_record(&bytes, 5, 1, "", 0, 0);
    ck_assert_int_eq(scan(), FRAME_READY);
}
END_TEST

/* libfcgi would read the padding as the next record. */
START_TEST(frame_refuses_padding_that_libfcgi_forgets)
{
    fcgi_client_record(&bytes, 1, 1, "\0\1\1\0\0\0\0\0", 8, 8);
    ck_assert_int_eq(scan(), FRAME_BAD);
    buf_reset(&bytes);
    add_begin(1);
    fcgi_client_record(&bytes, 4, 1, "\1\1ab", 4, 4);
    ck_assert_int_eq(scan(), FRAME_MORE);
    fcgi_client_record(&bytes, 4, 1, "", 0, 8);
    ck_assert_int_eq(scan(), FRAME_BAD);
}
END_TEST

static const struct {
    const char *params;
    size_t len;
} bad_params[] = {
    {"\1", 1},                               /* no second length */
    {"\1\2A", 3},                            /* no value */
    {"\x80\0\0", 3},                         /* half a length */
    {"\0\1x", 3},                            /* no name */
    {"\xff\xff\xff\xfe\xff\xff\xff\xfe", 8}, /* the sum overflows an int */
    {"\xc0\0\0\0\xc0\0\0\0", 8},
    {"\xff\xff\xff\xff\0", 5},
};

START_TEST(frame_refuses_parameters)
{
    add_begin(1);
    fcgi_client_record(&bytes, 4, 1, bad_params[_i].params, bad_params[_i].len, 0);
    fcgi_client_record(&bytes, 4, 1, "", 0, 0);
    ck_assert_int_eq(scan(), FRAME_BAD);
}
END_TEST

START_TEST(frame_refuses_too_many_parameters)
{
    static char content[65000];

    add_begin(1);
    fcgi_client_record(&bytes, 4, 1, content, sizeof(content), 0);
    ck_assert_int_eq(scan(), FRAME_MORE);
    fcgi_client_record(&bytes, 4, 1, content, 537, 0);
    ck_assert_int_eq(scan(), FRAME_BAD);
}
END_TEST

START_TEST(frame_refuses_what_is_no_request)
{
    buf_str(&bytes, "GET / HTTP/1.1\r\n");
    ck_assert_int_eq(scan(), FRAME_BAD);
    buf_reset(&bytes);
    fcgi_client_record(&bytes, 9, 0, "\x0e\0FCGI_MAX_CONNS", 16, 0);
    ck_assert_int_eq(scan(), FRAME_BAD);
    buf_reset(&bytes);
    add_begin(2);
    ck_assert_int_eq(scan(), FRAME_BAD);
    buf_reset(&bytes);
    fcgi_client_record(&bytes, 1, 0, "\0\1\0\0\0\0\0\0", 8, 0);
    ck_assert_int_eq(scan(), FRAME_BAD);
    buf_reset(&bytes);
    add_begin(1);
    fcgi_client_record(&bytes, 4, 2, "", 0, 0); /* another request's */
    ck_assert_int_eq(scan(), FRAME_BAD);
    buf_reset(&bytes);
    add_begin(1);
    fcgi_client_record(&bytes, 2, 1, "", 0, 0); /* abort */
    ck_assert_int_eq(scan(), FRAME_BAD);
}
END_TEST

/* --- JSON ------------------------------------------------------------------------------------- */

static const char *const json_good[] = {
    "{}",
    "[]",
    " {\"a\": [1, -0.5e+3, true, false, null, \"\\u00e4\\n\\\"\"]}\r\n\t",
    "0",
    "-1",
    "1E9",
    "null",
    "\"\"",
    "\"\xc3\xa4\"",
    "[[]]",
    "{\"a\":1,\"a\":2}"};

static const char *const json_bad[] = {
    "",       " ",      "{",     "}",       "{a:1}",    "{'a':1}",  "{\"a\":1,}",
    "[1,]",   "[,1]",   "NaN",   "nul",     "True",     "01",       "1.",
    ".5",     "+1",     "-",     "1e",      "\"",       "\"\\x\"",  "\"\\u12g\"",
    "\"\n\"", "{} {}",  "[1 2]", "{\"a\"}", "{\"a\":}", "\"\xff\"", "\xef\xbb\xbf{}",
    "/**/1",  "1 // x", "[1]]"};

START_TEST(json_is_recognised)
{
    for (size_t i = 0; i < sizeof(json_good) / sizeof(json_good[0]); i++)
        ck_assert_msg(jsontext_is_valid(json_good[i], strlen(json_good[i])), "%s", json_good[i]);
    for (size_t i = 0; i < sizeof(json_bad) / sizeof(json_bad[0]); i++)
        ck_assert_msg(!jsontext_is_valid(json_bad[i], strlen(json_bad[i])), "%s", json_bad[i]);
    ck_assert(!jsontext_is_valid("{}\0", 3));
    ck_assert(!jsontext_is_valid("\"\0\"", 3));
}
END_TEST

START_TEST(json_has_a_depth)
{
    char deep[2 * (JSONTEXT_DEPTH_MAX + 1)];
    size_t n = JSONTEXT_DEPTH_MAX;

    memset(deep, '[', n);
    memset(deep + n, ']', n);
    ck_assert(jsontext_is_valid(deep, 2 * n));
    memset(deep, '[', n + 1);
    memset(deep + n + 1, ']', n + 1);
    ck_assert(!jsontext_is_valid(deep, 2 * n + 2));
}
END_TEST

/* --- CGI variables ---------------------------------------------------------------------------- */

static struct request *
request_from(const char *const *env)
{
    struct request *r = request_new(NULL, (char *const *)(uintptr_t)env, NULL, NULL);

    ck_assert_ptr_nonnull(r);
    return r;
}

START_TEST(request_takes_what_came)
{
    const char *const env[] = {"REQUEST_METHOD=HEAD",
                               "REQUEST_URI=/a/b?c=d",
                               "HTTP_AUTHORIZATION=x y",
                               "HTTP_ORIGIN=https://example.org",
                               "REMOTE_ADDR=::1",
                               "REQUEST_ID=0123456789abcdef",
                               NULL};
    struct request *r = request_from(env);

    ck_assert_int_eq(r->method, REQUEST_HEAD);
    ck_assert_str_eq(r->raw_target, "/a/b?c=d");
    ck_assert_str_eq(r->authorization, "x y");
    ck_assert_str_eq(r->origin, "https://example.org");
    ck_assert_str_eq(r->remote_addr, "::1");
    ck_assert_str_eq(r->id, "0123456789abcdef");
    ck_assert_int_eq(r->target_error, 0);
    ck_assert_uint_eq(r->target.nsegments, 2);
    request_free(r);
}
END_TEST

static const struct {
    const char *id;
    bool taken;
} ids[] = {{"12345678", true},
           {"A-z_0.9-", true},
           {"1234567", false},
           {"", false},
           {"1234567\n", false},
           {"12345678 x", false},
           {"\"12345678", false},
           {"1234567890123456789012345678901234567890123456789012345678901234", true},
           {"12345678901234567890123456789012345678901234567890123456789012345", false}};

START_TEST(request_id_is_well_formed)
{
    char variable[128];
    const char *const env[] = {variable, NULL};
    struct request *r;

    (void)snprintf(variable, sizeof(variable), "HTTP_X_REQUEST_ID=%s", ids[_i].id);
    r = request_from(env);
    ck_assert_int_eq(strcmp(r->id, ids[_i].id) == 0, ids[_i].taken);
    ck_assert_uint_ge(strlen(r->id), 8);
    request_free(r);
}
END_TEST

static const struct {
    const char *uri, *script, *info, *query, *target;
} targets[] = {
    {"REQUEST_URI=/a?b=c", "x=", "x=", "x=", "/a?b=c"},
    {"REQUEST_URI=/a/b", "SCRIPT_NAME=/a/b", "x=", "x=", "/a/b"},
    {"REQUEST_URI=/cgi/v/a%2Fb?c", "SCRIPT_NAME=/cgi/v", "PATH_INFO=/a/b", "x=", "/a%2Fb?c"},
    {"REQUEST_URI=/rewritten", "SCRIPT_NAME=/cgi/v", "PATH_INFO=/a%?b", "QUERY_STRING=c=d",
     "/a%25%3Fb?c=d"},
    {"x=", "SCRIPT_NAME=/v", "PATH_INFO=/a", "QUERY_STRING=", "/a"},
    {"x=", "x=", "x=", "x=", ""},
};

START_TEST(request_target_is_found)
{
    const char *const env[] = {targets[_i].uri, targets[_i].script, targets[_i].info,
                               targets[_i].query, NULL};
    struct request *r = request_from(env);

    ck_assert_str_eq(r->raw_target, targets[_i].target);
    request_free(r);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("request");
    TCase *c = tcase_create("target");

    tcase_add_test(c, target_is_split_then_decoded);
    tcase_add_test(c, target_keeps_empty_segments);
    tcase_add_test(c, target_has_parameters);
    tcase_add_test(c, target_may_hold_nul);
    tcase_add_test(c, target_is_refused);
    suite_add_tcase(suite, c);

    c = tcase_create("frame");
    tcase_add_checked_fixture(c, set_up_bytes, tear_down_bytes);
    tcase_add_test(c, frame_is_ready_with_its_last_byte);
    tcase_add_test(c, frame_knows_a_large_body_early);
    tcase_add_test(c, frame_checks_parameters);
    tcase_add_loop_test(c, frame_refuses_parameters, 0, COUNT(bad_params));
    tcase_add_test(c, frame_refuses_padding_that_libfcgi_forgets);
    tcase_add_test(c, frame_refuses_too_many_parameters);
    tcase_add_test(c, frame_refuses_what_is_no_request);
    suite_add_tcase(suite, c);

    c = tcase_create("json");
    tcase_add_test(c, json_is_recognised);
    tcase_add_test(c, json_has_a_depth);
    suite_add_tcase(suite, c);

    c = tcase_create("variables");
    tcase_add_test(c, request_takes_what_came);
    tcase_add_loop_test(c, request_id_is_well_formed, 0, COUNT(ids));
    tcase_add_loop_test(c, request_target_is_found, 0, COUNT(targets));
    suite_add_tcase(suite, c);
    return suite;
}
