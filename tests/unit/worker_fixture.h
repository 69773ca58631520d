/*
 * The real varcade-worker on a real Redis, for tests: a folder with configuration and game files,
 * any number of workers, and what they left in Redis. Everything here asserts with check. Nothing
 * sleeps: tests wait for what they expect.
 */
#ifndef VARCADE_TESTS_WORKER_FIXTURE_H
#define VARCADE_TESTS_WORKER_FIXTURE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/base/clock.h"
#include "tests/unit/redis_server.h"

#define WORKERS_MAX 2
#define GAME_ID "0123456789abcdef0123456789abcdef"

struct worker_fixture {
    struct redis_server *server;
    struct redisContext *redis;
    char dir[64];
    int port;                  /* of the first worker's status page */
    pid_t worker[WORKERS_MAX]; /* 0: not running */
};

extern struct worker_fixture fix;

/* Fixtures of check: a Redis that keeps its data when it is killed, a folder with the product
 * `duel`. */
void worker_fixture_setup(void);
void worker_fixture_teardown(void);

/* worker_start(i): start the i-th worker; its log goes to <dir>/log.<i>. worker_stop(i, signo): end
 * it and return its status as waitpid() gives it. */
void worker_start(size_t i);
int worker_stop(size_t i, int signo);

/* worker_end(i): end it with SIGTERM; it must exit with 0. */
void worker_end(size_t i);

/* worker_restart_redis(): SIGKILL for Redis, and a new one with the data of the old one. */
void worker_restart_redis(void);

/* worker_run(argument): run the program with --config and this argument to its end; its exit
 * status. */
int worker_run(const char *argument);

/* worker_write_game(id): games/<id>.json with the rules of `duel`. worker_write(name, text): any
 * file in the folder. */
void worker_write_game(const char *id);
void worker_write(const char *name, const char *text);

/* worker_configure(stream_url): write the configuration anew. */
void worker_configure(const char *stream_url);

/* worker_read(name): a file's text, "" where there is none; valid until the next call. */
const char *worker_read(const char *name);

/* worker_remove(name): remove a file. */
void worker_remove(const char *name);

/* worker_logged(i, text): whether the i-th worker's log has this text. */
bool worker_logged(size_t i, const char *text);

/* worker_ask(fmt, …): one command; the answer as text: strings as they are, integers in decimal,
 * "nil", elements with a space between them. An error is one of the test. Valid until the next
 * call. worker_int(): as a number. */
const char *worker_ask(const char *fmt, ...);
long long worker_int(const char *fmt, ...);

/* worker_create_game(id, due): a game of `duel` whose creator has until due to connect. Its game server is not there. */
void worker_create_game(const char *id, wall_ms due);

/* worker_games(product, n): n events, in which w<i%10> beats l<i%7>. worker_totals(product): how
 * many of them count. */
void worker_games(const char *product, size_t n);
long long worker_totals(const char *product);

/* worker_check_totals(product, n): whether figures and board are exactly those of n such events. */
void worker_check_totals(const char *product, size_t n);

/* worker_metric(line_start): the value of the first worker's series that begins so, -1 where there
 * is none. */
double worker_metric(const char *line_start);

/* worker_http(path): the whole answer to a GET. */
const char *worker_http(const char *path);

/* Wait until cond. */
#define WORKER_WAIT_LIMIT ((dur_ms)20000)
#define WAIT(cond)                                                                               \
    do {                                                                                         \
        mono_ms began_ = clock_mono();                                                           \
        while (!(cond)) {                                                                        \
            ck_assert_msg(clock_mono() - began_ < WORKER_WAIT_LIMIT, "%s", "waited for " #cond); \
            worker_pause();                                                                      \
        }                                                                                        \
    } while (0)
#define WAIT_FOR(text, ...) WAIT(strcmp(worker_ask(__VA_ARGS__), text) == 0)

/* worker_pause(): a moment, for WAIT. */
void worker_pause(void);

#endif
