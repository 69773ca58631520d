/*
 * varcade-worker: events to statistics, boards and game states; deadlines; snapshots.
 *
 * Everything that can be wrong with the configuration is found before anything is begun. Then one
 * loop runs until SIGTERM, at which the batches under way are finished. What remains to be done
 * at any other end is in the checkpoint.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "lib/base/service.h"
#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/lobby/gameserver.h"
#include "lib/lobby/lobby.h"
#include "lib/lobby/servers.h"
#include "lib/matcher/ticketlog.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "worker/archive/archiver.h"
#include "worker/archive/trim.h"
#include "worker/consumer.h"
#include "worker/lease.h"
#include "worker/matchmaker/making.h"
#include "worker/matchmaker/matchmaker.h"
#include "worker/mem.h"
#include "worker/reload.h"
#include "worker/snapshots/plain.h"
#include "worker/snapshots/snapshots.h"
#include "worker/status.h"
#include "worker/worker.h"

#define WHY_MAX ((size_t)65536)
#define HEARTBEAT ((dur_ms)1000)
#define HEARTBEAT_LIFE ((dur_ms)5000)
#define STREAM_BLOCK ((dur_ms)1000) /* XREAD waits so long; its connection's limit is above it */
#define LAST_WORDS ((dur_ms)500)    /* to give the leases back at the end */

struct program {
    struct worker worker;
    struct conf *conf;
    char *password;
    struct status *status;
    struct reload *reload;
    struct loop_timer *heartbeat, *watchdog, *stop;
};

/* --- arguments -------------------------------------------------------------------------------- */

struct arguments {
    const char *config; /* NULL: defaults alone */
    bool check;
};

static void
print_help(void)
{
    fputs(
        "Usage: varcade-worker [--config FILE] [--check]\n"
        "\n"
        "Reads the stream of game events and keeps statistics, leaderboards and games up to date.\n"
        "\n"
        "  --config FILE  the configuration; without it every key has its default\n"
        "  --check        check the configuration and the game files, and exit\n"
        "  --help         this text\n"
        "  --version      the version\n"
        "\n",
        stdout);
    conf_print_help(stdout);
}

/* Returns -1 to go on, or the program's exit status. */
static int
read_arguments(int argc, char **argv, struct arguments *ret)
{
    enum { CONFIG = 256, CHECK, HELP, VERSION_OPTION };
    static const struct option options[] = {
        {"config", required_argument, NULL, CONFIG},
        {"check", no_argument, NULL, CHECK},
        {"help", no_argument, NULL, HELP},
        {"version", no_argument, NULL, VERSION_OPTION},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case CONFIG:
            ret->config = optarg;
            break;
        case CHECK:
            ret->check = true;
            break;
        case HELP:
            print_help();
            return EXIT_SUCCESS;
        case VERSION_OPTION:
            puts("varcade-worker " PACKAGE_VERSION);
            return EXIT_SUCCESS;
        default:
            fputs("Try varcade-worker --help\n", stderr);
            return 2;
        }
    }
    if (optind == argc)
        return -1;
    fprintf(stderr, "varcade-worker: unexpected argument: %s\n", argv[optind]);
    return 2;
}

/* --- what is read before anything begins ------------------------------------------------------ */

static int
load(struct program *p, const char *path, struct buf *why)
{
    if (conf_load(path, &p->conf, why) < 0)
        return -1;
    p->worker.conf = p->conf;
    if (log_set_levels(p->conf->log_levels) < 0) {
        buf_printf(why, "log.levels: not understood: %s", p->conf->log_levels);
        return -1;
    }
    if (products_load(p->conf->games_dir, &p->worker.products, why) < 0)
        return -1;
    return conf_read_password(p->conf, &p->password, why);
}

/* --- connections ------------------------------------------------------------------------------ */

static void
tell_connection(const char *what, const char *url, bool up, const char *why)
{
    if (up)
        log_notice("redis", "connected", LOG_S("for", what), LOG_S("url", url));
    else
        log_warning("redis", "not connected", LOG_S("for", what), LOG_S("url", url),
                    LOG_S("reason", why));
}

static const char *
stream_url(const struct conf *conf)
{
    return conf->redis_stream_url[0] != '\0' ? conf->redis_stream_url : conf->redis_state_url;
}

static void
on_state(void *cookie, bool up, const char *why)
{
    struct program *p = cookie;
    struct worker *w = &p->worker;
    size_t i;

    tell_connection("state", p->conf->redis_state_url, up, why);
    metric_set(w->report.state_up, up);
    if (!up) {
        leases_drop(w->leases);
        for (i = 0; i < w->nlanes; i++)
            matchmaker_drop(w->lanes[i]->matchmaker);
        return;
    }
    leases_ask(w->leases);
    loop_timer_set(p->heartbeat, 0);
    for (i = 0; i < w->nlanes; i++)
        snapshots_refresh(w->lanes[i]->snapshots);
}

