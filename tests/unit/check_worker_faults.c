/*
 * The worker when things die: workers, Redis, and the stream's end. Whatever happens, the figures
 * are those of every event counted once. tests/faults/worker-kill.py does the same at length.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/worker_fixture.h"

#define EVENTS ((size_t)6000)
#define CLOCKS_APART 60000 /* ms: so far ahead is not wrong */
#define OTHER_GAME "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
start_both(void)
{
    worker_start(0);
    worker_start(1);
}

/* The lease of a killed worker is taken away too, or most of the time nobody would be at work. */
START_TEST(workers_are_killed_while_they_drain_the_stream)
{
    long long before = 0, now;
    size_t at_work = 0;

    worker_games("duel", EVENTS);
    for (size_t round = 0; (now = worker_totals("duel")) < (long long)EVENTS; round++) {
        for (size_t i = 0; i < WORKERS_MAX; i++)
            if (fix.worker[i] == 0)
                worker_start(i);
        at_work += now > before;
        before = now;
        worker_ask("DEL {duel}:lease");
        /* Longer and longer: on a busy machine a worker takes a while until it is at work. */
        (void)poll(NULL, 0, rand() % (20 + (int)round));
        if (round < 200)
            (void)worker_stop(round % 2, SIGKILL);
        ck_assert_uint_lt(round, 5000);
    }
    /* Somebody was killed half-way. */
    ck_assert_uint_gt(at_work, 1);
    worker_check_totals("duel", EVENTS);
}
END_TEST

/* Without leases both do the same work: what the second one does is fenced off. */
START_TEST(two_workers_get_the_same_events)
{
    worker_games("duel", EVENTS / 2);
    start_both();
    while (worker_totals("duel") < (long long)EVENTS / 2)
        worker_ask("DEL {duel}:lease");
    worker_games("duel", EVENTS / 2);
    while (worker_totals("duel") < (long long)EVENTS)
        worker_ask("DEL {duel}:lease");
    /* Both halves begin with w0 and l0. */
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(worker_int("HGET {duel}:0:stats:w%d wins", i), (long long)EVENTS / 10);
}
END_TEST

/* As whatever changes figures by hand does it: the checkpoint is stated anew in the same step. */
static const char change_by_hand[] =
    "local at = redis.call('GET', KEYS[1]) if not at then return 0 end "
    "local id, n = string.match(at, '^([^/]*)/?(%d*)$') "
    "redis.call('HINCRBY', KEYS[2], 'games', 1000000) "
    "redis.call('ZINCRBY', KEYS[3], 1000000, 'w1') "
    "redis.call('SET', KEYS[1], id .. '/' .. ((tonumber(n) or 0) + 1)) return 1";

static long long
change(void)
{
    return worker_int("EVAL %s 3 {duel}:checkpoint:game_event_stream {duel}:0:stats:w1 "
                      "{duel}:0:board:wins:all",
                      change_by_hand);
}

/* What the worker keeps in memory from batch to batch is no longer true then. */
START_TEST(figures_are_changed_by_hand_while_the_stream_is_drained)
{
    long long changes = 0;

    worker_games("duel", EVENTS);
    worker_start(0);
    while (worker_totals("duel") < (long long)EVENTS) {
        changes += change();
        (void)poll(NULL, 0, 4);
    }
    ck_assert_int_gt(changes, 2);
    ck_assert_int_eq(worker_int("HGET {duel}:0:stats:w1 games"),
                     (long long)EVENTS / 10 + 1000000 * changes);
    ck_assert_int_eq(worker_int("ZSCORE {duel}:0:board:wins:all w1"),
                     (long long)EVENTS / 10 + 1000000 * changes);
    worker_end(0);
}
END_TEST

/* A winner's wins against everybody, "wins losses draws" each. */
static long long
wins_against_all(int winner)
{
    const char *at = worker_ask("HVALS {duel}:0:versus:w%d", winner);
    long long wins = 0;
    char *end;

    while (*at != '\0') {
        wins += strtoll(at, &end, 10);
        (void)strtoll(end, &end, 10);
        (void)strtoll(end, &end, 10);
        at = end + strspn(end, " \n");
    }
    return wins;
}

