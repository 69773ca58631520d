/*
 * Create, join and list as a player sees them, with every answer a game server can give, at once
 * and late, and many players after one seat.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/lobby_fixture.h"
#include "tests/unit/random.h"

#define JOINERS 50
#define ROUNDS 200
#define NOWHERE "0123456789abcdef0123456789abcdef"

static const char *
game_state(const char *id)
{
    return functions_command("HGET {p}:game:%s state", id);
}

static const char *
only_game(void)
{
    static char id[64];

    snprintf(id, sizeof id, "%s", functions_command("ZRANGE {p}:deadlines 0 -1"));
    ck_assert_uint_eq(strlen(id), 32);
    return id;
}

START_TEST(test_create)
{
    struct asked a = ask_create("j\xc3\xb6rg");
    char expect[1024];

    ck_assert_int_eq(a.result, LOBBY_DONE);
    snprintf(expect, sizeof expect,
             "{\"game_id\":\"%s\",\"product_id\":\"p\",\"creator_id\":\"j\xc3\xb6rg\","
             "\"creator_name\":\"name of j\xc3\xb6rg\",\"players\":[\"j\xc3\xb6rg\"],"
             "\"settings\":{\"num_players\":2},\"token\":\"token\\/j\xc3\xb6rg\","
             "\"state\":\"created\",\"target_game_server\":\"ws:\\/\\/game.example\\/play\"}",
             only_game());
    ck_assert_str_eq(a.json, expect);
    SAME_VIEW(a.game_id);
}
END_TEST

struct failure {
    enum gameserver_outcome outcome;
    enum lobby_result result;
    bool forgotten; /* nothing has to be undone */
    bool cut;
};

static const struct failure failures[] = {{GAMESERVER_REFUSED, LOBBY_REFUSED, true, false},
                                          {GAMESERVER_DOWN, LOBBY_GAME_SERVER_AWAY, true, false},
                                          {GAMESERVER_RUBBISH, LOBBY_REFUSED, false, false},
                                          {GAMESERVER_RUBBISH, LOBBY_GAME_SERVER_AWAY, false, true},
                                          {GAMESERVER_LATE, LOBBY_GAME_SERVER_AWAY, false, false}};

START_TEST(test_create_fails)
{
    const struct failure *f = &failures[_i];
    wall_ms before = clock_wall();
    struct asked a;

    stub_script[STUB_CREATE] = (struct stub_script){.outcome = f->outcome, .cut = f->cut};
    a = ask_create("host");
    ck_assert_int_eq(a.result, f->result);
    ck_assert_int_eq(a.retry_after, f->outcome == GAMESERVER_DOWN ? 7000 : 1000);
    ck_assert_str_eq(a.reason, "scripted");
    ck_assert_str_eq(functions_command("ZCARD {p}:deadlines"), f->forgotten ? "0" : "1");
    if (f->forgotten)
        return;
    ck_assert_str_eq(game_state(only_game()), "removing");
    ck_assert_uint_eq(curate(clock_wall() + 1000, 10).removed, 1);
    ck_assert_uint_eq(stub_games(), 0);
    ck_assert_int_ge(strtoll(functions_command("HGET {p}:game:%s until", only_game()), NULL, 10),
                     before + FIXTURE_LATE);
    ck_assert_uint_eq(curate(clock_wall() + FIXTURE_LATE, 10).removed, 1);
    ck_assert_str_eq(functions_command("KEYS {p}:game:*"), "");
    CONSISTENT();
}
END_TEST

START_TEST(test_join_fails)
{
    const struct failure *f = &failures[_i];
    const char *id = make_game("host");
    struct asked a;

    stub_script[STUB_JOIN] = (struct stub_script){.outcome = f->outcome, .cut = f->cut};
    a = ask_join(id, "guest");
    ck_assert_int_eq(a.result, f->result);
    ck_assert_str_eq(functions_command("ZCARD {p}:lobby"), "1"); /* listed again at once */
    stub_script[STUB_JOIN].outcome = GAMESERVER_DONE;
    a = ask_join(id, "guest");
    ck_assert_int_eq(a.result, f->forgotten ? LOBBY_DONE : LOBBY_NO_LONGER_AVAILABLE);
    if (f->forgotten)
        return;
    ck_assert_uint_eq(curate(clock_wall() + 1000, 10).removed, 1);
    SAME_VIEW(id);
    ck_assert_uint_eq(curate(clock_wall() + FIXTURE_LATE, 10).removed, 1);
    ck_assert_int_eq(ask_join(id, "guest").result, LOBBY_DONE);
    SAME_VIEW(id);
}
END_TEST

