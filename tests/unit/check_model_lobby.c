/*
 * The lobby's model and its Redis functions do the same: walks through the model at random, each of
 * whose steps is done in Redis as well, and after each of them both have the same game. What the
 * model does not let a client do changes nothing in Redis either.
 */
#include <stdio.h>
#include <string.h>

#include "tests/model/lobby_step.h"
#include "tests/unit/functions.h"
#include "tests/unit/model_fixture.h"
#include "tests/unit/random.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/unit.h"

#define WALKS 400
#define STEPS 120
#define CHOICES 256

/* One thing that the model could do next. */
struct choice {
    struct step_taken how;
    struct world to;
};

/* A walk, and what of it is not in the model. */
static struct walk {
    struct world world;
    size_t patience; /* of so many ends that could be one is taken */
    bool quick;      /* its games are made by quick_match */
    char id[GAMES][33];
    long long told[GAMES];    /* when the curator began to tell the game server */
    long long removed[GAMES]; /* when the game server said that the game is gone */
    struct choice choice[CHOICES];
    size_t nchoices;
    char steps[STEPS * 48]; /* each game's and player's, for who has to find out what went wrong */
    size_t steps_len;
} walk;

static const char *const users[PLAYERS] = {"u0", "u1", "u2"};
static unsigned games_made;

static void
collect(void *cookie, const struct step_taken *how, const struct world *to)
{
    struct walk *w = cookie;

    if (how->step == S_quick_match && !w->quick)
        return;
    ck_assert_uint_lt(w->nchoices, CHOICES);
    w->choice[w->nchoices++] = (struct choice){*how, *to};
}

/* --- both as text ----------------------------------------------------------------------------- */

static const char *
text_of(const struct game *g)
{
    static const char *const states[] = {
        "-",     "creating", "created", "creator_joined", "all_players_joined",
        "ended", "removing", "-"};
    static const char *const seats[] = {"",     "reserved", "confirmed",    "connected",
                                        "away", "leaving",  "leaving later"};
    static char text[256];
    int n = snprintf(text, sizeof text, "%s%s", states[g->state], g->later ? " later" : "");

    for (size_t u = 0; u < PLAYERS; u++)
        if (g->player[u].seat != NONE)
            n += snprintf(text + n, sizeof text - (size_t)n, " %s:%s%s", users[u],
                          seats[g->player[u].seat], g->player[u].creator ? "*" : "");
    return text;
}

static void
compare(const char *step)
{
    for (size_t g = 0; g < GAMES; g++) {
        const char *redis = model_game(walk.id[g]);

        ck_assert_msg(strcmp(redis, text_of(&walk.world.game[g])) == 0,
                      "%s: the model has `%s`, Redis `%s`; game %zu in%s", step,
                      text_of(&walk.world.game[g]), redis, g, walk.steps);
    }
    ck_assert_msg(functions_inconsistency()[0] == '\0', "%s: %s", step, functions_inconsistency());
}

/* --- the functions ---------------------------------------------------------------------------- */

static const char *
options(void)
{
    static const char *const texts[] = {"", "|rejoin|1000000000", "|migrates|1",
                                        "|rejoin|1000000000|migrates|1"};

    return texts[walk.world.rules / REJOINS];
}

/* Of a game's own setting, by which a quick match finds that game and no other. */
static const char *
quick(size_t game, size_t u, const char *id)
{
    return functions_game("quick_match", id,
                          "%lld|%lld|%s|p|%s|name|%d|{\"num_players\":%d,\"only\":\"%s\"}|http://s|"
                          "ws://s|seats_max|1|terms|only=%s%s",
                          model_now, model_now + MODEL_FAR, id, users[u], SEATS, SEATS,
                          walk.id[game], walk.id[game], options());
}

static const char *
create(size_t game, size_t u)
{
    if (walk.quick)
        return quick(game, u, walk.id[game]);
    return functions_game("create_intent", walk.id[game],
                          "%lld|%lld|%s|p|%s|name|%d|{\"num_players\":%d}|http://s|ws://s|"
                          "seats_max|1%s",
                          model_now, model_now + MODEL_FAR, walk.id[game], users[u], SEATS, SEATS,
                          options());
}

static const char *
reserve(size_t game, size_t u)
{
    return functions_game("seat_reserve", walk.id[game], "%lld|%lld|%s|seats_max|1", model_now,
                          model_now + MODEL_FAR, users[u]);
}

static const char *
leave(size_t game, size_t u)
{
    return functions_game("seat_leave", walk.id[game], "%lld|%lld|%lld|%s", model_now, MODEL_FAR,
                          MODEL_FAR, users[u]);
}

