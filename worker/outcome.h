/*
 * What becomes of a lane after a read: its batch was applied, or not, or there was nothing for it.
 */
#ifndef VARCADE_WORKER_OUTCOME_H
#define VARCADE_WORKER_OUTCOME_H

#include <stdbool.h>

#include "lib/base/clock.h"

struct apply_result;
struct lane;

/* outcome_take(lane, result): a batch of it came back. */
void outcome_take(struct lane *lane, const struct apply_result *result);

/* outcome_settle(lane): no batch is under way, and everything up to lane->read is applied. */
void outcome_settle(struct lane *lane);

/* outcome_move_due(lane): whether the checkpoint of a lane without events is so far behind what was
 * read that it is to be moved by itself. Not after every read: that would be a write a product for
 * other products' events. */
bool outcome_move_due(const struct lane *lane);

#endif
