/* See app.h. */
#include "fcgi/app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/meter.h"
#include "fcgi/polls.h"
#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/config/conf.h"
#include "lib/lobby/gameserver.h"
#include "lib/lobby/lobby.h"
#include "lib/lobby/servers.h"
#include "lib/redis/redis.h"

static void
log_change(const char *url, bool up, const char *why)
{
    if (up)
        log_notice("redis", "connected", LOG_S("url", url));
    else
        log_warning("redis", "not connected", LOG_S("url", url), LOG_S("reason", why));
}

static void
redis_changed(void *cookie, bool up, const char *why)
{
    struct app *app = cookie;

    app->redis_known = true;
    log_change(app->settings->conf->redis_state_url, up, why);
}

static void
stream_changed(void *cookie, bool up, const char *why)
{
    struct app *app = cookie;

    app->stream_known = true;
    log_change(app->settings->conf->redis_stream_url, up, why);
}

static struct redis *
open_redis(struct app *app, const char *url, redis_state_fn *changed)
{
    const struct conf *conf = app->settings->conf;
    struct redis_options options = {.url = url,
                                    .password = app->settings->redis_password,
                                    .user = conf->redis_user[0] != '\0' ? conf->redis_user : NULL,
                                    .connect_timeout = conf->redis_connect_timeout,
                                    .command_timeout = conf->redis_command_timeout,
                                    .functions = true};

    return redis_open(app->loop, &options, changed, app);
}

/* The stream's Redis is mostly the state's, and then its connection serves for both. */
static int
open_both(struct app *app)
{
    const struct conf *conf = app->settings->conf;
    const char *stream_url = conf->redis_stream_url;

    app->redis = open_redis(app, conf->redis_state_url, redis_changed);
    if (stream_url[0] == '\0' || strcmp(stream_url, conf->redis_state_url) == 0) {
        app->stream = app->redis;
        app->stream_known = true;
    } else {
        app->stream = open_redis(app, stream_url, stream_changed);
    }
    return app->redis != NULL && app->stream != NULL ? 0 : -1;
}

static struct gameserver_client *
open_game_servers(struct app *app)
{
    const struct conf *conf = app->settings->conf;
    struct gameserver_limits limits = {.connect_timeout = conf->game_server_connect_timeout,
                                       .timeout = conf->game_server_timeout,
                                       .late = conf->game_server_late,
                                       .concurrent = conf->game_server_concurrent,
                                       .breaker_failures = conf->game_server_breaker_failures,
                                       .breaker_open = conf->game_server_breaker_open};

    return gameserver_client_new(app->loop, &limits);
}

int
app_open(const struct app_settings *settings, struct loop *loop, const char *metrics_dir,
         struct app **ret_app)
{
    struct lobby_limits limits = {.game_server_timeout = settings->conf->game_server_timeout,
                                  .game_server_late = settings->conf->game_server_late};
    struct app *app = calloc(1, sizeof(*app));

    if (app == NULL)
        return -1;
    app->settings = settings;
    app->loop = loop;
    app->meter = meter_new(metrics_dir, settings->pool);
    if (app->meter == NULL)
        goto fail;
    if (open_both(app) != 0)
        goto fail;
    app->game_servers = open_game_servers(app);
    if (app->game_servers == NULL)
        goto fail;
    app->lobby = lobby_new(app->loop, app->redis, app->game_servers, &limits);
    if (app->lobby == NULL)
        goto fail;
    app->servers = servers_new(loop, app->redis, app->game_servers, settings->products,
                               settings->conf->game_server_check);
    if (app->servers == NULL)
        goto fail;
    app->polls = polls_new(app);
    if (app->polls == NULL)
        goto fail;
    *ret_app = app;
    return 0;
fail:
    app_close(app);
    return -1;
}

void
app_close(struct app *app)
{
    int saved = errno;

    if (app == NULL)
        return;
    if (app->stream != app->redis)
        redis_close(app->stream);
    redis_close(app->redis);
    servers_free(app->servers);
    gameserver_client_free(app->game_servers);
    lobby_free(app->lobby);
    polls_free(app->polls);
    meter_free(app->meter);
    free(app);
    errno = saved;
}

static bool
is_known(const struct app *app)
{
    return app->redis_known && app->stream_known &&
           (servers_are_known(app->servers) || !redis_is_up(app->redis));
}

bool
app_wait_redis(struct app *app)
{
    mono_ms until = clock_mono() + app->settings->conf->redis_connect_timeout;
    mono_ms now;

    while (!is_known(app) && (now = clock_mono()) < until) {
        if (loop_run_once(app->loop, until - now) != 0)
            return false;
    }
    return redis_is_up(app->redis);
}
