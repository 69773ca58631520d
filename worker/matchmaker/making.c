/*
 * A match from its tickets to its game:
 *
 *   match_take -> create_game for the first player -> join_game for the others, as many at once as
 * may be -> match_done
 *
 * and match_failed where one of the steps does not go well. Its deadline is set by match_take, so
 * that whatever dies here is undone by whoever holds the lease then (ticketcare.c). A making whose
 * game server was late lives on until it is known what that did.
 */
#include "worker/matchmaker/making.h"

#include <hiredis/hiredis.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/lobby/gameserver.h"
#include "lib/lobby/lobby.h"
#include "lib/product/gamesettings.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/matchmaker/backfill.h"
#include "worker/matchmaker/making_impl.h"
#include "worker/matchmaker/matchmaker_impl.h"
#include "worker/mem.h"
#include "worker/worker.h"

/* How much longer than the game server's limit for all of its calls a match holds. */
#define MARGIN ((dur_ms)2000)

void
making_free(struct making *k)
{
    DL_DELETE(k->worker->makings, k);
    for (size_t i = 0; i < k->nplayers; i++) {
        if (k->player[i].token != NULL)
            text_wipe(k->player[i].token, k->player[i].token_len);
        free(k->player[i].token);
    }
    free(k->player);
    free(k->ids);
    free(k->url);
    free(k->socket_url);
    free(k->settings);
    free(k);
}

void
makings_free(struct worker *w)
{
    while (w->makings != NULL)
        making_free(w->makings);
}

bool
making_is_busy(const struct matchmaker *m)
{
    const struct making *k;

    DL_FOREACH (m->lane->worker->makings, k) {
        if (k->m == m)
            return true;
    }
    return false;
}

void
making_detach_all(struct matchmaker *m)
{
    struct making *k;

    DL_FOREACH (m->lane->worker->makings, k) {
        if (k->m == m)
            k->match = NULL;
    }
}

static struct making *
find(const struct matchmaker *m, const char *ticket)
{
    struct making *k;

    DL_FOREACH (m->lane->worker->makings, k) {
        for (size_t i = 0; k->m == m && i < k->nids; i++)
            if (strcmp(k->ids[i], ticket) == 0)
                return k;
    }
    return NULL;
}

bool
making_has(const struct matchmaker *m, const char *ticket)
{
    return find(m, ticket) != NULL;
}

void
making_cancelled(struct matchmaker *m, const char *ticket)
{
    struct making *k = find(m, ticket);

    if (k != NULL)
        k->cancelled = true;
}

/* Whether it is a ticket's into a listed game. */
static bool
is_backfill(const struct making *k)
{
    return k->backfill[0] != '\0';
}

static struct matchmaker_outcomes *
outcomes_of(const struct making *k)
{
    return is_backfill(k) ? &k->m->report.backfills : &k->m->report.matches;
}

/* --- its end ---------------------------------------------------------------------------------- */

/* It is known how the match ends, and the queue has been told. */
static void
finish(struct making *k)
{
    struct matchmaker *m = k->m;

    m->seats_making -= k->nplayers;
    k->m = NULL;
    k->match = NULL;
    if (k->late == 0)
        making_free(k);
    matchmaker_wake(m);
}

/* The tickets wait again, and are offered again from then on; until 0: at once. */
static void
finish_back(struct making *k, wall_ms until)
{
    if (k->match != NULL)
        matcher_back(k->m->queue[k->queue], k->match, until);
    finish(k);
}

/* What became of the tickets is not known: they are read again with news of them, or when the queue
 * is next compared. */
static void
finish_unknown(struct making *k)
{
    for (size_t i = 0; k->match != NULL && i < k->nids; i++)
        matchmaker_remove(k->m, k->ids[i]);
    finish_back(k, 0);
}

