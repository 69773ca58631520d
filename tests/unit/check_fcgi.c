/* The program's routes: every row and every error of the wire format, over FastCGI. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/base/zone.h"
#include "lib/rules/window.h"
#include "tests/unit/fcgi_program.h"
#include "tests/unit/functions.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/unit.h"

static struct fcgi_answer last;

static void
forget_last(void)
{
    fcgi_answer_free(&last);
}

/* One call; its answer is in last. */
static int
call(const struct fcgi_call *c)
{
    forget_last();
    last = fcgi_client_call(fcgi_program_socket(), c);
    return last.status;
}

static int
get(const char *target)
{
    return call(&(struct fcgi_call){.target = target});
}

static int
post(const char *target, const char *user)
{
    return call(&(struct fcgi_call){.method = "POST",
                                    .target = target,
                                    .token = user != NULL ? fcgi_program_token(user) : NULL});
}

/* last is a problem with these words in its detail, and is formed as RFC 9457 says. */
static void
expect_problem(const char *words)
{
    char status[32];
    const char *detail = strstr(last.body, "\"detail\":\"");

    (void)snprintf(status, sizeof(status), "\"status\":%d,", last.status);
    ck_assert(fcgi_answer_has(&last, "Content-Type: application/problem+json"));
    ck_assert_ptr_nonnull(strstr(last.body, "{\"type\":\"about:blank\",\"title\":\""));
    ck_assert_ptr_nonnull(strstr(last.body, status));
    ck_assert_ptr_nonnull(strstr(last.body, ",\"request_id\":\""));
    ck_assert_ptr_nonnull(detail);
    ck_assert_msg(strstr(detail, words) != NULL, "no '%s' in %s", words, last.body);
}

static void
expect_refusal(const char *target, int status, const char *words)
{
    ck_assert_msg(get(target) == status, "%s: %d", target, last.status);
    expect_problem(words);
}

static void
expect_json(const char *json)
{
    ck_assert_int_eq(last.status, 200);
    ck_assert(fcgi_answer_has(&last, "Content-Type: application/json"));
    ck_assert_str_eq(last.body, json);
}

/* Make a game of p that can be joined, later than the one before; its id holds until the next call.
 */
static const char *
open_game(const char *creator)
{
    static char id[TEXT_GAME_ID_LEN + 1];
    static wall_ms opened;
    const char *at;

    ck_assert_int_eq(post("/game_lobby/p/create_game", creator), 200);
    at = strstr(last.body, "\"game_id\"");
    ck_assert_ptr_nonnull(at);
    at = strchr(at + 9, '"');
    ck_assert(at != NULL && text_is_game_id(at + 1, TEXT_GAME_ID_LEN));
    memcpy(id, at + 1, TEXT_GAME_ID_LEN);
    opened = clock_wall() > opened ? clock_wall() : opened + 1;
    ck_assert_str_eq(functions_event(id, opened, "state", "creator_joined"), "1");
    return id;
}

static int
join(const char *id, const char *user)
{
    char target[128];

    (void)snprintf(target, sizeof(target), "/game_lobby/p/join_game/%s", id);
    return post(target, user);
}

/* --- games ------------------------------------------------------------------------------------ */

static void
expect_field(const char *field)
{
    ck_assert_msg(strstr(last.body, field) != NULL, "no %s in %s", field, last.body);
}

START_TEST(creates_a_game)
{
    ck_assert_int_eq(post("/game_lobby/p/create_game", "ann"), 200);
    ck_assert(fcgi_answer_has(&last, "Content-Type: application/json"));
    expect_field("\"game_id\"");
    expect_field("\"product_id\"");
    expect_field("\"creator_id\"");
    expect_field("\"creator_name\"");
    expect_field("\"players\"");
    expect_field("\"num_players\"");
    expect_field("\"token\"");
    expect_field("\"created\"");
    expect_field("\"target_game_server\":\"ws:");
    ck_assert_ptr_null(strstr(last.body, "http:"));
}
END_TEST

START_TEST(create_takes_a_body)
{
    struct fcgi_call c = {.method = "POST", .target = "/game_lobby/p/create_game"};

    c.token = fcgi_program_token("ann");
    c.body = "{\"game_type\": \"1v1\", \"creater_id\": null}";
    ck_assert_int_eq(call(&c), 200);
    c.body = "game_type=1v1";
    ck_assert_int_eq(call(&c), 400);
    expect_problem("JSON");
    /* The token is looked at before the body, the product before the token. */
    c.token = "x";
    ck_assert_int_eq(call(&c), 401);
    c.target = "/game_lobby/nope/create_game";
    ck_assert_int_eq(call(&c), 400);
    expect_problem("Invalid product ID");
}
END_TEST

