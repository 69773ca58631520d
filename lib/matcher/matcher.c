/*
 * A queue's rounds: whom to look at, in which order, and what becomes of the matches.
 *
 * A ticket is looked at when it comes, and again when waiting alone may have brought it a
 * candidate; in between nobody is. Those to be looked at stand in `seed`, who has waited longest
 * first; where all wait about as long, by rating, so that a crowd is matched from one end to the
 * other and neighbours get each other.
 */
#include "lib/matcher/matcher.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/matcher/matcher_impl.h"

#define BUDGET 200000 /* steps of a round: a few ms */
#define REST_MS 25    /* between two rounds whose steps did not do to look at all of them again */
#define BUDGET_WOKEN 50000 /* of these for those who are looked at again */
#define WOKEN_MAX 64       /* of whom so many come before those who came in the meantime */
#define CUTS_MAX 6
#define ELDERS_MAX 4 /* tickets that are asked first whether they want a candidate */

/* --- tickets ---------------------------------------------------------------------------------- */

struct matcher *
matcher_new(const struct queue *q)
{
    struct matcher *m = calloc(1, sizeof(*m));

    if (m != NULL)
        m->q = q;
    return m;
}

void
matcher_free(struct matcher *m)
{
    struct entry *e, *next;

    if (m == NULL)
        return;
    HASH_ITER (hh, m->by_id, e, next) {
        matcher_store_free(m, e);
    }
    matcher_match_free(m);
    free(m->heap);
    free(m->seed);
    free(m);
}

static bool
is_valid(const struct matcher *m, const struct matcher_ticket *t)
{
    const struct queue *q = m->q;

    if (t->id.len < 1 || t->id.len > MATCHER_ID_MAX || memchr(t->id.s, '\0', t->id.len) != NULL ||
        t->size < 1 || t->size > q->size_max || !isfinite(t->rating))
        return false;
    for (size_t i = 0; i < q->nequal; i++)
        if (t->equal[i].s == NULL || t->equal[i].len > QUEUE_TEXT_MAX)
            return false;
    for (size_t i = 0; i < q->nwithin; i++)
        if (!(fabs(t->within[i]) <= QUEUE_NUMBER_MAX))
            return false;
    return true;
}

int
matcher_add(struct matcher *m, const struct matcher_ticket *t)
{
    struct entry *e;

    errno = 0;
    if (!is_valid(m, t))
        errno = EINVAL;
    else if (matcher_has(m, t->id))
        errno = EEXIST;
    else if (m->waiting + m->proposed >= MATCHER_TICKETS_MAX)
        errno = ENOSPC;
    if (errno != 0 || matcher_store_new(m, t, &e) == -1)
        return -1;
    m->waiting++;
    matcher_store_wait(m, e);
    return 0;
}

static struct entry *
find(const struct matcher *m, struct event_text id)
{
    struct entry *e = NULL;

    if (id.len <= MATCHER_ID_MAX)
        HASH_FIND(hh, m->by_id, id.s, id.len, e);
    return e;
}

bool
matcher_has(const struct matcher *m, struct event_text id)
{
    return find(m, id) != NULL;
}

bool
matcher_remove(struct matcher *m, struct event_text id)
{
    struct entry *e = find(m, id);

    if (e == NULL)
        return false;
    if (e->state == ENTRY_PROPOSED) {
        e->found->entry[e->seat] = NULL;
        m->proposed--;
    } else if (e->state != ENTRY_EXPIRED) {
        m->waiting--;
    }
    matcher_store_free(m, e);
    return true;
}

size_t
matcher_waiting(const struct matcher *m)
{
    return m->waiting;
}

size_t
matcher_proposed(const struct matcher *m)
{
    return m->proposed;
}

/* --- whom to look at -------------------------------------------------------------------------- */

static void
expire(struct matcher *m, struct entry *e)
{
    matcher_store_leave(m, e);
    e->state = ENTRY_EXPIRED;
    m->waiting--;
    matcher_store_append(&m->expired, e);
}

