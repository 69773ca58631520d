/*
 * Tickets and matches as a model: three players, each of whom may open a ticket, alone or with
 * another one; two matches at a time of two players each; a process for each match, a curator, one
 * game server; any number of other games. Steps that are Redis functions do what the function of
 * that name does (lib/redis/tickets.lua, match.lua and lobby.lua); those of a making are the steps
 * between them in worker/matchmaker/making.c and making_game.c.
 *
 * What a worker believes is in no state: whoever matches may try any tickets at any moment, and
 * whoever cares for what is due may find that any deadline has passed. So it does not matter who
 * holds the lease, nor whether two believe that they do. For time see lobby_model.c.
 *
 * A game that was made goes on as the lobby's model has it, from where it is created and all its
 * seats are confirmed; here it ends at any moment.
 */
#include "tests/model/ticket_world.h"

#define ROW_OF(name, kind) {#name, STEP_##kind},
static const struct step steps[] = {TICKET_STEPS(ROW_OF)};
#undef ROW_OF

static const char *const bugs[] = {
    NULL,
    "match_take does not look at a ticket's state",
    "match_take takes one of two tickets",
    "match_take does not look for games",
    "match_done does not mind a cancelled ticket",
    "match_failed forgets the late game server",
    "match_failed leaves a game alone that is being removed",
    "match_failed adopts no game of which Redis knows nothing",
    "match_failed at the deadline without until",
    "ticket_open does not look for another ticket",
    "ticket_open does not look for games",
    "ticket_join does not look for another ticket",
    "match_take without a deadline",
    "match_failed forgets a ticket",
    "match_failed forgets a ticket's deadline",
};

struct at {
    const struct tickets *from;
    unsigned bug;
    ticket_fn *fn;
    void *cookie;
    struct ticket_taken how; /* whose step it is */
};

/* --- what functions have in common ------------------------------------------------------------ */

/* The question for the game is with the game server, which may yet do it. */
static bool
may_be_made(const struct match *m)
{
    return m->making == ASKED || m->making == LATE || m->making == WAITS || m->making == ORPHAN;
}

static bool
may_be_joined(const struct match *m)
{
    return m->join == JOIN_ASKED || m->join == JOIN_LATE;
}

static bool
is_alive(const struct match *m)
{
    return m->making != IDLE && m->making != ORPHAN;
}

/* What makes no difference any more is forgotten. */
static void
tidy_match(struct match *m)
{
    if (!may_be_joined(m) && m->making != JOINING)
        m->join = NOT_ASKED;
    if (m->making != TAKEN && !is_alive(m))
        m->stalled = false;
    if (!m->tells)
        m->heard = m->counts = false;
    if (m->game == NO_GAME)
        m->event = NO_EVENT;
    if (m->game == NO_GAME || m->game == REMOVING)
        m->seats = 0;
    if (m->game != REMOVING)
        m->later = false;
    for (size_t i = 0; i < TICKET_PLAYERS; i++)
        if (!is_alive(m) && !m->record && (m->game != RUNNING || m->ref[i] == HAS))
            m->ref[i] = NOT_IN_IT;
    if (m->game == NO_GAME && !m->made && m->making == IDLE && !m->record)
        m->join = NOT_ASKED;
}

static void
tidy(struct tickets *w)
{
    for (size_t i = 0; i < TICKET_PLAYERS; i++) {
        struct ticket *t = &w->ticket[i];

        if (!ticket_is_active(t))
            t->members = 0;
        if (t->state != STARTING)
            t->match = 0;
    }
    for (size_t m = 0; m < TICKET_MATCHES; m++)
        tidy_match(&w->match[m]);
}

static void
emit(const struct at *at, size_t step, bool quiet, struct tickets to)
{
    struct ticket_taken how = at->how;

    if (!quiet && to.chances != TICKET_UNBOUNDED && to.chances-- == 0)
        return;
    how.step = step;
    how.quiet = quiet;
    tidy(&to);
    at->fn(at->cookie, &how, &to);
}

