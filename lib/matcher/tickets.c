/* The calls of the tickets' functions: see tickets.h. */
#include "lib/matcher/tickets.h"

#include <hiredis/hiredis.h>
#include <string.h>

#include "lib/lobby/lobby.h"
#include "lib/product/product.h"
#include "lib/product/queue.h"
#include "lib/redis/keys.h"

static void
add_ticket_keys(struct redis_args *a, const char *product_id)
{
    redis_args_key(a, KEY_TICKETS_USERS, product_id);
    redis_args_key(a, KEY_TICKETS_DUE, product_id);
    redis_args_key(a, KEY_TICKETS_LOG, product_id);
    redis_args_key(a, KEY_TICKETS_CODES, product_id);
    redis_args_key(a, KEY_HOLDERS, product_id);
    redis_args_key(a, KEY_BANNED, product_id);
}

void
tickets_add_keys(struct redis_args *a, const struct product *product)
{
    add_ticket_keys(a, product->id);
    for (size_t i = 0; i < product->nqueues; i++)
        redis_args_key(a, KEY_QUEUE, product->id, product->queues[i].id);
}

void
tickets_call(struct redis_args *a, const char *function, const struct product *product,
             const char *id)
{
    redis_args_reset(a);
    redis_args_fcall(a, function, false);
    redis_args_key(a, KEY_TICKET, product->id, id);
    tickets_add_keys(a, product);
}

static void
begin_match(struct redis_args *a, const char *function, const char *product_id, const char *queue,
            const char *game_id, const char *match_id)
{
    redis_args_reset(a);
    redis_args_fcall(a, function, false);
    redis_args_key(a, KEY_GAME, product_id, game_id);
    lobby_add_keys(a, product_id);
    redis_args_key(a, KEY_MATCH, product_id, match_id);
    redis_args_key(a, KEY_WAITS, product_id, queue);
    add_ticket_keys(a, product_id);
    redis_args_key(a, KEY_QUEUE, product_id, queue);
}

void
tickets_call_match(struct redis_args *a, const char *function, const struct product *product,
                   const char *queue, const char *game_id, const char (*ids)[TICKETS_ID_SIZE],
                   size_t n)
{
    begin_match(a, function, product->id, queue, game_id, game_id);
    for (size_t i = 0; i < n; i++)
        redis_args_key(a, KEY_TICKET, product->id, ids[i]);
}

void
tickets_call_backfill(struct redis_args *a, const char *function, const char *product_id,
                      const char *queue, const char *game_id, const char *match_id,
                      const char *ticket)
{
    begin_match(a, function, product_id, queue, game_id, match_id);
    redis_args_key(a, KEY_TICKET, product_id, ticket);
}

void
tickets_get(struct redis_args *a, const struct product *product, const char *id, const char *user,
            size_t len)
{
    redis_args_reset(a);
    redis_args_fcall(a, "ticket_get", true);
    redis_args_key(a, KEY_TICKET, product->id, id);
    for (size_t i = 0; i < product->nqueues; i++) {
        redis_args_key(a, KEY_QUEUE, product->id, product->queues[i].id);
        redis_args_key(a, KEY_WAITS, product->id, product->queues[i].id);
    }
    redis_args_add(a, user, len);
}

void
tickets_queue_get(struct redis_args *a, const char *product_id, const char *queue_id)
{
    redis_args_reset(a);
    redis_args_fcall(a, "queue_get", true);
    redis_args_key(a, KEY_QUEUE, product_id, queue_id);
    redis_args_key(a, KEY_WAITS, product_id, queue_id);
}

/* --- answers ---------------------------------------------------------------------------------- */

const char *
tickets_word(const struct redisReply *reply)
{
    return redis_text_at(reply, 0).s;
}

/* Whether the elements from first up to the one before last are numbers. */
static bool
are_numbers(const struct redisReply *reply, size_t first, size_t last)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < last)
        return false;
    while (first < last)
        if (reply->element[first++]->type != REDIS_REPLY_INTEGER)
            return false;
    return true;
}

int
tickets_read_figures(const struct redisReply *reply, size_t first,
                     struct tickets_figures *ret_figures)
{
    struct redisReply *const *value;

    if (!are_numbers(reply, first, first + 5))
        return -1;
    value = reply->element + first;
    *ret_figures = (struct tickets_figures){.waiting = value[0]->integer,
                                            .first = value[1]->integer,
                                            .matched = value[2]->integer,
                                            .p50 = value[3]->integer,
                                            .p90 = value[4]->integer};
    return 0;
}

int
tickets_read_view(const struct redisReply *reply, struct tickets_view *ret_view)
{
    /* In the order of the function's answer. */
    enum {
        WORD,
        STATE,
        QUEUE,
        OPENER,
        CODE,
        OPENED,
        SINCE,
        TIMEOUT,
        WAITED,
        REASON,
        MATCH,
        RATING,
        GAME,
        NOTE,
        PLACE,
        FIGURES,
        PLAYERS = FIGURES + 5
    };
    struct tickets_view v;

    if (strcmp(tickets_word(reply), "not_found") == 0)
        return 0;
    if (strcmp(tickets_word(reply), "ok") != 0 || !are_numbers(reply, OPENED, REASON) ||
        !are_numbers(reply, PLACE, FIGURES) || tickets_read_figures(reply, FIGURES, &v.figures) < 0)
        return -1;
    v.state = redis_text_at(reply, STATE);
    v.queue = redis_text_at(reply, QUEUE);
    v.opener = redis_text_at(reply, OPENER);
    v.code = redis_text_at(reply, CODE);
    v.opened = reply->element[OPENED]->integer;
    v.since = reply->element[SINCE]->integer;
    v.timeout = reply->element[TIMEOUT]->integer;
    v.waited = reply->element[WAITED]->integer;
    v.reason = redis_text_at(reply, REASON);
    v.match = redis_text_at(reply, MATCH);
    v.rating = redis_text_at(reply, RATING);
    v.game = redis_text_at(reply, GAME);
    v.note = redis_text_at(reply, NOTE);
    v.place = reply->element[PLACE]->integer;
    v.reply = reply;
    v.first_player = PLAYERS;
    *ret_view = v;
    return 1;
}

static bool
is(struct redis_text text, const char *word)
{
    return strcmp(text.s, word) == 0;
}

bool
tickets_is_over(struct redis_text state)
{
    return is(state, "matched") || is(state, "cancelled") || is(state, "expired");
}
