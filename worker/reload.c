/*
 * The change from old products to new ones: see reload.h.
 *
 * Batches, rounds of the curators, matches and answers that are under way refer to products and
 * lanes, so the change is made when all lanes are idle. First the curators end, which may take as
 * long as a game server takes to answer; meanwhile events are applied as ever. Then the rest, which
 * takes milliseconds.
 */
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/service.h"
#include "lib/config/conf.h"
#include "lib/lobby/servers.h"
#include "lib/matcher/ticketlog.h"
#include "lib/product/product.h"
#include "worker/consumer.h"
#include "worker/curator.h"
#include "worker/lease.h"
#include "worker/matchmaker/matchmaker.h"
#include "worker/mem.h"
#include "worker/reload.h"
#include "worker/snapshots/plain.h"
#include "worker/snapshots/snapshots.h"
#include "worker/worker.h"

#define LOOK ((dur_ms)5)
#define WHY_MAX ((size_t)65536)

struct reload {
    struct worker *worker;
    struct loop_timer *timer;
    struct products *next; /* waits for the lanes to be idle; NULL: no reload is under way */
};

static bool
curators_idle(const struct worker *w)
{
    size_t i;

    for (i = 0; i < w->nlanes; i++)
        if (curator_is_busy(w->lanes[i]->curator) || matchmaker_is_busy(w->lanes[i]->matchmaker))
            return false;
    return true;
}

static bool
all_idle(const struct worker *w)
{
    size_t i;

    for (i = 0; i < w->nlanes; i++)
        if (w->lanes[i]->busy > 0)
            return false;
    return !consumer_is_busy(w->consumer);
}

static void
change_over(struct reload *r)
{
    struct worker *w = r->worker;
    struct products *old = w->products;

    w->products = r->next;
    r->next = NULL;
    lanes_update(w);
    ticketlog_follow(w->tickets, w->products);
    servers_follow(w->servers, w->products);
    products_free(old);
    w->settling = w->reloading = false;
    snapshots_prepare(w);
    plain_prepare(w);
    leases_ask(w->leases);
    consumer_wake(w->consumer);
    log_notice("worker", "the game files were read again",
               LOG_I("products", products_count(w->products)));
    service_ready(NULL);
}

static void
on_timer(void *cookie)
{
    struct reload *r = cookie;

    if (r->next == NULL || r->worker->stopping)
        return;
    r->worker->reloading = curators_idle(r->worker);
    if (r->worker->reloading && all_idle(r->worker))
        change_over(r);
    else
        loop_timer_set(r->timer, LOOK);
}

void
reload_start(struct reload *r)
{
    struct products *next;
    struct buf why;

    buf_init(&why, WHY_MAX);
    service_reloading();
    if (products_load(r->worker->conf->games_dir, &next, &why) < 0) {
        log_lines(LOG_LEVEL_ERROR, "worker", "the game files are not valid; the old ones stay",
                  why.data);
        if (r->next == NULL)
            service_ready(NULL);
    } else {
        products_free(r->next);
        r->next = next;
        r->worker->settling = true;
        loop_timer_set(r->timer, 0);
    }
    buf_free(&why);
}

struct reload *
reload_new(struct worker *w)
{
    struct reload *r = mem_alloc(1, sizeof(*r));

    r->worker = w;
    r->timer = loop_timer_new(w->loop, on_timer, r);
    if (r->timer == NULL)
        mem_out();
    return r;
}

void
reload_free(struct reload *r)
{
    if (r == NULL)
        return;
    loop_timer_free(r->timer);
    products_free(r->next);
    free(r);
}