static const struct {
    enum gameserver_outcome late;
    bool settled; /* Redis knows at once that there is nothing to undo */
    bool at_once; /* the curator acts now */
} late_ends[] = {{GAMESERVER_REFUSED, true, false},
                 {GAMESERVER_DONE, false, true},
                 {GAMESERVER_RUBBISH, false, true},
                 {GAMESERVER_LATE, false, false}};

/* The late answer reaches Redis: wait for an answer behind it. */
static void
end_late(void)
{
    stub_end_late();
    ck_assert_int_eq(ask_list(1, 0).result, LOBBY_DONE);
    CONSISTENT();
}

START_TEST(test_create_is_late)
{
    wall_ms start = clock_wall();
    struct lobby_expired done;

    stub_script[STUB_CREATE] =
        (struct stub_script){.outcome = GAMESERVER_LATE, .late = late_ends[_i].late};
    ck_assert_int_eq(ask_create("host").result, LOBBY_GAME_SERVER_AWAY);
    end_late();
    done = curate(late_ends[_i].at_once ? clock_wall() : start, 10);
    ck_assert_uint_eq(done.removed, late_ends[_i].at_once);
    ck_assert_uint_eq(done.expired, 0);
    ck_assert_uint_eq(stub_games(), 0);
    ck_assert_str_eq(functions_command("ZCARD {p}:deadlines"),
                     late_ends[_i].settled || late_ends[_i].at_once ? "0" : "1");
}
END_TEST

START_TEST(test_join_is_late)
{
    const char *id = make_game("host");
    wall_ms start = clock_wall();

    stub_script[STUB_JOIN] =
        (struct stub_script){.outcome = GAMESERVER_LATE, .late = late_ends[_i].late};
    ck_assert_int_eq(ask_join(id, "guest").result, LOBBY_GAME_SERVER_AWAY);
    ck_assert_int_eq(ask_join(id, "guest").result, LOBBY_NO_LONGER_AVAILABLE);
    end_late();
    ck_assert_uint_eq(curate(late_ends[_i].at_once ? clock_wall() : start, 10).removed,
                      late_ends[_i].at_once);
    SAME_VIEW(id);
    stub_script[STUB_JOIN].outcome = GAMESERVER_DONE;
    ck_assert_int_eq(ask_join(id, "guest").result, late_ends[_i].settled || late_ends[_i].at_once
                                                       ? LOBBY_DONE
                                                       : LOBBY_NO_LONGER_AVAILABLE);
}
END_TEST

/* Of the game that was just asked for nothing is left in Redis. */
static void
lose_the_game(void)
{
    const char *id = only_game();

    functions_event(id, clock_wall() + FIXTURE_LATE, "removed", "");
    ck_assert_str_eq(functions_command("EXISTS {p}:game:%s", id), "0");
}

/* The game server has a game of which Redis had heard nothing: it is told until it has heard of it.
 */
static void
check_removed_in_the_end(void)
{
    char id[33];

    snprintf(id, sizeof(id), "%s", only_game());
    ck_assert_str_eq(game_state(id), "removing");
    ck_assert_uint_eq(stub_games(), 1);
    stub_script[STUB_REMOVE_GAME].outcome = GAMESERVER_DOWN;
    ck_assert_uint_eq(curate(clock_wall(), 10).failed, 1);
    fixture_crash();
    stub_script[STUB_REMOVE_GAME].outcome = GAMESERVER_DONE;
    ck_assert_uint_eq(curate(clock_wall() + 1000, 10).removed, 1);
    ck_assert_uint_eq(stub_games(), 0);
    ck_assert_str_eq(functions_command("KEYS {p}:game:*"), "");
    CONSISTENT();
}

START_TEST(test_made_when_redis_knows_nothing_of_it)
{
    struct asked a;

    stub_hold = true;
    begin_create(&a, "host");
    fixture_turn_until(&stub_calls, 1);
    lose_the_game();
    stub_hold = false;
    stub_release();
    fixture_turn_until(&a.done, 1);
    ck_assert_int_eq(a.result, LOBBY_NO_LONGER_AVAILABLE);
    check_removed_in_the_end();
}
END_TEST

START_TEST(test_made_late_when_redis_knows_nothing_of_it)
{
    stub_script[STUB_CREATE] =
        (struct stub_script){.outcome = GAMESERVER_LATE, .late = GAMESERVER_DONE};
    ck_assert_int_eq(ask_create("host").result, LOBBY_GAME_SERVER_AWAY);
    lose_the_game();
    end_late();
    check_removed_in_the_end();
}
END_TEST

