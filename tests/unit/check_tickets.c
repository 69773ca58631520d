/* Tickets and matches in Redis: each function, and random operations with what must hold after
 * each. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/tickets.h"
#include "tests/unit/random.h"

/* The settings of a match of these two. */
#define ANN_AND_BOB "{\"num_players\":2,\"queue\":\"q\",\"teams\":[[\"ann\"],[\"bob\"]]}"

static void
two_waiting(void)
{
    ck_assert_str_eq(open_ticket("t1", "ann", "", 1000), "ok");
    ck_assert_str_eq(open_ticket("t2", "bob", "", 2000), "ok");
    SOUND();
}

/* --- tickets ---------------------------------------------------------------------------------- */

START_TEST(a_user_has_one_active_ticket)
{
    ck_assert_str_eq(open_ticket("t1", "ann", "", 1000), "ok");
    ck_assert_str_eq(open_ticket("t2", "ann", "", 1000), "ticket t1");
    TICKET("ok", "ticket_cancel", "t1", "1500|%d|ann", KEEP);
    ck_assert_str_eq(field("t1", "state"), "cancelled");
    ck_assert_str_eq(open_ticket("t2", "ann", "", 2000), "ok");
    SOUND();
}
END_TEST

START_TEST(who_is_in_a_game_has_no_ticket)
{
    open_game(A, 2);
    ck_assert_str_eq(open_ticket("t1", "host", "", 3000), "game " A);
    EVENT("1", A, 4000, "removed", "");
    ck_assert_str_eq(open_ticket("t1", "host", "", 5000), "ok");
    SOUND();
}
END_TEST

START_TEST(who_is_banned_is_not_matched)
{
    two_waiting();
    functions_command("SADD {p}:banned bob cas");
    ck_assert_str_eq(open_ticket("t3", "cas", "", 1000), "banned");
    ck_assert_str_eq(take(G1, "t1 t2", 3000), "unusable t2");
    SOUND();
    ck_assert_str_eq(field("t2", "reason"), "banned");
}
END_TEST

START_TEST(a_ticket_is_its_players_own)
{
    two_waiting();
    TICKET("not_found", "ticket_cancel", "t1", "1500|%d|bob", KEEP);
    TICKET("not_found", "ticket_ready", "t1", "1500|bob");
    functions_begin("ticket_get");
    functions_key("{p}:ticket:t1");
    functions_arg("bob");
    ck_assert_str_eq(functions_run(), "not_found");
}
END_TEST

START_TEST(ticket_get_tells_place_and_figures)
{
    two_waiting();
    functions_command("RPUSH {p}:waits:q 900 100 300 200 500 400 700 800 600 1000");
    functions_begin("ticket_get");
    functions_key("{p}:ticket:t2");
    functions_key("{p}:queue:other");
    functions_key("{p}:waits:other");
    functions_key("{p}:queue:q");
    functions_key("{p}:waits:q");
    functions_arg("bob");
    ck_assert_str_eq(functions_run(),
                     "ok waiting q bob  2000 2000 300000 0   1500   2 2 1000 10 500 "
                     "900 bob");
}
END_TEST

START_TEST(a_party_is_formed_by_its_code)
{
    ck_assert_str_eq(open_ticket("t1", "ann", "ABCDEF", 1000), "ok");
    ck_assert_str_eq(open_ticket("t2", "bob", "ABCDEF", 1000), "code");
    TICKET("not_found", "ticket_join", "t1", "1100|AAAAAA|bob|Bob|1400|{}");
    TICKET("ok", "ticket_join", "t1", "1100|ABCDEF|bob|Bob|1400|{}");
    TICKET("ok", "ticket_join", "t1", "1100|ABCDEF|bob|Bob|1400|{}");
    ck_assert_str_eq(open_ticket("t2", "bob", "", 1200), "ticket t1");
    TICKET("left", "ticket_cancel", "t1", "1300|%d|bob", KEEP);
    TICKET("ok", "ticket_join", "t1", "1400|ABCDEF|cas|Cas|1400|{}");
    TICKET("not_opener", "ticket_ready", "t1", "1500|cas");
    TICKET("ok", "ticket_ready", "t1", "1600|ann");
    ck_assert_str_eq(field("t1", "since"), "1600");
    TICKET("not_found", "ticket_join", "t1", "1700|ABCDEF|dan|Dan|1400|{}");
    /* A party that has lost a player is none. */
    TICKET("ok", "ticket_cancel", "t1", "1800|%d|cas", KEEP);
    ck_assert_str_eq(field("t1", "reason"), "player_left");
    ck_assert_str_eq(open_ticket("t2", "ann", "", 2000), "ok");
    SOUND();
}
END_TEST

