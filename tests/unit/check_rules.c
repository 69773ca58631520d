/* Rules: what a game's file may say, which problems it is told, and what events then do. */
#include "lib/rules/rules.h"

#include <check.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/intern.h"
#include "lib/base/text.h"
#include "tests/entry.h"
#include "tests/unit/random.h"
#include "tests/unit/rules_file.h"
#include "tests/unit/unit.h"

#define GAME "0123456789abcdef0123456789abcdef"

/* --- helpers ---------------------------------------------------------------------------------- */

#define EFFECTS_MAX 64

/* What the event does, one line an effect; or `dead: REASON`. Frees the entry. */
static const char *
effects(const struct rules *r, struct redisReply *entry)
{
    static const char *const ops[] = {"add", "max", "min", "set"};
    static char text[8192];
    static struct rules_room room;
    struct rules_effect effect[EFFECTS_MAX];
    const char *why = NULL;
    size_t n = EFFECTS_MAX + 1;
    struct event e;
    struct buf out;

    ck_assert_msg(event_decode(entry, &e, &why) == 0, "%s", why);
    buf_init(&out, sizeof(text) - 1);
    if (rules_evaluate(r, &e, &room, effect, EFFECTS_MAX, &n, &why) == -1) {
        ck_assert_uint_eq(n, EFFECTS_MAX + 1);
        buf_printf(&out, "dead: %s\n", why);
        n = 0;
    }
    ck_assert_uint_le(n, rules_effects_max(r));
    for (size_t i = 0; i < n; i++) {
        if (effect[i].target == RULES_STAT)
            buf_printf(&out, "%.*s", (int)effect[i].stat.len, effect[i].stat.s);
        else
            buf_printf(&out, "#%s", rules_board_at(r, effect[i].board)->id);
        buf_printf(&out, " %.*s %s %.17g\n", (int)effect[i].player.len, effect[i].player.s,
                   ops[effect[i].op], effect[i].value);
    }
    ck_assert(buf_ok(&out));
    snprintf(text, sizeof(text), "%s", out.len > 0 ? out.data : "");
    buf_free(&out);
    entry_free(entry);
    return text;
}

#define EVENT(...) ENTRY("1-1", "product_id", "p", __VA_ARGS__)

/* --- intern ----------------------------------------------------------------------------------- */

START_TEST(test_intern)
{
    struct intern t;
    size_t len = 0;

    intern_init(&t, 1000);
    ck_assert_int_eq(intern_find(&t, "a", 1), -1);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 1000; i++) {
            char text[16];
            int n = snprintf(text, sizeof(text), "text %d", i);

            ck_assert_int_eq(intern_add(&t, text, (size_t)n), i);
            ck_assert_int_eq(intern_find(&t, text, (size_t)n), i);
            ck_assert_str_eq(intern_text(&t, (size_t)i, &len), text);
            ck_assert_uint_eq(len, (size_t)n);
        }
    ck_assert_uint_eq(intern_count(&t), 1000);
    ck_assert_int_eq(intern_add(&t, "one more", 8), -1);
    ck_assert_int_eq(intern_find(&t, "one more", 8), -1);
    ck_assert_int_eq(intern_find(&t, "text 1", 5), -1);
    ck_assert_int_eq(intern_find(&t, "text 9999999999", 15), -1);
    ck_assert_int_eq(intern_find(&t, "", 0), -1);
    intern_free(&t);
    ck_assert_int_eq(intern_add(&t, "", 0), 0);
    ck_assert_int_eq(intern_add(&t, "\0", 1), 1);
    ck_assert_int_eq(intern_find(&t, "", 0), 0);
    intern_free(&t);
}
END_TEST

/* --- compiling -------------------------------------------------------------------------------- */

START_TEST(test_empty_file)
{
    struct rules *r = compiled("{'product_id': 'p', 'whatever': 1}");

    ck_assert_uint_eq(rules_board_count(r), 0);
    ck_assert_uint_eq(rules_stat_count(r), 0);
    ck_assert_uint_eq(rules_effects_max(r), 0);
    ck_assert_int_eq(rules_top_ten_board(r), -1);
    ck_assert_int_eq(rules_board_find(r, "", 0), -1);
    ck_assert_str_eq(effects(r, EVENT("type", "score")), "");
    rules_free(r);
    rules_free(NULL);
}
END_TEST

