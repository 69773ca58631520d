/*
 * The bounds of boards: what a score may be, by how much one event may change it, and how many
 * events of one minute count for a player. An event that would go beyond one changes nothing at
 * all, and goes to quarantine.
 *
 * Minutes are those of the stream's time, so that the same events always come to the same. How many
 * there were is kept for the present minute alone.
 */
#include <hiredis/hiredis.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "worker/batch/batch_private.h"
#include "worker/mem.h"

#define MINUTE_MS 60000
/* A player's pace is one number: the minute times this, and the events in it. */
#define PACE_EVENTS ((int64_t)1 << 21)

_Static_assert((int64_t)RULES_PACE_MAX < PACE_EVENTS, "the events of a minute fit");
_Static_assert(WINDOW_TIME_MAX / MINUTE_MS < (int64_t)RULES_SCORE_MAX / PACE_EVENTS,
               "and it is exact");

static int64_t
minute_of(const struct item *item)
{
    wall_ms t = event_id_time(item->id);

    return (t < WINDOW_TIME_MAX ? t : WINDOW_TIME_MAX) / MINUTE_MS;
}

struct guard *
batch_bounds_find(struct batch *b, size_t board, struct event_text player)
{
    const struct rules_board *rules = rules_board_at(b->product->rules, board);
    size_t len = strlen(rules->id) + 1 + player.len;
    struct guard *guard;

    if (rules->bounds == NULL)
        return NULL;
    /* Neither a board's id nor, behind it, a player's is cut at another colon. */
    b->name = mem_grow(b->name, &b->name_cap, len + 1, 1);
    (void)snprintf(b->name, len + 1, "%s:%.*s", rules->id, (int)player.len, player.s);
    HASH_FIND(hh, b->guards, b->name, len, guard);
    if (guard != NULL)
        return guard;
    guard = mem_arena_alloc(&b->arena, sizeof(*guard));
    guard->name = (struct event_text){mem_arena_copy(&b->arena, b->name, len), len};
    guard->board = rules;
    guard->player = player;
    HASH_ADD_KEYPTR(hh, b->guards, guard->name.s, len, guard);
    if (isfinite(rules->bounds->max_per_minute))
        b->npaced++;
    return guard;
}

static bool
is_paced(const struct guard *guard)
{
    return isfinite(guard->board->bounds->max_per_minute);
}

/* --- reading ---------------------------------------------------------------------------------- */

size_t
batch_bounds_reads(const struct batch *b)
{
    return b->npaced > 0;
}

void
batch_bounds_read_command(const struct batch *b, struct redis_args *a)
{
    redis_args_str(a, "ZMSCORE");
    redis_args_printf(a, KEYG_PACE, b->product_id, b->generation.s);
    for (const struct guard *guard = b->guards; guard != NULL; guard = guard->hh.next)
        if (is_paced(guard))
            redis_args_add(a, guard->name.s, guard->name.len);
}

int
batch_bounds_read_reply(struct batch *b, const struct redisReply *reply)
{
    size_t n = 0;
    double pace;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != b->npaced)
        return -1;
    for (struct guard *guard = b->guards; guard != NULL; guard = guard->hh.next) {
        const struct redisReply *score;

        if (!is_paced(guard))
            continue;
        score = reply->element[n++];
        if (score->type == REDIS_REPLY_NIL)
            continue;
        if (score->type != REDIS_REPLY_STRING || text_parse_double(score->str, score->len, &pace) ||
            !(pace >= 0 && pace <= RULES_SCORE_MAX))
            return -1;
        guard->minute = (int64_t)pace / PACE_EVENTS;
        guard->events = (int64_t)pace % PACE_EVENTS;
    }
    return 0;
}

/* --- computing -------------------------------------------------------------------------------- */

static void
hold(struct batch *b, struct item *item, const struct guard *guard, const char *bound, double value,
     double limit)
{
    char value_text[TEXT_DOUBLE_SIZE], limit_text[TEXT_DOUBLE_SIZE];
    struct breach *breach = mem_arena_alloc(&b->arena, sizeof(*breach));
    char *reason;
    int len;

    (void)text_format_double(limit, limit_text);
    breach->guard = guard;
    breach->bound = bound;
    breach->value = mem_arena_copy(&b->arena, value_text, text_format_double(value, value_text));
    len = asprintf(&reason, "%s: %s is beyond %s %s", guard->board->id, value_text, bound,
                   limit_text);
    if (len < 0)
        mem_out();
    item->dead = breach->reason = mem_arena_copy(&b->arena, reason, (size_t)len);
    item->breach = breach;
    free(reason);
}

void
batch_bounds_check_pace(struct batch *b, struct item *item)
{
    for (size_t i = 0; i < item->neffects && item->breach == NULL; i++) {
        const struct guard *guard = item->effects[i].guard;
        int64_t events;

        if (guard == NULL || !is_paced(guard))
            continue;
        events = guard->minute == minute_of(item) ? guard->events + 1 : 1;
        if ((double)events > guard->board->bounds->max_per_minute)
            hold(b, item, guard, "max_per_minute", (double)events,
                 guard->board->bounds->max_per_minute);
    }
}

void
batch_bounds_check(struct batch *b, struct item *item, const struct effect *effect,
                   const struct before *before)
{
    const struct rules_bounds *bounds = effect->guard->board->bounds;
    double score = effect->figure->value, step = fabs(score - before->value);

    if (before->exists && step <= 0)
        return; /* whatever the event says, the score stays what it is */
    if (score < bounds->min)
        hold(b, item, effect->guard, "min", score, bounds->min);
    else if (score > bounds->max)
        hold(b, item, effect->guard, "max", score, bounds->max);
    else if ((before->exists || effect->op == RULES_ADD) && step > bounds->max_step)
        hold(b, item, effect->guard, "max_step", step, bounds->max_step);
}

void
batch_bounds_commit(const struct item *item)
{
    for (size_t i = 0; i < item->neffects; i++) {
        struct guard *guard = item->effects[i].guard;

        /* Once an event, in however many windows. */
        if (guard == NULL || !is_paced(guard) || guard->counted == item)
            continue;
        guard->events = guard->minute == minute_of(item) ? guard->events + 1 : 1;
        guard->minute = minute_of(item);
        guard->counted = item;
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

static size_t
count_changed(const struct batch *b)
{
    size_t n = 0;

    for (const struct guard *guard = b->guards; guard != NULL; guard = guard->hh.next)
        n += guard->counted != NULL;
    return n;
}

size_t
batch_bounds_add_key(const struct batch *b, struct redis_args *a)
{
    if (b->npaced == 0 || count_changed(b) == 0)
        return 0;
    redis_args_key(a, KEYG_PACE, b->product_id, b->generation.s);
    return 1;
}

void
batch_bounds_add(const struct batch *b, size_t key, struct redis_args *a)
{
    size_t n = b->npaced > 0 ? count_changed(b) : 0;

    if (n == 0)
        return;
    redis_args_str(a, "mark");
    redis_args_int(a, (int64_t)key);
    redis_args_int(a, minute_of(&b->items[b->nitems - 1]) * PACE_EVENTS);
    redis_args_int(a, (int64_t)n);
    for (const struct guard *guard = b->guards; guard != NULL; guard = guard->hh.next)
        if (guard->counted != NULL) {
            redis_args_int(a, guard->minute * PACE_EVENTS + guard->events);
            redis_args_add(a, guard->name.s, guard->name.len);
        }
}
