/*
 * The Redis connection: what it sends, what it makes of answers and errors, and the functions that
 * a Redis has lost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/redis_fixture.h"
#include "tests/unit/unit.h"

/* --- commands --------------------------------------------------------------------------------- */

START_TEST(test_commands)
{
    struct answer a = redis_fixture_ask("SET", "k", "v", NULL);

    ck_assert_int_eq(a.outcome, REDIS_DONE);
    ck_assert_int_eq(a.type, REDIS_REPLY_STATUS);
    a = redis_fixture_ask("GET", "k", NULL, NULL);
    ck_assert_str_eq(a.str, "v");
    a = redis_fixture_ask("GET", "none", NULL, NULL);
    ck_assert_int_eq(a.outcome, REDIS_DONE);
    ck_assert_int_eq(a.type, REDIS_REPLY_NIL);
    ck_assert_uint_eq(redis_pending(fix.r), 0);
    ck_assert_int_eq(fix.ups, 1);
    ck_assert_int_eq(fix.downs, 0);
}
END_TEST

START_TEST(test_library_is_loaded)
{
    struct answer a;
    char prefix[64];

    (void)snprintf(prefix, sizeof(prefix), "varcade_%s_", redis_library_version());
    ck_assert_uint_eq(strlen(redis_library_version()), 8);
    a = redis_fixture_call();
    ck_assert_int_eq(a.outcome, REDIS_DONE);
    ck_assert_str_eq(a.str, prefix);
}
END_TEST

/* What Redis received, as MONITOR shows it. */
START_TEST(test_arguments)
{
    redisContext *monitor = redis_server_client(fix.server);
    struct answer a = {0};
    char expect[256];
    redisReply *reply = redisCommand(monitor, "MONITOR");

    freeReplyObject(reply);
    redis_args_fcall(&fix.args, "ping", false);
    for (int i = 0; i < 11; i++)
        redis_args_key(&fix.args, "{p}:k%d", i);
    redis_args_add(&fix.args, "a\0\r\nb", 5);
    redis_args_add(&fix.args, "", 0);
    redis_args_int(&fix.args, INT64_MIN);
    redis_args_double(&fix.args, 0.1);
    redis_args_printf(&fix.args, "%s-%d", "x", 7);
    ck_assert(!fix.args.failed);
    redis_send(fix.r, &fix.args, redis_fixture_answer, &a);
    WAIT(a.calls > 0);
    ck_assert_int_eq(a.outcome, REDIS_DONE);
    ck_assert_int_eq(redisGetReply(monitor, (void **)&reply), REDIS_OK);
    (void)snprintf(expect, sizeof(expect),
                   "\"FCALL\" \"varcade_%s_ping\" \"11\" \"{p}:k0\" \"{p}:k1\" \"{p}:k2\"",
                   redis_library_version());
    ck_assert_ptr_nonnull(strstr(reply->str, expect));
    ck_assert_ptr_nonnull(strstr(reply->str, "\"{p}:k10\" \"a\\x00\\r\\nb\" \"\" "
                                             "\"-9223372036854775808\" \"0.1\" \"x-7\""));
    freeReplyObject(reply);
    redisFree(monitor);
}
END_TEST

START_TEST(test_a_turn_is_one_write)
{
    enum { N = 100 };
    static struct answer answers[N];
    long long before = redis_fixture_info("stats", "total_reads_processed:");
    char value[16];

    for (int i = 0; i < N; i++) {
        (void)snprintf(value, sizeof(value), "%d", i);
        redis_fixture_send(&answers[i], "ECHO", value, NULL, NULL);
    }
    ck_assert_uint_eq(redis_pending(fix.r), N);
    WAIT(redis_pending(fix.r) == 0);
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(answers[i].calls, 1);
        ck_assert_int_eq(strtol(answers[i].str, NULL, 10), i);
    }
    /* One read for ours, one for each INFO (the second one's is counted) and one end of file. */
    ck_assert_int_le(redis_fixture_info("stats", "total_reads_processed:") - before, 3);
}
END_TEST