START_TEST(test_boards)
{
    struct rules *r =
        compiled("{'boards': [{'id': 'best', " FROM "}, {'id': 'fast-1', 'ties': 'dense', 'title': "
                 "'Fastest lap', 'order': 'asc', " FROM "}, {'id': 'x', 'order': "
                 "'desc', " FROM "}], 'top_ten': 'fast-1'}");

    ck_assert_uint_eq(rules_board_count(r), 3);
    ck_assert_str_eq(rules_board_at(r, 0)->id, "best");
    ck_assert_str_eq(rules_board_at(r, 0)->title, "best");
    ck_assert_int_eq(rules_board_at(r, 0)->order, RULES_DESC);
    ck_assert_int_eq(rules_board_at(r, 0)->ties, RULES_COMPETITION);
    ck_assert_int_eq(rules_board_at(r, 1)->ties, RULES_DENSE);
    ck_assert_str_eq(rules_board_at(r, 1)->title, "Fastest lap");
    ck_assert_int_eq(rules_board_at(r, 1)->order, RULES_ASC);
    ck_assert_int_eq(rules_board_find(r, "fast-1!", 6), 1);
    ck_assert_int_eq(rules_board_find(r, "fast-1", 5), -1);
    ck_assert_int_eq(rules_top_ten_board(r), 1);
    rules_free(r);
    r = compiled("{'boards': [{'id': 'best', " FROM "}]}");
    ck_assert_int_eq(rules_top_ten_board(r), 0);
    rules_free(r);
}
END_TEST

START_TEST(test_board_problems)
{
    refused("{'stats': [{'on': {'a': 'b'}, 'player': 'p', 'players': 'q', 'add': {'c': 1}}]}",
            "stats[0]: has both `player` and `players`\n");
    refused("{'boards': {}}", "boards: not an array\n");
    refused("{'boards': null}", "boards: not an array\n");
    refused("{'boards': [3]}", "boards[0]: not an object\n");
    refused("{'boards': [{'id': 'a', 'window': 'all', 'tie': 'dense', " FROM "}]}",
            "boards[0].window: unknown key\nboards[0].tie: unknown key\n");
    refused("{'boards': [{" FROM "}, {'id': 'a b', " FROM "}, {'id': '', " FROM "}]}",
            "boards[0].id: not 1 to 64 of A-Z a-z 0-9 _ -\n"
            "boards[1].id: not 1 to 64 of A-Z a-z 0-9 _ -\n"
            "boards[2].id: not 1 to 64 of A-Z a-z 0-9 _ -\n");
    refused("{'boards': [{'id': 'a', " FROM "}, {'id': 'a', " FROM "}]}",
            "boards[1].id: another board has this id\n");
    refused("{'boards': [{'id': 'a', 'title': '', " FROM "}, {'id': 'b', 'title': 3, " FROM "}]}",
            "boards[0].title: not a string of 1 to 128 bytes without control characters\n"
            "boards[1].title: not a string of 1 to 128 bytes without control characters\n");
    refused("{'boards': [{'id': 'a', 'order': 'up', " FROM "}, {'id': 'b', 'order': 1, " FROM "}]}",
            "boards[0].order: neither \"desc\" nor \"asc\"\n"
            "boards[1].order: neither \"desc\" nor \"asc\"\n");
    refused("{'boards': [{'id': 'a', 'ties': 'last', " FROM "}, {'id': 'b', 'ties': 1, " FROM "}]}",
            "boards[0].ties: none of \"competition\", \"dense\", \"first\"\n"
            "boards[1].ties: none of \"competition\", \"dense\", \"first\"\n");
    refused("{'boards': [{'id': 'a'}, {'id': 'b', 'from': []}]}",
            "boards[0]: has no `from`: nobody would ever be on it\n"
            "boards[1]: has no `from`: nobody would ever be on it\n");
    refused("{'boards': [{'id': 'a', 'from': [{'on': {'x': '1'}, 'player': 'u'}, "
            "{'on': {'y': '1'}, 'player': 'u', 'add': 1, 'set': 1}, "
            "{'on': {'z': '1'}, 'player': 'u', 'count': {}}]}]}",
            "boards[0].from[0]: needs one of add, max, min, set\n"
            "boards[0].from[1]: needs one of add, max, min, set\n"
            "boards[0].from[2].count: unknown key\n"
            "boards[0].from[2]: needs one of add, max, min, set\n");
    refused("{'boards': [{'id': 'a', " FROM "}], 'top_ten': 'b'}",
            "top_ten: not the id of a board\n");
    refused("{'boards': [{'id': 'a', " FROM "}], 'top_ten': 0}",
            "top_ten: not the id of a board\n");
}
END_TEST

