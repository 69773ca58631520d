/*
 * The text of a JSON file to a json-c object.
 *
 * Not json-c's own parser: files are written by hand, and even its strict mode lets through what a
 * strict reader must not (a key twice, single quotes, NaN, 1e999, -01, control characters, half
 * surrogate pairs, overlong UTF-8). RFC 8259 is small enough to be followed to the letter here, and
 * whoever mistyped is told the line, the column and what was expected.
 *
 * Recursive descent; the depth is bounded by DEPTH_MAX. Every function advances p->at over what it
 * has read; on failure p->at is where the problem is and p->reason says what it is.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/text.h"
#include "lib/config/table.h"

#define DEPTH_MAX 16
#define TEXT_MAX (INT_MAX / 2) /* json-c counts in int */

struct parser {
    const char *json;
    size_t len, at;
    struct buf reason;
};

static int parse_value(struct parser *p, int depth, struct json_object **ret_value);

static int
fail(struct parser *p, const char *reason)
{
    buf_reset(&p->reason);
    buf_str(&p->reason, reason);
    return -1;
}

/* The next byte, or -1 at the end: never the value of a byte, as a NUL in the text is just
 * wrong. */
static int
peek(const struct parser *p)
{
    return p->at < p->len ? (unsigned char)p->json[p->at] : -1;
}

static void
skip_space(struct parser *p)
{
    while (p->at < p->len && memchr(" \t\r\n", p->json[p->at], 4) != NULL) {
        p->at++;
    }
}

/* After failure at the end of the text what was expected there is of less interest. */
static int
expected(struct parser *p, const char *what)
{
    if (p->at == p->len) {
        return fail(p, "the text ends too early");
    }
    buf_reset(&p->reason);
    buf_printf(&p->reason, "expected %s", what);
    return -1;
}

/* --- strings ---------------------------------------------------------------------------------- */

/* How many bytes the well-formed UTF-8 sequence at p->at has; 0 where it is not one. */
static size_t
utf8_length(const struct parser *p)
{
    unsigned char lead = (unsigned char)p->json[p->at];
    size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    return n <= p->len - p->at && text_is_utf8(p->json + p->at, n) ? n : 0;
}

static void
add_utf8(struct buf *b, unsigned code)
{
    if (code < 0x80) {
        buf_byte(b, (char)code);
        return;
    }
    if (code < 0x800) {
        buf_byte(b, (char)(0xc0 | code >> 6));
    } else if (code < 0x10000) {
        buf_byte(b, (char)(0xe0 | code >> 12));
        buf_byte(b, (char)(0x80 | (code >> 6 & 0x3f)));
    } else {
        buf_byte(b, (char)(0xf0 | code >> 18));
        buf_byte(b, (char)(0x80 | (code >> 12 & 0x3f)));
        buf_byte(b, (char)(0x80 | (code >> 6 & 0x3f)));
    }
    buf_byte(b, (char)(0x80 | (code & 0x3f)));
}

/* The four digits behind \u at p->at. */
static int
parse_hex4(struct parser *p, unsigned *ret_code)
{
    unsigned code = 0;

    for (size_t i = 2; i < 6; i++) {
        int c = i < p->len - p->at ? (unsigned char)p->json[p->at + i] : -1;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0) {
            return fail(p, "\\u needs four hexadecimal digits");
        }
        code = code << 4 | (unsigned)digit;
    }
    *ret_code = code;
    p->at += 6;
    return 0;
}

static int
parse_unicode_escape(struct parser *p, struct buf *out)
{
    size_t start = p->at;
    unsigned high, low;

    if (parse_hex4(p, &high) != 0) {
        return -1;
    }
    if (high >= 0xd800 && high < 0xdc00 && p->len - p->at >= 2 &&
        memcmp(p->json + p->at, "\\u", 2) == 0) {
        if (parse_hex4(p, &low) != 0) {
            return -1;
        }
        if (low >= 0xdc00 && low < 0xe000) {
            add_utf8(out, 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00)));
            return 0;
        }
    }
    if (high == 0 || (high >= 0xd800 && high < 0xe000)) {
        p->at = start;
        return fail(p, high == 0 ? "\\u0000 is not allowed" : "half a surrogate pair");
    }
    add_utf8(out, high);
    return 0;
}