/* Everything that has come due. */
static void
sweep(struct matcher *m, wall_ms now)
{
    m->now = now > m->now ? now : m->now;
    while (m->heap_n > 0 && m->heap[0].key <= m->now) {
        struct entry *e = m->heap[0].entry;

        if (e->since + m->q->timeout <= m->now) {
            expire(m, e);
        } else if (e->state == ENTRY_HELD) {
            matcher_store_wait(m, e);
        } else {
            matcher_store_wake(m, e, MATCHER_NEVER);
            if (e->list == NULL && e->seed_at == SIZE_MAX)
                matcher_store_append(&m->woken, e);
        }
    }
}

/* Waiting as what "longest first" goes by: below 1 s, 3 s, 7 s, 15 s, … */
static unsigned
age_class(const struct matcher *m, const struct entry *e)
{
    uint64_t seconds = m->now > e->since ? (uint64_t)(m->now - e->since) / 1000 : 0;

    return 63 - (unsigned)__builtin_clzll(seconds + 1);
}

static int
compare_seeds(const void *a, const void *b, void *cookie)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
    unsigned class_x = age_class(cookie, x), class_y = age_class(cookie, y);

    if (class_x != class_y)
        return class_x > class_y ? -1 : 1;
    if (x->rating != y->rating)
        return x->rating < y->rating ? -1 : 1;
    if (x->since != y->since)
        return x->since < y->since ? -1 : 1;
    return strcmp(x->id, y->id);
}

/* Everybody of the list who is next, at most max. */
static void
move_to_seeds(struct matcher *m, struct entry_list *list, size_t max)
{
    m->seed_n = m->seed_next = 0;
    while (list->first != NULL && m->seed_n < max) {
        struct entry *e = list->first;

        matcher_store_unlist(e);
        e->seed_at = m->seed_n;
        m->seed[m->seed_n++] = e;
    }
    if (m->seed_n > 1)
        qsort_r(m->seed, m->seed_n, sizeof(m->seed[0]), compare_seeds, m);
    for (size_t i = 0; i < m->seed_n; i++)
        m->seed[i]->seed_at = i;
}

/* Those who are new come before those who are looked at again. */
static bool
load_seeds(struct matcher *m)
{
    if (m->seed_next < m->seed_n)
        return true;
    m->seeds_are_woken = m->fresh.n == 0;
    if (!m->seeds_are_woken) {
        move_to_seeds(m, &m->fresh, m->fresh.n);
    } else if (m->now >= m->rest_until) {
        move_to_seeds(m, &m->woken, WOKEN_MAX);
        m->budget = m->budget < BUDGET_WOKEN ? m->budget : BUDGET_WOKEN;
    }
    return m->seed_next < m->seed_n;
}

/* A round's work is done, and there is more. Looking again may be in vain for very many: it has a
 * rest between rounds. */
static void
leave_for_later(struct matcher *m)
{
    if (!m->seeds_are_woken)
        return;
    for (; m->seed_next < m->seed_n; m->seed_next++) {
        struct entry *e = m->seed[m->seed_next];

        if (e == NULL)
            continue;
        e->seed_at = SIZE_MAX;
        matcher_store_append(&m->woken, e);
    }
    m->rest_until = m->now + REST_MS;
}

/* --- a round ---------------------------------------------------------------------------------- */

/* What can be made of this ticket and m->candidate; if nothing, when it is looked at again. */
static bool
conclude(struct matcher *m, struct entry *e, bool cut, wall_ms wake)
{
    struct candidate seed = {e, matcher_search_range(m, e), matcher_search_mask(m, e)};
    struct group group;

    if (matcher_group_find(m, &seed, &group) && matcher_match_propose(m, &group))
        return true;
    e->tried = m->round;
    e->cuts = !cut ? 0 : e->cuts < CUTS_MAX ? e->cuts + 1 : CUTS_MAX;
    matcher_store_wake(m, e, wake);
    return false;
}

