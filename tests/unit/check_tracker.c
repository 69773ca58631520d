/*
 * apply and lease: the fence, figures, dead letters, what a damaged call leaves behind (nothing),
 * and what an event costs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/lobby/lobby.h"
#include "tests/unit/games.h"

/* Of the keys that every call has: the checkpoint, the dead letters, and those that follow from
 * games. */
#define LAST_FIXED_KEY (2L + LOBBY_KEYS)

/* The number of events, hashes, sorted sets and dead letters after the timeouts: all 0. */
static void
arg_zeros(int n)
{
    for (int i = 0; i < n; i++)
        functions_arg("0");
}

static const char *
checkpoint(void)
{
    return functions_command("GET {p}:checkpoint:s");
}

START_TEST(test_fence)
{
    functions_begin_apply();
    arg_zeros(5);
    ck_assert_str_eq(functions_run(), "1");
    ck_assert_str_eq(checkpoint(), "1-0");
    /* The same call again: done already. */
    functions_begin("apply");
    functions_key("{p}:checkpoint:s");
    functions_arg("%s", "");
    ck_assert_str_eq(functions_run(), "0 1-0");
    functions_begin_apply();
    arg_zeros(5);
    ck_assert_str_eq(functions_run(), "1");
    ck_assert_str_eq(checkpoint(), "2-0");
}
END_TEST

START_TEST(test_fence_keeps_everything_out)
{
    open_game(A, 2);
    functions_command("SET {p}:checkpoint:s 9-9");
    functions_begin_apply();
    functions_arg_events(&(struct functions_event){A, 5000, "over", ""}, 1);
    functions_arg("1");
    functions_arg_key("{p}:0:stats:u");
    functions_arg("1");
    functions_arg("wins");
    functions_arg("1");
    arg_zeros(1);
    functions_arg("1");
    functions_arg("2");
    functions_arg("reason");
    functions_arg("x");
    ck_assert_str_eq(functions_run(), "0 9-9");
    ck_assert_str_eq(functions_command("EXISTS {p}:0:stats:u {p}:deadletters"), "0");
    STATE(A, "creator_joined");
}
END_TEST

START_TEST(test_figures_and_dead_letters)
{
    functions_begin_apply();
    arg_zeros(1);
    functions_arg("2");
    functions_arg_key("{p}:0:stats:u1");
    functions_arg("2");
    functions_arg("wins");
    functions_arg("3");
    functions_arg("games");
    functions_arg("0.1");
    functions_arg_key("{p}:0:stats:u2");
    functions_arg("1");
    functions_arg("wins");
    functions_arg("9007199254740993");
    functions_arg("1");
    functions_arg_key("{p}:0:board:wins:all");
    functions_arg("2");
    functions_arg("1.5");
    functions_arg("u1");
    functions_arg("-7");
    functions_arg("u 2");
    functions_arg("2");
    for (int i = 0; i < 2; i++) {
        functions_arg("4");
        functions_arg("reason");
        functions_arg("number %d", i);
        functions_arg("id");
        functions_arg("5-%d", i);
    }
    arg_zeros(1);
    ck_assert_str_eq(functions_run(), "1");
    ck_assert_str_eq(functions_command("HGETALL {p}:0:stats:u1"), "wins 3 games 0.1");
    ck_assert_str_eq(functions_command("HGET {p}:0:stats:u2 wins"), "9007199254740993");
    ck_assert_str_eq(functions_command("ZRANGE {p}:0:board:wins:all 0 -1 WITHSCORES"),
                     "u 2 -7 u1 1.5");
    ck_assert_str_eq(functions_command("XLEN {p}:deadletters"), "2");
    ck_assert_ptr_nonnull(
        strstr(functions_command("XRANGE {p}:deadletters - +"), "[reason number 1 id 5-1]"));
}
END_TEST

