/*
 * The top ten of a product as a command and as JSON.
 *
 * A score is always written with a fraction (2.0): the clients of this route were given a floating
 * point number from the start, and some take the type from the text.
 */
#include <hiredis/hiredis.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/text.h"
#include "lib/boards/board.h"
#include "lib/boards/topten.h"
#include "lib/product/product.h"
#include "lib/redis/redis.h"
#include "lib/rules/rules.h"

#define ENTRY_ELEMENTS 4 /* of a page: rank, id, score, name; behind the total */

bool
topten_command(struct redis_args *a, const struct product *product, wall_ms now)
{
    int i = rules_top_ten_board(product->rules);
    struct board_page page;

    if (i < 0)
        return false;
    page = board_page_first(product, (size_t)i, now);
    page.limit = TOPTEN_COUNT;
    board_page_command(a, &page);
    return true;
}

static int
render_entry(const struct redisReply *user, const struct redisReply *score, struct buf *out)
{
    char text[TEXT_DOUBLE_SIZE];
    double v;

    if (user->type != REDIS_REPLY_STRING || score->type != REDIS_REPLY_STRING ||
        text_parse_double(score->str, score->len, &v) < 0)
        return -1;
    buf_str(out, "{\"user_id\": ");
    buf_json_string(out, user->str, user->len);
    (void)text_format_double(v, text);
    buf_printf(out, ", \"score\": %s%s}", text, strpbrk(text, ".e") == NULL ? ".0" : "");
    return 0;
}

int
topten_render(const struct redisReply *reply, struct buf *out)
{
    size_t i;

    if (reply != NULL &&
        (reply->type != REDIS_REPLY_ARRAY || reply->elements % ENTRY_ELEMENTS != 1))
        return -1;
    buf_byte(out, '[');
    for (i = 1; reply != NULL && i < reply->elements; i += ENTRY_ELEMENTS) {
        if (i > 1)
            buf_str(out, ", ");
        if (render_entry(reply->element[i + 1], reply->element[i + 2], out) < 0)
            return -1;
    }
    buf_byte(out, ']');
    return buf_ok(out) ? 0 : -1;
}
