/* The matcher by hand-made cases: who is matched with whom and when, and what is told to those who
 * wait. */
#include <errno.h>

#include "tests/unit/matcher_fixture.h"
#include "tests/unit/random.h"

/* --- one against one -------------------------------------------------------------------------- */

START_TEST(two_meet)
{
    struct matcher_match *match;

    open_duel();
    ck_assert_int_eq(matcher_next(m, 5), MATCHER_NEVER);
    add_player(m, "a", 1500, 1000);
    ck_assert_int_eq(matcher_next(m, 1000), 1000);
    ck_assert_uint_eq(matcher_round(m, 1000), 0);
    ck_assert_int_eq(matcher_next(m, 1000), 301000);
    add_player(m, "b", 1540, 2500);
    ck_assert_uint_eq(matcher_round(m, 2500), 1);
    ck_assert_uint_eq(matcher_waiting(m), 0);
    ck_assert_uint_eq(matcher_proposed(m), 2);
    match = matcher_take(m);
    ck_assert_str_eq(teams_text(match), "a | b");
    ck_assert_int_eq(match->seat[0].waited, 1500);
    ck_assert_double_eq(match->seat[0].range, 115);
    ck_assert_double_eq(match->spread, 40);
    ck_assert_double_eq(match->gap, 40);
    ck_assert_uint_eq(match->region, MATCHER_NO_REGION);
    ck_assert_ptr_null(matcher_take(m));
    matcher_done(m, match);
    ck_assert(!matcher_has(m, text("a")));
    ck_assert_int_eq(matcher_next(m, 2500), MATCHER_NEVER);
    matcher_free(NULL);
    close_queue();
}
END_TEST

START_TEST(ranges_widen)
{
    open_duel();
    add_player(m, "a", 1500, 0);
    add_player(m, "b", 1650, 1000);
    plays(1000, "");
    /* b, the younger one, takes 150 after 5 s. */
    ck_assert_int_eq(matcher_next(m, 1000), 6000);
    plays(5999, "");
    plays(6000, "a | b");
    close_queue();
}
END_TEST

START_TEST(ranges_end)
{
    open_duel();
    q.range.max = 250;
    add_player(m, "a", 1500, 0);
    add_player(m, "b", 1751, 0);
    plays(0, "");
    ck_assert_int_eq(matcher_next(m, 0), 300000);
    plays(299999, "");
    add_player(m, "c", 1750, 299999);
    plays(299999, "b | c");
    close_queue();
}
END_TEST

START_TEST(who_waits_longest_is_first)
{
    open_duel();
    add_player(m, "old", 1500, 0);
    add_player(m, "new", 1310, 35000);
    plays(40000, "");
    /* Nearer to the one who came later. */
    add_player(m, "x", 1400, 40000);
    plays(40000, "old | x");
    plays(40000, "");
    close_queue();
}
END_TEST

START_TEST(the_nearest_of_two)
{
    open_duel();
    add_player(m, "far", 1410, 0);
    plays(0, "");
    add_player(m, "near", 1540, 100);
    plays(100, "");
    add_player(m, "x", 1500, 200);
    plays(200, "near | x");
    close_queue();
}
END_TEST

START_TEST(nobody_blocks)
{
    open_duel();
    add_player(m, "champion", 4000, 0);
    plays(0, "");
    add_player(m, "a", 1500, 30000);
    add_player(m, "b", 1500, 30001);
    plays(30001, "a | b");
    ck_assert(matcher_has(m, text("champion")));
    close_queue();
}
END_TEST

START_TEST(six_of_very_different_strength)
{
    static const double rating[] = {700, 1150, 1500, 1900, 2350, 3000};
    struct matcher_match *match;
    size_t matches = 0;
    wall_ms now = 0;
    char id[2] = "a";

    open_duel();
    for (size_t i = 0; i < 6; i++, id[0]++)
        add_player(m, id, rating[i], (wall_ms)i * 500);
    for (now = 2500; matcher_waiting(m) > 0; now = matcher_next(m, now)) {
        ck_assert_int_lt(now, q.timeout);
        (void)matcher_round(m, now);
        while ((match = matcher_take(m)) != NULL) {
            matches++;
            matcher_done(m, match);
        }
    }
    ck_assert_uint_eq(matches, 3);
    close_queue();
}
END_TEST

/* --- teams ------------------------------------------------------------------------------------ */

