/*
 * What one serving process has: opened once after the fork, shared by all its requests.
 */
#ifndef VARCADE_FCGI_APP_H
#define VARCADE_FCGI_APP_H

#include <stdbool.h>
#include <stddef.h>

struct conf;
struct gameserver_client;
struct lobby;
struct loop;
struct meter;
struct polls;
struct products;
struct redis;
struct servers;
struct token_keys;

/* What every process serves by: read and checked before the first fork, then only read. */
struct app_settings {
    const struct conf *conf;
    const struct products *products;
    const struct token_keys *keys;
    const char *redis_password; /* NULL: none */
    const char *pool;           /* a label of the metrics */
};

struct app {
    const struct app_settings *settings;
    struct loop *loop;
    struct redis *redis;
    struct redis *stream; /* where events go: redis, or a connection of its own */
    struct gameserver_client *game_servers;
    struct servers *servers;
    struct lobby *lobby;
    struct meter *meter;
    struct polls *polls;
    bool redis_known;  /* the first attempt to reach Redis has ended */
    bool stream_known; /* and to reach the stream's */
    size_t under_way; /* requests at a handler, waiting for Redis or a game server */
};

/*
 * app_open(settings, loop, metrics_dir, ret_app): settings and loop are borrowed until app_close.
 * metrics_dir "": the figures are for this process alone. Connecting to Redis begins. Returns 0,
 * or -1 with errno.
 */
int app_open(const struct app_settings *settings, struct loop *loop, const char *metrics_dir,
             struct app **ret_app)
    __attribute__((warn_unused_result));

/* app_close(app): requests that wait for Redis are answered from inside this call; those that wait
 * for a game server never are. NULL is legal. */
void app_close(struct app *app);

/*
 * app_wait_redis(app): turn the loop until Redis is reached and has said which game servers are
 * drained, or cannot be: the first request must not find a connection that is merely not made yet. Returns whether it was reached.
 */
bool app_wait_redis(struct app *app);

#endif
