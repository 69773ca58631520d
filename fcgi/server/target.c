/*
 * A request's target taken apart. Decoding never makes text longer, so a buffer of the target's
 * own size always holds it, and nothing here allocates.
 */
#include "fcgi/server/target.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/text.h"

/* Decode len bytes of s to *at, which moves behind them. */
static int
decode(char **at, const char *s, size_t len, bool plus, struct target_text *ret_text)
{
    size_t n;

    if (text_url_decode(s, len, plus, *at, &n) != 0)
        return -1;
    *ret_text = (struct target_text){.s = *at, .len = n};
    *at += n;
    return 0;
}

static size_t
span_until(const char *s, size_t len, char stop)
{
    const char *end = len > 0 ? memchr(s, stop, len) : NULL;

    return end == NULL ? len : (size_t)(end - s);
}

static int
parse_path(struct target *t, char **at, const char *s, size_t len)
{
    while (len > 0) {
        size_t n = span_until(s + 1, len - 1, '/');

        if (t->nsegments == TARGET_SEGMENTS_MAX) {
            errno = E2BIG;
            return -1;
        }
        if (decode(at, s + 1, n, false, &t->segment[t->nsegments++]) != 0)
            return -1;
        s += 1 + n;
        len -= 1 + n;
    }
    return 0;
}

static int
parse_query(struct target *t, char **at, const char *s, size_t len)
{
    for (;;) {
        size_t n = span_until(s, len, '&');
        size_t name = span_until(s, n, '=');
        size_t skip = name < n ? name + 1 : n;

        if (n > 0) {
            struct target_param *p = &t->param[t->nparams];

            if (t->nparams == TARGET_PARAMS_MAX) {
                errno = E2BIG;
                return -1;
            }
            if (decode(at, s, name, true, &p->name) != 0 ||
                decode(at, s + skip, n - skip, true, &p->value) != 0)
                return -1;
            t->nparams++;
        }
        if (n == len)
            return 0;
        s += n + 1;
        len -= n + 1;
    }
}

int
target_parse(struct target *t, const char *s, size_t len, char *text)
{
    char *at = text;
    size_t path;

    t->nsegments = 0;
    t->nparams = 0;
    if (len > TARGET_MAX) {
        errno = E2BIG;
        return -1;
    }
    if (len == 0 || s[0] != '/') {
        errno = EINVAL;
        return -1;
    }
    path = span_until(s, len, '?');
    if (parse_path(t, &at, s, path) != 0 ||
        (path < len && parse_query(t, &at, s + path + 1, len - path - 1) != 0)) {
        t->nsegments = 0;
        t->nparams = 0;
        return -1;
    }
    return 0;
}

struct target_text
target_param(const struct target *t, const char *name)
{
    for (size_t i = 0; i < t->nparams; i++) {
        if (target_text_is(t->param[i].name, name))
            return t->param[i].value;
    }
    return (struct target_text){.s = NULL, .len = 0};
}

int
target_text_is(struct target_text t, const char *s)
{
    size_t len = strlen(s);

    return t.s != NULL && t.len == len && memcmp(t.s, s, len) == 0;
}

int
target_integer(const struct target *t, const char *name, int64_t fallback, int64_t max,
               int64_t *ret_n)
{
    struct target_text text = target_param(t, name);
    int64_t n = fallback;

    if (text.s != NULL && text_parse_int(text.s, text.len, 0, max, &n) != 0) {
        if (errno != ERANGE || text.s[0] == '-')
            return -1;
        n = max;
    }
    *ret_n = n;
    return 0;
}