START_TEST(teams_are_even)
{
    open_queue(teams_of(2));
    add_player(m, "a", 1400, 0);
    add_player(m, "b", 1430, 1);
    add_player(m, "c", 1460, 2);
    plays(2, "");
    add_player(m, "d", 1490, 3);
    plays(3, "a d | b c");
    close_queue();
}
END_TEST

START_TEST(parties_stay_together)
{
    open_queue(teams_of(5));
    add_party(m, "three", 3, 1500, 0);
    add_party(m, "trio", 3, 1500, 4000);
    add_party(m, "triad", 3, 1600, 4000);
    plays(8000, "");
    add_party(m, "two", 2, 1500, 8000);
    plays(8000, "");
    add_player(m, "one", 1500, 8001);
    plays(8001, "");
    add_player(m, "single", 1500, 8002);
    plays(8002, "three two | trio one single");
    ck_assert_uint_eq(matcher_waiting(m), 1);
    close_queue();
}
END_TEST

/* The nearest ones would leave a place that nobody fills: others are tried. */
START_TEST(a_step_back)
{
    open_queue(teams_of(3));
    add_party(m, "a", 2, 1500, 0);
    add_player(m, "b", 1501, 4000);
    add_party(m, "c", 2, 1502, 4000);
    add_party(m, "d", 2, 1503, 4000);
    plays(8000, "");
    add_party(m, "e", 3, 1520, 8000);
    plays(8000, "a b | e");
    close_queue();
}
END_TEST

START_TEST(smaller_teams_after_a_while)
{
    open_queue(teams_of(5));
    q.size_min = 1;
    q.full_ms = 10000;
    add_player(m, "a", 1500, 0);
    add_player(m, "b", 1500, 1000);
    add_player(m, "c", 1500, 2000);
    add_player(m, "d", 1500, 3000);
    add_player(m, "e", 1500, 4000);
    plays(4000, "");
    ck_assert_int_eq(matcher_next(m, 4000), 10000);
    plays(9999, "");
    plays(10000, "a b | c d");
    close_queue();
}
END_TEST

START_TEST(full_teams_are_preferred)
{
    open_queue(teams_of(2));
    q.size_min = 1;
    q.full_ms = 10000;
    add_player(m, "a", 1500, 0);
    plays(9000, "");
    add_player(m, "b", 1500, 9000);
    add_player(m, "c", 1500, 9000);
    plays(9000, "");
    add_player(m, "d", 1500, 12000);
    plays(12000, "a b | c d");
    close_queue();
}
END_TEST

START_TEST(one_team_or_many)
{
    struct queue alone = teams_of(4), all = duel();

    alone.teams = 1;
    open_queue(alone);
    add_party(m, "a", 3, 1500, 0);
    add_party(m, "b", 2, 1500, 0);
    plays(0, "");
    add_player(m, "c", 1500, 1);
    plays(1, "a c");
    add_party(m, "d", 4, 1500, 2);
    plays(2, "d");
    close_queue();
    all.teams = 3;
    open_queue(all);
    add_player(m, "a", 1500, 0);
    add_player(m, "b", 1500, 1);
    plays(1, "");
    add_player(m, "c", 1600, 2);
    plays(2, "a | b | c");
    close_queue();
}
END_TEST

/* --- rules ------------------------------------------------------------------------------------ */

static void
add_mode(const char *id, const char *mode, const char *map)
{
    struct matcher_ticket t = ticket(id, 1500, 0);

    t.equal[0] = text(mode);
    t.equal[1] = text(map);
    add(m, t);
}

START_TEST(equal_attributes)
{
    struct queue modes = duel();

    modes.nequal = 2;
    open_queue(modes);
    add_mode("a", "x", "yz");
    add_mode("b", "xy", "z");
    add_mode("c", "", "xyz");
    plays(0, "");
    add_mode("d", "xy", "z");
    plays(0, "b | d");
    close_queue();
}
END_TEST

static void
add_level(const char *id, double level)
{
    struct matcher_ticket t = ticket(id, 1500, 0);

    t.within[0] = level;
    add(m, t);
}

