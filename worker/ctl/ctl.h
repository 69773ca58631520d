/*
 * What varcadectl's commands share: the table that names them, and what a command gets to work with. From the table come
 * the parser, --help, and the completion of the shell.
 *
 * A command runs to its end and exits, so Redis is asked here as a script would: call, wait, look
 * (ctl_redis.c), on the same connection and function library as the programs.
 */
#ifndef VARCADE_CTL_H
#define VARCADE_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/redis/redis.h"
#include "lib/rules/event.h"
#include "worker/archive/pseudonym.h"

struct conf;
struct ctl;
struct generation;
struct loop;
struct product;

#define CTL_OPTIONS_MAX 4
#define CTL_MANY_MAX 64
#define CTL_WHY_MAX ((size_t)262144)

enum ctl_exit { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

enum ctl_needs {
    CTL_CONFIG = 1, /* the configuration; takes --config */
    CTL_JSON = 2    /* takes --json */
};

struct ctl_option {
    const char *name;     /* without the dashes; NULL ends a list */
    const char *argument; /* as help calls it; NULL: it has none */
    bool required;
    const char *help;
};

struct ctl_command {
    const char *name;      /* one or two words */
    const char *arguments; /* as help shows them */
    size_t min, max;       /* how many */
    unsigned needs;        /* of enum ctl_needs */
    struct ctl_option options[CTL_OPTIONS_MAX + 1];
    const char *many;      /* the one of them that may stand several times; NULL: none may */
    const char *help;      /* what it does, in lines without an end */
    int (*run)(struct ctl *c); /* returns an exit status */
};

struct ctl {
    const struct ctl_command *command;
    char **args;
    size_t nargs;
    const char *value[CTL_OPTIONS_MAX]; /* of the command's options; NULL: not given */
    const char *many[CTL_MANY_MAX];     /* of the one that may stand several times: all of them */
    size_t nmany;
    bool json;
    struct conf *conf; /* CTL_CONFIG */
    struct loop *loop;
    struct redis *state, *stream; /* NULL until they are needed */
};

/* ctl_option(c, name): what was given for one of the command's options, "" where it takes nothing; NULL: not given. */
const char *ctl_option(const struct ctl *c, const char *name);

/* ctl_takes_product(command): whether its first argument is a product's id, which may as well come as --product. */
bool ctl_takes_product(const struct ctl_command *command);

/* ctl_fail(fmt, …), ctl_usage(fmt, …): `varcadectl: …` to stderr. They return CTL_FAILED and CTL_USAGE. */
int ctl_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int ctl_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ctl_product(c): the first argument as a product's id; NULL where it is none, and that was told. */
const char *ctl_product(const struct ctl *c) __attribute__((warn_unused_result));

/* ctl_product_load(c, id): the game's file of that id, from the configuration's folder; NULL where it is not good, and that
 * was told. */
struct product *ctl_product_load(const struct ctl *c, const char *id)
    __attribute__((warn_unused_result));

/* ctl_redis_knows(c, product): whether it has a game's file, good or not, or there is something of it in Redis; if not, that was
 * told. For commands that would find nothing where its id is mistyped. */
bool ctl_redis_knows(struct ctl *c, const char *product) __attribute__((warn_unused_result));

/* ctl_generation(c, product, ret): which generation of the product's figures is live. False where that cannot be read, and
 * that was told. */
bool ctl_generation(struct ctl *c, const char *product, struct generation *ret)
    __attribute__((warn_unused_result));

/* ctl_print(out): a text and a newline to standard output, and out is freed. Returns an exit status. */
int ctl_print(struct buf *out);

/* ctl_json_text(out, s, len): a JSON string of bytes that may be anything: what is not UTF-8 becomes U+FFFD. */
void ctl_json_text(struct buf *out, const char *s, size_t len);

/* ctl_json_score(out, s): a score as Redis tells it, as the HTTP API does: the shortest number that is the same. */
void ctl_json_score(struct buf *out, const char *s);

/* --- ctl_redis.c ------------------------------------------------------------------------------ */

/* ctl_redis_call(c, a), ctl_redis_call_stream(c, a): send a command to the Redis of the state or of the stream, free a, and
 * wait. The caller frees the answer with freeReplyObject(). NULL where there is none to use, and that was
 * told. */
struct redisReply *ctl_redis_call(struct ctl *c, struct redis_args *a)
    __attribute__((warn_unused_result));
struct redisReply *ctl_redis_call_stream(struct ctl *c, struct redis_args *a)
    __attribute__((warn_unused_result));

/* Several commands for the Redis of the state in one write. ctl_redis_pipeline(c, calls, n): all arguments are freed; each
 * reply is there, the caller's to free, or NULL where there is none to use, and that was told. False where one is. */
struct ctl_call {
    struct redis_args a;
    struct redisReply *reply;
};
bool ctl_redis_pipeline(struct ctl *c, struct ctl_call *calls, size_t n)
    __attribute__((warn_unused_result));

/* ctl_redis_is_one(c): whether state and stream are in one Redis. */
bool ctl_redis_is_one(const struct ctl *c);

void ctl_redis_close(struct ctl *c);

/*
 * ctl_redis_change(c, a, function, product): begin the call of a function that changes something: it has the
 * product's audit stream as its first key, and who does it and the command's name as its first
 * arguments; other keys follow with redis_args_key, then ctl_redis_who(c, a) and the other arguments.
 */
void ctl_redis_change(struct redis_args *a, const char *function, const char *product);
void ctl_redis_who(const struct ctl *c, struct redis_args *a);

/* ctl_redis_log(c, product, about): a line in the log for a change that was made, or a token; product NULL: for all. */
void ctl_redis_log(const struct ctl *c, const char *product, const char *about);

/* --- the commands ----------------------------------------------------------------------------- */

int ctl_token_run(struct ctl *c);
int ctl_check_run(struct ctl *c);
int ctl_keys_add(struct ctl *c);
int ctl_keys_rotate(struct ctl *c);
int ctl_keys_revoke(struct ctl *c);
int ctl_keys_list(struct ctl *c);
int ctl_letters_list(struct ctl *c);
int ctl_letters_replay(struct ctl *c);
int ctl_letters_drop(struct ctl *c);
int ctl_letters_release(struct ctl *c);
int ctl_letters_drop_held(struct ctl *c);
int ctl_player_export(struct ctl *c);
int ctl_player_erase(struct ctl *c);
int ctl_board_export(struct ctl *c);
int ctl_rebuild_run(struct ctl *c);
int ctl_hide_run(struct ctl *c);
int ctl_hide_list(struct ctl *c);
int ctl_season_close(struct ctl *c);
int ctl_games_list(struct ctl *c);
int ctl_games_show(struct ctl *c);
int ctl_games_end(struct ctl *c);
int ctl_gameserver_list(struct ctl *c);
int ctl_gameserver_drain(struct ctl *c);
int ctl_tickets_list(struct ctl *c);
int ctl_tickets_cancel(struct ctl *c);
int ctl_queue_list(struct ctl *c);

/* ctl_letters_erase(c, product, quarantine, ret_dropped): drop the dead letters (those from when the product had no file
 * too), or the events in quarantine, that name the player of c's second argument. Returns an exit status. */
int ctl_letters_erase(struct ctl *c, const char *product, bool quarantine, size_t *ret_dropped);

/*
 * ctl_archive_erase(c, product, user, e, events): put pseudonyms in the player's place in the events of the archive: the first
 * one up to the first id, the second up to the second, and so on. The last one is waited for; the greatest id there is stands
 * for what is applied at present, and what more there may be. How many events that were is added to *events. Returns an exit
 * status.
 *
 * A player who is forgotten and goes on is a new one; where that happens several times, so many players have been.
 */
#define CTL_ERASURES_MAX 10
struct ctl_erasures {
    size_t n;
    struct event_id up_to[CTL_ERASURES_MAX];
    char pseudonym[CTL_ERASURES_MAX][PSEUDONYM_SIZE];
};
int ctl_archive_erase(struct ctl *c, const char *product, const char *user,
                      const struct ctl_erasures *e, size_t *events);

/* ctl_player_forget(c, p, boards): take the player out of all figures of p's generation, which is not the live one;
 * boards: those that it has (ctl_scan_boards, which goes over all keys: once for many players). */
struct ctl_names;
struct ctl_player;
bool ctl_player_forget(struct ctl *c, const struct ctl_player *p, const struct ctl_names *boards)
    __attribute__((warn_unused_result));

/* ctl_help_print(commands, n), ctl_help_command(command): for --help. ctl_help_group(word, commands, n): for that of all commands
 * of two words whose first one this is; false: there are none. ctl_help_completion(commands, n): a script for bash. */
void ctl_help_print(const struct ctl_command *commands, size_t n);
void ctl_help_command(const struct ctl_command *command);
bool ctl_help_group(const char *word, const struct ctl_command *commands, size_t n);
void ctl_help_completion(const struct ctl_command *commands, size_t n);

#endif