START_TEST(test_stat_problems)
{
    refused("{'stats': [{'on': {'t': 'a'}, 'player': 'u', 'streak': {'a': 1, 'b': {'longest': 3}, "
            "'c d': true, 'e': {}}}, {'on': {'t': 'b'}, 'player': 'u', 'streak': true}]}",
            "stats[0].streak.a: none of true, false and {\"longest\": NAME}\n"
            "stats[0].streak.b.longest: not 1 to 64 of A-Z a-z 0-9 _ -\n"
            "stats[0].streak.c d: not 1 to 64 of A-Z a-z 0-9 _ -\n"
            "stats[0].streak.e.longest: not 1 to 64 of A-Z a-z 0-9 _ -\n"
            "stats[1].streak: not an object\n");
    refused("{'stats': [{'on': {'t': 'a'}, 'player': 'u', 'streak': {'a': true}}, "
            "{'on': {'t': 'a'}, 'player': 'u', 'streak': {'a': false}}]}",
            "stats[1].streak.a: one event may match both this and stats[0].streak.a\n");
    refused("{'stats': 1}", "stats: not an array\n");
    refused("{'stats': [[]]}", "stats[0]: not an object\n");
    refused("{'stats': [{}]}",
            "stats[0].on: missing\nstats[0].player: missing\n"
            "stats[0]: does nothing: it has none of add, max, min, set, count, streak\n");
    refused("{'stats': [{'on': {}, 'player': '', 'add': {}}]}",
            "stats[0].on: empty\nstats[0].player: not the name of an event's field\n"
            "stats[0].add: empty\n");
    refused("{'stats': [{'on': 'x', 'player': 3, 'add': []}]}",
            "stats[0].on: not an object\nstats[0].player: not the name of an event's field\n"
            "stats[0].add: not an object\n");
    refused("{'stats': [{'on': {'type': null}, 'player': 'u', 'set': {'s': null}}]}",
            "stats[0].on.type: not a string, a number, true or false\n"
            "stats[0].set.s: neither a number nor {\"field\": NAME}\n");
    refused("{'stats': [{'on': {'type': ['a']}, 'player': 'u', 'streaks': {'s': 1}}]}",
            "stats[0].streaks: unknown key\n"
            "stats[0].on.type: not a string, a number, true or false\n"
            "stats[0]: does nothing: it has none of add, max, min, set, count, streak\n");
    refused("{'stats': [{'on': {'type': 'a'}, 'player': 'u', 'add': {'s': '1', 't': {}, "
            "'u': {'field': 'x', 'times': 2}, 'v': {'field': 7}, 'a.b': 1}}]}",
            "stats[0].add.s: neither a number nor {\"field\": NAME}\n"
            "stats[0].add.t.field: missing\n"
            "stats[0].add.u.times: unknown key\n"
            "stats[0].add.v.field: not the name of an event's field\n"
            "stats[0].add.a.b: not 1 to 64 of A-Z a-z 0-9 _ -\n");
    refused("{'stats': [{'on': {'type': 'a'}, 'player': 'u', 'add': "
            "{'s': 9007199254740993, 't': -1e16, 'u': 1e999, 'v': 99999999999999999999}}]}",
            "stats[0].add.s: beyond 2^53\nstats[0].add.t: beyond 2^53\nstats[0].add.u: beyond 2^53\n"
            "stats[0].add.v: beyond 2^53\n");
    refused("{'stats': [{'on': {'n': -9007199254740993}, 'player': 'u', 'add': {'s': 1}}]}",
            "stats[0].on.n: beyond 2^53: write it as a string\n");
    refused("{'stats': [{'on': {'n': 99999999999999999999}, 'player': 'u', 'add': {'s': 1}}]}",
            "stats[0].on.n: beyond 2^53: write it as a string\n");
    refused("{'titles': {'s': 'S'}}", "titles.s: no rule writes a statistic of this name\n");
    refused("{'titles': []}", "titles: not an object\n");
}
END_TEST

START_TEST(test_count_problems)
{
#define COUNT(count) "{'stats': [{'on': {'type': 'a'}, 'player': 'u', 'count': " count "}]}"
    refused(COUNT("3"), "stats[0].count: not an object\n");
    refused(COUNT("{}"), "stats[0].count.field: missing\n");
    refused(COUNT("{'field': 'f'}"), "stats[0].count.as: not an object\n");
    refused(COUNT("{'field': 'f', 'as': {}}"), "stats[0].count.as: empty\n");
    refused(COUNT("{'field': 'f', 'as': {'1': 2, '2': ''}, 'other': null, 'by': 2}"),
            "stats[0].count.by: unknown key\n"
            "stats[0].count.as.1: not 1 to 64 of A-Z a-z 0-9 _ -\n"
            "stats[0].count.as.2: not 1 to 64 of A-Z a-z 0-9 _ -\n"
            "stats[0].count.other: not 1 to 64 of A-Z a-z 0-9 _ -\n");
    refused(COUNT("{'field': 'type', 'as': {'a': 'x'}}"),
            "stats[0].count: counts a field that `on` gives one value\n");
#undef COUNT
}
END_TEST

START_TEST(test_paths_are_clean)
{
    refused("{'stats': [{'on': {'t': 'a'}, 'player': 'u', 'add': {'a\\nb\\u001b[2J': 1}}]}",
            "stats[0].add.a?b?[2J: not 1 to 64 of A-Z a-z 0-9 _ -\n");
    /* 65 bytes: the character at the cut is left out whole. */
    refused(
        "{'boards': [{'id': 'a', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "ß': 1, " FROM "}]}",
        "boards[0].xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: unknown "
        "key\n");
}
END_TEST

