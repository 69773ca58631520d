/*
 * One connection from the web server: request, answer, request, answer, … until either side ends
 * it.
 */
#ifndef VARCADE_FCGI_CONNECTION_H
#define VARCADE_FCGI_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/clock.h"

struct app;
struct connection;

#define CONNECTION_PEEK 65536

/* What all connections of a server share. Private to server.c and connection.c. */
struct connection_list {
    struct app *app;
    struct connection *first;
    size_t count;
    size_t body_max;     /* bytes of a request's body */
    unsigned char *peek; /* CONNECTION_PEEK bytes: where arrived bytes are looked at */
    bool draining;       /* a connection is closed after its answer */
};

/*
 * connection_open(list, fd): take over the non-blocking socket fd, which is closed with the
 * connection, or at once on failure. Returns 0, or -1 with errno.
 */
int connection_open(struct connection_list *list, int fd) __attribute__((warn_unused_result));

/* connection_sweep(list, now, idle): close the connections that did not move in time, and, where
 * idle is true, those that wait for a request. */
void connection_sweep(struct connection_list *list, mono_ms now, bool idle);

/* connection_close_all(list): without answers. */
void connection_close_all(struct connection_list *list);

#endif
