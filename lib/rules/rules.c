/*
 * Walking a product's rules, once an event. What is asked about a field of the event is answered
 * once, however many rules ask: its number among the texts that rules compare with when the event
 * comes, whether it is a player or a number when the first rule wants to know.
 */
#include "lib/rules/rating_rule.h"
#include "lib/rules/rules.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/rules/rules_table.h"

/* --- the table -------------------------------------------------------------------------------- */

void
rules_free(struct rules *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; r->field != NULL && i < EVENT_FIELDS_MAX; i++) {
        intern_free(&r->field[i].values);
        free(r->field[i].why_missing);
        free(r->field[i].why_no_player);
        free(r->field[i].why_no_team);
        free(r->field[i].why_no_number);
        free(r->field[i].why_beyond);
    }
    for (size_t i = 0; r->title != NULL && i < intern_count(&r->stats); i++)
        free(r->title[i]);
    for (size_t i = 0; r->board != NULL && i < RULES_BOARDS_MAX; i++) {
        free(r->board[i].title);
        free(r->board[i].windows.season);
        free(r->board[i].bounds);
        free(r->board[i].rating);
    }
    intern_free(&r->fields);
    intern_free(&r->stats);
    free(r->field);
    free(r->title);
    free(r->board);
    free(r->rule);
    free(r->step);
    free(r);
}

size_t
rules_board_count(const struct rules *r)
{
    return r->nboards;
}

const struct rules_board *
rules_board_at(const struct rules *r, size_t i)
{
    assert(i < r->nboards);
    return &r->board[i];
}

int
rules_board_find(const struct rules *r, const char *id, size_t len)
{
    struct event_text text = {id, len};

    for (size_t i = 0; i < r->nboards; i++)
        if (event_text_is(text, r->board[i].id))
            return (int)i;
    return -1;
}

int
rules_top_ten_board(const struct rules *r)
{
    return r->top_ten;
}

size_t
rules_stat_count(const struct rules *r)
{
    return intern_count(&r->stats);
}

const char *
rules_stat_name(const struct rules *r, size_t i)
{
    return intern_text(&r->stats, i, NULL);
}

const char *
rules_stat_title(const struct rules *r, size_t i)
{
    return r->title[i] != NULL ? r->title[i] : rules_stat_name(r, i);
}

size_t
rules_effects_max(const struct rules *r)
{
    return r->effects_max;
}

/* --- walking it ------------------------------------------------------------------------------- */

enum answer { UNASKED, YES, NO };

/* What is known of one field of the event at hand. */
struct seen {
    struct event_text text;
    int value; /* its number among the texts that rules compare it with, or -1 */
    enum answer is_player;
    enum answer is_team;
    size_t nplayers; /* where is_team is YES */
    enum answer is_number;
    double number; /* where is_number is YES */
};

static void
see(const struct rules *r, const struct event *e, struct seen *seen)
{
    for (size_t i = 0; i < intern_count(&r->fields); i++)
        seen[i] = (struct seen){.value = -1};
    for (size_t i = 0; i < e->nfields; i++) {
        int field = intern_find(&r->fields, e->name[i].s, e->name[i].len);

        if (field == -1)
            continue;
        seen[field].text = e->value[i];
        seen[field].value = intern_find(&r->field[field].values, e->value[i].s, e->value[i].len);
    }
}

static bool
matches(const struct rules_rule *rule, const struct seen *seen)
{
    for (size_t i = 0; i < rule->nconditions; i++)
        if (seen[rule->condition[i].field].value != rule->condition[i].value)
            return false;
    return true;
}

/* A reason why the field names no player, or NULL. */
static const char *
player_problem(const struct rules_field *field, struct seen *seen)
{
    if (seen->text.s == NULL)
        return field->why_missing;
    if (seen->is_player == UNASKED)
        seen->is_player = text_is_name(seen->text.s, seen->text.len) ? YES : NO;
    return seen->is_player == YES ? NULL : field->why_no_player;
}

/* A reason why the field names no players, or NULL. */
static const char *
team_problem(const struct rules_field *field, struct seen *seen, struct rules_room *room)
{
    if (seen->text.s == NULL)
        return field->why_missing;
    if (seen->is_team == UNASKED)
        seen->is_team =
            match_team(seen->text, &room->team[field->team], &seen->nplayers) ? YES : NO;
    return seen->is_team == YES ? NULL : field->why_no_team;
}

static void
read_number(struct seen *seen)
{
    int ret = text_parse_double(seen->text.s, seen->text.len, &seen->number);

    if (ret == -1 && errno == ERANGE) {
        seen->number = HUGE_VAL;
        ret = 0;
    }
    seen->is_number = ret == 0 ? YES : NO;
}

/* Whether it is 2^53 or its opposite to the letter: as doubles, numbers a little beyond are the
 * same. */
static bool
is_last_number(const struct seen *seen)
{
    int64_t whole, max = (int64_t)RULES_SCORE_MAX;

    return text_parse_int(seen->text.s, seen->text.len, -max, max, &whole) == 0;
}

