/*
 * Reading the stream: see consumer.h.
 *
 * Every read is XINFO STREAM and XREAD in one pipeline. XINFO tells how far behind the reader is
 * and whether entries were trimmed before they were read (position.h); on 7.0 nothing else does.
 *
 * Where lanes are at different places (a product that is new, one that was refused), reads are from
 * the lowest place and from the highest in turn: the laggard catches up, and the others do not wait
 * for it. A read serves the lanes that are at or beyond its start; no other, which would miss
 * entries.
 */
#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "lib/config/conf.h"
#include "lib/redis/redis.h"
#include "lib/rules/event.h"
#include "worker/apply.h"
#include "worker/consumer.h"
#include "worker/mem.h"
#include "worker/outcome.h"
#include "worker/position.h"
#include "worker/rounds.h"
#include "worker/worker.h"

#define BLOCK ((dur_ms)1000) /* how long a read waits for news */
#define RETRY ((dur_ms)500)  /* after a read that failed */

struct consumer {
    struct worker *worker;
    struct loop_timer *timer;
    bool reading;          /* XREAD is under way */
    bool blocking;         /* … and waits */
    bool behind;           /* the read before brought all that it asked for: there is more */
    bool highest;          /* its start is the highest place, not the lowest */
    struct event_id start; /* where it began */
    int64_t entries; /* the count up to start, then up to the entry that is dealt; -1: not known */
    int64_t lost;    /* the most that a lane has lost, by the last XINFO */
    struct position_stream stream; /* what XINFO told */
    wall_ms sent;                  /* when it was sent */
    size_t asked;                  /* for how many entries */
    struct rounds rounds;          /* reads whose batches are under way */
    struct lag lag;                /* what is yet to be read */
    bool replaced;                 /* it was told that the stream is another one */
    struct event event;            /* the one that is dealt */
};

/* --- where to read ---------------------------------------------------------------------------- */

/* The lowest and the highest place of the lanes that are ready. Returns false where there is none,
 * or where one is being loaded: that takes a moment, and a read that waits would keep it waiting.
 */
static bool
find_places(const struct worker *w, struct event_id *ret_low, struct event_id *ret_high)
{
    bool found = false;
    size_t i;

    for (i = 0; i < w->nlanes; i++) {
        const struct lane *lane = w->lanes[i];

        if (lane->place == LANE_LOADING)
            return false;
        if (lane->place != LANE_READY)
            continue;
        if (!found || event_id_compare(lane->read, *ret_low) < 0)
            *ret_low = lane->read;
        if (!found || event_id_compare(lane->read, *ret_high) > 0)
            *ret_high = lane->read;
        found = true;
    }
    return found;
}

static void on_info(void *cookie, enum redis_outcome outcome, const struct redisReply *reply);
static void on_entries(void *cookie, enum redis_outcome outcome, const struct redisReply *reply);

static void
send_read(struct consumer *c)
{
    struct redis *stream = c->worker->stream;
    const char *name = c->worker->conf->stream_name;
    char start[EVENT_ID_SIZE];
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "XINFO");
    redis_args_str(&a, "STREAM");
    redis_args_str(&a, name);
    redis_send(stream, &a, on_info, c);
    redis_args_reset(&a);
    redis_args_str(&a, "XREAD");
    redis_args_str(&a, "COUNT");
    c->asked = c->rounds.portion.count;
    redis_args_int(&a, (int64_t)c->asked);
    if (c->blocking) {
        redis_args_str(&a, "BLOCK");
        redis_args_int(&a, BLOCK);
    }
    redis_args_str(&a, "STREAMS");
    redis_args_str(&a, name);
    (void)event_id_format(c->start, start);
    redis_args_str(&a, start);
    redis_send(stream, &a, on_entries, c);
    redis_args_free(&a);
    c->reading = true;
    c->sent = clock_wall();
}

