/*
 * Tickets into games that are listed: see backfill.h.
 *
 * A look reads the oldest listed games in one call, and the round behind it seats whom it can
 * before anybody is matched. So what is read is bounded by the look's rate and size, however many
 * wait. What it says is a little old then: backfill_take has the last word.
 */
#include "worker/matchmaker/backfill.h"

#include <hiredis/hiredis.h>
#include <json-c/json.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)
#include <uthash.h>

#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/text.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/rules/rating_rule.h"
#include "lib/rules/rules.h"
#include "worker/matchmaker/matchmaker_impl.h"
#include "worker/mem.h"
#include "worker/worker.h"

#define GAMES_MAX 200    /* listed games of a look */
#define TICKETS_MAX 2000 /* tickets that are seated by one look, those that came first */
#define LOOK_EVERY ((dur_ms)100)
#define LOOK_SHARE 20 /* a look takes no more than so much of the time: the twentieth part */
#define TRIES_MAX 3   /* games that did not take a ticket before it is left to be matched */

/* A listed game as the queue's rules see it. */
struct listed {
    char id[TEXT_GAME_ID_LEN + 1];
    size_t seats; /* free ones */
    double rating;
    bool has_equal[QUEUE_EQUAL_MAX], has_within[QUEUE_WITHIN_MAX];
    char equal[QUEUE_EQUAL_MAX][QUEUE_TEXT_MAX + 1];
    double within[QUEUE_WITHIN_MAX];
    size_t region; /* or MATCHER_NO_REGION */
};

/* Of one queue. */
struct look {
    bool asked; /* its answers are to come */
    bool fresh; /* game is of use for the next round */
    wall_ms at, next;
    struct listed *game;
    size_t n, cap;
};

/* What a ticket was tried with in vain: that is not tried again, and where nothing of it is over
 * yet, no other game either. Or a game that nobody is tried with. Swept with each look, so there
 * are no more than failed in BACKFILL_FAILED. */
struct avoided {
    char id[TICKETS_ID_SIZE]; /* the ticket's, or the game's */
    struct {
        char game[TEXT_GAME_ID_LEN + 1];
        wall_ms until;
    } tried[TRIES_MAX]; /* of a game: itself alone */
    UT_hash_handle hh;
};

struct backfill {
    struct look *look;
    size_t nlooks;
    struct avoided *avoided;
};

struct backfill *
backfill_new(size_t nqueues)
{
    struct backfill *b = mem_alloc(1, sizeof(*b));

    b->look = mem_alloc(nqueues + 1, sizeof(*b->look));
    b->nlooks = nqueues;
    return b;
}

/* How many of its tries are not over. */
static size_t
count_tried(const struct avoided *a, wall_ms now)
{
    size_t n = 0;

    for (size_t i = 0; i < TRIES_MAX; i++)
        n += a->tried[i].until > now;
    return n;
}

/* Those that are over by then. */
static void
forget_avoided(struct backfill *b, wall_ms then)
{
    struct avoided *a, *next;

    HASH_ITER (hh, b->avoided, a, next) {
        if (count_tried(a, then) == 0) {
            HASH_DEL(b->avoided, a);
            free(a);
        }
    }
}

void
backfill_free(struct backfill *b)
{
    if (b == NULL)
        return;
    forget_avoided(b, INT64_MAX);
    for (size_t i = 0; i < b->nlooks; i++)
        free(b->look[i].game);
    free(b->look);
    free(b);
}

/* --- what was tried --------------------------------------------------------------------------- */

static struct avoided *
find_avoided(const struct backfill *b, const char *id)
{
    struct avoided *a;

    HASH_FIND_STR(b->avoided, id, a);
    return a;
}

static void
avoid(struct backfill *b, const char *id, const char *game, wall_ms until)
{
    struct avoided *a = find_avoided(b, id);
    size_t least = 0;

    if (a == NULL) {
        a = mem_alloc(1, sizeof(*a));
        (void)snprintf(a->id, sizeof(a->id), "%s", id);
        HASH_ADD_STR(b->avoided, id, a);
    }
    for (size_t i = 1; i < TRIES_MAX; i++)
        if (a->tried[i].until < a->tried[least].until)
            least = i;
    (void)snprintf(a->tried[least].game, sizeof(a->tried[least].game), "%s", game);
    a->tried[least].until = until;
}

void
backfill_avoid(struct matchmaker *m, const char *ticket, const char *game, bool all, dur_ms ms)
{
    wall_ms until = clock_wall() + ms;

    avoid(m->backfill, ticket, game, until);
    if (all)
        avoid(m->backfill, game, game, until);
}

static bool
has_tried(const struct backfill *b, const char *id, const char *game, wall_ms now)
{
    const struct avoided *a = find_avoided(b, id);

    for (size_t i = 0; a != NULL && i < TRIES_MAX; i++)
        if (a->tried[i].until > now && strcmp(a->tried[i].game, game) == 0)
            return true;
    return false;
}

static bool
is_left_to_matching(const struct backfill *b, const char *ticket, wall_ms now)
{
    const struct avoided *a = find_avoided(b, ticket);

    return a != NULL && count_tried(a, now) == TRIES_MAX;
}

