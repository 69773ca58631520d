/*
 * From a game's file to its rules' table. Everything that can be wrong with a rule is found here,
 * with the place in the file, so that walking the table has nothing left to check but the event.
 * All problems are reported, not just the first.
 */
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/zone.h"
#include "lib/rules/rules.h"
#include "lib/rules/rules_file.h"
#include "lib/rules/rules_rule.h"
#include "lib/rules/rules_table.h"
#include "lib/rules/rules_windows.h"

#define GRACE_MAX 86400 /* seconds */

/* --- boards ----------------------------------------------------------------------------------- */

typedef void entry_fn(struct rules_file *f, struct json_object *entry);

/* Each element of the array that is the object's member, if it is there. */
static void
compile_array(struct rules_file *f, struct json_object *object, const char *key, size_t max,
              entry_fn *fn)
{
    struct json_object *array;
    size_t before, above;

    if (!json_object_object_get_ex(object, key, &array))
        return;
    before = rules_file_enter(f, key);
    if (!json_object_is_type(array, json_type_array))
        rules_file_complain(f, "not an array");
    else if (json_object_array_length(array) > max)
        rules_file_complain(f, "more than %zu elements", max);
    else
        for (size_t i = 0; i < json_object_array_length(array); i++) {
            above = rules_file_enter_index(f, i);
            fn(f, json_object_array_get_idx(array, i));
            rules_file_leave(f, above);
        }
    rules_file_leave(f, before);
}

static void
compile_board_id(struct rules_file *f, struct rules_board *board, struct json_object *entry)
{
    struct event_text id = rules_file_string(json_object_object_get(entry, "id"));
    size_t before = rules_file_enter(f, "id");

    if (rules_file_id(f, id)) {
        if (rules_board_find(f->r, id.s, id.len) != -1)
            rules_file_complain(f, "another board has this id");
        memcpy(board->id, id.s, id.len);
        board->id[id.len] = '\0';
    }
    rules_file_leave(f, before);
}

static void
compile_order(struct rules_file *f, struct rules_board *board, struct json_object *entry)
{
    size_t before = rules_file_enter(f, "order");
    struct json_object *value;

    if (json_object_object_get_ex(entry, "order", &value)) {
        struct event_text order = rules_file_string(value);

        if (event_text_is(order, "asc"))
            board->order = RULES_ASC;
        else if (!event_text_is(order, "desc"))
            rules_file_complain(f, "neither \"desc\" nor \"asc\"");
    }
    rules_file_leave(f, before);
}

static void
compile_ties(struct rules_file *f, struct rules_board *board, struct json_object *entry)
{
    static const char *const names[] = {
        [RULES_COMPETITION] = "competition", [RULES_DENSE] = "dense", [RULES_FIRST] = "first"};
    size_t before = rules_file_enter(f, "ties");
    struct json_object *value;
    int ties = RULES_COMPETITION;

    if (json_object_object_get_ex(entry, "ties", &value)) {
        struct event_text name = rules_file_string(value);

        while (ties <= RULES_FIRST && !event_text_is(name, names[ties]))
            ties++;
        if (ties > RULES_FIRST)
            rules_file_complain(f, "none of \"competition\", \"dense\", \"first\"");
    }
    board->ties = ties <= RULES_FIRST ? (enum rules_ties)ties : RULES_COMPETITION;
    rules_file_leave(f, before);
}

/* The title that stands in the file, or else a copy of the board's id. */
static void
compile_board_title(struct rules_file *f, struct rules_board *board, struct json_object *entry)
{
    size_t before = rules_file_enter(f, "title");
    struct json_object *title;

    if (json_object_object_get_ex(entry, "title", &title))
        board->title = rules_file_title(f, title);
    else if ((board->title = strdup(board->id)) == NULL)
        rules_file_no_memory(f);
    rules_file_leave(f, before);
}

static void
compile_bounds(struct rules_file *f, struct rules_board *board, struct json_object *entry)
{
    static const char *const known[] = {"min", "max", "max_step", "max_per_minute", NULL};
    static const struct rules_number min = {"min", -RULES_SCORE_MAX, RULES_SCORE_MAX, -HUGE_VAL};
    static const struct rules_number max = {"max", -RULES_SCORE_MAX, RULES_SCORE_MAX, HUGE_VAL};
    static const struct rules_number step = {"max_step", 1e-6, RULES_SCORE_MAX, HUGE_VAL};
    static const struct rules_number pace = {"max_per_minute", 1, RULES_PACE_MAX, HUGE_VAL};
    size_t before = rules_file_enter(f, "bounds");
    struct json_object *value;
    struct rules_bounds bounds;

    if (!json_object_object_get_ex(entry, "bounds", &value) || !rules_file_filled(f, value))
        goto out;
    rules_file_keys(f, value, known);
    bounds = (struct rules_bounds){
        .min = rules_file_number(f, value, &min),
        .max = rules_file_number(f, value, &max),
        .max_step = rules_file_number(f, value, &step),
        .max_per_minute = rules_file_number(f, value, &pace),
    };
    if (bounds.min > bounds.max)
        rules_file_complain(f, "min is more than max: no score would do");
    if (isfinite(bounds.max_per_minute) && floor(bounds.max_per_minute) < bounds.max_per_minute)
        rules_file_complain(f, "max_per_minute is not an integer");
    board->bounds = malloc(sizeof(*board->bounds));
    if (board->bounds == NULL)
        rules_file_no_memory(f);
    else
        *board->bounds = bounds;
out:
    rules_file_leave(f, before);
}

