/* See servers.h. */
#include "lib/lobby/servers.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>
#include <utlist.h>

#include "lib/base/httpclient.h"
#include "lib/base/loop.h"
#include "lib/base/text.h"
#include "lib/lobby/gameserver.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"

#define READ_EVERY ((dur_ms)1000)
#define URL_MAX 1100

/* One origin that is asked whether it is there: by the first of the URLs that have it. */
struct probe {
    struct servers *servers;
    char *url, *origin;
    struct httpclient_transfer *transfer; /* NULL: none is under way */
    struct probe *next;
};

/* An answer of Redis to come; it may come when its product is gone. */
struct reading {
    struct servers *servers;
    char product_id[TEXT_PRODUCT_ID_MAX + 1];
};

struct servers {
    struct loop *loop;
    struct redis *redis;
    struct gameserver_client *client;
    const struct products *products;
    struct httpclient *http;
    dur_ms check;
    struct loop_timer *read_timer, *probe_timer;
    size_t readings;    /* answers to come */
    bool known, missed; /* missed: one of these answers was none */
    struct probe *probes;
};

/* --- choosing --------------------------------------------------------------------------------- */

static enum gameserver_fitness
best_fitness(struct gameserver_client *client, const struct product *product,
             enum gameserver_fitness *fitness)
{
    enum gameserver_fitness best = GAMESERVER_UNFIT;

    for (size_t i = 0; i < product->nservers; i++) {
        const struct product_server *s = &product->servers[i];

        fitness[i] = s->drained ? GAMESERVER_UNFIT : gameserver_fitness(client, s->url);
        if (fitness[i] > best)
            best = fitness[i];
    }
    return best;
}

static uint64_t
random_below(uint64_t n)
{
    char hex[17];

    text_random_hex(hex, 8);
    return strtoull(hex, NULL, 16) % n;
}

const struct product_server *
servers_choose(struct gameserver_client *client, const struct product *product)
{
    enum gameserver_fitness fitness[PRODUCT_SERVERS_MAX], best;
    uint64_t total = 0, at;

    best = best_fitness(client, product, fitness);
    for (size_t i = 0; i < product->nservers; i++)
        if (!product->servers[i].drained && fitness[i] == best)
            total += (uint64_t)product->servers[i].weight;
    if (total == 0)
        return NULL;
    at = random_below(total);
    for (size_t i = 0;; i++) {
        const struct product_server *s = &product->servers[i];

        if (s->drained || fitness[i] != best)
            continue;
        if (at < (uint64_t)s->weight)
            return s;
        at -= (uint64_t)s->weight;
    }
}

bool
servers_other(struct gameserver_client *client, const struct product *product, const char *url)
{
    enum gameserver_fitness fitness[PRODUCT_SERVERS_MAX];

    (void)best_fitness(client, product, fitness);
    for (size_t i = 0; i < product->nservers; i++)
        if (fitness[i] == GAMESERVER_FIT && strcmp(product->servers[i].url, url) != 0)
            return gameserver_retry(client, url);
    return false;
}

/* --- what is drained -------------------------------------------------------------------------- */

static void
take_drained(const struct product *product, const struct redisReply *reply)
{
    for (size_t i = 0; i < product->nservers; i++) {
        struct product_server *s = &product->servers[i];

        s->drained = false;
        for (size_t j = 0; j < reply->elements; j++)
            if (reply->element[j]->type == REDIS_REPLY_STRING &&
                strcmp(reply->element[j]->str, s->url) == 0)
                s->drained = true;
    }
}

static void
on_read(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct reading *reading = cookie;
    struct servers *s = reading->servers;
    const struct product *product =
        products_find(s->products, reading->product_id, strlen(reading->product_id));

    free(reading);
    if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_ARRAY) {
        if (product != NULL)
            take_drained(product, reply);
    } else {
        s->missed = true;
    }
    if (--s->readings == 0 && !s->missed)
        s->known = true;
}

static void
read_one(struct servers *s, const struct product *product)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    struct redis_args a;

    if (reading == NULL) {
        s->missed = true;
        return;
    }
    reading->servers = s;
    (void)snprintf(reading->product_id, sizeof(reading->product_id), "%s", product->id);
    redis_args_init(&a);
    redis_args_str(&a, "HKEYS");
    redis_args_printf(&a, KEY_DRAINED, product->id);
    s->readings++;
    redis_send(s->redis, &a, on_read, reading);
    redis_args_free(&a);
}

