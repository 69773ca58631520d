/* The inside of a batch, for batch*.c alone. */
#ifndef VARCADE_WORKER_BATCH_PRIVATE_H
#define VARCADE_WORKER_BATCH_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* Names are looked up some ten times an event, and are long: eight bytes a step, where uthash's own
 * take one (and the best of them has a switch that falls through, which clang takes for a slip of
 * ours). */
#define HASH_FUNCTION(key, len, hash) ((hash) = batch_hash(key, len))
static inline unsigned
batch_hash(const void *key, size_t len)
{
    const char *at = key;
    uint64_t hash = len, word;

    for (; len > 0; at += sizeof(word)) {
        size_t n = len < sizeof(word) ? len : sizeof(word);

        word = 0;
        memcpy(&word, at, n);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
        len -= n;
    }
    return (unsigned)hash;
}
#include <uthash.h>

#include "lib/base/text.h"
#include "lib/product/generation.h"
#include "lib/rules/event.h"
#include "lib/rules/match.h"
#include "lib/rules/rating_rule.h"
#include "lib/rules/rules.h"
#include "lib/rules/window.h"
#include "worker/mem.h"

#define DEAD_FIELDS_MAX ((size_t)2 * EVENT_FIELDS_MAX) /* names and values kept of a broken event */

struct group;

/* One number of one player. It may outlive the batch (struct figures), as may groups and their names. */
struct figure {
    struct group *group;
    struct figure *ring;    /* the next one of the same player */
    struct event_text name; /* field of the player's hash, or member of the board */
    uint64_t batch;         /* the last one with an event that touches it; the next three are of that one */
    bool changed;           /* value is to be written */
    struct event_id reached; /* when value was reached, where it is changed or has a place (batch_ranked_has_places) */
    struct figure *next;    /* in its group */
    bool known;             /* what is in Redis was read, or written: value, exists */
    bool exists;
    bool broken;            /* what is stored is not a number */
    double value;           /* as read, then as it is after the events so far; 0 where !exists */
};

/* GROUP_RANKED: a board whose ties are told apart (batch_ranked.c). GROUP_HIDDEN: hidden players of any
 * board, in a hash beside it. */
enum group_kind { GROUP_STATS, GROUP_BOARD, GROUP_RANKED, GROUP_HIDDEN };

/* What is known of a product's figures: from batch to batch, where batch_keep says so. Batches that are beside each other share
 * them, and only one at a time is between its first look at a figure and the call of `apply` with what came of it. */
struct figures {
    struct mem_arena arena;
    struct generation generation;  /* of these, and of this product; as the batch that looked last */
    const struct product *product;
    struct group *groups_by_name;  /* of boards */
    struct player *players;        /* by id */
    struct player *player;         /* whose figure was looked for last */
    uint64_t batches;              /* that looked so far */
    size_t ntouched, nread;        /* figures of the last of them, and those that were read for it */
    size_t users;                  /* batches */
};

/* Which window of which board a group is; of a kind of window, two do not start at once. */
struct group_name {
    enum group_kind kind;
    enum window_kind window;
    size_t board;
    wall_ms starts;
};

/* The figures that are in one key: of a player's statistics, or of a window of a board. */
struct group {
    enum group_kind kind;
    struct group_name name; /* of a board */
    struct window *window;  /* of a board */
    char *key;              /* its name in Redis */
    uint64_t batch;         /* the last one that touches it; what follows is of that one */
    struct figure *figures, **tail;
    size_t nunknown;        /* of them, that are to be read */
    size_t nchanged;        /* of them, that are to be written; once it is computed */
    struct table *table;    /* then, of statistics that change: batch_tables.c */
    struct group *row;      /* … the next one in it */
    UT_hash_handle hh;
};

/* Somebody whose figures are touched, by this batch or one before. */
struct player {
    struct event_text id;
    struct group *stats;    /* NULL: no event was about them */
    struct figure *last;    /* the one that was looked for last; NULL for none */
    UT_hash_handle hh;
};

