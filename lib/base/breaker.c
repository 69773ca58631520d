/* The circuit breaker. */
#include "lib/base/breaker.h"

void
breaker_init(struct breaker *b, int64_t failures_max, dur_ms first_pause)
{
    *b = (struct breaker){.failures_max = failures_max, .first_pause = first_pause};
}

enum breaker_state
breaker_state(const struct breaker *b, mono_ms now)
{
    if (!b->open)
        return BREAKER_CLOSED;
    return now < b->until ? BREAKER_OPEN : BREAKER_HALF_OPEN;
}

bool
breaker_would_admit(const struct breaker *b, mono_ms now)
{
    return !b->trying && breaker_state(b, now) != BREAKER_OPEN;
}

bool
breaker_admit(struct breaker *b, mono_ms now, bool *ret_trial, dur_ms *ret_retry_after)
{
    if (b->open && now < b->until) {
        *ret_retry_after = b->until - now;
        return false;
    }
    if (b->trying) {
        *ret_retry_after = b->pause;
        return false;
    }
    b->trying = b->open;
    *ret_trial = b->open;
    return true;
}

static void
open_for(struct breaker *b, mono_ms now, dur_ms pause)
{
    b->open = true;
    b->trying = false;
    b->pause = pause;
    b->until = now + pause;
}

/* twice_as_long(b): a first pause that is longer than the maximum stays as it is. */
static dur_ms
twice_as_long(const struct breaker *b)
{
    dur_ms max = b->first_pause > BREAKER_PAUSE_MAX ? b->first_pause : BREAKER_PAUSE_MAX;

    return b->pause <= max / 2 ? b->pause * 2 : max;
}

void
breaker_report(struct breaker *b, mono_ms now, bool trial, bool failed)
{
    if (!failed)
        breaker_init(b, b->failures_max, b->first_pause);
    else if (!b->open && ++b->failures >= b->failures_max)
        open_for(b, now, b->first_pause);
    else if (b->open && trial)
        open_for(b, now, twice_as_long(b));
}
