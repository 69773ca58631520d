/* Tests of lib/access/token.c: what is let in, and above all what is not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jwt.h>

#include "lib/access/token.h"
#include "lib/base/buf.h"
#include "tests/unit/tokens.h"
#include "tests/unit/unit.h"

#define NOW_S 1700000000
#define NOW ((wall_ms)NOW_S * 1000)
#define OLD_SECRET "ffffffffffffffffffffffffffffffff-old"

static char dir[] = "/tmp/check_token.XXXXXX";
static char path[2][64];
static struct token_keys *keys;
static struct buf why;

static void
write_file(size_t i, const char *data, size_t len, mode_t mode)
{
    int fd;

    (void)unlink(path[i]);
    fd = open(path[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

/* load(algorithm, a, b): keys of one or (b not NULL) two files with these texts. */
static int
load(const char *algorithm, const char *a, const char *b)
{
    const char *files[2] = {path[0], path[1]};

    token_keys_free(keys);
    keys = NULL;
    buf_reset(&why);
    write_file(0, a, strlen(a), 0600);
    if (b != NULL)
        write_file(1, b, strlen(b), 0600);
    return token_keys_load(algorithm, files, b != NULL ? 2 : 1, 5, &keys, &why);
}

static void
setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    for (int i = 0; i < 2; i++)
        snprintf(path[i], sizeof(path[i]), "%s/%d.key", dir, i);
    buf_init(&why, 1000);
    ck_assert_int_eq(load("HS256", TOKENS_SECRET "\n", NULL), 0);
}

