/* The lobby's model: what is in a state, what must not be, and how it is packed and printed. */
#include "tests/model/lobby_world.h"

#define PLAYER_BITS 16
#define ELSEWHERE_AT 14

static uint64_t
pack_player(const struct player *p)
{
    return p->seat | (uint64_t)p->op << 3 | (uint64_t)p->stalled << 7 | (uint64_t)p->inside << 8 |
           (uint64_t)p->dropped << 9 | (uint64_t)p->removing << 10 | (uint64_t)p->creator << 11 |
           (uint64_t)p->told << 12 | (uint64_t)p->kept << 13 | (uint64_t)p->tried << 15;
}

static struct player
unpack_player(uint64_t w)
{
    return (struct player){.seat = w & 7,
                           .op = w >> 3 & 15,
                           .stalled = w >> 7 & 1,
                           .inside = w >> 8 & 1,
                           .dropped = w >> 9 & 1,
                           .removing = w >> 10 & 1,
                           .creator = w >> 11 & 1,
                           .told = w >> 12 & 1,
                           .kept = w >> 13 & 1,
                           .tried = w >> 15 & 1};
}

static uint64_t
pack_game(const struct game *g)
{
    return g->state | (uint64_t)g->event << 3 | (uint64_t)g->task << 5 | (uint64_t)g->later << 7 |
           (uint64_t)g->made << 8 | (uint64_t)g->heard << 9 | (uint64_t)g->counts << 10;
}

static struct game
unpack_game(uint64_t w)
{
    struct game g = {.state = w & 7,
                     .event = w >> 3 & 3,
                     .task = w >> 5 & 3,
                     .later = w >> 7 & 1,
                     .made = w >> 8 & 1,
                     .heard = w >> 9 & 1,
                     .counts = w >> 10 & 1};

    for (size_t u = 0; u < PLAYERS; u++)
        g.player[u] = unpack_player(w >> (11 + PLAYER_BITS * u));
    return g;
}

struct world
world_unpack(const struct packed *state)
{
    struct world w = {.game = {unpack_game(state->word[0]), unpack_game(state->word[1])},
                      .chances = state->word[0] >> CHANCES_AT & UNBOUNDED,
                      .rules = state->word[1] >> RULES_AT & 15};

    for (size_t u = 0; u < PLAYERS; u++)
        w.elsewhere[u] = state->word[0] >> (11 + PLAYER_BITS * u + ELSEWHERE_AT) & 1;
    return w;
}

/* With the players in the order of what they are, so that it does not matter which is which. */
static struct packed
pack_games(const struct game *a, const struct game *b, const bool *elsewhere)
{
    struct packed p = {{pack_game(a), pack_game(b)}};
    uint64_t who[PLAYERS];

    for (size_t u = 0; u < PLAYERS; u++) {
        uint64_t w = ((uint64_t)elsewhere[u] << ELSEWHERE_AT | pack_player(&a->player[u])) << 32 |
                     pack_player(&b->player[u]);
        size_t at = u;

        for (; at > 0 && who[at - 1] > w; at--)
            who[at] = who[at - 1];
        who[at] = w;
    }
    for (size_t u = 0; u < PLAYERS; u++) {
        p.word[0] |= (who[u] >> 32) << (11 + PLAYER_BITS * u);
        p.word[1] |= (who[u] & UINT32_MAX) << (11 + PLAYER_BITS * u);
    }
    return p;
}

static bool
is_less(const struct packed *a, const struct packed *b)
{
    return a->word[0] < b->word[0] || (a->word[0] == b->word[0] && a->word[1] < b->word[1]);
}

/* Nor which game is which, where it is not one alone. */
struct packed
world_pack(const struct world *w)
{
    struct packed a = pack_games(&w->game[0], &w->game[1], w->elsewhere);
    struct packed least = a;

    if (!(w->rules & OTHERS)) {
        struct packed b = pack_games(&w->game[1], &w->game[0], w->elsewhere);

        least = is_less(&a, &b) ? a : b;
    }
    least.word[0] |= (uint64_t)w->chances << CHANCES_AT;
    least.word[1] |= (uint64_t)w->rules << RULES_AT;
    return least;
}

struct packed
world_seen_from(const struct world *w, size_t which)
{
    struct world alone = {.game = {w->game[which], {.state = GONE}},
                          .chances = UNBOUNDED,
                          .rules = w->rules | OTHERS};

    return world_pack(&alone);
}

static const char *
wrong_with(const struct game *g)
{
    bool cared_for = false;

    if (count(g, is_taken) > SEATS)
        return "a seat is sold twice";
    for (size_t u = 0; u < PLAYERS; u++)
        cared_for = cared_for || is_alive(&g->player[u]);
    if (g->made && g->state == GONE && !cared_for)
        return "the game server has a game of which nobody knows";
    for (size_t u = 0; u < PLAYERS; u++)
        if (g->player[u].inside && is_running(g) && g->player[u].seat == NONE &&
            !is_alive(&g->player[u]))
            return "the game server has a player of whom nobody knows";
        else if (g->task == TELLS_PLAYER && !g->heard && g->player[u].told &&
                 is_taken(&g->player[u]))
            return "a player has a seat and is about to be thrown out";
    return NULL;
}

const char *
world_wrong(const struct packed *state)
{
    struct world w = world_unpack(state);
    const char *what = NULL;

    for (size_t g = 0; g < GAMES && what == NULL; g++)
        what = wrong_with(&w.game[g]);
    for (size_t u = 0; u < PLAYERS && what == NULL; u++)
        if (held(&w, u) > 1)
            what = "a player is in two games";
    return what;
}

bool
world_is_clean(const struct packed *state)
{
    struct world w = world_unpack(state);

    for (size_t i = 0; i < GAMES; i++) {
        const struct game *g = &w.game[i];

        if ((g->state != FRESH && g->state != GONE) || g->made || g->task != RESTS)
            return false;
        for (size_t u = 0; u < PLAYERS; u++)
            if (g->player[u].op != IDLE)
                return false;
    }
    return true;
}

void
world_print(FILE *out, const struct packed *state)
{
    static const char *const states[] = {"-",          "creating", "created",  "creator_joined",
                                         "all_joined", "ended",    "removing", "gone"};
    static const char *const seats[] = {"-",    "reserved", "confirmed",    "connected",
                                        "away", "leaving",  "leaving later"};
    static const char *const ops[] = {"",        ", looks",       ", intent", ", asked",
                                      ", done",  ", refused",     ", late",   ", late done",
                                      ", waits", ", waits, done", ", orphan"};
    struct world w = world_unpack(state);

    for (size_t i = 0; i < GAMES; i++) {
        const struct game *g = &w.game[i];

        fprintf(out, " | %s%s%s%s", states[g->state], g->later ? " later" : "",
                g->made ? ", made" : "", g->task != RESTS ? ", told" : "");
        for (size_t u = 0; u < PLAYERS; u++)
            fprintf(out, " (%s%s%s%s%s%s)", g->player[u].creator ? "*" : "",
                    seats[g->player[u].seat], ops[g->player[u].op],
                    g->player[u].stalled ? ", stood still" : "",
                    g->player[u].inside ? ", inside" : "", g->player[u].dropped ? ", dropped" : "");
    }
    for (size_t u = 0; u < PLAYERS; u++)
        fputs(w.elsewhere[u] ? " elsewhere" : "", out);
    fputc('\n', out);
}
