/*
 * The growable buffer: doubled when full, so that appending stays linear, and never past its
 * maximum. One byte more than len is always allocated, for the NUL: cap is at most max + 1.
 */
#include "lib/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"

#define BUF_FIRST_CAP 64

void
buf_init(struct buf *b, size_t max)
{
    /* max + 1 must not wrap. */
    *b = (struct buf){.max = max < SIZE_MAX ? max : SIZE_MAX - 1};
}

void
buf_free(struct buf *b)
{
    free(b->data);
    buf_init(b, b->max);
}

void
buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data != NULL)
        b->data[0] = '\0';
}

bool
buf_ok(const struct buf *b)
{
    return !b->failed;
}

/* Make room for len more bytes and a NUL; false where that cannot be. */
static bool
make_room(struct buf *b, size_t len)
{
    size_t need;
    size_t cap;
    char *data;

    if (b->failed)
        return false;
    if (len > b->max - b->len) {
        b->failed = true;
        return false;
    }
    need = b->len + len + 1;
    if (need <= b->cap)
        return true;
    cap = b->cap <= b->max / 2 ? b->cap * 2 : b->max + 1;
    if (cap < BUF_FIRST_CAP)
        cap = BUF_FIRST_CAP;
    if (cap < need)
        cap = need;
    if (cap > b->max + 1)
        cap = b->max + 1;
    data = realloc(b->data, cap);
    if (data == NULL) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void
buf_add(struct buf *b, const void *data, size_t len)
{
    if (!make_room(b, len))
        return;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void
buf_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void
buf_byte(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
    va_list again;
    int n;

    if (!make_room(b, 0))
        return;
    va_copy(again, args);
    n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, args);
    if (n < 0) {
        b->failed = true;
    } else if ((size_t)n < b->cap - b->len) {
        b->len += (size_t)n;
    } else if (make_room(b, (size_t)n)) {
        (void)vsnprintf(b->data + b->len, b->cap - b->len, fmt, again);
        b->len += (size_t)n;
    }
    /* A text that did not fit may have left its beginning behind. */
    b->data[b->len] = '\0';
    va_end(again);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    buf_vprintf(b, fmt, args);
    va_end(args);
}

static void
add_json_escape(struct buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (size_t i = 0; i + 1 < sizeof(named); i += 2) {
        if ((unsigned char)named[i] == c) {
            buf_add(b, (const char[]){'\\', named[i + 1]}, 2);
            return;
        }
    }
    buf_add(b, (const char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

void
buf_json_string(struct buf *b, const char *s, size_t len)
{
    size_t plain = 0; /* start of the run of bytes that need no escape */

    buf_byte(b, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;
        buf_add(b, s + plain, i - plain);
        add_json_escape(b, c);
        plain = i + 1;
    }
    buf_add(b, s + plain, len - plain);
    buf_byte(b, '"');
}

void
buf_xml(struct buf *b, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        switch (s[i]) {
        case '&':
            buf_str(b, "&amp;");
            break;
        case '<':
            buf_str(b, "&lt;");
            break;
        case '>':
            buf_str(b, "&gt;");
            break;
        case '"':
            buf_str(b, "&quot;");
            break;
        default:
            buf_byte(b, (unsigned char)s[i] < ' ' ? ' ' : s[i]);
        }
    }
}

void
buf_json_number(struct buf *b, double v)
{
    char text[TEXT_DOUBLE_SIZE];

    buf_add(b, text, text_format_double(v, text));
}

char *
buf_steal(struct buf *b)
{
    char *data = NULL;

    if (make_room(b, 0)) {
        data = b->data;
        data[b->len] = '\0';
        buf_init(b, b->max);
    }
    return data;
}
