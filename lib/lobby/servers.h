/*
 * Which game server of a product gets a new game.
 *
 * One of those that are not drained, by their weights: among those that answer and whose breaker
 * lets a call through, else among those that let one through, else any. Drained is what somebody said by
 * hand (varcadectl gameserver drain); every process reads it once a second. That a game server
 * answers is found out by every process for itself, as breakers are: by its calls, and by a probe,
 * GET URL/health, to which any answer of HTTP is good, since game servers need not know that path.
 */
#ifndef VARCADE_SERVERS_H
#define VARCADE_SERVERS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"

struct gameserver_client;
struct loop;
struct metrics;
struct product;
struct product_server;
struct products;
struct redis;
struct servers;

/* servers_choose(client, product): where the product's next game is to be made; NULL: all of its
 * game servers are drained. Borrowed from product. */
const struct product_server *servers_choose(struct gameserver_client *client,
                                            const struct product *product)
    __attribute__((warn_unused_result));

/*
 * servers_other(client, product, server): whether the game that could not be made on server, since
 * nothing was sent, is to be tried again: another one is there, and the budget of retries is not
 * used up. Then servers_choose() will not answer the same one, as long as that is away.
 */
bool servers_other(struct gameserver_client *client, const struct product *product,
                   const char *url) __attribute__((warn_unused_result));

/* servers_new(loop, redis, client, products, check): keep `drained` of the products' servers, and
 * what client knows of them, up to date; check: how often to probe. All are borrowed. NULL with
 * errno ENOMEM. */
struct servers *servers_new(struct loop *loop, struct redis *redis,
                            struct gameserver_client *client, const struct products *products,
                            dur_ms check) __attribute__((warn_unused_result));

/* servers_free(s): the caller has closed redis before; client is still there. NULL is legal. */
void servers_free(struct servers *s);

/* servers_follow(s, products): these instead; what was known of those before them is kept. Those
 * are still there. */
void servers_follow(struct servers *s, const struct products *products);

/* servers_are_known(s): whether Redis has said once which ones are drained. */
bool servers_are_known(const struct servers *s);

/* servers_figures(metrics, client, products) (servers_figures.c): set what /metrics shows of them. */
void servers_figures(struct metrics *metrics, const struct gameserver_client *client,
                     const struct products *products);

/* servers_away_json(client, products, out): an array of {"product_id", "game_socket_url", "reason"}:
 * those that do not answer, whose breaker is open (`away`), or that are `drained`. Their URLs are nobody's business. */
void servers_away_json(struct gameserver_client *client, const struct products *products,
                       struct buf *out);

#endif
