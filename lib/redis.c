/*
 * One pipelined Redis connection, on hiredis' asynchronous API.
 *
 * hiredis frees its context whenever a connection ends, from inside its own functions, and only
 * after calling back for every command. So nothing is decided in those callbacks: the commands are
 * kept in a list of our own (sent, in the order of the answers), and where a connection ends, in
 * whatever way, hiredis calls on_gone() exactly once, which is the only place that forgets the
 * context. What cannot be answered goes to a second list (done), and its callbacks are called from
 * a timer, never from inside redis_send() or hiredis' clean-up. Connections are always ended with
 * redisAsyncFree(): redisAsyncDisconnect() would wait for the answers.
 *
 * hiredis' hooks for the event library are not used, apart from its clean-up: it is always read,
 * and what is to be written shows in its output buffer. That is flushed at the end of the turn;
 * only where the socket did not take it all is the descriptor watched for room.
 *
 * hiredis 0.14 takes arrays that are nested seven deep at most: deeper ones end the connection.
 */
#include "lib/redis.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#include "lib/loop.h"
#include "lib/redis/library.h"
#include "lib/redis_url.h"
#include "lib/text.h"

#define RETRY_MIN ((dur_ms)50)
#define RETRY_MAX ((dur_ms)2000)
#define WHY_SIZE 160

struct command {
    struct redis *r;
    redis_fn *fn;
    void *cookie;
    enum redis_outcome outcome; /* in the list done: what fn will be told */
    mono_ms sent_at;
    bool internal; /* the connection's own, not counted and not told of a loss */
    bool fcall;
    bool resent; /* once already, after the function was not found */
    size_t len;
    struct command *prev, *next;
    char bytes[]; /* in Redis' protocol; kept until the answer, to be sent again */
};

/*
 * Invariants:
 * 1. sent are the commands that hiredis has, in the same order; empty where ac is NULL.
 * 2. up: ac is connected, has been greeted and has not been dropped.
 * 3. where done is not empty the timer soon is set, or redis_close is delivering.
 */
struct redis {
    struct loop *loop;
    struct redis_options options; /* but url, which may be gone */
    struct redis_url url;
    redis_state_fn *state;
    void *cookie;

    redisAsyncContext *ac; /* NULL while there is no connection */
    struct loop_io *io;
    bool up;
    bool blocked;      /* waits for EPOLLOUT: connecting, or the socket is full */
    bool overdue;      /* the oldest command's time is over; one more look at the socket */
    bool loading;      /* FUNCTION LOAD is among the sent */
    bool loaded;       /* the last one succeeded */
    bool closing;      /* no more connections */
    unsigned greeting; /* answers to come before it is up */
    unsigned in_callback;

    unsigned failures;   /* in a row: the delay before the next attempt follows from it */
    mono_ms up_since;    /* of this connection; 0 where it has not been up */
    char why[WHY_SIZE];  /* why this connection is ending, where it is us who end it */
    char told[WHY_SIZE]; /* the reason last told */

    struct command *sent, *done;
    size_t npending; /* not internal, in both lists */
    size_t nbytes;   /* of all commands in both lists */

    struct loop_hook *flush;
    struct loop_timer *soon;     /* deliver what is done; and a turn, where none is under way */
    struct loop_timer *retry;    /* connect */
    struct loop_timer *greeted;  /* stopped when up: to connect took too long */
    struct loop_timer *deadline; /* of the oldest command, or of one that was it */
};

/* --- commands --------------------------------------------------------------------------------- */

static size_t
put_number(char *out, char mark, size_t v)
{
    char digits[24];
    size_t n = 0, len = 0;

    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    out[len++] = mark;
    while (n > 0)
        out[len++] = digits[--n];
    out[len++] = '\r';
    out[len++] = '\n';
    return len;
}

/* The most bytes that put_command may write: every length takes at most 23 bytes. */
static size_t
command_room(const struct redis_args *a)
{
    return a->bytes.len + (a->n + 2) * 32;
}

