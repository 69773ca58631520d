/*
 * One rule of a game's file, an entry of `stats` or of a board's `from`: on which events, whose
 * figures, and what is done to them.
 */
#include "lib/rules/rules_rule.h"

#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/rules/rules_file.h"
#include "lib/rules/rules_table.h"

/* --- when, and whose -------------------------------------------------------------------------- */

/* Room for one more element, or NULL; the array may move. */
static void *
grown(struct rules_file *f, void *array, size_t n, size_t *cap, size_t size)
{
    size_t more = *cap == 0 ? 16 : 2 * *cap;
    void *p = array;

    if (n == *cap) {
        p = reallocarray(array, more, size);
        if (p == NULL)
            rules_file_no_memory(f);
        else
            *cap = more;
    }
    return p;
}

/* Of a number: as a double, 2^53 + 1 is 2^53. */
static bool
is_beyond(struct json_object *value)
{
    const int64_t max = (int64_t)RULES_SCORE_MAX;
    int64_t whole = json_object_get_int64(value);

    if (json_object_is_type(value, json_type_int) && (whole > max || whole < -max))
        return true;
    return !(fabs(json_object_get_double(value)) <= RULES_SCORE_MAX);
}

/* The text that a condition's value stands for: numbers and booleans as they are written. */
static struct event_text
condition_text(struct rules_file *f, struct json_object *value)
{
    struct event_text text = rules_file_string(value);

    if (json_object_is_type(value, json_type_int) && is_beyond(value))
        rules_file_complain(f, "beyond 2^53: write it as a string");
    else if (json_object_is_type(value, json_type_int) ||
             json_object_is_type(value, json_type_double) ||
             json_object_is_type(value, json_type_boolean))
        text = (struct event_text){json_object_get_string(value),
                                   strlen(json_object_get_string(value))};
    else if (text.s == NULL)
        rules_file_complain(f, "not a string, a number, true or false");
    return text;
}

static void
add_condition(struct rules_file *f, struct rules_condition *condition, size_t *n, const char *name,
              struct json_object *json)
{
    struct event_text text = condition_text(f, json);
    int field = rules_file_field(f, (struct event_text){name, strlen(name)});
    int value = text.s != NULL && field != -1 ? rules_file_value(f, field, text) : -1;

    if (value == -1)
        return;
    if (*n == RULES_CONDITIONS_MAX) {
        rules_file_complain(f, "more than %d fields", RULES_CONDITIONS_MAX);
        return;
    }
    condition[(*n)++] = (struct rules_condition){(size_t)field, value};
}

size_t
rules_rule_on(struct rules_file *f, struct json_object *entry,
              struct rules_condition condition[static RULES_CONDITIONS_MAX])
{
    struct json_object *on = json_object_object_get(entry, "on");
    size_t before = rules_file_enter(f, "on"), n = 0;

    if (on == NULL) {
        rules_file_complain(f, "missing");
    } else if (rules_file_filled(f, on)) {
        json_object_object_foreach (on, name, value) {
            size_t above = rules_file_enter(f, name);

            add_condition(f, condition, &n, name, value);
            rules_file_leave(f, above);
        }
    }
    rules_file_leave(f, before);
    return n;
}

int
rules_rule_field(struct rules_file *f, struct json_object *object, const char *key)
{
    struct json_object *name = json_object_object_get(object, key);
    size_t before = rules_file_enter(f, key);
    int field = -1;

    if (name == NULL)
        rules_file_complain(f, "missing");
    else
        field = rules_file_field(f, rules_file_string(name));
    rules_file_leave(f, before);
    return field;
}

/* Whose figures it is about: `player`, a field with one, or `players`, a field with several. */
static void
compile_players(struct rules_file *f, struct rules_rule *rule, struct json_object *entry)
{
    bool several = json_object_object_get_ex(entry, "players", NULL);
    int field;

    if (several && json_object_object_get_ex(entry, "player", NULL))
        rules_file_complain(f, "has both `player` and `players`");
    field = rules_rule_field(f, entry, several ? "players" : "player");
    if (field == -1)
        return;
    rule->player = (size_t)field;
    rule->team = several;
    if (!several || f->r->field[field].team != -1)
        return;
    if (f->r->nteams == RULES_TEAMS_MAX)
        rules_file_complain(f, "more than %d fields that name several players", RULES_TEAMS_MAX);
    else
        f->r->field[field].team = (int)f->r->nteams++;
}