static void
teardown(void)
{
    token_keys_free(keys);
    buf_free(&why);
    for (int i = 0; i < 2; i++)
        (void)unlink(path[i]);
    ck_assert_int_eq(rmdir(dir), 0);
    memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

/* sign(alg, key, claims): a token with the claims as they stand; freed by the caller. */
static char *
sign(jwt_alg_t alg, const char *key, const char *claims)
{
    jwt_t *jwt = NULL;
    char *token;

    ck_assert_int_eq(jwt_new(&jwt), 0);
    ck_assert_int_eq(jwt_add_grants_json(jwt, claims), 0);
    if (alg != JWT_ALG_NONE)
        ck_assert_int_eq(jwt_set_alg(jwt, alg, (const unsigned char *)key, (int)strlen(key)), 0);
    token = jwt_encode_str(jwt);
    ck_assert_ptr_nonnull(token);
    jwt_free(jwt);
    return token;
}

/* verify(token): the user_id, or the reason; checks that a refusal leaves the player alone. */
static const char *
verify(const char *token)
{
    static struct token_player player;
    struct token_player untouched;
    const char *reason;

    memset(&player, 0x5a, sizeof(player));
    untouched = player;
    reason = token_verify(keys, token, strlen(token), NOW, &player);
    if (reason != NULL) {
        ck_assert_mem_eq(&player, &untouched, sizeof(player));
        return reason;
    }
    ck_assert_uint_eq(player.user_id_len, strlen(player.user_id));
    ck_assert_uint_eq(player.username_len, strlen(player.username));
    return player.user_id;
}

static void
expect(const char *claims, const char *result)
{
    char *token = sign(JWT_ALG_HS256, TOKENS_SECRET, claims);

    ck_assert_msg(strcmp(verify(token), result) == 0, "%s: %s, not %s", claims, verify(token),
                  result);
    free(token);
}

START_TEST(test_claims)
{
    expect("{\"user_id\": \"u1\", \"username\": \"Ann\"}", "u1");
    expect("{\"user_id\": 4711, \"username\": \"Ann\"}", "4711");
    expect("{\"user_id\": -1, \"username\": \"Ann\"}", "-1");
    expect("{\"user_id\": 9223372036854775807, \"username\": \"Ann\"}", "9223372036854775807");
    expect("{\"user_id\": \"\xc3\xa4\", \"username\": \"Ann\", \"extra\": [1, {}]}", "\xc3\xa4");
    expect("{\"user_id\": \"u/1 \\\"\", \"username\": \"Ann\"}", "u/1 \"");

    expect("{\"username\": \"Ann\"}", "no proper user_id");
    expect("{\"user_id\": \"\", \"username\": \"Ann\"}", "no proper user_id");
    expect("{\"user_id\": true, \"username\": \"Ann\"}", "no proper user_id");
    expect("{\"user_id\": 1.5, \"username\": \"Ann\"}", "no proper user_id");
    expect("{\"user_id\": 1.0, \"username\": \"Ann\"}", "no proper user_id");
    expect("{\"user_id\": null, \"username\": \"Ann\"}", "no proper user_id");
    expect("{\"user_id\": [\"u1\"], \"username\": \"Ann\"}", "no proper user_id");
    expect("{\"user_id\": \"a\\nb\", \"username\": \"Ann\"}", "no proper user_id");
    expect("{\"user_id\": \"a\\u0085\", \"username\": \"Ann\"}", "no proper user_id");
    expect("{\"user_id\": \"u1\"}", "no proper username");
    expect("{\"user_id\": \"u1\", \"username\": \"\"}", "no proper username");
    expect("{\"user_id\": \"u1\", \"username\": 7}", "no proper username");
    expect("{\"user_id\": \"u1\", \"username\": {}}", "no proper username");
}
END_TEST

START_TEST(test_claims_as_long_as_allowed)
{
    char id[TEXT_USER_ID_MAX + 2], claims[1000];

    memset(id, 'x', sizeof(id));
    id[TEXT_USER_ID_MAX] = '\0';
    snprintf(claims, sizeof(claims), "{\"user_id\": \"%s\", \"username\": \"%s\"}", id, id);
    expect(claims, id);
    id[TEXT_USER_ID_MAX] = 'x';
    id[TEXT_USER_ID_MAX + 1] = '\0';
    snprintf(claims, sizeof(claims), "{\"user_id\": \"%s\", \"username\": \"x\"}", id);
    expect(claims, "no proper user_id");
}
END_TEST

#define ANN(times) "{\"user_id\": \"u1\", \"username\": \"Ann\", " times "}"

/* NOW is 1700000000 and the leeway 5 seconds. */
START_TEST(test_times)
{
    expect(ANN("\"exp\": 1700000001"), "u1");
    expect(ANN("\"exp\": 1699999996"), "u1");
    expect(ANN("\"exp\": 1699999995"), "expired");
    expect(ANN("\"exp\": 1699999995.5"), "u1");
    expect(ANN("\"exp\": 9e300"), "u1");
    expect(ANN("\"exp\": 9223372036854775807"), "u1");
    expect(ANN("\"exp\": -9223372036854775808"), "expired");
    expect(ANN("\"exp\": 0"), "expired");
    expect(ANN("\"exp\": -1e300"), "expired");
    expect(ANN("\"exp\": \"1800000000\""), "exp is not a number");
    expect(ANN("\"exp\": null"), "exp is not a number");
    expect(ANN("\"exp\": true"), "exp is not a number");
    expect(ANN("\"exp\": [1800000000]"), "exp is not a number");

    expect(ANN("\"nbf\": 1700000005"), "u1");
    expect(ANN("\"nbf\": 1700000005.5"), "not valid yet");
    expect(ANN("\"nbf\": 1700000006"), "not valid yet");
    expect(ANN("\"nbf\": \"1\""), "nbf is not a number");
    expect(ANN("\"iat\": 1699999999, \"nbf\": 1, \"exp\": 1700000000"), "u1");
    expect(ANN("\"iat\": 1700000005"), "u1");
    expect(ANN("\"iat\": 1700000006"), "issued in the future");
    expect(ANN("\"iat\": {}"), "iat is not a number");
}
END_TEST

START_TEST(test_odd_tokens)
{
    for (size_t i = 0; i < sizeof(tokens_odd) / sizeof(tokens_odd[0]); i++)
        ck_assert_msg(strcmp(verify(tokens_odd[i].token), tokens_odd[i].expect) == 0, "%s: %s",
                      tokens_odd[i].what, verify(tokens_odd[i].token));
}
END_TEST

START_TEST(test_public_keys)
{
    for (size_t i = 0; i < sizeof(tokens_public) / sizeof(tokens_public[0]); i++) {
        char *confused = sign(JWT_ALG_HS256, tokens_public[i].pem, ANN("\"exp\": 1800000000"));

        ck_assert_msg(load(tokens_public[i].algorithm, tokens_public[i].pem, NULL) == 0, "%s",
                      why.data);
        for (size_t j = 0; j < sizeof(tokens_public) / sizeof(tokens_public[0]); j++) {
            const char *result = verify(tokens_public[j].token);

            ck_assert_msg((strcmp(result, "u1") == 0) == (i == j), "%s by %s: %s",
                          tokens_public[j].algorithm, tokens_public[i].algorithm, result);
        }
        /* The public key is no secret: as an HMAC's key it must open nothing. */
        ck_assert_str_eq(verify(confused), "wrong algorithm");
        free(confused);
    }
}
END_TEST

START_TEST(test_algorithm_is_pinned)
{
    static const char claims[] = ANN("\"exp\": 1800000000");
    char *hs384 = sign(JWT_ALG_HS384, TOKENS_SECRET, claims);
    char *none = sign(JWT_ALG_NONE, NULL, claims);
    char *none_signed = malloc(strlen(none) + 2);

    ck_assert_str_eq(verify(hs384), "wrong algorithm");
    ck_assert_str_eq(verify(none), "not a compact JWT");
    ck_assert_ptr_nonnull(none_signed);
    snprintf(none_signed, strlen(none) + 2, "%sA", none);
    ck_assert_str_eq(verify(none_signed), "wrong algorithm");
    ck_assert_int_eq(load("HS384", TOKENS_SECRET, NULL), 0);
    ck_assert_str_eq(verify(hs384), "u1");
    ck_assert_str_eq(verify(none_signed), "wrong algorithm");
    free(hs384);
    free(none);
    free(none_signed);
}
END_TEST

/* Every single bit of a token counts, but those at the end of a part that base64 does not use. */
START_TEST(test_tampered)
{
    char *token = sign(JWT_ALG_HS256, TOKENS_SECRET, ANN("\"exp\": 1800000000"));
    size_t len = strlen(token);
    struct token_player player;

    for (size_t i = 0; i < len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            token[i] = (char)(token[i] ^ (1 << bit));
            if (i + 1 < len && token[i + 1] != '.')
                ck_assert_ptr_nonnull(token_verify(keys, token, len, NOW, &player));
            token[i] = (char)(token[i] ^ (1 << bit));
        }
        ck_assert_ptr_nonnull(token_verify(keys, token, i, NOW, &player));
    }
    ck_assert_ptr_null(token_verify(keys, token, len, NOW, &player));
    free(token);
}
END_TEST

