/*
 * Answers: headers that every one has, the body, the line in the access log, the figures.
 */
#include "fcgi/reply.h"

#include <assert.h>
#include <string.h>

#include "fcgi/app.h"
#include "fcgi/idempotent.h"
#include "fcgi/meter.h"
#include "fcgi/request.h"
#include "fcgi/router.h"
#include "lib/config/conf.h"

const char *
reply_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {{200, "OK"},
                   {201, "Created"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {409, "Conflict"},
                   {413, "Content Too Large"},
                   {414, "URI Too Long"},
                   {422, "Unprocessable Content"},
                   {429, "Too Many Requests"},
                   {500, "Internal Server Error"},
                   {503, "Service Unavailable"}};

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return "Unknown";
}

void
reply_header(struct request *r, const char *name, const char *value)
{
    buf_printf(&r->headers, "%s: %s\r\n", name, value);
}

static bool
origin_is_listed(const struct table_list *origins, const char *origin)
{
    for (size_t i = 0; i < origins->n; i++) {
        if (strcmp(origins->item[i], origin) == 0)
            return true;
    }
    return false;
}

/* Which pages of other origins may read the answer. */
static void
add_cors_headers(struct request *r)
{
    const struct table_list *origins = &r->app->settings->conf->http_allowed_origins;

    if (origin_is_listed(origins, "*")) {
        reply_header(r, "Access-Control-Allow-Origin", "*");
    } else {
        reply_header(r, "Vary", "Origin");
        if (r->origin == NULL || !origin_is_listed(origins, r->origin))
            return;
        reply_header(r, "Access-Control-Allow-Origin", r->origin);
    }
    reply_header(r, "Access-Control-Expose-Headers",
                 "X-Request-Id, Retry-After, Location, Idempotent-Replayed");
}

/* Reads that went well are many, and nginx has a line for each: here they are for debugging. */
static void
log_access(const struct request *r, double seconds)
{
    bool is_read = r->method == REQUEST_GET || r->method == REQUEST_HEAD;
    enum log_level level = is_read && r->status < 400 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;

    struct log_context context = request_log_context(r);
    const struct log_context *before = log_set_context(&context);

    LOG_AT(level, "access", "request", LOG_S("method", r->method_name),
           LOG_S("path", r->raw_target), LOG_I("status", r->status), LOG_I("ms", seconds * 1000),
           LOG_I("bytes", r->answer.len));
    log_set_context(before);
}

static void
finish(struct request *r, int status)
{
    double seconds = request_seconds(r);

    assert(!r->answered);
    r->answered = true;
    r->status = status;
    if (r->waiting)
        r->app->under_way--;
    idempotent_end(r, status);
    reply_header(r, "X-Request-Id", r->id);
    reply_header(r, "Cache-Control", "no-store");
    add_cors_headers(r);
    if (status != 204)
        buf_printf(&r->headers, "Content-Length: %zu\r\n", r->answer.len);
    log_access(r, seconds);
    meter_request(r->app->meter, r->route, status, seconds);
    r->done(r->cookie, r);
}

void
reply_answer(struct request *r, int status, const char *content_type)
{
    if (!buf_ok(&r->answer)) {
        reply_problem(r, 500, "The answer could not be built");
        return;
    }
    reply_header(r, "Content-Type", content_type);
    finish(r, status);
}

void
reply_as_built(struct request *r, int status)
{
    if (buf_ok(&r->answer))
        finish(r, status);
    else
        reply_problem(r, 500, "The answer could not be built");
}

void
reply_json(struct request *r, int status, const char *json, size_t len)
{
    buf_reset(&r->answer);
    buf_add(&r->answer, json, len);
    reply_answer(r, status, "application/json");
}

void
reply_empty(struct request *r, int status)
{
    buf_reset(&r->answer);
    finish(r, status);
}

void
reply_problem(struct request *r, int status, const char *detail)
{
    reply_problem_about(r, status, detail, NULL, NULL);
}

void
reply_problem_about(struct request *r, int status, const char *detail, const char *name,
                    const char *value)
{
    buf_reset(&r->answer);
    buf_str(&r->answer, "{\"type\":\"about:blank\",\"title\":");
    buf_json_string(&r->answer, reply_phrase(status), strlen(reply_phrase(status)));
    buf_printf(&r->answer, ",\"status\":%d,\"detail\":", status);
    buf_json_string(&r->answer, detail, strlen(detail));
    buf_str(&r->answer, ",\"request_id\":");
    buf_json_string(&r->answer, r->id, strlen(r->id));
    if (name != NULL) {
        buf_printf(&r->answer, ",\"%s\":", name);
        buf_json_string(&r->answer, value, strlen(value));
    }
    buf_byte(&r->answer, '}');
    reply_header(r, "Content-Type", "application/problem+json");
    finish(r, status);
}

void
reply_later(struct request *r, int status, dur_ms retry_after, const char *detail)
{
    buf_printf(&r->headers, "Retry-After: %lld\r\n",
               retry_after <= 1000 ? 1LL : (long long)((retry_after + 999) / 1000));
    reply_problem(r, status, detail);
}

void
reply_unavailable(struct request *r, dur_ms retry_after, const char *detail)
{
    reply_later(r, 503, retry_after, detail);
}
