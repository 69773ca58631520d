/* What is read of a board, as commands and as JSON: see board.h. */
#include <assert.h>
#include <hiredis/hiredis.h>
#include <math.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/text.h"
#include "lib/boards/board.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "lib/rules/rules.h"

#define ENTRY_ELEMENTS 4 /* rank, id, score, name */
/* Of board_around: total, how many are better, the next better score, and the player's entry. */
#define PLAYER_AT 3
#define PLAYER_ELEMENTS (PLAYER_AT + ENTRY_ELEMENTS)
/* Of board_histogram: total, lowest and highest score, how many are below and above; then edges and
 * counts in turn. */
#define BUCKETS_AT 5

bool
board_page_of(const struct product *product, size_t board, enum window_kind kind, wall_ms now,
              struct board_page *ret_page)
{
    const struct window_plan *plan = &rules_board_at(product->rules, board)->windows;
    struct board_page page = {
        .product = product, .board = board, .kind = kind, .limit = BOARD_LIMIT_DEFAULT};

    if (!window_at(plan, kind, now, &page.window))
        return false;
    *ret_page = page;
    return true;
}

struct board_page
board_page_first(const struct product *product, size_t board, wall_ms now)
{
    enum window_kind kind = rules_board_at(product->rules, board)->windows.standard;
    struct board_page page;
    bool found = board_page_of(product, board, kind, now, &page);

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
    const char *generation = page->product->generation->s;

    redis_args_fcall(a, function, true);
    redis_args_key(a, KEY_GENERATION, product);
    redis_args_key(a, KEYG_BOARD, product, generation, board->id, window);
    redis_args_key(a, KEY_NAMES, product);
    redis_args_key(a, KEYG_BOARD KEYS_SCORES, product, generation, board->id, window);
    redis_args_key(a, KEYG_BOARD KEYS_MEMBERS, product, generation, board->id, window);
    if (page->kind == WINDOW_SEASON)
        redis_args_key(a, KEY_CLOSED, product);
    redis_args_str(a, generation);
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

int
board_players_command(struct redis_args *a, const struct board_page *page, const char *ids,
                      size_t len)
{
    const char *end = ids + len;
    size_t n = 0;

    begin(a, "board_players", page);
    for (;;) {
        const char *comma = memchr(ids, ',', (size_t)(end - ids));
        size_t id = (size_t)((comma != NULL ? comma : end) - ids);

        if (++n > BOARD_IDS_MAX || !text_is_name(ids, id))
            return -1;
        redis_args_add(a, ids, id);
        if (comma == NULL)
            return 0;
        ids = comma + 1;
    }
}

void
board_around_command(struct redis_args *a, const struct board_page *page, const char *user,
                     size_t len, int64_t around)
{
    begin(a, "board_around", page);
    redis_args_add(a, user, len);
    redis_args_int(a, around);
}

void
board_histogram_command(struct redis_args *a, const struct board_page *page,
                        const struct board_division *division)
{
    begin(a, "board_histogram", page);
    redis_args_int(a, division->buckets);
    if (division->bounded) {
        redis_args_double(a, division->from);
        redis_args_double(a, division->to);
    } else {
        redis_args_str(a, "");
        redis_args_str(a, "");
    }
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static int
read_entry(redisReply *const *row, struct board_entry *entry)
{
    if (row[0]->type != REDIS_REPLY_INTEGER || row[1]->type != REDIS_REPLY_STRING ||
        row[2]->type != REDIS_REPLY_STRING ||
        text_parse_double(row[2]->str, row[2]->len, &entry->score) < 0)
        return -1;
    entry->rank = row[0]->integer;
    entry->user_id = row[1]->str;
    entry->user_id_len = row[1]->len;
    entry->name = row[3]->type == REDIS_REPLY_STRING ? row[3]->str : NULL;
    entry->name_len = row[3]->len;
    return 0;
}

int
board_entry_at(const struct redisReply *reply, size_t i, struct board_entry *ret_entry)
{
    size_t at = 1 + i * ENTRY_ELEMENTS;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
        (reply->elements - 1) % ENTRY_ELEMENTS != 0)
        return -1;
    if (at >= reply->elements)
        return 0;
    return read_entry(&reply->element[at], ret_entry) < 0 ? -1 : 1;
}

/* The entry's members, without the braces. */
static int
render_entry(redisReply *const *row, struct buf *out)
{
    struct board_entry entry;

    if (read_entry(row, &entry) < 0)
        return -1;
    buf_printf(out, "\"rank\": %lld, \"user_id\": ", (long long)entry.rank);
    buf_json_string(out, entry.user_id, entry.user_id_len);
    buf_str(out, ", \"username\": ");
    if (entry.name != NULL)
        buf_json_string(out, entry.name, entry.name_len);
    else
        buf_str(out, "null");
    buf_str(out, ", \"score\": ");
    buf_json_number(out, entry.score);
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

/* ends: as the game's file has it, or earlier. */
static void
render_window(const struct board_page *page, wall_ms ends, struct buf *out)
{
    buf_printf(out, ", \"window\": \"%s\", \"at\": \"%s\"", window_kind_name(page->kind),
               page->window.name);
    render_time("starts", page->window.starts, out);
    render_time("ends", ends, out);
}

/* The first element of an answer: how many are on the board; where the season was ended by hand,
 * that and when. Returns 0, or -1 where it is neither. */
static int
read_total(const struct redisReply *reply, int64_t *ret_total, wall_ms *ret_ends)
{
    const struct redisReply *total;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0)
        return -1;
    total = reply->element[0];
    if (total->type == REDIS_REPLY_ARRAY && total->elements == 2 &&
        total->element[1]->type == REDIS_REPLY_INTEGER) {
        *ret_ends = total->element[1]->integer;
        total = total->element[0];
    }
    if (total->type != REDIS_REPLY_INTEGER)
        return -1;
    *ret_total = total->integer;
    return 0;
}

/* What an answer begins with: of which board and window, and how many are on it. */
static int
render_head(const struct board_page *page, const struct redisReply *reply, struct buf *out)
{
    const struct rules_board *board = rules_board_at(page->product->rules, page->board);
    wall_ms ends = page->window.ends;
    int64_t total;

    if (read_total(reply, &total, &ends) < 0)
        return -1;
    buf_str(out, "{\"board\": ");
    buf_json_string(out, board->id, strlen(board->id));
    render_window(page, ends, out);
    buf_printf(out, ", \"total\": %lld", (long long)total);
    return 0;
}

int
board_page_render(const struct board_page *page, const struct redisReply *reply, struct buf *out)
{
    if (render_head(page, reply, out) < 0)
        return -1;
    buf_str(out, ", \"entries\": ");
    if (render_entries(reply, 1, out) < 0)
        return -1;
    buf_byte(out, '}');
    return buf_ok(out) ? 0 : -1;
}

/* next: the next better score, or nil. */
static int
render_standing(int64_t total, int64_t better, const struct redisReply *next,
                const struct redisReply *own, struct buf *out)
{
    double score, above;

    if (total <= better || better < 0)
        return -1;
    /* Rounded up. */
    buf_printf(out, ", \"percentile\": %lld, \"to_next\": ",
               (long long)((100 * (total - better - 1) + total - 1) / total));
    if (next->type == REDIS_REPLY_NIL) {
        buf_str(out, "null");
        return 0;
    }
    if (next->type != REDIS_REPLY_STRING || text_parse_double(next->str, next->len, &above) < 0 ||
        text_parse_double(own->str, own->len, &score) < 0)
        return -1;
    buf_json_number(out, fabs(above - score));
    return 0;
}

int
board_around_render(const struct board_page *page, const struct redisReply *reply, struct buf *out,
                    bool *ret_found)
{
    redisReply *const *element = reply->element;
    wall_ms ends;
    int64_t total;

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1) {
        *ret_found = false;
        return 0;
    }
    if (render_head(page, reply, out) < 0 || reply->elements < PLAYER_ELEMENTS ||
        read_total(reply, &total, &ends) < 0 || element[1]->type != REDIS_REPLY_INTEGER)
        return -1;
    buf_str(out, ", ");
    if (render_entry(&element[PLAYER_AT], out) < 0 ||
        render_standing(total, element[1]->integer, element[2], element[PLAYER_AT + 2], out) < 0)
        return -1;
    buf_str(out, ", \"neighbours\": ");
    if (render_entries(reply, PLAYER_ELEMENTS, out) < 0)
        return -1;
    buf_byte(out, '}');
    *ret_found = true;
    return buf_ok(out) ? 0 : -1;
}

