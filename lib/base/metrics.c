/*
 * A series is a record in a shared mapping, and the record's address is the handle: an update is
 * one store, which other processes read as it is. Records are only ever added; count, written last,
 * tells a reader how many are complete.
 *
 * A file is born under a temporary name and gets its own only once it is locked and has its header,
 * so that whoever finds it unlocked knows that its process is gone.
 */
#include "lib/base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/metrics_file.h"
#include "lib/base/text.h"

/* A power of two and at least twice the records, so that a probe ends soon. */
#define INDEX_SIZE (2 * METRICS_MAX)

struct metrics {
    struct metrics_file *file;         /* mapped; of this process alone where there is no folder */
    int dir_fd;                        /* -1 without a folder */
    int fd;                            /* holds the lock; -1 without a folder */
    char name[METRICS_FILE_NAME_SIZE]; /* in the folder; "" until the file has it */
    struct metric *dropped;            /* counts what a limit kept out */
    struct metric dummy[2];     /* is given out then: the end of a histogram, sum and count */
    uint16_t index[INDEX_SIZE]; /* by hash: number of the record + 1, 0 where free */
};

/* The first of its buckets. */
struct metric_histogram {
    struct metric first;
};

const double metrics_latency_bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                         0.1,    0.25,  0.5,    1,     2.5,  5,     10};
const size_t metrics_latency_bounds_n =
    sizeof(metrics_latency_bounds) / sizeof(metrics_latency_bounds[0]);

/* --- opening and closing ---------------------------------------------------------------------- */

static struct metrics_file *
map_file(int fd, const char *process)
{
    int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
    struct metrics_file *file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, flags, fd, 0);

    if (file == MAP_FAILED)
        return NULL;
    memcpy(file->magic, METRICS_FILE_MAGIC, sizeof(file->magic));
    memcpy(file->process, process, strlen(process) + 1);
    file->version = METRICS_FILE_VERSION;
    file->pid = getpid();
    return file;
}

/* Make the file under its temporary name: locked, complete, with all its room on the disk. */
static int
make_file(struct metrics *m, const char *temporary, const char *process)
{
    int err;

    m->fd = openat(m->dir_fd, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (m->fd < 0 || flock(m->fd, LOCK_EX | LOCK_NB) != 0)
        return -1;
    /* Not ftruncate(): a store that a full file system has no page for is a SIGBUS. */
    err = posix_fallocate(m->fd, 0, sizeof(struct metrics_file));
    if (err != 0) {
        errno = err;
        return -1;
    }
    m->file = map_file(m->fd, process);
    return m->file == NULL ? -1 : 0;
}

static int
open_in_folder(struct metrics *m, const char *dir, const char *process)
{
    char name[METRICS_FILE_NAME_SIZE];
    char temporary[METRICS_FILE_NAME_SIZE + 1];
    int err;

    (void)snprintf(name, sizeof(name), "%s.%ld", process, (long)getpid());
    (void)snprintf(temporary, sizeof(temporary), ".%s", name);
    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return -1;
    m->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->dir_fd < 0)
        return -1;
    (void)metrics_file_read_all(m->dir_fd, "", NULL, 0);
    if (make_file(m, temporary, process) != 0 ||
        renameat(m->dir_fd, temporary, m->dir_fd, name) != 0) {
        err = errno;
        (void)unlinkat(m->dir_fd, temporary, 0);
        errno = err;
        return -1;
    }
    memcpy(m->name, name, sizeof(m->name));
    return 0;
}

int
metrics_open(const char *dir, const char *process, struct metrics **ret_metrics)
{
    struct metrics *m = NULL;
    int status = -1;
    int err;

    if (!metrics_file_process_ok(process)) {
        errno = EINVAL;
        goto out;
    }
    m = calloc(1, sizeof(*m));
    if (m == NULL)
        goto out;
    m->dir_fd = -1;
    m->fd = -1;
    m->dummy[0].part = METRIC_PART_SUM;
    m->dummy[1].part = METRIC_PART_COUNT;
    if (dir != NULL && dir[0] != '\0') {
        if (open_in_folder(m, dir, process) != 0)
            goto out;
    } else {
        m->file = map_file(-1, process);
        if (m->file == NULL)
            goto out;
    }
    m->dropped = metrics_get(m, METRIC_COUNTER, "varcade_metrics_dropped_total",
                             "Lookups of series that were not kept for a limit.", NULL);
    *ret_metrics = m;
    m = NULL;
    status = 0;
out:
    err = errno;
    metrics_close(m);
    errno = err;
    return status;
}

void
metrics_close(struct metrics *m)
{
    if (m == NULL)
        return;
    if (m->file != NULL)
        (void)munmap(m->file, sizeof(*m->file));
    if (m->name[0] != '\0')
        (void)unlinkat(m->dir_fd, m->name, 0);
    if (m->fd >= 0)
        (void)close(m->fd);
    if (m->dir_fd >= 0)
        (void)close(m->dir_fd);
    free(m);
}

/* --- finding and making series ---------------------------------------------------------------- */

/* FNV-1a over both texts with their NULs, so that where one ends counts. */
static size_t
hash_series(const char *name, const char *labels)
{
    const char *texts[] = {name, labels};
    uint32_t h = 2166136261U;

    for (size_t i = 0; i < 2; i++) {
        const char *s = texts[i];

        do {
            h = (h ^ (unsigned char)*s) * 16777619U;
        } while (*s++ != '\0');
    }
    return h % INDEX_SIZE;
}

