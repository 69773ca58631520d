/*
 * A circuit breaker: after so many failures in a row nothing is let through for a while; then one
 * trial is, and what becomes of it decides. Each failed trial doubles the pause, up to 30 s.
 * Knows neither clock nor network.
 */
#ifndef VARCADE_BREAKER_H
#define VARCADE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"

#define BREAKER_PAUSE_MAX ((dur_ms)30000)

struct breaker {
    int64_t failures_max; /* so many in a row open it */
    dur_ms first_pause;
    int64_t failures; /* in a row, while closed */
    bool open;
    bool trying;   /* open, and a trial is under way */
    dur_ms pause;  /* while open: the present one */
    mono_ms until; /* while open: when the pause ends */
};

/* breaker_init(b, failures_max, first_pause): closed. Both are > 0. */
void breaker_init(struct breaker *b, int64_t failures_max, dur_ms first_pause);

/* What a breaker looks like from outside. */
enum breaker_state {
    BREAKER_CLOSED,
    BREAKER_HALF_OPEN, /* the pause is over: the next call is the trial, or that is under way */
    BREAKER_OPEN
};

/* breaker_state(b, now). breaker_would_admit(b, now): what breaker_admit() would answer. */
enum breaker_state breaker_state(const struct breaker *b, mono_ms now);
bool breaker_would_admit(const struct breaker *b, mono_ms now);

/*
 * breaker_admit(b, now, ret_trial, ret_retry_after): whether a call may be made. Where it may,
 * breaker_report() is owed for it and *ret_trial is to be given there; where not, *ret_retry_after
 * (> 0) is when to ask again.
 */
bool breaker_admit(struct breaker *b, mono_ms now, bool *ret_trial, dur_ms *ret_retry_after)
    __attribute__((warn_unused_result));

/*
 * breaker_report(b, now, trial, failed): what became of an admitted call. A success closes the
 * breaker, also one of a call from before it opened; failures of such calls change nothing.
 */
void breaker_report(struct breaker *b, mono_ms now, bool trial, bool failed);

#endif
