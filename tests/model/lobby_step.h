/*
 * The steps of the lobby's model, and those of them that are Redis functions or events; for lobby_step.c,
 * lobby_model.c and the test that compares them with Redis.
 */
#ifndef VARCADE_TESTS_MODEL_LOBBY_STEP_H
#define VARCADE_TESTS_MODEL_LOBBY_STEP_H

#include "tests/model/lobby_world.h"

#define LOBBY_STEPS(X)                 \
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
    X(player_returns, SERVER)          \
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
enum { LOBBY_STEPS(NAME_OF) NSTEPS };
#undef NAME_OF

extern const struct step step_table[NSTEPS];

struct step_taken {
    size_t step, game, player;
    bool quiet; /* as in search_add() */
};
typedef void step_fn(void *cookie, const struct step_taken *how, const struct world *to);

/* A state, and who is told of those behind it. */
struct at {
    const struct world *from;
    unsigned bug;
    size_t player; /* whose step it is, where it is a player's */
    step_fn *fn;
    void *cookie;
};

/* step_emit(), step_add(): the step leads to that world; to that game in the same world. */
void step_emit(const struct at *at, size_t step, bool quiet, size_t which, struct world to);
void step_add(const struct at *at, size_t step, bool quiet, size_t which, struct game game);

/* lobby_next(from, bug, fn, cookie): every step that there is from that world. */
void lobby_next(const struct world *from, unsigned bug, step_fn *fn, void *cookie);

/* As the Redis functions of these names, where they do something. then: what the process is at behind it;
 * undo and later: until is not 0, and is yet to come. */
void step_create_intent(const struct at *at, size_t which, size_t u);
void step_create_done(const struct at *at, size_t which, size_t u);
void step_create_failed(const struct at *at, size_t which, size_t u, bool undo, bool later,
                        enum op then);
void step_quick_match(const struct at *at, size_t which, size_t u);
void step_seat_reserve(const struct at *at, size_t which, size_t u);
void step_seat_confirm(const struct at *at, size_t which, size_t u);
void step_seat_release(const struct at *at, size_t which, size_t u, bool undo, bool later,
                       enum op then);
void step_seat_leave(const struct at *at, size_t which, size_t u);
void step_game_remove(const struct at *at, size_t which);
void step_expire_game(const struct at *at, size_t which);
void step_expire_seat(const struct at *at, size_t which, size_t u);
void step_game_gone(const struct at *at, size_t which);
void step_player_gone(const struct at *at, size_t which);

/* Events of the game server that are applied. */
void step_state_events(const struct at *at, size_t which);
void step_player_events(const struct at *at, size_t which, size_t u);
void step_removed_event(const struct at *at, size_t which);

#endif
