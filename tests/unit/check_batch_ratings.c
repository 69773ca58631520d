/* The ratings of a batch: read once, computed in the events' order, written once, or not at all. */
#include <hiredis/hiredis.h>
#include <math.h>
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

static const char game_file[] =
    "{\"product_id\": \"p\", \"title\": \"P\", \"game_server_url\": \"http://127.0.0.1:1\","
    " \"game_socket_url\": \"ws://127.0.0.1:2/\", \"boards\": ["
    "  {\"id\": \"elo\", \"rating\": {\"system\": \"elo\", \"k\": 20, \"on\": {\"type\": \"duel\"},"
    "   \"winner\": \"w\", \"loser\": \"l\"}},"
    "  {\"id\": \"sum\", \"from\": [{\"on\": {\"type\": \"duel\"}, \"player\": \"w\","
    "   \"add\": {\"field\": \"n\"}}]},"
    "  {\"id\": \"skill\", \"windows\": [\"all\", \"daily\"], \"rating\": {\"system\": "
    "\"openskill\", \"on\": {\"type\": \"teams\"},"
    "   \"placements\": \"placements\", \"ranks\": \"ranks\", \"scale\": 2, \"base\": 100}}]}";

static void
setup(void)
{
    batch_fixture_start(game_file);
}

static void
duel(const char *id, const char *winner, const char *loser, const char *n)
{
    add(ENTRY(id, "product_id", "p", "type", "duel", "w", winner, "l", loser, "n", n));
}

static void
teams(const char *id, const char *placements, const char *ranks)
{
    add(ENTRY(id, "product_id", "p", "type", "teams", "placements", placements, "ranks", ranks));
}

