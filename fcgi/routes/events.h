/* Events from game servers that cannot reach Redis. */
#ifndef VARCADE_FCGI_EVENTS_H
#define VARCADE_FCGI_EVENTS_H

struct request;

/* events_post(r): POST /events/{product}. */
void events_post(struct request *r);

#endif
