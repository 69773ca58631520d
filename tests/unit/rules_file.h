/*
 * What the tests of the rules' compiler share: a file's text to rules, or to what is wrong with it.
 */
#ifndef VARCADE_TESTS_RULES_FILE_H
#define VARCADE_TESTS_RULES_FILE_H

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/rules/rules.h"
#include "tests/unit/unit.h"

/* A board's rules, where they do not matter. */
#define FROM "'from': [{'on': {'type': 'score'}, 'player': 'user_id', 'max': {'field': 'score'}}]"

/* In the JSON of these tests ' stands for ". */
static inline struct json_object *
parse(const char *json)
{
    struct json_object *object;
    char *text = strdup(json);

    ck_assert_ptr_nonnull(text);
    for (char *c = text; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    object = json_tokener_parse(text);
    ck_assert_msg(object != NULL, "not JSON: %s", text);
    free(text);
    return object;
}

static inline struct rules *
compiled(const char *json)
{
    struct json_object *object = parse(json);
    struct rules *r = NULL;
    struct buf why;
    int ret;

    buf_init(&why, 65536);
    ret = rules_compile(object, &r, &why);
    ck_assert_msg(ret == 0, "%s", why.data);
    ck_assert_uint_eq(why.len, 0);
    json_object_put(object);
    buf_free(&why);
    return r;
}

/* The file is refused with just these lines. */
static inline void
refused(const char *json, const char *lines)
{
    struct json_object *object = parse(json);
    struct rules *r = NULL;
    struct buf why;

    buf_init(&why, 65536);
    ck_assert_msg(rules_compile(object, &r, &why) == -1, "taken: %s", json);
    ck_assert_ptr_null(r);
    ck_assert_str_eq(why.data, lines);
    json_object_put(object);
    buf_free(&why);
}

#endif
