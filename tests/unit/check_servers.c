/*
 * Tests of lib/lobby/servers.c: which game server gets a new game.
 */
#include "lib/lobby/servers.h"

#include <string.h>

#include "lib/lobby/gameserver.h"
#include "lib/product/product.h"
#include "tests/unit/calls.h"
#include "tests/unit/stub.h"
#include "tests/unit/unit.h"

#define GAMES 2000

static char urls[3][64];
static struct product_server servers[3];
static struct product product;
static size_t chosen[3];

/* Nothing is ever sent to them but by those tests that say so. */
static void
setup(void)
{
    calls_setup();
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(urls[i], sizeof(urls[i]), "http://127.0.0.1:%zu", i + 1);
        servers[i] = (struct product_server){.url = urls[i], .socket_url = urls[i], .weight = 1};
    }
    product = (struct product){.id = "p", .servers = servers, .nservers = 3};
}

static void
choose_many(void)
{
    memset(chosen, 0, sizeof(chosen));
    for (int i = 0; i < GAMES; i++) {
        const struct product_server *s = servers_choose(calls_client, &product);

        ck_assert_ptr_nonnull(s);
        chosen[s - servers]++;
    }
}

START_TEST(test_weights)
{
    servers[0].weight = 1;
    servers[1].weight = 3;
    servers[2].weight = 0; /* no file has it; it is never met */
    choose_many();
    ck_assert_uint_gt(chosen[0], GAMES / 8);
    ck_assert_uint_lt(chosen[0], GAMES * 3 / 8);
    ck_assert_uint_eq(chosen[0] + chosen[1], GAMES);
}
END_TEST

START_TEST(test_drained)
{
    servers[0].drained = servers[2].drained = true;
    choose_many();
    ck_assert_uint_eq(chosen[1], GAMES);
    /* Rather one that is away than one that is drained. */
    gameserver_report(calls_client, urls[1], false);
    choose_many();
    ck_assert_uint_eq(chosen[1], GAMES);
    servers[1].drained = true;
    ck_assert_ptr_null(servers_choose(calls_client, &product));
}
END_TEST

START_TEST(test_those_that_answer_come_first)
{
    gameserver_report(calls_client, urls[0], false);
    gameserver_report(calls_client, urls[1], false);
    choose_many();
    ck_assert_uint_eq(chosen[2], GAMES);
    gameserver_report(calls_client, urls[0], true);
    choose_many();
    ck_assert_uint_eq(chosen[1], 0);
    ck_assert_uint_gt(chosen[0], 0);
    /* Nobody knows better: any. */
    for (size_t i = 0; i < 3; i++)
        gameserver_report(calls_client, urls[i], false);
    choose_many();
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_gt(chosen[i], 0);
}
END_TEST

START_TEST(test_breaker)
{
    struct told told;

    calls_limits.breaker_failures = 2;
    calls_limits.breaker_open = 30000;
    calls_start_client();
    for (int i = 0; i < 2; i++)
        (void)calls_make_at(urls[0], &told);
    ck_assert_int_eq(told.outcome, GAMESERVER_DOWN);
    ck_assert_int_eq(calls_status(0).breaker, BREAKER_OPEN);
    ck_assert(!calls_status(0).up);
    ck_assert_uint_eq(calls_status(0).failures, 2);
    /* It may answer probes: the breaker holds all the same. */
    gameserver_report(calls_client, urls[0], true);
    choose_many();
    ck_assert_uint_eq(chosen[0], 0);
    /* One whose breaker is closed is better, even where it did not answer. */
    gameserver_report(calls_client, urls[1], false);
    servers[2].drained = true;
    choose_many();
    ck_assert_uint_eq(chosen[1], GAMES);
}
END_TEST

START_TEST(test_others)
{
    gameserver_report(calls_client, urls[1], false);
    ck_assert(servers_other(calls_client, &product, urls[0])); /* the third */
    servers[2].drained = true;
    ck_assert(!servers_other(calls_client, &product, urls[0]));
    ck_assert_uint_eq(calls_status(1).retries, 1);
    product.nservers = 1;
    ck_assert(!servers_other(calls_client, &product, urls[0]));
}
END_TEST

/* Ten at once; then one for every ten calls, wherever these go. */
START_TEST(test_budget)
{
    struct told told;
    int n = 0;

    while (servers_other(calls_client, &product, urls[0]))
        ck_assert_int_lt(++n, 100);
    ck_assert_int_eq(n, 10);
    for (int i = 0; i < 9; i++)
        (void)calls_make_at(stub_url(&calls_stub, "ok"), &told);
    ck_assert(!servers_other(calls_client, &product, urls[0]));
    (void)calls_make_at(stub_url(&calls_stub, "ok"), &told);
    ck_assert(servers_other(calls_client, &product, urls[0]));
    ck_assert(!servers_other(calls_client, &product, urls[0]));
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("servers");
    TCase *tc = tcase_create("servers");

    tcase_add_checked_fixture(tc, setup, calls_teardown);
    tcase_add_test(tc, test_weights);
    tcase_add_test(tc, test_drained);
    tcase_add_test(tc, test_those_that_answer_come_first);
    tcase_add_test(tc, test_breaker);
    tcase_add_test(tc, test_others);
    tcase_add_test(tc, test_budget);
    suite_add_tcase(suite, tc);
    return suite;
}
