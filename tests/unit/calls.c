/* Calls to a stub; see calls.h. */
#include "tests/unit/calls.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/loop.h"
#include "tests/unit/unit.h"

struct loop *calls_loop;
struct stub calls_stub;
struct gameserver_client *calls_client;
struct gameserver_limits calls_limits;

void
calls_start_client(void)
{
    gameserver_client_free(calls_client);
    calls_client = gameserver_client_new(calls_loop, &calls_limits);
    ck_assert_ptr_nonnull(calls_client);
}

void
calls_setup(void)
{
    calls_loop = loop_new();
    ck_assert_ptr_nonnull(calls_loop);
    stub_bind(&calls_stub);
    stub_listen(&calls_stub, calls_loop);
    calls_limits = (struct gameserver_limits){.connect_timeout = 5000,
                                              .timeout = 10000,
                                              .late = 20000,
                                              .concurrent = 4,
                                              .breaker_failures = 1000,
                                              .breaker_open = 1000};
    calls_start_client();
}

void
calls_hurry(void)
{
    calls_limits.connect_timeout = CALLS_CONNECT_TIMEOUT;
    calls_limits.timeout = CALLS_TIMEOUT;
    calls_limits.late = CALLS_LATE;
    calls_start_client();
}

void
calls_teardown(void)
{
    gameserver_client_free(calls_client);
    calls_client = NULL;
    stub_done(&calls_stub);
    loop_free(calls_loop);
}

void
calls_on_done(void *cookie, const struct gameserver_answer *answer)
{
    struct told *told = cookie;

    told->done++;
    told->outcome = answer->outcome;
    told->status = answer->status;
    told->retry_after = answer->retry_after;
    told->at = clock_mono();
    ck_assert_ptr_nonnull(answer->reason);
    snprintf(told->reason, sizeof(told->reason), "%s", answer->reason);
    ck_assert((answer->token != NULL) == (answer->token_len > 0));
    ck_assert_uint_lt(answer->token_len, sizeof(told->token));
    if (answer->token != NULL)
        memcpy(told->token, answer->token, answer->token_len + 1);
    told->token_len = answer->token_len;
}

void
calls_on_late(void *cookie, const struct gameserver_answer *answer)
{
    struct told *told = cookie;
    int done = told->done;

    calls_on_done(told, answer);
    told->late_outcome = answer->outcome;
    told->outcome = GAMESERVER_LATE;
    told->done = done;
    told->late++;
}

void
calls_ask(const char *url, bool wants_token, gameserver_fn *late, struct told *told)
{
    const struct gameserver_request request = {.url = url,
                                               .action =
                                                   wants_token ? "create_game" : "remove_game",
                                               .game_id = "0123456789abcdef0123456789abcdef",
                                               .user_id = wants_token ? "u\"1" : NULL,
                                               .username = wants_token ? "J\xc3\xbcrgen" : NULL,
                                               .request_id = "req-1",
                                               .wants_token = wants_token};

    memset(told, 0, sizeof(*told));
    gameserver_call(calls_client, &request, calls_on_done, late, told);
    ck_assert_int_eq(told->done, 0); /* never from inside the call */
}

void
calls_wait_done(const struct told *told)
{
    while (told->done == 0)
        ck_assert_int_eq(loop_run_once(calls_loop, 1000), 0);
    ck_assert_int_eq(told->done, 1);
}

void
calls_wait_late(const struct told *told)
{
    while (told->late == 0)
        ck_assert_int_eq(loop_run_once(calls_loop, 1000), 0);
    ck_assert_int_eq(told->late, 1);
    ck_assert_int_eq(told->done, 1);
}

enum gameserver_outcome
calls_make_at(const char *url, struct told *told)
{
    calls_ask(url, true, calls_on_late, told);
    calls_wait_done(told);
    return told->outcome;
}

enum gameserver_outcome
calls_make(const char *behaviour, struct told *told)
{
    return calls_make_at(stub_url(&calls_stub, behaviour), told);
}

struct gameserver_status
calls_status(size_t i)
{
    struct gameserver_status s;

    ck_assert_int_eq(gameserver_status(calls_client, i, &s), 0);
    return s;
}

int
calls_count_entries(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}
