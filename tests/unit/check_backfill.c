/* Backfill in Redis: a ticket's seats in a listed game, from taking them to their end. The random
 * operations of check_tickets.c have it too. */
#include "tests/unit/tickets.h"

#define N1 "n1"
#define BACKFILL(answer, ...)                            \
    do {                                                 \
        ck_assert_str_eq(backfill(__VA_ARGS__), answer); \
        SOUND();                                         \
    } while (0)

static const char *
fill(const char *game, const char *id, long long at)
{
    return backfill("backfill_take", game, N1, id, "%lld|%lld|%d", at, at + 8000, KEEP);
}

static void
party_of_two(void)
{
    ck_assert_str_eq(open_ticket("t1", "ann", "ABCDEF", 2100), "ok");
    TICKET("ok", "ticket_join", "t1", "2200|ABCDEF|bob|Bob|1400|{}");
    TICKET("ok", "ticket_ready", "t1", "2300|ann");
}

START_TEST(a_party_gets_the_seats_of_a_listed_game)
{
    open_game(A, 3);
    party_of_two();
    ck_assert_str_eq(fill(A, "t1", 3000), "ok http://s ann name ann bob Bob");
    SOUND();
    LISTED("0");
    ck_assert_str_eq(field("t1", "state"), "starting");
    ck_assert_str_eq(functions_command("ZSCORE {p}:tickets:due m:n1"), "11000");
    DUE(A, "11000");
    BACKFILL("ok 1200", "backfill_done", A, N1, "t1", "3500|50000|%d|tok a|tok b", KEEP);
    ck_assert_str_eq(field("t1", "state"), "matched");
    ck_assert_str_eq(field("t1", "match"), A);
    ck_assert_str_eq(functions_command("EXISTS {p}:match:n1"), "0");
    ck_assert_ptr_nonnull(strstr(field("t1", "game:bob"), "\"token\":\"tok b\""));
    HELD("bob", A);
    DUE(A, "53500"); /* it is full: they have the seat's time */
    TICKET("matched " A, "ticket_cancel", "t1", "4000|%d|ann", KEEP);
    /* Whoever is late changes nothing. */
    BACKFILL("ok 0", "backfill_failed", A, N1, "t1", "4000|4000");
    BACKFILL("gone", "backfill_done", A, N1, "t1", "4000|50000|%d|x|y", KEEP);
    HELD("ann", A);
}
END_TEST

START_TEST(all_seats_of_a_ticket_or_none)
{
    open_game(A, 2);
    party_of_two();
    ck_assert_str_eq(fill(A, "t1", 3000), "refused");
    SOUND();
    ck_assert_str_eq(field("t1", "state"), "waiting");
    LISTED("1");
    ck_assert_str_eq(functions_command("EXISTS {p}:match:n1"), "0");
}
END_TEST

START_TEST(what_is_not_listed_is_not_filled)
{
    ck_assert_str_eq(open_ticket("t1", "ann", "", 1000), "ok");
    ck_assert_str_eq(fill(A, "t1", 3000), "refused");
    intent(A, 3);
    ck_assert_str_eq(fill(A, "t1", 3000), "refused");
    CALL_JSON("create_done", A, "1500|tok|60000");
    ck_assert_str_eq(fill(A, "t1", 3000), "refused");
    EVENT("1", A, 2000, "state", "creator_joined");
    /* A player who has yet to be removed there. */
    CALL("ok http://s", "seat_reserve", A, "2500|9000|ann");
    CALL("ok", "seat_release", A, "2600|9999|ann");
    ck_assert_str_eq(fill(A, "t1", 3000), "refused");
    functions_command("SADD {p}:banned ann");
    ck_assert_str_eq(fill(A, "t1", 3000), "unusable t1");
    SOUND();
}
END_TEST

START_TEST(a_private_game_is_not_filled)
{
    CALL("ok", "create_intent", A, "1000|9000|%s|p|host|Host|3|{}|http://s|ws://s|codes|AAAAAA", A);
    CALL_JSON("create_done", A, "1500|tok|60000");
    EVENT("1", A, 2000, "state", "creator_joined");
    ck_assert_str_eq(open_ticket("t1", "ann", "", 1000), "ok");
    ck_assert_str_eq(fill(A, "t1", 3000), "refused");
}
END_TEST

