/*
 * What a batch of events does: taking events in, the figures they touch, and the arithmetic.
 * worker/batch/batch_apply.c makes the call that writes it.
 *
 * Each figure stands once in the batch, however many events touch it: read once, changed in memory
 * in the events' order, written once as an absolute value. An event counts as a whole or not at
 * all, so that a dead letter can be put right and sent again without counting anything twice.
 */
#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/product/product.h"
#include "lib/rules/rules.h"
#include "worker/batch/batch.h"
#include "worker/batch/batch_private.h"
#include "worker/mem.h"

/* So many bytes of figures are kept at any rate, more only where a batch finds at least one in
 * KEPT_USEFUL of those it touches: what is not found is in the way, above all of the processor's
 * cache. */
#define KEPT_ALWAYS ((size_t)4 << 20)
#define KEPT_USEFUL 8

static struct batch *
new_on(struct figures *figures)
{
    struct batch *b = mem_alloc(1, sizeof(*b));

    b->figures = figures;
    figures->users++;
    return b;
}

struct batch *
batch_new(void)
{
    return new_on(mem_alloc(1, sizeof(struct figures)));
}

struct batch *
batch_new_beside(struct batch *b)
{
    return new_on(b->figures);
}

static void
forget(struct batch *b)
{
    HASH_CLEAR(hh, b->tables);
    HASH_CLEAR(hh, b->ledgers_by_name);
    HASH_CLEAR(hh, b->records_by_name);
    HASH_CLEAR(hh, b->lists_by_key);
    HASH_CLEAR(hh, b->seen_by_id);
    HASH_CLEAR(hh, b->guards);
    HASH_CLEAR(hh, b->held_by_id);
    b->npaced = b->nheld = b->nsettled = 0;
    b->ngroups = b->nunknown = b->nledgers = b->nitems = b->nmoves = b->ngames = b->ngone = 0;
    b->nlooked = 0;
    b->number = 0;
    b->keep = false;
    b->changes = NULL;
    mem_arena_reset(&b->arena);
}

void
batch_keep(struct batch *b, size_t max)
{
    const struct figures *f = b->figures;
    bool useful =
        f->arena.total <= KEPT_ALWAYS || f->ntouched - f->nread >= f->ntouched / KEPT_USEFUL;

    b->keep = f->arena.total <= max && useful;
}

/* Of all that it has, only what it was told before the first start is left. */
static void
give_back(struct batch *b)
{
    struct batch empty = {.figures = b->figures, .rulings = b->rulings, .rebuild = b->rebuild};

    forget(b);
    mem_arena_free(&b->arena);
    free(b->groups);
    free(b->unknown);
    free(b->sorted);
    free(b->ledgers);
    free(b->items);
    free(b->moves);
    free(b->games);
    free(b->effects);
    free(b->before);
    free(b->windows);
    free(b->name);
    *b = empty;
}

void
batch_rest(struct batch *b)
{
    give_back(b);
    batch_figures_rest(b->figures);
}

void
batch_free(struct batch *b)
{
    if (b == NULL)
        return;
    give_back(b);
    batch_figures_free(b->figures);
    free(b);
}

/* The most windows that one event can be in on one board. */
static size_t
windows_most(const struct rules *rules)
{
    size_t most = 1;

    for (size_t i = 0; i < rules_board_count(rules); i++) {
        size_t n = 0;

        for (size_t kind = 0; kind < WINDOW_KINDS; kind++)
            n += rules_board_at(rules, i)->windows.has[kind];
        if (n > most)
            most = n;
    }
    return most;
}

void
batch_start(struct batch *b, const char *product_id, const struct generation *generation,
            const struct product *product)
{
    size_t slots;

    forget(b);
    (void)snprintf(b->product_id, sizeof(b->product_id), "%s", product_id);
    b->generation = *generation;
    b->product = product;
    if (product == NULL)
        return;
    b->effects = mem_grow(b->effects, &b->effects_max, rules_effects_max(product->rules) + 1,
                          sizeof(*b->effects));
    slots = rules_board_count(product->rules) * WINDOW_KINDS;
    b->windows = mem_grow(b->windows, &b->windows_cap, slots, sizeof(*b->windows));
    memset(b->windows, 0, slots * sizeof(*b->windows));
    b->windows_most = windows_most(product->rules);
}

void
batch_set_rulings(struct batch *b, const struct rulings *rulings)
{
    b->rulings = rulings;
}

