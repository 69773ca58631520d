/* How varcade is: for balancers, supervisors and Prometheus. */
#ifndef VARCADE_FCGI_STATUS_H
#define VARCADE_FCGI_STATUS_H

struct request;

/* GET /healthz: this process answers. */
void status_health(struct request *r);

/* GET /readyz: Redis is reached and a worker was alive moments ago; 503 where not. */
void status_ready(struct request *r);

/* GET /metrics: Prometheus text, for clients on this machine alone. */
void status_metrics(struct request *r);

#endif
