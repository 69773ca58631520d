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

void
outcome_settle(struct lane *lane, bool reached_end, wall_ms then)
{
    lane->at_end = reached_end;
    /* Short of the end it is as late as its last event; one from the future tells nothing. */
    if (!reached_end && lane->read.ms > (uint64_t)then)
        return;
    if (!reached_end)
        then = (wall_ms)lane->read.ms;
    /* Whatever it was before: the clock may have been set back. */
    lane->caught_up = then;
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
    const struct batch *batch = apply_batch(lane->apply);
    size_t events = batch_events(batch);

    metric_observe(lane->worker->report.apply_seconds, (double)result->micros / 1e6);
    (void)event_id_format(lane->read, lane->checkpoint);
    lane->moved_at = loop_now(lane->worker->loop);
    lane->moved_entries = lane->read_entries;
    lane->moved_events = lane->read_events;
    lane->refused[0] = '\0';
    if (events == 0)
        return;
    report_batch(lane, batch, result->reply);
    snapshots_applied(lane->snapshots, batch);
    if (events >= lane->limit)
        lane->limit = lane->limit > SIZE_MAX / 2 ? SIZE_MAX : 2 * lane->limit;
}

static void
halve(struct lane *lane)
{
    size_t events = batch_events(apply_batch(lane->apply));

    lane->limit = events > 1 ? events / 2 : 1;
}

/*
 * Redis will not take this batch. Halve it until the event at fault is alone, and make that one a
 * dead letter: one damaged key must not stop a product. Where even the dead letter is refused, the
 * lane waits to be loaded again at the pace of the leases.
 */
static void
refused(struct lane *lane, const char *why)
{
    const struct batch *batch = apply_batch(lane->apply);
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
    halve(lane);
    position_load(lane);
}

void
outcome_take(struct lane *lane, const struct apply_result *result, bool reached_end, wall_ms then)
{
    struct report *report = &lane->worker->report;

    if (result->outcome == APPLY_DONE) {
        applied(lane, result);
        outcome_settle(lane, reached_end, then);
        if (reached_end)
            apply_rest(lane->apply);
        return;
    }
    lane->place = LANE_UNKNOWN;
    lane->at_end = false;
    if (result->outcome == APPLY_FENCED) {
        metric_add(report->fenced, 1);
        log_info("worker", "the checkpoint was moved by another worker, or stated anew by hand",
                 LOG_S("product", lane->id));
        position_load(lane);
        return;
    }
    if (result->outcome == APPLY_AWAY) {
        /* Up, and yet it was not sent: it may be too much for one pipeline or one call. */
        if (redis_is_up(lane->worker->state))
            halve(lane);
        return;
    }
    if (report_allowed(&report->trouble_lines, loop_now(lane->worker->loop)))
        log_error("worker", "Redis refused a batch", LOG_S("product", lane->id),
                  LOG_I("events", batch_events(apply_batch(lane->apply))),
                  LOG_S("error", result->why));
    if (result->outcome == APPLY_REFUSED)
        refused(lane, result->why);
}
