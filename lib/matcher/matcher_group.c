/*
 * A match of candidates: parties that fill the teams, and who is in which team.
 *
 * The seed takes whoever is nearest and fits those it has; where that leads nowhere it steps back,
 * a bounded number of times. Parties are never split: whether some fill teams is the packing of
 * bins, which is small here (at most 64 players) and trivial among single players.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/matcher/matcher_impl.h"

#define TRIES_MAX 512     /* parties tried for one size of teams */
#define PACK_MAX 256      /* steps of one packing */
#define EXHAUSTIVE_MAX 12 /* parties that are dealt out to two teams in every way */
#define PASSES_MAX 8

/* --- packing ---------------------------------------------------------------------------------- */

struct packing {
    size_t size[MATCHER_PLAYERS_MAX]; /* of parties, largest first */
    size_t team[MATCHER_PLAYERS_MAX];
    size_t n;
    size_t room[MATCHER_PLAYERS_MAX]; /* of teams */
    size_t teams;
    size_t steps;
};

/* Parties from i on into the room that is left. */
static bool
pack_from(struct packing *p, size_t i)
{
    uint64_t tried = 0;

    if (i == p->n)
        return true;
    for (size_t t = 0; t < p->teams; t++) {
        uint64_t room = p->room[t] > 0 ? UINT64_C(1) << (p->room[t] - 1) : 0;

        /* Another team with as much room would be the same again. */
        if (p->room[t] < p->size[i] || (tried & room) != 0)
            continue;
        tried |= room;
        if (p->steps-- == 0) {
            p->steps = 0;
            return false;
        }
        p->room[t] -= p->size[i];
        p->team[i] = t;
        if (pack_from(p, i + 1))
            return true;
        p->room[t] += p->size[i];
    }
    return false;
}

/* Whether by_size parties fit into teams of team_size, none split; in p where each of them is. */
static bool
pack(struct packing *p, const size_t *by_size, size_t teams, size_t team_size)
{
    p->n = 0;
    p->teams = teams;
    p->steps = PACK_MAX;
    for (size_t size = team_size; size > 0; size--)
        for (size_t i = 0; i < by_size[size]; i++)
            p->size[p->n++] = size;
    for (size_t t = 0; t < teams; t++)
        p->room[t] = team_size;
    return pack_from(p, 0);
}

/* --- choosing --------------------------------------------------------------------------------- */

struct choice {
    const struct matcher *m;
    struct group *group;
    size_t need, players; /* of the match, and so far */
    size_t by_size[MATCHER_PLAYERS_MAX + 1];
    size_t largest;
    size_t behind[MATCHER_CANDIDATES_MAX + 1]; /* players of the candidates from i on */
    size_t tries;
    size_t steps; /* of packing */
};

static bool
fits_rules(const struct choice *c, const struct candidate *new)
{
    const struct group *g = c->group;

    if ((g->mask & new->mask) == 0)
        return false;
    for (size_t i = 0; i < g->n; i++) {
        double gap = fabs(g->party[i]->entry->rating - new->entry->rating);

        if (gap > g->party[i]->range || gap > new->range ||
            !matcher_search_within(c->m, g->party[i]->entry, new->entry))
            return false;
    }
    return true;
}

static bool
fits_teams(struct choice *c, const struct candidate *new)
{
    size_t size = new->entry->size;
    struct packing p;
    bool fits;

    if (size > c->group->team_size || c->players + size > c->need)
        return false;
    if (size == 1 && c->largest <= 1)
        return true;
    c->by_size[size]++;
    fits = pack(&p, c->by_size, c->m->q->teams, c->group->team_size);
    c->steps += PACK_MAX - p.steps;
    c->by_size[size]--;
    return fits;
}

static void
take(struct choice *c, const struct candidate *new)
{
    c->group->party[c->group->n++] = new;
    c->group->mask &= new->mask;
    c->players += new->entry->size;
    c->by_size[new->entry->size]++;
    c->largest = new->entry->size > c->largest ? new->entry->size : c->largest;
}

