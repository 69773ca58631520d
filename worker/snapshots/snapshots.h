/*
 * Boards as files, for nginx to serve: at the speed of a static file, and also while Redis or the
 * FastCGI programs are down. The bytes are those that the routes of the same names answer:
 *
 *   snapshots.dir/leaderboards/top_ten/<product>        GET /leaderboards/top_ten/{product}
 *   snapshots.dir/leaderboards/<product>/<board>        GET /leaderboards/{product}/{board}
 *   snapshots.dir/leaderboards/<product>/<board>.daily  GET /leaderboards/{product}/{board}?window=daily
 *
 * and so on for every window that the board has; the standard one is a link to the second. A file is
 * replaced by rename, only where its bytes change, and at once where it has rested for
 * snapshots.interval_ms, else when that is over. Its ETag follows from its bytes (files.h).
 *
 * What other workers change, on other machines too, each of which has files of its own, is noticed
 * every two seconds by the product's checkpoint; and one file of every product is looked at then,
 * all in turn, for what no checkpoint tells: names that changed, files that somebody removed.
 */
#ifndef VARCADE_WORKER_SNAPSHOTS_H
#define VARCADE_WORKER_SNAPSHOTS_H

struct batch;
struct lane;
struct snapshots;
struct worker;

/* snapshots_prepare(w): make the folder, and remove from it what a killed worker left and the files
 * of products and boards that are no more. Problems are logged; they come up again with the first
 * file. Nothing where snapshots.dir is "". */
void snapshots_prepare(struct worker *w);

/* snapshots_new(lane): write the lane's files soon, and from then on. NULL where snapshots.dir is
 * "". */
struct snapshots *snapshots_new(struct lane *lane);
void snapshots_free(struct snapshots *all);

/* snapshots_refresh(all): look at all of the boards: any of them may have changed. all may be NULL. */
void snapshots_refresh(struct snapshots *all);

/* snapshots_applied(all, batch): a batch was applied; write the files of the windows that it changed
 * when their time has come. all may be NULL. */
void snapshots_applied(struct snapshots *all, const struct batch *batch);

#endif
