/* The life of a serving process. */
#include "fcgi/server/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/app.h"
#include "fcgi/polls.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/router.h"
#include "fcgi/server/pool.h"
#include "fcgi/server/server.h"
#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/text.h"
#include "lib/config/conf.h"

/* Where others serve already, kept connections may bring one more request this long, ms. */
#define LINGER 2000

struct process {
    struct loop *loop;
    struct app *app;
    struct server *server;
    struct loop_timer *turn;
    struct pool_seat *seat;
};

static void
stop_now(void *cookie)
{
    struct process *p = cookie;

    polls_end(p->app->polls);
    server_drain(p->server, 0);
    pool_serving(p->seat, false);
}

static void
stop_gently(void *cookie)
{
    struct process *p = cookie;

    polls_end(p->app->polls);
    server_drain(p->server, LINGER);
    pool_serving(p->seat, false);
}

static void
turned(void *cookie)
{
    struct process *p = cookie;

    pool_turned(p->seat);
    loop_timer_set(p->turn, POOL_TURN_EVERY);
}

static int
open_process(struct process *p, const struct app_settings *settings, int listen_fd)
{
    p->loop = loop_new();
    if (p->loop == NULL || app_open(settings, p->loop, settings->conf->metrics_dir, &p->app) != 0)
        return -1;
    /* Not reached is no reason not to serve: requests are told so. */
    (void)app_wait_redis(p->app);
    p->server = server_new(p->app, listen_fd);
    p->turn = loop_timer_new(p->loop, turned, p);
    if (p->server == NULL || p->turn == NULL || loop_signal(p->loop, SIGTERM, stop_now, p) != 0 ||
        loop_signal(p->loop, SIGINT, stop_now, p) != 0 ||
        loop_signal(p->loop, SIGQUIT, stop_gently, p) != 0)
        return -1;
    return 0;
}

int
serve_fastcgi(const struct app_settings *settings, int listen_fd, struct pool_seat *seat)
{
    struct process p = {.seat = seat};
    int status = EXIT_FAILURE;

    if (open_process(&p, settings, listen_fd) != 0) {
        log_error("server", "cannot serve", LOG_ERRNO(errno));
        goto out;
    }
    turned(&p);
    pool_serving(seat, true);
    if (loop_run(p.loop) != 0)
        log_error("server", "cannot go on", LOG_ERRNO(errno));
    else
        status = EXIT_SUCCESS;
out:
    app_close(p.app);
    server_free(p.server);
    loop_timer_free(p.turn);
    loop_free(p.loop);
    return status;
}

/* --- CGI -------------------------------------------------------------------------------------- */

static int
read_all(char *to, size_t len)
{
    while (len > 0) {
        ssize_t n = read(STDIN_FILENO, to, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        to += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The body that CONTENT_LENGTH announces. */
static int
read_body(struct request *r, int64_t max)
{
    const char *text = getenv("CONTENT_LENGTH");
    int64_t len = 0;

    if (text == NULL || text[0] == '\0')
        return 0;
    if (text_parse_int(text, strlen(text), 0, INT64_MAX, &len) != 0 || len > max) {
        r->body_too_large = true;
        return 0;
    }
    if (len == 0)
        return 0;
    r->body = calloc(1, (size_t)len + 1);
    if (r->body == NULL || read_all(r->body, (size_t)len) != 0)
        return -1;
    r->body_len = (size_t)len;
    return 0;
}

static void
stop_loop(void *cookie, struct request *r)
{
    (void)cookie;
    loop_stop(r->app->loop);
}

static int
write_answer(const struct request *r)
{
    if (printf("Status: %d %s\r\n", r->status, reply_phrase(r->status)) < 0 ||
        fwrite(r->headers.data, 1, r->headers.len, stdout) != r->headers.len ||
        fputs("\r\n", stdout) == EOF)
        return -1;
    if (r->method != REQUEST_HEAD && r->answer.len > 0 &&
        fwrite(r->answer.data, 1, r->answer.len, stdout) != r->answer.len)
        return -1;
    return fflush(stdout) == 0 ? 0 : -1;
}

/* The loop may have been stopped by an answer that came at once; then it is not run. */
static int
answer_one(struct app *app, char *const *env)
{
    struct request *r = request_new(app, env, stop_loop, NULL);
    int result = -1;

    if (r != NULL && read_body(r, (int64_t)router_body_max(app->settings->conf)) == 0) {
        router_dispatch(r);
        if (r->answered || (loop_run(app->loop) == 0 && r->answered))
            result = write_answer(r);
    }
    request_free(r);
    return result;
}

int
serve_cgi(const struct app_settings *settings, char *const *env)
{
    struct loop *loop = loop_new();
    struct app *app = NULL;
    int status = EXIT_FAILURE;

    /* The figures of one request are nobody's. */
    if (loop == NULL || app_open(settings, loop, "", &app) != 0)
        goto out;
    (void)app_wait_redis(app);
    if (answer_one(app, env) == 0)
        status = EXIT_SUCCESS;
out:
    if (status != EXIT_SUCCESS)
        log_error("cgi", "cannot serve", LOG_ERRNO(errno));
    app_close(app);
    loop_free(loop);
    return status;
}
