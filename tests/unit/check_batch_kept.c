/*
 * Tests of worker/batch/batch_figures.c and worker/batch/batch_tables.c: what of a batch the next one need not
 * read, when it has to all the same, and how statistics of many are written.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/product/product.h"
#include "lib/redis/redis.h"
#include "lib/rules/event.h"
#include "tests/entry.h"
#include "tests/unit/batch_fixture.h"
#include "tests/unit/unit.h"
#include "worker/batch/batch.h"

#define NO_LIMIT SIZE_MAX

static const char game_file[] =
    "{\"product_id\": \"p\", \"title\": \"P\", \"game_server_url\": \"http://127.0.0.1:1\","
    " \"game_socket_url\": \"ws://127.0.0.1:2/\", \"players\": {\"min\": 2, \"max\": 2},"
    " \"stats\": ["
    "  {\"on\": {\"type\": \"pay\"}, \"player\": \"user_id\","
    "   \"add\": {\"a\": {\"field\": \"x\"}, \"b\": {\"field\": \"y\"}}}],"
    " \"boards\": ["
    "  {\"id\": \"rich\", \"title\": \"R\", \"from\": ["
    "   {\"on\": {\"type\": \"pay\"}, \"player\": \"user_id\", \"add\": {\"field\": \"x\"}}]},"
    "  {\"id\": \"early\", \"title\": \"E\", \"ties\": \"first\", \"from\": ["
    "   {\"on\": {\"type\": \"pay\"}, \"player\": \"user_id\", \"max\": {\"field\": \"y\"}}]}]}";

static void
setup(void)
{
    batch_fixture_start(game_file);
}

static void
pay(const char *id, const char *user, const char *x, const char *y)
{
    add(ENTRY(id, "product_id", "p", "type", "pay", "user_id", user, "x", x, "y", y));
}

static const char *
read_at(size_t i)
{
    struct redis_args a;
    const char *text;

    redis_args_init(&a);
    batch_read_command(batch, i, &a);
    text = joined(&a);
    redis_args_free(&a);
    return text;
}

/* The answer to the i-th read. NULL is nil. */
#define ANSWER(i, ...)                                                       \
    do {                                                                     \
        struct redisReply *entry_ = ENTRY("1-0", __VA_ARGS__);               \
        ck_assert_int_eq(batch_read_reply(batch, i, entry_->element[1]), 0); \
        entry_free(entry_);                                                  \
    } while (0)

/* What pay() does, but nothing is looked for yet. */
static void
fill(struct batch *b, const char *id, const char *user, const char *x, const char *y)
{
    struct redisReply *entry =
        ENTRY(id, "product_id", "p", "type", "pay", "user_id", user, "x", x, "y", y);
    const char *why;
    struct event e;

    ck_assert_int_eq(event_decode(entry, &e, &why), 0);
    batch_add(b, &e);
    entry_free(entry);
}

/* A batch of two players that was applied. */
static void
pay_two(void)
{
    pay("2-0", "ann", "5", "7");
    pay("3-0", "bob", "1", "1");
    ck_assert_uint_eq(batch_reads(batch), 4);
    ANSWER(0, "10", NULL);
    ANSWER(1, "10", "3");
    ANSWER(2, NULL, "0000000000000001:9");
    ANSWER(3, NULL, NULL);
    contains(applied(), " 2 a 15 b 7 ");
}

static void
start_again(void)
{
    batch_start(batch, "p", &GENERATION_FIRST, product);
}

START_TEST(what_is_known_is_not_read_again)
{
    pay_two();
    start_again();
    batch_keep(batch, NO_LIMIT);
    pay("4-0", "ann", "1", "2");
    ck_assert_uint_eq(batch_reads(batch), 0);
    contains(applied(), " 2 a 16 b 9 1 ~2 1 16 ann ");
    start_again();
    batch_keep(batch, NO_LIMIT);
    pay("5-0", "cat", "1", "8");
    pay("6-0", "bob", "1", "8");
    ck_assert_uint_eq(batch_reads(batch), 3);
    ck_assert_str_eq(read_at(0), "HMGET {p}:0:stats:cat a b ");
    ck_assert_str_eq(read_at(1), "ZMSCORE {p}:0:board:rich:all cat ");
    ck_assert_str_eq(read_at(2), "HMGET {p}:0:board:early:all:members cat ");
    ANSWER(0, NULL, NULL);
    ANSWER(1, (const char *)NULL);
    ANSWER(2, (const char *)NULL);
    /* bob's 9 on the board of maxima, which was read two batches ago, stays. */
    contains(applied(),
             " ~1 2 a 1 b 8 ~2 2 a 2 b 9 1 ~3 2 1 cat 5 bob 0 1 first ~4 ~5 ~6 1 8 cat ");
    ck_assert(batch_changes_board(batch, 1, "all"));
    start_again();
    batch_keep(batch, NO_LIMIT);
    pay("7-0", "bob", "1", "8");
    (void)applied();
    ck_assert(!batch_changes_board(batch, 1, "all"));
    ck_assert(batch_changes_board(batch, 0, "all"));
}
END_TEST

