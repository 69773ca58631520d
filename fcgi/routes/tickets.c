/*
 * Tickets on behalf of players. To open one, or to join a party, takes some steps:
 *
 *   open:  the rating -> ticket_open -> ticket_get
 *   join:  code -> ticket -> its queue -> the rating -> ticket_join -> ticket_get
 *
 * The steps before ticket_open and ticket_join only read; where something changes in between, these
 * notice.
 */
#include "fcgi/routes/tickets.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/app.h"
#include "fcgi/polls.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/routes/ticketview.h"
#include "fcgi/store.h"
#include "lib/boards/names.h"
#include "lib/lobby/lobby.h"
#include "lib/matcher/ticketform.h"
#include "lib/matcher/tickets.h"
#include "lib/product/generation.h"
#include "lib/product/product.h"
#include "lib/product/queue.h"
#include "lib/redis/keys.h"
#include "lib/rules/rating_rule.h"
#include "lib/rules/rules.h"

#define WHY_MAX 512
#define LOCATION_MAX 256
/* Codes are many; so many in a row are not taken. */
#define CODE_ATTEMPTS 8

/* A player on the way into a ticket. */
struct entry {
    struct request *r;
    bool join; /* another's party */
    char ticket[TICKETS_ID_SIZE];
    char code[LOBBY_CODE_LEN + 1]; /* "" for none */
    unsigned attempts;
    struct ticketform form;
    char rating[TEXT_DOUBLE_SIZE];
};

static void
conflict(struct request *r, const struct redisReply *reply)
{
    bool ticket = strcmp(tickets_word(reply), "ticket") == 0;

    reply_problem_about(r, 409, ticket ? "You have an active ticket" : "You are in a game",
                        ticket ? "ticket_id" : "game_id", redis_text_at(reply, 1).s);
}

/* Whether the path's {id} is a ticket's, which goes to id. Where not, r is answered. */
static bool
take_id(struct request *r, char id[static TICKETS_ID_SIZE])
{
    if (!text_is_game_id(r->arg.s, r->arg.len)) {
        reply_problem(r, 404, "No such ticket");
        return false;
    }
    memcpy(id, r->arg.s, TICKETS_ID_LEN);
    id[TICKETS_ID_LEN] = '\0';
    return true;
}

/* --- the way in ------------------------------------------------------------------------------- */

static void ask_rating(struct entry *e);

/* The entry ends with its request's answer. */
static void
entry_fail(struct entry *e, enum redis_outcome outcome, const char *reason)
{
    struct request *r = e->r;

    free(e);
    store_fail(r, outcome, reason);
}

static void
entry_problem(struct entry *e, int status, const char *detail)
{
    struct request *r = e->r;

    free(e);
    reply_problem(r, status, detail);
}

static void
on_shown(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct entry *e = cookie;
    struct request *r = e->r;
    char ticket[TICKETS_ID_SIZE], location[LOCATION_MAX];
    bool join = e->join;

    memcpy(ticket, e->ticket, sizeof(ticket));
    free(e);
    if (!join && outcome == REDIS_DONE) {
        (void)snprintf(location, sizeof(location), "/matchmaking/%s/tickets/%s", r->product->id,
                       ticket);
        reply_header(r, "Location", location);
    }
    ticketview_answer(r, join ? 200 : 201, ticket, outcome, reply);
}

static void on_entered(void *cookie, enum redis_outcome outcome, const struct redisReply *reply);

static void
add_player(const struct entry *e, struct redis_args *a)
{
    const struct token_player *player = &e->r->player;
    struct buf latencies;

    buf_init(&latencies, TICKETFORM_TEXT_MAX);
    ticketform_latencies(&e->form, &latencies);
    redis_args_add(a, player->user_id, player->user_id_len);
    redis_args_add(a, player->username, player->username_len);
    redis_args_str(a, e->rating);
    redis_args_add(a, latencies.data, latencies.len);
    buf_free(&latencies);
}

static void
add_opening(const struct entry *e, struct redis_args *a, wall_ms now)
{
    const struct queue *queue = e->form.queue;
    struct buf attributes;

    buf_init(&attributes, TICKETFORM_TEXT_MAX);
    ticketform_attributes(&e->form, &attributes);
    redis_args_int(a, now);
    redis_args_int(a, now + (e->form.party ? TICKETS_FORMING : queue->timeout));
    redis_args_str(a, queue->id);
    redis_args_int(a, queue->timeout);
    redis_args_int(a, (int64_t)queue->size_max);
    redis_args_str(a, e->code);
    redis_args_add(a, attributes.data, attributes.len);
    buf_free(&attributes);
}

