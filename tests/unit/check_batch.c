/* Tests of worker/batch/batch.c: what a batch reads, computes and writes, without Redis. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
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
    " \"game_socket_url\": \"ws://127.0.0.1:2/\", \"players\": {\"min\": 2, \"max\": 2},"
    " \"stats\": ["
    "  {\"on\": {\"type\": \"game_over\"}, \"player\": \"winner_id\", \"add\": {\"games\": 1, "
    "\"wins\": 1}},"
    "  {\"on\": {\"type\": \"game_over\"}, \"player\": \"loser_id\", \"add\": {\"games\": 1, "
    "\"wins\": 0}},"
    "  {\"on\": {\"type\": \"points\"}, \"player\": \"user_id\", \"add\": {\"points\": {\"field\": "
    "\"n\"}}},"
    "  {\"on\": {\"type\": \"pay\"}, \"player\": \"user_id\","
    "   \"add\": {\"a\": {\"field\": \"x\"}, \"b\": {\"field\": \"y\"}}},"
    "  {\"on\": {\"type\": \"points\"}, \"player\": \"user_id\", \"max\": {\"best\": {\"field\": "
    "\"n\"}}},"
    "  {\"on\": {\"type\": \"duel\"}, \"player\": \"winner\", \"streak\": {\"row\": {\"longest\": "
    "\"most\"}}},"
    "  {\"on\": {\"type\": \"duel\"}, \"player\": \"loser\", \"streak\": {\"row\": false}}],"
    " \"boards\": ["
    "  {\"id\": \"wins\", \"title\": \"W\", \"from\": ["
    "   {\"on\": {\"type\": \"game_over\"}, \"player\": \"winner_id\", \"add\": 1}]},"
    "  {\"id\": \"calm\", \"timezone\": \"Europe/Berlin\","
    "   \"windows\": [\"all\", \"weekly\", \"daily\"], \"seasons\": [{\"id\": \"x\","
    "   \"from\": \"2026-01-01T00:00:00Z\", \"to\": \"2026-03-29T22:00:00Z\"}], \"from\": ["
    "   {\"on\": {\"type\": \"calm\"}, \"player\": \"user_id\", \"add\": {\"field\": \"n\"}}]},"
    "  {\"id\": \"low\", \"title\": \"L\", \"order\": \"asc\", \"from\": ["
    "   {\"on\": {\"type\": \"points\"}, \"player\": \"user_id\", \"min\": {\"field\": \"n\"}}]}]}";

static char text[65536];

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
points(const char *id, const char *user, const char *n)
{
    add(ENTRY(id, "product_id", "p", "type", "points", "user_id", user, "n", n));
}

/* The arguments from the first-th on, with a space between them. */
static const char *
join(const struct redis_args *a, size_t first)
{
    size_t i, len = 0;

    text[0] = '\0';
    for (i = first; i < a->n; i++) {
        size_t from = i > 0 ? a->ends[i - 1] : 0, n = a->ends[i] - from;

        ck_assert_uint_lt(len + n + 2, sizeof(text));
        if (i > first)
            text[len++] = ' ';
        memcpy(text + len, a->bytes.data + from, n);
        text[len += n] = '\0';
    }
    return text;
}

static void
expect_read(size_t i, const char *command)
{
    struct redis_args a;

    redis_args_init(&a);
    batch_read_command(batch, i, &a);
    ck_assert_str_eq(join(&a, 0), command);
    redis_args_free(&a);
}

/* The answer to the i-th read. NULL is nil. */
#define ANSWER(i, ...)                                                       \
    do {                                                                     \
        struct redisReply *entry_ = ENTRY("1-0", __VA_ARGS__);               \
        ck_assert_int_eq(batch_read_reply(batch, i, entry_->element[1]), 0); \
        entry_free(entry_);                                                  \
    } while (0)

