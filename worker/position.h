/*
 * Where a lane is in the stream, and how many entries of the stream were trimmed before they were
 * read.
 *
 * Redis counts the entries a stream ever had. The count up to the checkpoint is kept beside it
 * (KEY_POSITION, written by the same `apply`); where the stream's first entry lies behind the
 * checkpoint, all that the stream still has is unread, and what is missing in the count was lost.
 * Ids alone cannot tell that: a gap between two ids is no gap between two entries.
 *
 * The events of the product itself are counted with it: so many the archive has to meet behind the
 * worker (reach.h).
 */
#ifndef VARCADE_WORKER_POSITION_H
#define VARCADE_WORKER_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/rules/event.h"
#include "worker/tally.h"

struct lane;
struct redis_args;
struct redisReply;

/* position_load(lane): read the lane's checkpoint; it is LANE_READY then, or LANE_UNKNOWN again
 * where that failed. */
void position_load(struct lane *lane);

/* position_again(lane): the same, of a lane that was on hold (KEY_HOLD) and still has no place. A
 * loop_fn. */
void position_again(void *cookie);

/* position_checkpoint(s, len, ret_id): a checkpoint is an id, or an id, `/` and a number: the same
 * place, stated anew by whoever changed figures by hand (lib/redis/admin.lua), so that what was
 * computed from the old ones is not applied. Returns 0, or -1 where it is none. */
int position_checkpoint(const char *s, size_t len, struct event_id *ret_id)
    __attribute__((warn_unused_result));

/* What XINFO STREAM tells. A stream that does not exist is all zero. */
struct position_stream {
    int64_t length;
    int64_t added;         /* entries ever added */
    struct event_id first; /* length > 0: the id of the first entry */
    struct event_id last;  /* the greatest id ever given */
};

/* position_stream_read(reply, ret_stream): take XINFO STREAM's answer. Returns 0, or -1 where it is
 * not one. */
int position_stream_read(const struct redisReply *reply, struct position_stream *ret_stream)
    __attribute__((warn_unused_result));

/* What is ahead of a reader. */
struct position_ahead {
    int64_t entries; /* entries ever added up to the place, the lost ones included; -1: not known */
    int64_t lost;    /* entries trimmed between the place and the stream's first; -1: that cannot
                        be told: the count is not known, or it has gone back, since the stream was
                        deleted and begun anew */
    bool replaced;   /* the stream has given no id as great as the place's: it is another stream */
};

/* KEY_POSITION: what is known of a checkpoint. */
struct position {
    int64_t entries;     /* entries ever added to the stream up to there; -1: not known */
    struct tally events; /* of the product, that were read up to there */
};

/* position_ask(a, product_id, stream): the command that reads it. position_take(reply, checkpoint):
 * of its answer. It holds for its own checkpoint alone: somebody may have set that by hand, and what
 * is counted begins there. Where there is none yet (""), nothing was read. */
void position_ask(struct redis_args *a, const char *product_id, const char *stream);
struct position position_take(const struct redisReply *reply, const char *checkpoint);

/* position_ahead(stream, at, entries): entries: the count up to `at`, -1 where it is not known. */
struct position_ahead position_ahead(const struct position_stream *stream, struct event_id at,
                                     int64_t entries);

#endif
