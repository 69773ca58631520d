/*
 * Generations: all figures of a product that follow from its events alone have a generation in
 * their keys (KEYG_ in lib/redis/keys.h), and KEY_GENERATION says which one is live. A rebuild computes
 * the next one beside it; then one value changes, and every key with it.
 *
 * A reader takes a generation for the live one and names it in every read; a function that finds
 * another one live answers with the error `GENERATION <live>`, and the read is made again. So no
 * answer mixes two generations, and none is of one that is being removed. Numbers are never given
 * twice.
 */
#ifndef VARCADE_GENERATION_H
#define VARCADE_GENERATION_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/redis/redis.h"

struct product;

#define GENERATION_SIZE 24 /* a number, and its NUL */

/* As it stands in keys: a number in decimal digits. */
struct generation {
    char s[GENERATION_SIZE];
};

/* The one that is live where none was ever named. */
#define GENERATION_FIRST ((struct generation){"0"})

/* generation_take(reply, ret): the generation that GET of KEY_GENERATION answered. Returns 0, or -1
 * where it is none. */
int generation_take(const struct redisReply *reply, struct generation *ret)
    __attribute__((warn_unused_result));

/*
 * generation_moved(product, outcome, reply): whether a read found another generation live; then that
 * one is product->generation now, and all that was read with the one before is to be read again.
 */
bool generation_moved(const struct product *product, enum redis_outcome outcome,
                      const struct redisReply *reply) __attribute__((warn_unused_result));

/*
 * A command that reads one key, as a call that notices when the generation is another one:
 * generation_begin(a, product), then redis_args_key() with the one key, then
 * generation_command(a, product, command), then the command's arguments behind its key.
 */
void generation_begin(struct redis_args *a, const struct product *product);
void generation_command(struct redis_args *a, const struct product *product, const char *command);

#endif
