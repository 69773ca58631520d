/* The lease, who waits, and rounds: see matchmaker.h. */
#include "worker/matchmaker/matchmaker.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/lobby/servers.h"
#include "lib/matcher/ticketlog.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/matchmaker/backfill.h"
#include "worker/matchmaker/matchmaker_impl.h"
#include "worker/mem.h"
#include "worker/worker.h"

/* Another worker takes over within two seconds: the lease's life and its answer's way. */
#define LEASE ((dur_ms)1500)
#define LEASE_EVERY ((dur_ms)500)
#define CARE_EVERY ((dur_ms)250)
#define CARES_A_LOOK 40     /* how often the queues are compared with Redis': every so many cares */
#define CHUNK 200           /* tickets a read */
#define LATER ((dur_ms)500) /* a round that cannot be now */

void
matchmaker_send(struct matchmaker *m, struct redis_args *a, redis_fn *fn, void *cookie)
{
    m->lane->busy++;
    redis_send(m->lane->worker->state, a, fn, cookie);
}

void
matchmaker_answered(struct matchmaker *m)
{
    m->lane->busy--;
}

void
matchmaker_wake(struct matchmaker *m)
{
    loop_timer_set(m->round_timer, 0);
}

/* Whether something may be begun. */
static bool
is_at_work(const struct matchmaker *m)
{
    const struct worker *w = m->lane->worker;

    return m->held && !w->settling && !w->reloading && !w->stopping && redis_is_up(w->state);
}

/* --- who waits -------------------------------------------------------------------------------- */

void
matchmaker_remove(struct matchmaker *m, const char *ticket)
{
    struct event_text id = {.s = ticket, .len = strlen(ticket)};

    for (size_t i = 0; i < m->nqueues; i++)
        (void)matcher_remove(m->queue[i], id);
}

static void
forget(struct matchmaker *m)
{
    const struct product *product = m->lane->product;

    m->epoch++;
    m->loading = m->nnews = 0;
    m->loaded = false;
    for (size_t i = 0; i < m->nqueues; i++)
        matcher_free(m->queue[i]);
    free(m->queue);
    backfill_free(m->backfill);
    m->backfill = backfill_new(product->nqueues);
    m->nqueues = product->nqueues;
    m->queue = mem_alloc(m->nqueues + 1, sizeof(*m->queue));
    for (size_t i = 0; i < m->nqueues; i++) {
        m->queue[i] = matcher_new(&product->queues[i]);
        if (m->queue[i] == NULL)
            mem_out();
    }
}

/* --- news ------------------------------------------------------------------------------------- */

static void
on_news(void *cookie)
{
    struct matchmaker *m = cookie;
    size_t n = m->nnews;

    m->nnews = 0;
    /* A reload waits for answers under way, and reads everything anew. */
    if (m->held && !m->lane->worker->reloading)
        matchmaker_read(m, (const char(*)[TICKETS_ID_SIZE])m->news, n);
}

void
matchmaker_entry(struct matchmaker *m, const struct ticketlog_entry *e)
{
    if (!m->held || strlen(e->ticket) != TICKETS_ID_LEN || strcmp(e->state, "forming") == 0)
        return;
    if (strcmp(e->state, "waiting") == 0) {
        m->news = mem_grow(m->news, &m->news_cap, m->nnews + 1, sizeof(*m->news));
        memcpy(m->news[m->nnews++], e->ticket, TICKETS_ID_SIZE);
        loop_timer_set(m->news_timer, 0);
    } else if (strcmp(e->state, "starting") != 0) {
        matchmaker_remove(m, e->ticket);
        making_cancelled(m, e->ticket);
    } else if (!making_has(m, e->ticket)) {
        /* Another worker, which believes that it has the lease. */
        matchmaker_remove(m, e->ticket);
    }
}

void
matchmaker_followed(struct matchmaker *m)
{
    loop_timer_set(m->lease_timer, 0);
    matchmaker_load(m);
}

/* --- rounds ----------------------------------------------------------------------------------- */

bool
matchmaker_has_room(const struct matchmaker *m)
{
    const struct conf *conf = m->lane->worker->conf;

    return m->seats_making == 0 || m->seats_making + (size_t)m->lane->product->players_max <=
                                       (size_t)conf->game_server_concurrent;
}