static void
on_answer_send_more(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct answer *a = cookie;

    redis_fixture_answer(cookie, outcome, reply);
    if (a->calls < 5) {
        redis_args_reset(&fix.args);
        redis_args_str(&fix.args, "PING");
        redis_send(fix.r, &fix.args, on_answer_send_more, a);
    }
}

START_TEST(test_send_from_callback)
{
    struct answer a = {0};

    redis_args_str(&fix.args, "PING");
    redis_send(fix.r, &fix.args, on_answer_send_more, &a);
    WAIT(redis_pending(fix.r) == 0);
    ck_assert_int_eq(a.calls, 5);
    ck_assert_int_eq(a.outcome, REDIS_DONE);
}
END_TEST

START_TEST(test_no_callback)
{
    redis_args_str(&fix.args, "SET");
    redis_args_str(&fix.args, "k");
    redis_args_str(&fix.args, "v");
    redis_send(fix.r, &fix.args, NULL, NULL);
    WAIT(redis_pending(fix.r) == 0);
    ck_assert_str_eq(redis_fixture_ask("GET", "k", NULL, NULL).str, "v");
}
END_TEST

START_TEST(test_big)
{
    enum { SIZE = 20 << 20 };
    char *big = malloc(SIZE);
    struct answer set = {0}, after = {0}, get = {0};

    memset(big, 'b', SIZE);
    redis_args_str(&fix.args, "SET");
    redis_args_str(&fix.args, "big");
    redis_args_add(&fix.args, big, SIZE);
    redis_send(fix.r, &fix.args, redis_fixture_answer, &set);
    redis_fixture_send(&after, "STRLEN", "big", NULL, NULL);
    redis_fixture_send(&get, "GET", "big", NULL, NULL);
    WAIT(redis_pending(fix.r) == 0);
    ck_assert_int_eq(set.outcome, REDIS_DONE);
    ck_assert_int_eq(after.integer, SIZE);
    ck_assert_uint_eq(get.len, SIZE);
    ck_assert_int_eq(fix.downs, 0);
    free(big);
}
END_TEST

START_TEST(test_failed_arguments)
{
    struct answer failed = {0}, empty = {0};

    redis_args_str(&fix.args, "PING");
    fix.args.failed = true;
    redis_send(fix.r, &fix.args, redis_fixture_answer, &failed);
    redis_args_reset(&fix.args);
    redis_send(fix.r, &fix.args, redis_fixture_answer, &empty);
    ck_assert_int_eq(failed.calls + empty.calls, 0);
    ck_assert_uint_eq(redis_pending(fix.r), 2);
    WAIT(redis_pending(fix.r) == 0);
    ck_assert_int_eq(failed.calls, 1);
    ck_assert_int_eq(failed.outcome, REDIS_UNAVAILABLE);
    ck_assert_int_eq(empty.outcome, REDIS_UNAVAILABLE);
    ck_assert(redis_is_up(fix.r));
}
END_TEST

START_TEST(test_arguments_limit)
{
    static const char mib[1 << 20];

    redis_args_str(&fix.args, "SET");
    for (size_t i = 0; i <= REDIS_ARGS_MAX >> 20; i++)
        redis_args_add(&fix.args, mib, sizeof(mib));
    ck_assert(fix.args.failed);
    redis_args_reset(&fix.args);
    redis_args_str(&fix.args, "PING");
    ck_assert(!fix.args.failed);
}
END_TEST

/* --- errors ----------------------------------------------------------------------------------- */

START_TEST(test_refused)
{
    struct answer a = redis_fixture_ask("NOSUCHCOMMAND", NULL, NULL, NULL);

    ck_assert_int_eq(a.outcome, REDIS_REFUSED);
    ck_assert_int_eq(a.type, REDIS_REPLY_ERROR);
    (void)redis_fixture_ask("SET", "k", "v", NULL);
    a = redis_fixture_ask("LPUSH", "k", "v", NULL);
    ck_assert_int_eq(a.outcome, REDIS_REFUSED);
    ck_assert_ptr_nonnull(strstr(a.str, "WRONGTYPE"));
}
END_TEST

