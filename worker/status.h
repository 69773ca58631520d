/*
 * How the worker is, over HTTP on worker.listen: /healthz (it runs), /readyz (both connections to
 * Redis are there), /metrics (every process of this machine). libmicrohttpd does the protocol, in
 * the worker's own loop.
 */
#ifndef VARCADE_WORKER_STATUS_H
#define VARCADE_WORKER_STATUS_H

#include "lib/base/buf.h"

struct status;
struct worker;

/* status_open(w, ret_status, why): listen. Where worker.listen is "", *ret_status is NULL. Returns
 * 0, or -1 with the reason in why. */
int status_open(struct worker *w, struct status **ret_status, struct buf *why)
    __attribute__((warn_unused_result));
void status_close(struct status *s);

#endif