/* Whether there is room for what a read brings; it may bring something for each lane. */
static bool
has_room(struct consumer *c)
{
    const struct worker *w = c->worker;

    for (size_t i = 0; i < w->nlanes; i++)
        if (!apply_has_room(w->lanes[i]->apply) || apply_is_waiting(w->lanes[i]->apply))
            return false;
    return rounds_unused(&c->rounds) != NULL;
}

void
consumer_read_on(struct consumer *c)
{
    struct worker *w = c->worker;
    struct event_id low, high;

    if (c->reading || !has_room(c) || w->reloading || w->stopping || !redis_is_up(w->stream) ||
        !redis_is_up(w->state) || !find_places(w, &low, &high))
        return;
    c->blocking = event_id_compare(low, high) == 0 && !c->behind;
    c->highest = event_id_compare(low, high) != 0 && !c->highest;
    c->start = c->highest ? high : low;
    send_read(c);
}

static void
on_timer(void *cookie)
{
    consumer_read_on(cookie);
}

bool
consumer_is_reading(const struct consumer *c)
{
    return c->reading;
}

void
consumer_wake(struct consumer *c)
{
    if (c != NULL)
        loop_timer_set(c->timer, 0);
}

/* --- what XINFO tells ------------------------------------------------------------------------- */

/* The best count there is for the place where the read begins. */
static int64_t
entries_at_start(const struct consumer *c)
{
    const struct worker *w = c->worker;
    int64_t entries = -1;
    size_t i;

    for (i = 0; i < w->nlanes; i++) {
        const struct lane *lane = w->lanes[i];

        if (lane->place == LANE_READY && event_id_compare(lane->read, c->start) == 0 &&
            lane->read_entries > entries)
            entries = lane->read_entries;
    }
    return entries;
}

static void
tell_gap(struct consumer *c, const struct position_ahead *ahead)
{
    bool from_start = c->lost == 0 && c->start.ms == 0 && c->start.seq == 0;
    const char *stream = c->worker->conf->stream_name;
    char start[EVENT_ID_SIZE];

    (void)event_id_format(c->start, start);
    /* What was gone before a lane began is none of its losses: see follow(). */
    if (ahead->lost < 0 || (ahead->lost > 0 && !from_start))
        report_gap(&c->worker->report, start, ahead->lost);
    if (ahead->replaced && !c->replaced) {
        report_gap(&c->worker->report, start, -1);
        log_error("worker",
                  "the stream is another one, or is gone: it has no id as high as the checkpoint, "
                  "and events are read only beyond that",
                  LOG_S("stream", stream), LOG_S("checkpoint", start));
    }
    c->replaced = ahead->replaced;
}

/*
 * Every lane's count follows, so that what was lost is told once: by the lane that lost most, as
 * its loss holds the others'. One whose count is not known tells it when a read begins there.
 */
static void
follow(struct consumer *c, struct position_ahead *ahead)
{
    const struct worker *w = c->worker;
    size_t i;

    for (i = 0; i < w->nlanes; i++) {
        struct lane *lane = w->lanes[i];
        bool begun = lane->read.ms != 0 || lane->read.seq != 0;
        struct position_ahead own;

        if (lane->place != LANE_READY)
            continue;
        own = position_ahead(&c->stream, lane->read, lane->read_entries);
        if (begun && own.lost > 0 && own.lost > c->lost)
            c->lost = own.lost;
        if (!begun && own.lost > 0)
            report_begun_late(lane, own.lost);
        if (own.lost >= 0 || event_id_compare(lane->read, c->start) == 0)
            lane->read_entries = own.entries;
    }
    if (c->lost > 0)
        ahead->lost = c->lost;
}

