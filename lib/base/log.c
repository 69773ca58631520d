/*
 * A line is built in a fixed buffer and leaves with one write(2), so that lines of several
 * processes on one pipe never mix. Text from outside goes through put_escaped() alone: that is
 * where "nothing forges a line or a key" is decided.
 */
#include "lib/base/log.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"

#define LINE_MAX_BYTES 8192
#define CUT_MARK " cut=yes"
/* What a line that was cut still has to hold: the quote of its last value, the mark, the end. */
#define LINE_RESERVE (1 + sizeof(CUT_MARK) - 1 + 1)

#define MODULES_MAX 32
#define MODULE_NAME_MAX 31

struct levels {
    enum log_level all;
    size_t nmodules;
    struct {
        char name[MODULE_NAME_MAX + 1];
        enum log_level level;
    } modules[MODULES_MAX];
};

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
    bool cut; /* something did not fit: nothing more is added */
};

static struct levels levels = {.all = LOG_LEVEL_INFO};
static const struct log_context *context;
static const char *program = "varcade";
static bool to_journal;

static const struct {
    enum log_level level;
    const char *name;  /* in log_set_levels() */
    const char *shown; /* in a line */
} level_names[] = {
    {LOG_LEVEL_ERROR, "error", "ERROR"},    {LOG_LEVEL_WARNING, "warning", "WARNING"},
    {LOG_LEVEL_NOTICE, "notice", "NOTICE"}, {LOG_LEVEL_INFO, "info", "INFO"},
    {LOG_LEVEL_DEBUG, "debug", "DEBUG"},
};
#define NLEVELS (sizeof(level_names) / sizeof(level_names[0]))

size_t
log_strlen(const char *s)
{
    return s == NULL ? 0 : strlen(s);
}

/*
 * JOURNAL_STREAM names the journal's socket as `device:inode`. It is inherited by everything the
 * service starts, so it counts only where stderr is that socket (systemd.exec(5)).
 */
static bool
stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    const char *colon = stream == NULL ? NULL : strchr(stream, ':');
    int64_t dev;
    int64_t ino;
    struct stat st;

    if (colon == NULL || fstat(STDERR_FILENO, &st) != 0)
        return false;
    if (text_parse_int(stream, (size_t)(colon - stream), 0, INT64_MAX, &dev) != 0 ||
        text_parse_int(colon + 1, strlen(colon + 1), 0, INT64_MAX, &ino) != 0)
        return false;
    return st.st_dev == (dev_t)dev && st.st_ino == (ino_t)ino;
}

void
log_init(const char *program_name)
{
    program = program_name;
    to_journal = stderr_is_journal();
}

/* --- levels ----------------------------------------------------------------------------------- */

static bool
parse_level(const char *s, size_t len, enum log_level *ret_level)
{
    for (size_t i = 0; i < NLEVELS; i++) {
        if (strlen(level_names[i].name) == len && memcmp(s, level_names[i].name, len) == 0) {
            *ret_level = level_names[i].level;
            return true;
        }
    }
    return false;
}

/* `module=level` */
static bool
parse_module(const char *s, size_t len, struct levels *into)
{
    const char *equals = memchr(s, '=', len);
    size_t name_len = equals == NULL ? 0 : (size_t)(equals - s);

    if (name_len == 0 || name_len > MODULE_NAME_MAX || into->nmodules == MODULES_MAX)
        return false;
    if (!parse_level(equals + 1, len - name_len - 1, &into->modules[into->nmodules].level))
        return false;
    memcpy(into->modules[into->nmodules].name, s, name_len);
    into->nmodules++;
    return true;
}

int
log_set_levels(const char *spec)
{
    struct levels parsed = {0};
    const char *s = spec;
    size_t len = strcspn(s, ",");
    bool good = parse_level(s, len, &parsed.all);

    while (good && s[len] == ',') {
        s += len + 1;
        len = strcspn(s, ",");
        good = parse_module(s, len, &parsed);
    }
    if (!good) {
        errno = EINVAL;
        return -1;
    }
    levels = parsed;
    return 0;
}

bool
log_enabled(enum log_level level, const char *module)
{
    for (size_t i = 0; i < levels.nmodules; i++) {
        if (strcmp(levels.modules[i].name, module) == 0)
            return level <= levels.modules[i].level;
    }
    return level <= levels.all;
}

const struct log_context *
log_set_context(const struct log_context *ctx)
{
    const struct log_context *previous = context;

    context = ctx;
    return previous;
}

/* --- a line ----------------------------------------------------------------------------------- */

/* Add all of the bytes or, from here on, nothing. */
static void
put(struct line *l, const char *s, size_t len)
{
    if (l->cut || len > sizeof(l->text) - LINE_RESERVE - l->len) {
        l->cut = true;
        return;
    }
    memcpy(l->text + l->len, s, len);
    l->len += len;
}

static void
put_str(struct line *l, const char *s)
{
    put(l, s, strlen(s));
}

