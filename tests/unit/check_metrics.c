/* Metrics: series and limits, several processes' files in one answer, files that are not sound. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/metrics.h"
#include "lib/base/metrics_file.h"
#include "tests/unit/unit.h"

static char dir[64];
static struct metrics *m; /* of this process, in the folder */
static struct buf out;

static void
setup(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/varcade-metrics-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(metrics_open(dir, "test", &m), 0);
    buf_init(&out, 4 << 20);
}

/* The files in the folder; where they go is the caller's affair. */
static int
count_files(bool remove_them)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;
    int n = 0;

    ck_assert_ptr_nonnull(d);
    while ((entry = readdir(d)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        n++;
        if (remove_them)
            (void)unlinkat(dirfd(d), entry->d_name, 0);
    }
    (void)closedir(d);
    return n;
}

static void
teardown(void)
{
    metrics_close(m);
    buf_free(&out);
    (void)count_files(true);
    ck_assert_int_eq(rmdir(dir), 0);
}

static const char *
render(void)
{
    buf_reset(&out);
    ck_assert_int_eq(metrics_render(m, &out), 0);
    return out.data;
}

static int
occurrences(const char *text, const char *what)
{
    int n = 0;

    while ((text = strstr(text, what)) != NULL) {
        n++;
        text += strlen(what);
    }
    return n;
}

/* `name{process="test",pid="…"<labels>} <value>` as a line of its own. */
static bool
has_series(const char *name, const char *process, pid_t pid, const char *rest)
{
    char line[512];

    (void)snprintf(line, sizeof(line), "\n%s{process=\"%s\",pid=\"%ld\"%s\n", name, process,
                   (long)pid, rest);
    return strstr(render(), line) != NULL;
}

START_TEST(counters_and_gauges)
{
    struct metric *a = metrics_get(m, METRIC_COUNTER, "a_total", "As.", "route=\"x\"");
    struct metric *b = metrics_get(m, METRIC_COUNTER, "a_total", "As.", "route=\"y\"");
    struct metric *g = metrics_get(m, METRIC_GAUGE, "g", "Gs, \\ and\nmore.", NULL);

    ck_assert_ptr_ne(a, b);
    ck_assert_ptr_eq(a, metrics_get(m, METRIC_COUNTER, "a_total", "As.", "route=\"x\""));
    ck_assert_ptr_eq(g, metrics_get(m, METRIC_GAUGE, "g", "Gs.", ""));
    metric_add(a, 1);
    metric_add(a, 2.5);
    metric_set(g, 7);
    metric_set(g, -1);
    ck_assert(metric_value(a) == 3.5);
    ck_assert(has_series("a_total", "test", getpid(), ",route=\"x\"} 3.5"));
    ck_assert(has_series("a_total", "test", getpid(), ",route=\"y\"} 0"));
    ck_assert(has_series("g", "test", getpid(), "} -1"));
    ck_assert(has_series("varcade_metrics_dropped_total", "test", getpid(), "} 0"));
    ck_assert_int_eq(occurrences(out.data, "# HELP a_total As.\n# TYPE a_total counter\n"), 1);
    ck_assert_int_eq(occurrences(out.data, "# HELP g Gs, \\\\ and\\nmore.\n# TYPE g gauge\n"), 1);
    metric_set(g, (double)INFINITY);
    ck_assert(has_series("g", "test", getpid(), "} +Inf"));
}
END_TEST

START_TEST(histograms)
{
    static const double bounds[] = {0.5, 1, 10};
    struct metric_histogram *h = metrics_histogram(m, "h_seconds", "Hs.", "route=\"x\"", bounds, 3);

    ck_assert_ptr_eq(h, metrics_histogram(m, "h_seconds", "Hs.", "route=\"x\"", bounds, 3));
    metric_observe(h, 0.25);
    metric_observe(h, 1); /* a bound counts itself */
    metric_observe(h, 2);
    metric_observe(h, 100);
    metric_observe(h, (double)NAN);
    ck_assert(has_series("h_seconds_bucket", "test", getpid(), ",route=\"x\",le=\"0.5\"} 1"));
    ck_assert(has_series("h_seconds_bucket", "test", getpid(), ",route=\"x\",le=\"1\"} 2"));
    ck_assert(has_series("h_seconds_bucket", "test", getpid(), ",route=\"x\",le=\"10\"} 3"));
    ck_assert(has_series("h_seconds_bucket", "test", getpid(), ",route=\"x\",le=\"+Inf\"} 4"));
    ck_assert(has_series("h_seconds_sum", "test", getpid(), ",route=\"x\"} 103.25"));
    ck_assert(has_series("h_seconds_count", "test", getpid(), ",route=\"x\"} 4"));
    ck_assert_int_eq(occurrences(out.data, "# TYPE h_seconds histogram\n"), 1);
    ck_assert_int_eq(occurrences(out.data, "# TYPE h_seconds"), 1);
    /* Two families that lie side by side do not run into one another. */
    h = metrics_histogram(m, "i_seconds", "Is.", NULL, metrics_latency_bounds,
                          metrics_latency_bounds_n);
    metric_observe(h, 0.0005);
    ck_assert(has_series("i_seconds_bucket", "test", getpid(), ",le=\"0.0005\"} 1"));
    ck_assert(has_series("h_seconds_count", "test", getpid(), ",route=\"x\"} 4"));
}
END_TEST