/* What a process that is at op tells as until. */
static long long
until_at(enum op op)
{
    if (op == REFUSED)
        return 0;
    return op == WAITING_DONE ? model_now : model_now + MODEL_FAR;
}

/* The game's time is up, or that of those whom the curator is to tell of. */
static void
expire(size_t game, const struct game *from, const struct game *to)
{
    const char *whose = "game", *answer;

    for (size_t u = 0; u < PLAYERS; u++) {
        bool hosts = from->player[u].creator && from->player[u].seat == AWAY;

        if (to->task == TELLS_PLAYER ? to->player[u].told : is_waiting(from) && hosts)
            whose = from->player[u].seat == CONFIRMED ? "confirmed" : users[u];
    }
    model_due(walk.id[game], whose);
    answer =
        functions_game("expire", walk.id[game], "%lld|%lld|%lld", model_now, MODEL_FAR, MODEL_FAR);
    ck_assert_msg(strncmp(answer, to->task == TELLS_GAME ? "game " : "players ", 5) == 0, "%s",
                  answer);
    walk.told[game] = model_now;
}

static void
until_passes(size_t game, const struct game *from, const struct game *to)
{
    if (from->later && !to->later)
        model_until_passes(walk.id[game], "game");
    for (size_t u = 0; u < PLAYERS; u++)
        if (from->player[u].seat == LEAVING_LATER && to->player[u].seat == LEAVING)
            model_until_passes(walk.id[game], users[u]);
}

static void
player_gone(size_t game, const struct game *from)
{
    for (size_t u = 0; u < PLAYERS; u++)
        if (from->player[u].told)
            functions_game("player_gone", walk.id[game], "%lld|%s", walk.told[game], users[u]);
}

static void
event(size_t game, long long time, const char *kind, const char *arg)
{
    ck_assert_int_eq(functions_event(walk.id[game], time, kind, arg)[0], '1');
}

/* When the game server said that the game is gone. */
static void
note_time(size_t step, size_t game, const struct game *from, const struct game *to)
{
    if ((step == S_server_removes_game || step == S_server_ends_game) && to->event != from->event)
        walk.removed[game] = model_now;
}

/* --- a step ----------------------------------------------------------------------------------- */

static void
call_by_player(const struct choice *c, const struct game *from)
{
    size_t game = c->how.game, u = c->how.player;
    const char *id = walk.id[game];
    enum op op = (enum op)from->player[u].op;
    char scratch[33];

    switch (c->how.step) {
    case S_create_intent:
        create(game, u);
        break;
    case S_create_done:
        functions_game("create_done", id, "%lld|token|%lld|http://s", model_now, MODEL_FAR);
        break;
    case S_create_failed:
        functions_game("create_failed", id, "%lld|%lld|http://s", model_now, until_at(op));
        break;
    case S_quick_match:
        snprintf(scratch, sizeof scratch, "%032x", ++games_made);
        ck_assert_int_eq(strncmp(quick(game, u, scratch), "join", 4), 0);
        break;
    case S_seat_reserve:
        ck_assert_str_eq(reserve(game, u), "ok http://s");
        break;
    case S_seat_confirm:
        functions_game("seat_confirm", id, "%lld|%s|token|%lld", model_now, users[u], MODEL_FAR);
        break;
    case S_seat_release:
        functions_game("seat_release", id, "%lld|%lld|%s", model_now, until_at(op), users[u]);
        break;
    case S_seat_leave:
        ck_assert_int_eq(strncmp(leave(game, u), "ok", 2), 0);
        break;
    case S_event_player_connect:
        event(game, model_now, "connect", users[u]);
        break;
    case S_event_player_disconnect:
        /* In the model it is not before what else the game server said; in the stream it may be. */
        event(game, model_now, "disconnect", users[u]);
        break;
    default:
        break;
    }
}

static void
call(const struct choice *c, const struct game *from, const struct game *to)
{
    size_t game = c->how.game;
    const char *id = walk.id[game];

    switch (c->how.step) {
    case S_game_remove:
        for (size_t u = 0; u < PLAYERS; u++)
            if (from->player[u].creator)
                functions_game("game_remove", id, "%lld|%s", model_now, users[u]);
        break;
    case S_expire:
        expire(game, from, to);
        break;
    case S_game_gone:
        functions_game("game_gone", id, "%lld", walk.told[game]);
        break;
    case S_player_gone:
        player_gone(game, from);
        break;
    case S_event_creator_joined:
        event(game, model_now, "state", "creator_joined");
        break;
    case S_event_all_players_joined:
        event(game, model_now, "state", "all_players_joined");
        break;
    case S_event_game_over:
        event(game, model_now, "over", "");
        break;
    case S_event_game_removed:
        event(game, walk.removed[game], "removed", "");
        break;
    case S_until_passes:
        until_passes(game, from, to);
        break;
    default:
        call_by_player(c, from);
    }
}