START_TEST(test_lists)
{
    for (int i = 0; i < 2; i++) {
        functions_begin_apply();
        arg_zeros(5);
        functions_arg("push");
        functions_arg_key("{p}:0:matches:u1");
        functions_arg("3");
        functions_arg("2");
        functions_arg("older %d", i);
        functions_arg("newer %d", i);
        ck_assert_str_eq(functions_run(), "1");
    }
    ck_assert_str_eq(functions_command("LRANGE {p}:0:matches:u1 0 -1"), "newer 1 older 1 newer 0");
}
END_TEST

START_TEST(test_what_is_old_is_forgotten)
{
    functions_command("ZADD {p}:0:seen 99 a 100 b 101 c");
    functions_begin_apply();
    arg_zeros(5);
    functions_arg("forget");
    functions_arg_key("{p}:0:seen");
    functions_arg("100");
    ck_assert_str_eq(functions_run(), "1");
    ck_assert_str_eq(functions_command("ZRANGE {p}:0:seen 0 -1"), "b c");
}
END_TEST

/* More pairs than Lua's stack holds at once, and than one chunk has. */
START_TEST(test_chunks)
{
    const int pairs = 10001;

    functions_begin_apply();
    arg_zeros(1);
    functions_arg("1");
    functions_arg_key("{p}:0:stats:u1");
    functions_arg("%d", pairs);
    for (int i = 0; i < pairs; i++) {
        functions_arg("f%d", i);
        functions_arg("%d", i);
    }
    functions_arg("1");
    functions_arg_key("{p}:0:board:b:all");
    functions_arg("%d", pairs);
    for (int i = 0; i < pairs; i++) {
        functions_arg("%d", i);
        functions_arg("u%d", i);
    }
    arg_zeros(2);
    ck_assert_str_eq(functions_run(), "1");
    ck_assert_str_eq(functions_command("HLEN {p}:0:stats:u1"), "10001");
    ck_assert_str_eq(functions_command("HMGET {p}:0:stats:u1 f0 f1999 f2000 f10000"),
                     "0 1999 2000 10000");
    ck_assert_str_eq(functions_command("ZCARD {p}:0:board:b:all"), "10001");
    ck_assert_str_eq(functions_command("ZSCORE {p}:0:board:b:all u10000"), "10000");
}
END_TEST

START_TEST(test_table)
{
    functions_command("HSET {p}:0:stats:u1 losses 4 wins 1");
    functions_begin_apply();
    arg_zeros(5);
    functions_key("{p}:0:stats:u0");
    functions_key("{p}:0:stats:u1");
    functions_key("{p}:0:stats:u2");
    functions_arg("table");
    functions_arg("%ld", LAST_FIXED_KEY + 2);
    functions_arg("2");
    functions_arg("2");
    functions_arg("wins");
    functions_arg("games");
    functions_arg("2");
    functions_arg("0.5");
    functions_arg("3");
    functions_arg("7");
    ck_assert_str_eq(functions_run(), "1");
    ck_assert_str_eq(functions_command("HGETALL {p}:0:stats:u1"), "losses 4 wins 2 games 0.5");
    ck_assert_str_eq(functions_command("HGETALL {p}:0:stats:u2"), "wins 3 games 7");
    ck_assert_str_eq(functions_command("EXISTS {p}:0:stats:u0"), "0");
}
END_TEST

/* What follows the timeouts, arguments with | between them; ~0 is the last of the keys that every
 * call has, ~1 and ~2 are the game and {p}:x. All of it is wrong. */
