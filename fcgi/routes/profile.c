/*
 * GET /players/{product}/{id}: name, statistics, ratings, places on the boards, last matches, and
 * what there was between the player and another one.
 *
 * All is read in one pipeline. The answers come in the order of the commands, so that each is
 * written into the request's answer when it comes; the last one completes it, or tells the first
 * thing that went wrong.
 */
#include "fcgi/routes/profile.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/app.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/store.h"
#include "lib/base/text.h"
#include "lib/boards/board.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/rules/match.h"
#include "lib/rules/rating_rule.h"
#include "lib/rules/rules.h"

enum part { NAME, STATS, RATINGS, BOARDS, MATCHES, VERSUS, HISTORY };

/* What stands before each part, whether there is something in it or not. */
static const char *const opening[] = {
    [STATS] = ", \"stats\": {",          [RATINGS] = "}, \"ratings\": {",
    [BOARDS] = "}, \"boards\": {",       [MATCHES] = "}, \"matches\": [",
    [VERSUS] = "], \"head_to_head\": {", [HISTORY] = "}, \"history\": [",
};

struct profile;

/* Write what the reply says; false where it makes no sense. */
typedef bool step_fn(const struct profile *p, size_t board, const struct redisReply *reply);

struct step {
    struct profile *profile;
    enum part part;
    step_fn *write;
    size_t board;
};

#define STEPS_MAX (6 + 2 * RULES_BOARDS_MAX)

struct profile {
    struct request *r;
    char user[TEXT_USER_ID_MAX + 1];
    char other[TEXT_USER_ID_MAX + 1]; /* of `versus`; "" for nobody */
    int history;                      /* a board, or -1 */
    enum part part;                   /* the one that is written */
    size_t waiting;                   /* steps whose answer has yet to come */
    enum redis_outcome outcome;       /* REDIS_DONE, or the first trouble */
    bool strange;                     /* an answer made no sense */
    bool moved;                       /* another generation is live: all is asked again */
    size_t nsteps;
    struct step step[STEPS_MAX];
};

/* --- the parts of the answer ------------------------------------------------------------------ */

/* Between two elements of what was opened last. */
static void
write_comma(struct buf *out)
{
    char last = out->data[out->len - 1];

    if (last != '{' && last != '[')
        buf_str(out, ", ");
}

static void
write_key(struct buf *out, const char *key, size_t len)
{
    write_comma(out);
    buf_json_string(out, key, len);
    buf_str(out, ": ");
}

static bool
write_name(const struct profile *p, size_t board, const struct redisReply *reply)
{
    struct buf *out = &p->r->answer;
    const char *user = p->part == NAME ? p->user : p->other;

    (void)board;
    buf_str(out, p->part == NAME ? "{\"user_id\": " : "\"user_id\": ");
    buf_json_string(out, user, strlen(user));
    buf_str(out, ", \"username\": ");
    if (reply->type == REDIS_REPLY_STRING)
        buf_json_string(out, reply->str, reply->len);
    else
        buf_str(out, "null");
    return true;
}

static bool
write_stats(const struct profile *p, size_t board, const struct redisReply *reply)
{
    struct buf *out = &p->r->answer;
    double v;

    (void)board;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0)
        return false;
    for (size_t i = 0; i < reply->elements; i += 2) {
        const struct redisReply *name = reply->element[i], *value = reply->element[i + 1];

        if (text_parse_double(value->str, value->len, &v) < 0)
            return false;
        write_key(out, name->str, name->len);
        buf_json_number(out, v);
    }
    return true;
}

/* One of a system that the board had before is none, until a rebuild. */
static bool
write_rating(const struct profile *p, size_t board, const struct redisReply *reply)
{
    const struct rules_board *rules = rules_board_at(p->r->product->rules, board);
    struct rating_state state;

    if (reply->type != REDIS_REPLY_STRING)
        return reply->type == REDIS_REPLY_NIL;
    if (rating_rule_parse(rules->rating, reply->str, reply->len, &state) < 0)
        return true;
    write_key(&p->r->answer, rules->id, strlen(rules->id));
    rating_rule_json(rules->rating, &state, &p->r->answer);
    return true;
}

/* How many of a hundred are behind somebody who has so many in front: ceil((total - better - 1) /
 * total * 100). */
static long long
percentile(long long total, long long better)
{
    return ((total - better - 1) * 100 + total - 1) / total;
}

/* Of what board_around answers: where the values are that are used here. */
enum { TOTAL, BETTER, RANK = 3, SCORE = 5, NAME_AFTER_SCORE };