START_TEST(attributes_within)
{
    struct queue levels = teams_of(2);

    levels.teams = 1;
    levels.nwithin = 1;
    levels.within[0].distance = 3;
    open_queue(levels);
    add_level("a", -4);
    add_level("b", 0);
    add_level("c", 3.5);
    plays(0, "");
    add_level("d", -1);
    plays(0, "a d");
    add_level("e", 3);
    plays(0, "b e");
    add_level("f", 2.9);
    plays(0, "c f");
    levels.within[0].distance = 0;
    close_queue();
    open_queue(levels);
    add_level("a", .1);
    add_level("b", .1000001);
    plays(0, "");
    add_level("c", .1);
    plays(0, "a c");
    close_queue();
}
END_TEST

static void
add_latency(const char *id, wall_ms since, int32_t eu, int32_t us)
{
    struct matcher_ticket t = ticket(id, 1500, since);

    t.latency[0] = eu;
    t.latency[1] = us;
    add(m, t);
}

START_TEST(regions)
{
    struct queue worldwide = duel();
    struct matcher_match *match;

    worldwide.nregions = 2;
    worldwide.latency = (struct queue_limit){50, 10, 200};
    open_queue(worldwide);
    add_latency("berlin", 0, 20, 130);
    add_latency("boston", 0, 120, -1);
    add_latency("nowhere", 0, 201, 201);
    plays(0, "");
    /* Boston takes Europe after 7 s, Berlin did from the start. */
    plays(6999, "");
    ck_assert_int_eq(matcher_next(m, 6999), 7000);
    ck_assert_uint_eq(matcher_round(m, 7000), 1);
    match = matcher_take(m);
    ck_assert_str_eq(teams_text(match), "berlin | boston");
    ck_assert_uint_eq(match->region, 0);
    matcher_done(m, match);
    add_latency("x", 7000, 40, 30);
    add_latency("y", 7000, 50, 10);
    ck_assert_uint_eq(matcher_round(m, 7000), 1);
    match = matcher_take(m);
    ck_assert_uint_eq(match->region, 1);
    matcher_done(m, match);
    close_queue();
}
END_TEST

/* Each two have a region, all three have none. */
START_TEST(a_region_for_all)
{
    struct queue worldwide = duel();

    worldwide.teams = 3;
    worldwide.nregions = 3;
    worldwide.latency = (struct queue_limit){50, 10, 200};
    open_queue(worldwide);
    for (size_t i = 0; i < 3; i++) {
        char id[2] = {(char)('a' + i), '\0'};
        struct matcher_ticket t = ticket(id, 1500, 0);

        t.latency[0] = t.latency[1] = t.latency[2] = 10;
        t.latency[i] = 80;
        add(m, t);
    }
    plays(0, "");
    plays(3000, "a | b | c");
    close_queue();
}
END_TEST

/* A clock that is behind the one that said when the waiting began. */
START_TEST(from_the_future)
{
    open_duel();
    add_player(m, "a", 1500, 7200000);
    add_player(m, "b", 1650, 7200000);
    plays(0, "");
    ck_assert_int_eq(matcher_next(m, 0), 7205000);
    plays(7205000, "a | b");
    close_queue();
}
END_TEST

/* --- leaving ---------------------------------------------------------------------------------- */

START_TEST(timeouts)
{
    char id[MATCHER_ID_MAX + 1];

    open_duel();
    add_player(m, "a", 1000, 0);
    add_player(m, "b", 9000, 50);
    plays(50, "");
    ck_assert(!matcher_expired(m, 299999, id));
    ck_assert(matcher_expired(m, 300000, id));
    ck_assert_str_eq(id, "a");
    ck_assert(!matcher_expired(m, 300000, id));
    ck_assert_uint_eq(matcher_waiting(m), 1);
    ck_assert_int_eq(matcher_next(m, 300000), 300050);
    /* Nobody is matched after that. */
    add_player(m, "c", 9000, 300050);
    plays(300050, "");
    ck_assert(matcher_has(m, text("b")));
    ck_assert(matcher_remove(m, text("b")));
    ck_assert(!matcher_expired(m, 300050, id));
    close_queue();
}
END_TEST

