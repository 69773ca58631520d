/*
 * A backfill as a model: a ticket of one player or of two, a listed game with two free seats that
 * others come to and leave too, one backfill at a time, a curator, one game server. Steps that are
 * Redis functions do what the function of that name does (lib/redis/backfill.lua, lobby.lua); those
 * of a making are the steps between them in worker/matchmaker/making.c and making_game.c.
 *
 * What the lobby does for a player who has no ticket is one step here: its own model looks at that.
 * For time, and for who may believe to have the lease, see ticket_model.c: a process that stood
 * still beyond its deadline is not killed as well, and Redis answers it.
 */
#include "tests/model/search.h"

enum { PLAYERS = 2, FREE_SEATS = 2 };

enum ticket_state { NO_TICKET, WAITING, STARTING, OVER };
enum seat_status { NO_SEAT, RESERVED, CONFIRMED, LEAVING };

/* The question for a player; LATE: the making gave up waiting, or is dead. */
enum ask {
    NOT_ASKED,
    ASKED,
    DONE,
    REFUSED,
    LATE,
    LATE_DONE,
    LATE_REFUSED,
    RUBBISH /* it was done, and the answer says nothing */
};

enum making { IDLE, TAKEN, ASKING, CONFIRMING, FAILING, WAITS /* for late answers */ };

enum until { UNTIL_NEVER, UNTIL_NOW, UNTIL_LATER };

enum wrong { NOTHING, CANCELLED_SEATED, STAY_ENDED };

struct player {
    uint8_t seat, ask;
    bool ours;   /* the seat has the backfill's number */
    bool later;  /* leaving: until is yet to come */
    bool there;  /* the game server has the player */
    bool tells;  /* the curator tells the game server to remove the player, */
    bool heard;  /* has its answer, */
    bool counts; /* and told it late enough to settle it */
};

struct backfill {
    struct player player[PLAYERS];
    uint8_t ticket, making, others, wrong;
    bool party;   /* the ticket is both players', else the first one's */
    bool record;  /* Redis has the match, */
    bool due;     /* and its deadline */
    bool stalled; /* the making stood still beyond it */
    bool over;    /* the game is */
};

#define STEPS(X)                     \
    X(ticket_open, FUNCTION)         \
    X(ticket_cancel, FUNCTION)       \
    X(ticket_expire, FUNCTION)       \
    X(backfill_take, FUNCTION)       \
    X(backfill_done, FUNCTION)       \
    X(backfill_failed, FUNCTION)     \
    X(seat_confirm, FUNCTION)        \
    X(seat_leave, FUNCTION)          \
    X(game_remove, FUNCTION)         \
    X(expire, FUNCTION)              \
    X(player_gone, FUNCTION)         \
    X(making_asks, PROCESS)          \
    X(making_settles, PROCESS)       \
    X(making_is_late, FAULT)         \
    X(server_joins, SERVER)          \
    X(server_refuses, SERVER)        \
    X(server_removes_player, SERVER) \
    X(until_passes, TIME)            \
    X(question_is_lost, FAULT)       \
    X(answer_is_lost, FAULT)         \
    X(process_dies, FAULT)           \
    X(worker_dies, FAULT)            \
    X(removal_fails, FAULT)

#define NAME_OF(name, kind) S_##name,
enum { STEPS(NAME_OF) NSTEPS };
#undef NAME_OF

#define ROW_OF(name, kind) {#name, STEP_##kind},
static const struct step steps[] = {STEPS(ROW_OF)};
#undef ROW_OF

enum bug {
    NO_BUG,
    TAKE_BLINDLY,
    DONE_BLINDLY,
    FAILED_FORGETS_LATE,
    FAILED_FORGETS_ASKED,
    FAILED_TOO_EARLY,
    GONE_TOO_EARLY,
    FAILED_ENDS_STAY,
    FAILED_FORGETS_TOLD,
    FAILED_FORGETS_TICKET,
    TAKE_WITHOUT_END,
    NBUGS
};

