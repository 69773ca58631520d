/* The buffer: growth, the maximum and the sticky failure, JSON. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "tests/unit/unit.h"

START_TEST(grows_and_stays_terminated)
{
    struct buf b;

    buf_init(&b, 1000);
    for (int i = 0; i < 1000; i++) {
        buf_byte(&b, (char)('a' + i % 26));
        ck_assert_uint_eq(b.len, (size_t)i + 1);
        ck_assert_int_eq(b.data[b.len], '\0');
        ck_assert_uint_le(b.cap, 1001);
    }
    ck_assert(buf_ok(&b));
    ck_assert_int_eq(b.data[27], 'b');
    buf_byte(&b, 'x');
    ck_assert(!buf_ok(&b));
    ck_assert_uint_eq(b.len, 1000);
    buf_free(&b);
    ck_assert_ptr_null(b.data);
    ck_assert_uint_eq(b.max, 1000);
}
END_TEST

START_TEST(failure_is_sticky_until_reset)
{
    struct buf b;

    buf_init(&b, 4);
    buf_str(&b, "abc");
    buf_str(&b, "de");
    ck_assert(!buf_ok(&b));
    buf_str(&b, "d"); /* would fit, but what is before it is missing */
    ck_assert_str_eq(b.data, "abc");
    ck_assert_ptr_null(buf_steal(&b));
    buf_reset(&b);
    ck_assert(buf_ok(&b));
    ck_assert_str_eq(b.data, "");
    buf_str(&b, "wxyz");
    ck_assert(buf_ok(&b));
    ck_assert_str_eq(b.data, "wxyz");
    buf_free(&b);
}
END_TEST

START_TEST(printf_fits_exactly_or_not_at_all)
{
    struct buf b;

    buf_init(&b, 10);
    buf_printf(&b, "%s%d", "abcde", 67890);
    ck_assert(buf_ok(&b));
    ck_assert_str_eq(b.data, "abcde67890");
    buf_printf(&b, "%s", "");
    ck_assert(buf_ok(&b));
    buf_reset(&b);
    buf_str(&b, "keep");
    buf_printf(&b, "%s", "1234567");
    ck_assert(!buf_ok(&b));
    ck_assert_str_eq(b.data, "keep");
    buf_free(&b);

    buf_init(&b, 5000);
    buf_printf(&b, "%4000d", 7); /* longer than the first allocation */
    ck_assert(buf_ok(&b));
    ck_assert_uint_eq(b.len, 4000);
    ck_assert_int_eq(b.data[3999], '7');
    buf_free(&b);
}
END_TEST

START_TEST(maximum_of_nothing_and_of_everything)
{
    struct buf b;

    buf_init(&b, 0);
    buf_str(&b, "");
    ck_assert(buf_ok(&b));
    buf_byte(&b, 'x');
    ck_assert(!buf_ok(&b));
    buf_free(&b);
    buf_init(&b, SIZE_MAX);
    buf_str(&b, "x");
    ck_assert(buf_ok(&b));
    ck_assert_str_eq(b.data, "x");
    buf_free(&b);
}
END_TEST

START_TEST(bytes_are_any_bytes)
{
    struct buf b;

    buf_init(&b, 100);
    buf_add(&b, "a\0b", 3);
    buf_add(&b, NULL, 0);
    ck_assert_uint_eq(b.len, 3);
    ck_assert_mem_eq(b.data, "a\0b", 4);
    buf_free(&b);
}
END_TEST

START_TEST(json_string_escapes)
{
    struct buf b;

    buf_init(&b, 200);
    buf_json_string(&b, "a\"\\/\b\f\n\r\t\x01\x1f\x7f\0\xc3\xa9.", 16);
    ck_assert_str_eq(b.data, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u0000\xc3\xa9.\"");
    buf_reset(&b);
    buf_json_string(&b, NULL, 0);
    ck_assert_str_eq(b.data, "\"\"");
    buf_free(&b);
}
END_TEST

START_TEST(xml_escapes)
{
    struct buf b;

    buf_init(&b, 128);
    buf_xml(&b, "a<b>&\"c\"\n\xc3\xa4", 11);
    ck_assert_str_eq(b.data, "a&lt;b&gt;&amp;&quot;c&quot; \xc3\xa4");
    buf_free(&b);
}
END_TEST

START_TEST(json_numbers)
{
    struct buf b;

    buf_init(&b, 200);
    buf_json_number(&b, 1500);
    buf_byte(&b, ' ');
    buf_json_number(&b, 0.1);
    ck_assert_str_eq(b.data, "1500 0.1");
    buf_free(&b);
}
END_TEST

START_TEST(steal_hands_over)
{
    struct buf b;
    char *s;

    buf_init(&b, 10);
    s = buf_steal(&b); /* of nothing: an empty text */
    ck_assert_str_eq(s, "");
    free(s);
    buf_str(&b, "abc");
    s = buf_steal(&b);
    ck_assert_str_eq(s, "abc");
    ck_assert_ptr_null(b.data);
    ck_assert_uint_eq(b.len, 0);
    buf_str(&b, "0123456789");
    ck_assert(buf_ok(&b));
    ck_assert_str_eq(s, "abc");
    free(s);
    buf_free(&b);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("buf");
    TCase *tc = tcase_create("buf");

    tcase_add_test(tc, grows_and_stays_terminated);
    tcase_add_test(tc, failure_is_sticky_until_reset);
    tcase_add_test(tc, printf_fits_exactly_or_not_at_all);
    tcase_add_test(tc, maximum_of_nothing_and_of_everything);
    tcase_add_test(tc, bytes_are_any_bytes);
    tcase_add_test(tc, json_string_escapes);
    tcase_add_test(tc, xml_escapes);
    tcase_add_test(tc, json_numbers);
    tcase_add_test(tc, steal_hands_over);
    suite_add_tcase(suite, tc);
    return suite;
}
