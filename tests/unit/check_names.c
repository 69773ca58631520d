/*
 * Names and their index: what is found by the beginning of a name, in which order, and that the two
 * keys stay in step.
 */
#include <locale.h>
#include <stdio.h>
#include <wctype.h>

#include "tests/unit/games.h"

#define NAMES "{p}:names"
#define INDEX "{p}:byname"

static void
name(const char *user, const char *text)
{
    functions_begin("name_set");
    functions_key(NAMES);
    functions_key(INDEX);
    functions_arg("%s", user);
    functions_arg("%s", text);
    ck_assert_str_eq(functions_run(), "OK");
}

static const char *
find_some(const char *text, int limit)
{
    functions_begin("names_find");
    functions_key("{p}:generation");
    functions_key(NAMES);
    functions_key(INDEX);
    functions_key("{p}:hidden");
    functions_key("{p}:0:stats:%s", text);
    functions_key("{p}:0:player:%s", text);
    functions_arg("0");
    functions_arg("%s", text);
    functions_arg("%d", limit);
    return functions_run();
}

static const char *
find(const char *text)
{
    return find_some(text, 10);
}

START_TEST(finds_by_the_beginning_in_order)
{
    name("1", "Adam");
    name("2", "ada");
    name("3", "ADAB");
    name("4", "Bad");
    name("5", "Ad");
    ck_assert_str_eq(find("ad"), "5 Ad 2 ada 3 ADAB 1 Adam");
    ck_assert_str_eq(find("ADA"), "2 ada 3 ADAB 1 Adam");
    ck_assert_str_eq(find("adam"), "1 Adam");
    ck_assert_str_eq(find("adamm"), "");
    ck_assert_str_eq(find("["), "");
    ck_assert_str_eq(find_some("a", 2), "5 Ad 2 ada");
    ck_assert_str_eq(find_some("5", 0), "");
}
END_TEST

START_TEST(a_new_name_takes_the_place_of_the_old)
{
    name("1", "Ada");
    name("2", "Ada");
    name("1", "Bea");
    name("1", "bea");
    ck_assert_str_eq(find("ada"), "2 Ada");
    ck_assert_str_eq(find("b"), "1 bea");
    ck_assert_str_eq(functions_command("ZCARD " INDEX), "2");
    ck_assert_str_eq(functions_command("HLEN " NAMES), "2");
}
END_TEST

/* One that has a name from before there was an index comes into it with the next write. */
START_TEST(a_name_without_an_entry_gets_one)
{
    functions_command("HSET " NAMES " 1 Ada");
    ck_assert_str_eq(find("ada"), "");
    ck_assert_str_eq(find("1"), "1 Ada");
    name("1", "Ada");
    ck_assert_str_eq(find("ada"), "1 Ada");
}
END_TEST

START_TEST(whoever_has_the_id_comes_first)
{
    name("zed", "Zed");
    name("ada", "Zoe");
    name("1", "Ada");
    name("2", "ada");
    ck_assert_str_eq(find("ada"), "ada Zoe 1 Ada 2 ada");
    ck_assert_str_eq(find_some("ada", 1), "ada Zoe");
    ck_assert_str_eq(find("zed"), "zed Zed");
    ck_assert_str_eq(find("ADA"), "1 Ada 2 ada");
    functions_command("HSET {p}:0:stats:7 wins 1");
    functions_command("HSET {p}:0:player:8 r:elo 1500");
    ck_assert_str_eq(find("7"), "7 nil");
    ck_assert_str_eq(find("8"), "8 nil");
    ck_assert_str_eq(find("9"), "");
}
END_TEST

START_TEST(hidden_players_are_left_out)
{
    name("1", "Ada");
    name("2", "Adb");
    name("3", "Adc");
    name("4", "Add");
    functions_command("SADD {p}:hidden 1 2 ad 4");
    name("ad", "Adz");
    ck_assert_str_eq(find("ad"), "3 Adc");
    ck_assert_str_eq(find_some("ad", 1), "3 Adc");
    ck_assert_str_eq(find("1"), "");
}
END_TEST

