/*
 * The curator's rounds, and what they make good: a process that died between any two steps, a game
 * server that could not be told, answers to players who had been given up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/lobby_fixture.h"

#define LONG_AFTER (clock_wall() + 3600 * 1000)

/* After the first time an intent can be undone; and when a game server can no longer do what it was
 * asked. */
#define INTENT_OVER (clock_wall() + FIXTURE_TIMEOUT + 2001)
#define ALL_OVER (INTENT_OVER + FIXTURE_LATE)

#define NOTHING_LEFT()                                              \
    do {                                                            \
        ck_assert_str_eq(functions_command("KEYS {p}:game:*"), ""); \
        CONSISTENT();                                               \
        ck_assert_uint_eq(stub_games(), 0);                         \
    } while (0)

START_TEST(test_nothing_is_due)
{
    struct lobby_expired done = curate(clock_wall(), 10);

    ck_assert_int_eq(done.result, LOBBY_DONE);
    ck_assert_uint_eq(done.games, 0);
    make_game("host");
    ck_assert_uint_eq(curate(clock_wall() + FUNCTIONS_CREATOR_JOINED_MS - 10000, 10).games, 0);
    ck_assert_uint_eq(stub_games(), 1);
}
END_TEST

START_TEST(test_the_creator_never_came)
{
    struct asked a = ask_create("host");
    struct lobby_expired done = curate(clock_wall() + FUNCTIONS_CREATED_MS + 1, 10);

    ck_assert_int_eq(done.result, LOBBY_DONE);
    ck_assert_uint_eq(done.games, 1);
    ck_assert_uint_eq(done.expired, 1);
    ck_assert_uint_eq(done.removed, 1);
    ck_assert_uint_eq(done.failed + done.seats + done.abandoned, 0);
    NOTHING_LEFT();
    ck_assert_int_eq(ask_join(a.game_id, "guest").result, LOBBY_NOT_FOUND);
}
END_TEST

/* A full game one of whose players does not come, until the game server was told. */
START_TEST(test_a_player_never_came)
{
    const char *id = make_game("host");
    struct lobby_expired done;

    ck_assert_int_eq(ask_join(id, "guest").result, LOBBY_DONE);
    stub_script[STUB_REMOVE_PLAYER].outcome = GAMESERVER_DOWN;
    done = curate(clock_wall() + FUNCTIONS_SEAT_MS + 1, 10);
    ck_assert_uint_eq(done.seats, 1);
    ck_assert_uint_eq(done.failed, 1);
    ck_assert_uint_eq(done.removed, 0);
    CONSISTENT();
    ck_assert_str_eq(functions_command("ZCARD {p}:lobby"), "1");
    ck_assert_str_eq(stub_players(id), "guest host");
    stub_script[STUB_REMOVE_PLAYER].outcome = GAMESERVER_DONE;
    done = curate(clock_wall() + FUNCTIONS_SEAT_MS + 1002, 10);
    ck_assert_uint_eq(done.seats, 0);
    ck_assert_uint_eq(done.removed, 1);
    SAME_VIEW(id);
    ck_assert_int_eq(ask_join(id, "guest").result, LOBBY_DONE);
}
END_TEST

static const struct stub_script removals[] = {{.outcome = GAMESERVER_REFUSED},
                                              {.outcome = GAMESERVER_LATE},
                                              {.outcome = GAMESERVER_RUBBISH},
                                              {.outcome = GAMESERVER_DOWN}};

START_TEST(test_removals_that_fail)
{
    struct lobby_expired done;
    wall_ms now;

    make_game("host");
    now = LONG_AFTER;
    stub_script[STUB_REMOVE_GAME] = removals[_i];
    done = curate(now, 10);
    ck_assert_uint_eq(done.expired, 1);
    ck_assert_uint_eq(done.failed, 1);
    ck_assert_str_eq(functions_command("ZCARD {p}:deadlines"), "1");
    CONSISTENT();
    ck_assert_uint_eq(curate(now, 10).games, 0); /* not at once again */
    stub_script[STUB_REMOVE_GAME] = (struct stub_script){.outcome = GAMESERVER_DONE};
    ck_assert_uint_eq(curate(now + 2000, 10).removed, 1);
    NOTHING_LEFT();
}
END_TEST

START_TEST(test_given_up_after_a_day)
{
    struct lobby_expired done;

    make_game("host");
    stub_script[STUB_REMOVE_GAME].outcome = GAMESERVER_DOWN;
    curate(LONG_AFTER, 10);
    done = curate(LONG_AFTER + 24 * 3600 * 1000 + 1000, 10);
    ck_assert_uint_eq(done.abandoned, 1);
    ck_assert_uint_eq(done.failed, 0);
    ck_assert_str_eq(functions_command("KEYS {p}:game:*"), "");
}
END_TEST

