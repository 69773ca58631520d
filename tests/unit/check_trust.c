/* Scores that can be trusted: bounds and quarantine, in a worker on a real Redis. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/worker_fixture.h"

#define ADD "XADD game_event_stream * product_id t "
/* 2026-03-01T12:00:00Z, and some minutes after it. */
#define NOON 1772366400000LL

static const char game[] =
    "{\"product_id\": \"t\", \"game_server_url\": \"http://127.0.0.1:1\","
    " \"game_socket_url\": \"ws://127.0.0.1:2/\", \"stats\": ["
    "  {\"on\": {\"type\": \"score\"}, \"player\": \"user_id\", \"add\": {\"runs\": 1}}],"
    " \"boards\": ["
    "  {\"id\": \"sum\", \"windows\": [\"all\", \"daily\"], \"bounds\": {\"min\": 0, \"max\": 1000,"
    "   \"max_step\": 100}, \"from\": [{\"on\": {\"type\": \"score\"}, \"player\": \"user_id\","
    "   \"add\": {\"field\": \"score\"}}]},"
    "  {\"id\": \"best\", \"ties\": \"first\", \"bounds\": {\"max\": 500, \"max_step\": 200},"
    "   \"from\": [{\"on\": {\"type\": \"best\"}, \"player\": \"user_id\", \"max\": {\"field\": "
    "\"score\"}}]},"
    "  {\"id\": \"pace\", \"windows\": [\"all\", \"daily\"], \"bounds\": {\"max_per_minute\": 2},"
    "   \"from\": [{\"on\": {\"type\": \"lap\"}, \"player\": \"user_id\", \"add\": 1},"
    "   {\"on\": {\"type\": \"lap\"}, \"player\": \"other\", \"add\": 0}]}]}";

static void
setup(void)
{
    worker_fixture_setup();
    worker_write("games/t.json", game);
}

static void
score(const char *type, const char *user, const char *points)
{
    worker_ask(ADD "type %s user_id %s score %s", type, user, points);
}

/* Every event before is applied. */
static void
settle(void)
{
    static int n;

    worker_ask(ADD "type score user_id marker%d score 1", ++n);
    WAIT(worker_int("HLEN {t}:0:stats:marker%d", n) == 1);
}

static const char *
held(void)
{
    return worker_ask("XRANGE {t}:0:quarantine - +");
}

/* Whether so many events came to this. */
static bool
counted(const char *result, int n)
{
    char line[128];

    (void)snprintf(line, sizeof(line), "product=\"t\",result=\"%s\"} %d\n", result, n);
    return strstr(worker_http("/metrics"), line) != NULL;
}

START_TEST(an_event_beyond_a_bound_changes_nothing)
{
    worker_start(0);
    score("score", "ann", "60");
    score("score", "ann", "101");
    score("score", "ann", "-61");
    settle();
    ck_assert_str_eq(worker_ask("ZSCORE {t}:0:board:sum:all ann"), "60");
    ck_assert_str_eq(worker_ask("HGET {t}:0:stats:ann runs"), "1");
    ck_assert_int_eq(worker_int("XLEN {t}:0:quarantine"), 2);
    ck_assert_int_eq(worker_int("EXISTS {t}:deadletters"), 0);
    ck_assert_ptr_nonnull(strstr(held(), "reason sum: 101 is beyond max_step 100 source_id "));
    ck_assert_ptr_nonnull(
        strstr(held(), "board sum bound max_step value 101 user_id ann product_id"));
    ck_assert_ptr_nonnull(strstr(held(), "reason sum: -1 is beyond min 0 source_id "));
    WAIT(counted("quarantined", 2));
    ck_assert(worker_logged(0, "quarantined product=t"));
    worker_end(0);
}
END_TEST

/* A first best score is no step, and an event that leaves the score as it is never goes too far. */
START_TEST(best_scores)
{
    worker_start(0);
    score("best", "ann", "450");
    score("best", "bob", "10");
    score("best", "bob", "211");
    score("best", "bob", "-99999");
    score("best", "cy", "501");
    settle();
    ck_assert_int_eq(worker_int("ZCOUNT {t}:0:board:best:all 10 10"), 1);
    ck_assert_int_eq(worker_int("ZCARD {t}:0:board:best:all"), 2);
    ck_assert_int_eq(worker_int("XLEN {t}:0:quarantine"), 2);
    ck_assert_ptr_nonnull(strstr(held(), "reason best: 201 is beyond max_step 200"));
    ck_assert_ptr_nonnull(strstr(held(), "reason best: 501 is beyond max 500"));
    worker_end(0);
}
END_TEST