static int
parse_escape(struct parser *p, struct buf *out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *found;

    if (p->len - p->at < 2) {
        return fail(p, "unknown escape");
    }
    if (p->json[p->at + 1] == 'u') {
        return parse_unicode_escape(p, out);
    }
    found = memchr(names, p->json[p->at + 1], sizeof(names) - 1);
    if (found == NULL) {
        return fail(p, "unknown escape");
    }
    buf_byte(out, values[found - names]);
    p->at += 2;
    return 0;
}

/* A string from its opening quote on; its bytes, without any NUL among them, go to out. */
static int
parse_string(struct parser *p, struct buf *out)
{
    size_t start = p->at++;

    for (;;) {
        int c = peek(p);
        size_t n;

        if (c == -1) {
            p->at = start;
            return fail(p, "this string has no end");
        }
        if (c == '"') {
            p->at++;
            return 0;
        }
        if (c < 0x20) {
            return fail(p, "control character in a string");
        }
        if (c == '\\') {
            if (parse_escape(p, out) != 0) {
                return -1;
            }
            continue;
        }
        n = utf8_length(p);
        if (n == 0) {
            return fail(p, "not UTF-8");
        }
        buf_add(out, p->json + p->at, n);
        p->at += n;
    }
}

/* --- values ----------------------------------------------------------------------------------- */

static int
made(struct parser *p, struct json_object *value, struct json_object **ret_value)
{
    if (value == NULL) {
        return fail(p, "out of memory");
    }
    *ret_value = value;
    return 0;
}

static int
parse_string_value(struct parser *p, struct json_object **ret_value)
{
    struct buf text;
    int ret = -1;

    buf_init(&text, TEXT_MAX);
    if (parse_string(p, &text) == 0) {
        ret = made(p,
                   buf_ok(&text)
                       ? json_object_new_string_len(text.len > 0 ? text.data : "", (int)text.len)
                       : NULL,
                   ret_value);
    }
    buf_free(&text);
    return ret;
}

static int
parse_number(struct parser *p, struct json_object **ret_value)
{
    const char *s = p->json + p->at;
    char text[TEXT_NUMBER_MAX + 1];
    size_t n = 0;
    bool integer = true;
    int64_t i;
    double d;

    while (n < p->len - p->at && s[n] != '\0' && strchr("+-.0123456789Ee", s[n]) != NULL) {
        integer = integer && strchr(".Ee", s[n]) == NULL;
        n++;
    }
    if (text_parse_double(s, n, &d) != 0) {
        return fail(p, errno == ERANGE ? "this number is too large" : "not a number");
    }
    p->at += n;
    if (integer && text_parse_int(s, n, INT64_MIN, INT64_MAX, &i) == 0) {
        return made(p, json_object_new_int64(i), ret_value);
    }
    memcpy(text, s, n);
    text[n] = '\0';
    return made(p, json_object_new_double_s(d, text), ret_value);
}

static int
parse_word(struct parser *p, struct json_object **ret_value)
{
    static const char *const words[] = {"null", "false", "true"};

    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);

        if (n <= p->len - p->at && memcmp(p->json + p->at, words[i], n) == 0) {
            p->at += n;
            if (i == 0) {
                *ret_value = NULL; /* json-c's null */
                return 0;
            }
            return made(p, json_object_new_boolean(i == 2), ret_value);
        }
    }
    return expected(p, "a value");
}

static int
parse_array(struct parser *p, int depth, struct json_object **ret_value)
{
    struct json_object *array = json_object_new_array(), *item;

    if (array == NULL) {
        return fail(p, "out of memory");
    }
    p->at++;
    skip_space(p);
    if (peek(p) != ']') {
        for (;;) {
            skip_space(p);
            if (parse_value(p, depth, &item) != 0) {
                goto out;
            }
            if (json_object_array_add(array, item) != 0) {
                json_object_put(item);
                (void)fail(p, "out of memory");
                goto out;
            }
            skip_space(p);
            if (peek(p) != ',') {
                break;
            }
            p->at++;
        }
        if (peek(p) != ']') {
            (void)expected(p, "',' or ']'");
            goto out;
        }
    }
    p->at++;
    *ret_value = array;
    return 0;
out:
    json_object_put(array);
    return -1;
}

