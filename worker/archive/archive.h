/*
 * The archive: the events of a product that were applied, in files by day, so that the stream can
 * be trimmed and a rebuild still has all.
 *
 *   <folder>/<product>/2026-11-22.gz    the events whose id is of that day (UTC)
 *   <folder>/<product>/lock             whoever changes files here holds it (flock)
 *
 * A file is a row of gzip members, so that zcat reads it; each is one write and one fsync. A member's
 * header says how long the member is (a field of its own, as gzip allows), so that the last one is
 * found without reading the others. Inside are the entries as Redis itself would answer them
 * (RESP2), which is what the rest of the program takes apart.
 *
 * A member that a crash has left incomplete at the end of a file is cut off by the next writer, and
 * to a reader it is the end. Entries come in the order of their ids; a reader skips what is not above
 * the one before, so that an entry that is there twice counts once.
 *
 * All calls wait for the disk.
 */
#ifndef VARCADE_WORKER_ARCHIVE_H
#define VARCADE_WORKER_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/rules/event.h"

struct redisReply;

#define ARCHIVE_WRITE_AT ((size_t)1 << 20)   /* bytes of entries that are worth a member */
#define ARCHIVE_MEMBER_MAX ((size_t)16 << 20) /* bytes of one, unpacked; an event has 4 MiB at most */

/* --- writing ---------------------------------------------------------------------------------- */

struct archive;

/* archive_open(dir, product_id, ret): make the product's folder where there is none, and find the last
 * id. Returns 0, or -1 with errno; EWOULDBLOCK: somebody else is changing files. */
int archive_open(const char *dir, const char *product_id, struct archive **ret)
    __attribute__((warn_unused_result));

/* archive_close(a): what was added and not written is forgotten. NULL is legal. */
void archive_close(struct archive *a);

/* archive_last(a): the id of the last entry that is in the files; 0-0: none. */
struct event_id archive_last(const struct archive *a);

/*
 * archive_add(a, entry): the next entry of the stream. One that is not above the one before is left
 * out. Writes what has become enough for a member. Returns as archive_write does.
 *
 * archive_write(a): write what was added, and see it on the disk. Returns 0; or -1 with errno, and
 * nothing of what was added is in the files. ESTALE: somebody else has written meanwhile, and archive_last
 * is another. Whatever the error is, begin again behind archive_last.
 */
int archive_add(struct archive *a, const struct redisReply *entry)
    __attribute__((warn_unused_result));
int archive_write(struct archive *a) __attribute__((warn_unused_result));

/* --- reading (archive_reader.c) --------------------------------------------------------------- */

struct archive_reader;

/* archive_reader_open(dir, product_id, after, ret): for the entries above after. Returns 0, or -1 with
 * errno. A product without a folder has no entries. */
int archive_reader_open(const char *dir, const char *product_id, struct event_id after,
                        struct archive_reader **ret) __attribute__((warn_unused_result));
void archive_reader_close(struct archive_reader *r);

/* archive_reader_next(r, ret_entry, ret_id): the next entry, which is the caller's to free with
 * freeReplyObject(). 1; 0: there is no more so far, and later calls see what has come; -1: a file is damaged or cannot be read, and *why of
 * archive_reader_why says how. */
int archive_reader_next(struct archive_reader *r, struct redisReply **ret_entry,
                        struct event_id *ret_id) __attribute__((warn_unused_result));
const char *archive_reader_why(const struct archive_reader *r);

/* archive_reader_progress(r, ret_total): bytes of files that were read, of so many. */
int64_t archive_reader_progress(const struct archive_reader *r, int64_t *ret_total);

/* --- changing what is there (archive_rewrite.c) ------------------------------------------------ */

/* For each entry: 0: it stays as it is; 1: what is in out takes its place (archive_entry_add); -1: stop. */
typedef int archive_edit_fn(void *cookie, const struct redisReply *entry, struct buf *out);

/*
 * archive_rewrite(dir, product_id, edit, cookie, ret_changed): go over all files; one in which an entry
 * changes is replaced whole, by rename. Waits for the lock. Returns 0, or -1 with errno, and every
 * file is then either as it was or complete.
 */
int archive_rewrite(const char *dir, const char *product_id, archive_edit_fn *edit, void *cookie,
                    size_t *ret_changed) __attribute__((warn_unused_result));

/* --- members (archive_member.c), for the three above -------------------------------------------- */

#define ARCHIVE_HEAD 20 /* bytes of a member's header */
#define ARCHIVE_NAME_SIZE 16

/* archive_day(id, out): the name of the file that an entry is in. archive_is_day(name): whether it is
 * such a name. */
void archive_day(struct event_id id, char out[static ARCHIVE_NAME_SIZE]);
bool archive_is_day(const char *name);

/* archive_entry_begin(out, id, n), archive_entry_value(out, s, len): an entry and its n names and values. */
void archive_entry_begin(struct buf *out, struct event_id id, size_t n);
void archive_entry_value(struct buf *out, const char *s, size_t len);

/* archive_entry_id(entry, ret): the id of what is an entry: an array of its id and an array of texts.
 * False where it is none. */
bool archive_entry_id(const struct redisReply *entry, struct event_id *ret)
    __attribute__((warn_unused_result));

/* archive_pack(data, out): data as a member. 0, or -1 with errno. */
int archive_pack(const struct buf *data, struct buf *out) __attribute__((warn_unused_result));

/* archive_member_size(head, ret): of the header's ARCHIVE_HEAD bytes; false where they are none. */
bool archive_member_size(const unsigned char *head, size_t *ret)
    __attribute__((warn_unused_result));

/* archive_unpack(member, len, out): the data of a whole member. 0, or -1 where it is damaged. */
int archive_unpack(const char *member, size_t len, struct buf *out)
    __attribute__((warn_unused_result));

/* archive_member_read(fd, at, size, packed, out): the member at that place of a file of this size, and its
 * data. 1, and packed->len bytes further is the next one; 0: the end, or less than a whole one; -1:
 * damaged, or cannot be read. */
int archive_member_read(int fd, int64_t at, int64_t size, struct buf *packed, struct buf *out)
    __attribute__((warn_unused_result));

/* archive_write_all(fd, data): 0, or -1 with errno. */
int archive_write_all(int fd, const struct buf *data) __attribute__((warn_unused_result));

/* archive_lock(folder, wait): the lock of a product's folder; a descriptor, whose closing gives it back.
 * -1 with errno. */
int archive_lock(int folder, bool wait) __attribute__((warn_unused_result));

#endif
