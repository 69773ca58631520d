/*
 * The service's configuration: the table, and what two keys say together.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/redis/redis.h"

#define FILE_MAX (1024 * 1024)
#define PASSWORD_MAX 4096
#define HOUR_MS 3600000

/* --- checks of single values ------------------------------------------------------------------ */

static const char *
check_redis_url(const char *url)
{
    const char *reason = NULL;

    return url[0] != '\0' && redis_url_check(url, &reason) != 0 ? reason : NULL;
}

/* An origin is what a browser sends: scheme://host[:port] in lower case, nothing behind it. */
static const char *
check_origin(const char *s)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789.-:[]";
    const char *host = strncmp(s, "https://", 8) == 0  ? s + 8
                       : strncmp(s, "http://", 7) == 0 ? s + 7
                                                       : "";

    if (strcmp(s, "*") == 0 || (*host != '\0' && strspn(host, allowed) == strlen(host))) {
        return NULL;
    }
    return "must be \"*\" or an origin such as https://example.org";
}

static const char *
check_listen(const char *s)
{
    const char *colon = strrchr(s, ':');
    char host[INET6_ADDRSTRLEN + 2] = "";
    unsigned char address[16];
    int64_t port;
    size_t len;

    if (*s == '\0') {
        return NULL;
    }
    len = colon != NULL ? (size_t)(colon - s) : 0;
    if (len == 0 || len >= sizeof(host) ||
        text_parse_int(colon + 1, strlen(colon + 1), 1, 65535, &port) != 0) {
        goto bad;
    }
    memcpy(host, s, len);
    if (inet_pton(AF_INET, host, address) == 1) {
        return NULL;
    }
    if (host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        if (inet_pton(AF_INET6, host + 1, address) == 1) {
            return NULL;
        }
    }
bad:
    return "must be an address and a port such as 127.0.0.1:9180 or [::1]:9180";
}

/* --- the table -------------------------------------------------------------------------------- */

#define FIELD(name) .offset = offsetof(struct conf, name)
#define MS .type = TABLE_DURATION, .scale = 1, .unit = "ms"

