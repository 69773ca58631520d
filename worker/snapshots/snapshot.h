/*
 * One of a lane's snapshot files, for snapshots.c alone: when its board is read, and how the file is
 * replaced.
 *
 * It rests until there is a reason to look at its board. Then the board is read, and the file
 * replaced where it is another. At most so many boards are being read at a time that hundreds of
 * them (at the start, at midnight) do not stand in the way of a batch; the others queue.
 */
#ifndef VARCADE_WORKER_SNAPSHOT_H
#define VARCADE_WORKER_SNAPSHOT_H

#include <stdbool.h>

#include "lib/base/clock.h"
#include "lib/boards/board.h"

struct lane;
struct loop_timer;
struct worker;

enum snapshot_step { SNAPSHOT_RESTS, SNAPSHOT_WAITS, SNAPSHOT_QUEUED, SNAPSHOT_ASKED };

struct snapshot {
    struct lane *lane;
    int board;    /* index among the product's boards; -1: a top ten where there is none */
    bool top_ten; /* else the board's first page */
    enum window_kind kind;
    bool shown;             /* there is such a window: between two seasons there is no file */
    struct board_page page; /* what was read last, where it is shown */
    enum snapshot_step step;
    bool changed;                 /* asked, and the board has changed since */
    bool idle;                    /* queued or asked without a reason */
    mono_ms written;              /* when the file was last looked at for a reason */
    struct loop_timer *timer;     /* until it may be looked at again */
    struct snapshot *prev, *next; /* in the worker's queue */
    char *folder;
    char *path;
    char *temporary;
    char *link;         /* NULL, or what else leads to the file … */
    const char *target; /* … by this name */
};

/* snapshot_open(s, lane, folder, name): begin with what is zero but for board, top_ten and kind.
 * folder: where the file stands; name: of the file in it. snapshot_close(s): release what it has; no
 * answer may be under way. */
void snapshot_open(struct snapshot *s, struct lane *lane, const char *folder, const char *name);
void snapshot_close(struct snapshot *s);

/* snapshot_mark(s): there is a reason to look at the board: now, or when its file may be replaced
 * again. */
void snapshot_mark(struct snapshot *s);

/* snapshot_look(s): look at the board without a reason, where that is not about to happen. */
void snapshot_look(struct snapshot *s);

/* snapshot_may_ask(w): whether boards can be read. */
bool snapshot_may_ask(const struct worker *w);

/* snapshot_trouble(w, what, path): a bounded line of the log, with errno. */
void snapshot_trouble(struct worker *w, const char *what, const char *path);

/* snapshot_clean(w, path, folder, is_of_nothing): remove what dead processes have left in the folder of that name, at path, and
 * those files that is_of_nothing says are of no board any more. */
typedef bool snapshot_test_fn(const struct worker *w, const char *folder, const char *file, bool is_link);
void snapshot_clean(struct worker *w, const char *path, const char *folder,
                    snapshot_test_fn *is_of_nothing);

#endif