/* Fill up with candidates from `from` on. */
static bool
fill(struct choice *c, size_t from)
{
    for (size_t i = from; c->players < c->need; i++) {
        const struct candidate *new = &c->m->candidate[i];
        uint32_t mask = c->group->mask;
        size_t largest = c->largest;

        if (c->players + c->behind[i] < c->need || c->tries == 0)
            return false;
        c->tries--;
        if (!fits_teams(c, new) || !fits_rules(c, new))
            continue;
        take(c, new);
        if (fill(c, i + 1))
            return true;
        c->group->n--;
        c->group->mask = mask;
        c->players -= new->entry->size;
        c->by_size[new->entry->size]--;
        c->largest = largest;
    }
    return true;
}

/* Whether some of the parties, the seed among them, have team_size players together: if not, trying
 * is in vain. */
static bool
sizes_can_fill(const struct choice *c, const struct candidate *seed, size_t team_size)
{
    uint64_t sums = UINT64_C(1); /* bit n: n players can be had beside the seed */
    size_t beside = team_size - seed->entry->size;

    for (size_t i = 0; i < c->m->ncandidates; i++) {
        size_t size = c->m->candidate[i].entry->size;

        if (size <= beside)
            sums |= sums << size;
    }
    return (sums >> beside & 1) != 0;
}

static bool
choose(struct matcher *m, struct choice *c, const struct candidate *seed, size_t team_size)
{
    bool found;

    if (seed->entry->size > team_size ||
        seed->entry->size + c->behind[0] < team_size * m->q->teams ||
        !sizes_can_fill(c, seed, team_size))
        return false;
    c->group->n = 0;
    c->group->team_size = team_size;
    c->group->mask = UINT32_MAX;
    c->need = team_size * m->q->teams;
    c->players = c->largest = 0;
    memset(c->by_size, 0, sizeof(c->by_size));
    c->tries = TRIES_MAX;
    c->steps = 0;
    take(c, seed);
    found = fill(c, 0);
    c->steps += TRIES_MAX - c->tries;
    m->budget -= m->budget < c->steps ? m->budget : c->steps;
    return found;
}

bool
matcher_group_find(struct matcher *m, const struct candidate *seed, struct group *ret_group)
{
    size_t least = m->now - seed->entry->since >= m->q->full_ms ? m->q->size_min : m->q->size_max;
    struct choice c = {.m = m, .group = ret_group};

    /* A party may fill all teams by itself, and takes no region yet. */
    if (seed->mask == 0)
        return false;
    c.behind[m->ncandidates] = 0;
    for (size_t i = m->ncandidates; i-- > 0;)
        c.behind[i] = c.behind[i + 1] + m->candidate[i].entry->size;
    for (size_t size = m->q->size_max; size >= least; size--)
        if (choose(m, &c, seed, size)) {
            matcher_group_balance(ret_group, m->q->teams);
            return true;
        }
    return false;
}

/* --- balance ---------------------------------------------------------------------------------- */

static double
strength(const struct group *g, size_t i)
{
    return g->party[i]->entry->rating * (double)g->party[i]->entry->size;
}

/* What the teams' players are worth together. */
static void
sum_up(const struct group *g, size_t teams, double *sum)
{
    for (size_t t = 0; t < teams; t++)
        sum[t] = 0;
    for (size_t i = 0; i < g->n; i++)
        sum[g->team[i]] += strength(g, i);
}

/* The difference between the strongest and the weakest team's mean. */
static double
gap_of(const struct group *g, size_t teams, const double *sum)
{
    double low = HUGE_VAL, high = -HUGE_VAL;

    for (size_t t = 0; t < teams; t++) {
        low = sum[t] < low ? sum[t] : low;
        high = sum[t] > high ? sum[t] : high;
    }
    return (high - low) / (double)g->team_size;
}