START_TEST(a_party_has_an_end)
{
    ck_assert_str_eq(open_ticket("t1", "ann", "ABCDEF", 1000), "ok");
    TICKET("ok", "ticket_join", "t1", "1100|ABCDEF|b|B|1|{}");
    TICKET("ok", "ticket_join", "t1", "1100|ABCDEF|c|C|1|{}");
    TICKET("ok", "ticket_join", "t1", "1100|ABCDEF|d|D|1|{}");
    TICKET("full", "ticket_join", "t1", "1100|ABCDEF|e|E|1|{}");
}
END_TEST

START_TEST(tickets_expire_and_are_forgotten)
{
    two_waiting();
    TICKET("none", "ticket_expire", "t1", "%d|%d", 1000 + TIMEOUT - 1, KEEP);
    TICKET("expired", "ticket_expire", "t1", "%d|%d", 1000 + TIMEOUT, KEEP);
    ck_assert_str_eq(field("t1", "state"), "expired");
    TICKET("none", "ticket_expire", "t1", "%d|%d", 1000 + TIMEOUT + KEEP - 1, KEEP);
    TICKET("dropped", "ticket_expire", "t1", "%d|%d", 1000 + TIMEOUT + KEEP, KEEP);
    ck_assert_str_eq(functions_command("EXISTS {p}:ticket:t1"), "0");
    /* One that cannot be read. */
    functions_command("HDEL {p}:ticket:t2 since");
    ck_assert_str_eq(ticket("ticket_expire", "t2", "%d|%d", 9999999, KEEP), "dropped");
}
END_TEST

/* A game's file may come to lack a queue in which somebody waits, and have it again later. */
START_TEST(a_queue_that_is_gone_keeps_nobody)
{
    ck_assert_str_eq(open_ticket(A, "ann", "", 1000), "ok");
    functions_begin("ticket_cancel");
    functions_key("{p}:ticket:" A);
    add_keys_without_queue();
    functions_arg("2000");
    functions_arg("%d", KEEP);
    functions_arg("ann");
    ck_assert_str_eq(functions_run(), "ok");
    SOUND();
}
END_TEST

/* --- matches ---------------------------------------------------------------------------------- */

START_TEST(a_match_from_tickets_to_game)
{
    two_waiting();
    ck_assert_str_eq(take(G1, "t1 t2", 3000), "ok " ANN_AND_BOB " ann name ann bob name bob");
    SOUND();
    STATE(G1, "creating");
    ck_assert_str_eq(field("t1", "state"), "starting");
    ck_assert_str_eq(functions_command("HGET {p}:game:%s rejoin", G1), "7000");
    ck_assert_str_eq(functions_command("HGET {p}:game:%s settings", G1), ANN_AND_BOB);
    MATCH("ok 2500 1500", "match_done", G1, "t1 t2", "3500|60000|%d|token a|token b", KEEP);
    STATE(G1, "created");
    ck_assert_str_eq(field("t1", "state"), "matched");
    ck_assert_ptr_nonnull(strstr(field("t2", "game:bob"), "\"token\":\"token b\""));
    ck_assert_str_eq(functions_command("EXISTS {p}:match:%s", G1), "0");
    ck_assert_str_eq(functions_command("LRANGE {p}:waits:q 0 -1"), "1500 2500");
    TICKET("matched " G1, "ticket_cancel", "t1", "4000|%d|ann", KEEP);
    ck_assert_str_eq(open_ticket("t3", "ann", "", 5000), "game " G1);
    /* The usual states; it is full, so that it is not listed, and a player who does not come has
     * the seat's time. */
    EVENT("1", G1, 6000, "state", "creator_joined");
    LISTED("0");
    DUE(G1, "56000");
}
END_TEST

