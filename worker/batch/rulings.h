/*
 * What was decided by hand about a product and holds for its figures: which players are hidden, and
 * which seasons ended early. Read behind the checkpoint, and whatever changes it states the
 * checkpoint anew: so nothing is applied that was computed by rulings of before.
 */
#ifndef VARCADE_WORKER_RULINGS_H
#define VARCADE_WORKER_RULINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/clock.h"

struct redisReply;
struct rulings;

struct rulings *rulings_new(void);
void rulings_free(struct rulings *r);

/* rulings_take_hidden(r, reply): the answer to SMEMBERS of KEY_HIDDEN; rulings_take_closed(r, reply): that to HGETALL of
 * KEY_CLOSED. They take the place of what was there. Return 0, or -1 where it is no such answer. */
int rulings_take_hidden(struct rulings *r, const struct redisReply *reply)
    __attribute__((warn_unused_result));
int rulings_take_closed(struct rulings *r, const struct redisReply *reply)
    __attribute__((warn_unused_result));

/* rulings_hides(r, user, len): whether the player is on no board. r NULL: nobody is hidden. */
bool rulings_hides(const struct rulings *r, const char *user, size_t len);

/* rulings_season_end(r, board, season): when the season of that id ended early, or WINDOW_NEVER. r NULL: none has. */
wall_ms rulings_season_end(const struct rulings *r, const char *board, const char *season);

#endif
