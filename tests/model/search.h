/*
 * Explicit-state search: every state that a model can come to, each looked at once.
 *
 * A model packs its state into two words, in a form that is the same for states which differ only by who is who. It
 * names its steps in a table; a step whose kind is STEP_FUNCTION is a Redis function of that name.
 */
#ifndef VARCADE_TESTS_MODEL_SEARCH_H
#define VARCADE_TESTS_MODEL_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct search;

enum step_kind {
    STEP_FUNCTION, /* a Redis function, called by a client's request, a process or the worker */
    STEP_PROCESS,  /* a process or the worker does something that is not in Redis */
    STEP_SERVER,   /* the game server */
    STEP_EVENT,    /* an event is applied */
    STEP_TIME,     /* a moment passes */
    STEP_FAULT     /* a process vanishes, a message is lost */
};

struct step {
    const char *name;
    enum step_kind kind;
};

struct packed {
    uint64_t word[2];
};

struct model {
    const char *name;
    const struct step *steps;
    size_t nsteps;
    const char *const *bugs; /* names of what can be broken on purpose, from 1 on; bugs[0] is NULL */
    size_t nbugs;            /* bugs[0] counted */
    size_t nquick;           /* bugs up to here are found at once */
    bool whole;              /* each step has to happen */
    struct packed (*first)(void);
    /* next(s, from, bug): search_add() for each state behind this one. */
    void (*next)(struct search *s, const struct packed *from, unsigned bug);
    /* wrong(state): what must never be and is, or NULL. */
    const char *(*wrong)(const struct packed *state);
    /* Whether nothing is left: no game, no seat, no ticket, nobody at work, the game server empty. */
    bool (*is_clean)(const struct packed *state);
    /* The state as each of its parts sees it: states of another model. Returns how many. */
    size_t (*seen_from)(const struct packed *state, struct packed ret_seen[static 2]);
    void (*print)(FILE *out, const struct packed *state);
};

/* search_add(s, step, quiet, to): quiet: it happens also when no client does anything any more and nothing fails. */
void search_add(struct search *s, size_t step, bool quiet, const struct packed *to);

/* search_minds(s, quiet): whether such a step makes a difference to the search as it is. */
bool search_minds(const struct search *s, bool quiet);

struct search_result {
    size_t states, edges;
    const char *wrong; /* NULL: nothing */
};

/* search_new(model): returns a search, or NULL: no memory. search_free(NULL) does nothing. */
struct search *search_new(const struct model *model);
void search_free(struct search *s);

/*
 * search_run(s, bug, max, trace, ret_result): look at all states, once; bug 0: none. Stops at the first that is wrong, or from which
 * quiet steps lead to no clean state, and prints how it comes about to trace, where that is not NULL. Returns 0, or -1:
 * there are more than max states, or there is no memory for them.
 */
int search_run(struct search *s, unsigned bug, size_t max, FILE *trace,
               struct search_result *ret_result);

/* search_has_taken(s, step): whether that step ever happened. */
bool search_has_taken(const struct search *s, size_t step);

/* search_has(s, state): whether it was come to. */
bool search_has(const struct search *s, const struct packed *state);

/* search_is_seen_in(s, parts, trace): whether all states of s, seen from each of their parts, are states of parts; the first that is
 * not is printed to trace. */
bool search_is_seen_in(const struct search *s, const struct search *parts, FILE *trace);

/* The lobby: one game among others; the same where seats are kept and creators replaced; a game that a match has made; two
 * games. */
extern const struct model lobby_one_game, lobby_kept_seats, lobby_match_game, lobby_two_games,
    lobby_two_games_short;

/* Tickets and the matches that are made of them. */
extern const struct model ticket_one_match, ticket_two_matches;

/* A ticket, and a listed game. */
extern const struct model backfill_model;

#endif