static bool
write_place(const struct profile *p, size_t board, const struct redisReply *reply)
{
    const char *id = rules_board_at(p->r->product->rules, board)->id;
    struct redisReply *const *value = reply->element;
    struct buf *out = &p->r->answer;
    double score;

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1)
        return true; /* not on the board */
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements <= NAME_AFTER_SCORE ||
        value[TOTAL]->type != REDIS_REPLY_INTEGER || value[TOTAL]->integer < 1 ||
        value[BETTER]->type != REDIS_REPLY_INTEGER || value[RANK]->type != REDIS_REPLY_INTEGER ||
        value[SCORE]->type != REDIS_REPLY_STRING ||
        text_parse_double(value[SCORE]->str, value[SCORE]->len, &score) < 0)
        return false;
    write_key(out, id, strlen(id));
    buf_printf(out, "{\"rank\": %lld, \"score\": ", value[RANK]->integer);
    buf_json_number(out, score);
    buf_printf(out, ", \"percentile\": %lld, \"total\": %lld}",
               percentile(value[TOTAL]->integer, value[BETTER]->integer), value[TOTAL]->integer);
    return true;
}

/* They are stored as JSON. */
static bool
write_matches(const struct profile *p, size_t board, const struct redisReply *reply)
{
    (void)board;
    if (reply->type != REDIS_REPLY_ARRAY)
        return false;
    for (size_t i = 0; i < reply->elements; i++) {
        write_comma(&p->r->answer);
        buf_add(&p->r->answer, reply->element[i]->str, reply->element[i]->len);
    }
    return true;
}

static bool
write_tally(const struct profile *p, size_t board, const struct redisReply *reply)
{
    struct match_tally tally = {0, 0, 0};

    (void)board;
    if (reply->type != REDIS_REPLY_NIL && (reply->type != REDIS_REPLY_STRING ||
                                           match_tally_parse(reply->str, reply->len, &tally) < 0))
        return false;
    buf_printf(&p->r->answer, ", \"wins\": %llu, \"losses\": %llu, \"draws\": %llu",
               (unsigned long long)tally.wins, (unsigned long long)tally.losses,
               (unsigned long long)tally.draws);
    return true;
}

/* `ms rating`, newest first; the chart goes from left to right. */
static bool
write_history(const struct profile *p, size_t board, const struct redisReply *reply)
{
    char at[CLOCK_RFC3339_SIZE];
    double rating, ms;

    (void)board;
    if (reply->type != REDIS_REPLY_ARRAY)
        return false;
    for (size_t i = reply->elements; i-- > 0;) {
        const struct redisReply *text = reply->element[i];
        const char *blank = memchr(text->str, ' ', text->len);
        size_t len = blank != NULL ? (size_t)(blank - text->str) : 0;

        if (blank == NULL || text_parse_double(text->str, len, &ms) < 0 ||
            text_parse_double(blank + 1, text->len - len - 1, &rating) < 0)
            return false;
        clock_format_rfc3339(ms < (double)WINDOW_TIME_MAX ? (wall_ms)ms : WINDOW_TIME_MAX, at);
        write_comma(&p->r->answer);
        buf_printf(&p->r->answer, "{\"at\": \"%s\", \"rating\": ", at);
        buf_json_number(&p->r->answer, rating);
        buf_byte(&p->r->answer, '}');
    }
    return true;
}

/* --- the pipeline ----------------------------------------------------------------------------- */

static void
open_part(struct profile *p, enum part part)
{
    while (p->part < part)
        buf_str(&p->r->answer, opening[++p->part]);
}

static void
finish(struct profile *p)
{
    struct request *r = p->r;
    enum redis_outcome outcome = p->outcome;
    bool strange = p->strange, moved = p->moved;

    if (outcome == REDIS_DONE && !strange) {
        open_part(p, VERSUS);
        buf_str(&r->answer, p->part == HISTORY ? "]}" : "}}");
    } else {
        buf_reset(&r->answer);
    }
    free(p);
    if (moved)
        profile_get(r);
    else if (outcome != REDIS_DONE || strange)
        store_fail(r, outcome, "player: an answer of another shape");
    else
        reply_answer(r, 200, "application/json");
}

static void
on_step(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct step *step = cookie;
    struct profile *p = step->profile;

    p->moved |= generation_moved(p->r->product, outcome, reply);
    if (p->outcome == REDIS_DONE && outcome != REDIS_DONE)
        p->outcome = outcome;
    if (p->outcome == REDIS_DONE && !p->strange) {
        open_part(p, step->part);
        p->strange = !step->write(p, step->board, reply);
    }
    if (--p->waiting == 0)
        finish(p);
}

