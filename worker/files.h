/*
 * Files that others read while they are written: replaced whole, by rename, and only where their
 * bytes change. No fsync: what is lost in a power failure is written again at the next start.
 */
#ifndef VARCADE_WORKER_FILES_H
#define VARCADE_WORKER_FILES_H

#include <stdbool.h>

#include "lib/base/buf.h"

/* files_make_folder(path): mkdir -p, 0755, since nginx reads there as another user. path is changed
 * and put back. Returns 0, or -1 with errno. */
int files_make_folder(char *path) __attribute__((warn_unused_result));

/* files_temporary(folder, name): the path of the file that is renamed to folder/name,
 * `folder/.name.pid`; the caller free()s. */
char *files_temporary(const char *folder, const char *name);

/* files_is_left_over(name): whether it is a temporary file of a process that is no more. */
bool files_is_left_over(const char *name);

/* files_same(path, data): whether the file has these bytes. The file is asked and not memory:
 * another worker may share the folder, and a file that somebody removed has to come back. */
bool files_same(const char *path, const struct buf *data);

/*
 * files_replace(path, temporary, data): returns 0; or -1 with errno, and the old file as it was.
 *
 * The file's time is made of its bytes: 31 bits of their SHA-256, as seconds since 1970. A web
 * server makes the ETag of a file's second and its size, and with the clock's seconds two versions
 * within one of them could share it, as could those of two hosts. So equal bytes have one ETag,
 * everywhere, and others another.
 */
int files_replace(const char *path, const char *temporary, const struct buf *data)
    __attribute__((warn_unused_result));

/* files_link(path, temporary, target): let path be a symbolic link to target, by rename where it is
 * not one yet. Returns 0, or -1 with errno. */
int files_link(const char *path, const char *temporary, const char *target)
    __attribute__((warn_unused_result));

#endif