/* --- a look ----------------------------------------------------------------------------------- */

/* What backfill_list has in front of the games, and a game's row in front of the ratings. */
enum { NEXT_PLACE, FIRST_GAME };
enum { ID, SEATS, SETTINGS, RATINGS };

static double
mean_rating(const struct product *product, const struct queue *q, const struct redisReply *row)
{
    const struct rating_rule *rule;
    struct rating_state state;
    double sum = 0;

    if (q->board < 0 || row->elements <= RATINGS)
        return q->newcomer;
    rule = rules_board_at(product->rules, (size_t)q->board)->rating;
    for (size_t i = RATINGS; i < row->elements; i++) {
        struct redis_text text = redis_text_at(row, i);

        sum += rating_rule_parse(rule, text.s, text.len, &state) == 0
                   ? queue_rating(q, product->rules, &state)
                   : q->newcomer;
    }
    return sum / (double)(row->elements - RATINGS);
}

static const char *
string_of(struct json_object *v)
{
    const char *s = json_object_get_string(v);

    return s != NULL ? s : "";
}

static void
read_attributes(const struct queue *q, struct json_object *from, struct listed *g)
{
    struct json_object *v;

    for (size_t i = 0; i < q->nequal; i++) {
        g->has_equal[i] = json_object_object_get_ex(from, q->equal[i], &v);
        if (g->has_equal[i])
            (void)snprintf(g->equal[i], sizeof(g->equal[i]), "%s", string_of(v));
    }
    for (size_t i = 0; i < q->nwithin; i++) {
        g->has_within[i] =
            json_object_object_get_ex(from, q->within[i].name, &v) &&
            (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double));
        if (g->has_within[i])
            g->within[i] = json_object_get_double(v);
    }
}

/* The attributes of who began the match that made the game, or the settings that have their names.
 * Returns false where another queue's match made it, or it is in a region that the queue has not:
 * nobody's latency there is known. */
static bool
read_settings(const struct queue *q, struct redis_text text, struct listed *g)
{
    struct json_object *settings = json_tokener_parse(text.s), *v;
    bool ours = json_object_is_type(settings, json_type_object);

    g->region = MATCHER_NO_REGION;
    if (!ours)
        goto out;
    if (json_object_object_get_ex(settings, "teams", &v) &&
        json_object_is_type(v, json_type_array) && json_object_object_get_ex(settings, "queue", &v))
        ours = strcmp(string_of(v), q->id) == 0;
    read_attributes(q,
                    json_object_object_get_ex(settings, "attributes", &v) &&
                            json_object_is_type(v, json_type_object)
                        ? v
                        : settings,
                    g);
    if (q->nregions > 0 && json_object_object_get_ex(settings, "region", &v)) {
        for (size_t i = 0; i < q->nregions; i++)
            if (strcmp(string_of(v), q->region[i]) == 0)
                g->region = i;
        ours = ours && g->region != MATCHER_NO_REGION;
    }
out:
    json_object_put(settings);
    return ours;
}

static void
read_games(struct look *look, const struct product *product, const struct queue *q,
           const struct redisReply *reply)
{
    look->game = mem_grow(look->game, &look->cap, look->n + reply->elements, sizeof(*look->game));
    for (size_t i = FIRST_GAME; i < reply->elements; i++) {
        const struct redisReply *row = reply->element[i];
        struct listed *g = &look->game[look->n];
        struct redis_text id;

        if (row->type != REDIS_REPLY_ARRAY || row->elements < RATINGS ||
            row->element[SEATS]->type != REDIS_REPLY_INTEGER || row->element[SEATS]->integer < 1)
            continue;
        id = redis_text_at(row, ID);
        if (id.len != TEXT_GAME_ID_LEN || !read_settings(q, redis_text_at(row, SETTINGS), g))
            continue;
        memcpy(g->id, id.s, id.len + 1);
        g->seats = (size_t)row->element[SEATS]->integer;
        g->rating = mean_rating(product, q, row);
        look->n++;
    }
}

struct asking {
    struct matchmaker *m;
    unsigned epoch;
    size_t queue;
};

static void ask_from(struct asking *asking, int64_t place);

/* A list that cannot be had is an empty one: nobody waits for ever because of it. */
static void
on_list(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct asking *asking = cookie;
    struct matchmaker *m = asking->m;
    const struct product *product = m->lane->product;
    struct worker *w = m->lane->worker;
    struct look *look;
    int64_t next = 0;

    matchmaker_answered(m);
    if (asking->epoch != m->epoch) {
        free(asking);
        return;
    }
    look = &m->backfill->look[asking->queue];
    if (outcome == REDIS_DONE && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0) {
        next = reply->element[NEXT_PLACE]->integer;
        read_games(look, product, &product->queues[asking->queue], reply);
    }
    if (outcome == REDIS_REFUSED && report_allowed(&w->report.trouble_lines, loop_now(w->loop)))
        log_error("matchmaker", "Redis refuses a list of games", LOG_S("product", product->id),
                  LOG_B("error", reply->str, reply->len));
    if (next > 0 && next < GAMES_MAX) {
        ask_from(asking, next);
        return;
    }
    look->asked = false;
    look->fresh = outcome != REDIS_UNAVAILABLE;
    matchmaker_wake(m);
    free(asking);
}

