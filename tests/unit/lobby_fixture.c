/* The lobby on a real Redis with a scripted game server. */
#include "tests/unit/lobby_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/access/token.h"
#include "lib/redis/redis.h"

#define CALLS_MAX 256
#define PLAYERS_MAX 4096

struct lobby *lobby;
struct product product = {.id = "p",
                          .players_min = 2,
                          .players_max = 2,
                          .timeouts = {.created = FUNCTIONS_CREATED_MS,
                                       .seat = FUNCTIONS_SEAT_MS,
                                       .creator_joined = FUNCTIONS_CREATOR_JOINED_MS,
                                       .all_players_joined = FUNCTIONS_ALL_JOINED_MS,
                                       .in_progress = FUNCTIONS_IN_PROGRESS_MS,
                                       .ended = FUNCTIONS_ENDED_MS}};

struct lobby_wish fixture_wish;

static struct loop *loop;
static struct redis *redis;
static char server_url[] = "http://game.example", socket_url[] = "ws://game.example/play";
static struct product_server server;

/* --- the game server -------------------------------------------------------------------------- */

struct call {
    enum stub_action action;
    char game_id[33];
    char user_id[129];
    gameserver_fn *done, *late;
    void *cookie;
};

struct player {
    char game_id[33];
    char user_id[129];
};

struct stub_script stub_script[STUB_ACTION_MAX];
bool stub_hold;
size_t stub_calls, stub_answered, stub_most;

static struct call waiting[CALLS_MAX], late[CALLS_MAX];
static size_t nwaiting, nlate;
static struct player players[PLAYERS_MAX];
static size_t nplayers;
static struct loop_timer *turn;

static const char *const action_names[] = {"create_game", "join_game", "remove_game",
                                           "remove_player"};

static void
forget_players(const struct call *c)
{
    for (size_t i = nplayers; i > 0; i--) {
        struct player *p = &players[i - 1];

        if (strcmp(p->game_id, c->game_id) == 0 &&
            (c->action == STUB_REMOVE_GAME || strcmp(p->user_id, c->user_id) == 0))
            *p = players[--nplayers];
    }
}

/* The game server does what it is asked. */
static void
perform(const struct call *c)
{
    if (c->action == STUB_CREATE || c->action == STUB_JOIN) {
        ck_assert_uint_lt(nplayers, PLAYERS_MAX);
        snprintf(players[nplayers].game_id, sizeof players[0].game_id, "%s", c->game_id);
        snprintf(players[nplayers++].user_id, sizeof players[0].user_id, "%s", c->user_id);
    } else {
        forget_players(c);
    }
}

static void
answer_call(const struct call *c, gameserver_fn *fn, enum gameserver_outcome outcome)
{
    char token[200];
    struct gameserver_answer a = {.outcome = outcome, .reason = "scripted"};

    if (outcome == GAMESERVER_DONE || outcome == GAMESERVER_RUBBISH)
        perform(c);
    if (outcome == GAMESERVER_REFUSED)
        a.status = 400;
    if (outcome == GAMESERVER_DONE ||
        (outcome == GAMESERVER_RUBBISH && !stub_script[c->action].cut))
        a.status = 200;
    if (outcome == GAMESERVER_DOWN)
        a.retry_after = 7000;
    if (outcome == GAMESERVER_DONE && (c->action == STUB_CREATE || c->action == STUB_JOIN)) {
        a.token_len = (size_t)snprintf(token, sizeof token, "token/%s", c->user_id);
        a.token = token;
    }
    fn(c->cookie, &a);
}

void
stub_release(void)
{
    struct call now[CALLS_MAX];
    size_t n = nwaiting;

    memcpy(now, waiting, sizeof now);
    nwaiting = 0;
    for (size_t i = 0; i < n; i++) {
        enum gameserver_outcome outcome = stub_script[now[i].action].outcome;

        stub_answered++;
        if (outcome == GAMESERVER_LATE && now[i].late != NULL)
            late[nlate++] = now[i];
        answer_call(&now[i], now[i].done, outcome);
    }
}

static void
on_turn(void *cookie)
{
    (void)cookie;
    if (!stub_hold)
        stub_release();
}

void
stub_do_held(void)
{
    for (size_t i = 0; i < nwaiting; i++)
        perform(&waiting[i]);
}