START_TEST(cancelling)
{
    struct matcher_match *match;

    open_duel();
    ck_assert(!matcher_remove(m, text("a")));
    add_player(m, "a", 1500, 0);
    ck_assert(matcher_remove(m, text("a")));
    ck_assert(!matcher_remove(m, text("a")));
    add_player(m, "b", 1500, 0);
    plays(0, "");
    add_player(m, "c", 1500, 0);
    ck_assert_uint_eq(matcher_round(m, 0), 1);
    match = matcher_take(m);
    ck_assert(matcher_remove(m, text("c")));
    ck_assert_uint_eq(matcher_proposed(m), 1);
    matcher_back(m, match, 0);
    ck_assert_uint_eq(matcher_waiting(m), 1);
    ck_assert(!matcher_has(m, text("c")));
    add_player(m, "d", 1500, 5);
    ck_assert_uint_eq(matcher_round(m, 5), 1);
    match = matcher_take(m);
    ck_assert(matcher_remove(m, text("d")));
    matcher_done(m, match);
    ck_assert_uint_eq(matcher_proposed(m), 0);
    ck_assert(!matcher_has(m, text("b")));
    /* Found and not taken, taken and not given back: freed with the rest. */
    for (char id[] = "e"; id[0] <= 'h'; id[0]++)
        add_player(m, id, 1500, 10);
    ck_assert_uint_eq(matcher_round(m, 10), 2);
    ck_assert_ptr_nonnull(matcher_take(m));
    close_queue();
}
END_TEST

START_TEST(coming_back)
{
    struct matcher_match *match;

    open_duel();
    add_player(m, "a", 1500, 0);
    add_player(m, "b", 1500, 3000);
    ck_assert_uint_eq(matcher_round(m, 3000), 1);
    match = matcher_take(m);
    matcher_back(m, match, 5000);
    ck_assert_uint_eq(matcher_waiting(m), 2);
    ck_assert_int_eq(matcher_next(m, 3000), 5000);
    add_player(m, "c", 1500, 4000);
    plays(4000, "");
    ck_assert_uint_eq(matcher_round(m, 5000), 1);
    match = matcher_take(m);
    ck_assert_int_eq(match->seat[0].waited, 5000);
    ck_assert_str_eq(match->seat[0].id, "a");
    /* At once: the same again. */
    matcher_back(m, match, 0);
    ck_assert_int_eq(matcher_next(m, 5000), 5000);
    ck_assert_uint_eq(matcher_round(m, 5000), 1);
    close_queue();
}
END_TEST

START_TEST(claimed_for_something_else)
{
    struct matcher_waiter first[4];
    struct matcher_match *match;

    open_duel();
    add_player(m, "b", 1900, 0);
    add_player(m, "a", 1000, 1000);
    ck_assert_uint_eq(matcher_first(m, 2000, first, 1), 1);
    ck_assert_uint_eq(matcher_first(m, 2000, first, 4), 2);
    ck_assert_str_eq(first[0].id, "b");
    ck_assert_double_eq(first[0].range, 120);
    ck_assert_double_eq(first[1].rating, 1000);
    match = matcher_claim(m, "a");
    ck_assert_ptr_nonnull(match);
    ck_assert_uint_eq(match->nseats, 1);
    ck_assert_ptr_null(matcher_take(m));
    ck_assert_ptr_null(matcher_claim(m, "a"));
    ck_assert_ptr_null(matcher_claim(m, "none"));
    ck_assert_uint_eq(matcher_first(m, 2000, first, 4), 1);
    matcher_back(m, match, 0);
    ck_assert_uint_eq(matcher_waiting(m), 2);
    match = matcher_claim(m, "a");
    matcher_done(m, match);
    ck_assert(!matcher_has(m, text("a")));
    ck_assert_uint_eq(matcher_proposed(m), 0);
}
END_TEST

START_TEST(what_is_no_ticket)
{
    char longest[MATCHER_ID_MAX + 2];
    struct matcher_ticket t;

    open_queue(teams_of(2));
    q.nequal = q.nwithin = 1;
    memset(longest, 'x', sizeof(longest));
    for (int i = 0; i < 9; i++) {
        t = ticket("a", 1500, 0);
        t.equal[0] = text("");
        switch (i) {
        case 0:
            t.id.len = 0;
            break;
        case 1:
            t.id = (struct event_text){longest, MATCHER_ID_MAX + 1};
            break;
        case 2:
            t.size = 0;
            break;
        case 3:
            t.size = 3;
            break;
        case 4:
            t.rating = HUGE_VAL;
            break;
        case 5:
            t.equal[0] = (struct event_text){NULL, 0};
            break;
        case 6:
            t.equal[0] = (struct event_text){longest, QUEUE_TEXT_MAX + 1};
            break;
        case 7:
            t.within[0] = (double)NAN;
            break;
        default:
            t.within[0] = 2e9;
            break;
        }
        errno = 0;
        ck_assert_int_eq(matcher_add(m, &t), -1);
        ck_assert_int_eq(errno, EINVAL);
    }
    t = ticket("a", 1500, 0);
    t.equal[0] = text("");
    t.id = (struct event_text){longest, MATCHER_ID_MAX};
    ck_assert_int_eq(matcher_add(m, &t), 0);
    ck_assert_int_eq(matcher_add(m, &t), -1);
    ck_assert_int_eq(errno, EEXIST);
    ck_assert_uint_eq(matcher_waiting(m), 1);
    close_queue();
}
END_TEST