/* tickets.lua: end_ticket(). A match that has it has lost it. */
static void
end_ticket(struct tickets *w, size_t ticket)
{
    struct ticket *t = &w->ticket[ticket];

    if (t->state == STARTING && w->match[t->match].ref[ticket] == HAS)
        w->match[t->match].ref[ticket] = LOST;
    t->state = OVER;
    t->due = true;
}

/* games.lua: remove() */
static void
remove_game(struct match *m, bool later)
{
    m->game = REMOVING;
    m->later = later;
    m->counts = false;
    if (m->event == REMOVED_IN_TIME)
        m->event = REMOVED;
}

/* --- tickets.lua ------------------------------------------------------------------------------ */

static void
ticket_open(struct at *at, size_t u)
{
    for (int party = 0; party < 2; party++) {
        struct tickets to = *at->from;
        struct ticket *t = &to.ticket[u];

        if (ticket_is_active(t) || (tickets_of(at->from, u) > 0 && at->bug != OPEN_BLINDLY) ||
            (tickets_held(at->from, u) > 0 && at->bug != OPEN_IN_GAME))
            continue;
        *t = (struct ticket){
            .state = party ? FORMING : WAITING, .members = (uint8_t)(1U << u), .due = true};
        emit(at, T_ticket_open, false, to);
    }
}

static void
ticket_join(struct at *at, size_t u, size_t ticket)
{
    struct tickets to = *at->from;
    struct ticket *t = &to.ticket[ticket];

    if (t->state != FORMING || t->members != 1U << ticket || u == ticket ||
        (tickets_of(at->from, u) > 0 && at->bug != JOIN_BLINDLY) || tickets_held(at->from, u) > 0)
        return;
    t->members |= (uint8_t)(1U << u);
    emit(at, T_ticket_join, false, to);
}

static void
ticket_ready(struct at *at, size_t ticket)
{
    struct tickets to = *at->from;

    if (to.ticket[ticket].state != FORMING)
        return;
    to.ticket[ticket].state = WAITING;
    emit(at, T_ticket_ready, false, to);
}

static void
ticket_cancel(struct at *at, size_t u, size_t ticket)
{
    struct tickets to = *at->from;
    struct ticket *t = &to.ticket[ticket];

    if (!ticket_is_active(t) || !(t->members >> u & 1))
        return;
    if (t->state == FORMING && u != ticket)
        t->members &= (uint8_t) ~(1U << u);
    else
        end_ticket(&to, ticket);
    emit(at, T_ticket_cancel, false, to);
}

static void
ticket_revoke(struct at *at, size_t ticket)
{
    struct tickets to = *at->from;

    if (!ticket_is_active(&to.ticket[ticket]))
        return;
    end_ticket(&to, ticket);
    emit(at, T_ticket_revoke, false, to);
}

static void
ticket_expire(struct at *at, size_t ticket)
{
    struct tickets to = *at->from;

    if (!to.ticket[ticket].due)
        return;
    if (ticket_is_active(&to.ticket[ticket]))
        end_ticket(&to, ticket);
    else
        to.ticket[ticket] = (struct ticket){.state = NO_TICKET};
    emit(at, T_ticket_expire, true, to);
}

static void
tickets_note(struct at *at, size_t ticket)
{
    if (at->from->ticket[ticket].state == WAITING)
        emit(at, T_tickets_note, false, *at->from);
}

/* --- match.lua -------------------------------------------------------------------------------- */

/* As a bit each: those of the tickets whose players have a game. */
static unsigned
unusable(const struct at *at, unsigned tickets)
{
    unsigned which = 0;

    for (size_t i = 0; i < TICKET_PLAYERS; i++)
        for (size_t u = 0; u < TICKET_PLAYERS; u++)
            if ((tickets >> i & 1) && (at->from->ticket[i].members >> u & 1) &&
                tickets_held(at->from, u) > 0 && at->bug != TAKE_HOLDERS)
                which |= 1U << i;
    return which;
}

/* Tickets that wait, and their players; of those that do not the function says so, and does
 * nothing. */