/* A window of a board that changes. */
struct score_changes {
    size_t board;
    const char *window; /* its name */
    struct score_changes *next;
};

/* Statistics of several players of whom the same ones change. */
struct table {
    struct group *groups, **tail;
    size_t ngroups;
    UT_hash_handle hh;      /* by the names, each of which the rules have in one place */
};

/* The window of a kind that the event before was in; most are in the same one. */
struct window_slot {
    bool known;
    struct window window;
};

/* A player on a board that has bounds. */
struct guard {
    const struct rules_board *board;
    struct event_text player;
    struct event_text name; /* `board:player` */
    int64_t minute, events; /* the last minute with events that count, and how many in it */
    const struct item *counted; /* the last one of this batch that did */
    UT_hash_handle hh;
};

/* Which bound an event is beyond, and with what. */
struct breach {
    const struct guard *guard;
    const char *bound;  /* as the game's file calls it */
    const char *value;  /* the score, the step or the events in the minute */
    const char *reason; /* all of it in words */
};

/* An event in quarantine of which a verdict speaks. */
struct held {
    struct event_id id;
    bool there;   /* it is in quarantine, after the events so far */
    bool settled; /* a verdict took it out */
    UT_hash_handle hh;
};

struct effect {
    struct figure *figure;
    struct guard *guard; /* of a score on a board with bounds, else NULL */
    double value;
    enum rules_op op;
    bool follows;        /* value is what the effect before made of its figure */
};

/* A figure before an effect, to undo it. */
struct before {
    double value;
    struct event_id reached;
    bool exists;
    bool changed;
};

/* What a text of a player is, and the key that it is in. */
enum ledger_kind {
    LEDGER_RATINGS, /* KEYG_PLAYER: of the player, on the board that is the field */
    LEDGER_VERSUS,  /* KEYG_VERSUS: of the player, against the one who is the field */
    LEDGER_NAMES    /* KEY_NAMES: of the one who is the field */
};

/* One such text: as read, then as it is after the events so far. */
struct record {
    struct event_text field;
    const struct rating_rule *rule; /* ratings */
    struct rating_state rating;
    struct match_tally tally;       /* versus */
    struct event_text name;         /* names */
    bool broken;                    /* what is stored is none of its kind */
    bool changed;                   /* it is to be written */
    struct record *next;            /* in its ledger */
    UT_hash_handle hh;
};

/* The records that are in one key. */
struct ledger {
    enum ledger_kind kind;
    char *key;
    struct record *records, **tail;
    size_t nrecords;
    UT_hash_handle hh;
};

/* What is put in front of a list, oldest first; not more than it keeps. */
struct line {
    struct event_text text;
    struct line *next;
};

struct list {
    char *key;
    size_t max; /* how many it keeps */
    struct line *first, *last;
    size_t n;
    UT_hash_handle hh;
};

/* An event_id. */
struct seen {
    struct event_text event_id;
    bool known;   /* there was an event with it: the last one that counted was */
    wall_ms at;   /* at this time */
    bool changed; /* that is to be written */
    UT_hash_handle hh;
};

/* A match that a board rates. */
struct contest {
    size_t board;
    const struct rating_rule *rule;
    const struct match *match;
    struct record **records;    /* one a player, as are the next two */
    struct rating_state *after; /* the ratings after it, once it was prepared */
    struct effect *scores;      /* of the item: what the board shows, nwindows a player */
    size_t nwindows;
    struct contest *next;       /* of the same event */
};

struct item {
    struct event_id id; /* its place in the stream */
    struct event_id at; /* by which it counts: in windows, ties and lists of matches */
    enum event_type type;
    enum event_verdict verdict;
    struct held *held;          /* of a verdict: the event that it speaks of */
    struct event_text game_id;
    struct event_text argument; /* of the game event: new_state or player_id */
    struct event_text *fields;  /* names and values in turn, as they were written */
    size_t nfields;
    struct effect *effects;
    size_t neffects;
    struct match *match;        /* of a game_over; NULL where nobody played against another */
    struct record **versus;     /* what there was between each two of it */
    size_t nversus;
    struct seen *seen;          /* its event_id; NULL where it has none */
    bool gone;                  /* it is about a game that is not there */
    bool duplicate;             /* that was seen before: it changes nothing */
    struct contest *contests;
    struct record *named;       /* of a player_name: whose name is argument from now on */
    struct breach *breach;      /* why it goes to quarantine, or NULL */
    const char *dead;           /* why it changes nothing: as a dead letter, or in quarantine */
};

