/*
 * A file of the archive: whatever is in it, a reader comes to an end, and what it gives are entries
 * in the order of their ids; a writer leaves whole members, or leaves the file alone.
 *
 * The first byte says what the others are: `f` a file, anything else what is inside a member.
 */
#include <assert.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/archive/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/fuzz-archive-XXXXXX";
static char file[64];

static void
remove_all(void)
{
    char path[64];

    (void)unlink(file);
    (void)snprintf(path, sizeof(path), "%s/p/lock", dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/p", dir);
    (void)rmdir(path);
    (void)rmdir(dir);
}

static void
prepare(void)
{
    char path[64];

    if (file[0] != '\0')
        return;
    assert(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof(path), "%s/p", dir);
    assert(mkdir(path, 0700) == 0);
    (void)snprintf(file, sizeof(file), "%s/p/2025-11-22.gz", dir);
    assert(atexit(remove_all) == 0);
}

static void
write_file(const char *data, size_t len)
{
    FILE *out = fopen(file, "w");

    assert(out != NULL && fwrite(data, 1, len, out) == len);
    assert(fclose(out) == 0);
}

static size_t
read_all(void)
{
    struct event_id before = {0, 0}, id;
    struct archive_reader *reader;
    struct redisReply *entry;
    size_t n = 0;
    int got;

    assert(archive_reader_open(dir, "p", before, &reader) == 0);
    while ((got = archive_reader_next(reader, &entry, &id)) == 1) {
        assert(event_id_compare(id, before) > 0);
        before = id;
        n++;
        freeReplyObject(entry);
    }
    assert(got == 0 || archive_reader_why(reader)[0] != '\0');
    archive_reader_close(reader);
    return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct archive *archive = NULL;
    struct buf in, member;
    size_t n;

    if (size == 0 || size > 65536)
        return 0;
    prepare();
    buf_init(&in, ARCHIVE_MEMBER_MAX);
    buf_init(&member, 2 * ARCHIVE_MEMBER_MAX);
    buf_add(&in, data + 1, size - 1);
    if (data[0] != 'f' && in.len > 0 && archive_pack(&in, &member) == 0)
        write_file(member.data, member.len);
    else
        write_file((const char *)data + 1, size - 1);
    n = read_all();
    if (archive_open(dir, "p", &archive) == 0 && access(file, F_OK) == 0)
        assert(read_all() == n);
    archive_close(archive);
    buf_free(&in);
    buf_free(&member);
    return 0;
}
