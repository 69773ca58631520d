/*
 * Entries of a stream for tests and fuzzers, as hiredis would hand them over.
 */
#ifndef VARCADE_TESTS_ENTRY_H
#define VARCADE_TESTS_ENTRY_H

#include <stddef.h>

struct redisReply;

/* entry_new(id, names_and_values, n): an entry with n texts. Aborts where memory runs out.
 * A text of NULL becomes a nil. */
struct redisReply *entry_new(const char *id, const char *const *texts, size_t n);

/* ENTRY(id, ...): the same of arguments: ENTRY("1-0", "product_id", "exrps", "type", "score"). */
#define ENTRY(id, ...)                                                                            \
    entry_new(id, (const char *const[]){__VA_ARGS__},                                             \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* entry_split(data, len): the entry that text describes: its first byte separates the others into the id
 * and names and values. So a corpus can be read, and any byte can be in a value. */
struct redisReply *entry_split(const char *data, size_t len);

/* entry_set(entry, i, data, len): replace the i-th text behind the id by bytes, NUL allowed. */
void entry_set(struct redisReply *entry, size_t i, const void *data, size_t len);

void entry_free(struct redisReply *entry);

#endif