START_TEST(seats_that_failed_are_free_and_the_ticket_waits)
{
    open_game(A, 3);
    party_of_two();
    fill(A, "t1", 3000);
    BACKFILL("ok 1", "backfill_failed", A, N1, "t1", "3500|0");
    LISTED("1");
    HELD("ann", "nil");
    ck_assert_str_eq(field("t1", "since"), "2300");
    /* One that may yet be given is told to be taken away, and not sold before. */
    fill(A, "t1", 4000);
    BACKFILL("ok 1", "backfill_failed", A, N1, "t1", "4500|%d", 4500 + LATE);
    ck_assert_str_eq(fill(A, "t1", 5000), "refused");
    CALL("players http://s 0 0 ann bob", "expire", A, "5500|%d|%d", LATE, RELIST);
}
END_TEST

START_TEST(whoever_dies_leaves_a_deadline)
{
    open_game(A, 3);
    party_of_two();
    fill(A, "t1", 3000);
    CALL("players http://s 2 0 ann bob", "expire", A, "11000|%d|%d", LATE, RELIST);
    BACKFILL("gone", "backfill_done", A, N1, "t1", "11001|50000|%d|a|b", KEEP);
    BACKFILL("ok 1", "backfill_failed", A, N1, "t1", "11002|%d", 11002 + LATE);
    ck_assert_str_eq(field("t1", "state"), "waiting");
    CALL("ok", "player_gone", A, "99000|ann");
    CALL("ok", "player_gone", A, "99000|bob");
    LISTED("1");
}
END_TEST

START_TEST(a_seat_of_another_time_is_left_alone)
{
    open_game(A, 3);
    ck_assert_str_eq(open_ticket("t1", "ann", "", 1000), "ok");
    fill(A, "t1", 3000);
    TICKET("ok", "ticket_cancel", "t1", "3100|%d|ann", KEEP);
    CALL("ok", "seat_release", A, "3200|0|ann");
    CALL("ok http://s", "seat_reserve", A, "3300|12000|ann");
    BACKFILL("gone", "backfill_done", A, N1, "t1", "3400|50000|%d|a", KEEP);
    BACKFILL("ok 0", "backfill_failed", A, N1, "t1", "3500|3500");
    BACKFILL("ok 0", "backfill_failed", A, N1, "t1", "3500|3500|ann");
    HELD("ann", A);
    CALL_JSON("seat_confirm", A, "3600|ann|tok|50000");
    BACKFILL("ok 0", "backfill_failed", A, N1, "t1", "3700|3700|ann");
    HELD("ann", A);
}
END_TEST

START_TEST(a_player_whose_answer_was_late_leaves_when_it_is_there)
{
    open_game(A, 3);
    party_of_two();
    fill(A, "t1", 3000);
    BACKFILL("ok 1", "backfill_failed", A, N1, "t1", "4500|%d|ann|bob", 4500 + LATE);
    /* Ann is there: she is told to leave, and that is all. Of Bob nothing is known yet. */
    BACKFILL("ok 0", "backfill_failed", A, N1, "t1", "5000|5000|ann");
    CALL("players http://s 0 0 ann", "expire", A, "5000|%d|%d", LATE, RELIST);
    CALL("ok", "player_gone", A, "5000|ann");
    CALL("players http://s 0 0 bob", "expire", A, "5500|%d|%d", LATE, RELIST);
    CALL("ok", "player_gone", A, "5500|bob");
    CALL("state creator_joined already in it", "seat_reserve", A, "5600|9000|host");
    CALL("taken", "seat_reserve", A, "5600|9000|bob");
    CALL("ok http://s", "seat_reserve", A, "5600|9000|ann");
    /* He was refused after all. He may be being removed: he comes back when that is over. */
    BACKFILL("ok 0", "backfill_failed", A, N1, "t1", "6000|0|bob");
    CALL("ok", "player_gone", A, "5500|bob");
    CALL("taken", "seat_reserve", A, "6100|9000|bob");
    CALL("players http://s 0 0 bob", "expire", A, "6100|%d|%d", LATE, RELIST);
    CALL("ok", "player_gone", A, "6100|bob");
    CALL("ok http://s", "seat_reserve", A, "6200|9000|bob");
}
END_TEST

