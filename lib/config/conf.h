/*
 * The service's configuration: one JSON file for both programs, and one table (conf.c) in which
 * every key stands with type, range, default, unit and help; the parser, `--help` and the man page
 * varcade.conf(5) all come from that table.
 *
 * Keys are written nested: {"redis": {"state_url": "unix:/run/redis.sock"}} sets redis.state_url.
 * Every key may be left out. An unknown key, a wrong type or a value out of range is an error that
 * names file, key and reason, and the program does not start.
 */
#ifndef VARCADE_CONF_H
#define VARCADE_CONF_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/config/table.h"

/* Strings are never NULL; "" means not set. Every field is described in conf.c's table. */
struct conf {
    char *games_dir;            /* games.dir */
    char *log_levels;           /* log.levels, as log_set_levels() takes them */

    char *redis_state_url;      /* redis.state_url: where varcade keeps its state */
    char *redis_stream_url;     /* redis.stream_url: where game servers write; "" = state_url */
    char *redis_user;           /* redis.user */
    char *redis_password_file;  /* redis.password_file, for both */
    dur_ms redis_connect_timeout; /* redis.connect_timeout_ms */
    dur_ms redis_command_timeout; /* redis.command_timeout_ms */

    char *stream_name;          /* stream.name: game_event_stream */
    int64_t stream_batch_max;   /* stream.batch_max: events a batch at the most */
    char *stream_trim;          /* stream.trim: never, archived, applied */
    dur_ms stream_keep;         /* stream.keep_s: younger entries are not trimmed */

    char *archive_dir;          /* archive.dir: "" = none is kept */
    dur_ms archive_interval;    /* archive.interval_ms: how often it is written */

    char *token_algorithm;      /* token.algorithm: HS256, RS256, ... : exactly one is accepted */
    struct table_list token_key_files; /* token.key_files: the first one is the newest; at most 2 */
    int64_t token_leeway;       /* token.leeway_s */

    struct table_list http_allowed_origins; /* http.allowed_origins: ["*"] */
    int64_t http_body_max;      /* http.body_max: bytes */
    int64_t http_events_body_max; /* http.events_body_max: bytes, of POST /events/{product} */
    int64_t fcgi_processes;     /* fcgi.processes: 0 = one for every two cores */
    int64_t fcgi_requests_max;  /* fcgi.requests_max: under way at once in one process */

    int64_t tickets_polls_max;  /* tickets.polls_max: long polls at once in one process */

    dur_ms game_server_connect_timeout; /* game_server.connect_timeout_ms */
    dur_ms game_server_timeout; /* game_server.timeout_ms: a player waits no longer than this */
    dur_ms game_server_late;    /* game_server.late_ms: an answer this late still counts */
    int64_t game_server_concurrent; /* game_server.concurrent: calls under way to one of them */
    int64_t game_server_breaker_failures; /* game_server.breaker_failures: in a row, to open it */
    dur_ms game_server_breaker_open;      /* game_server.breaker_open_ms: how long, at first */
    dur_ms game_server_check;             /* game_server.check_ms: how often it is asked whether it is there */

    char *snapshots_dir;        /* snapshots.dir: "" = none are written */
    dur_ms snapshots_interval;  /* snapshots.interval_ms: one board at most this often */
    char *metrics_dir;          /* metrics.dir: shared counters of the processes of this machine */
    char *worker_listen;        /* worker.listen: 127.0.0.1:9180 or [::1]:9180; "" = none */
    dur_ms worker_lease;        /* worker.lease_ms: another worker takes over after this */
};

/*
 * conf_load(path, ret_conf, why): read the file (NULL: defaults alone). Relative paths in it count
 * from the file's folder; `$CREDENTIALS_DIRECTORY/` at the start of a path is replaced by that
 * variable. Returns 0 and a new conf, or -1 with a line `FILE: KEY: REASON` a problem in why (lines
 * as in lib/config/table.h), or one line `FILE: REASON` where it cannot be read.
 */
int conf_load(const char *path, struct conf **ret_conf, struct buf *why)
    __attribute__((warn_unused_result));

/* conf_free(conf): NULL is legal. */
void conf_free(struct conf *conf);

/* conf_read_password(conf, ret_password, why): the first line of redis.password_file, to be text_wipe()d and free()d; NULL
 * where none is set. Returns 0, or -1 with the reason in why: a file that is set must hold a password. */
int conf_read_password(const struct conf *conf, char **ret_password, struct buf *why)
    __attribute__((warn_unused_result));

/* conf_print_help(out): the table for a terminal. conf_print_man(out): the page varcade.conf(5) in
 * mdoc. */
void conf_print_help(FILE *out);
void conf_print_man(FILE *out);

#endif
