/* varcadectl tickets, queue: who waits to be matched, and ending it. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/matcher/tickets.h"
#include "lib/product/product.h"
#include "lib/product/queue.h"
#include "lib/redis/keys.h"
#include "worker/ctl/ctl.h"

#define LIMIT_MAX 100000
#define OUT_MAX ((size_t)64 << 20)

static void
add_seconds(struct buf *out, dur_ms ms)
{
    buf_printf(out, "%lld.%01lld s", (long long)(ms / 1000), (long long)(ms % 1000 / 100));
}

/* --- tickets list ----------------------------------------------------------------------------- */

/* The active tickets' ids, those of a party as often as it has players. */
static struct redisReply *
read_ids(struct ctl *c, const char *product)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "HVALS");
    redis_args_printf(&a, KEY_TICKETS_USERS, product);
    return ctl_redis_call(c, &a);
}

static struct redisReply *
read_ticket(struct ctl *c, const char *product, const char *id)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "HMGET");
    redis_args_printf(&a, KEY_TICKET, product, id);
    redis_args_str(&a, "state");
    redis_args_str(&a, "queue");
    redis_args_str(&a, "since");
    redis_args_str(&a, "opener");
    return ctl_redis_call(c, &a);
}

/* Returns whether it is there. */
static bool
add_ticket(const struct ctl *c, struct buf *out, const char *id, const struct redisReply *ticket)
{
    struct redis_text state = redis_text_at(ticket, 0), queue = redis_text_at(ticket, 1);
    struct redis_text since = redis_text_at(ticket, 2), opener = redis_text_at(ticket, 3);
    char at[CLOCK_RFC3339_SIZE];
    wall_ms ms;

    if (text_parse_int(since.s, since.len, 0, INT64_MAX, &ms) != 0)
        return false;
    clock_format_rfc3339(ms, at);
    if (c->json) {
        buf_printf(out, "{\"ticket_id\": \"%s\", \"state\": \"%s\", \"queue\": ", id, state.s);
        ctl_json_text(out, queue.s, queue.len);
        buf_printf(out, ", \"since\": \"%s\", \"opener_id\": ", at);
        ctl_json_text(out, opener.s, opener.len);
        buf_byte(out, '}');
    } else {
        buf_printf(out, "%s  %-8s  %s  since %s  of %s", id, state.s, queue.s, at, opener.s);
    }
    return true;
}

static int
by_text(const void *a, const void *b)
{
    return strcmp((*(struct redisReply *const *)a)->str, (*(struct redisReply *const *)b)->str);
}

int
ctl_tickets_list(struct ctl *c)
{
    const char *product = ctl_product(c), *limit = ctl_option(c, "limit");
    const char *between = c->json ? ",\n " : "\n";
    struct redisReply *ids, *ticket;
    int64_t most = 100, n = 0;
    int ret = CTL_OK;
    struct buf out;

    if (product == NULL)
        return CTL_USAGE;
    if (limit != NULL && text_parse_int(limit, strlen(limit), 1, LIMIT_MAX, &most) != 0)
        return ctl_usage("--limit: a number from 1 to %d", LIMIT_MAX);
    ids = ctl_redis_knows(c, product) ? read_ids(c, product) : NULL;
    if (ids == NULL)
        return CTL_FAILED;
    qsort(ids->element, ids->elements, sizeof(ids->element[0]), by_text);
    buf_init(&out, OUT_MAX);
    buf_str(&out, c->json ? "[" : "");
    for (size_t i = 0; i < ids->elements && n < most; i++) {
        size_t len = out.len;

        if (i > 0 && by_text(&ids->element[i - 1], &ids->element[i]) == 0)
            continue;
        ticket = read_ticket(c, product, ids->element[i]->str);
        if (ticket == NULL) {
            ret = CTL_FAILED;
            goto out;
        }
        buf_str(&out, n > 0 ? between : "");
        if (add_ticket(c, &out, ids->element[i]->str, ticket))
            n++;
        else
            out.len = len;
        freeReplyObject(ticket);
    }
    buf_str(&out, c->json ? "]" : "");
    if (out.len > 0)
        ret = ctl_print(&out);
out:
    freeReplyObject(ids);
    buf_free(&out);
    return ret;
}

/* --- tickets cancel --------------------------------------------------------------------------- */

