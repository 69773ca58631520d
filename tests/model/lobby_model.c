/*
 * The lobby as a model: three players, two games of two seats each, a process for each create or
 * join, one worker, one game server. Steps that are Redis functions do what the function of that
 * name does (lib/redis/lobby.lua and games.lua); those of processes are the steps between them in
 * lib/lobby_seat.c, lobby_quick.c and lobby_expire.c.
 *
 * Time is abstract: what has a deadline may happen from when it is set. Two things are known of
 * time. A process that is alive sends its question before its intent's deadline; or it stood still,
 * and then it is not killed as well. And a moment `until` does not pass before the question that it
 * was set for has come to nothing or to its end.
 */
#include "tests/model/lobby_world.h"

#define STEPS(X)                       \
    X(create_intent, FUNCTION)         \
    X(create_done, FUNCTION)           \
    X(create_failed, FUNCTION)         \
    X(quick_match, FUNCTION)           \
    X(seat_reserve, FUNCTION)          \
    X(seat_confirm, FUNCTION)          \
    X(seat_release, FUNCTION)          \
    X(seat_leave, FUNCTION)            \
    X(game_remove, FUNCTION)           \
    X(expire, FUNCTION)                \
    X(game_gone, FUNCTION)             \
    X(player_gone, FUNCTION)           \
    X(op_looked, PROCESS)              \
    X(op_asks, PROCESS)                \
    X(op_is_late, FAULT)               \
    X(server_does_it, SERVER)          \
    X(server_refuses, SERVER)          \
    X(server_removes_game, SERVER)     \
    X(server_removes_player, SERVER)   \
    X(server_ends_game, SERVER)        \
    X(server_restarts, FAULT)          \
    X(player_drops, SERVER)            \
    X(event_creator_joined, EVENT)     \
    X(event_all_players_joined, EVENT) \
    X(event_game_over, EVENT)          \
    X(event_game_removed, EVENT)       \
    X(event_player_connect, EVENT)     \
    X(event_player_disconnect, EVENT)  \
    X(until_passes, TIME)              \
    X(question_is_lost, FAULT)         \
    X(answer_is_lost, FAULT)           \
    X(process_dies, FAULT)             \
    X(worker_dies, FAULT)              \
    X(removal_fails, FAULT)

#define NAME_OF(name, kind) S_##name,
enum { STEPS(NAME_OF) NSTEPS };
#undef NAME_OF

#define ROW_OF(name, kind) {#name, STEP_##kind},
static const struct step steps[] = {STEPS(ROW_OF)};
#undef ROW_OF

static const char *const bugs[] = {
    NULL,
    "seat_confirm without the reservation",
    "seat_release forgets the late game server",
    "expire forgets to owe the removal",
    "create_failed forgets the late game server",
    "nobody adopts a game of which Redis knows nothing",
    "game_gone before until",
    "seat_leave forgets who has yet to ask",
    "seat_reserve and quick_match without the limit",
    "a disconnect of an earlier stay",
};

/* --- what functions have in common ------------------------------------------------------------ */

/* games.lua: leave() */
static void
leave(struct game *g, size_t u, bool later)
{
    g->player[u].seat = later ? LEAVING_LATER : LEAVING;
    if (g->player[u].told)
        g->counts = false;
}

/* games.lua: remove() */
static void
remove_game(struct game *g, bool later)
{
    g->state = REMOVING;
    g->later = later;
    g->counts = false;
    if (g->event == REMOVED_IN_TIME)
        g->event = REMOVED;
    for (size_t u = 0; u < PLAYERS; u++)
        g->player[u].seat = NONE;
}

static void
forget(struct game *g)
{
    g->state = GONE;
    g->later = false;
    for (size_t u = 0; u < PLAYERS; u++)
        g->player[u].seat = NONE;
}

/* games.lua: enter() */
static void
enter(struct game *g, enum state state)
{
    g->state = (uint8_t)state;
    for (size_t u = 0; u < PLAYERS; u++)
        if (g->player[u].seat == CONFIRMED && (g->player[u].creator || state > CREATOR_JOINED))
            g->player[u].seat = CONNECTED;
}

/* games.lua: vacated() */
static void
vacated(struct game *g)
{
    if (g->state == ALL_JOINED)
        enter(g, CREATOR_JOINED);
}

/* The game server forgets the game, and says so where the game was ended by it or it was told to.
 */
static void
unmake(struct game *g)
{
    g->made = false;
    for (size_t u = 0; u < PLAYERS; u++)
        g->player[u].inside = false;
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
    p->inside = false;
}

