/* The service's configuration: defaults, values, files, and every mistake with its line. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/config/conf.h"
#include "tests/unit/unit.h"

#define WHY_MAX 8192

static char folder[PATH_MAX], file[PATH_MAX];

static void
setup(void)
{
    char template[] = "/tmp/varcade-conf-XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(template));
    ck_assert_ptr_nonnull(realpath(template, folder));
    ck_assert_int_lt(snprintf(file, sizeof(file), "%s/c.json", folder), (int)sizeof(file));
    ck_assert_int_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static void
teardown(void)
{
    (void)unlink(file);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void
write_file(const char *json)
{
    FILE *f = fopen(file, "we");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(json, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

/* The lines of why without the file's name before each. */
static void
assert_reasons(const struct buf *why, const char *expected)
{
    struct buf plain;
    size_t name = strlen(file);

    buf_init(&plain, WHY_MAX);
    for (const char *line = why->data; line != NULL && *line != '\0';) {
        size_t len = strcspn(line, "\n");

        ck_assert_uint_gt(len, name + 2);
        ck_assert_int_eq(strncmp(line, file, name), 0);
        ck_assert_int_eq(strncmp(line + name, ": ", 2), 0);
        buf_printf(&plain, "%s%.*s", plain.len > 0 ? "\n" : "", (int)(len - name - 2),
                   line + name + 2);
        line += len + (line[len] == '\n');
    }
    ck_assert_str_eq(plain.data != NULL ? plain.data : "", expected);
    buf_free(&plain);
}

START_TEST(defaults)
{
    struct conf *c = NULL;
    struct buf why;

    buf_init(&why, WHY_MAX);
    ck_assert_int_eq(conf_load(NULL, &c, &why), 0);
    ck_assert_uint_eq(why.len, 0);
    ck_assert_str_eq(c->games_dir, VARCADE_SYSCONFDIR "/games");
    ck_assert_str_eq(c->log_levels, "info");
    ck_assert_str_eq(c->redis_state_url, "unix:/run/redis/redis-server.sock");
    ck_assert_str_eq(c->redis_stream_url, "");
    ck_assert_str_eq(c->redis_user, "");
    ck_assert_str_eq(c->redis_password_file, "");
    ck_assert_int_eq(c->redis_connect_timeout, 500);
    ck_assert_int_eq(c->redis_command_timeout, 800);
    ck_assert_str_eq(c->stream_name, "game_event_stream");
    ck_assert_int_eq(c->stream_batch_max, 8192);
    ck_assert_str_eq(c->token_algorithm, "HS256");
    ck_assert_uint_eq(c->token_key_files.n, 0);
    ck_assert_int_eq(c->token_leeway, 0);
    ck_assert_uint_eq(c->http_allowed_origins.n, 1);
    ck_assert_str_eq(c->http_allowed_origins.item[0], "*");
    ck_assert_int_eq(c->http_body_max, 65536);
    ck_assert_int_eq(c->fcgi_processes, 0);
    ck_assert_int_eq(c->fcgi_requests_max, 10000);
    ck_assert_int_eq(c->game_server_connect_timeout, 1000);
    ck_assert_int_eq(c->game_server_timeout, 3000);
    ck_assert_int_eq(c->game_server_late, 90000);
    ck_assert_int_eq(c->game_server_concurrent, 64);
    ck_assert_int_eq(c->game_server_breaker_failures, 5);
    ck_assert_int_eq(c->game_server_breaker_open, 1000);
    ck_assert_str_eq(c->snapshots_dir, "");
    ck_assert_int_eq(c->snapshots_interval, 150);
    ck_assert_str_eq(c->metrics_dir, "");
    ck_assert_str_eq(c->worker_listen, "127.0.0.1:9180");
    ck_assert_int_eq(c->worker_lease, 1500);
    conf_free(c);
    conf_free(NULL);
}
END_TEST

START_TEST(an_empty_object_is_the_defaults)
{
    struct conf *c = NULL;
    struct buf why;

    buf_init(&why, WHY_MAX);
    write_file("{}\n");
    ck_assert_int_eq(conf_load(file, &c, &why), 0);
    ck_assert_str_eq(c->stream_name, "game_event_stream");
    conf_free(c);
}
END_TEST

