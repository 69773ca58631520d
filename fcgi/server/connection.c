/*
 * A connection's life: IDLE (nothing has come), ARRIVING (a part of a request has), WORKING (at a
 * handler), HELD (there too, and for long), WRITING (the socket is full), CLOSING (the rest of a
 * body that was too large is read and thrown away, because a socket closed with unread bytes would
 * take the answer with it).
 */
#include "fcgi/server/connection.h"

#include <assert.h>
#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "fcgi/app.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/router.h"
#include "fcgi/server/frame.h"
#include "lib/base/log.h"
#include "lib/base/loop.h"

#define ARRIVAL_MAX 10000 /* ms from a request's first byte to its last */
#define WRITING_MAX 30000 /* ms without room for more of an answer */
#define CLOSING_MAX 2000  /* ms for the peer to take a refusal */
/* This much goes out without a question: no answer before it can be unread on this connection. */
#define WRITE_FIRST 65536
/* One of libfcgi's buffers, and so at most one write. */
#define WRITE_CHUNK 8000
#define WATCH_READ (EPOLLIN | EPOLLRDHUP | EPOLLET)
#define WATCH_WRITE (WATCH_READ | EPOLLOUT)

enum connection_state {
    CONNECTION_IDLE,
    CONNECTION_ARRIVING,
    CONNECTION_WORKING,
    CONNECTION_HELD,
    CONNECTION_WRITING,
    CONNECTION_CLOSING
};

struct connection {
    struct connection_list *list;
    enum connection_state state;
    int fd;
    struct loop_io *io;
    FCGX_Request fcgx;
    struct buf spool;        /* ARRIVING: what has come, where that was not all at once */
    struct request *request; /* WORKING, HELD and WRITING */
    unsigned request_id;     /* HELD: as the records have it */
    size_t written;          /* of the answer's body */
    bool last;               /* close after the answer */
    bool unread;             /* there is more to read than was wanted */
    bool came;               /* something came since the request, or the peer's end was closed */
    mono_ms since;           /* when the state began */
    struct connection *prev, *next;
};

static void
set_state(struct connection *c, enum connection_state state)
{
    c->state = state;
    c->since = clock_mono();
}

static void
close_connection(struct connection *c)
{
    DL_DELETE(c->list->first, c);
    c->list->count--;
    loop_io_free(c->io);
    FCGX_Free(&c->fcgx, 0);
    (void)close(c->fd);
    request_free(c->request);
    buf_free(&c->spool);
    free(c);
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool
has_room(const struct connection *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLOUT};

    return poll(&p, 1, 0) == 1;
}