/* Compute, and compare the keys behind the fixed ones, and the arguments behind the timeouts. */
static void
expect_apply_lists(const char *keys, const char *arguments, const char *lists)
{
    struct batch_span span = {.stream = "s",
                              .checkpoint = "1-0",
                              .end = {.ms = 9, .seq = 1},
                              .entries = 7,
                              .events = {.n = 5, .since = {1, 2}},
                              .latest = 5000};
    struct redis_args a;
    struct buf expected;

    batch_compute(batch);
    redis_args_init(&a);
    batch_apply_command(batch, &span, &a);
    ck_assert(!a.failed);
    buf_init(&expected, 8192);
    buf_printf(&expected, "%s%s%s 1-0 9-1 60000 60000 900000 600000 1200000 300000 ",
               batch_fixture_keys, *keys != '\0' ? " " : "", keys);
    buf_str(&expected, batch_fixture_indexes(arguments));
    buf_str(&expected, " 0");
    buf_str(&expected, batch_fixture_indexes(lists));
    ck_assert_str_eq(join(&a, 3), expected.data);
    buf_free(&expected);
    redis_args_free(&a);
}

static void
expect_apply(const char *keys, const char *arguments)
{
    expect_apply_lists(keys, arguments, "");
}

static void
expect_results(size_t applied, size_t ignored, size_t dead)
{
    struct batch_results results = batch_results(batch);

    ck_assert_uint_eq(results.applied, applied);
    ck_assert_uint_eq(results.ignored, ignored);
    ck_assert_uint_eq(results.dead, dead);
}

#define POSITION "~0 4 id 9-1 entries 7 events 5 since 1-2"

/* What a player is told of a match of two, and what is done with so many of them. */
#define MATCH(at, result, winner, loser)                                      \
    " {\"game_id\": \"" GAME "\", \"at\": \"" at "Z\", \"result\": \"" result \
    "\", \"placements\": [[\"" winner "\"],[\"" loser "\"]], \"ranks\": [1,2]}"
#define PUSH(key, n) " push " key " 20 " n
#define EPOCH "1970-01-01T00:00:"

START_TEST(a_batch_without_events_moves_the_checkpoint_alone)
{
    ck_assert_uint_eq(batch_reads(batch), 0);
    expect_apply("", "0 1 " POSITION " 0 0");
}
END_TEST

START_TEST(a_figure_is_read_once_and_written_once)
{
    game_over("2-0", "ann", "bob");
    game_over("3-0", "bob", "ann");
    game_over("4-0", "ann", "bob");
    ck_assert_uint_eq(batch_reads(batch), 5);
    expect_read(0, "HMGET {p}:0:stats:ann games wins");
    expect_read(1, "HMGET {p}:0:stats:bob games wins");
    expect_read(2, "ZMSCORE {p}:0:board:wins:all ann bob");
    expect_read(3, "HMGET {p}:0:versus:ann bob");
    expect_read(4, "HMGET {p}:0:versus:bob ann");
    ANSWER(0, "10", "5");
    ANSWER(1, NULL, NULL);
    ANSWER(2, "5", NULL);
    ANSWER(3, "8 2 1");
    ANSWER(4, (const char *)NULL);
    expect_apply_lists("{p}:game:" GAME " {p}:game:" GAME " {p}:game:" GAME
                       " {p}:0:stats:ann {p}:0:stats:bob {p}:0:board:wins:all"
                       " {p}:0:versus:ann {p}:0:versus:bob {p}:0:matches:ann {p}:0:matches:bob",
                       "3 ~1 " GAME " 2 over  ~2 " GAME " 3 over  ~3 " GAME " 4 over  "
                       "5 " POSITION " ~4 2 games 13 wins 7 ~5 2 games 3 wins 1 "
                       "~7 1 bob 10 3 1 ~8 1 ann 1 2 0 1 ~6 2 7 ann 1 bob 0",
                       PUSH("~9", "3") MATCH(EPOCH "00.002", "win", "ann", "bob")
                           MATCH(EPOCH "00.003", "loss", "bob", "ann")
                               MATCH(EPOCH "00.004", "win", "ann", "bob") PUSH("~10", "3")
                                   MATCH(EPOCH "00.002", "loss", "ann", "bob")
                                       MATCH(EPOCH "00.003", "win", "bob", "ann")
                                           MATCH(EPOCH "00.004", "loss", "ann", "bob"));
    expect_results(3, 0, 0);
    ck_assert(batch_changes_board(batch, 0, "all"));
    ck_assert(!batch_changes_board(batch, 2, "all"));
}
END_TEST

