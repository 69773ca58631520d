/*
 * The supervisor. A place is what the pool wants to have: one serving process. A process sits in a
 * place until it dies or is replaced; replaced ones are let go when the new ones serve.
 *
 * Signs of life come through a page of shared memory: a process that hangs cannot be asked.
 */
#include "fcgi/server/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/service.h"

#define TICK 250         /* ms: how often processes are looked at */
#define STARTING_TICK 10 /* ms: while some are starting */
#define STUCK_AFTER 5000 /* ms without a sign of life, and a process is killed */
#define FRESH 3000 /* ms: a process that turned since is well, as far as the watchdog is told */
#define KILL_AFTER 12000  /* ms that processes have to end; more than a server's drain */
#define BACKOFF_FIRST 100 /* ms before a process that died at once is started again; doubles */
#define BACKOFF_MAX 5000
#define LONG_LIFE 10000 /* ms of life that make a death an accident, not a habit */
#define SEATS (2 * POOL_PROCESSES_MAX)

/* Shared with the process that has it. */
struct pool_seat {
    atomic_bool serving;
    atomic_uint_fast64_t turns;
};

struct process {
    pid_t pid;
    struct pool_seat *seat;
    struct place *place; /* NULL: another one has taken it */
    mono_ms started;
    uint64_t turns_seen;
    mono_ms turned; /* when turns_seen last changed */
    bool told;      /* to end */
    struct process *prev, *next;
};

struct place {
    struct process *process; /* NULL: none */
    mono_ms start_at;        /* not before */
    dur_ms backoff;          /* 0: the last one lived long */
};

struct pool {
    const struct pool_options *options;
    struct loop *loop;
    struct loop_timer *tick;
    struct loop_timer *watchdog;
    struct pool_seat *seats;   /* SEATS of them, shared */
    struct place *places;      /* options->processes of them */
    struct process *processes; /* all that live */
    bool ready;                /* the manager was told */
    bool reload;               /* asked for */
    bool stopping;
    mono_ms stop_since;
    mono_ms looked; /* when the processes were last looked at */
};

void
pool_serving(struct pool_seat *seat, bool serving)
{
    if (seat != NULL)
        atomic_store(&seat->serving, serving);
}

void
pool_turned(struct pool_seat *seat)
{
    if (seat != NULL)
        atomic_fetch_add(&seat->turns, 1);
}

/* --- processes -------------------------------------------------------------------------------- */

static struct pool_seat *
free_seat(const struct pool *pool)
{
    for (size_t i = 0; i < SEATS; i++) {
        const struct process *p;

        DL_FOREACH (pool->processes, p) {
            if (p->seat == &pool->seats[i])
                break;
        }
        if (p == NULL)
            return &pool->seats[i];
    }
    return NULL;
}

/* In the new process: nothing of the supervisor's may stay in force. */
static void
become_server(const struct pool *pool, struct pool_seat *seat, pid_t supervisor)
{
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGHUP, SIG_IGN);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (getppid() != supervisor)
        exit(EXIT_FAILURE);
    exit(pool->options->serve(pool->options->cookie, seat));
}

static void
delay_start(struct place *place, mono_ms now)
{
    place->backoff = place->backoff == 0                ? BACKOFF_FIRST
                     : place->backoff < BACKOFF_MAX / 2 ? place->backoff * 2
                                                        : BACKOFF_MAX;
    place->start_at = now + place->backoff;
}

static void
start_process(struct pool *pool, struct place *place, mono_ms now)
{
    struct pool_seat *seat = free_seat(pool);
    struct process *p = seat == NULL ? NULL : calloc(1, sizeof(*p));
    pid_t supervisor = getpid();

    if (p == NULL) {
        log_error("pool", "no room for another process");
        delay_start(place, now);
        return;
    }
    atomic_store(&seat->serving, false);
    p->pid = fork();
    if (p->pid == 0) {
        free(p);
        become_server(pool, seat, supervisor);
    }
    if (p->pid < 0) {
        log_error("pool", "cannot fork", LOG_ERRNO(errno));
        free(p);
        delay_start(place, now);
        return;
    }
    p->seat = seat;
    p->place = place;
    p->started = p->turned = now;
    p->turns_seen = atomic_load(&seat->turns);
    place->process = p;
    DL_APPEND(pool->processes, p);
    log_info("pool", "process started", LOG_I("pid", p->pid));
}

