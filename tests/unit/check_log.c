/* The log, read back from where it went: shape, levels, context, and what a client must not
 * forge. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "tests/unit/unit.h"

static int log_fd = -1;   /* where stderr goes meanwhile */
static int saved_fd = -1; /* the true stderr */
static char written[65536];

static void
capture(void)
{
    saved_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    log_fd = memfd_create("log", MFD_CLOEXEC);
    ck_assert_int_ge(log_fd, 0);
    ck_assert_int_eq(dup2(log_fd, STDERR_FILENO), STDERR_FILENO);
    ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
    log_init("prog");
    ck_assert_int_eq(log_set_levels("info"), 0);
    (void)log_set_context(NULL);
}

static void
release(void)
{
    (void)dup2(saved_fd, STDERR_FILENO);
    (void)close(saved_fd);
    (void)close(log_fd);
}

/* All that was written since the last call. */
static const char *
take(void)
{
    ssize_t n = pread(log_fd, written, sizeof(written) - 1, 0);

    ck_assert_int_ge(n, 0);
    written[n] = '\0';
    ck_assert_int_eq(ftruncate(log_fd, 0), 0);
    ck_assert_int_eq(lseek(log_fd, 0, SEEK_SET), 0);
    return written;
}

/* What follows `module: ` in the one line that was written, without its newline. */
static const char *
take_text(void)
{
    const char *text;

    (void)take();
    ck_assert_uint_gt(strlen(written), 0);
    ck_assert_ptr_eq(strchr(written, '\n'), written + strlen(written) - 1);
    written[strlen(written) - 1] = '\0';
    text = strstr(written, "test: ");
    ck_assert_ptr_nonnull(text);
    return text + strlen("test: ");
}

START_TEST(a_line_has_time_program_level_module)
{
    char expected[64];

    log_warning("test", "connection lost", LOG_S("url", "unix:/run/r.sock"),
                LOG_ERRNO(ECONNREFUSED));
    (void)snprintf(expected, sizeof(expected), " prog[%ld] WARNING test: ", (long)getpid());
    ck_assert_int_eq(
        strncmp(take() + strlen("2026-01-31T23:59:59.123Z"), expected, strlen(expected)), 0);
    ck_assert_int_eq(written[10], 'T');
    ck_assert_int_eq(written[23], 'Z');
    ck_assert_str_eq(strstr(written, "test: "),
                     "test: connection lost url=unix:/run/r.sock error=\"Connection refused\"\n");
}
END_TEST

START_TEST(fields_of_every_type)
{
    log_info("test", "figures", LOG_I("i", -42), LOG_I("max", INT64_MAX), LOG_D("d", 0.1),
             LOG_D("inf", (double)INFINITY), LOG_S("none", NULL), LOG_S("empty", ""),
             LOG_B("bytes", "abcdef", 3));
    ck_assert_str_eq(take_text(),
                     "figures i=-42 max=9223372036854775807 d=0.1 inf=inf empty=\"\" bytes=abc");
    log_info("test", "no fields");
    ck_assert_str_eq(take_text(), "no fields");
}
END_TEST

static const struct {
    const char *value;
    size_t len;
    const char *shown;
} values[] = {
    {"plain-_./:@+,%[]{}?&", 20, "plain-_./:@+,%[]{}?&"},
    {"two words", 9, "\"two words\""},
    {"x user=root", 11, "\"x user=root\""}, /* a key forged */
    {"a=b", 3, "\"a=b\""},
    {"\" user=root x=\"", 15, "\"\\\" user=root x=\\\"\""}, /* a quote closed */
    {"\\\" user=root", 12, "\"\\\\\\\" user=root\""},
    {"a\n2026-01-31 ERROR", 18, "\"a\\n2026-01-31 ERROR\""}, /* a line forged */
    {"\r\t\b", 3, "\"\\r\\t\\x08\""},
    {"\x1b[2J", 4, "\"\\x1b[2J\""}, /* a terminal's escape sequence */
    {"a\0b", 3, "\"a\\x00b\""},
    {"\x7f", 1, "\"\\x7f\""},
    {"caf\xc3\xa9", 5, "\"caf\xc3\xa9\""},
    {"\xc2\x9b", 2, "\"\\xc2\\x9b\""},          /* CSI in one character */
    {"\xe2\x80\xa8", 3, "\"\\xe2\\x80\\xa8\""}, /* line separator */
    {"\xe2\x80\xae", 3, "\"\\xe2\\x80\\xae\""}, /* right-to-left override */
    {"\xe2\x81\xa6", 3, "\"\\xe2\\x81\\xa6\""}, /* left-to-right isolate */
    {"\xe2\x82\xac", 3, "\"\xe2\x82\xac\""},    /* the neighbours stay as they are */
    {"\xff\xc3", 2, "\"\\xff\\xc3\""},          /* not UTF-8 */
    {"\xed\xa0\x80", 3, "\"\\xed\\xa0\\x80\""}, /* surrogate */
};