/* An `apply` that finds no function is sent once more, behind what the next batch has read by then: that one has to be dropped. */
START_TEST(the_functions_are_gone_while_the_stream_is_drained)
{
    long long flushed = 0;

    worker_games("duel", EVENTS);
    worker_start(0);
    while (worker_totals("duel") < (long long)EVENTS) {
        worker_ask("FUNCTION FLUSH");
        flushed++;
        (void)poll(NULL, 0, 2);
    }
    ck_assert_int_gt(flushed, 2);
    worker_check_totals("duel", EVENTS);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(wins_against_all(i), (long long)EVENTS / 10);
    worker_end(0);
}
END_TEST

/* Two that have no lease and both keep figures, each of which the other one changes. */
START_TEST(two_workers_take_turns)
{
    start_both();
    WAIT(worker_logged(0, "connected for=state") && worker_logged(1, "connected for=state"));
    worker_games("duel", EVENTS);
    for (long long done = 0; done < (long long)EVENTS; done = worker_totals("duel")) {
        size_t stopped = (size_t)rand() % 2;

        ck_assert_int_eq(kill(fix.worker[stopped], SIGSTOP), 0);
        worker_ask("DEL {duel}:lease");
        (void)poll(NULL, 0, 30);
        ck_assert_int_eq(kill(fix.worker[stopped], SIGCONT), 0);
    }
    worker_check_totals("duel", EVENTS);
}
END_TEST

START_TEST(another_worker_takes_over)
{
    start_both();
    worker_games("duel", 10);
    WAIT(worker_totals("duel") == 10);
    WAIT(worker_logged(0, "lease taken product=duel") ||
         worker_logged(1, "lease taken product=duel"));
    (void)worker_stop(worker_logged(0, "lease taken product=duel") ? 0 : 1, SIGKILL);
    worker_games("duel", 10);
    WAIT(worker_totals("duel") == 20);
}
END_TEST

START_TEST(sigterm_finishes_what_is_under_way)
{
    worker_games("duel", EVENTS);
    for (size_t round = 0; worker_totals("duel") < (long long)EVENTS; round++) {
        worker_start(0);
        WAIT(worker_logged(0, "connected for=state"));
        (void)poll(NULL, 0, (int)(5 * round));
        worker_end(0);
        worker_remove("log.0");
    }
    worker_check_totals("duel", EVENTS);
}
END_TEST

/* Otherwise Redis may answer first and write up to two seconds later, where the disk is slow, and a
 * kill then loses what it had promised. */
static void
make_redis_keep_its_promises(void)
{
    ck_assert_str_eq(worker_ask("CONFIG SET appendfsync always"), "OK");
}

START_TEST(redis_is_killed_and_comes_back)
{
    for (size_t round = 0; round < 5; round++) {
        make_redis_keep_its_promises();
        worker_games("duel", 7 * 10 * 10); /* a whole number of rounds of winners and losers */
        if (round == 0)
            worker_start(0);
        (void)poll(NULL, 0, (int)(3 * round));
        worker_restart_redis();
    }
    WAIT(worker_totals("duel") == 5 * 700);
    worker_check_totals("duel", 5 * 700);
}
END_TEST

START_TEST(a_redis_that_hangs_is_noticed)
{
    worker_start(0);
    worker_games("duel", 70);
    WAIT(worker_totals("duel") == 70);
    redis_server_pause(fix.server);
    WAIT(strstr(worker_http("/readyz"), "503") != NULL);
    redis_server_resume(fix.server);
    worker_games("duel", 70);
    WAIT(worker_totals("duel") == 140);
    worker_check_totals("duel", 140);
}
END_TEST

/* What was read and cannot be written is late all the same. */
START_TEST(a_redis_without_memory_makes_events_late)
{
    worker_start(0);
    worker_games("duel", 70);
    WAIT(worker_totals("duel") == 70);
    ck_assert_int_eq(kill(fix.worker[0], SIGSTOP), 0);
    worker_games("duel", 70);
    worker_ask("CONFIG SET maxmemory 1");
    ck_assert_int_eq(kill(fix.worker[0], SIGCONT), 0);
    WAIT(worker_metric("varcade_stream_lag_entries") > 0);
    WAIT(worker_metric("varcade_stream_lag_seconds") > 1);
    worker_ask("CONFIG SET maxmemory 0");
    WAIT(worker_totals("duel") == 140);
    WAIT(worker_metric("varcade_stream_lag_seconds") == 0);
    ck_assert_int_eq((int)worker_metric("varcade_stream_lag_entries"), 0);
    worker_check_totals("duel", 140);
}
END_TEST

