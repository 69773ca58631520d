/* The matches of a batch: last matches, and what there was between two players. */
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

#define GAME "0123456789abcdef0123456789abcdef"

static const char game_file[] =
    "{\"product_id\": \"p\", \"title\": \"P\", \"game_server_url\": \"http://127.0.0.1:1\","
    " \"game_socket_url\": \"ws://127.0.0.1:2/\"}";

static void
setup(void)
{
    batch_fixture_start(game_file);
}

static void
game_over(const char *id, const char *winner, const char *loser)
{
    add(ENTRY(id, "product_id", "p", "type", "game_over", "game_id", GAME, "winner_id", winner,
              "loser_id", loser));
}

static void
placed(const char *id, const char *placements, const char *ranks)
{
    add(ENTRY(id, "product_id", "p", "type", "game_over", "game_id", GAME, "placements", placements,
              "ranks", ranks));
}

START_TEST(teams_have_played_against_each_other)
{
    const char *call;

    placed("2-0", "[[\"a\",\"b\"],[\"c\"],[\"d\\\"\"]]", "[1,1,4]");
    ck_assert_uint_eq(batch_reads(batch), 4);
    call = applied();
    contains(call,
             " {p}:0:versus:a {p}:0:versus:b {p}:0:versus:c {p}:0:versus:d\" {p}:0:matches:a ");
    contains(call, " ~2 2 c 0 0 1 d\" 1 0 0 ~3 2 c 0 0 1 d\" 1 0 0 "
                   "~4 3 a 0 0 1 b 0 0 1 d\" 1 0 0 ~5 3 a 0 1 0 b 0 1 0 c 0 1 0 ");
    contains(call, "\"result\": \"draw\", \"placements\": [[\"a\",\"b\"],[\"c\"],[\"d\\\"\"]], "
                   "\"ranks\": [1,1,4]} push ");
    contains(call, "\"result\": \"loss\", ");
    ck_assert_ptr_null(strstr(call, "win"));
    ck_assert_uint_eq(batch_results(batch).applied, 1);
}
END_TEST

START_TEST(a_team_alone_has_played_against_nobody)
{
    const char *call;

    placed("2-0", "[[\"a\",\"b\"]]", "[1]");
    ck_assert_uint_eq(batch_reads(batch), 0);
    call = applied();
    contains(call, "\"result\": \"win\", \"placements\": [[\"a\",\"b\"]], \"ranks\": [1]}");
    contains(call, " {p}:0:matches:a {p}:0:matches:b ");
}
END_TEST

START_TEST(nobody_plays_against_himself)
{
    game_over("2-0", "a", "a");
    ck_assert_uint_eq(batch_reads(batch), 0);
    ck_assert_ptr_null(strstr(applied(), "matches"));
    ck_assert_uint_eq(batch_results(batch).applied, 1);
    ck_assert_uint_eq(batch_moves(batch), 1);
}
END_TEST

START_TEST(bad_placements_end_no_game)
{
    placed("2-0", "[[\"a\"],[\"b\"]", "[1,2]");
    placed("3-0", "[[\"a\"],[\"b\"]]", "[1]");
    ck_assert_uint_eq(batch_reads(batch), 0);
    (void)applied();
    ck_assert_uint_eq(batch_results(batch).dead, 2);
    ck_assert_uint_eq(batch_moves(batch), 0);
    ck_assert_str_eq(batch_dead_at(batch, 0).reason,
                     "placements is not a JSON array of arrays of strings");
}
END_TEST

START_TEST(what_is_stored_and_is_none_costs_its_events_alone)
{
    struct redisReply *entry = ENTRY("1-0", "1 2");

    game_over("2-0", "a", "b");
    game_over("3-0", "c", "b");
    ck_assert_int_eq(batch_read_reply(batch, 0, entry->element[1]), 0);
    entry_free(entry);
    contains(applied(), " reason what is stored of two players' matches cannot be read ");
    ck_assert_uint_eq(batch_results(batch).dead, 1);
    ck_assert_uint_eq(batch_results(batch).applied, 1);
}
END_TEST

START_TEST(no_more_is_sent_than_is_kept)
{
    const char *call;
    char id[32];

    for (int i = 0; i < 50; i++) {
        (void)snprintf(id, sizeof(id), "%d-0", 100 + i);
        game_over(id, "a", i % 2 == 0 ? "b" : "c");
    }
    call = applied();
    contains(call,
             " push ~54 20 20 {\"game_id\": \"" GAME "\", \"at\": \"1970-01-01T00:00:00.130Z");
    ck_assert_ptr_null(strstr(call, "00.129Z\", \"result\": \"win"));
    contains(call, " b 25 0 0 c 25 0 0 ");
}
END_TEST

/* What a game's file does without is neither read nor written. */
START_TEST(what_the_file_does_without)
{
    static const char file[] =
        "{\"product_id\": \"p\", \"game_server_url\": \"http://127.0.0.1:1\","
        " \"game_socket_url\": \"ws://127.0.0.1:2/\", \"matches\": %d, \"head_to_head\": %s}";
    char text[sizeof(file) + 32];
    const char *call;

    batch_fixture_end();
    (void)snprintf(text, sizeof(text), file, 0, "false");
    batch_fixture_start(text);
    game_over("2-0", "a", "b");
    ck_assert_uint_eq(batch_reads(batch), 0);
    call = applied();
    ck_assert_ptr_null(strstr(call, "matches"));
    ck_assert_ptr_null(strstr(call, "versus"));
    ck_assert_uint_eq(batch_moves(batch), 1);
    batch_fixture_end();
    (void)snprintf(text, sizeof(text), file, 3, "true");
    batch_fixture_start(text);
    game_over("2-0", "a", "b");
    ck_assert_uint_eq(batch_reads(batch), 2);
    contains(applied(), " push ~5 3 1 {");
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("batch_matches");
    TCase *tc = tcase_create("batch_matches");

    tcase_add_checked_fixture(tc, setup, batch_fixture_end);
    tcase_add_test(tc, teams_have_played_against_each_other);
    tcase_add_test(tc, a_team_alone_has_played_against_nobody);
    tcase_add_test(tc, nobody_plays_against_himself);
    tcase_add_test(tc, bad_placements_end_no_game);
    tcase_add_test(tc, what_is_stored_and_is_none_costs_its_events_alone);
    tcase_add_test(tc, no_more_is_sent_than_is_kept);
    tcase_add_test(tc, what_the_file_does_without);
    suite_add_tcase(suite, tc);
    return suite;
}
