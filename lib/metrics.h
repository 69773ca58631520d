/*
 * Counters, gauges and histograms, rendered as Prometheus text (version 0.0.4).
 *
 * Every process keeps its figures in a file of its own in metrics.dir, mapped into memory; whoever
 * answers GET /metrics reads all files there. So one answer has every process of every pool and
 * the worker, and an update is one plain store, without a lock. A process that is gone is no
 * longer listed (its file is locked while it lives).
 */
#ifndef VARCADE_METRICS_H
#define VARCADE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

struct metrics;
struct metric;

#define METRICS_MAX 1024        /* series a process */
#define METRICS_NAME_MAX 79     /* bytes */
#define METRICS_HELP_MAX 127
#define METRICS_LABELS_MAX 255

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

/*
 * metrics_open(dir, process, ret_metrics): create `dir/<process>.<pid>` with process (such as
 * `matchmaking`) as the label `process` of every series. dir NULL or "": memory of this process alone. Files of
 * dead processes are removed. Returns 0, or -1 with errno.
 */
int metrics_open(const char *dir, const char *process, struct metrics **ret_metrics)
    __attribute__((warn_unused_result));

/* metrics_close(m): unmap and remove the file. NULL is legal. */
void metrics_close(struct metrics *m);

/*
 * metrics_get(m, type, name, help, labels): the series with this name and labels, made where it is new. labels is
 * NULL or as Prometheus writes them without braces: `route="top_ten",status="200"`; values that come from
 * outside go through metrics_label(). Never NULL: beyond METRICS_MAX a dummy is given
 * and varcade_metrics_dropped_total counts it. Valid until metrics_close.
 */
struct metric *metrics_get(struct metrics *m, enum metric_type type, const char *name,
                           const char *help, const char *labels);

/* metrics_label(out, size, key, value): append `key="value"` with value escaped to out (a comma before it where out is
 * not empty), cut where it does not fit. */
void metrics_label(char *out, size_t size, const char *key, const char *value);

void metric_add(struct metric *metric, double v); /* v >= 0 for a counter */
void metric_set(struct metric *metric, double v); /* gauges */
double metric_value(const struct metric *metric);

/* A histogram: cumulative buckets with upper bounds, seconds or counts. */
struct metric_histogram;
struct metric_histogram *metrics_histogram(struct metrics *m, const char *name, const char *help,
                                           const char *labels, const double *bounds, size_t n);
void metric_observe(struct metric_histogram *h, double v);

/* metrics_latency_bounds: 0.5 ms to 10 s, for requests and calls. */
extern const double metrics_latency_bounds[];
extern const size_t metrics_latency_bounds_n;

/* metrics_render(m, out): the series of this process and of every living process in the folder. Returns 0 or -1. */
int metrics_render(const struct metrics *m, struct buf *out) __attribute__((warn_unused_result));

#endif
