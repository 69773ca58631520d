/*
 * HTTP requests on the event loop.
 *
 * curl says which descriptors and which one timer it wants (its socket and timer functions), the
 * loop watches them, and what they report goes to curl_multi_socket_action(). What has ended is
 * then collected in one place, outside of curl's functions, so that a callback may start the next
 * transfer.
 */
#include "config.h"

#include "lib/base/httpclient.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "lib/base/loop.h"
#include "lib/base/text.h"

#define LINE_MAX_LEN 4096 /* bytes of an origin or a header */

struct httpclient {
    struct loop *loop;
    struct httpclient_limits limits;
    CURLM *multi;
    struct loop_timer *timer; /* curl's */
};

/* A descriptor that curl wants watched. */
struct watch {
    struct httpclient *h;
    int fd;
    struct loop_io *io;
};

struct httpclient_transfer {
    struct httpclient *h;
    CURL *easy;
    bool added; /* to the multi handle */
    struct curl_slist *headers;
    unsigned times;  /* that curl began to send it */
    struct buf body; /* of the answer */
    httpclient_fn *fn;
    void *cookie;
};

void
httpclient_cancel(struct httpclient_transfer *t)
{
    if (t == NULL)
        return;
    if (t->added)
        (void)curl_multi_remove_handle(t->h->multi, t->easy);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    buf_free(&t->body);
    free(t);
}

bool
httpclient_was_sent(const struct httpclient_transfer *t)
{
    long bytes = 0;

    (void)curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
}

/* --- curl on the loop ------------------------------------------------------------------------- */

static void
transfer_ended(struct httpclient_transfer *t, CURLcode code)
{
    struct httpclient_result result = {.error = code == CURLE_OK ? NULL : curl_easy_strerror(code),
                                       .timed_out = code == CURLE_OPERATION_TIMEDOUT,
                                       .sent = httpclient_was_sent(t),
                                       .sent_again = t->times > 1,
                                       .body = t->body.data,
                                       .body_len = t->body.len};

    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &result.status);
    t->fn(t->cookie, &result);
    httpclient_cancel(t);
}

static void
collect(struct httpclient *h)
{
    const CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(h->multi, &left)) != NULL) {
        CURLcode code = msg->data.result;
        void *t = NULL;

        if (msg->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
        transfer_ended(t, code);
    }
}

static void
act(struct httpclient *h, curl_socket_t fd, int what)
{
    int running;

    (void)curl_multi_socket_action(h->multi, fd, what, &running);
    collect(h);
}

static void
on_io(void *cookie, uint32_t events)
{
    const struct watch *watch = cookie;
    int what = 0;

    if ((events & (EPOLLIN | EPOLLHUP)) != 0)
        what |= CURL_CSELECT_IN;
    if ((events & EPOLLOUT) != 0)
        what |= CURL_CSELECT_OUT;
    if ((events & EPOLLERR) != 0)
        what |= CURL_CSELECT_ERR;
    act(watch->h, watch->fd, what);
}

static void
on_timer(void *cookie)
{
    act(cookie, CURL_SOCKET_TIMEOUT, 0);
}

static int
set_timer(CURLM *multi, long delay, void *cookie)
{
    struct httpclient *h = cookie;

    (void)multi;
    if (delay < 0)
        loop_timer_stop(h->timer);
    else
        loop_timer_set(h->timer, delay);
    return 0;
}

static void
watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    loop_io_free(watch->io);
    free(watch);
}

static struct watch *
watch_new(struct httpclient *h, int fd, uint32_t events)
{
    struct watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return NULL;
    watch->h = h;
    watch->fd = fd;
    watch->io = loop_io_add(h->loop, fd, events, on_io, watch);
    if (watch->io == NULL || curl_multi_assign(h->multi, fd, watch) != CURLM_OK) {
        watch_free(watch);
        return NULL;
    }
    return watch;
}

/* A descriptor that cannot be watched is left to curl's timer: its call comes to its time limit.
 * An error from here would end every call there is. */
static int
set_socket(CURL *easy, curl_socket_t fd, int what, void *cookie, void *socket_cookie)
{
    struct httpclient *h = cookie;
    struct watch *watch = socket_cookie;
    uint32_t events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)curl_multi_assign(h->multi, fd, NULL);
        watch_free(watch);
        return 0;
    }
    if ((what & CURL_POLL_IN) != 0)
        events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0)
        events |= EPOLLOUT;
    if (watch == NULL)
        (void)watch_new(h, fd, events);
    else
        (void)loop_io_set(watch->io, events);
    return 0;
}

/* --- making a request ------------------------------------------------------------------------- */

static size_t
on_body(char *data, size_t size, size_t n, void *cookie)
{
    struct httpclient_transfer *t = cookie;

    buf_add(&t->body, data, size * n);
    return buf_ok(&t->body) ? size * n : 0;
}

