/*
 * The service manager's protocols, by libsystemd; and the listening socket, which comes from the
 * manager, from spawn-fcgi or from here.
 */
#include "lib/base/service.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"
/* rw for owner and group: nginx is put in the group. */
#define SOCKET_UMASK 0117

void
service_ready(const char *status)
{
    (void)sd_notify(0, "READY=1");
    service_status(status);
}

void
service_reloading(void)
{
    struct timespec now;

    /* Type=notify-reload tells this message from an older one by its time. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                     (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void
service_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

void
service_status(const char *status)
{
    if (status != NULL)
        (void)sd_notifyf(0, "STATUS=%s", status);
}

dur_ms
service_watchdog_interval(void)
{
    uint64_t usec;

    if (sd_watchdog_enabled(0, &usec) <= 0)
        return 0;
    return usec < 2000 ? 1 : (dur_ms)(usec / 2000);
}

void
service_watchdog_ping(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}

/* --- the listening socket --------------------------------------------------------------------- */

/* Say what went wrong with what; always -1, with errno kept. */
static int
fail(struct buf *why, const char *what, const char *reason)
{
    int err = errno;

    buf_printf(why, "%s: %s", what, reason);
    errno = err;
    return -1;
}

static bool
is_listening(int fd)
{
    int listening = 0;
    socklen_t len = sizeof(listening);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening != 0;
}

static int
inherited_socket(struct buf *why)
{
    /* Unset the variables: they are not meant for what this program starts. */
    int n = sd_listen_fds(1);
    int fd = n > 0 ? SD_LISTEN_FDS_START : STDIN_FILENO;

    if (n < 0) {
        errno = -n;
        return fail(why, "socket activation", strerror(errno));
    }
    if (n > 1) {
        errno = EINVAL;
        return fail(why, "socket activation", "more than one socket was passed");
    }
    if (!is_listening(fd)) {
        errno = ENOTSOCK;
        return fail(why, n > 0 ? "socket activation" : "standard input", "not a listening socket");
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return fail(why, "listening socket", strerror(errno));
    return fd;
}

/* Whether nobody listens on the socket at addr; errno tells what else is the matter with it. */
static bool
is_leftover(const struct sockaddr_un *addr)
{
    int fd = -1;
    bool leftover = false;
    struct stat st;

    if (lstat(addr->sun_path, &st) != 0)
        goto out;
    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        goto out;
    }
    /* Non-blocking: a full backlog answers EAGAIN, and is someone who listens too. */
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        goto out;
    if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0 && errno == ECONNREFUSED)
        leftover = true;
    else
        errno = EADDRINUSE;
out:
    if (fd >= 0)
        (void)close(fd);
    return leftover;
}

/* bind() with the socket's mode right from the start, which chmod() afterwards would not give. */
static int
bind_private(int fd, const struct sockaddr_un *addr)
{
    mode_t old = umask(SOCKET_UMASK);
    int status = bind(fd, (const struct sockaddr *)addr, sizeof(*addr));

    (void)umask(old);
    return status;
}

static int
listen_unix(const char *path, struct buf *why)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    int fd = -1;
    int status = -1;
    int err;

    if (len == 0 || len >= sizeof(addr.sun_path)) {
        errno = len == 0 ? EINVAL : ENAMETOOLONG;
        goto out;
    }
    memcpy(addr.sun_path, path, len);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        goto out;
    if (bind_private(fd, &addr) != 0) {
        if (errno != EADDRINUSE || !is_leftover(&addr))
            goto out;
        if (unlink(path) != 0 || bind_private(fd, &addr) != 0)
            goto out;
    }
    if (listen(fd, SOMAXCONN) != 0)
        goto out;
    status = fd;
    fd = -1;
out:
    err = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = err;
    return status < 0 ? fail(why, path, strerror(errno)) : status;
}

int
service_listen(const char *spec, struct buf *why)
{
    if (spec == NULL)
        return inherited_socket(why);
    if (strncmp(spec, UNIX_PREFIX, sizeof(UNIX_PREFIX) - 1) != 0) {
        errno = EINVAL;
        return fail(why, spec, "must be unix:PATH");
    }
    return listen_unix(spec + sizeof(UNIX_PREFIX) - 1, why);
}
