/*
 * What the parts of the Redis connection share: redis.c (commands and answers), redis_connect.c
 * (how a connection begins and ends) and redis_args.c. Nobody else includes this.
 */
#ifndef VARCADE_REDIS_IMPL_H
#define VARCADE_REDIS_IMPL_H

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "lib/redis/redis.h"
#include "lib/redis/redis_url.h"

struct loop;
struct loop_hook;
struct loop_io;
struct loop_timer;

#define REDIS_WHY_SIZE 160

struct redis_command {
    struct redis *r;
    redis_fn *fn;
    void *cookie;
    enum redis_outcome outcome; /* in the list done: what fn will be told */
    mono_ms sent_at;
    bool internal; /* the connection's own, not counted and not told of a loss */
    bool fcall;
    bool resent; /* once already, after the function was not found */
    size_t len;
    struct redis_command *prev, *next;
    char bytes[]; /* in Redis' protocol; kept until the answer, to be sent again */
};

/*
 * Invariants:
 * 1. sent are the commands that hiredis has, in the same order; empty where ac is NULL.
 * 2. up: ac is connected, has been greeted and has not been dropped.
 * 3. where done is not empty the timer soon is set, or redis_close is delivering.
 */
/* Where answers are put: one after another, in the same memory. All zero: there is none yet. */
struct redis_chunk;
struct redis_replies {
    struct redis_chunk *first, *chunk; /* of all; that is filled */
    size_t used;                       /* of the latter */
    size_t size;                       /* of all */
};

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

    unsigned failures;         /* in a row: the delay before the next attempt follows from it */
    mono_ms heard_at;          /* when the socket was last read */
    mono_ms up_since;          /* of this connection; 0 where it has not been up */
    char why[REDIS_WHY_SIZE];  /* why this connection is ending, where it is us who end it */
    char told[REDIS_WHY_SIZE]; /* the reason last told */

    struct redis_replies replies;
    struct redis_command *sent, *done;
    size_t npending; /* not internal, in both lists */
    size_t nbytes;   /* of all commands in both lists */

    uint64_t turn; /* see redis_turn() */
    struct loop_hook *flush;
    struct loop_timer *soon;     /* deliver what is done; and a turn, where none is under way */
    struct loop_timer *retry;    /* connect */
    struct loop_timer *greeted;  /* stopped when up: to connect took too long */
    struct loop_timer *deadline; /* of the oldest command, or of one that was it */
};

/* --- redis_args.c --- */

/* The most bytes that redis_args_put() writes. */
size_t redis_args_room(const struct redis_args *a);

/* Write the command in Redis' protocol; returns its length. */
size_t redis_args_put(const struct redis_args *a, char *out);

/* --- redis_reply.c --- */

/* The reader's answers are put into r from now on, each in the place of the one before. */
void redis_replies_use(struct redis_replies *r, redisReader *reader);

void redis_replies_free(struct redis_replies *r);

/* --- redis.c --- */

/* A command made of a, or one that cannot be sent where a is NULL. Returns NULL without memory. */
struct redis_command *redis_command_new(struct redis *r, const struct redis_args *a, redis_fn *fn,
                                        void *cookie) __attribute__((warn_unused_result));

/* Hand the command to hiredis, which writes it at the end of the turn. */
void redis_command_submit(struct redis_command *cmd);

/* The command is in no list: its outcome is told later. */
void redis_command_fail(struct redis_command *cmd, enum redis_outcome outcome);

/* What a reply comes to; whether it is an error that begins with this word. */
enum redis_outcome redis_reply_outcome(const redisReply *reply);
bool redis_reply_is_error(const redisReply *reply, const char *word);

/* --- redis_connect.c: the loop's callbacks, whose cookie is the struct redis, and two more --- */

/* A timer: begin to connect. */
void redis_connect_try(void *cookie);

/* A timer: connecting and greeting took too long. */
void redis_connect_too_slow(void *cookie);

/* The end of a turn: all that it had to say goes out in one write. */
void redis_connect_flush(void *cookie);

/* End the connection, and say why. Inside one of hiredis' callbacks it lives on until that returns. */
void redis_connect_drop(struct redis *r, const char *why);

/* Send FUNCTION LOAD. */
void redis_connect_load(struct redis *r);

#endif