START_TEST(test_form)
{
    static const char *const broken[] = {"",     ".",    "..",    "...",    "a.b",     "a..b",
                                         ".a.b", "a.b.", "a.b.c", "a.b.c.", "a.b.c.d", "a.b.c="};
    char *token = sign(JWT_ALG_HS256, TOKENS_SECRET, ANN("\"exp\": 1800000000"));
    size_t len = strlen(token);
    struct token_player player;
    char *more = malloc(len + 2);

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        ck_assert_ptr_nonnull(token_verify(keys, broken[i], strlen(broken[i]), NOW, &player));
    ck_assert_ptr_nonnull(more);
    for (const char *c = "=\n +/%"; *c != '\0'; c++) {
        snprintf(more, len + 2, "%s%c", token, *c);
        ck_assert_str_eq(verify(more), "not a compact JWT");
    }
    memcpy(more, token, len + 1); /* with the NUL behind it as a byte of the token */
    ck_assert_str_eq(token_verify(keys, more, len + 1, NOW, &player), "not a compact JWT");
    free(more);
    free(token);
}
END_TEST

START_TEST(test_size)
{
    static char claims[9000];
    char *token;

    snprintf(claims, sizeof(claims), ANN("\"x\": \"%*s\""), 6000, "");
    expect(claims, "u1");
    snprintf(claims, sizeof(claims), ANN("\"x\": \"%*s\""), 7000, "");
    token = sign(JWT_ALG_HS256, TOKENS_SECRET, claims);
    ck_assert_uint_gt(strlen(token), 8192);
    ck_assert_str_eq(verify(token), "not a compact JWT");
    free(token);
}
END_TEST

START_TEST(test_rotation)
{
    char *old = sign(JWT_ALG_HS256, OLD_SECRET, ANN("\"exp\": 1800000000"));
    char *new = sign(JWT_ALG_HS256, TOKENS_SECRET, ANN("\"exp\": 1800000000"));

    ck_assert_str_eq(verify(old), "wrong signature");
    ck_assert_int_eq(load("HS256", TOKENS_SECRET, OLD_SECRET), 0);
    ck_assert_str_eq(verify(old), "u1");
    ck_assert_str_eq(verify(new), "u1");
    free(old);
    free(new);
}
END_TEST

static void
expect_no_keys(const char *algorithm, const char *text, const char *reason)
{
    ck_assert_int_eq(load(algorithm, text, NULL), -1);
    ck_assert_ptr_null(keys);
    ck_assert_msg(strstr(why.data, reason) != NULL, "%s", why.data);
}

