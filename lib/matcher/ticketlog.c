/*
 * Following the tickets' logs: see ticketlog.h.
 *
 * Where to begin is each log's last id at the time (XREVRANGE), since `$` would be that of the
 * moment in which XREAD begins, and followed() would promise too much.
 */
#include "lib/matcher/ticketlog.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/loop.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/rules/event.h"

#define COUNT 1000
#define RETRY ((dur_ms)200) /* after a read that was refused */

struct followed {
    const struct product *product;
    char key[sizeof(KEY_TICKETS_LOG) + TEXT_PRODUCT_ID_MAX];
    char id[EVENT_ID_SIZE]; /* told up to here */
    bool known;             /* id is that of this connection */
};

struct ticketlog {
    struct redis *redis;
    struct loop_timer *retry;
    struct ticketlog_listener listener;
    struct followed *followed;
    size_t nfollowed;
    const struct products *next; /* follow these as soon as no read is under way */
    bool changing;               /* next is to be followed; it may be NULL */
    size_t asked;                /* answers to come */
    bool up;
};

static void read_on(struct ticketlog *log);

static void
change(struct ticketlog *log)
{
    size_t n = log->next != NULL ? products_count(log->next) : 0;
    struct followed *list = calloc(n > 0 ? n : 1, sizeof(*list));

    log->changing = false;
    free(log->followed);
    log->followed = list;
    log->nfollowed = 0;
    for (size_t i = 0; i < n && list != NULL; i++) {
        const struct product *product = products_at(log->next, i);
        struct followed *f = &list[log->nfollowed];

        if (product->nqueues == 0)
            continue;
        f->product = product;
        (void)snprintf(f->key, sizeof(f->key), KEY_TICKETS_LOG, product->id);
        log->nfollowed++;
    }
}

/* --- the entries ------------------------------------------------------------------------------ */

static const char *
field(const struct redisReply *fields, const char *name)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2)
        if (fields->element[i]->type == REDIS_REPLY_STRING &&
            fields->element[i + 1]->type == REDIS_REPLY_STRING &&
            strcmp(fields->element[i]->str, name) == 0)
            return fields->element[i + 1]->str;
    return NULL;
}

/* An entry: its id and its fields. */
static bool
is_entry(const struct redisReply *entry)
{
    return entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 &&
           entry->element[0]->type == REDIS_REPLY_STRING &&
           entry->element[0]->len < EVENT_ID_SIZE && entry->element[1]->type == REDIS_REPLY_ARRAY;
}

static void
tell(struct ticketlog *log, struct followed *f, const struct redisReply *entry)
{
    struct ticketlog_entry e = {.product = f->product};

    memcpy(f->id, entry->element[0]->str, entry->element[0]->len + 1);
    e.ticket = field(entry->element[1], "ticket");
    e.state = field(entry->element[1], "state");
    if (e.ticket != NULL && e.state != NULL)
        log->listener.entry(log->listener.cookie, &e);
}

/* What one log has: its key and its entries. */
static void
tell_log(struct ticketlog *log, const struct redisReply *one)
{
    struct followed *f = NULL;

    if (one->type != REDIS_REPLY_ARRAY || one->elements != 2 ||
        one->element[0]->type != REDIS_REPLY_STRING || one->element[1]->type != REDIS_REPLY_ARRAY)
        return;
    for (size_t i = 0; i < log->nfollowed && f == NULL; i++)
        if (strcmp(log->followed[i].key, one->element[0]->str) == 0)
            f = &log->followed[i];
    for (size_t i = 0; f != NULL && i < one->element[1]->elements; i++)
        if (is_entry(one->element[1]->element[i]))
            tell(log, f, one->element[1]->element[i]);
}

static void
on_entries(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct ticketlog *log = cookie;

    log->asked--;
    if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_ARRAY && !log->changing)
        for (size_t i = 0; i < reply->elements; i++)
            tell_log(log, reply->element[i]);
    if (outcome == REDIS_DONE)
        read_on(log);
    else if (outcome == REDIS_REFUSED)
        loop_timer_set(log->retry, RETRY);
}