static void
match_take(struct at *at, size_t which, unsigned tickets)
{
    struct tickets to = *at->from;
    struct match *m = &to.match[which];
    unsigned gone = unusable(at, tickets), seats = 0, n = 0;

    for (size_t i = 0; i < TICKET_PLAYERS; i++) {
        const struct ticket *t = &to.ticket[i];

        if (!(tickets >> i & 1))
            continue;
        if (t->state != WAITING && (at->bug != TAKE_BLINDLY || t->state == NO_TICKET))
            return;
        if (gone >> i & 1)
            end_ticket(&to, i);
        seats |= t->members | 1U << i;
        n += 1U + ((t->members & ~(1U << i)) != 0);
    }
    if (gone == 0) {
        if (n != TICKET_SEATS)
            return;
        *m = (struct match){.game = CREATING,
                            .making = TAKEN,
                            .seats = (uint8_t)seats,
                            .record = true,
                            .due = at->bug != TAKE_WITHOUT_END};
        for (size_t i = 0; i < TICKET_PLAYERS; i++)
            if (tickets >> i & 1) {
                m->ref[i] = at->from->ticket[i].state == WAITING ? HAS : STOLEN;
                to.ticket[i].state = STARTING;
                to.ticket[i].match = (uint8_t)which;
                to.ticket[i].due = false;
                if (at->bug == TAKE_ONE)
                    break;
            }
    }
    emit(at, T_match_take, false, to);
}

static bool
has_lost(const struct match *m)
{
    for (size_t i = 0; i < TICKET_PLAYERS; i++)
        if (m->ref[i] == LOST)
            return true;
    return false;
}

static void
match_done(struct at *at, size_t which)
{
    struct tickets to = *at->from;
    struct match *m = &to.match[which];

    if (m->game != CREATING || (has_lost(m) && at->bug != DONE_BLINDLY)) {
        m->making = FAILING;
    } else {
        m->game = RUNNING;
        m->making = IDLE;
        m->record = m->due = false;
        for (size_t i = 0; i < TICKET_PLAYERS; i++)
            if (m->ref[i] == HAS) {
                to.ticket[i].state = OVER;
                to.ticket[i].due = true;
            }
    }
    emit(at, T_match_done, true, to);
}

/* Until is 0, now, or yet to come. */
enum until { UNTIL_NEVER, UNTIL_NOW, UNTIL_LATER };

/* The game server does not want a player: that ticket may have been refused too often. */
static void
put_back(const struct at *at, struct tickets *w, size_t which, bool refused)
{
    struct match *m = &w->match[which];
    bool last = true;

    for (size_t i = TICKET_PLAYERS; i-- > 0;) {
        struct ticket *t = &w->ticket[i];

        if (m->ref[i] != HAS)
            continue;
        m->ref[i] = LOST;
        if (at->bug == FAILED_FORGETS_ONE && last) {
            last = false;
            continue;
        }
        t->state = refused ? OVER : WAITING;
        t->due = at->bug != FAILED_FORGETS_DUE;
        refused = false;
    }
}

/* lobby.lua: disown(). knows: which game server it is, so that a game of which nothing is known can
 * be stated. */
static void
disown(const struct at *at, struct match *m, enum until until, bool knows)
{
    bool wanted = m->game == CREATING || (m->game == REMOVING && at->bug != FAILED_KNOWS_LITTLE);

    if (until == UNTIL_LATER && at->bug == FAILED_FORGETS_GAME)
        until = UNTIL_NEVER;
    if (wanted && until == UNTIL_NEVER)
        m->game = NO_GAME;
    else if (wanted ||
             (m->game == NO_GAME && until != UNTIL_NEVER && knows && at->bug != FAILED_ADOPTS_NOT))
        remove_game(m, until == UNTIL_LATER);
}

static void
match_failed(struct at *at, size_t which, enum until until, bool refused, bool process,
             enum making then)
{
    struct tickets to = *at->from;
    struct match *m = &to.match[which];

    disown(at, m, until, process);
    put_back(at, &to, which, refused);
    m->record = m->due = false;
    if (process)
        m->making = (uint8_t)then;
    else if (m->making == TAKEN)
        m->stalled = true;
    emit(at, T_match_failed, true, to);
}

/* worker/matchmaker/ticketcare.c: fail_match(). Whose deadline is over that may have passed. */
static void
care_for_match(struct at *at, size_t which)
{
    if (at->from->match[which].due)
        match_failed(at, which, at->bug == FAILED_TOO_EARLY ? UNTIL_NOW : UNTIL_LATER, false, false,
                     IDLE);
}

