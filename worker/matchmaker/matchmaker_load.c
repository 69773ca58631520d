/*
 * Tickets from Redis into the queues: all that wait, when the lease is taken, and those that the
 * news tell of. What is read in between is no matter: who is in a queue and does not wait any more
 * is found out by match_take.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/matcher/ticketform.h"
#include "lib/matcher/ticketlog.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/matchmaker/matchmaker_impl.h"
#include "worker/mem.h"
#include "worker/worker.h"

#define CHUNK 200 /* tickets a read */

static struct event_text
text_of(const char *ticket)
{
    return (struct event_text){.s = ticket, .len = strlen(ticket)};
}

/* What a row of tickets_read has in front of the players' ratings and latencies. */
enum { STATE, QUEUE, SINCE, OPENER, ATTRIBUTES, PLAYERS };

/* A ticket of more players than the queue takes by now, or with figures that are none, waits until
 * its time is over. */
static void
add_ticket(struct matchmaker *m, const char *id, const struct redisReply *row)
{
    const struct product *product = m->lane->product;
    struct redis_text queue = redis_text_at(row, QUEUE);
    const struct queue *q = queue_find(product->queues, product->nqueues, queue.s, queue.len);
    struct matcher_ticket t = {.id = text_of(id)};
    struct ticketform form;

    if (q == NULL || row->elements < PLAYERS + 2 || (row->elements - PLAYERS) % 2 != 0 ||
        row->element[SINCE]->type != REDIS_REPLY_INTEGER)
        return;
    ticketform_init(&form, q);
    ticketform_load_attributes(&form, redis_text_at(row, ATTRIBUTES).s,
                               redis_text_at(row, ATTRIBUTES).len);
    for (size_t i = PLAYERS; i < row->elements; i += 2) {
        struct redis_text rating = redis_text_at(row, i);
        struct redis_text latencies = redis_text_at(row, i + 1);
        double v = 0;

        if (text_parse_double(rating.s, rating.len, &v) < 0 && q->board >= 0)
            v = q->newcomer;
        t.rating += v;
        t.size++;
        ticketform_load_latencies(&form, latencies.s, latencies.len, i == PLAYERS);
    }
    t.rating = q->board >= 0 ? t.rating / (double)t.size : 0;
    t.since = row->element[SINCE]->integer;
    for (size_t i = 0; i < q->nequal; i++)
        t.equal[i] = text_of(form.equal[i]);
    memcpy(t.within, form.within, sizeof(t.within));
    memcpy(t.latency, form.latency, sizeof(t.latency));
    if (matcher_add(m->queue[q - product->queues], &t) < 0 && errno != EEXIST)
        log_warning("matchmaker", "a ticket cannot be matched", LOG_S("product", product->id),
                    LOG_S("ticket", id), LOG_ERRNO(errno));
}

/* Tickets that are being read. */
struct reading {
    struct matchmaker *m;
    unsigned epoch;
    size_t n;
    char id[][TICKETS_ID_SIZE];
};

static void
loaded_one(struct matchmaker *m)
{
    if (m->loading > 0 && --m->loading == 0) {
        m->loaded = true;
        matchmaker_wake(m);
    }
}

static void
on_tickets(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct reading *reading = cookie;
    struct matchmaker *m = reading->m;

    matchmaker_answered(m);
    if (reading->epoch == m->epoch) {
        if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_ARRAY)
            for (size_t i = 0; i < reply->elements && i < reading->n; i++)
                if (strcmp(tickets_word(reply->element[i]), "waiting") == 0)
                    add_ticket(m, reading->id[i], reply->element[i]);
        loaded_one(m);
        matchmaker_wake(m);
    }
    free(reading);
}

void
matchmaker_read(struct matchmaker *m, const char (*ids)[TICKETS_ID_SIZE], size_t n)
{
    struct redis_args a;

    redis_args_init(&a);
    while (n > 0) {
        size_t chunk = n < CHUNK ? n : CHUNK;
        struct reading *reading = mem_alloc(1, sizeof(*reading) + chunk * sizeof(reading->id[0]));

        reading->m = m;
        reading->epoch = m->epoch;
        reading->n = chunk;
        memcpy(reading->id, ids, chunk * sizeof(reading->id[0]));
        redis_args_reset(&a);
        redis_args_fcall(&a, "tickets_read", true);
        for (size_t i = 0; i < chunk; i++)
            redis_args_key(&a, KEY_TICKET, m->lane->id, ids[i]);
        /* Each is one more that a load waits for, and none where nothing is loaded. */
        if (m->loading > 0)
            m->loading++;
        matchmaker_send(m, &a, on_tickets, reading);
        ids += chunk;
        n -= chunk;
    }
    redis_args_free(&a);
}

/* --- all that wait ---------------------------------------------------------------------------- */

struct listing {
    struct matchmaker *m;
    unsigned epoch;
    size_t queue;
};

static void
on_waiting(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct listing *listing = cookie;
    struct matchmaker *m = listing->m;
    char(*ids)[TICKETS_ID_SIZE] = NULL;
    size_t n = 0;

    matchmaker_answered(m);
    if (listing->epoch == m->epoch && outcome == REDIS_DONE && reply->type == REDIS_REPLY_ARRAY) {
        ids = mem_alloc(reply->elements + 1, sizeof(*ids));
        for (size_t i = 0; i < reply->elements; i++) {
            struct redis_text id = redis_text_at(reply, i);

            if (id.len == TICKETS_ID_LEN && !matcher_has(m->queue[listing->queue], text_of(id.s)))
                memcpy(ids[n++], id.s, TICKETS_ID_SIZE);
        }
        matchmaker_read(m, (const char(*)[TICKETS_ID_SIZE])ids, n);
    }
    if (listing->epoch == m->epoch && outcome == REDIS_DONE)
        loaded_one(m);
    else if (listing->epoch == m->epoch)
        m->loading = 0; /* tried again with the next care */
    free(ids);
    free(listing);
}

static void
list_queue(struct matchmaker *m, size_t queue)
{
    struct listing *listing = mem_alloc(1, sizeof(*listing));
    struct redis_args a;

    *listing = (struct listing){.m = m, .epoch = m->epoch, .queue = queue};
    redis_args_init(&a);
    redis_args_str(&a, "ZRANGE");
    redis_args_printf(&a, KEY_QUEUE, m->lane->id, m->lane->product->queues[queue].id);
    redis_args_int(&a, 0);
    redis_args_int(&a, -1);
    matchmaker_send(m, &a, on_waiting, listing);
    redis_args_free(&a);
}

void
matchmaker_load(struct matchmaker *m)
{
    if (!m->held || m->loading > 0 || !ticketlog_is_up(m->lane->worker->tickets))
        return;
    if (!m->loaded)
        m->loading = m->nqueues;
    for (size_t i = 0; i < m->nqueues; i++)
        list_queue(m, i);
}
