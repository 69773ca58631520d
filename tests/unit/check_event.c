/* Events: ids, what an entry must have, and what becomes a dead letter, with which reason. */
#include "lib/rules/event.h"

#include <check.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/redis/redis.h"
#include "tests/entry.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define GAME "0123456789abcdef0123456789abcdef"

/* Decodes and frees; the reason, or NULL. e's texts are gone afterwards. */
static const char *
reason(struct redisReply *entry)
{
    struct event e;
    const char *why = NULL;
    int ret = event_decode(entry, &e, &why);

    entry_free(entry);
    ck_assert_int_eq(ret, why == NULL ? 0 : -1);
    return why;
}

#define refused(entry, text) ck_assert_pstr_eq(reason(entry), text)
#define accepted(entry) ck_assert_pstr_eq(reason(entry), NULL)

static int
parse_id(const char *text, struct event_id *ret_id)
{
    return event_id_parse(text, strlen(text), ret_id);
}

START_TEST(test_id_parse)
{
    struct event_id id = {7, 7};

    ck_assert_int_eq(parse_id("1700000000123-4", &id), 0);
    ck_assert_uint_eq(id.ms, 1700000000123);
    ck_assert_uint_eq(id.seq, 4);
    ck_assert_int_eq(parse_id("0-0", &id), 0);
    ck_assert_int_eq(parse_id("18446744073709551615-18446744073709551615", &id), 0);
    ck_assert_uint_eq(id.ms, UINT64_MAX);
    ck_assert_uint_eq(id.seq, UINT64_MAX);
}
END_TEST

START_TEST(test_id_refused)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "1",
                                      "1-",
                                      "-1",
                                      "1-2-3",
                                      "+1-2",
                                      " 1-2",
                                      "$",
                                      "1- 2",
                                      "01-2",
                                      "1-02",
                                      "a-1",
                                      "1-1\n",
                                      "1.0-1",
                                      "18446744073709551616-0",
                                      "0-18446744073709551616",
                                      "99999999999999999999-0"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct event_id id = {3, 5};

        ck_assert_msg(parse_id(bad[i], &id) == -1, "taken: %s", bad[i]);
        ck_assert_uint_eq(id.ms, 3);
        ck_assert_uint_eq(id.seq, 5);
    }
}
END_TEST

START_TEST(test_id_round_trip)
{
    struct random_source r = random_start();

    for (int i = 0; i < 10000; i++) {
        struct event_id in = {random_u64(&r) >> random_below(&r, 64),
                              random_u64(&r) >> random_below(&r, 64)};
        struct event_id out;
        char text[EVENT_ID_SIZE];
        size_t len = event_id_format(in, text);

        ck_assert_uint_eq(len, strlen(text));
        ck_assert_int_eq(event_id_parse(text, len, &out), 0);
        ck_assert_int_eq(event_id_compare(in, out), 0);
    }
}
END_TEST

START_TEST(test_id_compare)
{
    static const struct event_id order[] = {{0, 0}, {0, 1}, {1, 0}, {1, UINT64_MAX}, {2, 0}};

    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            ck_assert_int_eq(event_id_compare(order[i], order[j]), (i > j) - (i < j));
}
END_TEST

START_TEST(test_time)
{
    struct event e = {.id = {1700000000123, 9}, .verdict_of = {5, 6}};

    ck_assert_int_eq(event_id_time(event_at(&e)), 1700000000123);
    ck_assert_int_eq(event_id_time((struct event_id){UINT64_MAX, 0}), INT64_MAX);
    e.verdict = EVENT_RELEASE;
    ck_assert_int_eq(event_id_compare(event_at(&e), e.verdict_of), 0);
}
END_TEST

START_TEST(test_fields)
{
    struct redisReply *entry =
        ENTRY("5-1", "product_id", "exrps", "game_id", GAME, "type", "gameplay", "event_name",
              "select_weapon", "event_data", "null", "user_id", "7", "empty", "");
    const char *why = NULL;
    struct event e;

    ck_assert_int_eq(event_decode(entry, &e, &why), 0);
    ck_assert_ptr_null(why);
    ck_assert_uint_eq(e.id.ms, 5);
    ck_assert_uint_eq(e.id.seq, 1);
    ck_assert_int_eq(e.type, EVENT_OTHER);
    ck_assert_uint_eq(e.nfields, 7);
    ck_assert(event_text_is(e.product_id, "exrps"));
    ck_assert(event_text_is(e.game_id, GAME));
    ck_assert(event_text_is(event_field(&e, "event_data"), "null"));
    ck_assert(event_text_is(event_field(&e, "empty"), ""));
    ck_assert_ptr_null(event_field(&e, "event_dat").s);
    ck_assert(!event_text_is(event_field(&e, "missing"), ""));
    ck_assert(!event_text_is(e.product_id, "exrp"));
    ck_assert(!event_text_is(e.product_id, "exrpsa"));
    entry_free(entry);
}
END_TEST

