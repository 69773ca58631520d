/*
 * A game's file while its rules are compiled. Private to the rules_*.c of the compiler.
 *
 * Problems are lines `PATH: REASON` in why; the path is that of the member that was entered last.
 * What is not understood is complained about and left out, and compiling goes on, so that all
 * problems of a file are told at once; with any problem the table is thrown away.
 */
#ifndef VARCADE_RULES_FILE_H
#define VARCADE_RULES_FILE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/rules/event.h"

struct buf;
struct json_object;
struct rules;
struct zone;

#define RULES_PATH_SIZE 512

struct rules_file {
    struct rules *r;
    struct buf *why;
    size_t problems;
    char path[RULES_PATH_SIZE]; /* the deepest is stats[I].count.as.KEY, with keys cut short */
    size_t path_len;
    const struct zone *zone; /* of boards that name none */
    char **where; /* each step's path, to name it where another does the same or contradicts it */
    size_t where_cap;
};

/* rules_file_complain(f, fmt, ...): what is wrong with the member we are in. */
void rules_file_complain(struct rules_file *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void rules_file_no_memory(struct rules_file *f);

/* rules_file_enter(f, key), rules_file_enter_index(f, i): go into a member; rules_file_leave(f, before):
 * back out, with what entering returned. */
size_t rules_file_enter(struct rules_file *f, const char *key);
size_t rules_file_enter_index(struct rules_file *f, size_t i);
void rules_file_leave(struct rules_file *f, size_t before);

/* rules_file_keys(f, object, known): complain about keys that are not in known, which NULL ends: a
 * mistyped key would otherwise be a rule that silently never holds. */
void rules_file_keys(struct rules_file *f, struct json_object *object, const char *const *known);

/* Whether value is an object; one with something in it. If not, that is a problem. */
bool rules_file_object(struct rules_file *f, struct json_object *value);
bool rules_file_filled(struct rules_file *f, struct json_object *value);

/* rules_file_string(value): the string that it is, borrowed; or a text whose s is NULL. */
struct event_text rules_file_string(struct json_object *value);

/* A member that is a number, and what it is where it is left out. */
#define RULES_NUMBER_MISSING ((double)NAN)
struct rules_number {
    const char *key;
    double min, max;
    double fallback; /* RULES_NUMBER_MISSING: it must be there */
};

/* rules_file_number(f, object, number): the member; one that is no number, outside the range or missing
 * is a problem, and the value then means nothing. */
double rules_file_number(struct rules_file *f, struct json_object *object,
                         const struct rules_number *number);

/* rules_file_title(f, value): a copy of the title that it is, for free(); or NULL and a problem. */
char *rules_file_title(struct rules_file *f, struct json_object *value);

/* rules_file_id(f, id): whether it can be the name of a statistic or the id of a board: these stand
 * in Redis keys, URLs and JSON. If not, that is a problem. */
bool rules_file_id(struct rules_file *f, struct event_text id);

/* The number of a field, of a text among those that a field is compared with, of a statistic; given
 * out where it is new. -1 and a problem where the text does not do, or there are too many. */
int rules_file_field(struct rules_file *f, struct event_text name);
int rules_file_value(struct rules_file *f, int field, struct event_text text);
int rules_file_stat(struct rules_file *f, struct event_text name);

#endif
