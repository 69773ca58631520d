/*
 * A JSON object to a struct, by a table; and the table as help and man page. A default is JSON text
 * that takes the same way as a value from the file, so that there is one reader for each type.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/config/table.h"

#define KEY_MAX 4096 /* bytes of a key with its path in a message */
#define ITEM_MAX 1024
#define CREDENTIALS "$CREDENTIALS_DIRECTORY/"

/* One reading of an object. */
struct reader {
    const struct table_row *rows;
    size_t n;
    struct json_object *object;
    const char *base;
    char *into;
    struct buf *why;
    bool bad; /* there was a problem; why may have been too small to hold it */
};

/* --- problems --------------------------------------------------------------------------------- */

static void problem_v(struct buf *why, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

static void
problem_v(struct buf *why, const char *fmt, va_list args)
{
    char text[KEY_MAX + 1024];

    (void)vsnprintf(text, sizeof(text), fmt, args);
    if (why->len > 0) {
        buf_byte(why, '\n');
    }
    buf_str(why, text);
}

void
table_problem(struct buf *why, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    problem_v(why, fmt, args);
    va_end(args);
}

static int problem(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Always -1. */
static int
problem(struct reader *r, const char *fmt, ...)
{
    va_list args;

    r->bad = true;
    va_start(args, fmt);
    problem_v(r->why, fmt, args);
    va_end(args);
    return -1;
}

void
table_path(struct buf *path, const char *key)
{
    size_t len = strlen(key);

    if (len > 0 &&
        strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == len) {
        if (path->len > 0) {
            buf_byte(path, '.');
        }
        buf_add(path, key, len);
        return;
    }
    buf_byte(path, '[');
    buf_json_string(path, key, len);
    buf_byte(path, ']');
}

void
table_prefix(const char *file, const struct buf *lines, struct buf *why)
{
    const char *line = lines->data;

    while (line != NULL && *line != '\0') {
        size_t len = strcspn(line, "\n");

        if (len > 0) {
            buf_printf(why, "%s%s: %.*s", why->len > 0 ? "\n" : "", file, (int)len, line);
        }
        line += len + (line[len] == '\n');
    }
}

static const char *
type_name(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return "null";
    case json_type_boolean:
        return "true or false";
    case json_type_double:
    case json_type_int:
        return "a number";
    case json_type_object:
        return "an object";
    case json_type_array:
        return "an array";
    case json_type_string:
        break;
    }
    return "a string";
}

/* --- values: key is what a message calls them ------------------------------------------------- */

static int
read_int(struct reader *r, const struct table_row *row, const char *key, struct json_object *value,
         int64_t *ret_v)
{
    int64_t v;

    if (!json_object_is_type(value, json_type_int)) {
        return problem(r, "%s: must be an integer, is %s", key,
                       json_object_is_type(value, json_type_double) ? json_object_get_string(value)
                                                                    : type_name(value));
    }
    v = json_object_get_int64(value);
    if (v < row->min) {
        return problem(r, "%s: %" PRId64 " is less than %" PRId64, key, v, row->min);
    }
    if (v > row->max) {
        return problem(r, "%s: %" PRId64 " is more than %" PRId64, key, v, row->max);
    }
    *ret_v = v;
    return 0;
}

/* A string without control characters, of min to max bytes. */
static int
read_text(struct reader *r, const struct table_row *row, const char *key, struct json_object *value,
          const char **ret_s)
{
    const char *s, *reason;
    size_t len;

    if (!json_object_is_type(value, json_type_string)) {
        return problem(r, "%s: must be a string, is %s", key, type_name(value));
    }
    s = json_object_get_string(value);
    len = (size_t)json_object_get_string_len(value);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f) {
            return problem(r, "%s: holds a control character", key);
        }
    }
    if (len < (size_t)row->min) {
        return len == 0 ? problem(r, "%s: must not be empty", key)
                        : problem(r, "%s: is shorter than %" PRId64 " bytes", key, row->min);
    }
    if (len > (size_t)row->max) {
        return problem(r, "%s: is longer than %" PRId64 " bytes", key, row->max);
    }
    reason = row->check != NULL ? row->check(s) : NULL;
    if (reason != NULL) {
        return problem(r, "%s: %s", key, reason);
    }
    *ret_s = s;
    return 0;
}

static int
keep(struct reader *r, const char *key, char *copy, char **ret_s)
{
    if (copy == NULL) {
        return problem(r, "%s: out of memory", key);
    }
    *ret_s = copy;
    return 0;
}