/* Answer the read that is this command; NULL is nil. */
static void
answer(const char *command, const char *const *texts, size_t n)
{
    struct redisReply *entry = entry_new("1-0", texts, n);
    struct redis_args a;
    size_t i;

    redis_args_init(&a);
    for (i = 0; i < batch_reads(batch); i++) {
        redis_args_reset(&a);
        batch_read_command(batch, i, &a);
        if (strcmp(joined(&a), command) == 0)
            break;
    }
    ck_assert_msg(i < batch_reads(batch), "nothing is read by %s", command);
    ck_assert_int_eq(batch_read_reply(batch, i, entry->element[1]), 0);
    redis_args_free(&a);
    entry_free(entry);
}
#define ANSWER(command, ...)                                \
    answer(command " ", (const char *const[]){__VA_ARGS__}, \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

START_TEST(a_player_of_many_matches_is_read_once_and_written_once)
{
    const char *call;

    duel("2-0", "ann", "bob", "1");
    duel("3-0", "ann", "bob", "1");
    duel("4-0", "bob", "ann", "1");
    ck_assert_uint_eq(batch_reads(batch), 4);
    ANSWER("ZMSCORE {p}:0:board:elo:all ann bob", "1500", NULL);
    ANSWER("HMGET {p}:0:player:ann r:elo", "1500 7 1500");
    ANSWER("HMGET {p}:0:player:bob r:elo", NULL);
    ANSWER("ZMSCORE {p}:0:board:sum:all ann bob", NULL, NULL);
    call = applied();
    /* 1500 v 1500, K 20: 1510 and 1490. Then 20 * (1 - .5287505) more, 1519.42 and 1480.58; then
     * the loser of both wins 20 * (1 - .4443193). */
    contains(call, " {p}:0:board:sum:all {p}:0:board:elo:all {p}:0:player:ann {p}:0:player:bob "
                   "{p}:0:history:ann:elo {p}:0:history:bob:elo ");
    contains(call, " push ~5 100 3 2 1510 3 1519.4249887221547 4 1508.3114337474124 push ~6 ");
    contains(call, " 3 ~0 4 id 9-1 entries 7 events 5 since 1-2 ~3 1 r:elo 1508.3114337474124 10 1519.4249887221547 "
                   "~4 1 r:elo 1491.6885662525876 3 1500 ");
    contains(call, " ~2 2 1508.3114337474124 ann 1491.6885662525876 bob 0 ");
    ck_assert(batch_changes_board(batch, 0, "all"));
    ck_assert_uint_eq(batch_results(batch).applied, 3);
}
END_TEST

START_TEST(an_event_that_fails_leaves_no_rating)
{
    const char *call;

    duel("2-0", "ann", "bob", "9007199254740992");
    duel("3-0", "ann", "bob", "1");
    ANSWER("ZMSCORE {p}:0:board:elo:all ann bob", NULL, NULL);
    ANSWER("ZMSCORE {p}:0:board:sum:all ann", "5");
    ANSWER("HMGET {p}:0:player:ann r:elo", NULL);
    ANSWER("HMGET {p}:0:player:bob r:elo", NULL);
    call = applied();
    contains(call, " r:elo 1510 1 1510 ");
    contains(call, " r:elo 1490 1 1500 ");
    contains(call, " reason a figure would be beyond 2^53 source_id 2-0 ");
    ck_assert_uint_eq(batch_results(batch).applied, 1);
}
END_TEST

START_TEST(a_stored_rating_that_is_none_costs_its_events_alone)
{
    const char *call;

    duel("2-0", "ann", "bob", "1");
    duel("3-0", "cat", "dan", "1");
    ANSWER("HMGET {p}:0:player:bob r:elo", "rubbish");
    ANSWER("HMGET {p}:0:player:ann r:elo", NULL);
    call = applied();
    contains(call, " reason a stored rating cannot be read source_id 2-0 ");
    contains(call, " r:elo 1510 1 1510 ");
    ck_assert_ptr_null(strstr(call, "{p}:0:player:ann"));
    ck_assert_uint_eq(batch_results(batch).dead, 1);
}
END_TEST

START_TEST(teams_are_rated)
{
    const char *call;

    teams("2-0", "[[\"a\"],[\"b\"]]", "[1,1]");
    call = applied();
    contains(call,
             " {p}:0:board:skill:all {p}:0:board:skill:1970-01-01 {p}:0:windows {p}:0:player:a "
             "{p}:0:player:b {p}:0:history:a:skill {p}:0:history:b:skill 1-0 9-1 ");
    contains(call, " push ~6 100 1 2 101.60459151873792 push ~7 100 1 2 101.60459151873792 ");
    contains(call, " ~4 1 r:skill 25 8.06590141354368");
    contains(call, " ~5 1 r:skill 25 8.06590141354368");
    contains(call, " ~1 2 101.60459151873");
    contains(call, " ~2 2 101.60459151873");
    contains(call, " r:skill 25 8.06590141354368");
    ck_assert_uint_eq(batch_results(batch).applied, 1);
}
END_TEST

START_TEST(bad_placements_are_a_dead_letter_and_nothing_else)
{
    teams("2-0", "[[\"a\"],[\"a\"]]", "[1,2]");
    teams("3-0", "[[\"a\"],[\"b\"]]", "[2,1]");
    ck_assert_uint_eq(batch_reads(batch), 0);
    (void)applied();
    ck_assert_uint_eq(batch_results(batch).dead, 2);
    ck_assert_str_eq(batch_dead_at(batch, 0).reason, "placements has a player twice");
    ck_assert_str_eq(batch_dead_at(batch, 1).reason,
                     "ranks is not in the order of placements, best first");
}
END_TEST

#define SENT(id, event_id, score)                                                        \
    add(ENTRY(id, "product_id", "p", "type", "duel", "w", "ann", "l", "bob", "n", score, \
              "event_id", event_id))

START_TEST(an_event_that_is_sent_twice_counts_once)
{
    const char *call;

    SENT("100000000-0", "one", "lots"); /* a dead letter, which may come again */
    SENT("100000001-0", "one", "1");
    SENT("100000002-0", "one", "1");
    SENT("100000003-0", "long ago", "1");
    SENT("100000004-0", "lately", "1");
    ANSWER("ZMSCORE {p}:0:seen one long ago lately", NULL, "13600003", "13600005");
    call = applied();
    ck_assert_uint_eq(batch_results(batch).applied, 2);
    ck_assert_uint_eq(batch_results(batch).duplicates, 2);
    ck_assert_uint_eq(batch_results(batch).dead, 1);
    contains(call, " {p}:0:seen ");
    contains(call, " 2 100000001 one 100000003 long ago ");
    contains(call, " forget ~5 13600004 push ~7 ");
    contains(call, " r:elo 1519.4249887221547 2 ");
}
END_TEST

START_TEST(the_last_name_of_a_player_is_written)
{
    const char *call;

    add(ENTRY("2-0", "product_id", "p", "type", "player_name", "user_id", "ann", "username", "A"));
    add(ENTRY("3-0", "product_id", "p", "type", "player_name", "user_id", "bob", "username", "B"));
    add(ENTRY("4-0", "product_id", "p", "type", "player_name", "user_id", "ann", "username",
              "Ann"));
    ck_assert_uint_eq(batch_reads(batch), 1);
    ANSWER("HMGET {p}:names ann bob", "old", NULL);
    call = applied();
    contains(call, " {p}:position:s {p}:names {p}:byname 1-0 9-1 ");
    contains(call, " 0 1 ~0 4 id 9-1 entries 7 events 5 since 1-2 0 0 0 names ~1 ~2 2 ann Ann bob B");
    ck_assert(batch_changes_names(batch));
    ck_assert_uint_eq(batch_results(batch).applied, 3);
    ck_assert_uint_eq(batch_moves(batch), 0);
}
END_TEST

START_TEST(answers_of_another_shape_are_refused)
{
    struct redisReply *entry = ENTRY("1-0", "1", "2");

    teams("2-0", "[[\"a\"],[\"b\"]]", "[1,1]");
    ck_assert_uint_eq(batch_reads(batch), 4);
    ck_assert_int_eq(batch_read_reply(batch, 2, entry->element[1]), -1);
    ck_assert_int_eq(batch_read_reply(batch, 2, entry->element[0]), -1);
    entry_free(entry);
    batch_start(batch, "p", &GENERATION_FIRST, product);
    ck_assert_uint_eq(batch_reads(batch), 0);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("batch_ratings");
    TCase *tc = tcase_create("batch_ratings");

    tcase_add_checked_fixture(tc, setup, batch_fixture_end);
    tcase_add_test(tc, a_player_of_many_matches_is_read_once_and_written_once);
    tcase_add_test(tc, an_event_that_fails_leaves_no_rating);
    tcase_add_test(tc, a_stored_rating_that_is_none_costs_its_events_alone);
    tcase_add_test(tc, teams_are_rated);
    tcase_add_test(tc, bad_placements_are_a_dead_letter_and_nothing_else);
    tcase_add_test(tc, an_event_that_is_sent_twice_counts_once);
    tcase_add_test(tc, the_last_name_of_a_player_is_written);
    tcase_add_test(tc, answers_of_another_shape_are_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