static double
dropped(void)
{
    return metric_value(metrics_get(m, METRIC_COUNTER, "varcade_metrics_dropped_total", "", NULL));
}

START_TEST(what_is_too_much_is_dropped_and_counted)
{
    static const double bound = 1;
    char labels[METRICS_LABELS_MAX + 10];
    struct metric *last = NULL;
    struct metric *dummy;

    for (int i = 0; i < METRICS_MAX - 1; i++) {
        (void)snprintf(labels, sizeof(labels), "i=\"%d\"", i);
        last = metrics_get(m, METRIC_COUNTER, "many_total", "Many.", labels);
        metric_set(last, i);
    }
    ck_assert(dropped() == 0);
    dummy = metrics_get(m, METRIC_COUNTER, "one_more_total", "", NULL);
    ck_assert_ptr_nonnull(dummy);
    metric_add(dummy, 1);
    metric_observe(metrics_histogram(m, "h", "", NULL, &bound, 1), 1);
    ck_assert(dropped() == 2);
    ck_assert(metric_value(last) == METRICS_MAX - 2);
    ck_assert_ptr_eq(last, metrics_get(m, METRIC_COUNTER, "many_total", "Many.", labels));
    ck_assert(has_series("many_total", "test", getpid(), ",i=\"1022\"} 1022"));
    ck_assert_ptr_null(strstr(out.data, "one_more"));
}
END_TEST

static const struct {
    const char *name;
    const char *help;
    const char *labels;
} malformed[] = {
    {"", "", ""},
    {"1a", "", ""},
    {"a-b", "", ""},
    {"a b", "", ""},
    {"a\n", "", ""},
    {"a2345678901234567890123456789012345678901234567890123456789012345678901234567890", "", ""},
    {"a", "\xff", ""},
    {"a", "", "x"},
    {"a", "", "x="},
    {"a", "", "x=y"},
    {"a", "", "x=\"y"},
    {"a", "", "x=\"y\\\""},
    {"a", "", "x=\"\\q\""},
    {"a", "", "x=\"\n\""},
    {"a", "", "x=\"\xff\""},
    {"a", "", "x=\"y\","},
    {"a", "", ",x=\"y\""},
    {"a", "", "x=\"y\" z=\"w\""},
    {"a", "", "x=\"y\"} 1\nforged{a=\"b\""},
    {"a", "", "9=\"y\""},
    {"a", "", "=\"y\""},
};

START_TEST(malformed_texts_are_dropped)
{
    struct metric *metric = metrics_get(m, METRIC_COUNTER, malformed[_i].name, malformed[_i].help,
                                        malformed[_i].labels);

    metric_add(metric, 1);
    ck_assert(dropped() == 1);
    ck_assert_int_eq(occurrences(render(), "# TYPE"), 1);
}
END_TEST

START_TEST(a_series_has_one_type)
{
    static const double bound = 1;
    struct metric *a = metrics_get(m, METRIC_COUNTER, "a", "", NULL);

    ck_assert_ptr_ne(a, metrics_get(m, METRIC_GAUGE, "a", "", NULL));
    metric_observe(metrics_histogram(m, "a", "", NULL, &bound, 1), 1);
    ck_assert(dropped() == 2);
    ck_assert(metric_value(a) == 0);
}
END_TEST