static void
send_read(struct ticketlog *log)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "XREAD");
    redis_args_str(&a, "COUNT");
    redis_args_int(&a, COUNT);
    redis_args_str(&a, "BLOCK");
    redis_args_int(&a, TICKETLOG_BLOCK);
    redis_args_str(&a, "STREAMS");
    for (size_t i = 0; i < log->nfollowed; i++)
        redis_args_str(&a, log->followed[i].key);
    for (size_t i = 0; i < log->nfollowed; i++)
        redis_args_str(&a, log->followed[i].id);
    log->asked++;
    redis_send(log->redis, &a, on_entries, log);
    redis_args_free(&a);
}

/* --- where to begin --------------------------------------------------------------------------- */

static void
on_last(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct ticketlog *log = cookie;
    struct followed *f = NULL;

    /* Answers come in the order of the questions. */
    for (size_t i = 0; i < log->nfollowed && f == NULL; i++)
        if (!log->followed[i].known)
            f = &log->followed[i];
    log->asked--;
    if (f != NULL) {
        f->known = true;
        (void)snprintf(f->id, sizeof(f->id), "0-0");
        if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
            is_entry(reply->element[0]))
            (void)snprintf(f->id, sizeof(f->id), "%s", reply->element[0]->element[0]->str);
    }
    if (log->asked > 0 || !redis_is_up(log->redis))
        return;
    log->up = outcome == REDIS_DONE && !log->changing;
    if (log->up)
        log->listener.followed(log->listener.cookie);
    read_on(log);
}

static void
ask_last(struct ticketlog *log)
{
    struct redis_args a;

    redis_args_init(&a);
    for (size_t i = 0; i < log->nfollowed; i++) {
        log->followed[i].known = false;
        redis_args_reset(&a);
        redis_args_str(&a, "XREVRANGE");
        redis_args_str(&a, log->followed[i].key);
        redis_args_str(&a, "+");
        redis_args_str(&a, "-");
        redis_args_str(&a, "COUNT");
        redis_args_int(&a, 1);
        log->asked++;
        redis_send(log->redis, &a, on_last, log);
    }
    redis_args_free(&a);
}

static void
read_on(struct ticketlog *log)
{
    if (log->asked > 0 || !redis_is_up(log->redis))
        return;
    if (log->changing) {
        change(log);
        log->up = false;
    }
    if (log->nfollowed == 0)
        return;
    if (log->up)
        send_read(log);
    else
        ask_last(log);
}

/* --- the connection --------------------------------------------------------------------------- */

static void
on_state(void *cookie, bool up, const char *why)
{
    struct ticketlog *log = cookie;

    (void)why;
    log->up = false;
    if (up)
        read_on(log);
}

static void
on_retry(void *cookie)
{
    struct ticketlog *log = cookie;

    log->up = false;
    read_on(log);
}

void
ticketlog_follow(struct ticketlog *log, const struct products *products)
{
    log->next = products;
    log->changing = true;
    if (products == NULL) {
        /* What a read under way brings is forgotten. */
        log->nfollowed = 0;
        log->up = false;
    }
    read_on(log);
}

bool
ticketlog_is_up(const struct ticketlog *log)
{
    return log->up;
}

int
ticketlog_open(struct loop *loop, const struct redis_options *options,
               const struct ticketlog_listener *listener, struct ticketlog **ret_log)
{
    struct redis_options own = *options;
    struct ticketlog *log = calloc(1, sizeof(*log));

    if (log == NULL)
        return -1;
    own.functions = false;
    own.command_timeout += TICKETLOG_BLOCK;
    log->listener = *listener;
    log->retry = loop_timer_new(loop, on_retry, log);
    if (log->retry != NULL)
        log->redis = redis_open(loop, &own, on_state, log);
    if (log->redis == NULL) {
        ticketlog_close(log);
        return -1;
    }
    *ret_log = log;
    return 0;
}

void
ticketlog_close(struct ticketlog *log)
{
    int saved = errno;

    if (log == NULL)
        return;
    log->changing = true; /* answers that come from inside redis_close are of no use */
    redis_close(log->redis);
    loop_timer_free(log->retry);
    free(log->followed);
    free(log);
    errno = saved;
}