START_TEST(whoever_has_no_seat_any_more_is_told_to_leave)
{
    open_game(A, 3);
    ck_assert_str_eq(open_ticket("t1", "ann", "", 1000), "ok");
    fill(A, "t1", 3000);
    TICKET("ok", "ticket_cancel", "t1", "3100|%d|ann", KEEP);
    /* Whoever asked the game server stood still for long. */
    CALL("players http://s 1 0 ann", "expire", A, "11000|%d|%d", LATE, RELIST);
    CALL("ok", "player_gone", A, "%d|ann", 11000 + LATE);
    BACKFILL("gone", "backfill_done", A, N1, "t1", "50000|60000|%d|a", KEEP);
    BACKFILL("ok 0", "backfill_failed", A, N1, "t1", "50001|50001|ann");
    CALL("players http://s 0 0 ann", "expire", A, "50001|%d|%d", LATE, RELIST);
    /* By then the game server may be asked for somebody else's stay, which may take longer. */
    CALL("ok", "player_gone", A, "50001|ann");
    CALL("ok http://s", "seat_reserve", A, "50100|59000|ann");
    CALL("ok", "seat_release", A, "50200|90000|ann");
    BACKFILL("ok 0", "backfill_failed", A, N1, "t1", "50300|50300|ann");
    CALL("ok", "player_gone", A, "50400|ann");
    CALL("taken", "seat_reserve", A, "50500|59000|ann");
    CALL("ok removed", "game_remove", A, "50600|host");
}
END_TEST

START_TEST(a_backfill_whose_game_is_gone)
{
    open_game(A, 3);
    ck_assert_str_eq(open_ticket("t1", "ann", "", 1000), "ok");
    fill(A, "t1", 3000);
    CALL("ok removed", "game_remove", A, "3100|host");
    BACKFILL("gone", "backfill_done", A, N1, "t1", "3400|50000|%d|a", KEEP);
    BACKFILL("ok 1", "backfill_failed", A, N1, "t1", "3500|3500");
    CALL("ok", "game_gone", A, "3600");
    NOTHING_LEFT();
}
END_TEST

static const char *
list_from(const char *place, const char *field)
{
    functions_begin("backfill_list");
    functions_key("{p}:lobby");
    functions_key("{p}:generation");
    functions_key("{p}:game:");
    functions_arg("%s", place);
    functions_arg("%s", field);
    return functions_run();
}

START_TEST(the_list_for_backfills)
{
    ck_assert_str_eq(list_from("0", ""), "0");
    open_game(A, 3);
    join(A, 2500, "bob");
    functions_command("SET {p}:generation 4");
    functions_command("HSET {p}:4:player:host r:b 1700");
    ck_assert_str_eq(list_from("0", "r:b"), "0 [" A " 1 {\"num_players\":3} 1700 ]");
    ck_assert_str_eq(list_from("0", ""), "0 [" A " 1 {\"num_players\":3}]");
    ck_assert_str_eq(list_from("1", ""), "0");
    /* One that cannot be read is left out. */
    open_game(B, 2);
    functions_command("HSET {p}:game:" A " seats x");
    ck_assert_str_eq(list_from("0", ""), "0 [" B " 1 {\"num_players\":2}]");
}
END_TEST

START_TEST(a_long_list_comes_in_parts)
{
    char id[40];

    for (int i = 0; i < 21; i++) {
        snprintf(id, sizeof id, "%032d", i);
        open_game(id, 2);
    }
    ck_assert_int_eq(strncmp(list_from("0", ""), "20 [", 4), 0);
    ck_assert_str_eq(list_from("20", ""),
                     "0 [00000000000000000000000000000020 1 {\"num_players\":2}]");
}
END_TEST

Suite *
unit_suite(void)
{
    const TTest *const tests[] = {a_party_gets_the_seats_of_a_listed_game,
                                  all_seats_of_a_ticket_or_none,
                                  what_is_not_listed_is_not_filled,
                                  a_private_game_is_not_filled,
                                  seats_that_failed_are_free_and_the_ticket_waits,
                                  whoever_dies_leaves_a_deadline,
                                  a_seat_of_another_time_is_left_alone,
                                  a_player_whose_answer_was_late_leaves_when_it_is_there,
                                  whoever_has_no_seat_any_more_is_told_to_leave,
                                  a_backfill_whose_game_is_gone,
                                  the_list_for_backfills,
                                  a_long_list_comes_in_parts};
    Suite *s = suite_create("backfill");
    TCase *tc = tcase_create("functions");

    redis_server_require();
    tcase_add_checked_fixture(tc, functions_setup, functions_teardown);
    tcase_set_timeout(tc, 60);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}
