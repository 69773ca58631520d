/*
 * Settings: compiled from a game's file, then only compared with. A text is one of a list, so that
 * nobody's words come before other players through a game's settings.
 */
#include "lib/product/gamesettings.h"

#include <json-c/json.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/config/table.h"
#include "lib/rules/event.h"
#include "lib/rules/rules_file.h"

#define INTEGER_MAX 9007199254740992.0

enum kind { KIND_STRING, KIND_INTEGER, KIND_BOOLEAN };

static const char *const kind_names[] = {"string", "integer", "boolean"};

struct setting {
    char name[GAMESETTINGS_TEXT_MAX + 1];
    enum kind kind;
    char (*texts)[GAMESETTINGS_TEXT_MAX + 1]; /* KIND_STRING: ntexts of them */
    size_t ntexts;
    int64_t min, max; /* of a text its index */
    int64_t fallback;
};

struct gamesettings {
    struct setting setting[GAMESETTINGS_MAX];
    size_t n;
    char *json;
};

/* --- the file --------------------------------------------------------------------------------- */

static int64_t
find_text(const struct setting *s, const char *text, size_t len)
{
    for (size_t i = 0; i < s->ntexts; i++)
        if (strlen(s->texts[i]) == len && memcmp(s->texts[i], text, len) == 0)
            return (int64_t)i;
    return -1;
}

static void
compile_text(struct rules_file *f, struct setting *s, struct json_object *value)
{
    struct event_text text = rules_file_string(value);

    if (text.s == NULL || text.len > GAMESETTINGS_TEXT_MAX || !text_is_plain(text.s, text.len)) {
        rules_file_complain(f, "not a text of 1 to %d bytes without control characters",
                            GAMESETTINGS_TEXT_MAX);
        return;
    }
    if (find_text(s, text.s, text.len) != -1)
        rules_file_complain(f, "stands here twice");
    memcpy(s->texts[s->ntexts], text.s, text.len);
    s->texts[s->ntexts++][text.len] = '\0';
}

static void
compile_texts(struct rules_file *f, struct setting *s, struct json_object *entry)
{
    size_t before = rules_file_enter(f, "values"), n;
    struct json_object *array = json_object_object_get(entry, "values");

    n = json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
    if (n == 0 || n > GAMESETTINGS_VALUES_MAX) {
        rules_file_complain(f, "not an array of 1 to %d texts", GAMESETTINGS_VALUES_MAX);
        goto out;
    }
    s->texts = calloc(n, sizeof *s->texts);
    if (s->texts == NULL) {
        rules_file_no_memory(f);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        size_t above = rules_file_enter_index(f, i);

        compile_text(f, s, json_object_array_get_idx(array, i));
        rules_file_leave(f, above);
    }
    s->max = (int64_t)s->ntexts - 1;
out:
    rules_file_leave(f, before);
}

static int64_t
compile_bound(struct rules_file *f, struct json_object *entry, const char *key)
{
    const struct rules_number bound = {key, -INTEGER_MAX, INTEGER_MAX, RULES_NUMBER_MISSING};
    size_t problems = f->problems;
    double v = rules_file_number(f, entry, &bound);

    if (f->problems == problems && v != floor(v)) {
        size_t before = rules_file_enter(f, key);

        rules_file_complain(f, "not a whole number");
        rules_file_leave(f, before);
    }
    return f->problems == problems ? (int64_t)v : 0;
}

/* A value in a file or a body, as the number by which it is kept. Returns 0, or -1 where it is none
 * of the setting's. */
static int
take_json(const struct setting *s, struct json_object *value, int64_t *ret_v)
{
    int64_t v = -1;

    switch (s->kind) {
    case KIND_STRING:
        if (!json_object_is_type(value, json_type_string))
            return -1;
        v = find_text(s, json_object_get_string(value), (size_t)json_object_get_string_len(value));
        break;
    case KIND_INTEGER:
        if (!json_object_is_type(value, json_type_int))
            return -1;
        v = json_object_get_int64(value);
        break;
    case KIND_BOOLEAN:
        if (!json_object_is_type(value, json_type_boolean))
            return -1;
        v = json_object_get_boolean(value);
        break;
    }
    if (v < s->min || v > s->max)
        return -1;
    *ret_v = v;
    return 0;
}

