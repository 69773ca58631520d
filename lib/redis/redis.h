/*
 * One asynchronous, pipelined Redis connection on the event loop.
 *
 * Commands are queued and written at the end of the loop's turn, in one write. Replies come in
 * order. The connection is made at once, made again with back-off and jitter when it is lost, and
 * dropped when a command waits and nothing has come for longer than its limit (a hung Redis looks
 * like a dead one). The function library (lib/redis/) is loaded on every new connection, and a
 * call that finds it missing (FUNCTION FLUSH, a fresh replica) loads it and is sent once more.
 *
 * A command whose connection is lost may or may not have run: its outcome is REDIS_LOST, and
 * whoever repeats it must be able to bear both.
 */
#ifndef VARCADE_REDIS_H
#define VARCADE_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"

struct loop;
struct redis;
struct redisReply;

enum redis_outcome {
    REDIS_DONE,        /* reply is the answer, of any type but error */
    REDIS_REFUSED,     /* reply is an error that repeating will not change */
    REDIS_UNAVAILABLE, /* not connected, too much queued, or an error that passes (LOADING, READONLY,
                          OOM, BUSY, CLUSTERDOWN, MASTERDOWN, MISCONF, NOREPLICAS, TRYAGAIN): the
                          command did not run; reply may be NULL */
    REDIS_LOST         /* the connection was lost before the answer: it may have run; reply is NULL */
};

/* reply is borrowed until the callback returns. */
typedef void redis_fn(void *cookie, enum redis_outcome outcome, const struct redisReply *reply);

struct redis_options {
    const char *url;           /* unix:/path/to.sock[?db=N], redis://host[:port][/N]; borrowed */
    const char *password;      /* NULL for none; borrowed until redis_close */
    const char *user;          /* ACL user; NULL for the default one */
    dur_ms connect_timeout;    /* > 0 */
    dur_ms command_timeout;    /* > 0; longer than any BLOCK that is sent */
    bool functions;            /* load the function library */
};

/* Called when the connection is ready (true), and when it was lost or could not be made (false,
 * why: a short text; a failed attempt is told only when its reason is another than before). */
typedef void redis_state_fn(void *cookie, bool up, const char *why);

/*
 * redis_url_check(url, ret_why): whether redis_open would understand url. Returns 0, or -1 with
 * *ret_why set to a reason (static text).
 */
int redis_url_check(const char *url, const char **ret_why) __attribute__((warn_unused_result));

/* redis_open(loop, options, state, cookie): start connecting; returns at once and calls nothing
 * back. state may be NULL. A host name (not an address) is looked up with getaddrinfo(), which
 * blocks. Returns NULL with errno EINVAL (url) or ENOMEM. */
struct redis *redis_open(struct loop *loop, const struct redis_options *options,
                         redis_state_fn *state, void *cookie) __attribute__((warn_unused_result));

/* redis_close(r): what is unanswered ends with REDIS_LOST or REDIS_UNAVAILABLE, from inside this
 * call, and what these callbacks send too; state is not called; then everything is freed. NULL is
 * legal. Not from inside one of its own callbacks. */
void redis_close(struct redis *r);

/* redis_is_up(r): connected, authenticated, functions loaded. */
bool redis_is_up(const struct redis *r);

/* redis_pending(r): commands whose callback has yet to be called. */
size_t redis_pending(const struct redis *r);

/* redis_is_writing(r): whether part of what was sent is still here: at the end of a turn, in a hook that was added after
 * redis_open, since Redis does not take it in fast enough. When it has all, there is a turn. */
bool redis_is_writing(const struct redis *r);

/* redis_turn(r): a number that grows at the end of each of the loop's turns, when what is queued is
 * written. A command that was queued while it had its present value has not run yet. */
uint64_t redis_turn(const struct redis *r);

/* --- building a command ----------------------------------------------------------------------- */

/* All arguments of one command together. */
#define REDIS_ARGS_MAX ((size_t)64 << 20)
#define REDIS_ARGS_NO_KEYS SIZE_MAX

/* The arguments of one command; add them in order, hand it to redis_send. Failure is sticky. */
struct redis_args {
    struct buf bytes; /* arguments, copied one after another */
    size_t *ends;     /* where each argument ends in bytes */
    size_t n, ncap;
    size_t nkeys_at; /* REDIS_ARGS_NO_KEYS, or the index of FCALL's numkeys argument, which is
                        empty here and written when the command is sent */
    size_t nkeys;
    bool failed;
};

/* redis_args_init(a): no arguments; allocates nothing. redis_args_free(a) releases them;
 * redis_args_reset(a) forgets them and keeps the memory. */
void redis_args_init(struct redis_args *a);
void redis_args_free(struct redis_args *a);
void redis_args_reset(struct redis_args *a);

void redis_args_add(struct redis_args *a, const void *data, size_t len);
void redis_args_str(struct redis_args *a, const char *s);
void redis_args_int(struct redis_args *a, int64_t v);
void redis_args_double(struct redis_args *a, double v);
void redis_args_printf(struct redis_args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * redis_args_fcall(a, function, read_only): start `FCALL varcade_<version>_<function> numkeys` (or
 * FCALL_RO); then redis_args_key() for every key, then the other arguments. The count of keys is
 * kept right.
 */
void redis_args_fcall(struct redis_args *a, const char *function, bool read_only);
void redis_args_key(struct redis_args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * redis_send(r, a, fn, cookie): queue the command; a is free for reuse when it returns. fn is
 * called exactly once, from the loop and never from inside this call, also where the connection is
 * down, too much is queued (REDIS_QUEUE_MAX, REDIS_QUEUE_BYTES_MAX), or a failed or has no
 * arguments: all REDIS_UNAVAILABLE. fn may be NULL. Not for SUBSCRIBE and MONITOR, which have no
 * single answer.
 */
#define REDIS_QUEUE_MAX 65536
#define REDIS_QUEUE_BYTES_MAX ((size_t)128 << 20)
void redis_send(struct redis *r, const struct redis_args *a, redis_fn *fn, void *cookie);

/* A text of an answer; NUL-terminated, as hiredis leaves it, and borrowed. */
struct redis_text {
    const char *s;
    size_t len;
};

/* redis_text_at(reply, i): the i-th element of an array, where it is a text; else "". */
struct redis_text redis_text_at(const struct redisReply *reply, size_t i);

/* redis_library_version(): the version in the function library's name, 8 hexadecimal digits. */
const char *redis_library_version(void);

#endif