static void
lap(long long ms, const char *user, const char *other)
{
    worker_ask("XADD game_event_stream %lld-* product_id t type lap user_id %s other %s", ms, user,
               other);
}

/* Two a minute, of the stream's time; those that are held do not count. The loser of a lap is on
 * the board too. */
START_TEST(events_a_minute)
{
    lap(NOON, "ann", "bob");
    lap(NOON + 1, "ann", "cy");
    lap(NOON + 2, "ann", "dee");
    lap(NOON + 59999, "dee", "ann");
    lap(NOON + 59999, "dee", "bob");
    lap(NOON + 60000, "ann", "bob");
    worker_start(0);
    WAIT_FOR("3", "ZSCORE {t}:0:board:pace:all ann");
    lap(NOON + 60001, "ann", "bob");
    lap(NOON + 60002, "ann", "eve");
    WAIT_FOR("3", "XLEN {t}:0:quarantine");
    ck_assert_str_eq(worker_ask("ZRANGE {t}:0:board:pace:all 0 -1 WITHSCORES"),
                     "bob 0 cy 0 dee 1 ann 4");
    ck_assert_ptr_nonnull(strstr(held(), "reason pace: 3 is beyond max_per_minute 2"));
    /* What is over is not remembered. */
    ck_assert_str_eq(worker_ask("ZRANGE {t}:0:pace 0 -1"), "pace:ann pace:bob");
    worker_end(0);
}
END_TEST

/* An event that lets the player's score of 5000 out of quarantine, or not. */
static void
verdict(const char *user, const char *text)
{
    worker_ask(ADD "type score user_id %s score 5000 varcade_quarantine %s", user, text);
}

/* What is released counts once, when it happened, beyond all bounds. */
START_TEST(release)
{
    worker_ask("XADD game_event_stream %lld-5 product_id t type score user_id ann score 5000",
               NOON);
    worker_start(0);
    WAIT_FOR("1", "XLEN {t}:0:quarantine");
    ck_assert_int_eq(strncmp(held(), "1772366400000-5 reason ", 23), 0);
    verdict("ann", "release 1772366400000-5");
    verdict("ann", "release 1772366400000-5");
    settle();
    ck_assert_str_eq(worker_ask("ZSCORE {t}:0:board:sum:all ann"), "5000");
    ck_assert_str_eq(worker_ask("ZSCORE {t}:0:board:sum:2026-03-01 ann"), "5000");
    ck_assert_str_eq(worker_ask("HGET {t}:0:stats:ann runs"), "1");
    ck_assert_int_eq(worker_int("XLEN {t}:0:quarantine"), 0);
    WAIT(counted("duplicate", 1));
    worker_end(0);
}
END_TEST

/* The event, its release and its release again in one batch, and the same for one that is dropped
 * first; an event that is sent again while it is in quarantine is the same event. */
START_TEST(verdicts_in_the_batch_of_their_event)
{
    worker_ask(
        "XADD game_event_stream 5-1 product_id t type score user_id ann score 5000 event_id e");
    worker_ask(
        "XADD game_event_stream 5-2 product_id t type score user_id ann score 5000 event_id e");
    worker_ask("XADD game_event_stream 5-3 product_id t type score user_id bob score 5000");
    worker_ask(ADD "varcade_quarantine %s", "drop 5-3");
    verdict("bob", "release 5-3");
    verdict("ann", "release 5-1");
    verdict("ann", "release 5-1");
    verdict("ann", "release 5-2");
    verdict("ann", "release x");
    worker_start(0);
    settle();
    ck_assert_str_eq(worker_ask("HGET {t}:0:stats:ann runs"), "1");
    ck_assert_str_eq(worker_ask("ZSCORE {t}:0:board:sum:all bob"), "nil");
    ck_assert_int_eq(worker_int("XLEN {t}:0:quarantine"), 0);
    ck_assert_int_eq(worker_int("XLEN {t}:deadletters"), 1);
    ck_assert_ptr_nonnull(strstr(worker_ask("XRANGE {t}:deadletters - +"),
                                 "varcade_quarantine is neither `release` nor `drop` and an id"));
    worker_end(0);
}
END_TEST

