/*
 * Whether a whole FastCGI request has arrived.
 *
 * libfcgi reads until it has what it wants, and blocks where that has not come yet, so one client
 * that stops in the middle of a record would stop the loop. So what the kernel holds for a
 * connection is looked at first (MSG_PEEK), and libfcgi is called once all of a request is there.
 * The look is also where bytes are refused that libfcgi 2.4.2 should not see: lengths of
 * parameters that run past the stream (CVE-2025-23016 and its kin), management records (a name
 * asked for often enough overruns its answer) and padding where it forgets to skip it. Web
 * servers send none of these.
 */
#ifndef VARCADE_FCGI_FRAME_H
#define VARCADE_FCGI_FRAME_H

#include <stddef.h>

struct buf;

#define FRAME_PARAMS_MAX 65536 /* bytes of all parameters of one request */
#define FRAME_HEADER 8         /* bytes of a record's header */

enum frame_state {
    FRAME_MORE,      /* good so far */
    FRAME_READY,     /* one whole request */
    FRAME_TOO_LARGE, /* all parameters are there, and a body over the limit has begun */
    FRAME_BAD        /* nothing that is served here: close the connection */
};

struct frame {
    size_t len;  /* bytes of the whole request */
    size_t body; /* bytes of its body, at most body_max */
};

/* frame_scan(bytes, len, body_max, ret_frame): look at the first len bytes of a connection.
 * *ret_frame is set with FRAME_READY. One responder request at a time, no multiplexing. */
enum frame_state frame_scan(const unsigned char *bytes, size_t len, size_t body_max,
                            struct frame *ret_frame) __attribute__((warn_unused_result));

/* frame_answer(out, id, bytes, len), frame_end(out, id): append what answers request id: bytes of its output; its end.
 * What libfcgi writes else, for a request that it does not know any more. */
void frame_answer(struct buf *out, unsigned id, const char *bytes, size_t len);
void frame_end(struct buf *out, unsigned id);

#endif
