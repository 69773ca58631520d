/*
 * Which figures an event of a batch touches: fields of the players' hashes, and players on the
 * windows of boards. Each stands once in the batch, found by name.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/keys.h"
#include "lib/product.h"
#include "lib/rules.h"
#include "worker/batch_private.h"
#include "worker/mem.h"
#include "worker/rulings.h"

/* What an effect is on; a score counts in each of its board's windows. */
struct place {
    const struct rules_effect *effect;
    enum window_kind kind;       /* RULES_BOARD */
    const struct window *window; /* RULES_BOARD */
    bool hidden; /* RULES_BOARD: the player's score is not on the board, but beside it */
};

static enum group_kind
kind_of(const struct batch *b, const struct place *place)
{
    const struct rules_effect *effect = place->effect;

    if (effect->target == RULES_STAT)
        return GROUP_STATS;
    if (place->hidden)
        return GROUP_HIDDEN;
    return rules_board_at(b->product->rules, effect->board)->ties == RULES_COMPETITION
               ? GROUP_BOARD
               : GROUP_RANKED;
}

/* How the two tables name things: this, the player where the group is one, then the figure's own
 * name. A group's name is the start of its figures' names. */
struct name_head {
    uint32_t kind;
    uint32_t board;
    uint64_t window;
    wall_ms starts;
    size_t player_len; /* keeps `ab`+`c` and `a`+`bc` apart */
};

/* Put the name of the figure into b->name; its first *ret_group_len bytes are the group's. */
static size_t
make_name(struct batch *b, const struct place *place, size_t *ret_group_len)
{
    const struct rules_effect *effect = place->effect;
    bool stat = effect->target == RULES_STAT;
    struct name_head head = {.kind = kind_of(b, place),
                             .board = stat ? 0 : (uint32_t)effect->board,
                             .window = stat ? 0 : place->kind,
                             .starts = stat ? 0 : place->window->starts,
                             .player_len = effect->player.len};
    size_t stat_len = stat ? effect->stat.len : 0;
    size_t len = sizeof(head) + effect->player.len + stat_len;

    if (!stat)
        head.player_len = 0;
    b->name = mem_grow(b->name, &b->name_cap, len, 1);
    memcpy(b->name, &head, sizeof(head));
    memcpy(b->name + sizeof(head), effect->player.s, effect->player.len);
    if (stat_len > 0)
        memcpy(b->name + sizeof(head) + effect->player.len, effect->stat.s, stat_len);
    *ret_group_len = sizeof(head) + head.player_len;
    return len;
}

/* The key in Redis. The product, the board and the player hold no NUL: rules_evaluate checks
 * names. */
static char *
make_key(struct batch *b, const struct place *place)
{
    const struct rules_effect *effect = place->effect;
    char *key;
    int len;

    if (effect->target == RULES_STAT)
        len = asprintf(&key, KEYG_STATS, b->product_id, b->generation.s, effect->player.s);
    else
        len = asprintf(&key, KEYG_BOARD "%s", b->product_id, b->generation.s,
                       rules_board_at(b->product->rules, effect->board)->id, place->window->name,
                       place->hidden ? KEYS_HIDDEN : "");
    if (len < 0)
        mem_out();
    return key;
}

static struct group *
find_group(struct batch *b, const struct place *place, size_t name_len)
{
    bool stat = place->effect->target == RULES_STAT;
    struct group *group;
    char *key;

    HASH_FIND(hh, b->groups_by_name, b->name, name_len, group);
    if (group != NULL)
        return group;
    group = mem_arena_alloc(&b->arena, sizeof(*group));
    group->kind = kind_of(b, place);
    if (!stat) {
        group->board = place->effect->board;
        group->window = *place->window;
    }
    key = make_key(b, place);
    group->key = mem_arena_copy(&b->arena, key, strlen(key));
    free(key);
    group->tail = &group->figures;
    HASH_ADD_KEYPTR(hh, b->groups_by_name, mem_arena_copy(&b->arena, b->name, name_len), name_len,
                    group);
    b->groups = mem_grow(b->groups, &b->groups_cap, b->ngroups + 1, sizeof(struct group *));
    b->groups[b->ngroups++] = group;
    return group;
}