static const char *const bugs[] = {
    NULL,
    "backfill_take does not look for room",
    "backfill_done does not mind a cancelled ticket",
    "backfill_failed forgets the late game server",
    "backfill_failed forgets a player without a seat",
    "backfill_failed at the deadline without until",
    "player_gone before until",
    "backfill_failed ends another stay",
    "backfill_failed forgets a player who is being removed",
    "backfill_failed forgets the ticket",
    "backfill_take without a deadline",
};

struct at {
    struct search *s;
    const struct backfill *from;
    unsigned bug;
};

/* --- packing ---------------------------------------------------------------------------------- */

static void
put(uint64_t *w, uint64_t value, unsigned bits)
{
    *w = *w << bits | value;
}

static unsigned
get(uint64_t *w, unsigned bits)
{
    unsigned value = (unsigned)(*w & ((1U << bits) - 1));

    *w >>= bits;
    return value;
}

static struct packed
pack(const struct backfill *b)
{
    uint64_t w = 0;

    for (size_t u = 0; u < PLAYERS; u++) {
        const struct player *p = &b->player[u];

        put(&w, p->seat, 2);
        put(&w, p->ask, 3);
        put(&w, (uint64_t)p->ours << 1 | p->later, 2);
        put(&w, (uint64_t)p->there << 1 | p->tells, 2);
        put(&w, (uint64_t)p->heard << 1 | p->counts, 2);
    }
    put(&w, (uint64_t)b->ticket << 3 | b->making, 5);
    put(&w, (uint64_t)b->others << 2 | b->wrong, 4);
    put(&w, (uint64_t)b->party << 1 | b->record, 2);
    put(&w, (uint64_t)b->due << 1 | b->stalled, 2);
    put(&w, b->over, 1);
    return (struct packed){.word = {w, 0}};
}

static struct backfill
unpack(const struct packed *state)
{
    uint64_t w = state->word[0];
    struct backfill b = {.over = get(&w, 1)};

    b.stalled = get(&w, 1);
    b.due = get(&w, 1);
    b.record = get(&w, 1);
    b.party = get(&w, 1);
    b.wrong = (uint8_t)get(&w, 2);
    b.others = (uint8_t)get(&w, 2);
    b.making = (uint8_t)get(&w, 3);
    b.ticket = (uint8_t)get(&w, 2);
    for (size_t u = PLAYERS; u-- > 0;) {
        struct player *p = &b.player[u];

        p->counts = get(&w, 1);
        p->heard = get(&w, 1);
        p->tells = get(&w, 1);
        p->there = get(&w, 1);
        p->later = get(&w, 1);
        p->ours = get(&w, 1);
        p->ask = (uint8_t)get(&w, 3);
        p->seat = (uint8_t)get(&w, 2);
    }
    return b;
}

/* --- what functions have in common ------------------------------------------------------------ */

static size_t
members(const struct backfill *b)
{
    return b->party ? 2 : 1;
}

static bool
is_taken(const struct player *p)
{
    return p->seat == RESERVED || p->seat == CONFIRMED;
}

static int
taken(const struct backfill *b)
{
    return b->others + is_taken(&b->player[0]) + is_taken(&b->player[1]);
}

static bool
may_be_done(const struct player *p)
{
    return p->ask == ASKED || p->ask == LATE;
}

static bool
any_asked(const struct backfill *b, enum ask a)
{
    return b->player[0].ask == a || b->player[1].ask == a;
}

/* What makes no difference any more is forgotten. */
static void
tidy(struct backfill *b)
{
    bool under_way = false;

    for (size_t u = 0; u < PLAYERS; u++) {
        struct player *p = &b->player[u];

        if (p->seat == NO_SEAT)
            p->ours = false;
        if (p->seat != LEAVING)
            p->later = false;
        if (!p->tells)
            p->heard = p->counts = false;
        under_way = under_way || p->ask != NOT_ASKED;
    }
    if (b->making == WAITS && !under_way)
        b->making = IDLE;
    if (b->making == IDLE)
        b->stalled = false;
    if (b->ticket == NO_TICKET && b->making == IDLE && !under_way && !b->record)
        b->party = false;
}

