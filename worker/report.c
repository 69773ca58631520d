/* Figures and bounded log lines: see report.h. */
#include <hiredis/hiredis.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/lobby/lobby.h"
#include "lib/rules/event.h"
#include "worker/batch/batch.h"
#include "worker/report.h"
#include "worker/worker.h"

static const char *const note_names[NOTE_MAX] = {
    [NOTE_UNKNOWN_GAME] = "unknown_game",
    [NOTE_OUT_OF_ORDER] = "out_of_order",
    [NOTE_NOT_IN_GAME] = "not_in_game",
};

void
report_init(struct report *r, struct metrics *m)
{
    static const double events[] = {1, 4, 16, 64, 256, 1024, 4096, 16384, 65536};

    r->metrics = m;
    r->batch_events = metrics_histogram(m, "varcade_batch_events", "Events of one product a batch.",
                                        NULL, events, sizeof(events) / sizeof(events[0]));
    r->apply_seconds = metrics_histogram(
        m, "varcade_apply_seconds", "How long Redis took to apply a batch, as the worker sees it.",
        NULL, metrics_latency_bounds, metrics_latency_bounds_n);
    r->lag_entries = metrics_get(m, METRIC_GAUGE, "varcade_stream_lag_entries",
                                 "Entries of the stream that are yet to be read.", NULL);
    r->lag_seconds =
        metrics_get(m, METRIC_GAUGE, "varcade_stream_lag_seconds",
                    "Age of the last event that was read, while there are more.", NULL);
    r->gaps =
        metrics_get(m, METRIC_COUNTER, "varcade_stream_gap_total",
                    "How often entries of a product that was being served were trimmed before they "
                    "were read.",
                    NULL);
    r->lost =
        metrics_get(m, METRIC_COUNTER, "varcade_stream_lost_entries_total",
                    "Entries trimmed before they were read, where they could be counted.", NULL);
    r->fenced = metrics_get(m, METRIC_COUNTER, "varcade_batches_fenced_total",
                            "Batches that another worker had already applied.", NULL);
    r->refused = metrics_get(m, METRIC_COUNTER, "varcade_batches_refused_total",
                             "Batches that Redis would not take.", NULL);
    r->damaged = metrics_get(m, METRIC_COUNTER, "varcade_damaged_keys_total",
                             "Players' statistics that were not written: their key was no hash.", NULL);
    r->snapshots = metrics_get(m, METRIC_COUNTER, "varcade_snapshots_written_total",
                               "Snapshot files written.", NULL);
    r->archive_failures =
        metrics_get(m, METRIC_COUNTER, "varcade_archive_failures_total",
                    "How often the archive could not be written or looked at.", NULL);
    r->trimmed = metrics_get(m, METRIC_COUNTER, "varcade_stream_trimmed_entries_total",
                             "Entries that were taken off the stream's old end.", NULL);
    r->state_up = metrics_get(m, METRIC_GAUGE, "varcade_redis_up", "Whether Redis is connected.",
                              "connection=\"state\"");
    r->stream_up = metrics_get(m, METRIC_GAUGE, "varcade_redis_up", "Whether Redis is connected.",
                               "connection=\"stream\"");
}

/* A series of the product, with one more label where value is not NULL. */
static struct metric *
lane_metric(struct report *r, enum metric_type type, const char *name, const char *help,
            const char *product_id, const char *key, const char *value)
{
    char labels[METRICS_LABELS_MAX + 1] = "";

    metrics_label(labels, sizeof(labels), "product", product_id);
    if (value != NULL)
        metrics_label(labels, sizeof(labels), key, value);
    return metrics_get(r->metrics, type, name, help, labels);
}

static struct metric *
event_metric(struct report *r, const char *product_id, const char *result)
{
    return lane_metric(r, METRIC_COUNTER, "varcade_events_total", "Events by what became of them.",
                       product_id, "result", result);
}

static struct metric *
removal_metric(struct report *r, const char *product_id, const char *result)
{
    return lane_metric(r, METRIC_COUNTER, "varcade_removals_total",
                       "Games and players that a game server was told to remove.", product_id,
                       "result", result);
}

