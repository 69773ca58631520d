/*
 * Who could play with a ticket now, and when there could be more of them.
 *
 * A search walks from the ticket's rating outwards, nearest first. It ends where ratings are too
 * far off to matter before something else does, so it need not look at most of the queue. From
 * those that are not candidates yet it knows when the first of them will be one by waiting alone:
 * there the ticket is looked at again, and not before. Of two tickets each knows that of the other,
 * whoever came later; so nobody else has to look when somebody comes.
 *
 * Of each party size only so many candidates are taken that they could fill a match twice over.
 * Where a rule that cannot be walked along (attributes within a distance, regions) excludes nearly
 * everybody, a search is cut after so many steps, and repeated soon with more: all are seen in the
 * end, and no single search holds up the others.
 */
#include <math.h>
#include <string.h>

#include "lib/matcher/matcher_impl.h"

#define STEPS_MIN 512 /* of a search, times 4 for each in a row that was cut */
#define AGAIN_MS 100  /* pause after a search that was cut, times 2 for each */
#define PAUSE_MIN_MS \
    50 /* between two searches for one ticket, and more the longer it has waited: */
#define PAUSE_SHARE 100

_Static_assert(QUEUE_REGIONS_MAX <= 32, "regions are bits of a mask");

#define LANES_MAX 3

/* A walk outwards, through the ticket's bucket and those beside. */
struct walk {
    double rating;
    size_t n;
    struct entry *below[LANES_MAX], *above[LANES_MAX];
};

static void
walk_add(struct walk *w, const struct bucket *b, const struct entry *seed)
{
    w->below[w->n] = matcher_store_around(b, seed, &w->above[w->n]);
    w->n++;
}

/* The nearest one that was not met yet, or NULL. */
static struct entry *
walk_next(struct walk *w)
{
    struct entry **nearest = NULL, *e;
    double gap = HUGE_VAL;
    bool up = true;

    for (size_t i = 0; i < w->n; i++) {
        if (w->above[i] != NULL && w->above[i]->rating - w->rating < gap) {
            nearest = &w->above[i];
            gap = w->above[i]->rating - w->rating;
            up = true;
        }
        if (w->below[i] != NULL && w->rating - w->below[i]->rating < gap) {
            nearest = &w->below[i];
            gap = w->rating - w->below[i]->rating;
            up = false;
        }
    }
    if (nearest == NULL)
        return NULL;
    e = *nearest;
    *nearest = up ? e->link[0].next : e->link[0].prev;
    return e;
}

double
matcher_search_range(const struct matcher *m, const struct entry *e)
{
    return m->q->board == -1 ? HUGE_VAL : queue_limit_at(&m->q->range, m->now - e->since);
}

/* When regions whose latency is more than the limit has room for are taken too. */
static void
refresh_mask(const struct matcher *m, struct entry *e)
{
    double limit = queue_limit_at(&m->q->latency, m->now - e->since);
    dur_ms when = INT64_MAX;

    e->mask = 0;
    for (size_t i = 0; i < m->q->nregions; i++) {
        if (e->latency[i] < 0)
            continue;
        if (e->latency[i] <= limit) {
            e->mask |= UINT32_C(1) << i;
        } else {
            dur_ms w = queue_limit_when(&m->q->latency, e->latency[i]);

            when = w < when ? w : when;
        }
    }
    e->mask_until = when == INT64_MAX ? MATCHER_NEVER : e->since + when;
}

uint32_t
matcher_search_mask(const struct matcher *m, struct entry *e)
{
    if (m->q->nregions == 0)
        return UINT32_MAX;
    if (e->mask_until <= m->now)
        refresh_mask(m, e);
    return e->mask;
}

bool
matcher_search_within(const struct matcher *m, const struct entry *a, const struct entry *b)
{
    for (size_t i = 0; i < m->q->nwithin; i++)
        if (!(fabs(a->within[i] - b->within[i]) <= m->q->within[i].distance))
            return false;
    return true;
}

/* --- one search ------------------------------------------------------------------------------- */

struct search {
    struct matcher *m;
    struct entry *seed;
    double range; /* the seed's */
    uint32_t mask;
    wall_ms wake;
    struct walk walk;
    size_t want[MATCHER_PLAYERS_MAX + 1]; /* by party size: how many more candidates */
    size_t wanted;                        /* the sum of these */
    bool cut;                             /* there are more whom it did not look at */
};