void
making_finish_done(struct making *k, const struct redisReply *reply)
{
    const struct matchmaker_report *report = &k->m->report;
    const struct matcher_match *match = k->match;

    metric_add(outcomes_of(k)->done, 1);
    for (size_t i = 1; i < reply->elements; i++)
        if (reply->element[i]->type == REDIS_REPLY_INTEGER)
            metric_observe(report->waits, (double)reply->element[i]->integer / 1000);
    if (match != NULL) {
        if (match->nseats > 1)
            metric_observe(report->gaps, match->gap);
        for (size_t i = 0; i < match->nseats; i++)
            if (isfinite(match->seat[i].range))
                metric_observe(report->ranges, match->seat[i].range);
        matcher_done(k->m->queue[k->queue], k->match);
    }
    finish(k);
}

/* Redis did not do what it should. */
void
making_finish_redis(struct making *k, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct worker *w = k->worker;

    if (outcome == REDIS_REFUSED && report_allowed(&w->report.trouble_lines, loop_now(w->loop)))
        log_error("matchmaker", "Redis refuses a match", LOG_S("product", k->product_id),
                  LOG_S("game", k->game_id), LOG_B("error", reply->str, reply->len));
    metric_add(outcomes_of(k)->failed, 1);
    /* A listed game is there for others: a backfill's seats have a deadline of their own. */
    if (k->until > 0 && !is_backfill(k))
        lobby_undo(w->lobby, k->product_id, k->game_id, k->url, k->until);
    finish_unknown(k);
}

/* --- failing ---------------------------------------------------------------------------------- */

static void
on_failed(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct making *k = cookie;
    struct matchmaker *m = k->m;
    wall_ms now = clock_wall();

    matchmaker_answered(m);
    if (outcome != REDIS_DONE) {
        making_finish_redis(k, outcome, reply);
        return;
    }
    if (is_backfill(k)) {
        if (k->failed)
            backfill_avoid(m, k->ids[0], k->game_id, k->refused[0] == '\0', BACKFILL_FAILED);
        finish_back(k, 0);
        return;
    }
    if (k->pause > 0)
        m->paused = now + (k->pause > MAKING_PAUSE ? k->pause : MAKING_PAUSE);
    /* After a refusal they may meet others than each other. */
    finish_back(k, k->failed && !k->elsewhere ? now + MAKING_PAUSE : 0);
}

void
making_call(const struct making *k, struct redis_args *a, const char *match, const char *backfill)
{
    if (is_backfill(k))
        tickets_call_backfill(a, backfill, k->product_id, k->queue_id, k->game_id, k->backfill,
                              k->ids[0]);
    else
        tickets_call_match(a, match, k->m->lane->product, k->queue_id, k->game_id,
                           (const char(*)[TICKETS_ID_SIZE])k->ids, k->nids);
}

void
making_fail(struct making *k)
{
    struct worker *w = k->worker;
    struct redis_args a;

    if (k->failed) {
        metric_add(outcomes_of(k)->failed, 1);
        if (report_allowed(&w->report.trouble_lines, loop_now(w->loop)))
            log_warning("matchmaker",
                        is_backfill(k) ? "no seat for a backfill" : "no game for a match",
                        LOG_S("product", k->product_id), LOG_S("game", k->game_id),
                        LOG_S("reason", k->reason));
    } else {
        metric_add(outcomes_of(k)->gone, 1);
    }
    redis_args_init(&a);
    making_call(k, &a, "match_failed", "backfill_failed");
    redis_args_int(&a, clock_wall());
    redis_args_int(&a, k->until);
    if (!is_backfill(k)) {
        redis_args_int(&a, TICKETS_KEEP);
        redis_args_str(&a, k->refused);
        redis_args_str(&a, k->url);
    }
    for (size_t i = 0; is_backfill(k) && i < k->nplayers; i++)
        redis_args_str(&a, k->player[i].user);
    matchmaker_send(k->m, &a, on_failed, k);
    redis_args_free(&a);
}

