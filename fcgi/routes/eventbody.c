/*
 * Events out of a request's body. jsontext finds where each object begins and ends, table_parse
 * takes it apart to the letter of the grammar, event.c says whether the stream would take it: one
 * event is in memory as objects at a time.
 */
#include "fcgi/routes/eventbody.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

#include "fcgi/server/jsontext.h"
#include "lib/base/text.h"
#include "lib/config/table.h"
#include "lib/redis/redis.h"
#include "lib/rules/event.h"

static struct event_text
text_of(const char *s)
{
    return (struct event_text){s, strlen(s)};
}

/* A value as the text of a field; s NULL where it cannot be one. Numbers are as they were written.
 */
static struct event_text
value_text(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_string:
        return (struct event_text){json_object_get_string(value),
                                   (size_t)json_object_get_string_len(value)};
    case json_type_boolean:
    case json_type_int:
    case json_type_double:
        return text_of(json_object_get_string(value));
    case json_type_null:
    case json_type_object:
    case json_type_array:
        break;
    }
    return (struct event_text){NULL, 0};
}

/* The fields of object to e, behind product_id. Returns NULL or a reason. */
static const char *
take_fields(struct json_object *object, const char *product_id, struct event *e)
{
    const char *why;

    event_clear(e);
    why = event_add(e, text_of("product_id"), text_of(product_id));
    json_object_object_foreach (object, name, value) {
        struct event_text text = value_text(value);

        if (why != NULL)
            return why;
        if (text.s == NULL)
            return "a value is none of string, number, true and false";
        if (strncmp(name, EVENT_OWN_FIELDS, strlen(EVENT_OWN_FIELDS)) == 0)
            return "fields whose names begin with " EVENT_OWN_FIELDS " are varcade's own";
        if (strcmp(name, "product_id") != 0)
            why = event_add(e, text_of(name), text);
        else if (!event_text_is(text, product_id))
            return "product_id is another than the path's";
    }
    return why != NULL ? why : event_check(e);
}

static void
add_event(const struct event *e, struct redis_args *a)
{
    redis_args_int(a, (int64_t)(2 * e->nfields));
    for (size_t i = 0; i < e->nfields; i++) {
        redis_args_add(a, e->name[i].s, e->name[i].len);
        redis_args_add(a, e->value[i].s, e->value[i].len);
    }
}

/* What is being read: the events so far and where they go. */
struct reader {
    const char *product_id;
    struct redis_args *a;
    struct buf *why;
    size_t n;
};

static int
refuse(struct reader *r, const char *reason)
{
    buf_printf(r->why, "events[%zu]: %s", r->n, reason);
    return -1;
}

/* One event's text. */
static int
read_event(struct reader *r, const char *s, size_t len)
{
    struct json_object *object = NULL;
    struct event e;
    const char *reason;
    struct buf wrong;
    int ret = -1;

    if (r->n == EVENTBODY_EVENTS_MAX) {
        buf_printf(r->why, "More than %d events", EVENTBODY_EVENTS_MAX);
        return -1;
    }
    buf_init(&wrong, 1024);
    if (table_parse(s, len, &object, &wrong) != 0) {
        /* A long key that stands twice is told cut off, maybe within a character. */
        ret = refuse(r, wrong.data != NULL && text_is_utf8(wrong.data, wrong.len)
                            ? wrong.data
                            : "not a JSON object with every key once");
        goto out;
    }
    reason = take_fields(object, r->product_id, &e);
    if (reason != NULL) {
        ret = refuse(r, reason);
        goto out;
    }
    add_event(&e, r->a);
    r->n++;
    ret = 0;
out:
    json_object_put(object);
    buf_free(&wrong);
    return ret;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* [ event, event … ] */
static int
read_array(struct reader *r, const char *s, const char *end)
{
    bool more = true;

    for (s++; s < end && is_space(*s); s++)
        continue;
    if (s < end && *s == ']')
        more = false;
    while (more) {
        size_t len = jsontext_value(s, (size_t)(end - s));

        if (len == 0)
            return refuse(r, "not JSON");
        if (read_event(r, s, len) != 0)
            return -1;
        s += len;
        more = s < end && *s == ',';
        s += more;
    }
    if (s == end || *s != ']')
        return refuse(r, "not JSON: expected ',' or ']' before it");
    for (s++; s < end; s++)
        if (!is_space(*s))
            return refuse(r, "nothing may stand behind the array");
    return 0;
}

/* One event a line; lines of white space do not count. */
static int
read_lines(struct reader *r, const char *s, const char *end)
{
    while (s < end) {
        const char *newline = memchr(s, '\n', (size_t)(end - s));
        const char *stop = newline != NULL ? newline : end;

        while (s < stop && is_space(*s))
            s++;
        if (s < stop && read_event(r, s, (size_t)(stop - s)) != 0)
            return -1;
        s = newline != NULL ? newline + 1 : end;
    }
    return 0;
}

int
eventbody_read(const char *body, size_t len, const char *product_id, struct redis_args *a,
               struct buf *why)
{
    struct reader r = {.product_id = product_id, .a = a, .why = why};
    const char *end = body + len;
    int ret;

    while (body < end && is_space(*body))
        body++;
    ret = body < end && *body == '[' ? read_array(&r, body, end) : read_lines(&r, body, end);
    if (ret == 0 && r.n == 0) {
        buf_str(why, "The body holds no event");
        return -1;
    }
    return ret;
}
