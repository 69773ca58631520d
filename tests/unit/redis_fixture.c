/* What the tests of the Redis connection share. */
#include "tests/unit/redis_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct redis_fixture fix;

static void
on_state(void *cookie, bool up, const char *why)
{
    ck_assert_ptr_eq(cookie, &fix);
    if (up) {
        fix.ups++;
        return;
    }
    fix.downs++;
    (void)snprintf(fix.down_why, sizeof(fix.down_why), "%s", why);
}

void
redis_fixture_answer(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct answer *a = cookie;

    a->calls++;
    a->outcome = outcome;
    if (reply == NULL)
        return;
    a->type = reply->type;
    a->integer = reply->integer;
    a->elements = reply->elements;
    if (reply->str != NULL && (a->len = reply->len) > 0)
        memcpy(a->str, reply->str, a->len < sizeof(a->str) ? a->len : sizeof(a->str) - 1);
}

struct redis_options
redis_fixture_options(void)
{
    return (struct redis_options){.url = redis_server_url(fix.server),
                                  .connect_timeout = 2000,
                                  .command_timeout = 2000,
                                  .functions = true};
}

void
redis_fixture_open(const struct redis_options *o)
{
    fix.r = redis_open(fix.loop, o, on_state, &fix);
    ck_assert_ptr_nonnull(fix.r);
}

void
redis_fixture_setup(void)
{
    fix.server = redis_server_start(NULL);
    fix.loop = loop_new();
    ck_assert_ptr_nonnull(fix.loop);
    redis_args_init(&fix.args);
}

void
redis_fixture_teardown(void)
{
    redis_close(fix.r);
    redis_args_free(&fix.args);
    loop_free(fix.loop);
    redis_server_free(fix.server);
}

void
redis_fixture_setup_up(void)
{
    struct redis_options o;

    redis_fixture_setup();
    o = redis_fixture_options();
    redis_fixture_open(&o);
    WAIT(redis_is_up(fix.r));
}

void
redis_fixture_send(struct answer *a, const char *w0, const char *w1, const char *w2, const char *w3)
{
    const char *words[] = {w0, w1, w2, w3};

    redis_args_reset(&fix.args);
    for (size_t i = 0; i < 4 && words[i] != NULL; i++)
        redis_args_str(&fix.args, words[i]);
    redis_send(fix.r, &fix.args, redis_fixture_answer, a);
    ck_assert_int_eq(a->calls, 0);
}

void
redis_fixture_send_call(struct answer *a)
{
    redis_args_reset(&fix.args);
    redis_args_fcall(&fix.args, "ping", true);
    redis_send(fix.r, &fix.args, redis_fixture_answer, a);
}

struct answer
redis_fixture_ask(const char *w0, const char *w1, const char *w2, const char *w3)
{
    struct answer a = {0};

    redis_fixture_send(&a, w0, w1, w2, w3);
    WAIT(a.calls > 0);
    return a;
}

struct answer
redis_fixture_call(void)
{
    struct answer a = {0};

    redis_fixture_send_call(&a);
    WAIT(a.calls > 0);
    return a;
}

long long
redis_fixture_info(const char *section, const char *name)
{
    redisReply *reply = redis_server_command(fix.server, "INFO %s", section);
    const char *line = strstr(reply->str, name);
    long long v = line == NULL ? 0 : strtoll(line + strlen(name), NULL, 10);

    freeReplyObject(reply);
    return v;
}

TCase *
redis_fixture_case(Suite *suite, const char *name, SFun setup)
{
    TCase *tc = tcase_create(name);

    tcase_add_checked_fixture(tc, setup, redis_fixture_teardown);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    return tc;
}
