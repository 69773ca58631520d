/*
 * One request: everything it brought, everything that was found out about it, and its answer.
 *
 * It is made by whoever speaks to the web server (connection.c: FastCGI, serve.c: CGI), goes
 * through the router to a handler, waits there for Redis or a game server, and is answered by
 * exactly one call of reply.h. request_free ends all of it.
 */
#ifndef VARCADE_FCGI_REQUEST_H
#define VARCADE_FCGI_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "fcgi/server/target.h"
#include "lib/access/token.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/boards/board.h"

struct app;
struct product;
struct route;
struct request;

#define REQUEST_ID_MAX 64
#define REQUEST_OWNER_LEN 32
#define REQUEST_HEADERS_MAX 4096    /* bytes of an answer's headers */
#define REQUEST_ANSWER_MAX 4194304  /* bytes of an answer's body; /metrics is the largest */

enum request_method {
    REQUEST_GET,
    REQUEST_HEAD,
    REQUEST_POST,
    REQUEST_DELETE,
    REQUEST_OPTIONS,
    REQUEST_OTHER
};

/* Called once, when the answer is complete: it may free the request. */
typedef void request_done_fn(void *cookie, struct request *r);

/* Called for a request that is held when its client has gone: nobody may refer to it afterwards. */
typedef void request_abandon_fn(void *cookie, struct request *r);

struct request {
    struct app *app;
    request_done_fn *done;
    request_done_fn *held; /* r is held from now on; NULL: nobody has to know */
    void *cookie; /* of done and held */
    request_abandon_fn *abandon; /* set while r is held */
    void *abandon_cookie;
    struct timespec started; /* monotonic */

    /* What came. Texts are copies that live as long as the request, or NULL where they did not
     * come. */
    enum request_method method;
    char *method_name;
    char *raw_target;
    char *target_text; /* what target's texts are in */
    struct target target;
    char *authorization;
    char *origin;
    char *idempotency_key;
    char *remote_addr;
    int target_error; /* errno of target_parse; 0: target is good */
    char *body; /* body_len bytes and a NUL; may be NULL where body_len is 0 */
    size_t body_len;
    bool body_too_large;
    char id[REQUEST_ID_MAX + 1];

    /* What the router and the handler found. */
    const struct route *route;     /* NULL: none fits */
    const struct product *product; /* routes with {product} */
    struct target_text arg;        /* the route's {id}; s NULL where it has none */
    struct token_player player;    /* routes that need a token */
    char game_id[TEXT_GAME_ID_LEN + 1];
    struct board_page page;        /* routes with {board}: what is read of it */

    bool idempotent;               /* idempotent.c began it, as this owner */
    char idempotent_owner[REQUEST_OWNER_LEN + 1];

    /* The answer. */
    bool waiting;  /* counted among app's requests under way */
    bool answered;
    int status;
    struct buf headers; /* complete lines, CRLF each */
    struct buf answer;
};

/*
 * request_new(app, env, done, cookie): a request from CGI variables, `NAME=value` each, NULL at
 * the end. The variables are copied as far as they are needed. The body is the caller's to set,
 * before the router gets the request. NULL with errno ENOMEM.
 */
struct request *request_new(struct app *app, char *const *env, request_done_fn *done, void *cookie)
    __attribute__((warn_unused_result));

/*
 * request_hold(r, abandon, cookie): r will wait for long, as thousands may at once: it gives back what came with it, but what the answer and
 * its line in the log need, and is not counted among those under way. abandon is called at most once, and instead
 * of the answer: then r is gone when it returns.
 */
void request_hold(struct request *r, request_abandon_fn *abandon, void *cookie);

/* request_free(r): wipes the token; NULL is legal. */
void request_free(struct request *r);

/* request_seconds(r): since the request was made. Finer than clock.h: most answers take less than
 * 1 ms. */
double request_seconds(const struct request *r);

/* request_log_context(r): what identifies r in the log; borrows from r. */
struct log_context request_log_context(const struct request *r);

#endif
