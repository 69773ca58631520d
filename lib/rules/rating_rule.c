/*
 * From an event and the ratings of those who played to their ratings afterwards. The systems are
 * in lib/rules/rating.c; here is what makes a match into what they take, and what makes the result
 * a text and a score.
 */
#include "lib/rules/rating_rule.h"

#include <math.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/text.h"
#include "lib/rules/rules_table.h"

_Static_assert(MATCH_PLAYERS_MAX <= RATING_TEAMS_MAX, "every match can be rated");

/* --- from an event ---------------------------------------------------------------------------- */

static struct event_text
field_of(const struct rules *r, const struct event *e, size_t field)
{
    return event_field(e, intern_text(&r->fields, field, NULL));
}

static bool
is_about(const struct rules *r, const struct rating_rule *rule, const struct event *e)
{
    for (size_t i = 0; i < rule->nconditions; i++) {
        size_t field = rule->condition[i].field, len;
        const char *s =
            intern_text(&r->field[field].values, (size_t)rule->condition[i].value, &len);
        struct event_text text = field_of(r, e, field);

        if (text.s == NULL || text.len != len || memcmp(text.s, s, len) != 0)
            return false;
    }
    return true;
}

static const char *
name_problem(const struct rules_field *field, struct event_text name)
{
    if (name.s == NULL)
        return field->why_missing;
    return text_is_name(name.s, name.len) ? NULL : field->why_no_player;
}

static const char *
read_pair(const struct rules *r, const struct rating_rule *rule, const struct event *e,
          struct match_room *room, struct match *match, bool *ret_found)
{
    struct event_text winner = field_of(r, e, rule->winner), loser = field_of(r, e, rule->loser);
    const char *why = name_problem(&r->field[rule->winner], winner);

    if (why == NULL)
        why = name_problem(&r->field[rule->loser], loser);
    if (why == NULL)
        *ret_found = match_pair(winner, loser, room, match);
    return why;
}

static const char *
read_placements(const struct rules *r, const struct rating_rule *rule, const struct event *e,
                struct match_room *room, struct match *match)
{
    struct event_text placements = field_of(r, e, rule->placements), ranks = {NULL, 0};
    const char *why;

    if (placements.s == NULL)
        return r->field[rule->placements].why_missing;
    if (rule->has_ranks)
        ranks = field_of(r, e, rule->ranks);
    why = match_placements(placements, ranks, room, match);
    if (why != NULL)
        return why;
    if (match->nteams < 2)
        return "placements has one team, which no rating can be made of";
    if (rule->system != RATING_RULE_OPENSKILL && match->nplayers > match->nteams)
        return "placements has a team of several players, which only openskill can rate";
    return NULL;
}

int
rating_rule_match(const struct rules *r, const struct rating_rule *rule, const struct event *e,
                  struct match_room *room, struct match *ret_match, const char **ret_why)
{
    struct match match;
    bool found = true;
    const char *why;

    if (!is_about(r, rule, e))
        return 0;
    why = rule->pair ? read_pair(r, rule, e, room, &match, &found)
                     : read_placements(r, rule, e, room, &match);
    if (why != NULL) {
        *ret_why = why;
        return -1;
    }
    if (!found)
        return 0;
    *ret_match = match;
    return 1;
}

/* --- rating a match --------------------------------------------------------------------------- */

/* What team a's match against team b came to: 1, 0.5 or 0. */
static double
result(const struct match *match, size_t a, size_t b)
{
    if (match->rank[a] == match->rank[b])
        return .5;
    return match->rank[a] < match->rank[b] ? 1 : 0;
}

