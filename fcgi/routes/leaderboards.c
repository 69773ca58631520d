/*
 * Boards. The top ten, and a board's first page, are answered by the web server from the worker's
 * snapshots; here is what answers where there is none, with the same bytes, and every other page.
 */
#include "fcgi/routes/leaderboards.h"

#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/store.h"
#include "lib/boards/board.h"
#include "lib/boards/topten.h"
#include "lib/product/product.h"
#include "lib/rules/rules.h"

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

    if (!store_repeats(r, outcome, reply) && store_usable(r, outcome, reply))
        answer_top_ten(r, reply);
}

void
leaderboards_top_ten(struct request *r)
{
    struct redis_args a;

    redis_args_init(&a);
    if (topten_command(&a, r->product, clock_wall()))
        store_read(r, &a, got_top_ten);
    else
        answer_top_ten(r, NULL);
}

/* --- which window ----------------------------------------------------------------------------- */

/* Answer with 400: the windows that the board has. */
static void
refuse_window(struct request *r, const struct window_plan *plan)
{
    struct buf detail;

    buf_init(&detail, 256);
    buf_str(&detail, "window must be one of the board's:");
    for (int kind = 0; kind < WINDOW_KINDS; kind++)
        if (plan->has[kind])
            buf_printf(&detail, " %s", window_kind_name((enum window_kind)kind));
    reply_problem(r, 400, buf_ok(&detail) ? detail.data : "no such window");
    buf_free(&detail);
}

/* The window that `at` names; of any kind where `window` names none. */
static bool
find_named(const struct window_plan *plan, struct target_text at, bool any, struct board_page *page)
{
    for (int kind = 0; any && kind < WINDOW_KINDS; kind++)
        if (plan->has[kind] &&
            window_named(plan, (enum window_kind)kind, at.s, at.len, &page->window)) {
            page->kind = (enum window_kind)kind;
            return true;
        }
    return !any && window_named(plan, page->kind, at.s, at.len, &page->window);
}

/* The window that r asks for. Where there is none, answers r. */
static bool
read_window(struct request *r, struct board_page *page)
{
    const struct window_plan *plan = &rules_board_at(r->product->rules, page->board)->windows;
    struct target_text window = target_param(&r->target, "window");
    struct target_text at = target_param(&r->target, "at");
    int kind = window.s != NULL ? window_kind_find(window.s, window.len) : (int)page->kind;
    wall_ms now = clock_wall(), t = now;

    if (kind == -1 || !plan->has[kind]) {
        refuse_window(r, plan);
        return false;
    }
    page->kind = (enum window_kind)kind;
    if (at.s != NULL && clock_parse_rfc3339(at.s, at.len, &t) == -1) {
        if (!find_named(plan, at, window.s == NULL, page)) {
            reply_problem(r, 400, "at must be a time as RFC 3339 writes it, or a window's name");
            return false;
        }
    } else if (!window_at(plan, page->kind, t, &page->window)) {
        reply_problem(r, 404, "There is no season at that time");
        return false;
    }
    if (page->window.starts > now) {
        reply_problem(r, 404, "The window has not begun");
        return false;
    }
    if (page->window.starts < window_horizon(plan, page->kind, now)) {
        reply_problem(r, 404, "The window is no longer kept");
        return false;
    }
    return true;
}

/* --- a page ----------------------------------------------------------------------------------- */

static void
got_page(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;

    if (store_repeats(r, outcome, reply) || !store_usable(r, outcome, reply))
        return;
    if (board_page_render(&r->page, reply, &r->answer) != 0)
        store_fail(r, REDIS_DONE, "board: not a page");
    else
        reply_answer(r, 200, "application/json");
}