static enum event_type
type_of(struct redisReply *entry)
{
    const char *why = NULL;
    struct event e;

    ck_assert_msg(event_decode(entry, &e, &why) == 0, "%s", why);
    entry_free(entry);
    return e.type;
}

START_TEST(test_types)
{
#define E(...) ENTRY("1-1", "product_id", "p", "game_id", GAME, "type", __VA_ARGS__)
    ck_assert_int_eq(type_of(E("state_change", "new_state", "ended")), EVENT_STATE_CHANGE);
    ck_assert_int_eq(type_of(E("player_connect", "player_id", "a")), EVENT_PLAYER_CONNECT);
    ck_assert_int_eq(type_of(E("player_disconnect", "player_id", "a")), EVENT_PLAYER_DISCONNECT);
    ck_assert_int_eq(type_of(E("game_removed")), EVENT_GAME_REMOVED);
    ck_assert_int_eq(type_of(E("game_over", "winner_id", "a", "loser_id", "b")), EVENT_GAME_OVER);
    ck_assert_int_eq(type_of(E("game_over", "placements", "[[\"a\"],[\"b\"]]")), EVENT_GAME_OVER);
    ck_assert_int_eq(type_of(E("player_name", "user_id", "a", "username", "b")), EVENT_PLAYER_NAME);
    ck_assert_int_eq(type_of(E("gameplay")), EVENT_OTHER);
    ck_assert_int_eq(type_of(E("something_else")), EVENT_OTHER);
    ck_assert_int_eq(type_of(E("")), EVENT_OTHER);
    ck_assert_int_eq(type_of(E("state_change2")), EVENT_OTHER);
#undef E
    ck_assert_int_eq(type_of(ENTRY("1-1", "product_id", "p", "event_name", "x")), EVENT_OTHER);
    ck_assert_int_eq(type_of(ENTRY("1-1", "product_id", "p", "type", "score", "score", "5")),
                     EVENT_OTHER);
}
END_TEST

START_TEST(test_states)
{
    static const char *const states[] = {"creator_joined", "all_players_joined", "in_progress",
                                         "ended"};

    for (size_t i = 0; i < 4; i++)
        accepted(ENTRY("1-1", "product_id", "p", "game_id", GAME, "type", "state_change",
                       "new_state", states[i]));
    refused(ENTRY("1-1", "product_id", "p", "game_id", GAME, "type", "state_change", "new_state",
                  "created"),
            "new_state is none of creator_joined, all_players_joined, in_progress, ended");
    refused(
        ENTRY("1-1", "product_id", "p", "game_id", GAME, "type", "state_change", "new_state", ""),
        "new_state is none of creator_joined, all_players_joined, in_progress, ended");
    refused(ENTRY("1-1", "product_id", "p", "game_id", GAME, "type", "state_change"),
            "new_state is missing");
}
END_TEST

