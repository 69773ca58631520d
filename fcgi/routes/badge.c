/*
 * GET /badge/{product}/{board}/{id}.svg: `#12 of 3 400` beside the board's title, for profiles and
 * other people's pages. A player who is not on the board has a badge too, since a page that shows
 * it cannot know.
 *
 * How wide a text is only the reader's machine knows, which may lack the font. So the parts are as
 * wide as their text would be in a common one, and textLength makes the text fit.
 */
#include "fcgi/routes/badge.h"

#include <string.h>

#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/store.h"
#include "lib/base/text.h"
#include "lib/boards/board.h"
#include "lib/product/product.h"
#include "lib/redis/redis.h"
#include "lib/rules/rules.h"

#define CHARACTER 7              /* pixels, of 11 pixels' Verdana on average */
#define MARGIN 8                 /* pixels, beside a text */
#define THOUSANDS "\xe2\x80\xaf" /* a narrow blank that no line ends at */

/* Characters, of which each but the first byte is 10xxxxxx in UTF-8. */
static int
width_of(const char *s, size_t len)
{
    int n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n * CHARACTER;
}

/* 3400 as "3 400". */
static void
add_count(struct buf *out, int64_t n)
{
    char digits[32];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buf_str(out, THOUSANDS);
        buf_byte(out, digits[i]);
    }
}

static void
add_text(struct buf *out, int x, const char *s, size_t len)
{
    buf_printf(out, "<text x=\"%d\" y=\"14\" textLength=\"%d\" lengthAdjust=\"spacingAndGlyphs\">",
               x, width_of(s, len));
    buf_xml(out, s, len);
    buf_str(out, "</text>");
}

static void
render(struct buf *out, const char *title, const struct buf *place)
{
    int left = width_of(title, strlen(title)) + 2 * MARGIN;
    int right = width_of(place->data, place->len) + 2 * MARGIN;

    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"20\" role=\"img\">"
               "<title>",
               left + right);
    buf_xml(out, title, strlen(title));
    buf_str(out, ": ");
    buf_xml(out, place->data, place->len);
    buf_printf(out,
               "</title><rect width=\"%d\" height=\"20\" rx=\"4\" fill=\"#3a3550\"/>"
               "<path d=\"M%d 0h%dq4 0 4 4v12q0 4 -4 4h%dz\" fill=\"#5335e0\"/>"
               "<g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">",
               left + right, left, right - 4, 4 - right);
    add_text(out, MARGIN, title, strlen(title));
    add_text(out, left + MARGIN, place->data, place->len);
    buf_str(out, "</g></svg>");
}

static void
got_place(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;
    int64_t rank, total;
    struct buf place;
    int found;

    if (store_repeats(r, outcome, reply) || !store_usable(r, outcome, reply))
        return;
    found = board_around_place(reply, &rank, &total);
    if (found < 0) {
        store_fail(r, REDIS_DONE, "badge: not a player's place");
        return;
    }
    buf_init(&place, 128);
    if (found > 0) {
        buf_byte(&place, '#');
        add_count(&place, rank);
        buf_str(&place, " of ");
        add_count(&place, total);
    } else {
        buf_str(&place, "not ranked yet");
    }
    render(&r->answer, rules_board_at(r->product->rules, r->page.board)->title, &place);
    buf_free(&place);
    reply_answer(r, 200, "image/svg+xml");
}

void
badge_get(struct request *r)
{
    struct redis_args a;

    if (!text_is_name(r->arg.s, r->arg.len)) {
        reply_problem(r, 400, "Invalid user ID");
        return;
    }
    redis_args_init(&a);
    board_around_command(&a, &r->page, r->arg.s, r->arg.len, 0);
    store_read(r, &a, got_place);
}