START_TEST(joins_a_game)
{
    const char *id = open_game("ann");

    ck_assert_int_eq(join(id, "bob"), 200);
    expect_field(id);
    expect_field("\"bob\"");
    expect_field("\"token\"");
    ck_assert_int_eq(join(id, "cyd"), 400);
    expect_problem("invalid state: ");
    expect_problem(". Required state: creator_joined");
}
END_TEST

START_TEST(join_refuses)
{
    const char *id;

    ck_assert_int_eq(join("0123456789abcdef0123456789abcdef", "bob"), 404);
    expect_problem("game not found");
    ck_assert_int_eq(join("0123456789ABCDEF0123456789abcdef", "bob"), 404);
    expect_problem("game not found");
    ck_assert_int_eq(join("x", "bob"), 404);
    expect_problem("game not found");
    id = open_game("ann");
    ck_assert_int_eq(join(id, "ann"), 400);
    expect_problem("invalid state: creator_joined. Required state: creator_joined");
    ck_assert_int_eq(join(id, NULL), 401);
    expect_problem("Not authorized");
}
END_TEST

START_TEST(join_of_a_game_nobody_is_in_yet)
{
    char id[TEXT_GAME_ID_LEN + 1] = "";
    const char *at;

    ck_assert_int_eq(post("/game_lobby/p/create_game", "ann"), 200);
    at = strchr(strstr(last.body, "\"game_id\"") + 9, '"');
    memcpy(id, at + 1, TEXT_GAME_ID_LEN);
    ck_assert_int_eq(join(id, "bob"), 400);
    expect_problem("invalid state: created. Required state: creator_joined");
}
END_TEST

START_TEST(game_server_troubles)
{
    ck_assert_int_eq(post("/game_lobby/refuse/create_game", "ann"), 400);
    expect_problem("Unable to create game on target game server");
    ck_assert_int_eq(post("/game_lobby/down/create_game", "ann"), 503);
    ck_assert_ptr_nonnull(strstr(last.headers, "\r\nRetry-After: "));
    expect_problem("game server");
    ck_assert_int_eq(post("/game_lobby/hang/create_game", "ann"), 503);
    ck_assert_ptr_nonnull(strstr(last.headers, "\r\nRetry-After: "));
}
END_TEST

/* --- the list of open games ------------------------------------------------------------------- */

static size_t
count_games(void)
{
    size_t n = 0;

    for (const char *s = last.body; (s = strstr(s, "\"game_id\"")) != NULL; s++)
        n++;
    return n;
}

START_TEST(lists_open_games)
{
    char first[TEXT_GAME_ID_LEN + 1];

    ck_assert_int_eq(get("/game_lobby/p/open_games"), 200);
    expect_json("[]");
    (void)snprintf(first, sizeof(first), "%s", open_game("ann"));
    for (int i = 0; i < 11; i++)
        (void)open_game("ann");
    ck_assert_int_eq(get("/game_lobby/p/open_games"), 200);
    ck_assert_uint_eq(count_games(), 10);
    ck_assert_ptr_null(strstr(last.body, "\"token\""));
    ck_assert_ptr_null(strstr(last.body, "\"state\""));
    ck_assert_ptr_null(strstr(last.body, "target_game_server"));
    ck_assert_int_eq(get("/game_lobby/p/open_games?count=1"), 200);
    ck_assert_uint_eq(count_games(), 1);
    expect_field(first);
    ck_assert_int_eq(get("/game_lobby/p/open_games?page=1"), 200);
    ck_assert_uint_eq(count_games(), 2);
    ck_assert_int_eq(get("/game_lobby/other/open_games"), 200);
    expect_json("[]");
}
END_TEST

static const struct {
    const char *query;
    size_t games; /* of 30 */
} lists[] = {{"", 10},
             {"?count=25", 25},
             {"?count=26", 25},
             {"?count=99999999999999999999999999", 25},
             {"?count=0", 0},
             {"?count=0&page=99999999999999999999999999", 0},
             {"?count=007", 7},
             {"?count=3&count=x", 3},
             {"?count=25&page=1", 5},
             {"?page=3", 0},
             {"?page=9223372036854775807&count=25", 0},
             {"?page=99999999999999999999999999", 0},
             {"?other=x", 10}};

