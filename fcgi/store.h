/*
 * Reads from Redis on behalf of a request. What goes wrong is told to the client here: Redis away
 * with 503, an answer that makes no sense with 500 and a line in the log.
 */
#ifndef VARCADE_FCGI_STORE_H
#define VARCADE_FCGI_STORE_H

#include <stdbool.h>

#include "lib/redis/redis.h"

struct request;

/* How long a client that met a lost Redis is told to wait, ms. */
#define STORE_RETRY_AFTER 1000

/* store_read(r, a, fn): send a with r as fn's cookie, and free a. */
void store_read(struct request *r, struct redis_args *a, redis_fn *fn);

/* store_repeats(r, outcome, reply): where another generation of figures has become the live one, r's handler is
 * begun anew, and true is returned: the caller has nothing more to do with r. Before store_usable, for what
 * reads figures. */
bool store_repeats(struct request *r, enum redis_outcome outcome, const struct redisReply *reply)
    __attribute__((warn_unused_result));

/* store_usable(r, outcome, reply): whether reply is an answer to use. Where not, answers r: r may
 * be gone. */
bool store_usable(struct request *r, enum redis_outcome outcome, const struct redisReply *reply)
    __attribute__((warn_unused_result));

/* store_fail(r, outcome, reason): answer r with what outcome comes to; REDIS_DONE and
 * REDIS_REFUSED, for an answer that is not what it should be, are a 500, and reason goes to the
 * log. */
void store_fail(struct request *r, enum redis_outcome outcome, const char *reason);

#endif
