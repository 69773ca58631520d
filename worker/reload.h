/*
 * SIGHUP: the game files are read again. All of them are valid, and then they hold from one batch
 * to the next, or the old ones stay.
 */
#ifndef VARCADE_WORKER_RELOAD_H
#define VARCADE_WORKER_RELOAD_H

struct reload;
struct worker;

struct reload *reload_new(struct worker *w);
void reload_free(struct reload *r);

/* reload_start(r): read the files; where they are valid, change over as soon as nothing under way
 * depends on the old ones. */
void reload_start(struct reload *r);

#endif
