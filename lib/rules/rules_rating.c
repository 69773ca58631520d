/*
 * The compiler's part for a board's `rating`.
 */
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/rules/rating_rule.h"
#include "lib/rules/rules_file.h"
#include "lib/rules/rules_rule.h"
#include "lib/rules/rules_table.h"

#define RATING_MAX 1e6 /* of a start, a base, a difference */
#define DAY_MS 86400000.0
#define MISSING RULES_NUMBER_MISSING

static void
compile_who(struct rules_file *f, struct rating_rule *rule, struct json_object *rating)
{
    bool placements = json_object_object_get_ex(rating, "placements", NULL);
    bool pair = json_object_object_get_ex(rating, "winner", NULL) ||
                json_object_object_get_ex(rating, "loser", NULL);
    int first, second = 0;

    if (placements == pair) {
        rules_file_complain(f, "needs either `winner` and `loser`, or `placements`");
        return;
    }
    rule->pair = pair;
    rule->has_ranks = json_object_object_get_ex(rating, "ranks", NULL);
    if (pair && rule->has_ranks)
        rules_file_complain(f, "`ranks` are those of `placements`");
    first = rules_rule_field(f, rating, pair ? "winner" : "placements");
    if (pair || rule->has_ranks)
        second = rules_rule_field(f, rating, pair ? "loser" : "ranks");
    if (first == -1 || second == -1)
        return;
    if (pair && first == second)
        rules_file_complain(
            f, "`winner` and `loser` are the same field: nobody plays against himself");
    if (rule->has_ranks && !pair && first == second)
        rules_file_complain(f, "`placements` and `ranks` are the same field");
    rule->winner = rule->placements = (size_t)first;
    rule->loser = rule->ranks = (size_t)second;
}

/* --- elo -------------------------------------------------------------------------------------- */

#define K_MAX 1000

static void
compile_step(struct rules_file *f, struct rating_elo_step *step, struct json_object *value,
             bool last)
{
    static const char *const known[] = {"k", "games", "below", NULL};
    static const struct rules_number k = {"k", 1e-6, K_MAX, MISSING};
    static const struct rules_number games = {"games", 1, RATING_MAX, HUGE_VAL};
    static const struct rules_number below = {"below", -RATING_MAX, RATING_MAX, HUGE_VAL};
    double n;

    if (!rules_file_object(f, value))
        return;
    rules_file_keys(f, value, known);
    step->k = rules_file_number(f, value, &k);
    n = rules_file_number(f, value, &games);
    step->games = n <= RATING_MAX ? (uint64_t)ceil(n) : UINT64_MAX;
    step->below = rules_file_number(f, value, &below);
    if (last != (isinf(n) && isinf(step->below)))
        rules_file_complain(f, last ? "the last step is for all whom no other is for: it has "
                                      "neither `games` nor `below`"
                                    : "needs `games` or `below`: no step after it would hold");
}

