/*
 * A board's rating, as a game's file has it (docs/game-file.md): on which events, of whom, by which
 * system; and one player's rating, as it is computed, stored and shown.
 *
 * A rating board has one such rule and nothing else that writes its scores. rules_compile() makes
 * the rules; rules_board_at(r, i)->rating is a board's.
 */
#ifndef VARCADE_RATING_RULE_H
#define VARCADE_RATING_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/rules/event.h"
#include "lib/rules/match.h"
#include "lib/rules/rating.h"
#include "lib/rules/rules.h"

struct buf;

#define RATING_RULE_STEPS_MAX 8

enum rating_rule_system { RATING_RULE_ELO, RATING_RULE_GLICKO2, RATING_RULE_OPENSKILL };

/* One player's rating. */
struct rating_state {
    double rating;     /* elo, glicko2: the rating; openskill: mu */
    double deviation;  /* glicko2: RD; openskill: sigma */
    double volatility; /* glicko2 */
    double peak;       /* elo: the highest rating so far */
    uint64_t matches;  /* how many were rated */
    wall_ms last;      /* glicko2: when the last one was */
};

/* Fields are numbers in the rules' table (lib/rules/rules_table.h). */
struct rating_rule {
    struct rules_condition condition[RULES_CONDITIONS_MAX];
    size_t nconditions;
    bool pair;             /* winner and loser, else placements */
    size_t winner, loser;  /* fields */
    size_t placements;     /* a field */
    size_t ranks;          /* a field, where has_ranks */
    bool has_ranks;
    enum rating_rule_system system;
    struct rating_state start; /* a new player's */
    struct rating_elo_step step[RATING_RULE_STEPS_MAX]; /* elo: k */
    size_t nsteps;
    double max_difference; /* elo: a greater one counts as this; HUGE_VAL: as it is */
    double tau;            /* glicko2, openskill */
    double period;         /* glicko2: ms of rest that count as a period; HUGE_VAL: rest is nothing */
    double scale, base;    /* openskill: the score is (mu - 3 sigma) * scale + base */
};

/*
 * rating_rule_match(r, rule, e, room, ret_match, ret_why): who played, where e is an event that the rule
 * rates. Returns 1; 0 where the rule is not about e, or nobody played against another; or -1 with a reason for a dead letter, which lives
 * as long as r. The match lives as long as room and the event.
 */
int rating_rule_match(const struct rules *r, const struct rating_rule *rule, const struct event *e,
                      struct match_room *room, struct match *ret_match, const char **ret_why)
    __attribute__((warn_unused_result));

/*
 * rating_rule_rate(rule, match, time, players): the ratings after the match, in place; players[i] is
 * that of match->player[i] before it. Elo and Glicko-2 rate each player against every one of the others,
 * all in one period. Returns 0; or -1 where a figure would not be finite or a score beyond
 * RULES_SCORE_MAX, and then players means nothing.
 */
int rating_rule_rate(const struct rating_rule *rule, const struct match *match, wall_ms time,
                     struct rating_state *players) __attribute__((warn_unused_result));

/* rating_rule_score(rule, state): what the board shows. */
double rating_rule_score(const struct rating_rule *rule, const struct rating_state *state);

/* Room for rating_rule_format's text and its NUL. */
#define RATING_RULE_TEXT_SIZE 192

/* rating_rule_format(rule, state, out): as it is stored, numbers with a blank between them; returns the
 * length. rating_rule_parse(rule, s, len, ret_state): back; 0, or -1 where it is no such text. */
size_t rating_rule_format(const struct rating_rule *rule, const struct rating_state *state,
                          char out[static RATING_RULE_TEXT_SIZE]);
int rating_rule_parse(const struct rating_rule *rule, const char *s, size_t len,
                      struct rating_state *ret_state) __attribute__((warn_unused_result));

/* rating_rule_json(rule, state, out): append what players are told of it, a JSON object. */
void rating_rule_json(const struct rating_rule *rule, const struct rating_state *state,
                      struct buf *out);

#endif