/* clang-format off */
static const struct table_row rows[] = {
    {.key = "games.dir", .type = TABLE_PATH, FIELD(games_dir), .min = 1, .max = 4000,
     .fallback = "\"" VARCADE_SYSCONFDIR "/games\"", .unit = "",
     .help = "The folder with one JSON file a game; see varcade.game(5)."},
    {.key = "log.levels", .type = TABLE_STRING, FIELD(log_levels), .min = 1, .max = 500,
     .fallback = "\"info\"", .unit = "",
     .help = "What is logged: error, warning, notice, info or debug, then exceptions for single "
             "modules: \"info,redis=debug\"."},
    {.key = "redis.state_url", .type = TABLE_STRING, FIELD(redis_state_url), .min = 1, .max = 500,
     .fallback = "\"unix:/run/redis/redis-server.sock\"", .unit = "", .check = check_redis_url,
     .help = "Where varcade keeps its state: unix:/path/to.sock, with ?db=N for a database other "
             "than 0, or redis://host:port/N. Redis 7.0 or later."},
    {.key = "redis.stream_url", .type = TABLE_STRING, FIELD(redis_stream_url), .min = 0,
     .max = 500, .fallback = "\"\"", .unit = "", .check = check_redis_url,
     .help = "Where game servers write their events, where that is another database or server. "
             "Empty: as redis.state_url."},
    {.key = "redis.user", .type = TABLE_STRING, FIELD(redis_user), .min = 0, .max = 128,
     .fallback = "\"\"", .unit = "",
     .help = "Redis ACL user. Empty: the default user."},
    {.key = "redis.password_file", .type = TABLE_PATH, FIELD(redis_password_file), .min = 0,
     .max = 4000, .fallback = "\"\"", .unit = "",
     .help = "File with Redis' password, for both URLs. Empty: none."},
    {.key = "redis.connect_timeout_ms", MS, FIELD(redis_connect_timeout), .min = 10,
     .max = 60000, .fallback = "500",
     .help = "A connection to Redis that takes longer has failed, and is tried again later."},
    {.key = "redis.command_timeout_ms", MS, FIELD(redis_command_timeout), .min = 10,
     .max = 60000, .fallback = "800",
     .help = "Where Redis has not answered for so long, it is taken for dead: requests are "
             "answered with 503 and the connection is made anew."},
    {.key = "stream.name", .type = TABLE_STRING, FIELD(stream_name), .min = 1, .max = 200,
     .fallback = "\"game_event_stream\"", .unit = "",
     .help = "Key of the stream that game servers write to."},
    {.key = "stream.batch_max", .type = TABLE_INT, FIELD(stream_batch_max), .min = 1,
     .max = 65536, .fallback = "8192", .unit = "events",
     .help = "The worker reads at most so many events at a time. A larger batch is faster and "
             "holds Redis for longer."},
    {.key = "stream.trim", .type = TABLE_ENUM, FIELD(stream_trim), .max = 16,
     .choices = "never|archived|applied", .fallback = "\"archived\"", .unit = "",
     .help = "What the worker takes off the stream's old end: nothing, what is in the archive, or "
             "what every product has applied whether there is an archive or not. Never what a "
             "consumer group of the stream has yet to read or to acknowledge."},
    {.key = "stream.keep_s", .type = TABLE_DURATION, .scale = 1000, .unit = "s",
     FIELD(stream_keep), .min = 0, .max = (int64_t)100 * 365 * 86400, .fallback = "86400",
     .help = "Events that are younger stay in the stream."},
    {.key = "archive.dir", .type = TABLE_PATH, FIELD(archive_dir), .min = 0, .max = 4000,
     .fallback = "\"\"", .unit = "",
     .help = "Where the worker keeps the events that it applied, a file a product and day, for "
             "varcadectl rebuild. Workers on several hosts need one folder that they share. "
             "Empty: none are kept."},
    {.key = "archive.interval_ms", MS, FIELD(archive_interval), .min = 10, .max = 600000,
     .fallback = "1000",
     .help = "How often that is done; each time waits for the disk."},
    {.key = "token.algorithm", .type = TABLE_ENUM, FIELD(token_algorithm), .max = 16,
     .choices = "HS256|HS384|HS512|RS256|RS384|RS512|ES256|ES384|ES512",
     .fallback = "\"HS256\"", .unit = "",
     .help = "The algorithm of the players' tokens (JWT). A token that names another is refused."},
    {.key = "token.key_files", .type = TABLE_PATHS, FIELD(token_key_files), .min = 0, .max = 2,
     .fallback = "[]", .unit = "",
     .help = "Files with the key that tokens are checked with: for HS256 a secret of at least 32 "
             "bytes, which only its owner may read; else a public key in PEM. Two keys count at "
             "once, so that a key can be replaced: name the new one first."},
    {.key = "token.leeway_s", .type = TABLE_INT, FIELD(token_leeway), .min = 0, .max = 300,
     .fallback = "0", .unit = "s",
     .help = "By how much the clock of whoever makes the tokens may differ."},
    {.key = "http.allowed_origins", .type = TABLE_LIST, FIELD(http_allowed_origins), .min = 0,
     .max = TABLE_LIST_MAX, .fallback = "[\"*\"]", .unit = "", .check = check_origin,
     .help = "Pages of which origins (https://example.org) may use the API from a browser; "
             "\"*\" alone allows all of them."},
    {.key = "http.body_max", .type = TABLE_INT, FIELD(http_body_max), .min = 1024,
     .max = 16777216, .fallback = "65536", .unit = "bytes",
     .help = "A request whose body is larger is refused with 413."},
    {.key = "http.events_body_max", .type = TABLE_INT, FIELD(http_events_body_max), .min = 1024,
     .max = 16777216, .fallback = "1048576", .unit = "bytes",
     .help = "The same for POST /events/{product}, whose bodies hold many events. The web server "
             "has a limit of its own."},
    {.key = "fcgi.processes", .type = TABLE_INT, FIELD(fcgi_processes), .min = 0, .max = 256,
     .fallback = "0", .unit = "",
     .help = "How many processes of varcade-fcgi serve a socket. 0: one for every two processor cores, since "
             "there are two pools."},
    {.key = "fcgi.requests_max", .type = TABLE_INT, FIELD(fcgi_requests_max), .min = 1,
     .max = 100000, .fallback = "10000", .unit = "",
     .help = "Requests under way at once in one process; more are answered with 503."},
    {.key = "tickets.polls_max", .type = TABLE_INT, FIELD(tickets_polls_max), .min = 0,
     .max = 100000, .fallback = "20000", .unit = "",
     .help = "Long polls for tickets at once in one process; more are answered at once, with the "
             "ticket as it is. Each holds a descriptor, and one of the web server's."},
    {.key = "game_server.connect_timeout_ms", MS, FIELD(game_server_connect_timeout), .min = 10,
     .max = 60000, .fallback = "1000",
     .help = "A game server that does not take the connection in this time is down."},
    {.key = "game_server.timeout_ms", MS, FIELD(game_server_timeout), .min = 10, .max = 60000,
     .fallback = "3000",
     .help = "A player waits no longer than this for a game server; then the answer is 503."},
    {.key = "game_server.late_ms", MS, FIELD(game_server_late), .min = 10, .max = HOUR_MS,
     .fallback = "90000",
     .help = "A game server may answer as late as this and is told to undo what it did. At least "
             "game_server.timeout_ms."},
    {.key = "game_server.concurrent", .type = TABLE_INT, FIELD(game_server_concurrent), .min = 1,
     .max = 10000, .fallback = "64", .unit = "",
     .help = "Calls under way at once from one process to one game server; more are answered "
             "with 503."},
    {.key = "game_server.breaker_failures", .type = TABLE_INT,
     FIELD(game_server_breaker_failures), .min = 1, .max = 1000, .fallback = "5", .unit = "",
     .help = "After so many failures in a row a game server is not asked for a while: the answer "
             "is 503 at once."},
    {.key = "game_server.breaker_open_ms", MS, FIELD(game_server_breaker_open), .min = 10,
     .max = 30000, .fallback = "1000",
     .help = "How long that while is at first; it doubles up to 30 s."},
    {.key = "game_server.check_ms", MS, FIELD(game_server_check), .min = 100, .max = 60000,
     .fallback = "2000",
     .help = "How often each process asks every game server for GET /health. Any answer of HTTP "
             "within this time, 404 too, means that it is there; while there is none, games are "
             "made on others that the product has."},
    {.key = "snapshots.dir", .type = TABLE_PATH, FIELD(snapshots_dir), .min = 0, .max = 4000,
     .fallback = "\"\"", .unit = "",
     .help = "Where the worker writes leaderboards as files for nginx. Empty: it writes none."},
    {.key = "snapshots.interval_ms", MS, FIELD(snapshots_interval), .min = 10, .max = 60000,
     .fallback = "150",
     .help = "One leaderboard's file is written at most this often."},
    {.key = "metrics.dir", .type = TABLE_PATH, FIELD(metrics_dir), .min = 0, .max = 4000,
     .fallback = "\"\"", .unit = "",
     .help = "Folder for the counters that the processes of this machine share. Empty: each "
             "process shows its own alone."},
    {.key = "worker.listen", .type = TABLE_STRING, FIELD(worker_listen), .min = 0, .max = 100,
     .fallback = "\"127.0.0.1:9180\"", .unit = "", .check = check_listen,
     .help = "Where the worker answers /healthz and /metrics: an IPv4 address or an IPv6 address "
             "in brackets, and a port. Empty: nowhere."},
    {.key = "worker.lease_ms", MS, FIELD(worker_lease), .min = 100, .max = 60000,
     .fallback = "1500",
     .help = "Another worker takes over a product after its worker was silent for so long."},
};
/* clang-format on */

