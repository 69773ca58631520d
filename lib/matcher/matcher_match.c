/*
 * Matches that were found: proposed, taken, and made or not; and how long it took.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "lib/matcher/matcher_impl.h"

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

/* The group's parties, who waited longest first; and the teams in the order in which they come up
 * there. */
static void
sort_parties(struct group *g, size_t teams)
{
    const struct candidate *was[MATCHER_PLAYERS_MAX];
    size_t team[MATCHER_PLAYERS_MAX], number[MATCHER_PLAYERS_MAX], next = 0;

    memcpy(was, g->party, g->n * sizeof(was[0]));
    memcpy(team, g->team, g->n * sizeof(team[0]));
    qsort(g->party, g->n, sizeof(g->party[0]), compare_parties);
    for (size_t t = 0; t < teams; t++)
        number[t] = SIZE_MAX;
    for (size_t i = 0; i < g->n; i++) {
        size_t at = 0;

        while (was[at] != g->party[i])
            at++;
        if (number[team[at]] == SIZE_MAX)
            number[team[at]] = next++;
        g->team[i] = number[team[at]];
    }
}

bool
matcher_match_propose(struct matcher *m, struct group *g)
{
    struct found *f = calloc(1, sizeof(*f) + g->n * sizeof(f->match.seat[0]));
    double low = HUGE_VAL, high = -HUGE_VAL;

    if (f == NULL)
        return false;
    f->match.teams = m->q->teams;
    f->match.team_size = g->team_size;
    f->match.region = best_region(m, g);
    f->match.gap = g->gap;
    f->match.nseats = g->n;
    sort_parties(g, m->q->teams);
    for (size_t i = 0; i < g->n; i++) {
        low = fmin(low, g->party[i]->entry->rating);
        high = fmax(high, g->party[i]->entry->rating);
        fill_seat(m, f, i, g->party[i], g->team[i]);
    }
    f->match.spread = high - low;
    DL_APPEND(m->to_take, f);
    return true;
}

static void
free_list(struct found *list)
{
    struct found *f, *next;

    DL_FOREACH_SAFE (list, f, next) {
        free(f);
    }
}

void
matcher_match_free(struct matcher *m)
{
    free_list(m->to_take);
    free_list(m->taken);
}

static struct matcher_match *
take(struct matcher *m, struct found *f)
{
    DL_DELETE(m->to_take, f);
    DL_APPEND(m->taken, f);
    return &f->match;
}

struct matcher_match *
matcher_take(struct matcher *m)
{
    return m->to_take != NULL ? take(m, m->to_take) : NULL;
}

struct matcher_match *
matcher_match_take_last(struct matcher *m)
{
    return take(m, m->to_take->prev);
}

/* --- what becomes of them --------------------------------------------------------------------- */

static struct found *
found_of(struct matcher_match *match)
{
    return (struct found *)(void *)((char *)match - offsetof(struct found, match));
}

bool
matcher_attributes(const struct matcher *m, struct matcher_match *match,
                   struct event_text ret_equal[static QUEUE_EQUAL_MAX], const double **ret_within)
{
    const struct entry *first = found_of(match)->entry[0];

    if (first == NULL)
        return false;
    matcher_store_equal(m, first->bucket, ret_equal);
    *ret_within = first->within;
    return true;
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

/* --- how long it took ------------------------------------------------------------------------- */

static int
compare_waits(const void *a, const void *b)
{
    dur_ms x = *(const dur_ms *)a, y = *(const dur_ms *)b;

    return x < y ? -1 : x > y ? 1 : 0;
}

struct matcher_waits
matcher_waits(const struct matcher *m)
{
    dur_ms sorted[MATCHER_WAITS_MAX];
    struct matcher_waits waits = {.n = m->nwaits};

    if (m->nwaits == 0)
        return waits;
    memcpy(sorted, m->wait, m->nwaits * sizeof(sorted[0]));
    qsort(sorted, m->nwaits, sizeof(sorted[0]), compare_waits);
    waits.p50 = sorted[(m->nwaits - 1) / 2];
    waits.p90 = sorted[(m->nwaits - 1) * 9 / 10];
    return waits;
}