/* --- lobby.lua -------------------------------------------------------------------------------- */

static void
create_failed(struct at *at, size_t which, bool undo)
{
    struct tickets to = *at->from;
    struct match *m = &to.match[which];

    m->making = IDLE;
    disown(at, m, undo ? UNTIL_NOW : UNTIL_NEVER, true);
    emit(at, T_create_failed, true, to);
}

static void
expire(struct at *at, size_t which)
{
    struct tickets to = *at->from;
    struct match *m = &to.match[which];

    if (m->game == NO_GAME || m->tells)
        return;
    if (m->game == CREATING && m->making == TAKEN)
        m->stalled = true;
    if (m->game != REMOVING)
        remove_game(m, m->game == CREATING);
    m->tells = true;
    m->counts = !m->later;
    emit(at, T_expire, true, to);
}

static void
game_gone(struct at *at, size_t which)
{
    struct tickets to = *at->from;
    struct match *m = &to.match[which];

    if (m->game == REMOVING && m->counts)
        m->game = NO_GAME;
    m->tells = false;
    emit(at, T_game_gone, true, to);
}

/* --- the making ------------------------------------------------------------------------------- */

static void
set_making(struct at *at, size_t step, bool quiet, size_t which, enum making making)
{
    struct tickets to = *at->from;

    to.match[which].making = (uint8_t)making;
    emit(at, step, quiet, to);
}

/* The game is there. Who has heard that a ticket was cancelled asks for nobody else. */
static void
making_asks_join(struct at *at, size_t which)
{
    struct tickets to = *at->from;

    to.match[which].making = JOINING;
    to.match[which].join = JOIN_ASKED;
    emit(at, T_making_asks_join, true, to);
    if (has_lost(&at->from->match[which]))
        set_making(at, T_making_settles, true, which, FAILING);
}

static void
making_settles(struct at *at, size_t which)
{
    const struct match *m = &at->from->match[which];

    if (m->join == JOIN_DONE) {
        set_making(at, T_making_settles, true, which, CONFIRMING);
        set_making(at, T_answer_is_lost, false, which, FAILING_LATER);
        if (has_lost(m))
            set_making(at, T_making_settles, true, which, FAILING);
    } else if (m->join == JOIN_REFUSED) {
        set_making(at, T_making_settles, true, which, FAILING);
    } else if (m->join == JOIN_ASKED) {
        struct tickets to = *at->from;

        to.match[which].join = JOIN_LATE;
        to.match[which].making = FAILING_LATER;
        emit(at, T_making_is_late, false, to);
    }
}

/* Refused or not: a refusal that was the player's fault counts. */
static void
making_fails(struct at *at, size_t which, enum until until, enum making then)
{
    match_failed(at, which, until, false, true, then);
    if (until != UNTIL_LATER)
        match_failed(at, which, until, true, true, then);
}

static void
making_steps(struct at *at, size_t which)
{
    const struct match *m = &at->from->match[which];

    switch ((enum making)m->making) {
    case TAKEN:
        set_making(at, T_making_asks, true, which, ASKED);
        break;
    case ASKED:
        if (!m->stalled)
            set_making(at, T_making_is_late, false, which, LATE);
        break;
    case ASKED_DONE:
        making_asks_join(at, which);
        if (!m->stalled)
            set_making(at, T_making_is_late, false, which, LATE_DONE);
        break;
    case REFUSED:
        making_fails(at, which, UNTIL_NEVER, IDLE);
        break;
    case LATE:
        making_fails(at, which, UNTIL_LATER, WAITS);
        break;
    case LATE_DONE:
        making_fails(at, which, UNTIL_LATER, WAITS_DONE);
        break;
    case WAITS_DONE:
        create_failed(at, which, true);
        set_making(at, T_answer_is_lost, false, which, IDLE);
        break;
    case WAITS_REFUSED:
        create_failed(at, which, false);
        break;
    case JOINING:
        making_settles(at, which);
        break;
    case CONFIRMING:
        match_done(at, which);
        break;
    case FAILING:
        making_fails(at, which, UNTIL_NOW, IDLE);
        break;
    case FAILING_LATER:
        making_fails(at, which, UNTIL_LATER, IDLE);
        break;
    case WAITS:
    case ORPHAN:
    case IDLE:
        break;
    }
}

