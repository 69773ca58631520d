/*
 * The Redis functions called directly, by a blocking connection of the test's own, and what their
 * keys must look like whatever was called. All games are of the product `p`.
 */
#ifndef VARCADE_TESTS_FUNCTIONS_H
#define VARCADE_TESTS_FUNCTIONS_H

#include <stddef.h>

struct redis_server;

/* Of one call: keys, and as many arguments. */
#define FUNCTIONS_ARGS_MAX 65536

/* functions_setup(): a Redis of its own with the library loaded; functions_teardown() ends it. For one
 * test case: fixtures of check. */
void functions_setup(void);
void functions_teardown(void);

/* That Redis; functions_restart() starts it again, empty, where it was killed. */
struct redis_server *functions_server(void);
void functions_restart(void);

/*
 * Replies are given as text, which holds until the next call: strings as they are, integers in
 * decimal, `nil`, an array's elements with a space between them and inner arrays in brackets; an error
 * as `! ` and its words.
 */

/* functions_command(fmt, …): any command, as redisCommand() takes it. */
const char *functions_command(const char *fmt, ...);

/* functions_game(function, game_id, fmt, …): a function with the keys of a game; the text made of fmt is its
 * arguments, with | between them. */
const char *functions_game(const char *function, const char *game_id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Any function: begin, then its keys, then its arguments, then run. functions_arg_key(): the index of a key
 * as an argument; the key is added where it is not there yet. */
void functions_begin(const char *function);
void functions_lobby_keys(void); /* those that every function takes which changes games */
void functions_key(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void functions_arg(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void functions_arg_key(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *functions_run(void);

/* --- apply, with these timeouts --------------------------------------------------------------- */

enum {
    FUNCTIONS_CREATED_MS = 60000,
    FUNCTIONS_SEAT_MS = 50000,
    FUNCTIONS_CREATOR_JOINED_MS = 900000,
    FUNCTIONS_ALL_JOINED_MS = 600000,
    FUNCTIONS_IN_PROGRESS_MS = 1200000,
    FUNCTIONS_ENDED_MS = 300000
};

struct functions_event {
    const char *game;
    long long time;
    const char *kind;
    const char *arg;
};

/* functions_begin_apply(): up to and with the timeouts; the checkpoint is what the call before set. */
void functions_begin_apply(void);

/* functions_arg_events(events, n): the arguments for game events, their number first. */
void functions_arg_events(const struct functions_event *events, size_t n);

/* A whole call of apply with nothing but these events; with one. */
const char *functions_events(const struct functions_event *events, size_t n);
const char *functions_event(const char *game, long long time, const char *kind, const char *arg);

/* functions_inconsistency(): "" where lobby, public, counts, holders and deadlines say what the games' hashes say; else what
 * does not. */
const char *functions_inconsistency(void);

#endif