START_TEST(test_conflicts)
{
#define TWO(a, b) "{'stats': [{'player': 'u', " a "}, {'player': 'u', " b "}]}"
#define ON_A "'on': {'t': 'a'}"
    refused(TWO(ON_A ", 'add': {'s': 1}", ON_A ", 'add': {'s': 2}"),
            "stats[1].add.s: the same again as stats[0].add.s\n");
    refused(TWO("'on': {'t': 'a', 'm': '1'}, 'max': {'s': 1}",
                "'on': {'m': 1, 't': 'a'}, 'max': {'s': {'field': 'x'}}"),
            "stats[1].max.s: the same again as stats[0].max.s\n");
    refused(TWO(ON_A ", 'add': {'s': 1}", ON_A ", 'set': {'s': 2}"),
            "stats[1].set.s: one event may match both this and stats[0].add.s\n");
    refused(TWO(ON_A ", 'add': {'s': 1}", "'on': {'m': 'x'}, 'set': {'s': 2}"),
            "stats[1].set.s: one event may match both this and stats[0].add.s\n");
    refused(TWO(ON_A ", 'set': {'s': 1}", "'on': {'t': 'a', 'm': 'x'}, 'set': {'s': 2}"),
            "stats[1].set.s: one event may match both this and stats[0].set.s\n");
    refused(TWO(ON_A ", 'max': {'s': 1}, 'min': {'s': 1}", "'on': {'t': 'b'}, 'max': {'s': 1}"),
            "stats[0].min.s: one event may match both this and stats[0].max.s\n");
    refused(TWO(ON_A ", 'count': {'field': 'f', 'as': {'1': 's', '2': 's'}}",
                ON_A ", 'count': {'field': 'f', 'as': {'2': 's'}}"),
            "stats[1].count.as.2: the same again as stats[0].count.as.2\n");
    refused(TWO(ON_A ", 'count': {'field': 'f', 'as': {'1': 's'}}",
                "'on': {'t': 'a', 'f': '1'}, 'max': {'s': 7}"),
            "stats[1].max.s: one event may match both this and stats[0].count.as.1\n");
    refused("{'boards': [{'id': 'a', 'from': [{'on': {'t': 'a'}, 'player': 'u', 'add': 1}, "
            "{'on': {'t': 'a'}, 'player': 'u', 'add': 1}]}]}",
            "boards[0].from[1].add: the same again as boards[0].from[0].add\n");
    /* What looks alike and is not. */
    rules_free(compiled(TWO(ON_A ", 'add': {'s': 1}", "'on': {'t': 'b'}, 'set': {'s': 2}")));
    rules_free(compiled(TWO(ON_A ", 'add': {'s': 1}", "'on': {'m': 'b'}, 'add': {'s': 2}")));
    rules_free(compiled(TWO(ON_A ", 'add': {'s': 1}", ON_A ", 'set': {'z': 2}")));
    rules_free(compiled(TWO(ON_A ", 'count': {'field': 'f', 'as': {'1': 's'}, 'other': 's'}",
                            "'on': {'t': 'a', 'f': '2'}, 'add': {'s': 7}")));
    rules_free(compiled("{'stats': [{'player': 'u', " ON_A ", 'add': {'s': 1}}, "
                        "{'player': 'v', " ON_A ", 'add': {'s': 1}}]}"));
    rules_free(compiled("{'stats': [{'player': 'u', " ON_A ", 'add': {'s': 1}}], 'boards': "
                        "[{'id': 's', 'from': [{'player': 'u', " ON_A ", 'set': 1}]}]}"));
#undef ON_A
#undef TWO
}
END_TEST

/* --- limits ----------------------------------------------------------------------------------- */

/* n texts made by a format of one number, with commas between, inside before and after. */
static char *
repeated(const char *before, size_t n, const char *fmt_before, const char *fmt_after,
         const char *after)
{
    struct buf b;
    char *text;

    buf_init(&b, 1 << 20);
    buf_str(&b, before);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%s%zu%s", i > 0 ? "," : "", fmt_before, i, fmt_after);
    buf_str(&b, after);
    text = buf_steal(&b);
    ck_assert_ptr_nonnull(text);
    return text;
}

static void
check_limit(size_t max, const char *before, const char *fmt_before, const char *fmt_after,
            const char *after, const char *problem)
{
    char *fits = repeated(before, max, fmt_before, fmt_after, after);
    char *beyond = repeated(before, max + 1, fmt_before, fmt_after, after);

    rules_free(compiled(fits));
    refused(beyond, problem);
    free(fits);
    free(beyond);
}

START_TEST(test_limits)
{
    static char name[300];
    char *json = NULL;

    check_limit(8, "{'stats': [{'player': 'u', 'add': {'s': 1}, 'on': {", "'f", "': 1", "}}]}",
                "stats[0].on.f8: more than 8 fields\n");
    check_limit(64, "{'boards': [", "{'id': 'b", "', " FROM "}", "]}",
                "boards: more than 64 elements\n");
    check_limit(512, "{'stats': [", "{'on': {'x': ", "}, 'player': 'u', 'add': {'s': 1}}", "]}",
                "stats: more than 512 elements\n");
    check_limit(512, "{'stats': [{'on': {'x': 1}, 'player': 'u', 'add': {", "'s", "': 1", "}}]}",
                "stats[0].add.s512: more than 512 statistics\n");
    check_limit(1024, "{'stats': [{'on': {'x': 1}, 'player': 'u', 'count': {'field': 'f', 'as': {",
                "'", "': 's'", "}}}]}",
                "stats[0].count.as.1024: more than 1024 texts to compare one field with\n");
    /* `player` is the 64th. */
    check_limit(63, "{'stats': [", "{'player': 'u', 'add': {'s': 1}, 'on': {'f", "': 1}}", "]}",
                "stats[63].on.f63: more than 64 different fields\n");
    memset(name, 'n', 257);
    ck_assert_int_gt(
        asprintf(&json, "{'stats': [{'on': {'x': '%s'}, 'player': 'u', 'add': {'s': 1}}]}", name),
        0);
    refused(json, "stats[0].on.x: longer than 256 bytes\n");
    free(json);
}
END_TEST