/* The match of two has its game, and ann, its creator, is there. */
static void
a_game_that_waits_for_bob(void)
{
    two_waiting();
    take(G1, "t1 t2", 3000);
    MATCH("ok 2500 1500", "match_done", G1, "t1 t2", "3500|60000|%d|a|b", KEEP);
    EVENT("1", G1, 4000, "state", "creator_joined");
    DUE(G1, "54000");
}

/* ann is told, and free for another match. */
static void
check_over_for_all(long long now)
{
    STATE(G1, "removing");
    LISTED("0");
    HELD("ann", "nil");
    HELD("bob", "nil");
    ck_assert_str_eq(open_ticket("t3", "ann", "", now), "ok");
    SOUND();
}

START_TEST(a_match_shows_the_attributes_that_it_is_told)
{
    functions_begin("ticket_open");
    functions_key("{p}:ticket:t1");
    add_ticket_keys();
    for (size_t i = 0; i < 11; i++) {
        static const char *const args[] = {"1000",
                                           "301000",
                                           "q",
                                           "300000",
                                           "1",
                                           "",
                                           "{\"mode\":\"a\\\"b\",\"level\":4.5,\"age\":7}",
                                           "ann",
                                           "Ann",
                                           "1500",
                                           "{}"};

        functions_arg("%s", args[i]);
    }
    ck_assert_str_eq(functions_run(), "ok");
    ck_assert_str_eq(open_ticket("t2", "bob", "", 2000), "ok");
    match("match_take", G1, "t1 t2",
          "3000|11000|%d|p|http://s|ws://s|eu||||,\"map\":\"ice\"|0|1|mode|level|none", KEEP);
    SOUND();
    ck_assert_str_eq(functions_command("HGET {p}:game:%s settings", G1),
                     "{\"attributes\":{\"mode\":\"a\\\"b\",\"level\":4.5},\"num_players\":2,"
                     "\"map\":\"ice\",\"queue\":\"q\",\"region\":\"eu\","
                     "\"teams\":[[\"ann\"],[\"bob\"]]}");
}
END_TEST

START_TEST(seats_of_a_match_are_kept_and_another_creator_follows)
{
    a_game_that_waits_for_bob();
    EVENT("1", G1, 4100, "state", "all_players_joined");
    EVENT("1", G1, 5000, "disconnect", "ann");
    HELD("ann", G1 "*");
    CALL("players http://s 1 0 ann", "expire", G1, "12000|%d|%d", LATE, RELIST);
    HELD("bob", G1 "*");
    ck_assert_str_eq(functions_command("HGET {p}:game:%s creator_name", G1), "name bob");
    STATE(G1, "all_players_joined"); /* he plays on, or the game server ends it */
    LISTED("0");
    CALL("state all_players_joined ", "seat_reserve", G1, "13000|18000|eve");
}
END_TEST

START_TEST(who_does_not_come_ends_a_match)
{
    a_game_that_waits_for_bob();
    CALL("game http://s 1 0", "expire", G1, "54000|%d|%d", LATE, RELIST);
    check_over_for_all(54000);
}
END_TEST

START_TEST(who_leaves_before_it_began_ends_a_match)
{
    a_game_that_waits_for_bob();
    CALL("ok removed", "seat_leave", G1, "5000|%d|%d|bob", LATE, RELIST);
    check_over_for_all(5000);
}
END_TEST

START_TEST(who_is_lost_before_it_began_ends_a_match)
{
    a_game_that_waits_for_bob();
    EVENT("1", G1, 4100, "connect", "bob");
    EVENT("1", G1, 5000, "disconnect", "bob");
    STATE(G1, "creator_joined"); /* his seat is kept */
    CALL("game http://s 1 0", "expire", G1, "12000|%d|%d", LATE, RELIST);
    check_over_for_all(12000);
}
END_TEST

