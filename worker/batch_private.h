/* The inside of a batch, for batch*.c alone. */
#ifndef VARCADE_WORKER_BATCH_PRIVATE_H
#define VARCADE_WORKER_BATCH_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
/* uthash's own choice has a switch that falls through, which clang takes for a slip of ours. */
#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)
#include <uthash.h>

#include "lib/event.h"
#include "lib/rules.h"
#include "lib/window.h"
#include "worker/mem.h"

#define DEAD_FIELDS_MAX ((size_t)2 * EVENT_FIELDS_MAX) /* names and values kept of a broken event */

/* One number of one player. In the arena, as are groups, items' parts and every text. */
struct figure {
    struct event_text name; /* field of the player's hash, or member of the board */
    double value;           /* as read, then as it is after the events so far; 0 where !exists */
    bool exists;
    bool broken;            /* what is stored is not a number */
    bool changed;           /* value is to be written */
    struct figure *next;    /* in its group */
    UT_hash_handle hh;
};

enum group_kind { GROUP_STATS, GROUP_BOARD };

/* The figures that are in one key. */
struct group {
    enum group_kind kind;
    size_t board;           /* GROUP_BOARD: which */
    struct window window;   /* GROUP_BOARD: and of when */
    char *key;              /* its name in Redis */
    struct figure *figures, **tail;
    size_t nfigures;
    UT_hash_handle hh;
};

/* The window of a kind that the event before was in; most are in the same one. */
struct window_slot {
    bool known;
    struct window window;
};

struct effect {
    struct figure *figure;
    enum rules_op op;
    double value;
    double was;        /* the figure before this effect, to undo it */
    bool was_there;
    bool was_changed;
};

struct item {
    struct event_id id;
    enum event_type type;
    struct event_text game_id;
    struct event_text argument; /* of the game event: new_state or player_id */
    struct event_text *fields;  /* names and values in turn, as they were written */
    size_t nfields;
    struct effect *effects;
    size_t neffects;
    const char *dead;           /* why it becomes a dead letter, or NULL */
};

struct batch {
    const char *product_id;
    const struct product *product; /* NULL: unknown */
    struct mem_arena arena;
    struct item *items;            /* in the stream's order */
    size_t nitems, items_cap;
    struct group **groups;
    size_t ngroups, groups_cap;
    size_t *moves;                 /* indices of the items that go to a game's state */
    size_t nmoves, moves_cap;
    struct group *groups_by_name;
    struct figure *figures_by_name;
    char *name;                    /* scratch: what is looked up in the two tables */
    size_t name_cap;
    struct rules_effect *effects;  /* of the event that is evaluated */
    size_t effects_max;
    struct window_slot *windows;   /* WINDOW_KINDS a board */
    size_t windows_cap;
    struct event scratch;          /* the event that is evaluated, on copied texts */
};

/* batch_figures_add(b, item, e): the rules' effects of e, whose texts live as long as the batch, for
 * item; or item->dead. */
void batch_figures_add(struct batch *b, struct item *item, const struct event *e);

#endif
