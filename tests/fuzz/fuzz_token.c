/*
 * Tokens: the input once as the Authorization header it may come in, once as the claims of a token
 * with a good signature, since no mutation gets past a wrong one.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jwt.h>

#include "lib/access/token.h"
#include "lib/base/buf.h"
#include "lib/base/text.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW ((wall_ms)1700000000 * 1000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct token_keys *
load_keys(void)
{
    char path[] = "/tmp/fuzz_token.XXXXXX";
    const char *files[] = {path};
    struct token_keys *keys = NULL;
    struct buf why;
    int fd = mkstemp(path);

    buf_init(&why, 1000);
    assert(fd != -1 && write(fd, SECRET, strlen(SECRET)) == (ssize_t)strlen(SECRET));
    assert(token_keys_load("HS256", files, 1, 5, &keys, &why) == 0);
    close(fd);
    unlink(path);
    buf_free(&why);
    return keys;
}

static const char *
verify(const struct token_keys *keys, const char *token, size_t len)
{
    struct token_player player;
    const char *reason = token_verify(keys, token, len, NOW, &player);

    if (reason == NULL) {
        assert(text_is_name(player.user_id, player.user_id_len));
        assert(text_is_name(player.username, player.username_len));
        assert(player.user_id[player.user_id_len] == '\0');
        assert(player.username[player.username_len] == '\0');
    }
    return reason;
}

static void
verify_claims(const struct token_keys *keys, const char *claims)
{
    jwt_t *jwt = NULL;
    char *token = NULL;

    if (jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, claims) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)SECRET, (int)strlen(SECRET)) == 0)
        token = jwt_encode_str(jwt);
    if (token != NULL)
        (void)verify(keys, token, strlen(token));
    free(token);
    jwt_free(jwt);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct token_keys *keys;
    char *text = malloc(size + 1);
    const char *token;
    size_t len;

    if (keys == NULL)
        keys = load_keys();
    assert(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (token_from_header((const char *)data, size, &token, &len) == 0) {
        assert(token > (const char *)data && len > 0 && token + len <= (const char *)data + size);
        (void)verify(keys, token, len);
    }
    (void)verify(keys, (const char *)data, size);
    verify_claims(keys, text);
    free(text);
    return 0;
}
