/*
 * How the Redis connection begins and ends: Redis dies, hangs, refuses, speaks nonsense, comes
 * back; and closing at any moment.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/redis_fixture.h"
#include "tests/unit/unit.h"

/* --- Redis dies, hangs, comes back ------------------------------------------------------------ */

START_TEST(test_killed_and_back)
{
    struct answer a[2] = {{0}}, b;

    redis_server_pause(fix.server);
    redis_fixture_send(&a[0], "PING", NULL, NULL, NULL);
    redis_fixture_send(&a[1], "PING", NULL, NULL, NULL);
    loop_run_once(fix.loop, 0);
    redis_server_kill(fix.server);
    WAIT(redis_pending(fix.r) == 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(a[i].calls, 1);
        ck_assert_int_eq(a[i].outcome, REDIS_LOST);
    }
    ck_assert(!redis_is_up(fix.r));
    ck_assert_int_eq(fix.downs, 1);
    b = redis_fixture_ask("PING", NULL, NULL, NULL);
    ck_assert_int_eq(b.outcome, REDIS_UNAVAILABLE);
    WAIT(fix.downs == 2); /* another reason: it refuses now */
    redis_server_restart(fix.server);
    WAIT(redis_is_up(fix.r));
    ck_assert_int_eq(fix.ups, 2);
    b = redis_fixture_call();
    ck_assert_int_eq(b.outcome, REDIS_DONE);
}
END_TEST

static void
reopen(dur_ms connect_timeout, dur_ms command_timeout)
{
    struct redis_options o = redis_fixture_options();

    redis_close(fix.r);
    o.connect_timeout = connect_timeout;
    o.command_timeout = command_timeout;
    redis_fixture_open(&o);
}

START_TEST(test_hangs)
{
    struct answer a = {0}, b = {0};
    mono_ms began;

    reopen(300, 200);
    WAIT(redis_is_up(fix.r));
    redis_server_pause(fix.server);
    began = clock_mono();
    redis_fixture_send(&a, "PING", NULL, NULL, NULL);
    WAIT(clock_mono() - began > 100);
    redis_fixture_send(&b, "PING", NULL, NULL, NULL);
    WAIT(a.calls > 0);
    ck_assert_int_eq(b.calls, 1); /* with the older one, before its own time */
    ck_assert_int_eq(a.outcome, REDIS_LOST);
    ck_assert_int_eq(b.outcome, REDIS_LOST);
    ck_assert_int_ge(clock_mono() - began, 200);
    ck_assert_str_eq(fix.down_why, "no answer within 200 ms");
    /* It accepts connections still: the kernel does. */
    WAIT(fix.downs == 2);
    ck_assert_str_eq(fix.down_why, "not connected within 300 ms");
    redis_server_resume(fix.server);
    WAIT(redis_is_up(fix.r));
    ck_assert_int_eq(redis_fixture_ask("PING", NULL, NULL, NULL).outcome, REDIS_DONE);
}
END_TEST

/* It is this program that stood still: the answer is there, and is taken. */
START_TEST(test_own_pause_is_not_a_hang)
{
    enum { N = 20, SIZE = 16 << 10 };
    static struct answer a[N];
    char *big = calloc(1, SIZE);

    reopen(1000, 200);
    WAIT(redis_is_up(fix.r));
    redis_args_str(&fix.args, "SET");
    redis_args_str(&fix.args, "big");
    redis_args_add(&fix.args, big, SIZE);
    redis_send(fix.r, &fix.args, NULL, NULL);
    for (int i = 0; i < N; i++) /* more than one turn reads */
        redis_fixture_send(&a[i], "GET", "big", NULL, NULL);
    loop_run_once(fix.loop, 0); /* written, most likely not answered */
    (void)poll(NULL, 0, 300);
    WAIT(redis_pending(fix.r) == 0);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(a[i].outcome, REDIS_DONE);
    ck_assert_int_eq(fix.downs, 0);
    free(big);
}
END_TEST

START_TEST(test_idle_is_not_a_hang)
{
    mono_ms began;

    reopen(1000, 150);
    WAIT(redis_is_up(fix.r));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(redis_fixture_ask("PING", NULL, NULL, NULL).outcome, REDIS_DONE);
    began = clock_mono();
    WAIT(clock_mono() - began > 400);
    ck_assert_int_eq(fix.downs, 0);
}
END_TEST