/* --- evaluating ------------------------------------------------------------------------------- */

static const char exrps[] =
    "{'stats': ["
    "{'on': {'type': 'game_over'}, 'player': 'winner_id', 'add': {'games': 1, 'wins': 1, "
    "'losses': 0}},"
    "{'on': {'type': 'game_over'}, 'player': 'loser_id', 'add': {'games': 1, 'wins': 0, 'losses': "
    "1}},"
    "{'on': {'event_name': 'select_weapon'}, 'player': 'user_id', 'count': {'field': 'event_data', "
    "'as': {'0': 'rock', '1': 'paper', '2': 'scissors', 'null': 'botch'}}}],"
    "'titles': {'wins': 'Won', 'botch': 'Too late'},"
    "'boards': [{'id': 'wins', 'title': 'Online wins', 'from': ["
    "{'on': {'type': 'game_over'}, 'player': 'winner_id', 'add': 1},"
    "{'on': {'type': 'game_over'}, 'player': 'loser_id', 'add': 0}]}]}";

START_TEST(test_exrps)
{
    struct rules *r = compiled(exrps);
    static const char *const stats[] = {"games",    "Games",    "wins",  "Won",     "losses",
                                        "losses",   "rock",     "rock",  "paper",   "paper",
                                        "scissors", "scissors", "botch", "Too late"};

    ck_assert_uint_eq(rules_stat_count(r), 7);
    for (size_t i = 1; i < 7; i++) {
        ck_assert_str_eq(rules_stat_name(r, i), stats[2 * i]);
        ck_assert_str_eq(rules_stat_title(r, i), stats[2 * i + 1]);
    }
    ck_assert_uint_eq(rules_effects_max(r), 9);
    ck_assert_str_eq(
        effects(r, EVENT("game_id", GAME, "type", "game_over", "winner_id", "7", "loser_id", "8")),
        "games 7 add 1\nwins 7 add 1\nlosses 7 add 0\ngames 8 add 1\nwins 8 add 0\n"
        "losses 8 add 1\n#wins 7 add 1\n#wins 8 add 0\n");
    ck_assert_str_eq(effects(r, EVENT("type", "gameplay", "event_name", "select_weapon",
                                      "event_data", "2", "user_id", "7")),
                     "scissors 7 add 1\n");
    ck_assert_str_eq(
        effects(r, EVENT("event_name", "select_weapon", "event_data", "null", "user_id", "7")),
        "botch 7 add 1\n");
    ck_assert_str_eq(effects(r, EVENT("type", "gameplay", "event_name", "set_ready")), "");
    ck_assert_str_eq(effects(r, EVENT("type", "gameplay")), "");
    rules_free(r);
}
END_TEST

/* A missing field is not the text null: it counts nothing, or as `other`. */
START_TEST(test_count)
{
    struct rules *r = compiled("{'stats': ["
                               "{'on': {'n': 'a'}, 'player': 'u', 'count': {'field': 'f', "
                               "'other': 'else', 'as': {'1': 'one', '2': 'two', '': 'none'}}},"
                               "{'on': {'n': 'b'}, 'player': 'u', 'count': {'field': 'f', "
                               "'as': {'1': 'one'}}, 'add': {'all': 1}}]}");

    ck_assert_uint_eq(rules_effects_max(r), 3);
    ck_assert_str_eq(effects(r, EVENT("n", "a", "u", "x", "f", "1")), "one x add 1\n");
    ck_assert_str_eq(effects(r, EVENT("n", "a", "u", "x", "f", "2")), "two x add 1\n");
    ck_assert_str_eq(effects(r, EVENT("n", "a", "u", "x", "f", "")), "none x add 1\n");
    ck_assert_str_eq(effects(r, EVENT("n", "a", "u", "x", "f", "3")), "else x add 1\n");
    ck_assert_str_eq(effects(r, EVENT("n", "a", "u", "x")), "else x add 1\n");
    ck_assert_str_eq(effects(r, EVENT("n", "b", "u", "x", "f", "1")), "one x add 1\nall x add 1\n");
    ck_assert_str_eq(effects(r, EVENT("n", "b", "u", "x", "f", "2")), "all x add 1\n");
    ck_assert_str_eq(effects(r, EVENT("n", "b", "u", "x")), "all x add 1\n");
    ck_assert_str_eq(effects(r, EVENT("n", "a", "f", "1")), "dead: u is missing\n");
    rules_free(r);
}
END_TEST

