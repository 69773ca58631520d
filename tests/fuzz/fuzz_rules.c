/*
 * Rules of a game's file, and events that meet them: what compiles keeps the promises of rules.h
 * for any event, and a file that does not compile says why.
 *
 * The input is the file's JSON and, behind each blank line, an event: its first line is the id,
 * then come names and values in turns.
 */
#include <assert.h>
#include <json-c/json.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/text.h"
#include "lib/rules/rules.h"
#include "tests/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define JSON_DEPTH 16

static struct json_object *
parse(const char *json, size_t len)
{
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
    struct json_object *object;

    assert(tokener != NULL);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    object = json_tokener_parse_ex(tokener, json, (int)len);
    json_tokener_free(tokener);
    return object;
}

static void
check_effect(const struct rules *r, const struct rules_effect *effect)
{
    double v;

    assert(text_is_name(effect->player.s, effect->player.len));
    assert(fabs(effect->value) <= RULES_SCORE_MAX);
    if (effect->target == RULES_BOARD)
        assert(effect->board < rules_board_count(r));
    else
        assert(effect->stat.len > 0 && effect->stat.len <= RULES_ID_MAX);
    assert(rules_apply(effect->op, 0, false, effect->value, &v) == 0);
}

static void
evaluate(const struct rules *r, const char *text, size_t len)
{
    struct redisReply *entry = entry_split(text, len);
    struct rules_effect *effects = calloc(rules_effects_max(r) + 1, sizeof(*effects));
    struct rules_room *room = malloc(sizeof(*room));
    const char *why = NULL;
    struct event e;
    size_t n = 0;

    assert(effects != NULL && room != NULL);
    if (event_decode(entry, &e, &why) == 0) {
        if (rules_evaluate(r, &e, room, effects, rules_effects_max(r), &n, &why) == -1)
            assert(why != NULL && n == 0);
        assert(n <= rules_effects_max(r));
        for (size_t i = 0; i < n; i++)
            check_effect(r, &effects[i]);
    }
    free(effects);
    free(room);
    entry_free(entry);
}

static void
check_rules(const struct rules *r, const char *events, size_t len)
{
    assert(rules_top_ten_board(r) < (int)rules_board_count(r));
    for (size_t i = 0; i < rules_board_count(r); i++) {
        const struct rules_board *board = rules_board_at(r, i);

        assert(rules_board_find(r, board->id, strlen(board->id)) == (int)i);
        assert(text_is_name(board->title, strlen(board->title)));
    }
    for (size_t i = 0; i < rules_stat_count(r); i++)
        assert(rules_stat_name(r, i)[0] != '\0' && rules_stat_title(r, i)[0] != '\0');
    while (len > 0) {
        const char *end = memmem(events + 1, len - 1, "\n\n", 2);
        size_t n = end != NULL ? (size_t)(end - events) : len;

        evaluate(r, events, n);
        n += end != NULL;
        events += n;
        len -= n;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *blank = size > 0 ? memmem(text, size, "\n\n", 2) : NULL;
    size_t len = blank != NULL ? (size_t)(blank - text) : size;
    struct json_object *file = parse(text, len);
    struct rules *r = NULL;
    struct buf why;

    buf_init(&why, 1 << 20);
    if (json_object_is_type(file, json_type_object)) {
        if (rules_compile(file, &r, &why) == 0)
            check_rules(r, text + len, size - len);
        else
            assert(why.len > 0 && r == NULL);
    }
    json_object_put(file);
    rules_free(r);
    buf_free(&why);
    return 0;
}