START_TEST(test_queue_limit)
{
    struct answer last = {0};
    static struct answer others;

    redis_server_pause(fix.server);
    for (int i = 0; i < REDIS_QUEUE_MAX; i++) {
        redis_args_reset(&fix.args);
        redis_args_str(&fix.args, "PING");
        redis_send(fix.r, &fix.args, redis_fixture_answer, &others);
    }
    redis_fixture_send(&last, "PING", NULL, NULL, NULL);
    WAIT(last.calls > 0);
    ck_assert_int_eq(last.outcome, REDIS_UNAVAILABLE);
    ck_assert_int_eq(others.calls, 0);
    redis_server_resume(fix.server);
    WAIT(redis_pending(fix.r) == 0);
    ck_assert_int_eq(others.calls, REDIS_QUEUE_MAX);
    ck_assert_int_eq(others.outcome, REDIS_DONE);
}
END_TEST

START_TEST(test_not_there_at_first)
{
    struct redis_options o = redis_fixture_options();
    struct answer a = {0};

    redis_server_kill(fix.server);
    redis_fixture_open(&o);
    ck_assert(!redis_is_up(fix.r));
    redis_fixture_send(&a, "PING", NULL, NULL, NULL);
    WAIT(a.calls > 0);
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
    for (mono_ms began = clock_mono(); clock_mono() - began < 400;)
        loop_run_once(fix.loop, 20);
    ck_assert_int_eq(fix.downs, 1); /* the same reason is told once */
    ck_assert_str_eq(fix.down_why, "Connection refused");
    redis_server_restart(fix.server);
    WAIT(redis_is_up(fix.r));
    ck_assert_int_eq(fix.ups, 1);
}
END_TEST

/* --- closing ---------------------------------------------------------------------------------- */

static void
on_answer_send_while_closing(void *cookie, enum redis_outcome outcome, const redisReply *reply)
{
    struct answer *a = cookie;

    redis_fixture_answer(a, outcome, reply);
    redis_send(fix.r, &fix.args, redis_fixture_answer, a + 1);
}

START_TEST(test_close_with_pending)
{
    struct answer a[2] = {{0}}, sent = {0};

    redis_server_pause(fix.server);
    redis_fixture_send(&sent, "PING", NULL, NULL, NULL);
    loop_run_once(fix.loop, 0);
    redis_args_reset(&fix.args);
    redis_args_str(&fix.args, "PING");
    redis_send(fix.r, &fix.args, on_answer_send_while_closing, &a[0]);
    redis_close(fix.r);
    fix.r = NULL;
    ck_assert_int_eq(sent.calls, 1);
    ck_assert_int_eq(sent.outcome, REDIS_LOST);
    ck_assert_int_eq(a[0].calls, 1);
    ck_assert_int_eq(a[0].outcome, REDIS_LOST);
    ck_assert_int_eq(a[1].calls, 1);
    ck_assert_int_eq(a[1].outcome, REDIS_UNAVAILABLE);
    ck_assert_int_eq(fix.downs, 0);
    ck_assert_int_eq(loop_run_once(fix.loop, 0), 0);
}
END_TEST

START_TEST(test_close_before_up)
{
    struct redis_options o = redis_fixture_options();
    struct answer a = {0};

    redis_fixture_open(&o);
    redis_fixture_send(&a, "PING", NULL, NULL, NULL);
    redis_close(fix.r); /* no turn was made */
    ck_assert_int_eq(a.calls, 1);
    ck_assert_int_eq(a.outcome, REDIS_UNAVAILABLE);
    redis_fixture_open(&o);
    ck_assert_int_eq(loop_run_once(fix.loop, 0), 0); /* connecting */
    redis_close(fix.r);
    fix.r = NULL;
    ck_assert_int_eq(fix.ups + fix.downs, 0);
    redis_close(NULL);
}
END_TEST

/* --- greeting --------------------------------------------------------------------------------- */

