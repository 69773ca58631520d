/*
 * How far a product's archive is (KEY_ARCHIVED), and whether all that was applied came into it.
 *
 * The stream is not varcade's alone: somebody may take entries off it (XTRIM, XDEL, MAXLEN of an
 * XADD) that the worker has applied and the archive does not have yet. No id tells so. But the worker
 * counts the product's events that it has read (tally.h), and so many the archive has to meet.
 */
#ifndef VARCADE_WORKER_REACH_H
#define VARCADE_WORKER_REACH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/rules/event.h"
#include "worker/tally.h"

struct redis_args;
struct redisReply;

struct reach {
    struct event_id id;    /* the stream was gone through up to here; 0-0: nothing was ever archived */
    struct event_id last;  /* the last event that was written */
    struct event_id since; /* it has what is behind this; 0-0: all, but for what is missing */
    struct tally met;      /* events up to id that were met, or are known to be missing */
    struct event_id checked; /* up to here met is what the worker has read */
    int64_t missing;       /* events that were applied, and are in neither archive nor stream */
    struct event_id from, to; /* they were behind from, and not behind to */
};

/* reach_ask(a, product_id, stream): the command that reads it. reach_take(reply, ret): of its answer;
 * 0, or -1 where it is none. reach_tell(a, product_id, stream, reach): the command that writes it. */
void reach_ask(struct redis_args *a, const char *product_id, const char *stream);
int reach_take(const struct redisReply *reply, struct reach *ret)
    __attribute__((warn_unused_result));
void reach_tell(struct redis_args *a, const char *product_id, const char *stream,
                const struct reach *reach);

/* reach_check(reach, events): the worker has read so many up to reach->id. Returns how many of them are
 * missing that were not yet known to be; 0 where they began to be counted at another place. */
int64_t reach_check(struct reach *reach, struct tally events);

#endif