/* Every way to deal a few parties out to two teams. */
struct deal {
    const struct group *g;
    double strength[EXHAUSTIVE_MAX];
    size_t room[2];
    uint32_t second; /* parties in the second team */
    uint32_t best;
    double least;
};

/* Parties from i on; more: the first team's strength less the second's. */
static void
deal_from(struct deal *d, size_t i, double more)
{
    size_t size;

    if (i == d->g->n) {
        if (fabs(more) < d->least) {
            d->least = fabs(more);
            d->best = d->second;
        }
        return;
    }
    size = d->g->party[i]->entry->size;
    if (d->room[0] >= size) {
        d->room[0] -= size;
        deal_from(d, i + 1, more + d->strength[i]);
        d->room[0] += size;
    }
    /* The teams' names do not matter: the first party is in the first one. */
    if (i > 0 && d->room[1] >= size) {
        d->room[1] -= size;
        d->second ^= UINT32_C(1) << i;
        deal_from(d, i + 1, more - d->strength[i]);
        d->second ^= UINT32_C(1) << i;
        d->room[1] += size;
    }
}

static void
deal_in_two(struct group *g)
{
    struct deal d = {.g = g, .room = {g->team_size, g->team_size}, .least = HUGE_VAL};

    /* Counted from the seed's rating, so that large ratings leave the sums their last digits. */
    for (size_t i = 0; i < g->n; i++)
        d.strength[i] = (g->party[i]->entry->rating - g->party[0]->entry->rating) *
                        (double)g->party[i]->entry->size;
    deal_from(&d, 0, 0);
    for (size_t i = 0; i < g->n; i++)
        g->team[i] = d.best >> i & 1;
}

/* Any packing, as a start. */
static void
deal_somehow(struct group *g, size_t teams)
{
    size_t by_size[MATCHER_PLAYERS_MAX + 1] = {0}, at = 0;
    struct packing p;

    for (size_t i = 0; i < g->n; i++)
        by_size[g->party[i]->entry->size]++;
    (void)pack(&p, by_size, teams, g->team_size);
    for (size_t size = g->team_size; size > 0; size--)
        for (size_t i = 0; i < g->n; i++)
            if (g->party[i]->entry->size == size)
                g->team[i] = p.team[at++];
}

/* Swap two parties of one size where that brings the teams closer. Returns whether it did. */
static bool
swap(struct group *g, size_t teams, double *sum, size_t i, size_t j)
{
    size_t a = g->team[i], b = g->team[j];
    double was_a = sum[a], was_b = sum[b], more, gap;

    if (a == b || g->party[i]->entry->size != g->party[j]->entry->size)
        return false;
    more = strength(g, j) - strength(g, i);
    sum[a] += more;
    sum[b] -= more;
    gap = gap_of(g, teams, sum);
    if (gap < g->gap) {
        g->gap = gap;
        g->team[i] = b;
        g->team[j] = a;
        return true;
    }
    sum[a] = was_a;
    sum[b] = was_b;
    return false;
}

/* Swap as long as that helps, at most in so many passes; and what is left of the gap. */
static void
improve(struct group *g, size_t teams, size_t passes)
{
    double sum[MATCHER_PLAYERS_MAX];
    bool better = true;

    sum_up(g, teams, sum);
    g->gap = gap_of(g, teams, sum);
    for (size_t pass = 0; better && pass < passes; pass++) {
        better = false;
        for (size_t i = 0; i < g->n; i++)
            for (size_t j = 0; j < i; j++)
                better = swap(g, teams, sum, i, j) || better;
    }
}

void
matcher_group_balance(struct group *group, size_t teams)
{
    if (teams == 2 && group->n <= EXHAUSTIVE_MAX)
        deal_in_two(group);
    else
        deal_somehow(group, teams);
    /* Among single players there is nothing to exchange that would make a difference. */
    improve(group, teams, group->team_size > 1 ? PASSES_MAX : 0);
}