/* Those who wait for the first answer wait for the connection as well. */
static void
on_read_timer(void *cookie)
{
    struct servers *s = cookie;
    bool up = redis_is_up(s->redis);

    loop_timer_set(s->read_timer, up || s->known ? READ_EVERY : 10);
    if (!up || s->readings > 0)
        return;
    s->missed = false;
    for (size_t i = 0; i < products_count(s->products); i++)
        read_one(s, products_at(s->products, i));
}

bool
servers_are_known(const struct servers *s)
{
    return s->known;
}

/* --- who answers ------------------------------------------------------------------------------ */

static void
on_probed(void *cookie, const struct httpclient_result *result)
{
    struct probe *p = cookie;

    p->transfer = NULL;
    gameserver_report(p->servers->client, p->url, result->status != 0);
}

static void
on_probe_timer(void *cookie)
{
    struct servers *s = cookie;
    struct probe *p;
    struct buf url;

    loop_timer_set(s->probe_timer, s->check);
    LL_FOREACH (s->probes, p) {
        if (p->transfer != NULL)
            continue; /* it is about to reach its time limit */
        buf_init(&url, URL_MAX);
        buf_printf(&url, "%s/health", p->url);
        if (buf_ok(&url))
            p->transfer = httpclient_get(s->http, url.data, on_probed, p);
        buf_free(&url);
    }
}

static void
free_probes(struct servers *s)
{
    struct probe *p, *next;

    LL_FOREACH_SAFE (s->probes, p, next) {
        httpclient_cancel(p->transfer);
        free(p->url);
        free(p->origin);
        free(p);
    }
    s->probes = NULL;
}

/* Nothing happens where the origin is probed already. */
static int
add_probe(struct servers *s, const char *url)
{
    char *origin = httpclient_origin(url);
    struct probe *p;

    if (origin == NULL)
        return -1;
    LL_FOREACH (s->probes, p) {
        if (strcmp(p->origin, origin) == 0) {
            free(origin);
            return 0;
        }
    }
    p = calloc(1, sizeof(*p));
    if (p == NULL) {
        free(origin);
        return -1;
    }
    p->servers = s;
    p->origin = origin;
    p->url = strdup(url);
    LL_PREPEND(s->probes, p);
    (void)gameserver_fitness(s->client, url); /* it has figures from the beginning */
    return p->url != NULL ? 0 : -1;
}

/* The probes of all products' servers; without memory some are not probed, and taken for well. */
static void
make_probes(struct servers *s)
{
    free_probes(s);
    for (size_t i = 0; i < products_count(s->products); i++) {
        const struct product *product = products_at(s->products, i);

        for (size_t j = 0; j < product->nservers; j++)
            if (add_probe(s, product->servers[j].url) != 0)
                return;
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool
was_drained(const struct product *product, const char *url)
{
    for (size_t i = 0; i < product->nservers; i++)
        if (strcmp(product->servers[i].url, url) == 0)
            return product->servers[i].drained;
    return false;
}

void
servers_follow(struct servers *s, const struct products *products)
{
    for (size_t i = 0; i < products_count(products); i++) {
        const struct product *product = products_at(products, i);
        const struct product *before = products_find(s->products, product->id, strlen(product->id));

        for (size_t j = 0; before != NULL && j < product->nservers; j++)
            product->servers[j].drained = was_drained(before, product->servers[j].url);
    }
    s->products = products;
    make_probes(s);
    loop_timer_set(s->read_timer, 0);
}

struct servers *
servers_new(struct loop *loop, struct redis *redis, struct gameserver_client *client,
            const struct products *products, dur_ms check)
{
    /* An answer that is as late as the next question is none. */
    const struct httpclient_limits limits = {
        .connect_timeout = check, .timeout = check, .connections = 8};
    struct servers *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->loop = loop;
    s->redis = redis;
    s->client = client;
    s->products = products;
    s->check = check;
    s->http = httpclient_new(loop, &limits);
    s->read_timer = loop_timer_new(loop, on_read_timer, s);
    s->probe_timer = loop_timer_new(loop, on_probe_timer, s);
    if (s->http == NULL || s->read_timer == NULL || s->probe_timer == NULL) {
        servers_free(s);
        errno = ENOMEM;
        return NULL;
    }
    make_probes(s);
    loop_timer_set(s->read_timer, 0);
    loop_timer_set(s->probe_timer, 0);
    return s;
}

void
servers_free(struct servers *s)
{
    if (s == NULL)
        return;
    free_probes(s);
    httpclient_free(s->http);
    loop_timer_free(s->read_timer);
    loop_timer_free(s->probe_timer);
    free(s);
}
