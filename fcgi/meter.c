/*
 * The figures. Series are made when first needed and kept by route and status, so that counting a
 * request is two additions.
 */
#include "fcgi/meter.h"

#include <stdio.h>
#include <stdlib.h>

#include "fcgi/app.h"
#include "fcgi/polls.h"
#include "fcgi/router.h"
#include "lib/base/metrics.h"
#include "lib/lobby/servers.h"
#include "lib/redis/redis.h"

#define ROUTES_MAX 48
#define STATUS_MIN 200
#define STATUS_MAX 599

/* One route's series; status from STATUS_MIN. */
struct route_series {
    struct metric_histogram *seconds;
    struct metric *requests[STATUS_MAX - STATUS_MIN + 1];
};

struct meter {
    struct metrics *metrics;
    struct metric *under_way;
    struct metric *redis_up;
    struct metric *polls;
    struct route_series route[ROUTES_MAX + 1]; /* the last: no route fitted */
};

struct meter *
meter_new(const char *dir, const char *pool)
{
    struct meter *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    if (metrics_open(dir, pool, &m->metrics) != 0) {
        free(m);
        return NULL;
    }
    m->under_way = metrics_get(m->metrics, METRIC_GAUGE, "varcade_http_requests_under_way",
                               "Requests that wait for Redis or a game server", NULL);
    m->redis_up = metrics_get(m->metrics, METRIC_GAUGE, "varcade_redis_up",
                              "Whether Redis is reached (1) or not (0)", NULL);
    m->polls = metrics_get(m->metrics, METRIC_GAUGE, "varcade_long_polls",
                           "Long polls that wait for news of their ticket", NULL);
    return m;
}

void
meter_free(struct meter *m)
{
    if (m == NULL)
        return;
    metrics_close(m->metrics);
    free(m);
}

/* The place of a route among the series. */
static size_t
route_index(const struct route *route)
{
    size_t i = 0;

    while (i < ROUTES_MAX && router_route_at(i) != NULL && router_route_at(i) != route)
        i++;
    return router_route_at(i) == route && route != NULL ? i : ROUTES_MAX;
}

void
meter_request(struct meter *m, const struct route *route, int status, double seconds)
{
    struct route_series *series = &m->route[route_index(route)];
    struct metric **requests;
    char labels[METRICS_LABELS_MAX + 1] = "";

    metrics_label(labels, sizeof(labels), "route", route != NULL ? route->name : "none");
    if (series->seconds == NULL)
        series->seconds = metrics_histogram(m->metrics, "varcade_http_request_seconds",
                                            "Time from a request's arrival to its answer", labels,
                                            metrics_latency_bounds, metrics_latency_bounds_n);
    metric_observe(series->seconds, seconds);
    if (status < STATUS_MIN || status > STATUS_MAX)
        return;
    requests = &series->requests[status - STATUS_MIN];
    if (*requests == NULL) {
        char number[16];

        (void)snprintf(number, sizeof(number), "%d", status);
        metrics_label(labels, sizeof(labels), "status", number);
        *requests = metrics_get(m->metrics, METRIC_COUNTER, "varcade_http_requests_total",
                                "Requests answered", labels);
    }
    metric_add(*requests, 1);
}

void
meter_refresh(struct app *app)
{
    metric_set(app->meter->under_way, (double)app->under_way);
    metric_set(app->meter->redis_up, redis_is_up(app->redis) ? 1 : 0);
    metric_set(app->meter->polls, (double)polls_held(app->polls));
    servers_figures(app->meter->metrics, app->game_servers, app->settings->products);
}

int
meter_render(const struct meter *m, struct buf *out)
{
    return metrics_render(m->metrics, out);
}
