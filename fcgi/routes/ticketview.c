/*
 * The ticket's object. `forming` and `starting` are ours alone: to a client both are `waiting`,
 * since there is nothing else that it has to do.
 */
#include "fcgi/routes/ticketview.h"

#include <hiredis/hiredis.h>
#include <string.h>

#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/store.h"
#include "lib/matcher/tickets.h"
#include "lib/product/product.h"

static bool
is(struct redis_text text, const char *word)
{
    return strcmp(text.s, word) == 0;
}

static void
add_text(struct buf *out, const char *name, struct redis_text text)
{
    buf_printf(out, ",\"%s\":", name);
    buf_json_string(out, text.s, text.len);
}

static void
add_time(struct buf *out, const char *name, wall_ms t)
{
    char text[CLOCK_RFC3339_SIZE];

    clock_format_rfc3339(t, text);
    buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

static void
add_players(struct buf *out, const struct tickets_view *v)
{
    buf_str(out, ",\"players\":[");
    for (size_t i = v->first_player; i < v->reply->elements; i++) {
        struct redis_text user = redis_text_at(v->reply, i);

        buf_str(out, i > v->first_player ? "," : "");
        buf_json_string(out, user.s, user.len);
    }
    buf_byte(out, ']');
}

static void
add_figures(struct buf *out, const struct tickets_figures *f)
{
    buf_printf(out, ",\"waiting\":%lld", (long long)f->waiting);
    if (f->matched > 0)
        buf_printf(out, ",\"last_waits\":{\"tickets\":%lld,\"p50_ms\":%lld,\"p90_ms\":%lld}",
                   (long long)f->matched, (long long)f->p50, (long long)f->p90);
    else
        buf_str(out, ",\"last_waits\":null");
}

/* What is told to those who wait. */
static void
add_waiting(struct buf *out, const struct tickets_view *v, wall_ms now)
{
    bool ready = !is(v->state, "forming");

    if (!ready)
        add_text(out, "code", v->code);
    buf_printf(out, ",\"ready\":%s", ready ? "true" : "false");
    add_time(out, "expires_at", v->since + (ready ? v->timeout : TICKETS_FORMING));
    if (!ready)
        return;
    buf_printf(out, ",\"waited_ms\":%lld", (long long)(now > v->since ? now - v->since : 0));
    if (v->place > 0)
        buf_printf(out, ",\"place\":%lld", (long long)v->place);
    add_figures(out, &v->figures);
    buf_str(out, ",\"why\":");
    if (v->note.len > 0)
        buf_add(out, v->note.s, v->note.len);
    else
        buf_str(out, "null");
}

static void
add_view(struct buf *out, const struct request *r, const char *ticket, const struct tickets_view *v)
{
    bool over = tickets_is_over(v->state);

    buf_printf(out, "{\"ticket_id\":\"%s\",\"product_id\":\"%s\"", ticket, r->product->id);
    add_text(out, "queue", v->queue);
    add_text(out, "state", over ? v->state : (struct redis_text){.s = "waiting", .len = 7});
    add_text(out, "opener_id", v->opener);
    add_players(out, v);
    if (v->rating.len > 0)
        buf_printf(out, ",\"rating\":%s", v->rating.s);
    add_time(out, "opened_at", v->opened);
    if (!over) {
        add_waiting(out, v, clock_wall());
    } else {
        buf_printf(out, ",\"waited_ms\":%lld", (long long)v->waited);
        if (!is(v->state, "matched"))
            add_text(out, "reason", v->reason);
        else
            buf_printf(out, ",\"game\":%s", v->game.s);
    }
    buf_byte(out, '}');
}

void
ticketview_answer(struct request *r, int status, const char *ticket, enum redis_outcome outcome,
                  const struct redisReply *reply)
{
    struct tickets_view view;
    int found;

    if (!store_usable(r, outcome, reply))
        return;
    found = tickets_read_view(reply, &view);
    if (found < 0) {
        store_fail(r, REDIS_DONE, "ticket: an answer of another shape");
    } else if (found == 0) {
        reply_problem(r, 404, "No such ticket");
    } else {
        add_view(&r->answer, r, ticket, &view);
        reply_answer(r, status, "application/json");
    }
}
