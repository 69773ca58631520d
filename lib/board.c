/*
 * A page of a board. The function tells the first entry's rank; the others follow from their
 * scores: whoever has the score of the one above has that one's rank too.
 */
#include <assert.h>
#include <hiredis/hiredis.h>
#include <string.h>

#include "lib/board.h"
#include "lib/buf.h"
#include "lib/keys.h"
#include "lib/product.h"
#include "lib/redis.h"
#include "lib/rules.h"
#include "lib/text.h"

#define HEAD_ELEMENTS 2 /* total, rank of the first */
#define ROW_ELEMENTS 3  /* id, score, name */

struct board_page
board_page_first(const struct product *product, size_t board, wall_ms now)
{
    const struct window_plan *plan = &rules_board_at(product->rules, board)->windows;
    struct board_page page = {
        .product = product, .board = board, .kind = plan->standard, .limit = BOARD_LIMIT_DEFAULT};
    bool found = window_at(plan, page.kind, now, &page.window);

    assert(found && "seasons are never the standard");
    return page;
}

void
board_page_command(struct redis_args *a, const struct board_page *page)
{
    const struct rules_board *board = rules_board_at(page->product->rules, page->board);

    redis_args_fcall(a, "board_page", true);
    redis_args_key(a, KEY_BOARD, page->product->id, board->id, page->window.name);
    redis_args_key(a, KEY_NAMES, page->product->id);
    redis_args_str(a, board->order == RULES_DESC ? "desc" : "asc");
    redis_args_int(a, page->offset);
    redis_args_int(a, page->limit);
}

/* The rows of one page, as they are gone through. */
struct cursor {
    int64_t position; /* 1 for the board's first */
    int64_t rank;     /* of the entry before */
    const struct redisReply *score;
};

static int
render_entry(struct cursor *c, redisReply *const *row, struct buf *out)
{
    double score;

    if (row[0]->type != REDIS_REPLY_STRING || row[1]->type != REDIS_REPLY_STRING ||
        text_parse_double(row[1]->str, row[1]->len, &score) < 0)
        return -1;
    if (c->score != NULL && strcmp(c->score->str, row[1]->str) != 0)
        c->rank = c->position;
    c->score = row[1];
    c->position++;
    buf_printf(out, "{\"rank\": %lld, \"user_id\": ", (long long)c->rank);
    buf_json_string(out, row[0]->str, row[0]->len);
    buf_str(out, ", \"username\": ");
    if (row[2]->type == REDIS_REPLY_STRING)
        buf_json_string(out, row[2]->str, row[2]->len);
    else
        buf_str(out, "null");
    buf_str(out, ", \"score\": ");
    buf_json_number(out, score);
    buf_byte(out, '}');
    return 0;
}

static void
render_time(const char *key, wall_ms t, struct buf *out)
{
    char text[CLOCK_RFC3339_SIZE];

    if (t == WINDOW_NEVER || t == -WINDOW_NEVER) {
        buf_printf(out, ", \"%s\": null", key);
        return;
    }
    clock_format_rfc3339(t, text);
    buf_printf(out, ", \"%s\": \"%s\"", key, text);
}

static void
render_window(const struct board_page *page, struct buf *out)
{
    buf_printf(out, ", \"window\": \"%s\", \"at\": \"%s\"", window_kind_name(page->kind),
               page->window.name);
    render_time("starts", page->window.starts, out);
    render_time("ends", page->window.ends, out);
}

int
board_page_render(const struct board_page *page, const struct redisReply *reply, struct buf *out)
{
    const struct rules_board *board = rules_board_at(page->product->rules, page->board);
    struct cursor c;
    size_t i;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < HEAD_ELEMENTS ||
        (reply->elements - HEAD_ELEMENTS) % ROW_ELEMENTS != 0 ||
        reply->element[0]->type != REDIS_REPLY_INTEGER ||
        reply->element[1]->type != REDIS_REPLY_INTEGER)
        return -1;
    c = (struct cursor){.position = page->offset + 1, .rank = reply->element[1]->integer};
    buf_str(out, "{\"board\": ");
    buf_json_string(out, board->id, strlen(board->id));
    render_window(page, out);
    buf_printf(out, ", \"total\": %lld, \"entries\": [", reply->element[0]->integer);
    for (i = HEAD_ELEMENTS; i < reply->elements; i += ROW_ELEMENTS) {
        if (i > HEAD_ELEMENTS)
            buf_str(out, ", ");
        if (render_entry(&c, &reply->element[i], out) < 0)
            return -1;
    }
    buf_str(out, "]}");
    return buf_ok(out) ? 0 : -1;
}
