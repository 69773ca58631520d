/*
 * Writing the archive: see archive.h.
 *
 * Whoever writes holds the lock for that moment alone, and looks whether the file is as it was
 * left: another worker may have taken over, or a player's events may have been rewritten. What a
 * crash left behind is cut off; anything else that is no member is not touched, and nothing is
 * written behind it.
 */
#include "worker/archive/archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/files.h"

struct archive {
    int folder;
    struct event_id last;         /* in the files */
    char name[ARCHIVE_NAME_SIZE]; /* the file that has it; "" for none */
    ino_t inode;                  /* of that file, as it was left */
    off_t size;
    struct buf waiting; /* entries that are not in the files */
    struct event_id added;
    char day[ARCHIVE_NAME_SIZE]; /* the file that they belong to */
};

/* --- where it ends ---------------------------------------------------------------------------- */

/* The name of the newest file; "" where there is none. */
static int
find_newest(int folder, char out[static ARCHIVE_NAME_SIZE])
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    out[0] = '\0';
    while ((entry = readdir(dir)) != NULL)
        if (archive_is_day(entry->d_name) && strcmp(entry->d_name, out) > 0)
            memcpy(out, entry->d_name, strlen(entry->d_name) + 1);
    (void)closedir(dir);
    return 0;
}

/* Whether nothing but zeros is left of the file: what a power failure makes of a write. */
static bool
is_empty_rest(int fd, off_t at, off_t size)
{
    char bytes[4096];

    for (; at < size; at += (off_t)sizeof(bytes)) {
        ssize_t n = pread(fd, bytes, sizeof(bytes), at);

        if (n <= 0)
            return false;
        for (ssize_t i = 0; i < n; i++)
            if (bytes[i] != 0)
                return false;
    }
    return true;
}

/* The places of the last whole member and of its end. -1 with EBADMSG where something stands there
 * that no crash leaves behind. */
static int
find_last_member(int fd, off_t size, off_t *ret_last, off_t *ret_end)
{
    off_t last = -1, at = 0;

    for (;;) {
        unsigned char head[ARCHIVE_HEAD] = {0};
        ssize_t n = pread(fd, head, sizeof(head), at);
        size_t len;

        if (n < 0)
            return -1;
        if (n < ARCHIVE_HEAD)
            break;
        if (!archive_member_size(head, &len)) {
            if (is_empty_rest(fd, at, size))
                break;
            errno = EBADMSG;
            return -1;
        }
        if ((off_t)len > size - at)
            break;
        last = at;
        at += (off_t)len;
    }
    *ret_last = last;
    *ret_end = at;
    return 0;
}

static int
last_id_of(const struct buf *data, struct event_id *ret)
{
    redisReader *reader = redisReaderCreate();
    void *entry = NULL;
    int found = -1;

    if (reader == NULL)
        return -1;
    if (redisReaderFeed(reader, data->data, data->len) == REDIS_OK)
        while (redisReaderGetReply(reader, &entry) == REDIS_OK && entry != NULL) {
            found = archive_entry_id(entry, ret) ? 0 : -1;
            freeReplyObject(entry);
        }
    redisReaderFree(reader);
    if (found < 0)
        errno = EBADMSG;
    return found;
}

/* Look at one file: cut off what is no whole member, and tell the last id, 0-0 where it is empty.
 */
static int
look_at(struct archive *a, int fd, struct event_id *ret)
{
    struct buf packed, data;
    off_t last = 0, end = 0;
    struct stat st;
    int ret_value = -1;

    buf_init(&packed, 2 * ARCHIVE_MEMBER_MAX);
    buf_init(&data, ARCHIVE_MEMBER_MAX);
    *ret = (struct event_id){0, 0};
    if (fstat(fd, &st) < 0 || find_last_member(fd, st.st_size, &last, &end) < 0)
        goto out;
    while (last >= 0 && archive_member_read(fd, last, end, &packed, &data) != 1) {
        end = last; /* it has its length, and yet it was not written to the end */
        if (find_last_member(fd, end, &last, &end) < 0)
            goto out;
    }
    if ((end < st.st_size && (ftruncate(fd, end) < 0 || fsync(fd) < 0)) ||
        (last >= 0 && last_id_of(&data, ret) < 0))
        goto out;
    a->inode = st.st_ino;
    a->size = end;
    ret_value = 0;
out:
    buf_free(&packed);
    buf_free(&data);
    return ret_value;
}

