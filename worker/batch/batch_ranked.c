/*
 * Boards whose ties are told apart: what is beside them has to be kept in step, so `apply` has a
 * section for them. Where ties are `first`, a player's place tells when the score was reached, and
 * stands before the user id in the board: among equal scores Redis orders by it.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "worker/batch/batch_private.h"

#define PLACE_DIGITS 16
#define PLACE_MS_BITS 48
#define PLACE_SEQ_BITS 16

static bool
is_first(const struct batch *b, const struct group *group)
{
    return rules_board_at(b->product->rules, group->name.board)->ties == RULES_FIRST;
}

/* The key and the suffix of what is beside it; of dense boards also the second one. */
static const char *
beside(const struct batch *b, const struct group *group)
{
    return is_first(b, group) ? KEYS_MEMBERS : KEYS_SCORES;
}

/* --- reading ---------------------------------------------------------------------------------- */

void
batch_ranked_read_command(const struct batch *b, const struct group *group, struct redis_args *a)
{
    const struct figure *figure;

    redis_args_str(a, is_first(b, group) ? "HMGET" : "ZMSCORE");
    redis_args_printf(a, "%s%s", group->key, is_first(b, group) ? KEYS_MEMBERS : "");
    for (figure = group->figures; figure != NULL; figure = figure->next)
        if (!figure->known)
            redis_args_add(a, figure->name.s, figure->name.len);
}

bool
batch_ranked_has_places(const struct batch *b, const struct group *group)
{
    return (group->kind == GROUP_RANKED || group->kind == GROUP_HIDDEN) && is_first(b, group);
}

static bool
is_descending(const struct batch *b, const struct group *group)
{
    return rules_board_at(b->product->rules, group->name.board)->order == RULES_DESC;
}

struct event_text
batch_ranked_score(const struct batch *b, const struct group *group,
                   const struct redisReply *value, struct event_id *ret_reached)
{
    struct event_text text = {value->str, value->len};
    char digits[PLACE_DIGITS + 1] = "";
    uint64_t place;

    if (text.len <= PLACE_DIGITS)
        return text;
    memcpy(digits, text.s, PLACE_DIGITS);
    if (strspn(digits, "0123456789abcdef") != PLACE_DIGITS)
        return text;
    place = strtoull(digits, NULL, 16);
    if (is_descending(b, group))
        place = ~place;
    *ret_reached = (struct event_id){place >> PLACE_SEQ_BITS, place & ((1U << PLACE_SEQ_BITS) - 1)};
    text.s += PLACE_DIGITS + 1;
    text.len -= PLACE_DIGITS + 1;
    return text;
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool
is_written(const struct group *group)
{
    return group->kind == GROUP_RANKED && group->nchanged > 0;
}

size_t
batch_ranked_add_keys(const struct batch *b, struct redis_args *a)
{
    size_t n = 0;

    for (size_t i = 0; i < b->ngroups; i++) {
        const struct group *group = b->groups[i];

        if (!is_written(group))
            continue;
        redis_args_key(a, "%s", group->key);
        redis_args_key(a, "%s%s", group->key, beside(b, group));
        redis_args_key(a, "%s%s", group->key, is_first(b, group) ? KEYS_MEMBERS : KEYS_COUNTS);
        n++;
    }
    return n;
}

/* Earlier is ahead: boards that high scores lead are read from the end. */
static void
format_place(struct event_id id, bool descending, char out[static PLACE_DIGITS + 1])
{
    uint64_t ms = id.ms >> PLACE_MS_BITS == 0 ? id.ms : (UINT64_C(1) << PLACE_MS_BITS) - 1;
    uint64_t seq = id.seq >> PLACE_SEQ_BITS == 0 ? id.seq : (UINT64_C(1) << PLACE_SEQ_BITS) - 1;
    uint64_t place = ms << PLACE_SEQ_BITS | seq;

    (void)snprintf(out, PLACE_DIGITS + 1, "%016llx",
                   (unsigned long long)(descending ? ~place : place));
}

size_t
batch_ranked_format(const struct batch *b, const struct group *group, const struct figure *figure,
                    char out[static BATCH_RANKED_SIZE])
{
    format_place(figure->reached, is_descending(b, group), out);
    out[PLACE_DIGITS] = ':';
    return PLACE_DIGITS + 1 + text_format_double(figure->value, out + PLACE_DIGITS + 1);
}

static void
add_group(const struct batch *b, const struct group *group, size_t key, struct redis_args *a)
{
    const struct figure *figure;

    redis_args_str(a, is_first(b, group) ? "first" : "dense");
    for (size_t i = 0; i < 3; i++)
        redis_args_int(a, (int64_t)(key + i));
    redis_args_int(a, (int64_t)group->nchanged);
    for (figure = group->figures; figure != NULL; figure = figure->next) {
        char score[TEXT_DOUBLE_SIZE], place[PLACE_DIGITS + 1];

        if (!figure->changed)
            continue;
        redis_args_add(a, score, text_format_double(figure->value, score));
        redis_args_add(a, figure->name.s, figure->name.len);
        format_place(figure->reached, is_descending(b, group), place);
        redis_args_str(a, is_first(b, group) ? place : "");
    }
}

void
batch_ranked_add(const struct batch *b, size_t n, size_t key, struct redis_args *a)
{
    redis_args_int(a, (int64_t)n);
    for (size_t i = 0; i < b->ngroups; i++)
        if (is_written(b->groups[i])) {
            add_group(b, b->groups[i], key, a);
            key += 3;
        }
}
