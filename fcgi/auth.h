/* Who is asking: the player's token in the Authorization header. */
#ifndef VARCADE_FCGI_AUTH_H
#define VARCADE_FCGI_AUTH_H

#include <stdbool.h>

struct request;

/* auth_check(r): verify the token and set r->player. Where it is missing or bad, answers 401 and
 * returns false: r may be gone then. */
bool auth_check(struct request *r) __attribute__((warn_unused_result));

#endif
