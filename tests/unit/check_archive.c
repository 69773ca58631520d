/* The archive's files: what was written is read, wherever a crash tore the last write. */
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/entry.h"
#include "tests/unit/unit.h"
#include "worker/archive/archive.h"

#define DAY UINT64_C(86400000)

static char dir[64];

static void
setup(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/check-archive-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void
teardown(void)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static int
add(struct archive *a, uint64_t ms, const char *text)
{
    redisReply id = {.type = REDIS_REPLY_STRING}, name = id, value = id;
    redisReply *pair[2] = {&name, &value}, fields = {.type = REDIS_REPLY_ARRAY};
    redisReply *both[2] = {&id, &fields};
    redisReply entry = {.type = REDIS_REPLY_ARRAY, .elements = 2, .element = both};
    char id_text[EVENT_ID_SIZE], name_text[] = "text", *copy = strdup(text);
    int ret, error;

    id.len = event_id_format((struct event_id){ms, 7}, id_text);
    id.str = id_text;
    name.str = name_text;
    name.len = strlen(name_text);
    value.str = copy;
    value.len = strlen(copy);
    fields.elements = 2;
    fields.element = pair;
    ret = archive_add(a, &entry);
    error = errno;
    free(copy);
    errno = error;
    return ret;
}

static struct archive *
opened(void)
{
    struct archive *a;

    ck_assert_int_eq(archive_open(dir, "p", &a), 0);
    return a;
}

/* `ms=text` of all entries, with a blank between them; `!` where the reader stops at a damage. */
static const char *
told(uint64_t after)
{
    static char out[4096];
    struct archive_reader *r;
    struct redisReply *entry;
    struct event_id id;
    size_t len = 0;
    int got;

    out[0] = '\0';
    ck_assert_int_eq(archive_reader_open(dir, "p", (struct event_id){after, 7}, &r), 0);
    while ((got = archive_reader_next(r, &entry, &id)) == 1) {
        ck_assert_uint_eq(id.seq, 7);
        ck_assert_uint_eq(entry->element[1]->elements, 2);
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%s%llu=%s", len > 0 ? " " : "",
                                (unsigned long long)id.ms, entry->element[1]->element[1]->str);
        freeReplyObject(entry);
    }
    if (got < 0)
        (void)snprintf(out + len, sizeof(out) - len, "!");
    archive_reader_close(r);
    return out;
}

static off_t
size_of(const char *name)
{
    char path[128];
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/p/%s", dir, name);
    return stat(path, &st) == 0 ? st.st_size : -1;
}

static void
cut(const char *name, off_t size)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/p/%s", dir, name);
    ck_assert_int_eq(truncate(path, size), 0);
}

START_TEST(test_days)
{
    struct archive *a = opened();

    ck_assert_uint_eq(archive_last(a).ms, 0);
    ck_assert_int_eq(add(a, 1, "a"), 0);
    ck_assert_int_eq(add(a, DAY - 1, ""), 0);
    ck_assert_str_eq(told(0), "");
    ck_assert_int_eq(add(a, DAY, "\r\nx"), 0); /* another day: what was before is written */
    ck_assert_uint_eq(archive_last(a).ms, DAY - 1);
    ck_assert_int_eq(add(a, DAY, "again"), 0);
    ck_assert_int_eq(add(a, 5, "older"), 0);
    ck_assert_int_eq(archive_write(a), 0);
    ck_assert_int_eq(archive_write(a), 0);
    ck_assert_int_eq(add(a, 9 * DAY, "z"), 0);
    ck_assert_int_eq(archive_write(a), 0);
    archive_close(a);
    ck_assert_str_eq(told(0), "1=a 86399999= 86400000=\r\nx 777600000=z");
    ck_assert_str_eq(told(DAY - 1), "86400000=\r\nx 777600000=z");
    ck_assert_str_eq(told(9 * DAY), "");
    ck_assert_int_gt(size_of("1970-01-01.gz"), 0);
    ck_assert_int_gt(size_of("1970-01-02.gz"), 0);
    ck_assert_int_gt(size_of("1970-01-10.gz"), 0);
    a = opened();
    ck_assert_uint_eq(archive_last(a).ms, 9 * DAY);
    archive_close(a);
}
END_TEST

/* Cut off at every byte of the last write: what was before is read, and the next write follows it.
 */
START_TEST(test_torn)
{
    struct archive *a = opened();
    off_t whole, first;

    ck_assert_int_eq(add(a, 1, "one"), 0);
    ck_assert_int_eq(archive_write(a), 0);
    first = size_of("1970-01-01.gz");
    ck_assert_int_eq(add(a, 2, "two"), 0);
    ck_assert_int_eq(archive_write(a), 0);
    whole = size_of("1970-01-01.gz");
    archive_close(a);
    for (off_t size = whole - 1; size > first; size--) {
        cut("1970-01-01.gz", size);
        ck_assert_str_eq(told(0), "1=one");
        a = opened();
        ck_assert_uint_eq(archive_last(a).ms, 1);
        ck_assert_int_eq(size_of("1970-01-01.gz"), first);
        ck_assert_int_eq(add(a, 2, "two"), 0);
        ck_assert_int_eq(archive_write(a), 0);
        archive_close(a);
        ck_assert_int_eq(size_of("1970-01-01.gz"), whole);
        ck_assert_str_eq(told(0), "1=one 2=two");
    }
    /* As long as it should be, and never written. */
    cut("1970-01-01.gz", first);
    cut("1970-01-01.gz", whole);
    a = opened();
    ck_assert_int_eq(size_of("1970-01-01.gz"), first);
    /* A file that was only made: the one before tells the last id. */
    ck_assert_int_eq(add(a, 3 * DAY, "three"), 0);
    ck_assert_int_eq(archive_write(a), 0);
    archive_close(a);
    cut("1970-01-04.gz", 5);
    a = opened();
    ck_assert_uint_eq(archive_last(a).ms, 1);
    ck_assert_int_eq(size_of("1970-01-04.gz"), -1);
    archive_close(a);
}
END_TEST

