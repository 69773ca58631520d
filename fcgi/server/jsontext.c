/*
 * JSON's grammar, recognised without building anything: values by recursion no deeper than the
 * limit, everything else by position.
 */
#include "fcgi/server/jsontext.h"

#include <string.h>

#include "lib/base/text.h"

struct scanner {
    const char *at;
    const char *end;
};

static bool scan_value(struct scanner *s, int depth);

static void
skip_space(struct scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

/* Take c, where it is next. */
static bool
take(struct scanner *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static bool
take_word(struct scanner *s, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return false;
    s->at += len;
    return true;
}

static bool
take_hex4(struct scanner *s)
{
    static const char hex[] = "0123456789abcdefABCDEF";

    for (int i = 0; i < 4; i++) {
        if (s->at == s->end || memchr(hex, *s->at, sizeof(hex) - 1) == NULL)
            return false;
        s->at++;
    }
    return true;
}

static bool
scan_string(struct scanner *s)
{
    if (!take(s, '"'))
        return false;
    while (s->at < s->end) {
        char c = *s->at++;

        if (c == '"')
            return true;
        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\')
            continue;
        if (s->at == s->end || memchr("\"\\/bfnrtu", *s->at, 9) == NULL)
            return false;
        if (*s->at++ == 'u' && !take_hex4(s))
            return false;
    }
    return false;
}

static bool
take_digits(struct scanner *s)
{
    const char *begin = s->at;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > begin;
}

static bool
scan_number(struct scanner *s)
{
    (void)take(s, '-');
    if (!take(s, '0') && !take_digits(s))
        return false;
    if (take(s, '.') && !take_digits(s))
        return false;
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+'))
            (void)take(s, '-');
        return take_digits(s);
    }
    return true;
}

static bool
scan_array(struct scanner *s, int depth)
{
    skip_space(s);
    if (take(s, ']'))
        return true;
    do {
        if (!scan_value(s, depth))
            return false;
    } while (take(s, ','));
    return take(s, ']');
}

static bool
scan_object(struct scanner *s, int depth)
{
    skip_space(s);
    if (take(s, '}'))
        return true;
    do {
        skip_space(s);
        if (!scan_string(s))
            return false;
        skip_space(s);
        if (!take(s, ':') || !scan_value(s, depth))
            return false;
    } while (take(s, ','));
    return take(s, '}');
}

/* A value with the white space around it. */
static bool
scan_value(struct scanner *s, int depth)
{
    bool good;

    if (depth == 0)
        return false;
    skip_space(s);
    if (s->at == s->end)
        return false;
    if (take(s, '{'))
        good = scan_object(s, depth - 1);
    else if (take(s, '['))
        good = scan_array(s, depth - 1);
    else if (*s->at == '"')
        good = scan_string(s);
    else
        good =
            take_word(s, "true") || take_word(s, "false") || take_word(s, "null") || scan_number(s);
    skip_space(s);
    return good;
}

bool
jsontext_is_valid(const char *s, size_t len)
{
    struct scanner scanner = {.at = s, .end = s + len};

    return text_is_utf8(s, len) && scan_value(&scanner, JSONTEXT_DEPTH_MAX) &&
           scanner.at == scanner.end;
}

size_t
jsontext_value(const char *s, size_t len)
{
    struct scanner scanner = {.at = s, .end = s + len};

    return scan_value(&scanner, JSONTEXT_DEPTH_MAX) ? (size_t)(scanner.at - s) : 0;
}