START_TEST(test_game_id)
{
    static const char *const lobby[] = {"state_change", "player_connect", "player_disconnect",
                                        "game_removed", "game_over"};

    for (size_t i = 0; i < 5; i++) {
#define E(...)                                                                                \
    ENTRY("1-1", "product_id", "p", "type", lobby[i], "new_state", "ended", "player_id", "a", \
          "winner_id", "a", "loser_id", "b", ##__VA_ARGS__)
        accepted(E("game_id", GAME));
        refused(E(), "game_id is missing");
        refused(E("game_id", ""), "game_id is not 32 lower-case hexadecimal digits");
        refused(E("game_id", GAME "0"), "game_id is not 32 lower-case hexadecimal digits");
        refused(E("game_id", "0123456789ABCDEF0123456789ABCDEF"),
                "game_id is not 32 lower-case hexadecimal digits");
#undef E
    }
    accepted(ENTRY("1-1", "product_id", "p", "game_id", "table 7", "type", "gameplay"));
    refused(ENTRY("1-1", "product_id", "p", "game_id", "", "type", "gameplay"),
            "game_id is not 1 to 128 bytes of UTF-8 without control characters");
    refused(ENTRY("1-1", "product_id", "p", "game_id", "a\nb", "type", "gameplay"),
            "game_id is not 1 to 128 bytes of UTF-8 without control characters");
}
END_TEST

START_TEST(test_players)
{
#define E(...) ENTRY("1-1", "product_id", "p", "game_id", GAME, "type", __VA_ARGS__)
    refused(E("player_connect"), "player_id is missing");
    refused(E("player_disconnect"), "player_id is missing");
    refused(E("player_disconnect", "player_id", ""),
            "player_id is not 1 to 128 bytes of UTF-8 without control characters");
    refused(E("player_disconnect", "player_id", "a\x7f"),
            "player_id is not 1 to 128 bytes of UTF-8 without control characters");
    refused(E("game_over"), "winner_id is missing");
    refused(E("game_over", "winner_id", "a"), "loser_id is missing");
    refused(E("game_over", "loser_id", "a"), "winner_id is missing");
    refused(E("game_over", "winner_id", "a\tb", "loser_id", "b"),
            "winner_id is not 1 to 128 bytes of UTF-8 without control characters");
#undef E
}
END_TEST

START_TEST(test_nul_in_ids)
{
    struct redisReply *entry = ENTRY("1-1", "product_id", "p", "game_id", GAME, "type",
                                     "player_disconnect", "player_id", "x");

    entry_set(entry, 7, "a\0b", 3);
    refused(entry, "player_id is not 1 to 128 bytes of UTF-8 without control characters");
    entry = ENTRY("1-1", "product_id", "p", "x", "y");
    entry_set(entry, 1, "p\0", 2);
    refused(entry, "product_id is malformed");
    entry = ENTRY("1-1", "product_id", "p", "x", "y");
    entry_set(entry, 2, "x\0", 2);
    refused(entry, "a field's name is not UTF-8 without control characters");
}
END_TEST

START_TEST(test_product)
{
    refused(ENTRY("1-1", "type", "score"), "product_id is missing");
    refused(ENTRY("1-1", "product_id", ""), "product_id is malformed");
    refused(ENTRY("1-1", "product_id", "a/b"), "product_id is malformed");
    refused(ENTRY("1-1", "product_id", "a}b"), "product_id is malformed");
}
END_TEST

START_TEST(test_form)
{
    struct redisReply *entry = ENTRY("1-1", "product_id", "p");
    struct redisReply nil = {.type = REDIS_REPLY_NIL};

    refused(NULL, "not an entry of a stream");
    refused(ENTRY("x", "product_id", "p"), "the entry's id cannot be read");
    refused(ENTRY("1-1", "product_id", "p", "odd"), "a field has no value");
    refused(ENTRY("1-1", "product_id", "p", "x", NULL), "not an entry of a stream");
    refused(ENTRY("1-1", "product_id", NULL), "not an entry of a stream");
    refused(ENTRY("1-1", NULL, "x"), "not an entry of a stream");
    refused(entry_new("1-1", NULL, 0), "product_id is missing");
    entry->elements = 1;
    ck_assert_int_eq(event_decode(entry, &(struct event){0}, &(const char *){NULL}), -1);
    entry->elements = 2;
    entry->type = REDIS_REPLY_STATUS;
    ck_assert_int_eq(event_decode(entry, &(struct event){0}, &(const char *){NULL}), -1);
    entry->type = REDIS_REPLY_ARRAY;
    entry_free(entry->element[1]);
    entry->element[1] = &nil;
    ck_assert_int_eq(event_decode(entry, &(struct event){0}, &(const char *){NULL}), -1);
    entry->element[1] = NULL;
    ck_assert_int_eq(event_decode(entry, &(struct event){0}, &(const char *){NULL}), -1);
    entry_free(entry);
}
END_TEST

#define VERDICT(...) ENTRY("9-1", "product_id", "p", EVENT_VERDICT_FIELD, __VA_ARGS__)
#define NO_VERDICT EVENT_VERDICT_FIELD " is neither `release` nor `drop` and an id"

START_TEST(test_verdicts)
{
    struct redisReply *entry = VERDICT("release 17-3", "a", "b");
    const char *why;
    struct event e;

    ck_assert_int_eq(event_decode(entry, &e, &why), 0);
    ck_assert_int_eq(e.verdict, EVENT_RELEASE);
    ck_assert_int_eq(event_id_compare(e.verdict_of, (struct event_id){17, 3}), 0);
    ck_assert_uint_eq(e.nfields, 2);
    entry_free(entry);
    entry = VERDICT("drop 17-3");
    ck_assert_int_eq(event_decode(entry, &e, &why), 0);
    ck_assert_int_eq(e.verdict, EVENT_DROP);
    entry_free(entry);
    entry = ENTRY("9-1", "product_id", "p");
    ck_assert_int_eq(event_decode(entry, &e, &why), 0);
    ck_assert_int_eq(e.verdict, EVENT_NO_VERDICT);
    entry_free(entry);
    refused(VERDICT(""), NO_VERDICT);
    refused(VERDICT("release "), NO_VERDICT);
    refused(VERDICT("release 17-3 "), NO_VERDICT);
    refused(VERDICT("keep 17-3"), NO_VERDICT);
    refused(VERDICT("drop 1-1", EVENT_VERDICT_FIELD, "drop 1-1"), "a field occurs twice");
}
END_TEST

START_TEST(test_names_and_values)
{
    static char long_text[EVENT_FIELD_VALUE_MAX + 2];

    memset(long_text, 'a', sizeof(long_text));
    refused(ENTRY("1-1", "product_id", "p", "", "v"), "a field has an empty name");
    refused(ENTRY("1-1", "product_id", "p", "x", "1", "y", "2", "x", "1"), "a field occurs twice");
    refused(ENTRY("1-1", "product_id", "p", "product_id", "q"), "a field occurs twice");
    refused(ENTRY("1-1", "product_id", "p", "x\xff", "1"),
            "a field's name is not UTF-8 without control characters");
    refused(ENTRY("1-1", "product_id", "p", "x", "\xc0\x80"), "a field's value is not UTF-8");
    accepted(ENTRY("1-1", "product_id", "p", "größe", "{\"a\":\n\"\xe2\x82\xac\"}"));
    long_text[EVENT_FIELD_NAME_MAX + 1] = '\0';
    refused(ENTRY("1-1", "product_id", "p", long_text, "1"),
            "a field's name is longer than 128 bytes");
    long_text[EVENT_FIELD_NAME_MAX] = '\0';
    accepted(ENTRY("1-1", "product_id", "p", long_text, "1"));
    memset(long_text, 'a', sizeof(long_text));
    long_text[EVENT_FIELD_VALUE_MAX + 1] = '\0';
    refused(ENTRY("1-1", "product_id", "p", "x", long_text),
            "a field's value is longer than 65536 bytes");
    long_text[EVENT_FIELD_VALUE_MAX] = '\0';
    accepted(ENTRY("1-1", "product_id", "p", "x", long_text));
}
END_TEST

/* An entry with n fields, product_id the last of them, names of 128 bytes alike but for the end. */
static struct redisReply *
many_fields(size_t n)
{
    static char names[256][EVENT_FIELD_NAME_MAX + 1];
    const char *texts[512];

    for (size_t i = 0; i < n; i++) {
        memset(names[i], 'n', EVENT_FIELD_NAME_MAX);
        names[i][EVENT_FIELD_NAME_MAX - 2] = (char)('a' + i / 16);
        names[i][EVENT_FIELD_NAME_MAX - 1] = (char)('a' + i % 16);
        texts[2 * i] = i == n - 1 ? "product_id" : names[i];
        texts[2 * i + 1] = "p";
    }
    return entry_new("1-1", texts, 2 * n);
}

START_TEST(test_field_count)
{
    accepted(many_fields(EVENT_FIELDS_MAX));
    refused(many_fields(EVENT_FIELDS_MAX + 1), "more than 64 fields");
    refused(many_fields(256), "more than 64 fields");
}
END_TEST

/* A dead letter belongs to its product even where the entry is refused for something else. */
START_TEST(test_product_of_refused)
{
    struct redisReply *entries[] = {
        ENTRY("7-3", "type", "state_change", "product_id", "exrps"),
        ENTRY("7-3", "", "x", "product_id", "exrps"),
        ENTRY("7-3", "a", "\xff", "product_id", "exrps"),
        ENTRY("7-3", "a", "b", "product_id", "exrps", "a", "b"),
        ENTRY("7-3", "product_id", "exrps", "odd"),
    };

    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        const char *why = NULL;
        struct event e;

        ck_assert_int_eq(event_decode(entries[i], &e, &why), -1);
        ck_assert_ptr_nonnull(why);
        ck_assert_uint_eq(e.id.ms, 7);
        ck_assert_uint_eq(e.id.seq, 3);
        ck_assert(event_text_is(e.product_id, "exrps"));
        entry_free(entries[i]);
    }
}
END_TEST