static int
read_string(struct reader *r, const struct table_row *row, const char *key,
            struct json_object *value, char **ret_s)
{
    const char *s;

    if (read_text(r, row, key, value, &s) != 0) {
        return -1;
    }
    return keep(r, key, strdup(s), ret_s);
}

static int
read_path(struct reader *r, const struct table_row *row, const char *key, struct json_object *value,
          char **ret_s)
{
    const char *folder = r->base, *s;
    struct buf path;

    if (read_text(r, row, key, value, &s) != 0) {
        return -1;
    }
    if (strncmp(s, CREDENTIALS, sizeof(CREDENTIALS) - 1) == 0) {
        folder = getenv("CREDENTIALS_DIRECTORY");
        if (folder == NULL || folder[0] != '/') {
            return problem(r, "%s: the environment has no CREDENTIALS_DIRECTORY", key);
        }
        s += sizeof(CREDENTIALS) - 1;
    } else if (s[0] == '/' || s[0] == '\0') {
        return keep(r, key, strdup(s), ret_s);
    }
    buf_init(&path, strlen(folder) + strlen(s) + 1);
    buf_printf(&path, "%s/%s", folder, s);
    return keep(r, key, buf_steal(&path), ret_s);
}

static int
read_enum(struct reader *r, const struct table_row *row, const char *key, struct json_object *value,
          char **ret_s)
{
    const char *choice = row->choices, *s;

    if (read_text(r, row, key, value, &s) != 0) {
        return -1;
    }
    for (;;) {
        size_t n = strcspn(choice, "|");

        if (n == strlen(s) && memcmp(choice, s, n) == 0) {
            return keep(r, key, strdup(s), ret_s);
        }
        if (choice[n] == '\0') {
            return problem(r, "%s: \"%s\" is none of %s", key, s, row->choices);
        }
        choice += n + 1;
    }
}

typedef int item_fn(struct reader *r, const struct table_row *row, const char *key,
                    struct json_object *value, char **ret_s);

/* min and max of a list's row count its items; those are of 1 to ITEM_MAX bytes. */
static int
read_list(struct reader *r, const struct table_row *row, struct json_object *value, item_fn *item,
          struct table_list *list)
{
    const struct table_row item_row = {.min = 1, .max = ITEM_MAX, .check = row->check};
    size_t n;
    int ret = 0;

    if (!json_object_is_type(value, json_type_array)) {
        return problem(r, "%s: must be an array, is %s", row->key, type_name(value));
    }
    n = json_object_array_length(value);
    if (n < (size_t)row->min) {
        return problem(r, "%s: must have %" PRId64 " items at least, has %zu", row->key, row->min,
                       n);
    }
    if (n > (size_t)row->max) {
        return problem(r, "%s: must have %" PRId64 " items at most, has %zu", row->key, row->max,
                       n);
    }
    list->n = n;
    for (size_t i = 0; i < n; i++) {
        char key[128];

        (void)snprintf(key, sizeof(key), "%s[%zu]", row->key, i);
        if (item(r, &item_row, key, json_object_array_get_idx(value, i), &list->item[i]) != 0) {
            ret = -1;
        }
    }
    return ret;
}