static void
emit(const struct at *at, size_t step, bool quiet, struct backfill to)
{
    struct packed packed;

    if (!search_minds(at->s, quiet))
        return;
    tidy(&to);
    packed = pack(&to);
    search_add(at->s, step, quiet, &packed);
}

/* games.lua: leave() */
static void
leave(struct player *p, bool later)
{
    p->seat = LEAVING;
    p->later = later;
    p->counts = false;
}

/* --- tickets, and the lobby ------------------------------------------------------------------- */

static void
ticket_steps(const struct at *at)
{
    for (int party = 0; party < 2; party++) {
        struct backfill to = *at->from;

        to.party = party;
        if (to.ticket != NO_TICKET || (at->from->party != to.party && to.making != IDLE) ||
            is_taken(&to.player[0]) || (party && is_taken(&to.player[1])))
            continue;
        to.ticket = WAITING;
        emit(at, S_ticket_open, false, to);
    }
    if (at->from->ticket == WAITING || at->from->ticket == STARTING) {
        struct backfill to = *at->from;

        to.ticket = OVER;
        emit(at, S_ticket_cancel, false, to);
    }
    if (at->from->ticket == WAITING || at->from->ticket == OVER) {
        struct backfill to = *at->from;

        to.ticket = to.ticket == WAITING ? OVER : NO_TICKET;
        emit(at, S_ticket_expire, true, to);
    }
}

static bool
has_ticket(const struct backfill *b, size_t u)
{
    return (b->ticket == WAITING || b->ticket == STARTING) && u < members(b);
}

/* A player without a ticket joins by hand and leaves again; so do others. */
static void
lobby_steps(const struct at *at, size_t u)
{
    struct backfill to = *at->from;
    struct player *p = &to.player[u];

    if (p->seat == NO_SEAT && !has_ticket(&to, u) && !to.over && taken(&to) < FREE_SEATS) {
        p->seat = CONFIRMED;
        p->there = true;
        emit(at, S_seat_confirm, false, to);
    }
    to = *at->from;
    if (is_taken(p)) {
        leave(p, p->seat == RESERVED);
        emit(at, S_seat_leave, false, to);
    }
}

static void
others_steps(const struct at *at)
{
    struct backfill to = *at->from;

    if (!to.over && taken(&to) < FREE_SEATS) {
        to.others++;
        emit(at, S_seat_confirm, false, to);
    }
    to = *at->from;
    if (to.others > 0) {
        to.others--;
        emit(at, S_seat_leave, false, to);
    }
    to = *at->from;
    if (to.over)
        return;
    /* The game server is told, and asked for nobody any more; that is the lobby's model. */
    to.over = true;
    to.others = 0;
    for (size_t i = 0; i < PLAYERS; i++) {
        to.player[i].seat = NO_SEAT;
        to.player[i].there = to.player[i].tells = false;
    }
    emit(at, S_game_remove, false, to);
}

/* --- backfill.lua ----------------------------------------------------------------------------- */

static void
backfill_take(const struct at *at)
{
    struct backfill to = *at->from;
    size_t n = members(&to);

    if (to.ticket != WAITING || to.making != IDLE || to.record || to.over ||
        to.player[0].ask != NOT_ASKED || to.player[1].ask != NOT_ASKED ||
        (taken(&to) + (int)n > FREE_SEATS && at->bug != TAKE_BLINDLY))
        return;
    for (size_t u = 0; u < PLAYERS; u++) {
        to.player[u].ours = false;
        if (u >= n)
            continue;
        if (to.player[u].seat != NO_SEAT)
            return;
        to.player[u].seat = RESERVED;
        to.player[u].ours = true;
    }
    to.ticket = STARTING;
    to.making = TAKEN;
    to.record = true;
    to.due = at->bug != TAKE_WITHOUT_END;
    emit(at, S_backfill_take, false, to);
}