START_TEST(list_counts)
{
    char target[128];

    for (int i = 0; i < 30; i++)
        (void)open_game("ann");
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        (void)snprintf(target, sizeof(target), "/game_lobby/p/open_games%s", lists[i].query);
        ck_assert_int_eq(get(target), 200);
        ck_assert_msg(count_games() == lists[i].games, "%s: %zu games", target, count_games());
        ck_assert_msg(lists[i].games > 0 || strcmp(last.body, "[]") == 0, "%s", last.body);
    }
}
END_TEST

static const char *const bad_lists[] = {"count=x",
                                        "count=",
                                        "count=-1",
                                        "count=1.5",
                                        "count=1e1",
                                        "count=%2B5",
                                        "count",
                                        "count=%00",
                                        "page=-1",
                                        "page=x",
                                        "page=",
                                        "count=0x10",
                                        "count= 5",
                                        "count=-99999999999999999999",
                                        "page=-99999999999999999999"};

START_TEST(list_refuses)
{
    char target[128];

    for (size_t i = 0; i < sizeof(bad_lists) / sizeof(bad_lists[0]); i++) {
        (void)snprintf(target, sizeof(target), "/game_lobby/p/open_games?%s", bad_lists[i]);
        ck_assert_msg(get(target) == 400, "%s: %d", target, last.status);
        expect_problem("integer");
    }
}
END_TEST

/* --- figures ---------------------------------------------------------------------------------- */

START_TEST(shows_the_top_ten)
{
    ck_assert_int_eq(get("/leaderboards/top_ten/p"), 200);
    expect_json("[]");
    redis_server_do(functions_server(), "ZADD {p}:0:board:wins:all 2 ann 1.5 bob 3 %s",
                    "c\"\xc3\xa4");
    ck_assert_int_eq(get("/leaderboards/top_ten/p"), 200);
    expect_json(
        "[{\"user_id\": \"c\\\"\xc3\xa4\", \"score\": 3.0}, {\"user_id\": \"ann\", \"score\": 2.0},"
        " {\"user_id\": \"bob\", \"score\": 1.5}]");
    for (int i = 0; i < 20; i++)
        redis_server_do(functions_server(), "ZADD {p}:0:board:wins:all 7 player%d", i);
    ck_assert_int_eq(get("/leaderboards/top_ten/p"), 200);
    ck_assert_ptr_null(strstr(last.body, "ann"));
    ck_assert_ptr_nonnull(strstr(last.body, "7.0"));
}
END_TEST

/* Another generation becomes the live one: the next answer is of that one, and none is of what the
 * one before has left. */
START_TEST(follows_the_generation)
{
    static const char *const targets[] = {
        "/leaderboards/top_ten/p",          "/leaderboards/p/wins", "/leaderboards/p/wins?ids=ann",
        "/leaderboards/p/wins/players/ann", "/stats/p/ann",         "/players/p/ann?versus=bob"};

    for (int g = 0; g < 4; g++) {
        for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
            char score[32];
            int live = g * 10 + (int)i;

            redis_server_do(functions_server(), "ZADD {p}:%d:board:wins:all 1%03d ann", live, live);
            redis_server_do(functions_server(), "HSET {p}:%d:stats:ann n 1%03d", live, live);
            redis_server_do(functions_server(), "SET {p}:generation %d", live);
            redis_server_do(functions_server(), "DEL {p}:%d:board:wins:all {p}:%d:stats:ann",
                            live - 1, live - 1);
            (void)snprintf(score, sizeof(score), "1%03d", live);
            ck_assert_int_eq(get(targets[i]), 200);
            ck_assert_ptr_nonnull(strstr(last.body, score));
        }
    }
    redis_server_do(functions_server(), "DEL {p}:generation"); /* as after FLUSHALL */
    ck_assert_int_eq(get("/leaderboards/top_ten/p"), 200);
    redis_server_do(functions_server(), "SET {p}:generation rubbish");
    ck_assert_int_eq(get("/leaderboards/top_ten/p"), 500);
}
END_TEST

