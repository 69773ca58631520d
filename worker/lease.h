/*
 * A lease a product keeps a second worker from doing the same work for nothing: it stands by, and
 * takes over when the lease runs out. Correctness does not rest on it; the checkpoint's fence does
 * that, also for a worker that was stopped for a while and still believes it holds the lease.
 */
#ifndef VARCADE_WORKER_LEASE_H
#define VARCADE_WORKER_LEASE_H

struct leases;
struct worker;

/* leases_new(w): ask for all of w's lanes, and again every third of worker.lease_ms. */
struct leases *leases_new(struct worker *w);
void leases_free(struct leases *l);

/* leases_ask(l): ask now: the connection is there, or there are new lanes. */
void leases_ask(struct leases *l);

/* leases_drop(l): the connection is gone, so nothing is held any more. */
void leases_drop(struct leases *l);

/* leases_release(l): give all back, so that another worker need not wait. */
void leases_release(struct leases *l);

#endif
