/*
 * Long polls: requests that are answered when their ticket has changed, ten thousand of them at once in one
 * process. Each is a small struct, a timer and a connection that has given back what it does not need;
 * one connection to Redis (lib/matcher/ticketlog.h) wakes those whose ticket is in the news, and each looks again when its
 * time is up, whatever it was told.
 *
 * Where as many wait already as tickets.polls_max allows, a poll is answered at once, with what there is.
 */
#ifndef VARCADE_FCGI_POLLS_H
#define VARCADE_FCGI_POLLS_H

#include <stddef.h>

#include "lib/base/clock.h"

struct app;
struct polls;
struct request;

#define POLLS_WAIT_MAX 25 /* seconds; below what clients and web servers in between bear */

/* polls_new(app): borrowed until polls_free. NULL with errno ENOMEM. */
struct polls *polls_new(struct app *app) __attribute__((warn_unused_result));

/* polls_free(p): those that still wait get no answer. After app->redis is closed. NULL is legal. */
void polls_free(struct polls *p);

/* polls_add(p, r, ticket, wait): answer r with the ticket as its player sees it: when it has changed, wait is over or the ticket
 * is over anyway, whatever comes first; with 404 where the player has no such ticket. ticket: TICKETS_ID_LEN. */
void polls_add(struct polls *p, struct request *r, const char *ticket, dur_ms wait);

/* polls_end(p): the process is about to end: all are answered with what there is, and new ones at once. */
void polls_end(struct polls *p);

/* polls_held(p): how many wait. */
size_t polls_held(const struct polls *p);

#endif