/* `"key": value` into object; key is the caller's, for its memory. */
static int
parse_member(struct parser *p, int depth, struct json_object *object, struct buf *key)
{
    struct json_object *value;
    size_t start = p->at;
    const char *name;

    if (peek(p) != '"') {
        return expected(p, "a key in double quotes");
    }
    buf_reset(key);
    if (parse_string(p, key) != 0) {
        return -1;
    }
    if (!buf_ok(key)) {
        return fail(p, "out of memory");
    }
    name = key->len > 0 ? key->data : "";
    if (json_object_object_get_ex(object, name, NULL)) {
        p->at = start;
        (void)fail(p, "the key ");
        buf_json_string(&p->reason, name, key->len);
        buf_str(&p->reason, " stands here twice");
        return -1;
    }
    skip_space(p);
    if (peek(p) != ':') {
        return expected(p, "':' behind the key");
    }
    p->at++;
    skip_space(p);
    if (parse_value(p, depth, &value) != 0) {
        return -1;
    }
    if (json_object_object_add(object, name, value) != 0) {
        json_object_put(value);
        return fail(p, "out of memory");
    }
    return 0;
}

static int
parse_object(struct parser *p, int depth, struct json_object **ret_value)
{
    struct json_object *object = json_object_new_object();
    struct buf key;

    buf_init(&key, TEXT_MAX);
    if (object == NULL) {
        return fail(p, "out of memory");
    }
    p->at++;
    skip_space(p);
    if (peek(p) != '}') {
        for (;;) {
            skip_space(p);
            if (parse_member(p, depth, object, &key) != 0) {
                goto out;
            }
            skip_space(p);
            if (peek(p) != ',') {
                break;
            }
            p->at++;
        }
        if (peek(p) != '}') {
            (void)expected(p, "',' or '}'");
            goto out;
        }
    }
    p->at++;
    buf_free(&key);
    *ret_value = object;
    return 0;
out:
    buf_free(&key);
    json_object_put(object);
    return -1;
}

/* depth: how many objects and arrays may yet be opened. */
static int
parse_value(struct parser *p, int depth, struct json_object **ret_value)
{
    int c = peek(p);

    if ((c == '{' || c == '[') && depth == 0) {
        buf_reset(&p->reason);
        buf_printf(&p->reason, "nested deeper than %d levels", DEPTH_MAX);
        return -1;
    }
    if (c == '{') {
        return parse_object(p, depth - 1, ret_value);
    }
    if (c == '[') {
        return parse_array(p, depth - 1, ret_value);
    }
    if (c == '"') {
        return parse_string_value(p, ret_value);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return parse_number(p, ret_value);
    }
    return parse_word(p, ret_value);
}

static int
parse_text(struct parser *p, struct json_object **ret_object)
{
    if (p->len > TEXT_MAX) {
        return fail(p, "the text is too long");
    }
    if (p->len >= 3 && memcmp(p->json, "\xef\xbb\xbf", 3) == 0) {
        return fail(p, "byte order mark (save it as UTF-8 without one)");
    }
    skip_space(p);
    if (peek(p) != '{') {
        return expected(p, "'{'");
    }
    if (parse_object(p, DEPTH_MAX - 1, ret_object) != 0) {
        return -1;
    }
    skip_space(p);
    if (p->at < p->len) {
        json_object_put(*ret_object);
        return fail(p, "nothing may stand behind the last '}'");
    }
    return 0;
}

/* Columns are counted in characters, as editors do: bytes that do not continue one. */
static void
report(const struct parser *p, struct buf *why)
{
    size_t line = 1, column = 1;

    for (size_t i = 0; i < p->at; i++) {
        if (p->json[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)p->json[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    buf_printf(why, "line %zu, column %zu: %s", line, column,
               p->reason.data != NULL ? p->reason.data : "out of memory");
}

int
table_parse(const char *json, size_t len, struct json_object **ret_object, struct buf *why)
{
    struct parser p = {.json = json, .len = len};
    struct json_object *object = NULL;
    int ret;

    buf_init(&p.reason, 1024);
    ret = parse_text(&p, &object);
    if (ret == 0) {
        *ret_object = object;
    } else {
        report(&p, why);
    }
    buf_free(&p.reason);
    return ret;
}
