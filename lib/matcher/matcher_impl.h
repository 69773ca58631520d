/*
 * What matcher*.c share; private to them.
 *
 * Where a ticket is: every one is in tickets_by_id. A WAITING one is in its bucket's list, which is sorted by rating, and
 * in the heap, and may be due for a search. A HELD one is in the heap alone, until its time comes. A PROPOSED one is in its
 * match, an EXPIRED one in the list of those.
 */
#ifndef VARCADE_MATCHER_IMPL_H
#define VARCADE_MATCHER_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* uthash's own choice has a switch that falls through, which clang takes for a slip of ours. */
#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "lib/matcher/matcher.h"
#include "lib/rules/rating.h"

#define MATCHER_HEIGHT_MAX 10
#define MATCHER_PLAYERS_MAX RATING_TEAMS_MAX /* in one match, and so parties too */
#define MATCHER_CANDIDATES_MAX 768           /* see matcher_search.c */

struct bucket;
struct found;
struct entry;

enum entry_state { ENTRY_WAITING, ENTRY_HELD, ENTRY_PROPOSED, ENTRY_EXPIRED };

struct entry_link {
    struct entry *next, *prev;
};

/* A list of entries that wait for something, in the order in which they came. */
struct entry_list {
    struct entry *first, *last;
    size_t n;
};

/* A ticket. */
struct entry {
    double rating;
    wall_ms since;
    size_t size;
    enum entry_state state;
    uint32_t mask;      /* regions within the latency that it takes; see matcher_search_mask() */
    wall_ms mask_until; /* so long */
    double within[QUEUE_WITHIN_MAX];
    struct bucket *bucket;
    uint64_t tried;          /* the last round in which a search for it found nothing */
    wall_ms wake;            /* WAITING: when a search may find something; HELD: when it waits again */
    unsigned cuts;           /* searches in a row that were cut short */
    size_t heap_at;          /* its place in the heap; SIZE_MAX: it is not there */
    size_t seed_at;          /* its place among the seeds; SIZE_MAX: it is not there */
    struct entry_list *list; /* where it is in one: fresh, woken or expired */
    struct entry_link in_list;
    struct found *found; /* PROPOSED: its match, in which it is seat number seat */
    size_t seat;
    int32_t latency[QUEUE_REGIONS_MAX];
    char id[MATCHER_ID_MAX + 1];
    UT_hash_handle hh;
    unsigned height;
    struct entry_link link[]; /* height of them: the bucket's skip list */
};

/* Tickets whose attributes that must be equal are, and whose first number that must be within a distance is in the
 * same stretch of about that length: who fits it is here or in one of the two buckets beside. */
struct bucket {
    struct entry *first[MATCHER_HEIGHT_MAX];
    size_t n;
    size_t users; /* tickets that belong here, in the list or not */
    size_t by_size[MATCHER_PLAYERS_MAX + 1]; /* how many of them are parties of so many */
    UT_hash_handle hh;
    size_t key_len;
    char key[]; /* the values, a byte of length before each; the number of the stretch as it is in memory */
};

/* A match with what it is made of. */
struct found {
    struct found *next, *prev;             /* in to_take or taken */
    struct entry *entry[MATCHER_PLAYERS_MAX]; /* by seat; NULL: cancelled */
    struct matcher_match match;
};

struct heap_slot {
    wall_ms key; /* the earliest of what is due for this entry */
    wall_ms since;
    struct entry *entry;
};

/* One whom the seed could play with now. */
struct candidate {
    struct entry *entry;
    double range;
    uint32_t mask;
};

struct matcher {
    const struct queue *q;
    struct entry *by_id;
    struct bucket *buckets;
    size_t waiting, proposed; /* waiting: HELD ones too */
    wall_ms now;              /* the latest that was said */
    uint64_t round;
    uint64_t dice;            /* heights of the skip lists */
    struct heap_slot *heap;
    size_t heap_n, heap_cap;
    struct entry_list fresh, woken, expired;
    struct entry **seed;      /* what this and the next rounds look at, in this order */
    size_t seed_n, seed_cap, seed_next;
    bool seeds_are_woken;     /* all of them, or none */
    wall_ms rest_until;       /* nobody woken is looked at before */
    size_t budget;            /* steps that this round may still take */
    struct found *to_take, *taken;
    dur_ms wait[MATCHER_WAITS_MAX]; /* a ring of nwaits */
    size_t nwaits, wait_at;
    struct candidate candidate[MATCHER_CANDIDATES_MAX]; /* of the search that goes on: nearest first */
    size_t ncandidates;
};

