/* Players. */
#ifndef VARCADE_FCGI_PLAYERS_H
#define VARCADE_FCGI_PLAYERS_H

struct request;

/* GET /stats/{product}/{id} */
void players_stats(struct request *r);

/* GET /players/{product} */
void players_search(struct request *r);

#endif