/* Write a in Redis' protocol; returns the length. */
static size_t
put_command(char *out, const struct redis_args *a)
{
    size_t at = put_number(out, '*', a->n);
    size_t begin = 0;

    for (size_t i = 0; i < a->n; i++) {
        const char *data = a->bytes.data + begin;
        size_t len = a->ends[i] - begin;
        char nkeys[24];

        if (i == a->nkeys_at) {
            len = (size_t)snprintf(nkeys, sizeof(nkeys), "%zu", a->nkeys);
            data = nkeys;
        }
        at += put_number(out + at, '$', len);
        memcpy(out + at, data, len);
        at += len;
        out[at++] = '\r';
        out[at++] = '\n';
        begin = a->ends[i];
    }
    return at;
}

/* A command made of a, or one that cannot be sent where a is NULL. Returns NULL without memory. */
static struct command *
command_new(struct redis *r, const struct redis_args *a, redis_fn *fn, void *cookie)
{
    size_t room = a == NULL ? 0 : command_room(a);
    struct command *cmd = malloc(sizeof(*cmd) + room);

    if (cmd == NULL)
        return NULL;
    *cmd = (struct command){.r = r, .fn = fn, .cookie = cookie};
    if (a != NULL) {
        cmd->fcall = a->nkeys_at != REDIS_ARGS_NO_KEYS;
        cmd->len = put_command(cmd->bytes, a);
    }
    r->nbytes += cmd->len;
    return cmd;
}

static void
command_free(struct command *cmd)
{
    cmd->r->nbytes -= cmd->len;
    if (cmd->internal) /* may be a password */
        text_wipe(cmd->bytes, cmd->len);
    free(cmd);
}

/* The command is in no list any more: tell its owner and forget it. */
static void
finish(struct command *cmd, enum redis_outcome outcome, const redisReply *reply)
{
    struct redis *r = cmd->r;

    if (!cmd->internal)
        r->npending--;
    r->in_callback++;
    if (cmd->fn != NULL)
        cmd->fn(cmd->cookie, outcome, reply);
    r->in_callback--;
    command_free(cmd);
}

static void
turn_soon(struct redis *r)
{
    if (!loop_timer_is_set(r->soon))
        loop_timer_set(r->soon, 0);
}

/* The command is in no list: its outcome is told later. */
static void
fail(struct command *cmd, enum redis_outcome outcome)
{
    struct redis *r = cmd->r;

    if (cmd->internal) {
        command_free(cmd);
        return;
    }
    cmd->outcome = outcome;
    DL_APPEND(r->done, cmd);
    turn_soon(r);
}

/* Tell what is done now; what these callbacks add waits for the next time. */
static void
deliver(void *cookie)
{
    struct redis *r = cookie;
    struct command *list = r->done;

    r->done = NULL;
    while (list != NULL) {
        struct command *cmd = list;

        DL_DELETE(list, cmd);
        finish(cmd, cmd->outcome, NULL);
    }
}

/* --- replies ---------------------------------------------------------------------------------- */

static bool
is_error_word(const redisReply *reply, const char *word)
{
    size_t len = strlen(word);

    return reply->len >= len && memcmp(reply->str, word, len) == 0 &&
           (reply->len == len || reply->str[len] == ' ');
}

static enum redis_outcome
classify(const redisReply *reply)
{
    static const char *const passing[] = {"LOADING", "READONLY",    "OOM",
                                          "BUSY",    "CLUSTERDOWN", "MASTERDOWN",
                                          "MISCONF", "NOREPLICAS",  "TRYAGAIN"};

    if (reply->type != REDIS_REPLY_ERROR)
        return REDIS_DONE;
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        if (is_error_word(reply, passing[i]))
            return REDIS_UNAVAILABLE;
    }
    return REDIS_REFUSED;
}

static void load_functions(struct redis *r);
static void submit(struct command *cmd);

/* The function is missing: load the library, and send the command once more behind that. */
static void
send_again(struct command *cmd)
{
    cmd->resent = true;
    if (!cmd->r->loading)
        load_functions(cmd->r);
    submit(cmd);
}