/* --- matcher_store.c: where tickets are ------------------------------------------------------- */

/* matcher_store_new(m, t, ret_entry): a HELD entry in by_id, with its bucket, in no list and not in the heap; room in the heap and among
 * the seeds is there. 0, or -1 with errno. */
int matcher_store_new(struct matcher *m, const struct matcher_ticket *t, struct entry **ret_entry);

/* matcher_store_free(m, e): out of whatever it is in, and away. */
void matcher_store_free(struct matcher *m, struct entry *e);

/* matcher_store_wait(m, e): into its bucket's list, its search due. matcher_store_hold(m, e, until): into the heap alone.
 * matcher_store_leave(m, e): out of all lists, the heap and the seeds; its state is the caller's to say. */
void matcher_store_wait(struct matcher *m, struct entry *e);
void matcher_store_hold(struct matcher *m, struct entry *e, wall_ms until);
void matcher_store_leave(struct matcher *m, struct entry *e);

/* matcher_store_wake(m, e, at): a WAITING entry's search is due then; MATCHER_NEVER: nothing but somebody new will help. */
void matcher_store_wake(struct matcher *m, struct entry *e, wall_ms at);

/* matcher_store_beside(m, b, by): the bucket by so many stretches further on, with the same values; or NULL. */
struct bucket *matcher_store_beside(const struct matcher *m, const struct bucket *b, int by);

/* matcher_store_around(b, e, ret_above): the last of the bucket's list that is before e, which is not in it, and
 * the one after that; or NULL. */
struct entry *matcher_store_around(const struct bucket *b, const struct entry *e,
                                   struct entry **ret_above);

/* matcher_store_equal(m, b, ret_equal): the values of the bucket's tickets that are equal, in the queue's order. Borrowed. */
void matcher_store_equal(const struct matcher *m, const struct bucket *b,
                         struct event_text ret_equal[static QUEUE_EQUAL_MAX]);

/* matcher_store_append(list, e): behind the others; e is in no list. */
void matcher_store_append(struct entry_list *list, struct entry *e);
void matcher_store_unlist(struct entry *e);

/* --- matcher_search.c: who could play with whom ----------------------------------------------- */

/* matcher_search_range(m, e): how far ratings may be from its own. */
double matcher_search_range(const struct matcher *m, const struct entry *e);

/* matcher_search_mask(m, e): the regions whose latency it takes now, as bits; all where latency does not matter. */
uint32_t matcher_search_mask(const struct matcher *m, struct entry *e);

/* matcher_search_within(m, a, b): whether all attributes are within their distance. */
bool matcher_search_within(const struct matcher *m, const struct entry *a, const struct entry *b);

/* matcher_search_candidates(m, seed, ret_wake): those whom seed can play with now into m->candidate, and when
 * that may change by waiting alone. Returns whether the search was cut short. */
bool matcher_search_candidates(struct matcher *m, struct entry *seed, wall_ms *ret_wake);

/* --- matcher_group.c: teams of candidates ----------------------------------------------------- */

/* Parties that fill the teams. */
struct group {
    const struct candidate *party[MATCHER_PLAYERS_MAX]; /* the seed first */
    size_t team[MATCHER_PLAYERS_MAX];
    size_t n;
    size_t team_size;
    uint32_t mask; /* regions that all of them take */
    double gap;
};

/* matcher_group_find(m, seed, ret_group): the seed and some of m->candidate as a match; false: none was found. */
bool matcher_group_find(struct matcher *m, const struct candidate *seed, struct group *ret_group);

/* matcher_group_balance(group, teams): deal the parties out to teams so that their means are close. The sizes can fill the
 * teams. */
void matcher_group_balance(struct group *group, size_t teams);

/* --- matcher_match.c: matches that were found ------------------------------------------------- */

/* matcher_match_propose(m, group): hand it out, and the group is of no use after that; false: out of memory, and
 * nothing is changed. */
bool matcher_match_propose(struct matcher *m, struct group *group);

/* matcher_match_take_last(m): the one that was proposed last, which is not taken yet. */
struct matcher_match *matcher_match_take_last(struct matcher *m);

/* matcher_match_free(m): all of them, not their tickets. */
void matcher_match_free(struct matcher *m);

#endif
