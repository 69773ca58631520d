/*
 * Which windows of boards are past all asking, by the time up to which events are applied. The worker
 * removes them as time goes on, a rebuild as it goes through the events: both come to the same.
 */
#ifndef VARCADE_WORKER_PAST_H
#define VARCADE_WORKER_PAST_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/clock.h"

struct generation;
struct product;
struct redis_args;
struct redisReply;

/* past_is_gone(product, generation, key, len, now): whether the key is of a board's window that nobody
 * can ask for. One of a board or a kind that the game's file does not have (any more) is not: a
 * slip in a file must not cost what was counted. */
bool past_is_gone(const struct product *product, const struct generation *generation,
                  const char *key, size_t len, wall_ms now);

/* past_drop(product, generation, listed, now, a): of the keys that are listed (a part of KEYG_WINDOWS), begin the call that
 * removes those that are gone, and return how many they are. */
size_t past_drop(const struct product *product, const struct generation *generation,
                 const struct redisReply *listed, wall_ms now, struct redis_args *a);

#endif
