/*
 * The client of the game servers.
 *
 * What a failed call may have done follows from whether any byte of the request was sent: if not,
 * nothing, and the call is DOWN; if so, anything. A caller's wait and a call's life are two things:
 * the wait is a timer here, the life is httpclient's time limit.
 */
#include "lib/lobby/gameserver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <utlist.h>

#include "lib/base/breaker.h"
#include "lib/base/buf.h"
#include "lib/base/httpclient.h"
#include "lib/base/loop.h"
#include "lib/base/text.h"
#include "lib/config/table.h"

#define BODY_MAX 65536 /* the settings of a match of 64 players name them all */
#define URL_MAX 4096
#define TOKEN_MAX 4096
#define WHY_MAX 256
/* A call earns one, a retry costs so many, and no more than that can be saved. */
#define RETRY_COST 10
#define BUDGET_MAX (10 * RETRY_COST)

/* One game server: what its URLs have in common. Lives as long as the client. */
struct origin {
    char *name; /* scheme://host:port */
    size_t under_way;
    uint64_t calls[GAMESERVER_DOWN + 1];
    uint64_t failures, retries;
    bool up; /* it answered when it was asked last; true until then */
    struct breaker breaker;
    struct origin *next;
};

struct gameserver_call {
    struct gameserver_client *client;
    struct origin *origin;                /* NULL: none could be made of the URL */
    struct httpclient_transfer *transfer; /* NULL: not to be sent, or ended */
    struct loop_timer *deadline; /* of the caller; where the call is not to be sent: at once */
    const char *refusal;         /* why it is not to be sent */
    dur_ms retry_after;
    bool wants_token;
    bool admitted; /* counts as under way, and the breaker is owed a report until `told` */
    bool trial;
    bool told; /* done was called with GAMESERVER_LATE */
    gameserver_fn *done, *late;
    void *cookie;
    struct gameserver_call *prev, *next;
};

struct gameserver_client {
    struct loop *loop;
    struct gameserver_limits limits;
    struct httpclient *http;
    struct origin *origins;
    struct gameserver_call *calls;
    size_t late_pending;
    unsigned budget; /* of retries */
};

/* --- the bodies ------------------------------------------------------------------------------- */

static void
add_member(struct buf *b, const char *key, const char *value)
{
    if (value == NULL)
        return;
    buf_byte(b, b->len == 0 ? '{' : ',');
    buf_json_string(b, key, strlen(key));
    buf_byte(b, ':');
    buf_json_string(b, value, strlen(value));
}

static void
write_body(struct buf *b, const struct gameserver_request *request)
{
    add_member(b, "gameId", request->game_id);
    add_member(b, "userId", request->user_id);
    add_member(b, "username", request->username);
    if (request->settings != NULL)
        buf_printf(b, ",\"settings\":%s", request->settings);
    buf_byte(b, '}');
}

/* read_token(body, len, ret_object): the gameToken in it, a string of *ret_object; or NULL. */
static struct json_object *
read_token(const char *body, size_t len, struct json_object **ret_object)
{
    struct json_object *object = NULL, *token = NULL;
    struct buf why;

    buf_init(&why, WHY_MAX);
    if (len == 0 || table_parse(body, len, &object, &why) != 0)
        object = NULL;
    buf_free(&why);
    if (json_object_object_get_ex(object, "gameToken", &token) &&
        (!json_object_is_type(token, json_type_string) ||
         json_object_get_string_len(token) > TOKEN_MAX ||
         !text_is_plain(json_object_get_string(token), (size_t)json_object_get_string_len(token))))
        token = NULL;
    *ret_object = object;
    return token;
}

/* --- a call's end ----------------------------------------------------------------------------- */

static void
call_free(struct gameserver_call *call)
{
    struct gameserver_client *c = call->client;

    httpclient_cancel(call->transfer);
    loop_timer_free(call->deadline);
    DL_DELETE(c->calls, call);
    free(call);
}

static bool
is_failure(const struct gameserver_answer *answer)
{
    switch (answer->outcome) {
    case GAMESERVER_DONE:
        return false;
    case GAMESERVER_REFUSED:
        return answer->status >= 500;
    case GAMESERVER_RUBBISH:
    case GAMESERVER_LATE:
    case GAMESERVER_DOWN:
        break;
    }
    return true;
}

