/*
 * The products: what their files say, and how many players each has now. The counts are one small
 * read a product, all sent in one go; the list is put together when the last one is answered.
 */
#include "fcgi/routes/catalog.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/app.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/store.h"
#include "lib/base/zone.h"
#include "lib/product/gamesettings.h"
#include "lib/product/product.h"
#include "lib/product/queue.h"
#include "lib/redis/keys.h"
#include "lib/rules/rules.h"

struct counts {
    int64_t in_lobby;
    int64_t in_game;
};

struct listing {
    struct request *r;
    size_t asked;
    size_t answered;
    enum redis_outcome outcome; /* REDIS_DONE, or how one of the reads failed */
    struct counts counts[];     /* one a product, in the products' order */
};

static void
render_windows(struct buf *out, const struct window_plan *plan)
{
    buf_printf(out, ", \"windows\": [\"%s\"", window_kind_name(plan->standard));
    for (int kind = 0; kind < WINDOW_KINDS; kind++)
        if (plan->has[kind] && kind != (int)plan->standard)
            buf_printf(out, ", \"%s\"", window_kind_name((enum window_kind)kind));
    buf_byte(out, ']');
}

static void
render_boards(struct buf *out, const struct rules *rules)
{
    for (size_t i = 0; i < rules_board_count(rules); i++) {
        const struct rules_board *board = rules_board_at(rules, i);

        buf_str(out, i == 0 ? "{\"id\": " : ", {\"id\": ");
        buf_json_string(out, board->id, strlen(board->id));
        buf_str(out, ", \"title\": ");
        buf_json_string(out, board->title, strlen(board->title));
        render_windows(out, &board->windows);
        buf_str(out, ", \"timezone\": ");
        buf_json_string(out, zone_name(board->windows.zone),
                        strlen(zone_name(board->windows.zone)));
        if (board->rating != NULL)
            buf_str(out, ", \"rating\": true");
        buf_byte(out, '}');
    }
}

/* n names, size bytes from one to the next. */
static void
render_names(struct buf *out, const char *key, const char *name, size_t n, size_t size)
{
    buf_printf(out, ", \"%s\": [", key);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_str(out, ", ");
        buf_json_string(out, name + i * size, strlen(name + i * size));
    }
    buf_byte(out, ']');
}

/* A queue: the matches that it makes, and what a ticket in it has to say of its player. */
static void
render_queue(struct buf *out, const struct rules *rules, const struct queue *q)
{
    const char *board = q->board < 0 ? NULL : rules_board_at(rules, (size_t)q->board)->id;

    buf_str(out, "{\"id\": ");
    buf_json_string(out, q->id, strlen(q->id));
    buf_printf(out, ", \"teams\": %zu, \"team_size\": {\"min\": %zu, \"max\": %zu}, \"rating\": ",
               q->teams, q->size_min, q->size_max);
    if (board == NULL)
        buf_str(out, "null");
    else
        buf_json_string(out, board, strlen(board));
    buf_printf(out, ", \"timeout\": %lld, \"backfill\": %s", (long long)(q->timeout / 1000),
               q->backfill ? "true" : "false");
    render_names(out, "equal", q->equal[0], q->nequal, sizeof(q->equal[0]));
    render_names(out, "within", (const char *)q->within, q->nwithin, sizeof(q->within[0]));
    render_names(out, "regions", q->region[0], q->nregions, sizeof(q->region[0]));
    buf_byte(out, '}');
}

static void
render_queues(struct buf *out, const struct product *p)
{
    for (size_t i = 0; i < p->nqueues; i++) {
        if (i > 0)
            buf_str(out, ", ");
        render_queue(out, p->rules, &p->queues[i]);
    }
}

static void
render_product(struct buf *out, const struct product *p, const struct counts *c)
{
    buf_str(out, "{\"product_id\": ");
    buf_json_string(out, p->id, strlen(p->id));
    buf_str(out, ", \"title\": ");
    buf_json_string(out, p->title, strlen(p->title));
    buf_printf(out, ", \"players\": {\"min\": %lld, \"max\": %lld}, \"boards\": [",
               (long long)p->players_min, (long long)p->players_max);
    render_boards(out, p->rules);
    buf_str(out, "], \"queues\": [");
    render_queues(out, p);
    buf_printf(out,
               "], \"settings\": %s, \"stats\": %s, \"players_in_lobby\": %lld, "
               "\"players_in_game\": %lld}",
               gamesettings_json(p->settings), p->stats_json, (long long)c->in_lobby,
               (long long)c->in_game);
}

static void
answer(struct listing *l)
{
    struct request *r = l->r;
    const struct products *products = r->app->settings->products;

    buf_byte(&r->answer, '[');
    for (size_t i = 0; i < l->asked; i++) {
        if (i > 0)
            buf_str(&r->answer, ", ");
        render_product(&r->answer, products_at(products, i), &l->counts[i]);
    }
    buf_byte(&r->answer, ']');
    reply_answer(r, 200, "application/json");
}

/* A count that is missing or no number is 0: nobody ever played, or plays at present. */
static int64_t
count_of(const struct redisReply *reply, size_t i)
{
    const struct redisReply *value;
    int64_t n = 0;

    if (reply->type != REDIS_REPLY_ARRAY || i >= reply->elements)
        return 0;
    value = reply->element[i];
    if (value->type != REDIS_REPLY_STRING ||
        text_parse_int(value->str, value->len, 0, INT64_MAX, &n) != 0)
        return 0;
    return n;
}

static void
got_counts(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct listing *l = cookie;
    struct counts *c = &l->counts[l->answered++];

    if (outcome == REDIS_DONE)
        *c = (struct counts){.in_lobby = count_of(reply, 0), .in_game = count_of(reply, 1)};
    else if (l->outcome == REDIS_DONE)
        l->outcome = outcome;
    if (l->answered < l->asked)
        return;
    if (l->outcome == REDIS_DONE)
        answer(l);
    else
        store_fail(l->r, l->outcome, "products: counts were refused");
    free(l);
}

void
catalog_list(struct request *r)
{
    const struct products *products = r->app->settings->products;
    size_t n = products_count(products);
    struct listing *l = calloc(1, sizeof(*l) + n * sizeof(l->counts[0]));
    struct redis_args a;

    if (l == NULL) {
        reply_unavailable(r, STORE_RETRY_AFTER, "Out of memory");
        return;
    }
    l->r = r;
    l->asked = n;
    l->outcome = REDIS_DONE;
    redis_args_init(&a);
    for (size_t i = 0; i < n; i++) {
        redis_args_reset(&a);
        redis_args_str(&a, "HMGET");
        redis_args_printf(&a, KEY_COUNTS, products_at(products, i)->id);
        redis_args_str(&a, "players_in_lobby");
        redis_args_str(&a, "players_in_game");
        redis_send(r->app->redis, &a, got_counts, l);
    }
    redis_args_free(&a);
}