static void
making_dies(struct at *at, size_t which)
{
    const struct match *m = &at->from->match[which];
    struct tickets to = *at->from;

    if (!is_alive(m) || m->stalled)
        return;
    if (m->join == JOIN_ASKED)
        to.match[which].join = JOIN_LATE;
    to.match[which].making = may_be_made(m) ? ORPHAN : IDLE;
    emit(at, T_process_dies, false, to);
}

/* --- the game server -------------------------------------------------------------------------- */

static void
server_makes(struct at *at, size_t which)
{
    const struct match *m = &at->from->match[which];
    struct tickets to = *at->from;

    if (!may_be_made(m))
        return;
    to.match[which].made = true;
    to.match[which].making = (uint8_t)(m->making == ASKED   ? ASKED_DONE
                                       : m->making == LATE  ? LATE_DONE
                                       : m->making == WAITS ? WAITS_DONE
                                                            : IDLE);
    emit(at, T_server_makes_it, true, to);
    if (m->making == ASKED)
        set_making(at, T_server_refuses, true, which, REFUSED);
    if (m->making == WAITS)
        set_making(at, T_server_refuses, true, which, WAITS_REFUSED);
    if ((m->making == WAITS || m->making == ORPHAN) && !m->stalled)
        set_making(at, T_question_is_lost, true, which, IDLE);
}

static void
server_joins(struct at *at, size_t which)
{
    const struct match *m = &at->from->match[which];
    struct tickets to = *at->from;

    if (!may_be_joined(m))
        return;
    if (m->join == JOIN_LATE) {
        to.match[which].join = NOT_ASKED;
        emit(at, T_server_joins, true, to);
        return;
    }
    to.match[which].join = JOIN_REFUSED;
    emit(at, T_server_refuses, true, to);
    to.match[which].join = JOIN_DONE;
    if (m->made)
        emit(at, T_server_joins, true, to);
}

/* The game is over on the game server, which says so. */
static void
unmake(struct match *m, bool says)
{
    m->made = false;
    if (says)
        m->event = m->game == REMOVING && !m->later ? REMOVED_IN_TIME : REMOVED;
}

static void
server_ends(struct at *at, size_t which)
{
    struct tickets to = *at->from;

    if (!to.match[which].made)
        return;
    unmake(&to.match[which], false);
    emit(at, T_server_restarts, false, to);
    unmake(&to.match[which], true);
    emit(at, T_server_ends_game, false, to);
}

/* --- the curator, events, time ---------------------------------------------------------------- */

static void
curator_steps(struct at *at, size_t which)
{
    const struct match *m = &at->from->match[which];
    struct tickets to = *at->from;

    if (!m->tells) {
        expire(at, which);
        return;
    }
    if (!m->heard) {
        to.match[which].heard = true;
        unmake(&to.match[which], false);
        emit(at, T_server_removes_game, true, to);
        unmake(&to.match[which], true);
        emit(at, T_server_removes_game, true, to);
        to = *at->from;
        to.match[which].tells = false;
        emit(at, T_removal_fails, false, to);
    } else {
        game_gone(at, which);
    }
    to = *at->from;
    to.match[which].tells = false;
    emit(at, T_worker_dies, false, to);
}

static void
removed_event(struct at *at, size_t which)
{
    struct tickets to = *at->from;
    struct match *m = &to.match[which];

    if (m->event == NO_EVENT)
        return;
    if (m->game != REMOVING || m->event == REMOVED_IN_TIME)
        m->game = NO_GAME;
    m->event = NO_EVENT;
    emit(at, T_event_game_removed, true, to);
}

static void
until_passes(struct at *at, size_t which)
{
    struct tickets to = *at->from;
    const struct match *m = &at->from->match[which];

    if (!m->later || (!m->stalled && (may_be_made(m) || m->making == TAKEN)))
        return;
    to.match[which].later = false;
    emit(at, T_until_passes, true, to);
}

