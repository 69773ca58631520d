/* After a batch: see outcome.h. */
#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "lib/redis/redis.h"
#include "worker/apply.h"
#include "worker/outcome.h"
#include "worker/position.h"
#include "worker/snapshots/snapshots.h"
#include "worker/worker.h"

#define IDLE_ENTRIES 1000       /* a checkpoint is moved by itself when it is so many entries */
#define IDLE_AGE ((dur_ms)5000) /* or this long behind */

/* Everything up to a place is applied, that of an event or an end of the stream that was seen at that time. */
static void
caught_up(struct lane *lane, struct event_id place, bool at_end)
{
    lane->at_end = at_end;
    /* Short of the end it is as late as its last event; one from the future tells nothing. Whatever it was before: the clock
     * may have been set back. */
    if (at_end)
        lane->caught_up = lane->read_at;
    else if (place.ms <= (uint64_t)lane->read_at)
        lane->caught_up = (wall_ms)place.ms;
}

void
outcome_settle(struct lane *lane)
{
    caught_up(lane, lane->read, lane->read_all);
}

bool
outcome_move_due(const struct lane *lane)
{
    char read[EVENT_ID_SIZE];

    (void)event_id_format(lane->read, read);
    if (lane->read_entries == lane->moved_entries && strcmp(read, lane->checkpoint) == 0)
        return false;
    return lane->read_entries - lane->moved_entries > IDLE_ENTRIES ||
           loop_now(lane->worker->loop) - lane->moved_at > IDLE_AGE;
}

static void
applied(struct lane *lane, const struct apply_result *result)
{
    const struct batch_span *span = result->span;
    size_t events = batch_events(result->batch);

    metric_observe(lane->worker->report.apply_seconds, (double)result->micros / 1e6);
    if (events > 0) {
        report_batch(lane, result->batch, result->reply);
        snapshots_applied(lane->snapshots, result->batch);
    }
    if (!result->current)
        return;
    (void)event_id_format(span->end, lane->checkpoint);
    lane->moved_at = loop_now(lane->worker->loop);
    lane->moved_entries = span->entries;
    lane->moved_events = span->events;
    lane->refused[0] = '\0';
    lane->lag = (struct lag){.entries = 0};
    if (events > 0 && events >= lane->limit)
        lane->limit = lane->limit > SIZE_MAX / 2 ? SIZE_MAX : 2 * lane->limit;
    if (!apply_is_idle(lane->apply)) {
        caught_up(lane, span->end, false);
        return;
    }
    outcome_settle(lane);
    if (lane->at_end)
        apply_rest(lane->apply);
}

static void
halve(struct lane *lane, const struct batch *batch)
{
    size_t events = batch_events(batch);

    lane->limit = events > 1 ? events / 2 : 1;
}

/*
 * Redis will not take this batch. Halve it until the event at fault is alone, and make that one a
 * dead letter: one damaged key must not stop a product. Where even the dead letter is refused, the
 * lane waits to be loaded again at the pace of the leases.
 */
static void
refused(struct lane *lane, const struct batch *batch, const char *why)
{
    size_t events = batch_events(batch);
    struct event_id id;

    metric_add(lane->worker->report.refused, 1);
    if (events == 0)
        return;
    id = batch_last_id(batch);
    if (events == 1) {
        if (lane->refused[0] != '\0' && event_id_compare(id, lane->refused_id) == 0)
            return;
        lane->refused_id = id;
        (void)snprintf(lane->refused, sizeof(lane->refused), "Redis refused it: %s", why);
    }
    halve(lane, batch);
    position_load(lane);
}

/* Redis has not taken them; that is no matter of a moment, as where another worker has applied them. */
static void
note_lag(struct lane *lane, const struct batch *batch)
{
    int64_t events = (int64_t)batch_events(batch);

    if (events > lane->lag.entries)
        lane->lag.entries = events;
    if (events > 0 && lane->lag.since == 0)
        lane->lag.since = event_id_time(batch_last_id(batch));
}

static void
failed(struct lane *lane, const struct apply_result *result)
{
    struct report *report = &lane->worker->report;

    lane->place = LANE_UNKNOWN;
    lane->at_end = false;
    if (result->outcome != APPLY_FENCED && result->outcome != APPLY_DROPPED)
        note_lag(lane, result->batch);
    switch (result->outcome) {
    case APPLY_FENCED:
        metric_add(report->fenced, 1);
        log_info("worker", "the checkpoint was moved by another worker, or stated anew by hand",
                 LOG_S("product", lane->id));
        position_load(lane);
        return;
    case APPLY_DROPPED:
        position_load(lane);
        return;
    case APPLY_AWAY:
        /* Up, and yet it was not sent: it may be too much for one pipeline or one call. */
        if (redis_is_up(lane->worker->state))
            halve(lane, result->batch);
        return;
    case APPLY_REFUSED:
    case APPLY_BARRED:
    case APPLY_DONE:
    default:
        break;
    }
    if (report_allowed(&report->trouble_lines, loop_now(lane->worker->loop)))
        log_error("worker", "Redis refused a batch", LOG_S("product", lane->id),
                  LOG_I("events", batch_events(result->batch)), LOG_S("error", result->why));
    if (result->outcome == APPLY_REFUSED)
        refused(lane, result->batch, result->why);
}

void
outcome_take(struct lane *lane, const struct apply_result *result)
{
    if (result->outcome == APPLY_DONE)
        applied(lane, result);
    else if (result->current)
        failed(lane, result);
}