START_TEST(a_match_that_began_goes_on_without_who_leaves)
{
    a_game_that_waits_for_bob();
    EVENT("1", G1, 4100, "state", "in_progress");
    CALL("ok left", "seat_leave", G1, "5000|%d|%d|bob", LATE, RELIST);
    STATE(G1, "in_progress");
    LISTED("0");
    DUE(G1, "5000"); /* the game server is told of him */
    CALL("players http://s 0 0 bob", "expire", G1, "5000|%d|%d", LATE, RELIST);
    CALL("ok", "player_gone", G1, "5000|bob");
    DUE(G1, "35000"); /* ann is alone */
    CALL("game http://s 1 0", "expire", G1, "35000|%d|%d", LATE, RELIST);
    check_over_for_all(35000);
}
END_TEST

/* The creator is but the first of the players: by going he takes nothing from the others. */
START_TEST(the_creator_of_a_match_is_a_player_as_others)
{
    two_waiting();
    ck_assert_str_eq(open_ticket("t3", "eve", "", 2000), "ok");
    take(G1, "t1 t2 t3", 3000);
    MATCH("ok 2500 1500 1500", "match_done", G1, "t1 t2 t3", "3500|60000|%d|a|b|e", KEEP);
    EVENT("1", G1, 4000, "state", "in_progress");
    CALL("not_creator", "game_remove", G1, "4500|ann");
    CALL("ok left", "seat_leave", G1, "5000|%d|%d|ann", LATE, RELIST);
    CALL("players http://s 0 0 ann", "expire", G1, "5000|%d|%d", LATE, RELIST);
    CALL("ok", "player_gone", G1, "5000|ann");
    DUE(G1, "1204000");
    EVENT("1", G1, 6000, "disconnect", "bob");
    CALL("players http://s 1 0 bob", "expire", G1, "13000|%d|%d", LATE, RELIST);
    HELD("eve", G1 "*");
    STATE(G1, "in_progress");
    EVENT("1", G1, 20000, "over", ""); /* she has won */
    STATE(G1, "ended");
}
END_TEST

/* Nor where the seats of those who go are others'. */
START_TEST(the_creator_of_an_open_match_is_too)
{
    two_waiting();
    match("match_take", G1, "t1 t2", "3000|11000|%d|p|http://s|ws://s||||||0|1", KEEP);
    SOUND();
    MATCH("ok 2500 1500", "match_done", G1, "t1 t2", "3500|60000|%d|a|b", KEEP);
    CALL("not_creator", "game_remove", G1, "3600|ann");
    EVENT("1", G1, 4000, "state", "in_progress");
    CALL("ok left", "seat_leave", G1, "5000|%d|%d|ann", LATE, RELIST);
    STATE(G1, "creator_joined");
    LISTED("1");
    HELD("bob", G1 "*");
    CALL("not_creator", "game_remove", G1, "5500|bob");
    EVENT("1", G1, 6000, "disconnect", "bob");
    STATE(G1, "removing"); /* nobody is there any more */
}
END_TEST

START_TEST(all_tickets_or_none)
{
    two_waiting();
    TICKET("ok", "ticket_cancel", "t2", "2500|%d|bob", KEEP);
    ck_assert_str_eq(take(G1, "t1 t2", 3000), "unusable t2");
    SOUND();
    ck_assert_str_eq(field("t1", "state"), "waiting");
    NOTHING_LEFT();
    ck_assert_str_eq(open_ticket("t3", "bob", "", 3000), "ok");
    ck_assert_str_eq(take(G1, "t1 t3", 3000), "ok " ANN_AND_BOB " ann name ann bob name bob");
    ck_assert_str_eq(open_ticket("t4", "cas", "", 3000), "ok");
    ck_assert_str_eq(take(B, "t1 t4", 3000), "unusable t1");
    SOUND();
}
END_TEST

