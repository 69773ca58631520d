/* Leaderboards. */
#ifndef VARCADE_FCGI_LEADERBOARDS_H
#define VARCADE_FCGI_LEADERBOARDS_H

struct request;

/* GET /leaderboards/top_ten/{product} */
void leaderboards_top_ten(struct request *r);

/* GET /leaderboards/{product}/{board}?window=all&limit=25&offset=0 */
void leaderboards_page(struct request *r);

#endif
