/* The figures of this program for GET /metrics (lib/base/metrics.h). */
#ifndef VARCADE_FCGI_METER_H
#define VARCADE_FCGI_METER_H

#include <stddef.h>

#include "lib/base/buf.h"

struct app;
struct meter;
struct route;

/* meter_new(dir, pool): dir as metrics_open takes it. NULL with errno. */
struct meter *meter_new(const char *dir, const char *pool) __attribute__((warn_unused_result));
void meter_free(struct meter *m); /* NULL is legal */

/* meter_request(m, route, status, seconds): one request was answered. route NULL: none fitted. */
void meter_request(struct meter *m, const struct route *route, int status, double seconds);

/* meter_refresh(app): bring up to date what is not counted where it happens: requests under way,
 * Redis, game servers. Called once a second, and before this process answers GET /metrics. */
void meter_refresh(struct app *app);

/* meter_render(m, out): all processes' figures as Prometheus text. Returns 0 or -1. */
int meter_render(const struct meter *m, struct buf *out) __attribute__((warn_unused_result));

#endif
