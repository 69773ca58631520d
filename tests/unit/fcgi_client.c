/* A web server's side of FastCGI. */
#include "tests/unit/fcgi_client.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/text.h"

#define ANSWER_MAX 4194304

enum { BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };

int
fcgi_client_connect(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_uint_lt(strlen(path), sizeof(addr.sun_path));
    memcpy(addr.sun_path, path, strlen(path) + 1);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

void
fcgi_client_record(struct buf *out, unsigned type, unsigned id, const char *content, size_t len,
                   unsigned padding)
{
    const char header[8] = {
        1, (char)type, (char)(id >> 8), (char)id, (char)(len >> 8), (char)len, (char)padding, 0};
    static const char zeros[255];

    ck_assert_uint_lt(len, 65536);
    ck_assert_uint_lt(padding, 256);
    buf_add(out, header, sizeof(header));
    buf_add(out, content, len);
    buf_add(out, zeros, padding);
}

static void
add_length(struct buf *out, size_t len)
{
    const char four[4] = {(char)(0x80 | len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len};

    if (len < 128)
        buf_byte(out, (char)len);
    else
        buf_add(out, four, sizeof(four));
}

static void
add_param(struct buf *out, const char *name, const char *value)
{
    if (name == NULL || value == NULL)
        return;
    add_length(out, strlen(name));
    add_length(out, strlen(value));
    buf_str(out, name);
    buf_str(out, value);
}

static void
add_params(struct buf *out, const struct fcgi_call *call, size_t body_len)
{
    char number[32];

    add_param(out, "REQUEST_METHOD", call->method != NULL ? call->method : "GET");
    add_param(out, "REQUEST_URI", call->target);
    (void)snprintf(number, sizeof(number), "%zu", body_len);
    add_param(out, "CONTENT_LENGTH", body_len > 0 ? number : "");
    if (call->name == NULL || strcmp(call->name, "REMOTE_ADDR") != 0)
        add_param(out, "REMOTE_ADDR", "127.0.0.1");
    if (call->token != NULL) {
        struct buf header;

        buf_init(&header, 16384);
        buf_printf(&header, "Bearer %s", call->token);
        add_param(out, "HTTP_AUTHORIZATION", header.data);
        buf_free(&header);
    }
    add_param(out, call->name, call->value);
}

void
fcgi_client_build(const struct fcgi_call *call, struct buf *out)
{
    const char begin[8] = {0, 1, call->close ? 0 : 1};
    size_t body_len = call->body_len != 0  ? call->body_len
                      : call->body != NULL ? strlen(call->body)
                                           : 0;
    struct buf params;

    buf_init(&params, 65535);
    add_params(&params, call, body_len);
    ck_assert(buf_ok(&params));
    fcgi_client_record(out, BEGIN, 1, begin, sizeof(begin), 0);
    fcgi_client_record(out, PARAMS, 1, params.data, params.len, (8 - params.len % 8) % 8);
    fcgi_client_record(out, PARAMS, 1, "", 0, 0);
    for (size_t at = 0; at < body_len; at += 16384) {
        size_t n = body_len - at < 16384 ? body_len - at : 16384;

        fcgi_client_record(out, STDIN, 1, call->body + at, n, 0);
    }
    fcgi_client_record(out, STDIN, 1, "", 0, 0);
    ck_assert(buf_ok(out));
    buf_free(&params);
}

void
fcgi_client_write(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        ck_assert_int_gt(n, 0);
        bytes += n;
        len -= (size_t)n;
    }
}

void
fcgi_client_send(int fd, const struct fcgi_call *call)
{
    struct buf bytes;

    buf_init(&bytes, ANSWER_MAX);
    fcgi_client_build(call, &bytes);
    fcgi_client_write(fd, bytes.data, bytes.len);
    buf_free(&bytes);
}

static void
await_bytes(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    ck_assert_msg(poll(&p, 1, FCGI_CLIENT_WAIT) == 1, "nothing came in time");
}

static void
read_exactly(int fd, char *to, size_t len)
{
    while (len > 0) {
        ssize_t n;

        await_bytes(fd);
        n = recv(fd, to, len, 0);
        ck_assert_msg(n > 0, "the connection ended within an answer");
        to += n;
        len -= (size_t)n;
    }
}

/* What CGI gave: `Status: N …`, headers, an empty line, the body. */
static struct fcgi_answer
take_apart(const struct buf *out)
{
    struct fcgi_answer a = {.status = 0};
    char *body = out->len > 0 ? strstr(out->data, "\r\n\r\n") : NULL;
    size_t headers = body == NULL ? 0 : (size_t)(body + 2 - out->data);
    int64_t status;

    ck_assert_msg(body != NULL && headers < sizeof(a.headers), "not an answer: %s", out->data);
    ck_assert_int_eq(strncmp(out->data, "Status: ", 8), 0);
    ck_assert_int_eq(text_parse_int(out->data + 8, 3, 100, 599, &status), 0);
    a.status = (int)status;
    memcpy(a.headers, out->data, headers);
    a.len = out->len - headers - 2;
    a.body = calloc(1, a.len + 1);
    ck_assert_ptr_nonnull(a.body);
    memcpy(a.body, body + 4, a.len);
    return a;
}

struct fcgi_answer
fcgi_client_read(int fd)
{
    struct fcgi_answer a;
    struct buf out;
    unsigned type;

    buf_init(&out, ANSWER_MAX);
    do {
        unsigned char header[8];
        char content[65536 + 255];
        size_t len;

        read_exactly(fd, (char *)header, sizeof(header));
        ck_assert_uint_eq(header[0], 1);
        type = header[1];
        len = (size_t)(header[4] << 8 | header[5]);
        read_exactly(fd, content, len + header[6]);
        if (type == STDOUT)
            buf_add(&out, content, len);
    } while (type != END);
    ck_assert(buf_ok(&out));
    a = take_apart(&out);
    buf_free(&out);
    return a;
}

bool
fcgi_client_is_closed(int fd)
{
    char byte;

    await_bytes(fd);
    return recv(fd, &byte, 1, 0) <= 0;
}

struct fcgi_answer
fcgi_client_call(const char *path, const struct fcgi_call *call)
{
    int fd = fcgi_client_connect(path);
    struct fcgi_answer a;

    fcgi_client_send(fd, call);
    a = fcgi_client_read(fd);
    (void)close(fd);
    return a;
}

void
fcgi_answer_free(struct fcgi_answer *a)
{
    free(a->body);
    a->body = NULL;
}

bool
fcgi_answer_has(const struct fcgi_answer *a, const char *line)
{
    char whole[512];

    (void)snprintf(whole, sizeof(whole), "\r\n%s\r\n", line);
    return strstr(a->headers, whole) != NULL;
}
