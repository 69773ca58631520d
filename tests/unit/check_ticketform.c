/* What a client says of itself when it asks to be matched: read, kept, read again. */
#include <stdio.h>
#include <string.h>

#include "lib/matcher/ticketform.h"
#include "lib/product/product.h"
#include "tests/unit/unit.h"

static struct queue queues[] = {
    {.id = "plain", .size_max = 1},
    {.id = "all",
     .size_max = 3,
     .region = {"eu", "us"},
     .nregions = 2,
     .equal = {"mode", "map"},
     .nequal = 2,
     .within = {{"level", 5}},
     .nwithin = 1},
};
static const struct product product = {.queues = queues, .nqueues = 2};

/* Reads the body; the reason in why, "" where it is good. */
static struct ticketform form;
static char why[512];

static const char *
read_as(const struct queue *queue, const char *json)
{
    struct buf reason;

    buf_init(&reason, sizeof why - 1);
    why[0] = '\0';
    if (ticketform_read(&product, queue, json, strlen(json), &form, &reason) < 0)
        snprintf(why, sizeof why, "%s", reason.data != NULL ? reason.data : "?");
    buf_free(&reason);
    return why;
}

#define GOOD(json) ck_assert_str_eq(read_as(NULL, json), "")
#define BAD(json, words) ck_assert_ptr_nonnull(strstr(read_as(NULL, json), words))

START_TEST(a_plain_queue_asks_for_nothing)
{
    GOOD("{\"queue\":\"plain\"}");
    ck_assert_ptr_eq(form.queue, &queues[0]);
    ck_assert(!form.party);
    GOOD("{\"queue\":\"plain\",\"attributes\":{\"x\":[1]},\"latencies\":{\"mars\":9},\"more\":0}");
    GOOD(" {\"queue\":\"plain\",\"party\":false} ");
    BAD("{\"queue\":\"plain\",\"party\":true}", "one player each");
    BAD("{\"queue\":\"plain\",\"attributes\":[]}", "attributes must be an object");
}
END_TEST

START_TEST(a_queue_has_to_be_named)
{
    BAD("", "queue must be");
    BAD("{}", "queue must be");
    BAD("{\"queue\":\"none\"}", "queue must be");
    BAD("{\"queue\":7}", "queue must be");
    BAD("{\"queue\":\"plain\\u0000\"}", "queue must be");
    BAD("[]", "JSON object");
    BAD("{\"queue\":", "JSON object");
    BAD("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}", "JSON object");
}
END_TEST

START_TEST(what_the_rules_need_has_to_be_there)
{
    GOOD("{\"queue\":\"all\",\"party\":true,\"attributes\":{\"mode\":\"a\",\"map\":\"b\","
         "\"level\":-2.5},\"latencies\":{\"us\":80.4,\"mars\":\"far\"}}");
    ck_assert_str_eq(form.equal[0], "a");
    ck_assert_str_eq(form.equal[1], "b");
    ck_assert_double_eq(form.within[0], -2.5);
    ck_assert_int_eq(form.latency[0], -1);
    ck_assert_int_eq(form.latency[1], 80);
    ck_assert(form.party);
#define ALL(attributes, rest) "{\"queue\":\"all\",\"attributes\":{" attributes "}" rest "}"
    BAD(ALL("\"mode\":\"a\"", ""), "attributes.map");
    BAD(ALL("\"mode\":\"a\",\"map\":\"\",\"level\":1", ""), "attributes.map");
    BAD(ALL("\"mode\":\"a\",\"map\":\"\\n\",\"level\":1", ""), "attributes.map");
    BAD(ALL("\"mode\":\"a\",\"map\":\"b\"", ""), "attributes.level");
    BAD(ALL("\"mode\":\"a\",\"map\":\"b\",\"level\":\"1\"", ""), "attributes.level");
    BAD(ALL("\"mode\":\"a\",\"map\":\"b\",\"level\":1e10", ""), "attributes.level");
    BAD(ALL("\"mode\":\"a\",\"map\":\"b\",\"level\":1", ""), "latencies must have");
    BAD(ALL("\"mode\":\"a\",\"map\":\"b\",\"level\":1", ",\"latencies\":{\"eu\":-1}"),
        "latencies.eu");
    BAD(ALL("\"mode\":\"a\",\"map\":\"b\",\"level\":1", ",\"latencies\":{\"eu\":10001}"),
        "latencies.eu");
    BAD(ALL("\"mode\":\"a\",\"map\":\"b\",\"level\":1", ",\"latencies\":7"),
        "latencies must be an object");
    BAD(ALL("\"mode\":\"a\",\"map\":\"b\",\"level\":1", ",\"latencies\":{\"eu\":1},\"party\":1"),
        "party must be");
}
END_TEST

START_TEST(who_joins_a_party_has_latencies_alone)
{
    ck_assert_str_eq(read_as(&queues[1], "{\"latencies\":{\"eu\":20}}"), "");
    ck_assert_int_eq(form.latency[0], 20);
    ck_assert_str_eq(read_as(&queues[0], ""), "");
    ck_assert_ptr_nonnull(strstr(read_as(&queues[1], ""), "latencies must have"));
}
END_TEST

START_TEST(what_is_kept_is_read_again)
{
    struct ticketform again;
    struct buf attributes, latencies;

    buf_init(&attributes, TICKETFORM_TEXT_MAX);
    buf_init(&latencies, TICKETFORM_TEXT_MAX);
    GOOD("{\"queue\":\"all\",\"attributes\":{\"mode\":\"\\\"a\\\"\",\"map\":\"\xc3\xa4\","
         "\"level\":0.1},\"latencies\":{\"eu\":20,\"us\":90}}");
    ticketform_attributes(&form, &attributes);
    ticketform_latencies(&form, &latencies);
    ticketform_init(&again, &queues[1]);
    ticketform_load_attributes(&again, attributes.data, attributes.len);
    ticketform_load_latencies(&again, latencies.data, latencies.len, true);
    ck_assert_str_eq(again.equal[0], "\"a\"");
    ck_assert_str_eq(again.equal[1], "\xc3\xa4");
    ck_assert_double_eq(again.within[0], 0.1);
    ck_assert_int_eq(again.latency[0], 20);
    ck_assert_int_eq(again.latency[1], 90);
    /* Another player of the party: the higher one counts, and none where one has none. */
    ticketform_load_latencies(&again, "{\"eu\":55}", 9, false);
    ck_assert_int_eq(again.latency[0], 55);
    ck_assert_int_eq(again.latency[1], -1);
    /* Other rules by now, or a text that is none. */
    ticketform_init(&again, &queues[1]);
    ticketform_load_attributes(&again, "{\"mode\":3", 9);
    ck_assert_str_eq(again.equal[0], "");
    buf_free(&attributes);
    buf_free(&latencies);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("ticketform");
    TCase *tc = tcase_create("forms");

    tcase_add_test(tc, a_plain_queue_asks_for_nothing);
    tcase_add_test(tc, a_queue_has_to_be_named);
    tcase_add_test(tc, what_the_rules_need_has_to_be_there);
    tcase_add_test(tc, who_joins_a_party_has_latencies_alone);
    tcase_add_test(tc, what_is_kept_is_read_again);
    suite_add_tcase(s, tc);
    return s;
}
