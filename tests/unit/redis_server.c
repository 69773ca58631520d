/* A real redis-server for tests. */
#include "tests/unit/redis_server.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define START_LIMIT ((dur_ms)10000)

struct redis_server {
    char dir[64];
    char url[128]; /* the socket's path behind unix: */
    const char *const *options;
    pid_t pid; /* 0: not running */
};

void
redis_server_require(void)
{
    const char *ci = getenv("CI");

    if (system("command -v redis-server >/dev/null 2>&1") == 0)
        return;
    fprintf(stderr, "redis-server is not installed\n");
    exit(ci != NULL && strcmp(ci, "true") == 0 ? EXIT_FAILURE : 77);
}

/* In the child: become redis-server, never return. */
static void __attribute__((noreturn)) exec_server(const struct redis_server *s, pid_t parent)
{
    const char *argv[32] = {
        "redis-server", "--port",     "0",      "--unixsocket", s->url + 5, "--dir",
        s->dir,         "--save",     "",       "--appendonly", "no",       "--logfile",
        "redis.log",    "--loglevel", "warning"};
    size_t n = 15;
    sigset_t none;

    for (size_t i = 0; s->options != NULL && s->options[i] != NULL && n < 31; i++)
        argv[n++] = s->options[i];
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
        execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* Whether it answers; asks for a password are answers. */
static int
answers(const struct redis_server *s)
{
    redisContext *c = redisConnectUnix(redis_server_socket(s));
    redisReply *reply = NULL;
    int yes;

    if (c != NULL && c->err == 0)
        reply = redisCommand(c, "PING");
    yes = reply != NULL;
    if (reply != NULL)
        freeReplyObject(reply);
    if (c != NULL)
        redisFree(c);
    return yes;
}

static void
spawn(struct redis_server *s)
{
    mono_ms began = clock_mono();
    pid_t parent = getpid();

    s->pid = fork();
    ck_assert_int_ge(s->pid, 0);
    if (s->pid == 0)
        exec_server(s, parent);
    while (!answers(s)) {
        ck_assert_int_eq(waitpid(s->pid, NULL, WNOHANG), 0);
        ck_assert_int_lt(clock_mono() - began, START_LIMIT);
        (void)poll(NULL, 0, 2);
    }
}

struct redis_server *
redis_server_start(const char *const *options)
{
    struct redis_server *s = calloc(1, sizeof(*s));

    ck_assert_ptr_nonnull(s);
    (void)snprintf(s->dir, sizeof(s->dir), "/tmp/varcade-redis-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(s->dir));
    (void)snprintf(s->url, sizeof(s->url), "unix:%s/redis.sock", s->dir);
    s->options = options;
    spawn(s);
    return s;
}

void
redis_server_kill(struct redis_server *s)
{
    ck_assert_int_gt(s->pid, 0);
    ck_assert_int_eq(kill(s->pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(s->pid, NULL, 0), s->pid);
    s->pid = 0;
}

void
redis_server_restart(struct redis_server *s)
{
    if (s->pid != 0)
        redis_server_kill(s);
    spawn(s);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* With a folder in its folder where options make it keep its data. */
void
redis_server_free(struct redis_server *s)
{
    if (s == NULL)
        return;
    if (s->pid != 0)
        redis_server_kill(s);
    ck_assert_int_eq(nftw(s->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(s);
}

const char *
redis_server_url(const struct redis_server *s)
{
    return s->url;
}

const char *
redis_server_socket(const struct redis_server *s)
{
    return s->url + 5;
}

void
redis_server_pause(struct redis_server *s)
{
    int status;

    ck_assert_int_eq(kill(s->pid, SIGSTOP), 0);
    ck_assert_int_eq(waitpid(s->pid, &status, WUNTRACED), s->pid);
    ck_assert(WIFSTOPPED(status));
}

void
redis_server_resume(struct redis_server *s)
{
    ck_assert_int_eq(kill(s->pid, SIGCONT), 0);
}

redisContext *
redis_server_client(const struct redis_server *s)
{
    redisContext *c = redisConnectUnix(redis_server_socket(s));

    ck_assert_ptr_nonnull(c);
    ck_assert_msg(c->err == 0, "%s", c->errstr);
    return c;
}

static redisReply *
command(const struct redis_server *s, const char *fmt, va_list ap)
{
    redisContext *c = redis_server_client(s);
    redisReply *reply = redisvCommand(c, fmt, ap);

    ck_assert_msg(reply != NULL, "%s: %s", fmt, c->errstr);
    ck_assert_msg(reply->type != REDIS_REPLY_ERROR, "%s: %s", fmt, reply->str);
    redisFree(c);
    return reply;
}

redisReply *
redis_server_command(const struct redis_server *s, const char *fmt, ...)
{
    redisReply *reply;
    va_list ap;

    va_start(ap, fmt);
    reply = command(s, fmt, ap);
    va_end(ap);
    return reply;
}

void
redis_server_do(const struct redis_server *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    freeReplyObject(command(s, fmt, ap));
    va_end(ap);
}
