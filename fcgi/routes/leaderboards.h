/* Leaderboards. */
#ifndef VARCADE_FCGI_LEADERBOARDS_H
#define VARCADE_FCGI_LEADERBOARDS_H

struct request;

/* GET /leaderboards/top_ten/{product} */
void leaderboards_top_ten(struct request *r);

/* GET /leaderboards/{product}/{board}?window=all&at=&limit=25&offset=0, or ?ids=a,b,c */
void leaderboards_page(struct request *r);

/* GET /leaderboards/{product}/{board}/players/{id}?window=all&at=&around=5 */
void leaderboards_player(struct request *r);

/* GET /leaderboards/{product}/{board}/histogram?window=all&at=&buckets=20&from=&to= */
void leaderboards_histogram(struct request *r);

#endif
