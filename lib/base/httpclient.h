/*
 * HTTP requests on the event loop, by curl's multi interface: POST of a small body or GET, an answer
 * of bounded size, connections kept for the next request. No redirects, no proxies, http and https
 * alone.
 */
#ifndef VARCADE_HTTPCLIENT_H
#define VARCADE_HTTPCLIENT_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"

struct loop;
struct httpclient;
struct httpclient_transfer;

#define HTTPCLIENT_ANSWER_MAX 65536 /* bytes of the body; curl bounds the headers */

struct httpclient_limits {
    dur_ms connect_timeout; /* > 0: name, connection and TLS */
    dur_ms timeout;         /* > 0: all of it */
    long connections;       /* > 0: kept open while idle */
};

/* How a transfer ended. Borrowed until the callback returns. */
struct httpclient_result {
    const char *error; /* static text, or NULL: the answer arrived whole */
    bool timed_out;    /* error is set as well */
    bool sent;         /* as httpclient_was_sent() */
    bool sent_again;   /* more than once: the answer tells nothing of the first time */
    long status;       /* of the answer as far as it came; 0: not even that */
    const char *body;
    size_t body_len;
};

typedef void httpclient_fn(void *cookie, const struct httpclient_result *result);

/* httpclient_new(loop, limits): NULL with errno ENOMEM. After a fork, not before. */
struct httpclient *httpclient_new(struct loop *loop, const struct httpclient_limits *limits)
    __attribute__((warn_unused_result));

/* httpclient_free(h): no transfer may be under way. NULL is legal. */
void httpclient_free(struct httpclient *h);

/*
 * httpclient_post(h, url, body, request_id, fn, cookie): start a transfer; everything is copied.
 * body is JSON and not empty; request_id goes out as X-Request-Id (NULL: none). fn is called once,
 * from the loop, when it ends; the transfer is gone when fn returns. NULL with errno ENOMEM.
 */
struct httpclient_transfer *httpclient_post(struct httpclient *h, const char *url,
                                            const struct buf *body, const char *request_id,
                                            httpclient_fn *fn, void *cookie)
    __attribute__((warn_unused_result));

/* httpclient_get(h, url, fn, cookie): the same for GET. */
struct httpclient_transfer *httpclient_get(struct httpclient *h, const char *url,
                                           httpclient_fn *fn, void *cookie)
    __attribute__((warn_unused_result));

/*
 * httpclient_was_sent(t): whether a byte of the request went out, so that the server may act on it.
 * Where a kept connection breaks before a byte of the answer, curl sends the request once more on
 * a new one; what was sent stays counted.
 */
bool httpclient_was_sent(const struct httpclient_transfer *t);

/* httpclient_cancel(t): end it without a callback. Not from inside its own. */
void httpclient_cancel(struct httpclient_transfer *t);

/* httpclient_origin(url): scheme://host:port, free()d by the caller; NULL where url is none. */
char *httpclient_origin(const char *url) __attribute__((warn_unused_result));

#endif
