/*
 * Other processes' files are read(), not mapped: one that is cut short under a mapping would kill
 * its reader. They are checked whole before anything of them is used, since a folder that several
 * programs write may hold anything.
 */
#include "lib/base/metrics_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/text.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* --- what may stand in a file ----------------------------------------------------------------- */

bool
metrics_file_process_ok(const char *s)
{
    size_t len = strlen(s);

    return len > 0 && len <= METRICS_PROCESS_MAX && strspn(s, LETTERS DIGITS "_-") == len;
}

bool
metrics_file_name_ok(const char *s)
{
    size_t len = strlen(s);

    return len > 0 && len <= METRICS_NAME_MAX && strspn(s, LETTERS DIGITS "_:") == len &&
           strspn(s, DIGITS) == 0;
}

bool
metrics_file_help_ok(const char *s)
{
    size_t len = strlen(s);

    return len <= METRICS_HELP_MAX && text_is_utf8(s, len);
}

/* The bytes of the `key="value"` that s starts with, or 0. */
static size_t
label_len(const char *s)
{
    size_t n = strspn(s, LETTERS DIGITS "_");

    if (n == 0 || strspn(s, DIGITS) > 0 || s[n] != '=' || s[n + 1] != '"')
        return 0;
    for (n += 2; s[n] != '"'; n++) {
        if (s[n] == '\\' && s[n + 1] != '\0' && strchr("\\\"n", s[n + 1]) != NULL)
            n++;
        else if (s[n] == '\0' || s[n] == '\n' || s[n] == '\\')
            return 0;
    }
    return n + 1;
}

bool
metrics_file_labels_ok(const char *s)
{
    size_t len = strlen(s);
    size_t at = 0;

    if (len > METRICS_LABELS_MAX || !text_is_utf8(s, len))
        return false;
    while (at < len) {
        size_t n = label_len(s + at);

        if (n == 0)
            return false;
        at += n;
        if (s[at] == ',' && s[at + 1] != '\0')
            at++;
        else if (at < len)
            return false;
    }
    return true;
}

/* Every text ends within its field. */
static bool
metric_ok(const struct metric *m)
{
    return m->type <= METRIC_HISTOGRAM && m->part <= METRIC_PART_COUNT &&
           (m->type == METRIC_HISTOGRAM) == (m->part != METRIC_PART_VALUE) &&
           memchr(m->name, '\0', sizeof(m->name)) != NULL &&
           memchr(m->help, '\0', sizeof(m->help)) != NULL &&
           memchr(m->labels, '\0', sizeof(m->labels)) != NULL && metrics_file_name_ok(m->name) &&
           metrics_file_help_ok(m->help) && metrics_file_labels_ok(m->labels);
}

static bool
file_ok(const struct metrics_file *file)
{
    if (file->version != METRICS_FILE_VERSION || file->count > METRICS_MAX ||
        memchr(file->process, '\0', sizeof(file->process)) == NULL ||
        !metrics_file_process_ok(file->process))
        return false;
    for (uint32_t i = 0; i < file->count; i++) {
        if (!metric_ok(&file->metrics[i]))
            return false;
    }
    return true;
}

/* --- reading a folder ------------------------------------------------------------------------- */

/* A file of metrics of any version. */
static bool
has_magic(int fd)
{
    char magic[sizeof(METRICS_FILE_MAGIC)];

    return pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
           memcmp(magic, METRICS_FILE_MAGIC, sizeof(magic)) == 0;
}

static struct metrics_file *
read_one(int fd)
{
    struct metrics_file *file = malloc(sizeof(*file));

    if (file == NULL)
        return NULL;
    if (pread(fd, file, sizeof(*file), 0) != (ssize_t)sizeof(*file) || !file_ok(file)) {
        free(file);
        return NULL;
    }
    return file;
}