static void
on_info(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct consumer *c = cookie;
    struct position_ahead ahead;

    c->entries = entries_at_start(c);
    c->stream = (struct position_stream){.length = 0};
    /* A stream that does not exist yet is an error to Redis, and an empty one here. */
    if (outcome != REDIS_REFUSED &&
        (outcome != REDIS_DONE || position_stream_read(reply, &c->stream) < 0))
        return;
    ahead = position_ahead(&c->stream, c->start, c->entries);
    c->entries = ahead.entries;
    c->lost = 0;
    follow(c, &ahead);
    tell_gap(c, &ahead);
}

/* --- dealing out ------------------------------------------------------------------------------ */

static bool
takes_part(const struct consumer *c, const struct lane *lane)
{
    return lane->place == LANE_READY && event_id_compare(lane->read, c->start) >= 0;
}

/* An entry for the lane: what it has read lies behind, unless its batch is as large as may be. */
static void
deal_to(struct consumer *c, struct lane *lane, const struct redisReply *entry, const char *why)
{
    struct event *e = &c->event;
    struct batch *batch;

    if (!lane->dealt)
        apply_begin(lane->apply);
    lane->dealt = true;
    batch = apply_batch(lane->apply);
    if (lane->refused[0] != '\0' && event_id_compare(e->id, lane->refused_id) == 0)
        why = lane->refused;
    if (why != NULL)
        batch_add_dead(batch, e->id, entry, why);
    else
        batch_add(batch, e);
    lane->read = e->id;
    lane->read_entries = c->entries;
    lane->read_events.n++;
}

static bool
is_full(const struct lane *lane)
{
    return lane->dealt && batch_events(apply_batch(lane->apply)) >= lane->limit;
}

static void
deal(struct consumer *c, const struct redisReply *entry)
{
    const char *why = NULL;
    struct lane *lane;

    if (c->entries >= 0)
        c->entries++;
    if (event_decode(entry, &c->event, &why) == 0)
        why = NULL;
    lane = lanes_find(c->worker, c->event.product_id.s, c->event.product_id.len);
    if (lane->product == NULL && c->event.product_id.s != NULL)
        why = "unknown product";
    if (takes_part(c, lane) && !is_full(lane) && event_id_compare(c->event.id, lane->read) > 0)
        deal_to(c, lane, entry, why);
}

/* Entries behind those that were dealt, as far as is known. */
static int64_t
entries_ahead(const struct consumer *c)
{
    return c->entries >= 0 ? c->stream.added - c->entries : c->stream.length;
}

void
consumer_tell_lag(const struct consumer *c)
{
    const struct worker *w = c->worker;
    wall_ms now = clock_wall();
    struct lag most = c->lag;

    for (size_t i = 0; i < w->nlanes; i++) {
        const struct lag *lag = &w->lanes[i]->lag;

        if (lag->entries > most.entries)
            most.entries = lag->entries;
        if (lag->since != 0 && (most.since == 0 || lag->since < most.since))
            most.since = lag->since;
    }
    metric_set(w->report.lag_entries, (double)most.entries);
    metric_set(w->report.lag_seconds,
               most.since != 0 && most.since < now ? (double)(now - most.since) / 1000 : 0);
}

static void
note_lag(struct consumer *c, const struct round *round, struct event_id end)
{
    if (!c->highest)
        c->lag = (struct lag){.entries = round->full && round->ahead > 0 ? round->ahead : 0,
                              .since = round->full ? event_id_time(end) : 0};
    consumer_tell_lag(c);
}

/* --- after the batches ------------------------------------------------------------------------ */

static void
on_applied(struct lane *lane, const struct apply_result *result)
{
    struct consumer *c = lane->worker->consumer;

    outcome_take(lane, result);
    if (result->outcome != APPLY_DONE)
        consumer_tell_lag(c);
    rounds_end_batch(&c->rounds, result->cookie, result->held);
    consumer_wake(c);
}