/* The figure that an effect is on: a field of the player's hash, or the player on the board. */
static struct figure *
find_figure(struct batch *b, const struct place *place)
{
    const struct rules_effect *effect = place->effect;
    size_t group_len, len = make_name(b, place, &group_len);
    struct group *group;
    struct figure *figure;

    HASH_FIND(hh, b->figures_by_name, b->name, len, figure);
    if (figure != NULL)
        return figure;
    group = find_group(b, place, group_len);
    figure = mem_arena_alloc(&b->arena, sizeof(*figure));
    figure->name = effect->target == RULES_STAT ? effect->stat : effect->player;
    HASH_ADD_KEYPTR(hh, b->figures_by_name, mem_arena_copy(&b->arena, b->name, len), len, figure);
    *group->tail = figure;
    group->tail = &figure->next;
    group->nfigures++;
    return figure;
}

/* A season may have been ended before its time. */
static void
end_season(const struct batch *b, size_t board, struct window *season)
{
    wall_ms end = rulings_season_end(b->rulings, rules_board_at(b->product->rules, board)->id,
                                     window_season_id(season));

    if (end < season->ends)
        season->ends = end;
}

/* The board's window of this kind that the event is in, or NULL. */
static const struct window *
find_window(struct batch *b, size_t board, enum window_kind kind, struct event_id at)
{
    const struct window_plan *plan = &rules_board_at(b->product->rules, board)->windows;
    struct window_slot *slot = &b->windows[board * WINDOW_KINDS + kind];
    wall_ms t = at.ms < (uint64_t)WINDOW_TIME_MAX ? event_id_time(at) : WINDOW_TIME_MAX;

    if (!plan->has[kind])
        return NULL;
    if (!slot->known || t < slot->window.starts || t >= slot->window.ends) {
        slot->known = window_at(plan, kind, t, &slot->window);
        if (slot->known && kind == WINDOW_SEASON)
            end_season(b, board, &slot->window);
    }
    return slot->known && t < slot->window.ends ? &slot->window : NULL;
}

static void
add_effect(struct batch *b, struct item *item, const struct place *place, struct guard *guard)
{
    item->effects[item->neffects++] = (struct effect){.figure = find_figure(b, place),
                                                      .guard = guard,
                                                      .op = place->effect->op,
                                                      .value = place->effect->value,
                                                      .follows = place->effect->follows};
}

static void
add_board_effects(struct batch *b, struct item *item, struct place *place)
{
    struct event_text player = place->effect->player;
    struct guard *guard = batch_bounds_find(b, place->effect->board, player);

    place->hidden = rulings_hides(b->rulings, player.s, player.len);
    for (int kind = WINDOW_ALL; kind < WINDOW_KINDS; kind++) {
        place->kind = (enum window_kind)kind;
        place->window = find_window(b, place->effect->board, place->kind, item->at);
        if (place->window != NULL)
            add_effect(b, item, place, guard);
    }
}

void
batch_figures_add_effect(struct batch *b, struct item *item, const struct rules_effect *effect)
{
    struct place place = {.effect = effect};

    if (effect->target == RULES_BOARD)
        add_board_effects(b, item, &place);
    else
        add_effect(b, item, &place, NULL);
}

/* Evaluate the rules on the copied event, so that what they borrow from it lives as long as the
 * batch. */
void
batch_figures_add(struct batch *b, struct item *item, const struct event *e)
{
    size_t i, n, scores;

    if (rules_evaluate(b->product->rules, e, &b->rules_room, b->effects, b->effects_max, &n,
                       &item->dead) < 0)
        return;
    scores = batch_ratings_evaluate(b, item, e);
    if (item->dead != NULL || n + scores == 0)
        return;
    item->effects =
        mem_arena_alloc(&b->arena, (n + scores) * b->windows_most * sizeof(*item->effects));
    for (i = 0; i < n; i++) {
        struct event_text *player = &b->effects[i].player;

        if (b->effects[i].in_room)
            player->s = mem_arena_copy(&b->arena, player->s, player->len);
        batch_figures_add_effect(b, item, &b->effects[i]);
    }
    batch_ratings_add_effects(b, item);
}

size_t
batch_figures_changed(const struct group *group)
{
    const struct figure *figure;
    size_t n = 0;

    for (figure = group->figures; figure != NULL; figure = figure->next)
        n += figure->changed;
    return n;
}
