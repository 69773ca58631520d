/* Game servers' keys, on libcrypto for the hash and the comparison. */
#include "lib/access/gamekey.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"

static bool
is_hex(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!(s[i] >= '0' && s[i] <= '9') && !(s[i] >= 'a' && s[i] <= 'f'))
            return false;
    return true;
}

void
gamekey_make(struct gamekey *ret_key)
{
    text_random_hex(ret_key->id, GAMEKEY_ID_LEN / 2);
    text_random_hex(ret_key->secret, GAMEKEY_SECRET_LEN / 2);
}

bool
gamekey_is_id(const char *s, size_t len)
{
    return len == GAMEKEY_ID_LEN && is_hex(s, len);
}

int
gamekey_parse(const char *s, size_t len, struct gamekey *ret_key)
{
    const char *secret = s + GAMEKEY_ID_LEN + 1;

    if (len != GAMEKEY_ID_LEN + 1 + GAMEKEY_SECRET_LEN || !gamekey_is_id(s, GAMEKEY_ID_LEN) ||
        s[GAMEKEY_ID_LEN] != '.' || !is_hex(secret, GAMEKEY_SECRET_LEN))
        return -1;
    memcpy(ret_key->id, s, GAMEKEY_ID_LEN);
    ret_key->id[GAMEKEY_ID_LEN] = '\0';
    memcpy(ret_key->secret, secret, GAMEKEY_SECRET_LEN);
    ret_key->secret[GAMEKEY_SECRET_LEN] = '\0';
    return 0;
}

void
gamekey_hash(const struct gamekey *key, char out[static GAMEKEY_HASH_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    int done = EVP_Digest(key->secret, GAMEKEY_SECRET_LEN, digest, &len, EVP_sha256(), NULL);

    assert(done == 1 && 2 * len == GAMEKEY_HASH_LEN);
    for (unsigned i = 0; i < len; i++) {
        out[(size_t)2 * i] = digits[digest[i] >> 4];
        out[(size_t)2 * i + 1] = digits[digest[i] & 15];
    }
    out[GAMEKEY_HASH_LEN] = '\0';
}

bool
gamekey_matches(const struct gamekey *key, const struct gamekey_record *record)
{
    char hash[GAMEKEY_HASH_LEN + 1];

    gamekey_hash(key, hash);
    return CRYPTO_memcmp(hash, record->hash, GAMEKEY_HASH_LEN) == 0;
}

bool
gamekey_counts(const struct gamekey_record *record, wall_ms now)
{
    return record->revoked == 0 || now < record->revoked;
}

size_t
gamekey_format(const struct gamekey_record *record, char out[static GAMEKEY_RECORD_SIZE])
{
    int len = snprintf(out, GAMEKEY_RECORD_SIZE, "%s %lld %lld", record->hash,
                       (long long)record->created, (long long)record->revoked);

    assert(len > 0 && len < GAMEKEY_RECORD_SIZE);
    return (size_t)len;
}

int
gamekey_read(const char *s, size_t len, struct gamekey_record *ret_record)
{
    struct gamekey_record record = {.revoked = 0};
    const char *created = s + GAMEKEY_HASH_LEN + 1, *space;

    if (len < GAMEKEY_HASH_LEN + 4 || !is_hex(s, GAMEKEY_HASH_LEN) || s[GAMEKEY_HASH_LEN] != ' ')
        return -1;
    memcpy(record.hash, s, GAMEKEY_HASH_LEN);
    space = memchr(created, ' ', len - GAMEKEY_HASH_LEN - 1);
    if (space == NULL ||
        text_parse_int(created, (size_t)(space - created), 0, INT64_MAX, &record.created) != 0 ||
        text_parse_int(space + 1, (size_t)(s + len - space - 1), 0, INT64_MAX, &record.revoked) !=
            0)
        return -1;
    *ret_record = record;
    return 0;
}
