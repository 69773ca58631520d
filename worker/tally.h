/*
 * How many events of a product there were, whatever became of them, behind a place of the stream. Two
 * such numbers can be compared where the place is the same.
 */
#ifndef VARCADE_WORKER_TALLY_H
#define VARCADE_WORKER_TALLY_H

#include <stdint.h>

#include "lib/rules/event.h"

struct tally {
    struct event_id since; /* 0-0: from the beginning */
    int64_t n;
};

#endif
