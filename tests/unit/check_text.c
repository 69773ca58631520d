/* Checks and conversions of text from outside: what is let in, what is not, and at which edge. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/text.h"
#include "tests/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const struct {
    const char *s;
    size_t len;
    bool good;
} utf8[] = {
    {"", 0, true},
    {"a\0b", 3, true},
    {"\x7f", 1, true},
    {"\xc2\x80", 2, true},
    {"\xdf\xbf", 2, true},
    {"\xe0\xa0\x80", 3, true},
    {"\xed\x9f\xbf", 3, true},
    {"\xee\x80\x80", 3, true},
    {"\xef\xbf\xbf", 3, true},
    {"\xf0\x90\x80\x80", 4, true},
    {"\xf4\x8f\xbf\xbf", 4, true},
    {"\x80", 1, false},
    {"\xbf", 1, false},
    {"\xc0\x80", 2, false},         /* overlong NUL */
    {"\xc1\xbf", 2, false},         /* overlong */
    {"\xe0\x9f\xbf", 3, false},     /* overlong */
    {"\xf0\x8f\xbf\xbf", 4, false}, /* overlong */
    {"\xed\xa0\x80", 3, false},     /* surrogate */
    {"\xed\xbf\xbf", 3, false},     /* surrogate */
    {"\xf4\x90\x80\x80", 4, false}, /* past U+10FFFF */
    {"\xf5\x80\x80\x80", 4, false},
    {"\xff", 1, false},
    {"\xc3\xa9", 1, false}, /* cut */
    {"\xe2\x82\xac", 2, false},
    {"\xf0\x9f\x98\x80", 3, false},
    {"\xc3(", 2, false},
    {"a\xe2\x28\xa1", 4, false},
};

START_TEST(utf8_is_checked)
{
    ck_assert_int_eq(text_is_utf8(utf8[_i].s, utf8[_i].len), utf8[_i].good);
}
END_TEST

static bool
is_name(const char *s)
{
    return text_is_name(s, strlen(s));
}

START_TEST(names)
{
    char longest[TEXT_USER_ID_MAX + 1];

    memset(longest, 'n', sizeof(longest));
    ck_assert(text_is_name(longest, TEXT_USER_ID_MAX));
    ck_assert(!text_is_name(longest, TEXT_USER_ID_MAX + 1));
    ck_assert(!is_name(""));
    ck_assert(is_name("alice"));
    ck_assert(is_name(" two words "));
    ck_assert(is_name("\xc3\x85sa \xf0\x9f\x98\x80"));
    ck_assert(is_name("\xc2\xa0"));
    ck_assert(!is_name("\xc2\x80"));
    ck_assert(!is_name("a\xc2\x9f"));
    ck_assert(!is_name("a\nb"));
    ck_assert(!is_name("\x1f"));
    ck_assert(!is_name("\x7f"));
    ck_assert(!is_name("a\xff"));
    ck_assert(!text_is_name("a\0b", 3));
}
END_TEST

START_TEST(product_ids)
{
    char longest[TEXT_PRODUCT_ID_MAX + 1];

    memset(longest, 'p', sizeof(longest));
    ck_assert(text_is_product_id(longest, TEXT_PRODUCT_ID_MAX));
    ck_assert(!text_is_product_id(longest, TEXT_PRODUCT_ID_MAX + 1));
    ck_assert(text_is_product_id("exrps", 5));
    ck_assert(text_is_product_id("_A-z9", 5));
    ck_assert(!text_is_product_id("", 0));
    ck_assert(!text_is_product_id("-a", 2));
    ck_assert(!text_is_product_id("a.b", 3));
    ck_assert(!text_is_product_id("a}b", 3));
    ck_assert(!text_is_product_id("a/b", 3));
    ck_assert(!text_is_product_id("\xc3\xa9", 2));
    ck_assert(!text_is_product_id("a\0", 2));
}
END_TEST