/* The file where its process is alive and it is wanted, else NULL; a dead process's is removed. */
static struct metrics_file *
read_or_remove(int dir_fd, const char *name, bool wanted)
{
    /* Non-blocking: it may be a FIFO. */
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct metrics_file *file = NULL;
    struct stat st;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && has_magic(fd)) {
        if (flock(fd, LOCK_SH | LOCK_NB) == 0)
            (void)unlinkat(dir_fd, name, 0);
        else if (errno == EWOULDBLOCK && wanted)
            file = read_one(fd);
    }
    (void)close(fd);
    return file;
}

size_t
metrics_file_read_all(int dir_fd, const char *skip, struct metrics_file **ret_files, size_t max)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    struct metrics_file *file;
    size_t n = 0;

    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return 0;
    }
    while ((entry = readdir(dir)) != NULL) {
        /* A name with a leading point is a file that is being made. */
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, skip) == 0)
            continue;
        file = read_or_remove(dir_fd, entry->d_name, n < max);
        if (file != NULL)
            ret_files[n++] = file;
    }
    (void)closedir(dir);
    return n;
}

/* --- rendering -------------------------------------------------------------------------------- */

struct line {
    const struct metrics_file *file;
    const struct metric *metric;
    size_t order; /* of the series among all: what sorting keeps within a family */
};

static int
compare_lines(const void *a, const void *b)
{
    const struct line *x = a;
    const struct line *y = b;
    int c = strcmp(x->metric->name, y->metric->name);

    if (c != 0)
        return c;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void
add_family(struct buf *out, const struct metric *m)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};

    buf_printf(out, "# HELP %s ", m->name);
    for (const char *s = m->help; *s != '\0'; s++) {
        if (*s == '\\' || *s == '\n')
            buf_str(out, *s == '\n' ? "\\n" : "\\\\");
        else
            buf_byte(out, *s);
    }
    buf_printf(out, "\n# TYPE %s %s\n", m->name, types[m->type]);
}

static void
add_number(struct buf *out, double v)
{
    if (isfinite(v))
        buf_json_number(out, v);
    else
        buf_str(out, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
}

static void
add_series(struct buf *out, const struct line *line)
{
    static const char *const suffixes[] = {[METRIC_PART_VALUE] = "",
                                           [METRIC_PART_BUCKET] = "_bucket",
                                           [METRIC_PART_SUM] = "_sum",
                                           [METRIC_PART_COUNT] = "_count"};
    const struct metric *m = line->metric;

    buf_printf(out, "%s%s{process=\"%s\",pid=\"%lld\"", m->name, suffixes[m->part],
               line->file->process, (long long)line->file->pid);
    if (m->labels[0] != '\0')
        buf_printf(out, ",%s", m->labels);
    if (m->part == METRIC_PART_BUCKET) {
        buf_str(out, ",le=\"");
        add_number(out, m->bound);
        buf_byte(out, '"');
    }
    buf_str(out, "} ");
    add_number(out, m->value);
    buf_byte(out, '\n');
}

int
metrics_file_render(const struct metrics_file *const *files, size_t nfiles, struct buf *out)
{
    struct line *lines;
    const struct metric *family = NULL;
    size_t n = 0;

    for (size_t i = 0; i < nfiles; i++)
        n += files[i]->count;
    lines = calloc(n + 1, sizeof(*lines));
    if (lines == NULL)
        return -1;
    n = 0;
    for (size_t i = 0; i < nfiles; i++) {
        for (uint32_t k = 0; k < files[i]->count; k++, n++)
            lines[n] = (struct line){files[i], &files[i]->metrics[k], n};
    }
    qsort(lines, n, sizeof(*lines), compare_lines);
    for (size_t i = 0; i < n; i++) {
        const struct metric *m = lines[i].metric;

        if (family == NULL || strcmp(family->name, m->name) != 0) {
            family = m;
            add_family(out, family);
        }
        /* Programs of two versions may not agree; a family has one type. */
        if (m->type == family->type)
            add_series(out, &lines[i]);
    }
    free(lines);
    if (!buf_ok(out)) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}
