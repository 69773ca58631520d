/*
 * The matcher under random tickets, queues and times, against what the rules say when each match is
 * recomputed from scratch: nobody in two matches, nobody who was cancelled or has expired, every
 * rule held; the same calls give the same matches; and where it can be told in a simple way that a
 * match was possible, it was found.
 */
#include "lib/base/buf.h"
#include "tests/unit/matcher_fixture.h"
#include "tests/unit/random.h"

#define TICKETS 400
#define OPEN_MAX TICKETS
#define SLACK 1e-6

enum where { NOWHERE, WAITING, HELD, PROPOSED, CANCELLED, GONE };

struct player {
    char id[16];
    struct matcher_ticket t;
    enum where where;
    wall_ms until; /* HELD */
};

struct world {
    struct random_source r;
    struct queue q;
    struct matcher *m;
    wall_ms now;
    struct player player[TICKETS];
    size_t n;
    struct matcher_match *open[OPEN_MAX];
    size_t nopen;
    size_t matches;
    struct buf log;
};

/* --- the rules, said once more ---------------------------------------------------------------- */

static double
limit(const struct queue_limit *l, dur_ms waited)
{
    return fmin(l->max, l->start + l->per_second * (double)waited / 1000);
}

static struct player *
player_of(struct world *w, const char *id)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->player[i].id, id) == 0)
            return &w->player[i];
    ck_abort_msg("nobody has the id %s", id);
    return NULL;
}

