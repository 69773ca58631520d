/*
 * The Redis connection against a real redis-server: what it sends, what it makes of answers, and
 * what it does when Redis dies, hangs, forgets its functions or refuses.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/loop.h"
#include "lib/redis.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/unit.h"

#define LIMIT ((dur_ms)10000)

static struct redis_server *server;
static struct loop *loop;
static struct redis *r;
static struct redis_args args;

/* What the state callback was told. */
static int ups, downs;
static char down_why[160];

/* What an answer was, copied. */
struct answer {
    int calls;
    enum redis_outcome outcome;
    int type; /* REDIS_REPLY_*, 0 without a reply */
    long long integer;
    size_t len, elements;
    char str[128];
};

static void
on_state(void *cookie, bool up, const char *why)
{
    ck_assert_ptr_eq(cookie, &server);
    if (up) {
        ups++;
        return;
    }
    downs++;
    (void)snprintf(down_why, sizeof(down_why), "%s", why);
}

static void
on_answer(void *cookie, enum redis_outcome outcome, const redisReply *reply)
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

static struct redis_options
options(void)
{
    return (struct redis_options){.url = redis_server_url(server),
                                  .connect_timeout = 2000,
                                  .command_timeout = 2000,
                                  .functions = true};
}

static void
open_with(const struct redis_options *o)
{
    r = redis_open(loop, o, on_state, &server);
    ck_assert_ptr_nonnull(r);
}

/* Turn until cond. */
#define WAIT(cond)                                                                   \
    do {                                                                             \
        mono_ms began_ = clock_mono();                                               \
        while (!(cond)) {                                                            \
            ck_assert_int_eq(loop_run_once(loop, 20), 0);                            \
            ck_assert_msg(clock_mono() - began_ < LIMIT, "waited too long: " #cond); \
        }                                                                            \
    } while (0)

static void
setup(void)
{
    server = redis_server_start(NULL);
    loop = loop_new();
    ck_assert_ptr_nonnull(loop);
    redis_args_init(&args);
}

static void
teardown(void)
{
    redis_close(r);
    redis_args_free(&args);
    loop_free(loop);
    redis_server_free(server);
}

static void
setup_up(void)
{
    struct redis_options o;

    setup();
    o = options();
    open_with(&o);
    WAIT(redis_is_up(r));
}

/* Send a command of up to four words. */
static void
send_words(struct answer *a, const char *w0, const char *w1, const char *w2, const char *w3)
{
    const char *words[] = {w0, w1, w2, w3};

    redis_args_reset(&args);
    for (size_t i = 0; i < 4 && words[i] != NULL; i++)
        redis_args_str(&args, words[i]);
    redis_send(r, &args, on_answer, a);
    ck_assert_int_eq(a->calls, 0);
}

static void
send_call(struct answer *a)
{
    redis_args_reset(&args);
    redis_args_fcall(&args, "ping", true);
    redis_send(r, &args, on_answer, a);
}

static struct answer
ask(const char *w0, const char *w1, const char *w2, const char *w3)
{
    struct answer a = {0};

    send_words(&a, w0, w1, w2, w3);
    WAIT(a.calls > 0);
    return a;
}

/* The value of a line `name:value` of INFO. */
static long long
info(const char *section, const char *name)
{
    redisReply *reply = redis_server_command(server, "INFO %s", section);
    const char *line = strstr(reply->str, name);
    long long v = line == NULL ? 0 : strtoll(line + strlen(name), NULL, 10);

    freeReplyObject(reply);
    return v;
}

/* --- commands --------------------------------------------------------------------------------- */

START_TEST(test_commands)
{
    struct answer a = ask("SET", "k", "v", NULL);

    ck_assert_int_eq(a.outcome, REDIS_DONE);
    ck_assert_int_eq(a.type, REDIS_REPLY_STATUS);
    a = ask("GET", "k", NULL, NULL);
    ck_assert_str_eq(a.str, "v");
    a = ask("GET", "none", NULL, NULL);
    ck_assert_int_eq(a.outcome, REDIS_DONE);
    ck_assert_int_eq(a.type, REDIS_REPLY_NIL);
    ck_assert_uint_eq(redis_pending(r), 0);
    ck_assert_int_eq(ups, 1);
    ck_assert_int_eq(downs, 0);
}
END_TEST

START_TEST(test_library_is_loaded)
{
    struct answer a = {0};
    char prefix[64];

    (void)snprintf(prefix, sizeof(prefix), "varcade_%s_", redis_library_version());
    ck_assert_uint_eq(strlen(redis_library_version()), 8);
    send_call(&a);
    WAIT(a.calls > 0);
    ck_assert_int_eq(a.outcome, REDIS_DONE);
    ck_assert_str_eq(a.str, prefix);
}
END_TEST

/* What Redis received, as MONITOR shows it. */
START_TEST(test_arguments)
{
    redisContext *monitor = redis_server_client(server);
    struct answer a = {0};
    char expect[256];
    redisReply *reply = redisCommand(monitor, "MONITOR");

    freeReplyObject(reply);
    redis_args_fcall(&args, "ping", false);
    for (int i = 0; i < 11; i++)
        redis_args_key(&args, "{p}:k%d", i);
    redis_args_add(&args, "a\0\r\nb", 5);
    redis_args_add(&args, "", 0);
    redis_args_int(&args, INT64_MIN);
    redis_args_double(&args, 0.1);
    redis_args_printf(&args, "%s-%d", "x", 7);
    ck_assert(!args.failed);
    redis_send(r, &args, on_answer, &a);
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
    long long before = info("stats", "total_reads_processed:");
    char value[16];

    for (int i = 0; i < N; i++) {
        (void)snprintf(value, sizeof(value), "%d", i);
        send_words(&answers[i], "ECHO", value, NULL, NULL);
    }
    ck_assert_uint_eq(redis_pending(r), N);
    WAIT(redis_pending(r) == 0);
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(answers[i].calls, 1);
        ck_assert_int_eq(strtol(answers[i].str, NULL, 10), i);
    }
    /* One read for ours, one for each INFO (the second one's is counted) and one end of file. */
    ck_assert_int_le(info("stats", "total_reads_processed:") - before, 3);
}
END_TEST