/* Where the next match's game is made. NULL: nowhere, for its game servers are drained; or it is
 * not known yet whether they are. */
static const struct product_server *
choose(const struct matchmaker *m)
{
    const struct worker *w = m->lane->worker;

    return servers_are_known(w->servers) ? servers_choose(w->client, m->lane->product) : NULL;
}

static void
round_of(struct matchmaker *m, size_t queue, wall_ms now, wall_ms *next)
{
    struct matcher *q = m->queue[queue];
    char ticket[MATCHER_ID_MAX + 1];
    const struct product_server *server;
    struct matcher_match *match;
    wall_ms then, again = 0;

    if (now >= m->paused && backfill_round(m, queue, now, &again)) {
        (void)matcher_round(q, now);
        while (matchmaker_has_room(m) && (server = choose(m)) != NULL &&
               (match = matcher_take(q)) != NULL)
            making_start(m, queue, server, match);
    }
    while (matcher_expired(q, now, ticket))
        ticketcare_expire(m, ticket);
    then = matcher_next(q, now);
    if (m->lane->product->queues[queue].backfill && matcher_waiting(q) > 0)
        then = then < now + BACKFILL_AGAIN ? then : now + BACKFILL_AGAIN;
    if (then < again)
        then = again;
    if (then < m->paused)
        then = m->paused;
    if (then < *next)
        *next = then;
}

static void
on_round(void *cookie)
{
    struct matchmaker *m = cookie;
    wall_ms now = clock_wall(), next = now + LATER;
    size_t open = 0;

    if (!is_at_work(m) || !m->loaded)
        return; /* woken when it is */
    for (size_t i = 0; i < m->nqueues; i++) {
        round_of(m, i, now, &next);
        open += matcher_waiting(m->queue[i]) + matcher_proposed(m->queue[i]);
    }
    metric_set(m->report.open, (double)open);
    loop_timer_set(m->round_timer, next - now);
}

static void
on_care(void *cookie)
{
    struct matchmaker *m = cookie;

    loop_timer_set(m->care_timer, CARE_EVERY);
    if (!is_at_work(m))
        return;
    ticketcare_tick(m);
    if (m->loaded)
        ticketnotes_tick(m);
    if (!m->loaded || ++m->cares % CARES_A_LOOK == 0)
        matchmaker_load(m);
    if (!loop_timer_is_set(m->round_timer))
        matchmaker_wake(m);
}

/* --- the lease -------------------------------------------------------------------------------- */

static void
hold(struct matchmaker *m, bool held)
{
    if (m->held == held)
        return;
    m->held = held;
    metric_set(m->report.held, held);
    metric_set(m->report.open, 0);
    log_info("matchmaker", held ? "lease taken" : "lease lost", LOG_S("product", m->lane->id));
    making_detach_all(m);
    forget(m);
    matchmaker_load(m);
}

static void
on_lease(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct matchmaker *m = cookie;

    matchmaker_answered(m);
    m->asked = false;
    if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_INTEGER)
        hold(m, reply->integer == 1);
}

static void
send_lease(struct matchmaker *m, dur_ms ms, struct redis_args *a)
{
    redis_args_init(a);
    redis_args_fcall(a, "lease", false);
    redis_args_key(a, KEY_TICKETS_LEASE, m->lane->id);
    redis_args_str(a, m->owner);
    redis_args_int(a, ms);
}

static void
on_lease_timer(void *cookie)
{
    struct matchmaker *m = cookie;
    const struct worker *w = m->lane->worker;
    struct redis_args a;

    loop_timer_set(m->lease_timer, LEASE_EVERY);
    if (m->asked || w->reloading || w->stopping || !redis_is_up(w->state) ||
        (m->lane->product->nqueues == 0 && !m->held))
        return;
    m->asked = true;
    send_lease(m, LEASE, &a);
    matchmaker_send(m, &a, on_lease, m);
    redis_args_free(&a);
}

void
matchmaker_drop(struct matchmaker *m)
{
    if (m != NULL)
        hold(m, false);
}

void
matchmaker_release(struct matchmaker *m)
{
    struct redis_args a;

    if (m == NULL || !m->held)
        return;
    send_lease(m, 1, &a);
    redis_send(m->lane->worker->state, &a, NULL, NULL);
    redis_args_free(&a);
}

/* --- its life --------------------------------------------------------------------------------- */