/* tell(call, answer): call done with the first, or only, outcome. */
static void
tell(struct gameserver_call *call, const struct gameserver_answer *answer)
{
    if (call->origin != NULL)
        call->origin->calls[answer->outcome]++;
    if (call->admitted) {
        bool failed = is_failure(answer);

        breaker_report(&call->origin->breaker, loop_now(call->client->loop), call->trial, failed);
        call->origin->failures += failed;
        if (answer->outcome == GAMESERVER_DOWN)
            call->origin->up = false;
    }
    call->told = answer->outcome == GAMESERVER_LATE;
    if (call->told && call->late != NULL)
        call->client->late_pending++;
    call->done(call->cookie, answer);
}

/* finish(call, answer): the call is over and freed. Its place is free before anybody is told, so
 * that a callback can make the next call. */
static void
finish(struct gameserver_call *call, const struct gameserver_answer *answer)
{
    if (call->admitted)
        call->origin->under_way--;
    if (!call->told)
        tell(call, answer);
    if (call->told && call->late != NULL) {
        call->client->late_pending--;
        call->late(call->cookie, answer);
    }
    call_free(call);
}

/* judge(call, result, answer): what the end of a transfer means; the token is not looked at yet. */
static void
judge(const struct gameserver_call *call, const struct httpclient_result *result,
      struct gameserver_answer *answer)
{
    answer->status = result->status;
    answer->reason = result->error != NULL ? result->error : "";
    if (!result->sent && !call->told) {
        answer->outcome = GAMESERVER_DOWN;
    } else if (!call->wants_token && (result->status == 404 || result->status == 410)) {
        answer->outcome = GAMESERVER_DONE; /* removed before */
    } else if (result->status > 200 && call->wants_token && result->sent_again) {
        answer->outcome = GAMESERVER_RUBBISH; /* the second time, perhaps because of the first */
        answer->reason = "refused when it was asked again";
    } else if (result->status > 200) {
        answer->outcome = GAMESERVER_REFUSED; /* also where the rest of the answer is missing */
        answer->reason = "answered other than 200";
    } else if (result->timed_out) {
        answer->outcome = GAMESERVER_LATE;
    } else if (result->error != NULL) {
        answer->outcome = GAMESERVER_RUBBISH;
    } else {
        answer->outcome = GAMESERVER_DONE;
    }
}

static void
on_answer(void *cookie, const struct httpclient_result *result)
{
    struct gameserver_call *call = cookie;
    struct gameserver_answer answer = {.outcome = GAMESERVER_RUBBISH};
    struct json_object *object = NULL, *token;

    call->transfer = NULL;
    judge(call, result, &answer);
    if (answer.outcome == GAMESERVER_DONE && call->wants_token) {
        token = read_token(result->body, result->body_len, &object);
        if (token != NULL) {
            answer.token = json_object_get_string(token);
            answer.token_len = (size_t)json_object_get_string_len(token);
        } else {
            answer.outcome = GAMESERVER_RUBBISH;
            answer.reason = "no gameToken in the answer";
        }
    }
    finish(call, &answer);
    json_object_put(object);
}

/* The caller's wait is over: a request that was not sent never will be, any other goes on. */
static void
on_deadline(void *cookie)
{
    struct gameserver_call *call = cookie;
    struct gameserver_answer answer = {
        .outcome = GAMESERVER_DOWN, .reason = call->refusal, .retry_after = call->retry_after};

    if (call->transfer == NULL) {
        finish(call, &answer);
    } else if (!httpclient_was_sent(call->transfer)) {
        answer.reason = "no connection in time";
        finish(call, &answer);
    } else {
        answer.outcome = GAMESERVER_LATE;
        answer.reason = "no answer in time";
        tell(call, &answer);
    }
}

/* --- making a call ---------------------------------------------------------------------------- */

/* find_origin(c, url): the one there is, or a new one; NULL where url is none. */
static struct origin *
find_origin(struct gameserver_client *c, const char *url)
{
    char *name = httpclient_origin(url);
    struct origin *o;

    if (name == NULL)
        return NULL;
    LL_FOREACH (c->origins, o) {
        if (strcmp(o->name, name) == 0) {
            free(name);
            return o;
        }
    }
    o = calloc(1, sizeof(*o));
    if (o == NULL) {
        free(name);
        return NULL;
    }
    o->name = name;
    o->up = true;
    breaker_init(&o->breaker, c->limits.breaker_failures, c->limits.breaker_open);
    LL_APPEND(c->origins, o);
    return o;
}

