/* varcadectl export board: a whole board, read by pages as the programs read it. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/boards/board.h"
#include "lib/product/product.h"
#include "lib/rules/rules.h"
#include "worker/ctl/ctl.h"

#define HEAD 1 /* of a page: total */
#define ROW 4  /* rank, id, score, name */

static bool
is_page(const struct redisReply *page)
{
    return page->type == REDIS_REPLY_ARRAY && page->elements >= HEAD &&
           (page->elements - HEAD) % ROW == 0;
}

/* RFC 4180: in quotes, where it needs them. */
static void
add_csv(struct buf *out, const struct redisReply *text)
{
    if (text->type != REDIS_REPLY_STRING)
        return;
    if (strcspn(text->str, ",\"\r\n") == text->len) {
        buf_add(out, text->str, text->len);
        return;
    }
    buf_byte(out, '"');
    for (size_t i = 0; i < text->len; i++) {
        if (text->str[i] == '"')
            buf_byte(out, '"');
        buf_byte(out, text->str[i]);
    }
    buf_byte(out, '"');
}

static void
add_row(struct redisReply *const *row, bool json, bool first, struct buf *out)
{
    if (!json) {
        buf_printf(out, "%lld,", row[0]->integer);
        add_csv(out, row[1]);
        buf_byte(out, ',');
        add_csv(out, row[3]);
        buf_byte(out, ',');
        ctl_json_score(out, row[2]->str);
        buf_str(out, "\r\n");
        return;
    }
    buf_printf(out, "%s{\"rank\": %lld, \"user_id\": ", first ? "\n " : ",\n ", row[0]->integer);
    ctl_json_text(out, row[1]->str, row[1]->len);
    buf_str(out, ", \"username\": ");
    if (row[3]->type == REDIS_REPLY_STRING)
        ctl_json_text(out, row[3]->str, row[3]->len);
    else
        buf_str(out, "null");
    buf_str(out, ", \"score\": ");
    ctl_json_score(out, row[2]->str);
    buf_byte(out, '}');
}

/* Print one page; returns how many entries it has, or -1. */
static int64_t
print_page(struct ctl *c, const struct board_page *page)
{
    struct redisReply *reply;
    struct redis_args a;
    struct buf out;
    int64_t n = -1;

    redis_args_init(&a);
    board_page_command(&a, page);
    reply = ctl_redis_call(c, &a);
    if (reply == NULL)
        return -1;
    buf_init(&out, (size_t)1 << 24);
    if (is_page(reply)) {
        for (size_t i = HEAD; i < reply->elements; i += ROW)
            add_row(reply->element + i, c->json, page->offset == 0 && i == HEAD, &out);
        fputs(out.data != NULL ? out.data : "", stdout);
        n = (int64_t)((reply->elements - HEAD) / ROW);
    }
    if (n < 0 || !buf_ok(&out)) {
        (void)ctl_fail("a page of the board cannot be read");
        n = -1;
    }
    buf_free(&out);
    freeReplyObject(reply);
    return n;
}

/* Which window: all kinds have names of their own form. Returns NULL, or why there is none. */
static const char *
find_window(const struct product *product, const char *at, struct board_page *page)
{
    const struct window_plan *plan = &rules_board_at(product->rules, page->board)->windows;
    wall_ms now = clock_wall();
    int kind = 0;

    while (kind < WINDOW_KINDS && !(plan->has[kind] && window_named(plan, (enum window_kind)kind,
                                                                    at, strlen(at), &page->window)))
        kind++;
    if (kind == WINDOW_KINDS)
        return "there is no such window";
    page->kind = (enum window_kind)kind;
    if (page->window.starts > now)
        return "it has not begun";
    return page->window.starts < window_horizon(plan, page->kind, now) ? "it is no longer kept"
                                                                       : NULL;
}

static int export(struct ctl *c, const struct product *product)
{
    const char *at = ctl_option(c, "at") != NULL ? ctl_option(c, "at") : "all", *why;
    struct board_page page = {.product = product, .limit = BOARD_LIMIT_MAX};
    int board = rules_board_find(product->rules, c->args[1], strlen(c->args[1]));
    int64_t n;

    if (board < 0)
        return ctl_fail("%s has no board %s", product->id, c->args[1]);
    page.board = (size_t)board;
    why = find_window(product, at, &page);
    if (why != NULL)
        return ctl_fail("the board %s, window %s: %s", c->args[1], at, why);
    if (!ctl_generation(c, product->id, product->generation))
        return CTL_FAILED;
    fputs(c->json ? "[" : "rank,user_id,username,score\r\n", stdout);
    do {
        n = print_page(c, &page);
        page.offset += BOARD_LIMIT_MAX;
    } while (n == BOARD_LIMIT_MAX);
    fputs(c->json ? "]\n" : "", stdout);
    return n < 0 ? CTL_FAILED : CTL_OK;
}

int
ctl_board_export(struct ctl *c)
{
    const char *id = ctl_product(c);
    struct product *product;
    int ret;

    if (id == NULL)
        return CTL_USAGE;
    product = ctl_product_load(c, id);
    ret = product != NULL ? export(c, product) : CTL_FAILED;
    product_free(product);
    return ret;
}