/* What makes its scores: rules that add them up, or a rating. */
static void
compile_source(struct rules_file *f, struct rules_board *board, struct json_object *entry)
{
    size_t rules = f->r->nrules, before;
    struct json_object *rating;

    compile_array(f, entry, "from", RULES_RULES_MAX, rules_rule_board);
    if (!json_object_object_get_ex(entry, "rating", &rating)) {
        if (f->r->nrules == rules)
            rules_file_complain(f, "has no `from`: nobody would ever be on it");
        return;
    }
    if (json_object_object_get_ex(entry, "from", NULL))
        rules_file_complain(f, "has both `from` and `rating`: its scores can be but one");
    if (board->order == RULES_ASC)
        rules_file_complain(f, "a rating's `order` is \"desc\"");
    before = rules_file_enter(f, "rating");
    board->rating = rules_rating_compile(f, rating);
    rules_file_leave(f, before);
}

static void
compile_board(struct rules_file *f, struct json_object *entry)
{
    static const char *const known[] = {"id",      "title",   "order",    "ties",       "from",
                                        "rating",  "windows", "timezone", "week_start", "keep",
                                        "seasons", "bounds",  NULL};
    struct rules_board *board = &f->r->board[f->r->nboards];

    if (!rules_file_object(f, entry))
        return;
    rules_file_keys(f, entry, known);
    compile_board_id(f, board, entry);
    f->r->nboards++;
    compile_board_title(f, board, entry);
    compile_order(f, board, entry);
    compile_ties(f, board, entry);
    rules_windows_compile(f, entry, &board->windows);
    compile_bounds(f, board, entry);
    compile_source(f, board, entry);
}

static void
compile_title(struct rules_file *f, const char *name, struct json_object *title)
{
    int stat = intern_find(&f->r->stats, name, strlen(name));
    size_t before = rules_file_enter(f, name);

    if (stat == -1)
        rules_file_complain(f, "no rule writes a statistic of this name");
    else
        f->r->title[stat] = rules_file_title(f, title);
    rules_file_leave(f, before);
}

static void
compile_titles(struct rules_file *f, struct json_object *file)
{
    size_t before = rules_file_enter(f, "titles");
    struct json_object *titles;

    if (json_object_object_get_ex(file, "titles", &titles) && rules_file_object(f, titles)) {
        json_object_object_foreach (titles, name, title) {
            compile_title(f, name, title);
        }
    }
    rules_file_leave(f, before);
}

static void
compile_top_ten(struct rules_file *f, struct json_object *file)
{
    size_t before = rules_file_enter(f, "top_ten");
    struct event_text id;
    struct json_object *value;

    f->r->top_ten = f->r->nboards > 0 ? 0 : -1;
    if (json_object_object_get_ex(file, "top_ten", &value)) {
        id = rules_file_string(value);
        f->r->top_ten = id.s != NULL ? rules_board_find(f->r, id.s, id.len) : -1;
        if (f->r->top_ten == -1)
            rules_file_complain(f, "not the id of a board");
    }
    rules_file_leave(f, before);
}

/* --- the whole -------------------------------------------------------------------------------- */

static int
prepare(struct rules *r)
{
    intern_init(&r->fields, EVENT_FIELDS_MAX);
    intern_init(&r->stats, RULES_STATS_MAX);
    r->field = calloc(EVENT_FIELDS_MAX, sizeof(*r->field));
    r->title = calloc(RULES_STATS_MAX, sizeof(*r->title));
    r->board = calloc(RULES_BOARDS_MAX, sizeof(*r->board));
    return r->field != NULL && r->title != NULL && r->board != NULL ? 0 : -1;
}

static void
compile_file(struct rules_file *f, struct json_object *file)
{
    static const struct rules_number grace = {"grace", 0, GRACE_MAX, 0};

    f->zone = rules_windows_zone(f, file, f->zone);
    f->r->grace = (dur_ms)(rules_file_number(f, file, &grace) * 1000);
    compile_array(f, file, "stats", RULES_RULES_MAX, rules_rule_stat);
    compile_array(f, file, "boards", RULES_BOARDS_MAX, compile_board);
    compile_titles(f, file);
    compile_top_ten(f, file);
    /* Rules that are half read are not worth comparing. */
    if (f->problems == 0)
        rules_conflict_check(f);
}

int
rules_compile(struct json_object *file, struct rules **ret_rules, struct buf *why)
{
    struct rules_file f = {
        .why = why, .r = calloc(1, sizeof(struct rules)), .zone = zone_find("UTC")};
    int ret = -1;

    if (f.r == NULL || f.zone == NULL || prepare(f.r) == -1) {
        buf_str(why, "rules: out of memory\n");
        goto out;
    }
    compile_file(&f, file);
    if (f.problems > 0)
        goto out;
    *ret_rules = f.r;
    ret = 0;
out:
    for (size_t i = 0; f.where != NULL && i < f.r->nsteps; i++)
        free(f.where[i]);
    free(f.where);
    if (ret == -1)
        rules_free(f.r);
    return ret;
}