/* The newest file, and its last id. The lock is held. */
static int
look(struct archive *a)
{
    struct event_id last = {0, 0};
    int fd, error;

    if (find_newest(a->folder, a->name) < 0)
        return -1;
    if (a->name[0] == '\0') {
        a->last = last;
        return 0;
    }
    fd = openat(a->folder, a->name, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (look_at(a, fd, &last) < 0) {
        error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    (void)close(fd);
    /* A file that a crash left empty: those before it tell. */
    if (last.ms == 0 && last.seq == 0) {
        if (unlinkat(a->folder, a->name, 0) < 0)
            return -1;
        return look(a);
    }
    a->last = last;
    return 0;
}

int
archive_open(const char *dir, const char *product_id, struct archive **ret)
{
    struct archive *a = calloc(1, sizeof(*a));
    int lock = -1, result = -1, error;
    char *path = NULL;

    if (a == NULL)
        return -1;
    a->folder = -1;
    buf_init(&a->waiting, ARCHIVE_MEMBER_MAX);
    if (asprintf(&path, "%s/%s", dir, product_id) < 0) {
        path = NULL;
        goto out;
    }
    if (files_make_folder(path) < 0)
        goto out;
    a->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    lock = a->folder >= 0 ? archive_lock(a->folder, false) : -1;
    if (lock < 0 || look(a) < 0)
        goto out;
    a->added = a->last;
    *ret = a;
    result = 0;
out:
    error = errno;
    free(path);
    if (lock >= 0)
        (void)close(lock);
    if (result < 0)
        archive_close(a);
    errno = error;
    return result;
}

void
archive_close(struct archive *a)
{
    if (a == NULL)
        return;
    if (a->folder >= 0)
        (void)close(a->folder);
    buf_free(&a->waiting);
    free(a);
}

struct event_id
archive_last(const struct archive *a)
{
    return a->last;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Whether the files are as they were left; else look anew, and -1 with ESTALE. */
static int
check_same(struct archive *a)
{
    char newest[ARCHIVE_NAME_SIZE];
    struct stat st;

    if (find_newest(a->folder, newest) < 0)
        return -1;
    if (strcmp(newest, a->name) == 0 &&
        (newest[0] == '\0' || (fstatat(a->folder, newest, &st, 0) == 0 && st.st_ino == a->inode &&
                               st.st_size == a->size)))
        return 0;
    if (look(a) == 0)
        errno = ESTALE;
    return -1;
}

/* Behind what the day's file has. What did not get there whole is taken back. */
static int
append(struct archive *a, const struct buf *member)
{
    bool same = strcmp(a->day, a->name) == 0;
    int fd = openat(a->folder, a->day, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    off_t before = same ? a->size : 0;
    struct stat st;
    int error;

    if (fd < 0)
        return -1;
    if (archive_write_all(fd, member) < 0 || fsync(fd) < 0 || fstat(fd, &st) < 0 ||
        (!same && fsync(a->folder) < 0)) {
        error = errno;
        if (ftruncate(fd, before) < 0 && !same)
            (void)unlinkat(a->folder, a->day, 0);
        (void)close(fd);
        errno = error;
        return -1;
    }
    (void)close(fd);
    memcpy(a->name, a->day, sizeof(a->name));
    a->inode = st.st_ino;
    a->size = st.st_size;
    a->last = a->added;
    return 0;
}

int
archive_write(struct archive *a)
{
    int lock, error, ret = -1;
    struct buf member;

    if (a->waiting.len == 0)
        return 0;
    buf_init(&member, 2 * ARCHIVE_MEMBER_MAX);
    lock = archive_lock(a->folder, false);
    if (lock >= 0 && check_same(a) == 0 && archive_pack(&a->waiting, &member) == 0)
        ret = append(a, &member);
    error = errno;
    if (lock >= 0)
        (void)close(lock);
    buf_free(&member);
    buf_reset(&a->waiting);
    a->added = a->last;
    errno = error;
    return ret;
}

int
archive_add(struct archive *a, const struct redisReply *entry)
{
    char day[ARCHIVE_NAME_SIZE];
    struct event_id id;

    if (!archive_entry_id(entry, &id)) {
        errno = EBADMSG;
        return -1;
    }
    if (event_id_compare(id, a->added) <= 0)
        return 0;
    archive_day(id, day);
    if (a->waiting.len >= ARCHIVE_WRITE_AT || (a->waiting.len > 0 && strcmp(day, a->day) != 0))
        if (archive_write(a) < 0)
            return -1;
    memcpy(a->day, day, sizeof(day));
    a->added = id;
    archive_entry_begin(&a->waiting, id, entry->element[1]->elements);
    for (size_t i = 0; i < entry->element[1]->elements; i++)
        archive_entry_value(&a->waiting, entry->element[1]->element[i]->str,
                            entry->element[1]->element[i]->len);
    if (buf_ok(&a->waiting))
        return 0;
    buf_reset(&a->waiting);
    a->added = a->last;
    errno = E2BIG;
    return -1;
}
