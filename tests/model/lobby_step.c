/*
 * The lobby's model: what the Redis functions do, and the events. Steps do what the function of
 * their name does (lib/redis/lobby.lua, quick.lua and games.lua; tracker.lua for events).
 */
#include "tests/model/lobby_step.h"

#define ROW_OF(name, kind) {#name, STEP_##kind},
const struct step step_table[NSTEPS] = {LOBBY_STEPS(ROW_OF)};
#undef ROW_OF

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
        if ((g->player[u].seat == CONFIRMED && (g->player[u].creator || state > CREATOR_JOINED)) ||
            (g->player[u].seat == AWAY && state == ALL_JOINED))
            g->player[u].seat = CONNECTED;
}

/* games.lua: vacated() */
static void
vacated(const struct at *at, struct game *g)
{
    if (at->from->rules & CLOSED) {
        if (g->state == CREATED || g->state == CREATOR_JOINED)
            remove_game(g, false);
    } else if (g->state == ALL_JOINED) {
        enter(g, CREATOR_JOINED);
    }
}

/* games.lua: succeed(). With two seats nobody came before the other one. */
static bool
succeed(const struct at *at, struct game *g)
{
    size_t old = 0, heir = PLAYERS;

    for (size_t u = 0; u < PLAYERS; u++) {
        if (g->player[u].creator)
            old = u;
        else if (g->player[u].seat == CONNECTED)
            heir = u;
    }
    if (!(at->from->rules & (MIGRATES | CLOSED)) || heir == PLAYERS ||
        (g->state != CREATOR_JOINED && g->state != ALL_JOINED))
        return false;
    g->player[old].creator = false;
    g->player[heir].creator = true;
    return true;
}

/* Nobody is let in while the creator is away. */
static bool
is_hostless(const struct game *g)
{
    for (size_t u = 0; u < PLAYERS; u++)
        if (g->player[u].creator && g->player[u].seat == AWAY)
            return true;
    return false;
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
        if (p->seat == NONE)
            p->kept = false;
        if (!is_leaving(p) || !is_alive(p))
            p->tried = false;
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

void
step_emit(const struct at *at, size_t step, bool quiet, size_t which, struct world to)
{
    struct step_taken how = {.step = step, .quiet = quiet, .game = which, .player = at->player};

    if (!quiet && to.chances != UNBOUNDED && to.chances-- == 0)
        return;
    at->fn(at->cookie, &how, &to);
}

void
step_add(const struct at *at, size_t step, bool quiet, size_t which, struct game game)
{
    struct world to = *at->from;

    tidy(&game);
    to.game[which] = game;
    step_emit(at, step, quiet, which, to);
}

/* --- lobby.lua -------------------------------------------------------------------------------- */

void
step_create_intent(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];

    if (g.state != FRESH || held(at->from, u) >= SEATS_MAX)
        return;
    g.state = CREATING;
    g.player[u].creator = true;
    g.player[u].seat = RESERVED;
    g.player[u].op = INTENT;
    step_add(at, S_create_intent, false, which, g);
}

/* lobby.lua: disown(), of a game that is there or may be. */
static void
disown(struct game *g, bool later, unsigned bug)
{
    if (g->state == CREATING || g->state == REMOVING ||
        (g->state == GONE && bug != UNKNOWN_FORGOTTEN))
        remove_game(g, later);
}

void
step_create_done(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];

    g.player[u].op = IDLE;
    if (g.state == CREATING) {
        g.state = CREATED;
        g.player[u].seat = CONFIRMED;
    } else {
        disown(&g, false, at->bug);
    }
    step_add(at, S_create_done, true, which, g);
}

void
step_create_failed(const struct at *at, size_t which, size_t u, bool undo, bool later, enum op then)
{
    struct game g = at->from->game[which];

    g.player[u].op = (uint8_t)then;
    if (undo && at->bug != FAILED_FORGETS)
        disown(&g, later, at->bug);
    else if (g.state == CREATING || g.state == REMOVING)
        forget(&g);
    step_add(at, S_create_failed, true, which, g);
}

/* quick_match: what it does more than create_intent and seat_reserve is to give seats before the
 * creator is there. */
void
step_quick_match(const struct at *at, size_t which, size_t u)
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
    step_add(at, S_quick_match, false, which, g);
}

/* A disconnect from before the seat is older than it. */
void
step_seat_reserve(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    if (g.state != CREATOR_JOINED || is_hostless(&g) || p->seat != NONE || p->op != IDLE ||
        count(&g, is_taken) >= SEATS ||
        (held(at->from, u) >= SEATS_MAX && at->bug != LIMIT_FORGOTTEN))
        return;
    p->seat = RESERVED;
    p->op = INTENT;
    if (at->bug != STALE_DISCONNECT)
        p->dropped = false;
    step_add(at, S_seat_reserve, false, which, g);
}

void
step_seat_confirm(const struct at *at, size_t which, size_t u)
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
    step_add(at, S_seat_confirm, true, which, g);
}

void
step_seat_release(const struct at *at, size_t which, size_t u, bool undo, bool later, enum op then)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    p->op = (uint8_t)then;
    if (is_running(&g) && !is_sure(p)) {
        if (undo ? at->bug != RELEASE_FORGETS : p->tried && at->bug != RELEASE_FREES)
            leave(&g, u, later);
        else
            p->seat = NONE;
    }
    step_add(at, S_seat_release, true, which, g);
}