START_TEST(game_ids)
{
    const char *id = "0123456789abcdef0123456789abcdef0";

    ck_assert(text_is_game_id(id, 32));
    ck_assert(!text_is_game_id(id, 31));
    ck_assert(!text_is_game_id(id, 33));
    ck_assert(!text_is_game_id("0123456789ABCDEF0123456789abcdef", 32));
    ck_assert(!text_is_game_id("0123456789abcdeg0123456789abcdef", 32));
}
END_TEST

static const struct {
    const char *s;
    int err;
    int64_t v;
} ints[] = {
    {"0", 0, 0},
    {"-0", 0, 0},
    {"007", 0, 7},
    {"-42", 0, -42},
    {"9223372036854775807", 0, INT64_MAX},
    {"-9223372036854775808", 0, INT64_MIN},
    {"9223372036854775808", ERANGE, 0},
    {"-9223372036854775809", ERANGE, 0},
    {"99999999999999999999999999", ERANGE, 0},
    {"99999999999999999999999999x", EINVAL, 0},
    {"", EINVAL, 0},
    {"-", EINVAL, 0},
    {"+1", EINVAL, 0},
    {" 1", EINVAL, 0},
    {"1 ", EINVAL, 0},
    {"1.0", EINVAL, 0},
    {"0x10", EINVAL, 0},
    {"--1", EINVAL, 0},
};

START_TEST(integers)
{
    int64_t v = 77;
    int status = text_parse_int(ints[_i].s, strlen(ints[_i].s), INT64_MIN, INT64_MAX, &v);

    if (ints[_i].err == 0) {
        ck_assert_int_eq(status, 0);
        ck_assert_int_eq(v, ints[_i].v);
    } else {
        ck_assert_int_eq(status, -1);
        ck_assert_int_eq(errno, ints[_i].err);
        ck_assert_int_eq(v, 77);
    }
}
END_TEST

START_TEST(integers_have_limits)
{
    int64_t v = 77;

    ck_assert_int_eq(text_parse_int("10", 2, 1, 10, &v), 0);
    ck_assert_int_eq(v, 10);
    ck_assert_int_eq(text_parse_int("11", 2, 1, 10, &v), -1);
    ck_assert_int_eq(errno, ERANGE);
    ck_assert_int_eq(text_parse_int("0", 1, 1, 10, &v), -1);
    ck_assert_int_eq(v, 10);
    ck_assert_int_eq(text_parse_int("123", 2, 0, 999, &v), 0);
    ck_assert_int_eq(v, 12);
}
END_TEST

static const struct {
    const char *s;
    int err;
    double v;
} doubles[] = {
    {"0", 0, 0},
    {"-0", 0, 0},
    {"1.5", 0, 1.5},
    {"-12.25e-2", 0, -0.1225},
    {"1E+3", 0, 1000},
    {"0.1", 0, 0.1},
    {"1.7976931348623157e308", 0, 1.7976931348623157e308},
    {"5e-324", 0, 5e-324},
    {"1e-999", 0, 0}, /* too small is nothing, and finite */
    {"1e999", ERANGE, 0},
    {"-1e999", ERANGE, 0},
    {"", EINVAL, 0},
    {"-", EINVAL, 0},
    {"+1", EINVAL, 0},
    {"01", EINVAL, 0},
    {".5", EINVAL, 0},
    {"5.", EINVAL, 0},
    {"1e", EINVAL, 0},
    {"1e+", EINVAL, 0},
    {"1,5", EINVAL, 0},
    {"0x1p3", EINVAL, 0},
    {"inf", EINVAL, 0},
    {"nan", EINVAL, 0},
    {" 1", EINVAL, 0},
    {"1 ", EINVAL, 0},
    {"1.5.5", EINVAL, 0},
};

START_TEST(parses_doubles)
{
    double v = 77;
    int status = text_parse_double(doubles[_i].s, strlen(doubles[_i].s), &v);

    if (doubles[_i].err == 0) {
        ck_assert_int_eq(status, 0);
        ck_assert(v == doubles[_i].v);
    } else {
        ck_assert_int_eq(status, -1);
        ck_assert_int_eq(errno, doubles[_i].err);
        ck_assert(v == 77.0);
    }
}
END_TEST