START_TEST(who_got_a_game_by_another_way_is_not_matched)
{
    two_waiting();
    CALL("ok", "create_intent", A, "2500|9000|%s|p|bob|Bob|2|{}|http://s|ws://s", A);
    ck_assert_str_eq(take(G1, "t1 t2", 3000), "unusable t2");
    SOUND();
    ck_assert_str_eq(field("t2", "reason"), "in_game");
    ck_assert_str_eq(field("t1", "state"), "waiting");
}
END_TEST

/* Nor is who got it while the match's game was being made. */
START_TEST(who_got_a_game_meanwhile_is_in_no_match)
{
    two_waiting();
    take(G1, "t1 t2", 3000);
    CALL("ok", "create_intent", A, "3100|9000|%s|p|bob|Bob|2|{}|http://s|ws://s", A);
    MATCH("gone", "match_done", G1, "t1 t2", "3500|60000|%d|a|b", KEEP);
    ck_assert_str_eq(field("t2", "state"), "cancelled");
    ck_assert_str_eq(field("t2", "reason"), "in_game");
    MATCH("ok 1", "match_failed", G1, "t1 t2", "3600|3600|%d||http://s", KEEP);
    ck_assert_str_eq(field("t1", "state"), "waiting");
    HELD("bob", A "*");
}
END_TEST

START_TEST(a_cancelled_ticket_is_never_in_a_game)
{
    two_waiting();
    take(G1, "t1 t2", 3000);
    TICKET("ok", "ticket_cancel", "t2", "3200|%d|bob", KEEP);
    MATCH("gone", "match_done", G1, "t1 t2", "3500|60000|%d|a|b", KEEP);
    STATE(G1, "creating");
    MATCH("ok 1", "match_failed", G1, "t1 t2", "3600|3600|%d|", KEEP);
    STATE(G1, "removing");
    ck_assert_str_eq(field("t1", "state"), "waiting");
    ck_assert_str_eq(field("t1", "since"), "1000");
    ck_assert_str_eq(field("t2", "state"), "cancelled");
    /* Both are free at once. */
    ck_assert_str_eq(open_ticket("t3", "bob", "", 4000), "ok");
    ck_assert_str_eq(take(B, "t1 t3", 4000), "ok " ANN_AND_BOB " ann name ann bob name bob");
    SOUND();
}
END_TEST

START_TEST(a_match_that_failed_leaves_its_tickets_waiting)
{
    two_waiting();
    take(G1, "t1 t2", 3000);
    MATCH("ok 2", "match_failed", G1, "t1 t2", "3600|0|%d|", KEEP);
    NOTHING_LEFT();
    ck_assert_str_eq(functions_command("ZSCORE {p}:tickets:due t:t1"), "301000");
    /* Once more, by whoever is late; and where the game server has made it. */
    MATCH("ok 0", "match_failed", G1, "t1 t2", "3700|0|%d|", KEEP);
    MATCH("gone", "match_done", G1, "t1 t2", "3700|60000|%d|a|b", KEEP);
    MATCH("ok 0", "match_failed", G1, "t1 t2", "3700|3700|%d||http://s", KEEP);
    STATE(G1, "removing");
    MATCH("ok 0", "match_failed", G1, "t1 t2", "3800|3800|%d||", KEEP);
    DUE(G1, "3800");
}
END_TEST

/* The making stood still beyond the match's deadline and every moment at which its game could come, and asked for it then:
 * after the game server was told to remove it, and before Redis heard that. */
START_TEST(a_game_that_is_made_while_it_is_being_removed_is_removed)
{
    two_waiting();
    take(G1, "t1 t2", 3000);
    CALL("game http://s 1 0", "expire", G1, "13000|%d|%d", LATE, RELIST);
    CALL("game http://s 0 0", "expire", G1, "43000|%d|%d", LATE, RELIST);
    MATCH("gone", "match_done", G1, "t1 t2", "43500|60000|%d|a|b", KEEP);
    MATCH("ok 2", "match_failed", G1, "t1 t2", "43600|43600|%d|", KEEP);
    CALL("ok", "game_gone", G1, "43000");
    STATE(G1, "removing");
    CALL("game http://s 0 0", "expire", G1, "44700|%d|%d", LATE, RELIST);
    CALL("ok", "game_gone", G1, "44700");
    NOTHING_LEFT();
}
END_TEST

