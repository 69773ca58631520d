/*
 * The log: one line an event to stderr, the only light one has in a backend.
 *
 *   2026-01-31T23:59:59.123Z varcade-worker[4242] WARNING redis: connection lost url=unix:/run/r.sock error="Connection refused"
 *
 * Under systemd (JOURNAL_STREAM is set) the time and program are left to the journal and the line
 * starts with its priority, `<4>redis: connection lost …`. Values are quoted where they hold
 * anything but plain characters, and control bytes, quotes and bytes that are not UTF-8 are
 * escaped, so that nothing a client sends can start a line or forge a key. A line has at most 8 KiB
 * and ends in `cut=yes` where it had more; it is one write(2).
 *
 *   log_warning("redis", "connection lost", LOG_S("url", url), LOG_ERRNO(err));
 *
 * Library code logs nothing above debug; the programs log what the library returns, once.
 * Not safe across threads: varcade's programs have one.
 */
#ifndef VARCADE_LOG_H
#define VARCADE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are syslog's (RFC 5424) priorities. */
enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

enum log_field_type { LOG_FIELD_STRING, LOG_FIELD_INT, LOG_FIELD_DOUBLE, LOG_FIELD_ERRNO };

struct log_field {
    const char *key;
    enum log_field_type type;
    const char *s; /* LOG_FIELD_STRING: len bytes, or NULL: the field is left out */
    size_t len;
    int64_t i;
    double d;
};

/* What identifies the work under way; set by whoever starts a piece of it, on every line until it
 * is cleared. Strings are borrowed; NULL or empty ones are left out. */
struct log_context {
    const char *request_id;
    const char *product;
    const char *game_id;
    const char *user_id;
};

size_t log_strlen(const char *s); /* 0 for NULL */
#define LOG_S(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_STRING, .s = (v), .len = log_strlen(v)})
#define LOG_B(k, v, n) ((struct log_field){.key = (k), .type = LOG_FIELD_STRING, .s = (v), .len = (n)})
#define LOG_I(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_INT, .i = (int64_t)(v)})
#define LOG_D(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_DOUBLE, .d = (v)})
#define LOG_ERRNO(e) ((struct log_field){.key = "error", .type = LOG_FIELD_ERRNO, .i = (e)})

/*
 * log_init(program): name the program (borrowed for good) and look at the environment. The level is
 * info until log_set_levels().
 */
void log_init(const char *program);

/*
 * log_set_levels(spec): `info` or `info,redis=debug,lobby=warning`: the level of everything, then
 * of single modules. Returns 0, or -1 with errno EINVAL and the old levels kept.
 */
int log_set_levels(const char *spec) __attribute__((warn_unused_result));

/* log_enabled(level, module): whether such a line would be written. */
bool log_enabled(enum log_level level, const char *module);

/* log_set_context(ctx): ctx is borrowed until the next call; NULL for none. Returns the previous. */
const struct log_context *log_set_context(const struct log_context *ctx);

/* log_write(...): write one line, where the level lets it; errno stays. Use the macros. */
void log_write(enum log_level level, const char *module, const char *message,
               const struct log_field *fields, size_t nfields);

/* log_lines(level, module, message, text): one line of the log for each of text's, as its `reason`: what conf_load and
 * its likes say. NULL is no line. */
void log_lines(enum log_level level, const char *module, const char *message, const char *text);

/* The fields may be none: the first element of the array is a dummy that is not written. */
#define LOG_AT(level, module, message, ...)                                                        \
    do {                                                                                           \
        if (log_enabled((level), (module))) {                                                      \
            const struct log_field log_fields_[] = {{.key = NULL}, ##__VA_ARGS__};                 \
            log_write((level), (module), (message), log_fields_ + 1,                               \
                      sizeof(log_fields_) / sizeof(log_fields_[0]) - 1);                           \
        }                                                                                          \
    } while (0)
#define log_error(module, message, ...) LOG_AT(LOG_LEVEL_ERROR, module, message, ##__VA_ARGS__)
#define log_warning(module, message, ...) LOG_AT(LOG_LEVEL_WARNING, module, message, ##__VA_ARGS__)
#define log_notice(module, message, ...) LOG_AT(LOG_LEVEL_NOTICE, module, message, ##__VA_ARGS__)
#define log_info(module, message, ...) LOG_AT(LOG_LEVEL_INFO, module, message, ##__VA_ARGS__)
#define log_debug(module, message, ...) LOG_AT(LOG_LEVEL_DEBUG, module, message, ##__VA_ARGS__)

#endif