void
stub_end_late(void)
{
    size_t n = nlate;

    nlate = 0;
    for (size_t i = 0; i < n; i++)
        answer_call(&late[i], late[i].late, stub_script[late[i].action].late);
}

enum gameserver_fitness
gameserver_fitness(struct gameserver_client *client, const char *url)
{
    (void)client;
    (void)url;
    return GAMESERVER_FIT;
}

/* servers.c has it; nothing is probed here. */
void
gameserver_report(struct gameserver_client *client, const char *url, bool up)
{
    (void)client;
    (void)url;
    (void)up;
}

bool
gameserver_retry(struct gameserver_client *client, const char *url)
{
    (void)client;
    (void)url;
    return true;
}

void
gameserver_call(struct gameserver_client *client, const struct gameserver_request *request,
                gameserver_fn *done, gameserver_fn *late_fn, void *cookie)
{
    struct call *c = &waiting[nwaiting++];

    (void)client;
    ck_assert_uint_lt(nwaiting, CALLS_MAX);
    ck_assert_str_eq(request->url, server_url);
    *c = (struct call){.done = done, .late = late_fn, .cookie = cookie};
    while (strcmp(action_names[c->action], request->action) != 0)
        c->action++;
    ck_assert(request->wants_token == (c->action == STUB_CREATE || c->action == STUB_JOIN));
    ck_assert((request->user_id == NULL) == (c->action == STUB_REMOVE_GAME));
    snprintf(c->game_id, sizeof c->game_id, "%s", request->game_id);
    if (request->user_id != NULL)
        snprintf(c->user_id, sizeof c->user_id, "%s", request->user_id);
    stub_calls++;
    if (nwaiting > stub_most)
        stub_most = nwaiting;
    loop_timer_set(turn, 0);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *
stub_players(const char *game_id)
{
    static char out[16384];
    const char *names[PLAYERS_MAX];
    size_t n = 0, len = 0;

    for (size_t i = 0; i < nplayers; i++) {
        if (strcmp(players[i].game_id, game_id) == 0)
            names[n++] = players[i].user_id;
    }
    qsort(names, n, sizeof names[0], compare_names);
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(out + len, sizeof out - len, "%s%s", i > 0 ? " " : "", names[i]);
    return n > 0 ? out : "-";
}

const char *
redis_players(const char *game_id)
{
    return functions_command("EVAL %s 1 {p}:game:%s",
                             "local packed = redis.call('HGET', KEYS[1], 'seats')\n"
                             "if not packed then return '-' end\n"
                             "local names = {}\n"
                             "for _, s in ipairs(cmsgpack.unpack(packed)) do\n"
                             "  if s.token then names[#names + 1] = s.user end\n"
                             "end\n"
                             "table.sort(names)\n"
                             "return #names > 0 and table.concat(names, ' ') or '-'\n",
                             game_id);
}

size_t
stub_games(void)
{
    size_t n = 0;

    for (size_t i = 0; i < nplayers; i++) {
        size_t j = 0;

        while (strcmp(players[j].game_id, players[i].game_id) != 0)
            j++;
        n += i == j;
    }
    return n;
}

/* --- the world -------------------------------------------------------------------------------- */

static void
world_open(void)
{
    const struct redis_options options = {.url = redis_server_url(functions_server()),
                                          .connect_timeout = 2000,
                                          .command_timeout = 5000,
                                          .functions = true};
    const struct lobby_limits limits = {.game_server_timeout = FIXTURE_TIMEOUT,
                                        .game_server_late = FIXTURE_LATE};
    static int client; /* never looked into */

    redis = redis_open(loop, &options, NULL, NULL);
    ck_assert_ptr_nonnull(redis);
    lobby = lobby_new(loop, redis, (struct gameserver_client *)(void *)&client, &limits);
    ck_assert_ptr_nonnull(lobby);
    fixture_await_redis();
}

static void
world_close(void)
{
    nwaiting = nlate = 0;
    redis_close(redis);
    lobby_free(lobby);
}

void
fixture_setup(void)
{
    functions_setup();
    server = (struct product_server){.url = server_url, .socket_url = socket_url, .weight = 1};
    product.servers = &server;
    product.nservers = 1;
    fixture_wish = (struct lobby_wish){.settings = "{\"num_players\":2}"};
    loop = loop_new();
    ck_assert_ptr_nonnull(loop);
    turn = loop_timer_new(loop, on_turn, NULL);
    ck_assert_ptr_nonnull(turn);
    world_open();
}

void
fixture_teardown(void)
{
    world_close();
    loop_timer_free(turn);
    loop_free(loop);
    functions_teardown();
}

void
fixture_crash(void)
{
    world_close();
    world_open();
}

void
fixture_turn_until(const size_t *done, size_t n)
{
    mono_ms end = clock_mono() + 10000;

    while (*done < n) {
        ck_assert_int_lt(clock_mono(), end);
        ck_assert_int_eq(loop_run_once(loop, 100), 0);
    }
    ck_assert_uint_eq(*done, n);
}

void
fixture_await_redis(void)
{
    mono_ms end = clock_mono() + 10000;

    while (!redis_is_up(redis)) {
        ck_assert_int_lt(clock_mono(), end);
        ck_assert_int_eq(loop_run_once(loop, 100), 0);
    }
}

/* --- asking ----------------------------------------------------------------------------------- */

static void
on_answer(void *cookie, const struct lobby_answer *answer)
{
    static const char field[] = "{\"game_id\":\"";
    struct asked *a = cookie;

    a->done++;
    a->result = answer->result;
    a->retry_after = answer->retry_after;
    ck_assert_uint_lt(answer->len, sizeof a->json);
    snprintf(a->json, sizeof a->json, "%.*s", (int)answer->len, answer->json);
    snprintf(a->state, sizeof a->state, "%s", answer->state);
    snprintf(a->reason, sizeof a->reason, "%s", answer->reason);
    if (strncmp(a->json, field, sizeof field - 1) == 0)
        snprintf(a->game_id, sizeof a->game_id, "%.32s", a->json + sizeof field - 1);
}

static struct token_player
player_named(const char *user)
{
    struct token_player p = {.user_id_len = strlen(user)};

    snprintf(p.user_id, sizeof p.user_id, "%s", user);
    p.username_len = (size_t)snprintf(p.username, sizeof p.username, "name of %.64s", user);
    return p;
}

void
begin_create(struct asked *a, const char *user)
{
    struct token_player p = player_named(user);

    *a = (struct asked){.done = 0};
    lobby_create(lobby, &product, &p, &fixture_wish, "request-1", on_answer, a);
    ck_assert_uint_eq(a->done, 0);
}

void
begin_join(struct asked *a, const char *game_id, const char *user)
{
    struct token_player p = player_named(user);

    *a = (struct asked){.done = 0};
    lobby_join(lobby, &product, game_id, &p, NULL, on_answer, a);
    ck_assert_uint_eq(a->done, 0);
}

struct asked
ask_create(const char *user)
{
    struct asked a;

    begin_create(&a, user);
    fixture_turn_until(&a.done, 1);
    CONSISTENT();
    return a;
}

struct asked
ask_join(const char *game_id, const char *user)
{
    struct asked a;

    begin_join(&a, game_id, user);
    fixture_turn_until(&a.done, 1);
    CONSISTENT();
    return a;
}

struct asked
ask_list(int64_t count, int64_t page)
{
    struct asked a = {.done = 0};

    lobby_list(lobby, &product, &(struct lobby_query){.count = count, .page = page, .terms = ""},
               on_answer, &a);
    fixture_turn_until(&a.done, 1);
    return a;
}

const char *
make_game(const char *creator)
{
    static char id[33];
    struct asked a = ask_create(creator);

    ck_assert_int_eq(a.result, LOBBY_DONE);
    snprintf(id, sizeof id, "%s", a.game_id);
    ck_assert_str_eq(functions_event(id, clock_wall(), "state", "creator_joined"), "1");
    return id;
}

struct curated {
    size_t done;
    struct lobby_expired what;
};

static void
on_curated(void *cookie, const struct lobby_expired *what)
{
    struct curated *c = cookie;

    c->done++;
    c->what = *what;
}

struct lobby_expired
curate(wall_ms now, size_t max)
{
    struct curated c = {.done = 0};

    lobby_expire_due(lobby, &product, now, max, on_curated, &c);
    ck_assert_uint_eq(c.done, 0);
    fixture_turn_until(&c.done, 1);
    return c.what;
}
