/*
 * Boards. The top ten, and a board's first page, are answered by the web server from the worker's
 * snapshots; here is what answers where there is none, with the same bytes, and every other page.
 */
#include "fcgi/leaderboards.h"

#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/store.h"
#include "lib/board.h"
#include "lib/product.h"
#include "lib/rules.h"
#include "lib/topten.h"

static void
answer_top_ten(struct request *r, const struct redisReply *reply)
{
    if (topten_render(reply, &r->answer) != 0)
        store_fail(r, REDIS_DONE, "top ten: not an array of players and scores");
    else
        reply_answer(r, 200, "application/json");
}

static void
got_top_ten(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;

    if (store_usable(r, outcome, reply))
        answer_top_ten(r, reply);
}

void
leaderboards_top_ten(struct request *r)
{
    struct redis_args a;

    redis_args_init(&a);
    if (topten_command(&a, r->product))
        store_read(r, &a, got_top_ten);
    else
        answer_top_ten(r, NULL);
}

static int
find_board(const struct request *r)
{
    return rules_board_find(r->product->rules, r->arg.s, r->arg.len);
}

/* Which part of which board r asks for; or what is wrong with its parameters. */
static const char *
read_page(const struct request *r, int board, struct board_page *page)
{
    struct target_text window = target_param(&r->target, "window");

    *page = (struct board_page){.product = r->product, .board = (size_t)board};
    if (window.s != NULL && !target_text_is(window, "all"))
        return "window must be one of the board's: all";
    if (target_integer(&r->target, "limit", BOARD_LIMIT_DEFAULT, BOARD_LIMIT_MAX, &page->limit))
        return "limit must be an integer, 0 or more";
    if (target_integer(&r->target, "offset", 0, BOARD_OFFSET_MAX, &page->offset))
        return "offset must be an integer, 0 or more";
    return NULL;
}

static void
got_page(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;
    struct board_page page;

    if (!store_usable(r, outcome, reply))
        return;
    if (read_page(r, find_board(r), &page) != NULL ||
        board_page_render(&page, reply, &r->answer) != 0)
        store_fail(r, REDIS_DONE, "board: not a page");
    else
        reply_answer(r, 200, "application/json");
}

void
leaderboards_page(struct request *r)
{
    int board = find_board(r);
    struct board_page page;
    const char *wrong;
    struct redis_args a;

    if (board < 0) {
        reply_problem(r, 404, "No such board");
        return;
    }
    wrong = read_page(r, board, &page);
    if (wrong != NULL) {
        reply_problem(r, 400, wrong);
        return;
    }
    redis_args_init(&a);
    board_page_command(&a, &page);
    store_read(r, &a, got_page);
}
