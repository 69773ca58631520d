/*
 * The lobby as a model: three players, two games of two seats each, a process for each create or
 * join, one worker, one game server. Steps that are Redis functions do what the function of that
 * name does (lib/redis/lobby.lua and games.lua); those of processes are the steps between them in
 * lib/lobby/lobby_seat.c, lobby_quick.c and lobby_expire.c.
 *
 * Time is abstract: what has a deadline may happen from when it is set. Two things are known of
 * time. A process that is alive sends its question before its intent's deadline; or it stood still,
 * and then it is not killed as well. And a moment `until` does not pass before the question that it
 * was set for has come to nothing or to its end.
 */
#include "tests/model/lobby_step.h"

static const char *const bugs[] = {
    NULL,
    "seat_confirm without the reservation",
    "seat_release forgets the late game server",
    "seat_release frees the seat of who may just be thrown out",
    "expire forgets to owe the removal",
    "create_failed forgets the late game server",
    "nobody adopts a game of which Redis knows nothing",
    "game_gone before until",
    "seat_leave forgets who has yet to ask",
    "seat_reserve and quick_match without the limit",
    "a disconnect of an earlier stay",
};

/* The game server forgets the game, and says so where the game was ended by it or it was told to.
 */
static void
unmake(struct game *g)
{
    g->made = false;
    for (size_t u = 0; u < PLAYERS; u++)
        g->player[u].inside = g->player[u].kept = false;
}

static void
say_removed(struct game *g)
{
    g->event = g->state == REMOVING && !g->later ? REMOVED_IN_TIME : REMOVED;
}

static void
drop(struct player *p)
{
    if (p->inside)
        p->dropped = true;
    p->inside = p->kept = false;
}

/* --- processes -------------------------------------------------------------------------------- */

static void
set_op(const struct at *at, size_t step, bool quiet, size_t which, size_t u, enum op op)
{
    struct game g = at->from->game[which];

    g.player[u].op = (uint8_t)op;
    step_add(at, step, quiet, which, g);
}

/* lobby_quick.c: on_looked() */
static void
op_looks(const struct at *at, size_t which, size_t u)
{
    const struct game *g = &at->from->game[which];

    if (g->state == CREATING)
        set_op(at, S_op_looked, true, which, u, REFUSED);
    else if (is_running(g) && g->state != ENDED)
        set_op(at, S_op_looked, true, which, u, INTENT);
    else
        set_op(at, S_op_looked, true, which, u, IDLE);
}

/* lobby_seat.c: lobby_op_undo() */
static void
op_undo(const struct at *at, size_t which, size_t u, bool undo, bool later, enum op then)
{
    if (at->from->game[which].player[u].creator)
        step_create_failed(at, which, u, undo, later, then);
    else
        step_seat_release(at, which, u, undo, later, then);
}

static void
op_confirm(const struct at *at, size_t which, size_t u)
{
    if (at->from->game[which].player[u].creator)
        step_create_done(at, which, u);
    else
        step_seat_confirm(at, which, u);
}

static void
op_steps(const struct at *at, size_t which, size_t u)
{
    const struct player *p = &at->from->game[which].player[u];

    switch ((enum op)p->op) {
    case LOOKING:
        op_looks(at, which, u);
        break;
    case INTENT:
        set_op(at, S_op_asks, true, which, u, ASKED);
        break;
    case ASKED:
        if (!p->stalled)
            set_op(at, S_op_is_late, false, which, u, LATE);
        break;
    case ASKED_DONE:
        op_confirm(at, which, u);
        if (!p->stalled)
            set_op(at, S_op_is_late, false, which, u, LATE_DONE);
        break;
    case REFUSED:
        op_undo(at, which, u, false, false, IDLE);
        break;
    case LATE:
        op_undo(at, which, u, true, true, WAITING);
        break;
    case LATE_DONE:
        op_undo(at, which, u, true, true, WAITING_DONE);
        break;
    case WAITING_DONE:
        op_undo(at, which, u, true, false, IDLE);
        set_op(at, S_answer_is_lost, false, which, u, IDLE);
        break;
    case WAITING:
    case ORPHAN:
    case IDLE:
        break;
    }
    if (is_alive(p) && !p->stalled)
        set_op(at, S_process_dies, false, which, u, may_be_done(p) ? ORPHAN : IDLE);
}

/* --- the game server -------------------------------------------------------------------------- */

