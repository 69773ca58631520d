/*
 * A real redis-server for tests: on a unix socket in a folder of its own, without persistence,
 * gone when the test program is. Everything here asserts with check, so that it returns only where
 * it worked.
 */
#ifndef VARCADE_TESTS_REDIS_SERVER_H
#define VARCADE_TESTS_REDIS_SERVER_H

struct redis_server;
struct redisContext;
struct redisReply;

/* redis_server_require(): for unit_suite(): where redis-server is not installed the program ends,
 * skipped (77), or failed where the environment has CI=true. */
void redis_server_require(void);

/* redis_server_start(options): start and wait until it answers. options: further arguments such as
 * "--requirepass", "x", NULL-terminated, copied by nobody: they must outlive the server; or NULL. */
struct redis_server *redis_server_start(const char *const *options);

/* redis_server_free(s): kill it and remove its folder. NULL is legal. */
void redis_server_free(struct redis_server *s);

/* unix:/path of its socket, and the path alone. */
const char *redis_server_url(const struct redis_server *s);
const char *redis_server_socket(const struct redis_server *s);

/* Kill it (SIGKILL) and wait; start it again on the same socket, empty unless options said otherwise. */
void redis_server_kill(struct redis_server *s);
void redis_server_restart(struct redis_server *s);

/* Make it hang, and go on. */
void redis_server_pause(struct redis_server *s);
void redis_server_resume(struct redis_server *s);

/* redis_server_client(s): a blocking connection, for the test to look and interfere with; the
 * caller redisFree()s it. Not authenticated. */
struct redisContext *redis_server_client(const struct redis_server *s);

/* redis_server_command(s, fmt, ...): one command by redisCommand's format on a connection of its
 * own; asserts that the answer is not an error; the caller freeReplyObject()s it. */
struct redisReply *redis_server_command(const struct redis_server *s, const char *fmt, ...);

/* redis_server_do(s, fmt, ...): the same where the answer does not matter. */
void redis_server_do(const struct redis_server *s, const char *fmt, ...);

#endif
