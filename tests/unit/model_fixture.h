/*
 * What the tests share that walk through a model at random and do each of its steps in Redis: time, and what a game is
 * there. Instead of the clock deadlines are moved: nothing is due but what the step says.
 */
#ifndef VARCADE_TESTS_MODEL_FIXTURE_H
#define VARCADE_TESTS_MODEL_FIXTURE_H

#include <stddef.h>

/* A deadline that never comes by itself. */
#define MODEL_FAR 1000000000LL

/* model_now: of the next call; each has its own. */
extern long long model_now;

/* model_begin(): of the product nothing is left, but for what `apply` needs. */
void model_begin(void);

/* model_due(game, whose): of all that has a deadline in the game, the game itself or some of its seats, only this is due now: `game`, a
 * status of seats, or a user's seat. */
void model_due(const char *game, const char *whose);

/* model_until_passes(game, whose): the moment `until` of the game, or of a user's seat, is now. */
void model_until_passes(const char *game, const char *whose);

/*
 * model_game(game): the game as text: `-`, or its state, ` later` where it is removed until a moment that is yet to come,
 * and ` <user>:<status>` for each seat by user, `*` behind that of the creator; `leaving later` likewise. It holds until the next call.
 */
const char *model_game(const char *game);

#endif