/* send_request(call, request): 0, or -1 where it is too long or memory runs out. */
static int
send_request(struct gameserver_call *call, const struct gameserver_request *request)
{
    struct buf url, body;

    buf_init(&url, URL_MAX);
    buf_init(&body, BODY_MAX);
    buf_printf(&url, "%s/%s", request->url, request->action);
    write_body(&body, request);
    if (buf_ok(&url) && buf_ok(&body))
        call->transfer = httpclient_post(call->client->http, url.data, &body, request->request_id,
                                         on_answer, call);
    buf_free(&url);
    buf_free(&body);
    return call->transfer != NULL ? 0 : -1;
}

/* start(call, request): NULL, or why the request is not sent. */
static const char *
start(struct gameserver_call *call, const struct gameserver_request *request)
{
    struct gameserver_client *c = call->client;
    struct origin *o = find_origin(c, request->url);

    call->origin = o;
    if (o == NULL)
        return "not the URL of a game server";
    if (o->under_way >= (size_t)c->limits.concurrent)
        return "too many calls under way";
    if (!breaker_admit(&o->breaker, loop_now(c->loop), &call->trial, &call->retry_after))
        return "the circuit breaker is open";
    call->admitted = true;
    o->under_way++;
    return send_request(call, request) == 0 ? NULL : "the request cannot be made";
}

void
gameserver_call(struct gameserver_client *c, const struct gameserver_request *request,
                gameserver_fn *done, gameserver_fn *late, void *cookie)
{
    struct gameserver_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        abort(); /* as the header says */
    call->client = c;
    call->deadline = loop_timer_new(c->loop, on_deadline, call);
    if (call->deadline == NULL)
        abort();
    call->wants_token = request->wants_token;
    call->done = done;
    call->late = late;
    call->cookie = cookie;
    if (c->budget < BUDGET_MAX)
        c->budget++;
    DL_APPEND(c->calls, call);
    call->refusal = start(call, request);
    loop_timer_set(call->deadline, call->refusal == NULL ? c->limits.timeout : 0);
}

/* --- which one to take ------------------------------------------------------------------------ */

enum gameserver_fitness
gameserver_fitness(struct gameserver_client *c, const char *url)
{
    const struct origin *o = find_origin(c, url);

    if (o == NULL || o->under_way >= (size_t)c->limits.concurrent ||
        !breaker_would_admit(&o->breaker, loop_now(c->loop)))
        return GAMESERVER_UNFIT;
    return o->up ? GAMESERVER_FIT : GAMESERVER_DOUBTFUL;
}

void
gameserver_report(struct gameserver_client *c, const char *url, bool up)
{
    struct origin *o = find_origin(c, url);

    if (o != NULL)
        o->up = up;
}

bool
gameserver_retry(struct gameserver_client *c, const char *url)
{
    struct origin *o = find_origin(c, url);

    if (o == NULL || c->budget < RETRY_COST)
        return false;
    c->budget -= RETRY_COST;
    o->retries++;
    return true;
}

/* --- the client ------------------------------------------------------------------------------- */

struct gameserver_client *
gameserver_client_new(struct loop *loop, const struct gameserver_limits *limits)
{
    const struct httpclient_limits http_limits = {.connect_timeout = limits->connect_timeout,
                                                  .timeout = limits->late,
                                                  .connections = (long)limits->concurrent};
    struct gameserver_client *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->loop = loop;
    c->limits = *limits;
    c->budget = BUDGET_MAX;
    c->http = httpclient_new(loop, &http_limits);
    if (c->http == NULL) {
        free(c);
        errno = ENOMEM;
        return NULL;
    }
    return c;
}

void
gameserver_client_free(struct gameserver_client *c)
{
    struct gameserver_call *call, *next_call;
    struct origin *o, *next;

    if (c == NULL)
        return;
    DL_FOREACH_SAFE (c->calls, call, next_call)
        call_free(call);
    LL_FOREACH_SAFE (c->origins, o, next) {
        free(o->name);
        free(o);
    }
    httpclient_free(c->http);
    free(c);
}

size_t
gameserver_late_pending(const struct gameserver_client *c)
{
    return c->late_pending;
}

int
gameserver_status(const struct gameserver_client *c, size_t i, struct gameserver_status *ret_status)
{
    const struct origin *o = c->origins;

    for (; o != NULL && i > 0; i--)
        o = o->next;
    if (o == NULL)
        return -1;
    ret_status->origin = o->name;
    ret_status->under_way = o->under_way;
    ret_status->up = o->up;
    ret_status->breaker = breaker_state(&o->breaker, loop_now(c->loop));
    ret_status->failures = o->failures;
    ret_status->retries = o->retries;
    memcpy(ret_status->calls, o->calls, sizeof(o->calls));
    return 0;
}