static void
flip(const char *name, off_t at)
{
    char path[128], byte;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/p/%s", dir, name);
    fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte = (char)~byte;
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

/* A damage that is no crash's: nothing is cut off, nothing is written behind it. */
START_TEST(test_damaged)
{
    struct archive *a = opened();
    off_t whole, first;

    ck_assert_int_eq(add(a, 1, "one"), 0);
    ck_assert_int_eq(archive_write(a), 0);
    first = size_of("1970-01-01.gz");
    ck_assert_int_eq(add(a, 2, "two"), 0);
    ck_assert_int_eq(archive_write(a), 0);
    ck_assert_int_eq(add(a, DAY, "three"), 0);
    ck_assert_int_eq(archive_write(a), 0);
    whole = size_of("1970-01-01.gz");
    archive_close(a);
    for (off_t at = 0; at < whole; at++) {
        flip("1970-01-01.gz", at);
        ck_assert_str_eq(told(0), at < first ? "!" : "1=one!");
        flip("1970-01-01.gz", at);
    }
    flip("1970-01-02.gz", 0);
    ck_assert_int_eq(archive_open(dir, "p", &a), -1);
    ck_assert_int_eq(errno, EBADMSG);
    flip("1970-01-02.gz", 0);
    ck_assert_str_eq(told(0), "1=one 2=two 86400000=three");
}
END_TEST

/* Two writers: the second one's work is seen by the first, and is not done twice. */
START_TEST(test_two_writers)
{
    struct archive *a = opened(), *b = opened(), *c;
    int lock, folder;
    char path[128];

    ck_assert_int_eq(add(a, 1, "a"), 0);
    ck_assert_int_eq(add(b, 1, "a"), 0);
    ck_assert_int_eq(add(b, 2, "b"), 0);
    ck_assert_int_eq(archive_write(b), 0);
    ck_assert_int_eq(archive_write(a), -1);
    ck_assert_int_eq(errno, ESTALE);
    ck_assert_uint_eq(archive_last(a).ms, 2);
    ck_assert_int_eq(add(a, 2, "b"), 0);
    ck_assert_int_eq(add(a, 3, "c"), 0);
    ck_assert_int_eq(archive_write(a), 0);
    ck_assert_str_eq(told(0), "1=a 2=b 3=c");
    (void)snprintf(path, sizeof(path), "%s/p", dir);
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    lock = archive_lock(folder, true);
    ck_assert_int_ge(lock, 0);
    ck_assert_int_eq(archive_open(dir, "p", &c), -1);
    ck_assert_int_eq(errno, EWOULDBLOCK);
    ck_assert_int_eq(add(a, 4, "d"), 0);
    ck_assert_int_eq(archive_write(a), -1);
    ck_assert_int_eq(errno, EWOULDBLOCK);
    (void)close(lock);
    ck_assert_int_eq(add(a, 4, "d"), 0);
    ck_assert_int_eq(archive_write(a), 0);
    ck_assert_str_eq(told(0), "1=a 2=b 3=c 4=d");
    (void)close(folder);
    archive_close(a);
    archive_close(b);
}
END_TEST

/* More than a member holds. */
START_TEST(test_large)
{
    struct archive *a = opened();
    char *text = malloc(60001);
    struct archive_reader *r;
    struct redisReply *entry;
    struct event_id id;
    int64_t total;
    size_t n = 0;

    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < 60000; i++)
        text[i] = (char)('a' + i * i % 26);
    text[60000] = '\0';
    for (uint64_t i = 1; i <= 100; i++)
        ck_assert_int_eq(add(a, i, text), 0);
    ck_assert_uint_gt(archive_last(a).ms, 50);
    ck_assert_int_eq(archive_write(a), 0);
    archive_close(a);
    ck_assert_int_eq(archive_reader_open(dir, "p", (struct event_id){0, 0}, &r), 0);
    while (archive_reader_next(r, &entry, &id) == 1) {
        ck_assert_uint_eq(id.ms, ++n);
        ck_assert_str_eq(entry->element[1]->element[1]->str, text);
        freeReplyObject(entry);
    }
    ck_assert_uint_eq(n, 100);
    ck_assert_int_eq(archive_reader_progress(r, &total), size_of("1970-01-01.gz"));
    ck_assert_int_eq(total, size_of("1970-01-01.gz"));
    archive_reader_close(r);
    free(text);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("archive");
    TCase *tc = tcase_create("files");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_days);
    tcase_add_test(tc, test_torn);
    tcase_add_test(tc, test_damaged);
    tcase_add_test(tc, test_two_writers);
    tcase_add_test(tc, test_large);
    suite_add_tcase(s, tc);
    return s;
}
