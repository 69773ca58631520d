/*
 * Tickets: players ask to be matched (lib/matcher/tickets.h), alone or as a party.
 */
#ifndef VARCADE_FCGI_TICKETS_H
#define VARCADE_FCGI_TICKETS_H

struct request;

void tickets_open(struct request *r);    /* POST /matchmaking/{product}/tickets */
void tickets_mine(struct request *r);    /* GET of the same: the one that the player has */
void tickets_join(struct request *r);    /* POST …/join/{code} */
void tickets_get_one(struct request *r); /* GET …/{id}, with ?wait=: a long poll */
void tickets_cancel(struct request *r);  /* DELETE …/{id} */
void tickets_ready(struct request *r);   /* POST …/{id}/ready */

#endif
