/*
 * A web server's side of FastCGI, over a unix socket. Everything here asserts with check; nothing
 * waits longer than FCGI_CLIENT_WAIT.
 */
#ifndef VARCADE_TESTS_FCGI_CLIENT_H
#define VARCADE_TESTS_FCGI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"

#define FCGI_CLIENT_WAIT 10000 /* ms */

/* One request. What is NULL is not sent. */
struct fcgi_call {
    const char *method; /* NULL: GET */
    const char *target;
    const char *token;  /* Authorization: Bearer */
    const char *body;
    size_t body_len;    /* 0: all of body, a string */
    const char *name;   /* one more CGI variable */
    const char *value;
    bool close;         /* do not keep the connection */
};

struct fcgi_answer {
    int status;
    char headers[4096]; /* lines, CRLF */
    char *body;         /* NUL-terminated; fcgi_answer_free */
    size_t len;
};

/* fcgi_client_connect(path): a connection; the caller closes it. */
int fcgi_client_connect(const char *path);

/* fcgi_client_build(call, out): append its records to out. */
void fcgi_client_build(const struct fcgi_call *call, struct buf *out);

/* fcgi_client_record(out, type, id, content, len, padding): append any record. */
void fcgi_client_record(struct buf *out, unsigned type, unsigned id, const char *content,
                        size_t len, unsigned padding);

/* fcgi_client_send(fd, call), fcgi_client_write(fd, bytes, len) */
void fcgi_client_send(int fd, const struct fcgi_call *call);
void fcgi_client_write(int fd, const char *bytes, size_t len);

/* fcgi_client_read(fd): one whole answer. */
struct fcgi_answer fcgi_client_read(int fd);

/* fcgi_client_is_closed(fd): wait for the other end to close; false where more bytes come
 * instead. */
bool fcgi_client_is_closed(int fd);

/* fcgi_client_call(path, call): all of it, on a connection of its own. */
struct fcgi_answer fcgi_client_call(const char *path, const struct fcgi_call *call);

void fcgi_answer_free(struct fcgi_answer *a);

/* fcgi_answer_has(a, line): whether a header line is there, to the letter. */
bool fcgi_answer_has(const struct fcgi_answer *a, const char *line);

#endif