static bool
same(struct event_text a, struct event_text b)
{
    return a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

/* Whether two may be in a match, as far as ratings and attributes go. */
static bool
may_play(const struct world *w, const struct player *a, const struct player *b)
{
    double gap = fabs(a->t.rating - b->t.rating);

    for (size_t i = 0; i < w->q.nequal; i++)
        if (!same(a->t.equal[i], b->t.equal[i]))
            return false;
    for (size_t i = 0; i < w->q.nwithin; i++)
        if (fabs(a->t.within[i] - b->t.within[i]) > w->q.within[i].distance)
            return false;
    return gap <= limit(&w->q.range, w->now - a->t.since) + SLACK &&
           gap <= limit(&w->q.range, w->now - b->t.since) + SLACK;
}

static bool
takes_region(const struct world *w, const struct player *p, size_t region)
{
    return p->t.latency[region] >= 0 &&
           p->t.latency[region] <= limit(&w->q.latency, w->now - p->t.since) + SLACK;
}

/* --- checking a match ------------------------------------------------------------------------- */

static void
check_region(struct world *w, const struct matcher_match *match)
{
    int32_t least = INT32_MAX, chosen = -1;

    if (w->q.nregions == 0) {
        ck_assert_uint_eq(match->region, MATCHER_NO_REGION);
        return;
    }
    for (size_t region = 0; region < w->q.nregions; region++) {
        int32_t worst = 0;
        bool all = true;

        for (size_t i = 0; i < match->nseats; i++) {
            const struct player *p = player_of(w, match->seat[i].id);

            all = all && takes_region(w, p, region);
            worst = p->t.latency[region] > worst ? p->t.latency[region] : worst;
        }
        if (all && worst < least)
            least = worst;
        if (region == match->region) {
            ck_assert(all);
            chosen = worst;
        }
    }
    ck_assert_int_eq(chosen, least);
}

static void
check_teams(struct world *w, const struct matcher_match *match)
{
    double sum[64] = {0}, low = HUGE_VAL, high = -HUGE_VAL;
    size_t size[64] = {0};
    dur_ms longest = 0;

    for (size_t i = 0; i < match->nseats; i++) {
        const struct player *p = player_of(w, match->seat[i].id);

        ck_assert_uint_lt(match->seat[i].team, match->teams);
        ck_assert_uint_eq(match->seat[i].size, p->t.size);
        ck_assert_int_eq(match->seat[i].waited, w->now - p->t.since);
        size[match->seat[i].team] += p->t.size;
        sum[match->seat[i].team] += p->t.rating * (double)p->t.size;
        longest = w->now - p->t.since > longest ? w->now - p->t.since : longest;
    }
    for (size_t t = 0; t < match->teams; t++) {
        ck_assert_uint_eq(size[t], match->team_size);
        low = fmin(low, sum[t] / (double)size[t]);
        high = fmax(high, sum[t] / (double)size[t]);
    }
    ck_assert_double_eq_tol(match->gap, high - low, SLACK);
    ck_assert_uint_eq(match->teams, w->q.teams);
    ck_assert_uint_ge(match->team_size, w->q.size_min);
    ck_assert_uint_le(match->team_size, w->q.size_max);
    ck_assert(match->team_size == w->q.size_max || longest >= w->q.full_ms);
}

static void
check_match(struct world *w, const struct matcher_match *match)
{
    for (size_t i = 0; i < match->nseats; i++) {
        struct player *a = player_of(w, match->seat[i].id);

        if (a->where == HELD)
            ck_assert_int_le(a->until, w->now);
        else
            ck_assert_int_eq(a->where, WAITING);
        a->where = PROPOSED;
        ck_assert_int_lt(w->now - a->t.since, w->q.timeout);
        for (size_t j = 0; j < i; j++)
            if (!may_play(w, a, player_of(w, match->seat[j].id)))
                ck_abort_msg("%s and %s", a->id, match->seat[j].id);
    }
    check_teams(w, match);
    check_region(w, match);
    buf_printf(&w->log, "%lld %s\n", (long long)w->now, teams_text(match));
}

static void
check_counts(const struct world *w)
{
    size_t waiting = 0, proposed = 0;

    for (size_t i = 0; i < w->n; i++) {
        const struct player *p = &w->player[i];

        waiting += p->where == WAITING || p->where == HELD ? 1 : 0;
        proposed += p->where == PROPOSED ? 1 : 0;
        /* An assertion that holds has its price too, in such numbers. */
        if (matcher_has(w->m, text(p->id)) !=
            (p->where == WAITING || p->where == HELD || p->where == PROPOSED))
            ck_abort_msg("%s is there or not, as it should not be", p->id);
    }
    ck_assert_uint_eq(matcher_waiting(w->m), waiting);
    ck_assert_uint_eq(matcher_proposed(w->m), proposed);
}

/* --- what happens ----------------------------------------------------------------------------- */

static void
come(struct world *w)
{
    static const char *const modes[] = {"", "a", "b"};
    struct player *p = &w->player[w->n];

    if (w->n == TICKETS)
        return;
    (void)snprintf(p->id, sizeof(p->id), "t%zu", w->n++);
    p->where = WAITING;
    p->t = (struct matcher_ticket){.id = text(p->id),
                                   .size = 1 + random_below(&w->r, w->q.size_max),
                                   .rating = 1000 + (double)random_below(&w->r, 1000),
                                   .since = w->now - (wall_ms)random_below(&w->r, 3) * 4000};
    if (w->q.board == -1)
        p->t.rating = 0;
    if (random_below(&w->r, 2) == 0)
        p->t.size = 1;
    for (size_t i = 0; i < w->q.nequal; i++)
        p->t.equal[i] = text(modes[random_below(&w->r, 3)]);
    for (size_t i = 0; i < w->q.nwithin; i++)
        p->t.within[i] = (double)random_below(&w->r, 20) - 10;
    for (size_t i = 0; i < w->q.nregions; i++)
        p->t.latency[i] = (int32_t)random_below(&w->r, 300) - 20;
    add(w->m, p->t);
}

static void
cancel(struct world *w)
{
    struct player *p = w->n > 0 ? &w->player[random_below(&w->r, w->n)] : NULL;

    if (p == NULL)
        return;
    ck_assert_int_eq(matcher_remove(w->m, text(p->id)),
                     p->where == WAITING || p->where == HELD || p->where == PROPOSED);
    p->where = CANCELLED;
}

static void
look(struct world *w)
{
    char id[MATCHER_ID_MAX + 1];
    struct matcher_match *match;
    wall_ms next = matcher_next(w->m, w->now);
    size_t found = matcher_round(w->m, w->now), taken = 0;

    /* Nothing was said to come before that. */
    if (next > w->now)
        ck_assert_uint_eq(found, 0);
    while (matcher_expired(w->m, w->now, id)) {
        struct player *p = player_of(w, id);

        ck_assert(p->where == WAITING || p->where == HELD);
        ck_assert_int_ge(w->now - p->t.since, w->q.timeout);
        p->where = GONE;
    }
    while (w->nopen < OPEN_MAX && (match = matcher_take(w->m)) != NULL) {
        check_match(w, match);
        w->open[w->nopen++] = match;
        taken++;
    }
    ck_assert_uint_eq(found, taken);
    w->matches += found;
}

/* A proposed match is made, or not. */
static void
settle(struct world *w)
{
    size_t i = w->nopen > 0 ? random_below(&w->r, w->nopen) : 0;
    bool made = random_below(&w->r, 2) == 0;
    wall_ms until = random_below(&w->r, 2) == 0 ? 0 : w->now + 1000;
    struct matcher_match *match = w->open[i];

    if (w->nopen == 0)
        return;
    for (size_t s = 0; s < match->nseats; s++) {
        struct player *p = player_of(w, match->seat[s].id);

        if (p->where != PROPOSED)
            continue;
        p->where = made ? GONE : until > 0 ? HELD : WAITING;
        p->until = until;
    }
    if (made)
        matcher_done(w->m, match);
    else
        matcher_back(w->m, match, until);
    w->open[i] = w->open[--w->nopen];
}

/* --- worlds ----------------------------------------------------------------------------------- */

static struct queue
random_queue(struct random_source *r)
{
    struct queue queue = duel();

    queue.teams = 1 + random_below(r, 3);
    queue.size_max = 1 + random_below(r, 5);
    queue.size_min = 1 + random_below(r, queue.size_max);
    if (queue.teams * queue.size_min < 2)
        queue.teams = 2;
    queue.full_ms = queue.size_min < queue.size_max ? (dur_ms)random_below(r, 4) * 2000 : 0;
    queue.board = random_below(r, 4) == 0 ? -1 : 0;
    queue.range = (struct queue_limit){(double)random_below(r, 200), (double)random_below(r, 20),
                                       random_below(r, 2) == 0 ? HUGE_VAL : 250};
    queue.latency = (struct queue_limit){50, 10, 200};
    queue.nregions = random_below(r, 2) * (1 + random_below(r, 3));
    queue.nequal = random_below(r, 3);
    queue.nwithin = random_below(r, 3);
    for (size_t i = 0; i < queue.nwithin; i++)
        queue.within[i].distance = (double)random_below(r, 8);
    queue.timeout = 20000 + (dur_ms)random_below(r, 4) * 10000;
    return queue;
}

static struct world *
world_new(uint64_t seed)
{
    struct world *w = calloc(1, sizeof(*w));

    ck_assert_ptr_nonnull(w);
    w->r.state = seed;
    w->now = 1000000;
    w->q = random_queue(&w->r);
    w->m = matcher_new(&w->q);
    ck_assert_ptr_nonnull(w->m);
    buf_init(&w->log, 1 << 20);
    return w;
}

static void
world_free(struct world *w)
{
    matcher_free(w->m);
    buf_free(&w->log);
    free(w);
}

static void
world_run(struct world *w, size_t steps)
{
    for (size_t i = 0; i < steps; i++) {
        switch (random_below(&w->r, 8)) {
        case 0:
        case 1:
        case 2:
            come(w);
            break;
        case 3:
            if (random_below(&w->r, 4) == 0)
                cancel(w);
            break;
        case 4:
            settle(w);
            break;
        case 5:
            w->now += (wall_ms)random_below(&w->r, 1500);
            break;
        default:
            look(w);
            check_counts(w);
            break;
        }
    }
}

START_TEST(rules_hold)
{
    struct random_source r = random_start();
    size_t matches = 0;

    for (size_t i = 0; i < 200; i++) {
        struct world *w = world_new(random_u64(&r));

        world_run(w, 700);
        matches += w->matches;
        world_free(w);
    }
    /* The worlds are such that there is something to check. */
    ck_assert_uint_gt(matches, 3000);
}
END_TEST

START_TEST(same_calls_same_matches)
{
    struct random_source r = random_start();

    for (size_t i = 0; i < 30; i++) {
        uint64_t seed = random_u64(&r);
        struct world *a = world_new(seed), *b = world_new(seed);

        world_run(a, 500);
        world_run(b, 500);
        ck_assert_uint_eq(a->log.len, b->log.len);
        ck_assert(a->log.len == 0 || memcmp(a->log.data, b->log.data, a->log.len) == 0);
        world_free(a);
        world_free(b);
    }
}
END_TEST

/* --- what can be matched, is ------------------------------------------------------------------ */

static int
compare_ratings(const void *a, const void *b)
{
    const struct player *x = *(struct player *const *)a, *y = *(struct player *const *)b;

    return x->t.rating < y->t.rating ? -1 : x->t.rating > y->t.rating ? 1 : 0;
}

/* Single players without attributes: a match there is where so many neighbours in the sorted list
 * all take each other. Such a one must not have been there for longer than the pause between two
 * looks. */
static void
check_nothing_missed(struct world *w)
{
    struct player *sorted[TICKETS];
    size_t n = 0, need = w->q.teams * w->q.size_max;
    wall_ms now = w->now;

    for (size_t i = 0; i < w->n; i++)
        if (w->player[i].where == WAITING)
            sorted[n++] = &w->player[i];
    qsort(sorted, n, sizeof(sorted[0]), compare_ratings);
    for (size_t i = 0; i + need <= n; i++) {
        dur_ms longest = 0;
        bool all = true;

        for (size_t j = i; j < i + need; j++)
            longest = now - sorted[j]->t.since > longest ? now - sorted[j]->t.since : longest;
        w->now = now - 60 - longest / 90;
        for (size_t j = i; j < i + need; j++)
            all = all && sorted[j]->t.since <= w->now && may_play(w, sorted[i], sorted[j]) &&
                  may_play(w, sorted[i + need - 1], sorted[j]);
        w->now = now;
        if (all)
            ck_abort_msg("%s to %s could play", sorted[i]->id, sorted[i + need - 1]->id);
    }
}

START_TEST(nothing_is_missed)
{
    struct random_source r = random_start();
    size_t matches = 0;

    for (size_t i = 0; i < 60; i++) {
        struct world *w = world_new(random_u64(&r));

        w->q = teams_of(1 + i % 5);
        w->q.range = (struct queue_limit){5, 2, i % 2 == 0 ? HUGE_VAL : 40};
        for (size_t step = 0; step < 300; step++) {
            struct player *p = &w->player[w->n];

            if (random_below(&w->r, 2) == 0 && w->n < TICKETS) {
                come(w);
                matcher_remove(w->m, text(p->id));
                p->t.size = 1;
                add(w->m, p->t);
            }
            w->now += (wall_ms)random_below(&w->r, 400);
            while (matcher_next(w->m, w->now) <= w->now)
                look(w);
            check_nothing_missed(w);
            while (w->nopen > 0)
                settle(w);
            /* Those who came back, and those whose time is over. */
            for (size_t j = 0; j < w->n; j++)
                if (w->player[j].where == HELD && w->player[j].until <= w->now)
                    w->player[j].where = WAITING;
            while (matcher_next(w->m, w->now) <= w->now)
                look(w);
            while (w->nopen > 0)
                settle(w);
        }
        matches += w->matches;
        world_free(w);
    }
    ck_assert_uint_gt(matches, 500);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("matcher_random");
    TCase *t = tcase_create("matcher_random");

    tcase_add_test(t, rules_hold);
    tcase_add_test(t, same_calls_same_matches);
    tcase_add_test(t, nothing_is_missed);
    suite_add_tcase(s, t);
    return s;
}
