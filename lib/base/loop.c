/*
 * The event loop: epoll, a binary heap of timers, a signalfd.
 *
 * Any callback may free any descriptor's watch, timer or hook, also its own. A timer can go at
 * once: once it fires the loop no longer looks at it. A watch cannot, since the kernel may already
 * have reported it in the batch that is being worked through; nor can a hook, from which the loop
 * goes on to the next. Those are marked dead and released when the turn is over.
 */
#include "lib/base/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utlist.h>

/* How many ready descriptors one turn serves; the kernel keeps the others for the next turn. */
#define LOOP_EVENTS_MAX 128
/* No timer is set further ahead than this, so that adding it to a clock cannot overflow. */
#define LOOP_DELAY_MAX ((dur_ms)1 << 50)
#define TIMER_UNSET SIZE_MAX

struct loop_io {
    struct loop *loop;
    int fd;
    uint32_t events; /* as the kernel has them */
    loop_io_fn *fn;
    void *cookie;
    bool dead; /* in the loop's dead_ios, waiting for the end of the turn */
    struct loop_io *prev, *next;
};

struct loop_timer {
    struct loop *loop;
    mono_ms due;
    uint64_t seq; /* of all loop_timer_set calls: order among equal times, and what is new */
    size_t at;    /* index in the loop's heap, or TIMER_UNSET */
    loop_fn *fn;
    void *cookie;
    struct loop_timer *prev, *next;
};

struct loop_hook {
    struct loop *loop;
    loop_fn *fn;
    void *cookie;
    bool dead;
    struct loop_hook *prev, *next;
};

struct loop_signal_handler {
    loop_fn *fn;
    void *cookie;
};

/*
 * Invariants:
 * 1. heap[0..nheap) are the timers that are set, each knowing its index; heap_cap is never less
 *    than the number of timers, so that setting one cannot fail.
 * 2. a dead watch or hook is never called and is released at the end of the turn.
 */
struct loop {
    int epoll_fd;
    bool in_turn;
    bool stop;
    mono_ms now;
    struct loop_io *ios, *dead_ios;
    struct loop_timer *timers;
    struct loop_timer **heap;
    size_t ntimers, nheap, heap_cap;
    uint64_t timer_seq;
    struct loop_hook *hooks;
    bool hooks_died;
    int signal_fd;
    struct loop_io *signal_io;
    sigset_t signals;
    struct loop_signal_handler handlers[_NSIG];
};

struct loop *
loop_new(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL)
        return NULL;
    loop->signal_fd = -1;
    sigemptyset(&loop->signals);
    loop->now = clock_mono();
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        free(loop);
        return NULL;
    }
    /* A peer that went away is an error of write(), not the end of the program. */
    (void)signal(SIGPIPE, SIG_IGN);
    return loop;
}

static void
release_dead(struct loop *loop)
{
    struct loop_io *io, *io_tmp;
    struct loop_hook *hook, *hook_tmp;

    DL_FOREACH_SAFE (loop->dead_ios, io, io_tmp)
        free(io);
    loop->dead_ios = NULL;
    if (!loop->hooks_died)
        return;
    loop->hooks_died = false;
    DL_FOREACH_SAFE (loop->hooks, hook, hook_tmp) {
        if (!hook->dead)
            continue;
        DL_DELETE(loop->hooks, hook);
        free(hook);
    }
}

void
loop_free(struct loop *loop)
{
    struct loop_io *io, *io_tmp;
    struct loop_timer *timer, *timer_tmp;
    struct loop_hook *hook, *hook_tmp;

    if (loop == NULL)
        return;
    assert(!loop->in_turn);
    release_dead(loop);
    DL_FOREACH_SAFE (loop->ios, io, io_tmp)
        free(io);
    DL_FOREACH_SAFE (loop->timers, timer, timer_tmp)
        free(timer);
    DL_FOREACH_SAFE (loop->hooks, hook, hook_tmp)
        free(hook);
    free(loop->heap);
    if (loop->signal_fd >= 0)
        (void)close(loop->signal_fd);
    (void)close(loop->epoll_fd);
    free(loop);
}

/* --- timers ----------------------------------------------------------------------------------- */

static bool
earlier(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->due < b->due || (a->due == b->due && a->seq < b->seq);
}