/* Any entry is either refused with a reason or has all that the header promises. */
START_TEST(test_random_entries)
{
    static const char *const words[] = {
        "product_id", "exrps", "game_id", GAME,   "type",       "state_change", "new_state",
        "ended",      "x",     "",        "\xff", "player_id",  "game_over",    "winner_id",
        "loser_id",   "a\nb",  "y",       "z",    "placements", "[]",           "gameplay"};
    struct random_source r = random_start();
    size_t taken = 0;

    for (int i = 0; i < 50000; i++) {
        const char *texts[16] = {"product_id", "p"};
        size_t n = 2 + random_below(&r, 15);
        struct redisReply *entry;
        const char *why = NULL;
        struct event e;

        for (size_t k = 2; k < n; k++)
            texts[k] = words[random_below(&r, sizeof(words) / sizeof(words[0]))];
        entry = entry_new("1-1", texts, n);
        if (event_decode(entry, &e, &why) == 0) {
            taken++;
            ck_assert_ptr_null(why);
            ck_assert_uint_eq(2 * e.nfields, n);
            ck_assert(event_text_is(e.product_id, "p"));
            ck_assert(e.type == EVENT_OTHER || e.type == EVENT_PLAYER_NAME ||
                      event_text_is(e.game_id, GAME));
            for (size_t k = 0; k < n; k += 2)
                ck_assert(event_text_is(event_field(&e, texts[k]), texts[k + 1]));
        } else {
            ck_assert_ptr_nonnull(why);
        }
        entry_free(entry);
    }
    ck_assert_uint_gt(taken, 1000);
}
END_TEST