struct batch {
    char product_id[TEXT_PRODUCT_ID_MAX + 1];
    struct generation generation;  /* of the figures */
    bool rebuild;                  /* figures alone */
    const struct product *product; /* NULL: unknown */
    const struct rulings *rulings; /* NULL: none */
    struct mem_arena arena;        /* of this batch */
    struct figures *figures;
    bool keep;                     /* it finds what the one before left there */
    uint64_t number;               /* of the batch among those that share them; 0: it has not looked at any */
    struct item *items;            /* in the stream's order */
    size_t nitems, items_cap;
    size_t nlooked;                /* of them, what they touch was looked for */
    struct score_changes *changes; /* of windows of boards, once it is computed */
    struct group **groups;         /* that the batch touches */
    size_t ngroups, groups_cap;
    struct group **unknown;        /* those with figures that are to be read */
    size_t nunknown, unknown_cap;
    struct figure **sorted;        /* scratch */
    size_t sorted_cap;
    size_t *moves;                 /* indices of the items that go to a game's state */
    size_t nmoves, moves_cap;
    size_t *games;                 /* of those that are about a game */
    size_t ngames, games_cap;
    size_t ngone;                  /* events that were for a game's state, and the game is gone */
    struct ledger **ledgers;
    size_t nledgers, ledgers_cap;
    struct ledger *ledgers_by_name;
    struct record *records_by_name;
    struct table *tables;          /* by the names of what changes */
    struct list *lists_by_key;
    struct seen *seen_by_id;
    struct guard *guards;
    size_t npaced;                 /* guards of boards that have max_per_minute */
    struct held *held_by_id;
    size_t nheld, nsettled;        /* events that go to quarantine, and that leave it */
    struct match_room room;        /* of the match that is read */
    struct rules_room rules_room;  /* of the event that is evaluated */
    char *name;                    /* scratch: what is looked up in the tables by name */
    size_t name_cap;
    struct rules_effect *effects;  /* of the event that is evaluated */
    size_t effects_max;
    struct before *before;         /* the effects of the event that is computed */
    size_t before_cap;
    struct window_slot *windows;   /* WINDOW_KINDS a board */
    size_t windows_cap;
    size_t windows_most;           /* that one board has */
    struct event scratch;          /* the event that is evaluated, on copied texts */
};

/* batch_results.c: what apply calls the events of a type that go to a game's state; NULL for others. */
const char *batch_kind(enum event_type type);

/* batch_figures_add(b, item, e): the effects of e, whose texts live as long as the batch, for item;
 * or item->dead. */
void batch_figures_add(struct batch *b, struct item *item, const struct event *e);

/* batch_figures_add_effect(b, item, effect): one of them, in the room that item has for it: on a
 * board, one in each of the windows that item is in. */
void batch_figures_add_effect(struct batch *b, struct item *item,
                              const struct rules_effect *effect);

/*
 * batch_figures_begin(b): the batch is the one that looks at figures now. batch_figures_finish(b): nothing is computed any
 * more: set every group's nchanged, put scores in order, note which boards change. batch_figures_rest(f): none are known any more,
 * and their memory is given back. batch_figures_free(f): one batch less has them.
 */
void batch_figures_begin(struct batch *b);
void batch_figures_finish(struct batch *b);
void batch_figures_rest(struct figures *f);
void batch_figures_free(struct figures *f);

/* batch_tables.c. make(b): put the groups that change into tables. have(group): whether it is written in one. The
 * keys of those, and how many they are; then what `apply` is to do with them, of whose keys the first has that
 * number. */