START_TEST(a_double_is_bounded_and_needs_no_nul)
{
    char digits[TEXT_NUMBER_MAX + 1];
    double v = 0;

    memset(digits, '1', sizeof(digits));
    digits[1] = '.';
    ck_assert_int_eq(text_parse_double(digits, TEXT_NUMBER_MAX, &v), 0);
    ck_assert(fabs(v - 10.0 / 9) < 1);
    ck_assert_int_eq(text_parse_double(digits, TEXT_NUMBER_MAX + 1, &v), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(text_parse_double("12345", 2, &v), 0);
    ck_assert(v == 12.0);
}
END_TEST

static const struct {
    double v;
    const char *text;
} formats[] = {
    {0, "0"},
    {-0.0, "0"},
    {1, "1"},
    {-1, "-1"},
    {1500, "1500"},
    {0.1, "0.1"},
    {-2.5, "-2.5"},
    {1e15, "1000000000000000"},
    {9007199254740991.0, "9007199254740991"},
    {9007199254740992.0, "9007199254740992"},
    {-9007199254740992.0, "-9007199254740992"},
    {9007199254740994.0, "9007199254740994"},
    {1e21, "1e+21"},
    {1.0 / 3, "0.3333333333333333"},
    {0.1 + 0.2, "0.30000000000000004"},
    {9.95, "9.95"}, /* with one digit more it would be 9.949999999999999 */
    {5e-324, "5e-324"},
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {-2.2250738585072014e-308, "-2.2250738585072014e-308"},
};

START_TEST(formats_doubles)
{
    char text[TEXT_DOUBLE_SIZE];
    size_t len = text_format_double(formats[_i].v, text);

    ck_assert_str_eq(text, formats[_i].text);
    ck_assert_uint_eq(len, strlen(text));
}
END_TEST

/* Any bit pattern reads back as it was. */
START_TEST(doubles_round_trip)
{
    uint64_t bits = 0x9e3779b97f4a7c15U;

    for (int i = 0; i < 100000; i++) {
        char text[TEXT_DOUBLE_SIZE];
        double v;
        double back;
        size_t len;

        bits = bits * 6364136223846793005U + 1442695040888963407U;
        memcpy(&v, &bits, sizeof(v));
        if (!isfinite(v))
            continue;
        len = text_format_double(v, text);
        /* Not ck_assert(), which tells the runner each time that it was reached. */
        if (len >= sizeof(text) || text_parse_double(text, len, &back) != 0 || back != v)
            ck_abort_msg("%s", text);
    }
}
END_TEST

static const struct {
    const char *s;
    bool plus;
    const char *out; /* NULL: refused */
} urls[] = {
    {"", false, ""},       {"abc", false, "abc"}, {"a%20b%2Fc%c3%A9", false, "a b/c\xc3\xa9"},
    {"a+b", false, "a+b"}, {"a+b", true, "a b"},  {"%2B", true, "+"},
    {"%", false, NULL},    {"%4", false, NULL},   {"ab%4", false, NULL},
    {"%4g", false, NULL},  {"%g4", false, NULL},  {"%%41", false, NULL},
};

START_TEST(url_decoding)
{
    char out[64];
    size_t len = 99;
    int status = text_url_decode(urls[_i].s, strlen(urls[_i].s), urls[_i].plus, out, &len);

    if (urls[_i].out == NULL) {
        ck_assert_int_eq(status, -1);
        ck_assert_int_eq(errno, EINVAL);
        ck_assert_uint_eq(len, 99);
    } else {
        ck_assert_int_eq(status, 0);
        ck_assert_uint_eq(len, strlen(urls[_i].out));
        ck_assert_mem_eq(out, urls[_i].out, len);
    }
}
END_TEST

START_TEST(url_decoding_in_place_and_within_length)
{
    char s[] = "%41%42c";
    size_t len;

    ck_assert_int_eq(text_url_decode(s, 7, false, s, &len), 0);
    ck_assert_uint_eq(len, 3);
    ck_assert_mem_eq(s, "ABc", 3);
    /* The digits behind the length do not count. */
    ck_assert_int_eq(text_url_decode("%41", 2, false, s, &len), -1);
    ck_assert_int_eq(text_url_decode("%00", 3, false, s, &len), 0);
    ck_assert_uint_eq(len, 1);
    ck_assert_int_eq(s[0], '\0');
}
END_TEST

START_TEST(random_hex)
{
    char a[33];
    char b[33];
    char big[2 * 1000 + 1];

    text_random_hex(a, 16);
    text_random_hex(b, 16);
    ck_assert(text_is_game_id(a, strlen(a)));
    ck_assert_str_ne(a, b);
    text_random_hex(big, 1000);
    ck_assert_uint_eq(strlen(big), 2000);
    ck_assert_uint_eq(strspn(big, "0123456789abcdef"), 2000);
    for (const char *c = "0123456789abcdef"; *c != '\0'; c++)
        ck_assert_ptr_nonnull(strchr(big, *c));
    text_random_hex(a, 0);
    ck_assert_str_eq(a, "");
}
END_TEST

START_TEST(wiping)
{
    char secret[] = "secret";

    text_wipe(secret, 3);
    ck_assert_mem_eq(secret, "\0\0\0ret", 7);
    text_wipe(NULL, 0);
}
END_TEST

static char dir[] = "/tmp/varcade-text-XXXXXX";
static char path[64];

static void
make_dir(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/file", dir);
}

static void
remove_dir(void)
{
    (void)unlink(path);
    (void)rmdir(dir);
}

static void
write_file(const char *data, size_t len)
{
    FILE *f = fopen(path, "we");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(reads_files)
{
    char *data = NULL;
    size_t len = 0;

    write_file("ab\0cd", 5);
    ck_assert_int_eq(text_read_file(path, 5, &data, &len), 0);
    ck_assert_uint_eq(len, 5);
    ck_assert_mem_eq(data, "ab\0cd", 6);
    free(data);
    data = NULL;
    ck_assert_int_eq(text_read_file(path, 4, &data, &len), -1);
    ck_assert_int_eq(errno, EFBIG);
    ck_assert_ptr_null(data);
    write_file("", 0);
    ck_assert_int_eq(text_read_file(path, 4, &data, &len), 0);
    ck_assert_uint_eq(len, 0);
    ck_assert_str_eq(data, "");
    free(data);
}
END_TEST

START_TEST(reads_nothing_but_files)
{
    char *data = NULL;
    size_t len = 0;

    ck_assert_int_eq(text_read_file(path, 4, &data, &len), -1);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_int_eq(text_read_file(dir, 4, &data, &len), -1);
    ck_assert_int_eq(errno, EISDIR);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(text_read_file(path, 4, &data, &len), -1); /* and does not wait for a writer */
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(data);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("text");
    TCase *tc = tcase_create("text");
    TCase *files = tcase_create("files");

    tcase_add_loop_test(tc, utf8_is_checked, 0, COUNT(utf8));
    tcase_add_test(tc, names);
    tcase_add_test(tc, product_ids);
    tcase_add_test(tc, game_ids);
    tcase_add_loop_test(tc, integers, 0, COUNT(ints));
    tcase_add_test(tc, integers_have_limits);
    tcase_add_loop_test(tc, parses_doubles, 0, COUNT(doubles));
    tcase_add_test(tc, a_double_is_bounded_and_needs_no_nul);
    tcase_add_loop_test(tc, formats_doubles, 0, COUNT(formats));
    tcase_add_test(tc, doubles_round_trip);
    tcase_add_loop_test(tc, url_decoding, 0, COUNT(urls));
    tcase_add_test(tc, url_decoding_in_place_and_within_length);
    tcase_add_test(tc, random_hex);
    tcase_add_test(tc, wiping);
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(files, make_dir, remove_dir);
    tcase_add_test(files, reads_files);
    tcase_add_test(files, reads_nothing_but_files);
    suite_add_tcase(suite, files);
    return suite;
}