static void
on_answer_send_more(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct answer *a = cookie;

    on_answer(cookie, outcome, reply);
    if (a->calls < 5) {
        redis_args_reset(&args);
        redis_args_str(&args, "PING");
        redis_send(r, &args, on_answer_send_more, a);
    }
}

START_TEST(test_send_from_callback)
{
    struct answer a = {0};

    redis_args_str(&args, "PING");
    redis_send(r, &args, on_answer_send_more, &a);
    WAIT(redis_pending(r) == 0);
    ck_assert_int_eq(a.calls, 5);
    ck_assert_int_eq(a.outcome, REDIS_DONE);
}
END_TEST

START_TEST(test_no_callback)
{
    redis_args_str(&args, "SET");
    redis_args_str(&args, "k");
    redis_args_str(&args, "v");
    redis_send(r, &args, NULL, NULL);
    WAIT(redis_pending(r) == 0);
    ck_assert_str_eq(ask("GET", "k", NULL, NULL).str, "v");
}
END_TEST

START_TEST(test_big)
{
    enum { SIZE = 20 << 20 };
    char *big = malloc(SIZE);
    struct answer set = {0}, after = {0}, get = {0};

    memset(big, 'b', SIZE);
    redis_args_str(&args, "SET");
    redis_args_str(&args, "big");
    redis_args_add(&args, big, SIZE);
    redis_send(r, &args, on_answer, &set);
    send_words(&after, "STRLEN", "big", NULL, NULL);
    send_words(&get, "GET", "big", NULL, NULL);
    WAIT(redis_pending(r) == 0);
    ck_assert_int_eq(set.outcome, REDIS_DONE);
    ck_assert_int_eq(after.integer, SIZE);
    ck_assert_uint_eq(get.len, SIZE);
    ck_assert_int_eq(downs, 0);
    free(big);
}
END_TEST

START_TEST(test_failed_arguments)
{
    struct answer failed = {0}, empty = {0};

    redis_args_str(&args, "PING");
    args.failed = true;
    redis_send(r, &args, on_answer, &failed);
    redis_args_reset(&args);
    redis_send(r, &args, on_answer, &empty);
    ck_assert_int_eq(failed.calls + empty.calls, 0);
    ck_assert_uint_eq(redis_pending(r), 2);
    WAIT(redis_pending(r) == 0);
    ck_assert_int_eq(failed.calls, 1);
    ck_assert_int_eq(failed.outcome, REDIS_UNAVAILABLE);
    ck_assert_int_eq(empty.outcome, REDIS_UNAVAILABLE);
    ck_assert(redis_is_up(r));
}
END_TEST

