/*
 * A page of a board as a command and as JSON, in one place: the FastCGI program renders it per
 * request, the worker writes a board's first page to a file, and the bytes must be the same.
 *
 *   {"board": "wins", "window": "all", "at": "all", "starts": null, "ends": null, "total": 2,
 *    "entries": [{"rank": 1, "user_id": "…", "username": "…", "score": 2}, …]}
 *
 * Ranks are as the board's `ties` say. username is null where no name is known.
 */
#ifndef VARCADE_BOARD_H
#define VARCADE_BOARD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/window.h"

struct buf;
struct product;
struct redis_args;
struct redisReply;

#define BOARD_LIMIT_DEFAULT 25
#define BOARD_LIMIT_MAX 100
#define BOARD_OFFSET_MAX 1000000000000
#define BOARD_JSON_MAX 262144 /* BOARD_LIMIT_MAX entries of the longest ids and names, escaped */

/* What part of which board. */
struct board_page {
    const struct product *product;
    size_t board;   /* index among the product's boards */
    enum window_kind kind;
    struct window window;
    int64_t offset; /* 0 .. BOARD_OFFSET_MAX */
    int64_t limit;  /* 0 .. BOARD_LIMIT_MAX */
};

/* board_page_first(product, board, now): the page that is meant where nothing else is said: the
 * first one of the board's standard window at now. */
struct board_page board_page_first(const struct product *product, size_t board, wall_ms now);

/* board_page_command(a, page): add to a the function call that reads the page. */
void board_page_command(struct redis_args *a, const struct board_page *page);

/* board_page_render(page, reply, out): append the JSON of what the call answered. Returns 0, or -1 where reply is not
 * such an answer or out is full. */
int board_page_render(const struct board_page *page, const struct redisReply *reply,
                      struct buf *out) __attribute__((warn_unused_result));

#endif
