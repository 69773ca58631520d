/*
 * The ratings of a batch. A player's rating on a board is read once, goes through the batch's
 * matches in memory in their order, and is written once; its score on the board is a figure like
 * any other, which the item sets (batch.c), so that an event which fails undoes it too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/rules/rating_rule.h"
#include "worker/batch/batch_private.h"

#define HISTORY_MAX 100 /* ratings that are kept of a player on a board */

static struct record *
find_record(struct batch *b, size_t board, struct event_text player)
{
    const struct rules_board *rules = rules_board_at(b->product->rules, board);
    struct event_text field = {rules->id, strlen(rules->id)};
    struct record *record = batch_ledgers_find(b, LEDGER_RATINGS, player, field);

    if (record->rule == NULL) {
        record->rule = rules->rating;
        record->rating = rules->rating->start;
    }
    return record;
}

/* --- from events ------------------------------------------------------------------------------ */

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
        contest->match = batch_matches_copy(b, &match);
        *tail = contest;
        tail = &contest->next;
        players += match.nplayers;
    }
    return players;
}

void
batch_ratings_add_effects(struct batch *b, struct item *item)
{
    struct contest *contest;

    for (contest = item->contests; contest != NULL; contest = contest->next) {
        const struct match *m = contest->match;
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
            batch_figures_add_effect(b, item, &effect);
        }
        contest->nwindows = (item->neffects - before) / m->nplayers;
    }
}

/* --- computing -------------------------------------------------------------------------------- */

const char *
batch_ratings_prepare(struct item *item)
{
    wall_ms time = item->id.ms < (uint64_t)WINDOW_TIME_MAX ? (wall_ms)item->id.ms : WINDOW_TIME_MAX;
    struct contest *c;

    for (c = item->contests; c != NULL; c = c->next) {
        for (size_t i = 0; i < c->match->nplayers; i++) {
            if (c->records[i]->broken)
                return "a stored rating cannot be read";
            c->after[i] = c->records[i]->rating;
        }
        if (rating_rule_rate(c->rule, c->match, time, c->after) < 0)
            return "a rating would be beyond 2^53";
        for (size_t i = 0; i < c->match->nplayers * c->nwindows; i++)
            c->scores[i].value = rating_rule_score(c->rule, &c->after[i / c->nwindows]);
    }
    return NULL;
}

/* The rating for a chart of its course. */
static void
push_history(struct batch *b, const struct item *item, const struct contest *c, size_t i)
{
    const char *board = rules_board_at(b->product->rules, c->board)->id;
    char text[2 * TEXT_DOUBLE_SIZE], *key;
    size_t len = text_format_double((double)item->id.ms, text);

    text[len++] = ' ';
    len += text_format_double(rating_rule_score(c->rule, &c->after[i]), text + len);
    if (asprintf(&key, KEYG_HISTORY, b->product_id, b->generation.s, c->match->player[i].s, board) <
        0)
        mem_out();
    batch_lists_push(b, key, HISTORY_MAX,
                     (struct event_text){mem_arena_copy(&b->arena, text, len), len});
    free(key);
}

void
batch_ratings_commit(struct batch *b, struct item *item)
{
    struct contest *c;

    for (c = item->contests; c != NULL; c = c->next)
        for (size_t i = 0; i < c->match->nplayers; i++) {
            c->records[i]->rating = c->after[i];
            c->records[i]->changed = true;
            push_history(b, item, c, i);
        }
}
