/*
 * The event loop: order of a turn, timers, and freeing anything from inside any callback (which
 * the sanitizers watch).
 */
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/loop.h"
#include "tests/unit/unit.h"

static struct loop *loop;

/* What the callbacks did, a letter each. */
static char trace[64];
static size_t trace_len;

static void
note(char c)
{
    ck_assert_uint_lt(trace_len, sizeof(trace) - 1);
    trace[trace_len++] = c;
    trace[trace_len] = '\0';
}

static void
setup(void)
{
    trace_len = 0;
    trace[0] = '\0';
    loop = loop_new();
    ck_assert_ptr_nonnull(loop);
}

static void
teardown(void)
{
    loop_free(loop);
}

/* A cookie that says what its callback should do. */
struct item {
    char name;
    struct loop_io *io;
    struct loop_timer *timer;
    struct loop_hook *hook;
    struct item *victim; /* what of this item the callback frees */
    int fds[2];
};

static void
free_victim(struct item *item)
{
    struct item *victim = item->victim;

    if (victim == NULL)
        return;
    loop_io_free(victim->io);
    loop_timer_free(victim->timer);
    loop_hook_free(victim->hook);
    victim->io = NULL;
    victim->timer = NULL;
    victim->hook = NULL;
}

static void
on_call(void *cookie)
{
    struct item *item = cookie;

    note(item->name);
    free_victim(item);
}

static void
on_io(void *cookie, uint32_t events)
{
    ck_assert(events & (EPOLLIN | EPOLLHUP));
    on_call(cookie);
}

static void
watch_pipe(struct item *item)
{
    ck_assert_int_eq(pipe(item->fds), 0);
    item->io = loop_io_add(loop, item->fds[0], EPOLLIN, on_io, item);
    ck_assert_ptr_nonnull(item->io);
    ck_assert_int_eq(write(item->fds[1], "x", 1), 1);
}

static void
drop_pipe(struct item *item)
{
    loop_io_free(item->io);
    close(item->fds[0]);
    close(item->fds[1]);
}

static void
add_timer(struct item *item, dur_ms delay)
{
    item->timer = loop_timer_new(loop, on_call, item);
    ck_assert_ptr_nonnull(item->timer);
    loop_timer_set(item->timer, delay);
}

START_TEST(test_turn_order)
{
    struct item hook = {.name = 'h'}, timer = {.name = 't'}, io = {.name = 'i'};

    hook.hook = loop_hook_add(loop, on_call, &hook);
    watch_pipe(&io);
    add_timer(&timer, 0);
    ck_assert_int_eq(loop_run_once(loop, -1), 0);
    ck_assert_str_eq(trace, "tih");
    drop_pipe(&io);
}
END_TEST

START_TEST(test_timers_fire_in_order)
{
    struct item items[5] = {0};
    static const dur_ms delays[] = {4, 0, 9, 2, 7};
    mono_ms began = clock_mono();
    struct item stopped = {.name = '!'};

    for (size_t i = 0; i < 5; i++) {
        items[i].name = (char)('0' + delays[i]);
        add_timer(&items[i], delays[i]);
    }
    add_timer(&stopped, 1);
    ck_assert(loop_timer_is_set(stopped.timer));
    loop_timer_stop(stopped.timer);
    ck_assert(!loop_timer_is_set(stopped.timer));
    while (trace_len < 5)
        ck_assert_int_eq(loop_run_once(loop, -1), 0);
    ck_assert_str_eq(trace, "02479");
    ck_assert_int_ge(clock_mono() - began, 9);
}
END_TEST

/* When a timer is due: the loop read the clock between these two. */
struct due {
    mono_ms earliest, latest;
};

static int fired;
static mono_ms fired_until; /* the latest of those that fired was due then or later */

static void
on_many(void *cookie)
{
    const struct due *due = cookie;

    ck_assert_int_le(fired_until, due->latest);
    ck_assert_int_le(due->earliest, clock_mono());
    if (due->earliest > fired_until)
        fired_until = due->earliest;
    fired++;
}

