/*
 * The top ten of every product as a file, snapshots.dir/leaderboards/top_ten/<product>, with the
 * bytes that GET /leaderboards/top_ten/{product} answers, for nginx to serve: at the speed of a
 * static file, and also while Redis or the FastCGI programs are down.
 *
 * A file is replaced by rename, at most once per snapshots.interval_ms, and only where its bytes
 * change, so that its ETag stays. Every board is also looked at now and then: another worker may
 * have changed it, on another machine too, and each machine has files of its own.
 */
#ifndef VARCADE_WORKER_SNAPSHOTS_H
#define VARCADE_WORKER_SNAPSHOTS_H

struct batch;
struct lane;
struct snapshot;
struct worker;

/* snapshots_prepare(w): make the folder, and remove from it what a killed worker left and the files of products that are
 * no more. Problems are logged; they come up again with the first file. Nothing where snapshots.dir is "". */
void snapshots_prepare(struct worker *w);

/* snapshot_new(lane): write the lane's file soon, and from then on. NULL where snapshots.dir is "". */
struct snapshot *snapshot_new(struct lane *lane);
void snapshot_free(struct snapshot *s);

/* snapshot_refresh(s): look at the board in the next turn: Redis is there again. s may be NULL. */
void snapshot_refresh(struct snapshot *s);

/* snapshot_applied(s, batch): a batch was applied; where it changed the board, write the file when its
 * time has come. s may be NULL. */
void snapshot_applied(struct snapshot *s, const struct batch *batch);

#endif