static const char *const damaged[] = {
    "",
    "0|0|0|0",
    "0|0|0|0|0|0", /* one too many */
    "-1|0|0|0|0",
    "1|~0|" A "|5000|over||0|0|0|0", /* key index: of those, past the end, none */
    "1|~3|" A "|5000|over||0|0|0|0",
    "1|0|" A "|5000|over||0|0|0|0",
    "1|7.5|" A "|5000|over||0|0|0|0",
    "1|~1|" B "|5000|over||0|0|0|0", /* another game's id */
    "1|~2|" A "|5000|over||0|0|0|0", /* no game's key */
    "1|~1|" A "|5000|rest||0|0|0|0", /* kinds and states that are none */
    "1|~1|" A "|5000|state|created|0|0|0|0",
    "1|~1|" A "|x|over||0|0|0|0",
    "2|~1|" A "|5000|over||0|0|0|0",
    "1|~1|" A "|5000|over||1|~2|1|f|0|0|0", /* a hash's pair is cut */
    "1|~1|" A "|5000|over||1|~2|0|0|0|0",
    "1|~1|" A "|5000|over||1|~2|99999|f|v|0|0|0",
    "1|~1|" A "|5000|over||1|4|1|f|v|0|0|0",
    "1|~1|" A "|5000|over||0|1|~2|1|high|m|0|0", /* a score that is none */
    "1|~1|" A "|5000|over||0|1|~2|1|nan|m|0|0",
    "1|~1|" A "|5000|over||0|1|~2|1| 1|m|0|0",
    "1|~1|" A "|5000|over||0|1|~2|1||m|0|0",
    "1|~1|" A "|5000|over||0|0|1|3|a|b|c|0", /* a dead letter's fields */
    "1|~1|" A "|5000|over||0|0|1|0|0",
    "1|~1|" A "|5000|over||0|0|1|4002|a|b|0",
    "1|~1|" A "|5000|over||0|0|0|1|dense|~2|~2|~2|0", /* a ranked board without players */
    "1|~1|" A "|5000|over||0|0|0|1|dense|~2|~2|~2|1|1|u",
    "1|~1|" A "|5000|over||0|0|0|1|dense|~2|~2|~0|1|1|u|",
    "1|~1|" A "|5000|over||0|0|0|1|dense|~2|~2|~2|1|nan|u|",
    "1|~1|" A "|5000|over||0|0|0|1|last|~2|~2|~2|1|1|u|",
    "1|~1|" A "|5000|over||0|0|0|1|first|~2|~2|~2|1|1|u|123",
    "1|~1|" A "|5000|over||0|0|0|1|first|~1|~2|~2|1|1|u|0123456789abcdef",
    "1|~1|" A "|5000|over||0|0|0|0|pull|~2|1|1|x", /* lists */
    "1|~1|" A "|5000|over||0|0|0|0|push",
    "1|~1|" A "|5000|over||0|0|0|0|push|~2|0|1|x",
    "1|~1|" A "|5000|over||0|0|0|0|push|~2|20|0",
    "1|~1|" A "|5000|over||0|0|0|0|push|~2|20|2|x",
    "1|~1|" A "|5000|over||0|0|0|0|push|~0|20|1|x",
    "1|~1|" A "|5000|over||0|0|0|0|push|~2|20|4001|x",
    "1|~1|" A "|5000|over||0|0|0|0|push|~1|20|1|x", /* no list */
    "1|~1|" A "|5000|over||0|0|0|0|forget|~2",
    "1|~1|" A "|5000|over||0|0|0|0|forget|~2|-1",
    "1|~1|" A "|5000|over||0|0|0|0|forget|~1|1",   /* no sorted set */
    "1|~1|" A "|5000|over||0|0|0|0|names|~2|~2|0", /* names */
    "1|~1|" A "|5000|over||0|0|0|0|names|~2|~2|1|u",
    "1|~1|" A "|5000|over||0|0|0|0|names|~2|~1|1|u|name",
    "1|~1|" A "|5000|over||0|0|0|0|names|~0|~2|1|u|name",
    "1|~1|" A "|5000|over||0|0|0|0|table|~2|1|1|f", /* tables */
    "1|~1|" A "|5000|over||0|0|0|0|table|~2|1|2|f|v",
    "1|~1|" A "|5000|over||0|0|0|0|table|~2|1|0",
    "1|~1|" A "|5000|over||0|0|0|0|table|~2|0|1|f",
    "1|~1|" A "|5000|over||0|0|0|0|table|~2|2|1|f|v|w",
    "1|~1|" A "|5000|over||0|0|0|0|table|~0|1|1|f|v",
    "1|~1|" A "|5000|over||0|0|0|0|table|~2|1|2001|f|v",
};