static bool
takes_small_teams(const struct matcher *m, const struct entry *e)
{
    return m->now - e->since >= m->q->full_ms;
}

/* Of m->candidate the one that has waited longest among those that come before the ticket, and were
 * not looked at in this round. */
static struct entry *
elder(const struct matcher *m, const struct entry *e)
{
    struct entry *eldest = NULL;

    for (size_t i = 0; i < m->ncandidates; i++) {
        struct entry *c = m->candidate[i].entry;

        if (c->tried != m->round &&
            (age_class(m, c) > age_class(m, e) ||
             (takes_small_teams(m, c) && !takes_small_teams(m, e))) &&
            (eldest == NULL || c->since < eldest->since))
            eldest = c;
    }
    return eldest;
}

/* A ticket's turn, after that of those who wait for somebody like it for longer. */
static size_t
turn(struct matcher *m, struct entry *e)
{
    size_t found = 0;

    for (size_t i = 0; e->state == ENTRY_WAITING && e->tried != m->round; i++) {
        wall_ms wake;
        bool cut = matcher_search_candidates(m, e, &wake);
        struct entry *first = i < ELDERS_MAX ? elder(m, e) : NULL;

        if (first != NULL)
            cut = matcher_search_candidates(m, first, &wake);
        else
            first = e;
        found += conclude(m, first, cut, wake) ? 1 : 0;
    }
    return found;
}

size_t
matcher_round(struct matcher *m, wall_ms now)
{
    size_t found = 0;

    sweep(m, now);
    m->round++;
    m->budget = BUDGET;
    while (m->budget > 0 && load_seeds(m)) {
        struct entry *e = m->seed[m->seed_next++];

        if (e != NULL) {
            e->seed_at = SIZE_MAX;
            found += turn(m, e);
        }
    }
    if (m->budget == 0)
        leave_for_later(m);
    return found;
}

size_t
matcher_first(struct matcher *m, wall_ms now, struct matcher_waiter *ret, size_t max)
{
    struct entry *e, *next;
    size_t n = 0;

    sweep(m, now);
    HASH_ITER (hh, m->by_id, e, next) {
        struct matcher_waiter *t = &ret[n];

        if (n == max)
            break;
        if (e->state != ENTRY_WAITING)
            continue;
        *t = (struct matcher_waiter){.id = e->id,
                                     .size = e->size,
                                     .rating = e->rating,
                                     .range = matcher_search_range(m, e),
                                     .within = e->within,
                                     .regions = matcher_search_mask(m, e)};
        matcher_store_equal(m, e->bucket, t->equal);
        n++;
    }
    return n;
}

struct matcher_match *
matcher_claim(struct matcher *m, const char *id)
{
    struct entry *e = find(m, (struct event_text){.s = id, .len = strlen(id)});
    struct candidate alone = {.entry = e};
    struct group group = {.party = {&alone}, .n = 1};

    if (e == NULL || e->state != ENTRY_WAITING)
        return NULL;
    alone.range = matcher_search_range(m, e);
    group.team_size = e->size;
    group.mask = matcher_search_mask(m, e);
    return matcher_match_propose(m, &group) ? matcher_match_take_last(m) : NULL;
}

bool
matcher_expired(struct matcher *m, wall_ms now, char id[static MATCHER_ID_MAX + 1])
{
    struct entry *e;

    sweep(m, now);
    e = m->expired.first;
    if (e == NULL)
        return false;
    memcpy(id, e->id, sizeof(e->id));
    matcher_store_free(m, e);
    return true;
}

wall_ms
matcher_next(const struct matcher *m, wall_ms now)
{
    wall_ms next = MATCHER_NEVER;

    if (m->seed_next < m->seed_n || m->fresh.n > 0 || m->expired.n > 0)
        return now;
    if (m->heap_n > 0)
        next = m->heap[0].key;
    if (m->woken.n > 0 && m->rest_until < next)
        next = m->rest_until;
    return next > now ? next : now;
}
