/* Games: make one, join one, leave it, see the open ones. */
#ifndef VARCADE_FCGI_GAMES_H
#define VARCADE_FCGI_GAMES_H

struct request;

/* POST /game_lobby/{product}/create_game, POST /game_lobby/{product}/join_game/{id},
 * POST /game_lobby/{product}/join_code/{id} */
void games_create(struct request *r);
void games_join(struct request *r);
void games_join_code(struct request *r);

/* POST /game_lobby/{product}/quick_match */
void games_quick(struct request *r);

/* POST /game_lobby/{product}/leave_game/{id}, POST /game_lobby/{product}/remove_game/{id} */
void games_leave(struct request *r);
void games_remove(struct request *r);

/* GET /game_lobby/{product}/games/{id}, GET /game_lobby/{product}/mine */
void games_view(struct request *r);
void games_mine(struct request *r);

/* GET /game_lobby/{product}/open_games?count=&page=&order=&settings.NAME= */
void games_list(struct request *r);

#endif
