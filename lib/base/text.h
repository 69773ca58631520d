/*
 * Checks and conversions of text that comes from outside. Everything takes pointer and length; a
 * NUL byte is a byte like any other (and a control character).
 */
#ifndef VARCADE_TEXT_H
#define VARCADE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_PRODUCT_ID_MAX 64
#define TEXT_USER_ID_MAX 128
#define TEXT_GAME_ID_LEN 32
/* Room for text_format_double's text and its NUL. */
#define TEXT_DOUBLE_SIZE 32
/* Bytes of a number that text_parse_double takes. */
#define TEXT_NUMBER_MAX 400

/* text_utf8_char(s, len): the bytes of the well-formed UTF-8 character that s starts with, 1 to 4;
 * 0 where it starts with none. */
size_t text_utf8_char(const char *s, size_t len);

/* text_is_control(s, len): whether the UTF-8 character of len bytes at s is a control character
 * (U+0000 to U+001F, U+007F to U+009F). */
bool text_is_control(const char *s, size_t len);

/* text_is_utf8(s, len): well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool text_is_utf8(const char *s, size_t len);

/* text_is_plain(s, len): UTF-8 without control characters, at least one byte. */
bool text_is_plain(const char *s, size_t len);

/* text_is_name(s, len): a user id or user name: 1 to TEXT_USER_ID_MAX bytes of UTF-8 without
 * control characters. */
bool text_is_name(const char *s, size_t len);

/* text_is_product_id(s, len): 1 to TEXT_PRODUCT_ID_MAX of A-Z a-z 0-9 _ -, not starting with -. */
bool text_is_product_id(const char *s, size_t len);

/* text_is_game_id(s, len): exactly TEXT_GAME_ID_LEN lower-case hexadecimal digits. */
bool text_is_game_id(const char *s, size_t len);

/* text_parse_int(s, len, min, max, ret_v): decimal integer, optional leading -, nothing else.
 * Returns 0, or -1 with errno EINVAL (not an integer) or ERANGE (outside min..max). */
int text_parse_int(const char *s, size_t len, int64_t min, int64_t max, int64_t *ret_v)
    __attribute__((warn_unused_result));

/* text_parse_double(s, len, ret_v): a finite decimal number as JSON writes it, by JSON's grammar
 * (no hexadecimal, no inf, no nan, no leading +, no white space), independent of the locale.
 * Returns 0, or -1 with errno EINVAL (also past TEXT_NUMBER_MAX bytes), or ERANGE where it is not
 * finite. */
int text_parse_double(const char *s, size_t len, double *ret_v)
    __attribute__((warn_unused_result));

/* text_format_double(v, out): the shortest decimal text that reads back as v; integers up to 2^53
 * without point or exponent, -0 as 0. v must be finite. Returns the length. */
size_t text_format_double(double v, char out[static TEXT_DOUBLE_SIZE]);

/* text_url_decode(s, len, out, ret_len): decode %XX (and + as space where plus is true) into out,
 * which has room for len bytes and may be s itself. Returns 0, or -1 with errno EINVAL at a broken
 * escape. */
int text_url_decode(const char *s, size_t len, bool plus, char *out, size_t *ret_len)
    __attribute__((warn_unused_result));

/* text_random_hex(out, nbytes): 2*nbytes lower-case hexadecimal digits of randomness and a NUL.
 * Aborts the program where the kernel has no randomness to give. */
void text_random_hex(char *out, size_t nbytes);

/* text_wipe(p, len): overwrite a secret; never optimised away. */
void text_wipe(void *p, size_t len);

/* text_read_file(path, max, ret_data, ret_len): a whole regular file of at most max bytes, with a
 * NUL behind it that ret_len does not count; the caller free()s. Returns 0, or -1 with errno (EFBIG
 * where it is larger). */
int text_read_file(const char *path, size_t max, char **ret_data, size_t *ret_len)
    __attribute__((warn_unused_result));

#endif