static void
rate_elo(const struct rating_rule *rule, const struct match *match, struct rating_state *players)
{
    double after[MATCH_PLAYERS_MAX];

    for (size_t i = 0; i < match->nplayers; i++) {
        const struct rating_state *own = &players[i];
        double expected = 0, score = 0;

        for (size_t j = 0; j < match->nplayers; j++) {
            double d = players[j].rating - own->rating;

            if (j == i)
                continue;
            d = fmax(fmin(d, rule->max_difference), -rule->max_difference);
            expected += rating_elo_expected(0, d);
            score += result(match, i, j);
        }
        after[i] = rating_elo(own->rating, expected, score,
                              rating_elo_k(rule->step, rule->nsteps, own->matches, own->peak));
    }
    for (size_t i = 0; i < match->nplayers; i++) {
        players[i].rating = after[i];
        players[i].peak = fmax(players[i].peak, after[i]);
    }
}

/* The rating as it is after the time without play. */
static struct rating_glicko2
rested(const struct rating_rule *rule, const struct rating_state *state, wall_ms time)
{
    struct rating_glicko2 player = {state->rating, state->deviation, state->volatility};

    if (state->matches > 0 && time > state->last)
        player = rating_glicko2_rest(player, (double)(time - state->last) / rule->period);
    return player;
}

static void
rate_glicko2(const struct rating_rule *rule, const struct match *match, wall_ms time,
             struct rating_state *players)
{
    struct rating_glicko2 before[MATCH_PLAYERS_MAX];
    struct rating_glicko2_result results[MATCH_PLAYERS_MAX];

    for (size_t i = 0; i < match->nplayers; i++)
        before[i] = rested(rule, &players[i], time);
    for (size_t i = 0; i < match->nplayers; i++) {
        struct rating_glicko2 after;
        size_t n = 0;

        for (size_t j = 0; j < match->nplayers; j++)
            if (j != i)
                results[n++] = (struct rating_glicko2_result){before[j].rating, before[j].deviation,
                                                              result(match, i, j)};
        after = rating_glicko2(before[i], results, n, rule->tau);
        players[i].rating = after.rating;
        players[i].deviation = after.deviation;
        players[i].volatility = after.volatility;
        players[i].last = time;
    }
}

static void
rate_openskill(const struct rating_rule *rule, const struct match *match,
               struct rating_state *players)
{
    struct rating_skill skill[MATCH_PLAYERS_MAX];

    for (size_t i = 0; i < match->nplayers; i++)
        skill[i] = (struct rating_skill){players[i].rating, players[i].deviation};
    rating_plackett_luce(skill, match->size, match->rank, match->nteams, rule->tau);
    for (size_t i = 0; i < match->nplayers; i++) {
        players[i].rating = skill[i].mu;
        players[i].deviation = skill[i].sigma;
    }
}

/* Whether it can be a player's rating; so written that NaN is none. */
static bool
is_sound(const struct rating_rule *rule, const struct rating_state *state)
{
    bool sound = fabs(rating_rule_score(rule, state)) <= RULES_SCORE_MAX &&
                 fabs(state->rating) <= RULES_SCORE_MAX;

    if (rule->system == RATING_RULE_ELO)
        return sound && state->peak >= state->rating;
    sound = sound && state->deviation > 0 && state->deviation <= RULES_SCORE_MAX;
    if (rule->system == RATING_RULE_GLICKO2)
        sound = sound && state->volatility > 0 && state->volatility <= RULES_SCORE_MAX;
    return sound;
}

int
rating_rule_rate(const struct rating_rule *rule, const struct match *match, wall_ms time,
                 struct rating_state *players)
{
    bool sound = true;

    switch (rule->system) {
    case RATING_RULE_ELO:
        rate_elo(rule, match, players);
        break;
    case RATING_RULE_GLICKO2:
        rate_glicko2(rule, match, time, players);
        break;
    case RATING_RULE_OPENSKILL:
    default:
        rate_openskill(rule, match, players);
        break;
    }
    for (size_t i = 0; i < match->nplayers; i++) {
        players[i].matches++;
        sound = sound && is_sound(rule, &players[i]);
    }
    return sound ? 0 : -1;
}

