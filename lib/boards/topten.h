/*
 * The answer of GET /leaderboards/top_ten/{product}, in one place: the FastCGI program renders it
 * per request, the worker writes it to a file (worker/snapshots/snapshots.c), and the bytes must be the same.
 */
#ifndef VARCADE_TOPTEN_H
#define VARCADE_TOPTEN_H

#include <stdbool.h>

#include "lib/base/clock.h"

struct buf;
struct product;
struct redis_args;
struct redisReply;

#define TOPTEN_COUNT 10
#define TOPTEN_JSON_MAX 16384 /* ten escaped user ids of TEXT_USER_ID_MAX bytes fit */

/* topten_command(a, product, now): add to a the command that reads product's top ten, of the
 * board's standard window at now. Returns false, and adds nothing, where the product has no board: its top ten is what topten_render makes of NULL. */
bool topten_command(struct redis_args *a, const struct product *product, wall_ms now);

/* topten_render(reply, out): append the JSON array to out. reply: what the command answered, or
 * NULL for no board. Returns 0, or -1 where reply is not such an answer or out is full. */
int topten_render(const struct redisReply *reply, struct buf *out)
    __attribute__((warn_unused_result));

#endif