/* --- crowds ----------------------------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y ? 1 : 0;
}

/* A crowd that comes at once, teams of so many: all but a few play, and the teams are at most twice
 * as far apart as those of neighbours in the sorted list, dealt out like cards. */
START_TEST(crowds)
{
    static double rating[20000];
    struct random_source r = random_start();
    size_t n = 20000, matches = 0, size = (size_t[]){1, 2, 5, 16}[_i];
    struct matcher_match *match;
    double gap = 0, base = 0;
    char id[16];
    wall_ms now = 0;

    open_queue(teams_of(size));
    for (size_t i = 0; i < n; i++) {
        rating[i] = 0;
        for (int j = 0; j < 12; j++)
            rating[i] += (double)random_below(&r, 1000) * .3;
        (void)snprintf(id, sizeof(id), "t%zu", i);
        add_player(m, id, rating[i], 0);
    }
    for (; now < 60000; now = matcher_next(m, now)) {
        (void)matcher_round(m, now);
        while ((match = matcher_take(m)) != NULL) {
            matches++;
            gap += match->gap;
            matcher_done(m, match);
        }
    }
    ck_assert_uint_ge(matches * 2 * size, n - n / 100);
    qsort(rating, n, sizeof(rating[0]), compare);
    for (size_t i = 0; i + 2 * size <= n; i += 2 * size) {
        double sum = 0;

        for (size_t j = 0; j < 2 * size; j++)
            sum += (j + 1) / 2 % 2 == 0 ? rating[i + j] : -rating[i + j];
        base += fabs(sum) / (double)size / (double)(n / (2 * size));
    }
    ck_assert_double_le(gap / (double)matches, 2 * base);
    close_queue();
}
END_TEST

/* Thousands who can play with nobody are looked at once, and not again. */
START_TEST(strangers_cost_nothing)
{
    struct queue strange = duel();
    char id[16];

    strange.nequal = strange.nwithin = 1;
    strange.within[0].distance = 1;
    open_queue(strange);
    for (size_t i = 0; i < 3000; i++) {
        struct matcher_ticket t = ticket(id, 1500, 0);

        t.id.len = (size_t)snprintf(id, sizeof(id), "t%zu", i);
        t.equal[0] = i % 2 == 0 ? text("same") : t.id;
        t.within[0] = (double)i;
        add(m, t);
    }
    plays(0, "");
    ck_assert_int_eq(matcher_next(m, 0), q.timeout);
    close_queue();
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("matcher");
    TCase *t = tcase_create("matcher");

    tcase_add_test(t, two_meet);
    tcase_add_test(t, ranges_widen);
    tcase_add_test(t, ranges_end);
    tcase_add_test(t, who_waits_longest_is_first);
    tcase_add_test(t, the_nearest_of_two);
    tcase_add_test(t, nobody_blocks);
    tcase_add_test(t, six_of_very_different_strength);
    tcase_add_test(t, teams_are_even);
    tcase_add_test(t, parties_stay_together);
    tcase_add_test(t, a_step_back);
    tcase_add_test(t, smaller_teams_after_a_while);
    tcase_add_test(t, full_teams_are_preferred);
    tcase_add_test(t, one_team_or_many);
    tcase_add_test(t, equal_attributes);
    tcase_add_test(t, attributes_within);
    tcase_add_test(t, regions);
    tcase_add_test(t, a_region_for_all);
    tcase_add_test(t, from_the_future);
    tcase_add_test(t, timeouts);
    tcase_add_test(t, cancelling);
    tcase_add_test(t, coming_back);
    tcase_add_test(t, claimed_for_something_else);
    tcase_add_test(t, what_is_no_ticket);
    tcase_add_loop_test(t, crowds, 0, 4);
    tcase_add_test(t, strangers_cost_nothing);
    suite_add_tcase(s, t);
    return s;
}
