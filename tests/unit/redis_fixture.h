/*
 * What the tests of the Redis connection share: a server, a loop, a connection, and a way to ask.
 */
#ifndef VARCADE_TESTS_REDIS_FIXTURE_H
#define VARCADE_TESTS_REDIS_FIXTURE_H

#include <check.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "lib/base/loop.h"
#include "lib/redis/redis.h"
#include "tests/unit/redis_server.h"

struct redis_fixture {
    struct redis_server *server;
    struct loop *loop;
    struct redis *r; /* NULL where the test has closed it */
    struct redis_args args;

    /* What the state callback was told. */
    int ups, downs;
    char down_why[160];
};

extern struct redis_fixture fix;

/* What an answer was, copied. */
struct answer {
    int calls;
    enum redis_outcome outcome;
    int type; /* REDIS_REPLY_*, 0 without a reply */
    long long integer;
    size_t len, elements;
    char str[128];
};

/* A redis_fn whose cookie is a struct answer. */
void redis_fixture_answer(void *cookie, enum redis_outcome outcome, const redisReply *reply);

/* Fixtures: a server and a loop; a connection besides, which is up. */
void redis_fixture_setup(void);
void redis_fixture_setup_up(void);
void redis_fixture_teardown(void);

/* Options with which the server is reached; open and close fix.r. */
struct redis_options redis_fixture_options(void);
void redis_fixture_open(const struct redis_options *o);

/* Send a command of up to four words, or a call of the library's ping; the latter two wait. */
void redis_fixture_send(struct answer *a, const char *w0, const char *w1, const char *w2,
                        const char *w3);
void redis_fixture_send_call(struct answer *a);
struct answer redis_fixture_ask(const char *w0, const char *w1, const char *w2, const char *w3);
struct answer redis_fixture_call(void);

/* The number in the line `name<number>` of INFO, 0 where there is none. */
long long redis_fixture_info(const char *section, const char *name);

/* A test case of these tests. */
TCase *redis_fixture_case(Suite *suite, const char *name, SFun setup);

/* Turn until cond. */
#define WAIT(cond)                                                                                 \
    do {                                                                                           \
        mono_ms began_ = clock_mono();                                                             \
        while (!(cond)) {                                                                          \
            ck_assert_int_eq(loop_run_once(fix.loop, 20), 0);                                      \
            ck_assert_msg(clock_mono() - began_ < 10000, "waited too long: " #cond);               \
        }                                                                                          \
    } while (0)

#endif