static void
compile_kind(struct rules_file *f, struct setting *s, struct json_object *entry)
{
    static const char *const known[][5] = {{"type", "default", "values", NULL},
                                           {"type", "default", "min", "max", NULL},
                                           {"type", "default", NULL}};
    struct json_object *value;
    size_t before;

    rules_file_keys(f, entry, known[s->kind]);
    if (s->kind == KIND_STRING) {
        compile_texts(f, s, entry);
    } else if (s->kind == KIND_INTEGER) {
        s->min = compile_bound(f, entry, "min");
        s->max = compile_bound(f, entry, "max");
        if (s->min > s->max)
            rules_file_complain(f, "`min` is above `max`");
    } else {
        s->max = 1;
    }
    s->fallback = s->min;
    before = rules_file_enter(f, "default");
    if (json_object_object_get_ex(entry, "default", &value) &&
        take_json(s, value, &s->fallback) == -1)
        rules_file_complain(f, "not a value that the setting can have");
    rules_file_leave(f, before);
}

static void
compile_setting(struct rules_file *f, struct gamesettings *all, const char *name,
                struct json_object *entry)
{
    struct setting *s = &all->setting[all->n++];
    struct event_text text = {name, strlen(name)}, type;
    size_t before;

    if (rules_file_id(f, text))
        memcpy(s->name, name, text.len + 1);
    if (strcmp(name, "num_players") == 0)
        rules_file_complain(f, "is a reserved name");
    if (!rules_file_object(f, entry))
        return;
    type = rules_file_string(json_object_object_get(entry, "type"));
    for (size_t i = 0; type.s != NULL && i < sizeof kind_names / sizeof kind_names[0]; i++) {
        if (strcmp(kind_names[i], type.s) == 0) {
            s->kind = (enum kind)i;
            compile_kind(f, s, entry);
            return;
        }
    }
    before = rules_file_enter(f, "type");
    rules_file_complain(f, "must be \"string\", \"integer\" or \"boolean\"");
    rules_file_leave(f, before);
}

int
gamesettings_compile(struct json_object *file_object, struct gamesettings **ret_settings,
                     struct buf *why)
{
    struct rules_file f = {.why = why};
    struct gamesettings *all = NULL;
    struct json_object *object;

    if (!json_object_object_get_ex(file_object, "settings", &object)) {
        *ret_settings = NULL;
        return 0;
    }
    (void)rules_file_enter(&f, "settings");
    all = calloc(1, sizeof *all);
    if (all == NULL)
        rules_file_no_memory(&f);
    else if (rules_file_filled(&f, object) &&
             json_object_object_length(object) > GAMESETTINGS_MAX) {
        rules_file_complain(&f, "more than %d settings", GAMESETTINGS_MAX);
    } else if (f.problems == 0) {
        json_object_object_foreach (object, name, entry) {
            size_t before = rules_file_enter(&f, name);

            compile_setting(&f, all, name, entry);
            rules_file_leave(&f, before);
        }
        all->json = strdup(json_object_to_json_string_ext(object, JSON_C_TO_STRING_NOSLASHESCAPE));
        if (all->json == NULL)
            rules_file_no_memory(&f);
    }
    if (f.problems > 0) {
        gamesettings_free(all);
        return -1;
    }
    *ret_settings = all;
    return 0;
}

void
gamesettings_free(struct gamesettings *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++)
        free(s->setting[i].texts);
    free(s->json);
    free(s);
}

const char *
gamesettings_json(const struct gamesettings *s)
{
    return s != NULL ? s->json : "{}";
}

/* --- what is asked for ------------------------------------------------------------------------ */

/* NULL: there is none, and why says so. */
static const struct setting *
find_setting(const struct gamesettings *all, const char *name, size_t len, struct buf *why)
{
    for (size_t i = 0; all != NULL && i < all->n; i++)
        if (strlen(all->setting[i].name) == len && memcmp(all->setting[i].name, name, len) == 0)
            return &all->setting[i];
    if (len <= GAMESETTINGS_TEXT_MAX && text_is_plain(name, len))
        buf_printf(why, "settings.%.*s: there is no such setting", (int)len, name);
    else
        buf_str(why, "settings: there is no such setting");
    return NULL;
}

static void
tell_values(const struct setting *s, struct buf *why)
{
    buf_printf(why, "settings.%s: must be ", s->name);
    if (s->kind == KIND_BOOLEAN)
        buf_str(why, "true or false");
    else if (s->kind == KIND_INTEGER)
        buf_printf(why, "a whole number from %lld to %lld", (long long)s->min, (long long)s->max);
    else
        for (size_t i = 0; i < s->ntexts; i++)
            buf_printf(why, "%s%s", i > 0 ? ", " : "one of ", s->texts[i]);
}

/* A value in a term and, but for texts, in JSON. */
static void
write_value(const struct setting *s, int64_t v, struct buf *out)
{
    if (s->kind == KIND_STRING)
        buf_str(out, s->texts[v]);
    else if (s->kind == KIND_INTEGER)
        buf_printf(out, "%lld", (long long)v);
    else
        buf_str(out, v ? "true" : "false");
}

