/*
 * A product's rules: which events change which statistics and boards, as data from its file,
 * compiled once to a table that is walked per event. Pure: no Redis, no clock, no I/O.
 *
 * Effects are on figures. A figure is one number of one player: a statistic (`wins`) or the score
 * on a board's window. The caller reads the figures that a batch of events touches, applies the
 * effects in order, and writes them back (worker/batch/batch.c).
 */
#ifndef VARCADE_RULES_H
#define VARCADE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/rules/event.h"
#include "lib/rules/match.h"
#include "lib/rules/window.h"

struct json_object;
struct rating_rule;
struct rules;

#define RULES_ID_MAX 64   /* bytes of a board's id or a statistic's name */
#define RULES_BOARDS_MAX 64
#define RULES_PACE_MAX 1e6 /* of max_per_minute */
#define RULES_SCORE_MAX 9007199254740992.0 /* 2^53: beyond it a sum is not exact, and is refused */

enum rules_op { RULES_ADD, RULES_MAX, RULES_MIN, RULES_SET };

enum rules_target { RULES_STAT, RULES_BOARD };

/* One thing an event does. Texts are borrowed from the rules or from the event. */
struct rules_effect {
    enum rules_target target;
    enum rules_op op;
    size_t board;             /* RULES_BOARD: index of the board */
    struct event_text stat;   /* RULES_STAT: its name */
    struct event_text player; /* whose figure */
    bool in_room;             /* player is borrowed from the room, and no NUL is behind it */
    double value;
    bool follows; /* value is instead what the effect before this one made of its figure */
};

#define RULES_CONDITIONS_MAX 8 /* fields in one `on` */

/* A field of the event has this value; both are numbers in the table (lib/rules/rules_table.h). */
struct rules_condition {
    size_t field;
    int value;
};

enum rules_order { RULES_DESC, RULES_ASC };

/* Ranks of equal scores: 1 2 2 4; 1 2 2 3; or 1 2 3 4, whoever reached the score first being ahead. */
enum rules_ties { RULES_COMPETITION, RULES_DENSE, RULES_FIRST };

/* What a score may be; an event that would take one outside goes to quarantine. */
struct rules_bounds {
    double min, max;       /* of the score that it makes; infinite: any */
    double max_step;       /* by how much it changes the score; infinite: any */
    double max_per_minute; /* how many events count for one player; infinite: any */
};

struct rules_board {
    char id[RULES_ID_MAX + 1];
    char *title;
    enum rules_order order;
    enum rules_ties ties;
    struct window_plan windows;
    struct rules_bounds *bounds; /* NULL: none */
    struct rating_rule *rating; /* what its scores are, and nothing else; NULL where rules add them up */
};

/*
 * rules_compile(file_object, ret_rules, why): compile the keys `stats`, `titles`, `boards`,
 * `timezone` and `top_ten` of a game's file (docs/game-file.md); other keys are not looked at.
 * Nothing of file_object is needed afterwards. Returns 0; or -1 with lines `PATH: REASON` in why (path in the file, such
 * as boards[1].from[0].add), one a problem. Checked: unknown keys, types, ranges, ids twice, a rule
 * twice (same condition, player and figure), rules that contradict: to one figure of one player, an
 * event may do two things only where both add, both are max or both are min.
 */
int rules_compile(struct json_object *file_object, struct rules **ret_rules, struct buf *why)
    __attribute__((warn_unused_result));
void rules_free(struct rules *r);

size_t rules_board_count(const struct rules *r);
const struct rules_board *rules_board_at(const struct rules *r, size_t i);

/* rules_board_find(r, id, len): its index, or -1. */
int rules_board_find(const struct rules *r, const char *id, size_t len);

/* rules_top_ten_board(r): the board that GET /leaderboards/top_ten/{product} shows: the file's
 * `top_ten`, else the first one; -1 where there is none. */
int rules_top_ten_board(const struct rules *r);

/* rules_stat_count(r), rules_stat_name(r, i): the names a rule of the file can write;
 * rules_stat_title(r, i): its title from the file's `titles`, or the name where there is none. For
 * GET /products and the page. */
size_t rules_stat_count(const struct rules *r);
const char *rules_stat_name(const struct rules *r, size_t i);
const char *rules_stat_title(const struct rules *r, size_t i);

#define RULES_TEAMS_MAX 4 /* fields of a file's rules that name several players */

/* Where the players lie that such fields name. */
struct rules_room {
    struct match_room team[RULES_TEAMS_MAX];
};

/*
 * rules_evaluate(r, e, room, effects, max, ret_n, ret_why): what e does, in the file's order, `stats` before
 * `boards`. max is at least rules_effects_max(r). Returns 0; or -1 with a reason for a dead letter (it
 * names the field, and lives as long as r) where the event matches a rule but does not fit it: the
 * player's field is missing or no name, a number is missing, not finite or beyond RULES_SCORE_MAX;
 * then nothing of the event is to be applied, and what stands in effects means nothing. An event
 * that matches no rule has no effects.
 */
int rules_evaluate(const struct rules *r, const struct event *e, struct rules_room *room,
                   struct rules_effect *effects, size_t max, size_t *ret_n, const char **ret_why)
    __attribute__((warn_unused_result));

/* rules_field_is_player(r, name, len): whether a field of an event has a player's id, or placements with such, for
 * one of the rules or by docs/events.md. */
bool rules_field_is_player(const struct rules *r, const char *name, size_t len);

/* rules_event_at(r, e): the id by which e counts, in windows and ties: its own; that of the event that it
 * releases; or, where the file has a `grace` and the field `time` says a time that is not further back, that time. */
struct event_id rules_event_at(const struct rules *r, const struct event *e);

/* rules_effects_max(r): the most effects one event can have. */
size_t rules_effects_max(const struct rules *r);

/*
 * rules_apply(op, old, exists, value, ret_new): the figure after the operation; exists is false where there is
 * none yet (add counts it as 0; max, min and set take value). Returns 0, or -1 where the result
 * is beyond RULES_SCORE_MAX.
 */
int rules_apply(enum rules_op op, double old, bool exists, double value, double *ret_new)
    __attribute__((warn_unused_result));

#endif
