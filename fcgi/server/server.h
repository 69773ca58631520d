/*
 * The FastCGI server of one process: accepts, reads requests, writes answers, all on the loop.
 *
 * libfcgi parses and writes; what would make it wait is kept from it. Connections are accepted
 * here and handed to it by their descriptor, so its own accept with its polls for a first byte
 * never runs; it is called to read when a whole request has arrived (frame.h), and to write when
 * the socket has room; and it never closes a connection, which would make it wait for the peer.
 * So one that is idle, slow or stuck costs a descriptor and a small struct, and nobody else's
 * time.
 */
#ifndef VARCADE_FCGI_SERVER_H
#define VARCADE_FCGI_SERVER_H

#include <stddef.h>

#include "lib/base/clock.h"

struct app;
struct server;

/*
 * server_new(app, listen_fd): serve on listen_fd, which stays the caller's and is made
 * non-blocking. app is borrowed until app_close; the server outlives it. NULL with errno.
 */
struct server *server_new(struct app *app, int listen_fd) __attribute__((warn_unused_result));

/* server_free(s): closes what is open; requests under way end without an answer. Only after
 * app_close; NULL is legal. */
void server_free(struct server *s);

/*
 * server_drain(s, linger): accept no more, close each connection after the answer that is under
 * way, and idle ones after linger at the latest, in which they may bring one more request. When
 * the last is closed, or after SERVER_DRAIN_MAX, the loop is stopped.
 */
void server_drain(struct server *s, dur_ms linger);

#define SERVER_DRAIN_MAX 10000 /* ms */

#endif