double
rating_rule_score(const struct rating_rule *rule, const struct rating_state *state)
{
    if (rule->system == RATING_RULE_OPENSKILL)
        return (state->rating - 3 * state->deviation) * rule->scale + rule->base;
    return state->rating;
}

/* --- as a text -------------------------------------------------------------------------------- */

#define FIGURES_MAX 5

/* A rating's figures in the order in which they are stored. */
static size_t
list_figures(const struct rating_rule *rule, const struct rating_state *state,
             double out[static FIGURES_MAX])
{
    size_t n = 0;

    out[n++] = state->rating;
    if (rule->system != RATING_RULE_ELO)
        out[n++] = state->deviation;
    if (rule->system == RATING_RULE_GLICKO2)
        out[n++] = state->volatility;
    out[n++] = (double)state->matches;
    if (rule->system == RATING_RULE_ELO)
        out[n++] = state->peak;
    if (rule->system == RATING_RULE_GLICKO2)
        out[n++] = (double)state->last;
    return n;
}

size_t
rating_rule_format(const struct rating_rule *rule, const struct rating_state *state,
                   char out[static RATING_RULE_TEXT_SIZE])
{
    double figure[FIGURES_MAX];
    size_t n = list_figures(rule, state, figure), len = 0;

    _Static_assert(FIGURES_MAX * TEXT_DOUBLE_SIZE <= RATING_RULE_TEXT_SIZE, "all figures fit");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            out[len++] = ' ';
        len += text_format_double(figure[i], out + len);
    }
    return len;
}

/* Exactly n numbers with one blank between them. */
static int
parse_figures(const char *s, size_t len, size_t n, double *out)
{
    const char *end = s + len;

    for (size_t i = 0; i < n; i++) {
        const char *blank = i + 1 < n ? memchr(s, ' ', (size_t)(end - s)) : end;

        if (blank == NULL || text_parse_double(s, (size_t)(blank - s), &out[i]) < 0)
            return -1;
        s = blank + 1;
    }
    return 0;
}

static bool
is_count(double v)
{
    return v >= 0 && v <= RULES_SCORE_MAX && floor(v) >= v;
}

int
rating_rule_parse(const struct rating_rule *rule, const char *s, size_t len,
                  struct rating_state *ret_state)
{
    struct rating_state state = rule->start;
    double figure[FIGURES_MAX], matches, last = 0;
    size_t n = list_figures(rule, &state, figure), i = 0;

    if (parse_figures(s, len, n, figure) < 0)
        return -1;
    state.rating = figure[i++];
    if (rule->system != RATING_RULE_ELO)
        state.deviation = figure[i++];
    if (rule->system == RATING_RULE_GLICKO2)
        state.volatility = figure[i++];
    matches = figure[i++];
    if (rule->system == RATING_RULE_ELO)
        state.peak = figure[i];
    if (rule->system == RATING_RULE_GLICKO2)
        last = figure[i];
    if (!is_count(matches) || !is_count(last) || !is_sound(rule, &state))
        return -1;
    state.matches = (uint64_t)matches;
    state.last = (wall_ms)last;
    *ret_state = state;
    return 0;
}

void
rating_rule_json(const struct rating_rule *rule, const struct rating_state *state, struct buf *out)
{
    bool skill = rule->system == RATING_RULE_OPENSKILL;

    buf_str(out, skill ? "{\"mu\": " : "{\"rating\": ");
    buf_json_number(out, state->rating);
    if (rule->system != RATING_RULE_ELO) {
        buf_str(out, skill ? ", \"sigma\": " : ", \"deviation\": ");
        buf_json_number(out, state->deviation);
    }
    if (rule->system == RATING_RULE_GLICKO2) {
        buf_str(out, ", \"volatility\": ");
        buf_json_number(out, state->volatility);
    }
    buf_printf(out, ", \"matches\": %llu}", (unsigned long long)state->matches);
}
