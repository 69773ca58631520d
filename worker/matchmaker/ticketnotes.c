/*
 * What those who wait are told: the ratings that they take by now, how many candidates there are,
 * and which rule excludes how many of the others. Kept with the ticket (`note`), as JSON.
 *
 * A note costs as much as there are others, so only some are written at a time: in each queue those
 * who have waited longest, and as many more in turn. In a small queue that is everybody, every
 * second; in a large one a ticket is matched before it has a note, or is soon among those who have
 * waited longest.
 */
#include <hiredis/hiredis.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/matchmaker/matchmaker_impl.h"
#include "worker/mem.h"
#include "worker/worker.h"

#define LONGEST 32
#define IN_TURN 32
#define CARES 4 /* every so many ticks of care: once a second */
#define NOTE_MAX_LEN 2048

struct noting {
    struct matchmaker *m;
    unsigned epoch;
    size_t queue;
};

static void
add_limit(struct buf *out, double v)
{
    if (isfinite(v))
        buf_json_number(out, v);
    else
        buf_str(out, "null");
}

/* Names with a number each; a rule that excludes nobody is left out. */
static void
add_count(struct buf *out, const char *name, size_t n)
{
    if (n == 0)
        return;
    if (out->data[out->len - 1] != '{')
        buf_byte(out, ',');
    buf_json_string(out, name, strlen(name));
    buf_printf(out, ":%zu", n);
}

static void
add_excluded(struct buf *out, const struct queue *q, const struct matcher_why *why)
{
    buf_str(out, ",\"excluded\":{");
    add_count(out, "rating", why->by_rating);
    add_count(out, "latency", why->by_latency);
    add_count(out, "party", why->by_party);
    for (size_t i = 0; i < q->nequal; i++)
        add_count(out, q->equal[i], why->by_equal[i]);
    for (size_t i = 0; i < q->nwithin; i++)
        add_count(out, q->within[i].name, why->by_within[i]);
    buf_byte(out, '}');
}

static void
write_note(struct buf *out, const struct queue *q, const struct matcher_why *why, wall_ms now)
{
    static const char *const reasons[MATCHER_REASON_MAX] = {
        [MATCHER_SOON] = "soon",       [MATCHER_ALONE] = "alone",   [MATCHER_RULES] = "rules",
        [MATCHER_TOO_FEW] = "too_few", [MATCHER_NO_FIT] = "no_fit",
    };
    char at[CLOCK_RFC3339_SIZE];

    clock_format_rfc3339(now, at);
    buf_printf(out, "{\"at\":\"%s\",\"reason\":\"%s\"", at, reasons[why->reason]);
    if (q->board >= 0) {
        buf_str(out, ",\"rating_from\":");
        add_limit(out, why->low);
        buf_str(out, ",\"rating_to\":");
        add_limit(out, why->high);
    }
    if (q->nregions > 0) {
        buf_str(out, ",\"latency_ms\":");
        add_limit(out, why->latency);
    }
    buf_printf(out, ",\"others\":%zu,\"candidates\":%zu,\"players\":%zu,\"needed\":%zu",
               why->others, why->candidates, why->players, why->needed);
    add_excluded(out, q, why);
    buf_byte(out, '}');
}

static void
on_noted(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    (void)outcome;
    (void)reply;
    matchmaker_answered(cookie);
}

static void
write_notes(struct noting *n, const struct redisReply *reply)
{
    struct matchmaker *m = n->m;
    wall_ms now = clock_wall();
    struct redis_args a;
    struct buf *notes = mem_alloc(reply->elements + 1, sizeof(*notes));
    size_t nnotes = 0;

    redis_args_init(&a);
    redis_args_fcall(&a, "tickets_note", false);
    for (size_t i = 0; i < reply->elements; i++) {
        struct redis_text id = redis_text_at(reply, i);
        struct matcher_why why;

        if (id.len != TICKETS_ID_LEN ||
            matcher_explain(m->queue[n->queue], (struct event_text){.s = id.s, .len = id.len}, now,
                            &why) < 0)
            continue;
        redis_args_key(&a, KEY_TICKET, m->lane->id, id.s);
        buf_init(&notes[nnotes], NOTE_MAX_LEN);
        write_note(&notes[nnotes++], &m->lane->product->queues[n->queue], &why, now);
    }
    for (size_t i = 0; i < nnotes; i++) {
        redis_args_add(&a, notes[i].data, notes[i].len);
        buf_free(&notes[i]);
    }
    if (nnotes > 0)
        matchmaker_send(m, &a, on_noted, m);
    redis_args_free(&a);
    free(notes);
}

static void
on_some(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct noting *n = cookie;

    matchmaker_answered(n->m);
    if (n->epoch == n->m->epoch && outcome == REDIS_DONE && reply->type == REDIS_REPLY_ARRAY)
        write_notes(n, reply);
    free(n);
}

static void
ask_range(struct matchmaker *m, size_t queue, size_t first, size_t n)
{
    struct noting *noting = mem_alloc(1, sizeof(*noting));
    struct redis_args a;

    *noting = (struct noting){.m = m, .epoch = m->epoch, .queue = queue};
    redis_args_init(&a);
    redis_args_str(&a, "ZRANGE");
    redis_args_printf(&a, KEY_QUEUE, m->lane->id, m->lane->product->queues[queue].id);
    redis_args_int(&a, (int64_t)first);
    redis_args_int(&a, (int64_t)(first + n - 1));
    matchmaker_send(m, &a, on_some, noting);
    redis_args_free(&a);
}

void
ticketnotes_tick(struct matchmaker *m)
{
    size_t most = 0;

    if (m->cares % CARES != 0)
        return;
    for (size_t i = 0; i < m->nqueues; i++) {
        size_t n = matcher_waiting(m->queue[i]);

        if (n > most)
            most = n;
        if (n == 0)
            continue;
        ask_range(m, i, 0, LONGEST);
        if (n > LONGEST + m->note_offset)
            ask_range(m, i, LONGEST + m->note_offset, IN_TURN);
    }
    m->note_offset = LONGEST + m->note_offset + IN_TURN < most ? m->note_offset + IN_TURN : 0;
}