START_TEST(test_bad_key_files)
{
    const char *files[3] = {path[0], path[1], path[1]};

    expect_no_keys("HS256", "0123456789abcdef0123456789abcde\n", "has 31 bytes, at least 32");
    expect_no_keys("HS256", "", "has 0 bytes");
    expect_no_keys("none", TOKENS_SECRET, "no such algorithm");
    expect_no_keys("hs256", TOKENS_SECRET, "no such algorithm");
    expect_no_keys("", TOKENS_SECRET, "no such algorithm");
    expect_no_keys("RS256", TOKENS_SECRET, "not a public key for RS256");
    expect_no_keys("RS256", P256_PEM, "not a public key for RS256");
    expect_no_keys("ES256", RSA_PEM, "not a public key for ES256");
    expect_no_keys("ES256", P384_PEM, "not a public key for ES256");
    expect_no_keys("ES512", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", "ES512");
    expect_no_keys("RS256", "-----BEGIN PUBLIC KEY-----\n", "RS256");

    ck_assert_int_eq(token_keys_load("HS256", files, 0, 5, &keys, &why), -1);
    ck_assert_int_eq(token_keys_load("HS256", files, 3, 5, &keys, &why), -1);
    write_file(0, TOKENS_SECRET, 32, 0604);
    buf_reset(&why);
    ck_assert_int_eq(token_keys_load("HS256", files, 1, 5, &keys, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.data, path[0]));
    ck_assert_ptr_nonnull(strstr(why.data, "0604"));
    (void)unlink(path[0]);
    buf_reset(&why);
    ck_assert_int_eq(token_keys_load("HS256", files, 1, 5, &keys, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.data, "No such file"));
    ck_assert_int_eq(token_keys_load("HS256", (const char *[]){dir}, 1, 5, &keys, &why), -1);
    ck_assert_ptr_null(keys);
}
END_TEST

/* A secret is bytes, not text. */
START_TEST(test_binary_secret)
{
    char secret[40] = "0123\0000123456789abcdef0123456789abcdef";
    const char *file = path[0];
    char *token;

    write_file(0, secret, sizeof(secret), 0640);
    token_keys_free(keys);
    keys = NULL;
    ck_assert_int_eq(token_keys_load("HS512", &file, 1, 5, &keys, &why), 0);
    token = token_sign(keys, "u1", "Ann", 60, NOW);
    ck_assert_str_eq(verify(token), "u1");
    free(token);
    token = sign(JWT_ALG_HS512, "0123", ANN("\"exp\": 1800000000"));
    ck_assert_str_eq(verify(token), "wrong signature");
    free(token);
}
END_TEST

static void
expect_from_header(const char *header, const char *token)
{
    const char *found = NULL;
    size_t len = 0;
    int ret = token_from_header(header, strlen(header), &found, &len);

    ck_assert_msg(ret == (token == NULL ? -1 : 0), "%s", header);
    if (token != NULL)
        ck_assert_msg(len == strlen(token) && memcmp(found, token, len) == 0, "%s", header);
    else
        ck_assert_ptr_null(found);
}

START_TEST(test_from_header)
{
    expect_from_header("Bearer a.b.c", "a.b.c");
    expect_from_header("JWT a.b.c rest", "a.b.c");
    expect_from_header("Bearer  a.b.c ", "a.b.c");
    expect_from_header("a.b.c", NULL);
    expect_from_header("Bearer", NULL);
    expect_from_header("Bearer ", NULL);
    expect_from_header("Bearer   ", NULL);
    expect_from_header(" a.b.c", NULL);
    expect_from_header("", NULL);
}
END_TEST

START_TEST(test_sign)
{
    char *token = token_sign(keys, "u\"1", "J\xc3\xbcrgen", 3600, NOW);
    struct token_player player;

    ck_assert_ptr_nonnull(token);
    ck_assert_ptr_null(token_verify(keys, token, strlen(token), NOW, &player));
    ck_assert_str_eq(player.user_id, "u\"1");
    ck_assert_str_eq(player.username, "J\xc3\xbcrgen");
    ck_assert_ptr_null(token_verify(keys, token, strlen(token), NOW + 3604999, &player));
    ck_assert_str_eq(token_verify(keys, token, strlen(token), NOW + 3605000, &player), "expired");
    ck_assert_str_eq(token_verify(keys, token, strlen(token), NOW - 5001, &player),
                     "issued in the future");
    free(token);

    errno = 0;
    ck_assert_ptr_null(token_sign(keys, "", "Ann", 60, NOW));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(token_sign(keys, "u1", "A\nn", 60, NOW));
    ck_assert_int_eq(load("RS256", RSA_PEM, NULL), 0);
    ck_assert_ptr_null(token_sign(keys, "u1", "Ann", 60, NOW));
    ck_assert_int_eq(errno, ENOTSUP);
    token_keys_free(NULL);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("token");
    TCase *tc = tcase_create("token");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_claims);
    tcase_add_test(tc, test_claims_as_long_as_allowed);
    tcase_add_test(tc, test_times);
    tcase_add_test(tc, test_odd_tokens);
    tcase_add_test(tc, test_public_keys);
    tcase_add_test(tc, test_algorithm_is_pinned);
    tcase_add_test(tc, test_tampered);
    tcase_add_test(tc, test_form);
    tcase_add_test(tc, test_size);
    tcase_add_test(tc, test_rotation);
    tcase_add_test(tc, test_bad_key_files);
    tcase_add_test(tc, test_binary_secret);
    tcase_add_test(tc, test_from_header);
    tcase_add_test(tc, test_sign);
    suite_add_tcase(suite, tc);
    return suite;
}
