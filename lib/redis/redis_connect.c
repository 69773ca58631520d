/*
 * How the connection to Redis begins, ends and moves bytes.
 *
 * Connections are always ended with redisAsyncFree(): redisAsyncDisconnect() would wait for the
 * answers. Whoever ends one, we or hiredis, on_gone() is called exactly once, and is the only place
 * that forgets the context.
 *
 * hiredis' hooks for the event library are not used, apart from its clean-up: the socket is always
 * read, and what is to be written shows in hiredis' output buffer. That is flushed at the end of
 * the turn; only where the socket did not take it all is the descriptor watched for room.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#include "lib/base/loop.h"
#include "lib/base/text.h"
#include "lib/redis/library.h"
#include "lib/redis/redis_impl.h"

#define RETRY_MIN ((dur_ms)50)
#define RETRY_MAX ((dur_ms)2000)

/* --- ending a connection ---------------------------------------------------------------------- */

void
redis_connect_drop(struct redis *r, const char *why)
{
    r->up = false;
    (void)snprintf(r->why, sizeof(r->why), "%s", why);
    redisAsyncFree(r->ac);
}

/* A delay that doubles with every failure, and a random half of it, so that the programs that one
 * restart of Redis has cut off do not all come back at the same moment. */
static dur_ms
retry_delay(unsigned failures)
{
    dur_ms delay = failures < 6 ? RETRY_MIN << failures : RETRY_MAX;
    uint32_t random = 0;

    if (delay > RETRY_MAX)
        delay = RETRY_MAX;
    /* Where the kernel has none to give yet, no jitter is no disaster. */
    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
    return delay / 2 + (dur_ms)(random % (uint64_t)(delay / 2 + 1));
}

/* There is no connection (any more): another attempt later. */
static void
lost(struct redis *r, const char *why)
{
    bool was_up = r->up_since != 0;

    /* One that is lost again at once has not ended the row of failures. */
    if (was_up && clock_mono() - r->up_since >= RETRY_MAX)
        r->failures = 0;
    r->up_since = 0;
    loop_timer_set(r->retry, retry_delay(r->failures));
    r->failures++;
    if (r->state == NULL || (!was_up && strcmp(why, r->told) == 0))
        return;
    (void)snprintf(r->told, sizeof(r->told), "%s", why);
    r->in_callback++;
    r->state(r->cookie, false, why);
    r->in_callback--;
}

/* hiredis' clean-up: called once for every connection, just before its context is freed. */
static void
on_gone(void *privdata)
{
    struct redis *r = privdata;
    char why[REDIS_WHY_SIZE];
    struct redis_command *list = r->sent;

    (void)snprintf(why, sizeof(why), "%s", r->why[0] != '\0' ? r->why : r->ac->errstr);
    loop_io_free(r->io);
    loop_timer_stop(r->greeted);
    loop_timer_stop(r->deadline);
    r->io = NULL;
    r->ac = NULL;
    r->up = r->loading = r->overdue = false;
    r->sent = NULL;
    while (list != NULL) {
        struct redis_command *cmd = list;

        DL_DELETE(list, cmd);
        redis_command_fail(cmd, REDIS_LOST);
    }
    if (!r->closing)
        lost(r, why);
}

/* --- making a connection ---------------------------------------------------------------------- */

/* Whether it failed in a way that leaves the connection of use: what needs no memory, no master or
 * no disk works, and a library that is there already need not be loaded. */
static bool
can_do_without_load(const redisReply *reply)
{
    return redis_reply_outcome(reply) == REDIS_UNAVAILABLE &&
           !redis_reply_is_error(reply, "LOADING");
}

/* An answer that was needed before the connection is up. */
static void
greeting_answered(struct redis *r)
{
    if (--r->greeting > 0)
        return;
    loop_timer_stop(r->greeted);
    r->up = true;
    r->up_since = clock_mono();
    r->told[0] = '\0';
    if (r->state == NULL)
        return;
    r->in_callback++;
    r->state(r->cookie, true, "");
    r->in_callback--;
}

static void
on_greeting(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct redis *r = cookie;

    if (outcome == REDIS_DONE)
        greeting_answered(r);
    else
        redis_connect_drop(r, reply->str);
}

static void
on_loaded(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct redis *r = cookie;

    r->loading = false;
    r->loaded = outcome == REDIS_DONE || strstr(reply->str, "already exists") != NULL;
    if (r->up)
        return;
    if (r->loaded || can_do_without_load(reply))
        greeting_answered(r);
    else
        redis_connect_drop(r, reply->str);
}

