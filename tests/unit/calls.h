/*
 * Calls to a stub (stub.h), and what their callbacks were told: what the tests of the game servers'
 * client have in common.
 */
#ifndef VARCADE_TESTS_CALLS_H
#define VARCADE_TESTS_CALLS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/clock.h"
#include "lib/lobby/gameserver.h"
#include "tests/unit/stub.h"

/* The limits of those tests that are about them; all others have time enough on any machine. */
#define CALLS_CONNECT_TIMEOUT 60
#define CALLS_TIMEOUT 150
#define CALLS_LATE 600

/* What a call's callbacks were told. */
struct told {
    int done, late; /* how often */
    enum gameserver_outcome outcome, late_outcome;
    long status;
    dur_ms retry_after;
    char token[5000];
    size_t token_len;
    char reason[100];
    mono_ms at;
};

extern struct loop *calls_loop;
extern struct stub calls_stub;
extern struct gameserver_client *calls_client;
extern struct gameserver_limits calls_limits;

/* The fixture of every test case: a client with time enough, 4 calls at once, and a breaker that
 * never opens. */
void calls_setup(void);
void calls_teardown(void);

/* calls_start_client(): a new client, by calls_limits as a test has set them. */
void calls_start_client(void);

/* calls_hurry(): a new client, with the limits above. */
void calls_hurry(void);

/* calls_on_done, calls_on_late: the callbacks; cookie is a struct told. */
void calls_on_done(void *cookie, const struct gameserver_answer *answer);
void calls_on_late(void *cookie, const struct gameserver_answer *answer);

/* calls_ask(url, wants_token, told): a create_game or, without a token, a remove_game. */
void calls_ask(const char *url, bool wants_token, gameserver_fn *late, struct told *told);

/* Run the loop until the callback came, and check that it came once. */
void calls_wait_done(const struct told *told);
void calls_wait_late(const struct told *told);

/* calls_make(behaviour, told): a create_game of the stub, and its outcome. */
enum gameserver_outcome calls_make(const char *behaviour, struct told *told);

/* calls_make_at(url, told): the same anywhere. */
enum gameserver_outcome calls_make_at(const char *url, struct told *told);

/* calls_status(i): gameserver_status(), which must succeed. */
struct gameserver_status calls_status(size_t i);

/* calls_count_entries(path): how many names a folder holds. */
int calls_count_entries(const char *path);

#endif