static void
backfill_done(const struct at *at)
{
    struct backfill to = *at->from;
    bool gone = to.over || !to.record || (to.ticket != STARTING && at->bug != DONE_BLINDLY);

    for (size_t u = 0; u < members(&to); u++)
        gone = gone || to.player[u].seat != RESERVED || !to.player[u].ours;
    if (gone) {
        to.making = FAILING;
        emit(at, S_backfill_done, true, to);
        return;
    }
    if (to.ticket != STARTING)
        to.wrong = CANCELLED_SEATED;
    for (size_t u = 0; u < members(&to); u++)
        to.player[u] = (struct player){.seat = CONFIRMED, .there = to.player[u].there};
    to.ticket = OVER;
    to.making = IDLE;
    to.record = to.due = false;
    emit(at, S_backfill_done, true, to);
}

/* give_up_seat() */
static void
give_up(const struct at *at, struct backfill *to, size_t u, enum until until)
{
    struct player *p = &to->player[u];
    bool none = p->seat == NO_SEAT && at->bug != FAILED_FORGETS_ASKED;

    if (to->over)
        return;
    if (until == UNTIL_LATER && at->bug == FAILED_FORGETS_LATE)
        until = UNTIL_NEVER;
    if (p->ours && until == UNTIL_NEVER &&
        (p->seat == RESERVED || at->bug == FAILED_FORGETS_TOLD)) {
        p->seat = NO_SEAT;
    } else if (p->ours) {
        leave(p, until == UNTIL_LATER);
    } else if (until != UNTIL_NEVER &&
               (none || p->seat == LEAVING || (is_taken(p) && at->bug == FAILED_ENDS_STAY))) {
        if (is_taken(p))
            to->wrong = STAY_ENDED;
        leave(p, until == UNTIL_LATER || p->later);
    }
}

/* What does not depend on whom the game server was asked for. */
static void
end_record(const struct at *at, struct backfill *to)
{
    if (to->record && to->ticket == STARTING && at->bug != FAILED_FORGETS_TICKET)
        to->ticket = WAITING;
    to->record = to->due = false;
}

/* worker/matchmaker/ticketcare.c: fail_match(). Whose deadline is over that may have passed. */
static void
care_for_match(const struct at *at)
{
    struct backfill to = *at->from;

    if (!to.due)
        return;
    for (size_t u = 0; u < PLAYERS; u++)
        if (to.player[u].ours)
            give_up(at, &to, u, at->bug == FAILED_TOO_EARLY ? UNTIL_NOW : UNTIL_LATER);
    end_record(at, &to);
    to.stalled = to.stalled || to.making == TAKEN;
    emit(at, S_backfill_failed, true, to);
}

/* --- the making ------------------------------------------------------------------------------- */

/* Its end: what is still to come is awaited. */
static void
let_go(struct backfill *to)
{
    to->making = WAITS;
    for (size_t u = 0; u < PLAYERS; u++)
        if (to->player[u].ask == DONE || to->player[u].ask == REFUSED ||
            to->player[u].ask == RUBBISH)
            to->player[u].ask = NOT_ASKED;
}

static void
making_fails(const struct at *at)
{
    struct backfill to = *at->from;
    enum until until = UNTIL_NEVER;

    if (any_asked(&to, DONE))
        until = UNTIL_NOW;
    if (any_asked(&to, LATE) || any_asked(&to, LATE_DONE) || any_asked(&to, LATE_REFUSED) ||
        any_asked(&to, RUBBISH))
        until = UNTIL_LATER;
    for (size_t u = 0; u < members(&to); u++)
        give_up(at, &to, u, until);
    end_record(at, &to);
    let_go(&to);
    emit(at, S_backfill_failed, true, to);
    to = *at->from;
    let_go(&to);
    if (!to.stalled)
        emit(at, S_answer_is_lost, false, to);
}

/* Late answers that are there. */
static void
late_steps(const struct at *at, size_t u)
{
    struct backfill to = *at->from;
    enum ask ask = to.player[u].ask;

    if (ask != LATE_DONE && ask != LATE_REFUSED)
        return;
    to.player[u].ask = NOT_ASKED;
    if (!to.stalled)
        emit(at, S_answer_is_lost, false, to);
    give_up(at, &to, u, ask == LATE_DONE ? UNTIL_NOW : UNTIL_NEVER);
    end_record(at, &to);
    emit(at, S_backfill_failed, true, to);
}

