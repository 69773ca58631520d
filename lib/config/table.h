/*
 * JSON files described by a table: each key once, with type, range, default, unit and help. From
 * the table come the parser, its errors, `--help` and the reference part of a man page.
 *
 * Used for the service's configuration (conf.c) and for a game's file (product.c).
 */
#ifndef VARCADE_TABLE_H
#define VARCADE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/buf.h"

struct json_object;

#define TABLE_LIST_MAX 16

/* A list of strings; an empty list is n == 0. */
struct table_list {
    char *item[TABLE_LIST_MAX];
    size_t n;
};

enum table_type {
    TABLE_STRING,   /* char *, never NULL after table_read; min..max is its length in bytes */
    TABLE_PATH,     /* char *, a path made absolute against `base` */
    TABLE_INT,      /* int64_t */
    TABLE_BOOL,     /* bool */
    TABLE_DURATION, /* dur_ms; the file's unit is given by `scale`: milliseconds to one unit */
    TABLE_ENUM,     /* char *, one of `choices` ("a|b|c") */
    TABLE_LIST,     /* struct table_list: an array of at most max strings */
    TABLE_PATHS,    /* struct table_list of paths */
    TABLE_OTHER     /* a value that the module reads itself; listed here for its help alone */
};

struct table_row {
    const char *key;      /* dotted: redis.state_url */
    enum table_type type;
    size_t offset;        /* of the field in the struct that is filled */
    int64_t min, max;     /* in the file's unit; of a string its bytes, of a list its items */
    int64_t scale;        /* TABLE_DURATION */
    const char *fallback; /* the default as JSON, as it would stand in the file; NULL: required;
                             "" for TABLE_OTHER that may be left out */
    const char *unit;     /* shown; "" for none */
    const char *choices;  /* TABLE_ENUM; for TABLE_OTHER what it is: "object", "array", … */
    const char *help;     /* one or more sentences */
    /* NULL, or a further check of a string or of each of a list: NULL or a reason (static text). */
    const char *(*check)(const char *value);
};

/*
 * table_read(rows, n, object, base, into, why): fill the struct at `into` from object (NULL:
 * defaults alone). base: the folder that relative paths count from. A path that begins with
 * `$CREDENTIALS_DIRECTORY/` counts from what that variable says. Unknown keys are a problem, and so
 * are control characters in a string. Returns 0; or -1 with lines `KEY: REASON` in why, one a
 * problem; then the fields of wrong keys are 0 or NULL and the others filled, so that the caller
 * can check what several keys say together and tell of all problems at once. table_free is due in
 * either case.
 */
int table_read(const struct table_row *rows, size_t n, struct json_object *object,
               const char *base, void *into, struct buf *why)
    __attribute__((warn_unused_result));

/* table_free(rows, n, into): free what table_read allocated in the struct, not the struct. */
void table_free(const struct table_row *rows, size_t n, void *into);

/*
 * table_parse(json, len, ret_object, why): text to object (table_parse.c): RFC 8259 to the letter,
 * one object, no key twice, nothing behind it, valid UTF-8, no NUL in a string, numbers finite, at
 * most 16 levels deep. A number that is no int64_t is a double whose text (json_object_get_string) is as it
 * was written. The caller puts the object. Returns 0; or -1 with `line L, column C: REASON`
 * in why, columns counted in characters from 1.
 */
int table_parse(const char *json, size_t len, struct json_object **ret_object, struct buf *why)
    __attribute__((warn_unused_result));

/*
 * Problems are lines in a buf, with a newline between two and none behind the last.
 *
 * table_problem(why, fmt, …): append one. table_path(path, key): append a key to a path such as
 * `players`: `players.max`, or `titles["a b"]` where the key is not plain. table_prefix(file,
 * lines, why): append every line of lines as `FILE: LINE`; empty lines are left out.
 */
void table_problem(struct buf *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_path(struct buf *path, const char *key);
void table_prefix(const char *file, const struct buf *lines, struct buf *why);

/* table_print_help(rows, n, out), table_print_mdoc(rows, n, out): every key with all that the table
 * says; the second as the section KEYS of a man page. */
void table_print_help(const struct table_row *rows, size_t n, FILE *out);
void table_print_mdoc(const struct table_row *rows, size_t n, FILE *out);

#endif