static struct event_text
argument(const struct redis_args *a, size_t i)
{
    size_t from = i == 0 ? 0 : a->ends[i - 1];

    return (struct event_text){a->bytes.data + from, a->ends[i] - from};
}

/* What event_encode writes, as Redis would hand it back under this id; a is read from the XADD's
 * fourth argument on. */
static struct redisReply *
entry_of_args(const struct redis_args *a, const char *id)
{
    struct redisReply *entry;
    const char *texts[2 * EVENT_FIELDS_MAX] = {NULL};

    entry = entry_new(id, texts, a->n - 3);
    for (size_t i = 3; i < a->n; i++)
        entry_set(entry, i - 3, argument(a, i).s, argument(a, i).len);
    return entry;
}

START_TEST(test_encode)
{
    static const char *const names[] = {"product_id", "type", NULL, "gone", "text"};
    static const char *const values[] = {"p", "gameplay", "x", NULL, ""};
    struct redisReply *entry;
    const char *why = NULL;
    struct redis_args a;
    struct event e;

    redis_args_init(&a);
    event_encode(&a, "game_event_stream", names, values, 5);
    ck_assert(!a.failed);
    ck_assert_uint_eq(a.n, 9);
    ck_assert(event_text_is(argument(&a, 0), "XADD"));
    ck_assert(event_text_is(argument(&a, 1), "game_event_stream"));
    ck_assert(event_text_is(argument(&a, 2), "*"));
    entry = entry_of_args(&a, "8-0");
    ck_assert_int_eq(event_decode(entry, &e, &why), 0);
    ck_assert_uint_eq(e.nfields, 3);
    ck_assert(event_text_is(event_field(&e, "text"), ""));
    entry_free(entry);
    redis_args_free(&a);
}
END_TEST