static void
server_does_it(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    if (!p->creator && !g.made)
        return;
    if (p->creator)
        g.made = true;
    p->inside = true;
    p->op = (uint8_t)(p->op == ASKED     ? ASKED_DONE
                      : p->op == LATE    ? LATE_DONE
                      : p->op == WAITING ? WAITING_DONE
                                         : IDLE);
    step_add(at, S_server_does_it, true, which, g);
}

static void
server_answers(const struct at *at, size_t which, size_t u)
{
    const struct player *p = &at->from->game[which].player[u];

    if (!may_be_done(p))
        return;
    server_does_it(at, which, u);
    if (p->op == ASKED || p->op == WAITING)
        set_op(at, S_server_refuses, true, which, u, REFUSED);
    if ((p->op == WAITING || p->op == ORPHAN) && !p->stalled)
        set_op(at, S_question_is_lost, true, which, u, IDLE);
}

static void
server_with_player(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];

    if (g.player[u].inside) {
        drop(&g.player[u]);
        g.player[u].kept = (at->from->rules & REJOINS) && g.state != CREATED && g.state != ENDED;
        step_add(at, S_player_drops, false, which, g);
        g = at->from->game[which];
    }
    if (g.player[u].removing) {
        drop(&g.player[u]);
        g.player[u].removing = false;
        step_add(at, S_server_removes_player, true, which, g);
        g = at->from->game[which];
        g.player[u].removing = false;
        step_add(at, S_question_is_lost, true, which, g);
    }
}

/* Who dropped comes back with his token, while his seat is kept or the game server has yet to be
 * told to remove him. */
static void
server_with_token(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    if (!p->kept || p->seat == NONE)
        return;
    p->inside = true;
    p->kept = false;
    step_add(at, S_player_returns, false, which, g);
}

static void
server_with_game(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    if (!g.made)
        return;
    unmake(&g);
    step_add(at, S_server_restarts, false, which, g);
    say_removed(&g);
    step_add(at, S_server_ends_game, false, which, g);
}

/* --- the worker: the curator's calls and events ----------------------------------------------- */

static void
worker_tells(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    g.heard = true;
    if (g.task == TELLS_GAME) {
        unmake(&g);
        step_add(at, S_server_removes_game, true, which, g);
        say_removed(&g);
        step_add(at, S_server_removes_game, true, which, g);
    } else {
        for (size_t u = 0; u < PLAYERS; u++)
            if (g.player[u].told)
                drop(&g.player[u]);
        step_add(at, S_server_removes_player, true, which, g);
    }
    g = at->from->game[which];
    for (size_t u = 0; u < PLAYERS; u++)
        if (g.player[u].told)
            g.player[u].removing = true;
    g.task = RESTS;
    step_add(at, S_removal_fails, false, which, g);
}

static void
worker_steps(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    if (g.task == RESTS) {
        step_expire_game(at, which);
        for (size_t u = 0; u < PLAYERS; u++)
            step_expire_seat(at, which, u);
        return;
    }
    if (!g.heard)
        worker_tells(at, which);
    else if (g.task == TELLS_GAME)
        step_game_gone(at, which);
    else
        step_player_gone(at, which);
    g.task = RESTS;
    step_add(at, S_worker_dies, false, which, g);
}

/* --- time ------------------------------------------------------------------------------------- */

/* Whether that moment can be over: nothing can come any more of what it was set for. */
static bool
can_be_over(const struct at *at, const struct player *p)
{
    if (p->stalled)
        return true;
    return !may_be_done(p) && p->op != INTENT && (p->op != LOOKING || at->bug == LEAVE_TOO_EARLY);
}

static void
until_passes(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];
    bool over = g.later;

    for (size_t u = 0; u < PLAYERS; u++)
        over = over && (!g.player[u].creator || can_be_over(at, &g.player[u]));
    if (over) {
        g.later = false;
        step_add(at, S_until_passes, true, which, g);
    }
    for (size_t u = 0; u < PLAYERS; u++) {
        g = at->from->game[which];
        if (g.player[u].seat != LEAVING_LATER || !can_be_over(at, &g.player[u]))
            continue;
        g.player[u].seat = LEAVING;
        step_add(at, S_until_passes, true, which, g);
    }
}

/* --- the model -------------------------------------------------------------------------------- */

