/*
 * A game server to test against: HTTP on the test's own event loop, so that nothing depends on
 * another process's pace. The first part of a request's path says how it behaves, whatever the
 * rest asks for: POST /ok/create_game is answered as it should be, POST /hang/create_game not at
 * all (until stub_answer_all). See the table in stub.c.
 */
#ifndef VARCADE_TESTS_STUB_H
#define VARCADE_TESTS_STUB_H

#include <stddef.h>

struct loop;

#define STUB_REQUEST_MAX 8192

struct stub {
    struct loop *loop;
    int fd;   /* bound to a free port of 127.0.0.1 */
    int port;
    struct loop_io *io;
    struct stub_conn *conns;
    size_t connections;                  /* accepted so far */
    size_t requests;                     /* whole ones, so far */
    char last_request[STUB_REQUEST_MAX]; /* as it came, NUL-terminated */
};

/* stub_bind(stub): take a port; connections to it are refused. */
void stub_bind(struct stub *stub);

/* stub_listen(stub, loop): serve it from now on. */
void stub_listen(struct stub *stub, struct loop *loop);

/* stub_url(stub, behaviour): a game_server_url; valid until the next call but three. */
const char *stub_url(const struct stub *stub, const char *behaviour);

/* stub_answer_all(stub): 200 with a token to every request that hangs. */
void stub_answer_all(struct stub *stub);

/* stub_close_all(stub): close every connection. */
void stub_close_all(struct stub *stub);

/* stub_done(stub): close everything. */
void stub_done(struct stub *stub);

#endif
