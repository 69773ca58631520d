/* Reads whose batches are under way: see rounds.h. */
#include "worker/rounds.h"

#define COUNT_FIRST ((size_t)64)
#define BEHIND_MICROS_MAX \
    20000        /* one apply may take, not APPLY_MICROS_MAX, while there is more to do … */
#define BEHIND 4 /* … than so many reads bring */

void
rounds_init(struct rounds *r, size_t max)
{
    *r = (struct rounds){.portion = {.count = COUNT_FIRST}, .max = max};
}

struct round *
rounds_unused(struct rounds *r)
{
    for (size_t i = 0; i < APPLY_DEPTH; i++)
        if (r->round[i].under_way == 0)
            return &r->round[i];
    return NULL;
}

bool
rounds_are_under_way(const struct rounds *r)
{
    for (size_t i = 0; i < APPLY_DEPTH; i++)
        if (r->round[i].under_way > 0)
            return true;
    return false;
}

/* How long an apply may hold Redis. Of many events each costs less, as players come up again, and
 * the end of a long way is what everybody waits for. */
static int64_t
micros_max(const struct round *round)
{
    return round->ahead > BEHIND * (int64_t)round->got ? BEHIND_MICROS_MAX : APPLY_MICROS_MAX;
}

void
rounds_end_batch(struct rounds *r, struct round *round, int64_t micros)
{
    int64_t most = micros_max(round);

    if (micros > round->slowest)
        round->slowest = micros;
    if (--round->under_way == 0 && (round->full || round->slowest > most))
        portion_adapt(&r->portion, round->got, round->slowest, most, r->max);
}
