/*
 * unix:/path[?db=N] and redis://[host][:port][/N]. A password has no place in a URL: URLs are
 * logged, and shown by whatever lists a program's configuration.
 */
#include "lib/redis/redis_url.h"

#include <string.h>
#include <sys/un.h>

#include "lib/base/text.h"
#include "lib/redis/redis.h"

#define DB_MAX 65535

/* Copy len bytes of from, which must fit and hold no NUL; 0 or -1. */
static int
set_address(struct redis_url *u, const char *from, size_t len, size_t max)
{
    if (len == 0 || len > max)
        return -1;
    memcpy(u->address, from, len);
    u->address[len] = '\0';
    return 0;
}

static int
parse_number(const char *s, size_t len, int64_t min, int64_t max, int *ret_v)
{
    int64_t v;

    if (text_parse_int(s, len, min, max, &v) != 0)
        return -1;
    *ret_v = (int)v;
    return 0;
}

/* rest: what follows `unix:`. Returns NULL, or why it is wrong. */
static const char *
parse_unix(const char *rest, struct redis_url *u)
{
    size_t path_len = strcspn(rest, "?");
    const char *query = rest + path_len;

    u->is_unix = true;
    if (rest[0] != '/')
        return "the socket's path must be absolute";
    if (set_address(u, rest, path_len, sizeof(((struct sockaddr_un *)0)->sun_path) - 1) != 0)
        return "the socket's path is too long";
    if (*query == '\0')
        return NULL;
    if (strncmp(query, "?db=", 4) != 0)
        return "the only parameter is db=N";
    if (parse_number(query + 4, strlen(query + 4), 0, DB_MAX, &u->db) != 0)
        return "db must be a number from 0 to 65535";
    return NULL;
}

/* s: host, [host]:port and their likes, len bytes. Returns NULL, or why it is wrong. */
static const char *
parse_authority(const char *s, size_t len, struct redis_url *u)
{
    const char *end = s + len;
    const char *colon;
    const char *host = s;
    size_t host_len;

    if (memchr(s, '@', len) != NULL)
        return "user and password are settings of their own, not part of the URL";
    if (len > 0 && *s == '[') { /* an IPv6 address */
        const char *bracket = memchr(s, ']', len);

        if (bracket == NULL)
            return "] is missing";
        host++;
        host_len = (size_t)(bracket - host);
        colon = bracket + 1;
        if (colon != end && *colon != ':')
            return "only :port may follow ]";
    } else {
        colon = memchr(s, ':', len);
        if (colon == NULL)
            colon = end;
        host_len = (size_t)(colon - s);
    }
    if (colon != end && parse_number(colon + 1, (size_t)(end - colon - 1), 1, 65535, &u->port) != 0)
        return "the port must be a number from 1 to 65535";
    if (host_len == 0 && host == s)
        return NULL; /* the default */
    if (set_address(u, host, host_len, sizeof(u->address) - 1) != 0)
        return "the host is empty or too long";
    return NULL;
}

/* rest: what follows `redis://`. Returns NULL, or why it is wrong. */
static const char *
parse_tcp(const char *rest, struct redis_url *u)
{
    size_t len = strcspn(rest, "/");
    const char *db = rest + len;
    const char *why;

    memcpy(u->address, "127.0.0.1", sizeof("127.0.0.1"));
    u->port = 6379;
    why = parse_authority(rest, len, u);
    if (why != NULL)
        return why;
    if (db[0] == '/' && db[1] != '\0' &&
        parse_number(db + 1, strlen(db + 1), 0, DB_MAX, &u->db) != 0)
        return "the database after / must be a number from 0 to 65535";
    return NULL;
}

int
redis_url_parse(const char *url, struct redis_url *ret_url, const char **ret_why)
{
    struct redis_url u = {.db = 0};
    const char *why = "it must start with unix: or redis://";

    if (url != NULL && strncmp(url, "unix:", 5) == 0)
        why = parse_unix(url + 5, &u);
    else if (url != NULL && strncmp(url, "redis://", 8) == 0)
        why = parse_tcp(url + 8, &u);
    if (why != NULL) {
        *ret_why = why;
        return -1;
    }
    *ret_url = u;
    return 0;
}

int
redis_url_check(const char *url, const char **ret_why)
{
    struct redis_url u;

    return redis_url_parse(url, &u, ret_why);
}
