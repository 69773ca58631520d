/*
 * A match as an event tells it: who played, in which teams, and who was better than whom.
 *
 * Either a winner and a loser, or placements: `[["7","42"],["9","11"]]`, teams of user ids, best first,
 * and with them perhaps ranks, `[1,1]`, an integer a team, equal for a tie. Both are outside bytes
 * and are read by the letter: what is not exactly of this form is refused, with a reason.
 */
#ifndef VARCADE_MATCH_H
#define VARCADE_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/text.h"
#include "lib/rules/event.h"

#define MATCH_PLAYERS_MAX 64 /* as many as a game has; so there are no more teams either */

/*
 * 1. nteams >= 1, and the sum of size[] is nplayers.
 * 2. rank[] does not decrease: the first team is the best, or one of them.
 * 3. No player stands there twice.
 */
struct match {
    size_t nteams, nplayers;
    const size_t *size;              /* players of each team, >= 1 */
    const int64_t *rank;             /* of each team */
    const struct event_text *player; /* those of the first team, then of the second … */
};

/* Where a match that was read lies. */
struct match_room {
    size_t size[MATCH_PLAYERS_MAX];
    int64_t rank[MATCH_PLAYERS_MAX];
    struct event_text player[MATCH_PLAYERS_MAX];
    char text[MATCH_PLAYERS_MAX * (TEXT_USER_ID_MAX + 1)];
};

/*
 * match_pair(winner, loser, room, ret_match): a match of two; both are names (text_is_name), borrowed.
 * Returns false where they are the same player: that is no match.
 */
bool match_pair(struct event_text winner, struct event_text loser, struct match_room *room,
                struct match *ret_match) __attribute__((warn_unused_result));

/*
 * match_placements(placements, ranks, room, ret_match): one of placements; ranks.s is NULL where the
 * event has none, and then each team has a rank of its own. What ret_match gets lives as long as
 * room and the event.
 * Returns NULL, or a reason (static text, fit for a dead letter).
 */
const char *match_placements(struct event_text placements, struct event_text ranks,
                             struct match_room *room, struct match *ret_match)
    __attribute__((warn_unused_result));

/* match_team(text, room, ret_n): who is named by a JSON array of user ids, or by one of such arrays, as placements
 * are: 1 to MATCH_PLAYERS_MAX players, nobody twice; they are room->player. False where it is no such text. */
bool match_team(struct event_text text, struct match_room *room, size_t *ret_n)
    __attribute__((warn_unused_result));

/* match_next_string(at, end, out, ret_len): the first JSON string from *at on, as what it stands for: at most
 * TEXT_USER_ID_MAX + 1 bytes of it, so that one too long for a user id is none. Returns its opening quote, with *at behind
 * its closing one; NULL where there is no string up to end. */
const char *match_next_string(const char **at, const char *end, char out[static TEXT_USER_ID_MAX + 1],
                              size_t *ret_len) __attribute__((warn_unused_result));

/* What there was between a player and another one. */
struct match_tally {
    uint64_t wins, losses, draws;
};

#define MATCH_TALLY_SIZE 64 /* room for match_tally_format's text and its NUL */

/* match_tally_format(t, out): as it is stored, `3 1 0`; returns the length. match_tally_parse(s, len,
 * ret_tally): back; 0, or -1 where it is no such text. */
size_t match_tally_format(const struct match_tally *t, char out[static MATCH_TALLY_SIZE]);
int match_tally_parse(const char *s, size_t len, struct match_tally *ret_tally)
    __attribute__((warn_unused_result));

#endif
