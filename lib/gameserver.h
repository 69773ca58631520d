/*
 * The client of the game servers: HTTP on the event loop.
 *
 * A caller waits at most `timeout`. A call that has no answer by then goes on in the background up
 * to `late`, because the game server may yet do what it was asked; the caller is told when that
 * happens and undoes it. Per game server (scheme, host and port of the URL) there is a bound on
 * calls under way, late ones included, and a circuit breaker (breaker.h). DOWN, LATE, RUBBISH and
 * 5xx are its failures; what becomes of a call after it was LATE no longer counts.
 */
#ifndef VARCADE_GAMESERVER_H
#define VARCADE_GAMESERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/clock.h"

struct loop;
struct gameserver_client;
struct gameserver_call;

enum gameserver_outcome {
    GAMESERVER_DONE,    /* 200, and where a token is expected, one; where none is, also 404 and 410:
                         * what was to be removed is gone already */
    GAMESERVER_REFUSED, /* answered otherwise: it did not do it */
    GAMESERVER_RUBBISH, /* 200 without a gameToken, or no whole HTTP answer: it may have done it */
    GAMESERVER_LATE,    /* no answer in time: it may do it yet */
    GAMESERVER_DOWN     /* never sent: connection refused, breaker open, too many calls under way */
};

struct gameserver_limits {
    dur_ms connect_timeout; /* > 0 */
    dur_ms timeout;         /* > 0: the caller's wait */
    dur_ms late;            /* >= timeout: the whole life of a call */
    int64_t concurrent;     /* > 0: calls under way to one game server */
    int64_t breaker_failures; /* > 0 */
    dur_ms breaker_open;    /* > 0: the first pause */
};

/* What is asked of the game server; strings are copied. username and user_id are left out of the
 * body where NULL. */
struct gameserver_request {
    const char *url;      /* game_server_url */
    const char *action;   /* create_game, join_game, remove_game, remove_player */
    const char *game_id;
    const char *user_id;
    const char *username;
    const char *settings;   /* a JSON object; NULL for none */
    const char *request_id; /* sent as X-Request-Id; NULL for none */
    bool wants_token;     /* create_game, join_game: the answer must be {"gameToken": "…"} */
};

/* token is borrowed, token_len bytes: 1 to 4096 of UTF-8 without control characters. status is the
 * HTTP status or 0. reason is a short text for the log, "" for DONE. */
struct gameserver_answer {
    enum gameserver_outcome outcome;
    const char *token;
    size_t token_len;
    long status;
    const char *reason;
    dur_ms retry_after; /* GAMESERVER_DOWN by the breaker: when it lets a call through; else 0 */
};

typedef void gameserver_fn(void *cookie, const struct gameserver_answer *answer);

/* gameserver_client_new(loop, limits): NULL with errno ENOMEM. One a process. */
struct gameserver_client *gameserver_client_new(struct loop *loop,
                                                const struct gameserver_limits *limits)
    __attribute__((warn_unused_result));

/* gameserver_client_free(c): calls under way end without a callback. Not from inside one; NULL is
 * legal. */
void gameserver_client_free(struct gameserver_client *c);

/*
 * gameserver_call(c, request, done, late, cookie): done is called exactly once, from the loop,
 * never from inside this call. Where its outcome was GAMESERVER_LATE, late (may be NULL) is called once
 * more when the call really ends, with DONE, REFUSED, RUBBISH, or LATE where even `late` has
 * passed. A request that was not sent by `timeout` is never sent: that is DOWN, not LATE. Where a
 * kept connection breaks before the answer, the request is sent once more, so that a game server
 * may see it twice. Aborts the program where there is no memory to remember the call.
 */
void gameserver_call(struct gameserver_client *c, const struct gameserver_request *request,
                     gameserver_fn *done, gameserver_fn *late, void *cookie);

/* gameserver_late_pending(c): calls whose late callback is yet to come; a program that stops waits
 * for them a while. */
size_t gameserver_late_pending(const struct gameserver_client *c);

/* What a game server looks like from here, for /metrics and /readyz. */
struct gameserver_status {
    const char *origin; /* scheme://host:port; borrowed until the loop's next turn */
    size_t under_way;
    int breaker_open;   /* 0 or 1 */
    uint64_t calls[GAMESERVER_DOWN + 1]; /* by outcome, the one that done was told, since start */
};

/* gameserver_status(c, i, ret_status): the i-th game server called so far. Returns 0, or -1 past
 * the end. */
int gameserver_status(const struct gameserver_client *c, size_t i,
                      struct gameserver_status *ret_status);

#endif