static void
on_stream(void *cookie, bool up, const char *why)
{
    struct program *p = cookie;

    tell_connection("stream", stream_url(p->conf), up, why);
    metric_set(p->worker.report.stream_up, up);
    if (up) {
        loop_timer_set(p->heartbeat, 0);
        consumer_wake(p->worker.consumer);
    }
}

/* state: its functions are loaded; fn NULL: nobody is told. */
static struct redis *
open_redis(struct program *p, bool stream, redis_state_fn *fn)
{
    const struct conf *conf = p->conf;
    struct redis_options options = {
        .url = stream ? stream_url(conf) : conf->redis_state_url,
        .password = p->password,
        .user = conf->redis_user[0] != '\0' ? conf->redis_user : NULL,
        .connect_timeout = conf->redis_connect_timeout,
        .command_timeout = conf->redis_command_timeout + (stream ? STREAM_BLOCK : 0),
        .functions = !stream,
    };

    return redis_open(p->worker.loop, &options, fn, p);
}

static void
on_ticket(void *cookie, const struct ticketlog_entry *e)
{
    struct program *p = cookie;
    struct lane *lane = lanes_find(&p->worker, e->product->id, strlen(e->product->id));

    if (lane->matchmaker != NULL)
        matchmaker_entry(lane->matchmaker, e);
}

static void
on_tickets_followed(void *cookie)
{
    struct program *p = cookie;

    for (size_t i = 0; i < p->worker.nlanes; i++)
        if (p->worker.lanes[i]->matchmaker != NULL)
            matchmaker_followed(p->worker.lanes[i]->matchmaker);
}

static struct ticketlog *
open_tickets(struct program *p)
{
    const struct conf *conf = p->conf;
    struct redis_options options = {
        .url = conf->redis_state_url,
        .password = p->password,
        .user = conf->redis_user[0] != '\0' ? conf->redis_user : NULL,
        .connect_timeout = conf->redis_connect_timeout,
        .command_timeout = conf->redis_command_timeout,
    };
    struct ticketlog_listener listener = {
        .entry = on_ticket, .followed = on_tickets_followed, .cookie = p};
    struct ticketlog *log = NULL;

    return ticketlog_open(p->worker.loop, &options, &listener, &log) == 0 ? log : NULL;
}

/* --- timers and signals ----------------------------------------------------------------------- */

/* A sign of life only while there is life: with either connection away no event is applied. */
static void
on_heartbeat(void *cookie)
{
    struct program *p = cookie;
    struct worker *w = &p->worker;
    struct redis_args a;

    loop_timer_set(p->heartbeat, HEARTBEAT);
    servers_figures(w->metrics, w->client, w->products);
    if (!redis_is_up(w->state) || !redis_is_up(w->stream))
        return;
    redis_args_init(&a);
    redis_args_str(&a, "SET");
    redis_args_str(&a, KEY_HEARTBEAT);
    redis_args_int(&a, clock_wall());
    redis_args_str(&a, "PX");
    redis_args_int(&a, HEARTBEAT_LIFE);
    redis_send(w->state, &a, NULL, NULL);
    redis_args_free(&a);
}

static void
on_watchdog(void *cookie)
{
    struct program *p = cookie;

    service_watchdog_ping();
    loop_timer_set(p->watchdog, service_watchdog_interval());
}

/* Matches whose games are being made: they take as long as the game servers' limits at most. */
static bool
is_matching(const struct worker *w)
{
    for (size_t i = 0; i < w->nlanes; i++)
        if (matchmaker_is_busy(w->lanes[i]->matchmaker))
            return true;
    return false;
}

/* Looks, from SIGTERM on, whether the batches and matches under way are done. */
static void
on_stop(void *cookie)
{
    struct program *p = cookie;

    if (consumer_is_busy(p->worker.consumer) || is_matching(&p->worker))
        loop_timer_set(p->stop, 1);
    else
        loop_stop(p->worker.loop);
}

static void
on_terminate(void *cookie)
{
    struct program *p = cookie;

    if (p->worker.stopping)
        return;
    p->worker.stopping = true;
    log_notice("worker", "stopping");
    service_stopping();
    loop_timer_set(p->stop, 0);
}

static void
on_hangup(void *cookie)
{
    struct program *p = cookie;

    reload_start(p->reload);
}

