/*
 * Past windows of one product's boards: removed when nobody can ask for them any more, that is
 * when they are further back than the board's `keep`, by the time of the events that are applied.
 */
#ifndef VARCADE_WORKER_RETENTION_H
#define VARCADE_WORKER_RETENTION_H

struct lane;
struct retention;

struct retention *retention_new(struct lane *lane);
void retention_free(struct retention *r);

#endif
