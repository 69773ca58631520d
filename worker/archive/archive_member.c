/*
 * Members of archive files, and the entries inside: see archive.h.
 *
 * The gzip header is written by hand, since its extra field has to have the member's length, which
 * is known only when the rest is there; the data are zlib's.
 */
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "worker/archive/archive.h"

#define TAIL 8 /* CRC-32 and length of the data */
#define RAW (-15)
#define LOCK_NAME "lock"
#define VALUES_MAX (2 * EVENT_FIELDS_MAX) /* names and values of an entry */

/* A gzip header with an extra field `VC` of 4 bytes; they are the member's length, and follow. */
static const unsigned char head_start[] = {0x1f, 0x8b, 8, 4, 0,   0,   0, 0,
                                           0,    255,  8, 0, 'V', 'C', 4, 0};
_Static_assert(sizeof(head_start) + 4 == ARCHIVE_HEAD, "the header's size");

static void
put32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> (8 * i) & 0xff);
}

static uint32_t
get32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* --- names ------------------------------------------------------------------------------------ */

void
archive_day(struct event_id id, char out[static ARCHIVE_NAME_SIZE])
{
    char text[CLOCK_RFC3339_SIZE];

    clock_format_rfc3339(id.ms < INT64_MAX ? (wall_ms)id.ms : INT64_MAX, text);
    memcpy(out, text, sizeof("2026-11-22") - 1);
    memcpy(out + sizeof("2026-11-22") - 1, ".gz", sizeof(".gz"));
}

bool
archive_is_day(const char *name)
{
    static const char form[] = "dddd-dd-dd.gz";
    size_t i;

    for (i = 0; form[i] != '\0'; i++)
        if (form[i] == 'd' ? name[i] < '0' || name[i] > '9' : name[i] != form[i])
            return false;
    return name[i] == '\0';
}

/* --- entries ---------------------------------------------------------------------------------- */

void
archive_entry_value(struct buf *out, const char *s, size_t len)
{
    buf_printf(out, "$%zu\r\n", len);
    buf_add(out, s, len);
    buf_str(out, "\r\n");
}

void
archive_entry_begin(struct buf *out, struct event_id id, size_t n)
{
    char text[EVENT_ID_SIZE];

    buf_str(out, "*2\r\n");
    archive_entry_value(out, text, event_id_format(id, text));
    buf_printf(out, "*%zu\r\n", n);
}

bool
archive_entry_id(const struct redisReply *entry, struct event_id *ret)
{
    const struct redisReply *fields;

    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
        entry->element[0]->type != REDIS_REPLY_STRING ||
        event_id_parse(entry->element[0]->str, entry->element[0]->len, ret) < 0)
        return false;
    fields = entry->element[1];
    if (fields->type != REDIS_REPLY_ARRAY)
        return false;
    for (size_t i = 0; i < fields->elements; i++)
        if (fields->element[i]->type != REDIS_REPLY_STRING)
            return false;
    return true;
}

/* A line of a sign and a number up to max; -1: there is none. */
static int64_t
read_count(const char **at, const char *end, char sign, int64_t max)
{
    const char *line = *at, *stop = line < end ? memchr(line, '\r', (size_t)(end - line)) : NULL;
    int64_t n;

    if (stop == NULL || end - stop < 2 || stop[1] != '\n' || *line != sign ||
        text_parse_int(line + 1, (size_t)(stop - line - 1), 0, max, &n) != 0)
        return -1;
    *at = stop + 2;
    return n;
}

static bool
skip_text(const char **at, const char *end)
{
    int64_t len = read_count(at, end, '$', end - *at);

    if (len < 0 || end - *at < len + 2 || memcmp(*at + len, "\r\n", 2) != 0)
        return false;
    *at += len + 2;
    return true;
}

/* Whether the data are entries and nothing else, so that hiredis can be let loose on them. */
static bool
are_entries(const char *data, size_t size)
{
    const char *at = data, *end = data + size;

    while (at < end) {
        int64_t n;

        if (read_count(&at, end, '*', 2) != 2 || !skip_text(&at, end))
            return false;
        n = read_count(&at, end, '*', VALUES_MAX);
        for (; n > 0; n--)
            if (!skip_text(&at, end))
                return false;
        if (n < 0)
            return false;
    }
    return true;
}

/* --- members ---------------------------------------------------------------------------------- */