static void put_format(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For text of our own: numbers, the line's head. */
static void
put_format(struct line *l, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    put_str(l, text);
}

/*
 * Characters that are well-formed and yet end a line or reorder what stands around them in a
 * viewer that honours them: U+2028 to U+202E, U+2066 to U+2069.
 */
static bool
is_deceptive(const char *s, size_t n)
{
    unsigned char last;

    if (n != 3 || memcmp(s, "\xe2\x80", 2) < 0 || memcmp(s, "\xe2\x81", 2) > 0)
        return false;
    last = (unsigned char)s[2];
    if ((unsigned char)s[1] == 0x80)
        return last >= 0xa8 && last <= 0xae;
    return last >= 0xa6 && last <= 0xa9;
}

/* One character, or one byte where it is none, so that a cut never leaves half an escape. */
static void
put_escape(struct line *l, const char *s, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    char text[4 * 4];
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        text[len++] = '\\';
        if (c == '"' || c == '\\') {
            text[len++] = (char)c;
        } else if (c == '\n' || c == '\r' || c == '\t') {
            text[len++] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
        } else {
            text[len++] = 'x';
            text[len++] = hex[c >> 4];
            text[len++] = hex[c & 15];
        }
    }
    put(l, text, len);
}

static void
put_escaped(struct line *l, const char *s, size_t len)
{
    while (len > 0) {
        size_t n = text_utf8_char(s, len);

        if (n == 0) {
            n = 1;
            put_escape(l, s, n);
        } else if (text_is_control(s, n) || is_deceptive(s, n) || *s == '"' || *s == '\\') {
            put_escape(l, s, n);
        } else {
            put(l, s, n);
        }
        s += n;
        len -= n;
    }
}

/* Whether a value can stand without quotes and still be told from what is around it. */
static bool
is_plain(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] <= ' ' || s[i] >= 0x7f || s[i] == '"' || s[i] == '\\' || s[i] == '=')
            return false;
    }
    return len > 0;
}

static void
put_value(struct line *l, const char *s, size_t len)
{
    bool quoted = !is_plain(s, len);

    if (quoted)
        put(l, "\"", 1);
    quoted = quoted && !l->cut;
    put_escaped(l, s, len);
    if (quoted)
        l->text[l->len++] = '"'; /* past the cut too: the reserve has room for it */
}

static void
put_string(struct line *l, const char *key, const char *s, size_t len)
{
    put_format(l, " %s=", key);
    put_value(l, s, len);
}

static void
put_field(struct line *l, const struct log_field *f)
{
    char number[TEXT_DOUBLE_SIZE];

    switch (f->type) {
    case LOG_FIELD_STRING:
        if (f->s != NULL)
            put_string(l, f->key, f->s, f->len);
        break;
    case LOG_FIELD_INT:
        put_format(l, " %s=%lld", f->key, (long long)f->i);
        break;
    case LOG_FIELD_DOUBLE:
        if (isfinite(f->d))
            (void)text_format_double(f->d, number);
        else
            (void)snprintf(number, sizeof(number), "%g", f->d);
        put_format(l, " %s=%s", f->key, number);
        break;
    case LOG_FIELD_ERRNO:
        put_string(l, f->key, strerror((int)f->i), strlen(strerror((int)f->i)));
        break;
    }
}

static void
put_context(struct line *l, const struct log_context *ctx)
{
    const struct {
        const char *key;
        const char *s;
    } fields[] = {{"req", ctx->request_id},
                  {"product", ctx->product},
                  {"game", ctx->game_id},
                  {"user", ctx->user_id}};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (log_strlen(fields[i].s) > 0)
            put_string(l, fields[i].key, fields[i].s, strlen(fields[i].s));
    }
}

static void
put_head(struct line *l, enum log_level level)
{
    char now[CLOCK_RFC3339_SIZE];
    const char *shown = "";

    if (to_journal) {
        put_format(l, "<%d>", (int)level);
        return;
    }
    for (size_t i = 0; i < NLEVELS; i++) {
        if (level_names[i].level == level)
            shown = level_names[i].shown;
    }
    clock_format_rfc3339(clock_wall(), now);
    put_format(l, "%s %s[%ld] %s ", now, program, (long)getpid(), shown);
}

void
log_write(enum log_level level, const char *module, const char *message,
          const struct log_field *fields, size_t nfields)
{
    struct line l;
    int err = errno;

    if (!log_enabled(level, module))
        return;
    l.len = 0;
    l.cut = false;
    put_head(&l, level);
    put_escaped(&l, module, strlen(module));
    put_str(&l, ": ");
    put_escaped(&l, message, strlen(message));
    if (context != NULL)
        put_context(&l, context);
    for (size_t i = 0; i < nfields; i++)
        put_field(&l, &fields[i]);
    if (l.cut) {
        memcpy(l.text + l.len, CUT_MARK, sizeof(CUT_MARK) - 1);
        l.len += sizeof(CUT_MARK) - 1;
    }
    l.text[l.len++] = '\n';
    /* A log that cannot be written has nowhere to say so. */
    while (write(STDERR_FILENO, l.text, l.len) < 0 && errno == EINTR)
        continue;
    errno = err;
}

void
log_lines(enum log_level level, const char *module, const char *message, const char *text)
{
    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, "\n");

        LOG_AT(level, module, message, LOG_B("reason", text, len));
        text += len + (text[len] == '\n');
    }
}