START_TEST(test_many_games_a_few_at_a_time)
{
    struct lobby_expired done;

    for (int i = 0; i < 50; i++)
        make_game("host");
    stub_most = 0;
    done = curate(LONG_AFTER, 40);
    ck_assert_uint_eq(done.games, 40);
    ck_assert_uint_eq(done.removed, 40);
    ck_assert_uint_gt(stub_most, 1);
    ck_assert_uint_le(stub_most, 8);
    CONSISTENT();
    ck_assert_uint_eq(curate(LONG_AFTER, 40).removed, 10);
    NOTHING_LEFT();
}
END_TEST

/* A game of 64 none of whose guests come: one call each, all told. */
START_TEST(test_many_players_never_came)
{
    const char *id;
    char user[16];
    struct lobby_expired done;

    product.players_max = 64;
    id = make_game("host");
    for (int i = 1; i < 64; i++) {
        snprintf(user, sizeof user, "u%d", i);
        ck_assert_int_eq(ask_join(id, user).result, LOBBY_DONE);
    }
    done = curate(clock_wall() + FUNCTIONS_SEAT_MS + 1, 10);
    ck_assert_uint_eq(done.games, 1);
    ck_assert_uint_eq(done.seats, 63);
    ck_assert_uint_eq(done.removed, 63);
    ck_assert_str_eq(stub_players(id), "host");
    SAME_VIEW(id);
}
END_TEST

/* --- a process dies between two steps --------------------------------------------------------- */

/* Where it dies: before the game server does it; after, and Redis does not hear of it. */
START_TEST(test_death_while_creating)
{
    wall_ms start = clock_wall();
    struct asked a;

    stub_hold = true;
    begin_create(&a, "host");
    fixture_turn_until(&stub_calls, 1);
    if (_i > 0)
        stub_do_held();
    fixture_crash();
    stub_hold = false;
    ck_assert_uint_eq(a.done, 0);
    CONSISTENT();
    ck_assert_uint_eq(curate(start + FIXTURE_TIMEOUT, 10).games, 0); /* it might live yet */
    ck_assert_uint_eq(curate(INTENT_OVER, 10).removed, 1);
    ck_assert_uint_eq(curate(ALL_OVER, 10).removed, 1);
    NOTHING_LEFT();
}
END_TEST

START_TEST(test_death_while_joining)
{
    const char *id = make_game("host");
    struct asked a;

    stub_hold = true;
    begin_join(&a, id, "guest");
    fixture_turn_until(&stub_calls, 2);
    if (_i > 0)
        stub_do_held();
    fixture_crash();
    stub_hold = false;
    ck_assert_uint_eq(a.done, 0);
    ck_assert_int_eq(ask_join(id, "third").result, LOBBY_NO_LONGER_AVAILABLE);
    ck_assert_uint_eq(curate(INTENT_OVER, 10).removed, 1);
    ck_assert_uint_eq(curate(ALL_OVER, 10).removed, 1);
    CONSISTENT();
    SAME_VIEW(id);
    ck_assert_int_eq(ask_join(id, "guest").result, LOBBY_DONE);
}
END_TEST

static void
ignore_round(void *cookie, const struct lobby_expired *done)
{
    (void)cookie;
    (void)done;
    ck_abort_msg("a round that died has ended");
}

/* The curator itself, before or after the game server was told. */
START_TEST(test_death_of_the_curator)
{
    wall_ms due;

    ck_assert_int_eq(ask_create("host").result, LOBBY_DONE);
    due = clock_wall() + FUNCTIONS_CREATED_MS + 1;
    stub_hold = true;
    lobby_expire_due(lobby, &product, due, 10, ignore_round, NULL);
    fixture_turn_until(&stub_calls, 2);
    if (_i > 0)
        stub_do_held();
    fixture_crash();
    stub_hold = false;
    CONSISTENT();
    ck_assert_uint_eq(curate(due, 10).games, 0);
    ck_assert_uint_eq(curate(due + 1000, 10).removed, 1);
    NOTHING_LEFT();
}
END_TEST

static void
give_up(const char *id)
{
    functions_game("expire", id, "%lld|%d|%d", (long long)INTENT_OVER, FIXTURE_LATE,
                   FUNCTIONS_CREATOR_JOINED_MS);
    CONSISTENT();
}

