/* Bodies of POST /events/{product}: which fields come of them, and what is refused with which words. */
#include <stdio.h>
#include <string.h>

#include "fcgi/routes/eventbody.h"
#include "lib/redis/redis.h"
#include "tests/unit/unit.h"

#define GAME "0123456789abcdef0123456789abcdef"

static struct redis_args args;
static struct buf why;

static void
set_up(void)
{
    redis_args_init(&args);
    buf_init(&why, 4096);
}

static void
tear_down(void)
{
    redis_args_free(&args);
    buf_free(&why);
}

static int
read_text(const char *body)
{
    redis_args_reset(&args);
    buf_reset(&why);
    return eventbody_read(body, strlen(body), "exrps", &args, &why);
}

/* The arguments, joined with `|`, are expected. */
static void
expect(const char *body, const char *expected)
{
    struct buf joined;
    size_t begin = 0;

    ck_assert_msg(read_text(body) == 0, "%s: %s", body, why.data);
    buf_init(&joined, 1 << 20);
    for (size_t i = 0; i < args.n; i++) {
        if (i > 0)
            buf_byte(&joined, '|');
        buf_add(&joined, args.bytes.data + begin, args.ends[i] - begin);
        begin = args.ends[i];
    }
    ck_assert_str_eq(joined.data, expected);
    buf_free(&joined);
}

static void
refused(const char *body, const char *reason)
{
    ck_assert_msg(read_text(body) == -1, "%s", body);
    ck_assert_msg(why.data != NULL && strstr(why.data, reason) != NULL, "%s: %s", body, why.data);
}

START_TEST(array)
{
    expect("[{\"type\": \"score\", \"user_id\": \"7\"}]",
           "6|product_id|exrps|type|score|user_id|7");
    expect(" [ {\"a\":\"1\"} ,\n{\"product_id\":\"exrps\",\"b\":\"\"} ] \n",
           "4|product_id|exrps|a|1|4|product_id|exrps|b|");
}
END_TEST

START_TEST(lines)
{
    expect("{\"a\":\"1\"}", "4|product_id|exrps|a|1");
    expect("\n{\"a\":\"1\"}\r\n\n \t\n  {\"a\":\"2\"}\n",
           "4|product_id|exrps|a|1|4|product_id|exrps|a|2");
}
END_TEST

START_TEST(values_become_text_as_they_are_written)
{
    expect("[{\"a\":1,\"b\":-0.50,\"c\":1E3,\"d\":true,\"e\":false,"
           "\"f\":98765432109876543210,\"g\":\"\\u00e4\\n\"}]",
           "16|product_id|exrps|a|1|b|-0.50|c|1E3|d|true|e|false|f|98765432109876543210|g|"
           "\xc3\xa4\n");
}
END_TEST

START_TEST(first_wrong_event_is_named)
{
    refused("", "no event");
    refused(" \n ", "no event");
    refused("[]", "no event");
    refused("[1]", "events[0]: line 1, column 1");
    refused("\"a\"", "events[0]: line 1, column 1");
    refused("[{\"a\":\"1\"},{\"a\":null}]", "events[1]: a value is none of");
    refused("[{\"a\":\"1\"},{\"a\":[1]}]", "events[1]: a value is none of");
    refused("{\"a\":\"1\"}\n{\"a\":{}}", "events[1]: a value is none of");
    refused("[{\"a\":\"1\",\"a\":\"2\"}]", "events[0]: line 1, column 10: the key \"a\"");
    refused("[{\"product_id\":\"other\"}]", "events[0]: product_id is another");
    refused("[{\"varcade_quarantine\":\"release 1-1\"}]",
            "events[0]: fields whose names begin with varcade_ are varcade's own");
    refused("[{\"product_id\":5}]", "events[0]: product_id is another");
    refused("[{\"type\":\"game_over\",\"game_id\":\"" GAME "\",\"winner_id\":\"1\"}]",
            "events[0]: loser_id is missing");
    refused("[{\"type\":\"state_change\",\"game_id\":\"x\",\"new_state\":\"ended\"}]",
            "events[0]: game_id is not 32");
    refused("[{\"\":\"1\"}]", "events[0]: a field has an empty name");
    refused("[{\"a\\n\":\"1\"}]", "events[0]: a field's name is not");
    refused("[{\"a\":\"\\u0000\"}]", "events[0]: line 1");
    refused("[{\"a\":\"\xff\"}]", "events[0]: line 1");
}
END_TEST

START_TEST(array_is_whole)
{
    refused("[{\"a\":\"1\"}", "events[1]: not JSON");
    refused("[{\"a\":\"1\"},]", "events[1]: not JSON");
    refused("[{\"a\":\"1\"} {\"a\":\"1\"}]", "events[1]: not JSON");
    refused("[{\"a\":\"1\"}] x", "events[1]: nothing may stand behind");
    refused("[,{\"a\":\"1\"}]", "events[0]: not JSON");
    refused("{\"a\":\"1\"}{\"a\":\"2\"}", "events[0]: line 1, column 10");
}
END_TEST

START_TEST(limits)
{
    struct buf body;

    buf_init(&body, 1 << 24);
    for (int i = 0; i < EVENTBODY_EVENTS_MAX; i++)
        buf_printf(&body, "{\"n\":%d}\n", i);
    ck_assert_int_eq(read_text(body.data), 0);
    ck_assert_uint_eq(args.n, 5 * EVENTBODY_EVENTS_MAX);
    buf_str(&body, "{\"n\":-1}\n");
    refused(body.data, "More than 1000 events");

    buf_reset(&body);
    buf_str(&body, "[{\"f0\":0");
    for (int i = 1; i < 63; i++)
        buf_printf(&body, ",\"f%d\":%d", i, i);
    buf_str(&body, "}]");
    ck_assert_int_eq(read_text(body.data), 0);
    body.len -= 2;
    buf_str(&body, ",\"f63\":63}]");
    refused(body.data, "events[0]: more than 64 fields");

    buf_reset(&body);
    buf_str(&body, "[{\"a\":\"");
    for (int i = 0; i < 65537; i++)
        buf_byte(&body, 'x');
    buf_str(&body, "\"}]");
    refused(body.data, "events[0]: a field's value is longer");

    /* A reason that does not fit is told in other words. */
    buf_reset(&body);
    buf_str(&body, "[{");
    for (int twice = 0; twice < 2; twice++) {
        buf_str(&body, twice == 0 ? "\"" : ",\"");
        for (int i = 0; i < 1100; i++)
            buf_str(&body, "\xc3\xa4");
        buf_str(&body, "\":1");
    }
    buf_str(&body, "}]");
    refused(body.data, "events[0]: ");
    buf_free(&body);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("eventbody");
    TCase *bodies = tcase_create("bodies");

    tcase_add_checked_fixture(bodies, set_up, tear_down);
    tcase_add_test(bodies, array);
    tcase_add_test(bodies, lines);
    tcase_add_test(bodies, values_become_text_as_they_are_written);
    tcase_add_test(bodies, first_wrong_event_is_named);
    tcase_add_test(bodies, array_is_whole);
    tcase_add_test(bodies, limits);
    suite_add_tcase(suite, bodies);
    return suite;
}