START_TEST(test_arguments_limit)
{
    static const char mib[1 << 20];

    redis_args_str(&args, "SET");
    for (size_t i = 0; i <= REDIS_ARGS_MAX >> 20; i++)
        redis_args_add(&args, mib, sizeof(mib));
    ck_assert(args.failed);
    redis_args_reset(&args);
    redis_args_str(&args, "PING");
    ck_assert(!args.failed);
}
END_TEST

/* --- errors ----------------------------------------------------------------------------------- */

START_TEST(test_refused)
{
    struct answer a = ask("NOSUCHCOMMAND", NULL, NULL, NULL);

    ck_assert_int_eq(a.outcome, REDIS_REFUSED);
    ck_assert_int_eq(a.type, REDIS_REPLY_ERROR);
    (void)ask("SET", "k", "v", NULL);
    a = ask("LPUSH", "k", "v", NULL);
    ck_assert_int_eq(a.outcome, REDIS_REFUSED);
    ck_assert_ptr_nonnull(strstr(a.str, "WRONGTYPE"));
}
END_TEST

/* BUSYGROUP is no BUSY. */
START_TEST(test_busygroup_is_refused)
{
    struct answer a;

    (void)ask("XADD", "s", "1-1", NULL);
    redis_server_do(server, "XADD s 1-1 f v");
    redis_server_do(server, "XGROUP CREATE s g 0");
    redis_args_reset(&args);
    memset(&a, 0, sizeof(a));
    for (const char *const *w = (const char *const[]){"XGROUP", "CREATE", "s", "g", "0", NULL}; *w;
         w++)
        redis_args_str(&args, *w);
    redis_send(r, &args, on_answer, &a);
    WAIT(a.calls > 0);
    ck_assert_ptr_nonnull(strstr(a.str, "BUSYGROUP"));
    ck_assert_int_eq(a.outcome, REDIS_REFUSED);
}
END_TEST

START_TEST(test_passing_errors)
{
    struct answer a;

    redis_server_do(server, "CONFIG SET maxmemory 1");
    a = ask("SET", "k", "v", NULL);
    ck_assert_ptr_nonnull(strstr(a.str, "OOM"));
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
    redis_server_do(server, "CONFIG SET maxmemory 0");
    redis_server_do(server, "CONFIG SET min-replicas-to-write 3");
    a = ask("SET", "k", "v", NULL);
    ck_assert_ptr_nonnull(strstr(a.str, "NOREPLICAS"));
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
    redis_server_do(server, "CONFIG SET min-replicas-to-write 0");
    redis_server_do(server, "REPLICAOF 127.0.0.1 1");
    a = ask("SET", "k", "v", NULL);
    ck_assert_ptr_nonnull(strstr(a.str, "READONLY"));
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
    redis_server_do(server, "CONFIG SET replica-serve-stale-data no");
    a = ask("GET", "k", NULL, NULL);
    ck_assert_ptr_nonnull(strstr(a.str, "MASTERDOWN"));
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
}
END_TEST

/* hiredis 0.14 gives up at eight levels: the connection is lost, and made again. */
START_TEST(test_nested_too_deep)
{
    struct answer a = ask("EVAL", "return {{{{{{{{{{1}}}}}}}}}}", "0", NULL);

    ck_assert_int_eq(a.outcome, REDIS_LOST);
    ck_assert_int_eq(downs, 1);
    WAIT(redis_is_up(r));
    ck_assert_int_eq(ask("PING", NULL, NULL, NULL).outcome, REDIS_DONE);
}
END_TEST

/* --- functions -------------------------------------------------------------------------------- */

START_TEST(test_functions_flushed)
{
    struct answer calls[3] = {{0}}, other = {0};
    long long before = info("commandstats", "cmdstat_function|load:calls=");

    redis_server_do(server, "FUNCTION FLUSH");
    for (int i = 0; i < 3; i++)
        send_call(&calls[i]);
    send_words(&other, "PING", NULL, NULL, NULL);
    WAIT(redis_pending(r) == 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(calls[i].calls, 1);
        ck_assert_int_eq(calls[i].outcome, REDIS_DONE);
    }
    ck_assert_int_eq(other.outcome, REDIS_DONE);
    ck_assert_int_eq(info("commandstats", "cmdstat_function|load:calls=") - before, 1);
    ck_assert_int_eq(downs, 0);
}
END_TEST