static void
add_step(struct profile *p, enum part part, size_t board, step_fn *write, struct redis_args *a)
{
    struct step *step = &p->step[p->nsteps++];

    *step = (struct step){.profile = p, .part = part, .write = write, .board = board};
    p->waiting++;
    redis_send(p->r->app->redis, a, on_step, step);
    redis_args_reset(a);
}

static void
ask_name(struct profile *p, enum part part, const char *user, struct redis_args *a)
{
    redis_args_str(a, "HGET");
    redis_args_printf(a, KEY_NAMES, p->r->product->id);
    redis_args_str(a, user);
    add_step(p, part, 0, write_name, a);
}

static void
ask_boards(struct profile *p, struct redis_args *a)
{
    const struct product *product = p->r->product;

    for (size_t i = 0; i < rules_board_count(product->rules); i++) {
        const struct rules_board *board = rules_board_at(product->rules, i);

        if (board->rating == NULL)
            continue;
        generation_begin(a, product);
        redis_args_key(a, KEYG_PLAYER, product->id, product->generation->s, p->user);
        generation_command(a, product, "HGET");
        redis_args_printf(a, KEYS_PLAYER_RATING, board->id);
        add_step(p, RATINGS, i, write_rating, a);
    }
    for (size_t i = 0; i < rules_board_count(product->rules); i++) {
        struct board_page page = board_page_first(product, i, clock_wall());

        board_around_command(a, &page, p->user, strlen(p->user), 0);
        add_step(p, BOARDS, i, write_place, a);
    }
}

static void
ask_list(struct profile *p, enum part part, step_fn *write, struct redis_args *a)
{
    const struct product *product = p->r->product;

    generation_begin(a, product);
    if (part == MATCHES)
        redis_args_key(a, KEYG_MATCHES, product->id, product->generation->s, p->user);
    else
        redis_args_key(a, KEYG_HISTORY, product->id, product->generation->s, p->user,
                       rules_board_at(product->rules, (size_t)p->history)->id);
    generation_command(a, product, "LRANGE");
    redis_args_int(a, 0);
    redis_args_int(a, -1);
    add_step(p, part, 0, write, a);
}

static void
ask_all(struct profile *p)
{
    const struct product *product = p->r->product;
    struct redis_args a;

    redis_args_init(&a);
    ask_name(p, NAME, p->user, &a);
    generation_begin(&a, product);
    redis_args_key(&a, KEYG_STATS, product->id, product->generation->s, p->user);
    generation_command(&a, product, "HGETALL");
    add_step(p, STATS, 0, write_stats, &a);
    ask_boards(p, &a);
    ask_list(p, MATCHES, write_matches, &a);
    if (p->other[0] != '\0' && p->r->product->head_to_head) {
        ask_name(p, VERSUS, p->other, &a);
        generation_begin(&a, product);
        redis_args_key(&a, KEYG_VERSUS, product->id, product->generation->s, p->user);
        generation_command(&a, product, "HGET");
        redis_args_str(&a, p->other);
        add_step(p, VERSUS, 0, write_tally, &a);
    }
    if (p->history >= 0)
        ask_list(p, HISTORY, write_history, &a);
    redis_args_free(&a);
}

/* What is asked for, into p; or what is wrong with it. */
static const char *
read_parameters(const struct request *r, struct profile *p)
{
    struct target_text other = target_param(&r->target, "versus");
    struct target_text history = target_param(&r->target, "history");
    const struct rules *rules = r->product->rules;

    if (!text_is_name(r->arg.s, r->arg.len))
        return "Invalid user ID";
    memcpy(p->user, r->arg.s, r->arg.len);
    if (other.s != NULL && !text_is_name(other.s, other.len))
        return "versus must be a user ID";
    if (other.s != NULL)
        memcpy(p->other, other.s, other.len);
    p->history = history.s != NULL ? rules_board_find(rules, history.s, history.len) : -1;
    if (history.s != NULL &&
        (p->history < 0 || rules_board_at(rules, (size_t)p->history)->rating == NULL))
        return "history must be a board with a rating";
    return NULL;
}

void
profile_get(struct request *r)
{
    struct profile *p = calloc(1, sizeof(*p));
    const char *wrong;

    if (p == NULL) {
        reply_problem(r, 500, "Out of memory");
        return;
    }
    p->r = r;
    wrong = read_parameters(r, p);
    if (wrong != NULL) {
        free(p);
        reply_problem(r, 400, wrong);
        return;
    }
    ask_all(p);
}
