/*
 * Counters, gauges and histograms, rendered as Prometheus text (version 0.0.4).
 *
 * Every process keeps its figures in a file of its own in metrics.dir, mapped into memory; whoever
 * answers GET /metrics reads all files there. So one answer has every process of every pool and
 * the worker, and an update is one plain store, without a lock. A process that is gone is no
 * longer listed (its file is locked while it lives). Every series has the labels `process` and
 * `pid`, since several processes of one pool count the same things.
 */
#ifndef VARCADE_METRICS_H
#define VARCADE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

struct metrics;
struct metric;

#define METRICS_MAX 1024 /* series a process; a histogram is one for each of its lines */
/* Bytes of a series' texts. */
#define METRICS_NAME_MAX 79
#define METRICS_HELP_MAX 127
#define METRICS_LABELS_MAX 255

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

/*
 * metrics_open(dir, process, ret_metrics): create `dir/<process>.<pid>`, and dir itself where only
 * it is missing; process (such as `matchmaking`: letters, digits, - and _) is the label `process`.
 * dir NULL or "": memory of this process alone. Files of dead processes are removed. To be called
 * after fork(), by the process that counts. Returns 0, or -1 with errno.
 */
int metrics_open(const char *dir, const char *process, struct metrics **ret_metrics)
    __attribute__((warn_unused_result));

/* metrics_close(m): unmap and remove the file. NULL is legal. */
void metrics_close(struct metrics *m);

/*
 * metrics_get(m, type, name, help, labels): the series with this name and labels, made where it is
 * new. labels is NULL or as Prometheus writes them without braces: `route="top_ten",status="200"`;
 * values that come from outside go through metrics_label(). Never NULL: beyond METRICS_MAX, where a
 * text is too long or malformed, or where the series has another type, a dummy is given and
 * varcade_metrics_dropped_total counts it. Valid until metrics_close.
 */
struct metric *metrics_get(struct metrics *m, enum metric_type type, const char *name,
                           const char *help, const char *labels);

/* metrics_label(out, size, key, value): append `key="value"` with value escaped to the text in out
 * (a comma before it where out is not empty); value is cut where it does not fit, and bytes that
 * are not UTF-8 become `?`. */
void metrics_label(char *out, size_t size, const char *key, const char *value);

void metric_add(struct metric *metric, double v); /* v >= 0 for a counter */
void metric_set(struct metric *metric, double v); /* gauges */
double metric_value(const struct metric *metric);

/*
 * metrics_histogram(m, name, help, labels, bounds, n): as metrics_get(), for a histogram with the n
 * ascending upper bounds (in seconds, or whatever is counted) and +Inf.
 */
struct metric_histogram;
struct metric_histogram *metrics_histogram(struct metrics *m, const char *name, const char *help,
                                           const char *labels, const double *bounds, size_t n);
void metric_observe(struct metric_histogram *h, double v);

/* metrics_latency_bounds: 0.5 ms to 10 s, for requests and calls. */
extern const double metrics_latency_bounds[];
extern const size_t metrics_latency_bounds_n;

/* metrics_render(m, out): append the series of this process and of every living process in the
 * folder; what is no sound file of metrics there is passed over. Returns 0, or -1 with errno ENOMEM
 * (also where out is full). */
int metrics_render(const struct metrics *m, struct buf *out) __attribute__((warn_unused_result));

#endif