/* However many are hidden, a search ends. */
START_TEST(only_so_many_hidden_players_are_passed)
{
    char user[16];

    for (int i = 1000; i < 1600; i++) {
        (void)snprintf(user, sizeof(user), "u%d", i);
        name(user, user);
        if (i < 1390 || i >= 1400)
            functions_command("SADD {p}:hidden %s", user);
    }
    ck_assert_str_eq(find_some("u", 1), "u1390 u1390");
    functions_command(
        "SADD {p}:hidden u1390 u1391 u1392 u1393 u1394 u1395 u1396 u1397 u1398 u1399");
    functions_command("SREM {p}:hidden u1500");
    ck_assert_str_eq(find("u"), "");
    ck_assert_str_eq(find("u15"), "u1500 u1500");
}
END_TEST

/* All letters of two bytes against the C library's: a capital is found by its small letter. */
START_TEST(letters_are_folded_as_unicode_has_it)
{
    locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    int folded = 0;

    ck_assert(unicode != (locale_t)0);
    for (wint_t c = 0x80; c <= 0x45F; c++) {
        wint_t small = towlower_l(c, unicode);
        char capital_name[4] = {(char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F)), 'X', '\0'};
        char small_name[4] = {(char)(0xC0 | small >> 6), (char)(0x80 | (small & 0x3F)), 'x', '\0'};

        /* İ has a small letter of one byte; Latin beyond U+017F, and what Greek has from Coptic on
         * is left alone. */
        if (small == c || small < 0x80 || (c > 0x17F && c < 0x386) || (c > 0x3C2 && c < 0x400))
            continue;
        name("u", capital_name);
        ck_assert_msg(strstr(find(small_name), "u ") != NULL, "U+%04X", (unsigned)c);
        folded++;
    }
    ck_assert_int_eq(folded, 30 + 62 + 33 + 48);
    freelocale(unicode);
    name("1", "ΣΟΦΌΣ");
    ck_assert_str_eq(find("σοφός"), "1 ΣΟΦΌΣ");
    name("2", "×");
    ck_assert_str_eq(find("÷"), "");
}
END_TEST

START_TEST(apply_writes_both_or_nothing)
{
    name("1", "Ada");
    functions_begin_apply();
    for (int i = 0; i < 5; i++)
        functions_arg("0");
    functions_arg("names");
    functions_arg_key(NAMES);
    functions_arg_key(INDEX);
    functions_arg("2");
    functions_arg("1");
    functions_arg("Bea");
    functions_arg("2");
    functions_arg("Bob");
    ck_assert_str_eq(functions_run(), "1");
    ck_assert_str_eq(find("b"), "1 Bea 2 Bob");
    ck_assert_str_eq(find("a"), "");
    functions_command("DEL " INDEX);
    functions_command("SET " INDEX " damaged");
    functions_begin_apply();
    for (int i = 0; i < 5; i++)
        functions_arg("0");
    functions_arg("names");
    functions_arg_key(NAMES);
    functions_arg_key(INDEX);
    functions_arg("1");
    functions_arg("1");
    functions_arg("Cat");
    ck_assert_int_eq(functions_run()[0], '!');
    ck_assert_str_eq(functions_command("HGET " NAMES " 1"), "Bea");
}
END_TEST

START_TEST(another_generation_is_told)
{
    functions_command("SET {p}:generation 3");
    ck_assert_str_eq(find("a"), "! GENERATION 3");
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("names");
    TCase *tc = tcase_create("functions");

    redis_server_require();
    tcase_add_checked_fixture(tc, functions_setup, functions_teardown);
    tcase_add_test(tc, finds_by_the_beginning_in_order);
    tcase_add_test(tc, a_new_name_takes_the_place_of_the_old);
    tcase_add_test(tc, a_name_without_an_entry_gets_one);
    tcase_add_test(tc, whoever_has_the_id_comes_first);
    tcase_add_test(tc, hidden_players_are_left_out);
    tcase_add_test(tc, only_so_many_hidden_players_are_passed);
    tcase_add_test(tc, letters_are_folded_as_unicode_has_it);
    tcase_add_test(tc, apply_writes_both_or_nothing);
    tcase_add_test(tc, another_generation_is_told);
    suite_add_tcase(s, tc);
    return s;
}