START_TEST(values)
{
    struct conf *c = NULL;
    char expected[PATH_MAX + 16];
    struct buf why;

    buf_init(&why, WHY_MAX);
    ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1), 0);
    write_file("{\"games\": {\"dir\": \"../g\"}, \"redis\": {\"state_url\": \"redis://h:1/2\","
               " \"stream_url\": \"unix:/s?db=1\", \"command_timeout_ms\": 10},"
               " \"token\": {\"algorithm\": \"RS256\", \"leeway_s\": 300,"
               "  \"key_files\": [\"$CREDENTIALS_DIRECTORY/new\", \"old.pem\"]},"
               " \"http\": {\"allowed_origins\": [\"https://a.example\", \"http://b:8080\"]},"
               " \"game_server\": {\"timeout_ms\": 5000, \"late_ms\": 5000},"
               " \"worker\": {\"listen\": \"[::1]:9180\"}}");
    ck_assert_int_eq(conf_load(file, &c, &why), 0);
    ck_assert_uint_eq(why.len, 0);
    (void)snprintf(expected, sizeof(expected), "%s/../g", folder);
    ck_assert_str_eq(c->games_dir, expected);
    ck_assert_str_eq(c->redis_state_url, "redis://h:1/2");
    ck_assert_str_eq(c->redis_stream_url, "unix:/s?db=1");
    ck_assert_int_eq(c->redis_command_timeout, 10);
    ck_assert_str_eq(c->token_algorithm, "RS256");
    ck_assert_uint_eq(c->token_key_files.n, 2);
    ck_assert_str_eq(c->token_key_files.item[0], "/run/credentials/x/new");
    (void)snprintf(expected, sizeof(expected), "%s/old.pem", folder);
    ck_assert_str_eq(c->token_key_files.item[1], expected);
    ck_assert_int_eq(c->token_leeway, 300);
    ck_assert_uint_eq(c->http_allowed_origins.n, 2);
    ck_assert_int_eq(c->game_server_late, 5000);
    ck_assert_str_eq(c->worker_listen, "[::1]:9180");
    conf_free(c);
}
END_TEST

/* A path in the file counts from the file's folder, however the file itself was named. */
START_TEST(relative_file)
{
    struct conf *c = NULL;
    char expected[PATH_MAX + 16];
    struct buf why;

    buf_init(&why, WHY_MAX);
    write_file("{\"snapshots\": {\"dir\": \"snap\"}}");
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(conf_load("c.json", &c, &why), 0);
    (void)snprintf(expected, sizeof(expected), "%s/snap", folder);
    ck_assert_str_eq(c->snapshots_dir, expected);
    conf_free(c);
}
END_TEST

static const struct {
    const char *json, *reasons;
} bad[] = {
    {"", "line 1, column 1: the text ends too early"},
    {"{\"redis\": {}, \"redis\": {}}", "line 1, column 15: the key \"redis\" stands here twice"},
    {"{\"redis\": {\"state_ulr\": \"x\"}}", "redis.state_ulr: unknown key"},
    {"{\"redis\": \"unix:/x\"}", "redis: must be an object, is a string"},
    {"{\"http\": {\"body_max\": \"1\"}}", "http.body_max: must be an integer, is a string"},
    {"{\"http\": {\"body_max\": 1}}", "http.body_max: 1 is less than 1024"},
    {"{\"game_server\": {\"timeout_ms\": 120000}}",
     "game_server.timeout_ms: 120000 is more than 60000"},
    {"{\"token\": {\"algorithm\": \"none\"}}",
     "token.algorithm: \"none\" is none of HS256|HS384|HS512|RS256|RS384|RS512|ES256|ES384|ES512"},
    {"{\"token\": {\"algorithm\": \"\"}}",
     "token.algorithm: \"\" is none of HS256|HS384|HS512|RS256|RS384|RS512|ES256|ES384|ES512"},
    {"{\"token\": {\"key_files\": [\"a\", \"b\", \"c\"]}}",
     "token.key_files: must have 2 items at most, has 3"},
    {"{\"token\": {\"key_files\": [\"\"]}}", "token.key_files[0]: must not be empty"},
    {"{\"token\": {\"key_files\": [\"$CREDENTIALS_DIRECTORY/k\"]}}",
     "token.key_files[0]: the environment has no CREDENTIALS_DIRECTORY"},
    {"{\"http\": {\"allowed_origins\": [\"https://a.example\", \"*\"]}}",
     "http.allowed_origins[1]: \"*\" must stand alone"},
    {"{\"http\": {\"allowed_origins\": [\"https://a.example/\"]}}",
     "http.allowed_origins[0]: must be \"*\" or an origin such as https://example.org"},
    {"{\"http\": {\"allowed_origins\": [\"https://\"]}}",
     "http.allowed_origins[0]: must be \"*\" or an origin such as https://example.org"},
    {"{\"http\": {\"allowed_origins\": [\"example.org\"]}}",
     "http.allowed_origins[0]: must be \"*\" or an origin such as https://example.org"},
    {"{\"game_server\": {\"timeout_ms\": 3000, \"late_ms\": 2999}}",
     "game_server.late_ms: is less than game_server.timeout_ms"},
    {"{\"game_server\": {\"timeout_ms\": 999}}",
     "game_server.timeout_ms: is less than game_server.connect_timeout_ms"},
    {"{\"worker\": {\"listen\": \"9180\"}}",
     "worker.listen: must be an address and a port such as 127.0.0.1:9180 or [::1]:9180"},
    {"{\"worker\": {\"listen\": \"127.0.0.1:0\"}}",
     "worker.listen: must be an address and a port such as 127.0.0.1:9180 or [::1]:9180"},
    {"{\"worker\": {\"listen\": \"::1:9180\"}}",
     "worker.listen: must be an address and a port such as 127.0.0.1:9180 or [::1]:9180"},
    {"{\"worker\": {\"listen\": \"[127.0.0.1]:9180\"}}",
     "worker.listen: must be an address and a port such as 127.0.0.1:9180 or [::1]:9180"},
    {"{\"worker\": {\"listen\": \"localhost:9180\"}}",
     "worker.listen: must be an address and a port such as 127.0.0.1:9180 or [::1]:9180"},
    {"{\"log\": {\"levels\": \"\"}}", "log.levels: must not be empty"},
    {"{\"games\": {\"dir\": \"\"}}", "games.dir: must not be empty"},
    /* all of them at once, those across keys too */
    {"{\"x\": 1, \"fcgi\": {\"processes\": -1}, \"game_server\": {\"late_ms\": 10},"
     " \"stream\": {\"name\": 7}}",
     "x: unknown key\nstream.name: must be a string, is a number\n"
     "fcgi.processes: -1 is less than 0\n"
     "game_server.late_ms: is less than game_server.timeout_ms"},
};

