/*
 * The ratings of a batch. A player's rating on a board is read once, goes through the batch's
 * matches in memory in their order, and is written once; its score on the board is a figure like
 * any other, which the item sets (batch.c), so that an event which fails undoes it too.
 */
#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/keys.h"
#include "lib/product.h"
#include "lib/rating_rule.h"
#include "lib/redis.h"
#include "worker/batch_private.h"

/* --- what is in the batch --------------------------------------------------------------------- */

static struct ledger *
find_ledger(struct batch *b, struct event_text player)
{
    struct ledger *ledger;
    char *key;

    HASH_FIND(hh, b->ledgers_by_player, player.s, player.len, ledger);
    if (ledger != NULL)
        return ledger;
    if (asprintf(&key, KEY_PLAYER, b->product_id, player.s) < 0)
        mem_out();
    ledger = mem_arena_alloc(&b->arena, sizeof(*ledger));
    ledger->key = mem_arena_copy(&b->arena, key, strlen(key));
    free(key);
    ledger->tail = &ledger->records;
    HASH_ADD_KEYPTR(hh, b->ledgers_by_player, player.s, player.len, ledger);
    b->ledgers = mem_grow(b->ledgers, &b->ledgers_cap, b->nledgers + 1, sizeof(*b->ledgers));
    b->ledgers[b->nledgers++] = ledger;
    return ledger;
}

/* The player's rating on the board; player is in the arena. A player has few ratings. */
static struct record *
find_record(struct batch *b, size_t board, struct event_text player)
{
    const struct rules_board *rules = rules_board_at(b->product->rules, board);
    struct ledger *ledger = find_ledger(b, player);
    struct record *record;

    for (record = ledger->records; record != NULL; record = record->next)
        if (record->rule == rules->rating)
            return record;
    record = mem_arena_alloc(&b->arena, sizeof(*record));
    record->board = rules->id;
    record->rule = rules->rating;
    record->rating = rules->rating->start;
    *ledger->tail = record;
    ledger->tail = &record->next;
    ledger->nrecords++;
    return record;
}

/* --- from events ------------------------------------------------------------------------------ */

static struct match
copy_match(struct batch *b, const struct match *m)
{
    size_t *size = mem_arena_alloc(&b->arena, m->nteams * sizeof(*size));
    int64_t *rank = mem_arena_alloc(&b->arena, m->nteams * sizeof(*rank));
    struct event_text *player = mem_arena_alloc(&b->arena, m->nplayers * sizeof(*player));

    memcpy(size, m->size, m->nteams * sizeof(*size));
    memcpy(rank, m->rank, m->nteams * sizeof(*rank));
    for (size_t i = 0; i < m->nplayers; i++) {
        player[i].s = mem_arena_copy(&b->arena, m->player[i].s, m->player[i].len);
        player[i].len = m->player[i].len;
    }
    return (struct match){m->nteams, m->nplayers, size, rank, player};
}

size_t
batch_ratings_evaluate(struct batch *b, struct item *item, const struct event *e)
{
    const struct rules *rules = b->product->rules;
    struct contest **tail = &item->contests;
    size_t players = 0;

    for (size_t i = 0; i < rules_board_count(rules); i++) {
        const struct rating_rule *rule = rules_board_at(rules, i)->rating;
        struct contest *contest;
        struct match match;
        int found = 0;

        if (rule != NULL)
            found = rating_rule_match(rules, rule, e, &b->room, &match, &item->dead);
        if (found < 0)
            return 0;
        if (found == 0)
            continue;
        contest = mem_arena_alloc(&b->arena, sizeof(*contest));
        contest->board = i;
        contest->rule = rule;
        contest->match = copy_match(b, &match);
        *tail = contest;
        tail = &contest->next;
        players += match.nplayers;
    }
    return players;
}

