/*
 * A queue's rounds: whom to look at, in which order, and what becomes of the matches.
 *
 * A ticket is looked at when it comes, and again when waiting alone may have brought it a
 * candidate; in between nobody is. Those to be looked at stand in `seed`, who has waited longest
 * first; where all wait about as long, by rating, so that a crowd is matched from one end to the
 * other and neighbours get each other.
 */
#include "lib/matcher.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "lib/matcher_impl.h"

#define BUDGET 200000  /* steps of a round: a few ms */
#define WOKEN_MAX 1024 /* looked at before those who came in the meantime */
#define ELDERS_MAX 4   /* tickets that are asked first whether they want a candidate */

/* --- tickets ---------------------------------------------------------------------------------- */

struct matcher *
matcher_new(const struct queue *q)
{
    struct matcher *m = calloc(1, sizeof(*m));

    if (m != NULL)
        m->q = q;
    return m;
}

static void
free_matches(struct found *list)
{
    struct found *f, *next;

    DL_FOREACH_SAFE (list, f, next) {
        free(f);
    }
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
    free_matches(m->to_take);
    free_matches(m->taken);
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
        if (!isfinite(t->within[i]))
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

static void
move_to_seeds(struct matcher *m, struct entry_list *list, size_t max)
{
    while (list->first != NULL && m->seed_n < max) {
        struct entry *e = list->first;

        matcher_store_unlist(e);
        m->seed[m->seed_n++] = e;
    }
}

/* The next ones to look at, when all of the last ones were. */
static void
load_seeds(struct matcher *m)
{
    if (m->seed_next < m->seed_n)
        return;
    m->seed_n = m->seed_next = 0;
    move_to_seeds(m, &m->fresh, m->seed_cap);
    move_to_seeds(m, &m->woken,
                  m->seed_n + WOKEN_MAX < m->seed_cap ? m->seed_n + WOKEN_MAX : m->seed_cap);
    if (m->seed_n > 1)
        qsort_r(m->seed, m->seed_n, sizeof(m->seed[0]), compare_seeds, m);
    for (size_t i = 0; i < m->seed_n; i++)
        m->seed[i]->seed_at = i;
}

/* --- a match ---------------------------------------------------------------------------------- */

static int
compare_parties(const void *a, const void *b)
{
    const struct entry *x = (*(const struct candidate *const *)a)->entry;
    const struct entry *y = (*(const struct candidate *const *)b)->entry;

    if (x->since != y->since)
        return x->since < y->since ? -1 : 1;
    return strcmp(x->id, y->id);
}

/* Where the worst connection is best. */
static size_t
best_region(const struct matcher *m, const struct group *g)
{
    size_t best = MATCHER_NO_REGION;
    int32_t least = INT32_MAX;

    for (size_t r = 0; r < m->q->nregions; r++) {
        int32_t worst = 0;

        if ((g->mask >> r & 1) == 0)
            continue;
        for (size_t i = 0; i < g->n; i++)
            if (g->party[i]->entry->latency[r] > worst)
                worst = g->party[i]->entry->latency[r];
        if (worst < least) {
            least = worst;
            best = r;
        }
    }
    return best;
}

static void
fill_seat(struct matcher *m, struct found *f, size_t i, const struct candidate *c, size_t team)
{
    struct entry *e = c->entry;
    struct matcher_seat *seat = &f->match.seat[i];

    *seat = (struct matcher_seat){.size = e->size,
                                  .team = team,
                                  .rating = e->rating,
                                  .waited = m->now > e->since ? m->now - e->since : 0,
                                  .range = c->range};
    memcpy(seat->id, e->id, sizeof(seat->id));
    matcher_store_leave(m, e);
    e->state = ENTRY_PROPOSED;
    e->found = f;
    e->seat = i;
    f->entry[i] = e;
    m->waiting--;
    m->proposed++;
}

/* Hand the group out. */
static bool
propose(struct matcher *m, struct group *g)
{
    struct found *f = calloc(1, sizeof(*f) + g->n * sizeof(f->match.seat[0]));
    const struct candidate *party[MATCHER_PLAYERS_MAX];
    double low = HUGE_VAL, high = -HUGE_VAL;

    if (f == NULL)
        return false;
    f->match.teams = m->q->teams;
    f->match.team_size = g->team_size;
    f->match.region = best_region(m, g);
    f->match.gap = g->gap;
    f->match.nseats = g->n;
    memcpy(party, g->party, g->n * sizeof(party[0]));
    qsort(party, g->n, sizeof(party[0]), compare_parties);
    for (size_t i = 0; i < g->n; i++) {
        size_t was = 0;

        while (g->party[was] != party[i])
            was++;
        low = fmin(low, party[i]->entry->rating);
        high = fmax(high, party[i]->entry->rating);
        fill_seat(m, f, i, party[i], g->team[was]);
    }
    f->match.spread = high - low;
    DL_APPEND(m->to_take, f);
    return true;
}

/* --- a round ---------------------------------------------------------------------------------- */

/* Look for a match of this ticket. */
static bool
search(struct matcher *m, struct entry *e)
{
    struct candidate seed = {e, matcher_search_range(m, e), matcher_search_mask(m, e)};
    struct group group;
    wall_ms wake;

    matcher_search_candidates(m, e, &wake);
    if (matcher_group_find(m, &seed, &group) && propose(m, &group))
        return true;
    e->tried = m->round;
    matcher_store_wake(m, e, wake);
    return false;
}

/* Of those whom the ticket could play with, the one that has waited longest, longer than the ticket
 * itself, and was not looked at in this round. */
static struct entry *
elder(struct matcher *m, struct entry *e)
{
    struct entry *eldest = NULL;
    wall_ms wake;

    matcher_search_candidates(m, e, &wake);
    for (size_t i = 0; i < m->ncandidates; i++) {
        struct entry *c = m->candidate[i].entry;

        if (c->tried != m->round && age_class(m, c) > age_class(m, e) &&
            (eldest == NULL || c->since < eldest->since))
            eldest = c;
    }
    return eldest;
}

/* A ticket's turn, after that of those who wait for somebody like it for longer. */
static size_t
turn(struct matcher *m, struct entry *e)
{
    struct entry *first;
    size_t found = 0;

    for (size_t i = 0; i < ELDERS_MAX && e->state == ENTRY_WAITING; i++) {
        first = elder(m, e);
        if (first == NULL)
            break;
        found += search(m, first) ? 1 : 0;
    }
    if (e->state == ENTRY_WAITING && e->tried != m->round)
        found += search(m, e) ? 1 : 0;
    return found;
}

size_t
matcher_round(struct matcher *m, wall_ms now)
{
    size_t found = 0;

    sweep(m, now);
    load_seeds(m);
    m->round++;
    m->budget = BUDGET;
    while (m->seed_next < m->seed_n && m->budget > 0) {
        struct entry *e = m->seed[m->seed_next++];

        if (e != NULL) {
            e->seed_at = SIZE_MAX;
            found += turn(m, e);
        }
    }
    return found;
}

struct matcher_match *
matcher_take(struct matcher *m)
{
    struct found *f = m->to_take;

    if (f == NULL)
        return NULL;
    DL_DELETE(m->to_take, f);
    DL_APPEND(m->taken, f);
    return &f->match;
}

/* --- what becomes of matches ------------------------------------------------------------------ */

static struct found *
found_of(struct matcher_match *match)
{
    return (struct found *)((char *)match - offsetof(struct found, match));
}

void
matcher_done(struct matcher *m, struct matcher_match *match)
{
    struct found *f = found_of(match);

    for (size_t i = 0; i < match->nseats; i++) {
        m->wait[m->wait_at] = match->seat[i].waited;
        m->wait_at = (m->wait_at + 1) % MATCHER_WAITS_MAX;
        m->nwaits += m->nwaits < MATCHER_WAITS_MAX ? 1 : 0;
        if (f->entry[i] != NULL) {
            matcher_store_free(m, f->entry[i]);
            m->proposed--;
        }
    }
    DL_DELETE(m->taken, f);
    free(f);
}

void
matcher_back(struct matcher *m, struct matcher_match *match, wall_ms until)
{
    struct found *f = found_of(match);

    for (size_t i = 0; i < match->nseats; i++) {
        struct entry *e = f->entry[i];

        if (e == NULL)
            continue;
        e->found = NULL;
        m->proposed--;
        m->waiting++;
        if (until > m->now)
            matcher_store_hold(m, e, until);
        else
            matcher_store_wait(m, e);
    }
    DL_DELETE(m->taken, f);
    free(f);
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
    if (m->seed_next < m->seed_n || m->fresh.n > 0 || m->woken.n > 0 || m->expired.n > 0)
        return now;
    if (m->heap_n == 0)
        return MATCHER_NEVER;
    return m->heap[0].key > now ? m->heap[0].key : now;
}