static void
compile_steps(struct rules_file *f, struct rating_rule *rule, struct json_object *k)
{
    size_t n = json_object_array_length(k);

    if (n < 1 || n > RATING_RULE_STEPS_MAX) {
        rules_file_complain(f, "not 1 to %d steps", RATING_RULE_STEPS_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        size_t before = rules_file_enter_index(f, i);

        compile_step(f, &rule->step[i], json_object_array_get_idx(k, i), i + 1 == n);
        rules_file_leave(f, before);
    }
    rule->nsteps = n;
}

static void
compile_elo(struct rules_file *f, struct rating_rule *rule, struct json_object *rating)
{
    static const struct rules_number number = {"k", 1e-6, K_MAX, 32};
    static const struct rules_number start = {"start", -RATING_MAX, RATING_MAX, 1500};
    static const struct rules_number difference = {"max_difference", 1, RATING_MAX, HUGE_VAL};
    struct json_object *k;
    size_t before;

    if (json_object_object_get_ex(rating, "k", &k) && json_object_is_type(k, json_type_array)) {
        before = rules_file_enter(f, "k");
        compile_steps(f, rule, k);
        rules_file_leave(f, before);
    } else {
        rule->nsteps = 1;
        rule->step[0] =
            (struct rating_elo_step){rules_file_number(f, rating, &number), UINT64_MAX, HUGE_VAL};
    }
    rule->start.rating = rule->start.peak = rules_file_number(f, rating, &start);
    rule->max_difference = rules_file_number(f, rating, &difference);
}

/* --- the others ------------------------------------------------------------------------------- */

static void
compile_glicko2(struct rules_file *f, struct rating_rule *rule, struct json_object *rating)
{
    static const char *const known[] = {"rating", "deviation", "volatility", NULL};
    static const struct rules_number tau = {"tau", .1, 2, .5};
    static const struct rules_number days = {"period_days", 1e-3, 36500, HUGE_VAL};
    static const struct rules_number start_rating = {"rating", -RATING_MAX, RATING_MAX, 1500};
    static const struct rules_number deviation = {"deviation", 1, RATING_DEVIATION_MAX, 350};
    static const struct rules_number volatility = {"volatility", 1e-4, 1, .06};
    struct json_object *start, *none = NULL;
    size_t before = rules_file_enter(f, "start");

    if (!json_object_object_get_ex(rating, "start", &start))
        start = none = json_object_new_object();
    if (start == NULL)
        rules_file_complain(f, "not an object");
    else if (rules_file_object(f, start)) {
        rules_file_keys(f, start, known);
        rule->start.rating = rules_file_number(f, start, &start_rating);
        rule->start.deviation = rules_file_number(f, start, &deviation);
        rule->start.volatility = rules_file_number(f, start, &volatility);
    }
    rules_file_leave(f, before);
    json_object_put(none);
    rule->tau = rules_file_number(f, rating, &tau);
    rule->period = rules_file_number(f, rating, &days) * DAY_MS;
}

static void
compile_openskill(struct rules_file *f, struct rating_rule *rule, struct json_object *rating)
{
    static const struct rules_number tau = {"tau", 0, 25, 25.0 / 300};
    static const struct rules_number scale = {"scale", 1e-6, RATING_MAX, 1};
    static const struct rules_number base = {"base", -RATING_MAX, RATING_MAX, 0};

    rule->start.rating = 25;
    rule->start.deviation = 25.0 / 3;
    rule->tau = rules_file_number(f, rating, &tau);
    rule->scale = rules_file_number(f, rating, &scale);
    rule->base = rules_file_number(f, rating, &base);
}

/* --- the whole -------------------------------------------------------------------------------- */

typedef void system_fn(struct rules_file *f, struct rating_rule *rule, struct json_object *rating);

#define WHO "system", "on", "winner", "loser", "placements", "ranks"

static const struct system {
    const char *name;
    system_fn *compile;
    const char *known[12];
} systems[] = {
    [RATING_RULE_ELO] = {"elo", compile_elo, {WHO, "k", "start", "max_difference", NULL}},
    [RATING_RULE_GLICKO2] = {"glicko2",
                             compile_glicko2,
                             {WHO, "tau", "start", "period_days", NULL}},
    [RATING_RULE_OPENSKILL] = {"openskill", compile_openskill, {WHO, "tau", "scale", "base", NULL}},
};

/* The system that is named, or -1. */
static int
find_system(struct rules_file *f, struct json_object *rating)
{
    struct event_text name = rules_file_string(json_object_object_get(rating, "system"));
    size_t before = rules_file_enter(f, "system");
    int i = (int)(sizeof(systems) / sizeof(systems[0])) - 1;

    while (i >= 0 && !event_text_is(name, systems[i].name))
        i--;
    if (i < 0)
        rules_file_complain(f, "none of \"elo\", \"glicko2\", \"openskill\"");
    rules_file_leave(f, before);
    return i;
}

struct rating_rule *
rules_rating_compile(struct rules_file *f, struct json_object *rating)
{
    struct rating_rule *rule;
    int system;

    if (!rules_file_object(f, rating))
        return NULL;
    system = find_system(f, rating);
    if (system < 0)
        return NULL;
    rule = calloc(1, sizeof(*rule));
    if (rule == NULL) {
        rules_file_no_memory(f);
        return NULL;
    }
    rules_file_keys(f, rating, systems[system].known);
    rule->system = (enum rating_rule_system)system;
    rule->nconditions = rules_rule_on(f, rating, rule->condition);
    compile_who(f, rule, rating);
    systems[system].compile(f, rule, rating);
    return rule;
}
