/*
 * Player tokens, on libjwt 1.10.
 *
 * That libjwt checks a signature by the algorithm that the token itself names, and neither exp nor
 * nbf. So the algorithm is compared with the pinned one here, whatever libjwt thought of the
 * signature, and the claims' times are checked here. What is handed to libjwt was looked at before:
 * three parts of base64url's alphabet, which is narrower than what its decoder takes. Numbers are
 * read from a claim's JSON, since jwt_get_grant_int() gives 0 for whatever is no integer.
 */
#include "lib/access/token.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jwt.h>

#define TOKEN_SIZE_MAX 8192
#define KEY_FILE_MAX 16384
#define SECRET_MIN 32 /* RFC 7518 section 3.2: as long as HS256's hash */
#define KEYS_MAX 2

/*
 * A public key in PEM is base64 of DER, and DER's first bytes say what kind of key it is: the same
 * bytes for every key of that kind, once the length of an RSA key (4 characters, and from 2048
 * bits on always these) is skipped. Comparing them finds the wrong file at start, where otherwise
 * every token would be refused later.
 */
struct algorithm {
    const char *name;
    jwt_alg_t id;
    const char *der; /* NULL: HMAC */
    size_t der_skip;
};

#define DER_RSA "ANBgkqhkiG9w0BAQEFAAOC", 6
#define DER_P256 "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE", 0
#define DER_P384 "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE", 0
#define DER_P521 "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGA", 0

static const struct algorithm algorithms[] = {
    {"HS256", JWT_ALG_HS256, NULL, 0},  {"HS384", JWT_ALG_HS384, NULL, 0},
    {"HS512", JWT_ALG_HS512, NULL, 0},  {"RS256", JWT_ALG_RS256, DER_RSA},
    {"RS384", JWT_ALG_RS384, DER_RSA},  {"RS512", JWT_ALG_RS512, DER_RSA},
    {"ES256", JWT_ALG_ES256, DER_P256}, {"ES384", JWT_ALG_ES384, DER_P384},
    {"ES512", JWT_ALG_ES512, DER_P521},
};

struct key {
    char *data;
    size_t len;
};

struct token_keys {
    const struct algorithm *algorithm;
    int64_t leeway_s;
    size_t n; /* 1..KEYS_MAX once loaded */
    struct key key[KEYS_MAX];
};

static const struct algorithm *
find_algorithm(const char *name)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (strcmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    }
    return NULL;
}

static bool
is_public_key(const struct algorithm *a, const char *pem)
{
    static const char begin[] = "-----BEGIN PUBLIC KEY-----";
    static const char end[] = "-----END PUBLIC KEY-----";
    const char *body = strstr(pem, begin);

    if (body == NULL || strstr(body, end) == NULL)
        return false;
    body += sizeof(begin) - 1;
    body += strspn(body, "\r\n");
    return strcspn(body, "\r\n") > a->der_skip &&
           strncmp(body + a->der_skip, a->der, strlen(a->der)) == 0;
}

/* check_key(a, file, key, why): whether what was read is what the algorithm needs; a secret loses
 * its newline. */
static int
check_key(const struct algorithm *a, const char *file, struct key *key, struct buf *why)
{
    if (a->der != NULL) {
        if (strlen(key->data) == key->len && is_public_key(a, key->data))
            return 0;
        buf_printf(why, "%s: is not a public key for %s in PEM form (BEGIN PUBLIC KEY)", file,
                   a->name);
        return -1;
    }
    if (key->len > 0 && key->data[key->len - 1] == '\n')
        key->len--;
    if (key->len >= SECRET_MIN)
        return 0;
    buf_printf(why, "%s: the secret has %zu bytes, at least %d are needed", file, key->len,
               SECRET_MIN);
    return -1;
}

static int
load_key(const struct algorithm *a, const char *file, struct key *key, struct buf *why)
{
    struct stat st;

    if (stat(file, &st) != 0) {
        buf_printf(why, "%s: %s", file, strerror(errno));
        return -1;
    }
    if (a->der == NULL && (st.st_mode & S_IRWXO) != 0) {
        buf_printf(why, "%s: holds a secret and is open to others (mode %04o): chmod o= it", file,
                   (unsigned)(st.st_mode & 07777));
        return -1;
    }
    if (text_read_file(file, KEY_FILE_MAX, &key->data, &key->len) != 0) {
        buf_printf(why, "%s: %s", file, strerror(errno));
        return -1;
    }
    return check_key(a, file, key, why);
}