/*
 * Whoever wrote an event had a clock that is far ahead, and by Redis' rules every event behind it
 * is as far ahead. The deadlines of games count from now all the same, and none has passed.
 */
START_TEST(events_from_the_future_end_no_game)
{
    mono_ms end = clock_mono() + 1500;

    worker_start(0);
    WAIT_FOR("1", "EXISTS {duel}:lease");
    worker_create_game(GAME_ID, clock_wall() + 60000);
    worker_create_game(OTHER_GAME, clock_wall() + 60000);
    worker_ask("XADD game_event_stream 9007199254740990-0 product_id duel type state_change "
               "game_id " GAME_ID " new_state creator_joined");
    WAIT_FOR("creator_joined", "HGET {duel}:game:" GAME_ID " state");
    ck_assert_int_lt(worker_int("ZSCORE {duel}:deadlines " GAME_ID),
                     clock_wall() + 900000 + CLOCKS_APART + 1);
    while (clock_mono() < end) /* the curator looks while there is more to be read */
        worker_games("late", 500);
    WAIT_FOR("creator_joined", "HGET {duel}:game:" GAME_ID " state");
    WAIT_FOR("created", "HGET {duel}:game:" OTHER_GAME " state");
    ck_assert(!worker_logged(0, "deadlines passed"));
    worker_end(0);
}
END_TEST

/* The greatest id there is: the last event this stream can have. */
START_TEST(the_last_event_there_can_be)
{
    worker_start(0);
    WAIT_FOR("1", "EXISTS {duel}:lease");
    worker_create_game(GAME_ID, clock_wall() + 60000);
    worker_ask("XADD game_event_stream 18446744073709551615-18446744073709551615 product_id duel "
               "type state_change game_id " GAME_ID " new_state creator_joined");
    WAIT_FOR("creator_joined", "HGET {duel}:game:" GAME_ID " state");
    WAIT_FOR("18446744073709551615-18446744073709551615",
             "GET {duel}:checkpoint:game_event_stream");
    ck_assert_str_eq(worker_ask("XLEN {duel}:deadletters"), "0");
    worker_end(0);
}
END_TEST

START_TEST(events_trimmed_before_they_were_read_are_told)
{
    worker_start(0);
    worker_games("duel", 50);
    WAIT(worker_totals("duel") == 50);
    worker_end(0);

    /* What was read may go. */
    worker_ask("XTRIM game_event_stream MAXLEN 0");
    worker_games("duel", 20);
    worker_start(0);
    WAIT(worker_totals("duel") == 70);
    ck_assert_int_eq((int)worker_metric("varcade_stream_gap_total"), 0);
    worker_end(0);

    worker_games("duel", 20);
    worker_ask("XTRIM game_event_stream MAXLEN 5");
    worker_start(0);
    WAIT(worker_totals("duel") == 75);
    ck_assert(worker_logged(0, "events are lost"));
    ck_assert_int_eq((int)worker_metric("varcade_stream_gap_total"), 1);
    ck_assert_int_eq((int)worker_metric("varcade_stream_lost_entries_total"), 15);

    /* And while it runs: the entry was never there when it looked. */
    worker_ask("MULTI");
    worker_ask("XADD game_event_stream * product_id duel type points user_id x n 1");
    worker_ask("XTRIM game_event_stream MAXLEN 0");
    worker_ask("EXEC");
    WAIT(worker_metric("varcade_stream_lost_entries_total") == 16);
}
END_TEST