/* The board of three, from the query on: what its entries are. */
static void
expect_page(const char *query, const char *entries)
{
    char target[128], body[512];

    (void)snprintf(target, sizeof(target), "/leaderboards/p/wins%s", query);
    (void)snprintf(body, sizeof(body),
                   "{\"board\": \"wins\", \"window\": \"all\", \"at\": \"all\", \"starts\": null, "
                   "\"ends\": null, "
                   "\"total\": 3, \"entries\": [%s]}",
                   entries);
    ck_assert_int_eq(get(target), 200);
    expect_json(body);
}

#define ANN "{\"rank\": 1, \"user_id\": \"ann\", \"username\": \"Ann\", \"score\": 2}"
#define BOB "{\"rank\": 1, \"user_id\": \"bob\", \"username\": null, \"score\": 2}"
#define CY "{\"rank\": 3, \"user_id\": \"cy\", \"username\": null, \"score\": -0.5}"

START_TEST(shows_pages_of_a_board)
{
    redis_server_do(functions_server(), "ZADD {p}:0:board:wins:all 2 ann 2 bob -0.5 cy");
    redis_server_do(functions_server(), "HSET {p}:names ann Ann");
    expect_page("", BOB ", " ANN ", " CY);
    expect_page("?window=all&limit=1", BOB);
    expect_page("?limit=1&offset=1", ANN);
    expect_page("?limit=1000&offset=2", CY);
    expect_page("?limit=0", "");
    expect_page("?limit=0&offset=1", "");
    expect_page("?offset=3", "");
    expect_page("?offset=99999999999999999999", "");
    expect_refusal("/leaderboards/p/wins?limit=x", 400, "limit");
    expect_refusal("/leaderboards/p/wins?offset=-1", 400, "offset");
    expect_refusal("/leaderboards/p/wins?window=daily", 400, "window");
    ck_assert_int_eq(get("/leaderboards/p/nope"), 404);
    ck_assert_int_eq(get("/leaderboards/nope/wins"), 400);
}
END_TEST

#define HEAD                                                                                   \
    "{\"board\": \"wins\", \"window\": \"all\", \"at\": \"all\", \"starts\": null, \"ends\": " \
    "null, "                                                                                   \
    "\"total\": 3, "

START_TEST(shows_a_player_on_a_board)
{
    redis_server_do(functions_server(), "ZADD {p}:0:board:wins:all 2 ann 2 bob -0.5 cy");
    redis_server_do(functions_server(), "HSET {p}:names ann Ann");
    expect_page("?ids=nobody,cy,bob,cy", BOB ", " CY);
    expect_page("?ids=nobody", "");
    ck_assert_int_eq(get("/leaderboards/p/wins/players/cy?around=1"), 200);
    expect_json(HEAD "\"rank\": 3, \"user_id\": \"cy\", \"username\": null, \"score\": -0.5, "
                     "\"percentile\": 0, \"to_next\": 2.5, \"neighbours\": [" BOB ", " ANN ", " CY
                     "]}");
    ck_assert_int_eq(get("/leaderboards/p/wins/players/ann?around=0&window=all"), 200);
    expect_json(HEAD "\"rank\": 1, \"user_id\": \"ann\", \"username\": \"Ann\", \"score\": 2, "
                     "\"percentile\": 67, \"to_next\": null, \"neighbours\": [" ANN "]}");
    ck_assert_int_eq(get("/leaderboards/p/wins/players/ann"), 200);
    ck_assert_int_eq(get("/leaderboards/p/wins/players/ann?around=99999999999999999999"), 200);
    expect_refusal("/leaderboards/p/wins/players/nobody", 404, "not on this board");
    ck_assert_int_eq(get("/leaderboards/p/days/players/ann"), 404);
    expect_refusal("/leaderboards/p/wins/players/%01", 400, "Invalid user ID");
    expect_refusal("/leaderboards/p/wins/players/ann?around=-1", 400, "around");
    expect_refusal("/leaderboards/p/wins/players/ann?window=daily", 400, "window");
    expect_refusal("/leaderboards/p/nope/players/ann", 404, "No such board");
    ck_assert_int_eq(get("/leaderboards/p/wins/players/"), 404);
    expect_refusal("/leaderboards/p/wins?ids=a,,b", 400, "ids");
    ck_assert_int_eq(get("/leaderboards/p/wins?ids="), 400);
}
END_TEST

