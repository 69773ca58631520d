/*
 * Listing open games. Those who ask for the same page in the same turn of the loop share one read:
 * it has not run yet, so each of them gets a list from after they asked. Under load, when many
 * requests come in one turn, Redis is asked once for all of them.
 */
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>
#include <utlist.h>

#include "lib/lobby/lobby_internal.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"

struct asker {
    lobby_fn *fn;
    void *cookie;
    struct asker *next;
};

struct lobby_listing {
    struct lobby *lobby;
    const struct product *product;
    int64_t first, count;
    char *terms; /* lines */
    bool newest;
    uint64_t turn; /* redis_turn() when it was queued */
    struct asker *askers;
    struct lobby_listing *prev, *next;
};

static void
listing_free(struct lobby_listing *listing)
{
    struct asker *asker, *next;

    LL_FOREACH_SAFE (listing->askers, asker, next) {
        free(asker);
    }
    DL_DELETE(listing->lobby->listings, listing);
    free(listing->terms);
    free(listing);
}

void
lobby_free_listings(struct lobby *lobby)
{
    struct lobby_listing *listing, *next;

    DL_FOREACH_SAFE (lobby->listings, listing, next) {
        listing_free(listing);
    }
}

static void
on_listing(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct lobby_listing *listing = cookie;
    struct asker *asker;

    LL_FOREACH (listing->askers, asker) {
        if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_STRING)
            asker->fn(asker->cookie, &(struct lobby_answer){.result = LOBBY_DONE,
                                                            .json = reply->str,
                                                            .len = reply->len,
                                                            .state = "",
                                                            .reason = ""});
        else
            lobby_fail_redis(asker->fn, asker->cookie, LOBBY_RETRY_AFTER, outcome, reply);
    }
    listing_free(listing);
}

/* The listing of this page that is queued in the present turn, or NULL. */
static struct lobby_listing *
find_listing(const struct lobby *lobby, const struct product *product,
             const struct lobby_query *query, int64_t first)
{
    struct lobby_listing *listing;

    DL_FOREACH (lobby->listings, listing) {
        if (listing->product == product && listing->first == first &&
            listing->count == query->count && listing->newest == query->newest &&
            strcmp(listing->terms, query->terms) == 0 && listing->turn == redis_turn(lobby->redis))
            return listing;
    }
    return NULL;
}

static void
read_listing(struct lobby_listing *listing)
{
    struct redis_args *a = &listing->lobby->args;

    redis_args_reset(a);
    redis_args_fcall(a, "open_games", true);
    redis_args_key(a, KEY_LOBBY, listing->product->id);
    redis_args_key(a, KEY_PUBLIC, listing->product->id);
    redis_args_key(a, KEY_INDEX, listing->product->id);
    redis_args_int(a, listing->first);
    redis_args_int(a, listing->count);
    redis_args_str(a, listing->newest ? "newest" : "oldest");
    lobby_add_terms(a, listing->terms);
    redis_send(listing->lobby->redis, a, on_listing, listing);
}

void
lobby_add_terms(struct redis_args *a, const char *terms)
{
    while (*terms != '\0') {
        size_t len = strcspn(terms, "\n");

        redis_args_add(a, terms, len);
        terms += len + (terms[len] == '\n');
    }
}

/* NULL: no memory. */
static struct lobby_listing *
new_listing(struct lobby *lobby, const struct product *product, const struct lobby_query *query,
            int64_t first)
{
    struct lobby_listing *listing = calloc(1, sizeof(*listing));
    char *terms = strdup(query->terms);

    if (listing == NULL || terms == NULL) {
        free(listing);
        free(terms);
        return NULL;
    }
    *listing = (struct lobby_listing){.lobby = lobby,
                                      .product = product,
                                      .first = first,
                                      .count = query->count,
                                      .terms = terms,
                                      .newest = query->newest,
                                      .turn = redis_turn(lobby->redis)};
    DL_APPEND(lobby->listings, listing);
    read_listing(listing);
    return listing;
}

void
lobby_list(struct lobby *lobby, const struct product *product, const struct lobby_query *asked,
           lobby_fn *fn, void *cookie)
{
    struct asker *asker = calloc(1, sizeof(*asker));
    struct lobby_listing *listing = NULL;
    struct lobby_query query = *asked;
    int64_t first;

    if (query.count > LOBBY_LIST_MAX)
        query.count = LOBBY_LIST_MAX;
    /* No lobby is that long; and so the product cannot overflow. */
    first = query.page < INT32_MAX ? query.page * query.count : INT32_MAX;
    if (asker != NULL)
        listing = find_listing(lobby, product, &query, first);
    if (asker != NULL && listing == NULL)
        listing = new_listing(lobby, product, &query, first);
    if (listing == NULL) {
        free(asker);
        fn(cookie, &(struct lobby_answer){
                       .result = LOBBY_FAILED, .json = "", .state = "", .reason = "out of memory"});
        return;
    }
    asker->fn = fn;
    asker->cookie = cookie;
    LL_PREPEND(listing->askers, asker);
}
