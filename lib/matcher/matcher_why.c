/*
 * What those who wait are told: why there is no match yet.
 */
#include <math.h>
#include <string.h>

#include "lib/matcher/matcher_impl.h"

static bool
count_unequal(const struct matcher *m, const struct bucket *a, const struct bucket *b,
              struct matcher_why *why)
{
    const char *x = a->key, *y = b->key;
    bool unequal = false;

    for (size_t i = 0; a != b && i < m->q->nequal; i++) {
        size_t len_x = (unsigned char)*x, len_y = (unsigned char)*y;

        if (len_x != len_y || memcmp(x + 1, y + 1, len_x) != 0) {
            why->by_equal[i]++;
            unequal = true;
        }
        x += 1 + len_x;
        y += 1 + len_y;
    }
    return unequal;
}

static bool
count_distant(const struct matcher *m, const struct entry *a, const struct entry *b,
              struct matcher_why *why)
{
    bool distant = false;

    for (size_t i = 0; i < m->q->nwithin; i++)
        if (!(fabs(a->within[i] - b->within[i]) <= m->q->within[i].distance)) {
            why->by_within[i]++;
            distant = true;
        }
    return distant;
}

static void
count_other(const struct matcher *m, struct entry *e, struct entry *other, struct matcher_why *why)
{
    double gap = fabs(e->rating - other->rating);
    bool rating = gap > matcher_search_range(m, e) || gap > matcher_search_range(m, other);
    bool latency = (matcher_search_mask(m, e) & matcher_search_mask(m, other)) == 0;
    bool party = m->q->teams == 1 && e->size + other->size > m->q->size_max;
    bool unequal = count_unequal(m, e->bucket, other->bucket, why);
    bool distant = count_distant(m, e, other, why);

    why->by_rating += rating ? 1 : 0;
    why->by_latency += latency ? 1 : 0;
    why->by_party += party ? 1 : 0;
    why->others++;
    if (!rating && !latency && !party && !unequal && !distant) {
        why->candidates++;
        why->players += other->size;
    }
}

/* Those of its own bucket first: they are the ones that may still become candidates. */
static void
count_others(const struct matcher *m, struct entry *e, struct matcher_why *why)
{
    struct bucket *bucket, *next;

    for (struct entry *o = e->bucket->first[0]; o != NULL && why->others < MATCHER_WHY_MAX;
         o = o->link[0].next)
        if (o != e)
            count_other(m, e, o, why);
    HASH_ITER (hh, m->buckets, bucket, next) {
        if (bucket == e->bucket)
            continue;
        for (struct entry *o = bucket->first[0]; o != NULL && why->others < MATCHER_WHY_MAX;
             o = o->link[0].next)
            count_other(m, e, o, why);
    }
}

static enum matcher_reason
reason_of(const struct matcher *m, const struct entry *e, const struct matcher_why *why)
{
    if (e->state != ENTRY_WAITING || e->list != NULL || e->seed_at != SIZE_MAX)
        return MATCHER_SOON;
    if (m->waiting <= 1)
        return MATCHER_ALONE;
    if (why->candidates == 0)
        return MATCHER_RULES;
    return why->players < why->needed ? MATCHER_TOO_FEW : MATCHER_NO_FIT;
}

int
matcher_explain(struct matcher *m, struct event_text id, wall_ms now, struct matcher_why *ret_why)
{
    struct matcher_why why = {.place = 1, .low = -HUGE_VAL, .high = HUGE_VAL, .latency = HUGE_VAL};
    struct entry *e = NULL;
    dur_ms left;

    if (id.len <= MATCHER_ID_MAX)
        HASH_FIND(hh, m->by_id, id.s, id.len, e);
    if (e == NULL)
        return -1;
    m->now = now > m->now ? now : m->now;
    why.waited = m->now > e->since ? m->now - e->since : 0;
    why.waiting = m->waiting;
    for (size_t i = 0; i < m->heap_n; i++)
        why.place += m->heap[i].since < e->since ? 1 : 0;
    if (m->q->board != -1) {
        why.low = e->rating - matcher_search_range(m, e);
        why.high = e->rating + matcher_search_range(m, e);
    }
    if (m->q->nregions > 0)
        why.latency = queue_limit_at(&m->q->latency, why.waited);
    left = m->q->full_ms - why.waited;
    why.full_teams_ms = left > 0 ? left : 0;
    why.needed = m->q->teams * (left > 0 ? m->q->size_max : m->q->size_min);
    why.players = e->size;
    count_others(m, e, &why);
    why.reason = reason_of(m, e, &why);
    *ret_why = why;
    return 0;
}
