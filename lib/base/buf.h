/*
 * A growable byte buffer with a mandatory maximum.
 *
 * Failure is sticky: once an append did not fit or memory ran out, buf_ok() is false, and later
 * appends do nothing, so that a caller builds a whole text and checks once at the end.
 */
#ifndef VARCADE_BUF_H
#define VARCADE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;  /* len bytes and always a NUL behind them; NULL while nothing was added */
    size_t len;  /* bytes in use, without the NUL */
    size_t cap;  /* bytes allocated */
    size_t max;  /* len never exceeds this */
    bool failed; /* an append was refused; what is in data then is incomplete */
};

/* buf_init(b, max): an empty buffer that holds at most max bytes. Allocates nothing. */
void buf_init(struct buf *b, size_t max);

/* buf_free(b): release the memory; b is as after buf_init with the same maximum. */
void buf_free(struct buf *b);

/* buf_reset(b): length 0, failure forgotten, memory kept. */
void buf_reset(struct buf *b);

/* buf_ok(b): whether every append since buf_init or buf_reset succeeded. */
bool buf_ok(const struct buf *b);

/* Append len bytes; a NUL-terminated string; one byte; formatted text. */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, const char *s);
void buf_byte(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

/*
 * buf_json_string(b, s, len): append s as a JSON string with its quotes. Control bytes, quote and
 * backslash are escaped (RFC 8259 section 7); s must be UTF-8, other bytes are passed as they are.
 */
void buf_json_string(struct buf *b, const char *s, size_t len);

/* buf_xml(b, s, len): append s as text of XML or HTML, also within double quotes; control bytes, which
 * neither can have, as blanks. s is UTF-8. */
void buf_xml(struct buf *b, const char *s, size_t len);

/* buf_json_number(b, v): append a finite double as text_format_double() writes it. */
void buf_json_number(struct buf *b, double v);

/* buf_steal(b): hand the NUL-terminated bytes to the caller, who free()s them; b is empty then.
 * Returns NULL where the buffer failed or memory runs out. */
char *buf_steal(struct buf *b) __attribute__((warn_unused_result));

#endif
