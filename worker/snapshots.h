/*
 * Boards as files, for nginx to serve: at the speed of a static file, and also while Redis or the
 * FastCGI programs are down. The bytes are those that the routes of the same names answer:
 *
 *   snapshots.dir/leaderboards/top_ten/<product>   GET /leaderboards/top_ten/{product}
 *   snapshots.dir/leaderboards/<product>/<board>   GET /leaderboards/{product}/{board}
 *
 * A file is replaced by rename, at most once per snapshots.interval_ms and never twice in one
 * second, which two ETags could not tell apart, and only where its bytes change, so that its ETag
 * stays. Every board is also looked at now and then: another worker may
 * have changed it, on another machine too, and each machine has files of its own.
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

/* snapshots_refresh(all): look at the boards in the next turn: Redis is there again. all may be
 * NULL. */
void snapshots_refresh(struct snapshots *all);

/* snapshots_applied(all, batch): a batch was applied; write the files of the boards that it changed
 * when their time has come. all may be NULL. */
void snapshots_applied(struct snapshots *all, const struct batch *batch);

#endif
