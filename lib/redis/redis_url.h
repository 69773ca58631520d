/* Where a Redis is, as a URL says it. For lib/redis/redis.c; others use redis_url_check(). */
#ifndef VARCADE_REDIS_URL_H
#define VARCADE_REDIS_URL_H

#include <stdbool.h>

#define REDIS_URL_ADDRESS_SIZE 256

struct redis_url {
    bool is_unix;
    char address[REDIS_URL_ADDRESS_SIZE]; /* the socket's path, or the host */
    int port;
    int db;
};

/* redis_url_parse(url, ret_url, ret_why): returns 0, or -1 with *ret_why set (static text). */
int redis_url_parse(const char *url, struct redis_url *ret_url, const char **ret_why)
    __attribute__((warn_unused_result));

#endif
