/*
 * Changing entries of the archive: see archive.h. A file is read whole, member by member, and
 * written anew beside itself; only where something changed does the new one take its place.
 */
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

#define TEMPORARY ".rewrite"

struct rewrite {
    int folder;
    archive_edit_fn *edit;
    void *cookie;
    size_t changed; /* entries, of the present file */
    struct buf packed, data, edited;
};

static void
keep(const struct redisReply *entry, struct event_id id, struct buf *out)
{
    const struct redisReply *fields = entry->element[1];

    archive_entry_begin(out, id, fields->elements);
    for (size_t i = 0; i < fields->elements; i++)
        archive_entry_value(out, fields->element[i]->str, fields->element[i]->len);
}

/* The entries of a member into w->edited. */
static int
edit_member(struct rewrite *w)
{
    redisReader *reader = redisReaderCreate();
    void *entry = NULL;
    int ret = 0;

    buf_reset(&w->edited);
    if (reader == NULL || redisReaderFeed(reader, w->data.data, w->data.len) != REDIS_OK)
        ret = -1;
    while (ret == 0 && redisReaderGetReply(reader, &entry) == REDIS_OK && entry != NULL) {
        struct event_id id;
        int edited = archive_entry_id(entry, &id) ? w->edit(w->cookie, entry, &w->edited) : -1;

        if (edited == 0)
            keep(entry, id, &w->edited);
        w->changed += edited == 1;
        ret = edited < 0 ? -1 : 0;
        freeReplyObject(entry);
    }
    if (reader != NULL)
        redisReaderFree(reader);
    return ret == 0 && buf_ok(&w->edited) ? 0 : -1;
}

/* All members of a file, edited, into another one. */
static int
copy_members(struct rewrite *w, int from, int to)
{
    int64_t at = 0;
    struct stat st;
    int got;

    if (fstat(from, &st) < 0)
        return -1;
    while ((got = archive_member_read(from, at, st.st_size, &w->packed, &w->data)) == 1) {
        at += (int64_t)w->packed.len;
        if (edit_member(w) < 0 || archive_pack(&w->edited, &w->packed) < 0 ||
            archive_write_all(to, &w->packed) < 0)
            return -1;
    }
    if (got < 0)
        errno = EBADMSG;
    return got;
}

static int
rewrite_file(struct rewrite *w, const char *name)
{
    int from = openat(w->folder, name, O_RDONLY | O_CLOEXEC);
    int to = openat(w->folder, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    int ret = -1, error;

    w->changed = 0;
    if (from >= 0 && to >= 0)
        ret = copy_members(w, from, to);
    if (ret == 0 && w->changed > 0)
        ret = fsync(to) == 0 && renameat(w->folder, TEMPORARY, w->folder, name) == 0 &&
                      fsync(w->folder) == 0
                  ? 0
                  : -1;
    error = errno;
    if (from >= 0)
        (void)close(from);
    if (to >= 0)
        (void)close(to);
    (void)unlinkat(w->folder, TEMPORARY, 0);
    errno = error;
    return ret;
}

static int
rewrite_all(struct rewrite *w, size_t *changed)
{
    int fd = openat(w->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    while (ret == 0 && (entry = readdir(dir)) != NULL)
        if (archive_is_day(entry->d_name)) {
            ret = rewrite_file(w, entry->d_name);
            *changed += ret == 0 ? w->changed : 0;
        }
    (void)closedir(dir);
    return ret;
}

int
archive_rewrite(const char *dir, const char *product_id, archive_edit_fn *edit, void *cookie,
                size_t *ret_changed)
{
    struct rewrite w = {.folder = -1, .edit = edit, .cookie = cookie};
    int lock = -1, ret = -1, error;
    size_t changed = 0;
    char *path;

    if (asprintf(&path, "%s/%s", dir, product_id) < 0)
        return -1;
    buf_init(&w.packed, 2 * ARCHIVE_MEMBER_MAX);
    buf_init(&w.data, ARCHIVE_MEMBER_MAX);
    buf_init(&w.edited, ARCHIVE_MEMBER_MAX);
    w.folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w.folder < 0 && errno == ENOENT)
        ret = 0;
    if (w.folder >= 0)
        lock = archive_lock(w.folder, true);
    if (lock >= 0)
        ret = rewrite_all(&w, &changed);
    error = errno;
    if (lock >= 0)
        (void)close(lock);
    if (w.folder >= 0)
        (void)close(w.folder);
    buf_free(&w.packed);
    buf_free(&w.data);
    buf_free(&w.edited);
    free(path);
    *ret_changed = changed;
    errno = error;
    return ret;
}
