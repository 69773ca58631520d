/*
 * Bodies of POST /events/{product}: refused with a reason, or taken apart to events that the stream
 * takes, at most as many as are allowed.
 */
#include <assert.h>
#include <stdint.h>

#include "fcgi/routes/eventbody.h"
#include "lib/base/text.h"
#include "lib/redis/redis.h"
#include "lib/rules/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_text
argument(const struct redis_args *a, size_t i)
{
    size_t begin = i == 0 ? 0 : a->ends[i - 1];

    assert(i < a->n);
    return (struct event_text){a->bytes.data + begin, a->ends[i] - begin};
}

/* The event whose count is the argument at; returns where the next one begins. */
static size_t
check_event(const struct redis_args *a, size_t at)
{
    struct event_text count = argument(a, at);
    struct event e;
    int64_t n;

    assert(text_parse_int(count.s, count.len, 2, 2 * EVENT_FIELDS_MAX, &n) == 0 && n % 2 == 0);
    event_clear(&e);
    for (size_t i = at + 1; i < at + 1 + (size_t)n; i += 2)
        assert(event_add(&e, argument(a, i), argument(a, i + 1)) == NULL);
    assert(event_check(&e) == NULL && event_text_is(e.product_id, "p"));
    return at + 1 + (size_t)n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct redis_args a;
    struct buf why;

    redis_args_init(&a);
    buf_init(&why, 4096);
    if (eventbody_read((const char *)data, size, "p", &a, &why) == 0) {
        size_t events = 0;

        for (size_t at = 0; at < a.n; events++)
            at = check_event(&a, at);
        assert(events > 0 && events <= EVENTBODY_EVENTS_MAX);
    } else {
        assert(why.len > 0 && text_is_utf8(why.data, why.len));
    }
    redis_args_free(&a);
    buf_free(&why);
    return 0;
}