#define NROWS (sizeof(rows) / sizeof(rows[0]))

/* What two keys say together; 0 and NULL are of keys that are wrong by themselves. */
static int
check_together(const struct conf *conf, struct buf *lines)
{
    const struct table_list *origins = &conf->http_allowed_origins;

    for (size_t i = 0; i < origins->n && origins->n > 1; i++) {
        if (origins->item[i] != NULL && strcmp(origins->item[i], "*") == 0) {
            table_problem(lines, "http.allowed_origins[%zu]: \"*\" must stand alone", i);
        }
    }
    if (conf->game_server_timeout > 0 &&
        conf->game_server_timeout < conf->game_server_connect_timeout) {
        table_problem(lines, "game_server.timeout_ms: is less than game_server.connect_timeout_ms");
    }
    if (conf->game_server_late > 0 && conf->game_server_late < conf->game_server_timeout) {
        table_problem(lines, "game_server.late_ms: is less than game_server.timeout_ms");
    }
    return lines->len == 0 && buf_ok(lines) ? 0 : -1;
}

/* --- loading ---------------------------------------------------------------------------------- */

/* The folder of the file, absolute, in a buffer of PATH_MAX. */
static int
folder_of(const char *path, char *ret_folder)
{
    char *slash;

    if (realpath(path, ret_folder) == NULL) {
        return -1;
    }
    slash = strrchr(ret_folder, '/');
    slash[slash == ret_folder ? 1 : 0] = '\0';
    return 0;
}

