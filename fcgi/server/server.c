/*
 * Accepting, and the end of a server.
 *
 * All processes watch one listening socket (EPOLLEXCLUSIVE: one of them is woken for a
 * connection). Each takes one connection a turn, so that a burst is spread over them.
 */
#include "fcgi/router.h"
#include "fcgi/server/server.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "fcgi/app.h"
#include "fcgi/meter.h"
#include "fcgi/server/connection.h"
#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/config/conf.h"

#define SWEEP_EVERY 1000 /* ms */
#define ACCEPT_PAUSE 100 /* ms without accepting where descriptors or memory have run out */

struct server {
    struct connection_list connections;
    int listen_fd;
    struct loop_io *listen_io; /* NULL: not accepting at present */
    struct loop_timer *accept_timer;
    struct loop_timer *sweep_timer;
    struct loop_hook *hook;
    mono_ms drain_since;
    dur_ms linger;
};

static void accept_one(void *cookie, uint32_t events);

static void
start_accepting(void *cookie)
{
    struct server *s = cookie;

    if (s->connections.draining || s->listen_io != NULL)
        return;
    s->listen_io = loop_io_add(s->connections.app->loop, s->listen_fd, EPOLLIN | EPOLLEXCLUSIVE,
                               accept_one, s);
    if (s->listen_io == NULL)
        loop_timer_set(s->accept_timer, ACCEPT_PAUSE);
}

static void
stop_accepting(struct server *s)
{
    loop_io_free(s->listen_io);
    s->listen_io = NULL;
}

/* Errors of a connection that is gone before it was accepted, and of one that another process
 * took. */
static bool
is_passing(int err)
{
    return err == EAGAIN || err == EINTR || err == ECONNABORTED || err == EPROTO || err == EPERM;
}

static void
accept_one(void *cookie, uint32_t events)
{
    struct server *s = cookie;
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd >= 0 && connection_open(&s->connections, fd) == 0)
        return;
    if (fd < 0 && is_passing(errno))
        return;
    log_warning("server", "cannot accept", LOG_ERRNO(errno),
                LOG_I("connections", s->connections.count));
    stop_accepting(s);
    loop_timer_set(s->accept_timer, ACCEPT_PAUSE);
}

static void
sweep(void *cookie)
{
    struct server *s = cookie;
    mono_ms now = clock_mono();
    bool draining = s->connections.draining;

    connection_sweep(&s->connections, now, draining && now - s->drain_since >= s->linger);
    meter_refresh(s->connections.app);
    if (draining && now - s->drain_since >= SERVER_DRAIN_MAX)
        loop_stop(s->connections.app->loop);
    loop_timer_set(s->sweep_timer, SWEEP_EVERY);
}

static void
stop_when_drained(void *cookie)
{
    struct server *s = cookie;

    if (s->connections.draining && s->connections.count == 0)
        loop_stop(s->connections.app->loop);
}

static int
make_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

struct server *
server_new(struct app *app, int listen_fd)
{
    struct server *s = calloc(1, sizeof(*s));

    if (s == NULL || FCGX_Init() != 0)
        goto fail;
    s->listen_fd = listen_fd;
    s->connections.app = app;
    s->connections.body_max = router_body_max(app->settings->conf);
    s->connections.peek = malloc(CONNECTION_PEEK);
    s->accept_timer = loop_timer_new(app->loop, start_accepting, s);
    s->sweep_timer = loop_timer_new(app->loop, sweep, s);
    s->hook = loop_hook_add(app->loop, stop_when_drained, s);
    if (s->connections.peek == NULL || s->accept_timer == NULL || s->sweep_timer == NULL ||
        s->hook == NULL || make_nonblocking(listen_fd) != 0)
        goto fail;
    start_accepting(s);
    sweep(s);
    return s;
fail:
    server_free(s);
    return NULL;
}

void
server_free(struct server *s)
{
    int saved = errno;

    if (s == NULL)
        return;
    connection_close_all(&s->connections);
    stop_accepting(s);
    loop_timer_free(s->accept_timer);
    loop_timer_free(s->sweep_timer);
    loop_hook_free(s->hook);
    free(s->connections.peek);
    free(s);
    errno = saved;
}

void
server_drain(struct server *s, dur_ms linger)
{
    if (!s->connections.draining)
        s->drain_since = clock_mono();
    s->linger = linger;
    s->connections.draining = true;
    stop_accepting(s);
    loop_timer_set(s->sweep_timer, 0);
}