/* Read the page's entries, or those of the players that `ids` names; a carries the call. */
static const char *
read_page(const struct request *r, struct board_page *page, struct redis_args *a)
{
    struct target_text ids = target_param(&r->target, "ids");

    if (ids.s != NULL)
        return board_players_command(a, page, ids.s, ids.len) == 0
                   ? NULL
                   : "ids must be 1 to 100 user IDs with commas between them";
    if (target_integer(&r->target, "limit", BOARD_LIMIT_DEFAULT, BOARD_LIMIT_MAX, &page->limit))
        return "limit must be an integer, 0 or more";
    if (target_integer(&r->target, "offset", 0, BOARD_OFFSET_MAX, &page->offset))
        return "offset must be an integer, 0 or more";
    board_page_command(a, page);
    return NULL;
}

void
leaderboards_page(struct request *r)
{
    struct redis_args a;
    const char *wrong;

    if (!read_window(r, &r->page))
        return;
    redis_args_init(&a);
    wrong = read_page(r, &r->page, &a);
    if (wrong == NULL) {
        store_read(r, &a, got_page);
        return;
    }
    redis_args_free(&a);
    reply_problem(r, 400, wrong);
}

/* --- one player ------------------------------------------------------------------------------- */

static void
got_player(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;
    bool found;

    if (store_repeats(r, outcome, reply) || !store_usable(r, outcome, reply))
        return;
    if (board_around_render(&r->page, reply, &r->answer, &found) != 0)
        store_fail(r, REDIS_DONE, "board: not a player's place");
    else if (!found)
        reply_problem(r, 404, "The player is not on this board");
    else
        reply_answer(r, 200, "application/json");
}

void
leaderboards_player(struct request *r)
{
    struct redis_args a;
    int64_t around;

    if (!text_is_name(r->arg.s, r->arg.len)) {
        reply_problem(r, 400, "Invalid user ID");
        return;
    }
    if (target_integer(&r->target, "around", BOARD_AROUND_DEFAULT, BOARD_AROUND_MAX, &around)) {
        reply_problem(r, 400, "around must be an integer, 0 or more");
        return;
    }
    if (!read_window(r, &r->page))
        return;
    redis_args_init(&a);
    board_around_command(&a, &r->page, r->arg.s, r->arg.len, around);
    store_read(r, &a, got_player);
}

/* --- how scores are spread -------------------------------------------------------------------- */

static void
got_histogram(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;

    if (store_repeats(r, outcome, reply) || !store_usable(r, outcome, reply))
        return;
    if (board_histogram_render(&r->page, reply, &r->answer) != 0)
        store_fail(r, REDIS_DONE, "board: not a histogram");
    else
        reply_answer(r, 200, "application/json");
}

static int
read_score(struct target_text text, double *ret_score)
{
    double score;

    if (text_parse_double(text.s, text.len, &score) < 0 || !(score >= -RULES_SCORE_MAX) ||
        !(score <= RULES_SCORE_MAX))
        return -1;
    *ret_score = score;
    return 0;
}

/* Returns what is wrong, or NULL. */
static const char *
read_division(const struct request *r, struct board_division *division)
{
    struct target_text from = target_param(&r->target, "from"), to = target_param(&r->target, "to");

    *division = (struct board_division){.bounded = from.s != NULL || to.s != NULL};
    if (target_integer(&r->target, "buckets", BOARD_BUCKETS_DEFAULT, BOARD_BUCKETS_MAX,
                       &division->buckets) ||
        division->buckets == 0)
        return "buckets must be an integer, 1 or more";
    if (division->bounded &&
        (from.s == NULL || to.s == NULL || read_score(from, &division->from) < 0 ||
         read_score(to, &division->to) < 0 || division->from >= division->to))
        return "from and to must be numbers that a score can be, the first one less";
    return NULL;
}

void
leaderboards_histogram(struct request *r)
{
    struct board_division division;
    struct redis_args a;
    const char *wrong;

    if (!read_window(r, &r->page))
        return;
    wrong = read_division(r, &division);
    if (wrong != NULL) {
        reply_problem(r, 400, wrong);
        return;
    }
    redis_args_init(&a);
    board_histogram_command(&a, &r->page, &division);
    store_read(r, &a, got_histogram);
}