/* What makes no difference any more is forgotten, so that states are the same that cannot be told
 * apart. */
static void
tidy(struct game *g)
{
    if (!is_running(g) && g->state != CREATING)
        for (size_t u = 0; u < PLAYERS; u++)
            g->player[u].dropped = false;
    if (g->state == GONE)
        g->event = NO_EVENT;
    for (size_t u = 0; u < PLAYERS; u++) {
        struct player *p = &g->player[u];

        if (g->task != TELLS_PLAYER)
            p->told = false;
        if (g->state == GONE && !g->made)
            p->removing = false;
        if (g->state == GONE && p->op == IDLE)
            p->creator = false;
        if (p->op == IDLE || p->op == ORPHAN)
            p->stalled = false;
    }
    if (g->task == RESTS)
        g->heard = g->counts = false;
}

/* One state and the search that it is for. */
struct at {
    struct search *search;
    const struct world *from;
    unsigned bug;
};

static void
add(const struct at *at, size_t step, bool quiet, size_t which, struct game game)
{
    struct world to = *at->from;
    struct packed packed;

    tidy(&game);
    if (!quiet && at->from->chances != UNBOUNDED && to.chances-- == 0)
        return;
    to.game[which] = game;
    packed = world_pack(&to);
    search_add(at->search, step, quiet, &packed);
}

/* --- lobby.lua -------------------------------------------------------------------------------- */

static void
create_intent(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];

    if (g.state != FRESH || held(at->from, u) >= SEATS_MAX)
        return;
    g.state = CREATING;
    g.player[u].creator = true;
    g.player[u].seat = RESERVED;
    g.player[u].op = INTENT;
    add(at, S_create_intent, false, which, g);
}

/* disown(), of a game that is there or may be. */
static void
disown(struct game *g, bool later, unsigned bug)
{
    if (g->state == CREATING || g->state == REMOVING ||
        (g->state == GONE && bug != UNKNOWN_FORGOTTEN))
        remove_game(g, later);
}

static void
create_done(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];

    g.player[u].op = IDLE;
    if (g.state == CREATING) {
        g.state = CREATED;
        g.player[u].seat = CONFIRMED;
    } else {
        disown(&g, false, at->bug);
    }
    add(at, S_create_done, true, which, g);
}

/* then: what the process is at behind it. */
static void
create_failed(const struct at *at, size_t which, size_t u, bool undo, bool later, enum op then)
{
    struct game g = at->from->game[which];
    g.player[u].op = (uint8_t)then;
    if (undo && at->bug != FAILED_FORGETS)
        disown(&g, later, at->bug);
    else if (g.state == CREATING || g.state == REMOVING)
        forget(&g);
    add(at, S_create_failed, true, which, g);
}

/* quick_match: what it does more than create_intent and seat_reserve is to give seats before the
 * creator is there. */
static void
quick_match(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    if ((g.state != CREATING && g.state != CREATED) || p->seat != NONE || p->op != IDLE ||
        count(&g, is_taken) >= SEATS ||
        (held(at->from, u) >= SEATS_MAX && at->bug != LIMIT_FORGOTTEN))
        return;
    p->seat = RESERVED;
    p->op = g.state == CREATING ? LOOKING : INTENT;
    p->dropped = false;
    add(at, S_quick_match, false, which, g);
}

/* A disconnect from before the seat is older than it. */
static void
seat_reserve(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    if (g.state != CREATOR_JOINED || p->seat != NONE || p->op != IDLE ||
        count(&g, is_taken) >= SEATS ||
        (held(at->from, u) >= SEATS_MAX && at->bug != LIMIT_FORGOTTEN))
        return;
    p->seat = RESERVED;
    p->op = INTENT;
    if (at->bug != STALE_DISCONNECT)
        p->dropped = false;
    add(at, S_seat_reserve, false, which, g);
}

static void
seat_confirm(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    p->op = IDLE;
    if (is_running(&g) && !is_sure(p)) {
        bool reserved = p->seat == RESERVED && g.state != ENDED;

        if (reserved || at->bug == CONFIRM_BLINDLY)
            p->seat = CONFIRMED;
        else
            leave(&g, u, false);
    }
    add(at, S_seat_confirm, true, which, g);
}

static void
seat_release(const struct at *at, size_t which, size_t u, bool undo, bool later, enum op then)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    p->op = (uint8_t)then;
    if (is_running(&g) && !is_sure(p)) {
        if (undo && at->bug != RELEASE_FORGETS)
            leave(&g, u, later);
        else
            p->seat = NONE;
    }
    add(at, S_seat_release, true, which, g);
}