static int
read_object(const char *path, char *folder, struct json_object **ret_object, struct buf *lines)
{
    char *json = NULL;
    size_t len;
    int ret = -1;

    if (text_read_file(path, FILE_MAX, &json, &len) != 0 || folder_of(path, folder) != 0) {
        table_problem(lines, "cannot read it: %s", strerror(errno));
        goto out;
    }
    ret = table_parse(json, len, ret_object, lines);
out:
    free(json);
    return ret;
}

int
conf_load(const char *path, struct conf **ret_conf, struct buf *why)
{
    struct conf *conf = calloc(1, sizeof(*conf));
    struct json_object *object = NULL;
    char folder[PATH_MAX] = "/";
    struct buf lines;
    int ret = -1;

    buf_init(&lines, FILE_MAX);
    if (conf == NULL) {
        table_problem(&lines, "%s", strerror(errno));
        goto out;
    }
    if (path != NULL && read_object(path, folder, &object, &lines) != 0) {
        goto out;
    }
    ret = table_read(rows, NROWS, object, folder, conf, &lines);
    if (check_together(conf, &lines) != 0 || ret != 0) {
        ret = -1;
        goto out;
    }
    *ret_conf = conf;
    conf = NULL;
out:
    table_prefix(path != NULL ? path : "defaults", &lines, why);
    buf_free(&lines);
    json_object_put(object);
    conf_free(conf);
    return ret;
}

void
conf_free(struct conf *conf)
{
    if (conf != NULL) {
        table_free(rows, NROWS, conf);
        free(conf);
    }
}

int
conf_read_password(const struct conf *conf, char **ret_password, struct buf *why)
{
    const char *path = conf->redis_password_file;
    char *password = NULL;
    size_t len;

    if (path[0] != '\0' && text_read_file(path, PASSWORD_MAX, &password, &len) != 0) {
        buf_printf(why, "redis.password_file: %s: %s", path, strerror(errno));
        return -1;
    }
    if (password != NULL) {
        password[strcspn(password, "\r\n")] = '\0';
        if (password[0] == '\0') {
            free(password);
            buf_printf(why, "redis.password_file: %s: holds no password", path);
            return -1;
        }
    }
    *ret_password = password;
    return 0;
}

/* --- for people ------------------------------------------------------------------------------- */

void
conf_print_help(FILE *out)
{
    fputs("Configuration (one JSON object; redis.user is {\"redis\": {\"user\": …}}):\n", out);
    table_print_help(rows, NROWS, out);
}

void
conf_print_man(FILE *out)
{
    fputs(".Dd January 1, 2026\n"
          ".Dt VARCADE.CONF 5\n"
          ".Os\n"
          ".Sh NAME\n"
          ".Nm varcade.conf\n"
          ".Nd configuration of varcade's programs\n"
          ".Sh DESCRIPTION\n"
          "One JSON file configures both programs,\n"
          "varcade-fcgi and varcade-worker.\n"
          "Every key may be left out.\n"
          ".Pp\n"
          "A relative path counts from the folder of the file.\n"
          "A path that begins with\n"
          ".Sy $CREDENTIALS_DIRECTORY/\n"
          "counts from the folder that systemd names in that variable.\n",
          out);
    table_print_mdoc(rows, NROWS, out);
    fputs(".Sh EXAMPLES\n"
          ".Bd -literal\n"
          "{\n"
          "  \"redis\": {\"state_url\": \"redis://127.0.0.1:6379/0\",\n"
          "            \"stream_url\": \"redis://127.0.0.1:6379/1\"},\n"
          "  \"token\": {\"key_files\": [\"token.key\"]}\n"
          "}\n"
          ".Ed\n"
          ".Sh SEE ALSO\n"
          ".Xr varcade.game 5\n",
          out);
}
