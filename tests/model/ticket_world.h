/*
 * What the tickets' model has in a state, how it is packed, and its steps; for ticket_*.c and the test that compares them
 * with Redis.
 */
#ifndef VARCADE_TESTS_MODEL_TICKET_WORLD_H
#define VARCADE_TESTS_MODEL_TICKET_WORLD_H

#include "tests/model/search.h"

/* A ticket is its opener's: as many as players. A match has two players, of one ticket or of two. */
enum { TICKET_PLAYERS = 3, TICKET_MATCHES = 2, TICKET_SEATS = 2 };

enum ticket_state { NO_TICKET, FORMING, WAITING, STARTING, OVER };

/* What a match's game is in Redis. */
enum match_game { NO_GAME, CREATING, RUNNING, REMOVING };

/* What its making is at; as enum op of the lobby. */
enum making {
    IDLE,
    TAKEN,           /* is about to ask the game server for the game */
    ASKED,
    ASKED_DONE,
    REFUSED,
    LATE,            /* gave up waiting, Redis is about to know */
    LATE_DONE,
    WAITS,           /* for the late answer */
    WAITS_DONE,
    WAITS_REFUSED,
    JOINING,         /* the game is there, the other player is being asked for */
    CONFIRMING,      /* all have their tokens */
    FAILING,         /* the game server has the game, and nothing of it is to come */
    FAILING_LATER,   /* the other player's question may yet be done */
    ORPHAN           /* the process is dead, the question is still there */
};

/* The question for the other player. */
enum join { NOT_ASKED, JOIN_ASKED, JOIN_DONE, JOIN_REFUSED, JOIN_LATE };

/* What has become of a ticket that a match was made of; stolen: it did not wait when it was taken. */
enum ref { NOT_IN_IT, HAS, LOST, STOLEN };

enum ticket_event { NO_EVENT, REMOVED, REMOVED_IN_TIME };

struct ticket {
    uint8_t state;
    uint8_t members; /* a bit each, while it is active */
    uint8_t match;   /* starting: which one */
    bool due;        /* it has a deadline */
};

struct match {
    uint8_t game, making, join, event;
    uint8_t seats;               /* a bit each */
    uint8_t ref[TICKET_PLAYERS]; /* of each ticket */
    bool record;                 /* Redis has the match, */
    bool due;                    /* and its deadline */
    bool later;                  /* removing: until is yet to come */
    bool made;                   /* the game server has the game */
    bool tells;                  /* the curator tells the game server to remove it, */
    bool heard;                  /* has its answer, */
    bool counts;                 /* and told it late enough to settle it */
    bool stalled;                /* the making stood still beyond the match's deadline */
};

struct tickets {
    struct ticket ticket[TICKET_PLAYERS];
    struct match match[TICKET_MATCHES];
    uint8_t matches; /* so many at a time */
    uint8_t chances; /* how often more somebody may do something, or something may go wrong */
    bool elsewhere[TICKET_PLAYERS]; /* had a seat in another game before the last step */
};

#define TICKET_STEPS(X)            \
    X(ticket_open, FUNCTION)       \
    X(ticket_join, FUNCTION)       \
    X(ticket_ready, FUNCTION)      \
    X(ticket_cancel, FUNCTION)     \
    X(ticket_revoke, FUNCTION)     \
    X(ticket_expire, FUNCTION)     \
    X(tickets_note, FUNCTION)      \
    X(match_take, FUNCTION)        \
    X(match_done, FUNCTION)        \
    X(match_failed, FUNCTION)      \
    X(create_failed, FUNCTION)     \
    X(expire, FUNCTION)            \
    X(game_gone, FUNCTION)         \
    X(making_asks, PROCESS)        \
    X(making_asks_join, PROCESS)   \
    X(making_settles, PROCESS)     \
    X(making_is_late, FAULT)       \
    X(server_makes_it, SERVER)     \
    X(server_refuses, SERVER)      \
    X(server_joins, SERVER)        \
    X(server_removes_game, SERVER) \
    X(server_ends_game, SERVER)    \
    X(server_restarts, FAULT)      \
    X(event_game_removed, EVENT)   \
    X(until_passes, TIME)          \
    X(question_is_lost, FAULT)     \
    X(answer_is_lost, FAULT)       \
    X(process_dies, FAULT)         \
    X(worker_dies, FAULT)          \
    X(removal_fails, FAULT)