START_TEST(a_product_that_is_behind_tells_its_loss_too)
{
    char last[64];

    worker_write_game("quiet");
    worker_start(0);
    worker_games("duel", 50);
    WAIT(worker_totals("duel") == 50);
    worker_end(0);

    /* The other product is further, as where another worker went on with it. */
    worker_games("duel", 20);
    (void)snprintf(last, sizeof(last), "%s",
                   worker_ask("XADD game_event_stream * product_id quiet type other"));
    worker_ask("SET {quiet}:checkpoint:game_event_stream %s", last);
    worker_ask("XTRIM game_event_stream MAXLEN 6");
    worker_start(0);
    WAIT(worker_totals("duel") == 55);
    ck_assert_int_eq((int)worker_metric("varcade_stream_gap_total"), 1);
    ck_assert_int_eq((int)worker_metric("varcade_stream_lost_entries_total"), 15);
    worker_end(0);
}
END_TEST

static int
before_entries(const char *product)
{
    char line[128];

    (void)snprintf(
        line, sizeof(line),
        "varcade_stream_before_entries_total{process=\"worker\",pid=\"%d\",product=\"%s\"",
        (int)fix.worker[0], product);
    return (int)worker_metric(line);
}

/* A product that is given its file today has lost nothing of what was gone by yesterday. */
START_TEST(a_new_product_on_a_trimmed_stream_has_lost_nothing)
{
    worker_start(0);
    worker_games("duel", 50);
    WAIT(worker_totals("duel") == 50);
    worker_end(0);
    worker_ask("XTRIM game_event_stream MAXLEN 20");
    worker_games("quiet", 10);
    worker_write_game("quiet");
    worker_start(0);
    WAIT(worker_totals("quiet") == 10);
    ck_assert_int_eq((int)worker_metric("varcade_stream_gap_total"), 0);
    ck_assert_int_eq((int)worker_metric("varcade_stream_lost_entries_total"), 0);
    ck_assert_int_eq(before_entries("quiet"), 30);
    ck_assert_int_eq(before_entries("duel"), 0);
    ck_assert(worker_logged(0, "product is new here"));
    ck_assert(worker_logged(0, "product=quiet entries=30"));
    worker_end(0);

    /* It is new once. */
    worker_start(0);
    worker_games("quiet", 10);
    WAIT(worker_totals("quiet") == 20);
    ck_assert_int_eq(before_entries("quiet"), 0);
    ck_assert_int_eq((int)worker_metric("varcade_stream_gap_total"), 0);
}
END_TEST

START_TEST(a_stream_that_was_deleted_is_told)
{
    worker_start(0);
    worker_games("duel", 50);
    WAIT(worker_totals("duel") == 50);
    worker_ask("DEL game_event_stream");
    WAIT(worker_logged(0, "the stream is another one, or is gone"));
    worker_games("duel", 50);
    WAIT(worker_totals("duel") == 100);
    ck_assert_int_eq((int)worker_metric("varcade_stream_gap_total"), 1);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("worker_faults");
    TCase *tc = tcase_create("faults");

    redis_server_require();
    tcase_add_checked_fixture(tc, worker_fixture_setup, worker_fixture_teardown);
    tcase_add_test(tc, workers_are_killed_while_they_drain_the_stream);
    tcase_add_test(tc, two_workers_get_the_same_events);
    tcase_add_test(tc, figures_are_changed_by_hand_while_the_stream_is_drained);
    tcase_add_test(tc, the_functions_are_gone_while_the_stream_is_drained);
    tcase_add_test(tc, two_workers_take_turns);
    tcase_add_test(tc, another_worker_takes_over);
    tcase_add_test(tc, sigterm_finishes_what_is_under_way);
    tcase_add_test(tc, redis_is_killed_and_comes_back);
    tcase_add_test(tc, a_redis_that_hangs_is_noticed);
    tcase_add_test(tc, a_redis_without_memory_makes_events_late);
    tcase_add_test(tc, events_from_the_future_end_no_game);
    tcase_add_test(tc, the_last_event_there_can_be);
    tcase_add_test(tc, events_trimmed_before_they_were_read_are_told);
    tcase_add_test(tc, a_product_that_is_behind_tells_its_loss_too);
    tcase_add_test(tc, a_new_product_on_a_trimmed_stream_has_lost_nothing);
    tcase_add_test(tc, a_stream_that_was_deleted_is_told);
    suite_add_tcase(suite, tc);
    return suite;
}