static void
seat_leave(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    if (!is_running(&g) || p->seat == NONE || is_leaving(p))
        return;
    if (p->creator) {
        remove_game(&g, false);
    } else {
        bool sure = is_sure(p);

        leave(&g, u, !sure);
        if (sure)
            vacated(&g);
    }
    add(at, S_seat_leave, false, which, g);
}

static void
game_remove(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    if (!is_running(&g))
        return;
    remove_game(&g, false);
    add(at, S_game_remove, false, which, g);
}

/* The process of a question that was not asked yet stood still beyond its deadline. */
static void
note_stalled(struct player *p)
{
    if (p->op == INTENT || p->op == LOOKING)
        p->stalled = true;
}

static void
expire_game(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    if (g.state == FRESH || g.state == GONE || is_waiting(&g))
        return;
    if (g.state == CREATING)
        for (size_t u = 0; u < PLAYERS; u++)
            if (g.player[u].creator)
                note_stalled(&g.player[u]);
    if (g.state == CREATING && at->bug == EXPIRE_FORGETS) {
        forget(&g);
    } else {
        if (g.state != REMOVING)
            remove_game(&g, g.state == CREATING);
        g.task = TELLS_GAME;
        g.counts = !g.later;
    }
    add(at, S_expire, true, which, g);
}

/* Of several seats that are due at once each is a step of its own, but for those that are
 * confirmed: these are taken together, and one of them is told of. */
static void
expire_seat(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    if (!is_running(&g) && g.state != CREATING)
        return;
    if (p->creator || !(p->seat == RESERVED || is_leaving(p) || is_waiting(&g)) ||
        p->seat == NONE || p->seat == CONNECTED)
        return;
    if (p->seat == CONFIRMED) {
        for (size_t v = 0; v < PLAYERS; v++)
            if (g.player[v].seat == CONFIRMED)
                leave(&g, v, false);
    } else if (p->seat == RESERVED) {
        note_stalled(p);
        leave(&g, u, true);
    }
    g.task = TELLS_PLAYER;
    p->told = true;
    g.counts = p->seat == LEAVING;
    add(at, S_expire, true, which, g);
}

static void
game_gone(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    if (g.state == REMOVING && (g.counts || at->bug == GONE_TOO_EARLY))
        forget(&g);
    g.task = RESTS;
    add(at, S_game_gone, true, which, g);
}

static void
player_gone(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    for (size_t u = 0; u < PLAYERS; u++)
        if (g.player[u].told && is_leaving(&g.player[u]) && g.counts)
            g.player[u].seat = NONE;
    g.task = RESTS;
    add(at, S_player_gone, true, which, g);
}

/* --- processes -------------------------------------------------------------------------------- */

static void
set_op(const struct at *at, size_t step, bool quiet, size_t which, size_t u, enum op op)
{
    struct game g = at->from->game[which];

    g.player[u].op = (uint8_t)op;
    add(at, step, quiet, which, g);
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
        create_failed(at, which, u, undo, later, then);
    else
        seat_release(at, which, u, undo, later, then);
}

static void
op_confirm(const struct at *at, size_t which, size_t u)
{
    if (at->from->game[which].player[u].creator)
        create_done(at, which, u);
    else
        seat_confirm(at, which, u);
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
    add(at, S_server_does_it, true, which, g);
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
        add(at, S_player_drops, false, which, g);
        g = at->from->game[which];
    }
    if (g.player[u].removing) {
        drop(&g.player[u]);
        g.player[u].removing = false;
        add(at, S_server_removes_player, true, which, g);
        g = at->from->game[which];
        g.player[u].removing = false;
        add(at, S_question_is_lost, true, which, g);
    }
}

static void
server_with_game(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    if (!g.made)
        return;
    unmake(&g);
    add(at, S_server_restarts, false, which, g);
    say_removed(&g);
    add(at, S_server_ends_game, false, which, g);
}

/* --- the worker: the curator's calls and events ----------------------------------------------- */

static void
worker_tells(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    g.heard = true;
    if (g.task == TELLS_GAME) {
        unmake(&g);
        add(at, S_server_removes_game, true, which, g);
        say_removed(&g);
        add(at, S_server_removes_game, true, which, g);
    } else {
        for (size_t u = 0; u < PLAYERS; u++)
            if (g.player[u].told)
                drop(&g.player[u]);
        add(at, S_server_removes_player, true, which, g);
    }
    g = at->from->game[which];
    for (size_t u = 0; u < PLAYERS; u++)
        if (g.player[u].told)
            g.player[u].removing = true;
    g.task = RESTS;
    add(at, S_removal_fails, false, which, g);
}

