/*
 * Which figures an event of a batch touches: fields of the players' hashes, and players on the
 * windows of boards. Each stands once in the batch, found by its player.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/rules/rules.h"
#include "worker/batch/batch.h"
#include "worker/batch/batch_private.h"
#include "worker/batch/rulings.h"
#include "worker/mem.h"

#define SORT_MIN 32 /* of fewer scores their order does not matter */

/* What an effect is on; a score counts in each of its board's windows. */
struct place {
    const struct rules_effect *effect;
    enum window_kind kind;       /* RULES_BOARD */
    const struct window *window; /* RULES_BOARD */
    enum group_kind group;
};

/* Of a board; a hidden player's score is not on it, but beside it. */
static enum group_kind
kind_of(const struct batch *b, size_t board, struct event_text player)
{
    if (rulings_hides(b->rulings, player.s, player.len))
        return GROUP_HIDDEN;
    return rules_board_at(b->product->rules, board)->ties == RULES_COMPETITION ? GROUP_BOARD
                                                                               : GROUP_RANKED;
}

/* --- finding ---------------------------------------------------------------------------------- */

static struct player *
find_player(struct batch *b, struct event_text id)
{
    struct figures *f = b->figures;
    struct player *player = f->player;

    /* Most effects are on the figures of the same one as the effect before. */
    if (player != NULL && player->id.len == id.len && memcmp(player->id.s, id.s, id.len) == 0)
        return player;
    HASH_FIND(hh, f->players, id.s, id.len, player);
    if (player == NULL) {
        player = mem_arena_alloc(&f->arena, sizeof(*player));
        player->id = (struct event_text){mem_arena_copy(&f->arena, id.s, id.len), id.len};
        HASH_ADD_KEYPTR(hh, f->players, player->id.s, id.len, player);
    }
    f->player = player;
    return player;
}

static struct group *
add_group(struct batch *b, enum group_kind kind, char *key, int key_len)
{
    struct group *group = mem_arena_alloc(&b->figures->arena, sizeof(*group));

    if (key_len < 0)
        mem_out();
    group->kind = kind;
    group->key = mem_arena_copy(&b->figures->arena, key, (size_t)key_len);
    free(key);
    return group;
}

static struct group *
find_stats(struct batch *b, struct player *player)
{
    char *key;
    int len;

    if (player->stats == NULL) {
        len = asprintf(&key, KEYG_STATS, b->product_id, b->generation.s, player->id.s);
        player->stats = add_group(b, GROUP_STATS, key, len);
    }
    return player->stats;
}

/* The board's window that the place is on. */
static struct group *
find_window_group(struct batch *b, const struct place *place)
{
    struct group_name name = {.kind = place->group,
                              .window = place->kind,
                              .board = place->effect->board,
                              .starts = place->window->starts};
    struct group *group;
    char *key;
    int len;

    HASH_FIND(hh, b->figures->groups_by_name, &name, sizeof(name), group);
    if (group != NULL)
        return group;
    len = asprintf(&key, KEYG_BOARD "%s", b->product_id, b->generation.s,
                   rules_board_at(b->product->rules, place->effect->board)->id, place->window->name,
                   place->group == GROUP_HIDDEN ? KEYS_HIDDEN : "");
    group = add_group(b, place->group, key, len);
    group->name = name;
    group->window = mem_arena_alloc(&b->figures->arena, sizeof(*group->window));
    *group->window = *place->window;
    HASH_ADD(hh, b->figures->groups_by_name, name, sizeof(name), group);
    return group;
}

static bool
is_at(const struct figure *figure, const struct place *place)
{
    const struct group *group = figure->group;

    if (group->kind != place->group)
        return false;
    if (group->kind == GROUP_STATS)
        return figure->name.s == place->effect->stat.s; /* the rules have each name once */
    return group->name.board == place->effect->board && group->name.window == place->kind &&
           group->name.starts == place->window->starts;
}

/* The figure, and its group, are of this batch from now on. */
static void
touch(struct batch *b, struct figure *figure)
{
    struct group *group = figure->group;

    if (group->batch != b->number) {
        group->batch = b->number;
        group->figures = NULL;
        group->tail = &group->figures;
        group->nunknown = 0;
        b->groups = mem_grow(b->groups, &b->groups_cap, b->ngroups + 1, sizeof(struct group *));
        b->groups[b->ngroups++] = group;
    }
    b->figures->ntouched++;
    b->figures->nread += !figure->known;
    figure->batch = b->number;
    figure->changed = false;
    figure->next = NULL;
    *group->tail = figure;
    group->tail = &figure->next;
    if (figure->known || group->nunknown++ > 0)
        return;
    b->unknown = mem_grow(b->unknown, &b->unknown_cap, b->nunknown + 1, sizeof(struct group *));
    b->unknown[b->nunknown++] = group;
}

