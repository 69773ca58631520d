/* Long polls: see polls.h. */
#include "fcgi/polls.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "fcgi/app.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/routes/ticketview.h"
#include "fcgi/store.h"
#include "lib/base/loop.h"
#include "lib/config/conf.h"
#include "lib/matcher/ticketlog.h"
#include "lib/matcher/tickets.h"
#include "lib/product/product.h"

/* Ids are random: their first digits choose the list. */
#define LIST_DIGITS 3
#define LISTS 4096

struct poll {
    struct polls *polls;
    struct request *r; /* NULL: its client has gone while an answer of Redis was on its way */
    struct loop_timer *timer; /* NULL until it is held */
    char ticket[TICKETS_ID_SIZE];
    bool asking;  /* an answer of Redis is on its way */
    bool again;   /* there was news since it was asked */
    bool last;    /* answered with whatever there is */
    bool forming; /* a party, and so many players, when it was looked at first */
    size_t players;
    dur_ms wait;
    struct poll *prev, *next;
};

struct polls {
    struct app *app;
    struct ticketlog *log; /* NULL until the first poll */
    size_t held;
    bool ending;
    struct poll *list[LISTS];
};

static struct poll **
list_of(struct polls *polls, const char *ticket)
{
    char digits[LIST_DIGITS + 1] = "";

    memcpy(digits, ticket, LIST_DIGITS);
    return &polls->list[strtoul(digits, NULL, 16) % LISTS];
}

static void
poll_free(struct poll *p)
{
    DL_DELETE(*list_of(p->polls, p->ticket), p);
    if (p->timer != NULL)
        p->polls->held--;
    loop_timer_free(p->timer);
    free(p);
}

/* --- looking at the ticket -------------------------------------------------------------------- */

static void on_view(void *cookie, enum redis_outcome outcome, const struct redisReply *reply);

static void
ask(struct poll *p)
{
    const struct request *r = p->r;
    struct redis_args a;

    p->asking = true;
    p->again = false;
    redis_args_init(&a);
    tickets_get(&a, r->product, p->ticket, r->player.user_id, r->player.user_id_len);
    redis_send(p->polls->app->redis, &a, on_view, p);
    redis_args_free(&a);
}

static void
on_timer(void *cookie)
{
    struct poll *p = cookie;

    p->last = true;
    if (!p->asking)
        ask(p);
}

/* The client has gone. */
static void
abandoned(void *cookie, struct request *r)
{
    struct poll *p = cookie;

    (void)r;
    p->r = NULL;
    if (!p->asking)
        poll_free(p);
}

/* Whether the ticket is as it was, and may well go on like that. */
static bool
is_same(const struct poll *p, const struct tickets_view *view)
{
    bool forming = strcmp(view->state.s, "forming") == 0;

    return !tickets_is_over(view->state) && forming == p->forming &&
           (!forming || view->reply->elements - view->first_player == p->players);
}

/* Returns whether the poll waits on, and is not to be answered. */
static bool
hold(struct poll *p, const struct tickets_view *view)
{
    struct polls *polls = p->polls;

    if (p->timer != NULL)
        return is_same(p, view);
    p->forming = strcmp(view->state.s, "forming") == 0;
    p->players = view->reply->elements - view->first_player;
    if (tickets_is_over(view->state) ||
        polls->held >= (size_t)polls->app->settings->conf->tickets_polls_max)
        return false;
    p->timer = loop_timer_new(polls->app->loop, on_timer, p);
    if (p->timer == NULL)
        return false;
    polls->held++;
    loop_timer_set(p->timer, p->wait);
    request_hold(p->r, abandoned, p);
    return true;
}

static void
on_view(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct poll *p = cookie;
    struct request *r = p->r;
    struct tickets_view view;
    char ticket[TICKETS_ID_SIZE];
    int found = outcome == REDIS_DONE ? tickets_read_view(reply, &view) : -1;

    p->asking = false;
    if (r != NULL && found == 1 && !p->last && hold(p, &view)) {
        if (p->again)
            ask(p);
        return;
    }
    memcpy(ticket, p->ticket, sizeof(ticket));
    poll_free(p);
    if (r != NULL)
        ticketview_answer(r, 200, ticket, outcome, reply);
}

/* --- news ------------------------------------------------------------------------------------- */

static void
wake(struct poll *p)
{
    if (p->asking)
        p->again = true;
    else
        ask(p);
}

static void
on_entry(void *cookie, const struct ticketlog_entry *e)
{
    struct polls *polls = cookie;
    struct poll *p, *next;

    /* A match that is being made may fail: that is no news. */
    if (strcmp(e->state, "starting") == 0 || strlen(e->ticket) != TICKETS_ID_LEN)
        return;
    DL_FOREACH_SAFE (*list_of(polls, e->ticket), p, next) {
        if (p->r != NULL && p->r->product == e->product && strcmp(p->ticket, e->ticket) == 0 &&
            (strcmp(e->state, "waiting") != 0 || p->forming || p->timer == NULL))
            wake(p);
    }
}

static void
for_each(struct polls *polls, void (*fn)(struct poll *p))
{
    struct poll *p, *next;

    for (size_t i = 0; i < LISTS; i++)
        DL_FOREACH_SAFE (polls->list[i], p, next) {
            if (p->r != NULL)
                fn(p);
        }
}

static void
on_followed(void *cookie)
{
    for_each(cookie, wake);
}

static void
follow(struct polls *polls)
{
    const struct app_settings *settings = polls->app->settings;
    const struct conf *conf = settings->conf;
    struct redis_options options = {.url = conf->redis_state_url,
                                    .password = settings->redis_password,
                                    .user = conf->redis_user[0] != '\0' ? conf->redis_user : NULL,
                                    .connect_timeout = conf->redis_connect_timeout,
                                    .command_timeout = conf->redis_command_timeout};
    struct ticketlog_listener listener = {
        .entry = on_entry, .followed = on_followed, .cookie = polls};

    /* Without it polls are answered when their time is up. */
    if (ticketlog_open(polls->app->loop, &options, &listener, &polls->log) == 0)
        ticketlog_follow(polls->log, settings->products);
}

void
polls_add(struct polls *polls, struct request *r, const char *ticket, dur_ms wait)
{
    struct poll *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        reply_problem(r, 500, "Out of memory");
        return;
    }
    if (polls->log == NULL && wait > 0 && !polls->ending)
        follow(polls);
    p->polls = polls;
    p->r = r;
    p->wait = wait;
    p->last = polls->ending || wait == 0;
    memcpy(p->ticket, ticket, TICKETS_ID_LEN);
    DL_APPEND(*list_of(polls, ticket), p);
    ask(p);
}

static void
finish(struct poll *p)
{
    p->last = true;
    wake(p);
}

void
polls_end(struct polls *polls)
{
    polls->ending = true;
    for_each(polls, finish);
}

size_t
polls_held(const struct polls *polls)
{
    return polls->held;
}

struct polls *
polls_new(struct app *app)
{
    struct polls *polls = calloc(1, sizeof(*polls));

    if (polls != NULL)
        polls->app = app;
    return polls;
}

void
polls_free(struct polls *polls)
{
    if (polls == NULL)
        return;
    for (size_t i = 0; i < LISTS; i++)
        while (polls->list[i] != NULL)
            poll_free(polls->list[i]);
    ticketlog_close(polls->log);
    free(polls);
}