START_TEST(test_password)
{
    struct redis_options o = redis_fixture_options();
    struct answer a;

    redis_server_do(fix.server, "ACL SETUSER ann on >pw-ann allcommands allkeys");
    redis_server_do(fix.server, "CONFIG SET requirepass pw");
    redis_fixture_open(&o); /* without one */
    WAIT(fix.downs == 1);
    ck_assert_ptr_nonnull(strstr(fix.down_why, "NOAUTH"));
    redis_close(fix.r);
    o.password = "wrong";
    redis_fixture_open(&o);
    WAIT(fix.downs == 2);
    ck_assert_ptr_nonnull(strstr(fix.down_why, "WRONGPASS"));
    ck_assert_int_eq(redis_fixture_ask("PING", NULL, NULL, NULL).outcome, REDIS_UNAVAILABLE);
    redis_close(fix.r);
    o.password = "pw";
    redis_fixture_open(&o);
    WAIT(redis_is_up(fix.r));
    redis_close(fix.r);
    o.user = "ann";
    o.password = "pw-ann";
    redis_fixture_open(&o);
    WAIT(redis_is_up(fix.r));
    a = redis_fixture_ask("ACL", "WHOAMI", NULL, NULL);
    ck_assert_str_eq(a.str, "ann");
    ck_assert_int_eq(fix.downs, 2);
}
END_TEST

START_TEST(test_database_and_name)
{
    struct redis_options o = redis_fixture_options();
    char url[256];

    (void)snprintf(url, sizeof(url), "%s?db=3", redis_server_url(fix.server));
    o.url = url;
    o.functions = false;
    redis_fixture_open(&o);
    memset(url, 'x', sizeof(url)); /* it is not needed any more */
    WAIT(redis_is_up(fix.r));
    (void)redis_fixture_ask("SET", "k", "v", NULL);
    ck_assert_int_eq(redis_fixture_info("keyspace", "db3:keys="), 1);
    ck_assert_str_eq(redis_fixture_ask("CLIENT", "GETNAME", NULL, NULL).str, "varcade");
    ck_assert_int_eq(redis_fixture_info("commandstats", "cmdstat_function|load:calls="), 0);
}
END_TEST

START_TEST(test_no_such_database)
{
    struct redis_options o = redis_fixture_options();
    char url[256];

    (void)snprintf(url, sizeof(url), "%s?db=60000", redis_server_url(fix.server));
    o.url = url;
    redis_fixture_open(&o);
    WAIT(fix.downs == 1);
    ck_assert_ptr_nonnull(strstr(fix.down_why, "DB index is out of range"));
    ck_assert_int_eq(fix.ups, 0);
}
END_TEST

START_TEST(test_tcp)
{
    struct redis_options o = redis_fixture_options();
    char url[64];
    int port;

    /* Redis picks no free port itself: try some. */
    for (port = 20000 + (int)(getpid() % 20000);; port++) {
        redisContext *c = redis_server_client(fix.server);
        redisReply *reply = redisCommand(c, "CONFIG SET port %d", port);
        bool free_port = reply->type != REDIS_REPLY_ERROR;

        freeReplyObject(reply);
        redisFree(c);
        if (free_port)
            break;
    }
    (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%d/2", port);
    o.url = url;
    redis_fixture_open(&o);
    WAIT(redis_is_up(fix.r));
    (void)redis_fixture_ask("SET", "k", "v", NULL);
    ck_assert_int_eq(redis_fixture_info("keyspace", "db2:keys="), 1);
    redis_server_kill(fix.server);
    WAIT(fix.downs >= 2);
    ck_assert_str_eq(fix.down_why, "Connection refused");
}
END_TEST

/* --- a peer that is no good Redis ------------------------------------------------------------- */

/* Listens in the loop of the test; gives every connection the same text and hangs up, or waits. */
static struct {
    struct sockaddr_un address;
    char url[128];
    int fd;
    struct loop_io *io;
    const char *text;
    bool hang_up;
    int connections[64];
    size_t n;
} fake;

static void
fake_accept(void *cookie, uint32_t events)
{
    int fd = accept4(fake.fd, NULL, NULL, SOCK_CLOEXEC);

    (void)cookie;
    (void)events;
    ck_assert_int_ge(fd, 0);
    ck_assert_uint_lt(fake.n, 64);
    if (write(fd, fake.text, strlen(fake.text)) != (ssize_t)strlen(fake.text))
        ck_abort_msg("write");
    if (fake.hang_up)
        close(fd);
    fake.connections[fake.n++] = fake.hang_up ? -1 : fd;
}

static void
fake_start(const char *text, bool hang_up)
{
    struct redis_options o = redis_fixture_options();

    fake.text = text;
    fake.hang_up = hang_up;
    fake.address.sun_family = AF_UNIX;
    (void)snprintf(fake.address.sun_path, sizeof(fake.address.sun_path), "%s.fake",
                   redis_server_socket(fix.server));
    fake.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fake.fd, (struct sockaddr *)&fake.address, sizeof(fake.address)), 0);
    ck_assert_int_eq(listen(fake.fd, 16), 0);
    fake.io = loop_io_add(fix.loop, fake.fd, EPOLLIN, fake_accept, NULL);
    ck_assert_ptr_nonnull(fake.io);
    (void)snprintf(fake.url, sizeof(fake.url), "unix:%s", fake.address.sun_path);
    o.url = fake.url;
    redis_fixture_open(&o);
}

