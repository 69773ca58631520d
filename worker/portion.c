/* Events for one apply: see portion.h. */
#include "worker/portion.h"

#define COUNT_MIN ((size_t)16)
#define COST_GROWTH 1.1 /* at most, of what an event is taken to cost, from call to call */

void
portion_adapt(struct portion *p, size_t events, int64_t micros, int64_t micros_max, size_t max)
{
    double cost = (double)micros / (double)(events > 0 ? events : 1);
    size_t fit;

    p->cost = p->cost > 0 && cost > p->cost * COST_GROWTH ? p->cost * COST_GROWTH : cost;
    fit = p->cost * (double)max < (double)micros_max ? max : (size_t)((double)micros_max / p->cost);
    if (fit > 2 * p->count)
        fit = 2 * p->count;
    if (fit < p->count / 2)
        fit = p->count / 2;
    if (fit < COUNT_MIN)
        fit = COUNT_MIN;
    p->count = fit < max ? fit : max;
}
