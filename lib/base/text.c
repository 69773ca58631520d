/*
 * Checks and conversions of text from outside, by hand and byte by byte: what the C library offers
 * skips white space, follows the locale or wants a NUL.
 */
#include "lib/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Up to here every integer is a double of its own. */
#define EXACT_INT_MAX 9007199254740992.0

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_continuation(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t
text_utf8_char(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t n;

    if (len == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4) /* a continuation, an overlong form, past U+10FFFF */
        return 0;
    n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if (!is_continuation(p[i]))
            return 0;
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90)) /* overlong */
        return 0;
    if ((p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f)) /* surrogate, too large */
        return 0;
    return n;
}

bool
text_is_utf8(const char *s, size_t len)
{
    while (len > 0) {
        size_t n = text_utf8_char(s, len);

        if (n == 0)
            return false;
        s += n;
        len -= n;
    }
    return true;
}

bool
text_is_control(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;

    if (len == 1)
        return p[0] < 0x20 || p[0] == 0x7f;
    return len == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

bool
text_is_plain(const char *s, size_t len)
{
    if (len == 0)
        return false;
    while (len > 0) {
        size_t n = text_utf8_char(s, len);

        if (n == 0 || text_is_control(s, n))
            return false;
        s += n;
        len -= n;
    }
    return true;
}

bool
text_is_name(const char *s, size_t len)
{
    return len <= TEXT_USER_ID_MAX && text_is_plain(s, len);
}

bool
text_is_product_id(const char *s, size_t len)
{
    if (len == 0 || len > TEXT_PRODUCT_ID_MAX || s[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z');

        if (!letter && !is_digit(s[i]) && s[i] != '_' && s[i] != '-')
            return false;
    }
    return true;
}

bool
text_is_game_id(const char *s, size_t len)
{
    if (len != TEXT_GAME_ID_LEN)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(s[i]) && (s[i] < 'a' || s[i] > 'f'))
            return false;
    }
    return true;
}

int
text_parse_int(const char *s, size_t len, int64_t min, int64_t max, int64_t *ret_v)
{
    bool negative = len > 0 && s[0] == '-';
    bool overflow = false;
    int64_t v = 0;

    if (len == (negative ? 1 : 0)) {
        errno = EINVAL;
        return -1;
    }
    for (size_t i = negative ? 1 : 0; i < len; i++) {
        int64_t digit = s[i] - '0';

        if (!is_digit(s[i])) {
            errno = EINVAL;
            return -1;
        }
        /* Towards its sign, since INT64_MIN has no positive twin. */
        overflow = overflow || __builtin_mul_overflow(v, 10, &v) ||
                   __builtin_add_overflow(v, negative ? -digit : digit, &v);
    }
    if (overflow || v < min || v > max) {
        errno = ERANGE;
        return -1;
    }
    *ret_v = v;
    return 0;
}

/* The digits that s starts with. */
static size_t
span_digits(const char *s, size_t len)
{
    size_t n = 0;

    while (n < len && is_digit(s[n]))
        n++;
    return n;
}

/* RFC 8259: [ minus ] int [ frac ] [ exp ] */
static bool
is_json_number(const char *s, size_t len)
{
    size_t at = len > 0 && s[0] == '-' ? 1 : 0;
    size_t n = span_digits(s + at, len - at);

    if (n == 0 || (n > 1 && s[at] == '0'))
        return false;
    at += n;
    if (at < len && s[at] == '.') {
        n = span_digits(s + at + 1, len - at - 1);
        if (n == 0)
            return false;
        at += 1 + n;
    }
    if (at < len && (s[at] == 'e' || s[at] == 'E')) {
        at++;
        if (at < len && (s[at] == '+' || s[at] == '-'))
            at++;
        n = span_digits(s + at, len - at);
        if (n == 0)
            return false;
        at += n;
    }
    return at == len;
}

