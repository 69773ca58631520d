/*
 * A ticket as its players see it: the JSON object of docs/http-api.md, "Tickets".
 */
#ifndef VARCADE_FCGI_TICKETVIEW_H
#define VARCADE_FCGI_TICKETVIEW_H

#include "lib/redis/redis.h"

struct request;

/* ticketview_answer(r, status, ticket, outcome, reply): answer r with the ticket that ticket_get told of, or with what went
 * wrong; where its player has no such ticket, with 404. */
void ticketview_answer(struct request *r, int status, const char *ticket,
                       enum redis_outcome outcome, const struct redisReply *reply);

#endif
