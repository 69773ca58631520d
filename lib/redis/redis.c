/*
 * One pipelined Redis connection, on hiredis' asynchronous API: the commands and their answers.
 * redis_connect.c has how it begins, ends and moves bytes.
 *
 * hiredis frees its context whenever a connection ends, from inside its own functions, and only
 * after calling back for every command. So nothing is decided in those callbacks: the commands are
 * kept in a list of our own (sent, in the order of the answers). What will not be answered goes to
 * a second list (done), and its callbacks are called from a timer, never from inside redis_send()
 * or hiredis' clean-up.
 *
 * hiredis 0.14 takes arrays that are nested seven deep at most: deeper ones end the connection.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "lib/base/loop.h"
#include "lib/base/text.h"
#include "lib/redis/library.h"
#include "lib/redis/redis_impl.h"

/* --- commands --------------------------------------------------------------------------------- */

struct redis_command *
redis_command_new(struct redis *r, const struct redis_args *a, redis_fn *fn, void *cookie)
{
    size_t room = a == NULL ? 0 : redis_args_room(a);
    struct redis_command *cmd = malloc(sizeof(*cmd) + room);

    if (cmd == NULL)
        return NULL;
    *cmd = (struct redis_command){.r = r, .fn = fn, .cookie = cookie};
    if (a != NULL) {
        cmd->fcall = a->nkeys_at != REDIS_ARGS_NO_KEYS;
        cmd->len = redis_args_put(a, cmd->bytes);
    }
    r->nbytes += cmd->len;
    return cmd;
}

static void
command_free(struct redis_command *cmd)
{
    cmd->r->nbytes -= cmd->len;
    if (cmd->internal) /* may be a password */
        text_wipe(cmd->bytes, cmd->len);
    free(cmd);
}

/* The command is in no list any more: tell its owner and forget it. */
static void
finish(struct redis_command *cmd, enum redis_outcome outcome, const redisReply *reply)
{
    struct redis *r = cmd->r;

    if (!cmd->internal)
        r->npending--;
    r->in_callback++;
    if (cmd->fn != NULL)
        cmd->fn(cmd->cookie, outcome, reply);
    r->in_callback--;
    command_free(cmd);
}

static void
turn_soon(struct redis *r)
{
    if (!loop_timer_is_set(r->soon))
        loop_timer_set(r->soon, 0);
}

void
redis_command_fail(struct redis_command *cmd, enum redis_outcome outcome)
{
    struct redis *r = cmd->r;

    if (cmd->internal) {
        command_free(cmd);
        return;
    }
    cmd->outcome = outcome;
    DL_APPEND(r->done, cmd);
    turn_soon(r);
}

/* Tell what is done now; what these callbacks add waits for the next time. */
static void
deliver(void *cookie)
{
    struct redis *r = cookie;
    struct redis_command *list = r->done;

    r->done = NULL;
    while (list != NULL) {
        struct redis_command *cmd = list;

        DL_DELETE(list, cmd);
        finish(cmd, cmd->outcome, NULL);
    }
}

/* --- replies ---------------------------------------------------------------------------------- */

bool
redis_reply_is_error(const redisReply *reply, const char *word)
{
    size_t len = strlen(word);

    return reply->len >= len && memcmp(reply->str, word, len) == 0 &&
           (reply->len == len || reply->str[len] == ' ');
}

enum redis_outcome
redis_reply_outcome(const redisReply *reply)
{
    static const char *const passing[] = {"LOADING", "READONLY",    "OOM",
                                          "BUSY",    "CLUSTERDOWN", "MASTERDOWN",
                                          "MISCONF", "NOREPLICAS",  "TRYAGAIN"};

    if (reply->type != REDIS_REPLY_ERROR)
        return REDIS_DONE;
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        if (redis_reply_is_error(reply, passing[i]))
            return REDIS_UNAVAILABLE;
    }
    return REDIS_REFUSED;
}

/* The function is missing: load the library, and send the command once more behind that. */
static void
send_again(struct redis_command *cmd)
{
    cmd->resent = true;
    if (!cmd->r->loading)
        redis_connect_load(cmd->r);
    redis_command_submit(cmd);
}

static void
on_reply(redisAsyncContext *ac, void *data, void *privdata)
{
    struct redis_command *cmd = privdata;
    struct redis *r = cmd->r;
    const redisReply *reply = data;
    enum redis_outcome outcome;

    (void)ac;
    if (reply == NULL)
        return; /* the connection is ending; on_gone() sees to what is in sent */
    assert(cmd == r->sent);
    DL_DELETE(r->sent, cmd);
    outcome = redis_reply_outcome(reply);
    if (outcome == REDIS_REFUSED && cmd->fcall && r->options.functions &&
        strcmp(reply->str, "ERR Function not found") == 0) {
        if (!cmd->resent) {
            send_again(cmd);
            return;
        }
        if (!r->loaded) /* what kept it from being loaded may pass */
            outcome = REDIS_UNAVAILABLE;
    }
    finish(cmd, outcome, reply);
}

