/* Matches: placements and ranks by the letter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/rules/match.h"
#include "tests/unit/unit.h"

static struct match_room room;

static struct event_text
text_of(const char *s)
{
    return (struct event_text){s, s != NULL ? strlen(s) : 0};
}

/* `a b|c=d`: teams with | between them where the next one is worse, = where it is as good. */
static const char *
told(const struct match *m)
{
    static char out[16384];
    size_t len = 0, p = 0;

    for (size_t i = 0; i < m->nteams; i++) {
        if (i > 0)
            out[len++] = m->rank[i] == m->rank[i - 1] ? '=' : '|';
        for (size_t j = 0; j < m->size[i]; j++, p++) {
            if (j > 0)
                out[len++] = ' ';
            memcpy(out + len, m->player[p].s, m->player[p].len);
            len += m->player[p].len;
        }
    }
    ck_assert_uint_eq(p, m->nplayers);
    out[len] = '\0';
    return out;
}

static const char *
read_match(const char *placements, const char *ranks)
{
    struct match match;
    const char *why = match_placements(text_of(placements), text_of(ranks), &room, &match);

    return why != NULL ? why : told(&match);
}

static const struct {
    const char *placements, *ranks, *match;
} good[] = {
    {"[[\"a\"],[\"b\"]]", NULL, "a|b"},
    {"[[\"7\",\"42\"],[\"9\",\"11\"]]", NULL, "7 42|9 11"},
    {" [ [\t\"a\" ,\n\"b\" ] ,\r[ \"c\" ] ] ", "\n[ 1 , 1 ] ", "a b=c"},
    {"[[\"a\"],[\"b\"],[\"c\"]]", "[-5,0,0]", "a|b=c"},
    {"[[\"a\"],[\"b\"],[\"c\"]]", "[1,1,3]", "a=b|c"},
    {"[[\"a\"],[\"b\"]]", "[-9007199254740992,9007199254740992]", "a|b"},
    {"[[\"a\"],[\"b\"]]", "[-0,0]", "a=b"},
    {"[[\"a\"]]", "[1]", "a"},
    {"[[\"\\\"\\\\\\/\"],[\"\\u0041\\u00e9\\u20ac\\ud83d\\uDE00\"]]", NULL,
     "\"\\/|A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
    {"[[\"\xc3\xa9[]{},: \"],[\"b\"]]", NULL, "\xc3\xa9[]{},: |b"},
};

START_TEST(reads_placements)
{
    ck_assert_str_eq(read_match(good[_i].placements, good[_i].ranks), good[_i].match);
}
END_TEST

#define NOT_PLACEMENTS "placements is not a JSON array of arrays of strings"
#define NOT_RANKS "ranks is not a JSON array of integers"
#define NO_ID \
    "placements has a user id that is not 1 to 128 bytes of UTF-8 without control characters"
#define AB "[[\"a\"],[\"b\"]]"

static const struct {
    const char *placements, *ranks, *why;
} bad[] = {
    {"", NULL, NOT_PLACEMENTS},
    {"null", NULL, NOT_PLACEMENTS},
    {"{}", NULL, NOT_PLACEMENTS},
    {"\"a\"", NULL, NOT_PLACEMENTS},
    {"[", NULL, NOT_PLACEMENTS},
    {"[]", NULL, "placements has no teams"},
    {"[[]]", NULL, "placements has a team without players"},
    {"[[\"a\"],[]]", NULL, "placements has a team without players"},
    {"[\"a\",\"b\"]", NULL, NOT_PLACEMENTS},
    {"[[7],[42]]", NULL, NOT_PLACEMENTS},
    {"[[null],[\"b\"]]", NULL, NOT_PLACEMENTS},
    {"[[[\"a\"]],[\"b\"]]", NULL, NOT_PLACEMENTS},
    {"[[\"a\"],[\"b\"]", NULL, NOT_PLACEMENTS},
    {"[[\"a\"],[\"b\"", NULL, NOT_PLACEMENTS},
    {"[[\"a\"],[\"b", NULL, NOT_PLACEMENTS},
    {"[[\"a\"],[\"b\\", NULL, NOT_PLACEMENTS},
    {"[[\"a\"],]", NULL, NOT_PLACEMENTS},
    {"[[\"a\",],[\"b\"]]", NULL, NOT_PLACEMENTS},
    {"[,[\"a\"]]", NULL, NOT_PLACEMENTS},
    {"[[\"a\"][\"b\"]]", NULL, NOT_PLACEMENTS},
    {"[['a'],['b']]", NULL, NOT_PLACEMENTS},
    {AB " x", NULL, NOT_PLACEMENTS},
    {AB AB, NULL, NOT_PLACEMENTS},
    {"[[\"a\"],[\"b\"]]]", NULL, NOT_PLACEMENTS},
    {"[[\"\\x41\"],[\"b\"]]", NULL, NOT_PLACEMENTS},
    {"[[\"\\u00\"],[\"b\"]]", NULL, NOT_PLACEMENTS},
    {"[[\"\\ud83d\"],[\"b\"]]", NULL, NOT_PLACEMENTS},
    {"[[\"\\ud83d\\u0041\"],[\"b\"]]", NULL, NOT_PLACEMENTS},
    {"[[\"\\ude00\"],[\"b\"]]", NULL, NOT_PLACEMENTS},
    {"[[\"a\tb\"],[\"b\"]]", NULL, NOT_PLACEMENTS},
    {"[[\"a\\tb\"],[\"b\"]]", NULL, NO_ID},
    {"[[\"\\u0000\"],[\"b\"]]", NULL, NO_ID},
    {"[[\"\"],[\"b\"]]", NULL, NO_ID},
    {"[[\"a\",\"a\"]]", NULL, "placements has a player twice"},
    {"[[\"a\"],[\"b\"],[\"\\u0061\"]]", NULL, "placements has a player twice"},
    {AB, "", NOT_RANKS},
    {AB, "[]", NOT_RANKS},
    {AB, "[1]", "ranks has fewer elements than placements"},
    {AB, "[1,2,3]", "ranks has more elements than placements"},
    {AB, "[2,1]", "ranks is not in the order of placements, best first"},
    {AB, "[1,2", NOT_RANKS},
    {AB, "[1,2]]", NOT_RANKS},
    {AB, "[1,2,]", NOT_RANKS},
    {AB, "[1 2]", NOT_RANKS},
    {AB, "[1.0,2]", NOT_RANKS},
    {AB, "[1,2e3]", NOT_RANKS},
    {AB, "[01,2]", NOT_RANKS},
    {AB, "[-01,2]", NOT_RANKS},
    {AB, "[+1,2]", NOT_RANKS},
    {AB, "[-,2]", NOT_RANKS},
    {AB, "[\"1\",2]", NOT_RANKS},
    {AB, "[null,2]", NOT_RANKS},
    {AB, "[1,9007199254740993]", NOT_RANKS},
    {AB, "1", NOT_RANKS},
};

START_TEST(refuses_what_is_none)
{
    ck_assert_str_eq(read_match(bad[_i].placements, bad[_i].ranks), bad[_i].why);
}
END_TEST

/* A byte that is behind the text's length is not looked at, so a cut text is refused at any place.
 */
START_TEST(refuses_every_beginning)
{
    static const char whole[] = "[[\"a\\u00e9\",\"b\"],[\"c\"]]";

    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        char *copy = malloc(len + 1);
        struct match match;

        ck_assert_ptr_nonnull(copy);
        memcpy(copy, whole, len);
        ck_assert_str_eq(match_placements((struct event_text){copy, len},
                                          (struct event_text){NULL, 0}, &room, &match),
                         NOT_PLACEMENTS);
        free(copy);
    }
}
END_TEST