/* The board `days` of the game `p`, by the query, is empty but for the player. */
static void
expect_window(const char *query, const char *kind, const struct window *w, const char *player)
{
    char target[128], body[512], starts[CLOCK_RFC3339_SIZE], ends[CLOCK_RFC3339_SIZE];

    clock_format_rfc3339(w->starts, starts);
    clock_format_rfc3339(w->ends, ends);
    (void)snprintf(target, sizeof(target), "/leaderboards/p/days%s", query);
    (void)snprintf(body, sizeof(body),
                   "{\"board\": \"days\", \"window\": \"%s\", \"at\": \"%s\", \"starts\": \"%s\", "
                   "\"ends\": \"%s\", \"total\": 1, \"entries\": [{\"rank\": 1, \"user_id\": "
                   "\"%s\", \"username\": null, \"score\": 1}]}",
                   kind, w->name, starts, ends, player);
    ck_assert_int_eq(get(target), 200);
    expect_json(body);
}

START_TEST(shows_windows_of_a_board)
{
    struct window_plan plan = {.zone = zone_find("Europe/Berlin"), .keep = 1};
    struct window today, yesterday, before, month, old = {"s-old", 1577836800000, 1609459200000};
    char query[128], text[CLOCK_RFC3339_SIZE];
    wall_ms now = clock_wall();

    ck_assert(window_at(&plan, WINDOW_DAILY, now, &today));
    ck_assert(window_at(&plan, WINDOW_DAILY, today.starts - 1, &yesterday));
    ck_assert(window_at(&plan, WINDOW_DAILY, yesterday.starts - 1, &before));
    ck_assert(window_at(&plan, WINDOW_MONTHLY, now, &month));
    redis_server_do(functions_server(), "ZADD {p}:0:board:days:%s 1 ann", today.name);
    redis_server_do(functions_server(), "ZADD {p}:0:board:days:%s 1 bob", yesterday.name);
    redis_server_do(functions_server(), "ZADD {p}:0:board:days:%s 1 cy", month.name);
    redis_server_do(functions_server(), "ZADD {p}:0:board:days:s-old 1 dan");
    expect_window("", "daily", &today, "ann");
    expect_window("?window=daily", "daily", &today, "ann");
    expect_window("?window=monthly", "monthly", &month, "cy");
    expect_window("?window=season&at=s-old", "season", &old, "dan");
    expect_window("?at=s-old", "season", &old, "dan");
    expect_window("?window=season&at=2020-12-31T23:59:59Z", "season", &old, "dan");
    (void)snprintf(query, sizeof(query), "?at=%s", month.name);
    expect_window(query, "monthly", &month, "cy");
    (void)snprintf(query, sizeof(query), "?window=daily&at=%s", yesterday.name);
    expect_window(query, "daily", &yesterday, "bob");
    clock_format_rfc3339(yesterday.ends - 1, text);
    (void)snprintf(query, sizeof(query), "?at=%s", text);
    expect_window(query, "daily", &yesterday, "bob");
    (void)snprintf(query, sizeof(query), "/leaderboards/p/days?at=%s", before.name);
    expect_refusal(query, 404, "no longer kept");
    expect_refusal("/leaderboards/p/days?at=9999-12-31", 404, "has not begun");
    ck_assert_int_eq(get("/leaderboards/p/days?at=s-far"), 404);
    expect_refusal("/leaderboards/p/days?window=season", 404, "no season");
    expect_refusal("/leaderboards/p/days?window=all", 400, "daily");
    expect_refusal("/leaderboards/p/days?window=daily&at=2026-11", 400, "at must be");
    ck_assert_int_eq(get("/leaderboards/p/days?at="), 400);
}
END_TEST

START_TEST(shows_stats)
{
    ck_assert_int_eq(get("/stats/p/nobody"), 200);
    expect_json("{}");
    redis_server_do(functions_server(), "HSET {p}:0:stats:%s wins 2 losses 0.5", "a/b \xc3\xa4");
    ck_assert_int_eq(get("/stats/p/a%2Fb%20%C3%A4"), 200);
    expect_json("{\"wins\": \"2\", \"losses\": \"0.5\"}");
    ck_assert_int_eq(get("/stats/p/a%00b"), 400);
    ck_assert_int_eq(get("/stats/p/a%ff"), 400);
}
END_TEST

