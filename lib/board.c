/* What is read of a board, as commands and as JSON: see board.h. */
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

#define ENTRY_ELEMENTS 4 /* rank, id, score, name */

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

/* Begin a call of one of the functions that read boards: its keys, and the arguments that all have.
 */
static void
begin(struct redis_args *a, const char *function, const struct board_page *page)
{
    static const char *const ties[] = {
        [RULES_COMPETITION] = "competition", [RULES_DENSE] = "dense", [RULES_FIRST] = "first"};
    const struct rules_board *board = rules_board_at(page->product->rules, page->board);
    const char *product = page->product->id, *window = page->window.name;

    redis_args_fcall(a, function, true);
    redis_args_key(a, KEY_BOARD, product, board->id, window);
    redis_args_key(a, KEY_NAMES, product);
    redis_args_key(a, KEY_BOARD KEYS_SCORES, product, board->id, window);
    redis_args_key(a, KEY_BOARD KEYS_MEMBERS, product, board->id, window);
    redis_args_str(a, board->order == RULES_DESC ? "desc" : "asc");
    redis_args_str(a, ties[board->ties]);
}

void
board_page_command(struct redis_args *a, const struct board_page *page)
{
    begin(a, "board_page", page);
    redis_args_int(a, page->offset);
    redis_args_int(a, page->limit);
}

/* --- as JSON ---------------------------------------------------------------------------------- */

/* The entry's members, without the braces. */
static int
render_entry(redisReply *const *row, struct buf *out)
{
    double score;

    if (row[0]->type != REDIS_REPLY_INTEGER || row[1]->type != REDIS_REPLY_STRING ||
        row[2]->type != REDIS_REPLY_STRING ||
        text_parse_double(row[2]->str, row[2]->len, &score) < 0)
        return -1;
    buf_printf(out, "\"rank\": %lld, \"user_id\": ", row[0]->integer);
    buf_json_string(out, row[1]->str, row[1]->len);
    buf_str(out, ", \"username\": ");
    if (row[3]->type == REDIS_REPLY_STRING)
        buf_json_string(out, row[3]->str, row[3]->len);
    else
        buf_str(out, "null");
    buf_str(out, ", \"score\": ");
    buf_json_number(out, score);
    return 0;
}

/* The entries of a reply from element i on, as an array. */
static int
render_entries(const struct redisReply *reply, size_t i, struct buf *out)
{
    if (reply->elements < i || (reply->elements - i) % ENTRY_ELEMENTS != 0)
        return -1;
    buf_byte(out, '[');
    for (; i < reply->elements; i += ENTRY_ELEMENTS) {
        buf_str(out, out->data[out->len - 1] == '[' ? "{" : ", {");
        if (render_entry(&reply->element[i], out) < 0)
            return -1;
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
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

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
        reply->element[0]->type != REDIS_REPLY_INTEGER)
        return -1;
    buf_str(out, "{\"board\": ");
    buf_json_string(out, board->id, strlen(board->id));
    render_window(page, out);
    buf_printf(out, ", \"total\": %lld, \"entries\": ", reply->element[0]->integer);
    if (render_entries(reply, 1, out) < 0)
        return -1;
    buf_byte(out, '}');
    return buf_ok(out) ? 0 : -1;
}