START_TEST(test_functions_flushed_and_no_memory)
{
    struct answer a = {0};

    redis_server_do(server, "FUNCTION FLUSH");
    redis_server_do(server, "CONFIG SET maxmemory 1");
    send_call(&a);
    WAIT(a.calls > 0);
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
    redis_server_do(server, "CONFIG SET maxmemory 0");
    memset(&a, 0, sizeof(a));
    send_call(&a);
    WAIT(a.calls > 0);
    ck_assert_int_eq(a.outcome, REDIS_DONE);
}
END_TEST

START_TEST(test_no_such_function)
{
    struct answer a = {0};

    redis_args_fcall(&args, "no_such", false);
    redis_send(r, &args, on_answer, &a);
    WAIT(a.calls > 0);
    ck_assert_int_eq(a.outcome, REDIS_REFUSED);
}
END_TEST

/* A Redis without memory to spare still answers what needs none. */
START_TEST(test_up_without_memory)
{
    redis_server_do(server, "CONFIG SET maxmemory 1");
    redis_server_do(server, "CLIENT KILL TYPE normal SKIPME yes");
    WAIT(downs == 1);
    WAIT(redis_is_up(r));
    ck_assert_int_eq(ask("PING", NULL, NULL, NULL).outcome, REDIS_DONE);
}
END_TEST

/* --- Redis dies, hangs, comes back ------------------------------------------------------------ */

START_TEST(test_killed_and_back)
{
    struct answer a[2] = {{0}}, b;

    redis_server_pause(server);
    send_words(&a[0], "PING", NULL, NULL, NULL);
    send_words(&a[1], "PING", NULL, NULL, NULL);
    loop_run_once(loop, 0);
    redis_server_kill(server);
    WAIT(redis_pending(r) == 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(a[i].calls, 1);
        ck_assert_int_eq(a[i].outcome, REDIS_LOST);
    }
    ck_assert(!redis_is_up(r));
    ck_assert_int_eq(downs, 1);
    b = ask("PING", NULL, NULL, NULL);
    ck_assert_int_eq(b.outcome, REDIS_UNAVAILABLE);
    WAIT(downs == 2); /* another reason: it refuses now */
    redis_server_restart(server);
    WAIT(redis_is_up(r));
    ck_assert_int_eq(ups, 2);
    memset(&b, 0, sizeof(b));
    send_call(&b);
    WAIT(b.calls > 0);
    ck_assert_int_eq(b.outcome, REDIS_DONE);
}
END_TEST

static void
reopen(dur_ms connect_timeout, dur_ms command_timeout)
{
    struct redis_options o = options();

    redis_close(r);
    o.connect_timeout = connect_timeout;
    o.command_timeout = command_timeout;
    open_with(&o);
}

START_TEST(test_hangs)
{
    struct answer a = {0}, b = {0};
    mono_ms began;

    reopen(300, 200);
    WAIT(redis_is_up(r));
    redis_server_pause(server);
    began = clock_mono();
    send_words(&a, "PING", NULL, NULL, NULL);
    WAIT(clock_mono() - began > 100);
    send_words(&b, "PING", NULL, NULL, NULL);
    WAIT(b.calls > 0);
    ck_assert_int_eq(a.outcome, REDIS_LOST);
    ck_assert_int_eq(b.outcome, REDIS_LOST);
    ck_assert_int_ge(clock_mono() - began, 200);
    ck_assert_int_lt(clock_mono() - began, 300);
    ck_assert_str_eq(down_why, "no answer within 200 ms");
    /* It accepts connections still: the kernel does. */
    WAIT(downs == 2);
    ck_assert_str_eq(down_why, "not connected within 300 ms");
    redis_server_resume(server);
    WAIT(redis_is_up(r));
    ck_assert_int_eq(ask("PING", NULL, NULL, NULL).outcome, REDIS_DONE);
}
END_TEST

