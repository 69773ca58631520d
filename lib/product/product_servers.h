/*
 * The game servers of a product, as its file names them: one by game_server_url and
 * game_socket_url, or several in game_servers.
 */
#ifndef VARCADE_PRODUCT_SERVERS_H
#define VARCADE_PRODUCT_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct json_object;

#define PRODUCT_SERVERS_MAX 16

struct product_server {
    char *url;        /* http(s)://host[:port][/path], without a slash at the end */
    char *socket_url; /* what clients connect to; given out as it is */
    int64_t weight;   /* its share of the new games: 1 .. 1000 */
    bool drained;     /* gets no new games: as it was when servers.c asked Redis last */
};

/*
 * product_servers_read(object, url, socket_url, ret_servers, ret_n, lines): url and socket_url are
 * those keys of the file, "" where they are missing, NULL where they are wrong and that was told.
 * Returns 0; or -1 with lines `KEY: REASON`, unless what is wrong was told before.
 */
int product_servers_read(struct json_object *object, const char *url, const char *socket_url,
                         struct product_server **ret_servers, size_t *ret_n, struct buf *lines)
    __attribute__((warn_unused_result));

/* product_servers_free(servers, n): NULL is legal. */
void product_servers_free(struct product_server *servers, size_t n);

/* product_servers_trim(url): take the slashes at its end away. */
void product_servers_trim(char *url);

/* product_servers_check_url(s), product_servers_check_socket(s): NULL or why s is none of that kind;
 * "" is taken for a key that is missing. */
const char *product_servers_check_url(const char *s);
const char *product_servers_check_socket(const char *s);

#endif
