/* Reading and keeping what a client says of itself: see ticketform.h. */
#include "lib/matcher/ticketform.h"

#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/product/product.h"

#define DEPTH_MAX 8

/* Whole and nothing behind it; NULL where it is no JSON object. The caller puts it. */
static struct json_object *
parse_object(const char *json, size_t len)
{
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    struct json_object *object = NULL;

    if (tokener == NULL || len > INT32_MAX)
        goto out;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    object = json_tokener_parse_ex(tokener, json, (int)len);
    /* A number or a word at the end may go on; an object cannot. */
    if (json_tokener_get_error(tokener) != json_tokener_success ||
        !json_object_is_type(object, json_type_object)) {
        json_object_put(object);
        object = NULL;
    }
out:
    if (tokener != NULL)
        json_tokener_free(tokener);
    return object;
}

void
ticketform_init(struct ticketform *form, const struct queue *queue)
{
    *form = (struct ticketform){.queue = queue};
    for (size_t i = 0; i < QUEUE_REGIONS_MAX; i++)
        form->latency[i] = -1;
}

/* --- single values ---------------------------------------------------------------------------- */

static bool
read_text(struct json_object *value, char out[static QUEUE_TEXT_MAX + 1])
{
    size_t len;

    if (!json_object_is_type(value, json_type_string))
        return false;
    len = (size_t)json_object_get_string_len(value);
    if (len == 0 || len > QUEUE_TEXT_MAX || !text_is_plain(json_object_get_string(value), len))
        return false;
    memcpy(out, json_object_get_string(value), len + 1);
    return true;
}

static bool
read_number(struct json_object *value, double min, double max, double *ret)
{
    double v;

    if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
        return false;
    v = json_object_get_double(value);
    if (!isfinite(v) || v < min || v > max)
        return false;
    *ret = v;
    return true;
}

static bool
read_latency(struct json_object *value, int32_t *ret)
{
    double ms;

    if (!read_number(value, 0, QUEUE_LATENCY_MAX, &ms))
        return false;
    *ret = (int32_t)lround(ms);
    return true;
}

/* --- the body --------------------------------------------------------------------------------- */

/* The member of that name; NULL where there is none. Returns -1 where it is no object. */
static int
find_object(struct json_object *object, const char *name, struct json_object **ret, struct buf *why)
{
    *ret = NULL;
    if (json_object_object_get_ex(object, name, ret) &&
        !json_object_is_type(*ret, json_type_object)) {
        buf_printf(why, "%s must be an object", name);
        return -1;
    }
    return 0;
}

static int
read_attributes(struct ticketform *form, struct json_object *object, struct buf *why)
{
    const struct queue *q = form->queue;
    struct json_object *attributes, *value;

    if (find_object(object, "attributes", &attributes, why) < 0)
        return -1;
    for (size_t i = 0; i < q->nequal; i++) {
        if (!json_object_object_get_ex(attributes, q->equal[i], &value) ||
            !read_text(value, form->equal[i])) {
            buf_printf(why, "attributes.%s must be a text of 1 to %d bytes", q->equal[i],
                       QUEUE_TEXT_MAX);
            return -1;
        }
    }
    for (size_t i = 0; i < q->nwithin; i++) {
        if (!json_object_object_get_ex(attributes, q->within[i].name, &value) ||
            !read_number(value, -QUEUE_NUMBER_MAX, QUEUE_NUMBER_MAX, &form->within[i])) {
            buf_printf(why, "attributes.%s must be a number from -%g to %g", q->within[i].name,
                       QUEUE_NUMBER_MAX, QUEUE_NUMBER_MAX);
            return -1;
        }
    }
    return 0;
}

/* Regions that the queue does not have are of no meaning: a client may tell all that it has
 * measured. */
static int
read_latencies(struct ticketform *form, struct json_object *object, struct buf *why)
{
    const struct queue *q = form->queue;
    struct json_object *latencies, *value;
    size_t n = 0;

    if (find_object(object, "latencies", &latencies, why) < 0)
        return -1;
    for (size_t i = 0; i < q->nregions; i++) {
        if (!json_object_object_get_ex(latencies, q->region[i], &value))
            continue;
        if (!read_latency(value, &form->latency[i])) {
            buf_printf(why, "latencies.%s must be a number from 0 to %d", q->region[i],
                       QUEUE_LATENCY_MAX);
            return -1;
        }
        n++;
    }
    if (n == 0 && q->nregions > 0) {
        buf_printf(why, "latencies must have at least one of the queue's regions, such as %s",
                   q->region[0]);
        return -1;
    }
    return 0;
}