/* Returns whether a batch was started. */
static bool
finish_lane(struct consumer *c, struct lane *lane, struct round *round, struct event_id end)
{
    bool full = is_full(lane);

    if (event_id_compare(lane->read, end) < 0 && !full) {
        lane->read = end;
        lane->read_entries = c->entries;
    }
    lane->read_at = c->sent;
    lane->read_all = !round->full && !full;
    if (lane->dealt) {
        metric_observe(c->worker->report.batch_events,
                       (double)batch_events(apply_batch(lane->apply)));
    } else {
        /* Otherwise that is done when the last batch is back. */
        if (!apply_is_idle(lane->apply))
            return false;
        outcome_settle(lane);
        if (!outcome_move_due(lane))
            return false;
        apply_begin(lane->apply);
    }
    lane->dealt = false;
    lane->at_end = false;
    round->under_way++;
    apply_start(lane->apply, round->full, on_applied, round);
    return true;
}

/* Deal out the entries of XREAD's answer; NULL: there were none. */
static void
take_entries(struct consumer *c, const struct redisReply *entries)
{
    struct worker *w = c->worker;
    size_t i, n = entries != NULL ? entries->elements : 0;
    struct event_id end = c->start;
    struct round *round = rounds_unused(&c->rounds);

    assert(round != NULL);
    *round = (struct round){.got = n, .full = n >= c->asked};
    c->behind = round->full;
    for (i = 0; i < n; i++) {
        deal(c, entries->element[i]);
        if (event_id_compare(c->event.id, end) > 0)
            end = c->event.id;
    }
    round->ahead = entries_ahead(c);
    note_lag(c, round, end);
    for (i = 0; i < w->nlanes; i++)
        if (!takes_part(c, w->lanes[i]) || !finish_lane(c, w->lanes[i], round, end))
            apply_go_on(w->lanes[i]->apply);
    consumer_wake(c);
}

static const struct redisReply *
entries_of(const struct redisReply *reply)
{
    const struct redisReply *stream;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1)
        return NULL;
    stream = reply->element[0];
    if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2 ||
        stream->element[1]->type != REDIS_REPLY_ARRAY)
        return NULL;
    return stream->element[1];
}

static void
on_entries(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct consumer *c = cookie;
    struct worker *w = c->worker;

    c->reading = false;
    /* What was read is read again when there is somebody to take it. */
    if (outcome == REDIS_DONE && !w->stopping && !w->reloading) {
        take_entries(c, entries_of(reply));
        return;
    }
    for (size_t i = 0; i < w->nlanes; i++)
        apply_go_on(w->lanes[i]->apply);
    if (w->stopping || w->reloading)
        return;
    if (outcome == REDIS_REFUSED && report_allowed(&w->report.trouble_lines, loop_now(w->loop)))
        log_error("worker", "the stream cannot be read", LOG_S("stream", w->conf->stream_name),
                  LOG_B("error", reply->str, reply->len));
    loop_timer_set(c->timer, RETRY);
}

/* --- the outside ------------------------------------------------------------------------------ */

bool
consumer_is_busy(const struct consumer *c)
{
    return rounds_are_under_way(&c->rounds);
}

wall_ms
consumer_caught_up(const struct lane *lane)
{
    const struct consumer *c = lane->worker->consumer;
    wall_ms now, limit;

    if (lane->place != LANE_READY)
        return 0;
    if (!lane->at_end || !c->reading || !c->blocking)
        return lane->caught_up;
    /* A read that waits would have brought what happened meanwhile; one that is overdue would
     * not. */
    now = clock_wall();
    limit = c->sent + BLOCK;
    return now < limit ? now : limit;
}

struct consumer *
consumer_new(struct worker *w)
{
    struct consumer *c = mem_alloc(1, sizeof(*c));

    c->worker = w;
    rounds_init(&c->rounds, (size_t)w->conf->stream_batch_max);
    c->timer = loop_timer_new(w->loop, on_timer, c);
    if (c->timer == NULL)
        mem_out();
    return c;
}

void
consumer_free(struct consumer *c)
{
    if (c == NULL)
        return;
    loop_timer_free(c->timer);
    free(c);
}