void batch_tables_make(struct batch *b);
bool batch_tables_have(const struct group *group);
size_t batch_tables_add_keys(const struct batch *b, struct redis_args *a);
void batch_tables_add(const struct batch *b, size_t key, struct redis_args *a);

/* batch_ranked.c, for groups of GROUP_RANKED: the command that reads the figures. */
void batch_ranked_read_command(const struct batch *b, const struct group *group,
                               struct redis_args *a);

/* Whether the group's values are read as `place:score`, also of GROUP_HIDDEN; the score in one, and when it was reached: untouched where
 * value is none such; such a value of a figure. */
bool batch_ranked_has_places(const struct batch *b, const struct group *group);
struct event_text batch_ranked_score(const struct batch *b, const struct group *group,
                                     const struct redisReply *value, struct event_id *ret_reached);
#define BATCH_RANKED_SIZE (17 + TEXT_DOUBLE_SIZE)
size_t batch_ranked_format(const struct batch *b, const struct group *group,
                           const struct figure *figure, char out[static BATCH_RANKED_SIZE]);

/* The keys of those that change, three each, and how many they are; then `apply`'s section for them,
 * of whose keys the first has that number. */
size_t batch_ranked_add_keys(const struct batch *b, struct redis_args *a);
void batch_ranked_add(const struct batch *b, size_t n, size_t key, struct redis_args *a);

/*
 * batch_bounds.c. find(b, board, player): the guard of a score, NULL where the board has no bounds. Of an item:
 * check_pace(b, item): whether another event is one too many, before its effects; check(b, item,
 * effect, before): whether the effect, which was applied and has a guard, goes too far. Where it is so, item->breach and
 * item->dead are set. commit(item): it counts.
 */
struct guard *batch_bounds_find(struct batch *b, size_t board, struct event_text player);
void batch_bounds_check_pace(struct batch *b, struct item *item);
void batch_bounds_check(struct batch *b, struct item *item, const struct effect *effect,
                        const struct before *before);
void batch_bounds_commit(const struct item *item);

/* How many commands read the pace, and as batch_read_command and batch_read_reply. Then its key, and
 * what `apply` is to do with it; add_key returns whether there is one. */
size_t batch_bounds_reads(const struct batch *b);
void batch_bounds_read_command(const struct batch *b, struct redis_args *a);
int batch_bounds_read_reply(struct batch *b, const struct redisReply *reply)
    __attribute__((warn_unused_result));
size_t batch_bounds_add_key(const struct batch *b, struct redis_args *a);
void batch_bounds_add(const struct batch *b, size_t key, struct redis_args *a);

#define BATCH_HELD_HEAD 12 /* names and values of an entry in quarantine before the event's own */

/*
 * batch_quarantine.c. add_verdict(b, item, e): e is a verdict; its own field is the last one of item. hold(b, item): item goes to
 * quarantine. settle(b, item): item, a verdict, takes its event out.
 * The rest as of batch_bounds.c.
 */
void batch_quarantine_add_verdict(struct batch *b, struct item *item, const struct event *e);
void batch_quarantine_hold(struct batch *b, const struct item *item);
void batch_quarantine_settle(struct batch *b, const struct item *item);

size_t batch_quarantine_reads(const struct batch *b);
void batch_quarantine_read_command(const struct batch *b, size_t i, struct redis_args *a);
int batch_quarantine_read_reply(struct batch *b, size_t i, const struct redisReply *reply)
    __attribute__((warn_unused_result));
size_t batch_quarantine_add_key(const struct batch *b, struct redis_args *a);
void batch_quarantine_add(const struct batch *b, size_t key, struct redis_args *a);

/*
 * batch_ratings.c. evaluate(b, item, e): the contests of the event, and how many effects they will have; where e does
 * not fit a board's rating, item->dead is why. add_effects(b, item): those effects, once item->effects
 * has room for them. prepare(item): compute the ratings after the event, and the values of those
 * effects; returns why that cannot be, or NULL. commit(item): let them be the ratings.
 */
