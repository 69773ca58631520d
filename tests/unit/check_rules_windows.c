/* The compiler of the rules: the windows of boards. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/zone.h"
#include "lib/rules/rules.h"
#include "lib/rules/window.h"
#include "tests/unit/rules_file.h"
#include "tests/unit/unit.h"

START_TEST(test_windows)
{
    struct rules *r = compiled(
        "{'timezone': 'Europe/Berlin', 'boards': [{'id': 'a', " FROM "},"
        "{'id': 'b', 'windows': ['daily', 'weekly'], 'week_start': 'sunday', 'keep': 0, " FROM "},"
        "{'id': 'c', 'windows': ['monthly', 'all'], 'timezone': 'UTC', 'keep': 366, 'seasons': ["
        "{'id': 'b', 'from': '2026-03-01T00:00:00Z', 'to': '2026-03-02T00:00:00+01:00'},"
        "{'id': 'a', 'from': '2026-02-01T00:00:00Z', 'to': '2026-03-01T00:00:00Z'}], " FROM "}]}");
    const struct window_plan *a = &rules_board_at(r, 0)->windows;
    const struct window_plan *b = &rules_board_at(r, 1)->windows;
    const struct window_plan *c = &rules_board_at(r, 2)->windows;

    ck_assert(a->has[WINDOW_ALL] && !a->has[WINDOW_DAILY] && !a->has[WINDOW_SEASON]);
    ck_assert_int_eq(a->standard, WINDOW_ALL);
    ck_assert_ptr_eq(a->zone, zone_find("Europe/Berlin"));
    ck_assert_int_eq(a->keep, 1);
    ck_assert(!a->from_sunday);
    ck_assert(b->has[WINDOW_DAILY] && b->has[WINDOW_WEEKLY] && !b->has[WINDOW_ALL]);
    ck_assert_int_eq(b->standard, WINDOW_DAILY);
    ck_assert_int_eq(b->keep, 0);
    ck_assert(b->from_sunday);
    ck_assert(c->has[WINDOW_MONTHLY] && c->has[WINDOW_ALL] && c->has[WINDOW_SEASON]);
    ck_assert_int_eq(c->standard, WINDOW_ALL);
    ck_assert_ptr_eq(c->zone, zone_find("UTC"));
    ck_assert_int_eq(c->keep, 366);
    ck_assert_uint_eq(c->nseasons, 2);
    ck_assert_str_eq(c->season[0].id, "a");
    ck_assert_str_eq(c->season[1].id, "b");
    ck_assert_int_eq(c->season[0].from, 1769904000000);
    ck_assert_int_eq(c->season[1].to - c->season[1].from, 23 * 3600 * 1000);
    rules_free(r);
}
END_TEST

#define SEASON(id, from, to) \
    "{'id': '" id "', 'from': '" from "T00:00:00Z', 'to': '" to "T00:00:00Z'}"
#define KINDS "none of \"all\", \"yearly\", \"monthly\", \"weekly\", \"daily\"\n"
#define NO_TIME "not a time since 1970 as RFC 3339 writes it, 2026-01-31T00:00:00Z\n"

START_TEST(test_window_problems)
{
    static const struct {
        const char *keys, *reasons;
    } bad[] = {
        {"'windows': 'all'", "windows: not an array of windows\n"},
        {"'windows': []", "windows: not an array of windows\n"},
        {"'windows': ['hourly', 3]", "windows[0]: " KINDS "boards[0].windows[1]: " KINDS},
        {"'windows': ['season']", "windows[0]: " KINDS},
        {"'windows': ['all', 'daily', 'all']", "windows[2]: stands here twice\n"},
        {"'timezone': 'CET-1'", "timezone: not the name of a time zone, as \"Europe/Berlin\" is "
                                "one\n"},
        {"'timezone': null",
         "timezone: not the name of a time zone, as \"Europe/Berlin\" is one\n"},
        {"'week_start': 'saturday'", "week_start: neither \"monday\" nor \"sunday\"\n"},
        {"'week_start': 1", "week_start: neither \"monday\" nor \"sunday\"\n"},
        {"'keep': -1", "keep: not an integer from 0 to 366\n"},
        {"'keep': 367", "keep: not an integer from 0 to 366\n"},
        {"'keep': 1.5", "keep: not an integer from 0 to 366\n"},
        {"'keep': '1'", "keep: not an integer from 0 to 366\n"},
        {"'seasons': []", "seasons: not an array of 1 to 1000 seasons\n"},
        {"'seasons': {}", "seasons: not an array of 1 to 1000 seasons\n"},
        {"'seasons': [1]", "seasons[0]: not an object\n"},
        {"'seasons': [{'id': 'a b', 'form': 1, 'from': '2026-01-01', 'to': "
         "'1969-01-01T00:00:00Z'}]",
         "seasons[0].form: unknown key\n"
         "boards[0].seasons[0].id: not 1 to 64 of A-Z a-z 0-9 _ -\n"
         "boards[0].seasons[0].from: " NO_TIME "boards[0].seasons[0].to: " NO_TIME},
        {"'seasons': [{'id': 'a'}]",
         "seasons[0].from: " NO_TIME "boards[0].seasons[0].to: " NO_TIME},
        {"'seasons': [" SEASON("a", "2026-01-01", "2026-01-01") "]",
         "seasons[0]: ends before it begins\n"},
        {"'seasons': [" SEASON("a", "2026-01-02", "2026-01-04") ", " SEASON("a", "2026-01-01",
                                                                            "2026-01-02") "]",
         "seasons[1]: another season has this id\n"},
        {"'seasons': [" SEASON("a", "2026-01-02", "2026-01-04") ", " SEASON("b", "2026-01-01",
                                                                            "2026-01-03") "]",
         "seasons[1]: overlaps with \"a\"\n"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char json[1024], lines[1024];

        (void)snprintf(json, sizeof(json), "{'boards': [{'id': 'a', %s, " FROM "}]}", bad[i].keys);
        (void)snprintf(lines, sizeof(lines), "boards[0].%s", bad[i].reasons);
        refused(json, lines);
    }
}
END_TEST

START_TEST(test_bounds)
{
    static const struct {
        const char *keys, *reasons;
    } bad[] = {
        {"'bounds': {}", "bounds: empty\n"},
        {"'bounds': 3", "bounds: not an object\n"},
        {"'bounds': {'least': 1}", "bounds.least: unknown key\n"},
        {"'bounds': {'min': 2, 'max': 1}", "bounds: min is more than max: no score would do\n"},
        {"'bounds': {'min': '1'}", "bounds.min: not a number from -9.0072e+15 to 9.0072e+15\n"},
        {"'bounds': {'max_step': 0}", "bounds.max_step: not a number from 1e-06 to 9.0072e+15\n"},
        {"'bounds': {'max_per_minute': 0}",
         "bounds.max_per_minute: not a number from 1 to 1e+06\n"},
        {"'bounds': {'max_per_minute': 1.5}", "bounds: max_per_minute is not an integer\n"},
    };
    struct rules *r =
        compiled("{'boards': [{'id': 'a', 'bounds': {'min': -1, 'max_step': 0.5}, " FROM
                 "}, {'id': 'b', " FROM "}]}");
    const struct rules_bounds *bounds = rules_board_at(r, 0)->bounds;

    ck_assert(bounds->min >= -1 && bounds->min <= -1 && bounds->max_step >= 0.5 &&
              bounds->max_step <= 0.5);
    ck_assert(isinf(bounds->max) && isinf(bounds->max_per_minute));
    ck_assert_ptr_null(rules_board_at(r, 1)->bounds);
    rules_free(r);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char json[1024], lines[1024];

        (void)snprintf(json, sizeof(json), "{'boards': [{'id': 'a', %s, " FROM "}]}", bad[i].keys);
        (void)snprintf(lines, sizeof(lines), "boards[0].%s", bad[i].reasons);
        refused(json, lines);
    }
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("rules of windows");
    TCase *tc = tcase_create("windows");

    tcase_add_test(tc, test_windows);
    tcase_add_test(tc, test_window_problems);
    tcase_add_test(tc, test_bounds);
    suite_add_tcase(suite, tc);
    return suite;
}