static void
add_bucket(struct search *s, const struct bucket *b)
{
    if (b == NULL || b->n == 0)
        return;
    walk_add(&s->walk, b, s->seed);
    for (size_t size = 1; size <= s->m->q->size_max; size++)
        s->want[size] += b->by_size[size];
}

static void
set_walk(struct search *s)
{
    const struct entry *e = s->seed;

    s->walk = (struct walk){.rating = e->rating, .n = 1};
    s->walk.below[0] = e->link[0].prev;
    s->walk.above[0] = e->link[0].next;
    memcpy(s->want, e->bucket->by_size, sizeof(s->want));
    s->want[e->size]--;
    if (s->m->q->nwithin > 0) {
        add_bucket(s, matcher_store_beside(s->m, e->bucket, -1));
        add_bucket(s, matcher_store_beside(s->m, e->bucket, 1));
    }
}

/* Of each size as many as would fill a match twice, but not more than there are. */
static void
set_wants(struct search *s)
{
    const struct queue *q = s->m->q;

    for (size_t size = 1; size <= q->size_max; size++) {
        size_t most = 2 * q->teams * q->size_max / size + 2;

        /* Two parties that are too large for the only team. */
        if (q->teams == 1 && size + s->seed->size > q->size_max)
            most = 0;
        s->want[size] = s->want[size] < most ? s->want[size] : most;
        s->wanted += s->want[size];
    }
}

/* Whether everybody who is gap or more away is too far off to be a candidate before the search is
 * due again anyway. */
static bool
too_far(const struct search *s, double gap)
{
    dur_ms when;

    if (gap <= s->range)
        return false;
    when = queue_limit_when(&s->m->q->range, gap);
    return when == INT64_MAX || s->seed->since + when >= s->wake;
}

/* Two that are too far apart now: the younger one's range is the last to reach the other. */
static void
wake_for(struct search *s, const struct entry *e, double gap)
{
    dur_ms when = queue_limit_when(&s->m->q->range, gap);
    wall_ms younger = e->since > s->seed->since ? e->since : s->seed->since;

    if (when != INT64_MAX && younger + when < s->wake)
        s->wake = younger + when;
}

static void
look_at(struct search *s, struct entry *e, double gap)
{
    struct matcher *m = s->m;
    double range = matcher_search_range(m, e);
    uint32_t mask;

    if (!matcher_search_within(m, s->seed, e))
        return;
    if (gap > range || gap > s->range) {
        wake_for(s, e, gap);
        return;
    }
    mask = matcher_search_mask(m, e);
    if ((mask & s->mask) == 0)
        return;
    if (s->want[e->size] == 0) {
        s->cut = true;
        return;
    }
    m->candidate[m->ncandidates++] = (struct candidate){e, range, mask};
    s->want[e->size]--;
    s->wanted--;
}

static void
walk(struct search *s)
{
    size_t steps = (size_t)STEPS_MIN << (2 * s->seed->cuts);
    struct entry *e;

    while (s->wanted > 0 && (e = walk_next(&s->walk)) != NULL) {
        double gap = fabs(e->rating - s->seed->rating);

        if (too_far(s, gap))
            return;
        if (steps-- == 0) {
            s->cut = true;
            return;
        }
        s->m->budget -= s->m->budget > 0 ? 1 : 0;
        look_at(s, e, gap);
    }
    if (walk_next(&s->walk) != NULL)
        s->cut = true;
}

bool
matcher_search_candidates(struct matcher *m, struct entry *seed, wall_ms *ret_wake)
{
    struct search s = {.m = m, .seed = seed, .range = matcher_search_range(m, seed)};
    wall_ms small = seed->since + m->q->full_ms;
    dur_ms waited = m->now > seed->since ? m->now - seed->since : 0;
    wall_ms earliest = m->now + PAUSE_MIN_MS + waited / PAUSE_SHARE;

    s.mask = matcher_search_mask(m, seed);
    s.wake = m->q->nregions > 0 ? seed->mask_until : MATCHER_NEVER;
    if (m->q->full_ms > 0 && small > m->now && small < s.wake)
        s.wake = small;
    m->ncandidates = 0;
    set_walk(&s);
    set_wants(&s);
    walk(&s);
    if (s.cut) {
        wall_ms again = m->now + ((wall_ms)AGAIN_MS << seed->cuts);

        s.wake = again < s.wake ? again : s.wake;
    }
    *ret_wake = s.wake > earliest ? s.wake : earliest;
    return s.cut;
}