START_TEST(a_match_is_failed_as_a_whole)
{
    two_waiting();
    take(G1, "t1 t2", 3000);
    ck_assert_int_eq(match("match_failed", G1, "t1", "3600|0|%d|", KEEP)[0], '!');
    ck_assert_int_eq(match("match_done", G1, "t1", "3600|1|%d|a", KEEP)[0], '!');
    SOUND();
    ck_assert_str_eq(field("t1", "state"), "starting");
}
END_TEST

START_TEST(a_player_whom_the_game_server_refuses_is_not_tried_for_ever)
{
    two_waiting();
    for (int i = 1; i <= 3; i++) {
        ck_assert_str_eq(take(G1, "t1 t2", 3000), "ok " ANN_AND_BOB " ann name ann bob name bob");
        match("match_failed", G1, "t1 t2", "3600|0|%d|bob", KEEP);
        SOUND();
        ck_assert_str_eq(field("t2", "state"), i < 3 ? "waiting" : "cancelled");
    }
    ck_assert_str_eq(field("t2", "reason"), "game_server_refused");
    ck_assert_str_eq(field("t1", "state"), "waiting");
}
END_TEST

START_TEST(a_key_of_another_type_changes_nothing)
{
    two_waiting();
    functions_command("SET {p}:waits:q x");
    ck_assert_int_eq(take(G1, "t1 t2", 3000)[0], '!');
    SOUND();
    NOTHING_LEFT();
}
END_TEST

/* --- random operations ------------------------------------------------------------------------ */

#define USERS 8
#define TICKETS 12
#define GAMES 4
#define HOSTS 3 /* games that are not of matches, behind those */
#define ROUNDS 8000

static struct random_source rnd;
static long long now;

static const char *
name_of(const char *prefix, size_t i)
{
    static char name[8][48];
    static size_t next;

    next = (next + 1) % 8;
    if (prefix[0] == 'g')
        snprintf(name[next], sizeof name[0], "%032zx", i);
    else
        snprintf(name[next], sizeof name[0], "%s%zu", prefix, i);
    return name[next];
}

static const char *
random_name(const char *prefix, size_t n)
{
    return name_of(prefix, random_below(&rnd, n));
}

/* The tickets that the match has, or some. */
static void
tickets_of(const char *game, char ids[static 64])
{
    snprintf(ids, 64, "%s", functions_command("HGET {p}:match:%s tickets", game));
    if (strcmp(ids, "nil") == 0) {
        size_t a = random_below(&rnd, TICKETS);

        snprintf(ids, 64, "t%zu t%zu", a, (a + 1 + random_below(&rnd, TICKETS - 1)) % TICKETS);
    }
}

static const char *
random_match(void)
{
    const long long until[] = {0, now, now + LATE};
    const char *game = random_name("g", GAMES);
    char ids[64], seats[24];

    tickets_of(game, ids);
    switch (random_below(&rnd, 4)) {
    case 0:
    case 1:
        if (functions_command("EXISTS {p}:game:%s", game)[0] == '1')
            return "";
        return take(game, ids, now);
    case 2:
        snprintf(seats, sizeof seats, "%s", functions_command("HGET {p}:game:%s max", game));
        if (strcmp(seats, "2") == 0)
            return match("match_done", game, ids, "%lld|60000|%d|a|b", now, KEEP);
        if (strcmp(seats, "3") == 0)
            return match("match_done", game, ids, "%lld|60000|%d|a|b|c", now, KEEP);
        return "";
    default:
        return match("match_failed", game, ids, "%lld|%lld|%d|%s", now,
                     until[random_below(&rnd, 3)], KEEP,
                     random_below(&rnd, 4) == 0 ? random_name("u", USERS) : "");
    }
}

