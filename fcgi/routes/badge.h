/* A player's place as a picture. */
#ifndef VARCADE_FCGI_BADGE_H
#define VARCADE_FCGI_BADGE_H

struct request;

/* GET /badge/{product}/{board}/{id}.svg */
void badge_get(struct request *r);

#endif
