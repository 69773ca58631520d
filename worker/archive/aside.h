/*
 * The ids of events that did not count (KEY_ASIDE): they became dead letters, and are not part of
 * what an archive or a rebuild is made of. A dead letter that is sent again is a new event.
 */
#ifndef VARCADE_WORKER_ASIDE_H
#define VARCADE_WORKER_ASIDE_H

#include <stdbool.h>

#include "lib/rules/event.h"

struct aside; /* a set of them; NULL is the empty one */
struct redis_args;
struct redisReply;

/* aside_command(a, product_id, from, to): read those from one time to another. */
void aside_command(struct redis_args *a, const char *product_id, struct event_id from,
                   struct event_id to);

/* aside_take(set, reply): add what was answered. Returns 0, or -1 where it is no such answer. */
int aside_take(struct aside **set, const struct redisReply *reply)
    __attribute__((warn_unused_result));

/* aside_drop(a, product_id, below): forget those of an earlier time. */
void aside_drop(struct redis_args *a, const char *product_id, struct event_id below);

/* aside_has(set, id); aside_free(set): it is empty then. */
bool aside_has(const struct aside *set, struct event_id id);
void aside_free(struct aside **set);

#endif