START_TEST(what_does_not_change_is_not_written)
{
    points("2-0", "ann", "5");
    ANSWER(0, "1", "9");
    ANSWER(1, "3");
    expect_apply("{p}:0:stats:ann", "0 2 " POSITION " ~1 1 points 6 0 0");
    ck_assert(!batch_changes_board(batch, 2, "all"));
}
END_TEST

START_TEST(a_zero_is_written_where_there_was_nothing)
{
    points("2-0", "ann", "0");
    ANSWER(0, NULL, NULL);
    ANSWER(1, (const char *)NULL);
    expect_apply("{p}:0:stats:ann {p}:0:board:low:all",
                 "0 2 " POSITION " ~1 2 points 0 best 0 1 ~2 1 0 ann 0");
}
END_TEST

START_TEST(an_event_whose_result_does_not_fit_counts_not_at_all)
{
    points("2-0", "ann", "1");
    points("3-0", "ann", "9007199254740992");
    points("4-0", "ann", "2");
    ANSWER(0, "9", NULL);
    ANSWER(1, (const char *)NULL);
    expect_apply("{p}:0:stats:ann {p}:0:board:low:all {p}:aside",
                 "0 2 " POSITION " ~1 2 points 12 best 2 2 ~2 1 1 ann ~3 1 3 3-0 "
                 "1 12 reason a figure would be beyond 2^53 source_id 3-0 "
                 "product_id p type points user_id ann n 9007199254740992");
    expect_results(2, 0, 1);
    ck_assert_uint_eq(batch_dead_at(batch, 0).id.ms, 3);
}
END_TEST

START_TEST(what_an_event_did_before_it_failed_is_undone)
{
    add(ENTRY("2-0", "product_id", "p", "type", "pay", "user_id", "ann", "x", "5", "y",
              "9007199254740992"));
    add(ENTRY("3-0", "product_id", "p", "type", "pay", "user_id", "ann", "x", "1", "y", "1"));
    ANSWER(0, "10", "2");
    expect_apply("{p}:0:stats:ann {p}:aside",
                 "0 2 " POSITION " ~1 2 a 11 b 3 1 ~2 1 2 2-0 "
                 "1 14 reason a figure would be beyond 2^53 source_id 2-0 "
                 "product_id p type pay user_id ann x 5 y 9007199254740992");
}
END_TEST

START_TEST(a_stored_figure_that_is_no_number_costs_its_events_alone)
{
    game_over("2-0", "ann", "bob");
    game_over("3-0", "cat", "bob");
    ANSWER(0, "1", "rubbish");
    ANSWER(1, NULL, NULL);
    ANSWER(2, NULL, NULL);
    ANSWER(3, NULL, NULL);
    expect_apply_lists(
        "{p}:game:" GAME " {p}:0:stats:bob {p}:0:stats:cat {p}:0:board:wins:all"
        " {p}:0:versus:bob {p}:0:versus:cat {p}:aside {p}:0:matches:cat {p}:0:matches:bob",
        "1 ~1 " GAME " 3 over  5 " POSITION " ~2 2 games 1 wins 0 ~3 2 games 1 wins 1 "
        "~5 1 cat 0 1 0 ~6 1 bob 1 0 0 2 ~4 1 1 cat ~7 1 2 2-0 "
        "1 14 reason a stored figure is not a number source_id 2-0 product_id p type "
        "game_over game_id " GAME " winner_id ann loser_id bob",
        PUSH("~8", "1") MATCH(EPOCH "00.003", "win", "cat", "bob") PUSH("~9", "1")
            MATCH(EPOCH "00.003", "loss", "cat", "bob"));
    expect_results(1, 0, 1);
}
END_TEST