static void
is_read_again(void)
{
    pay("4-0", "ann", "1", "2");
    ck_assert_uint_eq(batch_reads(batch), 3);
    ANSWER(0, "100", "100");
    ANSWER(1, "100");
    ANSWER(2, (const char *)NULL);
    contains(applied(), " 2 a 101 b 102 1 ~2 1 101 ann ");
}

/* One is filled while the one before it is computed, and looks for its figures when that was sent. */
START_TEST(a_batch_beside_another_knows_what_that_computed)
{
    struct batch *first = batch, *second = batch_new_beside(batch);

    batch_start(second, "p", &GENERATION_FIRST, product);
    batch_keep(second, NO_LIMIT);
    fill(second, "4-0", "ann", "1", "2");
    fill(second, "5-0", "cat", "1", "2");
    pay_two();
    batch = second;
    ck_assert_uint_eq(batch_reads(batch), 3);
    ck_assert_str_eq(read_at(0), "HMGET {p}:0:stats:cat a b ");
    ANSWER(0, NULL, NULL);
    ANSWER(1, (const char *)NULL);
    ANSWER(2, (const char *)NULL);
    contains(applied(), " 2 a 16 b 9 ");
    /* Of the first one that is still told for which it was sent. */
    ck_assert(batch_changes_board(first, 1, "all"));
    ck_assert_uint_eq(batch_results(first).applied, 2);
    batch_free(first);
    ck_assert(batch_changes_board(second, 0, "all"));
}
END_TEST

START_TEST(a_batch_beside_another_forgets_its_figures)
{
    struct batch *first = batch, *second = batch_new_beside(batch);

    pay_two();
    batch_start(second, "p", &GENERATION_FIRST, product);
    batch = second;
    is_read_again();
    ck_assert(batch_changes_board(first, 0, "all"));
    batch_free(first);
}
END_TEST

START_TEST(what_nobody_vouches_for_is_read_again)
{
    pay_two();
    start_again();
    is_read_again();
}
END_TEST

START_TEST(it_is_vouched_for_once)
{
    pay_two();
    start_again();
    batch_keep(batch, NO_LIMIT);
    start_again();
    is_read_again();
}
END_TEST

START_TEST(what_takes_too_much_memory_is_read_again)
{
    pay_two();
    start_again();
    batch_keep(batch, 1);
    is_read_again();
}
END_TEST

START_TEST(nothing_is_left_of_one_that_rests)
{
    pay_two();
    batch_rest(batch);
    ck_assert_uint_eq(batch_reads(batch), 0);
    start_again();
    batch_keep(batch, NO_LIMIT);
    is_read_again();
}
END_TEST

START_TEST(figures_of_another_generation_are_others)
{
    struct generation other = {"7"};

    pay_two();
    batch_start(batch, "p", &other, product);
    batch_keep(batch, NO_LIMIT);
    pay("4-0", "ann", "1", "2");
    ck_assert_uint_eq(batch_reads(batch), 3);
    ck_assert_str_eq(read_at(0), "HMGET {p}:7:stats:ann a b ");
}
END_TEST

START_TEST(rules_that_were_read_again_know_nothing)
{
    struct product *before = product;
    struct batch *mine = batch;

    pay_two();
    batch_fixture_start(game_file);
    batch_free(batch);
    batch = mine;
    start_again();
    batch_keep(batch, NO_LIMIT);
    product_free(before);
    is_read_again();
}
END_TEST

START_TEST(what_was_no_number_is_read_again)
{
    pay("2-0", "ann", "5", "7");
    ANSWER(0, "10", "rubbish");
    ANSWER(1, "10");
    ANSWER(2, (const char *)NULL);
    (void)applied();
    ck_assert_uint_eq(batch_results(batch).dead, 1);
    start_again();
    batch_keep(batch, NO_LIMIT);
    pay("3-0", "ann", "1", "1");
    ck_assert_uint_eq(batch_reads(batch), 1);
    ck_assert_str_eq(read_at(0), "HMGET {p}:0:stats:ann b ");
    ANSWER(0, "4");
    contains(applied(), " 2 a 11 b 5 1 ~2 1 11 ann ");
}
END_TEST

START_TEST(what_was_undone_is_kept_as_it_was)
{
    pay("2-0", "ann", "5", "7");
    pay("3-0", "ann", "1", "9007199254740992");
    ANSWER(0, "10", "1");
    ANSWER(1, "10");
    ANSWER(2, (const char *)NULL);
    contains(applied(), " 2 a 15 b 8 ");
    ck_assert_uint_eq(batch_results(batch).dead, 1);
    start_again();
    batch_keep(batch, NO_LIMIT);
    pay("4-0", "ann", "1", "1");
    contains(applied(), " 2 a 16 b 9 1 ~2 1 16 ann ");
}
END_TEST

