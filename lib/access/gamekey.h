/*
 * The keys with which game servers post events over HTTP: `<id>.<secret>`.
 *
 * The secret is 32 random bytes and is shown once, when it is made; what is kept is its SHA-256. That one round is
 * enough follows from the randomness: there is nothing to guess. The id says which of a game's keys
 * it is, so that a new one can be given out while the old one still counts.
 */
#ifndef VARCADE_GAMEKEY_H
#define VARCADE_GAMEKEY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/clock.h"

#define GAMEKEY_ID_LEN 8      /* hexadecimal digits, as the secret's and the hash's */
#define GAMEKEY_SECRET_LEN 64
#define GAMEKEY_HASH_LEN 64
#define GAMEKEY_RECORD_SIZE 128 /* room for gamekey_format's text and its NUL */

struct gamekey {
    char id[GAMEKEY_ID_LEN + 1];
    char secret[GAMEKEY_SECRET_LEN + 1]; /* to be wiped */
};

/* What is kept of a key: in the hash KEY_KEYS, under its id. */
struct gamekey_record {
    char hash[GAMEKEY_HASH_LEN + 1];
    wall_ms created;
    wall_ms revoked; /* from then on it does not count; 0: it was not revoked */
};

/* gamekey_make(ret_key): a new one. */
void gamekey_make(struct gamekey *ret_key);

/* gamekey_parse(s, len, ret_key): `<id>.<secret>`. Returns 0, or -1 where it has not that form. */
int gamekey_parse(const char *s, size_t len, struct gamekey *ret_key)
    __attribute__((warn_unused_result));

/* gamekey_is_id(s, len): whether it has the form of an id. */
bool gamekey_is_id(const char *s, size_t len);

/* gamekey_hash(key, out): the SHA-256 of the secret. Aborts the program where that cannot be had. */
void gamekey_hash(const struct gamekey *key, char out[static GAMEKEY_HASH_LEN + 1]);

/* gamekey_matches(key, record): whether key's secret is the record's; takes the same time wherever they differ. */
bool gamekey_matches(const struct gamekey *key, const struct gamekey_record *record);

/* gamekey_counts(record, now): whether the key counts at that time. */
bool gamekey_counts(const struct gamekey_record *record, wall_ms now);

/* gamekey_format(record, out), gamekey_read(s, len, ret_record): the record as text, `hash created revoked`. The
 * first returns the length, the second 0, or -1 where it is not one. */
size_t gamekey_format(const struct gamekey_record *record, char out[static GAMEKEY_RECORD_SIZE]);
int gamekey_read(const char *s, size_t len, struct gamekey_record *ret_record)
    __attribute__((warn_unused_result));

#endif