static struct loop_timer *
new_timer(struct program *p, loop_fn *fn)
{
    struct loop_timer *timer = loop_timer_new(p->worker.loop, fn, p);

    if (timer == NULL)
        mem_out();
    return timer;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int
open_clients(struct program *p)
{
    const struct conf *conf = p->conf;
    struct worker *w = &p->worker;
    struct gameserver_limits limits = {
        .connect_timeout = conf->game_server_connect_timeout,
        .timeout = conf->game_server_timeout,
        .late = conf->game_server_late,
        .concurrent = conf->game_server_concurrent,
        .breaker_failures = conf->game_server_breaker_failures,
        .breaker_open = conf->game_server_breaker_open,
    };
    struct lobby_limits lobby_limits = {.game_server_timeout = conf->game_server_timeout,
                                        .game_server_late = conf->game_server_late};

    w->state = open_redis(p, false, on_state);
    w->stream = open_redis(p, true, on_stream);
    /* The archive and trimming cannot wait behind XREAD. */
    w->side =
        strcmp(stream_url(conf), conf->redis_state_url) == 0 ? w->state : open_redis(p, true, NULL);
    w->tickets = open_tickets(p);
    w->client = gameserver_client_new(w->loop, &limits);
    if (w->state == NULL || w->stream == NULL || w->side == NULL || w->tickets == NULL ||
        w->client == NULL)
        return -1;
    w->servers = servers_new(w->loop, w->state, w->client, w->products, conf->game_server_check);
    w->lobby = lobby_new(w->loop, w->state, w->client, &lobby_limits);
    return w->servers != NULL && w->lobby != NULL ? 0 : -1;
}

static int
open_all(struct program *p, struct buf *why)
{
    struct worker *w = &p->worker;

    w->loop = loop_new();
    if (w->loop == NULL || metrics_open(p->conf->metrics_dir, "worker", &w->metrics) < 0) {
        buf_printf(why, "metrics.dir: %s: %s", p->conf->metrics_dir, strerror(errno));
        return -1;
    }
    report_init(&w->report, w->metrics);
    if (status_open(w, &p->status, why) < 0)
        return -1;
    if (loop_signal(w->loop, SIGTERM, on_terminate, p) < 0 ||
        loop_signal(w->loop, SIGINT, on_terminate, p) < 0 ||
        loop_signal(w->loop, SIGHUP, on_hangup, p) < 0 || open_clients(p) < 0) {
        buf_printf(why, "%s", strerror(errno));
        return -1;
    }
    p->heartbeat = new_timer(p, on_heartbeat);
    p->watchdog = new_timer(p, on_watchdog);
    p->stop = new_timer(p, on_stop);
    w->consumer = consumer_new(w);
    snapshots_prepare(w);
    plain_prepare(w);
    w->archiver = archiver_new(w);
    w->trim = trim_new(w);
    lanes_update(w);
    ticketlog_follow(w->tickets, w->products);
    w->leases = leases_new(w);
    p->reload = reload_new(w);
    return 0;
}

static int
run(struct program *p)
{
    struct worker *w = &p->worker;
    int ret;

    log_notice("worker", "started", LOG_S("version", PACKAGE_VERSION),
               LOG_I("products", products_count(w->products)),
               LOG_S("stream", p->conf->stream_name));
    service_ready(NULL);
    loop_timer_set(p->heartbeat, 0);
    if (service_watchdog_interval() > 0)
        loop_timer_set(p->watchdog, 0);
    ret = loop_run(w->loop);
    if (ret == 0 && redis_is_up(w->state)) {
        mono_ms until = clock_mono() + LAST_WORDS;

        leases_release(w->leases);
        for (size_t i = 0; i < w->nlanes; i++)
            matchmaker_release(w->lanes[i]->matchmaker);
        while (redis_pending(w->state) > 0 && clock_mono() < until &&
               loop_run_once(w->loop, until - clock_mono()) == 0)
            continue;
    }
    log_notice("worker", "stopped");
    return ret;
}

/* What answers from inside its closing comes first, and what is answered by it last. */
static void
close_all(struct program *p)
{
    struct worker *w = &p->worker;

    w->stopping = true;
    ticketlog_close(w->tickets);
    redis_close(w->stream);
    if (w->side != w->state)
        redis_close(w->side);
    redis_close(w->state);
    servers_free(w->servers);
    gameserver_client_free(w->client);
    lobby_free(w->lobby);
    makings_free(w);
    reload_free(p->reload);
    lanes_free(w);
    archiver_free(w->archiver);
    trim_free(w->trim);
    leases_free(w->leases);
    consumer_free(w->consumer);
    status_close(p->status);
    loop_timer_free(p->heartbeat);
    loop_timer_free(p->watchdog);
    loop_timer_free(p->stop);
    metrics_close(w->metrics);
    loop_free(w->loop);
    products_free(w->products);
    if (p->password != NULL)
        text_wipe(p->password, strlen(p->password));
    free(p->password);
    conf_free(p->conf);
}

int
main(int argc, char **argv)
{
    struct arguments arguments = {.config = NULL};
    struct program p = {.stop = NULL};
    int status = read_arguments(argc, argv, &arguments);
    struct buf why;

    if (status >= 0)
        return status;
    status = EXIT_FAILURE;
    log_init("varcade-worker");
    buf_init(&why, WHY_MAX);
    if (load(&p, arguments.config, &why) < 0)
        log_lines(LOG_LEVEL_ERROR, "config", "cannot start", why.data);
    else if (arguments.check)
        status = EXIT_SUCCESS;
    else if (open_all(&p, &why) < 0)
        log_lines(LOG_LEVEL_ERROR, "worker", "cannot start", why.data);
    else
        status = run(&p) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    buf_free(&why);
    close_all(&p);
    return status;
}
