/* Leaderboards. */
#ifndef VARCADE_FCGI_LEADERBOARDS_H
#define VARCADE_FCGI_LEADERBOARDS_H

struct request;

/* GET /leaderboards/top_ten/{product} */
void leaderboards_top_ten(struct request *r);

#endif
