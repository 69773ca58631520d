/* Game servers' keys: their form, their hash, when they count. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/access/gamekey.h"
#include "tests/unit/unit.h"

/* SHA-256 of 64 times `0`, as sha256sum(1) says. */
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define ZEROS_HASH "60e05bd1b195af2f94112fa7197a5c88289058840ce7c6df9693756bc6250f55"

static int
parse(const char *s, struct gamekey *key)
{
    return gamekey_parse(s, strlen(s), key);
}

START_TEST(made_keys_are_whole_and_differ)
{
    struct gamekey a, b, again;
    char text[GAMEKEY_ID_LEN + GAMEKEY_SECRET_LEN + 2];

    gamekey_make(&a);
    gamekey_make(&b);
    ck_assert_str_ne(a.id, b.id);
    ck_assert_str_ne(a.secret, b.secret);
    ck_assert_int_gt(snprintf(text, sizeof(text), "%s.%s", a.id, a.secret), 0);
    ck_assert_int_eq(parse(text, &again), 0);
    ck_assert_str_eq(again.id, a.id);
    ck_assert_str_eq(again.secret, a.secret);
}
END_TEST

START_TEST(other_forms_are_refused)
{
    static const char *const bad[] = {"",
                                      ".",
                                      "0a1b2c3d",
                                      "0a1b2c3d." ZEROS "0",
                                      "0a1b2c3d:" ZEROS,
                                      "0A1b2c3d." ZEROS,
                                      "0a1b2c3g." ZEROS,
                                      "0a1b2c3d.g000000000000000000000000000000000000000000000000"
                                      "000000000000000"};
    struct gamekey key;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(parse(bad[i], &key) == -1, "%s", bad[i]);
    ck_assert_int_eq(gamekey_parse("0a1b2c3d." ZEROS, 72, &key), -1);
}
END_TEST

START_TEST(secret_must_match)
{
    struct gamekey_record record = {.created = 1};
    struct gamekey key;

    ck_assert_int_eq(parse("0a1b2c3d." ZEROS, &key), 0);
    gamekey_hash(&key, record.hash);
    ck_assert_str_eq(record.hash, ZEROS_HASH);
    ck_assert(gamekey_matches(&key, &record));
    for (size_t i = 0; i < GAMEKEY_SECRET_LEN; i++) {
        key.secret[i] = '1';
        ck_assert(!gamekey_matches(&key, &record));
        key.secret[i] = '0';
    }
    record.hash[GAMEKEY_HASH_LEN - 1] ^= 1;
    ck_assert(!gamekey_matches(&key, &record));
}
END_TEST

START_TEST(revoked_from_its_time_on)
{
    struct gamekey_record record = {.created = 1, .revoked = 0};

    ck_assert(gamekey_counts(&record, INT64_MAX));
    record.revoked = 1000;
    ck_assert(gamekey_counts(&record, 999));
    ck_assert(!gamekey_counts(&record, 1000));
}
END_TEST

START_TEST(record_round_trip)
{
    static const char *const bad[] = {
        "", ZEROS_HASH, ZEROS_HASH " 1", ZEROS_HASH " 1 ", ZEROS_HASH "  1", ZEROS_HASH " 1 2 3",
        ZEROS_HASH " -1 2", ZEROS_HASH "0 1 2", "x" ZEROS_HASH " 1 2"};
    struct gamekey_record record = {.hash = ZEROS_HASH, .created = 1, .revoked = INT64_MAX};
    struct gamekey_record again;
    char text[GAMEKEY_RECORD_SIZE];
    size_t len = gamekey_format(&record, text);

    ck_assert_int_eq(gamekey_read(text, len, &again), 0);
    ck_assert_str_eq(again.hash, record.hash);
    ck_assert_int_eq(again.created, 1);
    ck_assert_int_eq(again.revoked, INT64_MAX);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(gamekey_read(bad[i], strlen(bad[i]), &again) == -1, "%s", bad[i]);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("gamekey");
    TCase *keys = tcase_create("keys");

    tcase_add_test(keys, made_keys_are_whole_and_differ);
    tcase_add_test(keys, other_forms_are_refused);
    tcase_add_test(keys, secret_must_match);
    tcase_add_test(keys, revoked_from_its_time_on);
    tcase_add_test(keys, record_round_trip);
    suite_add_tcase(suite, keys);
    return suite;
}