/* The place of the series in the index: its own, or the free one where it belongs. */
static uint16_t *
find_place(struct metrics *m, const char *name, const char *labels)
{
    size_t at = hash_series(name, labels);

    while (m->index[at] != 0) {
        const struct metric *metric = &m->file->metrics[m->index[at] - 1];

        if (strcmp(metric->name, name) == 0 && strcmp(metric->labels, labels) == 0)
            break;
        at = (at + 1) % INDEX_SIZE;
    }
    return &m->index[at];
}

/*
 * The first record of the series with this name and labels, whose records number n; NULL where
 * there is none and it cannot be made. *ret_new tells whether it was made: its records then have
 * all but their part and bound, and publish() is still to be called.
 */
static struct metric *
find_or_make(struct metrics *m, uint32_t type, const char *name, const char *help,
             const char *labels, size_t n, bool *ret_new)
{
    uint16_t *place = find_place(m, name, labels);
    struct metric *first;

    *ret_new = *place == 0;
    if (*place != 0) {
        first = &m->file->metrics[*place - 1];
        return first->type == type ? first : NULL;
    }
    if (n > METRICS_MAX - m->file->count || !metrics_file_name_ok(name) ||
        !metrics_file_help_ok(help) || !metrics_file_labels_ok(labels))
        return NULL;
    first = &m->file->metrics[m->file->count];
    for (size_t i = 0; i < n; i++) {
        first[i].type = type;
        memcpy(first[i].name, name, strlen(name) + 1);
        memcpy(first[i].help, help, strlen(help) + 1);
        memcpy(first[i].labels, labels, strlen(labels) + 1);
    }
    *place = (uint16_t)(m->file->count + 1);
    return first;
}

static void
publish(struct metrics *m, size_t n)
{
    __atomic_store_n(&m->file->count, m->file->count + (uint32_t)n, __ATOMIC_RELEASE);
}

static struct metric *
drop(struct metrics *m)
{
    if (m->dropped != NULL)
        metric_add(m->dropped, 1);
    return m->dummy;
}

struct metric *
metrics_get(struct metrics *m, enum metric_type type, const char *name, const char *help,
            const char *labels)
{
    bool is_new;
    struct metric *metric =
        find_or_make(m, type, name, help, labels == NULL ? "" : labels, 1, &is_new);

    if (metric == NULL)
        return drop(m);
    if (is_new)
        publish(m, 1);
    return metric;
}

struct metric_histogram *
metrics_histogram(struct metrics *m, const char *name, const char *help, const char *labels,
                  const double *bounds, size_t n)
{
    size_t records = n + 3; /* +Inf, sum, count */
    bool is_new;
    struct metric *first = find_or_make(m, METRIC_HISTOGRAM, name, help,
                                        labels == NULL ? "" : labels, records, &is_new);

    if (first == NULL)
        return (struct metric_histogram *)drop(m);
    if (is_new) {
        for (size_t i = 0; i <= n; i++) {
            first[i].part = METRIC_PART_BUCKET;
            first[i].bound = i < n ? bounds[i] : (double)INFINITY;
        }
        first[n + 1].part = METRIC_PART_SUM;
        first[n + 2].part = METRIC_PART_COUNT;
        publish(m, records);
    }
    return (struct metric_histogram *)first;
}

/* --- labels ----------------------------------------------------------------------------------- */

void
metrics_label(char *out, size_t size, const char *key, const char *value)
{
    size_t at = strlen(out);
    size_t value_len = strlen(value);
    int head = snprintf(out + at, size - at, "%s%s=\"", at > 0 ? "," : "", key);
    size_t n;

    if (head < 0 || (size_t)head + 2 > size - at) { /* no room for the closing quote */
        out[at] = '\0';
        return;
    }
    at += (size_t)head;
    for (size_t i = 0; i < value_len; i += n == 0 ? 1 : n) {
        const char *s = value + i;
        size_t len = n = text_utf8_char(s, value_len - i);

        if (n == 0) {
            s = "?";
            len = 1;
        } else if (*s == '\\' || *s == '"' || *s == '\n') {
            s = *s == '\\' ? "\\\\" : *s == '"' ? "\\\"" : "\\n";
            len = 2;
        }
        if (at + len + 2 > size)
            break;
        memcpy(out + at, s, len);
        at += len;
    }
    out[at] = '"';
    out[at + 1] = '\0';
}

/* --- counting --------------------------------------------------------------------------------- */

/* One store of eight aligned bytes: whoever reads meanwhile sees the old value or the new one. */
static void
store(struct metric *metric, double v)
{
    __atomic_store(&metric->value, &v, __ATOMIC_RELAXED);
}

void
metric_add(struct metric *metric, double v)
{
    store(metric, metric->value + v);
}

void
metric_set(struct metric *metric, double v)
{
    store(metric, v);
}

double
metric_value(const struct metric *metric)
{
    return metric->value;
}

void
metric_observe(struct metric_histogram *h, double v)
{
    struct metric *m = &h->first;

    if (isnan(v)) /* would spoil the sum for good */
        return;
    for (; m->part == METRIC_PART_BUCKET; m++) {
        if (v <= m->bound)
            metric_add(m, 1);
    }
    metric_add(m, v);
    metric_add(m + 1, 1);
}

/* --- rendering -------------------------------------------------------------------------------- */

int
metrics_render(const struct metrics *m, struct buf *out)
{
    const struct metrics_file *all[METRICS_FILES_MAX + 1] = {m->file};
    struct metrics_file *others[METRICS_FILES_MAX];
    size_t n = 0;
    int status;

    if (m->dir_fd >= 0)
        n = metrics_file_read_all(m->dir_fd, m->name, others, METRICS_FILES_MAX);
    for (size_t i = 0; i < n; i++)
        all[i + 1] = others[i];
    status = metrics_file_render(all, n + 1, out);
    for (size_t i = 0; i < n; i++)
        free(others[i]);
    return status;
}
