/*
 * The archive is a consumer of its own: it reads the stream behind what was archived, up to what is
 * applied, and writes the events of each product that this worker serves to that product's files
 * (worker/archive/archive.h). So it adds nothing to the way of an event, and where it fails, events are
 * applied all the same; the stream is not trimmed then.
 *
 * KEY_ARCHIVED says how far the archive is (reach.h); it moves when the files are on the disk. What
 * is in a file beyond that, because the worker was killed in between, is found there.
 *
 * Events that somebody took off the stream after they were applied and before they were archived
 * are in the figures, and in nothing from which these could be computed anew. By count that is
 * noticed, told and kept in KEY_ARCHIVED, for a rebuild.
 */
#ifndef VARCADE_WORKER_ARCHIVER_H
#define VARCADE_WORKER_ARCHIVER_H

struct archived;
struct archiver;
struct lane;
struct worker;

/* archiver_new(w): NULL where no archive is kept. archiver_free(a): NULL is legal. */
struct archiver *archiver_new(struct worker *w);
void archiver_free(struct archiver *a);

/* archived_new(lane): what is known of the lane's archive; NULL where none is kept. archived_free(of): NULL
 * is legal. */
struct archived *archived_new(struct lane *lane);
void archived_free(struct archived *of);

#endif