START_TEST(nothing_is_forged)
{
    char expected[128];

    log_info("test", "m", LOG_B("v", values[_i].value, values[_i].len), LOG_I("end", 1));
    (void)snprintf(expected, sizeof(expected), "m v=%s end=1", values[_i].shown);
    ck_assert_str_eq(take_text(), expected);
}
END_TEST

START_TEST(levels_by_module)
{
    ck_assert_int_eq(log_set_levels("warning,test=debug,quiet=error"), 0);
    ck_assert(log_enabled(LOG_LEVEL_DEBUG, "test"));
    ck_assert(!log_enabled(LOG_LEVEL_WARNING, "quiet"));
    ck_assert(log_enabled(LOG_LEVEL_ERROR, "quiet"));
    ck_assert(log_enabled(LOG_LEVEL_WARNING, "other"));
    ck_assert(!log_enabled(LOG_LEVEL_NOTICE, "other"));
    ck_assert(!log_enabled(LOG_LEVEL_NOTICE, "tes"));
    log_notice("other", "not written");
    log_write(LOG_LEVEL_NOTICE, "other", "not written either", NULL, 0);
    log_debug("test", "written");
    ck_assert_str_eq(take_text(), "written");
}
END_TEST

static const char *const bad_levels[] = {
    "",
    "loud",
    "info,",
    ",info",
    "INFO",
    "info,redis",
    "info,=debug",
    "info,redis=",
    "info,redis=loud",
    "redis=debug",
    "info,redis=debug,",
    "info redis=debug",
    "info,a234567890123456789012345678901x=debug",
};