static int
read_row(struct reader *r, const struct table_row *row, struct json_object *value)
{
    void *field = r->into + row->offset;
    int64_t v;

    switch (row->type) {
    case TABLE_STRING:
        return read_string(r, row, row->key, value, field);
    case TABLE_PATH:
        return read_path(r, row, row->key, value, field);
    case TABLE_ENUM:
        return read_enum(r, row, row->key, value, field);
    case TABLE_LIST:
        return read_list(r, row, value, read_string, field);
    case TABLE_PATHS:
        return read_list(r, row, value, read_path, field);
    case TABLE_INT:
        return read_int(r, row, row->key, value, field);
    case TABLE_BOOL:
        if (!json_object_is_type(value, json_type_boolean))
            return problem(r, "%s: must be true or false, is %s", row->key, type_name(value));
        *(bool *)field = json_object_get_boolean(value) != 0;
        return 0;
    case TABLE_DURATION:
        if (read_int(r, row, row->key, value, &v) != 0) {
            return -1;
        }
        *(dur_ms *)field = v * row->scale;
        return 0;
    case TABLE_OTHER:
        break;
    }
    return 0;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* Whether path is a row's key (2), the way to one (1), or neither (0). */
static int
known(const struct reader *r, const char *path, size_t len)
{
    int found = 0;

    for (size_t i = 0; i < r->n; i++) {
        const char *key = r->rows[i].key;

        if (strncmp(key, path, len) == 0) {
            if (key[len] == '\0') {
                return 2;
            }
            found = key[len] == '.' ? 1 : found;
        }
    }
    return found;
}

/* The depth of a walk is bounded by the table's dots. */
static void
check_keys(struct reader *r, struct json_object *object, const char *above)
{
    json_object_object_foreach (object, key, value) {
        struct buf path;
        int kind;

        buf_init(&path, KEY_MAX);
        buf_str(&path, above);
        table_path(&path, key);
        kind = buf_ok(&path) ? known(r, path.data, path.len) : 0;
        if (kind == 0) {
            (void)problem(r, "%s: unknown key", path.data != NULL ? path.data : above);
        } else if (kind == 1 && !json_object_is_type(value, json_type_object)) {
            (void)problem(r, "%s: must be an object, is %s", path.data, type_name(value));
        } else if (kind == 1) {
            check_keys(r, value, path.data);
        }
        buf_free(&path);
    }
}

/* Whether the key is in the object. *ret_blocked: what stands above it is no object, and check_keys
 * has said so. */
static bool
find(struct json_object *object, const char *key, struct json_object **ret_value, bool *ret_blocked)
{
    *ret_blocked = false;
    for (;;) {
        size_t len = strcspn(key, ".");
        char name[64];

        assert(len < sizeof(name));
        memcpy(name, key, len);
        name[len] = '\0';
        if (!json_object_is_type(object, json_type_object)) {
            *ret_blocked = true;
            return false;
        }
        if (!json_object_object_get_ex(object, name, &object)) {
            return false;
        }
        if (key[len] == '\0') {
            *ret_value = object;
            return true;
        }
        key += len + 1;
    }
}

static void
read_fallback(struct reader *r, const struct table_row *row)
{
    struct json_object *value;

    if (row->type == TABLE_OTHER) {
        return;
    }
    value = json_tokener_parse(row->fallback);
    if (value == NULL) {
        (void)problem(r, "%s: out of memory", row->key);
        return;
    }
    (void)read_row(r, row, value);
    json_object_put(value);
}

static void
clear(const struct table_row *row, void *into)
{
    void *field = (char *)into + row->offset;
    struct table_list *list = field;

    switch (row->type) {
    case TABLE_STRING:
    case TABLE_PATH:
    case TABLE_ENUM:
        *(char **)field = NULL;
        break;
    case TABLE_LIST:
    case TABLE_PATHS:
        memset(list, 0, sizeof(*list));
        break;
    case TABLE_INT:
    case TABLE_DURATION:
        *(int64_t *)field = 0;
        break;
    case TABLE_BOOL:
        *(bool *)field = false;
        break;
    case TABLE_OTHER:
        break;
    }
}

int
table_read(const struct table_row *rows, size_t n, struct json_object *object, const char *base,
           void *into, struct buf *why)
{
    struct reader r = {
        .rows = rows, .n = n, .object = object, .base = base, .into = into, .why = why};

    for (size_t i = 0; i < n; i++) {
        clear(&rows[i], into);
    }
    if (object != NULL) {
        check_keys(&r, object, "");
    }
    for (size_t i = 0; i < n; i++) {
        struct json_object *value;
        bool blocked = false;

        if (object != NULL && find(object, rows[i].key, &value, &blocked)) {
            (void)read_row(&r, &rows[i], value);
        } else if (rows[i].fallback != NULL) {
            read_fallback(&r, &rows[i]);
        } else if (!blocked) {
            (void)problem(&r, "%s: is missing", rows[i].key);
        }
    }
    return r.bad ? -1 : 0;
}

void
table_free(const struct table_row *rows, size_t n, void *into)
{
    for (size_t i = 0; i < n; i++) {
        void *field = (char *)into + rows[i].offset;

        if (rows[i].type == TABLE_STRING || rows[i].type == TABLE_PATH ||
            rows[i].type == TABLE_ENUM) {
            free(*(char **)field);
        } else if (rows[i].type == TABLE_LIST || rows[i].type == TABLE_PATHS) {
            struct table_list *list = field;

            for (size_t j = 0; j < TABLE_LIST_MAX; j++) {
                free(list->item[j]);
            }
        }
        clear(&rows[i], into);
    }
}
