/*
 * The status page: see status.h.
 *
 * libmicrohttpd runs without threads: its epoll descriptor is one more in the loop, and MHD_run()
 * is called when that is readable or one of its own timeouts has passed. Answers are made in
 * memory at once, so no connection holds the worker up; there are few, with a time limit, for
 * whoever listens on loopback may be anybody on the machine.
 */
#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "lib/config/conf.h"
#include "lib/redis/redis.h"
#include "worker/mem.h"
#include "worker/status.h"
#include "worker/worker.h"

#define CONNECTIONS_MAX 64
#define CONNECTION_TIMEOUT 10 /* seconds */
#define ANSWER_MAX ((size_t)16 * 1024 * 1024)
#define BACKLOG 64
#define HOST_SIZE 64 /* an address in brackets */

struct status {
    struct worker *worker;
    struct MHD_Daemon *daemon;
    struct loop_io *io;
    struct loop_timer *timer;
};

/* --- answers ---------------------------------------------------------------------------------- */

struct answer {
    unsigned code;
    const char *type;
    struct buf body;
};

#define JSON "application/json"
#define PROBLEM "application/problem+json"
#define PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"

static void
answer_problem(struct answer *a, unsigned code, const char *title)
{
    a->code = code;
    a->type = PROBLEM;
    buf_reset(&a->body);
    buf_printf(&a->body, "{\"title\": \"%s\", \"status\": %u}", title, code);
}

static void
answer_ready(const struct worker *w, struct answer *a)
{
    bool state = redis_is_up(w->state), stream = redis_is_up(w->stream);

    a->code = state && stream ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    buf_printf(&a->body, "{\"status\": \"%s\", \"redis\": \"%s\", \"stream\": \"%s\"}",
               state && stream ? "ready" : "not ready", state ? "ok" : "away",
               stream ? "ok" : "away");
}

static void
make_answer(const struct worker *w, const char *url, const char *method, struct answer *a)
{
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        answer_problem(a, MHD_HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed");
    } else if (strcmp(url, "/healthz") == 0) {
        buf_str(&a->body, "{\"status\": \"ok\"}");
    } else if (strcmp(url, "/readyz") == 0) {
        answer_ready(w, a);
    } else if (strcmp(url, "/metrics") == 0) {
        a->type = PROMETHEUS;
        if (metrics_render(w->metrics, &a->body) < 0)
            answer_problem(a, MHD_HTTP_INTERNAL_SERVER_ERROR, "Internal Server Error");
    } else {
        answer_problem(a, MHD_HTTP_NOT_FOUND, "Not Found");
    }
}

static enum MHD_Result
send_answer(struct MHD_Connection *connection, struct answer *a)
{
    enum MHD_Result sent = MHD_NO;
    size_t len = a->body.len;
    char *body = buf_steal(&a->body);
    struct MHD_Response *response = NULL;

    if (body == NULL)
        return MHD_NO;
    response = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(body);
        return MHD_NO;
    }
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, a->type) == MHD_YES &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
        (a->code != MHD_HTTP_METHOD_NOT_ALLOWED ||
         MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
        sent = MHD_queue_response(connection, a->code, response);
    MHD_destroy_response(response);
    return sent;
}

/* MHD_NO drops the connection. A body, where there is one, is read and forgotten. */
static enum MHD_Result
on_request(void *cookie, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *upload, size_t *upload_size, void **state)
{
    static char seen;
    const struct status *s = cookie;
    struct answer a = {.code = MHD_HTTP_OK, .type = JSON};
    enum MHD_Result sent;

    (void)version;
    (void)upload;
    /* The first call comes with the headers alone, and an answer is not taken yet. */
    if (*state == NULL || *upload_size > 0) {
        *state = &seen;
        *upload_size = 0;
        return MHD_YES;
    }
    buf_init(&a.body, ANSWER_MAX);
    make_answer(s->worker, url, method, &a);
    sent = send_answer(connection, &a);
    buf_free(&a.body);
    return sent;
}

/* --- in the loop ------------------------------------------------------------------------------ */

static void
run(struct status *s)
{
    MHD_UNSIGNED_LONG_LONG wait;

    (void)MHD_run(s->daemon);
    if (MHD_get_timeout(s->daemon, &wait) == MHD_YES)
        loop_timer_set(s->timer, wait > INT32_MAX ? INT32_MAX : (dur_ms)wait);
    else
        loop_timer_stop(s->timer);
}

static void
on_io(void *cookie, uint32_t events)
{
    (void)events;
    run(cookie);
}

static void
on_timer(void *cookie)
{
    run(cookie);
}

/* listen says where, as conf.c has checked it: 127.0.0.1:9180 or [::1]:9180. */
static int
listen_on(const char *where, struct buf *why)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    const char *colon = strrchr(where, ':');
    size_t bracket = where[0] == '[', len = (size_t)(colon - where) - 2 * bracket;
    char host[HOST_SIZE] = "";
    struct addrinfo *address = NULL;
    int one = 1, fd = -1, error;

    if (len < sizeof(host))
        memcpy(host, where + bracket, len);
    error = getaddrinfo(host, colon + 1, &hints, &address);
    if (error != 0) {
        buf_printf(why, "worker.listen: %s: %s", where, gai_strerror(error));
        return -1;
    }
    fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        buf_printf(why, "worker.listen: %s: %s", where, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        fd = -1;
    }
    freeaddrinfo(address);
    return fd;
}

/* The descriptor is MHD's from here on, also where this fails. */
static int
start(struct status *s, int fd)
{
    const union MHD_DaemonInfo *info;

    s->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, s,
                                 MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)CONNECTION_TIMEOUT, MHD_OPTION_END);
    if (s->daemon == NULL) {
        (void)close(fd);
        return -1;
    }
    info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL)
        return -1;
    s->timer = loop_timer_new(s->worker->loop, on_timer, s);
    s->io = loop_io_add(s->worker->loop, info->epoll_fd, EPOLLIN, on_io, s);
    return s->timer != NULL && s->io != NULL ? 0 : -1;
}

int
status_open(struct worker *w, struct status **ret_status, struct buf *why)
{
    struct status *s;
    int fd;

    if (w->conf->worker_listen[0] == '\0') {
        *ret_status = NULL;
        return 0;
    }
    fd = listen_on(w->conf->worker_listen, why);
    if (fd < 0)
        return -1;
    s = mem_alloc(1, sizeof(*s));
    s->worker = w;
    if (start(s, fd) < 0) {
        buf_printf(why, "worker.listen: %s: libmicrohttpd does not start", w->conf->worker_listen);
        status_close(s);
        return -1;
    }
    *ret_status = s;
    return 0;
}

void
status_close(struct status *s)
{
    if (s == NULL)
        return;
    loop_io_free(s->io);
    loop_timer_free(s->timer);
    if (s->daemon != NULL)
        MHD_stop_daemon(s->daemon);
    free(s);
}
