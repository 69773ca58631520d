/*
 * The stream's old end: entries that nobody needs any more are taken off it, as `stream.trim` and
 * `stream.keep_s` say. Nobody means: every product has applied them, the archive has them where one
 * is kept, and every consumer group of the stream has them read and acknowledged. Whoever reads the
 * stream otherwise is not known here; for him there is `never`.
 *
 * The worker that serves the events of no product does it.
 */
#ifndef VARCADE_WORKER_TRIM_H
#define VARCADE_WORKER_TRIM_H

struct trim;
struct worker;

/* trim_new(w): NULL where nothing is to be trimmed. trim_free(t): NULL is legal. */
struct trim *trim_new(struct worker *w);
void trim_free(struct trim *t);

#endif