void
batch_set_rebuild(struct batch *b)
{
    b->rebuild = true;
}

size_t
batch_events(const struct batch *b)
{
    return b->nitems;
}

struct event_id
batch_last_id(const struct batch *b)
{
    assert(b->nitems > 0);
    return b->items[b->nitems - 1].id;
}

static struct event_text
copy_text(struct batch *b, struct event_text t)
{
    if (t.s != NULL)
        t.s = mem_arena_copy(&b->arena, t.s, t.len);
    return t;
}

static struct item *
add_item(struct batch *b, struct event_id id, size_t nfields)
{
    struct item *item;

    b->items = mem_grow(b->items, &b->items_cap, b->nitems + 1, sizeof(*b->items));
    item = &b->items[b->nitems++];
    *item = (struct item){.id = id, .nfields = nfields};
    if (nfields > 0)
        item->fields = mem_arena_alloc(&b->arena, nfields * sizeof(*item->fields));
    return item;
}

void
batch_add(struct batch *b, const struct event *e)
{
    struct item *item;

    assert(b->product != NULL);
    item = add_item(b, e->id, 2 * e->nfields + (e->verdict != EVENT_NO_VERDICT ? 2 : 0));
    item->at = rules_event_at(b->product->rules, e);
    for (size_t i = 0; i < e->nfields; i++) {
        item->fields[2 * i] = copy_text(b, e->name[i]);
        item->fields[2 * i + 1] = copy_text(b, e->value[i]);
    }
    item->game_id = copy_text(b, e->game_id);
    item->type = e->type;
    if (e->verdict != EVENT_NO_VERDICT)
        batch_quarantine_add_verdict(b, item, e);
    if (batch_kind(e->type) != NULL && item->verdict != EVENT_DROP)
        batch_games_add(b, item);
}

void
batch_add_dead(struct batch *b, struct event_id id, const struct redisReply *entry,
               const char *reason)
{
    const struct redisReply *fields = NULL;
    struct item *item;
    size_t i, n = 0;

    if (entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 &&
        entry->element[1]->type == REDIS_REPLY_ARRAY)
        fields = entry->element[1];
    if (fields != NULL)
        n = fields->elements < DEAD_FIELDS_MAX ? fields->elements : DEAD_FIELDS_MAX;
    item = add_item(b, id, n);
    item->dead = reason;
    for (i = 0; i < n; i++) {
        const struct redisReply *field = fields->element[i];
        size_t len = field->str == NULL ? 0 : field->len;

        if (len > EVENT_FIELD_VALUE_MAX)
            len = EVENT_FIELD_VALUE_MAX;
        item->fields[i].s = mem_arena_copy(&b->arena, field->str, len);
        item->fields[i].len = len;
    }
}

/* --- what the events touch -------------------------------------------------------------------- */

static void
look_for_name(struct batch *b, struct item *item, const struct event *e)
{
    struct event_text none = {"", 0};

    item->argument = event_field(e, "username");
    item->named = batch_ledgers_find(b, LEDGER_NAMES, none, event_field(e, "user_id"));
}

/* The event as it was, but for a verdict's own field. */
static const struct event *
event_of(struct batch *b, const struct item *item)
{
    struct event *e = &b->scratch;

    e->id = item->id;
    e->type = item->type;
    e->product_id = (struct event_text){b->product_id, strlen(b->product_id)};
    e->game_id = item->game_id;
    e->nfields = item->nfields / 2 - (item->verdict != EVENT_NO_VERDICT);
    for (size_t i = 0; i < e->nfields; i++) {
        e->name[i] = item->fields[2 * i];
        e->value[i] = item->fields[2 * i + 1];
    }
    return e;
}

static void
look_at(struct batch *b, struct item *item)
{
    const struct event *e;

    if (item->dead != NULL || item->verdict == EVENT_DROP)
        return;
    e = event_of(b, item);
    if (e->type == EVENT_STATE_CHANGE)
        item->argument = event_field(e, "new_state");
    else if (e->type == EVENT_PLAYER_CONNECT || e->type == EVENT_PLAYER_DISCONNECT)
        item->argument = event_field(e, "player_id");
    else if (e->type == EVENT_PLAYER_NAME && !b->rebuild)
        look_for_name(b, item, e);
    if (item->verdict == EVENT_NO_VERDICT)
        batch_seen_add(b, item, event_field(e, "event_id"));
    batch_matches_add(b, item, e);
    if (item->dead == NULL)
        batch_figures_add(b, item, e);
}