/* The quarantine has later events than the stream: the event becomes a dead letter. */
START_TEST(a_stream_that_is_another_one)
{
    worker_ask("XADD {t}:0:quarantine 9999999999999-0 a b");
    worker_start(0);
    score("score", "ann", "5000");
    settle();
    ck_assert_int_eq(worker_int("XLEN {t}:0:quarantine"), 1);
    ck_assert_int_eq(worker_int("XLEN {t}:deadletters"), 1);
    ck_assert_ptr_nonnull(strstr(worker_ask("XRANGE {t}:deadletters - +"),
                                 "product_id t type score user_id ann score 5000"));
    ck_assert_ptr_null(strstr(worker_ask("XRANGE {t}:deadletters - +"), "bound"));
    worker_end(0);
}
END_TEST

/* That a match is over is so, whatever is to be thought of its score. */
START_TEST(a_game_goes_on)
{
    worker_write("games/duel.json",
                 "{\"product_id\": \"duel\", \"game_server_url\": \"http://127.0.0.1:1\","
                 " \"game_socket_url\": \"ws://127.0.0.1:2/\", \"boards\": [{\"id\": \"wins\","
                 " \"bounds\": {\"max\": 0}, \"from\": [{\"on\": {\"type\": \"game_over\"},"
                 " \"player\": \"winner_id\", \"add\": 1}]}]}");
    worker_start(0);
    WAIT(worker_int("GET varcade:heartbeat") > 0);
    worker_create_game(GAME_ID, clock_wall() + 60000);
    worker_ask("XADD game_event_stream * product_id duel type game_over game_id " GAME_ID
               " winner_id ann loser_id bob");
    WAIT_FOR("ended", "HGET {duel}:game:" GAME_ID " state");
    ck_assert_int_eq(worker_int("XLEN {duel}:0:quarantine"), 1);
    ck_assert_int_eq(worker_int("EXISTS {duel}:0:board:wins:all {duel}:0:matches:ann"), 0);
    worker_end(0);
}
END_TEST

static void
late(const char *user, const char *time)
{
    worker_ask(
        "XADD game_event_stream %lld-* product_id late type score user_id %s score 1 time %s", NOON,
        user, time);
}

/* Up to ten minutes late an event counts in the day of its own time, and ahead of who came before
 * it. */
START_TEST(events_that_come_late)
{
    worker_write("games/late.json",
                 "{\"product_id\": \"late\", \"game_server_url\": \"http://127.0.0.1:1\","
                 " \"game_socket_url\": \"ws://127.0.0.1:2/\", \"grace\": 600, \"timezone\": "
                 "\"Etc/GMT+12\", \"boards\": [{\"id\": \"b\", \"ties\": \"first\", \"windows\":"
                 " [\"daily\"], \"from\": [{\"on\": {\"type\": \"score\"}, \"player\": \"user_id\","
                 " \"add\": {\"field\": \"score\"}}]}]}");
    late("ann", "2026-03-01T12:00:00Z");
    late("bob", "2026-03-01T11:59:59.999Z");
    late("cy", "2026-03-01T11:50:00Z");
    late("dee", "2026-03-01T11:49:59.999Z");
    late("eve", "2026-03-02T12:00:00Z");
    late("fay", "noon");
    worker_start(0);
    WAIT_FOR("2", "HLEN {late}:0:board:b:2026-02-28:members");
    WAIT_FOR("4", "HLEN {late}:0:board:b:2026-03-01:members");
    ck_assert(strstr(worker_ask("ZREVRANGE {late}:0:board:b:2026-02-28 0 0"), ":cy") != NULL);
    ck_assert(strstr(worker_ask("ZREVRANGE {late}:0:board:b:2026-03-01 0 0"), ":ann") != NULL);
    worker_end(0);
}
END_TEST

/* Without a grace the field is one like any other. */
START_TEST(a_field_called_time)
{
    worker_start(0);
    worker_ask("XADD game_event_stream %lld-* product_id t type score user_id ann score 1 time "
               "2026-02-28T23:59:59Z",
               NOON);
    WAIT_FOR("1", "ZSCORE {t}:0:board:sum:2026-03-01 ann");
    worker_end(0);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("trust");
    TCase *t = tcase_create("bounds and quarantine");

    redis_server_require();
    tcase_add_checked_fixture(t, setup, worker_fixture_teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, an_event_beyond_a_bound_changes_nothing);
    tcase_add_test(t, best_scores);
    tcase_add_test(t, events_a_minute);
    tcase_add_test(t, release);
    tcase_add_test(t, verdicts_in_the_batch_of_their_event);
    tcase_add_test(t, a_stream_that_is_another_one);
    tcase_add_test(t, a_game_goes_on);
    tcase_add_test(t, events_that_come_late);
    tcase_add_test(t, a_field_called_time);
    suite_add_tcase(s, t);
    return s;
}
