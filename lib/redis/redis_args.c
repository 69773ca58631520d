/*
 * The arguments of one Redis command, gathered in one buffer.
 *
 * Nothing here fails on its own: what did not fit marks the arguments as failed, and redis_send
 * tells whoever waits for the answer.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/redis/library.h"
#include "lib/redis/redis_impl.h"

void
redis_args_init(struct redis_args *a)
{
    *a = (struct redis_args){.nkeys_at = REDIS_ARGS_NO_KEYS};
    buf_init(&a->bytes, REDIS_ARGS_MAX);
}

void
redis_args_free(struct redis_args *a)
{
    buf_free(&a->bytes);
    free(a->ends);
    redis_args_init(a);
}

void
redis_args_reset(struct redis_args *a)
{
    buf_reset(&a->bytes);
    a->n = 0;
    a->nkeys_at = REDIS_ARGS_NO_KEYS;
    a->nkeys = 0;
    a->failed = false;
}

/* What was appended to bytes since the last argument is the next one. */
static void
end_arg(struct redis_args *a)
{
    if (a->n == a->ncap) {
        size_t cap = a->ncap == 0 ? 16 : 2 * a->ncap;
        size_t *ends = reallocarray(a->ends, cap, sizeof(*ends));

        if (ends == NULL) {
            a->failed = true;
            return;
        }
        a->ends = ends;
        a->ncap = cap;
    }
    if (!buf_ok(&a->bytes))
        a->failed = true;
    a->ends[a->n++] = a->bytes.len;
}

void
redis_args_add(struct redis_args *a, const void *data, size_t len)
{
    buf_add(&a->bytes, data, len);
    end_arg(a);
}

void
redis_args_str(struct redis_args *a, const char *s)
{
    redis_args_add(a, s, strlen(s));
}

void
redis_args_int(struct redis_args *a, int64_t v)
{
    char text[24];

    redis_args_add(a, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)v));
}

void
redis_args_double(struct redis_args *a, double v)
{
    char text[TEXT_DOUBLE_SIZE];

    redis_args_add(a, text, text_format_double(v, text));
}

void
redis_args_printf(struct redis_args *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&a->bytes, fmt, ap);
    va_end(ap);
    end_arg(a);
}

void
redis_args_fcall(struct redis_args *a, const char *function, bool read_only)
{
    redis_args_str(a, read_only ? "FCALL_RO" : "FCALL");
    redis_args_printf(a, "varcade_%s_%s", library_version, function);
    a->nkeys_at = a->n;
    redis_args_add(a, "", 0);
}

void
redis_args_key(struct redis_args *a, const char *fmt, ...)
{
    va_list ap;

    a->nkeys++;
    va_start(ap, fmt);
    buf_vprintf(&a->bytes, fmt, ap);
    va_end(ap);
    end_arg(a);
}

/* A line such as `$5`; returns its length. */
static size_t
put_number(char *out, char mark, size_t v)
{
    char digits[24];
    size_t n = 0, len = 0;

    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    out[len++] = mark;
    while (n > 0)
        out[len++] = digits[--n];
    out[len++] = '\r';
    out[len++] = '\n';
    return len;
}

size_t
redis_args_room(const struct redis_args *a)
{
    /* Every length takes at most 23 bytes and the line ends 4; the count of keys is one more. */
    return a->bytes.len + (a->n + 2) * 32;
}

size_t
redis_args_put(const struct redis_args *a, char *out)
{
    size_t at = put_number(out, '*', a->n);
    size_t begin = 0;

    for (size_t i = 0; i < a->n; i++) {
        const char *data = a->bytes.data + begin;
        size_t len = a->ends[i] - begin;
        char nkeys[24];

        if (i == a->nkeys_at) {
            len = (size_t)snprintf(nkeys, sizeof(nkeys), "%zu", a->nkeys);
            data = nkeys;
        }
        at += put_number(out + at, '$', len);
        memcpy(out + at, data, len);
        at += len;
        out[at++] = '\r';
        out[at++] = '\n';
        begin = a->ends[i];
    }
    return at;
}