/* BUSYGROUP is no BUSY. */
START_TEST(test_busygroup_is_refused)
{
    struct answer a;

    redis_server_do(fix.server, "XADD s 1-1 f v");
    redis_server_do(fix.server, "XGROUP CREATE s g 0");
    redis_args_reset(&fix.args);
    memset(&a, 0, sizeof(a));
    for (const char *const *w = (const char *const[]){"XGROUP", "CREATE", "s", "g", "0", NULL}; *w;
         w++)
        redis_args_str(&fix.args, *w);
    redis_send(fix.r, &fix.args, redis_fixture_answer, &a);
    WAIT(a.calls > 0);
    ck_assert_ptr_nonnull(strstr(a.str, "BUSYGROUP"));
    ck_assert_int_eq(a.outcome, REDIS_REFUSED);
}
END_TEST

START_TEST(test_passing_errors)
{
    struct answer a;

    redis_server_do(fix.server, "CONFIG SET maxmemory 1");
    a = redis_fixture_ask("SET", "k", "v", NULL);
    ck_assert_ptr_nonnull(strstr(a.str, "OOM"));
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
    redis_server_do(fix.server, "CONFIG SET maxmemory 0");
    redis_server_do(fix.server, "CONFIG SET min-replicas-to-write 3");
    a = redis_fixture_ask("SET", "k", "v", NULL);
    ck_assert_ptr_nonnull(strstr(a.str, "NOREPLICAS"));
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
    redis_server_do(fix.server, "CONFIG SET min-replicas-to-write 0");
    redis_server_do(fix.server, "REPLICAOF 127.0.0.1 1");
    a = redis_fixture_ask("SET", "k", "v", NULL);
    ck_assert_ptr_nonnull(strstr(a.str, "READONLY"));
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
    redis_server_do(fix.server, "CONFIG SET replica-serve-stale-data no");
    a = redis_fixture_ask("GET", "k", NULL, NULL);
    ck_assert_ptr_nonnull(strstr(a.str, "MASTERDOWN"));
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
}
END_TEST

/* hiredis 0.14 gives up at eight levels: the connection is lost, and made again. */
START_TEST(test_nested_too_deep)
{
    struct answer a = redis_fixture_ask("EVAL", "return {{{{{{{{{{1}}}}}}}}}}", "0", NULL);

    ck_assert_int_eq(a.outcome, REDIS_LOST);
    ck_assert_int_eq(fix.downs, 1);
    WAIT(redis_is_up(fix.r));
    ck_assert_int_eq(redis_fixture_ask("PING", NULL, NULL, NULL).outcome, REDIS_DONE);
}
END_TEST

/* --- functions -------------------------------------------------------------------------------- */

START_TEST(test_functions_flushed)
{
    struct answer calls[3] = {{0}}, other = {0};
    long long before = redis_fixture_info("commandstats", "cmdstat_function|load:calls=");

    redis_server_do(fix.server, "FUNCTION FLUSH");
    for (int i = 0; i < 3; i++)
        redis_fixture_send_call(&calls[i]);
    redis_fixture_send(&other, "PING", NULL, NULL, NULL);
    WAIT(redis_pending(fix.r) == 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(calls[i].calls, 1);
        ck_assert_int_eq(calls[i].outcome, REDIS_DONE);
    }
    ck_assert_int_eq(other.outcome, REDIS_DONE);
    ck_assert_int_eq(redis_fixture_info("commandstats", "cmdstat_function|load:calls=") - before,
                     1);
    ck_assert_int_eq(fix.downs, 0);
}
END_TEST