START_TEST(test_join_answers)
{
    const char *id;
    struct asked a = ask_create("host");

    a = ask_join(a.game_id, "guest");
    ck_assert_int_eq(a.result, LOBBY_INVALID_STATE);
    ck_assert_str_eq(a.state, "created");
    ck_assert_str_eq(a.reason, "");
    ck_assert_int_eq(ask_join(NOWHERE, "guest").result, LOBBY_NOT_FOUND);
    id = make_game("other");
    a = ask_join(id, "guest");
    ck_assert_int_eq(a.result, LOBBY_DONE);
    ck_assert_ptr_nonnull(strstr(a.json, "\"players\":[\"other\",\"guest\"]"));
    ck_assert_ptr_nonnull(strstr(a.json, "\"token\":\"token\\/guest\""));
    SAME_VIEW(id);
    a = ask_join(id, "guest");
    ck_assert_str_eq(a.reason, "already in it");
    a = ask_join(id, "third");
    ck_assert_int_eq(a.result, LOBBY_INVALID_STATE);
    ck_assert_str_eq(a.state, "creator_joined");
    ck_assert_str_eq(a.reason, "the game is full");
}
END_TEST

START_TEST(test_a_damaged_game_is_our_fault)
{
    const char *id = make_game("host");
    struct asked a;

    functions_command("HSET {p}:game:%s seats damaged", id);
    begin_join(&a, id, "guest");
    fixture_turn_until(&a.done, 1);
    ck_assert_int_eq(a.result, LOBBY_FAILED);
    ck_assert_str_ne(a.reason, "");
}
END_TEST

START_TEST(test_list)
{
    struct asked a;
    char ids[30][33];

    ck_assert_str_eq(ask_list(10, 0).json, "[]");
    for (int i = 0; i < 30; i++) {
        snprintf(ids[i], sizeof ids[i], "%s", make_game("host"));
        functions_command("ZADD {p}:lobby %d %s", i, ids[i]);
    }
    ck_assert_str_eq(ask_list(0, 0).json, "[]");
    ck_assert_str_eq(ask_list(10, 3).json, "[]");
    ck_assert_str_eq(ask_list(10, INT64_MAX).json, "[]");
    a = ask_list(1, 29);
    ck_assert_ptr_nonnull(strstr(a.json, ids[29]));
    ck_assert_ptr_null(strstr(a.json, "token"));
    a = ask_list(26, 1); /* more than 25 counts as 25: the second page has five */
    for (int i = 0; i < 30; i++)
        ck_assert((strstr(a.json, ids[i]) != NULL) == (i >= 25));
    ck_assert(strstr(a.json, ids[25]) < strstr(a.json, ids[26]));
}
END_TEST

/* One seat, many players at the same moment, and a game server in one of its moods. */
static void
one_round(struct random_source *rnd, bool moody)
{
    static struct asked asked[JOINERS];
    static const enum gameserver_outcome moods[] = {GAMESERVER_DONE, GAMESERVER_REFUSED,
                                                    GAMESERVER_DOWN, GAMESERVER_RUBBISH};
    const char *id = make_game("host");
    char user[16];
    size_t won = 0, failed = 0;

    if (moody)
        stub_script[STUB_JOIN].outcome = moods[random_below(rnd, 4)];
    for (int i = 0; i < JOINERS; i++) {
        snprintf(user, sizeof user, "u%d", i);
        begin_join(&asked[i], id, user);
    }
    for (int i = 0; i < JOINERS; i++) {
        fixture_turn_until(&asked[i].done, 1);
        won += asked[i].result == LOBBY_DONE;
        failed += asked[i].result == LOBBY_REFUSED || asked[i].result == LOBBY_GAME_SERVER_AWAY;
        ck_assert(asked[i].result == LOBBY_NO_LONGER_AVAILABLE ||
                  asked[i].result == LOBBY_INVALID_STATE || won + failed > 0);
    }
    ck_assert_uint_eq(won, stub_script[STUB_JOIN].outcome == GAMESERVER_DONE);
    ck_assert_uint_le(won + failed, 1);
    CONSISTENT();
    curate(clock_wall() + 1000, 100);
    SAME_VIEW(id);
    ck_assert_str_eq(functions_event(id, clock_wall(), "removed", ""), "1");
}