START_TEST(shows_products)
{
    redis_server_do(functions_server(), "HSET {p}:counts players_in_lobby 3 players_in_game 4");
    ck_assert_int_eq(get("/products"), 200);
    expect_field(
        "{\"product_id\": \"p\", \"title\": \"Game p\", \"players\": {\"min\": 2, \"max\": 2}");
    expect_field(
        "\"title\": \"Wins\", \"windows\": [\"all\"], \"timezone\": \"UTC\"}, {\"id\": \"days\"");
    expect_field(
        "\"windows\": [\"daily\", \"monthly\", \"season\"], \"timezone\": \"Europe/Berlin\"}]");
    expect_field("], \"queues\": []");
    expect_field("\"players_in_lobby\": 3, \"players_in_game\": 4}");
    expect_field("{\"product_id\": \"down\"");
    expect_field("\"players_in_lobby\": 0, \"players_in_game\": 0}");
}
END_TEST

/* A value of the wrong kind is varcade's fault, and no reason to die. */
START_TEST(unusable_answers_are_500)
{
    redis_server_do(functions_server(), "SET {p}:0:board:wins:all x");
    expect_refusal("/leaderboards/top_ten/p", 500, "store");
    redis_server_do(functions_server(), "SET {p}:0:stats:ann x");
    ck_assert_int_eq(get("/stats/p/ann"), 500);
    redis_server_do(functions_server(), "SET {p}:counts x");
    ck_assert_int_eq(get("/products"), 500);
    ck_assert_int_eq(get("/healthz"), 200);
}
END_TEST

/* --- what all routes share -------------------------------------------------------------------- */

static const struct {
    const char *method, *target;
} routes[] = {{"POST", "/game_lobby/nope/create_game"},
              {"POST", "/game_lobby/nope/join_game/x"},
              {"GET", "/game_lobby/nope/open_games"},
              {"GET", "/leaderboards/top_ten/nope"},
              {"GET", "/stats/nope/ann"},
              {"GET", "/stats/p%20/ann"},
              {"GET", "/leaderboards/top_ten/P"},
              {"GET", "/stats/p%00/ann"}};

START_TEST(product_must_be_known)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        ck_assert_int_eq(
            call(&(struct fcgi_call){.method = routes[i].method, .target = routes[i].target}), 400);
        expect_problem("Invalid product ID");
    }
}
END_TEST

static const char *const nowhere[] = {"/",
                                      "/nope",
                                      "/products/",
                                      "/healthz/",
                                      "/stats/p/",
                                      "/stats/p",
                                      "/stats//ann",
                                      "/stats/p/ann/",
                                      "/stats/p/ann/x",
                                      "//products",
                                      "/leaderboards/top_ten/",
                                      "/leaderboards/top_ten/p/",
                                      "/game_lobby/p/",
                                      "/game_lobby/p/join_game/",
                                      "/game_lobby/p/join_game",
                                      "/game_lobby/p/open_games/",
                                      "/Products",
                                      "/%70roducts%00"};

START_TEST(nothing_is_elsewhere)
{
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        ck_assert_msg(get(nowhere[i]) == 404, "%s: %d", nowhere[i], last.status);
        expect_problem("");
    }
    ck_assert_int_eq(get("/%70roducts"), 200);
    ck_assert_int_eq(get("/stats/p/%"), 400);
    ck_assert_int_eq(get("stats"), 400);
}
END_TEST

START_TEST(long_targets_are_414)
{
    static char target[9000];

    memset(target, 'x', sizeof(target) - 1);
    target[0] = '/';
    ck_assert_int_eq(get(target), 414);
}
END_TEST

START_TEST(method_must_fit)
{
    ck_assert_int_eq(get("/game_lobby/p/create_game"), 405);
    ck_assert(fcgi_answer_has(&last, "Allow: POST, OPTIONS"));
    expect_problem("method");
    ck_assert_int_eq(post("/products", NULL), 405);
    ck_assert(fcgi_answer_has(&last, "Allow: GET, HEAD, OPTIONS"));
    ck_assert_int_eq(call(&(struct fcgi_call){.method = "DELETE", .target = "/stats/p/ann"}), 405);
    ck_assert_int_eq(call(&(struct fcgi_call){.method = "get", .target = "/stats/p/ann"}), 405);
    ck_assert_int_eq(
        call(&(struct fcgi_call){.method = "HEAD", .target = "/game_lobby/p/create_game"}), 405);
    ck_assert_uint_eq(last.len, 0);
}
END_TEST