/* CLOSING: until the peer has closed its end, or the sweep does. */
static void
throw_away(struct connection *c)
{
    ssize_t n;

    do {
        n = recv(c->fd, c->list->peek, CONNECTION_PEEK, 0);
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (n == 0 || errno != EAGAIN)
        close_connection(c);
}

static void look_at_arrived(struct connection *c);

/* The answer is out, or failed; then the connection is idle, or begins with what came meanwhile, or
 * is gone. */
static void
begin_anew(struct connection *c, int failed)
{
    request_free(c->request);
    c->request = NULL;
    if (failed == 0 && c->unread && shutdown(c->fd, SHUT_WR) == 0) {
        set_state(c, CONNECTION_CLOSING);
        throw_away(c);
    } else if (failed != 0 || c->last || c->list->draining) {
        close_connection(c);
    } else {
        set_state(c, CONNECTION_IDLE);
        if (c->came) {
            c->came = false;
            look_at_arrived(c);
        }
    }
}

static void
end_request(struct connection *c)
{
    int failed = FCGX_FClose(c->fcgx.err);

    failed |= FCGX_FClose(c->fcgx.out);
    FCGX_Free(&c->fcgx, 0);
    begin_anew(c, failed);
}

/* libfcgi's part of a request is tens of kilobytes, too many for one that only waits. */
static void
held(void *cookie, struct request *r)
{
    struct connection *c = cookie;

    assert(c->request == r && c->state == CONNECTION_WORKING);
    c->request_id = (unsigned)c->fcgx.requestId;
    FCGX_Free(&c->fcgx, 0);
    set_state(c, CONNECTION_HELD);
}

/* Nothing else is on its way, so that there is room for a whole answer. */
static void
answer_held(struct connection *c, const char *status)
{
    const struct request *r = c->request;
    struct buf out;
    ssize_t n = -1;

    buf_init(&out, 2 * (REQUEST_HEADERS_MAX + REQUEST_ANSWER_MAX));
    frame_answer(&out, c->request_id, status, strlen(status));
    frame_answer(&out, c->request_id, r->headers.data, r->headers.len);
    if (r->method != REQUEST_HEAD)
        frame_answer(&out, c->request_id, r->answer.data, r->answer.len);
    frame_end(&out, c->request_id);
    if (buf_ok(&out) && buf_ok(&r->headers))
        n = send(c->fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    begin_anew(c, n == (ssize_t)out.len ? 0 : -1);
    buf_free(&out);
}

/* Write what the socket has room for. libfcgi would wait for the room, and on this socket fails. */
static void
write_more(struct connection *c)
{
    const struct buf *body = &c->request->answer;
    size_t len = c->request->method == REQUEST_HEAD ? 0 : body->len;

    while (c->written < len) {
        size_t n = len - c->written < WRITE_CHUNK ? len - c->written : WRITE_CHUNK;

        if (c->written >= WRITE_FIRST && !has_room(c)) {
            if (c->state != CONNECTION_WRITING && loop_io_set(c->io, WATCH_WRITE) != 0) {
                close_connection(c);
                return;
            }
            set_state(c, CONNECTION_WRITING);
            return;
        }
        if (FCGX_PutStr(body->data + c->written, (int)n, c->fcgx.out) < 0)
            break;
        c->written += n;
    }
    if (c->state == CONNECTION_WRITING && loop_io_set(c->io, WATCH_READ) != 0)
        c->last = true;
    end_request(c);
}

static void
answered(void *cookie, struct request *r)
{
    struct connection *c = cookie;
    char status[64];
    int n =
        snprintf(status, sizeof(status), "Status: %d %s\r\n", r->status, reply_phrase(r->status));

    assert(c->request == r && n > 0 && (size_t)n < sizeof(status));
    buf_str(&r->headers, "\r\n");
    c->written = 0;
    if (c->state == CONNECTION_HELD)
        answer_held(c, status);
    else if (!buf_ok(&r->headers) || FCGX_PutStr(status, n, c->fcgx.out) < 0 ||
             FCGX_PutStr(r->headers.data, (int)r->headers.len, c->fcgx.out) < 0)
        close_connection(c);
    else
        write_more(c);
}

/* --- reading ---------------------------------------------------------------------------------- */

/*
 * The len bytes of the body, all of which have arrived, and its end: left in the kernel, that would
 * be in front of the next request.
 */
static int
read_body(struct connection *c, size_t len)
{
    char *body = malloc(len + 1);

    if (body == NULL)
        return -1;
    if (FCGX_GetStr(body, (int)len + 1, c->fcgx.in) != (int)len || FCGX_GetError(c->fcgx.in) != 0) {
        free(body);
        errno = EPROTO;
        return -1;
    }
    body[len] = '\0';
    c->request->body = body;
    c->request->body_len = len;
    return 0;
}

/* What libfcgi reads a spooled request from: a file in memory. */
static int
spool_file(const struct connection *c)
{
    int fd = memfd_create("request", MFD_CLOEXEC);

    if (fd < 0)
        return -1;
    if (write(fd, c->spool.data, c->spool.len) != (ssize_t)c->spool.len ||
        lseek(fd, 0, SEEK_SET) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/*
 * Let libfcgi read the request, all of which is there, or all but the body of one that is too
 * large.
 */
static int
read_request(struct connection *c, const struct frame *frame, bool too_large)
{
    int file = -1;

    if (c->spool.len > 0) {
        file = spool_file(c);
        if (file < 0)
            return -1;
    }
    FCGX_InitRequest(&c->fcgx, -1, 0);
    /* A kept connection, as far as libfcgi knows: one that it did not accept it would close
     * first. */
    c->fcgx.keepConnection = 1;
    c->fcgx.ipcFd = file >= 0 ? file : c->fd;
    if (FCGX_Accept_r(&c->fcgx) != 0) {
        /* It found wrong what frame_scan let pass, and has closed the descriptor it had. */
        if (file < 0)
            c->fd = -1;
        return -1;
    }
    c->request = request_new(c->list->app, c->fcgx.envp, answered, c);
    if (c->request != NULL)
        c->request->held = held;
    if (c->request != NULL && !too_large && read_body(c, frame->body) != 0) {
        request_free(c->request);
        c->request = NULL;
    }
    c->fcgx.ipcFd = c->fd;
    if (file >= 0)
        (void)close(file);
    buf_free(&c->spool);
    return c->request == NULL ? -1 : 0;
}

static void
begin_request(struct connection *c, const struct frame *frame, bool too_large)
{
    if (read_request(c, frame, too_large) != 0) {
        log_warning("server", "cannot read a request", LOG_ERRNO(errno));
        close_connection(c);
        return;
    }
    c->request->body_too_large = too_large;
    if (!c->fcgx.keepConnection)
        c->last = true;
    set_state(c, CONNECTION_WORKING);
    router_dispatch(c->request);
}

/* Receive at most len bytes to the shared place. Returns how many, 0 where none have come, -1 at
 * the end. */
static ssize_t
receive(struct connection *c, size_t len, int flags)
{
    ssize_t n;

    do {
        n = recv(c->fd, c->list->peek, len, flags);
    } while (n < 0 && errno == EINTR);
    if (n > 0)
        return n;
    return n < 0 && errno == EAGAIN ? 0 : -1;
}

/*
 * Look at more of the request than before: in the kernel, or, once something was left over from an
 * earlier look, in the spool. Returns as receive does; *ret_bytes is all of the request so far.
 */
static ssize_t
see_more(struct connection *c, const unsigned char **ret_bytes, size_t *ret_len)
{
    ssize_t n = receive(c, CONNECTION_PEEK, c->spool.len > 0 ? 0 : MSG_PEEK);

    if (n <= 0)
        return n;
    if (c->spool.len > 0) {
        buf_add(&c->spool, c->list->peek, (size_t)n);
        *ret_bytes = (const unsigned char *)c->spool.data;
        *ret_len = c->spool.len;
        return buf_ok(&c->spool) ? n : -1;
    }
    *ret_bytes = c->list->peek;
    *ret_len = (size_t)n;
    return n;
}

/* Part of a request was seen in the kernel. Left there, it could fill what room there is, and never
 * become whole. */
static int
begin_spool(struct connection *c, size_t len)
{
    ssize_t n = receive(c, len, 0);

    if (n > 0)
        buf_add(&c->spool, c->list->peek, (size_t)n);
    return n > 0 && buf_ok(&c->spool) ? 0 : -1;
}

/* Returns whether to look again. c may be gone where not. */
static bool
use_arrived(struct connection *c, const unsigned char *bytes, size_t len)
{
    struct frame frame = {.body = 0};

    switch (frame_scan(bytes, len, c->list->body_max, &frame)) {
    case FRAME_MORE:
        if (c->spool.len > 0 || begin_spool(c, len) == 0)
            return true;
        close_connection(c);
        break;
    case FRAME_READY:
        /* What follows would be lost in libfcgi's buffer. */
        if (frame.len < len)
            c->last = c->unread = true;
        begin_request(c, &frame, false);
        break;
    case FRAME_TOO_LARGE:
        c->last = c->unread = true;
        begin_request(c, &frame, true);
        break;
    case FRAME_BAD:
        log_info("server", "not a FastCGI request");
        close_connection(c);
        break;
    }
    return false;
}

static void
look_at_arrived(struct connection *c)
{
    const unsigned char *bytes = NULL;
    size_t len = 0;
    ssize_t n;

    do {
        n = see_more(c, &bytes, &len);
        if (n < 0)
            close_connection(c);
        if (n <= 0)
            return;
        if (c->state == CONNECTION_IDLE)
            set_state(c, CONNECTION_ARRIVING);
    } while (use_arrived(c, bytes, len));
}

static void
ready(void *cookie, uint32_t events)
{
    struct connection *c = cookie;

    switch (c->state) {
    case CONNECTION_IDLE:
    case CONNECTION_ARRIVING:
        /* An end behind a whole request is told once, and seen after the answer. */
        c->came = (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
        look_at_arrived(c);
        break;
    case CONNECTION_WORKING:
        /* A client that went away changes nothing: what it asked for is done. */
        c->came = true;
        break;
    case CONNECTION_HELD:
        c->came = true;
        if (events & (EPOLLHUP | EPOLLERR)) {
            c->request->abandon(c->request->abandon_cookie, c->request);
            close_connection(c);
        }
        break;
    case CONNECTION_WRITING:
        if (events & (EPOLLIN | EPOLLRDHUP))
            c->came = true;
        if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
            write_more(c);
        break;
    case CONNECTION_CLOSING:
        throw_away(c);
        break;
    }
}

/* --- all of them ------------------------------------------------------------------------------ */

int
connection_open(struct connection_list *list, int fd)
{
    struct connection *c = calloc(1, sizeof(*c));

    if (c == NULL)
        goto fail;
    c->io = loop_io_add(list->app->loop, fd, WATCH_READ, ready, c);
    if (c->io == NULL)
        goto fail;
    c->list = list;
    c->fd = fd;
    /* Twice: room for the headers and the padding of small records. */
    buf_init(&c->spool, 2 * (FRAME_PARAMS_MAX + list->body_max));
    set_state(c, CONNECTION_IDLE);
    DL_APPEND(list->first, c);
    list->count++;
    return 0;
fail:
    free(c);
    (void)close(fd);
    return -1;
}

static bool
is_overdue(const struct connection *c, mono_ms now)
{
    static const dur_ms most[CONNECTION_CLOSING + 1] = {/* 0: as long as it takes */
                                                        [CONNECTION_ARRIVING] = ARRIVAL_MAX,
                                                        [CONNECTION_WRITING] = WRITING_MAX,
                                                        [CONNECTION_CLOSING] = CLOSING_MAX};

    return most[c->state] > 0 && now - c->since > most[c->state];
}

void
connection_sweep(struct connection_list *list, mono_ms now, bool idle)
{
    struct connection *c, *next;

    DL_FOREACH_SAFE (list->first, c, next) {
        if (is_overdue(c, now) || (idle && c->state == CONNECTION_IDLE))
            close_connection(c);
    }
}

void
connection_close_all(struct connection_list *list)
{
    while (list->first != NULL)
        close_connection(list->first);
}