static void
enter(struct entry *e)
{
    const struct request *r = e->r;
    struct redis_args a;

    redis_args_init(&a);
    names_keep(r->app->redis, &a, r->product, &r->player);
    if (e->join) {
        tickets_call(&a, "ticket_join", r->product, e->ticket);
        redis_args_int(&a, clock_wall());
        redis_args_str(&a, e->code);
    } else {
        text_random_hex(e->ticket, TICKETS_ID_LEN / 2);
        if (e->form.party)
            lobby_make_code(e->code);
        tickets_call(&a, "ticket_open", r->product, e->ticket);
        add_opening(e, &a, clock_wall());
    }
    add_player(e, &a);
    redis_send(r->app->redis, &a, on_entered, e);
    redis_args_free(&a);
}

static void
show(struct entry *e)
{
    const struct request *r = e->r;
    struct redis_args a;

    redis_args_init(&a);
    tickets_get(&a, r->product, e->ticket, r->player.user_id, r->player.user_id_len);
    redis_send(r->app->redis, &a, on_shown, e);
    redis_args_free(&a);
}

static void
on_entered(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct entry *e = cookie;
    struct request *r = e->r;
    const char *word = outcome == REDIS_DONE ? tickets_word(reply) : "";

    if (strcmp(word, "ok") == 0) {
        show(e);
    } else if (strcmp(word, "code") == 0 && ++e->attempts < CODE_ATTEMPTS) {
        enter(e);
    } else if (strcmp(word, "ticket") == 0 || strcmp(word, "game") == 0) {
        free(e);
        conflict(r, reply);
    } else if (strcmp(word, "not_found") == 0) {
        entry_problem(e, 404, "No party has this code");
    } else if (strcmp(word, "banned") == 0) {
        entry_problem(e, 403, "You are banned from this game");
    } else if (strcmp(word, "full") == 0) {
        entry_problem(e, 409, "The party is full");
    } else {
        entry_fail(e, outcome, outcome == REDIS_REFUSED ? reply->str : "tickets: no such answer");
    }
}

static void
on_rating(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct entry *e = cookie;
    const struct product *product = e->r->product;
    const struct queue *queue = e->form.queue;
    const struct rules_board *board = rules_board_at(product->rules, (size_t)queue->board);
    double rating = queue->newcomer;
    struct rating_state state;

    if (generation_moved(product, outcome, reply)) {
        ask_rating(e);
        return;
    }
    if (outcome != REDIS_DONE) {
        entry_fail(e, outcome, outcome == REDIS_REFUSED ? reply->str : "");
        return;
    }
    /* One that cannot be read would keep its player from ever playing. */
    if (reply->type == REDIS_REPLY_STRING &&
        rating_rule_parse(board->rating, reply->str, reply->len, &state) == 0)
        rating = queue_rating(queue, product->rules, &state);
    (void)text_format_double(rating, e->rating);
    enter(e);
}

static void
ask_rating(struct entry *e)
{
    const struct product *product = e->r->product;
    int board = e->form.queue->board;
    char user[TEXT_USER_ID_MAX + 1] = "";
    struct redis_args a;

    if (board < 0) {
        enter(e);
        return;
    }
    memcpy(user, e->r->player.user_id, e->r->player.user_id_len);
    redis_args_init(&a);
    generation_begin(&a, product);
    redis_args_key(&a, KEYG_PLAYER, product->id, product->generation->s, user);
    generation_command(&a, product, "HGET");
    redis_args_printf(&a, KEYS_PLAYER_RATING, rules_board_at(product->rules, (size_t)board)->id);
    redis_send(e->r->app->redis, &a, on_rating, e);
    redis_args_free(&a);
}

/* What the client says of itself. queue NULL: it has to name one. Where it is wrong, the request is
 * answered and e is gone. */
static bool
read_form(struct entry *e, const struct queue *queue)
{
    struct request *r = e->r;
    struct buf why;
    int read;

    buf_init(&why, WHY_MAX);
    read = ticketform_read(r->product, queue, r->body, r->body_len, &e->form, &why);
    if (read < 0)
        entry_problem(e, 400, why.data != NULL ? why.data : "The body is not understood");
    buf_free(&why);
    return read == 0;
}

static struct entry *
entry_new(struct request *r)
{
    struct entry *e = calloc(1, sizeof(*e));

    if (e == NULL)
        reply_problem(r, 500, "Out of memory");
    else
        e->r = r;
    return e;
}

void
tickets_open(struct request *r)
{
    struct entry *e = entry_new(r);

    if (e != NULL && read_form(e, NULL))
        ask_rating(e);
}

/* --- joining a party -------------------------------------------------------------------------- */

static void
on_queue(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct entry *e = cookie;
    const struct product *product = e->r->product;
    const struct queue *queue = NULL;

    if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_STRING)
        queue = queue_find(product->queues, product->nqueues, reply->str, reply->len);
    if (outcome != REDIS_DONE)
        entry_fail(e, outcome, outcome == REDIS_REFUSED ? reply->str : "");
    else if (queue == NULL)
        entry_problem(e, 404, "No party has this code");
    else if (read_form(e, queue))
        ask_rating(e);
}