/* --- its beginning ---------------------------------------------------------------------------- */

/* User and name of each player, ticket after ticket, behind two others. Returns false where these
 * are not as many as the match has. */
static bool
read_players(struct making *k, const struct redisReply *reply)
{
    enum { FIRST = 2 };

    if (reply->elements != FIRST + 2 * k->nplayers)
        return false;
    for (size_t i = 0; i < k->nplayers; i++) {
        struct making_player *p = &k->player[i];
        struct redis_text user = redis_text_at(reply, FIRST + 2 * i);
        struct redis_text name = redis_text_at(reply, FIRST + 1 + 2 * i);

        p->making = k;
        if (user.len == 0 || user.len >= sizeof(p->user) || name.len >= sizeof(p->name))
            return false;
        memcpy(p->user, user.s, user.len + 1);
        memcpy(p->name, name.s, name.len + 1);
    }
    return true;
}

static void
on_taken(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct making *k = cookie;
    struct matchmaker *m = k->m;
    const char *word = outcome == REDIS_DONE ? tickets_word(reply) : "";

    matchmaker_answered(m);
    if (strcmp(word, "ok") == 0 && read_players(k, reply)) {
        char **kept = is_backfill(k) ? &k->url : &k->settings;

        *kept = strdup(redis_text_at(reply, 1).s);
        if (*kept == NULL)
            mem_out();
        if (is_backfill(k))
            making_ask_seats(k);
        else
            making_create(k);
    } else if (strcmp(word, "refused") == 0) {
        metric_add(outcomes_of(k)->gone, 1);
        backfill_avoid(m, k->ids[0], k->game_id, false, BACKFILL_NO_SEAT);
        finish_back(k, 0);
    } else if (strcmp(word, "ok") == 0) {
        /* A party is another than it was: its tickets are read again. */
        k->until = 0;
        (void)snprintf(k->reason, sizeof(k->reason), "the players are others");
        k->failed = true;
        making_fail(k);
    } else if (strcmp(word, "unusable") == 0) {
        metric_add(outcomes_of(k)->gone, 1);
        for (size_t i = 1; i < reply->elements; i++)
            matchmaker_remove(m, redis_text_at(reply, i).s);
        finish_back(k, 0);
    } else if (outcome == REDIS_UNAVAILABLE) {
        finish_back(k, clock_wall() + MAKING_PAUSE);
    } else {
        making_finish_redis(k, outcome, reply);
    }
}

/* How many calls of its game server come one after the other: for a game, then for its players, as
 * many at once as may be. */
static int64_t
count_turns(const struct making *k)
{
    int64_t first = is_backfill(k) ? 0 : 1, most = k->worker->conf->game_server_concurrent;

    return first + ((int64_t)k->nplayers - first + most - 1) / most;
}

/* The times that a making holds. */
static void
add_times(const struct making *k, struct redis_args *a)
{
    wall_ms now = clock_wall();

    redis_args_int(a, now);
    redis_args_int(a, now + count_turns(k) * k->worker->conf->game_server_timeout + MARGIN);
    redis_args_int(a, TICKETS_KEEP);
}

/* Those of the game that are the file's: what the ticket that waited longest says of the same name,
 * or the defaults. */
static void
add_settings(const struct making *k, struct redis_args *a)
{
    const struct product *product = k->m->lane->product;
    const struct queue *queue = &product->queues[k->queue];
    struct gamesettings_wish wish[QUEUE_EQUAL_MAX + QUEUE_WITHIN_MAX];
    struct event_text equal[QUEUE_EQUAL_MAX];
    const double *within;
    struct buf members;
    size_t n = 0;

    if (matcher_attributes(k->m->queue[k->queue], k->match, equal, &within)) {
        for (size_t i = 0; i < queue->nequal; i++)
            wish[n++] = (struct gamesettings_wish){
                .name = queue->equal[i], .text = equal[i].s, .text_len = equal[i].len};
        for (size_t i = 0; i < queue->nwithin; i++)
            wish[n++] =
                (struct gamesettings_wish){.name = queue->within[i].name, .number = within[i]};
    }
    buf_init(&members, GAMESETTINGS_JSON_MAX);
    gamesettings_of_match(product->settings, wish, n, k->match->region != MATCHER_NO_REGION,
                          &members);
    redis_args_add(a, members.len > 0 ? members.data : "", members.len);
    buf_free(&members);
}

