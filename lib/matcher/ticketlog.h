/*
 * News of tickets: the tickets' logs of any number of products, followed by one Redis connection of its own
 * that waits in XREAD. Both programs learn from it, within the time an answer takes, that a ticket was opened,
 * cancelled or matched.
 *
 * Nothing is promised but promptness: what happens while the connection is away, or is trimmed before it was
 * read, is not told. So whoever listens looks at everything when told that the log is followed from now
 * on, and at times of its own.
 */
#ifndef VARCADE_TICKETLOG_H
#define VARCADE_TICKETLOG_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/redis/redis.h"

struct loop;
struct product;
struct products;
struct ticketlog;

#define TICKETLOG_BLOCK ((dur_ms)1000) /* how long a read waits */

/* A ticket came to this state, or its players changed in it. Texts are borrowed. */
struct ticketlog_entry {
    const struct product *product;
    const char *ticket; /* its id */
    const char *state;
};

struct ticketlog_listener {
    void (*entry)(void *cookie, const struct ticketlog_entry *e);
    void (*followed)(void *cookie); /* what comes from now on is told */
    void *cookie;
};

/*
 * ticketlog_open(loop, options, listener, ret_log): options as for redis_open, but functions, and command_timeout,
 * to which TICKETLOG_BLOCK is added. Both are copied. Nothing is read before ticketlog_follow. Returns 0, or -1 with
 * errno.
 */
int ticketlog_open(struct loop *loop, const struct redis_options *options,
                   const struct ticketlog_listener *listener, struct ticketlog **ret_log)
    __attribute__((warn_unused_result));

/* ticketlog_close(log): NULL is legal. Not from inside the listener. */
void ticketlog_close(struct ticketlog *log);

/* ticketlog_follow(log, products): follow those that have queues, and no others; followed() is called for all
 * of them. products is borrowed; NULL: nothing, at once. */
void ticketlog_follow(struct ticketlog *log, const struct products *products);

/* ticketlog_is_up(log): whether it follows, at present. */
bool ticketlog_is_up(const struct ticketlog *log);

#endif