/* --- what the model does not let a client do -------------------------------------------------- */

static bool
is_chosen(size_t step, size_t game, size_t u)
{
    for (size_t i = 0; i < walk.nchoices; i++) {
        const struct step_taken *how = &walk.choice[i].how;

        if (how->step == step && how->game == game && how->player == u)
            return true;
    }
    return false;
}

static void
try_in_vain(struct random_source *r)
{
    size_t game = random_below(r, GAMES), u = random_below(r, PLAYERS);
    const struct game *g = &walk.world.game[game];

    switch (random_below(r, 3)) {
    case 0:
        if (!is_chosen(S_create_intent, game, u) && g->state == FRESH)
            ck_assert_str_eq(create(game, u), "limit");
        break;
    case 1:
        /* A process more than one for a player and a game is not in the model. */
        if (!is_chosen(S_seat_reserve, game, u) && g->player[u].op == IDLE)
            ck_assert_str_ne(reserve(game, u), "ok http://s");
        break;
    default:
        if (!is_chosen(S_seat_leave, game, u))
            ck_assert_int_ne(strncmp(leave(game, u), "ok", 2), 0);
    }
    model_now++;
    compare("in vain");
}

/* --- walks ------------------------------------------------------------------------------------ */

static bool
is_over(const struct world *w)
{
    for (size_t g = 0; g < GAMES; g++)
        if (w->game[g].state != GONE || w->game[g].made)
            return false;
    return true;
}

static void
begin(struct random_source *r)
{
    walk = (struct walk){.quick = random_below(r, 2) == 0, .patience = 2 + random_below(r, 30)};
    walk.world.chances = UNBOUNDED;
    walk.world.rules = (uint8_t)random_below(r, 4) * REJOINS; /* and MIGRATES */
    for (size_t g = 0; g < GAMES; g++)
        snprintf(walk.id[g], sizeof walk.id[g], "%032x", ++games_made);
}

/* Whatever ends things is possible at any time: it is taken more rarely, so that there is something
 * to end. */
static bool
is_end(size_t step)
{
    return step == S_process_dies || step == S_server_restarts || step == S_expire ||
           step == S_game_remove || step == S_seat_leave || step == S_server_ends_game ||
           step == S_player_drops || step == S_event_all_players_joined ||
           step == S_event_game_over;
}

static const struct choice *
choose(struct random_source *r)
{
    const struct choice *c;

    do
        c = &walk.choice[random_below(r, walk.nchoices)];
    while (is_end(c->how.step) && random_below(r, walk.patience) != 0);
    return c;
}

static void
step(struct random_source *r, bool *taken)
{
    const struct choice *c;

    walk.nchoices = 0;
    lobby_next(&walk.world, NO_BUG, collect, &walk);
    if (random_below(r, 2) == 0)
        try_in_vain(r);
    c = choose(r);
    model_now++;
    call(c, &walk.world.game[c->how.game], &c->to.game[c->how.game]);
    note_time(c->how.step, c->how.game, &walk.world.game[c->how.game], &c->to.game[c->how.game]);
    walk.world = c->to;
    walk.steps_len +=
        (size_t)snprintf(walk.steps + walk.steps_len, sizeof walk.steps - walk.steps_len,
                         " %s(%zu %zu)", step_table[c->how.step].name, c->how.game, c->how.player);
    taken[c->how.step] = true;
    compare(step_table[c->how.step].name);
}

START_TEST(every_step_does_in_redis_what_it_does_in_the_model)
{
    struct random_source r = random_start();
    bool taken[NSTEPS] = {false};

    for (int i = 0; i < WALKS; i++) {
        model_begin();
        begin(&r);
        for (int n = 0; n < STEPS && !is_over(&walk.world); n++)
            step(&r, taken);
    }
    for (size_t i = 0; i < NSTEPS; i++)
        ck_assert_msg(taken[i] ||
                          (step_table[i].kind != STEP_FUNCTION && step_table[i].kind != STEP_EVENT),
                      "%s is in no walk", step_table[i].name);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("model: lobby");
    TCase *tc = tcase_create("walks");

    redis_server_require();
    tcase_add_checked_fixture(tc, functions_setup, functions_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, every_step_does_in_redis_what_it_does_in_the_model);
    suite_add_tcase(s, tc);
    return s;
}