void
report_lane_init(struct report *r, const char *product_id, struct lane_report *lane)
{
    size_t i;

    lane->applied = event_metric(r, product_id, "applied");
    lane->ignored = event_metric(r, product_id, "ignored");
    lane->dead = event_metric(r, product_id, "dead_letter");
    lane->duplicates = event_metric(r, product_id, "duplicate");
    lane->quarantined = event_metric(r, product_id, "quarantined");
    lane->archived = lane_metric(r, METRIC_COUNTER, "varcade_archived_events_total",
                                 "Events that were put into the archive.", product_id, NULL, NULL);
    lane->missing = lane_metric(
        r, METRIC_COUNTER, "varcade_archive_missing_events_total",
        "Events that were gone from the stream before the archive had them, though applied.",
        product_id, NULL, NULL);
    lane->begun_late =
        lane_metric(r, METRIC_COUNTER, "varcade_stream_before_entries_total",
                    "Entries that were trimmed before the product was served for the first time.",
                    product_id, NULL, NULL);
    for (i = 0; i < NOTE_MAX; i++)
        lane->notes[i] = lane_metric(r, METRIC_COUNTER, "varcade_event_notes_total",
                                     "Events that did not fit the state of their game.", product_id,
                                     "note", note_names[i]);
    lane->expired = lane_metric(r, METRIC_COUNTER, "varcade_games_expired_total",
                                "Games taken away at a deadline.", product_id, NULL, NULL);
    lane->seats = lane_metric(r, METRIC_COUNTER, "varcade_seats_expired_total",
                              "Seats taken back at a deadline.", product_id, NULL, NULL);
    lane->removed = removal_metric(r, product_id, "done");
    lane->failed = removal_metric(r, product_id, "failed");
    lane->abandoned = removal_metric(r, product_id, "abandoned");
    lane->in_lobby = lane_metric(r, METRIC_GAUGE, "varcade_players",
                                 "Players in the games of the product.", product_id, "in", "lobby");
    lane->in_game = lane_metric(r, METRIC_GAUGE, "varcade_players",
                                "Players in the games of the product.", product_id, "in", "game");
    lane->games = lane_metric(r, METRIC_GAUGE, "varcade_games", "Games that are not over.",
                              product_id, NULL, NULL);
    lane->oversubscribed =
        lane_metric(r, METRIC_GAUGE, "varcade_seats_oversubscribed",
                    "Seats taken beyond the games' size: always 0.", product_id, NULL, NULL);
    lane->held = lane_metric(r, METRIC_GAUGE, "varcade_lease_held",
                             "Whether this worker serves the product.", product_id, NULL, NULL);
}

bool
report_allowed(struct report_bound *bound, mono_ms now)
{
    if (now - bound->since >= REPORT_PERIOD) {
        if (bound->suppressed > 0)
            log_notice("worker", "lines like the next one were not written",
                       LOG_I("lines", bound->suppressed));
        *bound = (struct report_bound){.since = now};
    }
    if (bound->lines < REPORT_BURST) {
        bound->lines++;
        return true;
    }
    bound->suppressed++;
    return false;
}

/* n events that change nothing, of which at() tells the i-th. */
static void
report_dead(struct lane *lane, const struct batch *batch, size_t n, const char *what,
            struct batch_dead (*at)(const struct batch *batch, size_t i))
{
    struct report *r = &lane->worker->report;
    mono_ms now = loop_now(lane->worker->loop);
    char id[EVENT_ID_SIZE];
    size_t i;

    for (i = 0; i < n && report_allowed(&r->dead_lines, now); i++) {
        struct batch_dead dead = at(batch, i);

        (void)event_id_format(dead.id, id);
        log_warning("worker", what, LOG_S("product", lane->id), LOG_S("event", id),
                    LOG_S("reason", dead.reason));
    }
    if (i < n) /* report_allowed counted the one it refused */
        r->dead_lines.suppressed += (unsigned)(n - i - 1);
}

static enum report_note
note_of(const struct redisReply *word)
{
    size_t i;

    for (i = 0; i < NOTE_MAX; i++)
        if (word->len == strlen(note_names[i]) && memcmp(word->str, note_names[i], word->len) == 0)
            break;
    return (enum report_note)i;
}

/* A key that became something else after it was read. */
static void
report_damaged(struct lane *lane, const struct redisReply *key)
{
    struct report *r = &lane->worker->report;

    metric_add(r->damaged, 1);
    if (report_allowed(&r->trouble_lines, loop_now(lane->worker->loop)))
        log_error("worker", "a player's statistics were not written: the key is no hash any more",
                  LOG_S("product", lane->id), LOG_B("key", key->str, key->len));
}

/* A note of apply: {index of the game event, word, state before}, or {-1, "damaged", key}. */
static void
report_one_note(struct lane *lane, const struct batch *batch, const struct redisReply *reply)
{
    struct worker *w = lane->worker;
    char id[EVENT_ID_SIZE];
    struct batch_move move;
    enum report_note note;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
        reply->element[0]->type != REDIS_REPLY_INTEGER ||
        reply->element[1]->type != REDIS_REPLY_STRING ||
        reply->element[2]->type != REDIS_REPLY_STRING)
        return;
    if (reply->element[0]->integer < 0)
        report_damaged(lane, reply->element[2]);
    if (reply->element[0]->integer < 0 ||
        (size_t)reply->element[0]->integer >= batch_moves(batch))
        return;
    note = note_of(reply->element[1]);
    if (note < NOTE_MAX)
        metric_add(lane->report.notes[note], 1);
    if (!report_allowed(&w->report.note_lines, loop_now(w->loop)))
        return;
    move = batch_move_at(batch, (size_t)reply->element[0]->integer);
    (void)event_id_format(move.id, id);
    log_info("worker", "the event does not fit its game", LOG_S("product", lane->id),
             LOG_B("game", move.game_id.s, move.game_id.len), LOG_S("event", id),
             LOG_S("kind", move.kind), LOG_B("argument", move.argument.s, move.argument.len),
             LOG_B("note", reply->element[1]->str, reply->element[1]->len),
             LOG_B("state", reply->element[2]->str, reply->element[2]->len));
}