void
batch_ratings_add_effects(struct batch *b, struct item *item, const struct event *e)
{
    struct contest *contest;

    for (contest = item->contests; contest != NULL; contest = contest->next) {
        const struct match *m = &contest->match;
        size_t before = item->neffects;

        contest->records = mem_arena_alloc(&b->arena, m->nplayers * sizeof(struct record *));
        contest->after = mem_arena_alloc(&b->arena, m->nplayers * sizeof(*contest->after));
        contest->scores = &item->effects[before];
        for (size_t i = 0; i < m->nplayers; i++) {
            struct rules_effect effect = {.target = RULES_BOARD,
                                          .op = RULES_SET,
                                          .board = contest->board,
                                          .player = m->player[i]};

            contest->records[i] = find_record(b, contest->board, m->player[i]);
            batch_figures_add_effect(b, item, e, &effect);
        }
        contest->nwindows = (item->neffects - before) / m->nplayers;
    }
}

/* --- reading and computing -------------------------------------------------------------------- */

void
batch_ratings_read_command(const struct batch *b, size_t i, struct redis_args *a)
{
    const struct ledger *ledger = b->ledgers[i];

    redis_args_str(a, "HMGET");
    redis_args_str(a, ledger->key);
    for (const struct record *r = ledger->records; r != NULL; r = r->next)
        redis_args_printf(a, KEYS_PLAYER_RATING, r->board);
}

int
batch_ratings_read_reply(struct batch *b, size_t i, const struct redisReply *reply)
{
    struct ledger *ledger = b->ledgers[i];
    size_t n = 0;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != ledger->nrecords)
        return -1;
    for (struct record *r = ledger->records; r != NULL; r = r->next) {
        const struct redisReply *text = reply->element[n++];

        if (text->type != REDIS_REPLY_NIL)
            r->broken = text->type != REDIS_REPLY_STRING ||
                        rating_rule_parse(r->rule, text->str, text->len, &r->rating) < 0;
    }
    return 0;
}

const char *
batch_ratings_prepare(struct item *item)
{
    struct contest *c;

    for (c = item->contests; c != NULL; c = c->next) {
        for (size_t i = 0; i < c->match.nplayers; i++) {
            if (c->records[i]->broken)
                return "a stored rating cannot be read";
            c->after[i] = c->records[i]->rating;
        }
        if (rating_rule_rate(c->rule, &c->match, (wall_ms)item->id.ms, c->after) < 0)
            return "a rating would be beyond 2^53";
        for (size_t i = 0; i < c->match.nplayers * c->nwindows; i++)
            c->scores[i].value = rating_rule_score(c->rule, &c->after[i / c->nwindows]);
    }
    return NULL;
}

void
batch_ratings_commit(struct item *item)
{
    struct contest *c;

    for (c = item->contests; c != NULL; c = c->next)
        for (size_t i = 0; i < c->match.nplayers; i++) {
            c->records[i]->rating = c->after[i];
            c->records[i]->changed = true;
        }
}

/* --- writing ---------------------------------------------------------------------------------- */

static size_t
count_changed(const struct ledger *ledger)
{
    size_t n = 0;

    for (const struct record *r = ledger->records; r != NULL; r = r->next)
        n += r->changed;
    return n;
}

size_t
batch_ratings_add_keys(const struct batch *b, struct redis_args *a)
{
    size_t keys = 0;

    for (size_t i = 0; i < b->nledgers; i++) {
        if (count_changed(b->ledgers[i]) == 0)
            continue;
        redis_args_key(a, "%s", b->ledgers[i]->key);
        keys++;
    }
    return keys;
}

void
batch_ratings_add_hashes(const struct batch *b, size_t key, struct redis_args *a)
{
    for (size_t i = 0; i < b->nledgers; i++) {
        size_t n = count_changed(b->ledgers[i]);

        if (n == 0)
            continue;
        redis_args_int(a, (int64_t)key++);
        redis_args_int(a, (int64_t)n);
        for (const struct record *r = b->ledgers[i]->records; r != NULL; r = r->next) {
            char text[RATING_RULE_TEXT_SIZE];

            if (!r->changed)
                continue;
            redis_args_printf(a, KEYS_PLAYER_RATING, r->board);
            redis_args_add(a, text, rating_rule_format(r->rule, &r->rating, text));
        }
    }
}
