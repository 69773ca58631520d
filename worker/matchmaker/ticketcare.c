/*
 * What is due in a product's tickets: those whose time is over expire, those that are over are
 * forgotten, and matches that nobody finished (whoever made them died, or Redis did not answer)
 * fail, so that their tickets wait again.
 *
 * The clock is the wall's: nothing here follows from events of the stream.
 */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "lib/config/conf.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/matchmaker/matchmaker_impl.h"
#include "worker/mem.h"
#include "worker/worker.h"

#define A_TICK 200               /* how many are looked at */
#define TICKETS_MAX 64           /* of a match: no game has more players */
#define PUT_OFF ((dur_ms)300000) /* what cannot be read */

/* One thing that is due. */
struct due {
    struct matchmaker *m;
    char name[2 + TICKETS_ID_SIZE]; /* t:<ticket>, m:<match> */
    char queue[QUEUE_ID_MAX + 1];
    char game[TEXT_GAME_ID_LEN + 1]; /* of a backfill: the listed game; else "" */
    char ids[TICKETS_MAX][TICKETS_ID_SIZE];
    size_t nids;
};

/* It cannot be read: it is put off, for others to be looked at. */
static void
put_off(struct due *d, const char *why, size_t len)
{
    struct matchmaker *m = d->m;
    struct worker *w = m->lane->worker;
    struct redis_args a;

    if (report_allowed(&w->report.trouble_lines, loop_now(w->loop)))
        log_error("matchmaker", "what is due cannot be read", LOG_S("product", m->lane->id),
                  LOG_S("due", d->name), LOG_B("error", why, len));
    redis_args_init(&a);
    redis_args_str(&a, "ZADD");
    redis_args_printf(&a, KEY_TICKETS_DUE, m->lane->id);
    redis_args_str(&a, "XX");
    redis_args_int(&a, clock_wall() + PUT_OFF);
    redis_args_str(&a, d->name);
    redis_send(w->state, &a, NULL, NULL);
    redis_args_free(&a);
}

/* Redis was asked to do it. Returns whether it did. */
static bool
is_done(struct due *d, enum redis_outcome outcome, const struct redisReply *reply)
{
    matchmaker_answered(d->m);
    if (outcome == REDIS_REFUSED)
        put_off(d, reply->str, reply->len);
    return outcome == REDIS_DONE;
}

static void
on_expired(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct due *d = cookie;
    struct matchmaker *m = d->m;

    if (is_done(d, outcome, reply)) {
        matchmaker_remove(m, d->name + 2);
        if (strcmp(tickets_word(reply), "expired") == 0)
            metric_add(m->report.expired, 1);
    }
    free(d);
}

static struct due *
due_new(struct matchmaker *m, char kind, const char *id)
{
    struct due *d = mem_alloc(1, sizeof(*d));

    d->m = m;
    (void)snprintf(d->name, sizeof(d->name), "%c:%.*s", kind, TICKETS_ID_LEN, id);
    return d;
}

void
ticketcare_expire(struct matchmaker *m, const char *ticket)
{
    struct due *d = due_new(m, 't', ticket);
    struct redis_args a;

    redis_args_init(&a);
    tickets_call(&a, "ticket_expire", m->lane->product, d->name + 2);
    redis_args_int(&a, clock_wall());
    redis_args_int(&a, TICKETS_KEEP);
    matchmaker_send(m, &a, on_expired, d);
    redis_args_free(&a);
}

/* --- matches ---------------------------------------------------------------------------------- */

static void
on_failed(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct due *d = cookie;
    struct matchmaker *m = d->m;

    if (is_done(d, outcome, reply)) {
        metric_add(d->game[0] != '\0' ? m->report.backfills.orphaned : m->report.matches.orphaned,
                   1);
        log_notice("matchmaker", "a match that nobody finished is undone",
                   LOG_S("product", m->lane->id), LOG_S("game", d->name + 2));
    }
    free(d);
}

/* "id id id" */
static void
read_ids(struct due *d, struct redis_text text)
{
    const char *s = text.s;

    while (text.len >= TICKETS_ID_LEN && d->nids < TICKETS_MAX &&
           text_is_game_id(s, TICKETS_ID_LEN)) {
        memcpy(d->ids[d->nids++], s, TICKETS_ID_LEN);
        if (text.len == TICKETS_ID_LEN)
            break;
        s += TICKETS_ID_LEN + 1;
        text.len -= TICKETS_ID_LEN + 1;
    }
}

