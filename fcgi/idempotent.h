/*
 * Idempotency-Key: a POST that is sent again, because its answer was lost, gets the first answer again and is not done
 * twice. For every route with a player's token: the key is the player's own. What is kept is in Redis
 * (lib/redis/requests.lua), so that it does not matter which process is asked.
 */
#ifndef VARCADE_FCGI_IDEMPOTENT_H
#define VARCADE_FCGI_IDEMPOTENT_H

#include <stdbool.h>

struct request;

#define IDEMPOTENT_KEY_MAX 128     /* bytes of a key */
#define IDEMPOTENT_KEYS_MAX 10000  /* of one player in the time for which answers are kept */

/* idempotent_asked(r): whether r, whose route and player are known, has a key that means something. */
bool idempotent_asked(const struct request *r);

/* idempotent_begin(r): call the route's handler where the key is new; else answer r. */
void idempotent_begin(struct request *r);

/* idempotent_end(r, status): r is answered with status, r->headers and r->answer; keep that where r was begun here. An
 * answer that only says to try again (409, 429, 5xx) is not kept: the next attempt is a new one. */
void idempotent_end(struct request *r, int status);

#endif