/* A process that stood still until its players were given up gets its answer after that. */
START_TEST(test_confirmed_too_late)
{
    struct asked a, b;
    const char *id = make_game("other");
    char created[33];

    stub_hold = true;
    begin_create(&a, "host");
    begin_join(&b, id, "guest");
    fixture_turn_until(&stub_calls, 3);
    snprintf(created, sizeof created, "%s", functions_command("ZRANGE {p}:deadlines 0 0"));
    if (strcmp(created, id) == 0)
        snprintf(created, sizeof created, "%s", functions_command("ZRANGE {p}:deadlines 1 1"));
    give_up(created);
    give_up(id);
    stub_release();
    fixture_turn_until(&a.done, 1);
    fixture_turn_until(&b.done, 1);
    ck_assert_int_eq(a.result, LOBBY_NO_LONGER_AVAILABLE);
    ck_assert_int_eq(b.result, LOBBY_NO_LONGER_AVAILABLE);
    CONSISTENT();
    stub_hold = false;
    curate(ALL_OVER, 10);
    curate(ALL_OVER + FIXTURE_LATE, 10);
    ck_assert_uint_eq(stub_games(), 1);
    ck_assert_str_eq(stub_players(id), "other");
    SAME_VIEW(id);
}
END_TEST

/* One that nobody can read costs itself alone, and is not looked at again at once. */
START_TEST(test_a_damaged_game_stops_no_other)
{
    struct lobby_expired done;
    char damaged[33];

    snprintf(damaged, sizeof damaged, "%s", make_game("host"));
    make_game("host");
    make_game("host");
    functions_command("HDEL {p}:game:%s max", damaged);
    functions_command("ZADD {p}:deadlines 1 %s", damaged);
    done = curate(LONG_AFTER, 1);
    ck_assert_int_eq(done.result, LOBBY_DONE);
    ck_assert_uint_eq(done.damaged, 1);
    ck_assert_ptr_nonnull(strstr(done.damage, damaged));
    done = curate(LONG_AFTER, 1);
    ck_assert_uint_eq(done.damaged, 0);
    ck_assert_uint_eq(done.removed, 1);
    functions_command("SET {p}:game:%s damaged", damaged);
    functions_command("ZADD {p}:deadlines 1 %s", damaged);
    done = curate(LONG_AFTER, 10);
    ck_assert_uint_eq(done.damaged, 1);
    ck_assert_uint_eq(done.removed, 1);
    ck_assert_uint_eq(stub_games(), 1);
    ck_assert_str_eq(functions_command("ZCARD {p}:deadlines"), "1");
}
END_TEST

START_TEST(test_a_full_redis_can_be_emptied)
{
    struct lobby_expired done;

    make_game("host");
    functions_command("CONFIG SET maxmemory 1");
    done = curate(LONG_AFTER, 10);
    functions_command("CONFIG SET maxmemory 0");
    ck_assert_int_eq(done.result, LOBBY_DONE);
    ck_assert_uint_eq(done.removed, 1);
    NOTHING_LEFT();
}
END_TEST

static void
on_round(void *cookie, const struct lobby_expired *done)
{
    size_t *ended = cookie;

    ck_assert_int_eq(done->result, LOBBY_REDIS_AWAY);
    ck_assert_uint_eq(done->removed, 0);
    ck_assert_uint_eq(done->failed, 2);
    (*ended)++;
}

/* Redis goes while the game server is told: the round ends and says so. */
START_TEST(test_redis_goes_during_a_round)
{
    size_t ended = 0;

    make_game("host");
    make_game("host");
    stub_hold = true;
    lobby_expire_due(lobby, &product, LONG_AFTER, 10, on_round, &ended);
    fixture_turn_until(&stub_calls, 4);
    redis_server_kill(functions_server());
    stub_release();
    fixture_turn_until(&ended, 1);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("curator");
    TCase *tc = tcase_create("curator");

    redis_server_require();
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_nothing_is_due);
    tcase_add_test(tc, test_the_creator_never_came);
    tcase_add_test(tc, test_a_player_never_came);
    tcase_add_loop_test(tc, test_removals_that_fail, 0, 4);
    tcase_add_test(tc, test_given_up_after_a_day);
    tcase_add_test(tc, test_many_games_a_few_at_a_time);
    tcase_add_test(tc, test_many_players_never_came);
    tcase_add_loop_test(tc, test_death_while_creating, 0, 2);
    tcase_add_loop_test(tc, test_death_while_joining, 0, 2);
    tcase_add_loop_test(tc, test_death_of_the_curator, 0, 2);
    tcase_add_test(tc, test_confirmed_too_late);
    tcase_add_test(tc, test_a_damaged_game_stops_no_other);
    tcase_add_test(tc, test_a_full_redis_can_be_emptied);
    tcase_add_test(tc, test_redis_goes_during_a_round);
    suite_add_tcase(s, tc);
    return s;
}
