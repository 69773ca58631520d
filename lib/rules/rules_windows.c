/*
 * The windows of a board, from a game's file: which kinds it has, and what makes their names and
 * ends.
 */
#include "lib/rules/rules_windows.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/zone.h"
#include "lib/rules/rules_file.h"
#include "lib/rules/window.h"

const struct zone *
rules_windows_zone(struct rules_file *f, struct json_object *object, const struct zone *fallback)
{
    size_t before = rules_file_enter(f, "timezone");
    const struct zone *zone = NULL;
    struct json_object *value;
    struct event_text name;

    if (json_object_object_get_ex(object, "timezone", &value)) {
        name = rules_file_string(value);
        if (name.s != NULL && strlen(name.s) == name.len)
            zone = zone_find(name.s);
        if (zone == NULL)
            rules_file_complain(f, "not the name of a time zone, as \"Europe/Berlin\" is one");
    }
    rules_file_leave(f, before);
    return zone != NULL ? zone : fallback;
}

static void
compile_kind(struct rules_file *f, struct window_plan *plan, struct json_object *value, bool first)
{
    struct event_text name = rules_file_string(value);
    int kind = name.s != NULL ? window_kind_find(name.s, name.len) : -1;

    if (kind == -1 || kind == WINDOW_SEASON) {
        rules_file_complain(f, "none of \"all\", \"yearly\", \"monthly\", \"weekly\", \"daily\"");
        return;
    }
    if (plan->has[kind])
        rules_file_complain(f, "stands here twice");
    plan->has[kind] = true;
    if (first || kind == WINDOW_ALL)
        plan->standard = (enum window_kind)kind;
}

static void
compile_kinds(struct rules_file *f, struct window_plan *plan, struct json_object *board)
{
    size_t before = rules_file_enter(f, "windows");
    struct json_object *kinds;

    if (!json_object_object_get_ex(board, "windows", &kinds)) {
        plan->has[WINDOW_ALL] = true;
    } else if (!json_object_is_type(kinds, json_type_array) ||
               json_object_array_length(kinds) == 0) {
        rules_file_complain(f, "not an array of windows");
    } else {
        for (size_t i = 0; i < json_object_array_length(kinds); i++) {
            size_t above = rules_file_enter_index(f, i);

            compile_kind(f, plan, json_object_array_get_idx(kinds, i), i == 0);
            rules_file_leave(f, above);
        }
    }
    rules_file_leave(f, before);
}

static void
compile_week_start(struct rules_file *f, struct window_plan *plan, struct json_object *board)
{
    size_t before = rules_file_enter(f, "week_start");
    struct json_object *value;

    if (json_object_object_get_ex(board, "week_start", &value)) {
        struct event_text day = rules_file_string(value);

        plan->from_sunday = event_text_is(day, "sunday");
        if (!plan->from_sunday && !event_text_is(day, "monday"))
            rules_file_complain(f, "neither \"monday\" nor \"sunday\"");
    }
    rules_file_leave(f, before);
}

static void
compile_keep(struct rules_file *f, struct window_plan *plan, struct json_object *board)
{
    size_t before = rules_file_enter(f, "keep");
    struct json_object *value;

    plan->keep = 1;
    if (json_object_object_get_ex(board, "keep", &value)) {
        plan->keep = json_object_get_int64(value);
        if (!json_object_is_type(value, json_type_int) || plan->keep < 0 ||
            plan->keep > WINDOW_KEEP_MAX)
            rules_file_complain(f, "not an integer from 0 to %d", WINDOW_KEEP_MAX);
    }
    rules_file_leave(f, before);
}

/* --- seasons ---------------------------------------------------------------------------------- */

static wall_ms
compile_time(struct rules_file *f, struct json_object *season, const char *key)
{
    struct event_text text = rules_file_string(json_object_object_get(season, key));
    size_t before = rules_file_enter(f, key);
    wall_ms t = 0;

    if (text.s == NULL || clock_parse_rfc3339(text.s, text.len, &t) == -1 || t < 0)
        rules_file_complain(f, "not a time since 1970 as RFC 3339 writes it, 2026-01-31T00:00:00Z");
    rules_file_leave(f, before);
    return t;
}

/* The season behind those that the plan has. */
static void
compile_season(struct rules_file *f, struct window_plan *plan, struct json_object *entry)
{
    static const char *const known[] = {"id", "from", "to", NULL};
    struct window_season *season = &plan->season[plan->nseasons];
    size_t problems = f->problems, before;
    struct event_text id;

    if (!rules_file_object(f, entry))
        return;
    *season = (struct window_season){.from = 0};
    rules_file_keys(f, entry, known);
    before = rules_file_enter(f, "id");
    id = rules_file_string(json_object_object_get(entry, "id"));
    if (rules_file_id(f, id))
        memcpy(season->id, id.s, id.len);
    rules_file_leave(f, before);
    season->from = compile_time(f, entry, "from");
    season->to = compile_time(f, entry, "to");
    if (f->problems > problems)
        return;
    if (season->to <= season->from)
        rules_file_complain(f, "ends before it begins");
    for (size_t i = 0; i < plan->nseasons; i++) {
        if (strcmp(plan->season[i].id, season->id) == 0)
            rules_file_complain(f, "another season has this id");
        if (season->from < plan->season[i].to && plan->season[i].from < season->to)
            rules_file_complain(f, "overlaps with \"%s\"", plan->season[i].id);
    }
    plan->nseasons++;
}

static int
compare_seasons(const void *a, const void *b)
{
    const struct window_season *left = a, *right = b;

    return (left->from > right->from) - (left->from < right->from);
}

static void
compile_seasons(struct rules_file *f, struct window_plan *plan, struct json_object *board)
{
    size_t before = rules_file_enter(f, "seasons");
    struct json_object *seasons;
    size_t n;

    if (!json_object_object_get_ex(board, "seasons", &seasons))
        goto out;
    n = json_object_is_type(seasons, json_type_array) ? json_object_array_length(seasons) : 0;
    if (n == 0 || n > WINDOW_SEASONS_MAX) {
        rules_file_complain(f, "not an array of 1 to %d seasons", WINDOW_SEASONS_MAX);
        goto out;
    }
    plan->has[WINDOW_SEASON] = true;
    plan->season = calloc(n, sizeof(*plan->season));
    if (plan->season == NULL) {
        rules_file_no_memory(f);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        size_t above = rules_file_enter_index(f, i);

        compile_season(f, plan, json_object_array_get_idx(seasons, i));
        rules_file_leave(f, above);
    }
    qsort(plan->season, plan->nseasons, sizeof(*plan->season), compare_seasons);
out:
    rules_file_leave(f, before);
}

void
rules_windows_compile(struct rules_file *f, struct json_object *board, struct window_plan *plan)
{
    compile_kinds(f, plan, board);
    plan->zone = rules_windows_zone(f, board, f->zone);
    compile_week_start(f, plan, board);
    compile_keep(f, plan, board);
    compile_seasons(f, plan, board);
}