size_t batch_ratings_evaluate(struct batch *b, struct item *item, const struct event *e);
void batch_ratings_add_effects(struct batch *b, struct item *item);
const char *batch_ratings_prepare(struct item *item);
void batch_ratings_commit(struct batch *b, struct item *item);

/* batch_matches.c. add(b, item, e): the match that e, whose texts live as long as the batch, tells; or
 * item->dead. prepare(item): why it cannot be counted, or NULL. commit(b, item): it is.
 * copy(b, m): m in the arena. */
void batch_matches_add(struct batch *b, struct item *item, const struct event *e);
const char *batch_matches_prepare(const struct item *item);
void batch_matches_commit(struct batch *b, struct item *item);
struct match *batch_matches_copy(struct batch *b, const struct match *m);

/* batch_lists.c. push(b, key, max, text): in front of the list of that key, which keeps max. text lives
 * as long as the batch. The keys, and how many there are; then what `apply` is to do with them, of whose
 * keys the first has that number. */
void batch_lists_push(struct batch *b, const char *key, size_t max, struct event_text text);
void batch_lists_add_keys(const struct batch *b, struct redis_args *a);
size_t batch_lists_keys(const struct batch *b);
void batch_lists_add(const struct batch *b, size_t key, struct redis_args *a);

/* batch_ledgers.c. find(b, kind, player, field): the record, which is new where it is all zero but
 * for its field; player and field live as long as the batch, player is empty for names. */
struct record *batch_ledgers_find(struct batch *b, enum ledger_kind kind, struct event_text player,
                                  struct event_text field);

/* As batch_read_command and batch_read_reply, of b->ledgers[i]. */
void batch_ledgers_read_command(const struct batch *b, size_t i, struct redis_args *a);
int batch_ledgers_read_reply(struct batch *b, size_t i, const struct redisReply *reply)
    __attribute__((warn_unused_result));

/* The keys of the ledgers that change, and how many there are; then the hashes, for `apply`, of
 * which the first has the key of that number. */
size_t batch_ledgers_add_keys(const struct batch *b, struct redis_args *a);
void batch_ledgers_add_hashes(const struct batch *b, size_t key, struct redis_args *a);
void batch_ledgers_add_names_keys(const struct batch *b, struct redis_args *a);
void batch_ledgers_add_names(const struct batch *b, size_t key, struct redis_args *a);

/* batch_seen.c. add(b, item, event_id): it is item's; a text whose s is NULL is none. before(item): whether
 * there was an event with it within the day before. commit(item): item counts. */
void batch_seen_add(struct batch *b, struct item *item, struct event_text event_id);
bool batch_seen_before(const struct item *item);
void batch_seen_commit(struct item *item);

/* How many commands read what was seen, and as batch_read_command and batch_read_reply. */
size_t batch_seen_reads(const struct batch *b);
void batch_seen_read_command(const struct batch *b, struct redis_args *a);
int batch_seen_read_reply(struct batch *b, const struct redisReply *reply)
    __attribute__((warn_unused_result));

/* How many event_ids are to be written; the sorted set, for `apply`, whose key has that number; and
 * what is to be forgotten. */
size_t batch_seen_changed(const struct batch *b);
void batch_seen_add_set(const struct batch *b, size_t key, struct redis_args *a);
void batch_seen_add_forget(const struct batch *b, size_t key, struct redis_args *a);

/* batch_reads.c: how many there are, of what was looked for. */
size_t batch_reads_count(const struct batch *b);

/* batch_games.c. add(b, item): it is about a game, and is the last one there is. How many commands ask
 * whether the games are there, and as batch_read_command and batch_read_reply. */
void batch_games_add(struct batch *b, const struct item *item);
size_t batch_games_reads(const struct batch *b);
void batch_games_read_command(const struct batch *b, size_t i, struct redis_args *a);
int batch_games_read_reply(struct batch *b, size_t i, const struct redisReply *reply)
    __attribute__((warn_unused_result));

#endif
