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

#include "lib/base/breaker.h"
#include "lib/base/clock.h"

struct loop;
struct gameserver_client;
struct gameserver_call;

enum gameserver_outcome {
    GAMESERVER_DONE,    /* 200, and where a token is expected, one; where none is, also 404 and 410:
                         * what was to be removed is gone already */
    GAMESERVER_REFUSED, /* answered otherwise: it did not do it */
    GAMESERVER_RUBBISH, /* 200 without a gameToken, no whole HTTP answer, or refused when it was sent
                         * once more: it may have done it */
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

/* Whether a new game had better be made there. */
enum gameserver_fitness {
    GAMESERVER_UNFIT,    /* a call would not be sent: the breaker, or too many under way */
    GAMESERVER_DOUBTFUL, /* it would, but the game server did not answer when it was asked last */
    GAMESERVER_FIT
};
enum gameserver_fitness gameserver_fitness(struct gameserver_client *c, const char *url);

/* gameserver_report(c, url, up): whether it answered a probe (servers.h). What calls find out counts
 * as well: one that got no connection is as good as a probe without an answer. */
void gameserver_report(struct gameserver_client *c, const char *url, bool up);

/*
 * gameserver_retry(c, url): whether the game that could not be made there, since nothing was sent,
 * may be made on another one. So many retries are given as are a tenth of the calls that were made,
 * all game servers together, and 10 at once: where most of them are away, the others are not
 * given all of the load in addition to the failures.
 */
bool gameserver_retry(struct gameserver_client *c, const char *url)
    __attribute__((warn_unused_result));

/* What a game server looks like from here, for /metrics and /readyz. */
struct gameserver_status {
    const char *origin; /* scheme://host:port; borrowed until the loop's next turn */
    size_t under_way;
    bool up;
    enum breaker_state breaker;
    uint64_t failures; /* calls that the breaker counted as such, since start */
    uint64_t retries;  /* of games that could not be made there, since start */
    uint64_t calls[GAMESERVER_DOWN + 1]; /* by outcome, the one that done was told, since start */
};

/* gameserver_status(c, i, ret_status): the i-th game server called so far. Returns 0, or -1 past
 * the end. */
int gameserver_status(const struct gameserver_client *c, size_t i,
                      struct gameserver_status *ret_status);

#endif