void
lobby_next(const struct world *from, unsigned bug, step_fn *fn, void *cookie)
{
    struct at at = {.from = from, .bug = bug, .fn = fn, .cookie = cookie};

    for (size_t g = 0; g < GAMES; g++) {
        worker_steps(&at, g);
        step_removed_event(&at, g);
        until_passes(&at, g);
        for (at.player = 0; at.player < PLAYERS; at.player++) {
            op_steps(&at, g, at.player);
            server_answers(&at, g, at.player);
            step_player_events(&at, g, at.player);
            server_with_player(&at, g, at.player);
            server_with_token(&at, g, at.player);
            step_create_intent(&at, g, at.player);
            step_quick_match(&at, g, at.player);
            step_seat_reserve(&at, g, at.player);
            step_seat_leave(&at, g, at.player);
        }
        step_game_remove(&at, g);
        step_state_events(&at, g);
        server_with_game(&at, g);
    }
}

static void
add_packed(void *cookie, const struct step_taken *how, const struct world *to)
{
    struct packed packed;

    if (!search_minds(cookie, how->quiet))
        return;
    packed = world_pack(to);
    search_add(cookie, how->step, how->quiet, &packed);
}

static void
add_if_wrong(void *cookie, const struct step_taken *how, const struct world *to)
{
    for (size_t u = 0; u < PLAYERS; u++)
        if (held(to, u) > 1)
            add_packed(cookie, how, to);
}

/* Other games can do two things: have players who then can have no seat here, which is as if these
 * did nothing; and nothing. So no states come of them, but nobody may get a second seat, whoever
 * else has one in another game. */
static void
next(struct search *s, const struct packed *from, unsigned bug)
{
    struct world w = world_unpack(from);

    lobby_next(&w, bug, add_packed, s);
    if (!(w.rules & OTHERS) || !search_minds(s, false))
        return;
    for (size_t u = 0; u < PLAYERS; u++)
        w.elsewhere[u] = held(&w, u) == 0;
    lobby_next(&w, bug, add_if_wrong, s);
}

static size_t
seen_from(const struct packed *state, struct packed ret_seen[static 2])
{
    struct world w = world_unpack(state);

    for (size_t g = 0; g < GAMES; g++)
        ret_seen[g] = world_seen_from(&w, g);
    return GAMES;
}

/* So many steps of two games are clients', events or faults; and of one whose seats are kept. */
#define FULL 3
#define SHORT 2
#define KEPT 5

static struct packed
first(enum state second, uint8_t chances, uint8_t rules)
{
    return world_pack(&(struct world){.game = {{.state = FRESH}, {.state = (uint8_t)second}},
                                      .chances = chances,
                                      .rules = rules});
}

/* A game as match_done leaves it. */
static struct packed
first_of_match(void)
{
    struct world w = {.game = {{.state = CREATED, .made = true}, {.state = GONE}},
                      .chances = UNBOUNDED,
                      .rules = OTHERS | REJOINS | MIGRATES | CLOSED};

    for (size_t u = 0; u < SEATS; u++)
        w.game[0].player[u] = (struct player){.seat = CONFIRMED, .inside = true, .creator = u == 0};
    return world_pack(&w);
}

/* One that its two players have joined, whose seats are kept. */
static struct packed
first_of_kept(void)
{
    struct world w = {.game = {{.state = CREATOR_JOINED, .made = true}, {.state = GONE}},
                      .chances = KEPT,
                      .rules = OTHERS | REJOINS | MIGRATES};

    for (size_t u = 0; u < SEATS; u++)
        w.game[0].player[u] = (struct player){.seat = CONNECTED, .inside = true, .creator = u == 0};
    return world_pack(&w);
}

#define LOBBY_MODEL(called, begins, all)  \
    const struct model lobby_##called = { \
        .name = "lobby_" #called,         \
        .steps = step_table,              \
        .nsteps = NSTEPS,                 \
        .bugs = bugs,                     \
        .nbugs = NBUGS,                   \
        .nquick = GONE_TOO_EARLY,         \
        .first = begins,                  \
        .next = next,                     \
        .wrong = world_wrong,             \
        .is_clean = world_is_clean,       \
        .seen_from = seen_from,           \
        .print = world_print,             \
        .whole = all,                     \
    }
#define LOBBY_FROM_NOTHING(called, second, chances, with, all) \
    static struct packed first_of_##called(void)               \
    {                                                          \
        return first(second, chances, with);                   \
    }                                                          \
    LOBBY_MODEL(called, first_of_##called, all)

LOBBY_FROM_NOTHING(one_game, GONE, UNBOUNDED, OTHERS, false);
LOBBY_FROM_NOTHING(two_games, FRESH, FULL, 0, false);
LOBBY_FROM_NOTHING(two_games_short, FRESH, SHORT, 0, false);
LOBBY_MODEL(kept_seats, first_of_kept, false);
LOBBY_MODEL(match_game, first_of_match, false);