/* Whoever wrote it had a wrong clock. Deadlines that count from it would never come. */
START_TEST(an_event_from_the_future_is_of_now)
{
    game_over("4999-0", "ann", "bob");
    game_over("18446744073709551615-3", "ann", "bob");
    ANSWER(0, NULL, NULL);
    ANSWER(1, NULL, NULL);
    ANSWER(2, NULL);
    expect_apply_lists("{p}:game:" GAME " {p}:game:" GAME " {p}:0:stats:ann {p}:0:stats:bob "
                       "{p}:0:board:wins:all {p}:0:versus:ann {p}:0:versus:bob {p}:0:matches:ann "
                       "{p}:0:matches:bob",
                       "2 ~1 " GAME " 4999 over  ~2 " GAME " 5000 over  5 " POSITION
                       " ~3 2 games 2 wins 2 ~4 2 games 2 wins 0 ~6 1 bob 2 0 0 ~7 1 ann 0 2 0 "
                       "1 ~5 1 2 ann 0",
                       PUSH("~8", "2") MATCH(EPOCH "04.999", "win", "ann", "bob")
                           MATCH("9999-12-31T23:59:59.999", "win", "ann", "bob") PUSH("~9", "2")
                               MATCH(EPOCH "04.999", "loss", "ann", "bob")
                                   MATCH("9999-12-31T23:59:59.999", "loss", "ann", "bob"));
}
END_TEST

START_TEST(an_event_that_does_not_fit_its_rule_is_a_dead_letter)
{
    points("2-0", "ann", "many");
    ck_assert_uint_eq(batch_reads(batch), 0);
    batch_compute(batch);
    expect_results(0, 0, 1);
    ck_assert_ptr_nonnull(batch_dead_at(batch, 0).reason);
}
END_TEST

START_TEST(an_entry_that_cannot_be_decoded_keeps_its_fields)
{
    struct redisReply *entry = ENTRY("2-0", "product_id", "p", "x", "1", "x", "2");

    batch_add_dead(batch, (struct event_id){2, 0}, entry, "a field occurs twice");
    entry_free(entry);
    expect_apply("{p}:aside",
                 "0 1 " POSITION " 1 ~1 1 2 2-0 1 10 reason a field occurs twice source_id 2-0 "
                 "product_id p x 1 x 2");
}
END_TEST

START_TEST(a_dead_letter_is_bounded)
{
    static char huge[EVENT_FIELD_VALUE_MAX + 1000];
    const char *texts[2 * EVENT_FIELDS_MAX + 4];
    struct redis_args a;
    struct batch_span span = {.stream = "s", .checkpoint = ""};
    struct redisReply *entry;
    size_t i;

    memset(huge, 'x', sizeof(huge) - 1);
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        texts[i] = i == 1 ? huge : "y";
    entry = entry_new("2-0", texts, i);
    batch_add_dead(batch, (struct event_id){2, 0}, entry, "more than 64 fields");
    entry_free(entry);
    batch_compute(batch);
    redis_args_init(&a);
    batch_apply_command(batch, &span, &a);
    ck_assert(!a.failed);
    ck_assert_uint_lt(a.bytes.len, EVENT_FIELD_VALUE_MAX + 2000);
    redis_args_free(&a);
}
END_TEST

