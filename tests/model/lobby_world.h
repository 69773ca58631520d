/*
 * What the lobby's model has in a state, and how it is packed; for lobby_*.c and the test that compares them with Redis.
 */
#ifndef VARCADE_TESTS_MODEL_LOBBY_WORLD_H
#define VARCADE_TESTS_MODEL_LOBBY_WORLD_H

#include "tests/model/search.h"

enum { PLAYERS = 3, GAMES = 2, SEATS = 2, SEATS_MAX = 1 };

enum state { FRESH, CREATING, CREATED, CREATOR_JOINED, ALL_JOINED, ENDED, REMOVING, GONE };
enum seat { NONE, RESERVED, CONFIRMED, CONNECTED, AWAY, LEAVING, LEAVING_LATER };

/* What a create or a join is at. ASKED, LATE and WAITING: the game server has not done it yet; …_DONE: it has. */
enum op {
    IDLE,
    LOOKING,      /* a quick match waits for the game to be made */
    INTENT,       /* is about to ask the game server */
    ASKED,
    ASKED_DONE,
    REFUSED,
    LATE,         /* gave up waiting, Redis is about to know */
    LATE_DONE,
    WAITING,      /* for the late answer */
    WAITING_DONE,
    ORPHAN        /* the process is dead, the question is still there */
};

enum event { NO_EVENT, REMOVED, REMOVED_IN_TIME };
enum task { RESTS, TELLS_GAME, TELLS_PLAYER };

struct player {
    uint8_t seat, op;
    bool stalled;  /* the process stood still beyond its intent's deadline */
    bool inside;   /* the game server has the player in the game */
    bool dropped;  /* player_disconnect is in the stream */
    bool kept;     /* the game server lets who dropped come back */
    bool removing; /* a remove_player that was given up may still come to the game server */
    bool creator;  /* has the game's first seat */
    bool told;     /* the worker's task is about this one */
    bool tried;    /* was so since the seat was given up */
};

struct game {
    uint8_t state, event, task;
    bool later;  /* removing: until is yet to come */
    bool made;   /* the game server has the game */
    bool heard;  /* the game server has answered the worker */
    bool counts; /* it was told late enough to settle it */
    struct player player[PLAYERS];
};

/* What else there is in a world. */
enum rule {
    OTHERS = 1,  /* any number of games besides these */
    REJOINS = 2, /* a seat is kept for who dropped */
    MIGRATES = 4, /* another player can become the creator */
    CLOSED = 8   /* a match made it for its players alone */
};

struct world {
    struct game game[GAMES];
    bool elsewhere[PLAYERS]; /* had a seat in another game before the last step */
    uint8_t chances;         /* how often more somebody may do something, or something may go wrong */
    uint8_t rules;
};

#define CHANCES_AT 59 /* the bit of the first word; of the second: */
#define RULES_AT 59
#define UNBOUNDED 7

enum bug {
    NO_BUG,
    CONFIRM_BLINDLY,  /* seat_confirm does not look whether there is a reservation */
    RELEASE_FORGETS,  /* seat_release does not owe the removal of who may yet get in */
    RELEASE_FREES,    /* nor that of whom the game server may just be told to remove */
    EXPIRE_FORGETS,   /* expire forgets a game that may yet be made */
    FAILED_FORGETS,   /* create_failed forgets it too */
    UNKNOWN_FORGOTTEN, /* neither create_done nor create_failed adopts a game of which nothing is known */
    GONE_TOO_EARLY,   /* game_gone does not mind until */
    LEAVE_TOO_EARLY,  /* seat_leave's until does not count who has yet to ask */
    LIMIT_FORGOTTEN,  /* seat_reserve and quick_match do not look for the player's other games */
    STALE_DISCONNECT, /* a disconnect of an earlier stay counts */
    NBUGS
};

static inline bool
is_going(const struct game *g)
{
    return g->state >= CREATING && g->state <= ALL_JOINED;
}

static inline bool
is_running(const struct game *g)
{
    return g->state >= CREATED && g->state <= ENDED;
}

static inline bool
is_sure(const struct player *p)
{
    return p->seat == CONFIRMED || p->seat == CONNECTED || p->seat == AWAY;
}

static inline bool
is_taken(const struct player *p)
{
    return p->seat == RESERVED || is_sure(p);
}

static inline bool
is_leaving(const struct player *p)
{
    return p->seat == LEAVING || p->seat == LEAVING_LATER;
}

static inline int
count(const struct game *g, bool (*what)(const struct player *))
{
    int n = 0;

    for (size_t u = 0; u < PLAYERS; u++)
        n += what(&g->player[u]);
    return n;
}

/* In how many games there is a seat for the player: what `holders` has. Of the others it is one at most, as of these:
 * world_wrong() says where it is not. */
static inline int
held(const struct world *w, size_t u)
{
    int n = w->elsewhere[u];

    for (size_t g = 0; g < GAMES; g++)
        n += is_going(&w->game[g]) && is_taken(&w->game[g].player[u]);
    return n;
}

/* A full game waits for its players under their deadline. */
static inline bool
is_waiting(const struct game *g)
{
    if (g->state != CREATOR_JOINED || count(g, is_sure) != SEATS)
        return false;
    for (size_t u = 0; u < PLAYERS; u++)
        if (g->player[u].seat == CONFIRMED || g->player[u].seat == AWAY)
            return true;
    return false;
}

/* The question is with the game server, which may yet do it. */
static inline bool
may_be_done(const struct player *p)
{
    return p->op == ASKED || p->op == LATE || p->op == WAITING || p->op == ORPHAN;
}

static inline bool
is_alive(const struct player *p)
{
    return p->op != IDLE && p->op != ORPHAN;
}

/* world_pack(w): states that differ by who is who alone are packed into the same. */
struct packed world_pack(const struct world *w);
struct world world_unpack(const struct packed *state);

/* world_seen_from(w, which): that game alone. */
struct packed world_seen_from(const struct world *w, size_t which);

/* As in struct model. */
const char *world_wrong(const struct packed *state);
bool world_is_clean(const struct packed *state);
void world_print(FILE *out, const struct packed *state);

#endif