int
archive_pack(const struct buf *data, struct buf *out)
{
    z_stream z = {.next_in = NULL};
    unsigned char *member;
    size_t bound, len;
    int done;

    if (data->len > ARCHIVE_MEMBER_MAX) {
        errno = E2BIG;
        return -1;
    }
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        errno = ENOMEM;
        return -1;
    }
    bound = deflateBound(&z, (uLong)data->len);
    member = malloc(ARCHIVE_HEAD + bound + TAIL);
    if (member == NULL) {
        (void)deflateEnd(&z);
        return -1;
    }
    z.next_in = (Bytef *)(uintptr_t)data->data;
    z.avail_in = (uInt)data->len;
    z.next_out = member + ARCHIVE_HEAD;
    z.avail_out = (uInt)bound;
    done = deflate(&z, Z_FINISH);
    len = ARCHIVE_HEAD + z.total_out + TAIL;
    (void)deflateEnd(&z);
    memcpy(member, head_start, sizeof(head_start));
    put32(member + sizeof(head_start), (uint32_t)len);
    put32(member + len - TAIL, (uint32_t)crc32(0, (const Bytef *)data->data, (uInt)data->len));
    put32(member + len - 4, (uint32_t)data->len);
    buf_reset(out);
    buf_add(out, member, len);
    free(member);
    if (done == Z_STREAM_END && buf_ok(out))
        return 0;
    errno = ENOMEM;
    return -1;
}

bool
archive_member_size(const unsigned char *head, size_t *ret)
{
    size_t len;

    if (memcmp(head, head_start, sizeof(head_start)) != 0)
        return false;
    len = get32(head + sizeof(head_start));
    if (len < ARCHIVE_HEAD + TAIL || len > 2 * ARCHIVE_MEMBER_MAX)
        return false;
    *ret = len;
    return true;
}

int
archive_unpack(const char *member, size_t len, struct buf *out)
{
    const unsigned char *bytes = (const unsigned char *)member;
    z_stream z = {.next_in = NULL};
    size_t said, size;
    char *data;
    int done;

    if (len < ARCHIVE_HEAD + TAIL || !archive_member_size(bytes, &said) || said != len)
        return -1;
    size = get32(bytes + len - 4);
    if (size > ARCHIVE_MEMBER_MAX || inflateInit2(&z, RAW) != Z_OK)
        return -1;
    data = malloc(size + 1);
    if (data == NULL) {
        (void)inflateEnd(&z);
        return -1;
    }
    z.next_in = (Bytef *)(uintptr_t)(bytes + ARCHIVE_HEAD);
    z.avail_in = (uInt)(len - ARCHIVE_HEAD - TAIL);
    z.next_out = (Bytef *)data;
    z.avail_out = (uInt)size + 1;
    done = inflate(&z, Z_FINISH);
    buf_reset(out);
    if (done == Z_STREAM_END && z.total_out == size && z.avail_in == 0 &&
        crc32(0, (const Bytef *)data, (uInt)size) == get32(bytes + len - TAIL) &&
        are_entries(data, size))
        buf_add(out, data, size);
    else
        done = Z_DATA_ERROR;
    (void)inflateEnd(&z);
    free(data);
    return done == Z_STREAM_END && buf_ok(out) ? 0 : -1;
}

static int
read_whole(int fd, void *data, size_t len, int64_t at)
{
    char *p = data;

    while (len > 0) {
        ssize_t n = pread(fd, p, len, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        p += n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int
archive_member_read(int fd, int64_t at, int64_t size, struct buf *packed, struct buf *out)
{
    unsigned char head[ARCHIVE_HEAD];
    char *member;
    size_t len;
    int ret = -1;

    if (size - at < ARCHIVE_HEAD)
        return 0;
    if (read_whole(fd, head, sizeof(head), at) < 0 || !archive_member_size(head, &len))
        return -1;
    if ((int64_t)len > size - at)
        return 0;
    member = malloc(len);
    if (member == NULL)
        return -1;
    buf_reset(packed);
    if (read_whole(fd, member, len, at) == 0 && archive_unpack(member, len, out) == 0) {
        buf_add(packed, member, len);
        ret = buf_ok(packed) ? 1 : -1;
    }
    free(member);
    return ret;
}

int
archive_write_all(int fd, const struct buf *data)
{
    size_t done = 0;

    while (done < data->len) {
        ssize_t n = write(fd, data->data + done, data->len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

/* --- the lock --------------------------------------------------------------------------------- */

int
archive_lock(int folder, bool wait)
{
    int fd = openat(folder, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

    if (fd < 0)
        return -1;
    while (flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) < 0) {
        int error = errno;

        if (error == EINTR)
            continue;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}