static void
fake_stop(void)
{
    loop_io_free(fake.io);
    for (size_t i = 0; i < fake.n; i++) {
        if (fake.connections[i] >= 0)
            close(fake.connections[i]);
    }
    close(fake.fd);
    (void)unlink(fake.address.sun_path);
}

START_TEST(test_loading)
{
    fake_start("+OK\r\n-LOADING Redis is loading the dataset in memory\r\n", false);
    WAIT(fake.n == 3);
    ck_assert_str_eq(fix.down_why, "LOADING Redis is loading the dataset in memory");
    ck_assert_int_eq(fix.ups, 0);
    ck_assert_int_eq(fix.downs, 1);
    fake.text = "+OK\r\n+OK\r\n";
    WAIT(redis_is_up(fix.r));
    fake_stop();
}
END_TEST

START_TEST(test_no_protocol)
{
    fake_start("HTTP/1.1 400 Bad Request\r\n\r\n", false);
    WAIT(fix.downs == 1);
    ck_assert_ptr_nonnull(strstr(fix.down_why, "Protocol error"));
    fake_stop();
}
END_TEST

START_TEST(test_too_many_clients)
{
    fake_start("-ERR max number of clients reached\r\n", false);
    WAIT(fix.downs == 1);
    ck_assert_str_eq(fix.down_why, "ERR max number of clients reached");
    fake_stop();
}
END_TEST

/* 25 to 50, 50 to 100, 100 to 200, 200 to 400, 400 to 800 ms. */
START_TEST(test_back_off)
{
    mono_ms began = clock_mono();

    fake_start("", true);
    WAIT(fake.n == 6);
    ck_assert_int_ge(clock_mono() - began, 25 + 50 + 100 + 200 + 400);
    ck_assert_int_eq(fix.downs, 1);
    fake_stop();
}
END_TEST

/* A connection that is lost as soon as it is up does not start from the shortest delay again. */
START_TEST(test_back_off_of_short_lives)
{
    mono_ms began = clock_mono();

    fake_start("+OK\r\n+OK\r\n", false);
    for (int i = 0; i < 5; i++) {
        WAIT(fix.ups == i + 1);
        close(fake.connections[i]);
        fake.connections[i] = -1;
        WAIT(fix.downs == i + 1);
    }
    WAIT(fix.ups == 6);
    ck_assert_int_ge(clock_mono() - began, 25 + 50 + 100 + 200 + 400);
    fake_stop();
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("redis_connect");
    TCase *up = redis_fixture_case(suite, "up", redis_fixture_setup_up);
    TCase *own = redis_fixture_case(suite, "own", redis_fixture_setup);

    redis_server_require();
    tcase_add_test(up, test_killed_and_back);
    tcase_add_test(up, test_hangs);
    tcase_add_test(up, test_own_pause_is_not_a_hang);
    tcase_add_test(up, test_idle_is_not_a_hang);
    tcase_add_test(up, test_queue_limit);
    tcase_add_test(own, test_not_there_at_first);
    tcase_add_test(up, test_close_with_pending);
    tcase_add_test(own, test_close_before_up);
    tcase_add_test(own, test_password);
    tcase_add_test(own, test_database_and_name);
    tcase_add_test(own, test_no_such_database);
    tcase_add_test(own, test_tcp);
    tcase_add_test(own, test_loading);
    tcase_add_test(own, test_no_protocol);
    tcase_add_test(own, test_too_many_clients);
    tcase_add_test(own, test_back_off);
    tcase_add_test(own, test_back_off_of_short_lives);
    return suite;
}