/* It is this program that stood still: the answer is there, and is taken. */
START_TEST(test_own_pause_is_not_a_hang)
{
    struct answer a = {0};
    mono_ms began;

    reopen(1000, 50);
    WAIT(redis_is_up(r));
    send_words(&a, "PING", NULL, NULL, NULL);
    loop_run_once(loop, 0); /* written, most likely not answered */
    for (began = clock_mono(); clock_mono() - began < 100;)
        ;
    WAIT(a.calls > 0);
    ck_assert_int_eq(a.outcome, REDIS_DONE);
    ck_assert_int_eq(downs, 0);
}
END_TEST

START_TEST(test_idle_is_not_a_hang)
{
    mono_ms began;

    reopen(1000, 30);
    WAIT(redis_is_up(r));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ask("PING", NULL, NULL, NULL).outcome, REDIS_DONE);
    began = clock_mono();
    WAIT(clock_mono() - began > 100);
    ck_assert_int_eq(downs, 0);
}
END_TEST

START_TEST(test_queue_limit)
{
    struct answer last = {0};
    static struct answer others;

    redis_server_pause(server);
    for (int i = 0; i < REDIS_QUEUE_MAX; i++) {
        redis_args_reset(&args);
        redis_args_str(&args, "PING");
        redis_send(r, &args, on_answer, &others);
    }
    send_words(&last, "PING", NULL, NULL, NULL);
    WAIT(last.calls > 0);
    ck_assert_int_eq(last.outcome, REDIS_UNAVAILABLE);
    ck_assert_int_eq(others.calls, 0);
    redis_server_resume(server);
    WAIT(redis_pending(r) == 0);
    ck_assert_int_eq(others.calls, REDIS_QUEUE_MAX);
    ck_assert_int_eq(others.outcome, REDIS_DONE);
}
END_TEST

START_TEST(test_not_there_at_first)
{
    struct redis_options o = options();
    struct answer a = {0};

    redis_server_kill(server);
    open_with(&o);
    ck_assert(!redis_is_up(r));
    send_words(&a, "PING", NULL, NULL, NULL);
    WAIT(a.calls > 0);
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
    for (mono_ms began = clock_mono(); clock_mono() - began < 400;)
        loop_run_once(loop, 20);
    ck_assert_int_eq(downs, 1); /* the same reason is told once */
    ck_assert_str_eq(down_why, "Connection refused");
    redis_server_restart(server);
    WAIT(redis_is_up(r));
    ck_assert_int_eq(ups, 1);
}
END_TEST

/* --- closing ---------------------------------------------------------------------------------- */

static void
on_answer_send_while_closing(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct answer *a = cookie;

    on_answer(a, outcome, reply);
    redis_send(r, &args, on_answer, a + 1);
}

START_TEST(test_close_with_pending)
{
    struct answer a[2] = {{0}}, sent = {0};

    redis_server_pause(server);
    send_words(&sent, "PING", NULL, NULL, NULL);
    loop_run_once(loop, 0);
    redis_args_reset(&args);
    redis_args_str(&args, "PING");
    redis_send(r, &args, on_answer_send_while_closing, &a[0]);
    redis_close(r);
    r = NULL;
    ck_assert_int_eq(sent.calls, 1);
    ck_assert_int_eq(sent.outcome, REDIS_LOST);
    ck_assert_int_eq(a[0].calls, 1);
    ck_assert_int_eq(a[0].outcome, REDIS_LOST);
    ck_assert_int_eq(a[1].calls, 1);
    ck_assert_int_eq(a[1].outcome, REDIS_UNAVAILABLE);
    ck_assert_int_eq(downs, 0);
    ck_assert_int_eq(loop_run_once(loop, 0), 0);
}
END_TEST

START_TEST(test_close_before_up)
{
    struct redis_options o = options();
    struct answer a = {0};

    open_with(&o);
    send_words(&a, "PING", NULL, NULL, NULL);
    redis_close(r); /* no turn was made */
    ck_assert_int_eq(a.calls, 1);
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
    open_with(&o);
    ck_assert_int_eq(loop_run_once(loop, 0), 0); /* connecting */
    redis_close(r);
    r = NULL;
    ck_assert_int_eq(ups + downs, 0);
    redis_close(NULL);
}
END_TEST

/* --- greeting --------------------------------------------------------------------------------- */

