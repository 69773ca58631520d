/*
 * Reading a game's file for its rules: where in it we are, what is wrong there, and which number in
 * the table stands for a text.
 */
#include "lib/rules/rules_file.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/text.h"
#include "lib/rules/rules_table.h"

_Static_assert(RULES_ID_MAX == TEXT_PRODUCT_ID_MAX, "an id is checked by text_is_product_id");
_Static_assert(EVENT_FIELD_NAME_MAX == TEXT_USER_ID_MAX, "a field's name by text_is_name");

#define KEY_MAX 64 /* bytes of a key that are shown */

/* --- problems and the path -------------------------------------------------------------------- */

void
rules_file_complain(struct rules_file *f, const char *fmt, ...)
{
    char reason[RULES_PATH_SIZE + 256];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(reason, sizeof(reason), fmt, ap);
    va_end(ap);
    buf_printf(f->why, "%s: %s\n", f->path, reason);
    f->problems++;
}

static size_t
enter(struct rules_file *f, const char *text, size_t len)
{
    size_t before = f->path_len;

    assert(before + len < sizeof(f->path));
    memcpy(f->path + before, text, len);
    f->path_len += len;
    f->path[f->path_len] = '\0';
    return before;
}

size_t
rules_file_enter(struct rules_file *f, const char *key)
{
    char text[KEY_MAX + 2];
    size_t len = 0, shown = strnlen(key, KEY_MAX);

    /* Not through the middle of a character. */
    while (shown > 0 && ((unsigned char)key[shown] & 0xc0) == 0x80)
        shown--;
    if (f->path_len > 0)
        text[len++] = '.';
    for (size_t i = 0; i < shown; i++)
        text[len++] = (unsigned char)key[i] < ' ' || key[i] == 0x7f ? '?' : key[i];
    return enter(f, text, len);
}

size_t
rules_file_enter_index(struct rules_file *f, size_t i)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "[%zu]", i);

    return enter(f, text, (size_t)len);
}

void
rules_file_leave(struct rules_file *f, size_t before)
{
    f->path_len = before;
    f->path[before] = '\0';
}

void
rules_file_no_memory(struct rules_file *f)
{
    rules_file_complain(f, "out of memory");
}

/* --- reading JSON ----------------------------------------------------------------------------- */

void
rules_file_keys(struct rules_file *f, struct json_object *object, const char *const *known)
{
    json_object_object_foreach (object, key, value) {
        size_t i = 0, before;

        (void)value;
        while (known[i] != NULL && strcmp(known[i], key) != 0)
            i++;
        if (known[i] != NULL)
            continue;
        before = rules_file_enter(f, key);
        rules_file_complain(f, "unknown key");
        rules_file_leave(f, before);
    }
}

bool
rules_file_object(struct rules_file *f, struct json_object *value)
{
    if (json_object_is_type(value, json_type_object))
        return true;
    rules_file_complain(f, "not an object");
    return false;
}

bool
rules_file_filled(struct rules_file *f, struct json_object *value)
{
    if (!rules_file_object(f, value))
        return false;
    if (json_object_object_length(value) > 0)
        return true;
    rules_file_complain(f, "empty");
    return false;
}

struct event_text
rules_file_string(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return (struct event_text){NULL, 0};
    return (struct event_text){json_object_get_string(value),
                               (size_t)json_object_get_string_len(value)};
}

double
rules_file_number(struct rules_file *f, struct json_object *object,
                  const struct rules_number *number)
{
    size_t before = rules_file_enter(f, number->key);
    struct json_object *value;
    double v = number->fallback;

    if (json_object_object_get_ex(object, number->key, &value)) {
        if (json_object_is_type(value, json_type_int) ||
            json_object_is_type(value, json_type_double))
            v = json_object_get_double(value);
        else
            v = RULES_NUMBER_MISSING;
        if (!(v >= number->min && v <= number->max))
            rules_file_complain(f, "not a number from %g to %g", number->min, number->max);
    } else if (isnan(v)) {
        rules_file_complain(f, "missing");
    }
    rules_file_leave(f, before);
    return v;
}

char *
rules_file_title(struct rules_file *f, struct json_object *value)
{
    struct event_text title = rules_file_string(value);
    char *copy = NULL;

    if (title.s == NULL || !text_is_name(title.s, title.len))
        rules_file_complain(f, "not a string of 1 to %d bytes without control characters",
                            TEXT_USER_ID_MAX);
    else if ((copy = strdup(title.s)) == NULL)
        rules_file_no_memory(f);
    return copy;
}

bool
rules_file_id(struct rules_file *f, struct event_text id)
{
    if (id.s != NULL && text_is_product_id(id.s, id.len))
        return true;
    rules_file_complain(f, "not 1 to %d of A-Z a-z 0-9 _ -", RULES_ID_MAX);
    return false;
}

/* --- numbers for texts ------------------------------------------------------------------------ */

static char *
reason_for(const char *field, const char *words)
{
    char *reason = NULL;

    return asprintf(&reason, "%s %s", field, words) == -1 ? NULL : reason;
}

static int
init_field(struct rules_field *field, const char *name)
{
    intern_init(&field->values, RULES_VALUES_MAX);
    field->why_missing = reason_for(name, "is missing");
    field->why_no_player =
        reason_for(name, "is not 1 to 128 bytes of UTF-8 without control characters");
    field->why_no_team = reason_for(name, "is not a JSON array of 1 to 64 user ids, nobody twice");
    field->team = -1;
    field->why_no_number = reason_for(name, "is not a number");
    field->why_beyond = reason_for(name, "is beyond 2^53");
    return field->why_missing != NULL && field->why_no_player != NULL &&
                   field->why_no_team != NULL && field->why_no_number != NULL &&
                   field->why_beyond != NULL
               ? 0
               : -1;
}

int
rules_file_field(struct rules_file *f, struct event_text name)
{
    struct rules *r = f->r;
    size_t before = intern_count(&r->fields);
    int field;

    if (name.s == NULL || !text_is_name(name.s, name.len)) {
        rules_file_complain(f, "not the name of an event's field");
        return -1;
    }
    field = intern_add(&r->fields, name.s, name.len);
    if (field == -1 && errno == ENOSPC)
        rules_file_complain(f, "more than %d different fields", EVENT_FIELDS_MAX);
    else if (field == -1)
        rules_file_no_memory(f);
    else if (intern_count(&r->fields) > before && init_field(&r->field[field], name.s) == -1)
        rules_file_no_memory(f);
    return field;
}

int
rules_file_value(struct rules_file *f, int field, struct event_text text)
{
    int value;

    if (text.len > RULES_TEXT_MAX) {
        rules_file_complain(f, "longer than %d bytes", RULES_TEXT_MAX);
        return -1;
    }
    value = intern_add(&f->r->field[field].values, text.s, text.len);
    if (value == -1 && errno == ENOSPC)
        rules_file_complain(f, "more than %d texts to compare one field with", RULES_VALUES_MAX);
    else if (value == -1)
        rules_file_no_memory(f);
    return value;
}

int
rules_file_stat(struct rules_file *f, struct event_text name)
{
    int stat;

    if (!rules_file_id(f, name))
        return -1;
    stat = intern_add(&f->r->stats, name.s, name.len);
    if (stat == -1 && errno == ENOSPC)
        rules_file_complain(f, "more than %d statistics", RULES_STATS_MAX);
    else if (stat == -1)
        rules_file_no_memory(f);
    return stat;
}