/* A fresh rule with its condition and player, or NULL. */
static struct rules_rule *
rule_new(struct rules_file *f, struct json_object *entry)
{
    struct rules *r = f->r;
    struct rules_rule *rules, *rule;

    if (r->nrules == RULES_RULES_MAX) {
        rules_file_complain(f, "more than %d rules", RULES_RULES_MAX);
        return NULL;
    }
    rules = grown(f, r->rule, r->nrules, &r->rules_cap, sizeof(*r->rule));
    if (rules == NULL)
        return NULL;
    r->rule = rules;
    rule = &rules[r->nrules++];
    memset(rule, 0, sizeof(*rule));
    rule->first = rule->end = r->nsteps;
    rule->nconditions = rules_rule_on(f, entry, rule->condition);
    compile_players(f, rule, entry);
    return rule;
}

/* --- what a rule does ------------------------------------------------------------------------- */

static int
operation_of(const char *key)
{
    static const char *const keys[] = {
        [RULES_ADD] = "add", [RULES_MAX] = "max", [RULES_MIN] = "min", [RULES_SET] = "set"};

    for (int op = RULES_ADD; op <= RULES_SET; op++)
        if (strcmp(keys[op], key) == 0)
            return op;
    return -1;
}

/* Where a step's value comes from: a number, or {"field": NAME}. */
static void
compile_number(struct rules_file *f, struct rules_step *step, struct json_object *value)
{
    static const char *const known[] = {"field", NULL};
    int field;

    if (json_object_is_type(value, json_type_object)) {
        rules_file_keys(f, value, known);
        field = rules_rule_field(f, value, "field");
        step->has_field = true;
        step->field = field != -1 ? (size_t)field : 0;
    } else if (!json_object_is_type(value, json_type_int) &&
               !json_object_is_type(value, json_type_double)) {
        rules_file_complain(f, "neither a number nor {\"field\": NAME}");
    } else {
        step->number = json_object_get_double(value);
        if (is_beyond(value))
            rules_file_complain(f, "beyond 2^53");
    }
}

/* Add a step to the rule that is being compiled, the last one. */
static void
add_step(struct rules_file *f, const struct rules_step *step)
{
    struct rules *r = f->r;
    struct rules_step *steps;
    char **where;

    if (r->nsteps == RULES_STEPS_MAX) {
        rules_file_complain(f, "more than %d operations", RULES_STEPS_MAX);
        return;
    }
    steps = grown(f, r->step, r->nsteps, &r->steps_cap, sizeof(*r->step));
    if (steps != NULL)
        r->step = steps;
    where = grown(f, f->where, r->nsteps, &f->where_cap, sizeof(*f->where));
    if (where != NULL)
        f->where = where;
    if (steps == NULL || where == NULL)
        return;
    where[r->nsteps] = strdup(f->path);
    if (where[r->nsteps] == NULL) {
        rules_file_no_memory(f);
        return;
    }
    steps[r->nsteps] = *step;
    steps[r->nsteps].rule = r->nrules - 1;
    r->rule[r->nrules - 1].end = ++r->nsteps;
}

/* One statistic changes by `op`; count's steps have no number of their own. */
static void
add_stat_step(struct rules_file *f, struct event_text name, enum rules_op op, int when,
              struct json_object *value)
{
    struct rules_step step = {.target = RULES_STAT, .op = op, .when = when, .number = 1};
    int stat = rules_file_stat(f, name);

    if (value != NULL)
        compile_number(f, &step, value);
    step.figure = stat != -1 ? (size_t)stat : 0;
    add_step(f, &step);
}

static void
compile_figures(struct rules_file *f, enum rules_op op, struct json_object *figures)
{
    if (!rules_file_filled(f, figures))
        return;
    json_object_object_foreach (figures, name, value) {
        size_t before = rules_file_enter(f, name);

        if (value == NULL)
            rules_file_complain(f, "neither a number nor {\"field\": NAME}");
        else
            add_stat_step(f, (struct event_text){name, strlen(name)}, op, RULES_ALWAYS, value);
        rules_file_leave(f, before);
    }
}

static void
compile_count_values(struct rules_file *f, int field, struct json_object *as)
{
    size_t before = rules_file_enter(f, "as");

    if (rules_file_filled(f, as)) {
        json_object_object_foreach (as, text, name) {
            size_t above = rules_file_enter(f, text);
            int value = rules_file_value(f, field, (struct event_text){text, strlen(text)});

            if (value != -1)
                add_stat_step(f, rules_file_string(name), RULES_ADD, value, NULL);
            rules_file_leave(f, above);
        }
    }
    rules_file_leave(f, before);
}

static void
compile_count(struct rules_file *f, struct rules_rule *rule, struct json_object *count)
{
    static const char *const known[] = {"field", "as", "other", NULL};
    struct json_object *other;
    size_t before;
    int field;

    if (!rules_file_object(f, count))
        return;
    rules_file_keys(f, count, known);
    field = rules_rule_field(f, count, "field");
    if (field == -1)
        return;
    rule->counts = true;
    rule->count_field = (size_t)field;
    for (size_t i = 0; i < rule->nconditions; i++)
        if (rule->condition[i].field == rule->count_field)
            rules_file_complain(f, "counts a field that `on` gives one value");
    compile_count_values(f, field, json_object_object_get(count, "as"));
    before = rules_file_enter(f, "other");
    /* Behind the values, since it is done where none of them was. */
    if (json_object_object_get_ex(count, "other", &other))
        add_stat_step(f, rules_file_string(other), RULES_ADD, RULES_OTHER, NULL);
    rules_file_leave(f, before);
}

