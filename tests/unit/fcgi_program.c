/* varcade-fcgi run for a test; see fcgi_program.h. */
#include "tests/unit/fcgi_program.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/access/token.h"
#include "lib/base/clock.h"
#include "lib/base/loop.h"
#include "lib/base/text.h"
#include "tests/unit/functions.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/stub.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define LOG_MAX 1048576
#define FOLDER_LEN 32
#define PATH_LEN 96

static struct {
    char folder[FOLDER_LEN];
    char socket[PATH_LEN];
    char binary[4096];
    int manager; /* where the program's notices come */
    pid_t pid;   /* 0: not running */
    pid_t stub_pid;
    struct stub stub;
    int nobody; /* a port that is taken, and refuses */
    int nobody_port;
    char *log;
} fix;

static const char *
in_folder(const char *name)
{
    static char paths[4][PATH_LEN];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", fix.folder, name);
    return path;
}

void
fcgi_program_require(void)
{
    const char *binary = getenv("VARCADE_FCGI");

    redis_server_require();
    if (realpath(binary != NULL ? binary : "fcgi/varcade-fcgi", fix.binary) == NULL) {
        fprintf(stderr, "fcgi/varcade-fcgi is not built\n");
        exit(EXIT_FAILURE);
    }
}

/* --- files ------------------------------------------------------------------------------------ */

void
fcgi_program_write(const char *name, const char *text)
{
    int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(close(fd), 0);
}

static void
write_game_at(const char *id, const char *url)
{
    char name[PATH_LEN];
    struct buf json;

    buf_init(&json, 4096);
    buf_printf(&json,
               "{\"product_id\": \"%s\", \"title\": \"Game %s\", \"game_server_url\": \"%s\","
               " \"game_socket_url\": \"ws://127.0.0.1:1/\", \"players\": {\"min\": 2, \"max\": 2},"
               " \"stats\": [{\"on\": {\"type\": \"game_over\"}, \"player\": \"winner_id\","
               " \"add\": {\"wins\": 1}}],"
               " \"boards\": [{\"id\": \"wins\", \"title\": \"Wins\", \"from\": [{\"on\":"
               " {\"type\": \"game_over\"}, \"player\": \"winner_id\", \"add\": 1}]},"
               " {\"id\": \"days\", \"windows\": [\"daily\", \"monthly\"],"
               " \"timezone\": \"Europe/Berlin\", \"seasons\": [{\"id\": \"old\","
               " \"from\": \"2020-01-01T00:00:00Z\", \"to\": \"2021-01-01T00:00:00Z\"},"
               " {\"id\": \"far\", \"from\": \"9000-01-01T00:00:00Z\","
               " \"to\": \"9001-01-01T00:00:00Z\"}], \"from\": [{\"on\":"
               " {\"type\": \"game_over\"}, \"player\": \"winner_id\", \"add\": 1}]}]}",
               id, id, url);
    (void)snprintf(name, sizeof(name), "games/%s.json", id);
    fcgi_program_write(name, json.data);
    buf_free(&json);
}

void
fcgi_program_write_game(const char *id, const char *behaviour)
{
    write_game_at(id, stub_url(&fix.stub, behaviour));
}

int fcgi_program_patience;

void
fcgi_program_configure(const char *more)
{
    struct buf json;

    buf_init(&json, 8192);
    buf_printf(&json,
               "{\"games\": {\"dir\": \"games\"}, \"redis\": {\"state_url\": \"%s\","
               " \"connect_timeout_ms\": %d, \"command_timeout_ms\": 500},"
               " \"token\": {\"key_files\": [\"token.key\"]}, \"metrics\": {\"dir\": \"metrics\"},"
               " \"game_server\": {\"connect_timeout_ms\": 500, \"timeout_ms\": 700,"
               " \"late_ms\": 1000}%s}",
               redis_server_url(functions_server()), fcgi_program_patience, more);
    ck_assert(buf_ok(&json));
    fcgi_program_write("varcade.json", json.data);
    buf_free(&json);
}

