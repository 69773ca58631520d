/* Files that others read while they are written: see files.h. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/text.h"
#include "worker/files.h"
#include "worker/mem.h"

int
files_make_folder(char *path)
{
    char *slash = path;

    while ((slash = strchr(slash + 1, '/')) != NULL) {
        int ok;

        *slash = '\0';
        ok = mkdir(path, 0755) == 0 || errno == EEXIST;
        *slash = '/';
        if (!ok)
            return -1;
    }
    return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : -1;
}

char *
files_temporary(const char *folder, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/.%s.%ld", folder, name, (long)getpid()) < 0)
        mem_out();
    return path;
}

bool
files_is_left_over(const char *name)
{
    const char *dot = strrchr(name, '.');
    int64_t pid;

    if (name[0] != '.' || dot == name ||
        text_parse_int(dot + 1, strlen(dot + 1), 1, INT32_MAX, &pid) < 0)
        return false;
    return pid == getpid() || (kill((pid_t)pid, 0) < 0 && errno == ESRCH);
}

bool
files_same(const char *path, const struct buf *data)
{
    char *present = NULL;
    size_t len;
    bool same;

    if (text_read_file(path, data->max, &present, &len) < 0)
        return false;
    same = len == data->len && memcmp(present, data->data, len) == 0;
    free(present);
    return same;
}

static int
write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* 31 bits of the bytes' hash; file systems that keep less of a time than 2038 are none for today.
 */
static time_t
fingerprint(const struct buf *data)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    int done = EVP_Digest(data->data, data->len, digest, NULL, EVP_sha256(), NULL);

    assert(done == 1);
    return (time_t)(digest[0] & 0x7f) << 24 | (time_t)digest[1] << 16 | (time_t)digest[2] << 8 |
           (time_t)digest[3];
}

int
files_replace(const char *path, const char *temporary, const struct buf *data)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = fingerprint(data)}};
    int fd, ret = -1;

    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    if (write_all(fd, data->data, data->len) == 0 && fchmod(fd, 0644) == 0 &&
        futimens(fd, times) == 0)
        ret = 0;
    if (close(fd) < 0)
        ret = -1;
    if (ret == 0)
        ret = rename(temporary, path);
    if (ret < 0) {
        int error = errno;

        (void)unlink(temporary);
        errno = error;
    }
    return ret;
}

int
files_link(const char *path, const char *temporary, const char *target)
{
    char present[NAME_MAX];
    ssize_t len = readlink(path, present, sizeof(present));

    if (len >= 0 && (size_t)len == strlen(target) && memcmp(present, target, (size_t)len) == 0)
        return 0;
    if (symlink(target, temporary) < 0)
        return -1;
    if (rename(temporary, path) == 0)
        return 0;
    (void)unlink(temporary);
    return -1;
}
