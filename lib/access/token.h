/*
 * Player tokens: JWTs with the claims user_id and username, made by whoever signs players in.
 * The algorithm is pinned by configuration; a token that names another one is refused whatever
 * its signature. Two keys count at once, so that a key can be replaced without a gap.
 */
#ifndef VARCADE_TOKEN_H
#define VARCADE_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

struct token_keys;

/* Who is asking. NUL-terminated; the lengths are of the texts. */
struct token_player {
    char user_id[TEXT_USER_ID_MAX + 1];
    size_t user_id_len;
    char username[TEXT_USER_ID_MAX + 1];
    size_t username_len;
};

/*
 * token_keys_load(algorithm, files, n, leeway_s, ret_keys, why): read 1 or 2 key files: for
 * HS256/384/512 the secret (at least 32 bytes; one newline at the end is not part of it), for RS
 * and ES a public key in PEM. A secret file that others may read is refused. Returns 0, or -1 with
 * `FILE: REASON` in why.
 */
int token_keys_load(const char *algorithm, const char *const *files, size_t n, int64_t leeway_s,
                    struct token_keys **ret_keys, struct buf *why)
    __attribute__((warn_unused_result));
void token_keys_free(struct token_keys *keys); /* wipes the secrets; NULL is legal */

/*
 * token_verify(keys, token, len, now, ret_player): check a compact JWT (at most 8 KiB). exp, nbf
 * and iat hold when present and must be numbers; user_id and username as text_is_name, an integer
 * user_id is taken as its decimal string. Returns NULL when it is good, else the reason (static
 * text for the log; never told to the client).
 */
const char *token_verify(const struct token_keys *keys, const char *token, size_t len, wall_ms now,
                         struct token_player *ret_player) __attribute__((warn_unused_result));

/*
 * token_from_header(header, len, ret_token, ret_len): the token of an Authorization header: its
 * second space-separated word. Returns 0, or -1 where there is none.
 */
int token_from_header(const char *header, size_t len, const char **ret_token, size_t *ret_len)
    __attribute__((warn_unused_result));

/* token_sign(keys, user_id, username, lifetime_s, now): a token by the first key (HMAC only), for
 * development and the demo; the caller free()s. NULL with errno. */
char *token_sign(const struct token_keys *keys, const char *user_id, const char *username,
                 int64_t lifetime_s, wall_ms now) __attribute__((warn_unused_result));

#endif