/* A new one, behind the player's last. */
static struct figure *
add_figure(struct batch *b, struct player *player, const struct place *place)
{
    struct figure *figure = mem_arena_alloc(&b->figures->arena, sizeof(*figure)), *last = player->last;

    if (place->group == GROUP_STATS) {
        figure->group = find_stats(b, player);
        figure->name = place->effect->stat;
    } else {
        figure->group = find_window_group(b, place);
        figure->name = player->id;
    }
    figure->ring = last != NULL ? last->ring : figure;
    if (last != NULL)
        last->ring = figure;
    return figure;
}

/* The figure that an effect is on: a field of the player's hash, or the player on the board. Events
 * of a kind touch them in the same order each time, so that the search begins behind the last. */
static struct figure *
find_figure(struct batch *b, const struct place *place)
{
    struct player *player = find_player(b, place->effect->player);
    struct figure *figure = player->last;

    do
        figure = figure != NULL ? figure->ring : NULL;
    while (figure != player->last && !is_at(figure, place));
    if (figure == NULL || !is_at(figure, place))
        figure = add_figure(b, player, place);
    player->last = figure;
    if (figure->batch != b->number)
        touch(b, figure);
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

    place->group = kind_of(b, place->effect->board, player);
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
    struct place place = {.effect = effect, .group = GROUP_STATS};

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

static int
compare(const void *p, const void *q)
{
    const struct figure *a = *(struct figure *const *)p, *b = *(struct figure *const *)q;
    size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = (a->value > b->value) - (a->value < b->value);

    if (order == 0)
        order = memcmp(a->name.s, b->name.s, len);
    return order != 0 ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

/* Scores that are written in their order are near each other in Redis' memory: of a large board
 * that saves it a tenth of the work, and more the more they are. */
static void
sort(struct batch *b, struct group *group)
{
    struct figure *f, **tail = &group->figures;
    size_t n = 0;

    for (f = group->figures; f != NULL; f = f->next) {
        b->sorted = mem_grow(b->sorted, &b->sorted_cap, n + 1, sizeof(struct figure *));
        b->sorted[n++] = f;
    }
    qsort(b->sorted, n, sizeof(struct figure *), compare);
    for (size_t i = 0; i < n; i++) {
        *tail = b->sorted[i];
        tail = &b->sorted[i]->next;
    }
    *tail = NULL;
    group->tail = tail;
}

/* Figures may be forgotten before anybody asks which boards changed. */
static void
note_changes(struct batch *b, const struct group *group)
{
    struct score_changes *changes;

    if (group->kind == GROUP_STATS || group->nchanged == 0)
        return;
    changes = mem_arena_alloc(&b->arena, sizeof(*changes));
    changes->board = group->name.board;
    changes->window = mem_arena_copy(&b->arena, group->window->name, strlen(group->window->name));
    changes->next = b->changes;
    b->changes = changes;
}

void
batch_figures_finish(struct batch *b)
{
    b->changes = NULL;
    for (size_t i = 0; i < b->ngroups; i++) {
        struct group *group = b->groups[i];

        group->nchanged = 0;
        for (const struct figure *f = group->figures; f != NULL; f = f->next)
            group->nchanged += f->changed;
        if (group->kind == GROUP_BOARD && group->nchanged >= SORT_MIN)
            sort(b, group);
        note_changes(b, group);
    }
}

bool
batch_changes_board(const struct batch *b, size_t board, const char *window)
{
    for (const struct score_changes *c = b->changes; c != NULL; c = c->next)
        if (c->board == board && strcmp(c->window, window) == 0)
            return true;
    return false;
}

/* --- from batch to batch ---------------------------------------------------------------------- */

static void
forget(struct figures *f)
{
    HASH_CLEAR(hh, f->groups_by_name);
    HASH_CLEAR(hh, f->players);
    f->player = NULL;
    mem_arena_reset(&f->arena);
}

void
batch_figures_begin(struct batch *b)
{
    struct figures *f = b->figures;

    if (!b->keep || f->product != b->product || strcmp(f->generation.s, b->generation.s) != 0)
        forget(f);
    f->product = b->product;
    f->generation = b->generation;
    f->ntouched = f->nread = 0;
    b->number = ++f->batches;
}

void
batch_figures_rest(struct figures *f)
{
    forget(f);
    mem_arena_free(&f->arena);
}

void
batch_figures_free(struct figures *f)
{
    if (--f->users > 0)
        return;
    batch_figures_rest(f);
    free(f);
}