static void
on_code(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct entry *e = cookie;
    struct redis_args a;

    if (outcome != REDIS_DONE) {
        entry_fail(e, outcome, outcome == REDIS_REFUSED ? reply->str : "");
        return;
    }
    if (reply->type != REDIS_REPLY_STRING || !text_is_game_id(reply->str, reply->len)) {
        entry_problem(e, 404, "No party has this code");
        return;
    }
    memcpy(e->ticket, reply->str, TICKETS_ID_LEN);
    redis_args_init(&a);
    redis_args_str(&a, "HGET");
    redis_args_printf(&a, KEY_TICKET, e->r->product->id, e->ticket);
    redis_args_str(&a, "queue");
    redis_send(e->r->app->redis, &a, on_queue, e);
    redis_args_free(&a);
}

void
tickets_join(struct request *r)
{
    struct entry *e = entry_new(r);
    struct redis_args a;

    if (e == NULL)
        return;
    if (lobby_read_code(r->arg.s, r->arg.len, e->code) != 0) {
        entry_problem(e, 404, "No party has this code");
        return;
    }
    e->join = true;
    redis_args_init(&a);
    redis_args_str(&a, "HGET");
    redis_args_printf(&a, KEY_TICKETS_CODES, r->product->id);
    redis_args_str(&a, e->code);
    redis_send(r->app->redis, &a, on_code, e);
    redis_args_free(&a);
}

/* --- one's ticket ----------------------------------------------------------------------------- */

void
tickets_get_one(struct request *r)
{
    char id[TICKETS_ID_SIZE];
    int64_t wait;

    if (target_integer(&r->target, "wait", 0, POLLS_WAIT_MAX, &wait) != 0)
        reply_problem(r, 400, "wait must be an integer, 0 or more");
    else if (take_id(r, id))
        polls_add(r->app->polls, r, id, 1000 * wait);
}

static void
on_mine(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;

    if (!store_usable(r, outcome, reply))
        return;
    if (reply->type != REDIS_REPLY_STRING || reply->len != TICKETS_ID_LEN)
        reply_problem(r, 404, "You have no active ticket");
    else
        polls_add(r->app->polls, r, reply->str, 0);
}

void
tickets_mine(struct request *r)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "HGET");
    redis_args_printf(&a, KEY_TICKETS_USERS, r->product->id);
    redis_args_add(&a, r->player.user_id, r->player.user_id_len);
    store_read(r, &a, on_mine);
}

/* What a function said of a ticket that is changed by its player; NULL: r is answered, with the
 * ticket where it did. */
static const char *
refusal(struct request *r, enum redis_outcome outcome, const struct redisReply *reply)
{
    if (!store_usable(r, outcome, reply))
        return NULL;
    if (strcmp(tickets_word(reply), "ok") != 0)
        return tickets_word(reply);
    polls_add(r->app->polls, r, r->arg.s, 0);
    return NULL;
}

/* Begin such a function: with the ticket that the path names, and the time. Where it names none,
 * answers r. */
static bool
begin(struct request *r, const char *function, struct redis_args *a)
{
    char id[TICKETS_ID_SIZE];

    if (!take_id(r, id))
        return false;
    redis_args_init(a);
    tickets_call(a, function, r->product, id);
    redis_args_int(a, clock_wall());
    return true;
}

static void
on_cancelled(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;
    const char *word = refusal(r, outcome, reply);

    if (word == NULL)
        return;
    if (strcmp(word, "left") == 0)
        reply_empty(r, 204);
    else if (strcmp(word, "matched") == 0)
        reply_problem_about(r, 409, "The ticket has its game", "game_id",
                            redis_text_at(reply, 1).s);
    else
        reply_problem(r, 404, "No such ticket");
}

void
tickets_cancel(struct request *r)
{
    struct redis_args a;

    if (!begin(r, "ticket_cancel", &a))
        return;
    redis_args_int(&a, TICKETS_KEEP);
    redis_args_add(&a, r->player.user_id, r->player.user_id_len);
    store_read(r, &a, on_cancelled);
}

static void
on_ready(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct request *r = cookie;
    const char *word = refusal(r, outcome, reply);

    if (word == NULL)
        return;
    if (strcmp(word, "not_opener") == 0)
        reply_problem(r, 403, "Who opened the ticket says when it is ready");
    else if (strcmp(word, "state") == 0)
        reply_problem_about(r, 409, "The ticket is over", "state", redis_text_at(reply, 1).s);
    else
        reply_problem(r, 404, "No such ticket");
}

void
tickets_ready(struct request *r)
{
    struct redis_args a;

    if (!begin(r, "ticket_ready", &a))
        return;
    redis_args_add(&a, r->player.user_id, r->player.user_id_len);
    store_read(r, &a, on_ready);
}
