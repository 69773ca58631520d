/*
 * Random input for tests: the same every time, other where VARCADE_SEED says so. The seed is printed, and
 * stands in the output of a test that failed.
 */
#ifndef VARCADE_TESTS_RANDOM_H
#define VARCADE_TESTS_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct random_source {
    uint64_t state;
};

static inline struct random_source
random_start(void)
{
    const char *seed = getenv("VARCADE_SEED");
    struct random_source r = {seed != NULL ? strtoull(seed, NULL, 0) : 20240229};

    printf("VARCADE_SEED=%llu\n", (unsigned long long)r.state);
    fflush(stdout);
    return r;
}

/* splitmix64 */
static inline uint64_t
random_u64(struct random_source *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* 0 .. n-1 */
static inline size_t
random_below(struct random_source *r, size_t n)
{
    return (size_t)(random_u64(r) % n);
}

#endif