START_TEST(test_conditions)
{
    struct rules *r = compiled(
        "{'stats': ["
        "{'on': {'type': 'x', 'mode': 'ranked'}, 'player': 'u', 'add': {'both': 1}},"
        "{'on': {'type': 'x'}, 'player': 'u', 'add': {'one': 1}},"
        "{'on': {'n': 10, 'd': 1.50, 'b': true, 'f': false}, 'player': 'u', 'add': {'text': 1}},"
        "{'on': {'empty': ''}, 'player': 'u', 'add': {'empty': 1}}]}");

    ck_assert_str_eq(effects(r, EVENT("type", "x", "u", "p")), "one p add 1\n");
    ck_assert_str_eq(effects(r, EVENT("mode", "ranked", "type", "x", "u", "p")),
                     "both p add 1\none p add 1\n");
    ck_assert_str_eq(effects(r, EVENT("mode", "ranked", "type", "y", "u", "p")), "");
    ck_assert_str_eq(effects(r, EVENT("mode", "ranked", "type", "xx", "u", "p")), "");
    ck_assert_str_eq(effects(r, EVENT("mode", "ranked", "type", "", "u", "p")), "");
    ck_assert_str_eq(effects(r, EVENT("n", "10", "d", "1.50", "b", "true", "f", "false", "u", "p")),
                     "text p add 1\n");
    ck_assert_str_eq(effects(r, EVENT("n", "10", "d", "1.5", "b", "true", "f", "false", "u", "p")),
                     "");
    ck_assert_str_eq(effects(r, EVENT("empty", "", "u", "p")), "empty p add 1\n");
    ck_assert_str_eq(effects(r, EVENT("u", "p")), "");
    rules_free(r);
}
END_TEST

START_TEST(test_operations)
{
    struct rules *r =
        compiled("{'stats': [{'on': {'type': 'score'}, 'player': 'user_id', "
                 "'min': {'least': {'field': 'score'}}, 'set': {'last': {'field': 'score'}, "
                 "'level': -2.5}, 'max': {'most': {'field': 'score'}}, 'add': {'n': 1}}], "
                 "'boards': [{'id': 'best', " FROM "}]}");

    ck_assert_str_eq(effects(r, EVENT("type", "score", "user_id", "ü", "score", "-12.25e1")),
                     "least ü min -122.5\nlast ü set -122.5\nlevel ü set -2.5\nmost ü max -122.5\n"
                     "n ü add 1\n#best ü max -122.5\n");
    ck_assert_str_eq(
        effects(r, EVENT("type", "score", "user_id", "u", "score", "9007199254740992")),
        "least u min 9007199254740992\nlast u set 9007199254740992\nlevel u set -2.5\n"
        "most u max 9007199254740992\nn u add 1\n#best u max 9007199254740992\n");
    rules_free(r);
}
END_TEST

START_TEST(test_misfits)
{
    struct rules *r =
        compiled("{'stats': [{'on': {'type': 'score'}, 'player': 'user_id', 'add': {'n': 1}}], "
                 "'boards': [{'id': 'best', " FROM "}]}");
    static const char *const bad[] = {"",    "x",  "1 ",  "0x10", "nan",
                                      "inf", "+1", "1,5", "1e",   "--1"};
    struct redisReply *entry;

    ck_assert_str_eq(effects(r, EVENT("type", "score", "score", "1")),
                     "dead: user_id is missing\n");
    ck_assert_str_eq(effects(r, EVENT("type", "score", "score", "1", "user_id", "")),
                     "dead: user_id is not 1 to 128 bytes of UTF-8 without control characters\n");
    ck_assert_str_eq(effects(r, EVENT("type", "score", "score", "1", "user_id", "a\x01")),
                     "dead: user_id is not 1 to 128 bytes of UTF-8 without control characters\n");
    entry = EVENT("type", "score", "score", "1", "user_id", "x");
    entry_set(entry, 7, "a\0b", 3);
    ck_assert_str_eq(effects(r, entry),
                     "dead: user_id is not 1 to 128 bytes of UTF-8 without control characters\n");
    /* The statistic before it would have fitted: it does not count either. */
    ck_assert_str_eq(effects(r, EVENT("type", "score", "user_id", "u")),
                     "dead: score is missing\n");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_str_eq(effects(r, EVENT("type", "score", "user_id", "u", "score", bad[i])),
                         "dead: score is not a number\n");
    ck_assert_str_eq(effects(r, EVENT("type", "score", "user_id", "u", "score", "1e400")),
                     "dead: score is beyond 2^53\n");
    ck_assert_str_eq(
        effects(r, EVENT("type", "score", "user_id", "u", "score", "-9007199254740994")),
        "dead: score is beyond 2^53\n");
    /* As a double it would be 2^53. */
    ck_assert_str_eq(
        effects(r, EVENT("type", "score", "user_id", "u", "score", "9007199254740993")),
        "dead: score is beyond 2^53\n");
    /* An event that no rule matches may look as it likes. */
    ck_assert_str_eq(effects(r, EVENT("type", "other", "user_id", "", "score", "x")), "");
    rules_free(r);
}
END_TEST

