/*
 * The strict reader of JSON text. json-c's parser, laxer in everything, is the judge of what was
 * accepted: it must accept it too, as the same value. And what json-c writes must read back.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/config/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json_object *
by_json_c(const char *json, size_t len)
{
    struct json_tokener *tokener = json_tokener_new_ex(17);
    struct json_object *object;

    assert(tokener != NULL);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    object = json_tokener_parse_ex(tokener, json, (int)len);
    json_tokener_free(tokener);
    return object;
}

/* Beyond int64 the two differ: json-c goes on to uint64 and then stays there. */
static bool
has_long_number(const char *json, size_t len)
{
    size_t digits = 0;

    for (size_t i = 0; i < len && digits < 19; i++) {
        digits = json[i] >= '0' && json[i] <= '9' ? digits + 1 : 0;
    }
    return digits == 19;
}

static void
reads_back(struct json_object *object)
{
    struct json_object *again = NULL;
    const char *json = json_object_to_json_string(object);
    struct buf why;

    buf_init(&why, 4096);
    assert(table_parse(json, strlen(json), &again, &why) == 0);
    assert(json_object_equal(object, again));
    json_object_put(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *json = (const char *)data;
    struct json_object *object = NULL, *other;
    struct buf why;

    buf_init(&why, 4096);
    if (table_parse(json, size, &object, &why) == 0) {
        other = by_json_c(json, size);
        assert(why.len == 0 && other != NULL);
        assert(has_long_number(json, size) || json_object_equal(object, other));
        reads_back(object);
        json_object_put(other);
        json_object_put(object);
    } else {
        assert(object == NULL);
        assert(strncmp(why.data, "line ", 5) == 0);
    }
    buf_free(&why);
    return 0;
}