/* n players in teams of so many, with ids of id_len bytes, all different. */
static const char *
many(size_t n, size_t team, size_t id_len)
{
    static char out[65536];
    size_t len = 0;

    len += (size_t)snprintf(out, sizeof(out), "[");
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%s\"%0*zu\"%s",
                                i % team == 0 ? "[" : "", (int)id_len, i,
                                i + 1 == n             ? "]"
                                : i % team == team - 1 ? "],"
                                                       : ",");
    (void)snprintf(out + len, sizeof(out) - len, "]");
    return out;
}

START_TEST(holds_as_many_as_a_game_has)
{
    struct match match;
    struct event_text none = {NULL, 0};

    ck_assert_ptr_null(match_placements(text_of(many(64, 1, 128)), none, &room, &match));
    ck_assert_uint_eq(match.nteams, 64);
    ck_assert_uint_eq(match.player[63].len, 128);
    ck_assert_mem_eq(match.player[63].s + 126, "63", 2);
    ck_assert_ptr_null(match_placements(text_of(many(64, 64, 128)), none, &room, &match));
    ck_assert_uint_eq(match.nteams, 1);
    ck_assert_ptr_null(match_placements(text_of(many(64, 3, 2)), none, &room, &match));
    ck_assert_uint_eq(match.nteams, 22);
    ck_assert_uint_eq(match.size[21], 1);
    ck_assert_str_eq(read_match(many(65, 1, 1), NULL), "placements has more than 64 players");
    ck_assert_str_eq(read_match(many(65, 65, 1), NULL), "placements has more than 64 players");
    ck_assert_str_eq(read_match(many(64, 1, 129), NULL), NO_ID);
    ck_assert_str_eq(read_match(many(2, 1, 900), NULL), NO_ID);
}
END_TEST

