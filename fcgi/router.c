/*
 * The table of routes. A pattern's `{product}` is looked up among the products, its `{board}` among
 * the product's boards, and its `{id}` (or `{id}.svg`) is the handler's; each matches one segment
 * that is not empty.
 */
#include "fcgi/router.h"

#include <errno.h>
#include <string.h>

#include "fcgi/app.h"
#include "fcgi/auth.h"
#include "fcgi/idempotent.h"
#include "fcgi/reply.h"
#include "fcgi/routes/badge.h"
#include "fcgi/routes/catalog.h"
#include "fcgi/routes/events.h"
#include "fcgi/routes/games.h"
#include "fcgi/routes/leaderboards.h"
#include "fcgi/routes/players.h"
#include "fcgi/routes/profile.h"
#include "fcgi/routes/status.h"
#include "fcgi/routes/tickets.h"
#include "fcgi/server/jsontext.h"
#include "lib/config/conf.h"
#include "lib/product/product.h"
#include "lib/rules/rules.h"

#define CORS_MAX_AGE_S "600"
#define SVG ".svg"

static const struct route routes[] = {
    {REQUEST_POST, "/game_lobby/{product}/create_game", "create_game",
     ROUTE_TOKEN | ROUTE_JSON_BODY, games_create},
    {REQUEST_POST, "/game_lobby/{product}/join_game/{id}", "join_game",
     ROUTE_TOKEN | ROUTE_JSON_BODY, games_join},
    {REQUEST_POST, "/game_lobby/{product}/join_code/{id}", "join_code",
     ROUTE_TOKEN | ROUTE_JSON_BODY, games_join_code},
    {REQUEST_POST, "/game_lobby/{product}/quick_match", "quick_match",
     ROUTE_TOKEN | ROUTE_JSON_BODY, games_quick},
    {REQUEST_POST, "/game_lobby/{product}/leave_game/{id}", "leave_game",
     ROUTE_TOKEN | ROUTE_JSON_BODY, games_leave},
    {REQUEST_POST, "/game_lobby/{product}/remove_game/{id}", "remove_game",
     ROUTE_TOKEN | ROUTE_JSON_BODY, games_remove},
    {REQUEST_GET, "/game_lobby/{product}/games/{id}", "game", ROUTE_TOKEN_MAYBE, games_view},
    {REQUEST_GET, "/game_lobby/{product}/mine", "mine", ROUTE_TOKEN, games_mine},
    {REQUEST_GET, "/game_lobby/{product}/open_games", "open_games", 0, games_list},
    {REQUEST_GET, "/leaderboards/top_ten/{product}", "top_ten", 0, leaderboards_top_ten},
    {REQUEST_GET, "/leaderboards/{product}/{board}", "board", 0, leaderboards_page},
    {REQUEST_GET, "/leaderboards/{product}/{board}/players/{id}", "board_player", 0,
     leaderboards_player},
    {REQUEST_GET, "/leaderboards/{product}/{board}/histogram", "board_histogram", 0,
     leaderboards_histogram},
    {REQUEST_GET, "/badge/{product}/{board}/{id}.svg", "badge", 0, badge_get},
    {REQUEST_GET, "/players/{product}", "player_search", 0, players_search},
    {REQUEST_GET, "/players/{product}/{id}", "player", 0, profile_get},
    {REQUEST_GET, "/stats/{product}/{id}", "stats", 0, players_stats},
    {REQUEST_POST, "/events/{product}", "events", ROUTE_EVENTS, events_post},
    {REQUEST_GET, "/products", "products", 0, catalog_list},
    {REQUEST_POST, "/matchmaking/{product}/tickets", "ticket_open", ROUTE_TOKEN | ROUTE_JSON_BODY,
     tickets_open},
    {REQUEST_GET, "/matchmaking/{product}/tickets", "ticket_mine", ROUTE_TOKEN, tickets_mine},
    {REQUEST_POST, "/matchmaking/{product}/tickets/join/{id}", "ticket_join",
     ROUTE_TOKEN | ROUTE_JSON_BODY, tickets_join},
    {REQUEST_GET, "/matchmaking/{product}/tickets/{id}", "ticket", ROUTE_TOKEN, tickets_get_one},
    {REQUEST_DELETE, "/matchmaking/{product}/tickets/{id}", "ticket_cancel", ROUTE_TOKEN,
     tickets_cancel},
    {REQUEST_POST, "/matchmaking/{product}/tickets/{id}/ready", "ticket_ready",
     ROUTE_TOKEN | ROUTE_JSON_BODY, tickets_ready},
    {REQUEST_GET, "/healthz", "healthz", ROUTE_LOCAL, status_health},
    {REQUEST_GET, "/readyz", "readyz", 0, status_ready},
    {REQUEST_GET, "/metrics", "metrics", ROUTE_LOCAL, status_metrics},
};

#define ROUTES (sizeof(routes) / sizeof(routes[0]))

const struct route *
router_route_at(size_t i)
{
    return i < ROUTES ? &routes[i] : NULL;
}

/* What a path's variable segments were. */
struct captures {
    struct target_text product;
    struct target_text board;
    struct target_text id;
};

