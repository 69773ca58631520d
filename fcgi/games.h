/* Games: make one, join one, see the open ones. */
#ifndef VARCADE_FCGI_GAMES_H
#define VARCADE_FCGI_GAMES_H

struct request;

/* POST /game_lobby/{product}/create_game, POST /game_lobby/{product}/join_game/{id} */
void games_create(struct request *r);
void games_join(struct request *r);

/* GET /game_lobby/{product}/open_games?count=&page= */
void games_list(struct request *r);

#endif