/* Send a command of the connection's own. Its callback is not called where the answer is lost. */
static void
send_internal(struct redis *r, struct redis_args *a, redis_fn *fn)
{
    struct redis_command *cmd = NULL;

    if (r->ac == NULL)
        return; /* ended by the one before */
    if (!a->failed)
        cmd = redis_command_new(r, a, fn, r);
    if (cmd != NULL) {
        cmd->internal = true;
        redis_command_submit(cmd);
    } else {
        redis_connect_drop(r, "out of memory");
    }
}

void
redis_connect_load(struct redis *r)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "FUNCTION");
    redis_args_str(&a, "LOAD");
    redis_args_add(&a, library_text, library_len);
    r->loading = true;
    send_internal(r, &a, on_loaded);
    redis_args_free(&a);
}

static void
send_auth(struct redis *r)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "AUTH");
    if (r->options.user != NULL)
        redis_args_str(&a, r->options.user);
    redis_args_str(&a, r->options.password);
    send_internal(r, &a, on_greeting);
    text_wipe(a.bytes.data, a.bytes.len);
    redis_args_free(&a);
}

static void
greet(struct redis *r)
{
    struct redis_args a;

    r->greeting = 1u + (r->options.password != NULL) + (r->url.db != 0) + r->options.functions;
    if (r->options.password != NULL)
        send_auth(r);
    redis_args_init(&a);
    if (r->url.db != 0) {
        redis_args_str(&a, "SELECT");
        redis_args_int(&a, r->url.db);
        send_internal(r, &a, on_greeting);
        redis_args_reset(&a);
    }
    redis_args_str(&a, "CLIENT");
    redis_args_str(&a, "SETNAME");
    redis_args_str(&a, "varcade");
    send_internal(r, &a, on_greeting);
    redis_args_free(&a);
    if (r->options.functions)
        redis_connect_load(r);
}

static bool
has_output(const struct redis *r)
{
    return sdslen(r->ac->c.obuf) > 0;
}

bool
redis_is_writing(const struct redis *r)
{
    return r->ac != NULL && has_output(r);
}

static void
write_output(struct redis *r)
{
    redisAsyncHandleWrite(r->ac);
    if (r->ac == NULL)
        return;
    r->blocked = has_output(r) || (r->ac->c.flags & REDIS_CONNECTED) == 0;
    if (loop_io_set(r->io, r->blocked ? EPOLLIN | EPOLLOUT : EPOLLIN) != 0)
        redis_connect_drop(r, strerror(errno));
}

static void
on_io(void *cookie, uint32_t events)
{
    struct redis *r = cookie;

    if (events & EPOLLIN)
        r->heard_at = clock_mono();
    if (events & ~(uint32_t)EPOLLOUT)
        redisAsyncHandleRead(r->ac);
    if (r->ac != NULL && events & EPOLLOUT)
        write_output(r);
}

void
redis_connect_flush(void *cookie)
{
    struct redis *r = cookie;

    r->turn++;
    if (r->ac != NULL && !r->blocked && has_output(r))
        write_output(r);
    if (r->done == NULL)
        loop_timer_stop(r->soon);
}

void
redis_connect_try(void *cookie)
{
    struct redis *r = cookie;
    redisAsyncContext *ac = r->url.is_unix ? redisAsyncConnectUnix(r->url.address)
                                           : redisAsyncConnect(r->url.address, r->url.port);

    if (ac == NULL) {
        lost(r, "out of memory");
        return;
    }
    if (ac->err == 0 && fcntl(ac->c.fd, F_SETFD, FD_CLOEXEC) == 0)
        r->io = loop_io_add(r->loop, ac->c.fd, EPOLLIN | EPOLLOUT, on_io, r);
    if (r->io == NULL) {
        lost(r, ac->err != 0 ? ac->errstr : strerror(errno));
        redisAsyncFree(ac);
        return;
    }
    r->ac = ac;
    redis_replies_use(&r->replies, ac->c.reader);
    r->why[0] = '\0';
    r->blocked = true;
    ac->ev.data = r;
    ac->ev.cleanup = on_gone;
    loop_timer_set(r->greeted, r->options.connect_timeout);
    greet(r);
}

void
redis_connect_too_slow(void *cookie)
{
    struct redis *r = cookie;
    char why[REDIS_WHY_SIZE];

    (void)snprintf(why, sizeof(why), "not connected within %lld ms",
                   (long long)r->options.connect_timeout);
    redis_connect_drop(r, why);
}