static void
tell(struct process *p, int signo)
{
    p->told = true;
    (void)kill(p->pid, signo);
}

static void
log_death(const struct process *p, int status)
{
    if (WIFSIGNALED(status) && p->told && WTERMSIG(status) == SIGTERM)
        log_info("pool", "process ended before it served", LOG_I("pid", p->pid));
    else if (WIFSIGNALED(status))
        log_error("pool", "process killed", LOG_I("pid", p->pid),
                  LOG_S("signal", strsignal(WTERMSIG(status))));
    else if (p->told && WEXITSTATUS(status) == 0)
        log_info("pool", "process ended", LOG_I("pid", p->pid));
    else
        log_error("pool", "process died", LOG_I("pid", p->pid),
                  LOG_I("status", WEXITSTATUS(status)));
}

static void
bury(struct pool *pool, struct process *p, int status, mono_ms now)
{
    log_death(p, status);
    if (p->place != NULL) {
        p->place->process = NULL;
        if (now - p->started >= LONG_LIFE)
            p->place->backoff = 0;
        delay_start(p->place, now);
    }
    DL_DELETE(pool->processes, p);
    free(p);
}

static void
reap(struct pool *pool, mono_ms now)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct process *p, *next;

        DL_FOREACH_SAFE (pool->processes, p, next) {
            if (p->pid == pid)
                bury(pool, p, status, now);
        }
    }
}

/* --- what is wanted --------------------------------------------------------------------------- */

static bool
all_serve(const struct pool *pool)
{
    for (size_t i = 0; i < pool->options->processes; i++) {
        const struct process *p = pool->places[i].process;

        if (p == NULL || !atomic_load(&p->seat->serving))
            return false;
    }
    return true;
}

/* All processes are to be replaced: each place is free for a new one at once. One that does not
 * serve yet is not waited for, or reloads in quick succession would add up. */
static void
vacate(struct pool *pool, mono_ms now)
{
    for (size_t i = 0; i < pool->options->processes; i++) {
        struct place *place = &pool->places[i];

        if (place->process != NULL) {
            if (!atomic_load(&place->process->seat->serving))
                tell(place->process, SIGTERM);
            place->process->place = NULL;
        }
        *place = (struct place){.start_at = now};
    }
}

static void
reload(struct pool *pool, mono_ms now)
{
    service_reloading();
    if (pool->options->reload(pool->options->cookie) == 0) {
        vacate(pool, now);
        pool->ready = false;
    } else {
        service_ready(NULL);
    }
}

/* Returns whether none of them takes connections any more. */
static bool
let_replaced_go(struct pool *pool)
{
    struct process *p;
    bool gone = true;

    DL_FOREACH (pool->processes, p) {
        if (p->place != NULL)
            continue;
        if (!p->told)
            tell(p, SIGQUIT);
        gone = gone && !atomic_load(&p->seat->serving);
    }
    return gone;
}

static void
kill_stuck(struct pool *pool, mono_ms now)
{
    /* Where the supervisor itself was stopped a while, the processes were too, as far as it
     * knows. */
    bool slept = now - pool->looked > FRESH;
    struct process *p;

    pool->looked = now;
    DL_FOREACH (pool->processes, p) {
        uint64_t turns = atomic_load(&p->seat->turns);

        if (turns != p->turns_seen || slept) {
            p->turns_seen = turns;
            p->turned = now;
        }
        if ((p->told || atomic_load(&p->seat->serving)) && now - p->turned > STUCK_AFTER) {
            log_error("pool", "process hangs", LOG_I("pid", p->pid));
            (void)kill(p->pid, SIGKILL);
        }
    }
}

static void
stop_all(struct pool *pool, int signo)
{
    struct process *p;

    DL_FOREACH (pool->processes, p) {
        tell(p, signo);
    }
}

