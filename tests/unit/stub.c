/* A game server to test against; see stub.h. */
#include "tests/unit/stub.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "lib/base/loop.h"
#include "tests/unit/unit.h"

struct stub_conn {
    struct stub *stub;
    int fd;
    struct loop_io *io;
    char in[STUB_REQUEST_MAX];
    size_t len;
    bool hangs; /* owes an answer */
    bool kept;  /* has had an answer before */
    struct stub_conn *prev, *next;
};

/* FORGET: on a connection that was kept it closes instead of answering. */
enum after { KEEP, CLOSE, RESET, HANG, FLOOD, FORGET };

#define JSON(status, length, body)                                                     \
    "HTTP/1.1 " status "\r\nContent-Type: application/json\r\nContent-Length: " length \
    "\r\n\r\n" body
#define TOKEN JSON("200 OK", "21", "{\"gameToken\": \"t-1\"}\n")

static const struct {
    const char *name;
    const char *answer;
    enum after after;
} behaviours[] = {
    {"ok", TOKEN, KEEP},
    {"ok-close", TOKEN, CLOSE},
    {"status-201", JSON("201 Created", "2", "{}"), KEEP},
    {"status-204", "HTTP/1.1 204 No Content\r\n\r\n", KEEP},
    {"status-302", "HTTP/1.1 302 Found\r\nLocation: /ok/x\r\nContent-Length: 0\r\n\r\n", KEEP},
    {"status-400", JSON("400 Bad Request", "2", "{}"), KEEP},
    {"status-404", JSON("404 Not Found", "0", ""), KEEP},
    {"status-500", JSON("500 Internal Server Error", "4", "oops"), KEEP},
    {"no-token", JSON("200 OK", "15", "{\"status\": \"ok\"}"), KEEP},
    {"empty", JSON("200 OK", "0", ""), KEEP},
    {"no-json", JSON("200 OK", "9", "<p>Hi</p>"), KEEP},
    {"array", JSON("200 OK", "17", "[\"gameToken\", 1] "), KEEP},
    {"token-number", JSON("200 OK", "16", "{\"gameToken\": 12}"), KEEP},
    {"token-null", JSON("200 OK", "19", "{\"gameToken\": null} "), KEEP},
    {"token-empty", JSON("200 OK", "16", "{\"gameToken\": \"\"}"), KEEP},
    {"token-newline", JSON("200 OK", "19", "{\"gameToken\": \"a\\n\"}"), KEEP},
    {"token-nul", JSON("200 OK", "23", "{\"gameToken\": \"a\\u0000\"}"), KEEP},
    {"token-latin1", JSON("200 OK", "18", "{\"gameToken\": \"\xe4\"} "), KEEP},
    {"no-http", "SSH-2.0-OpenSSH_9.2\r\n", CLOSE},
    {"cut", JSON("200 OK", "1000", "{\"gameToken\": \"t-1\"}"), CLOSE},
    {"cut-400", JSON("400 Bad Request", "1000", "{"), CLOSE},
    {"silent", "", CLOSE},
    {"forget-400", JSON("400 Bad Request", "2", "{}"), FORGET},
    {"reset", "", RESET},
    {"hang", "", HANG},
    {"huge", "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n{\"gameToken\": \"t\"}", FLOOD},
    {"huge-headers", "HTTP/1.1 200 OK\r\n", FLOOD},
};

static void
conn_close(struct stub_conn *conn, bool reset)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (reset)
        ck_assert_int_eq(setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    loop_io_free(conn->io);
    close(conn->fd);
    DL_DELETE(conn->stub->conns, conn);
    free(conn);
}