int
board_around_place(const struct redisReply *reply, int64_t *ret_rank, int64_t *ret_total)
{
    const struct redisReply *rank;
    wall_ms ends;

    if (read_total(reply, ret_total, &ends) < 0)
        return -1;
    if (reply->elements == 1)
        return 0;
    if (reply->elements < PLAYER_ELEMENTS ||
        (rank = reply->element[PLAYER_AT])->type != REDIS_REPLY_INTEGER)
        return -1;
    *ret_rank = rank->integer;
    return 1;
}

/* --- a histogram ------------------------------------------------------------------------------ */

/* A score, or null. */
static int
render_score(const struct redisReply *text, struct buf *out)
{
    double score;

    if (text->type == REDIS_REPLY_NIL) {
        buf_str(out, "null");
        return 0;
    }
    if (text->type != REDIS_REPLY_STRING || text_parse_double(text->str, text->len, &score) < 0)
        return -1;
    buf_json_number(out, score);
    return 0;
}

/* Every other element from i on. */
static int
render_every_other(const struct redisReply *reply, size_t i, const char *key, struct buf *out)
{
    buf_printf(out, ", \"%s\": [", key);
    for (; i < reply->elements; i += 2) {
        const struct redisReply *element = reply->element[i];

        if (out->data[out->len - 1] != '[')
            buf_str(out, ", ");
        if (element->type == REDIS_REPLY_INTEGER)
            buf_printf(out, "%lld", element->integer);
        else if (render_score(element, out) < 0)
            return -1;
    }
    buf_byte(out, ']');
    return 0;
}

int
board_histogram_render(const struct board_page *page, const struct redisReply *reply,
                       struct buf *out)
{
    redisReply *const *element = reply->element;

    if (render_head(page, reply, out) < 0)
        return -1;
    if (reply->elements == 1) {
        buf_str(out, ", \"min\": null, \"max\": null, \"below\": 0, \"above\": 0,"
                     " \"edges\": [], \"counts\": []}");
        return buf_ok(out) ? 0 : -1;
    }
    if (reply->elements < BUCKETS_AT + 3 || reply->elements % 2 != 0 ||
        element[3]->type != REDIS_REPLY_INTEGER || element[4]->type != REDIS_REPLY_INTEGER)
        return -1;
    buf_str(out, ", \"min\": ");
    if (render_score(element[1], out) < 0)
        return -1;
    buf_str(out, ", \"max\": ");
    if (render_score(element[2], out) < 0)
        return -1;
    buf_printf(out, ", \"below\": %lld, \"above\": %lld", element[3]->integer, element[4]->integer);
    if (render_every_other(reply, BUCKETS_AT, "edges", out) < 0 ||
        render_every_other(reply, BUCKETS_AT + 1, "counts", out) < 0)
        return -1;
    buf_byte(out, '}');
    return buf_ok(out) ? 0 : -1;
}