START_TEST(test_damaged_calls_write_nothing)
{
    char *list = strdup(damaged[_i]), *rest = list, *arg;

    open_game(A, 2);
    functions_begin_apply();
    functions_key("{p}:game:" A);
    functions_key("{p}:x");
    while ((arg = strsep(&rest, "|")) != NULL) {
        if (arg[0] == '~')
            functions_arg("%ld", LAST_FIXED_KEY + strtol(arg + 1, NULL, 10));
        else
            functions_arg("%s", arg);
    }
    free(list);
    arg = strdup(functions_run());
    ck_assert_msg(arg[0] == '!', "%s", arg);
    free(arg);
    STATE(A, "creator_joined");
    ck_assert_str_eq(checkpoint(), "1-0");
    ck_assert_str_eq(functions_command("EXISTS {p}:x {p}:deadletters"), "0");
    CONSISTENT();
}
END_TEST

START_TEST(test_damaged_head)
{
    functions_begin("apply");
    functions_key("{p}:checkpoint:s");
    functions_arg("%s", "");
    functions_arg("no stream id");
    ck_assert_int_eq(functions_run()[0], '!');
    /* A game whose hash is damaged: the batch is refused as a whole. */
    open_game(A, 2);
    functions_command("HDEL {p}:game:" A " max");
    ck_assert_int_eq(functions_event(A, 5000, "over", "")[0], '!');
    ck_assert_str_eq(checkpoint(), "1-0");
}
END_TEST

/* Keys that hold something else than they should: the call fails before the first write. */
static const char *const of_another_type[] = {
    "{p}:deadletters", "{p}:deadlines", "{p}:lobby", "{p}:public",    "{p}:counts",
    "{p}:holders",     "{p}:index",     "{p}:codes", "{p}:0:stats:u",
};

START_TEST(test_keys_of_another_type)
{
    const char *key = of_another_type[_i];

    open_game(A, 2);
    functions_command("DEL %s", key);
    if (strcmp(key, "{p}:counts") == 0)
        functions_command("HSET %s games many", key);
    else
        functions_command("SET %s damaged", key);
    functions_begin_apply();
    functions_arg_events(&(struct functions_event){A, 5000, "state", "all_players_joined"}, 1);
    functions_arg("2");
    functions_arg_key("{p}:0:stats:first");
    functions_arg("1");
    functions_arg("wins");
    functions_arg("1");
    functions_arg_key("{p}:0:stats:u");
    functions_arg("1");
    functions_arg("wins");
    functions_arg("1");
    functions_arg("0");
    functions_arg("1");
    functions_arg("2");
    functions_arg("reason");
    functions_arg("x");
    functions_arg("0");
    ck_assert_int_eq(functions_run()[0], '!');
    STATE(A, "creator_joined");
    ck_assert_str_eq(functions_command("EXISTS {p}:0:stats:first"), "0");
    ck_assert_str_eq(checkpoint(), "1-0");
}
END_TEST

static const char *
lease(const char *owner, int ms)
{
    functions_begin("lease");
    functions_key("{p}:lease");
    functions_arg("%s", owner);
    functions_arg("%d", ms);
    return functions_run();
}

START_TEST(test_table_with_a_key_of_another_type)
{
    functions_command("SET {p}:0:stats:u2 damaged");
    functions_begin_apply();
    arg_zeros(5);
    functions_key("{p}:0:stats:u1");
    functions_key("{p}:0:stats:u2");
    functions_arg("table");
    functions_arg("%ld", LAST_FIXED_KEY + 1);
    functions_arg("2");
    functions_arg("1");
    functions_arg("wins");
    functions_arg("2");
    functions_arg("3");
    ck_assert_ptr_nonnull(strstr(functions_run(), "-1 damaged {p}:0:stats:u2"));
    ck_assert_str_eq(functions_command("HGET {p}:0:stats:u1 wins"), "2");
    ck_assert_str_eq(functions_command("GET {p}:0:stats:u2"), "damaged");
    ck_assert_str_eq(functions_command("EXISTS {p}:checkpoint:s"), "1");
}
END_TEST