/* {"longest": NAME}: that statistic is the largest that the streak, the last step, ever was. */
static void
compile_longest(struct rules_file *f, struct json_object *value)
{
    static const char *const known[] = {"longest", NULL};
    struct rules_step step = {
        .target = RULES_STAT, .op = RULES_MAX, .when = RULES_ALWAYS, .follows = true};
    size_t before;
    int stat;

    rules_file_keys(f, value, known);
    before = rules_file_enter(f, "longest");
    stat = rules_file_stat(f, rules_file_string(json_object_object_get(value, "longest")));
    step.figure = stat != -1 ? (size_t)stat : 0;
    add_step(f, &step);
    rules_file_leave(f, before);
}

/* true and {"longest": NAME}: it grows by one; false: it ends, at 0. */
static void
compile_streak(struct rules_file *f, struct event_text name, struct json_object *value)
{
    bool longest = json_object_is_type(value, json_type_object);
    struct rules_step step = {.target = RULES_STAT, .when = RULES_ALWAYS};
    int stat = rules_file_stat(f, name);

    if (!longest && !json_object_is_type(value, json_type_boolean)) {
        rules_file_complain(f, "none of true, false and {\"longest\": NAME}");
        return;
    }
    step.op = longest || json_object_get_boolean(value) ? RULES_ADD : RULES_SET;
    step.number = step.op == RULES_ADD ? 1 : 0;
    step.figure = stat != -1 ? (size_t)stat : 0;
    add_step(f, &step);
    if (longest)
        compile_longest(f, value);
}

static void
compile_streaks(struct rules_file *f, struct json_object *streaks)
{
    if (!rules_file_filled(f, streaks))
        return;
    json_object_object_foreach (streaks, name, value) {
        size_t before = rules_file_enter(f, name);

        compile_streak(f, (struct event_text){name, strlen(name)}, value);
        rules_file_leave(f, before);
    }
}

static size_t
effects_of(const struct rules *r, const struct rules_rule *rule)
{
    size_t n = rule->counts ? 1 : 0;

    for (size_t i = rule->first; i < rule->end; i++)
        n += r->step[i].when == RULES_ALWAYS;
    return rule->team ? n * MATCH_PLAYERS_MAX : n;
}

void
rules_rule_stat(struct rules_file *f, struct json_object *entry)
{
    static const char *const known[] = {"on",  "player", "players", "add",    "max",
                                        "min", "set",    "count",   "streak", NULL};
    size_t operations = 0;
    struct rules_rule *rule;

    if (!rules_file_object(f, entry))
        return;
    rules_file_keys(f, entry, known);
    rule = rule_new(f, entry);
    if (rule == NULL)
        return;
    json_object_object_foreach (entry, key, value) {
        size_t before = rules_file_enter(f, key);
        int op = operation_of(key);

        if (op != -1)
            compile_figures(f, (enum rules_op)op, value);
        else if (strcmp(key, "count") == 0)
            compile_count(f, rule, value);
        else if (strcmp(key, "streak") == 0)
            compile_streaks(f, value);
        operations += op != -1 || strcmp(key, "count") == 0 || strcmp(key, "streak") == 0;
        rules_file_leave(f, before);
    }
    if (operations == 0)
        rules_file_complain(f, "does nothing: it has none of add, max, min, set, count, streak");
    f->r->effects_max += effects_of(f->r, rule);
}

void
rules_rule_board(struct rules_file *f, struct json_object *entry)
{
    static const char *const known[] = {"on",  "player", "players", "add",
                                        "max", "min",    "set",     NULL};
    struct rules_step step = {
        .target = RULES_BOARD, .when = RULES_ALWAYS, .figure = f->r->nboards - 1};
    size_t operations = 0;
    struct rules_rule *rule;

    if (!rules_file_object(f, entry))
        return;
    rules_file_keys(f, entry, known);
    rule = rule_new(f, entry);
    if (rule == NULL)
        return;
    json_object_object_foreach (entry, key, value) {
        int op = operation_of(key);
        size_t before;

        if (op == -1)
            continue;
        before = rules_file_enter(f, key);
        step.op = (enum rules_op)op;
        compile_number(f, &step, value);
        add_step(f, &step);
        rules_file_leave(f, before);
        operations++;
    }
    if (operations != 1)
        rules_file_complain(f, "needs one of add, max, min, set");
    f->r->effects_max += rule->team ? MATCH_PLAYERS_MAX : 1;
}
