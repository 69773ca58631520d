/*
 * How many events one call of `apply` is given: so many that it keeps Redis for no longer than it
 * may, by what an event cost lately.
 *
 * What counts is the time by Redis' own clock: the worker's has in it what the answer waited for. And
 * of that the least: what makes one call slow is as often a machine that is busy.
 */
#ifndef VARCADE_WORKER_PORTION_H
#define VARCADE_WORKER_PORTION_H

#include <stddef.h>
#include <stdint.h>

#define APPLY_MICROS_MAX 5000 /* how long one apply may hold Redis */

struct portion {
    size_t count; /* the present answer; set at first */
    double cost;  /* of an event, in microseconds; 0: not known yet */
};

/* portion_adapt(p, events, micros, micros_max, max): so many events took so long, and may take micros_max; no more than max
 * are to be given. */
void portion_adapt(struct portion *p, size_t events, int64_t micros, int64_t micros_max, size_t max);

#endif