static void
conn_write(struct stub_conn *conn, const char *text)
{
    ck_assert_int_eq(send(conn->fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* More than anyone wants: lines that pass for headers and for a body alike, until it is cut off. */
static void
conn_flood(struct stub_conn *conn)
{
    char lines[4096];

    memset(lines, 'x', sizeof(lines));
    memcpy(lines, "X: ", 3);
    memcpy(lines + sizeof(lines) - 2, "\r\n", 2);
    while (send(conn->fd, lines, sizeof(lines), MSG_NOSIGNAL) > 0)
        continue;
}

/* serve(conn): behave as the path says. */
static void
serve(struct stub_conn *conn)
{
    char name[32] = "";
    const char *path = strchr(conn->in, '/');
    size_t i = 0, len = path != NULL ? strcspn(path + 1, "/ ") : 0;

    ck_assert(len > 0 && len < sizeof(name));
    memcpy(name, path + 1, len);
    while (strcmp(behaviours[i].name, name) != 0)
        ck_assert_msg(++i < sizeof(behaviours) / sizeof(behaviours[0]), "no behaviour %s", name);
    if (behaviours[i].after == FORGET && conn->kept) {
        conn_close(conn, false);
        return;
    }
    conn->kept = true;
    conn_write(conn, behaviours[i].answer);
    if (behaviours[i].after == FLOOD)
        conn_flood(conn);
    conn->hangs = behaviours[i].after == HANG;
    conn->len = 0;
    if (behaviours[i].after == CLOSE || behaviours[i].after == RESET)
        conn_close(conn, behaviours[i].after == RESET);
}

/* Whether it is asked if it is there (lib/lobby/servers.h), which no test is about. */
static bool
is_probe(const char *text)
{
    return strncmp(text, "GET ", 4) == 0;
}

/* whole_request(text): headers, and as much body as they say. */
static bool
whole_request(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strstr(text, "Content-Length: ");

    if (end == NULL)
        return false;
    if (is_probe(text))
        return true;
    ck_assert_ptr_nonnull(length);
    return strlen(end + 4) >= strtoul(length + strlen("Content-Length: "), NULL, 10);
}

static void
on_input(void *cookie, uint32_t events)
{
    struct stub_conn *conn = cookie;
    struct stub *stub = conn->stub;
    ssize_t n = recv(conn->fd, conn->in + conn->len, sizeof(conn->in) - 1 - conn->len, 0);

    (void)events;
    if (n <= 0) {
        conn_close(conn, false);
        return;
    }
    conn->len += (size_t)n;
    conn->in[conn->len] = '\0';
    if (!whole_request(conn->in))
        return;
    if (is_probe(conn->in)) {
        conn_write(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        conn->len = 0;
        return;
    }
    stub->requests++;
    memcpy(stub->last_request, conn->in, conn->len + 1);
    serve(conn);
}

static void
on_connection(void *cookie, uint32_t events)
{
    struct stub *stub = cookie;
    struct stub_conn *conn;
    int fd = accept4(stub->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd == -1)
        return;
    conn = calloc(1, sizeof(*conn));
    ck_assert_ptr_nonnull(conn);
    conn->stub = stub;
    conn->fd = fd;
    conn->io = loop_io_add(stub->loop, fd, EPOLLIN, on_input, conn);
    ck_assert_ptr_nonnull(conn->io);
    DL_APPEND(stub->conns, conn);
    stub->connections++;
}

void
stub_bind(struct stub *stub)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);

    memset(stub, 0, sizeof(*stub));
    stub->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(stub->fd, 0);
    ck_assert_int_eq(bind(stub->fd, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(getsockname(stub->fd, (struct sockaddr *)&address, &len), 0);
    stub->port = ntohs(address.sin_port);
}

void
stub_listen(struct stub *stub, struct loop *loop)
{
    stub->loop = loop;
    ck_assert_int_eq(listen(stub->fd, 64), 0);
    stub->io = loop_io_add(loop, stub->fd, EPOLLIN, on_connection, stub);
    ck_assert_ptr_nonnull(stub->io);
}

const char *
stub_url(const struct stub *stub, const char *behaviour)
{
    static char urls[4][64];
    static size_t next;
    char *url = urls[next++ % 4];

    snprintf(url, sizeof(urls[0]), "http://127.0.0.1:%d/%s", stub->port, behaviour);
    return url;
}

void
stub_answer_all(struct stub *stub)
{
    struct stub_conn *conn;

    DL_FOREACH (stub->conns, conn) {
        if (conn->hangs)
            conn_write(conn, TOKEN);
        conn->hangs = false;
    }
}

void
stub_close_all(struct stub *stub)
{
    struct stub_conn *conn, *next;

    DL_FOREACH_SAFE (stub->conns, conn, next)
        conn_close(conn, false);
}

void
stub_done(struct stub *stub)
{
    stub_close_all(stub);
    loop_io_free(stub->io);
    close(stub->fd);
}
