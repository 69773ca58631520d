/*
 * The ratings of a batch. A player's rating on a board is read once, goes through the batch's
 * matches in memory in their order, and is written once; its score on the board is a figure like
 * any other, which the item sets (batch.c), so that an event which fails undoes it too.
 */
#include <string.h>

#include "lib/product.h"
#include "lib/rating_rule.h"
#include "worker/batch_private.h"

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

/* --- computing -------------------------------------------------------------------------------- */

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