START_TEST(test_the_last_seat)
{
    struct random_source rnd = random_start();

    for (int i = 0; i < ROUNDS; i++)
        one_round(&rnd, _i > 0);
}
END_TEST

START_TEST(test_sixty_four_players)
{
    static struct asked asked[100];
    char user[16];
    const char *id;
    size_t won = 0;

    product.players_max = 64;
    id = make_game("host");
    for (int i = 0; i < 100; i++) {
        snprintf(user, sizeof user, "u%d", i);
        begin_join(&asked[i], id, user);
    }
    for (int i = 0; i < 100; i++) {
        fixture_turn_until(&asked[i].done, 1);
        won += asked[i].result == LOBBY_DONE;
    }
    ck_assert_uint_eq(won, 63);
    CONSISTENT();
    SAME_VIEW(id);
    ck_assert_str_eq(functions_command("HGET {p}:counts players_in_lobby"), "64");
}
END_TEST

START_TEST(test_the_same_player_twice_at_once)
{
    const char *id = make_game("host");
    struct asked a, b;

    begin_join(&a, id, "guest");
    begin_join(&b, id, "guest");
    fixture_turn_until(&a.done, 1);
    fixture_turn_until(&b.done, 1);
    ck_assert_int_eq(a.result, LOBBY_DONE);
    ck_assert_int_eq(b.result, LOBBY_INVALID_STATE);
    ck_assert_str_eq(b.reason, "already in it");
    SAME_VIEW(id);
}
END_TEST

START_TEST(test_redis_away)
{
    struct asked a;
    char id[33];

    snprintf(id, sizeof id, "%s", make_game("host"));
    stub_hold = true;
    begin_join(&a, id, "guest");
    fixture_turn_until(&stub_calls, 2);
    redis_server_kill(functions_server());
    stub_release(); /* the game server did it, and Redis cannot be told */
    fixture_turn_until(&a.done, 1);
    ck_assert_int_eq(a.result, LOBBY_REDIS_AWAY);
    ck_assert_int_gt(a.retry_after, 0);
    begin_create(&a, "host");
    fixture_turn_until(&a.done, 1);
    ck_assert_int_eq(a.result, LOBBY_REDIS_AWAY);
    ck_assert_int_eq(ask_list(10, 0).result, LOBBY_REDIS_AWAY);
    ck_assert_int_eq(curate(clock_wall(), 10).result, LOBBY_REDIS_AWAY);
    ck_assert_uint_eq(stub_calls, 2);
}
END_TEST

/* Redis comes back without the intent, which it had not written to the disk yet. */
START_TEST(test_made_while_redis_is_away)
{
    struct asked a;
    size_t games = 0;
    mono_ms end = clock_mono() + 10000;

    stub_hold = true;
    begin_create(&a, "host");
    fixture_turn_until(&stub_calls, 1);
    redis_server_kill(functions_server());
    stub_hold = false;
    stub_release();
    fixture_turn_until(&a.done, 1);
    ck_assert_int_eq(a.result, LOBBY_REDIS_AWAY);
    functions_restart();
    fixture_await_redis();
    while (games == 0) {
        ck_assert_int_lt(clock_mono(), end);
        ck_assert_int_eq(ask_list(1, 0).result, LOBBY_DONE);
        games = strcmp(functions_command("ZCARD {p}:deadlines"), "0") != 0;
    }
    check_removed_in_the_end();
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("lobby");
    TCase *tc = tcase_create("lobby");

    redis_server_require();
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_create);
    tcase_add_loop_test(tc, test_create_fails, 0, 5);
    tcase_add_loop_test(tc, test_join_fails, 0, 5);
    tcase_add_loop_test(tc, test_create_is_late, 0, 4);
    tcase_add_loop_test(tc, test_join_is_late, 0, 4);
    tcase_add_test(tc, test_made_when_redis_knows_nothing_of_it);
    tcase_add_test(tc, test_made_late_when_redis_knows_nothing_of_it);
    tcase_add_test(tc, test_made_while_redis_is_away);
    tcase_add_test(tc, test_join_answers);
    tcase_add_test(tc, test_a_damaged_game_is_our_fault);
    tcase_add_test(tc, test_list);
    tcase_add_loop_test(tc, test_the_last_seat, 0, 2);
    tcase_add_test(tc, test_sixty_four_players);
    tcase_add_test(tc, test_the_same_player_twice_at_once);
    tcase_add_test(tc, test_redis_away);
    suite_add_tcase(s, tc);
    return s;
}
