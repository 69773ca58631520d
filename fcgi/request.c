/*
 * A request out of CGI variables (RFC 3875): what FastCGI's parameters and a CGI program's
 * environment have in common.
 */
#include "fcgi/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/app.h"
#include "lib/product/product.h"

#define REQUEST_ID_MIN 8
#define REQUEST_ID_BYTES 16 /* of one made here */

static const char *
variable(char *const *env, const char *name)
{
    size_t len = strlen(name);

    for (; *env != NULL; env++) {
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
            return *env + len + 1;
    }
    return NULL;
}

static int
copy_variable(char *const *env, const char *name, char **ret_copy)
{
    const char *value = variable(env, name);
    char *copy = NULL;

    if (value != NULL) {
        copy = strdup(value);
        if (copy == NULL)
            return -1;
    }
    *ret_copy = copy;
    return 0;
}

static enum request_method
method_from_name(const char *name)
{
    static const struct {
        const char *name;
        enum request_method method;
    } methods[] = {{"GET", REQUEST_GET},
                   {"HEAD", REQUEST_HEAD},
                   {"POST", REQUEST_POST},
                   {"DELETE", REQUEST_DELETE},
                   {"OPTIONS", REQUEST_OPTIONS}};

    for (size_t i = 0; name != NULL && i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(name, methods[i].name) == 0)
            return methods[i].method;
    }
    return REQUEST_OTHER;
}

/* A web server's id, or a client's: anything that cannot confuse a log or a header. */
static bool
is_request_id(const char *s)
{
    size_t len = s == NULL ? 0 : strlen(s);

    if (len < REQUEST_ID_MIN || len > REQUEST_ID_MAX)
        return false;
    return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

static void
set_id(struct request *r, char *const *env)
{
    const char *id = variable(env, "REQUEST_ID");

    if (!is_request_id(id))
        id = variable(env, "HTTP_X_REQUEST_ID");
    if (is_request_id(id))
        memcpy(r->id, id, strlen(id) + 1);
    else
        text_random_hex(r->id, REQUEST_ID_BYTES);
}

/* The target of a server that gives no usable REQUEST_URI: its PATH_INFO is decoded already. */
static char *
target_from_path_info(const char *info, const char *query)
{
    struct buf b;
    char *target;

    buf_init(&b, TARGET_MAX + 1);
    for (; *info != '\0'; info++) {
        if (*info == '%' || *info == '?')
            buf_printf(&b, "%%%02X", (unsigned)*info);
        else
            buf_byte(&b, *info);
    }
    if (query != NULL && query[0] != '\0') {
        buf_byte(&b, '?');
        buf_str(&b, query);
    }
    target = buf_steal(&b);
    buf_free(&b);
    return target;
}

/*
 * The target as the client sent it: REQUEST_URI. Where the web server calls the program under a
 * name of its own (plain CGI: SCRIPT_NAME before PATH_INFO), that name is not part of it.
 */
static char *
find_target(char *const *env)
{
    const char *uri = variable(env, "REQUEST_URI");
    const char *info = variable(env, "PATH_INFO");
    const char *script = variable(env, "SCRIPT_NAME");

    if (info == NULL || info[0] == '\0')
        return strdup(uri != NULL ? uri : "");
    if (uri != NULL && script != NULL && strncmp(uri, script, strlen(script)) == 0)
        return strdup(uri + strlen(script));
    return target_from_path_info(info, variable(env, "QUERY_STRING"));
}

static int
set_target(struct request *r, char *const *env)
{
    r->raw_target = find_target(env);
    if (r->raw_target == NULL)
        return -1;
    r->target_text = malloc(strlen(r->raw_target) + 1);
    if (r->target_text == NULL)
        return -1;
    if (target_parse(&r->target, r->raw_target, strlen(r->raw_target), r->target_text) != 0)
        r->target_error = errno;
    return 0;
}

struct request *
request_new(struct app *app, char *const *env, request_done_fn *done, void *cookie)
{
    struct request *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->app = app;
    r->done = done;
    r->cookie = cookie;
    (void)clock_gettime(CLOCK_MONOTONIC, &r->started);
    buf_init(&r->headers, REQUEST_HEADERS_MAX);
    buf_init(&r->answer, REQUEST_ANSWER_MAX);
    if (set_target(r, env) != 0 || copy_variable(env, "REQUEST_METHOD", &r->method_name) != 0 ||
        copy_variable(env, "HTTP_AUTHORIZATION", &r->authorization) != 0 ||
        copy_variable(env, "HTTP_ORIGIN", &r->origin) != 0 ||
        copy_variable(env, "HTTP_IDEMPOTENCY_KEY", &r->idempotency_key) != 0 ||
        copy_variable(env, "REMOTE_ADDR", &r->remote_addr) != 0) {
        request_free(r);
        errno = ENOMEM;
        return NULL;
    }
    r->method = method_from_name(r->method_name);
    set_id(r, env);
    return r;
}

static void
forget(struct request *r)
{
    if (r->authorization != NULL)
        text_wipe(r->authorization, strlen(r->authorization));
    free(r->authorization);
    free(r->target_text);
    free(r->remote_addr);
    free(r->body);
    r->authorization = r->target_text = r->remote_addr = r->body = NULL;
    r->body_len = 0;
    r->target.nsegments = r->target.nparams = 0;
    r->arg = (struct target_text){.s = NULL, .len = 0};
}

void
request_hold(struct request *r, request_abandon_fn *abandon, void *cookie)
{
    forget(r);
    if (r->waiting)
        r->app->under_way--;
    r->waiting = false;
    r->abandon = abandon;
    r->abandon_cookie = cookie;
    if (r->held != NULL)
        r->held(r->cookie, r);
}

void
request_free(struct request *r)
{
    if (r == NULL)
        return;
    forget(r);
    free(r->method_name);
    free(r->raw_target);
    free(r->origin);
    free(r->idempotency_key);
    buf_free(&r->headers);
    buf_free(&r->answer);
    free(r);
}

double
request_seconds(const struct request *r)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - r->started.tv_sec) +
           (double)(now.tv_nsec - r->started.tv_nsec) / 1e9;
}

struct log_context
request_log_context(const struct request *r)
{
    return (struct log_context){.request_id = r->id,
                                .product = r->product != NULL ? r->product->id : NULL,
                                .game_id = r->game_id,
                                .user_id = r->player.user_id};
}