bool
matchmaker_is_busy(const struct matchmaker *m)
{
    return m != NULL && making_is_busy(m);
}

void
matchmaker_renew(struct matchmaker *m)
{
    forget(m);
    matchmaker_load(m);
}

static struct metric *
metric_of(struct matchmaker *m, enum metric_type type, const char *name, const char *help,
          const char *result)
{
    char labels[METRICS_LABELS_MAX + 1] = "";

    metrics_label(labels, sizeof(labels), "product", m->lane->id);
    if (result != NULL)
        metrics_label(labels, sizeof(labels), "result", result);
    return metrics_get(m->lane->worker->metrics, type, name, help, labels);
}

static void
report_init_outcomes(struct matchmaker *m, struct matchmaker_outcomes *o, const char *name,
                     const char *help)
{
    o->done = metric_of(m, METRIC_COUNTER, name, help, "done");
    o->failed = metric_of(m, METRIC_COUNTER, name, help, "failed");
    o->gone = metric_of(m, METRIC_COUNTER, name, help, "gone");
    o->orphaned = metric_of(m, METRIC_COUNTER, name, help, "orphaned");
}

static void
report_init_matches(struct matchmaker *m)
{
    static const double seconds[] = {0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300};
    static const double points[] = {10, 25, 50, 100, 200, 400, 800};
    struct metrics *metrics = m->lane->worker->metrics;
    char labels[METRICS_LABELS_MAX + 1] = "";

    m->report.held = metric_of(m, METRIC_GAUGE, "varcade_matchmaker_held",
                               "Whether this worker matches the product's tickets.", NULL);
    m->report.open =
        metric_of(m, METRIC_GAUGE, "varcade_tickets_open", "Tickets in the queues.", NULL);
    m->report.expired = metric_of(m, METRIC_COUNTER, "varcade_tickets_expired_total",
                                  "Tickets whose time was over before they were matched.", NULL);
    report_init_outcomes(m, &m->report.matches, "varcade_matches_total",
                         "Matches by what became of them.");
    report_init_outcomes(m, &m->report.backfills, "varcade_backfills_total",
                         "Tickets for which there was a listed game by what became of it.");
    metrics_label(labels, sizeof(labels), "product", m->lane->id);
    m->report.waits = metrics_histogram(metrics, "varcade_ticket_wait_seconds",
                                        "How long matched tickets had waited.", labels, seconds,
                                        sizeof(seconds) / sizeof(seconds[0]));
    m->report.ranges = metrics_histogram(metrics, "varcade_ticket_range_points",
                                         "How far from their own matched tickets took ratings.",
                                         labels, points, sizeof(points) / sizeof(points[0]));
    m->report.gaps = metrics_histogram(metrics, "varcade_match_gap_points",
                                       "Between the teams' mean ratings of a match.", labels,
                                       points, sizeof(points) / sizeof(points[0]));
}

static struct loop_timer *
new_timer(struct matchmaker *m, loop_fn *fn)
{
    struct loop_timer *timer = loop_timer_new(m->lane->worker->loop, fn, m);

    if (timer == NULL)
        mem_out();
    return timer;
}

struct matchmaker *
matchmaker_new(struct lane *lane)
{
    struct matchmaker *m = mem_alloc(1, sizeof(*m));

    m->lane = lane;
    text_random_hex(m->owner, (sizeof(m->owner) - 1) / 2);
    report_init_matches(m);
    m->lease_timer = new_timer(m, on_lease_timer);
    m->round_timer = new_timer(m, on_round);
    m->care_timer = new_timer(m, on_care);
    m->news_timer = new_timer(m, on_news);
    forget(m);
    loop_timer_set(m->lease_timer, 0);
    loop_timer_set(m->care_timer, CARE_EVERY);
    return m;
}

void
matchmaker_free(struct matchmaker *m)
{
    if (m == NULL)
        return;
    making_detach_all(m);
    metric_set(m->report.held, 0);
    metric_set(m->report.open, 0);
    for (size_t i = 0; i < m->nqueues; i++)
        matcher_free(m->queue[i]);
    free(m->queue);
    backfill_free(m->backfill);
    free(m->news);
    loop_timer_free(m->lease_timer);
    loop_timer_free(m->round_timer);
    loop_timer_free(m->care_timer);
    loop_timer_free(m->news_timer);
    free(m);
}