START_TEST(game_events_carry_kind_time_and_argument)
{
    static const char *const expected =
        "4 ~1 " GAME " 20 state creator_joined ~2 " GAME " 21 connect bob ~3 " GAME
        " 22 disconnect bob ~4 " GAME " 23 removed  1 " POSITION " 0 0";

    add(ENTRY("20-0", "product_id", "p", "game_id", GAME, "type", "state_change", "new_state",
              "creator_joined"));
    add(ENTRY("21-0", "product_id", "p", "game_id", GAME, "type", "player_connect", "player_id",
              "bob"));
    add(ENTRY("22-0", "product_id", "p", "game_id", GAME, "type", "player_disconnect", "player_id",
              "bob"));
    add(ENTRY("23-0", "product_id", "p", "game_id", GAME, "type", "game_removed"));
    add(ENTRY("24-0", "product_id", "p", "type", "gameplay"));
    expect_apply("{p}:game:" GAME " {p}:game:" GAME " {p}:game:" GAME " {p}:game:" GAME, expected);
    expect_results(4, 1, 0);
    ck_assert_uint_eq(batch_moves(batch), 4);
    ck_assert_str_eq(batch_move_at(batch, 2).kind, "disconnect");
    ck_assert_uint_eq(batch_move_at(batch, 2).id.ms, 22);
}
END_TEST

/* Of many events it is asked whether their games are there, fifty a command. */
START_TEST(games_that_are_gone_are_told_at_once)
{
    struct redisReply gone = {.type = REDIS_REPLY_INTEGER, .integer = 0};
    struct redisReply there = {.type = REDIS_REPLY_INTEGER, .integer = 1};
    struct redisReply strange = {.type = REDIS_REPLY_NIL};
    char id[32];

    for (int i = 0; i < 60; i++) {
        (void)snprintf(id, sizeof(id), "%d-0", 20 + i);
        add(ENTRY(id, "product_id", "p", "game_id", GAME, "type", "game_removed"));
        if (i == 30)
            ck_assert_uint_eq(batch_reads(batch), 0);
    }
    ck_assert_uint_eq(batch_reads(batch), 2);
    ck_assert_int_eq(batch_read_reply(batch, 0, &strange), -1);
    ck_assert_int_eq(batch_read_reply(batch, 0, &gone), 0);
    ck_assert_int_eq(batch_read_reply(batch, 1, &there), 0);
    batch_compute(batch);
    ck_assert_uint_eq(batch_results(batch).gone, 50);
    ck_assert_uint_eq(batch_results(batch).applied, 60);
    ck_assert_uint_eq(batch_moves(batch), 10);
    ck_assert_uint_eq(batch_move_at(batch, 0).id.ms, 70);
}
END_TEST

START_TEST(names_do_not_run_into_each_other)
{
    /* Stat and player, board and player: none of these is the same figure. */
    points("2-0", "a", "1");
    points("3-0", "apoints", "2");
    points("4-0", "", "3"); /* no name: a dead letter */
    ck_assert_uint_eq(batch_reads(batch), 3);
    expect_read(0, "HMGET {p}:0:stats:a points best");
    expect_read(1, "ZMSCORE {p}:0:board:low:all a apoints");
    expect_read(2, "HMGET {p}:0:stats:apoints points best");
}
END_TEST

static void
calm(const char *id, const char *user, const char *n)
{
    add(ENTRY(id, "product_id", "p", "type", "calm", "user_id", user, "n", n));
}