static int
read_queue(const struct product *product, struct json_object *object,
           const struct queue **ret_queue, struct buf *why)
{
    struct json_object *value = NULL;

    if (json_object_object_get_ex(object, "queue", &value) &&
        json_object_is_type(value, json_type_string))
        *ret_queue = queue_find(product->queues, product->nqueues, json_object_get_string(value),
                                (size_t)json_object_get_string_len(value));
    else if (value == NULL && product->nqueues == 1)
        *ret_queue = &product->queues[0];
    else
        *ret_queue = NULL;
    if (*ret_queue != NULL)
        return 0;
    buf_str(why, product->nqueues == 0 ? "The game has no queues"
                                       : "queue must be one of the game's queues");
    return -1;
}

static int
read_party(struct ticketform *form, struct json_object *object, struct buf *why)
{
    struct json_object *value;

    if (!json_object_object_get_ex(object, "party", &value))
        return 0;
    if (!json_object_is_type(value, json_type_boolean)) {
        buf_str(why, "party must be true or false");
        return -1;
    }
    form->party = json_object_get_boolean(value);
    if (form->party && form->queue->size_max < 2) {
        buf_str(why, "The queue's teams have one player each");
        return -1;
    }
    return 0;
}

int
ticketform_read(const struct product *product, const struct queue *queue, const char *json,
                size_t len, struct ticketform *ret_form, struct buf *why)
{
    struct json_object *object = len > 0 ? parse_object(json, len) : json_object_new_object();
    const struct queue *found = queue;
    struct ticketform form;
    int ret = -1;

    if (object == NULL) {
        buf_str(why, "The body must be a JSON object");
        goto out;
    }
    if (queue == NULL && read_queue(product, object, &found, why) < 0)
        goto out;
    ticketform_init(&form, found);
    if (queue == NULL &&
        (read_attributes(&form, object, why) < 0 || read_party(&form, object, why) < 0))
        goto out;
    if (read_latencies(&form, object, why) < 0)
        goto out;
    *ret_form = form;
    ret = 0;
out:
    json_object_put(object);
    return ret;
}

/* --- the kept texts --------------------------------------------------------------------------- */

static void
add_name(struct buf *out, const char *name)
{
    buf_byte(out, out->data[out->len - 1] == '{' ? ' ' : ',');
    buf_json_string(out, name, strlen(name));
    buf_byte(out, ':');
}

void
ticketform_attributes(const struct ticketform *form, struct buf *out)
{
    const struct queue *q = form->queue;

    buf_byte(out, '{');
    for (size_t i = 0; i < q->nequal && buf_ok(out); i++) {
        add_name(out, q->equal[i]);
        buf_json_string(out, form->equal[i], strlen(form->equal[i]));
    }
    for (size_t i = 0; i < q->nwithin && buf_ok(out); i++) {
        add_name(out, q->within[i].name);
        buf_json_number(out, form->within[i]);
    }
    buf_byte(out, '}');
}

void
ticketform_latencies(const struct ticketform *form, struct buf *out)
{
    const struct queue *q = form->queue;

    buf_byte(out, '{');
    for (size_t i = 0; i < q->nregions && buf_ok(out); i++) {
        if (form->latency[i] < 0)
            continue;
        add_name(out, q->region[i]);
        buf_printf(out, "%d", (int)form->latency[i]);
    }
    buf_byte(out, '}');
}

void
ticketform_load_attributes(struct ticketform *form, const char *text, size_t len)
{
    const struct queue *q = form->queue;
    struct json_object *object = parse_object(text, len), *value;

    for (size_t i = 0; i < q->nequal; i++)
        if (json_object_object_get_ex(object, q->equal[i], &value))
            (void)read_text(value, form->equal[i]);
    for (size_t i = 0; i < q->nwithin; i++)
        if (json_object_object_get_ex(object, q->within[i].name, &value))
            (void)read_number(value, -QUEUE_NUMBER_MAX, QUEUE_NUMBER_MAX, &form->within[i]);
    json_object_put(object);
}

void
ticketform_load_latencies(struct ticketform *form, const char *text, size_t len, bool first)
{
    const struct queue *q = form->queue;
    struct json_object *object = parse_object(text, len), *value;

    for (size_t i = 0; i < q->nregions; i++) {
        int32_t ms = -1;

        if (json_object_object_get_ex(object, q->region[i], &value))
            (void)read_latency(value, &ms);
        if (first)
            form->latency[i] = ms;
        else if (ms < 0 || form->latency[i] < 0)
            form->latency[i] = -1;
        else if (ms > form->latency[i])
            form->latency[i] = ms;
    }
    json_object_put(object);
}
