/*
 * What a process's file of metrics looks like, and the reading of other processes' files. Private
 * to lib/base/metrics.c.
 *
 * The file is what its process has mapped: no byte order, no alignment is converted, since all
 * readers are on the same machine. A change of the layout is a new METRICS_FILE_VERSION.
 */
#ifndef VARCADE_METRICS_FILE_H
#define VARCADE_METRICS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/metrics.h"

#define METRICS_FILE_MAGIC "varcmet"
#define METRICS_FILE_VERSION 1
#define METRICS_PROCESS_MAX 63
/* `<process>.<pid>` and its NUL. */
#define METRICS_FILE_NAME_SIZE (METRICS_PROCESS_MAX + 1 + 20 + 1)
/* Processes that one answer covers. */
#define METRICS_FILES_MAX 256

/* The third type, which metrics_get() does not make. */
enum { METRIC_HISTOGRAM = METRIC_GAUGE + 1 };

/* Which line of its family a series is. A histogram's records follow one another: its buckets,
 * the last of them +Inf, its sum, its count. */
enum metric_part { METRIC_PART_VALUE, METRIC_PART_BUCKET, METRIC_PART_SUM, METRIC_PART_COUNT };

struct metric {
    double value;
    double bound;  /* of METRIC_PART_BUCKET: what it counts is at most this */
    uint32_t type; /* enum metric_type, METRIC_HISTOGRAM */
    uint32_t part; /* enum metric_part */
    char name[METRICS_NAME_MAX + 1];
    char help[METRICS_HELP_MAX + 1];
    char labels[METRICS_LABELS_MAX + 1];
};

struct metrics_file {
    char magic[sizeof(METRICS_FILE_MAGIC)];
    uint32_t version;
    uint32_t count; /* records that are complete: written after them, read before them */
    int64_t pid;
    char process[METRICS_PROCESS_MAX + 1];
    struct metric metrics[METRICS_MAX];
};

/* metrics_file_process_ok(s), _name_ok, _labels_ok, _help_ok: whether s (NUL-terminated) may stand
 * in a file: of the right length and grammar, so that it cannot break the text it is put in. */
bool metrics_file_process_ok(const char *s);
bool metrics_file_name_ok(const char *s);
bool metrics_file_labels_ok(const char *s);
bool metrics_file_help_ok(const char *s);

/*
 * metrics_file_read_all(dir_fd, skip, ret_files, max): the files of all living processes in the
 * folder but the one named skip; each is sound and the caller free()s it. Files of dead processes
 * are removed; what is no such file is left alone. Returns how many, at most max; with max 0 it only
 * removes.
 */
size_t metrics_file_read_all(int dir_fd, const char *skip, struct metrics_file **ret_files,
                             size_t max);

/* metrics_file_render(files, nfiles, out): the text of all series in them. Returns 0, or -1 with
 * errno ENOMEM, also where out is full. */
int metrics_file_render(const struct metrics_file *const *files, size_t nfiles, struct buf *out)
    __attribute__((warn_unused_result));

#endif