/* --- the model -------------------------------------------------------------------------------- */

/* A match whose place can be taken by another one: nothing is left of it. */
static bool
is_free(const struct match *m)
{
    return m->game == NO_GAME && !m->record && !m->made && m->making == IDLE && !m->tells &&
           m->join == NOT_ASKED;
}

static void
match_steps(struct at *at, size_t which)
{
    const struct match *m = &at->from->match[which];

    at->how.match = which;
    if (is_free(m)) {
        for (at->how.tickets = 1; at->how.tickets < 1U << TICKET_PLAYERS; at->how.tickets++)
            match_take(at, which, at->how.tickets);
        return;
    }
    care_for_match(at, which);
    making_steps(at, which);
    making_dies(at, which);
    server_makes(at, which);
    server_joins(at, which);
    server_ends(at, which);
    curator_steps(at, which);
    removed_event(at, which);
    until_passes(at, which);
}

void
tickets_next(const struct tickets *from, unsigned bug, ticket_fn *fn, void *cookie)
{
    struct at at = {.from = from, .bug = bug, .fn = fn, .cookie = cookie};

    for (size_t i = 0; i < TICKET_PLAYERS; i++) {
        at.how.ticket = at.how.player = i;
        ticket_open(&at, i);
        ticket_ready(&at, i);
        ticket_revoke(&at, i);
        ticket_expire(&at, i);
        tickets_note(&at, i);
        for (size_t u = 0; u < TICKET_PLAYERS; u++) {
            at.how.player = u;
            ticket_join(&at, u, i);
            ticket_cancel(&at, u, i);
        }
    }
    for (size_t m = 0; m < from->matches; m++)
        match_steps(&at, m);
}

static void
add_packed(void *cookie, const struct ticket_taken *how, const struct tickets *to)
{
    struct packed packed;

    if (!search_minds(cookie, how->quiet))
        return;
    packed = tickets_pack(to);
    search_add(cookie, how->step, how->quiet, &packed);
}

static void
add_if_wrong(void *cookie, const struct ticket_taken *how, const struct tickets *to)
{
    for (size_t u = 0; u < TICKET_PLAYERS; u++)
        if (tickets_held(to, u) > 1)
            add_packed(cookie, how, to);
}

static void
next(struct search *s, const struct packed *from, unsigned bug)
{
    struct tickets w = tickets_unpack(from);

    tickets_next(&w, bug, add_packed, s);
    if (w.matches > 1 || !search_minds(s, false))
        return;
    for (size_t u = 0; u < TICKET_PLAYERS; u++)
        w.elsewhere[u] = tickets_held(&w, u) == 0;
    tickets_next(&w, bug, add_if_wrong, s);
}

static size_t
seen_from(const struct packed *state, struct packed ret_seen[static 2])
{
    struct tickets w = tickets_unpack(state);

    for (size_t m = 0; m < TICKET_MATCHES; m++)
        ret_seen[m] = tickets_seen_from(&w, m);
    return TICKET_MATCHES;
}

/* So many steps of two matches are clients', the matcher's or faults. */
#define FULL 4

#define TICKET_MODEL(called, at_once, steps_at_most, all)                                     \
    static struct packed first_of_##called(void)                                              \
    {                                                                                         \
        return tickets_pack(&(struct tickets){.matches = at_once, .chances = steps_at_most}); \
    }                                                                                         \
    const struct model ticket_##called = {                                                    \
        .name = "ticket_" #called,                                                            \
        .steps = steps,                                                                       \
        .nsteps = TICKET_NSTEPS,                                                              \
        .bugs = bugs,                                                                         \
        .nbugs = TICKET_NBUGS,                                                                \
        .nquick = TAKE_WITHOUT_END - 1,                                                       \
        .whole = all,                                                                         \
        .first = first_of_##called,                                                           \
        .next = next,                                                                         \
        .wrong = tickets_wrong,                                                               \
        .is_clean = tickets_is_clean,                                                         \
        .seen_from = seen_from,                                                               \
        .print = tickets_print,                                                               \
    }

TICKET_MODEL(one_match, 1, TICKET_UNBOUNDED, true);
TICKET_MODEL(two_matches, 2, FULL, false);