/* The first look at a figure is as late as may be: until then they belong to the batch before. */
static void
look(struct batch *b)
{
    if (b->number == 0)
        batch_figures_begin(b);
    for (; b->nlooked < b->nitems; b->nlooked++)
        look_at(b, &b->items[b->nlooked]);
}

size_t
batch_reads(struct batch *b)
{
    look(b);
    return batch_reads_count(b);
}

/* --- computing -------------------------------------------------------------------------------- */

/* One effect, with what it takes to undo it. Returns why it cannot be, or NULL. */
static const char *
apply_effect(struct effect *effect, struct event_id id, struct before *ret_before)
{
    struct figure *figure = effect->figure;
    double after;

    if (effect->follows)
        effect->value = effect[-1].figure->value;
    *ret_before = (struct before){.value = figure->value,
                                  .reached = figure->reached,
                                  .exists = figure->exists,
                                  .changed = figure->changed};
    if (figure->broken)
        return "a stored figure is not a number";
    if (rules_apply(effect->op, figure->value, figure->exists, effect->value, &after) < 0)
        return "a figure would be beyond 2^53";
    if (!figure->exists || after != figure->value) {
        /* What adds up is as late as the latest of it, though an event of the past came last. */
        if (effect->op != RULES_ADD || !figure->exists || event_id_compare(id, figure->reached) > 0)
            figure->reached = id;
        figure->changed = true;
    }
    figure->exists = true;
    figure->value = after;
    return NULL;
}

/* The event counts: what it does beside its effects. */
static void
commit(struct batch *b, struct item *item)
{
    batch_ratings_commit(b, item);
    batch_matches_commit(b, item);
    batch_seen_commit(item);
    if (item->held != NULL)
        batch_quarantine_settle(b, item);
    else
        batch_bounds_commit(item);
    if (item->named != NULL) {
        item->named->name = item->argument;
        item->named->changed = true;
    }
}

static void
apply_item(struct batch *b, struct item *item)
{
    size_t done;

    b->before = mem_grow(b->before, &b->before_cap, item->neffects + 1, sizeof(*b->before));
    item->dead = batch_matches_prepare(item);
    if (item->dead == NULL)
        item->dead = batch_ratings_prepare(item);
    if (item->dead == NULL && item->verdict == EVENT_NO_VERDICT)
        batch_bounds_check_pace(b, item);
    for (done = 0; done < item->neffects && item->dead == NULL; done++) {
        const struct effect *effect = &item->effects[done];

        item->dead = apply_effect(&item->effects[done], item->at, &b->before[done]);
        if (item->dead == NULL && effect->guard != NULL && item->verdict == EVENT_NO_VERDICT)
            batch_bounds_check(b, item, effect, &b->before[done]);
    }
    if (item->dead == NULL) {
        commit(b, item);
        return;
    }
    if (item->breach != NULL) {
        batch_quarantine_hold(b, item);
        batch_seen_commit(item);
    }
    while (done-- > 0) {
        struct figure *figure = item->effects[done].figure;
        const struct before *before = &b->before[done];

        figure->value = before->value;
        figure->exists = before->exists;
        figure->changed = before->changed;
        figure->reached = before->reached;
    }
}

/* Whether the event goes to a game's state. One in quarantine does, at once: that a match is over
 * is so whatever its scores are worth. */
static bool
is_move(const struct item *item)
{
    return (item->dead == NULL || item->breach != NULL) && !item->duplicate &&
           item->verdict == EVENT_NO_VERDICT && batch_kind(item->type) != NULL;
}

void
batch_compute(struct batch *b)
{
    size_t i;

    look(b);
    HASH_CLEAR(hh, b->tables);
    b->nmoves = b->ngone = 0;
    for (i = 0; i < b->nitems; i++) {
        struct item *item = &b->items[i];

        item->duplicate = item->dead == NULL &&
                          (item->held != NULL ? !item->held->there : batch_seen_before(item));
        if (item->dead == NULL && !item->duplicate)
            apply_item(b, item);
        if (b->rebuild || !is_move(item))
            continue;
        if (item->gone) {
            b->ngone++;
            continue;
        }
        b->moves = mem_grow(b->moves, &b->moves_cap, b->nmoves + 1, sizeof(*b->moves));
        b->moves[b->nmoves++] = i;
    }
    batch_figures_finish(b);
    batch_tables_make(b);
}