static void
take(struct making *k)
{
    const struct product *product = k->m->lane->product;
    const struct queue *queue = &product->queues[k->queue];
    const struct matcher_match *match = k->match;
    struct redis_args a;

    redis_args_init(&a);
    making_call(k, &a, "match_take", NULL);
    add_times(k, &a);
    redis_args_str(&a, product->id);
    redis_args_str(&a, k->url);
    redis_args_str(&a, k->socket_url);
    redis_args_str(&a, match->region != MATCHER_NO_REGION ? queue->region[match->region] : "");
    if (product->rejoin > 0)
        redis_args_int(&a, product->rejoin);
    else
        redis_args_str(&a, "");
    redis_args_str(&a, product->host_migration ? "1" : "");
    redis_args_str(&a, queue->backfill ? "" : "1"); /* closed */
    add_settings(k, &a);
    for (size_t i = 0; i < match->nseats; i++)
        redis_args_int(&a, (int64_t)match->seat[i].team);
    for (size_t i = 0; queue->backfill && i < queue->nequal; i++)
        redis_args_str(&a, queue->equal[i]);
    for (size_t i = 0; queue->backfill && i < queue->nwithin; i++)
        redis_args_str(&a, queue->within[i].name);
    matchmaker_send(k->m, &a, on_taken, k);
    redis_args_free(&a);
}

static struct making *
begin(struct matchmaker *m, size_t queue, struct matcher_match *match)
{
    const struct product *product = m->lane->product;
    struct making *k = mem_alloc(1, sizeof(*k));

    k->worker = m->lane->worker;
    k->m = m;
    k->queue = queue;
    k->match = match;
    (void)snprintf(k->product_id, sizeof(k->product_id), "%s", product->id);
    (void)snprintf(k->queue_id, sizeof(k->queue_id), "%s", product->queues[queue].id);
    k->nids = match->nseats;
    k->ids = mem_alloc(k->nids, sizeof(*k->ids));
    for (size_t i = 0; i < k->nids; i++) {
        (void)snprintf(k->ids[i], sizeof(k->ids[i]), "%.*s", TICKETS_ID_LEN, match->seat[i].id);
        k->nplayers += match->seat[i].size;
    }
    k->player = mem_alloc(k->nplayers, sizeof(*k->player));
    m->seats_making += k->nplayers;
    DL_APPEND(k->worker->makings, k);
    return k;
}

void
making_start(struct matchmaker *m, size_t queue, const struct product_server *server,
             struct matcher_match *match)
{
    struct making *k = begin(m, queue, match);

    text_random_hex(k->game_id, TEXT_GAME_ID_LEN / 2);
    k->url = strdup(server->url);
    k->socket_url = strdup(server->socket_url);
    if (k->url == NULL || k->socket_url == NULL)
        mem_out();
    take(k);
}

void
making_join(struct matchmaker *m, size_t queue, const char *game_id, struct matcher_match *match)
{
    struct making *k = begin(m, queue, match);
    struct redis_args a;

    (void)snprintf(k->game_id, sizeof(k->game_id), "%s", game_id);
    text_random_hex(k->backfill, TEXT_GAME_ID_LEN / 2);
    redis_args_init(&a);
    making_call(k, &a, NULL, "backfill_take");
    add_times(k, &a);
    matchmaker_send(m, &a, on_taken, k);
    redis_args_free(&a);
}