/* --- other parties ---------------------------------------------------------------------------- */

static void
start_stub(void)
{
    stub_bind(&fix.stub);
    fix.stub_pid = fork();
    ck_assert_int_ge(fix.stub_pid, 0);
    if (fix.stub_pid == 0) {
        struct loop *loop = loop_new();

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        stub_listen(&fix.stub, loop);
        (void)loop_run(loop);
        _exit(1);
    }
}

static void
open_manager(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", fix.folder);
    fix.manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fix.manager, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

void
fcgi_program_prepare(void)
{
    static struct stub nobody;

    functions_setup();
    (void)snprintf(fix.folder, sizeof(fix.folder), "/tmp/varcade-fcgi-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(fix.folder));
    (void)snprintf(fix.socket, sizeof(fix.socket), "%s/fcgi.sock", fix.folder);
    ck_assert_int_eq(mkdir(in_folder("games"), 0700), 0);
    ck_assert_int_eq(mkdir(in_folder("metrics"), 0700), 0);
    fcgi_program_write("token.key", SECRET);
    start_stub();
    stub_bind(&nobody);
    fcgi_program_write_game("p", "ok");
    fcgi_program_write_game("other", "ok");
    fcgi_program_write_game("hang", "hang");
    fcgi_program_write_game("refuse", "status-400");
    fcgi_program_write_game("rubbish", "no-token");
    write_game_at("down", stub_url(&nobody, "ok"));
    fix.nobody = nobody.fd;
    open_manager();
    fcgi_program_patience = 300;
    fcgi_program_configure("");
}

/* --- the program ------------------------------------------------------------------------------ */

/* In the child: become the program. */
static void __attribute__((noreturn)) exec_program(const char *const *args, const char *const *env)
{
    const char *argv[16] = {fix.binary};

    for (size_t i = 0; i < 14 && args[i] != NULL; i++)
        argv[i + 1] = args[i];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (env != NULL)
        execve(fix.binary, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
    else
        execv(fix.binary, (char *const *)(uintptr_t)argv);
    _exit(127);
}

void
fcgi_program_start(const char *processes)
{
    const char *args[] = {"--config",    in_folder("varcade.json"),
                          "--listen",    NULL,
                          "--pool",      "test",
                          "--processes", processes,
                          NULL};
    char listen[PATH_LEN + 8];

    (void)snprintf(listen, sizeof(listen), "unix:%s", fix.socket);
    args[3] = listen;
    fix.pid = fork();
    ck_assert_int_ge(fix.pid, 0);
    if (fix.pid == 0) {
        int log = open(in_folder("log"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

        (void)dup2(log, STDERR_FILENO);
        (void)setenv("NOTIFY_SOCKET", in_folder("notify"), 1);
        exec_program(args, NULL);
    }
    fcgi_program_await_notice("READY=1");
}

void
fcgi_program_setup(void)
{
    fcgi_program_prepare();
    fcgi_program_start("1");
}

void
fcgi_program_teardown(void)
{
    char command[PATH_LEN];

    if (fix.pid > 0) {
        (void)kill(fix.pid, SIGTERM);
        ck_assert_int_eq(fcgi_program_await_end(), 0);
    }
    /* Whatever a sanitizer has to say of its processes. */
    ck_assert_msg(strstr(fcgi_program_log(), "Sanitizer") == NULL, "%s", fcgi_program_log());
    ck_assert_msg(strstr(fcgi_program_log(), "process died") == NULL, "%s", fcgi_program_log());
    (void)kill(fix.stub_pid, SIGKILL);
    (void)waitpid(fix.stub_pid, NULL, 0);
    (void)close(fix.stub.fd);
    (void)close(fix.nobody);
    (void)close(fix.manager);
    functions_teardown();
    free(fix.log);
    fix.log = NULL;
    (void)snprintf(command, sizeof(command), "rm -rf %s", fix.folder);
    ck_assert_int_eq(system(command), 0);
}

void
fcgi_program_await_notice(const char *text)
{
    char notice[512];
    mono_ms until = clock_mono() + FCGI_CLIENT_WAIT;

    do {
        struct pollfd p = {.fd = fix.manager, .events = POLLIN};
        mono_ms left = until - clock_mono();
        ssize_t n;

        ck_assert_msg(left > 0 && waitpid(fix.pid, NULL, WNOHANG) == 0, "no notice %s; log:\n%s",
                      text, fcgi_program_log());
        n = poll(&p, 1, 100) == 1 ? recv(fix.manager, notice, sizeof(notice) - 1, 0) : 0;
        notice[n > 0 ? n : 0] = '\0';
    } while (strncmp(notice, text, strlen(text)) != 0);
}

int
fcgi_program_await_end(void)
{
    int status = -1;

    ck_assert_int_eq(waitpid(fix.pid, &status, 0), fix.pid);
    fix.pid = 0;
    return status;
}

size_t
fcgi_program_children(pid_t *pids, size_t max)
{
    char path[PATH_LEN];
    char text[4096];
    FILE *f;
    size_t n = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)fix.pid, (int)fix.pid);
    f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    (void)fclose(f);
    for (const char *s = text; *s != '\0' && n < max;) {
        size_t len = strcspn(s, " ");
        int64_t pid;

        ck_assert_int_eq(text_parse_int(s, len, 1, INT32_MAX, &pid), 0);
        pids[n++] = (pid_t)pid;
        s += len + strspn(s + len, " ");
    }
    return n;
}

/* Write input, read what comes, both to the end. What is written fits the pipe. */
static void
converse(int in, int out_fd, const char *input, struct buf *out)
{
    char bytes[4096];
    ssize_t n;

    ck_assert_int_eq(write(in, input, strlen(input)), (ssize_t)strlen(input));
    (void)close(in);
    while ((n = read(out_fd, bytes, sizeof(bytes))) > 0)
        buf_add(out, bytes, (size_t)n);
    (void)close(out_fd);
}

int
fcgi_program_run(const char *const *args, const char *const *env, const char *input,
                 struct buf *out)
{
    int in[2];
    int from[2];
    int status = -1;
    pid_t pid;

    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(from, O_CLOEXEC), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(from[1], STDOUT_FILENO);
        (void)dup2(from[1], STDERR_FILENO);
        exec_program(args, env);
    }
    (void)close(in[0]);
    (void)close(from[1]);
    converse(in[1], from[0], input, out);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

/* --- what tests ask --------------------------------------------------------------------------- */

pid_t
fcgi_program_pid(void)
{
    return fix.pid;
}

const char *
fcgi_program_socket(void)
{
    return fix.socket;
}

const char *
fcgi_program_folder(void)
{
    return fix.folder;
}

const char *
fcgi_program_log(void)
{
    size_t len;

    free(fix.log);
    fix.log = NULL;
    if (text_read_file(in_folder("log"), LOG_MAX, &fix.log, &len) != 0)
        return "";
    return fix.log;
}

const char *
fcgi_program_token(const char *user)
{
    static char tokens[4][1024];
    static unsigned next;
    char *to = tokens[next++ % 4];
    const char *files[] = {in_folder("token.key")};
    struct token_keys *keys = NULL;
    struct buf why;
    char *token;

    buf_init(&why, 1024);
    ck_assert_int_eq(token_keys_load("HS256", files, 1, 0, &keys, &why), 0);
    token = token_sign(keys, user, user, 3600, clock_wall());
    ck_assert_ptr_nonnull(token);
    (void)snprintf(to, sizeof(tokens[0]), "%s", token);
    free(token);
    token_keys_free(keys);
    buf_free(&why);
    return to;
}

void
fcgi_program_add(TCase *c, const TTest *const *tests, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tcase_add_test(c, tests[i]);
}
