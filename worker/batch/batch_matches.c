/*
 * The matches of a batch, as each game_over tells one: into the list of the last matches of
 * everybody who played, and into what there was between each two who played against each other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/batch/batch_private.h"
#include "worker/mem.h"

/* Every player's name, each byte of it escaped. */
#define MATCH_JSON_MAX ((size_t)MATCH_PLAYERS_MAX * (6 * TEXT_USER_ID_MAX + 64))

static struct event_text
copied(struct batch *b, const char *s, size_t len)
{
    return (struct event_text){mem_arena_copy(&b->arena, s, len), len};
}

struct match *
batch_matches_copy(struct batch *b, const struct match *m)
{
    struct match *copy = mem_arena_alloc(&b->arena, sizeof(*copy));
    size_t *size = mem_arena_alloc(&b->arena, m->nteams * sizeof(*size));
    int64_t *rank = mem_arena_alloc(&b->arena, m->nteams * sizeof(*rank));
    struct event_text *player = mem_arena_alloc(&b->arena, m->nplayers * sizeof(*player));

    memcpy(size, m->size, m->nteams * sizeof(*size));
    memcpy(rank, m->rank, m->nteams * sizeof(*rank));
    for (size_t i = 0; i < m->nplayers; i++)
        player[i] = copied(b, m->player[i].s, m->player[i].len);
    *copy = (struct match){m->nteams, m->nplayers, size, rank, player};
    return copy;
}

/* Go over each two players of different teams, in both orders; fn gets the k-th two, player i of
 * team a and player j of team b. */
typedef void pair_fn(struct batch *b, struct item *item, size_t k, size_t a, size_t i, size_t other,
                     size_t j);

static void
each_pair(struct batch *b, struct item *item, pair_fn *fn)
{
    const struct match *m = item->match;
    size_t k = 0, i = 0;

    for (size_t team = 0; team < m->nteams; team++)
        for (size_t end = i + m->size[team]; i < end; i++) {
            size_t j = 0;

            for (size_t other = 0; other < m->nteams; other++)
                for (size_t n = 0; n < m->size[other]; n++, j++)
                    if (other != team)
                        fn(b, item, k++, team, i, other, j);
        }
}

static void
find_pair(struct batch *b, struct item *item, size_t k, size_t team, size_t i, size_t other,
          size_t j)
{
    const struct match *m = item->match;

    (void)team;
    (void)other;
    item->versus[k] = batch_ledgers_find(b, LEDGER_VERSUS, m->player[i], m->player[j]);
}

void
batch_matches_add(struct batch *b, struct item *item, const struct event *e)
{
    struct event_text placements = event_field(e, "placements");
    struct match match;
    bool found = true;

    if (e->type != EVENT_GAME_OVER)
        return;
    if (placements.s != NULL)
        item->dead = match_placements(placements, event_field(e, "ranks"), &b->room, &match);
    else
        found =
            match_pair(event_field(e, "winner_id"), event_field(e, "loser_id"), &b->room, &match);
    if (item->dead != NULL || !found)
        return;
    item->match = batch_matches_copy(b, &match);
    if (!b->product->head_to_head)
        return;
    for (size_t team = 0; team < match.nteams; team++)
        item->nversus += match.size[team] * (match.nplayers - match.size[team]);
    item->versus = mem_arena_alloc(&b->arena, item->nversus * sizeof(struct record *));
    each_pair(b, item, find_pair);
}

const char *
batch_matches_prepare(const struct item *item)
{
    for (size_t k = 0; k < item->nversus; k++)
        if (item->versus[k]->broken)
            return "what is stored of two players' matches cannot be read";
    return NULL;
}

static void
count_pair(struct batch *b, struct item *item, size_t k, size_t team, size_t i, size_t other,
           size_t j)
{
    const int64_t *rank = item->match->rank;
    struct record *record = item->versus[k];

    (void)b;
    (void)i;
    (void)j;
    if (rank[team] < rank[other])
        record->tally.wins++;
    else if (rank[team] > rank[other])
        record->tally.losses++;
    else
        record->tally.draws++;
    record->changed = true;
}

/* What all who played are told: `"placements": [["7"],["42"]], "ranks": [1,2]}`. */
static void
render_match(const struct match *m, struct buf *out)
{
    size_t i = 0;

    buf_str(out, "\"placements\": [");
    for (size_t team = 0; team < m->nteams; team++) {
        buf_str(out, team > 0 ? ",[" : "[");
        for (size_t n = 0; n < m->size[team]; n++, i++) {
            buf_str(out, n > 0 ? "," : "");
            buf_json_string(out, m->player[i].s, m->player[i].len);
        }
        buf_str(out, "]");
    }
    buf_str(out, "], \"ranks\": [");
    for (size_t team = 0; team < m->nteams; team++)
        buf_printf(out, "%s%lld", team > 0 ? "," : "", (long long)m->rank[team]);
    buf_str(out, "]}");
}

/* Whoever is alone in front has won, who shares that place has drawn. */
static const char *
result_of(const struct match *m, size_t team)
{
    if (m->nteams == 1)
        return "win";
    if (m->rank[team] > m->rank[0])
        return "loss";
    return m->rank[1] > m->rank[0] ? "win" : "draw";
}

static void
push_match(struct batch *b, const struct item *item, const struct buf *told)
{
    const struct match *m = item->match;
    char at[CLOCK_RFC3339_SIZE], *key;
    struct buf text;
    size_t i = 0;

    buf_init(&text, MATCH_JSON_MAX + 512);
    clock_format_rfc3339(event_id_time(item->at), at);
    for (size_t team = 0; team < m->nteams; team++)
        for (size_t n = 0; n < m->size[team]; n++, i++) {
            buf_reset(&text);
            buf_printf(&text, "{\"game_id\": \"%s\", \"at\": \"%s\", \"result\": \"%s\", ",
                       item->game_id.s, at, result_of(m, team));
            buf_add(&text, told->data, told->len);
            if (!buf_ok(&text) ||
                asprintf(&key, KEYG_MATCHES, b->product_id, b->generation.s, m->player[i].s) < 0)
                mem_out();
            batch_lists_push(b, key, (size_t)b->product->matches, copied(b, text.data, text.len));
            free(key);
        }
    buf_free(&text);
}

void
batch_matches_commit(struct batch *b, struct item *item)
{
    struct buf told;

    if (item->match == NULL)
        return;
    if (b->product->head_to_head)
        each_pair(b, item, count_pair);
    if (b->product->matches == 0)
        return;
    buf_init(&told, MATCH_JSON_MAX);
    render_match(item->match, &told);
    if (!buf_ok(&told))
        mem_out();
    push_match(b, item, &told);
    buf_free(&told);
}