static void
heap_put(struct loop *loop, size_t at, struct loop_timer *t)
{
    loop->heap[at] = t;
    t->at = at;
}

static void
heap_up(struct loop *loop, size_t at, struct loop_timer *t)
{
    while (at > 0 && earlier(t, loop->heap[(at - 1) / 2])) {
        heap_put(loop, at, loop->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(loop, at, t);
}

static void
heap_down(struct loop *loop, size_t at, struct loop_timer *t)
{
    size_t child;

    while ((child = 2 * at + 1) < loop->nheap) {
        if (child + 1 < loop->nheap && earlier(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!earlier(loop->heap[child], t))
            break;
        heap_put(loop, at, loop->heap[child]);
        at = child;
    }
    heap_put(loop, at, t);
}

struct loop_timer *
loop_timer_new(struct loop *loop, loop_fn *fn, void *cookie)
{
    struct loop_timer *t;

    if (loop->ntimers == loop->heap_cap) {
        size_t cap = loop->heap_cap == 0 ? 16 : 2 * loop->heap_cap;
        struct loop_timer **heap = reallocarray(loop->heap, cap, sizeof(*heap));

        if (heap == NULL)
            return NULL;
        loop->heap = heap;
        loop->heap_cap = cap;
    }
    t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->loop = loop;
    t->at = TIMER_UNSET;
    t->fn = fn;
    t->cookie = cookie;
    DL_APPEND(loop->timers, t);
    loop->ntimers++;
    return t;
}

void
loop_timer_set(struct loop_timer *t, dur_ms delay)
{
    struct loop *loop = t->loop;

    loop_timer_stop(t);
    if (delay < 0)
        delay = 0;
    if (delay > LOOP_DELAY_MAX)
        delay = LOOP_DELAY_MAX;
    /* Not from loop->now: a slow callback must not shorten the timers that it sets. */
    t->due = clock_mono() + delay;
    t->seq = ++loop->timer_seq;
    heap_up(loop, loop->nheap++, t);
}

void
loop_timer_stop(struct loop_timer *t)
{
    struct loop *loop = t->loop;
    size_t at = t->at;
    struct loop_timer *last;

    if (at == TIMER_UNSET)
        return;
    t->at = TIMER_UNSET;
    last = loop->heap[--loop->nheap];
    if (last == t)
        return;
    if (at > 0 && earlier(last, loop->heap[(at - 1) / 2]))
        heap_up(loop, at, last);
    else
        heap_down(loop, at, last);
}

int
loop_timer_is_set(const struct loop_timer *t)
{
    return t->at != TIMER_UNSET;
}

void
loop_timer_free(struct loop_timer *t)
{
    if (t == NULL)
        return;
    loop_timer_stop(t);
    DL_DELETE(t->loop->timers, t);
    t->loop->ntimers--;
    free(t);
}

/* A timer that is set from inside one of these waits for the next turn, even with delay 0: it is
 * recognised by its number, and sorts behind all that were due before. */
static void
run_timers(struct loop *loop)
{
    uint64_t newest = loop->timer_seq;

    while (loop->nheap > 0 && loop->heap[0]->due <= loop->now && loop->heap[0]->seq <= newest) {
        struct loop_timer *t = loop->heap[0];

        loop_timer_stop(t);
        t->fn(t->cookie);
    }
}

/* --- descriptors ------------------------------------------------------------------------------ */

struct loop_io *
loop_io_add(struct loop *loop, int fd, uint32_t events, loop_io_fn *fn, void *cookie)
{
    struct loop_io *io = calloc(1, sizeof(*io));
    struct epoll_event event = {.events = events, .data.ptr = io};

    if (io == NULL)
        return NULL;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(io);
        return NULL;
    }
    io->loop = loop;
    io->fd = fd;
    io->events = events;
    io->fn = fn;
    io->cookie = cookie;
    DL_APPEND(loop->ios, io);
    return io;
}

int
loop_io_set(struct loop_io *io, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = io};

    if (events == io->events)
        return 0;
    if (epoll_ctl(io->loop->epoll_fd, EPOLL_CTL_MOD, io->fd, &event) != 0)
        return -1;
    io->events = events;
    return 0;
}

void
loop_io_free(struct loop_io *io)
{
    struct loop *loop;

    if (io == NULL)
        return;
    loop = io->loop;
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    DL_DELETE(loop->ios, io);
    if (!loop->in_turn) {
        free(io);
        return;
    }
    io->dead = true;
    DL_APPEND(loop->dead_ios, io);
}

static void
run_ios(const struct epoll_event *events, int n)
{
    for (int i = 0; i < n; i++) {
        struct loop_io *io = events[i].data.ptr;

        if (!io->dead)
            io->fn(io->cookie, events[i].events);
    }
}

/* --- hooks ------------------------------------------------------------------------------------ */

struct loop_hook *
loop_hook_add(struct loop *loop, loop_fn *fn, void *cookie)
{
    struct loop_hook *hook = calloc(1, sizeof(*hook));

    if (hook == NULL)
        return NULL;
    hook->loop = loop;
    hook->fn = fn;
    hook->cookie = cookie;
    DL_APPEND(loop->hooks, hook);
    return hook;
}

void
loop_hook_free(struct loop_hook *hook)
{
    if (hook == NULL)
        return;
    hook->dead = true;
    hook->loop->hooks_died = true;
    if (!hook->loop->in_turn)
        release_dead(hook->loop);
}

static void
run_hooks(struct loop *loop)
{
    struct loop_hook *hook;

    DL_FOREACH (loop->hooks, hook) {
        if (!hook->dead)
            hook->fn(hook->cookie);
    }
}

/* --- signals ---------------------------------------------------------------------------------- */

static void
signals_ready(void *cookie, uint32_t events)
{
    struct loop *loop = cookie;
    struct signalfd_siginfo info;

    (void)events;
    while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        const struct loop_signal_handler *handler = &loop->handlers[info.ssi_signo];

        handler->fn(handler->cookie);
    }
}