static void
making_steps(const struct at *at)
{
    struct backfill to = *at->from;

    switch ((enum making)to.making) {
    case TAKEN:
        to.making = ASKING;
        for (size_t u = 0; u < members(&to); u++)
            to.player[u].ask = ASKED;
        emit(at, S_making_asks, true, to);
        break;
    case ASKING:
        if (any_asked(&to, ASKED))
            break;
        if (!any_asked(&to, REFUSED) && !any_asked(&to, LATE) && !any_asked(&to, LATE_DONE) &&
            !any_asked(&to, LATE_REFUSED) && !any_asked(&to, RUBBISH)) {
            to.making = CONFIRMING;
            emit(at, S_making_settles, true, to);
        }
        /* Or it has heard that the ticket was cancelled. */
        if (to.making != CONFIRMING || to.ticket != STARTING) {
            to.making = FAILING;
            emit(at, S_making_settles, true, to);
        }
        break;
    case CONFIRMING:
        backfill_done(at);
        let_go(&to);
        if (!to.stalled)
            emit(at, S_answer_is_lost, false, to);
        break;
    case FAILING:
        making_fails(at);
        break;
    case WAITS:
        for (size_t u = 0; u < PLAYERS; u++)
            late_steps(at, u);
        break;
    case IDLE:
        break;
    }
}

static void
making_dies(const struct at *at)
{
    struct backfill to = *at->from;

    if (to.making == IDLE || to.stalled)
        return;
    to.making = IDLE;
    for (size_t u = 0; u < PLAYERS; u++)
        to.player[u].ask = may_be_done(&to.player[u]) ? LATE : NOT_ASKED;
    emit(at, S_process_dies, false, to);
}

/* --- the game server -------------------------------------------------------------------------- */

static void
answer(const struct at *at, size_t step, bool quiet, size_t u, enum ask ask, bool does)
{
    struct backfill to = *at->from;

    to.player[u].ask = (uint8_t)ask;
    to.player[u].there = to.player[u].there || does;
    emit(at, step, quiet, to);
}

static void
server_steps(const struct at *at, size_t u)
{
    const struct backfill *b = at->from;
    bool alive = b->making != IDLE;

    if (b->player[u].ask == ASKED) {
        if (!b->over) {
            answer(at, S_server_joins, true, u, DONE, true);
            answer(at, S_answer_is_lost, false, u, RUBBISH, true);
        }
        answer(at, S_server_refuses, true, u, REFUSED, false);
        if (!b->stalled)
            answer(at, S_making_is_late, false, u, LATE, false);
    } else if (b->player[u].ask == LATE) {
        if (!b->over)
            answer(at, S_server_joins, true, u, alive ? LATE_DONE : NOT_ASKED, true);
        answer(at, S_server_refuses, true, u, alive ? LATE_REFUSED : NOT_ASKED, false);
        if (!b->stalled)
            answer(at, S_question_is_lost, true, u, alive ? LATE_REFUSED : NOT_ASKED, false);
    }
}

/* --- the curator, time ------------------------------------------------------------------------ */

static void
curator_steps(const struct at *at, size_t u)
{
    struct backfill to = *at->from;
    struct player *p = &to.player[u];

    if (!p->tells && (p->seat == RESERVED || p->seat == LEAVING)) {
        if (p->seat == RESERVED) {
            leave(p, true);
            to.stalled = to.stalled || to.making == TAKEN;
        }
        p->tells = true;
        p->counts = !p->later;
        emit(at, S_expire, true, to);
    }
    if (!at->from->player[u].tells)
        return;
    to = *at->from;
    if (!p->heard) {
        p->heard = true;
        p->there = false;
        emit(at, S_server_removes_player, true, to);
        to = *at->from;
        p->tells = false;
        emit(at, S_removal_fails, false, to);
    } else {
        if (p->seat == LEAVING && (p->counts || at->bug == GONE_TOO_EARLY))
            p->seat = NO_SEAT;
        p->tells = false;
        emit(at, S_player_gone, true, to);
    }
    to = *at->from;
    p->tells = false;
    emit(at, S_worker_dies, false, to);
}