static void
ask_from(struct asking *asking, int64_t place)
{
    const struct product *product = asking->m->lane->product;
    const struct queue *q = &product->queues[asking->queue];
    struct redis_args a;

    redis_args_init(&a);
    redis_args_fcall(&a, "backfill_list", true);
    redis_args_key(&a, KEY_LOBBY, product->id);
    redis_args_key(&a, KEY_GENERATION, product->id);
    redis_args_key(&a, KEY_GAME, product->id, "");
    redis_args_int(&a, place);
    if (q->board >= 0)
        redis_args_printf(&a, KEYS_PLAYER_RATING,
                          rules_board_at(product->rules, (size_t)q->board)->id);
    else
        redis_args_str(&a, "");
    matchmaker_send(asking->m, &a, on_list, asking);
    redis_args_free(&a);
}

static void
ask(struct matchmaker *m, size_t queue, wall_ms now)
{
    struct look *look = &m->backfill->look[queue];
    struct asking *asking = mem_alloc(1, sizeof(*asking));

    *asking = (struct asking){.m = m, .epoch = m->epoch, .queue = queue};
    forget_avoided(m->backfill, now);
    look->asked = true;
    look->at = now;
    look->n = 0;
    ask_from(asking, 0);
}

/* --- who gets a seat -------------------------------------------------------------------------- */

/* Where the game has a setting by the name of an attribute, and its region where it has one. */
static bool
fits(const struct queue *q, const struct listed *g, const struct matcher_waiter *t)
{
    for (size_t i = 0; i < q->nequal; i++)
        if (g->has_equal[i] && (strlen(g->equal[i]) != t->equal[i].len ||
                                memcmp(g->equal[i], t->equal[i].s, t->equal[i].len) != 0))
            return false;
    for (size_t i = 0; i < q->nwithin; i++)
        if (g->has_within[i] && fabs(g->within[i] - t->within[i]) > q->within[i].distance)
            return false;
    return g->region == MATCHER_NO_REGION || (t->regions >> g->region & 1) != 0;
}

/* The game whose rating is nearest, and of those the oldest; NULL: there is none. */
static struct listed *
best_game(const struct backfill *b, const struct look *look, const struct queue *q,
          const struct matcher_waiter *t, wall_ms now)
{
    struct listed *best = NULL;
    double least = HUGE_VAL;

    for (size_t i = 0; i < look->n; i++) {
        struct listed *g = &look->game[i];
        double gap = q->board >= 0 ? fabs(g->rating - t->rating) : 0;

        if (g->seats >= t->size && gap <= t->range && gap < least && fits(q, g, t) &&
            !has_tried(b, t->id, g->id, now) && !has_tried(b, g->id, g->id, now)) {
            best = g;
            least = gap;
        }
    }
    return best;
}

/* Returns whether everybody had a turn. */
static bool
place(struct matchmaker *m, size_t queue, struct look *look, wall_ms now)
{
    const struct queue *q = &m->lane->product->queues[queue];
    struct matcher_waiter *t = mem_alloc(TICKETS_MAX, sizeof(*t));
    size_t n = look->n > 0 ? matcher_first(m->queue[queue], now, t, TICKETS_MAX) : 0;
    bool all = true;

    for (size_t i = 0; i < n && all; i++) {
        bool left = is_left_to_matching(m->backfill, t[i].id, now);
        struct listed *g = left ? NULL : best_game(m->backfill, look, q, &t[i], now);
        struct matcher_match *match;

        if (g == NULL)
            continue;
        all = matchmaker_has_room(m);
        match = all ? matcher_claim(m->queue[queue], t[i].id) : NULL;
        if (match != NULL) {
            g->seats -= t[i].size;
            making_join(m, queue, g->id, match);
        }
    }
    free(t);
    return all;
}

/* When the next look is due after one that took until now. */
static wall_ms
next_look(const struct look *look, wall_ms now)
{
    dur_ms took = now - look->at, pause = took * LOOK_SHARE;

    if (took < 0 || pause < LOOK_EVERY)
        pause = LOOK_EVERY;
    return look->at + (pause < BACKFILL_AGAIN ? pause : BACKFILL_AGAIN);
}

bool
backfill_round(struct matchmaker *m, size_t queue, wall_ms now, wall_ms *ret_again)
{
    struct look *look = &m->backfill->look[queue];
    bool all;

    if (!m->lane->product->queues[queue].backfill || matcher_waiting(m->queue[queue]) == 0)
        return true;
    if (look->fresh) {
        look->fresh = false;
        all = place(m, queue, look, now);
        look->next = next_look(look, clock_wall());
        if (all)
            return true;
    } else if (!look->asked && now >= look->at && now < look->next) {
        *ret_again = look->next;
        return false;
    } else if (!look->asked) {
        ask(m, queue, now);
    }
    *ret_again = now + BACKFILL_AGAIN; /* or when it is woken */
    return false;
}