START_TEST(head_is_get_without_body)
{
    char length[64];

    ck_assert_int_eq(get("/products"), 200);
    (void)snprintf(length, sizeof(length), "Content-Length: %zu", last.len);
    ck_assert(fcgi_answer_has(&last, length));
    ck_assert_int_eq(call(&(struct fcgi_call){.method = "HEAD", .target = "/products"}), 200);
    ck_assert(fcgi_answer_has(&last, length));
    ck_assert_uint_eq(last.len, 0);
}
END_TEST

START_TEST(preflight_is_answered)
{
    ck_assert_int_eq(
        call(&(struct fcgi_call){.method = "OPTIONS", .target = "/game_lobby/p/create_game"}), 204);
    ck_assert(fcgi_answer_has(&last, "Access-Control-Allow-Origin: *"));
    ck_assert(fcgi_answer_has(&last, "Access-Control-Allow-Methods: POST, OPTIONS"));
    ck_assert(fcgi_answer_has(
        &last, "Access-Control-Allow-Headers: Authorization, Content-Type, Idempotency-Key"));
    ck_assert_ptr_nonnull(strstr(last.headers, "\r\nAccess-Control-Max-Age: "));
    ck_assert_ptr_null(strstr(last.headers, "Content-Length"));
    ck_assert_int_eq(call(&(struct fcgi_call){.method = "OPTIONS", .target = "/nope"}), 404);
}
END_TEST

START_TEST(token_is_checked)
{
    struct fcgi_call c = {.method = "POST", .target = "/game_lobby/p/create_game"};

    ck_assert_int_eq(call(&c), 401);
    expect_problem("Not authorized");
    ck_assert(fcgi_answer_has(&last, "WWW-Authenticate: Bearer"));
    c.name = "HTTP_AUTHORIZATION";
    c.value = "Bearer";
    ck_assert_int_eq(call(&c), 401);
    expect_problem("Unable to fetch user profile");
    ck_assert(fcgi_answer_has(&last, "WWW-Authenticate: Bearer"));
    c.value = "Bearer eyJhbGciOiJub25lIn0.eyJ1c2VyX2lkIjoiYSIsInVzZXJuYW1lIjoiYSJ9.";
    ck_assert_int_eq(call(&c), 401);
    expect_problem("Unable to fetch user profile");
    ck_assert_ptr_null(strstr(fcgi_program_log(), "eyJ"));
}
END_TEST

START_TEST(request_id_is_given_back)
{
    ck_assert_int_eq(call(&(struct fcgi_call){
                         .target = "/nope", .name = "REQUEST_ID", .value = "0123456789abcdef"}),
                     404);
    ck_assert(fcgi_answer_has(&last, "X-Request-Id: 0123456789abcdef"));
    ck_assert(fcgi_answer_has(&last, "Cache-Control: no-store"));
    expect_field("\"request_id\":\"0123456789abcdef\"");
    ck_assert_ptr_nonnull(strstr(fcgi_program_log(), "0123456789abcdef"));
    ck_assert_int_eq(get("/healthz"), 200);
    ck_assert_ptr_nonnull(strstr(last.headers, "\r\nX-Request-Id: "));
}
END_TEST

