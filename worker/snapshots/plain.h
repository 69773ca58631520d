/*
 * Boards as plain tables, for readers without JavaScript, beside the snapshots:
 *
 *   snapshots.dir/plain/index.html              the products and their boards
 *   snapshots.dir/plain/<product>/<board>.html  the first page of the board's standard window
 *
 * In the page's own style, and within its policy: nothing but a table and links.
 */
#ifndef VARCADE_WORKER_PLAIN_H
#define VARCADE_WORKER_PLAIN_H

struct board_page;
struct redisReply;
struct worker;

/* plain_prepare(w): write the index, and remove the tables of products and boards that are no more. Problems are
 * logged. Nothing where snapshots.dir is "". */
void plain_prepare(struct worker *w);

/* plain_write(w, page, reply): replace the board's table where it is another; reply is what board_page_command
 * was answered. Problems are logged. */
void plain_write(struct worker *w, const struct board_page *page, const struct redisReply *reply);

#endif