START_TEST(test_many_timers)
{
    enum { N = 2000 };
    static struct due due[N];
    static struct loop_timer *timers[N];
    int left = 0;

    srandom(1);
    for (int i = 0; i < N; i++) {
        timers[i] = loop_timer_new(loop, on_many, &due[i]);
        loop_timer_set(timers[i], random() % 1000);
    }
    for (int i = 0; i < N; i++) {
        dur_ms delay = random() % 30;

        due[i].earliest = clock_mono() + delay;
        loop_timer_set(timers[i], delay);
        due[i].latest = clock_mono() + delay;
        if (i % 3 == 0)
            loop_timer_free(timers[i]);
        else
            left++;
    }
    while (fired < left)
        ck_assert_int_eq(loop_run_once(loop, 1000), 0);
    loop_run_once(loop, 0);
    ck_assert_int_eq(fired, left);
}
END_TEST

static void
on_again(void *cookie)
{
    struct item *item = cookie;

    note(item->name);
    loop_timer_set(item->timer, 0);
}

START_TEST(test_timer_set_again_waits_for_the_next_turn)
{
    struct item again = {.name = 'a'}, hook = {.name = 'h'};

    again.timer = loop_timer_new(loop, on_again, &again);
    hook.hook = loop_hook_add(loop, on_call, &hook);
    loop_timer_set(again.timer, 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(loop_run_once(loop, -1), 0);
    ck_assert_str_eq(trace, "ahahah");
}
END_TEST

START_TEST(test_timer_frees_itself_and_another)
{
    struct item a = {.name = 'a'}, b = {.name = 'b'}, self = {.name = 's'};

    a.victim = &b;
    self.victim = &self;
    add_timer(&a, 0);
    add_timer(&b, 0);
    add_timer(&self, 0);
    ck_assert_int_eq(loop_run_once(loop, -1), 0);
    ck_assert_int_eq(loop_run_once(loop, 5), 0);
    ck_assert_str_eq(trace, "as");
}
END_TEST

START_TEST(test_io_freed_by_another_in_the_same_turn)
{
    struct item a = {.name = 'x'}, b = {.name = 'x'};

    a.victim = &b;
    b.victim = &a;
    watch_pipe(&a);
    watch_pipe(&b);
    ck_assert_int_eq(loop_run_once(loop, -1), 0);
    ck_assert_str_eq(trace, "x"); /* whichever came first freed the other */
    drop_pipe(&a);
    drop_pipe(&b);
}
END_TEST

START_TEST(test_io_frees_itself)
{
    struct item a = {.name = 'a'};

    a.victim = &a;
    watch_pipe(&a);
    ck_assert_int_eq(loop_run_once(loop, -1), 0);
    ck_assert_int_eq(loop_run_once(loop, 0), 0);
    ck_assert_str_eq(trace, "a");
    drop_pipe(&a);
}
END_TEST

START_TEST(test_timer_frees_io_that_is_ready)
{
    struct item t = {.name = 't'}, io = {.name = 'i'};

    t.victim = &io;
    watch_pipe(&io);
    add_timer(&t, 0);
    ck_assert_int_eq(loop_run_once(loop, -1), 0);
    ck_assert_str_eq(trace, "t");
    drop_pipe(&io);
}
END_TEST

START_TEST(test_hook_frees_itself_and_the_next)
{
    struct item a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'}, d = {.name = 'd'};

    a.hook = loop_hook_add(loop, on_call, &a);
    b.hook = loop_hook_add(loop, on_call, &b);
    c.hook = loop_hook_add(loop, on_call, &c);
    d.hook = loop_hook_add(loop, on_call, &d);
    a.victim = &b;
    c.victim = &c;
    ck_assert_int_eq(loop_run_once(loop, 0), 0);
    ck_assert_str_eq(trace, "acd");
    ck_assert_int_eq(loop_run_once(loop, 0), 0);
    ck_assert_str_eq(trace, "acdad");
    loop_hook_free(d.hook); /* outside a turn */
    ck_assert_int_eq(loop_run_once(loop, 0), 0);
    ck_assert_str_eq(trace, "acdada");
}
END_TEST

START_TEST(test_io_set)
{
    struct item a = {.name = 'a'};

    watch_pipe(&a);
    ck_assert_int_eq(loop_io_set(a.io, 0), 0);
    ck_assert_int_eq(loop_run_once(loop, 0), 0);
    ck_assert_str_eq(trace, "");
    ck_assert_int_eq(loop_io_set(a.io, EPOLLIN), 0);
    ck_assert_int_eq(loop_run_once(loop, -1), 0);
    ck_assert_int_eq(loop_run_once(loop, -1), 0); /* level-triggered: not read yet */
    ck_assert_str_eq(trace, "aa");
    close(a.fds[1]);
    ck_assert_int_eq(loop_run_once(loop, -1), 0);
    loop_io_free(a.io);
    close(a.fds[0]);
}
END_TEST

START_TEST(test_io_add_refused)
{
    ck_assert_ptr_null(loop_io_add(loop, -1, EPOLLIN, on_io, NULL));
}
END_TEST

static void
on_stop(void *cookie)
{
    note('s');
    loop_stop(cookie);
}

START_TEST(test_run_until_stop)
{
    struct loop_timer *t = loop_timer_new(loop, on_stop, loop);
    struct item hook = {.name = 'h'};

    hook.hook = loop_hook_add(loop, on_call, &hook);
    loop_timer_set(t, 0);
    ck_assert_int_eq(loop_run(loop), 0);
    ck_assert_str_eq(trace, "sh"); /* the turn is finished */
    loop_timer_set(t, 1);
    ck_assert_int_eq(loop_run(loop), 0);
    loop_stop(loop);
    ck_assert_int_eq(loop_run(loop), 0); /* at once: no timer is set */
    ck_assert_ptr_nonnull(strstr(trace, "shs"));
}
END_TEST

START_TEST(test_max_wait)
{
    mono_ms began = clock_mono();

    ck_assert_int_eq(loop_run_once(loop, 20), 0);
    ck_assert_int_ge(clock_mono() - began, 20);
    ck_assert_int_ge(loop_now(loop), began + 20);
}
END_TEST

START_TEST(test_signals)
{
    struct item usr = {.name = '1'}, term = {.name = 'T'}, last = {.name = 'L'};

    ck_assert_int_eq(loop_signal(loop, SIGUSR1, on_call, &usr), 0);
    ck_assert_int_eq(loop_signal(loop, SIGTERM, on_call, &term), 0);
    ck_assert_int_eq(loop_signal(loop, SIGTERM, on_call, &last), 0);
    ck_assert_int_eq(loop_signal(loop, 4711, on_call, &last), -1);
    raise(SIGUSR1);
    raise(SIGTERM);
    ck_assert_int_eq(loop_run_once(loop, -1), 0);
    ck_assert_str_eq(trace, "1L");
}
END_TEST

START_TEST(test_broken_pipe_is_an_error)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    close(fds[0]);
    ck_assert_int_eq(write(fds[1], "x", 1), -1); /* no SIGPIPE */
    close(fds[1]);
}
END_TEST

START_TEST(test_free_null)
{
    loop_free(NULL);
    loop_io_free(NULL);
    loop_timer_free(NULL);
    loop_hook_free(NULL);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("loop");
    TCase *tc = tcase_create("loop");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_turn_order);
    tcase_add_test(tc, test_timers_fire_in_order);
    tcase_add_test(tc, test_many_timers);
    tcase_add_test(tc, test_timer_set_again_waits_for_the_next_turn);
    tcase_add_test(tc, test_timer_frees_itself_and_another);
    tcase_add_test(tc, test_io_freed_by_another_in_the_same_turn);
    tcase_add_test(tc, test_io_frees_itself);
    tcase_add_test(tc, test_timer_frees_io_that_is_ready);
    tcase_add_test(tc, test_hook_frees_itself_and_the_next);
    tcase_add_test(tc, test_io_set);
    tcase_add_test(tc, test_io_add_refused);
    tcase_add_test(tc, test_run_until_stop);
    tcase_add_test(tc, test_max_wait);
    tcase_add_test(tc, test_signals);
    tcase_add_test(tc, test_broken_pipe_is_an_error);
    tcase_add_test(tc, test_free_null);
    suite_add_tcase(suite, tc);
    return suite;
}
