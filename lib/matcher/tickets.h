/*
 * Tickets in Redis: the calls of the functions in lib/redis/tickets.lua and match.lua, which have the state
 * machine, and their answers. The player's side is fcgi/routes/tickets.c, the matchmaker's worker/matchmaker/matchmaker.c.
 */
#ifndef VARCADE_TICKETS_H
#define VARCADE_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/redis/redis.h"

struct product;
struct queue;
struct redisReply;

#define TICKETS_ID_LEN TEXT_GAME_ID_LEN /* looks as a game's: text_is_game_id */
#define TICKETS_ID_SIZE (TICKETS_ID_LEN + 1)
#define TICKETS_KEEP ((dur_ms)600000)    /* so long a ticket that is over can be read */
#define TICKETS_FORMING ((dur_ms)600000) /* so long a party may be formed */

/* tickets_call(a, function, product, id): begin the call of a function for one ticket, with its keys; then the
 * arguments. */
void tickets_call(struct redis_args *a, const char *function, const struct product *product,
                  const char *id);

/* tickets_add_keys(a, product): the keys behind a ticket's own; for a function with another first key. */
void tickets_add_keys(struct redis_args *a, const struct product *product);

/* tickets_call_match(a, function, product, queue, game_id, ids, n): begin the call of a match's function.
 * tickets_call_backfill: the same of a ticket's backfill into the listed game; match_id is its number. */
void tickets_call_match(struct redis_args *a, const char *function, const struct product *product,
                        const char *queue, const char *game_id, const char (*ids)[TICKETS_ID_SIZE],
                        size_t n);
void tickets_call_backfill(struct redis_args *a, const char *function, const char *product_id,
                           const char *queue, const char *game_id, const char *match_id,
                           const char *ticket);

/* tickets_get(a, product, id, user, len): the call of ticket_get. */
void tickets_get(struct redis_args *a, const struct product *product, const char *id,
                 const char *user, size_t len);

/* tickets_queue_get(a, product_id, queue_id): the call of queue_get. */
void tickets_queue_get(struct redis_args *a, const char *product_id, const char *queue_id);

/* How a queue is. */
struct tickets_figures {
    int64_t waiting;    /* tickets */
    wall_ms first;      /* since when the one that has waited longest does; 0: nobody waits */
    int64_t matched;    /* of how many the next two are; 0: they mean nothing */
    dur_ms p50, p90;    /* how long the last ones waited */
};

/* One user's view of a ticket. */
struct tickets_view {
    struct redis_text state, queue, opener, code, reason, match, rating, game, note;
    wall_ms opened, since;
    dur_ms timeout, waited;
    int64_t place; /* 0: it does not wait */
    struct tickets_figures figures;
    const struct redisReply *reply; /* players from element first_player on */
    size_t first_player;
};

/* tickets_read_view(reply, ret_view): the answer of ticket_get, borrowed from. Returns 1; 0 where there is no such ticket for that
 * user; or -1 where it is not such an answer. */
int tickets_read_view(const struct redisReply *reply, struct tickets_view *ret_view)
    __attribute__((warn_unused_result));

/* tickets_read_figures(reply, first, ret_figures): five numbers from element first on, as queue_get answers them. Returns
 * 0, or -1. */
int tickets_read_figures(const struct redisReply *reply, size_t first,
                         struct tickets_figures *ret_figures) __attribute__((warn_unused_result));

/* tickets_word(reply): the word with which the functions' answers begin, "" where it has none. */
const char *tickets_word(const struct redisReply *reply);

/* tickets_is_over(state): matched, cancelled or expired. */
bool tickets_is_over(struct redis_text state);

#endif