START_TEST(test_apply)
{
    double v = 17;

    ck_assert_int_eq(rules_apply(RULES_ADD, 0, false, 2.5, &v), 0);
    ck_assert_double_eq(v, 2.5);
    ck_assert_int_eq(rules_apply(RULES_ADD, 2.5, true, -4, &v), 0);
    ck_assert_double_eq(v, -1.5);
    ck_assert_int_eq(rules_apply(RULES_ADD, RULES_SCORE_MAX, true, 0, &v), 0);
    ck_assert_int_eq(rules_apply(RULES_ADD, RULES_SCORE_MAX, true, 1, &v), -1);
    ck_assert_int_eq(rules_apply(RULES_ADD, -RULES_SCORE_MAX, true, -1, &v), -1);
    ck_assert_int_eq(rules_apply(RULES_ADD, RULES_SCORE_MAX - 1, true, 1, &v), 0);
    ck_assert_int_eq(rules_apply(RULES_MAX, 0, false, -7, &v), 0);
    ck_assert_double_eq(v, -7);
    ck_assert_int_eq(rules_apply(RULES_MAX, -7, true, -9, &v), 0);
    ck_assert_double_eq(v, -7);
    ck_assert_int_eq(rules_apply(RULES_MAX, -7, true, 3, &v), 0);
    ck_assert_double_eq(v, 3);
    ck_assert_int_eq(rules_apply(RULES_MIN, 0, false, 7, &v), 0);
    ck_assert_double_eq(v, 7);
    ck_assert_int_eq(rules_apply(RULES_MIN, 7, true, 9, &v), 0);
    ck_assert_double_eq(v, 7);
    ck_assert_int_eq(rules_apply(RULES_MIN, 7, true, 3, &v), 0);
    ck_assert_double_eq(v, 3);
    ck_assert_int_eq(rules_apply(RULES_SET, 7, true, 3, &v), 0);
    ck_assert_double_eq(v, 3);
    ck_assert_int_eq(rules_apply(RULES_SET, 0, false, 0, &v), 0);
    ck_assert_double_eq(v, 0);
}
END_TEST

START_TEST(test_apply_bounds)
{
    double v = 17;

    ck_assert_int_eq(rules_apply(RULES_ADD, RULES_SCORE_MAX - 1, true, 1, &v), 0);
    ck_assert_double_eq(v, RULES_SCORE_MAX);
    v = 17;
    ck_assert_int_eq(rules_apply(RULES_ADD, RULES_SCORE_MAX, true, 2, &v), -1);
    ck_assert_int_eq(rules_apply(RULES_ADD, -RULES_SCORE_MAX, true, -2, &v), -1);
    ck_assert_int_eq(rules_apply(RULES_SET, 0, false, 2 * RULES_SCORE_MAX, &v), -1);
    ck_assert_int_eq(rules_apply(RULES_SET, 0, false, (double)NAN, &v), -1);
    ck_assert_int_eq(rules_apply(RULES_MAX, 1, true, (double)INFINITY, &v), -1);
    ck_assert_double_eq(v, 17);
}
END_TEST

/* --- against a naive reading of the same file ------------------------------------------------- */

/* Random files of a few fields and values, random events; what the walk answers is compared with
 * the rules read literally from the JSON. */
static const char *const field_names[] = {"a", "b", "c", "dd", "event_name", "type"};
static const char *const field_values[] = {"", "0", "1", "x", "1.5", "long enough a text"};
#define PICK(r, list) list[random_below(r, sizeof(list) / sizeof(list[0]))]

static void
random_on(struct random_source *r, struct buf *json)
{
    size_t from = random_below(r, 5), n = 1 + random_below(r, 2);

    buf_str(json, "\"on\": {");
    for (size_t i = from; i < from + n && i < 6; i++)
        buf_printf(json, "%s\"%s\": \"%s\"", i > from ? ", " : "", field_names[i],
                   PICK(r, field_values));
    buf_printf(json, "}, \"player\": \"%s\", ", PICK(r, field_names));
}

/* Every rule has a statistic of its own, or adds to a common one, so few files have conflicts. */
static void
random_file(struct random_source *r, struct buf *json)
{
    size_t n = 1 + random_below(r, 12);

    buf_str(json, "{\"stats\": [");
    for (size_t i = 0; i < n; i++) {
        buf_printf(json, "%s{", i > 0 ? ", " : "");
        random_on(r, json);
        if (random_below(r, 3) == 0)
            buf_printf(json, "\"max\": {\"m%zu\": {\"field\": \"%s\"}}", i, PICK(r, field_names));
        else if (random_below(r, 3) == 0)
            buf_printf(json,
                       "\"count\": {\"field\": \"count\", \"as\": {\"0\": \"zero\", \"x\": "
                       "\"ex\"}, \"other\": \"o%zu\"}",
                       i);
        else
            buf_printf(json, "\"add\": {\"sum\": %zu, \"s%zu\": -1}", i, i);
        buf_byte(json, '}');
    }
    buf_str(json, "]}");
}

