/*
 * The event loop both programs run on: epoll for descriptors, a heap for timers, a signalfd for
 * signals. One thread; callbacks run to completion and never block.
 *
 * A turn is: wait, run due timers, run descriptor callbacks, run end-of-turn hooks. The hooks are
 * where a Redis connection writes, in one go, all that the turn's callbacks had to say.
 */
#ifndef VARCADE_LOOP_H
#define VARCADE_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

#include "lib/base/clock.h"

struct loop;
struct loop_io;
struct loop_timer;
struct loop_hook;

/* events: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLERR, EPOLLHUP as epoll(7) reports them. */
typedef void loop_io_fn(void *cookie, uint32_t events);
typedef void loop_fn(void *cookie);

/* loop_new(): returns NULL with errno where the kernel refuses. Descriptors are close-on-exec.
 * SIGPIPE is ignored from here on: a peer that went away is an error of write(). */
struct loop *loop_new(void) __attribute__((warn_unused_result));

/* loop_free(loop): everything still registered is released (descriptors are not closed): whoever
 * holds a watch, timer or hook frees it before. Not from inside a callback. NULL is legal. */
void loop_free(struct loop *loop);

/* loop_run(loop): turn until loop_stop(). Returns 0, or -1 with errno where epoll failed. */
int loop_run(struct loop *loop);

/* loop_run_once(loop, max_wait): one turn that waits at most max_wait (-1: no limit). */
int loop_run_once(struct loop *loop, dur_ms max_wait);

/* loop_stop(loop): loop_run returns at the end of the present turn; before loop_run: at once. */
void loop_stop(struct loop *loop);

/* loop_now(loop): the monotonic time at which this turn began to run callbacks. */
mono_ms loop_now(const struct loop *loop);

/*
 * loop_io_add(loop, fd, events, fn, cookie): watch fd (level-triggered unless events has EPOLLET;
 * EPOLLEXCLUSIVE may be given here). fd stays the caller's, who calls loop_io_free before closing
 * it. Returns NULL with errno on failure.
 */
struct loop_io *loop_io_add(struct loop *loop, int fd, uint32_t events, loop_io_fn *fn,
                            void *cookie) __attribute__((warn_unused_result));

/* loop_io_set(io, events): change what is watched; 0 watches only errors. Returns 0, or -1 with
 * errno (EINVAL where it was added with EPOLLEXCLUSIVE: free it and add it again). */
int loop_io_set(struct loop_io *io, uint32_t events);

/* loop_io_free(io): stop watching. Legal inside any callback, also its own; NULL is legal. */
void loop_io_free(struct loop_io *io);

/* loop_timer_new(loop, fn, cookie): a timer that is not set. NULL with errno ENOMEM. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *cookie)
    __attribute__((warn_unused_result));

/* loop_timer_set(t, delay): fire once, delay from now (0: next turn); replaces what was set. */
void loop_timer_set(struct loop_timer *t, dur_ms delay);

/* loop_timer_stop(t): do not fire. loop_timer_is_set(t): whether it will. */
void loop_timer_stop(struct loop_timer *t);
int loop_timer_is_set(const struct loop_timer *t);

/* loop_timer_free(t): legal inside any callback, also its own; NULL is legal. */
void loop_timer_free(struct loop_timer *t);

/* loop_hook_add(loop, fn, cookie): call fn at the end of every turn. NULL with errno ENOMEM. */
struct loop_hook *loop_hook_add(struct loop *loop, loop_fn *fn, void *cookie)
    __attribute__((warn_unused_result));
void loop_hook_free(struct loop_hook *hook);

/*
 * loop_signal(loop, signo, fn, cookie): block signo for the process and call fn in the loop when
 * it comes; one function a signal, the last one wins. Returns 0, or -1 with errno.
 */
int loop_signal(struct loop *loop, int signo, loop_fn *fn, void *cookie)
    __attribute__((warn_unused_result));

#endif