void
step_seat_leave(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    if (!is_running(&g) || p->seat == NONE || is_leaving(p))
        return;
    if (p->creator && !succeed(at, &g)) {
        remove_game(&g, false);
    } else {
        bool sure = is_sure(p);

        leave(&g, u, !sure);
        if (sure)
            vacated(at, &g);
    }
    step_add(at, S_seat_leave, false, which, g);
}

void
step_game_remove(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    if (!is_running(&g) || at->from->rules & CLOSED)
        return;
    remove_game(&g, false);
    step_add(at, S_game_remove, false, which, g);
}

/* The process of a question that was not asked yet stood still beyond its deadline. */
static void
note_stalled(struct player *p)
{
    if (p->op == INTENT || p->op == LOOKING)
        p->stalled = true;
}

void
step_expire_game(const struct at *at, size_t which)
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
    step_add(at, S_expire, true, which, g);
}

/* Who was disconnected has not come back, or not come to a closed game: whether that is its end. */
static bool
ends_game(const struct at *at, struct game *g, size_t u)
{
    struct player *p = &g->player[u];

    if (p->seat == CONFIRMED)
        return at->from->rules & CLOSED;
    if (p->seat != AWAY)
        return false;
    if (p->creator && !succeed(at, g))
        return true;
    leave(g, u, false);
    vacated(at, g);
    return g->state == REMOVING;
}

/* Of several seats that are due at once each is a step of its own, but for those that are
 * confirmed: these are taken together, and one of them is told of. */
void
step_expire_seat(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    if (!is_running(&g) && g.state != CREATING)
        return;
    if (p->seat == NONE || p->seat == CONNECTED || (p->creator && p->seat != AWAY) ||
        !(p->seat == RESERVED || p->seat == AWAY || is_leaving(p) || is_waiting(&g)))
        return;
    if (ends_game(at, &g, u)) {
        remove_game(&g, false);
        g.task = TELLS_GAME;
        g.counts = true;
        step_add(at, S_expire, true, which, g);
        return;
    }
    if (p->seat == CONFIRMED) {
        for (size_t v = 0; v < PLAYERS; v++)
            if (g.player[v].seat == CONFIRMED)
                leave(&g, v, false);
    } else if (p->seat == RESERVED) {
        note_stalled(p);
        leave(&g, u, true);
    }
    g.task = TELLS_PLAYER;
    p->told = p->tried = true;
    g.counts = p->seat == LEAVING;
    step_add(at, S_expire, true, which, g);
}

void
step_game_gone(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    if (g.state == REMOVING && (g.counts || at->bug == GONE_TOO_EARLY))
        forget(&g);
    g.task = RESTS;
    step_add(at, S_game_gone, true, which, g);
}

void
step_player_gone(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    for (size_t u = 0; u < PLAYERS; u++)
        if (g.player[u].told && is_leaving(&g.player[u]) && g.counts)
            g.player[u].seat = NONE;
    g.task = RESTS;
    step_add(at, S_player_gone, true, which, g);
}

/* --- events ----------------------------------------------------------------------------------- */

static bool
has_dropped(const struct game *g)
{
    for (size_t u = 0; u < PLAYERS; u++)
        if (g->player[u].dropped)
            return true;
    return false;
}

/* tracker.lua: EVENTS. Those of states may come at any time, whatever the game server has; but
 * where a seat is kept or not by the state, behind a disconnect that was before them. */
void
step_state_events(const struct at *at, size_t which)
{
    static const struct {
        size_t step;
        enum state state;
    } events[] = {{S_event_creator_joined, CREATOR_JOINED},
                  {S_event_all_players_joined, ALL_JOINED},
                  {S_event_game_over, ENDED}};

    if ((at->from->rules & REJOINS) && has_dropped(&at->from->game[which]))
        return;

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        struct game g = at->from->game[which];

        if (!is_running(&g) || events[i].state <= (enum state)g.state)
            continue;
        enter(&g, events[i].state);
        step_add(at, events[i].step, false, which, g);
    }
}

void
step_player_events(const struct at *at, size_t which, size_t u)
{
    struct game g = at->from->game[which];
    struct player *p = &g.player[u];

    if (is_running(&g) && (p->seat == CONFIRMED || p->seat == AWAY)) {
        p->seat = CONNECTED;
        step_add(at, S_event_player_connect, false, which, g);
        g = at->from->game[which];
    }
    if (!p->dropped)
        return;
    p->dropped = false;
    if (is_running(&g) && is_sure(p)) {
        if ((at->from->rules & REJOINS) && g.state != CREATED && g.state != ENDED) {
            p->seat = AWAY;
        } else if (p->creator && !succeed(at, &g)) {
            remove_game(&g, false);
        } else {
            p->seat = NONE;
            vacated(at, &g);
        }
    }
    step_add(at, S_event_player_disconnect, true, which, g);
}

void
step_removed_event(const struct at *at, size_t which)
{
    struct game g = at->from->game[which];

    if (g.event == NO_EVENT)
        return;
    if (g.state != REMOVING || g.event == REMOVED_IN_TIME)
        forget(&g);
    g.event = NO_EVENT;
    step_add(at, S_event_game_removed, true, which, g);
}