int
text_parse_double(const char *s, size_t len, double *ret_v)
{
    char copy[TEXT_NUMBER_MAX + 1];
    double v;
    int64_t whole;

    if (len > TEXT_NUMBER_MAX || !is_json_number(s, len)) {
        errno = EINVAL;
        return -1;
    }
    if (text_parse_int(s, len, -(int64_t)EXACT_INT_MAX, (int64_t)EXACT_INT_MAX, &whole) == 0 &&
        whole != 0) {
        *ret_v = (double)whole; /* most are, and strtod() takes its time */
        return 0;
    }
    memcpy(copy, s, len);
    copy[len] = '\0';
    /* No program calls setlocale(), so the locale is "C" and the point a point. */
    v = strtod(copy, NULL);
    if (!isfinite(v)) {
        errno = ERANGE;
        return -1;
    }
    *ret_v = v;
    return 0;
}

/* An integer of at most 16 digits; printf() would take ten times as long, and most scores are. */
static size_t
format_int(int64_t v, char *out)
{
    char digits[20];
    uint64_t rest = (uint64_t)(v < 0 ? -v : v);
    size_t n = 0;
    size_t len = 0;

    do {
        digits[n++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (v < 0)
        out[len++] = '-';
    while (n > 0)
        out[len++] = digits[--n];
    out[len] = '\0';
    return len;
}

size_t
text_format_double(double v, char out[static TEXT_DOUBLE_SIZE])
{
    /* 15 digits suffice for most, and trailing zeros are not printed; a subnormal may do with 1. */
    int digits = fabs(v) < DBL_MIN ? 1 : DBL_DIG;
    int len;

    if (fabs(v) <= EXACT_INT_MAX && v == trunc(v))
        return format_int((int64_t)v, out);
    do {
        len = snprintf(out, TEXT_DOUBLE_SIZE, "%.*g", digits++, v);
    } while (digits <= DBL_DECIMAL_DIG && strtod(out, NULL) != v);
    return (size_t)len;
}

static int
hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int
text_url_decode(const char *s, size_t len, bool plus, char *out, size_t *ret_len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (s[i] == '%') {
            int high = i + 2 < len ? hex_value(s[i + 1]) : -1;
            int low = i + 2 < len ? hex_value(s[i + 2]) : -1;

            if (high < 0 || low < 0) {
                errno = EINVAL;
                return -1;
            }
            out[n++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[n++] = plus && s[i] == '+' ? ' ' : s[i];
        }
    }
    *ret_len = n;
    return 0;
}

void
text_random_hex(char *out, size_t nbytes)
{
    static const char hex[] = "0123456789abcdef";
    /* The bytes go to the second half, from where they are spread out over the whole. */
    char *bytes = out + nbytes;
    size_t have = 0;

    while (have < nbytes) {
        ssize_t n = getrandom(bytes + have, nbytes - have, 0);

        if (n > 0)
            have += (size_t)n;
        else if (errno != EINTR)
            abort(); /* an id that can be guessed is worse than a crash */
    }
    for (size_t i = 0; i < nbytes; i++) {
        unsigned char c = (unsigned char)bytes[i];

        out[2 * i] = hex[c >> 4];
        out[2 * i + 1] = hex[c & 15];
    }
    out[2 * nbytes] = '\0';
}

void
text_wipe(void *p, size_t len)
{
    if (len > 0)
        explicit_bzero(p, len);
}

/* Read size bytes or up to the end of the file; the number read, or -1 with errno. */
static ssize_t
read_all(int fd, char *data, size_t size)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, data + len, size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

int
text_read_file(const char *path, size_t max, char **ret_data, size_t *ret_len)
{
    /* Non-blocking: a FIFO in a file's place must not stop the program before it is refused. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *data = NULL;
    size_t size = 0;
    ssize_t len;
    struct stat st;
    int status = -1;
    int err;

    if (fd < 0 || fstat(fd, &st) != 0)
        goto out;
    if (!S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        goto out;
    }
    if ((uintmax_t)st.st_size > max) {
        errno = EFBIG;
        goto out;
    }
    size = (size_t)st.st_size;
    data = malloc(size + 1);
    if (data == NULL)
        goto out;
    len = read_all(fd, data, size);
    if (len < 0)
        goto out;
    data[len] = '\0';
    *ret_data = data;
    *ret_len = (size_t)len;
    data = NULL;
    status = 0;
out:
    err = errno;
    if (data != NULL)
        text_wipe(data, size); /* it may be a key file */
    free(data);
    if (fd >= 0)
        (void)close(fd);
    errno = err;
    return status;
}
