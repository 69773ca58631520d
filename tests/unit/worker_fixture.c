/* The real program on a real Redis: see worker_fixture.h. */
#include "tests/unit/worker_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/text.h"
#include "lib/redis/redis.h"

#define PROGRAM "worker/varcade-worker"
#define WINNERS 10
#define LOSERS 7

struct worker_fixture fix;
static char text[1 << 20];

/* --- files ------------------------------------------------------------------------------------ */

static const char *
path_of(const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", fix.dir, name);
    return path;
}

void
worker_write(const char *name, const char *content)
{
    FILE *f = fopen(path_of(name), "we");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(content, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

const char *
worker_read(const char *name)
{
    char *data = NULL;
    size_t len = 0;

    text[0] = '\0';
    if (text_read_file(path_of(name), sizeof(text) - 1, &data, &len) < 0)
        return text;
    memcpy(text, data, len + 1);
    free(data);
    return text;
}

void
worker_remove(const char *name)
{
    ck_assert_int_eq(unlink(path_of(name)), 0);
}

bool
worker_logged(size_t i, const char *what)
{
    char name[16];

    (void)snprintf(name, sizeof(name), "log.%zu", i);
    return strstr(worker_read(name), what) != NULL;
}

void
worker_write_game(const char *id)
{
    static const char format[] =
        "{\"product_id\": \"%s\", \"title\": \"A duel\","
        " \"game_server_url\": \"http://127.0.0.1:1\", \"game_socket_url\": \"ws://127.0.0.1:1/\","
        " \"players\": {\"min\": 2, \"max\": 2},"
        " \"stats\": ["
        "  {\"on\": {\"type\": \"game_over\"}, \"player\": \"winner_id\","
        "   \"add\": {\"games\": 1, \"wins\": 1, \"losses\": 0}},"
        "  {\"on\": {\"type\": \"game_over\"}, \"player\": \"loser_id\","
        "   \"add\": {\"games\": 1, \"wins\": 0, \"losses\": 1}},"
        "  {\"on\": {\"type\": \"points\"}, \"player\": \"user_id\","
        "   \"add\": {\"points\": {\"field\": \"n\"}}}],"
        " \"boards\": [{\"id\": \"wins\", \"title\": \"Wins\", \"from\": ["
        "  {\"on\": {\"type\": \"game_over\"}, \"player\": \"winner_id\", \"add\": 1},"
        "  {\"on\": {\"type\": \"game_over\"}, \"player\": \"loser_id\", \"add\": 0}]}]}";
    char name[64], json[2048];

    (void)snprintf(name, sizeof(name), "games/%s.json", id);
    (void)snprintf(json, sizeof(json), format, id);
    worker_write(name, json);
}

void
worker_configure(const char *stream_url)
{
    char json[1024];

    (void)snprintf(json, sizeof(json),
                   "{\"games\": {\"dir\": \"games\"},"
                   " \"redis\": {\"state_url\": \"%s\", \"stream_url\": \"%s\"},"
                   " \"stream\": {\"batch_max\": 200},"
                   " \"snapshots\": {\"dir\": \"snapshots\", \"interval_ms\": 20},"
                   " \"worker\": {\"listen\": \"127.0.0.1:%d\", \"lease_ms\": 300}}",
                   redis_server_url(fix.server), stream_url, fix.port);
    worker_write("0.json", json);
    (void)snprintf(json, sizeof(json),
                   "{\"games\": {\"dir\": \"games\"},"
                   " \"redis\": {\"state_url\": \"%s\", \"stream_url\": \"%s\"},"
                   " \"stream\": {\"batch_max\": 200},"
                   " \"worker\": {\"listen\": \"\", \"lease_ms\": 300}}",
                   redis_server_url(fix.server), stream_url);
    worker_write("1.json", json);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* A port of loopback that is free at the moment. */
static int
free_port(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    (void)close(fd);
    return ntohs(addr.sin_port);
}

void
worker_fixture_setup(void)
{
    static const char *const options[] = {"--appendonly", "yes", NULL};

    memset(&fix, 0, sizeof(fix));
    (void)snprintf(fix.dir, sizeof(fix.dir), "/tmp/varcade-worker-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(fix.dir));
    ck_assert_int_eq(mkdir(path_of("games"), 0755), 0);
    fix.server = redis_server_start(options);
    fix.redis = redis_server_client(fix.server);
    fix.port = free_port();
    worker_write_game("duel");
    worker_configure("");
}

void
worker_fixture_teardown(void)
{
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (fix.worker[i] != 0)
            (void)worker_stop(i, SIGKILL);
    redisFree(fix.redis);
    redis_server_free(fix.server);
    ck_assert_int_eq(nftw(fix.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* --- processes -------------------------------------------------------------------------------- */

static pid_t
spawn(size_t i, const char *argument)
{
    char config[128], log[128];
    pid_t parent = getpid(), pid;

    (void)snprintf(config, sizeof(config), "%s/%zu.json", fix.dir, i);
    (void)snprintf(log, sizeof(log), "%s/log.%zu", fix.dir, i);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);

        if (fd >= 0 && dup2(fd, STDERR_FILENO) >= 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
            getppid() == parent)
            (void)execl(PROGRAM, PROGRAM, "--config", config, argument, (char *)NULL);
        _exit(127);
    }
    return pid;
}

void
worker_start(size_t i)
{
    ck_assert_int_eq(fix.worker[i], 0);
    fix.worker[i] = spawn(i, NULL);
}

int
worker_stop(size_t i, int signo)
{
    int status = 0;

    ck_assert_int_gt(fix.worker[i], 0);
    ck_assert_int_eq(kill(fix.worker[i], signo), 0);
    ck_assert_int_eq(waitpid(fix.worker[i], &status, 0), fix.worker[i]);
    fix.worker[i] = 0;
    return status;
}

void
worker_end(size_t i)
{
    int status = worker_stop(i, SIGTERM);

    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}

int
worker_run(const char *argument)
{
    pid_t pid = spawn(0, argument);
    int status = 0;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void
worker_pause(void)
{
    (void)poll(NULL, 0, 2);
}

/* --- Redis ------------------------------------------------------------------------------------ */

/* While it reads its data it answers, and with nothing but an error. */
static bool
is_loaded(void)
{
    struct redisReply *reply = redisCommand(fix.redis, "PING");
    bool loaded;

    ck_assert_ptr_nonnull(reply);
    loaded = reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    return loaded;
}

void
worker_restart_redis(void)
{
    redis_server_kill(fix.server);
    redis_server_restart(fix.server);
    ck_assert_int_eq(redisReconnect(fix.redis), REDIS_OK);
    WAIT(is_loaded());
}

static void
put_reply(FILE *out, const struct redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        fprintf(out, "%lld", reply->integer);
        break;
    case REDIS_REPLY_NIL:
        fputs("nil", out);
        break;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements; i++) {
            fputs(i > 0 ? " " : "", out);
            put_reply(out, reply->element[i]);
        }
        break;
    default:
        fwrite(reply->str, 1, reply->len, out);
        break;
    }
}

static const char *
ask(const char *fmt, va_list ap)
{
    struct redisReply *reply = redisvCommand(fix.redis, fmt, ap);
    FILE *out;

    ck_assert_msg(reply != NULL, "%s: %s", fmt, fix.redis->errstr);
    ck_assert_msg(reply->type != REDIS_REPLY_ERROR, "%s: %s", fmt, reply->str);
    memset(text, 0, 1);
    out = fmemopen(text, sizeof(text), "w");
    ck_assert_ptr_nonnull(out);
    put_reply(out, reply);
    fputc('\0', out);
    ck_assert_int_eq(fclose(out), 0);
    freeReplyObject(reply);
    return text;
}

const char *
worker_ask(const char *fmt, ...)
{
    const char *answer;
    va_list ap;

    va_start(ap, fmt);
    answer = ask(fmt, ap);
    va_end(ap);
    return answer;
}

long long
worker_int(const char *fmt, ...)
{
    const char *answer;
    int64_t n = 0;
    va_list ap;

    va_start(ap, fmt);
    answer = ask(fmt, ap);
    va_end(ap);
    if (strcmp(answer, "nil") != 0)
        ck_assert_int_eq(text_parse_int(answer, strlen(answer), INT64_MIN, INT64_MAX, &n), 0);
    return n;
}

static const char *
call(const char *function, const char *id, const char *arguments)
{
    char command[1024];

    (void)snprintf(command, sizeof(command),
                   "FCALL varcade_%s_%s 8 {duel}:game:%s {duel}:deadlines {duel}:lobby "
                   "{duel}:public {duel}:counts {duel}:holders {duel}:index {duel}:codes %s",
                   redis_library_version(), function, id, arguments);
    return worker_ask(command);
}

void
worker_create_game(const char *id, wall_ms due)
{
    char arguments[256];

    (void)snprintf(arguments, sizeof(arguments),
                   "%lld %lld %s duel ann Ann 2 {\"num_players\":2} http://127.0.0.1:1 ws://x",
                   (long long)due - 1, (long long)due, id);
    ck_assert_str_eq(call("create_intent", id, arguments), "ok");
    (void)snprintf(arguments, sizeof(arguments), "%lld token 0", (long long)due);
    ck_assert_int_eq(strncmp(call("create_done", id, arguments), "ok ", 3), 0);
}

void
worker_games(const char *product, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(
            redisAppendCommand(fix.redis,
                               "XADD game_event_stream * product_id %s game_id " GAME_ID
                               " type game_over winner_id w%d loser_id l%d",
                               product, (int)(i % WINNERS), (int)(i % LOSERS)),
            REDIS_OK);
    for (size_t i = 0; i < n; i++) {
        void *reply = NULL;

        ck_assert_int_eq(redisGetReply(fix.redis, &reply), REDIS_OK);
        freeReplyObject(reply);
    }
}

long long
worker_totals(const char *product)
{
    long long total = 0;

    for (int i = 0; i < WINNERS; i++)
        total += worker_int("HGET {%s}:0:stats:w%d wins", product, i);
    return total;
}

/* How many of n numbers i have i % m == r. */
static long long
share(size_t n, size_t m, size_t r)
{
    return (long long)(n / m + (n % m > r));
}

void
worker_check_totals(const char *product, size_t n)
{
    for (size_t i = 0; i < WINNERS; i++) {
        long long wins = share(n, WINNERS, i);

        ck_assert_int_eq(worker_int("HGET {%s}:0:stats:w%d wins", product, (int)i), wins);
        ck_assert_int_eq(worker_int("HGET {%s}:0:stats:w%d games", product, (int)i), wins);
        ck_assert_int_eq(worker_int("ZSCORE {%s}:0:board:wins:all w%d", product, (int)i), wins);
    }
    for (size_t i = 0; i < LOSERS; i++)
        ck_assert_int_eq(worker_int("HGET {%s}:0:stats:l%d losses", product, (int)i),
                         share(n, LOSERS, i));
}

/* --- the status page -------------------------------------------------------------------------- */

const char *
worker_http(const char *path)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)fix.port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char request[128];
    size_t len = 0;
    ssize_t n;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    text[0] = '\0';
    if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0) {
        n = snprintf(request, sizeof(request),
                     "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
        ck_assert_int_eq(write(fd, request, (size_t)n), n);
        while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
            len += (size_t)n;
        text[len] = '\0';
    }
    (void)close(fd);
    return text;
}

double
worker_metric(const char *line_start)
{
    const char *line = worker_http("/metrics"), *value;
    double v = -1;

    /* Not the line that says what it means. */
    while (line != NULL && strncmp(line, line_start, strlen(line_start)) != 0) {
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }

    if (line == NULL)
        return -1;
    value = strchr(line, ' ');
    ck_assert_ptr_nonnull(value);
    ck_assert_int_eq(text_parse_double(value + 1, strcspn(value + 1, "\n"), &v), 0);
    return v;
}