START_TEST(test_round_trip)
{
    static const char *const alphabet[] = {"a",  "Z",  "0", "_",           " ",
                                           "\"", "\\", "ß", "\xe2\x82\xac"};
    struct random_source r = random_start();
    struct redis_args a;

    redis_args_init(&a);
    for (int round = 0; round < 2000; round++) {
        char text[2 * EVENT_FIELDS_MAX][64];
        const char *names[EVENT_FIELDS_MAX] = {"product_id"}, *values[EVENT_FIELDS_MAX] = {"p"};
        size_t n = 1 + random_below(&r, EVENT_FIELDS_MAX);
        struct redisReply *entry;
        const char *why = NULL;
        struct event e;

        for (size_t i = 2; i < 2 * n; i++) {
            /* The number keeps names apart. */
            size_t len = (size_t)snprintf(text[i], sizeof(text[i]), "%zu.", i);

            for (size_t k = random_below(&r, 10); k > 0; k--)
                len += (size_t)snprintf(text[i] + len, sizeof(text[i]) - len, "%s",
                                        alphabet[random_below(&r, 9)]);
            *(i % 2 == 0 ? &names[i / 2] : &values[i / 2]) = text[i];
        }
        redis_args_reset(&a);
        event_encode(&a, "s", names, values, n);
        entry = entry_of_args(&a, "8-0");
        ck_assert_msg(event_decode(entry, &e, &why) == 0, "%s", why);
        ck_assert_uint_eq(e.nfields, n);
        for (size_t i = 0; i < n; i++) {
            ck_assert(event_text_is(e.name[i], names[i]));
            ck_assert(event_text_is(e.value[i], values[i]));
        }
        entry_free(entry);
    }
    redis_args_free(&a);
}
END_TEST

/* The words of a shell command without anything but '' in it, in place; how many. */
static size_t
split_words(char *command, const char *words[static 2 * EVENT_FIELDS_MAX])
{
    size_t n = 0;

    for (char *at = command + strspn(command, " "); *at != '\0'; at += strspn(at, " ")) {
        bool quoted = *at == '\'';

        ck_assert_uint_lt(n, 2 * EVENT_FIELDS_MAX);
        at += quoted;
        words[n++] = at;
        at += strcspn(at, quoted ? "'" : " ");
        if (*at != '\0')
            *at++ = '\0';
    }
    return n;
}

/* Every XADD that docs/events.md shows is an event. */
START_TEST(test_documented_examples)
{
    static const char start[] = "redis-cli XADD game_event_stream";
    const char *srcdir = getenv("srcdir");
    char *path = NULL, *text = NULL;
    size_t len = 0, shown = 0;

    ck_assert_int_gt(asprintf(&path, "%s/docs/events.md", srcdir != NULL ? srcdir : "."), 0);
    ck_assert_msg(text_read_file(path, 1 << 20, &text, &len) == 0, "%s cannot be read", path);
    for (char *at = strstr(text, start); at != NULL; shown++) {
        const char *words[2 * EVENT_FIELDS_MAX];
        char *end = strstr(at, "\n```");
        size_t n;

        ck_assert_ptr_nonnull(end);
        *end = '\0';
        for (char *c = at; *c != '\0'; c++)
            if (*c == '\\' || *c == '\n')
                *c = ' ';
        n = split_words(at, words);
        ck_assert_str_eq(words[3], "*");
        accepted(entry_new("1-1", words + 4, n - 4));
        at = strstr(end + 1, start);
    }
    ck_assert_uint_ge(shown, 8);
    free(text);
    free(path);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("event");
    TCase *ids = tcase_create("ids"), *decode = tcase_create("decode");

    tcase_add_test(ids, test_id_parse);
    tcase_add_test(ids, test_id_refused);
    tcase_add_test(ids, test_id_round_trip);
    tcase_add_test(ids, test_id_compare);
    tcase_add_test(ids, test_time);
    suite_add_tcase(suite, ids);
    tcase_add_test(decode, test_fields);
    tcase_add_test(decode, test_types);
    tcase_add_test(decode, test_states);
    tcase_add_test(decode, test_game_id);
    tcase_add_test(decode, test_players);
    tcase_add_test(decode, test_nul_in_ids);
    tcase_add_test(decode, test_product);
    tcase_add_test(decode, test_form);
    tcase_add_test(decode, test_verdicts);
    tcase_add_test(decode, test_names_and_values);
    tcase_add_test(decode, test_field_count);
    tcase_add_test(decode, test_product_of_refused);
    tcase_add_test(decode, test_random_entries);
    tcase_add_test(decode, test_encode);
    tcase_add_test(decode, test_round_trip);
    tcase_add_test(decode, test_documented_examples);
    tcase_set_timeout(decode, 60); /* the random ones, under a sanitizer on a busy machine */
    suite_add_tcase(suite, decode);
    return suite;
}