static void
worker_steps(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    if (g.task == RESTS) {
        expire_game(at, which);
        for (size_t u = 0; u < PLAYERS; u++)
            expire_seat(at, which, u);
        return;
    }
    if (!g.heard)
        worker_tells(at, which);
    else if (g.task == TELLS_GAME)
        game_gone(at, which);
    else
        player_gone(at, which);
    g.task = RESTS;
    add(at, S_worker_dies, false, which, g);
}

/* tracker.lua: EVENTS. Those of states may come at any time, whatever the game server has. */
static void
state_events(const struct at *at, size_t which)
{
    static const struct {
        size_t step;
        enum state state;
    } events[] = {{S_event_creator_joined, CREATOR_JOINED},
                  {S_event_all_players_joined, ALL_JOINED},
                  {S_event_game_over, ENDED}};

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        struct game g = at->from->game[which];

        if (!is_running(&g) || events[i].state <= (enum state)g.state)
            continue;
        enter(&g, events[i].state);
        add(at, events[i].step, false, which, g);
    }
}

static void
player_events(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    if (is_running(&g) && p->seat == CONFIRMED) {
        p->seat = CONNECTED;
        add(at, S_event_player_connect, false, which, g);
        g = at->from->game[which];
    }
    if (!p->dropped)
        return;
    p->dropped = false;
    if (is_running(&g) && is_sure(p)) {
        if (p->creator) {
            remove_game(&g, false);
        } else {
            p->seat = NONE;
            vacated(&g);
        }
    }
    add(at, S_event_player_disconnect, true, which, g);
}

static void
removed_event(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    if (g.event == NO_EVENT)
        return;
    if (g.state != REMOVING || g.event == REMOVED_IN_TIME)
        forget(&g);
    g.event = NO_EVENT;
    add(at, S_event_game_removed, true, which, g);
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
        add(at, S_until_passes, true, which, g);
    }
    for (size_t u = 0; u < PLAYERS; u++) {
        g = at->from->game[which];
        if (g.player[u].seat != LEAVING_LATER || !can_be_over(at, &g.player[u]))
            continue;
        g.player[u].seat = LEAVING;
        add(at, S_until_passes, true, which, g);
    }
}

/* --- the model -------------------------------------------------------------------------------- */

/* So many steps of two games are clients', events or faults. */
#define FULL 3
#define SHORT 2

static struct packed
first(bool two, uint8_t chances)
{
    uint8_t second = two ? FRESH : GONE;

    return world_pack(
        &(struct world){.game = {{.state = FRESH}, {.state = second}}, .chances = chances});
}

static struct packed
first_of_one(void)
{
    return first(false, UNBOUNDED);
}

static struct packed
first_of_two(void)
{
    return first(true, FULL);
}

static struct packed
first_short(void)
{
    return first(true, SHORT);
}

static void
next(struct search *s, const struct packed *from, unsigned bug)
{
    struct world world = world_unpack(from);
    struct at at = {.search = s, .from = &world, .bug = bug};

    for (size_t g = 0; g < GAMES; g++) {
        worker_steps(&at, g);
        removed_event(&at, g);
        until_passes(&at, g);
        for (size_t u = 0; u < PLAYERS; u++) {
            op_steps(&at, g, u);
            server_answers(&at, g, u);
            player_events(&at, g, u);
            server_with_player(&at, g, u);
            create_intent(&at, g, u);
            quick_match(&at, g, u);
            seat_reserve(&at, g, u);
            seat_leave(&at, g, u);
        }
        game_remove(&at, g);
        state_events(&at, g);
        server_with_game(&at, g);
    }
}

#define LOBBY_MODEL(called, begins, all)                                                      \
    {                                                                                         \
        .name = called, .steps = steps, .nsteps = NSTEPS, .bugs = bugs, .nbugs = NBUGS,       \
        .nquick = GONE_TOO_EARLY, .across = LIMIT_FORGOTTEN, .first = begins, .next = next,   \
        .wrong = world_wrong, .is_clean = world_is_clean, .print = world_print, .whole = all, \
    }

const struct model lobby_one_game = LOBBY_MODEL("one game", first_of_one, true);
const struct model lobby_two_games = LOBBY_MODEL("two games", first_of_two, false);
const struct model lobby_two_games_short = LOBBY_MODEL("two games, short", first_short, false);