static void
on_reply(redisAsyncContext *ac, void *data, void *privdata)
{
    struct command *cmd = privdata;
    struct redis *r = cmd->r;
    const redisReply *reply = data;
    enum redis_outcome outcome;

    (void)ac;
    if (reply == NULL)
        return; /* the connection is ending; on_gone() sees to what is in sent */
    assert(cmd == r->sent);
    DL_DELETE(r->sent, cmd);
    r->overdue = false;
    outcome = classify(reply);
    if (outcome == REDIS_REFUSED && cmd->fcall && r->options.functions &&
        strcmp(reply->str, "ERR Function not found") == 0) {
        if (!cmd->resent) {
            send_again(cmd);
            return;
        }
        if (!r->loaded) /* what kept it from being loaded may pass */
            outcome = REDIS_UNAVAILABLE;
    }
    finish(cmd, outcome, reply);
}

/* Hand the command to hiredis, which writes it at the end of the turn. */
static void
submit(struct command *cmd)
{
    struct redis *r = cmd->r;

    if (redisAsyncFormattedCommand(r->ac, on_reply, cmd, cmd->bytes, cmd->len) != REDIS_OK) {
        fail(cmd, REDIS_UNAVAILABLE); /* the connection is ending */
        return;
    }
    cmd->sent_at = clock_mono();
    DL_APPEND(r->sent, cmd);
    if (r->up && !loop_timer_is_set(r->deadline))
        loop_timer_set(r->deadline, r->options.command_timeout);
    turn_soon(r);
}

void
redis_send(struct redis *r, const struct redis_args *a, redis_fn *fn, void *cookie)
{
    bool can_send = r->up && !a->failed && a->n > 0 && r->npending < REDIS_QUEUE_MAX &&
                    r->nbytes + command_room(a) <= REDIS_QUEUE_BYTES_MAX;
    struct command *cmd = can_send ? command_new(r, a, fn, cookie) : NULL;

    r->npending++;
    if (cmd != NULL) {
        submit(cmd);
        return;
    }
    cmd = command_new(r, NULL, fn, cookie);
    if (cmd == NULL)
        abort(); /* not even a few bytes to remember whom to tell */
    fail(cmd, REDIS_UNAVAILABLE);
}

/* --- ending a connection ---------------------------------------------------------------------- */

/* End the connection. Inside one of hiredis' callbacks it lives on until that returns. */
static void
drop(struct redis *r, const char *why)
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
    char why[WHY_SIZE];
    struct command *list = r->sent;

    (void)snprintf(why, sizeof(why), "%s", r->why[0] != '\0' ? r->why : r->ac->errstr);
    loop_io_free(r->io);
    loop_timer_stop(r->greeted);
    loop_timer_stop(r->deadline);
    r->io = NULL;
    r->ac = NULL;
    r->up = r->loading = r->overdue = false;
    r->sent = NULL;
    while (list != NULL) {
        struct command *cmd = list;

        DL_DELETE(list, cmd);
        fail(cmd, REDIS_LOST);
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
    return classify(reply) == REDIS_UNAVAILABLE && !is_error_word(reply, "LOADING");
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
        drop(r, reply->str);
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
        drop(r, reply->str);
}

/* Send a command of the connection's own. Its callback is not called where the answer is lost. */
static void
send_internal(struct redis *r, struct redis_args *a, redis_fn *fn)
{
    struct command *cmd = NULL;

    if (r->ac == NULL)
        return; /* ended by the one before */
    if (!a->failed)
        cmd = command_new(r, a, fn, r);
    if (cmd != NULL) {
        cmd->internal = true;
        submit(cmd);
    } else {
        drop(r, "out of memory");
    }
}

static void
load_functions(struct redis *r)
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
        load_functions(r);
}

static bool
has_output(const struct redis *r)
{
    return sdslen(r->ac->c.obuf) > 0;
}