START_TEST(labels_are_escaped_and_cut)
{
    char text[32] = "";

    metrics_label(text, sizeof(text), "a", "x\\y\"z\n");
    ck_assert_str_eq(text, "a=\"x\\\\y\\\"z\\n\"");
    metrics_label(text, sizeof(text), "b", "\xff\xc3\xa9");
    ck_assert_str_eq(text, "a=\"x\\\\y\\\"z\\n\",b=\"?\xc3\xa9\"");
    ck_assert(metrics_file_labels_ok(text));
    for (size_t size = 1; size < sizeof(text); size++) {
        text[0] = '\0';
        metrics_label(text, size, "key", "\"\\\n\xe2\x82\xac\"");
        ck_assert_uint_lt(strlen(text), size);
        ck_assert(metrics_file_labels_ok(text));
        ck_assert_int_eq(text[0] == 'k', size >= sizeof("key=\"\""));
    }
    ck_assert_str_eq(text, "key=\"\\\"\\\\\\n\xe2\x82\xac\\\"\"");
}
END_TEST

/* A process of its own that has one series and then waits to be killed. */
static pid_t
start_other(const char *name, enum metric_type type)
{
    int ready[2];
    char c;
    pid_t pid;

    ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct metrics *other;
        int status = metrics_open(dir, name, &other);

        if (status == 0)
            metric_set(metrics_get(other, type, "shared", "Shared.", "k=\"v\""), 5);
        (void)close(ready[0]);
        while (status != 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    (void)close(ready[1]);
    ck_assert_int_eq(read(ready[0], &c, 1), 1);
    (void)close(ready[0]);
    return pid;
}

static void
kill_other(pid_t pid)
{
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(one_answer_has_all_living_processes)
{
    pid_t first = start_other("pool", METRIC_COUNTER);
    pid_t second = start_other("pool", METRIC_COUNTER);

    metric_set(metrics_get(m, METRIC_COUNTER, "shared", "Shared.", NULL), 1);
    ck_assert(has_series("shared", "test", getpid(), "} 1"));
    ck_assert(has_series("shared", "pool", first, ",k=\"v\"} 5"));
    ck_assert(has_series("shared", "pool", second, ",k=\"v\"} 5"));
    ck_assert_int_eq(occurrences(out.data, "# HELP shared "), 1);
    ck_assert_int_eq(occurrences(out.data, "# TYPE shared counter\n"), 1);
    ck_assert_int_eq(occurrences(out.data, "# TYPE varcade_metrics_dropped_total"), 1);
    ck_assert_int_eq(count_files(false), 3);
    kill_other(first);
    ck_assert(!has_series("shared", "pool", first, ",k=\"v\"} 5"));
    ck_assert(has_series("shared", "pool", second, ",k=\"v\"} 5"));
    ck_assert_int_eq(count_files(false), 2);
    kill_other(second);
}
END_TEST

START_TEST(a_start_clears_what_the_dead_left)
{
    struct metrics *other;

    kill_other(start_other("pool", METRIC_COUNTER));
    ck_assert_int_eq(count_files(false), 2);
    ck_assert_int_eq(metrics_open(dir, "other", &other), 0);
    ck_assert_int_eq(count_files(false), 2);
    metrics_close(other);
    ck_assert_int_eq(count_files(false), 1);
}
END_TEST

START_TEST(programs_that_disagree_about_a_type)
{
    pid_t other = start_other("pool", METRIC_GAUGE);

    metric_set(metrics_get(m, METRIC_COUNTER, "shared", "Shared.", NULL), 1);
    (void)render();
    ck_assert_int_eq(occurrences(out.data, "# TYPE shared "), 1);
    ck_assert_int_eq(occurrences(out.data, "\nshared{"), 1);
    kill_other(other);
}
END_TEST

/* Put a file there, locked as if its process lived; the descriptor holds the lock. */
static int
plant(const char *name, const void *data, size_t len)
{
    char path[128];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

/* What a sound file of one series holds. */
static struct metrics_file *
sound_file(void)
{
    struct metrics_file *file = calloc(1, sizeof(*file));

    ck_assert_ptr_nonnull(file);
    memcpy(file->magic, METRICS_FILE_MAGIC, sizeof(file->magic));
    file->version = METRICS_FILE_VERSION;
    file->count = 1;
    file->pid = 1;
    memcpy(file->process, "planted", 8);
    memcpy(file->metrics[0].name, "planted", 8);
    return file;
}

static int
rendered_after(const struct metrics_file *file, size_t len)
{
    int fd = plant("planted.1", file, len);
    int n = occurrences(render(), "planted");

    (void)close(fd);
    (void)count_files(true);
    return n;
}

START_TEST(unsound_files_are_passed_over)
{
    struct metrics_file *file = sound_file();
    struct metrics_file changed;

    ck_assert_int_gt(rendered_after(file, sizeof(*file)), 0);
    ck_assert_int_eq(rendered_after(file, sizeof(*file) - 1), 0);
    ck_assert_int_eq(rendered_after(file, 10), 0);
    ck_assert_int_eq(rendered_after(file, 0), 0);
#define CHANGED(change)                                                 \
    do {                                                                \
        changed = *file;                                                \
        change;                                                         \
        ck_assert_int_eq(rendered_after(&changed, sizeof(changed)), 0); \
    } while (0)
    CHANGED(changed.magic[0] ^= 1);
    CHANGED(changed.version++);
    CHANGED(changed.count = METRICS_MAX + 1; for (size_t i = 1; i < METRICS_MAX; i++)
                changed.metrics[i] = changed.metrics[0]);
    CHANGED(changed.count = UINT32_MAX);
    CHANGED(changed.count = 2); /* the second has no name */
    CHANGED(changed.process[0] = '"');
    CHANGED(memset(changed.process, 'p', sizeof(changed.process)));
    CHANGED(memset(changed.metrics[0].name, 'n', sizeof(changed.metrics[0].name)));
    CHANGED(memset(changed.metrics[0].help, 'h', sizeof(changed.metrics[0].help)));
    CHANGED(memset(changed.metrics[0].labels, 'l', sizeof(changed.metrics[0].labels)));
    CHANGED(memcpy(changed.metrics[0].labels, "a=\"\n\"", 6));
    CHANGED(changed.metrics[0].type = 99);
    CHANGED(changed.metrics[0].part = 99);
    CHANGED(changed.metrics[0].part = METRIC_PART_BUCKET);
#undef CHANGED
    free(file);
}
END_TEST

START_TEST(other_peoples_files_are_left_alone)
{
    char path[128];

    (void)close(plant("notes.txt", "not a file of metrics", 21)); /* unlocked */
    (void)snprintf(path, sizeof(path), "%s/fifo", dir);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    (void)snprintf(path, sizeof(path), "%s/link", dir);
    ck_assert_int_eq(symlink("/dev/zero", path), 0);
    (void)snprintf(path, sizeof(path), "%s/folder", dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    (void)render();
    ck_assert_int_eq(count_files(false), 5);
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(without_a_folder)
{
    struct metrics *alone;
    struct buf text;

    buf_init(&text, 10000);
    ck_assert_int_eq(metrics_open(NULL, "alone", &alone), 0);
    metric_add(metrics_get(alone, METRIC_COUNTER, "a", "", NULL), 1);
    ck_assert_int_eq(metrics_render(alone, &text), 0);
    ck_assert_ptr_nonnull(strstr(text.data, "\na{process=\"alone\""));
    ck_assert_ptr_null(strstr(text.data, "\"test\""));
    buf_free(&text);
    buf_init(&text, 50); /* a full buffer is an error */
    ck_assert_int_eq(metrics_render(alone, &text), -1);
    ck_assert_int_eq(errno, ENOMEM);
    buf_free(&text);
    metrics_close(alone);
    ck_assert_int_eq(metrics_open("", "alone", &alone), 0);
    metrics_close(alone);
    metrics_close(NULL);
}
END_TEST

START_TEST(opening_fails_with_a_reason)
{
    struct metrics *other = NULL;
    char path[128];

    ck_assert_int_eq(metrics_open(dir, "a/b", &other), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(metrics_open(dir, "", &other), -1);
    (void)snprintf(path, sizeof(path), "%s/no/such", dir);
    ck_assert_int_eq(metrics_open(path, "a", &other), -1);
    ck_assert_int_eq(errno, ENOENT);
    (void)snprintf(path, sizeof(path), "%s/new", dir);
    ck_assert_int_eq(metrics_open(path, "a", &other), 0);
    metrics_close(other);
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tc = tcase_create("metrics");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, counters_and_gauges);
    tcase_add_test(tc, histograms);
    tcase_add_test(tc, what_is_too_much_is_dropped_and_counted);
    tcase_add_loop_test(tc, malformed_texts_are_dropped, 0,
                        (int)(sizeof(malformed) / sizeof(malformed[0])));
    tcase_add_test(tc, a_series_has_one_type);
    tcase_add_test(tc, labels_are_escaped_and_cut);
    tcase_add_test(tc, one_answer_has_all_living_processes);
    tcase_add_test(tc, a_start_clears_what_the_dead_left);
    tcase_add_test(tc, programs_that_disagree_about_a_type);
    tcase_add_test(tc, unsound_files_are_passed_over);
    tcase_add_test(tc, other_peoples_files_are_left_alone);
    tcase_add_test(tc, without_a_folder);
    tcase_add_test(tc, opening_fails_with_a_reason);
    suite_add_tcase(suite, tc);
    return suite;
}