/* add_header(t, name, value): -1 where memory runs out. An empty value takes curl's header away. */
static int
add_header(struct httpclient_transfer *t, const char *name, const char *value)
{
    struct curl_slist *list = NULL;
    struct buf line;

    buf_init(&line, LINE_MAX_LEN);
    buf_printf(&line, "%s:%s%s", name, value[0] != '\0' ? " " : "", value);
    if (buf_ok(&line))
        list = curl_slist_append(t->headers, line.data);
    buf_free(&line);
    if (list == NULL)
        return -1;
    t->headers = list;
    return 0;
}

/* curl is about to send the request: once, or again where a kept connection broke. */
static int
on_sending(void *cookie, char *to, char *from, int to_port, int from_port)
{
    struct httpclient_transfer *t = cookie;

    (void)to;
    (void)from;
    (void)to_port;
    (void)from_port;
    t->times++;
    return CURL_PREREQFUNC_OK;
}

static int
add_headers(struct httpclient_transfer *t, const char *request_id)
{
    if (add_header(t, "Content-Type", "application/json") != 0 || add_header(t, "Expect", "") != 0)
        return -1;
    if (request_id == NULL || !text_is_plain(request_id, strlen(request_id)))
        return 0;
    return add_header(t, "X-Request-Id", request_id);
}

/* set_options(t, url, body): 0, or -1 where curl cannot take one. body NULL: GET. */
static int
set_options(struct httpclient_transfer *t, const char *url, const struct buf *body)
{
    CURL *e = t->easy;
    unsigned bad = 0;

    bad |= curl_easy_setopt(e, CURLOPT_URL, url);
    bad |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    bad |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    /* Without it the end of a transfer that waits for a name server waits for that as well. */
    bad |= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)t->h->limits.connect_timeout);
    bad |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)t->h->limits.timeout);
    bad |= curl_easy_setopt(e, CURLOPT_USERAGENT, "varcade/" PACKAGE_VERSION);
    bad |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
    if (body != NULL) {
        bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)body->len);
        bad |= curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, body->data);
    }
    bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    bad |= curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_sending);
    bad |= curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
    bad |= curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    return bad != 0 ? -1 : 0;
}

static struct httpclient_transfer *
start(struct httpclient *h, const char *url, const struct buf *body, const char *request_id,
      httpclient_fn *fn, void *cookie)
{
    struct httpclient_transfer *t = calloc(1, sizeof(*t));

    if (t == NULL)
        goto fail;
    t->h = h;
    t->fn = fn;
    t->cookie = cookie;
    buf_init(&t->body, HTTPCLIENT_ANSWER_MAX);
    t->easy = curl_easy_init();
    if (t->easy == NULL || (body != NULL && add_headers(t, request_id) != 0) ||
        set_options(t, url, body) != 0)
        goto fail;
    t->added = curl_multi_add_handle(h->multi, t->easy) == CURLM_OK;
    if (t->added)
        return t;

fail:
    httpclient_cancel(t);
    errno = ENOMEM;
    return NULL;
}

struct httpclient_transfer *
httpclient_post(struct httpclient *h, const char *url, const struct buf *body,
                const char *request_id, httpclient_fn *fn, void *cookie)
{
    return start(h, url, body, request_id, fn, cookie);
}

struct httpclient_transfer *
httpclient_get(struct httpclient *h, const char *url, httpclient_fn *fn, void *cookie)
{
    return start(h, url, NULL, NULL, fn, cookie);
}

char *
httpclient_origin(const char *url)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    struct buf origin;

    buf_init(&origin, LINE_MAX_LEN);
    if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
        buf_printf(&origin, "%s://%s:%s", scheme, host, port);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return origin.len > 0 ? buf_steal(&origin) : NULL;
}

/* --- the client ------------------------------------------------------------------------------- */

static int
set_multi_options(struct httpclient *h)
{
    unsigned bad = 0;

    bad |= (unsigned)curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    bad |= (unsigned)curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    bad |= (unsigned)curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    bad |= (unsigned)curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    bad |= (unsigned)curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, h->limits.connections);
    return bad != 0 ? -1 : 0;
}

struct httpclient *
httpclient_new(struct loop *loop, const struct httpclient_limits *limits)
{
    struct httpclient *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(h);
        errno = ENOMEM;
        return NULL;
    }
    h->loop = loop;
    h->limits = *limits;
    h->timer = loop_timer_new(loop, on_timer, h);
    h->multi = curl_multi_init();
    if (h->timer != NULL && h->multi != NULL && set_multi_options(h) == 0)
        return h;
    httpclient_free(h);
    errno = ENOMEM;
    return NULL;
}

void
httpclient_free(struct httpclient *h)
{
    if (h == NULL)
        return;
    (void)curl_multi_cleanup(h->multi);
    loop_timer_free(h->timer);
    free(h);
    curl_global_cleanup();
}