static const char *
number_problem(const struct rules_field *field, struct seen *seen)
{
    if (seen->text.s == NULL)
        return field->why_missing;
    if (seen->is_number == UNASKED)
        read_number(seen);
    if (seen->is_number == NO)
        return field->why_no_number;
    return fabs(seen->number) < RULES_SCORE_MAX || is_last_number(seen) ? NULL : field->why_beyond;
}

/* Whether the event, which matches the step's rule, does the step. counted: a value of the count
 * was met. */
static bool
is_done(const struct rules_step *step, const struct seen *count_field, bool counted)
{
    if (step->when == RULES_ALWAYS)
        return true;
    return step->when == RULES_OTHER ? !counted : step->when == count_field->value;
}

/* What the rule does for one of its players. */
static const char *
walk_steps(const struct rules *r, const struct rules_rule *rule, struct seen *seen,
           struct event_text player, struct rules_effect *effects, size_t *n)
{
    const char *why = NULL;
    bool counted = false;

    for (size_t i = rule->first; why == NULL && i < rule->end; i++) {
        const struct rules_step *step = &r->step[i];
        struct rules_effect *effect = &effects[*n];

        if (!is_done(step, &seen[rule->count_field], counted))
            continue;
        counted = counted || step->when >= 0;
        effect->target = step->target;
        effect->op = step->op;
        effect->board = step->target == RULES_BOARD ? step->figure : 0;
        effect->stat = (struct event_text){NULL, 0};
        if (step->target == RULES_STAT)
            effect->stat.s = intern_text(&r->stats, step->figure, &effect->stat.len);
        effect->player = player;
        effect->in_room = rule->team;
        effect->value = step->number;
        effect->follows = step->follows;
        if (step->has_field) {
            why = number_problem(&r->field[step->field], &seen[step->field]);
            effect->value = seen[step->field].number;
        }
        (*n)++;
    }
    return why;
}

static const char *
walk_rule(const struct rules *r, const struct rules_rule *rule, struct seen *seen,
          struct rules_room *room, struct rules_effect *effects, size_t *n)
{
    const struct rules_field *field = &r->field[rule->player];
    struct seen *named = &seen[rule->player];
    const char *why;

    if (!rule->team) {
        why = player_problem(field, named);
        return why != NULL ? why : walk_steps(r, rule, seen, named->text, effects, n);
    }
    why = team_problem(field, named, room);
    for (size_t i = 0; why == NULL && i < named->nplayers; i++)
        why = walk_steps(r, rule, seen, room->team[field->team].player[i], effects, n);
    return why;
}

int
rules_evaluate(const struct rules *r, const struct event *e, struct rules_room *room,
               struct rules_effect *effects, size_t max, size_t *ret_n, const char **ret_why)
{
    struct seen seen[EVENT_FIELDS_MAX];
    size_t n = 0;

    assert(max >= r->effects_max);
    see(r, e, seen);
    for (size_t i = 0; i < r->nrules; i++) {
        const char *why;

        if (!matches(&r->rule[i], seen))
            continue;
        why = walk_rule(r, &r->rule[i], seen, room, effects, &n);
        if (why != NULL) {
            *ret_why = why;
            return -1;
        }
    }
    *ret_n = n;
    return 0;
}

struct event_id
rules_event_at(const struct rules *r, const struct event *e)
{
    struct event_id at = event_at(e);
    struct event_text time = event_field(e, "time");
    wall_ms t, came = event_id_time(at);

    if (r->grace > 0 && time.s != NULL && clock_parse_rfc3339(time.s, time.len, &t) == 0 &&
        t >= 0 && t <= came && came - t <= r->grace)
        at.ms = (uint64_t)t;
    return at;
}

/* --- players ---------------------------------------------------------------------------------- */

bool
rules_field_is_player(const struct rules *r, const char *name, size_t len)
{
    static const char *const known[] = {"user_id",  "player_id",  "winner_id",
                                        "loser_id", "creator_id", "placements"};
    int field = intern_find(&r->fields, name, len);

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strlen(known[i]) == len && memcmp(known[i], name, len) == 0)
            return true;
    for (size_t i = 0; field >= 0 && i < r->nrules; i++)
        if (r->rule[i].player == (size_t)field)
            return true;
    for (size_t i = 0; field >= 0 && i < r->nboards; i++) {
        const struct rating_rule *rating = r->board[i].rating;

        if (rating != NULL &&
            (rating->pair ? rating->winner == (size_t)field || rating->loser == (size_t)field
                          : rating->placements == (size_t)field))
            return true;
    }
    return false;
}

/* --- figures ---------------------------------------------------------------------------------- */

int
rules_apply(enum rules_op op, double old, bool exists, double value, double *ret_new)
{
    double v = value;

    if (exists && op == RULES_ADD)
        v = old + value;
    else if (exists && op == RULES_MAX)
        v = fmax(old, value);
    else if (exists && op == RULES_MIN)
        v = fmin(old, value);
    /* So written that NaN is refused too; and a sum that was rounded back to the last number. */
    if (!(fabs(v) <= RULES_SCORE_MAX) ||
        (op == RULES_ADD && fabs(v) >= RULES_SCORE_MAX && exists && v - value < old) ||
        (op == RULES_ADD && fabs(v) >= RULES_SCORE_MAX && exists && v - value > old))
        return -1;
    *ret_new = v;
    return 0;
}
