/*
 * The body of POST /events/{product}: a JSON array of events, or one event a line (NDJSON). An event is a
 * flat object; its fields become those of an entry of the stream, as they are checked there.
 */
#ifndef VARCADE_FCGI_EVENTBODY_H
#define VARCADE_FCGI_EVENTBODY_H

#include <stddef.h>

#include "lib/base/buf.h"

struct redis_args;

#define EVENTBODY_EVENTS_MAX 1000

/*
 * eventbody_read(body, len, product_id, a, why): append to a, for each event, the number of its names and values
 * together and then they, the product's first: what the Redis function events_add takes. Returns
 * 0; or -1 with a reason in why that names the first event that is wrong by its place from 0, and a
 * is good for nothing.
 */
int eventbody_read(const char *body, size_t len, const char *product_id, struct redis_args *a,
                   struct buf *why) __attribute__((warn_unused_result));

#endif