START_TEST(mistakes)
{
    struct conf *c = NULL;
    struct buf why;

    buf_init(&why, WHY_MAX);
    write_file(bad[_i].json);
    ck_assert_int_eq(conf_load(file, &c, &why), -1);
    ck_assert_ptr_null(c);
    assert_reasons(&why, bad[_i].reasons);
    buf_free(&why);
}
END_TEST

/* The reason is redis_url_check's own; that it stands behind the key is asked here. */
START_TEST(redis_urls)
{
    struct conf *c = NULL;
    struct buf why;

    buf_init(&why, WHY_MAX);
    write_file("{\"redis\": {\"state_url\": \"http://x\", \"stream_url\": \"unix:\"}}");
    ck_assert_int_eq(conf_load(file, &c, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.data, ": redis.state_url: "));
    ck_assert_ptr_nonnull(strstr(why.data, ": redis.stream_url: "));
    buf_free(&why);
}
END_TEST

START_TEST(unreadable)
{
    struct conf *c = NULL;
    struct buf why;

    buf_init(&why, WHY_MAX);
    ck_assert_int_eq(conf_load(file, &c, &why), -1);
    assert_reasons(&why, "cannot read it: No such file or directory");
    buf_reset(&why);
    ck_assert_int_eq(conf_load(folder, &c, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.data, ": cannot read it: "));
    ck_assert_ptr_null(c);
    buf_free(&why);
}
END_TEST

typedef void print_fn(FILE *out);

static char *
printed(print_fn *print)
{
    char *s = NULL;
    size_t len;
    FILE *out = open_memstream(&s, &len);

    ck_assert_ptr_nonnull(out);
    print(out);
    ck_assert_int_eq(fclose(out), 0);
    return s;
}

START_TEST(pages)
{
    char *help = printed(conf_print_help), *man = printed(conf_print_man);

    ck_assert_ptr_nonnull(strstr(help, "\n  redis.command_timeout_ms         integer, 10 to 60000 "
                                       "ms, default 800\n"));
    ck_assert_int_eq(strncmp(man, ".Dd ", 4), 0);
    ck_assert_ptr_nonnull(strstr(man, "\n.It Sy token.key_files\n"));
    ck_assert_ptr_nonnull(strstr(man, "\n.Xr varcade.game 5\n"));
    free(help);
    free(man);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("conf");
    TCase *tcase = tcase_create("load");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, defaults);
    tcase_add_test(tcase, an_empty_object_is_the_defaults);
    tcase_add_test(tcase, values);
    tcase_add_test(tcase, relative_file);
    tcase_add_loop_test(tcase, mistakes, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(tcase, redis_urls);
    tcase_add_test(tcase, unreadable);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("print");
    tcase_add_test(tcase, pages);
    suite_add_tcase(suite, tcase);
    return suite;
}