int
ctl_tickets_cancel(struct ctl *c)
{
    const char *id = c->args[1], *name = ctl_product(c);
    struct product *product;
    struct redisReply *reply;
    struct redis_args a;
    int ret = CTL_OK;

    if (name == NULL)
        return CTL_USAGE;
    if (!text_is_game_id(id, strlen(id)))
        return ctl_usage("%s: not a ticket's id", id);
    product = ctl_product_load(c, name);
    if (product == NULL)
        return CTL_FAILED;
    ctl_redis_change(&a, "ticket_revoke", name);
    redis_args_key(&a, KEY_TICKET, name, id);
    tickets_add_keys(&a, product);
    ctl_redis_who(c, &a);
    redis_args_str(&a, id);
    redis_args_int(&a, clock_wall());
    redis_args_int(&a, TICKETS_KEEP);
    reply = ctl_redis_call(c, &a);
    if (reply == NULL)
        ret = CTL_FAILED;
    else if (reply->type == REDIS_REPLY_NIL)
        ret = ctl_fail("%s has no active ticket %s", name, id);
    else
        ctl_redis_log(c, name, id);
    freeReplyObject(reply);
    product_free(product);
    return ret;
}

/* --- queue ------------------------------------------------------------------------------------ */

/* Whether some worker matches the product's tickets. */
static bool
is_matched(struct ctl *c, const char *product, bool *ret_alive)
{
    struct redisReply *reply;
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "EXISTS");
    redis_args_printf(&a, KEY_TICKETS_LEASE, product);
    reply = ctl_redis_call(c, &a);
    if (reply == NULL)
        return false;
    *ret_alive = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    freeReplyObject(reply);
    return true;
}

static bool
read_figures(struct ctl *c, const char *product, const char *queue,
             struct tickets_figures *ret_figures)
{
    struct redisReply *reply;
    struct redis_args a;
    bool good;

    redis_args_init(&a);
    tickets_queue_get(&a, product, queue);
    reply = ctl_redis_call(c, &a);
    if (reply == NULL)
        return false;
    good = tickets_read_figures(reply, 0, ret_figures) == 0;
    freeReplyObject(reply);
    if (!good)
        (void)ctl_fail("the queue cannot be read");
    return good;
}

static void
add_queue(const struct ctl *c, struct buf *out, const char *id, const struct tickets_figures *f,
          bool alive)
{
    wall_ms now = clock_wall();
    dur_ms longest = f->first > 0 && f->first < now ? now - f->first : 0;

    if (c->json) {
        buf_printf(out,
                   "{\"queue\": \"%s\", \"waiting\": %lld, \"longest_ms\": %lld, "
                   "\"p50_ms\": %lld, \"p90_ms\": %lld, \"tickets\": %lld, \"worker\": %s}",
                   id, (long long)f->waiting, (long long)longest, (long long)f->p50,
                   (long long)f->p90, (long long)f->matched, alive ? "true" : "false");
        return;
    }
    buf_printf(out, "%s  waiting %lld  longest ", id, (long long)f->waiting);
    add_seconds(out, longest);
    buf_str(out, "  p50 ");
    add_seconds(out, f->p50);
    buf_str(out, "  p90 ");
    add_seconds(out, f->p90);
    buf_printf(out, "  worker %s", alive ? "yes" : "no");
}

int
ctl_queue_list(struct ctl *c)
{
    const char *name = ctl_product(c);
    struct tickets_figures figures;
    struct product *product;
    int ret = CTL_FAILED;
    struct buf out;
    bool alive;
    size_t i;

    if (name == NULL)
        return CTL_USAGE;
    product = ctl_product_load(c, name);
    if (product == NULL)
        return CTL_FAILED;
    buf_init(&out, OUT_MAX);
    buf_str(&out, c->json ? "[" : "");
    if (!is_matched(c, name, &alive))
        goto out;
    for (i = 0; i < product->nqueues; i++) {
        if (!read_figures(c, name, product->queues[i].id, &figures))
            goto out;
        buf_str(&out, i == 0 ? "" : c->json ? ",\n " : "\n");
        add_queue(c, &out, product->queues[i].id, &figures, alive);
    }
    buf_str(&out, c->json ? "]" : "");
    ret = CTL_OK;
    if (out.len > 0)
        ret = ctl_print(&out);
out:
    buf_free(&out);
    product_free(product);
    return ret;
}
