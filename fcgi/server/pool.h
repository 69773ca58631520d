/*
 * The supervisor: forks the serving processes, starts again one that dies or hangs, replaces all of
 * them where what they serve by has changed, and ends with them. It serves nothing itself.
 *
 * What it cannot do is be behind: it holds no connection and makes no call that waits.
 */
#ifndef VARCADE_FCGI_POOL_H
#define VARCADE_FCGI_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct pool_seat;

#define POOL_PROCESSES_MAX 256
#define POOL_TURN_EVERY 1000 /* ms: how often a process has to call pool_turned */

/*
 * pool_serve_fn: the life of a serving process, after the fork. Returns its exit status. It calls
 * pool_serving when it begins and ends to take connections, and pool_turned every
 * POOL_TURN_EVERY. SIGTERM: answer what is under way and return; SIGQUIT: the same without hurry,
 * another process is there.
 */
typedef int pool_serve_fn(void *cookie, struct pool_seat *seat);

/* pool_reload_fn: SIGHUP: read again what processes serve by. Returns 0 where that is new and
 * good, -1 where it is kept as it was; the function has logged it. */
typedef int pool_reload_fn(void *cookie);

struct pool_options {
    size_t processes; /* 1 .. POOL_PROCESSES_MAX */
    pool_serve_fn *serve;
    pool_reload_fn *reload;
    void *cookie; /* of both */
};

/* pool_run(options): until SIGTERM or SIGINT. Returns 0, or -1 with errno where it could not
 * begin. */
int pool_run(const struct pool_options *options) __attribute__((warn_unused_result));

/* pool_serving(seat, serving), pool_turned(seat): signs of life of a serving process. serving:
 * whether it takes new connections. seat NULL: nothing. */
void pool_serving(struct pool_seat *seat, bool serving);
void pool_turned(struct pool_seat *seat);

#endif
