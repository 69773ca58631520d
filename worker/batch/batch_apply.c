/*
 * A computed batch as one call of the Redis function `apply`; docs/ARCHITECTURE.md tells its
 * arguments. Values are absolute, so that the call says what is to be, and the checkpoint in it
 * decides whether it is.
 */
#include <string.h>

#include "lib/base/text.h"
#include "lib/lobby/lobby.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "lib/rules/rules.h"
#include "worker/batch/batch.h"
#include "worker/batch/batch_private.h"

/* The keys that every call has, counted from 1 as Lua does; games and figures come behind them. */
enum { KEYS_POSITION = 2 + LOBBY_KEYS + 1, KEYS_FIXED = KEYS_POSITION };

static void
add_fixed_keys(const struct batch *b, const struct batch_span *span, struct redis_args *a)
{
    if (b->rebuild)
        redis_args_key(a, KEYG_CHECKPOINT, b->product_id, b->generation.s);
    else
        redis_args_key(a, KEY_CHECKPOINT, b->product_id, span->stream);
    redis_args_key(a, KEY_DEADLETTERS, b->product_id);
    lobby_add_keys(a, b->product_id);
    if (b->rebuild)
        redis_args_key(a, KEYG_POSITION, b->product_id, b->generation.s);
    else
        redis_args_key(a, KEY_POSITION, b->product_id, span->stream);
}

static void
add_timeouts(const struct batch *b, struct redis_args *a)
{
    static const struct product_timeouts none = {0, 0, 0, 0, 0, 0};
    const struct product_timeouts *t = b->product != NULL ? &b->product->timeouts : &none;

    redis_args_int(a, t->created);
    redis_args_int(a, t->seat);
    redis_args_int(a, t->creator_joined);
    redis_args_int(a, t->all_players_joined);
    redis_args_int(a, t->in_progress);
    redis_args_int(a, t->ended);
}

static void
add_moves(const struct batch *b, wall_ms latest, struct redis_args *a)
{
    size_t i;

    redis_args_int(a, (int64_t)b->nmoves);
    for (i = 0; i < b->nmoves; i++) {
        struct batch_move move = batch_move_at(b, i);

        redis_args_int(a, (int64_t)(KEYS_FIXED + 1 + i));
        redis_args_add(a, move.game_id.s, move.game_id.len);
        redis_args_int(a, move.id.ms < (uint64_t)latest ? (wall_ms)move.id.ms : latest);
        redis_args_str(a, move.kind);
        redis_args_add(a, move.argument.s, move.argument.len);
    }
}

/* What is written in one section of the call; ranked boards have their own, and tables are
 * operations. */
enum section { HASHES, SETS, SECTIONS };

static enum section
section_of(const struct group *group)
{
    switch (group->kind) {
    case GROUP_STATS:
        return batch_tables_have(group) ? SECTIONS : HASHES;
    case GROUP_HIDDEN:
        return HASHES;
    case GROUP_BOARD:
        return SETS;
    case GROUP_RANKED:
        break;
    }
    return SECTIONS;
}

static void
add_figure(const struct batch *b, const struct group *group, const struct figure *figure,
           struct redis_args *a)
{
    char value[BATCH_RANKED_SIZE];
    size_t len = batch_ranked_has_places(b, group) ? batch_ranked_format(b, group, figure, value)
                                                   : text_format_double(figure->value, value);

    if (section_of(group) == HASHES) {
        redis_args_add(a, figure->name.s, figure->name.len);
        redis_args_add(a, value, len);
    } else {
        redis_args_add(a, value, len);
        redis_args_add(a, figure->name.s, figure->name.len);
    }
}

/* The keys of one section that change: hashes want field and value, sorted sets score and member.
 * key counts on from the one before. */
static void
add_groups(const struct batch *b, enum section section, size_t *key, struct redis_args *a)
{
    const struct figure *figure;
    size_t i, n;

    for (i = 0; i < b->ngroups; i++) {
        const struct group *group = b->groups[i];

        n = section_of(group) == section ? group->nchanged : 0;
        if (n == 0)
            continue;
        redis_args_int(a, (int64_t)++ * key);
        redis_args_int(a, (int64_t)n);
        for (figure = group->figures; figure != NULL; figure = figure->next)
            if (figure->changed)
                add_figure(b, group, figure, a);
    }
}

/* The keys of the games and of the groups that change, in the order in which they are counted. */
static void
add_keys(const struct batch *b, struct redis_args *a, size_t ret_changed[static SECTIONS])
{
    size_t i, section;

    for (i = 0; i < b->nmoves; i++)
        redis_args_key(a, KEY_GAME, b->product_id, batch_move_at(b, i).game_id.s);
    for (section = HASHES; section < SECTIONS; section++) {
        ret_changed[section] = 0;
        for (i = 0; i < b->ngroups; i++) {
            if (section_of(b->groups[i]) != section || b->groups[i]->nchanged == 0)
                continue;
            redis_args_key(a, "%s", b->groups[i]->key);
            ret_changed[section]++;
        }
    }
}

/* Whether the group is of a window that ends, and changes: it is to be listed. */
static bool
is_listed(const struct group *group)
{
    return group->kind != GROUP_STATS && group->window->ends != WINDOW_NEVER && group->nchanged > 0;
}

static size_t
count_listed(const struct batch *b)
{
    size_t i, n = 0;

    for (i = 0; i < b->ngroups; i++)
        n += is_listed(b->groups[i]);
    return n;
}