void
redis_command_submit(struct redis_command *cmd)
{
    struct redis *r = cmd->r;

    if (redisAsyncFormattedCommand(r->ac, on_reply, cmd, cmd->bytes, cmd->len) != REDIS_OK) {
        redis_command_fail(cmd, REDIS_UNAVAILABLE); /* the connection is ending */
        return;
    }
    cmd->sent_at = clock_mono();
    DL_APPEND(r->sent, cmd);
    if (r->up && !loop_timer_is_set(r->deadline))
        loop_timer_set(r->deadline, r->options.command_timeout);
    turn_soon(r);
}

void
redis_send(struct redis *r, const struct redis_args *a, redis_fn *fn, void *cookie)
{
    bool can_send = r->up && !a->failed && a->n > 0 && r->npending < REDIS_QUEUE_MAX &&
                    r->nbytes + redis_args_room(a) <= REDIS_QUEUE_BYTES_MAX;
    struct redis_command *cmd = can_send ? redis_command_new(r, a, fn, cookie) : NULL;

    r->npending++;
    if (cmd != NULL) {
        redis_command_submit(cmd);
        return;
    }
    cmd = redis_command_new(r, NULL, fn, cookie);
    if (cmd == NULL)
        abort(); /* not even a few bytes to remember whom to tell */
    redis_command_fail(cmd, REDIS_UNAVAILABLE);
}

/* The oldest command's time may be over. It starts again with all that is read: answers come in
 * order, so whatever comes is that command's. */
static void
on_deadline(void *cookie)
{
    struct redis *r = cookie;
    char why[REDIS_WHY_SIZE];
    mono_ms since = r->heard_at;
    dur_ms left;

    if (r->sent == NULL)
        return;
    if (r->sent->sent_at > since)
        since = r->sent->sent_at;
    left = since + r->options.command_timeout - clock_mono();
    if (left > 0 || !r->overdue) {
        /* Timers come before descriptors: where it was this program that stood still, there may be
         * something to read in this very turn. */
        r->overdue = left <= 0;
        loop_timer_set(r->deadline, left > 0 ? left : 0);
        return;
    }
    (void)snprintf(why, sizeof(why), "no answer within %lld ms",
                   (long long)r->options.command_timeout);
    redis_connect_drop(r, why);
}

/* --- the life of it --------------------------------------------------------------------------- */

struct redis *
redis_open(struct loop *loop, const struct redis_options *options, redis_state_fn *state,
           void *cookie)
{
    struct redis *r = calloc(1, sizeof(*r));
    const char *why;

    if (r == NULL)
        return NULL;
    r->loop = loop;
    r->options = *options;
    r->options.url = NULL;
    r->state = state;
    r->cookie = cookie;
    if (redis_url_parse(options->url, &r->url, &why) != 0) {
        free(r);
        errno = EINVAL;
        return NULL;
    }
    r->flush = loop_hook_add(loop, redis_connect_flush, r);
    r->soon = loop_timer_new(loop, deliver, r);
    r->retry = loop_timer_new(loop, redis_connect_try, r);
    r->greeted = loop_timer_new(loop, redis_connect_too_slow, r);
    r->deadline = loop_timer_new(loop, on_deadline, r);
    if (r->flush == NULL || r->soon == NULL || r->retry == NULL || r->greeted == NULL ||
        r->deadline == NULL) {
        redis_close(r);
        errno = ENOMEM;
        return NULL;
    }
    loop_timer_set(r->retry, 0);
    return r;
}

void
redis_close(struct redis *r)
{
    if (r == NULL)
        return;
    assert(r->in_callback == 0);
    r->closing = true;
    r->up = false;
    if (r->ac != NULL)
        redisAsyncFree(r->ac);
    while (r->done != NULL)
        deliver(r);
    loop_hook_free(r->flush);
    loop_timer_free(r->soon);
    loop_timer_free(r->retry);
    loop_timer_free(r->greeted);
    loop_timer_free(r->deadline);
    redis_replies_free(&r->replies);
    free(r);
}

bool
redis_is_up(const struct redis *r)
{
    return r->up;
}

uint64_t
redis_turn(const struct redis *r)
{
    return r->turn;
}

size_t
redis_pending(const struct redis *r)
{
    return r->npending;
}

struct redis_text
redis_text_at(const struct redisReply *reply, size_t i)
{
    struct redis_text t = {.s = "", .len = 0};

    if (reply->type == REDIS_REPLY_ARRAY && i < reply->elements &&
        reply->element[i]->type == REDIS_REPLY_STRING) {
        t.s = reply->element[i]->str;
        t.len = reply->element[i]->len;
    }
    return t;
}

const char *
redis_library_version(void)
{
    return library_version;
}