START_TEST(test_lease)
{
    ck_assert_str_eq(lease("one", 60000), "1");
    ck_assert_str_eq(lease("two", 60000), "0");
    ck_assert_str_eq(lease("one", 90000), "1");
    ck_assert_int_gt(strtol(functions_command("PTTL {p}:lease"), NULL, 10), 80000);
    functions_command("PEXPIRE {p}:lease 0");
    ck_assert_str_eq(lease("two", 60000), "1");
    ck_assert_str_eq(functions_command("GET {p}:lease"), "two");
    ck_assert_int_eq(lease("two", 0)[0], '!');
}
END_TEST

/* How long one call holds Redis, by its own count. */
static void
report(const char *what, int events)
{
    const char *stats = functions_command("INFO commandstats");
    const char *fcall = strstr(stats, "cmdstat_fcall:");
    const char *usec = fcall != NULL ? strstr(fcall, "usec=") : NULL;

    ck_assert_ptr_nonnull(usec);
    printf("%s: %.1f us an event\n", what, strtod(usec + 5, NULL) / events);
    fflush(stdout);
}

#define MANY 2000

START_TEST(test_thousands_of_events)
{
    static struct functions_event events[MANY];
    static char ids[MANY][33];

    for (int i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof ids[i], "%032x", i);
        functions_game("create_intent", ids[i], "1000|9000|%s|p|host|Host|2|{}|http://s|ws://s",
                       ids[i]);
        functions_game("create_done", ids[i], "1500|tok|60000");
        events[i] = (struct functions_event){ids[i], 2000, "state", "creator_joined"};
    }
    functions_command("CONFIG RESETSTAT");
    ck_assert_str_eq(functions_events(events, MANY), "1");
    report("an event each for 2000 games", MANY);
    ck_assert_str_eq(functions_command("ZCARD {p}:lobby"), "2000");
    for (int i = 0; i < MANY; i++)
        events[i] = (struct functions_event){ids[i % 100], 3000, i < 100 ? "over" : "connect",
                                             i < 100 ? "" : "host"};
    functions_command("CONFIG RESETSTAT");
    ck_assert_str_eq(functions_events(events, MANY), "1");
    report("2000 events for 100 games", MANY);
    CONSISTENT();
    functions_begin_apply();
    arg_zeros(1);
    functions_arg("%d", MANY);
    for (int i = 0; i < MANY; i++) {
        functions_arg_key("{p}:0:stats:%d", i);
        functions_arg("2");
        functions_arg("wins");
        functions_arg("%d", i);
        functions_arg("games");
        functions_arg("%d", i);
    }
    functions_arg("1");
    functions_arg_key("{p}:0:board:b:all");
    functions_arg("%d", MANY);
    for (int i = 0; i < MANY; i++) {
        functions_arg("%d", i);
        functions_arg("%d", i);
    }
    arg_zeros(2);
    functions_command("CONFIG RESETSTAT");
    ck_assert_str_eq(functions_run(), "1");
    report("figures of 2000 players on one board", MANY);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("tracker");
    TCase *tc = tcase_create("functions");

    redis_server_require();
    tcase_add_checked_fixture(tc, functions_setup, functions_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_fence);
    tcase_add_test(tc, test_fence_keeps_everything_out);
    tcase_add_test(tc, test_figures_and_dead_letters);
    tcase_add_test(tc, test_lists);
    tcase_add_test(tc, test_what_is_old_is_forgotten);
    tcase_add_test(tc, test_chunks);
    tcase_add_test(tc, test_table);
    tcase_add_loop_test(tc, test_damaged_calls_write_nothing, 0,
                        (int)(sizeof damaged / sizeof damaged[0]));
    tcase_add_test(tc, test_damaged_head);
    tcase_add_loop_test(tc, test_keys_of_another_type, 0,
                        (int)(sizeof of_another_type / sizeof of_another_type[0]));
    tcase_add_test(tc, test_table_with_a_key_of_another_type);
    tcase_add_test(tc, test_lease);
    tcase_add_test(tc, test_thousands_of_events);
    suite_add_tcase(s, tc);
    return s;
}