/* The list of windows, by their ends: what is in it is removed when nobody can ask for it. */
static void
add_listed(const struct batch *b, size_t n, size_t key, struct redis_args *a)
{
    size_t i;

    if (n == 0)
        return;
    redis_args_int(a, (int64_t)key);
    redis_args_int(a, (int64_t)n);
    for (i = 0; i < b->ngroups; i++)
        if (is_listed(b->groups[i])) {
            const struct group *group = b->groups[i];
            size_t beside = group->kind == GROUP_HIDDEN ? strlen(KEYS_HIDDEN) : 0;

            redis_args_int(a, group->window->ends);
            redis_args_add(a, group->key, strlen(group->key) - beside);
        }
}

/* A rebuild leaves them to whoever applied the events. */
static size_t
count_dead(const struct batch *b)
{
    return b->rebuild ? 0 : batch_results(b).dead;
}

/* A dead letter: why and where it was, then its fields as they were. */
static void
add_dead_letters(const struct batch *b, struct redis_args *a)
{
    char id[EVENT_ID_SIZE];
    size_t i, j, n = count_dead(b);

    redis_args_int(a, (int64_t)n);
    for (i = 0; n > 0 && i < b->nitems; i++) {
        const struct item *item = &b->items[i];

        if (item->dead == NULL || item->breach != NULL)
            continue;
        redis_args_int(a, (int64_t)(4 + item->nfields / 2 * 2));
        redis_args_str(a, "reason");
        redis_args_str(a, item->dead);
        redis_args_str(a, "source_id");
        (void)event_id_format(item->id, id);
        redis_args_str(a, id);
        for (j = 0; j < item->nfields / 2 * 2; j++)
            redis_args_add(a, item->fields[j].s, item->fields[j].len);
    }
}

/* Those that did not count, for the archive, which leaves them out. */
static void
add_aside(const struct batch *b, size_t key, struct redis_args *a)
{
    char id[EVENT_ID_SIZE];

    redis_args_int(a, (int64_t)key);
    redis_args_int(a, (int64_t)count_dead(b));
    for (size_t i = 0; i < b->nitems; i++)
        if (b->items[i].dead != NULL && b->items[i].breach == NULL) {
            redis_args_double(a, (double)b->items[i].id.ms);
            redis_args_add(a, id, event_id_format(b->items[i].id, id));
        }
}

static void
add_position(const struct batch_span *span, const char *end, struct redis_args *a)
{
    char since[EVENT_ID_SIZE];

    redis_args_int(a, KEYS_POSITION);
    redis_args_int(a, 4);
    redis_args_str(a, "id");
    redis_args_str(a, end);
    redis_args_str(a, "entries");
    redis_args_int(a, span->entries);
    redis_args_str(a, "events");
    redis_args_int(a, span->events.n);
    redis_args_str(a, "since");
    (void)event_id_format(span->events.since, since);
    redis_args_str(a, since);
}

void
batch_apply_command(const struct batch *b, const struct batch_span *span, struct redis_args *a)
{
    size_t seen = batch_seen_changed(b) > 0;
    size_t aside = b->product != NULL && count_dead(b) > 0;
    size_t changed[SECTIONS], texts, ranked, paced, held, tables, behind,
        key = KEYS_FIXED + b->nmoves, listed = count_listed(b);
    char end[EVENT_ID_SIZE];

    redis_args_fcall(a, "apply", false);
    add_fixed_keys(b, span, a);
    add_keys(b, a, changed);
    if (listed > 0)
        redis_args_key(a, KEYG_WINDOWS, b->product_id, b->generation.s);
    texts = batch_ledgers_add_keys(b, a);
    ranked = batch_ranked_add_keys(b, a);
    if (seen > 0)
        redis_args_key(a, KEYG_SEEN, b->product_id, b->generation.s);
    if (aside > 0)
        redis_args_key(a, KEY_ASIDE, b->product_id);
    batch_lists_add_keys(b, a);
    paced = batch_bounds_add_key(b, a);
    held = batch_quarantine_add_key(b, a);
    tables = batch_tables_add_keys(b, a);
    batch_ledgers_add_names_keys(b, a);
    redis_args_str(a, span->checkpoint);
    (void)event_id_format(span->end, end);
    redis_args_str(a, end);
    add_timeouts(b, a);
    add_moves(b, span->latest, a);
    redis_args_int(a, (int64_t)(1 + changed[HASHES] + texts));
    add_position(span, end, a);
    add_groups(b, HASHES, &key, a);
    behind = key + changed[SETS] + (listed > 0) + 1;
    batch_ledgers_add_hashes(b, behind, a);
    behind += texts;
    redis_args_int(a, (int64_t)(changed[SETS] + (listed > 0) + seen + aside));
    add_groups(b, SETS, &key, a);
    add_listed(b, listed, key + 1, a);
    batch_seen_add_set(b, behind + 3 * ranked, a);
    if (aside > 0)
        add_aside(b, behind + 3 * ranked + seen, a);
    add_dead_letters(b, a);
    batch_ranked_add(b, ranked, behind, a);
    batch_seen_add_forget(b, behind + 3 * ranked, a);
    behind += 3 * ranked + seen + aside;
    batch_lists_add(b, behind, a);
    behind += batch_lists_keys(b);
    batch_bounds_add(b, behind, a);
    batch_quarantine_add(b, behind + paced, a);
    batch_tables_add(b, behind + paced + held, a);
    batch_ledgers_add_names(b, behind + paced + held + tables, a);
}
