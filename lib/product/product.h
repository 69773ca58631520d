/*
 * A product: one game that varcade serves, described by games/<product_id>.json. Read once, checked
 * whole, compiled to the tables in rules.h; docs/game-file.md describes the keys for those who
 * write one, and the parser's own table makes the reference, varcade.game(5).
 */
#ifndef VARCADE_PRODUCT_H
#define VARCADE_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/product/generation.h"
#include "lib/product/product_servers.h"

struct gamesettings;
struct queue;
struct rules;

#define PRODUCT_PLAYERS_MAX 64
#define PRODUCT_MATCHES_MAX 100

/* How long a game may stay as it is before it is taken away (docs/game-file.md). */
struct product_timeouts {
    dur_ms created;            /* the creator has not connected to the game server */
    dur_ms seat;               /* every seat is taken and some player has not connected */
    dur_ms creator_joined;     /* listed, and not enough players came */
    dur_ms all_players_joined; /* everybody is there, and nothing began */
    dur_ms in_progress;        /* a match that does not end */
    dur_ms ended;              /* over, and the game server has not removed it */
};

/* How many games a player may have at once; 0: no limit. */
struct product_limits {
    int64_t open_games; /* as their creator */
    int64_t seats;      /* in which there is a seat for them */
};

struct product {
    char id[TEXT_PRODUCT_ID_MAX + 1];
    char *title;
    struct product_server *servers; /* nservers of them, at least one; whether they are drained changes
                                     * (lib/lobby/servers.h) */
    size_t nservers;
    int64_t players_min;   /* 1 .. players_max */
    int64_t players_max;   /* 1 .. PRODUCT_PLAYERS_MAX */
    struct product_timeouts timeouts;
    struct product_limits limits;
    int64_t matches;       /* that are kept of each player: 0 .. PRODUCT_MATCHES_MAX */
    bool head_to_head;     /* whether it is kept what there was between each two players */
    dur_ms rejoin;         /* for so long the seat of a player who was disconnected is kept; 0: it is free */
    bool host_migration;   /* another player takes the place of a creator who goes */
    struct gamesettings *settings; /* what can be chosen for a game (lib/product/gamesettings.h); NULL: nothing */
    struct rules *rules;   /* stats and boards */
    struct queue *queues;  /* nqueues of them (lib/product/queue.h) */
    size_t nqueues;
    char *stats_json;      /* JSON object: stat name -> {"title": …}, for GET /products */
    char *file;            /* where it was read */
    /* The generation that was the live one when its figures were read last; never NULL. Of a
     * product that does not change this does, and which servers are drained. */
    struct generation *generation;
};

/*
 * product_parse_one(json, len, file, ret_product, why): one file's text; file is its name in
 * messages. Returns 0; or -1 with a line `FILE: PATH.IN.FILE: REASON` a problem in why (lines as in
 * lib/config/table.h), or one line `FILE: line L, column C: REASON` where the text is no JSON.
 */
int product_parse_one(const char *json, size_t len, const char *file,
                      struct product **ret_product, struct buf *why)
    __attribute__((warn_unused_result));

/* product_free(p): NULL is legal. */
void product_free(struct product *p);

/* product_print_help(out), product_print_man(out): every key of a game's file; the man page is
 * varcade.game(5). */
void product_print_help(FILE *out);
void product_print_man(FILE *out);

/* --- the products of a folder (products.c) ---------------------------------------------------- */

struct products;

/*
 * products_load(dir, ret_products, why): read every *.json of dir, schema.json and hidden files
 * apart. Returns 0; or -1 with a line a problem in why, those of all files, and nothing loaded. A
 * folder without a file is an error. A file's name must be its product_id plus .json.
 */
int products_load(const char *dir, struct products **ret_products, struct buf *why)
    __attribute__((warn_unused_result));

/* products_load_file(file, ret_product, why): one file of such a folder, its name checked too.
 * Returns 0; or -1 with a line a problem in why. */
int products_load_file(const char *file, struct product **ret_product, struct buf *why)
    __attribute__((warn_unused_result));

/* products_free(p): NULL is legal. */
void products_free(struct products *p);

/* products_find(p, id, len): the product, or NULL. Valid as long as p. */
const struct product *products_find(const struct products *p, const char *id, size_t len);

/* products_count(p), products_at(p, i): all of them, sorted by id. */
size_t products_count(const struct products *p);
const struct product *products_at(const struct products *p, size_t i);

#endif
