/*
 * Text from outside: the input to every check and conversion of lib/base/text.h, in memory of its exact
 * size, and to the JSON writer. What is accepted has to read back.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/buf.h"
#include "lib/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
numbers(const char *s, size_t len)
{
    char text[TEXT_DOUBLE_SIZE];
    double v;
    double back;
    int64_t i;
    int64_t i_back;

    if (text_parse_double(s, len, &v) == 0) {
        assert(text_parse_double(text, text_format_double(v, text), &back) == 0);
        assert(back == v);
    }
    if (text_parse_int(s, len, -999999, 999999, &i) == 0) {
        assert(text_parse_int(text, text_format_double((double)i, text), -999999, 999999,
                              &i_back) == 0);
        assert(i_back == i);
    }
}

static void
names(const char *s, size_t len)
{
    bool control = false;

    for (size_t i = 0; i < len; i++)
        control = control || (unsigned char)s[i] < 0x20 || s[i] == 0x7f;
    if (text_is_name(s, len))
        assert(text_is_utf8(s, len) && !control && len <= TEXT_USER_ID_MAX);
    if (text_is_product_id(s, len) || text_is_game_id(s, len))
        assert(text_is_name(s, len));
}

static void
url(const char *s, size_t len)
{
    char *out = malloc(len > 0 ? len : 1);
    size_t n;

    assert(out != NULL);
    if (text_url_decode(s, len, true, out, &n) == 0)
        assert(n <= len);
    free(out);
}

static void
json(const char *s, size_t len)
{
    struct buf b;
    struct json_object *o;

    buf_init(&b, 6 * len + 2);
    buf_json_string(&b, s, len);
    assert(buf_ok(&b));
    if (text_is_utf8(s, len)) {
        o = json_tokener_parse(b.data);
        assert(json_object_is_type(o, json_type_string));
        assert((size_t)json_object_get_string_len(o) == len);
        assert(memcmp(json_object_get_string(o), s, len) == 0);
        json_object_put(o);
    }
    buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *s = malloc(size > 0 ? size : 1);

    assert(s != NULL);
    if (size > 0)
        memcpy(s, data, size);
    numbers(s, size);
    names(s, size);
    url(s, size);
    json(s, size);
    free(s);
    return 0;
}
