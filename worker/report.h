/*
 * What the worker tells of its work: figures for /metrics, and log lines. Lines that events can
 * cause are bounded: a broken game server may cost a line a second, not the disk.
 */
#ifndef VARCADE_WORKER_REPORT_H
#define VARCADE_WORKER_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/rules/event.h"

struct batch;
struct lane;
struct lobby_expired;
struct metric;
struct metric_histogram;
struct metrics;
struct redisReply;

/* At most REPORT_BURST lines of a kind in REPORT_PERIOD; all zero is a fresh one. */
#define REPORT_BURST 20
#define REPORT_PERIOD ((dur_ms)10000)
struct report_bound {
    mono_ms since;
    unsigned lines;
    unsigned suppressed;
};

enum report_note { NOTE_UNKNOWN_GAME, NOTE_OUT_OF_ORDER, NOTE_NOT_IN_GAME, NOTE_MAX };

/* The series of one product. */
struct lane_report {
    struct metric *applied, *ignored, *dead, *duplicates, *quarantined;
    struct metric *notes[NOTE_MAX];
    struct metric *expired, *seats, *removed, *failed, *abandoned;
    struct metric *in_lobby, *in_game, *games, *oversubscribed;
    struct metric *held;
    struct metric *archived, *missing, *begun_late;
};

/* The series of the process. */
struct report {
    struct metrics *metrics;
    struct metric_histogram *batch_events, *apply_seconds;
    struct metric *lag_entries, *lag_seconds, *gaps, *lost;
    struct metric *fenced, *refused, *damaged, *snapshots;
    struct metric *archive_failures, *trimmed;
    struct metric *state_up, *stream_up;
    struct report_bound dead_lines, note_lines, expired_lines, trouble_lines;
};

/* report_init(r, metrics): make the series. report_lane_init(r, product_id, lane): those of one
 * product. */
void report_init(struct report *r, struct metrics *metrics);
void report_lane_init(struct report *r, const char *product_id, struct lane_report *lane);

/* report_allowed(bound, now): whether one more line may be written; where lines were kept back
 * before it, says so first. */
bool report_allowed(struct report_bound *bound, mono_ms now);

/* report_batch(lane, batch, reply): a batch was applied, and reply is what apply answered: count
 * its events, log dead letters, what went to quarantine, and notes. */
void report_batch(struct lane *lane, const struct batch *batch, const struct redisReply *reply);

/* report_gap(r, checkpoint, lost): entries were trimmed before they were read; lost -1:
 * it is not known how many, or whether. */
void report_gap(struct report *r, const char *checkpoint, int64_t lost);

/* report_begun_late(lane, entries): the product is new here, and so many entries of the stream are gone
 * already: what they were is not known, and it has lost nothing that it was to have. */
void report_begun_late(struct lane *lane, int64_t entries);

/* report_missing(lane, from, to, events): so many of the lane's events behind `from`, up to `to`, were
 * applied and then gone before the lane's archive had them; 0: nothing is told. */
void report_missing(struct lane *lane, struct event_id from, struct event_id to, int64_t events);

/* report_expired(lane, done): a round of the curator. */
void report_expired(struct lane *lane, const struct lobby_expired *done);

/* report_counts(lane, reply): HMGET of HMGET of players_in_lobby, players_in_game, games, seats_too_many. */
void report_counts(struct lane *lane, const struct redisReply *reply);

#endif