static void
write_member(const struct setting *s, int64_t v, struct buf *json)
{
    buf_printf(json, ",\"%s\":", s->name);
    if (s->kind == KIND_STRING)
        buf_json_string(json, s->texts[v], strlen(s->texts[v]));
    else
        write_value(s, v, json);
}

static void
write_term(const struct setting *s, int64_t v, struct buf *terms)
{
    if (terms->len > 0)
        buf_byte(terms, '\n');
    buf_printf(terms, "%s=", s->name);
    write_value(s, v, terms);
}

/* The values that given has; have says of which settings. */
static int
take_given(const struct gamesettings *all, struct json_object *given,
           int64_t values[static GAMESETTINGS_MAX], bool have[static GAMESETTINGS_MAX],
           struct buf *why)
{
    if (given == NULL)
        return 0;
    json_object_object_foreach (given, name, value) {
        const struct setting *s = find_setting(all, name, strlen(name), why);
        size_t i;

        if (s == NULL)
            return -1;
        i = (size_t)(s - all->setting);
        if (take_json(s, value, &values[i]) == -1) {
            tell_values(s, why);
            return -1;
        }
        have[i] = true;
    }
    return 0;
}

int
gamesettings_choose(const struct gamesettings *s, struct json_object *given, int64_t num_players,
                    struct buf *json, struct buf *why)
{
    int64_t values[GAMESETTINGS_MAX] = {0};
    bool have[GAMESETTINGS_MAX] = {false};

    if (take_given(s, given, values, have, why) == -1)
        return -1;
    buf_printf(json, "{\"num_players\":%lld", (long long)num_players);
    for (size_t i = 0; s != NULL && i < s->n; i++)
        write_member(&s->setting[i], have[i] ? values[i] : s->setting[i].fallback, json);
    buf_byte(json, '}');
    return 0;
}

/* Returns -1 where the setting cannot be that. */
static int
take_wish(const struct setting *s, const struct gamesettings_wish *wish, int64_t *ret_v)
{
    int64_t v = -1;

    if (s->kind == KIND_STRING && wish->text != NULL)
        v = find_text(s, wish->text, wish->text_len);
    else if (s->kind == KIND_INTEGER && wish->text == NULL && fabs(wish->number) <= INTEGER_MAX &&
             wish->number == floor(wish->number))
        v = (int64_t)wish->number;
    else
        return -1;
    if (v < s->min || v > s->max)
        return -1;
    *ret_v = v;
    return 0;
}

static bool
is_matchs_own(const struct setting *s, bool region)
{
    return strcmp(s->name, "attributes") == 0 || strcmp(s->name, "queue") == 0 ||
           strcmp(s->name, "teams") == 0 || (region && strcmp(s->name, "region") == 0);
}

void
gamesettings_of_match(const struct gamesettings *s, const struct gamesettings_wish *wishes,
                      size_t n, bool region, struct buf *members)
{
    for (size_t i = 0; s != NULL && i < s->n; i++) {
        const struct setting *one = &s->setting[i];
        int64_t v = one->fallback;

        if (is_matchs_own(one, region))
            continue;
        for (size_t j = 0; j < n; j++)
            if (strcmp(wishes[j].name, one->name) == 0 && take_wish(one, &wishes[j], &v) == 0)
                break;
        write_member(one, v, members);
    }
}

int
gamesettings_terms(const struct gamesettings *s, struct json_object *given, struct buf *terms,
                   struct buf *why)
{
    int64_t values[GAMESETTINGS_MAX] = {0};
    bool have[GAMESETTINGS_MAX] = {false};

    if (take_given(s, given, values, have, why) == -1)
        return -1;
    for (size_t i = 0; s != NULL && i < s->n; i++)
        if (have[i])
            write_term(&s->setting[i], values[i], terms);
    return 0;
}

int
gamesettings_term(const struct gamesettings *s, const char *name, size_t name_len,
                  const char *value, size_t value_len, struct buf *terms, struct buf *why)
{
    const struct setting *one = find_setting(s, name, name_len, why);
    int64_t v = -1;

    if (one == NULL)
        return -1;
    if (one->kind == KIND_STRING)
        v = find_text(one, value, value_len);
    else if (one->kind == KIND_BOOLEAN)
        v = value_len == 4 && memcmp(value, "true", 4) == 0    ? 1
            : value_len == 5 && memcmp(value, "false", 5) == 0 ? 0
                                                               : -1;
    else if (text_parse_int(value, value_len, one->min, one->max, &v) != 0)
        v = one->min - 1;
    if (v < one->min || v > one->max) {
        tell_values(one, why);
        return -1;
    }
    write_term(one, v, terms);
    return 0;
}