START_TEST(test_functions_flushed_and_no_memory)
{
    struct answer a = {0};

    redis_server_do(fix.server, "FUNCTION FLUSH");
    redis_server_do(fix.server, "CONFIG SET maxmemory 1");
    a = redis_fixture_call();
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
    redis_server_do(fix.server, "CONFIG SET maxmemory 0");
    a = redis_fixture_call();
    ck_assert_int_eq(a.outcome, REDIS_DONE);
}
END_TEST

START_TEST(test_no_such_function)
{
    struct answer a = {0};

    redis_args_fcall(&fix.args, "no_such", false);
    redis_send(fix.r, &fix.args, redis_fixture_answer, &a);
    WAIT(a.calls > 0);
    ck_assert_int_eq(a.outcome, REDIS_REFUSED);
}
END_TEST

/* A Redis without memory to spare still answers what needs none. */
START_TEST(test_up_without_memory)
{
    redis_server_do(fix.server, "CONFIG SET maxmemory 1");
    redis_server_do(fix.server, "CLIENT KILL TYPE normal SKIPME yes");
    WAIT(fix.downs == 1);
    WAIT(redis_is_up(fix.r));
    ck_assert_int_eq(redis_fixture_ask("PING", NULL, NULL, NULL).outcome, REDIS_DONE);
}
END_TEST

START_TEST(test_urls)
{
    static const char *const good[] = {"unix:/run/redis.sock",
                                       "unix:/r?db=0",
                                       "unix:/r?db=15",
                                       "redis://",
                                       "redis://h",
                                       "redis://h/",
                                       "redis://h:1/0",
                                       "redis://10.0.0.1:6380/3",
                                       "redis://[::1]:6379/1",
                                       "redis://:6379",
                                       "redis:///4",
                                       "redis://[::1]"};
    static const char *const bad[] = {"",
                                      "redis",
                                      "rediss://h",
                                      "unix:",
                                      "unix:r",
                                      "unix:/r?",
                                      "unix:/r?db=",
                                      "unix:/r?db=-1",
                                      "unix:/r?db=65536",
                                      "unix:/r?x=1",
                                      "redis://h:",
                                      "redis://h:0",
                                      "redis://h:65536",
                                      "redis://h:1x",
                                      "redis://u:p@h",
                                      "redis://[",
                                      "redis://[]",
                                      "redis://[::1]x",
                                      "redis://h/x",
                                      "redis://h/1/2",
                                      "unix:/"
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                      "aaaaaaaaaaaaaaaa"};
    struct redis_options o = {.connect_timeout = 1, .command_timeout = 1};
    const char *why;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(redis_url_check(good[i], &why) == 0, "%s: %s", good[i], why);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        why = NULL;
        ck_assert_msg(redis_url_check(bad[i], &why) == -1, "%s", bad[i]);
        ck_assert_ptr_nonnull(why);
        o.url = bad[i];
        ck_assert_ptr_null(redis_open(fix.loop, &o, NULL, NULL));
        ck_assert_int_eq(errno, EINVAL);
    }
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("redis");
    TCase *up = redis_fixture_case(suite, "up", redis_fixture_setup_up);
    TCase *urls = tcase_create("urls");

    redis_server_require();
    tcase_add_test(up, test_commands);
    tcase_add_test(up, test_library_is_loaded);
    tcase_add_test(up, test_arguments);
    tcase_add_test(up, test_a_turn_is_one_write);
    tcase_add_test(up, test_send_from_callback);
    tcase_add_test(up, test_no_callback);
    tcase_add_test(up, test_big);
    tcase_add_test(up, test_failed_arguments);
    tcase_add_test(up, test_arguments_limit);
    tcase_add_test(up, test_refused);
    tcase_add_test(up, test_busygroup_is_refused);
    tcase_add_test(up, test_passing_errors);
    tcase_add_test(up, test_nested_too_deep);
    tcase_add_test(up, test_functions_flushed);
    tcase_add_test(up, test_functions_flushed_and_no_memory);
    tcase_add_test(up, test_no_such_function);
    tcase_add_test(up, test_up_without_memory);
    tcase_add_test(urls, test_urls);
    suite_add_tcase(suite, urls);
    return suite;
}
