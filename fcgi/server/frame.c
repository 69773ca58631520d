/*
 * The FastCGI records of one request, walked without taking anything out: begin, parameters until
 * an empty record, body until an empty record (FastCGI 1.0, sections 3.3, 5.1 to 5.3).
 */
#include "fcgi/server/frame.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/buf.h"

#define VERSION 1
#define ROLE_RESPONDER 1
#define BEGIN_LEN 8

#define CONTENT_MAX 65528 /* of one record that is written: as much as needs no padding */

enum record_type {
    RECORD_BEGIN = 1,
    RECORD_END = 3,
    RECORD_PARAMS = 4,
    RECORD_STDIN = 5,
    RECORD_STDOUT = 6
};

struct record {
    unsigned type;
    unsigned id;
    const unsigned char *content;
    size_t len;
    size_t padding;
    size_t size; /* header, content and padding */
};

/* The walk over one request. */
struct scan {
    unsigned expected; /* the type that comes next */
    unsigned id;
    size_t body; /* bytes of the body so far */
    size_t params_len;
    bool done;
};

/* All parameters of the request under scan, joined: lengths may straddle records. */
static unsigned char params[FRAME_PARAMS_MAX];

/* A header has arrived at p. The content need not have. */
static struct record
record_at(const unsigned char *p)
{
    size_t len = (size_t)(p[4] << 8 | p[5]);

    return (struct record){.type = p[1],
                           .id = (unsigned)(p[2] << 8 | p[3]),
                           .content = p + FRAME_HEADER,
                           .len = len,
                           .padding = p[6],
                           .size = FRAME_HEADER + len + p[6]};
}

/* One length of a name or value, of 1 or 4 bytes. */
static bool
params_length(size_t *at, size_t len, size_t *ret_n)
{
    const unsigned char *p = params + *at;

    if (*at == len)
        return false;
    if (p[0] < 0x80) {
        *ret_n = p[0];
        *at += 1;
        return true;
    }
    if (len - *at < 4)
        return false;
    *ret_n = (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    *at += 4;
    return true;
}

/* Whether names and values fill the parameters exactly. */
static bool
params_are_whole(size_t len)
{
    size_t at = 0;

    while (at < len) {
        size_t name;
        size_t value;

        if (!params_length(&at, len, &name) || !params_length(&at, len, &value))
            return false;
        if (name == 0 || name + value > len - at)
            return false;
        at += name + value;
    }
    return true;
}

static bool
scan_begin(struct scan *s, const struct record *r)
{
    if (r->id == 0 || r->len != BEGIN_LEN || (r->content[0] << 8 | r->content[1]) != ROLE_RESPONDER)
        return false;
    s->id = r->id;
    s->expected = RECORD_PARAMS;
    return true;
}

static bool
scan_params(struct scan *s, const struct record *r)
{
    if (r->len == 0) {
        s->expected = RECORD_STDIN;
        return params_are_whole(s->params_len);
    }
    if (r->len > sizeof(params) - s->params_len)
        return false;
    memcpy(params + s->params_len, r->content, r->len);
    s->params_len += r->len;
    return true;
}

/* One record, all of which has arrived. */
static bool
scan_record(struct scan *s, const struct record *r)
{
    if (s->expected == RECORD_BEGIN)
        return scan_begin(s, r);
    if (s->expected == RECORD_PARAMS)
        return scan_params(s, r);
    s->done = r->len == 0;
    return true;
}

enum frame_state
frame_scan(const unsigned char *bytes, size_t len, size_t body_max, struct frame *ret_frame)
{
    struct scan s = {.expected = RECORD_BEGIN};
    size_t at = 0;

    while (!s.done) {
        struct record r;

        if (len - at > 0 && bytes[at] != VERSION)
            return FRAME_BAD;
        if (len - at < FRAME_HEADER)
            return FRAME_MORE;
        r = record_at(bytes + at);
        if (r.type != s.expected || (s.expected != RECORD_BEGIN && r.id != s.id))
            return FRAME_BAD;
        /* libfcgi forgets the padding of these, and would take it for the next record. */
        if (r.padding > 0 && (r.type == RECORD_BEGIN || r.len == 0))
            return FRAME_BAD;
        if (r.type == RECORD_STDIN) {
            s.body += r.len;
            if (s.body > body_max)
                return FRAME_TOO_LARGE;
        }
        if (len - at < r.size)
            return FRAME_MORE;
        if (!scan_record(&s, &r))
            return FRAME_BAD;
        at += r.size;
    }
    *ret_frame = (struct frame){.len = at, .body = s.body};
    return FRAME_READY;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void
add_record(struct buf *out, unsigned type, unsigned id, const char *content, size_t len)
{
    const unsigned char header[FRAME_HEADER] = {VERSION,
                                                (unsigned char)type,
                                                (unsigned char)(id >> 8),
                                                (unsigned char)id,
                                                (unsigned char)(len >> 8),
                                                (unsigned char)len,
                                                0,
                                                0};

    buf_add(out, header, sizeof(header));
    buf_add(out, content, len);
}

void
frame_answer(struct buf *out, unsigned id, const char *bytes, size_t len)
{
    while (len > 0) {
        size_t n = len < CONTENT_MAX ? len : CONTENT_MAX;

        add_record(out, RECORD_STDOUT, id, bytes, n);
        bytes += n;
        len -= n;
    }
}

void
frame_end(struct buf *out, unsigned id)
{
    static const char complete[8] = {0}; /* status 0, FCGI_REQUEST_COMPLETE */

    add_record(out, RECORD_STDOUT, id, "", 0);
    add_record(out, RECORD_END, id, complete, sizeof(complete));
}