static void
write_output(struct redis *r)
{
    redisAsyncHandleWrite(r->ac);
    if (r->ac == NULL)
        return;
    r->blocked = has_output(r) || (r->ac->c.flags & REDIS_CONNECTED) == 0;
    if (loop_io_set(r->io, r->blocked ? EPOLLIN | EPOLLOUT : EPOLLIN) != 0)
        drop(r, strerror(errno));
}

static void
on_io(void *cookie, uint32_t events)
{
    struct redis *r = cookie;

    if (events & ~(uint32_t)EPOLLOUT)
        redisAsyncHandleRead(r->ac);
    if (r->ac != NULL && events & EPOLLOUT)
        write_output(r);
}

/* The end of a turn: all that it had to say goes out in one write. */
static void
flush(void *cookie)
{
    struct redis *r = cookie;

    if (r->ac != NULL && !r->blocked && has_output(r))
        write_output(r);
    if (r->done == NULL)
        loop_timer_stop(r->soon);
}

static void
try_to_connect(void *cookie)
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
    r->why[0] = '\0';
    r->blocked = true;
    ac->ev.data = r;
    ac->ev.cleanup = on_gone;
    loop_timer_set(r->greeted, r->options.connect_timeout);
    greet(r);
}

static void
on_greeting_too_slow(void *cookie)
{
    struct redis *r = cookie;
    char why[WHY_SIZE];

    (void)snprintf(why, sizeof(why), "not connected within %lld ms",
                   (long long)r->options.connect_timeout);
    drop(r, why);
}

/* The oldest command's time is over, or it was answered and another one is the oldest now. */
static void
on_deadline(void *cookie)
{
    struct redis *r = cookie;
    char why[WHY_SIZE];
    dur_ms left;

    if (r->sent == NULL)
        return;
    left = r->sent->sent_at + r->options.command_timeout - clock_mono();
    if (left > 0 || !r->overdue) {
        /* Timers come before descriptors: where it was this program that stood still, the answers
         * are there to be read in this very turn. */
        r->overdue = left <= 0;
        loop_timer_set(r->deadline, left > 0 ? left : 0);
        return;
    }
    (void)snprintf(why, sizeof(why), "no answer within %lld ms",
                   (long long)r->options.command_timeout);
    drop(r, why);
}

/* --- the life of it --------------------------------------------------------------------------- */

struct redis *
redis_open(struct loop *loop, const struct redis_options *options, redis_state_fn *state,
           void *cookie)
{
    struct redis *r = calloc(1, sizeof(*r));
    const char *why;

    if (r == NULL)
        return NULL;
    r->loop = loop;
    r->options = *options;
    r->options.url = NULL;
    r->state = state;
    r->cookie = cookie;
    if (redis_url_parse(options->url, &r->url, &why) != 0) {
        free(r);
        errno = EINVAL;
        return NULL;
    }
    r->flush = loop_hook_add(loop, flush, r);
    r->soon = loop_timer_new(loop, deliver, r);
    r->retry = loop_timer_new(loop, try_to_connect, r);
    r->greeted = loop_timer_new(loop, on_greeting_too_slow, r);
    r->deadline = loop_timer_new(loop, on_deadline, r);
    if (r->flush == NULL || r->soon == NULL || r->retry == NULL || r->greeted == NULL ||
        r->deadline == NULL) {
        redis_close(r);
        errno = ENOMEM;
        return NULL;
    }
    loop_timer_set(r->retry, 0);
    return r;
}

void
redis_close(struct redis *r)
{
    if (r == NULL)
        return;
    assert(r->in_callback == 0);
    r->closing = true;
    r->up = false;
    if (r->ac != NULL)
        redisAsyncFree(r->ac);
    while (r->done != NULL)
        deliver(r);
    loop_hook_free(r->flush);
    loop_timer_free(r->soon);
    loop_timer_free(r->retry);
    loop_timer_free(r->greeted);
    loop_timer_free(r->deadline);
    free(r);
}

bool
redis_is_up(const struct redis *r)
{
    return r->up;
}

size_t
redis_pending(const struct redis *r)
{
    return r->npending;
}

const char *
redis_library_version(void)
{
    return library_version;
}