static bool
naive_match(struct json_object *rule, const struct event *e)
{
    bool match = true;

    json_object_object_foreach (json_object_object_get(rule, "on"), name, value) {
        match = match && event_text_is(event_field(e, name), json_object_get_string(value));
    }
    return match;
}

static const char *
naive_count(struct json_object *count, const struct event *e)
{
    const char *name = json_object_get_string(json_object_object_get(count, "other"));

    json_object_object_foreach (json_object_object_get(count, "as"), text, stat) {
        if (event_text_is(event_field(e, "count"), text))
            name = json_object_get_string(stat);
    }
    return name;
}

/* Appends the rule's effects; false where the event does not fit it. */
static bool
naive_effects(struct json_object *rule, const struct event *e, struct buf *out)
{
    struct event_text player =
        event_field(e, json_object_get_string(json_object_object_get(rule, "player")));
    struct json_object *figures = NULL, *count = NULL;
    double v = 0;

    if (player.s == NULL || !text_is_name(player.s, player.len))
        return false;
    if (json_object_object_get_ex(rule, "count", &count)) {
        buf_printf(out, "%s %.*s add 1\n", naive_count(count, e), (int)player.len, player.s);
    } else if (json_object_object_get_ex(rule, "add", &figures)) {
        json_object_object_foreach (figures, stat, number) {
            buf_printf(out, "%s %.*s add %.17g\n", stat, (int)player.len, player.s,
                       json_object_get_double(number));
        }
    } else {
        json_object_object_foreach (json_object_object_get(rule, "max"), stat, source) {
            struct event_text text =
                event_field(e, json_object_get_string(json_object_object_get(source, "field")));

            if (text.s == NULL || text_parse_double(text.s, text.len, &v) == -1)
                return false;
            buf_printf(out, "%s %.*s max %.17g\n", stat, (int)player.len, player.s, v);
        }
    }
    return true;
}

static void
compare_event(struct random_source *r, const struct rules *rules, struct json_object *file)
{
    const char *texts[16] = {"product_id", "p"};
    struct json_object *stats = json_object_object_get(file, "stats");
    struct redisReply *entry;
    const char *why = NULL, *got;
    struct buf expected;
    bool fits = true;
    struct event e;
    size_t n = 2;

    for (size_t i = 0; i < 6; i++)
        if (random_below(r, 4) > 0) {
            texts[n++] = field_names[i];
            texts[n++] = PICK(r, field_values);
        }
    if (random_below(r, 4) > 0) {
        texts[n++] = "count";
        texts[n++] = PICK(r, field_values);
    }
    entry = entry_new("1-1", texts, n);
    ck_assert_int_eq(event_decode(entry, &e, &why), 0);
    buf_init(&expected, 65536);
    buf_str(&expected, "");
    for (size_t i = 0; fits && i < json_object_array_length(stats); i++) {
        struct json_object *rule = json_object_array_get_idx(stats, i);

        if (naive_match(rule, &e))
            fits = naive_effects(rule, &e, &expected);
    }
    got = effects(rules, entry);
    if (fits)
        ck_assert_str_eq(got, expected.len > 0 ? expected.data : "");
    else
        ck_assert_int_eq(strncmp(got, "dead: ", 6), 0);
    buf_free(&expected);
}

START_TEST(test_random_files)
{
    struct random_source r = random_start();
    size_t files = 0;

    for (int i = 0; i < 500; i++) {
        struct json_object *file;
        struct rules *rules = NULL;
        struct buf json, why;

        buf_init(&json, 65536);
        buf_init(&why, 65536);
        random_file(&r, &json);
        file = json_tokener_parse(json.data);
        ck_assert_ptr_nonnull(file);
        if (rules_compile(file, &rules, &why) == 0) {
            files++;
            for (int k = 0; k < 50; k++)
                compare_event(&r, rules, file);
        }
        rules_free(rules);
        json_object_put(file);
        buf_free(&json);
        buf_free(&why);
    }
    ck_assert_uint_gt(files, 150);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("rules");
    TCase *compile = tcase_create("compile"), *evaluate = tcase_create("evaluate");

    tcase_add_test(compile, test_intern);
    tcase_add_test(compile, test_empty_file);
    tcase_add_test(compile, test_boards);
    tcase_add_test(compile, test_board_problems);
    tcase_add_test(compile, test_stat_problems);
    tcase_add_test(compile, test_count_problems);
    tcase_add_test(compile, test_paths_are_clean);
    tcase_add_test(compile, test_conflicts);
    tcase_add_test(compile, test_limits);
    suite_add_tcase(suite, compile);
    tcase_add_test(evaluate, test_exrps);
    tcase_add_test(evaluate, test_count);
    tcase_add_test(evaluate, test_conditions);
    tcase_add_test(evaluate, test_operations);
    tcase_add_test(evaluate, test_misfits);
    tcase_add_test(evaluate, test_apply);
    tcase_add_test(evaluate, test_apply_bounds);
    tcase_add_test(evaluate, test_random_files);
    tcase_set_timeout(evaluate, 60); /* the random ones, under a sanitizer on a busy machine */
    suite_add_tcase(suite, evaluate);
    return suite;
}