#define TICKET_UNBOUNDED 15

#define NAME_OF(name, kind) T_##name,
enum { TICKET_STEPS(NAME_OF) TICKET_NSTEPS };
#undef NAME_OF

enum ticket_bug {
    NO_BUG,
    TAKE_BLINDLY,        /* match_take does not look at a ticket's state */
    TAKE_ONE,            /* match_take takes the first ticket alone */
    TAKE_HOLDERS,        /* match_take does not look for the players' games */
    DONE_BLINDLY,        /* match_done does not mind a ticket that was cancelled */
    FAILED_FORGETS_GAME, /* match_failed does not owe the removal of a game that may yet be made */
    FAILED_KNOWS_LITTLE, /* match_failed leaves a game alone that is being removed */
    FAILED_ADOPTS_NOT,   /* nor makes known a game of which nothing is known */
    FAILED_TOO_EARLY,    /* the deadline's match_failed has no until */
    OPEN_BLINDLY,        /* ticket_open does not look for the player's other ticket */
    OPEN_IN_GAME,        /* ticket_open does not look for the player's game */
    JOIN_BLINDLY,        /* ticket_join does not look for the player's other ticket */
    TAKE_WITHOUT_END,    /* match_take sets no deadline */
    FAILED_FORGETS_ONE,  /* match_failed does not put the last ticket back */
    FAILED_FORGETS_DUE,  /* match_failed puts tickets back without a deadline */
    TICKET_NBUGS
};

/* What a step was: ticket, player and match where it is of one. */
struct ticket_taken {
    size_t step, ticket, player, match;
    unsigned tickets; /* match_take: a bit each */
    bool quiet;
};
typedef void ticket_fn(void *cookie, const struct ticket_taken *how, const struct tickets *to);

/* tickets_next(from, bug, fn, cookie): every step that there is from that state. */
void tickets_next(const struct tickets *from, unsigned bug, ticket_fn *fn, void *cookie);

static inline bool
ticket_is_active(const struct ticket *t)
{
    return t->state == FORMING || t->state == WAITING || t->state == STARTING;
}

/* The ticket is in that match, whose game is being made. */
static inline bool
ticket_is_in(const struct ticket *t, const struct match *m, size_t which)
{
    return t->state == STARTING && t->match == which && m->game != RUNNING;
}

/* In how many games the player has a seat: what `holders` has. */
static inline int
tickets_held(const struct tickets *w, size_t u)
{
    int n = w->elsewhere[u];

    for (size_t m = 0; m < TICKET_MATCHES; m++)
        n += (w->match[m].game == CREATING || w->match[m].game == RUNNING) &&
             (w->match[m].seats >> u & 1);
    return n;
}

/* How many active tickets the player is in: what `users` has. */
static inline int
tickets_of(const struct tickets *w, size_t u)
{
    int n = 0;

    for (size_t i = 0; i < TICKET_PLAYERS; i++)
        n += ticket_is_active(&w->ticket[i]) && (w->ticket[i].members >> u & 1);
    return n;
}

/* tickets_seen_from(w, which): that match alone, and none of what is in the other one's hands. */
struct packed tickets_seen_from(const struct tickets *w, size_t which);

/* tickets_pack(w): states that differ by who is who alone are packed into the same. */
struct packed tickets_pack(const struct tickets *w);
struct tickets tickets_unpack(const struct packed *state);

/* As in struct model. */
const char *tickets_wrong(const struct packed *state);
bool tickets_is_clean(const struct packed *state);
void tickets_print(FILE *out, const struct packed *state);

#endif