static bool
segment_matches(const char *pattern, size_t len, struct target_text segment, struct captures *c)
{
    struct target_text word = {.s = pattern, .len = len};

    if (segment.len == 0)
        return false;
    if (target_text_is(word, "{product}")) {
        c->product = segment;
        return true;
    }
    if (target_text_is(word, "{board}")) {
        c->board = segment;
        return true;
    }
    if (target_text_is(word, "{id}")) {
        c->id = segment;
        return true;
    }
    if (target_text_is(word, "{id}" SVG) && segment.len > strlen(SVG) &&
        memcmp(segment.s + segment.len - strlen(SVG), SVG, strlen(SVG)) == 0) {
        c->id = (struct target_text){.s = segment.s, .len = segment.len - strlen(SVG)};
        return true;
    }
    return len == segment.len && memcmp(pattern, segment.s, len) == 0;
}

static bool
path_matches(const char *pattern, const struct target *t, struct captures *c)
{
    size_t n = 0;

    *c = (struct captures){.product = {.s = NULL}};
    while (*pattern == '/') {
        size_t len = strcspn(pattern + 1, "/");

        if (n == t->nsegments || !segment_matches(pattern + 1, len, t->segment[n], c))
            return false;
        n++;
        pattern += 1 + len;
    }
    return n == t->nsegments;
}

/* The methods of all routes that fit the path, as Allow lists them; the first that has r's method
 * goes into r. */
static bool
find_route(struct request *r, struct captures *ret_captures, struct buf *allow)
{
    enum request_method method = r->method == REQUEST_HEAD ? REQUEST_GET : r->method;
    bool found = false;
    unsigned listed = 0;

    for (size_t i = 0; i < ROUTES; i++) {
        struct captures c;

        if (!path_matches(routes[i].pattern, &r->target, &c))
            continue;
        found = true;
        if (!(listed & 1U << routes[i].method))
            buf_str(allow, routes[i].method == REQUEST_GET      ? "GET, HEAD, "
                           : routes[i].method == REQUEST_DELETE ? "DELETE, "
                                                                : "POST, ");
        listed |= 1U << routes[i].method;
        if (routes[i].method == method && r->route == NULL) {
            r->route = &routes[i];
            *ret_captures = c;
        }
    }
    buf_str(allow, "OPTIONS");
    return found;
}

static void
answer_options(struct request *r, const char *allow)
{
    reply_header(r, "Allow", allow);
    reply_header(r, "Access-Control-Allow-Methods", allow);
    reply_header(r, "Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key");
    reply_header(r, "Access-Control-Max-Age", CORS_MAX_AGE_S);
    reply_empty(r, 204);
}

size_t
router_body_max(const struct conf *conf)
{
    int64_t body = conf->http_body_max, events = conf->http_events_body_max;

    return (size_t)(body > events ? body : events);
}

static bool
body_fits(const struct request *r)
{
    const struct conf *conf = r->app->settings->conf;

    return r->body_len <= (size_t)(r->route->needs & ROUTE_EVENTS ? conf->http_events_body_max
                                                                  : conf->http_body_max);
}

static bool
wants_auth(const struct request *r)
{
    return (r->route->needs & ROUTE_TOKEN) ||
           ((r->route->needs & ROUTE_TOKEN_MAYBE) && r->authorization != NULL);
}

/* The route is known; whether the request may go to its handler. Where not, it is answered. */
static bool
passes_checks(struct request *r, const struct captures *c)
{
    if (!body_fits(r)) {
        reply_problem(r, 413, "The body is too large");
        return false;
    }
    if (c->product.s != NULL) {
        r->product = products_find(r->app->settings->products, c->product.s, c->product.len);
        if (r->product == NULL) {
            reply_problem(r, 400, "Invalid product ID");
            return false;
        }
    }
    if (c->board.s != NULL) {
        int board = rules_board_find(r->product->rules, c->board.s, c->board.len);

        if (board == -1) {
            reply_problem(r, 404, "No such board");
            return false;
        }
        r->page = board_page_first(r->product, (size_t)board, clock_wall());
    }
    if (wants_auth(r) && !auth_check(r))
        return false;
    if ((r->route->needs & ROUTE_JSON_BODY) && r->body_len > 0 &&
        !jsontext_is_valid(r->body, r->body_len)) {
        reply_problem(r, 400, "The body is not JSON");
        return false;
    }
    if (!(r->route->needs & ROUTE_LOCAL) &&
        r->app->under_way >= (size_t)r->app->settings->conf->fcgi_requests_max) {
        reply_unavailable(r, 0, "Too many requests are under way");
        return false;
    }
    return true;
}

void
router_dispatch(struct request *r)
{
    struct captures captures = {.product = {.s = NULL}};
    struct buf allow;
    bool found;

    buf_init(&allow, 64);
    if (r->body_too_large) {
        reply_problem(r, 413, "The body is too large");
        goto out;
    }
    if (r->target_error != 0) {
        reply_problem(r, r->target_error == E2BIG ? 414 : 400, "The request's target is malformed");
        goto out;
    }
    found = find_route(r, &captures, &allow);
    if (!found) {
        reply_problem(r, 404, "There is nothing at this path");
    } else if (r->method == REQUEST_OPTIONS) {
        answer_options(r, allow.data);
    } else if (r->route == NULL) {
        reply_header(r, "Allow", allow.data);
        reply_problem(r, 405, "The method is not allowed here");
    } else if (passes_checks(r, &captures)) {
        r->arg = captures.id;
        r->waiting = true;
        r->app->under_way++;
        if (idempotent_asked(r))
            idempotent_begin(r);
        else
            r->route->fn(r);
    }
out:
    buf_free(&allow);
}