int
loop_signal(struct loop *loop, int signo, loop_fn *fn, void *cookie)
{
    sigset_t one, all = loop->signals;
    int fd;

    sigemptyset(&one);
    if (sigaddset(&one, signo) != 0 || sigaddset(&all, signo) != 0)
        return -1;
    if (sigprocmask(SIG_BLOCK, &one, NULL) != 0)
        return -1;
    fd = signalfd(loop->signal_fd, &all, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return -1;
    loop->signal_fd = fd;
    loop->signals = all;
    loop->handlers[signo] = (struct loop_signal_handler){.fn = fn, .cookie = cookie};
    if (loop->signal_io == NULL)
        loop->signal_io = loop_io_add(loop, fd, EPOLLIN, signals_ready, loop);
    return loop->signal_io == NULL ? -1 : 0;
}

/* --- turning ---------------------------------------------------------------------------------- */

mono_ms
loop_now(const struct loop *loop)
{
    return loop->now;
}

/* How long epoll may wait: to the first timer, and no longer than max_wait (-1: no limit). */
static int
wait_limit(const struct loop *loop, dur_ms max_wait)
{
    dur_ms wait = max_wait < 0 ? INT_MAX : max_wait;

    if (loop->nheap > 0) {
        dur_ms first = loop->heap[0]->due - clock_mono();

        if (first < wait)
            wait = first < 0 ? 0 : first;
    } else if (max_wait < 0) {
        return -1;
    }
    return wait > INT_MAX ? INT_MAX : (int)wait;
}

int
loop_run_once(struct loop *loop, dur_ms max_wait)
{
    struct epoll_event events[LOOP_EVENTS_MAX];
    int n = epoll_wait(loop->epoll_fd, events, LOOP_EVENTS_MAX, wait_limit(loop, max_wait));

    if (n < 0 && errno != EINTR)
        return -1;
    assert(!loop->in_turn);
    loop->in_turn = true;
    loop->now = clock_mono();
    run_timers(loop);
    run_ios(events, n);
    run_hooks(loop);
    loop->in_turn = false;
    release_dead(loop);
    return 0;
}

int
loop_run(struct loop *loop)
{
    while (!loop->stop) {
        if (loop_run_once(loop, -1) != 0)
            return -1;
    }
    loop->stop = false;
    return 0;
}

void
loop_stop(struct loop *loop)
{
    loop->stop = true;
}
