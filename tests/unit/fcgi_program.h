/*
 * varcade-fcgi itself, run for a test in a folder of its own, with a Redis
 * (tests/unit/functions.h) and game servers: products `p` (all well), `other`, `hang`, `refuse`,
 * `rubbish` (no token) and `down` (nobody listens). Everything here asserts with check.
 */
#ifndef VARCADE_TESTS_FCGI_PROGRAM_H
#define VARCADE_TESTS_FCGI_PROGRAM_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tests/unit/fcgi_client.h"

/* fcgi_program_require(): for unit_suite(): as redis_server_require(). */
void fcgi_program_require(void);

/* Fixtures: all but the program; with the program, of one process, started besides. */
void fcgi_program_prepare(void);
void fcgi_program_setup(void);
void fcgi_program_teardown(void);

/* fcgi_program_configure(more): write the configuration, with more behind the keys that every
 * test needs: `, "http": {…}` or "". fcgi_program_patience: for how long a process that starts waits for
 * Redis, ms; 300 after fcgi_program_prepare(). fcgi_program_start(processes): start it and wait until it is
 * ready. */
extern int fcgi_program_patience;
void fcgi_program_configure(const char *more);
void fcgi_program_start(const char *processes);

/* The supervisor; its socket; its folder; what it logged so far (holds until the next call). */
pid_t fcgi_program_pid(void);
const char *fcgi_program_socket(void);
const char *fcgi_program_folder(void);
const char *fcgi_program_log(void);

/* fcgi_program_exec(args, env, input, input_fd): */
/* fcgi_program_run(args, env, input, out): run the program to its end, with args behind its name
 * and env (NULL: this program's), both NULL at the end, and input on its standard input; what it
 * wrote to standard output and error is appended to out. Returns its wait status. */
int fcgi_program_run(const char *const *args, const char *const *env, const char *input,
                     struct buf *out);

/* fcgi_program_children(pids, max): the serving processes' ids; returns how many. */
size_t fcgi_program_children(pid_t *pids, size_t max);

/* fcgi_program_await_notice(text): wait until the program has told its manager text, `READY=1`;
 * what it told before is forgotten. */
void fcgi_program_await_notice(const char *text);

/* fcgi_program_await_end(): wait for the supervisor; returns its wait status. */
int fcgi_program_await_end(void);

/* fcgi_program_write(name, text): a file in the folder. */
void fcgi_program_write(const char *name, const char *text);

/* fcgi_program_write_game(id, behaviour): games/id.json, its game server the stub with that
 * behaviour. */
void fcgi_program_write_game(const char *id, const char *behaviour);

/* fcgi_program_token(user): a player's token; holds until the next call but three. */
const char *fcgi_program_token(const char *user);

/* FCGI_PROGRAM_ADD(c, test, …): tcase_add_test for each of them. */
#define FCGI_PROGRAM_ADD(c, ...)                                                                   \
    fcgi_program_add(c, (const TTest *const[]){__VA_ARGS__},                                       \
                     sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))
void fcgi_program_add(TCase *c, const TTest *const *tests, size_t n);

#endif