START_TEST(a_pair_is_two)
{
    struct match match;

    ck_assert(match_pair(text_of("a"), text_of("b"), &room, &match));
    ck_assert_str_eq(told(&match), "a|b");
    ck_assert(!match_pair(text_of("a"), text_of("a"), &room, &match));
}
END_TEST

/* Who is named, with a blank behind each; `none` where it is no team. */
static const char *
team(const char *text)
{
    static char names[1024];
    size_t n, len = 0;

    if (!match_team((struct event_text){text, strlen(text)}, &room, &n))
        return "none";
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%.*s ", (int)room.player[i].len,
                                room.player[i].s);
    return names;
}

/* The strings of a JSON text, with the place where each begins. */
static const char *
strings_of(const char *text)
{
    static char told_strings[1024];
    const char *at = text, *end = text + strlen(text), *quote;
    char string[TEXT_USER_ID_MAX + 1];
    size_t len, n = 0;

    told_strings[0] = '\0';
    while ((quote = match_next_string(&at, end, string, &len)) != NULL) {
        ck_assert(*quote == '"' && at[-1] == '"');
        n += (size_t)snprintf(told_strings + n, sizeof(told_strings) - n, "%zu:%.*s ",
                              (size_t)(quote - text), (int)len, string);
    }
    return told_strings;
}

START_TEST(finds_strings)
{
    static const char letters[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char text[512], expected[512];

    ck_assert_str_eq(strings_of(""), "");
    ck_assert_str_eq(strings_of("7"), "");
    ck_assert_str_eq(strings_of("[[\"a\",\"b\"],[\"\"]]"), "2:a 6:b 12: ");
    ck_assert_str_eq(strings_of("{\"\\u0061\\/\\\"\": \"\xc3\xa9\\u00e9\"}"),
                     "1:a/\" 15:\xc3\xa9\xc3\xa9 ");
    /* What cannot be one is gone over. */
    ck_assert_str_eq(strings_of("\"\\x\"a\"b"), "3:a ");
    ck_assert_str_eq(strings_of("\"a"), "");
    /* One byte more than an id can have is all that is told. */
    (void)snprintf(text, sizeof(text), "\"%s+\\u002b+\"", letters);
    (void)snprintf(expected, sizeof(expected), "0:%s+ ", letters);
    ck_assert_str_eq(strings_of(text), expected);
}
END_TEST

START_TEST(test_teams)
{
    static const char *const none[] = {"",
                                       "[]",
                                       "ann",
                                       "\"ann\"",
                                       "[[]]",
                                       "[\"ann\"",
                                       "[\"ann\"] x",
                                       "[\"ann\",\"ann\"]",
                                       "[1]",
                                       "[\"ann\",[]]",
                                       "[[\"a\"],\"b\"]",
                                       "[\"\"]",
                                       "[[\"a\"],[\"a\"]]",
                                       "[[\"a\"]]]"};

    ck_assert_str_eq(team("[\"ann\"]"), "ann ");
    ck_assert_str_eq(team(" [ \"ann\" , \"b\\u00e9\" ] "), "ann b\xc3\xa9 ");
    ck_assert_str_eq(team("[[\"ann\",\"bob\"],[\"cy\"]]"), "ann bob cy ");
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        ck_assert_msg(strcmp(team(none[i]), "none") == 0, "%s", none[i]);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("match");
    TCase *tc = tcase_create("match");

    tcase_add_loop_test(tc, reads_placements, 0, (int)(sizeof(good) / sizeof(good[0])));
    tcase_add_loop_test(tc, refuses_what_is_none, 0, (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_test(tc, refuses_every_beginning);
    tcase_add_test(tc, holds_as_many_as_a_game_has);
    tcase_add_test(tc, a_pair_is_two);
    tcase_add_test(tc, finds_strings);
    tcase_add_test(tc, test_teams);
    suite_add_tcase(suite, tc);
    return suite;
}