int
token_keys_load(const char *algorithm, const char *const *files, size_t n, int64_t leeway_s,
                struct token_keys **ret_keys, struct buf *why)
{
    struct token_keys *keys = calloc(1, sizeof(*keys));

    if (keys == NULL) {
        buf_str(why, strerror(errno));
        goto fail;
    }
    keys->leeway_s = leeway_s;
    keys->algorithm = find_algorithm(algorithm);
    if (keys->algorithm == NULL) {
        buf_printf(why, "%s: no such algorithm for tokens", algorithm);
        goto fail;
    }
    if (n < 1 || n > KEYS_MAX) {
        buf_printf(why, "tokens need 1 or %d key files, not %zu", KEYS_MAX, n);
        goto fail;
    }
    for (; keys->n < n; keys->n++) {
        if (load_key(keys->algorithm, files[keys->n], &keys->key[keys->n], why) != 0)
            goto fail;
    }
    *ret_keys = keys;
    return 0;

fail:
    token_keys_free(keys);
    return -1;
}

void
token_keys_free(struct token_keys *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < KEYS_MAX; i++) {
        if (keys->key[i].data != NULL)
            text_wipe(keys->key[i].data, keys->key[i].len);
        free(keys->key[i].data);
    }
    free(keys);
}

static bool
is_base64url(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* is_compact(token, len): three parts of base64url, none of them empty (RFC 7515 section 7.1). */
static bool
is_compact(const char *token, size_t len)
{
    size_t dots = 0, part = 0;

    if (len > TOKEN_SIZE_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (token[i] == '.') {
            if (part == 0 || ++dots > 2)
                return false;
            part = 0;
        } else if (is_base64url(token[i])) {
            part++;
        } else {
            return false;
        }
    }
    return dots == 2 && part > 0;
}

/* names_algorithm(keys, jwt): exactly; libjwt itself takes any case. */
static bool
names_algorithm(const struct token_keys *keys, jwt_t *jwt)
{
    const char *alg = jwt_get_header(jwt, "alg");

    return alg != NULL && strcmp(alg, keys->algorithm->name) == 0;
}

/* why_not(keys, token): what is wrong with a token that no key opened. */
static const char *
why_not(const struct token_keys *keys, const char *token)
{
    const char *reason = "not a readable JWT";
    jwt_t *jwt = NULL;

    if (jwt_decode(&jwt, token, NULL, 0) == 0)
        reason = names_algorithm(keys, jwt) ? "wrong signature" : "wrong algorithm";
    jwt_free(jwt);
    return reason;
}

/* is_present(jwt, claim): whether the claim is there, of whatever type. */
static bool
is_present(jwt_t *jwt, const char *claim)
{
    errno = 0;
    (void)jwt_get_grant_int(jwt, claim); /* 0 for what is no integer, without an error */
    return errno != ENOENT;
}

/* get_time(jwt, claim, ret_present, ret_s): a claim that is a NumericDate or is not there. */
static int
get_time(jwt_t *jwt, const char *claim, bool *ret_present, double *ret_s)
{
    char *json;
    int ret;

    *ret_present = is_present(jwt, claim);
    if (!*ret_present)
        return 0;
    json = jwt_get_grants_json(jwt, claim);
    ret = json != NULL ? text_parse_double(json, strlen(json), ret_s) : -1;
    free(json);
    return ret;
}

static const char *
check_times(jwt_t *jwt, int64_t leeway_s, wall_ms now)
{
    double now_s = (double)now / 1000.0, leeway = (double)leeway_s, s = 0;
    bool present;

    if (get_time(jwt, "exp", &present, &s) != 0)
        return "exp is not a number";
    if (present && now_s >= s + leeway)
        return "expired";
    if (get_time(jwt, "nbf", &present, &s) != 0)
        return "nbf is not a number";
    if (present && now_s + leeway < s)
        return "not valid yet";
    if (get_time(jwt, "iat", &present, &s) != 0)
        return "iat is not a number";
    if (present && now_s + leeway < s)
        return "issued in the future";
    return NULL;
}

/* copy_name(name, out, ret_len): NULL is legal and no name. */
static int
copy_name(const char *name, char out[static TEXT_USER_ID_MAX + 1], size_t *ret_len)
{
    size_t len = name != NULL ? strlen(name) : 0;

    if (!text_is_name(name, len))
        return -1;
    memcpy(out, name, len + 1);
    *ret_len = len;
    return 0;
}

/* get_user_id(jwt, player): a string, or an integer as its decimal text, which is its JSON. */
static int
get_user_id(jwt_t *jwt, struct token_player *player)
{
    char *json;
    int64_t number;
    int ret = -1;

    if (copy_name(jwt_get_grant(jwt, "user_id"), player->user_id, &player->user_id_len) == 0)
        return 0;
    json = jwt_get_grants_json(jwt, "user_id");
    if (json != NULL && text_parse_int(json, strlen(json), INT64_MIN, INT64_MAX, &number) == 0)
        ret = copy_name(json, player->user_id, &player->user_id_len);
    free(json);
    return ret;
}

static const char *
read_claims(const struct token_keys *keys, jwt_t *jwt, wall_ms now, struct token_player *ret_player)
{
    struct token_player player;
    const char *reason = check_times(jwt, keys->leeway_s, now);

    if (reason != NULL)
        return reason;
    if (get_user_id(jwt, &player) != 0)
        return "no proper user_id";
    if (copy_name(jwt_get_grant(jwt, "username"), player.username, &player.username_len) != 0)
        return "no proper username";
    *ret_player = player;
    return NULL;
}

static bool
has_header(jwt_t *jwt, const char *name)
{
    errno = 0;
    return jwt_get_header(jwt, name) != NULL || errno != ENOENT; /* EINVAL: there, but no string */
}

const char *
token_verify(const struct token_keys *keys, const char *token, size_t len, wall_ms now,
             struct token_player *ret_player)
{
    char text[TOKEN_SIZE_MAX + 1];
    const char *reason;
    jwt_t *jwt = NULL;

    if (!is_compact(token, len))
        return "not a compact JWT";
    memcpy(text, token, len);
    text[len] = '\0';
    for (size_t i = 0; i < keys->n && jwt == NULL; i++) {
        if (jwt_decode(&jwt, text, (const unsigned char *)keys->key[i].data,
                       (int)keys->key[i].len) != 0)
            jwt = NULL;
    }
    if (jwt == NULL)
        return why_not(keys, text);
    if (jwt_get_alg(jwt) != keys->algorithm->id || !names_algorithm(keys, jwt))
        reason = "wrong algorithm";
    else if (has_header(jwt, "crit")) /* RFC 7515 section 4.1.11: not understood, so not valid */
        reason = "critical extension";
    else
        reason = read_claims(keys, jwt, now, ret_player);
    jwt_free(jwt);
    return reason;
}

int
token_from_header(const char *header, size_t len, const char **ret_token, size_t *ret_len)
{
    const char *end = header + len, *word = header;

    while (word < end && *word != ' ')
        word++;
    if (word == header)
        return -1;
    while (word < end && *word == ' ')
        word++;
    if (word == end)
        return -1;
    for (const char *p = word; p < end && *p != ' '; p++)
        *ret_len = (size_t)(p + 1 - word);
    *ret_token = word;
    return 0;
}

char *
token_sign(const struct token_keys *keys, const char *user_id, const char *username,
           int64_t lifetime_s, wall_ms now)
{
    const struct key *key = &keys->key[0];
    long now_s = (long)(now / 1000);
    jwt_t *jwt = NULL;
    char *token = NULL;
    int err;

    if (keys->algorithm->der != NULL) {
        errno = ENOTSUP;
        return NULL;
    }
    if (!text_is_name(user_id, strlen(user_id)) || !text_is_name(username, strlen(username))) {
        errno = EINVAL;
        return NULL;
    }
    err = jwt_new(&jwt);
    if (err == 0)
        err =
            jwt_set_alg(jwt, keys->algorithm->id, (const unsigned char *)key->data, (int)key->len);
    if (err == 0)
        err = jwt_add_grant(jwt, "user_id", user_id);
    if (err == 0)
        err = jwt_add_grant(jwt, "username", username);
    if (err == 0)
        err = jwt_add_grant_int(jwt, "iat", now_s);
    if (err == 0)
        err = jwt_add_grant_int(jwt, "exp", now_s + (long)lifetime_s);
    if (err == 0) {
        token = jwt_encode_str(jwt);
        err = errno;
    }
    jwt_free(jwt);
    if (token == NULL)
        errno = err;
    return token;
}