START_TEST(bad_levels_change_nothing)
{
    ck_assert_int_eq(log_set_levels("error,test=debug"), 0);
    errno = 0;
    ck_assert_int_eq(log_set_levels(bad_levels[_i]), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert(log_enabled(LOG_LEVEL_DEBUG, "test"));
    ck_assert(!log_enabled(LOG_LEVEL_WARNING, "other"));
}
END_TEST

START_TEST(context_is_on_every_line_until_cleared)
{
    struct log_context ctx = {.request_id = "r1", .product = "exrps", .user_id = "a b"};
    struct log_context inner = {.game_id = "g1", .product = ""};

    ck_assert_ptr_null(log_set_context(&ctx));
    log_info("test", "m", LOG_I("n", 1));
    ck_assert_str_eq(take_text(), "m req=r1 product=exrps user=\"a b\" n=1");
    ck_assert_ptr_eq(log_set_context(&inner), &ctx);
    log_info("test", "m");
    ck_assert_str_eq(take_text(), "m game=g1");
    ck_assert_ptr_eq(log_set_context(NULL), &inner);
    log_info("test", "m");
    ck_assert_str_eq(take_text(), "m");
}
END_TEST

START_TEST(a_long_line_is_cut_visibly)
{
    static char big[20000];
    const char *text;

    memset(big, 'x', sizeof(big));
    log_info("test", "m", LOG_B("v", big, sizeof(big)), LOG_I("after", 1));
    text = take_text();
    ck_assert_uint_le(strlen(written) + 1, 8192);
    ck_assert_uint_gt(strlen(written), 8000);
    ck_assert_str_eq(text + strlen(text) - 9, "x cut=yes");

    memset(big, '\n', sizeof(big)); /* escapes are not cut in two, and the quote is closed */
    for (size_t shift = 0; shift < 4; shift++) {
        log_info("test", "m", LOG_B("pad", "xxxx", shift), LOG_B("v", big, sizeof(big)));
        text = take_text();
        ck_assert_uint_le(strlen(written) + 1, 8192);
        ck_assert_str_eq(text + strlen(text) - 11, "\\n\" cut=yes");
    }
}
END_TEST

/* For every length around the limit: never longer, always well-formed. */
START_TEST(cutting_at_any_byte_keeps_the_line_whole)
{
    static char big[8300];

    memset(big, ' ', sizeof(big));
    for (size_t len = 8000; len < sizeof(big); len++) {
        const char *text;
        size_t quotes = 0;

        log_info("test", "m", LOG_B("v", big, len), LOG_S("w", "x y"));
        text = take_text();
        ck_assert_uint_le(strlen(written) + 1, 8192);
        for (const char *c = text; *c != '\0'; c++)
            quotes += *c == '"';
        ck_assert_uint_eq(quotes % 2, 0);
    }
}
END_TEST

static void
set_journal_stream(int fd, unsigned off_by)
{
    char stream[64];
    struct stat st;

    ck_assert_int_eq(fstat(fd, &st), 0);
    (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino + off_by);
    ck_assert_int_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
    log_init("prog");
}

START_TEST(the_journal_gets_priorities)
{
    set_journal_stream(log_fd, 0);
    log_warning("test", "m", LOG_I("n", 1));
    ck_assert_str_eq(take(), "<4>test: m n=1\n");
}
END_TEST

START_TEST(the_journal_only_where_stderr_is_it)
{
    static const char *const bad[] = {"", ":", "1:", ":1", "x:y", "1", "-1:-1"};

    set_journal_stream(log_fd, 1);
    log_warning("test", "m");
    ck_assert_int_ne(*take(), '<');
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(setenv("JOURNAL_STREAM", bad[i], 1), 0);
        log_init("prog");
        log_warning("test", "m");
        ck_assert_int_ne(*take(), '<');
    }
}
END_TEST

START_TEST(one_write_a_line_and_errno_stays)
{
    int fds[2];
    char message[16384];
    ssize_t n;

    /* Messages of a packet socket are the writes. */
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
    errno = EDOM;
    log_info("test", "first", LOG_S("v", "a\nb"));
    log_info("test", "second");
    ck_assert_int_eq(errno, EDOM);
    n = recv(fds[0], message, sizeof(message), 0);
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(message[n - 1], '\n');
    ck_assert_ptr_eq(memchr(message, '\n', (size_t)n), message + n - 1);
    n = recv(fds[0], message, sizeof(message), 0);
    ck_assert_ptr_nonnull(memmem(message, (size_t)n, "second\n", 7));
    (void)close(fds[0]);
    (void)close(fds[1]);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("log");
    TCase *tc = tcase_create("log");

    tcase_add_checked_fixture(tc, capture, release);
    tcase_add_test(tc, a_line_has_time_program_level_module);
    tcase_add_test(tc, fields_of_every_type);
    tcase_add_loop_test(tc, nothing_is_forged, 0, (int)(sizeof(values) / sizeof(values[0])));
    tcase_add_test(tc, levels_by_module);
    tcase_add_loop_test(tc, bad_levels_change_nothing, 0,
                        (int)(sizeof(bad_levels) / sizeof(bad_levels[0])));
    tcase_add_test(tc, context_is_on_every_line_until_cleared);
    tcase_add_test(tc, a_long_line_is_cut_visibly);
    tcase_add_test(tc, cutting_at_any_byte_keeps_the_line_whole);
    tcase_add_test(tc, the_journal_gets_priorities);
    tcase_add_test(tc, the_journal_only_where_stderr_is_it);
    tcase_add_test(tc, one_write_a_line_and_errno_stays);
    suite_add_tcase(suite, tc);
    return suite;
}