static void
until_passes(const struct at *at, size_t u)
{
    struct backfill to = *at->from;
    struct player *p = &to.player[u];

    if (!p->later || (!to.stalled && (may_be_done(p) || to.making == TAKEN)))
        return;
    p->later = false;
    emit(at, S_until_passes, true, to);
}

/* --- the model -------------------------------------------------------------------------------- */

static struct packed
first(void)
{
    return pack(&(struct backfill){.others = 0});
}

static void
next(struct search *s, const struct packed *from, unsigned bug)
{
    struct backfill b = unpack(from);
    struct at at = {.s = s, .from = &b, .bug = bug};

    ticket_steps(&at);
    others_steps(&at);
    backfill_take(&at);
    care_for_match(&at);
    making_steps(&at);
    making_dies(&at);
    for (size_t u = 0; u < PLAYERS; u++) {
        lobby_steps(&at, u);
        server_steps(&at, u);
        curator_steps(&at, u);
        until_passes(&at, u);
    }
}

static const char *
wrong(const struct packed *state)
{
    struct backfill b = unpack(state);

    if (b.wrong == CANCELLED_SEATED)
        return "a cancelled ticket gets seats";
    if (b.wrong == STAY_ENDED)
        return "a player loses a seat of another stay";
    if (taken(&b) > FREE_SEATS)
        return "a seat is sold twice";
    for (size_t u = 0; u < PLAYERS; u++) {
        const struct player *p = &b.player[u];

        if (p->there && p->seat == NO_SEAT && p->ask == NOT_ASKED && b.making == IDLE)
            return "a player is on the game server of whom nobody knows";
        if (p->seat == CONFIRMED && has_ticket(&b, u))
            return "a player is in a game and waits for one";
    }
    return NULL;
}

/* The game itself may go on, with whoever has a seat. */
static bool
is_clean(const struct packed *state)
{
    struct backfill b = unpack(state);

    for (size_t u = 0; u < PLAYERS; u++) {
        const struct player *p = &b.player[u];

        if (p->ask != NOT_ASKED || p->tells || (p->seat != NO_SEAT && p->seat != CONFIRMED) ||
            p->there != (p->seat == CONFIRMED))
            return false;
    }
    return b.ticket == NO_TICKET && b.making == IDLE && !b.record;
}

static size_t
seen_from(const struct packed *state, struct packed ret_seen[static 2])
{
    ret_seen[0] = *state;
    return 1;
}

static void
print(FILE *out, const struct packed *state)
{
    static const char *const tickets[] = {"-", "waiting", "starting", "over"};
    static const char *const makings[] = {"-", "taken", "asking", "confirming", "failing", "waits"};
    static const char *const seats[] = {"-", "reserved", "confirmed", "leaving"};
    static const char *const asks[] = {"",       ", asked",     ", done",         ", refused",
                                       ", late", ", late done", ", late refused", ", rubbish"};
    struct backfill b = unpack(state);

    fprintf(out, " %s of %zu, %s%s%s%s%s, %u others", tickets[b.ticket], members(&b),
            makings[b.making], b.record ? ", record" : "", b.due ? ", due" : "",
            b.stalled ? ", stalled" : "", b.over ? ", over" : "", (unsigned)b.others);
    for (size_t u = 0; u < PLAYERS; u++) {
        const struct player *p = &b.player[u];

        fprintf(out, " (%s%s%s%s%s%s)", seats[p->seat], p->ours ? ", ours" : "",
                p->later ? ", later" : "", asks[p->ask], p->there ? ", there" : "",
                p->tells ? ", told" : "");
    }
    fputc('\n', out);
}

const struct model backfill_model = {
    .name = "backfill",
    .steps = steps,
    .nsteps = NSTEPS,
    .bugs = bugs,
    .nbugs = NBUGS,
    .nquick = GONE_TOO_EARLY,
    .whole = true,
    .first = first,
    .next = next,
    .wrong = wrong,
    .is_clean = is_clean,
    .seen_from = seen_from,
    .print = print,
};
