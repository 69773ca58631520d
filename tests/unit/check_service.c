/* The service manager, played by this test: its datagrams, its sockets, and sockets of one's
 * own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/service.h"
#include "tests/unit/unit.h"

static char dir[64];
static char path[128]; /* of the socket */
static char spec[160];
static struct buf why;

static void
setup(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/varcade-service-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/s", dir);
    (void)snprintf(spec, sizeof(spec), "unix:%s", path);
    buf_init(&why, 1000);
}

static void
teardown(void)
{
    buf_free(&why);
    (void)unlink(path);
    ck_assert_int_eq(rmdir(dir), 0);
}

static struct sockaddr_un
address(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    memcpy(addr.sun_path, path, strlen(path) + 1);
    return addr;
}

static int
new_socket(int type)
{
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    return fd;
}

/* A socket bound at path. */
static int
bound_socket(int type)
{
    struct sockaddr_un addr = address();
    int fd = new_socket(type);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

/* Whether a client that connects to path is accepted from fd. */
static void
assert_serves(int fd)
{
    struct sockaddr_un addr = address();
    int client = new_socket(SOCK_STREAM);
    int server;

    ck_assert_int_eq(connect(client, (struct sockaddr *)&addr, sizeof(addr)), 0);
    server = accept(fd, NULL, NULL);
    ck_assert_int_ge(server, 0);
    (void)close(server);
    (void)close(client);
}

static void
assert_cloexec(int fd)
{
    ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

/* --- messages --------------------------------------------------------------------------------- */

static int manager = -1;

static const char *
message(void)
{
    static char text[256];
    ssize_t n = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);

    text[n < 0 ? 0 : n] = '\0';
    return text;
}

START_TEST(tells_the_manager)
{
    manager = bound_socket(SOCK_DGRAM);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
    service_ready("serving");
    ck_assert_str_eq(message(), "READY=1");
    ck_assert_str_eq(message(), "STATUS=serving");
    service_ready(NULL);
    ck_assert_str_eq(message(), "READY=1");
    ck_assert_str_eq(message(), "");
    service_status("12 games");
    ck_assert_str_eq(message(), "STATUS=12 games");
    service_reloading();
    ck_assert_int_eq(strncmp(message(), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
    service_stopping();
    ck_assert_str_eq(message(), "STOPPING=1");
    service_watchdog_ping();
    ck_assert_str_eq(message(), "WATCHDOG=1");
    ck_assert_str_eq(message(), "");
    (void)close(manager);
}
END_TEST

START_TEST(says_nothing_without_a_manager)
{
    ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
    service_ready("x");
    service_reloading();
    service_stopping();
    service_watchdog_ping();
}
END_TEST

START_TEST(watchdog_interval_is_half)
{
    char pid[32];

    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    ck_assert_int_eq(unsetenv("WATCHDOG_USEC"), 0);
    ck_assert_int_eq(service_watchdog_interval(), 0);
    ck_assert_int_eq(setenv("WATCHDOG_USEC", "10000000", 1), 0);
    ck_assert_int_eq(setenv("WATCHDOG_PID", pid, 1), 0);
    ck_assert_int_eq(service_watchdog_interval(), 5000);
    ck_assert_int_eq(setenv("WATCHDOG_USEC", "100", 1), 0);
    ck_assert_int_eq(service_watchdog_interval(), 1);
    ck_assert_int_eq(setenv("WATCHDOG_PID", "1", 1), 0); /* another's */
    ck_assert_int_eq(service_watchdog_interval(), 0);
    ck_assert_int_eq(setenv("WATCHDOG_PID", pid, 1), 0);
    ck_assert_int_eq(setenv("WATCHDOG_USEC", "soon", 1), 0);
    ck_assert_int_eq(service_watchdog_interval(), 0);
}
END_TEST

/* --- sockets ---------------------------------------------------------------------------------- */

START_TEST(listens_at_a_path)
{
    mode_t mask = umask(0);
    struct stat st;
    int fd = service_listen(spec, &why);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0660);
    ck_assert_int_eq(umask(mask), 0); /* as it was */
    assert_cloexec(fd);
    assert_serves(fd);
    ck_assert_uint_eq(why.len, 0);
    (void)close(fd);
}
END_TEST

START_TEST(replaces_a_leftover)
{
    int fd = bound_socket(SOCK_STREAM);

    (void)close(fd);
    fd = service_listen(spec, &why);
    ck_assert_int_ge(fd, 0);
    assert_serves(fd);
    (void)close(fd);
}
END_TEST

START_TEST(leaves_one_in_use)
{
    int fd = service_listen(spec, &why);
    int again = service_listen(spec, &why);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(again, -1);
    ck_assert_int_eq(errno, EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(why.data, path));
    ck_assert_ptr_nonnull(strstr(why.data, "in use"));
    (void)close(accept4(fd, NULL, NULL, SOCK_CLOEXEC)); /* the one that looked */
    assert_serves(fd);
    (void)close(fd);
}
END_TEST

/* Its queue is full: it answers nobody, and is in use all the same. */
START_TEST(leaves_a_busy_one)
{
    struct sockaddr_un addr = address();
    int fd = bound_socket(SOCK_STREAM);
    int clients[4];

    ck_assert_int_eq(listen(fd, 0), 0);
    for (size_t i = 0; i < 4; i++) {
        clients[i] = new_socket(SOCK_STREAM | SOCK_NONBLOCK);
        (void)connect(clients[i], (struct sockaddr *)&addr, sizeof(addr));
    }
    ck_assert_int_eq(service_listen(spec, &why), -1);
    ck_assert_int_eq(errno, EADDRINUSE);
    for (size_t i = 0; i < 4; i++)
        (void)close(clients[i]);
    (void)close(fd);
}
END_TEST

START_TEST(leaves_what_is_no_socket)
{
    struct stat st;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    ck_assert_int_eq(service_listen(spec, &why), -1);
    ck_assert_int_eq(errno, EEXIST);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(refuses_bad_paths)
{
    char longest[200] = "unix:";

    memset(longest + 5, 'x', sizeof(longest) - 6);
    longest[sizeof(longest) - 1] = '\0';
    ck_assert_int_eq(service_listen(longest, &why), -1);
    ck_assert_int_eq(errno, ENAMETOOLONG);
    ck_assert_uint_gt(why.len, 0);
    ck_assert_int_eq(service_listen("unix:", &why), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(service_listen("tcp:127.0.0.1:80", &why), -1);
    ck_assert_int_eq(errno, EINVAL);
    buf_reset(&why);
    (void)snprintf(spec, sizeof(spec), "unix:%s/no/such", dir);
    ck_assert_int_eq(service_listen(spec, &why), -1);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_ptr_nonnull(strstr(why.data, "no/such: No such file or directory"));
}
END_TEST

/*
 * service_listen() as a manager starts it, with fd as descriptor 3 and on, count of them (1 or 2).
 * Those of the test's runner that are there step aside meanwhile. Returns 0 where it gave 3, closed
 * on exec, and -1 where it failed.
 */
static int
listen_activated(int fd, int count)
{
    char text[32];
    int aside[2];
    int status;
    int err;

    (void)snprintf(text, sizeof(text), "%ld", (long)getpid());
    ck_assert_int_eq(setenv("LISTEN_PID", text, 1), 0);
    (void)snprintf(text, sizeof(text), "%d", count);
    ck_assert_int_eq(setenv("LISTEN_FDS", text, 1), 0);
    for (int i = 0; i < count; i++) {
        aside[i] = fcntl(3 + i, F_DUPFD_CLOEXEC, 20);
        (void)dup2(fd, 3 + i);
    }
    status = service_listen(NULL, &why);
    err = errno;
    if (status >= 0)
        status = fcntl(status, F_GETFD) == FD_CLOEXEC && status == 3 ? 0 : -2;
    for (int i = 0; i < count; i++) {
        (void)close(3 + i);
        if (aside[i] >= 0)
            (void)dup2(aside[i], 3 + i);
    }
    errno = err;
    return status;
}

START_TEST(takes_the_managers_socket)
{
    int fd = fcntl(bound_socket(SOCK_STREAM), F_DUPFD_CLOEXEC, 10);

    ck_assert_int_eq(listen(fd, 5), 0);
    ck_assert_int_eq(listen_activated(fd, 1), 0);
    ck_assert_ptr_null(getenv("LISTEN_FDS"));
    ck_assert_uint_eq(why.len, 0);
}
END_TEST

START_TEST(takes_one_listening_socket_or_none)
{
    int fd = fcntl(bound_socket(SOCK_STREAM), F_DUPFD_CLOEXEC, 10); /* not listening */

    ck_assert_int_eq(listen_activated(fd, 1), -1);
    ck_assert_int_eq(errno, ENOTSOCK);
    ck_assert_int_eq(listen_activated(fd, 2), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(why.data, "more than one"));
}
END_TEST

START_TEST(takes_standard_input_where_it_listens)
{
    int fd = bound_socket(SOCK_STREAM);

    ck_assert_int_eq(unsetenv("LISTEN_FDS"), 0);
    ck_assert_int_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    ck_assert_int_eq(service_listen(NULL, &why), -1);
    ck_assert_int_eq(errno, ENOTSOCK);
    ck_assert_int_eq(listen(fd, 5), 0);
    ck_assert_int_eq(service_listen(NULL, &why), STDIN_FILENO);
    assert_cloexec(STDIN_FILENO);
    assert_serves(STDIN_FILENO);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    ck_assert_int_eq(service_listen(NULL, &why), -1);
    ck_assert_int_eq(errno, ENOTSOCK);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("service");
    TCase *tc = tcase_create("service");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, tells_the_manager);
    tcase_add_test(tc, says_nothing_without_a_manager);
    tcase_add_test(tc, watchdog_interval_is_half);
    tcase_add_test(tc, listens_at_a_path);
    tcase_add_test(tc, replaces_a_leftover);
    tcase_add_test(tc, leaves_one_in_use);
    tcase_add_test(tc, leaves_a_busy_one);
    tcase_add_test(tc, leaves_what_is_no_socket);
    tcase_add_test(tc, refuses_bad_paths);
    tcase_add_test(tc, takes_the_managers_socket);
    tcase_add_test(tc, takes_one_listening_socket_or_none);
    tcase_add_test(tc, takes_standard_input_where_it_listens);
    suite_add_tcase(suite, tc);
    return suite;
}
