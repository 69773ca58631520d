/*
 * Players' names: the last one that each came with is kept, since boards show it, and players are
 * found by it. What the worker writes of events goes the same way (lib/redis/names.lua).
 */
#ifndef VARCADE_NAMES_H
#define VARCADE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/redis/redis.h"

struct product;
struct token_player;

#define NAMES_FIND_MAX 25
#define NAMES_FIND_DEFAULT 10

/* names_keep(redis, a, product, player): send it; a is used for it. Nothing depends on the answer. */
void names_keep(struct redis *redis, struct redis_args *a, const struct product *product,
                const struct token_player *player);

/* names_find_command(a, product, text, limit): ask for at most limit players whose names begin with text, a
 * user name, first of all whoever has it as user id. The answer is user id and name (or nil) in turns; it may
 * tell of another generation. */
void names_find_command(struct redis_args *a, const struct product *product, const char *text,
                        int64_t limit);

#endif
