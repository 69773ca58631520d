/* How varcade is. */
#include "fcgi/routes/status.h"

#include <hiredis/hiredis.h>
#include <string.h>

#include "fcgi/app.h"
#include "fcgi/meter.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/store.h"
#include "lib/base/text.h"
#include "lib/lobby/servers.h"
#include "lib/redis/keys.h"

/* A worker shows a sign of life more often than this, ms. */
#define HEARTBEAT_FRESH 5000

void
status_health(struct request *r)
{
    static const char alive[] = "{\"status\": \"ok\"}";

    reply_json(r, 200, alive, sizeof(alive) - 1);
}

static void
answer_ready(struct request *r, const char *redis, const char *worker)
{
    bool ready = strcmp(redis, "ok") == 0 && strcmp(worker, "ok") == 0;

    /* A game server that is away makes nobody unready: all else is served. */
    buf_printf(&r->answer,
               "{\"status\": \"%s\", \"redis\": \"%s\", \"worker\": \"%s\", "
               "\"game_servers_away\": ",
               ready ? "ready" : "not ready", redis, worker);
    servers_away_json(r->app->game_servers, r->app->settings->products, &r->answer);
    buf_byte(&r->answer, '}');
    if (!ready)
        reply_header(r, "Retry-After", "1");
    reply_answer(r, ready ? 200 : 503, "application/json");
}

static void
got_heartbeat(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;
    int64_t beat;

    if (outcome != REDIS_DONE)
        answer_ready(r, "away", "unknown");
    else if (reply->type != REDIS_REPLY_STRING ||
             text_parse_int(reply->str, reply->len, 0, INT64_MAX, &beat) != 0)
        answer_ready(r, "ok", "missing");
    else
        answer_ready(r, "ok", clock_wall() - beat < HEARTBEAT_FRESH ? "ok" : "stale");
}

void
status_ready(struct request *r)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "GET");
    redis_args_str(&a, KEY_HEARTBEAT);
    store_read(r, &a, got_heartbeat);
}

/* A web server that listens on a unix socket says "unix:"; a program called by hand has no
 * address. */
static bool
is_local(const char *addr)
{
    static const char mapped[] = "::ffff:";

    if (addr == NULL || addr[0] == '\0' || strncmp(addr, "unix:", 5) == 0)
        return true;
    if (strncmp(addr, mapped, sizeof(mapped) - 1) == 0)
        addr += sizeof(mapped) - 1;
    return strncmp(addr, "127.", 4) == 0 || strcmp(addr, "::1") == 0;
}

void
status_metrics(struct request *r)
{
    if (!is_local(r->remote_addr)) {
        reply_problem(r, 403, "The figures are for clients on this machine");
        return;
    }
    meter_refresh(r->app);
    if (meter_render(r->app->meter, &r->answer) != 0)
        reply_problem(r, 500, "The figures cannot be read");
    else
        reply_answer(r, 200, "text/plain; version=0.0.4; charset=utf-8");
}