/* None of the players that are asked for is there. */
static void
answer_nil(size_t i, size_t players)
{
    static struct redisReply nil = {.type = REDIS_REPLY_NIL};
    static struct redisReply *all[2000];
    struct redisReply reply = {.type = REDIS_REPLY_ARRAY, .element = all};

    for (size_t n = 0; n < sizeof(all) / sizeof(all[0]); n++)
        all[n] = &nil;
    reply.elements = strstr(read_at(i), ":stats:") != NULL ? 2 : players;
    ck_assert_int_eq(batch_read_reply(batch, i, &reply), 0);
}

/* Players who come but once, and one who comes always: they are kept while they are few. */
START_TEST(many_that_come_but_once_are_not_kept)
{
    const size_t players = 200, batches = 90;
    size_t kept = 0;
    char id[32], user[128];

    for (size_t n = 0; n < batches; n++) {
        size_t known;

        for (size_t i = n * players; i < (n + 1) * players; i++) {
            (void)snprintf(id, sizeof(id), "%zu-0", 2 + i);
            (void)snprintf(user, sizeof(user), "%0100zu", i);
            pay(id, user, "1", "1");
        }
        pay(id, "ann", "1", "1");
        known = batch_reads(batch) == players + 2;
        kept += known;
        for (size_t i = 0; i < batch_reads(batch); i++)
            answer_nil(i, players + 1 - known);
        (void)applied();
        start_again();
        batch_keep(batch, NO_LIMIT);
    }
    ck_assert_uint_gt(kept, batches / 4);
    ck_assert_uint_lt(kept, batches - 2);
}
END_TEST

START_TEST(statistics_of_three_are_a_table)
{
    const char *text;

    pay("2-0", "ann", "5", "0");
    pay("3-0", "bob", "6", "1");
    pay("4-0", "cat", "7", "0");
    pay("5-0", "dan", "8", "0");
    for (size_t i = 0; i < 5; i += i == 0 ? 3 : 1)
        ANSWER(i, "1", "2");
    ANSWER(1, "1", "1", "1", "1");
    ANSWER(2, "0000000000000001:9", "0000000000000001:9", "0000000000000001:9",
           "0000000000000001:9");
    ANSWER(5, "1", "2");
    text = applied();
    contains(text, "{p}:0:stats:bob {p}:0:board:rich:all "
                   "{p}:0:stats:ann {p}:0:stats:cat {p}:0:stats:dan 1-0 ");
    contains(text, " ~1 2 a 7 b 3 1 ~2 4 6 ann 7 bob 8 cat 9 dan 0 0 table ~3 3 1 a 6 8 9 ");
}
END_TEST

/* By score, then by name, whatever order the events came in. */
START_TEST(scores_of_many_are_in_order)
{
    const size_t players = 40;
    char id[32], user[32], x[32], expected[1024] = " 40 ";

    for (size_t i = 0; i < players; i++) {
        (void)snprintf(id, sizeof(id), "%zu-0", 2 + i);
        (void)snprintf(user, sizeof(user), "u%02zu", i * 7 % players);
        (void)snprintf(x, sizeof(x), "%zu", 100 - i * 7 % players / 2);
        pay(id, user, x, "0");
    }
    for (size_t i = 0; i < batch_reads(batch); i++)
        answer_nil(i, players);
    for (size_t i = players / 2; i-- > 0;)
        (void)snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected),
                       "%zu u%02zu %zu u%02zu ", 100 - i, 2 * i, 100 - i, 2 * i + 1);
    contains(applied(), expected);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("batch_kept");
    TCase *tc = tcase_create("kept");

    tcase_add_checked_fixture(tc, setup, batch_fixture_end);
    tcase_add_test(tc, what_is_known_is_not_read_again);
    tcase_add_test(tc, a_batch_beside_another_knows_what_that_computed);
    tcase_add_test(tc, a_batch_beside_another_forgets_its_figures);
    tcase_add_test(tc, what_nobody_vouches_for_is_read_again);
    tcase_add_test(tc, it_is_vouched_for_once);
    tcase_add_test(tc, what_takes_too_much_memory_is_read_again);
    tcase_add_test(tc, nothing_is_left_of_one_that_rests);
    tcase_add_test(tc, figures_of_another_generation_are_others);
    tcase_add_test(tc, rules_that_were_read_again_know_nothing);
    tcase_add_test(tc, what_was_no_number_is_read_again);
    tcase_add_test(tc, what_was_undone_is_kept_as_it_was);
    tcase_add_test(tc, many_that_come_but_once_are_not_kept);
    tcase_add_test(tc, statistics_of_three_are_a_table);
    tcase_add_test(tc, scores_of_many_are_in_order);
    suite_add_tcase(suite, tc);
    return suite;
}
