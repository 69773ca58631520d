/*
 * Events of games that are gone. Who drains a stream late finds most games over and removed: one
 * EXISTS tells so of many, and their events need not go through `apply`.
 *
 * It may be asked before the fence: varcade knows a game before its game server hears of it, so
 * that a game which is not there when its event was read never will be.
 */
#include <hiredis/hiredis.h>

#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "worker/batch/batch_private.h"
#include "worker/mem.h"

#define AT_ONCE ((size_t)50)
/* With fewer events than this the question costs more than it saves. */
#define EVENTS_MIN ((size_t)32)

void
batch_games_add(struct batch *b, const struct item *item)
{
    b->games = mem_grow(b->games, &b->games_cap, b->ngames + 1, sizeof(*b->games));
    b->games[b->ngames++] = (size_t)(item - b->items);
}

size_t
batch_games_reads(const struct batch *b)
{
    return b->ngames < EVENTS_MIN ? 0 : (b->ngames + AT_ONCE - 1) / AT_ONCE;
}

/* Behind the last event that the i-th command asks about. */
static size_t
end_of(const struct batch *b, size_t i)
{
    size_t end = (i + 1) * AT_ONCE;

    return end < b->ngames ? end : b->ngames;
}

void
batch_games_read_command(const struct batch *b, size_t i, struct redis_args *a)
{
    redis_args_str(a, "EXISTS");
    for (size_t at = i * AT_ONCE; at < end_of(b, i); at++)
        redis_args_printf(a, KEY_GAME, b->product_id, b->items[b->games[at]].game_id.s);
}

int
batch_games_read_reply(struct batch *b, size_t i, const struct redisReply *reply)
{
    if (reply->type != REDIS_REPLY_INTEGER)
        return -1;
    for (size_t at = i * AT_ONCE; at < end_of(b, i); at++)
        b->items[b->games[at]].gone = reply->integer == 0;
    return 0;
}
