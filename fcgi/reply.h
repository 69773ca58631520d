/*
 * Answers. Each function completes the answer and calls the request's done, which may free the
 * request: a handler calls exactly one of them, as the last thing it does with the request.
 *
 * Every answer has X-Request-Id, Cache-Control: no-store, Content-Length and the CORS headers of
 * http.allowed_origins; that of a HEAD is that of the GET without the body.
 */
#ifndef VARCADE_FCGI_REPLY_H
#define VARCADE_FCGI_REPLY_H

#include <stddef.h>

#include "lib/base/clock.h"

struct request;

/* reply_header(r, name, value): one more header for the answer to come. value must come from
 * here, not from outside. */
void reply_header(struct request *r, const char *name, const char *value);

/* reply_json(r, status, json, len): json is copied, and is not in r->answer. */
void reply_json(struct request *r, int status, const char *json, size_t len);

/* reply_answer(r, status, content_type): what is in r->answer; a 500 where that failed. */
void reply_answer(struct request *r, int status, const char *content_type);

/* reply_as_built(r, status): r->headers, with a Content-Type among them, and r->answer as they are. */
void reply_as_built(struct request *r, int status);

/* reply_empty(r, status): no body. */
void reply_empty(struct request *r, int status);

/* reply_problem(r, status, detail): application/problem+json (RFC 9457). */
void reply_problem(struct request *r, int status, const char *detail);

/* reply_problem_about(r, status, detail, name, value): the same with one more member; name NULL: without. */
void reply_problem_about(struct request *r, int status, const char *detail, const char *name,
                         const char *value);

/* reply_later(r, status, retry_after, detail): a problem with Retry-After, in whole seconds and at least 1;
 * reply_unavailable: with status 503. */
void reply_later(struct request *r, int status, dur_ms retry_after, const char *detail);
void reply_unavailable(struct request *r, dur_ms retry_after, const char *detail);

/* reply_phrase(status): HTTP's own words for the status. */
const char *reply_phrase(int status);

#endif