/* Into the games that are listed by hosts of their own, whose numbers begin behind the matches'. */
static const char *
random_backfill(void)
{
    const long long until[] = {0, now, now + LATE};
    const char *number = random_name("n", 3);
    char ticket_id[48], game[48];
    char players[24];

    snprintf(ticket_id, sizeof ticket_id, "%s",
             functions_command("HGET {p}:match:%s tickets", number));
    snprintf(game, sizeof game, "%s", functions_command("HGET {p}:match:%s game", number));
    if (strcmp(game, "nil") == 0)
        return backfill("backfill_take", name_of("g", GAMES + random_below(&rnd, HOSTS)), number,
                        random_name("t", TICKETS), "%lld|%lld|%d", now, now + 8000, KEEP);
    if (random_below(&rnd, 2) == 0)
        return backfill("backfill_failed", game, number, ticket_id,
                        random_below(&rnd, 2) == 0 ? "%lld|%lld" : "%lld|%lld|%s", now,
                        until[random_below(&rnd, 3)], random_name("u", USERS));
    snprintf(players, sizeof players, "%s",
             functions_command("EVAL %s 0 %s",
                               "return #cmsgpack.unpack(redis.call('HGET', '{p}:ticket:' .. "
                               "ARGV[1], 'players') or '\\144')",
                               ticket_id));
    return backfill("backfill_done", game, number, ticket_id, "%lld|%d|%d|a%s", now,
                    FUNCTIONS_SEAT_MS, KEEP,
                    players[0] == '1'   ? ""
                    : players[0] == '2' ? "|b"
                                        : "|b|c");
}

/* A game that is listed, of somebody who has no tickets; or what becomes of it. */
static const char *
random_host(void)
{
    size_t i = random_below(&rnd, HOSTS);
    const char *game = name_of("g", GAMES + i);

    switch (random_below(&rnd, 6)) {
    case 0:
        if (functions_command("EXISTS {p}:game:%s", game)[0] == '1')
            return "";
        functions_game("create_intent", game, "%lld|%lld|%s|p|host%zu|Host|3|{}|http://s|ws://s/x",
                       now, now + 8000, game, i);
        functions_game("create_done", game, "%lld|tok|60000", now);
        return functions_event(game, now, "state", "creator_joined");
    case 1:
        return functions_game("seat_reserve", game, "%lld|%lld|guest", now, now + 8000);
    case 2:
        return functions_game("seat_release", game, "%lld|%lld|%s", now, now,
                              random_name("u", USERS));
    case 3:
        return functions_game("player_gone", game, "%lld|%s", now, random_name("u", USERS));
    case 4:
        return functions_event(game, now, random_below(&rnd, 9) == 0 ? "removed" : "disconnect",
                               random_name("u", USERS));
    default:
        return functions_game("expire", game, "%lld|%d|%d", now, LATE, RELIST);
    }
}

static const char *
random_operation(void)
{
    const char *id = random_name("t", TICKETS), *user = random_name("u", USERS);
    const char *game = random_name("g", GAMES);

    switch (random_below(&rnd, 18)) {
    case 0:
    case 1:
        if (functions_command("EXISTS {p}:ticket:%s", id)[0] == '1')
            return "";
        return open_ticket(id, user, random_below(&rnd, 3) == 0 ? "ABCDEF" : "", now);
    case 2:
        return ticket("ticket_join", id, "%lld|ABCDEF|%s|N|1|{}", now, user);
    case 3:
        return ticket("ticket_ready", id, "%lld|%s", now, user);
    case 4:
        return ticket("ticket_cancel", id, "%lld|%d|%s", now, KEEP, user);
    case 5:
        return ticket("ticket_expire", id, "%lld|%d", now, KEEP);
    case 6:
        return functions_game("expire", game, "%lld|%d|%d", now, LATE, RELIST);
    case 7:
        return functions_game("game_gone", game, "%lld", now);
    case 8:
        return functions_event(game, now, random_below(&rnd, 2) == 0 ? "removed" : "over", "");
    case 9:
    case 10:
    case 11:
        return random_backfill();
    case 12:
    case 13:
    case 14:
        return random_host();
    default:
        return random_match();
    }
}