START_TEST(test_password)
{
    struct redis_options o = options();
    struct answer a;

    redis_server_do(server, "ACL SETUSER ann on >pw-ann allcommands allkeys");
    redis_server_do(server, "CONFIG SET requirepass pw");
    open_with(&o); /* without one */
    WAIT(downs == 1);
    ck_assert_ptr_nonnull(strstr(down_why, "NOAUTH"));
    redis_close(r);
    o.password = "wrong";
    open_with(&o);
    WAIT(downs == 2);
    ck_assert_ptr_nonnull(strstr(down_why, "WRONGPASS"));
    ck_assert_int_eq(ask("PING", NULL, NULL, NULL).outcome, REDIS_UNAVAILABLE);
    redis_close(r);
    o.password = "pw";
    open_with(&o);
    WAIT(redis_is_up(r));
    redis_close(r);
    o.user = "ann";
    o.password = "pw-ann";
    open_with(&o);
    WAIT(redis_is_up(r));
    a = ask("ACL", "WHOAMI", NULL, NULL);
    ck_assert_str_eq(a.str, "ann");
    ck_assert_int_eq(downs, 2);
}
END_TEST

START_TEST(test_database_and_name)
{
    struct redis_options o = options();
    char url[256];

    (void)snprintf(url, sizeof(url), "%s?db=3", redis_server_url(server));
    o.url = url;
    o.functions = false;
    open_with(&o);
    memset(url, 'x', sizeof(url)); /* it is not needed any more */
    WAIT(redis_is_up(r));
    (void)ask("SET", "k", "v", NULL);
    ck_assert_int_eq(info("keyspace", "db3:keys="), 1);
    ck_assert_str_eq(ask("CLIENT", "GETNAME", NULL, NULL).str, "varcade");
    ck_assert_int_eq(info("commandstats", "cmdstat_function|load:calls="), 0);
}
END_TEST

START_TEST(test_no_such_database)
{
    struct redis_options o = options();
    char url[256];

    (void)snprintf(url, sizeof(url), "%s?db=60000", redis_server_url(server));
    o.url = url;
    open_with(&o);
    WAIT(downs == 1);
    ck_assert_ptr_nonnull(strstr(down_why, "DB index is out of range"));
    ck_assert_int_eq(ups, 0);
}
END_TEST

START_TEST(test_tcp)
{
    struct redis_options o = options();
    char url[64];
    int port;

    /* Redis picks no free port itself: try some. */
    for (port = 20000 + (int)(getpid() % 20000);; port++) {
        redisContext *c = redis_server_client(server);
        redisReply *reply = redisCommand(c, "CONFIG SET port %d", port);
        bool free_port = reply->type != REDIS_REPLY_ERROR;

        freeReplyObject(reply);
        redisFree(c);
        if (free_port)
            break;
    }
    (void)snprintf(url, sizeof(url), "redis://localhost:%d/2", port);
    o.url = url;
    open_with(&o);
    WAIT(redis_is_up(r));
    (void)ask("SET", "k", "v", NULL);
    ck_assert_int_eq(info("keyspace", "db2:keys="), 1);
    redis_server_kill(server);
    WAIT(downs >= 2);
    ck_assert_str_eq(down_why, "Connection refused");
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
        ck_assert_ptr_null(redis_open(loop, &o, NULL, NULL));
        ck_assert_int_eq(errno, EINVAL);
    }
}
END_TEST

static TCase *
add_case(Suite *suite, const char *name, SFun set)
{
    TCase *tc = tcase_create(name);

    tcase_add_checked_fixture(tc, set, teardown);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    return tc;
}

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("redis");
    TCase *up = add_case(suite, "up", setup_up);
    TCase *own = add_case(suite, "own", setup);

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
    tcase_add_test(up, test_killed_and_back);
    tcase_add_test(up, test_hangs);
    tcase_add_test(up, test_own_pause_is_not_a_hang);
    tcase_add_test(up, test_idle_is_not_a_hang);
    tcase_add_test(up, test_queue_limit);
    tcase_add_test(up, test_close_with_pending);
    tcase_add_test(own, test_not_there_at_first);
    tcase_add_test(own, test_close_before_up);
    tcase_add_test(own, test_password);
    tcase_add_test(own, test_database_and_name);
    tcase_add_test(own, test_no_such_database);
    tcase_add_test(own, test_tcp);
    tcase_add_test(own, test_urls);
    return suite;
}