/* Nothing is known of when the game server was last asked: it may yet do it. */
static void
fail_match(struct due *d)
{
    struct matchmaker *m = d->m;
    wall_ms now = clock_wall();
    struct redis_args a;

    redis_args_init(&a);
    if (d->game[0] != '\0')
        tickets_call_backfill(&a, "backfill_failed", m->lane->id, d->queue, d->game, d->name + 2,
                              d->ids[0]);
    else
        tickets_call_match(&a, "match_failed", m->lane->product, d->queue, d->name + 2,
                           (const char(*)[TICKETS_ID_SIZE])d->ids, d->nids);
    redis_args_int(&a, now);
    redis_args_int(&a, now + m->lane->worker->conf->game_server_late);
    if (d->game[0] == '\0') {
        redis_args_int(&a, TICKETS_KEEP);
        redis_args_str(&a, "");
        redis_args_str(&a, "");
    }
    matchmaker_send(m, &a, on_failed, d);
    redis_args_free(&a);
}

/* Redis has nothing of it: it has ended since it was found due, and both go in one step. Or what
 * there was is lost. */
static void
forget(const struct due *d)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "ZREM");
    redis_args_printf(&a, KEY_TICKETS_DUE, d->m->lane->id);
    redis_args_str(&a, d->name);
    redis_send(d->m->lane->worker->state, &a, NULL, NULL);
    redis_args_free(&a);
}

/* Whether a hash is there that has one of these fields. */
static bool
has_any(const struct redisReply *fields)
{
    for (size_t i = 0; fields->type == REDIS_REPLY_ARRAY && i < fields->elements; i++)
        if (fields->element[i]->type != REDIS_REPLY_NIL)
            return true;
    return false;
}

static void
on_match(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct due *d = cookie;
    struct redis_text queue;

    matchmaker_answered(d->m);
    if (outcome == REDIS_DONE) {
        queue = redis_text_at(reply, 0);
        read_ids(d, redis_text_at(reply, 1));
        if (queue.len > 0 && queue.len < sizeof(d->queue) && d->nids > 0) {
            memcpy(d->queue, queue.s, queue.len + 1);
            (void)snprintf(d->game, sizeof(d->game), "%s", redis_text_at(reply, 2).s);
            fail_match(d);
            return;
        }
        if (has_any(reply))
            put_off(d, "no match", strlen("no match"));
        else
            forget(d);
    }
    free(d);
}

static void
read_match(struct matchmaker *m, const char *id)
{
    struct due *d = due_new(m, 'm', id);
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "HMGET");
    redis_args_printf(&a, KEY_MATCH, m->lane->id, d->name + 2);
    redis_args_str(&a, "queue");
    redis_args_str(&a, "tickets");
    redis_args_str(&a, "game");
    matchmaker_send(m, &a, on_match, d);
    redis_args_free(&a);
}

/* --- what is due ------------------------------------------------------------------------------ */

static void
on_due(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct matchmaker *m = cookie;

    matchmaker_answered(m);
    m->caring = false;
    if (outcome != REDIS_DONE || reply->type != REDIS_REPLY_ARRAY)
        return;
    for (size_t i = 0; i < reply->elements; i++) {
        struct redis_text name = redis_text_at(reply, i);

        if (name.len != 2 + TICKETS_ID_LEN)
            continue;
        if (name.s[0] == 't')
            ticketcare_expire(m, name.s + 2);
        else
            read_match(m, name.s + 2);
    }
}

void
ticketcare_tick(struct matchmaker *m)
{
    struct redis_args a;

    if (m->caring)
        return;
    m->caring = true;
    redis_args_init(&a);
    redis_args_str(&a, "ZRANGE");
    redis_args_printf(&a, KEY_TICKETS_DUE, m->lane->id);
    redis_args_str(&a, "-inf");
    redis_args_int(&a, clock_wall());
    redis_args_str(&a, "BYSCORE");
    redis_args_str(&a, "LIMIT");
    redis_args_int(&a, 0);
    redis_args_int(&a, A_TICK);
    matchmaker_send(m, &a, on_due, m);
    redis_args_free(&a);
}
