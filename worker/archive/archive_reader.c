/* Reading the archive: see archive.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/archive/archive.h"

#define FILES_MAX 100000 /* 270 years */

struct archive_reader {
    int folder;
    struct event_id after;
    char (*name)[ARCHIVE_NAME_SIZE]; /* by day */
    size_t nnames, next;
    char open[ARCHIVE_NAME_SIZE]; /* the newest one that was opened; "" for none */
    int fd;                       /* that file; -1: none */
    int64_t at, size;
    int64_t total, done; /* bytes of all files, and of those that are behind */
    struct buf packed, data;
    redisReader *entries; /* of the present member; NULL: none */
    char why[128];
};

static int
compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* All files; next is the first one that is newer than the one that is open. */
static int
list_files(struct archive_reader *r)
{
    int fd = openat(r->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    struct stat st;
    size_t cap = 0;
    int ret = 0;

    free(r->name);
    r->name = NULL;
    r->nnames = r->next = 0;
    r->total = 0;

    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    while (ret == 0 && (entry = readdir(dir)) != NULL) {
        if (!archive_is_day(entry->d_name) || fstatat(r->folder, entry->d_name, &st, 0) < 0)
            continue;
        if (r->nnames == cap) {
            void *grown = reallocarray(r->name, cap == 0 ? 64 : 2 * cap, sizeof(*r->name));

            if (grown == NULL || r->nnames == FILES_MAX) {
                ret = -1;
                continue;
            }
            cap = cap == 0 ? 64 : 2 * cap;
            r->name = grown;
        }
        memcpy(r->name[r->nnames++], entry->d_name, strlen(entry->d_name) + 1);
        r->total += st.st_size;
    }
    (void)closedir(dir);
    if (r->nnames > 0)
        qsort(r->name, r->nnames, sizeof(*r->name), compare_names);
    while (r->next < r->nnames && strcmp(r->name[r->next], r->open) <= 0)
        r->next++;
    return ret;
}

int
archive_reader_open(const char *dir, const char *product_id, struct event_id after,
                    struct archive_reader **ret)
{
    struct archive_reader *r = calloc(1, sizeof(*r));
    char *path = NULL;
    int error;

    if (r == NULL)
        return -1;
    *r = (struct archive_reader){.fd = -1, .folder = -1, .after = after};
    buf_init(&r->packed, 2 * ARCHIVE_MEMBER_MAX);
    buf_init(&r->data, ARCHIVE_MEMBER_MAX);
    if (asprintf(&path, "%s/%s", dir, product_id) < 0) {
        path = NULL;
        goto failed;
    }
    r->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if ((r->folder < 0 && errno != ENOENT) || (r->folder >= 0 && list_files(r) < 0))
        goto failed;
    free(path);
    *ret = r;
    return 0;
failed:
    error = errno;
    free(path);
    archive_reader_close(r);
    errno = error;
    return -1;
}

void
archive_reader_close(struct archive_reader *r)
{
    if (r == NULL)
        return;
    if (r->fd >= 0)
        (void)close(r->fd);
    if (r->folder >= 0)
        (void)close(r->folder);
    if (r->entries != NULL)
        redisReaderFree(r->entries);
    buf_free(&r->packed);
    buf_free(&r->data);
    free(r->name);
    free(r);
}

const char *
archive_reader_why(const struct archive_reader *r)
{
    return r->why;
}

int64_t
archive_reader_progress(const struct archive_reader *r, int64_t *ret_total)
{
    *ret_total = r->total;
    return r->done + r->at;
}

static int
fail(struct archive_reader *r, const char *what)
{
    (void)snprintf(r->why, sizeof(r->why), "%s: %s at byte %lld", r->open, what, (long long)r->at);
    return -1;
}

/* The next file of a day that may have something. 1, or 0: there is none, or -1. */
static int
next_file(struct archive_reader *r)
{
    char first[ARCHIVE_NAME_SIZE];
    struct stat st;

    if (r->fd >= 0)
        (void)close(r->fd);
    r->fd = -1;
    r->done += r->at;
    r->at = 0;
    archive_day(r->after, first);
    while (r->next < r->nnames) {
        const char *name = r->name[r->next++];

        if (strcmp(name, first) < 0) {
            if (fstatat(r->folder, name, &st, 0) == 0)
                r->done += st.st_size;
            continue;
        }
        r->fd = openat(r->folder, name, O_RDONLY | O_CLOEXEC);
        memcpy(r->open, name, strlen(name) + 1);
        if (r->fd < 0 || fstat(r->fd, &st) < 0)
            return fail(r, strerror(errno));
        r->size = st.st_size;
        return 1;
    }
    return 0;
}

/* At the end of all there was: whether there is more now. */
static bool
is_more(struct archive_reader *r)
{
    struct stat st;
    bool grown = false;

    if (r->folder < 0)
        return false;
    if (r->fd >= 0 && fstat(r->fd, &st) == 0) {
        grown = st.st_size > r->size;
        r->size = st.st_size;
    }
    return grown || (list_files(r) == 0 && r->next < r->nnames);
}

/* The next member. 1, or 0: there is none so far, or -1. What is incomplete at the end of the
 * newest file is being written, or was torn by a crash. */
static int
next_member(struct archive_reader *r)
{
    for (;;) {
        int got = r->fd >= 0 ? archive_member_read(r->fd, r->at, r->size, &r->packed, &r->data) : 0;

        if (got == 1) {
            r->at += (int64_t)r->packed.len;
            return 1;
        }
        if (r->next == r->nnames) {
            if (!is_more(r))
                return 0;
            continue;
        }
        if (r->fd >= 0 && (got < 0 || r->at < r->size))
            return fail(r, "damaged");
        if (next_file(r) < 0)
            return -1;
    }
}

/* The next entry of the present member, NULL where it has no more. */
static int
next_in_member(struct archive_reader *r, struct redisReply **ret)
{
    void *reply = NULL;

    if (redisReaderGetReply(r->entries, &reply) != REDIS_OK)
        return fail(r, "no entry");
    *ret = reply;
    if (reply != NULL)
        return 0;
    redisReaderFree(r->entries);
    r->entries = NULL;
    return 0;
}

int
archive_reader_next(struct archive_reader *r, struct redisReply **ret_entry,
                    struct event_id *ret_id)
{
    struct redisReply *entry = NULL;
    int got;

    for (;;) {
        if (r->entries == NULL) {
            got = next_member(r);
            if (got != 1)
                return got;
            r->entries = redisReaderCreate();
            if (r->entries == NULL ||
                redisReaderFeed(r->entries, r->data.data, r->data.len) != REDIS_OK)
                return fail(r, "out of memory");
        }
        if (next_in_member(r, &entry) < 0)
            return -1;
        if (entry == NULL)
            continue;
        if (!archive_entry_id(entry, ret_id)) {
            freeReplyObject(entry);
            return fail(r, "no entry");
        }
        if (event_id_compare(*ret_id, r->after) > 0)
            break;
        freeReplyObject(entry);
    }
    r->after = *ret_id;
    *ret_entry = entry;
    return 1;
}