/* Bring what is nearer to what is wanted. Outside the loop's turns, since it forks. */
static void
tend(struct pool *pool)
{
    mono_ms now = clock_mono();

    reap(pool, now);
    if (pool->stopping) {
        if (now - pool->stop_since > KILL_AFTER)
            stop_all(pool, SIGKILL);
        return;
    }
    kill_stuck(pool, now);
    if (pool->reload) {
        pool->reload = false;
        reload(pool, now);
    }
    for (size_t i = 0; i < pool->options->processes; i++) {
        if (pool->places[i].process == NULL && now >= pool->places[i].start_at)
            start_process(pool, &pool->places[i], now);
    }
    if (!all_serve(pool) || !let_replaced_go(pool) || pool->ready)
        return;
    service_ready("serving");
    log_notice("pool", "serving", LOG_I("processes", pool->options->processes));
    pool->ready = true;
}

/* --- events ----------------------------------------------------------------------------------- */

static void
ticked(void *cookie)
{
    struct pool *pool = cookie;

    loop_timer_set(pool->tick, pool->ready ? TICK : STARTING_TICK);
}

static void
child_ended(void *cookie)
{
    /* That the loop turned is enough: tend reaps. */
    (void)cookie;
}

static void
stop(void *cookie)
{
    struct pool *pool = cookie;

    if (pool->stopping)
        return;
    pool->stopping = true;
    pool->stop_since = clock_mono();
    log_notice("pool", "stopping");
    service_stopping();
    stop_all(pool, SIGTERM);
}

static void
ask_reload(void *cookie)
{
    struct pool *pool = cookie;

    pool->reload = true;
}

static void
feed_watchdog(void *cookie)
{
    struct pool *pool = cookie;
    mono_ms now = clock_mono();
    bool well = true;

    for (size_t i = 0; i < pool->options->processes; i++) {
        const struct process *p = pool->places[i].process;

        well = well && p != NULL && now - p->turned <= FRESH;
    }
    if (well)
        service_watchdog_ping();
    loop_timer_set(pool->watchdog, service_watchdog_interval());
}

/* --- begin and end ---------------------------------------------------------------------------- */

static int
pool_open(struct pool *pool)
{
    void *seats = mmap(NULL, SEATS * sizeof(struct pool_seat), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (seats == MAP_FAILED)
        return -1;
    pool->seats = seats;
    pool->places = calloc(pool->options->processes, sizeof(*pool->places));
    pool->loop = loop_new();
    if (pool->places == NULL || pool->loop == NULL)
        return -1;
    pool->tick = loop_timer_new(pool->loop, ticked, pool);
    pool->watchdog = loop_timer_new(pool->loop, feed_watchdog, pool);
    if (pool->tick == NULL || pool->watchdog == NULL ||
        loop_signal(pool->loop, SIGCHLD, child_ended, pool) != 0 ||
        loop_signal(pool->loop, SIGTERM, stop, pool) != 0 ||
        loop_signal(pool->loop, SIGINT, stop, pool) != 0 ||
        loop_signal(pool->loop, SIGHUP, ask_reload, pool) != 0)
        return -1;
    loop_timer_set(pool->tick, STARTING_TICK);
    if (service_watchdog_interval() > 0)
        loop_timer_set(pool->watchdog, service_watchdog_interval());
    return 0;
}

static void
pool_close(struct pool *pool)
{
    int saved = errno;

    loop_timer_free(pool->tick);
    loop_timer_free(pool->watchdog);
    loop_free(pool->loop);
    free(pool->places);
    if (pool->seats != NULL)
        (void)munmap(pool->seats, SEATS * sizeof(struct pool_seat));
    errno = saved;
}

int
pool_run(const struct pool_options *options)
{
    struct pool pool = {.options = options};
    int result = pool_open(&pool);

    while (result == 0) {
        tend(&pool);
        if (pool.stopping && pool.processes == NULL)
            break;
        result = loop_run_once(pool.loop, -1);
    }
    if (pool.processes != NULL)
        stop_all(&pool, SIGKILL);
    pool_close(&pool);
    return result;
}