static void
end_backfill(const char *number)
{
    char id[48], game[48];

    snprintf(id, sizeof id, "%s", functions_command("HGET {p}:match:%s tickets", number));
    snprintf(game, sizeof game, "%s", functions_command("HGET {p}:match:%s game", number));
    if (strcmp(game, "nil") != 0)
        backfill("backfill_failed", game, number, id, "%lld|%lld", now, now);
}

static void
let_everything_end(void)
{
    for (int i = 0; i < 20; i++) {
        now += 5 * 60 * 1000;
        for (size_t n = 0; n < 3; n++)
            end_backfill(name_of("n", n));
        for (size_t g = GAMES; g < GAMES + HOSTS; g++) {
            functions_game("expire", name_of("g", g), "%lld|%d|%d", now, LATE, RELIST);
            functions_game("game_gone", name_of("g", g), "%lld", now);
        }
        for (size_t g = 0; g < GAMES; g++) {
            char ids[64];

            tickets_of(name_of("g", g), ids);
            match("match_failed", name_of("g", g), ids, "%lld|%lld|%d|", now, now + LATE, KEEP);
            functions_game("expire", name_of("g", g), "%lld|%d|%d", now, LATE, RELIST);
            functions_game("game_gone", name_of("g", g), "%lld", now);
        }
        for (size_t t = 0; t < TICKETS; t++)
            ticket("ticket_expire", name_of("t", t), "%lld|%d", now, KEEP);
    }
    SOUND();
    ck_assert_str_eq(functions_command("KEYS {p}:ticket:*"), "");
    ck_assert_str_eq(functions_command("KEYS {p}:match:*"), "");
    ck_assert_str_eq(functions_command("EXISTS {p}:tickets:users {p}:tickets:due "
                                       "{p}:tickets:codes {p}:queue:q {p}:holders"),
                     "0");
    NOTHING_LEFT();
}

START_TEST(random_operations)
{
    rnd = random_start();
    now = 1700000000000;
    for (int i = 0; i < ROUNDS; i++) {
        const char *answer = random_operation();

        ck_assert_msg(answer[0] != '!', "round %d: %s", i, answer);
        answer = inconsistency();
        ck_assert_msg(answer[0] == '\0', "round %d: %s", i, answer);
        now += (long long)random_below(&rnd, random_below(&rnd, 50) == 0 ? 200000 : 3000);
    }
    let_everything_end();
}
END_TEST

Suite *
unit_suite(void)
{
    const TTest *const tests[] = {a_user_has_one_active_ticket,
                                  who_is_in_a_game_has_no_ticket,
                                  who_is_banned_is_not_matched,
                                  a_ticket_is_its_players_own,
                                  ticket_get_tells_place_and_figures,
                                  a_party_is_formed_by_its_code,
                                  a_party_has_an_end,
                                  tickets_expire_and_are_forgotten,
                                  a_queue_that_is_gone_keeps_nobody,
                                  a_match_from_tickets_to_game,
                                  a_match_shows_the_attributes_that_it_is_told,
                                  seats_of_a_match_are_kept_and_another_creator_follows,
                                  who_does_not_come_ends_a_match,
                                  who_leaves_before_it_began_ends_a_match,
                                  who_is_lost_before_it_began_ends_a_match,
                                  a_match_that_began_goes_on_without_who_leaves,
                                  the_creator_of_a_match_is_a_player_as_others,
                                  the_creator_of_an_open_match_is_too,
                                  all_tickets_or_none,
                                  who_got_a_game_by_another_way_is_not_matched,
                                  who_got_a_game_meanwhile_is_in_no_match,
                                  a_cancelled_ticket_is_never_in_a_game,
                                  a_match_that_failed_leaves_its_tickets_waiting,
                                  a_game_that_is_made_while_it_is_being_removed_is_removed,
                                  a_match_is_failed_as_a_whole,
                                  a_player_whom_the_game_server_refuses_is_not_tried_for_ever,
                                  a_key_of_another_type_changes_nothing,
                                  random_operations};
    Suite *s = suite_create("tickets");
    TCase *tc = tcase_create("functions");

    redis_server_require();
    tcase_add_checked_fixture(tc, functions_setup, functions_teardown);
    tcase_set_timeout(tc, 120);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}
