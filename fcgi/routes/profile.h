/* All that is known of a player. */
#ifndef VARCADE_FCGI_PROFILE_H
#define VARCADE_FCGI_PROFILE_H

struct request;

/* GET /players/{product}/{id} */
void profile_get(struct request *r);

#endif