/* The last two milliseconds of 29 March 2026 in Berlin, and the first of the 30th, a Monday. */
START_TEST(a_score_counts_in_every_window_of_its_time)
{
    calm("1774821599998-0", "ann", "1");
    calm("1774821599999-0", "bob", "2");
    calm("1774821600000-0", "ann", "4");
    ck_assert_uint_eq(batch_reads(batch), 6);
    expect_read(0, "ZMSCORE {p}:0:board:calm:all ann bob");
    expect_read(1, "ZMSCORE {p}:0:board:calm:2026-W13 ann bob");
    expect_read(2, "ZMSCORE {p}:0:board:calm:2026-03-29 ann bob");
    expect_read(3, "ZMSCORE {p}:0:board:calm:s-x ann bob");
    expect_read(4, "ZMSCORE {p}:0:board:calm:2026-W14 ann");
    expect_read(5, "ZMSCORE {p}:0:board:calm:2026-03-30 ann");
    ANSWER(0, "10", NULL);
    ANSWER(1, "3", NULL);
    ANSWER(2, NULL, NULL);
    ANSWER(3, "7", NULL);
    ANSWER(4, (const char *)NULL);
    ANSWER(5, (const char *)NULL);
    expect_apply(
        "{p}:0:board:calm:all {p}:0:board:calm:2026-W13 {p}:0:board:calm:2026-03-29 "
        "{p}:0:board:calm:s-x {p}:0:board:calm:2026-W14 {p}:0:board:calm:2026-03-30 {p}:0:windows",
        "0 1 " POSITION " 7 ~1 2 15 ann 2 bob ~2 2 4 ann 2 bob ~3 2 1 ann 2 bob "
        "~4 2 8 ann 2 bob ~5 1 4 ann ~6 1 4 ann "
        "~7 5 1774821600000 {p}:0:board:calm:2026-W13 1774821600000 "
        "{p}:0:board:calm:2026-03-29 1774821600000 {p}:0:board:calm:s-x "
        "1775426400000 {p}:0:board:calm:2026-W14 1774908000000 "
        "{p}:0:board:calm:2026-03-30 0");
    expect_results(3, 0, 0);
}
END_TEST

START_TEST(a_figure_too_large_in_one_window_counts_in_none)
{
    calm("1774821599998-0", "ann", "9007199254740992");
    ANSWER(0, "2");
    ANSWER(1, (const char *)NULL);
    ANSWER(2, (const char *)NULL);
    ANSWER(3, (const char *)NULL);
    batch_compute(batch);
    expect_results(0, 0, 1);
    ck_assert(!batch_changes_board(batch, 1, "all"));
}
END_TEST

static void
duel(const char *id, const char *winner, const char *loser)
{
    add(ENTRY(id, "product_id", "p", "type", "duel", "winner", winner, "loser", loser));
}

START_TEST(a_streak_grows_and_ends)
{
    duel("2-0", "ann", "bob");
    duel("3-0", "ann", "bob");
    duel("4-0", "bob", "ann");
    duel("5-0", "ann", "bob");
    ck_assert_uint_eq(batch_reads(batch), 2);
    expect_read(0, "HMGET {p}:0:stats:ann row most");
    expect_read(1, "HMGET {p}:0:stats:bob row most");
    ANSWER(0, "2", "3");
    ANSWER(1, NULL, NULL);
    expect_apply("{p}:0:stats:ann {p}:0:stats:bob",
                 "0 3 " POSITION " ~1 2 row 1 most 4 ~2 2 row 0 most 1 0 0");
}
END_TEST

START_TEST(answers_of_another_shape_are_refused)
{
    struct redisReply *entry = ENTRY("1-0", "1");

    points("2-0", "ann", "1");
    ck_assert_int_eq(batch_read_reply(batch, 0, entry->element[1]), -1);
    ck_assert_int_eq(batch_read_reply(batch, 0, entry->element[0]), -1);
    entry_free(entry);
}
END_TEST

START_TEST(a_batch_is_used_again)
{
    points("2-0", "ann", "1");
    batch_start(batch, "p", &GENERATION_FIRST, product);
    ck_assert_uint_eq(batch_events(batch), 0);
    ck_assert_uint_eq(batch_reads(batch), 0);
    points("3-0", "ann", "4");
    ck_assert_uint_eq(batch_last_id(batch).ms, 3);
    ANSWER(0, NULL, NULL);
    ANSWER(1, (const char *)NULL);
    expect_apply("{p}:0:stats:ann {p}:0:board:low:all",
                 "0 2 " POSITION " ~1 2 points 4 best 4 1 ~2 1 4 ann 0");
}
END_TEST