/* Events of games that were gone before `apply` was asked. */
static void
report_gone(struct lane *lane, size_t n)
{
    struct worker *w = lane->worker;

    if (n == 0)
        return;
    metric_add(lane->report.notes[NOTE_UNKNOWN_GAME], (double)n);
    if (report_allowed(&w->report.note_lines, loop_now(w->loop)))
        log_info("worker", "events of games that are not there", LOG_S("product", lane->id),
                 LOG_I("events", n));
}

void
report_batch(struct lane *lane, const struct batch *batch, const struct redisReply *reply)
{
    struct batch_results results = batch_results(batch);
    size_t i;

    metric_add(lane->report.applied, (double)results.applied);
    metric_add(lane->report.ignored, (double)results.ignored);
    metric_add(lane->report.dead, (double)results.dead);
    metric_add(lane->report.duplicates, (double)results.duplicates);
    metric_add(lane->report.quarantined, (double)results.held);
    report_dead(lane, batch, results.dead, "dead letter", batch_dead_at);
    report_dead(lane, batch, results.held, "quarantined", batch_held_at);
    report_gone(lane, results.gone);
    for (i = 2; i < reply->elements; i++)
        report_one_note(lane, batch, reply->element[i]);
}

void
report_gap(struct report *r, const char *checkpoint, int64_t lost)
{
    metric_add(r->gaps, 1);
    if (lost > 0)
        metric_add(r->lost, (double)lost);
    if (lost > 0)
        log_error("worker", "events are lost: the stream was trimmed before they were read",
                  LOG_S("checkpoint", checkpoint), LOG_I("entries", lost));
    else
        log_error("worker",
                  "events may be lost: the stream was trimmed or replaced behind the checkpoint",
                  LOG_S("checkpoint", checkpoint));
}

void
report_begun_late(struct lane *lane, int64_t entries)
{
    const struct worker *w = lane->worker;

    metric_add(lane->report.begun_late, (double)entries);
    log_notice("worker",
               "the product is new here: what was trimmed from the stream before does not count",
               LOG_S("stream", w->conf->stream_name), LOG_S("product", lane->id),
               LOG_I("entries", entries));
}

void
report_missing(struct lane *lane, struct event_id from, struct event_id to, int64_t events)
{
    struct worker *w = lane->worker;
    char after[EVENT_ID_SIZE], up_to[EVENT_ID_SIZE];

    if (events == 0)
        return;
    metric_add(lane->report.missing, (double)events);
    if (!report_allowed(&w->report.trouble_lines, loop_now(w->loop)))
        return;
    (void)event_id_format(from, after);
    (void)event_id_format(to, up_to);
    log_error("archive",
              "somebody removed events from the stream that were applied and not yet archived: no "
              "rebuild has them",
              LOG_S("stream", w->conf->stream_name), LOG_S("product", lane->id),
              LOG_I("events", events), LOG_S("after", after), LOG_S("up_to", up_to));
}

void
report_expired(struct lane *lane, const struct lobby_expired *done)
{
    struct worker *w = lane->worker;

    metric_add(lane->report.expired, (double)done->expired);
    metric_add(lane->report.seats, (double)done->seats);
    metric_add(lane->report.removed, (double)done->removed);
    metric_add(lane->report.failed, (double)done->failed);
    metric_add(lane->report.abandoned, (double)done->abandoned);
    if (done->result == LOBBY_FAILED && report_allowed(&w->report.trouble_lines, loop_now(w->loop)))
        log_error("worker", "Redis refused the curator", LOG_S("product", lane->id));
    if (done->damaged > 0 && report_allowed(&w->report.trouble_lines, loop_now(w->loop)))
        log_error("worker", "games cannot be read", LOG_S("product", lane->id),
                  LOG_I("games", done->damaged), LOG_S("first", done->damage));
    if (done->expired + done->seats + done->removed + done->failed + done->abandoned == 0 ||
        !report_allowed(&w->report.expired_lines, loop_now(w->loop)))
        return;
    log_info("worker", "deadlines passed", LOG_S("product", lane->id),
             LOG_I("games", done->expired), LOG_I("seats", done->seats),
             LOG_I("removed", done->removed), LOG_I("failed", done->failed),
             LOG_I("abandoned", done->abandoned));
}

static void
set_count(struct metric *metric, const struct redisReply *value)
{
    int64_t n = 0;

    if (value->type == REDIS_REPLY_STRING &&
        text_parse_int(value->str, value->len, 0, INT64_MAX, &n) < 0)
        return;
    metric_set(metric, (double)n);
}

void
report_counts(struct lane *lane, const struct redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 4)
        return;
    set_count(lane->report.in_lobby, reply->element[0]);
    set_count(lane->report.in_game, reply->element[1]);
    set_count(lane->report.games, reply->element[2]);
    set_count(lane->report.oversubscribed, reply->element[3]);
}