START_TEST(metrics_are_for_this_machine)
{
    struct fcgi_call c = {.target = "/metrics", .name = "REMOTE_ADDR"};

    ck_assert_int_eq(get("/leaderboards/top_ten/nope"), 400);
    ck_assert_int_eq(get("/metrics"), 200);
    ck_assert(fcgi_answer_has(&last, "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
    expect_field("varcade_http_requests_total{");
    expect_field("route=\"top_ten\",status=\"400\"} 1");
    expect_field("varcade_http_request_seconds_bucket{");
    expect_field("varcade_redis_up{");
    c.value = "::1";
    ck_assert_int_eq(call(&c), 200);
    c.value = "::ffff:127.0.0.1";
    ck_assert_int_eq(call(&c), 200);
    c.value = "unix:";
    ck_assert_int_eq(call(&c), 200);
    c.value = "192.0.2.1";
    ck_assert_int_eq(call(&c), 403);
    c.value = "::ffff:192.0.2.1";
    ck_assert_int_eq(call(&c), 403);
    c.value = "2001:db8::1";
    ck_assert_int_eq(call(&c), 403);
}
END_TEST

/* The game servers, which are not all there, are told behind it. */
static void
expect_ready(int status, const char *word, const char *worker)
{
    struct buf body;

    buf_init(&body, 1024);
    buf_printf(&body,
               "{\"status\": \"%s\", \"redis\": \"ok\", \"worker\": \"%s\", "
               "\"game_servers_away\": [",
               word, worker);
    ck_assert_int_eq(get("/readyz"), status);
    ck_assert_int_eq(strncmp(last.body, body.data, body.len), 0);
    buf_free(&body);
}

START_TEST(says_how_it_is)
{
    ck_assert_int_eq(get("/healthz"), 200);
    expect_json("{\"status\": \"ok\"}");
    expect_ready(503, "not ready", "missing");
    redis_server_do(functions_server(), "SET varcade:heartbeat %lld", (long long)clock_wall());
    expect_ready(200, "ready", "ok");
    redis_server_do(functions_server(), "SET varcade:heartbeat %lld",
                    (long long)clock_wall() - 6000);
    expect_ready(503, "not ready", "stale");
}
END_TEST

/* --- with another configuration --------------------------------------------------------------- */

static const char *
origin(const char *value)
{
    ck_assert_int_eq(
        call(&(struct fcgi_call){.target = "/nope", .name = "HTTP_ORIGIN", .value = value}), 404);
    return strstr(last.headers, "Access-Control-Allow-Origin");
}

START_TEST(origins_are_listed)
{
    fcgi_program_configure(
        ", \"http\": {\"allowed_origins\": [\"https://a.example\", \"https://b.example\"]}");
    fcgi_program_start("1");
    ck_assert_ptr_nonnull(origin("https://b.example"));
    ck_assert(fcgi_answer_has(&last, "Access-Control-Allow-Origin: https://b.example"));
    ck_assert(fcgi_answer_has(&last, "Vary: Origin"));
    ck_assert_ptr_null(origin("https://c.example"));
    ck_assert(fcgi_answer_has(&last, "Vary: Origin"));
    ck_assert_ptr_null(origin("*"));
    ck_assert_ptr_null(origin(NULL));
}
END_TEST

START_TEST(requests_under_way_are_bounded)
{
    struct fcgi_call c = {.method = "POST", .target = "/game_lobby/hang/create_game"};
    int fd;

    fcgi_program_configure(", \"fcgi\": {\"requests_max\": 1}");
    fcgi_program_start("1");
    c.token = fcgi_program_token("ann");
    fd = fcgi_client_connect(fcgi_program_socket());
    fcgi_client_send(fd, &c);
    /* Answered after the one before has been read. */
    ck_assert_int_eq(get("/healthz"), 200);
    ck_assert_int_eq(get("/stats/p/ann"), 503);
    ck_assert(fcgi_answer_has(&last, "Retry-After: 1"));
    forget_last();
    last = fcgi_client_read(fd);
    ck_assert_int_eq(last.status, 503);
    ck_assert_int_eq(get("/stats/p/ann"), 200);
    (void)close(fd);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("fcgi");
    TCase *c = tcase_create("routes");

    fcgi_program_require();
    tcase_add_checked_fixture(c, fcgi_program_setup, fcgi_program_teardown);
    tcase_add_checked_fixture(c, NULL, forget_last);
    FCGI_PROGRAM_ADD(c, creates_a_game, create_takes_a_body, joins_a_game, join_refuses,
                     join_of_a_game_nobody_is_in_yet, game_server_troubles, lists_open_games,
                     list_counts, list_refuses, follows_the_generation, shows_the_top_ten,
                     shows_pages_of_a_board, shows_windows_of_a_board, shows_a_player_on_a_board,
                     shows_stats, shows_products, unusable_answers_are_500);
    FCGI_PROGRAM_ADD(c, product_must_be_known, nothing_is_elsewhere, long_targets_are_414,
                     method_must_fit, head_is_get_without_body, preflight_is_answered,
                     token_is_checked, request_id_is_given_back, metrics_are_for_this_machine,
                     says_how_it_is);
    suite_add_tcase(suite, c);

    c = tcase_create("configured");
    tcase_add_checked_fixture(c, fcgi_program_prepare, fcgi_program_teardown);
    tcase_add_checked_fixture(c, NULL, forget_last);
    FCGI_PROGRAM_ADD(c, origins_are_listed, requests_under_way_are_bounded);
    suite_add_tcase(suite, c);
    return suite;
}