static const char late_game[] =
    "{\"product_id\": \"p\", \"game_server_url\": \"http://127.0.0.1:1\", \"grace\": 100,"
    " \"game_socket_url\": \"ws://127.0.0.1:2/\", \"boards\": ["
    "  {\"id\": \"sum\", \"ties\": \"first\", \"from\": [{\"on\": {\"type\": \"sum\"},"
    "   \"player\": \"user_id\", \"add\": 5}]},"
    "  {\"id\": \"quick\", \"ties\": \"first\", \"order\": \"asc\", \"from\": [{\"on\": {\"type\": "
    "   \"sum\"}, \"player\": \"user_id\", \"add\": 5}, {\"on\": {\"type\": \"set\"},"
    "   \"player\": \"user_id\", \"set\": 7}]}]}";

static void
late(const char *id, const char *type, const char *user, const char *ms)
{
    char time[32];

    (void)snprintf(time, sizeof(time), "1970-01-01T00:00:00.%sZ", ms);
    add(ENTRY(id, "product_id", "p", "type", type, "user_id", user, "time", time));
}

/* A sum is reached with the latest event of it; what is set, with the event that sets it. */
START_TEST(a_late_event_makes_no_sum_earlier)
{
    const char *call;

    batch_fixture_end();
    batch_fixture_start(late_game);
    late("110-0", "sum", "ann", "050");
    late("111-0", "sum", "bob", "100");
    late("112-0", "sum", "bob", "060");
    ck_assert_uint_eq(batch_reads(batch), 2);
    ANSWER(0, "ffffffffff9bffff:5", NULL); /* of 100 ms */
    ANSWER(1, "0000000000280000:5", NULL); /* of 40 ms */
    call = applied();
    contains(call, " 10 ann ffffffffff9bffff 10 bob ffffffffff9bffff ");
    contains(call, " 10 ann 0000000000320000 10 bob 0000000000640000 ");

    batch_start(batch, "p", &GENERATION_FIRST, product);
    late("113-0", "set", "ann", "030");
    ANSWER(0, "0000000000320000:10");
    contains(applied(), " 7 ann 00000000001e0000 ");
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("batch");
    TCase *tc = tcase_create("batch");

    tcase_add_checked_fixture(tc, setup, batch_fixture_end);
    tcase_add_test(tc, a_batch_without_events_moves_the_checkpoint_alone);
    tcase_add_test(tc, a_figure_is_read_once_and_written_once);
    tcase_add_test(tc, what_does_not_change_is_not_written);
    tcase_add_test(tc, a_zero_is_written_where_there_was_nothing);
    tcase_add_test(tc, an_event_whose_result_does_not_fit_counts_not_at_all);
    tcase_add_test(tc, what_an_event_did_before_it_failed_is_undone);
    tcase_add_test(tc, a_stored_figure_that_is_no_number_costs_its_events_alone);
    tcase_add_test(tc, an_event_from_the_future_is_of_now);
    tcase_add_test(tc, an_event_that_does_not_fit_its_rule_is_a_dead_letter);
    tcase_add_test(tc, an_entry_that_cannot_be_decoded_keeps_its_fields);
    tcase_add_test(tc, a_dead_letter_is_bounded);
    tcase_add_test(tc, game_events_carry_kind_time_and_argument);
    tcase_add_test(tc, games_that_are_gone_are_told_at_once);
    tcase_add_test(tc, names_do_not_run_into_each_other);
    tcase_add_test(tc, a_score_counts_in_every_window_of_its_time);
    tcase_add_test(tc, a_figure_too_large_in_one_window_counts_in_none);
    tcase_add_test(tc, a_streak_grows_and_ends);
    tcase_add_test(tc, answers_of_another_shape_are_refused);
    tcase_add_test(tc, a_batch_is_used_again);
    tcase_add_test(tc, a_late_event_makes_no_sum_earlier);
    suite_add_tcase(suite, tc);
    return suite;
}
