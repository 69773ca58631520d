/*
 * varcadectl gameserver: which of a game's servers get no new games.
 *
 * It is a hash in Redis, which every process reads once a second (lib/lobby/servers.h): a game server can
 * be emptied, stopped and started without a change of the game's file.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/ctl/ctl.h"

#define OUT_MAX ((size_t)1 << 20)

/* Since when each is drained: URL, ms, URL, ms …; NULL where it cannot be read, and that was told.
 */
static struct redisReply *
read_drained(struct ctl *c, const char *product)
{
    struct redisReply *reply;
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "HGETALL");
    redis_args_printf(&a, KEY_DRAINED, product);
    reply = ctl_redis_call(c, &a);
    if (reply != NULL && reply->type != REDIS_REPLY_ARRAY) {
        (void)ctl_fail("what is drained cannot be read");
        freeReplyObject(reply);
        reply = NULL;
    }
    return reply;
}

/* Since when, as Redis has it; NULL: it is not drained. */
static const char *
drained_since(const struct redisReply *drained, const char *url)
{
    for (size_t i = 0; i + 1 < drained->elements; i += 2)
        if (strcmp(drained->element[i]->str, url) == 0)
            return drained->element[i + 1]->str;
    return NULL;
}

static bool
is_server(const struct product *product, const char *url)
{
    for (size_t i = 0; i < product->nservers; i++)
        if (strcmp(product->servers[i].url, url) == 0)
            return true;
    return false;
}

/* --- drain, undrain --------------------------------------------------------------------------- */

static int
change(struct ctl *c, const char *product, const char *url, bool drain)
{
    struct redisReply *reply;
    struct redis_args a;

    ctl_redis_change(&a, "keys_set", product);
    redis_args_key(&a, KEY_DRAINED, product);
    ctl_redis_who(c, &a);
    redis_args_str(&a, url);
    redis_args_str(&a, url);
    if (drain)
        redis_args_int(&a, clock_wall());
    else
        redis_args_str(&a, "");
    reply = ctl_redis_call(c, &a);
    if (reply == NULL)
        return CTL_FAILED;
    freeReplyObject(reply);
    ctl_redis_log(c, product, url);
    return CTL_OK;
}

static int
check_and_change(struct ctl *c, const struct product *product, const char *url, bool drain)
{
    struct redisReply *drained = read_drained(c, product->id);
    bool is;
    int ret;

    if (drained == NULL)
        return CTL_FAILED;
    is = drained_since(drained, url) != NULL;
    /* What the file no longer has can still be taken off the list. */
    if (!is && !is_server(product, url))
        ret = ctl_fail("%s has no game server %s", product->id, url);
    else if (is == drain)
        ret = ctl_fail("%s is %s", url, is ? "drained already" : "not drained");
    else
        ret = change(c, product->id, url, drain);
    freeReplyObject(drained);
    return ret;
}

int
ctl_gameserver_drain(struct ctl *c)
{
    const char *name = ctl_product(c);
    struct product *product;
    char *url;
    int ret;

    if (name == NULL)
        return CTL_USAGE;
    product = ctl_product_load(c, name);
    if (product == NULL)
        return CTL_FAILED;
    url = c->args[1];
    product_servers_trim(url);
    ret = check_and_change(c, product, url, strcmp(c->command->name, "gameserver drain") == 0);
    product_free(product);
    return ret;
}

/* --- list ------------------------------------------------------------------------------------- */

static void
add_since(const struct ctl *c, struct buf *out, const char *since)
{
    char text[CLOCK_RFC3339_SIZE];
    wall_ms ms;

    if (since == NULL || text_parse_int(since, strlen(since), 0, INT64_MAX, &ms) != 0) {
        buf_str(out, c->json ? "null" : "-");
        return;
    }
    clock_format_rfc3339(ms, text);
    buf_printf(out, c->json ? "\"%s\"" : "%s", text);
}

static void
add_server(const struct ctl *c, struct buf *out, const struct product_server *s, const char *since)
{
    if (c->json) {
        buf_str(out, "{\"url\": ");
        buf_json_string(out, s->url, strlen(s->url));
        buf_str(out, ", \"socket_url\": ");
        buf_json_string(out, s->socket_url, strlen(s->socket_url));
        buf_printf(out, ", \"weight\": %lld, \"drained\": ", (long long)s->weight);
    } else {
        buf_printf(out, "%s  %s  weight %lld  drained ", s->url, s->socket_url,
                   (long long)s->weight);
    }
    add_since(c, out, since);
    buf_str(out, c->json ? "}" : "");
}

int
ctl_gameserver_list(struct ctl *c)
{
    const char *name = ctl_product(c);
    struct redisReply *drained;
    struct product *product;
    struct buf out;

    if (name == NULL)
        return CTL_USAGE;
    product = ctl_product_load(c, name);
    drained = product != NULL ? read_drained(c, name) : NULL;
    if (drained == NULL) {
        product_free(product);
        return CTL_FAILED;
    }
    buf_init(&out, OUT_MAX);
    buf_str(&out, c->json ? "[" : "");
    for (size_t i = 0; i < product->nservers; i++) {
        const struct product_server *s = &product->servers[i];

        buf_str(&out, i == 0 ? "" : c->json ? ",\n " : "\n");
        add_server(c, &out, s, drained_since(drained, s->url));
    }
    buf_str(&out, c->json ? "]" : "");
    freeReplyObject(drained);
    product_free(product);
    return ctl_print(&out);
}
