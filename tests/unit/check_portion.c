/* How many events one apply is given; and what of the archive is missing. */
#include <hiredis/hiredis.h>

#include "lib/redis/redis.h"
#include "tests/unit/unit.h"
#include "worker/archive/reach.h"
#include "worker/portion.h"

START_TEST(it_grows_to_what_fits_in_the_time)
{
    struct portion p = {.count = 64};

    for (size_t i = 0; i < 20; i++)
        portion_adapt(&p, p.count, (int64_t)p.count * 10, APPLY_MICROS_MAX, 4096);
    ck_assert_uint_eq(p.count, 500);
    for (size_t i = 0; i < 20; i++)
        portion_adapt(&p, p.count, (int64_t)p.count, APPLY_MICROS_MAX, 4096);
    ck_assert_uint_eq(p.count, 4096);
    portion_adapt(&p, p.count, 0, APPLY_MICROS_MAX, 4096);
    ck_assert_uint_eq(p.count, 4096);
    portion_adapt(&p, 0, 1, APPLY_MICROS_MAX, 4096);
    ck_assert_uint_ge(p.count, 2048);
}
END_TEST

/* One call that waited for the processor tells little; that all do tells something. */
START_TEST(a_busy_machine_makes_it_smaller_slowly)
{
    struct portion p = {.count = 500, .cost = 10};

    portion_adapt(&p, 500, 500000, APPLY_MICROS_MAX, 4096);
    ck_assert_uint_ge(p.count, 450);
    portion_adapt(&p, p.count, (int64_t)p.count * 10, APPLY_MICROS_MAX, 4096);
    ck_assert_uint_eq(p.count, 500);
    for (size_t i = 0; i < 200; i++)
        portion_adapt(&p, p.count, (int64_t)p.count * 1000, APPLY_MICROS_MAX, 4096);
    ck_assert_uint_eq(p.count, 16);
}
END_TEST

static const struct event_id first = {10, 0}, second = {20, 0}, third = {30, 0};

static struct tally
tally(int64_t n)
{
    return (struct tally){.n = n};
}

START_TEST(what_is_missing_is_found_once)
{
    struct reach reach = {.id = first, .met = {.n = 100}};

    ck_assert_int_eq(reach_check(&reach, tally(100)), 0);
    reach.id = second;
    reach.met.n += 50;
    ck_assert_int_eq(reach_check(&reach, tally(190)), 40);
    ck_assert_int_eq(reach_check(&reach, tally(190)), 0);
    ck_assert_int_eq(reach.missing, 40);
    ck_assert_int_eq(event_id_compare(reach.from, first), 0);
    ck_assert_int_eq(event_id_compare(reach.to, second), 0);
    reach.id = third;
    ck_assert_int_eq(reach_check(&reach, tally(191)), 1);
    ck_assert_int_eq(reach.missing, 41);
    ck_assert_int_eq(event_id_compare(reach.from, first), 0);
    ck_assert_int_eq(event_id_compare(reach.to, third), 0);
}
END_TEST

/* Nothing is said of what cannot be compared, and later counts begin there. */
START_TEST(counts_of_another_place)
{
    struct reach reach = {.id = second, .met = {.n = 10, .since = first}};
    struct tally later = {.n = 900, .since = second};

    ck_assert_int_eq(reach_check(&reach, tally(500)), 0);
    ck_assert_int_eq(reach_check(&reach, tally(510)), 10);
    ck_assert_int_eq(reach_check(&reach, later), 0);
    later.n = 3;
    ck_assert_int_eq(reach_check(&reach, later), 0);
    later.n = 4;
    ck_assert_int_eq(reach_check(&reach, later), 1);
    ck_assert_int_eq(reach.missing, 11);
}
END_TEST

/* What is told is what is taken: HSET's pairs as HMGET's answer. */
START_TEST(what_is_told_is_taken)
{
    const struct reach told = {.id = {1, 2},
                               .last = {3, 4},
                               .since = {5, 6},
                               .met = {.n = 7, .since = {8, 9}},
                               .checked = {10, 11},
                               .missing = 12,
                               .from = {13, 14},
                               .to = {15, 16}};
    struct redisReply field[16], *element[16];
    struct redisReply reply = {.type = REDIS_REPLY_ARRAY, .element = element};
    struct redis_args tell, ask;
    struct reach taken;

    redis_args_init(&tell);
    redis_args_init(&ask);
    reach_tell(&tell, "p", "s", &told);
    reach_ask(&ask, "p", "s");
    reply.elements = (tell.n - 2) / 2;
    ck_assert_uint_eq(reply.elements, ask.n - 2);
    ck_assert_uint_le(reply.elements, 16);
    for (size_t i = 0; i < reply.elements; i++) {
        size_t name = 2 + 2 * i, at = tell.ends[name - 1], asked = ask.ends[1 + i];

        ck_assert_uint_eq(tell.ends[name] - at, ask.ends[2 + i] - asked);
        ck_assert_mem_eq(tell.bytes.data + at, ask.bytes.data + asked, tell.ends[name] - at);
        field[i] = (struct redisReply){.type = REDIS_REPLY_STRING,
                                       .str = tell.bytes.data + tell.ends[name],
                                       .len = tell.ends[name + 1] - tell.ends[name]};
        element[i] = &field[i];
    }
    ck_assert_int_eq(reach_take(&reply, &taken), 0);
    ck_assert_mem_eq(&taken, &told, sizeof(taken));
    /* Of one that nobody has ever told. */
    for (size_t i = 0; i < reply.elements; i++)
        field[i].type = REDIS_REPLY_NIL;
    ck_assert_int_eq(reach_take(&reply, &taken), 0);
    ck_assert_mem_eq(&taken, &(struct reach){.missing = 0}, sizeof(taken));
    reply.elements--;
    ck_assert_int_eq(reach_take(&reply, &taken), -1);
    redis_args_free(&tell);
    redis_args_free(&ask);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("portion");
    TCase *tc = tcase_create("portion");

    tcase_add_test(tc, it_grows_to_what_fits_in_the_time);
    tcase_add_test(tc, a_busy_machine_makes_it_smaller_slowly);
    tcase_add_test(tc, what_is_missing_is_found_once);
    tcase_add_test(tc, counts_of_another_place);
    tcase_add_test(tc, what_is_told_is_taken);
    suite_add_tcase(suite, tc);
    return suite;
}
