/*
 * The game servers in a game's file. Each entry of the array is read by a table of its own, so that
 * its keys are checked as those of the file are.
 */
#include "lib/product/product_servers.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <json-c/json.h>

#include "lib/base/buf.h"
#include "lib/config/table.h"

#define KEY "game_servers"
#define LINES_MAX 16384

/* --- checks of single values ------------------------------------------------------------------ */

static bool
url_has(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK && text[0] != '\0';

    curl_free(text);
    return has;
}

static bool
url_port_is_0(CURLU *url)
{
    char *text = NULL;
    bool is = curl_url_get(url, CURLUPART_PORT, &text, 0) == CURLUE_OK && strcmp(text, "0") == 0;

    curl_free(text);
    return is;
}

/*
 * schemes: `http://` and so on, NULL-terminated. curl takes much for a URL; that it begins with
 * SCHEME://HOST is asked here, the rest is left to it. A password in it would be told to players
 * or written to the log.
 */
static const char *
check_url(const char *s, const char *const *schemes, const char *reason)
{
    CURLU *url;
    CURLUcode code;
    size_t len = 0;

    while (*schemes != NULL && strncmp(s, *schemes, strlen(*schemes)) != 0) {
        schemes++;
    }
    len = *schemes != NULL ? strlen(*schemes) : 0;
    if (len == 0) {
        return reason;
    }
    if (s[len] == '\0' || strchr("/?#:", s[len]) != NULL) {
        return "names no host";
    }
    url = curl_url();
    code = url == NULL ? CURLUE_OUT_OF_MEMORY
                       : curl_url_set(url, CURLUPART_URL, s, CURLU_NON_SUPPORT_SCHEME);
    reason = code != CURLUE_OK                  ? "is no valid URL"
             : url_has(url, CURLUPART_USER)     ? "must not hold a user name or password"
             : url_has(url, CURLUPART_FRAGMENT) ? "must not have a fragment (#…)"
             : url_port_is_0(url)               ? "the port must not be 0"
                                                : NULL;
    curl_url_cleanup(url);
    return reason;
}

const char *
product_servers_check_url(const char *s)
{
    static const char *const schemes[] = {"http://", "https://", NULL};

    if (s[0] == '\0')
        return NULL;
    return strchr(s, '?') != NULL ? "must not have a query (?…): varcade adds to its path"
                                  : check_url(s, schemes, "must begin with http:// or https://");
}

const char *
product_servers_check_socket(const char *s)
{
    static const char *const schemes[] = {"ws://", "wss://", "http://", "https://", NULL};

    if (s[0] == '\0')
        return NULL;
    return check_url(s, schemes, "must begin with ws://, wss://, http:// or https://");
}

/* --- the array -------------------------------------------------------------------------------- */

static const struct table_row rows[] = {
    {.key = "url",
     .type = TABLE_STRING,
     .offset = offsetof(struct product_server, url),
     .min = 1,
     .max = 1000,
     .unit = "",
     .check = product_servers_check_url},
    {.key = "socket_url",
     .type = TABLE_STRING,
     .offset = offsetof(struct product_server, socket_url),
     .min = 1,
     .max = 1000,
     .unit = "",
     .check = product_servers_check_socket},
    {.key = "weight",
     .type = TABLE_INT,
     .offset = offsetof(struct product_server, weight),
     .min = 1,
     .max = 1000,
     .fallback = "1",
     .unit = ""},
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

void
product_servers_trim(char *url)
{
    size_t len = strlen(url);

    while (len > 0 && url[len - 1] == '/')
        url[--len] = '\0';
}

void
product_servers_free(struct product_server *servers, size_t n)
{
    for (size_t i = 0; servers != NULL && i < n; i++)
        table_free(rows, NROWS, &servers[i]);
    free(servers);
}

/* Each line of an entry's problems, behind the entry's place. */
static void
add_lines(const struct buf *entry, size_t i, struct buf *lines)
{
    const char *line = entry->data;

    while (line != NULL && *line != '\0') {
        size_t len = strcspn(line, "\n");

        table_problem(lines, KEY "[%zu].%.*s", i, (int)len, line);
        line += len + (line[len] == '\n');
    }
}

static int
read_entry(struct json_object *entry, struct product_server *servers, size_t i, struct buf *lines)
{
    struct buf problems;
    int ret;

    if (!json_object_is_type(entry, json_type_object)) {
        table_problem(lines, KEY "[%zu]: is not an object", i);
        return -1;
    }
    buf_init(&problems, LINES_MAX);
    ret = table_read(rows, NROWS, entry, "", &servers[i], &problems);
    if (servers[i].url != NULL)
        product_servers_trim(servers[i].url);
    for (size_t j = 0; servers[i].url != NULL && j < i; j++) {
        if (servers[j].url != NULL && strcmp(servers[i].url, servers[j].url) == 0) {
            table_problem(&problems, "url: is that of " KEY "[%zu] too", j);
            ret = -1;
            break;
        }
    }
    add_lines(&problems, i, lines);
    buf_free(&problems);
    return ret;
}

static int
read_array(struct json_object *array, struct product_server **ret_servers, size_t *ret_n,
           struct buf *lines)
{
    size_t n = json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
    struct product_server *servers;
    int ret = 0;

    if (n == 0 || n > PRODUCT_SERVERS_MAX) {
        table_problem(lines, KEY ": is not an array of 1 to %d game servers", PRODUCT_SERVERS_MAX);
        return -1;
    }
    servers = calloc(n, sizeof(*servers));
    if (servers == NULL) {
        table_problem(lines, "out of memory");
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        if (read_entry(json_object_array_get_idx(array, i), servers, i, lines) != 0)
            ret = -1;
    if (ret == 0) {
        *ret_servers = servers;
        *ret_n = n;
    } else {
        product_servers_free(servers, n);
    }
    return ret;
}

/* The one server of a file without the array. */
static int
read_single(const char *url, const char *socket_url, struct product_server **ret_servers,
            size_t *ret_n, struct buf *lines)
{
    struct product_server *server;

    if (url != NULL && url[0] == '\0')
        table_problem(lines, "game_server_url: is missing");
    if (socket_url != NULL && socket_url[0] == '\0')
        table_problem(lines, "game_socket_url: is missing");
    if (url == NULL || url[0] == '\0' || socket_url == NULL || socket_url[0] == '\0')
        return -1;
    server = calloc(1, sizeof(*server));
    if (server != NULL) {
        server->url = strdup(url);
        server->socket_url = strdup(socket_url);
        server->weight = 1;
    }
    if (server == NULL || server->url == NULL || server->socket_url == NULL) {
        product_servers_free(server, 1);
        table_problem(lines, "out of memory");
        return -1;
    }
    product_servers_trim(server->url);
    *ret_servers = server;
    *ret_n = 1;
    return 0;
}

int
product_servers_read(struct json_object *object, const char *url, const char *socket_url,
                     struct product_server **ret_servers, size_t *ret_n, struct buf *lines)
{
    struct json_object *array;

    if (!json_object_object_get_ex(object, KEY, &array))
        return read_single(url, socket_url, ret_servers, ret_n, lines);
    if (json_object_object_get_ex(object, "game_server_url", NULL) ||
        json_object_object_get_ex(object, "game_socket_url", NULL)) {
        table_problem(lines, KEY ": stands beside game_server_url or game_socket_url, in whose "
                                 "place it is");
        return -1;
    }
    return read_array(array, ret_servers, ret_n, lines);
}
