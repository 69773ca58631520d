/* The clocks and the text of a time. */
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "tests/unit/unit.h"

START_TEST(clocks_agree_with_the_system)
{
    mono_ms mono = clock_mono();
    wall_ms wall = clock_wall();
    time_t now = time(NULL);

    ck_assert_int_ge(clock_mono(), mono);
    ck_assert_int_gt(mono, 0);
    ck_assert_int_le(wall / 1000, now);
    ck_assert_int_ge(wall / 1000, now - 5);
}
END_TEST

static const struct {
    wall_ms t;
    const char *text;
} times[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {1, "1970-01-01T00:00:00.001Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {-1000, "1969-12-31T23:59:59.000Z"},
    {951782400123, "2000-02-29T00:00:00.123Z"},
    {1769903999123, "2026-01-31T23:59:59.123Z"},
    {4107542400000, "2100-03-01T00:00:00.000Z"}, /* no leap year */
    {253402300799999, "9999-12-31T23:59:59.999Z"},
    {253402300800000, "9999-12-31T23:59:59.999Z"},
    {INT64_MAX, "9999-12-31T23:59:59.999Z"},
    {-62167219200000, "0000-01-01T00:00:00.000Z"},
    {-62167219200001, "0000-01-01T00:00:00.000Z"},
    {INT64_MIN, "0000-01-01T00:00:00.000Z"},
};

START_TEST(formats_rfc3339)
{
    char text[CLOCK_RFC3339_SIZE];

    clock_format_rfc3339(times[_i].t, text);
    ck_assert_str_eq(text, times[_i].text);
}
END_TEST

static const struct {
    const char *text;
    wall_ms t;
} read_times[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"2000-02-29T00:00:00.123Z", 951782400123},
    {"2026-01-31T23:59:59.1Z", 1769903999100},
    {"2026-01-31T23:59:59.1239999z", 1769903999123},
    {"2026-02-01t00:59:59.123+01:00", 1769903999123},
    {"2026-01-31T19:29:59.123-04:30", 1769903999123},
    {"2016-12-31T23:59:60Z", 1483228800000},
    {"0000-01-01T00:00:00Z", -62167219200000},
    {"9999-12-31T23:59:59.999Z", 253402300799999},
};

START_TEST(reads_rfc3339)
{
    wall_ms t = 1;

    ck_assert_int_eq(clock_parse_rfc3339(read_times[_i].text, strlen(read_times[_i].text), &t), 0);
    ck_assert_int_eq(t, read_times[_i].t);
}
END_TEST

static const char *const no_times[] = {
    "",
    "2026-01-31",
    "2026-01-31T23:59:59",
    "2026-01-31 23:59:59Z",
    "2026-1-31T23:59:59Z",
    "2026-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31T23:60:00Z",
    "2026-01-31T23:59:61Z",
    "2026-01-31T23:59:59.Z",
    "2026-01-31T23:59:59,5Z",
    "2026-01-31T23:59:59Z ",
    "2026-01-31T23:59:59+1:00",
    "2026-01-31T23:59:59+01",
    "2026-01-31T23:59:59+24:00",
    "+026-01-31T23:59:59Z",
};

START_TEST(refuses_what_is_no_time)
{
    wall_ms t = 77;

    ck_assert_int_eq(clock_parse_rfc3339(no_times[_i], strlen(no_times[_i]), &t), -1);
    ck_assert_int_eq(t, 77);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("clock");
    TCase *tc = tcase_create("clock");

    tcase_add_test(tc, clocks_agree_with_the_system);
    tcase_add_loop_test(tc, formats_rfc3339, 0, (int)(sizeof(times) / sizeof(times[0])));
    tcase_add_loop_test(tc, reads_rfc3339, 0, (int)(sizeof(read_times) / sizeof(read_times[0])));
    tcase_add_loop_test(tc, refuses_what_is_no_time, 0,
                        (int)(sizeof(no_times) / sizeof(no_times[0])));
    suite_add_tcase(suite, tc);
    return suite;
}
