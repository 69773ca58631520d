/*
 * What the worker's parts share: the connections, and a lane for every product.
 *
 *   lease.c      which lanes this worker serves
 *   position.c   where a lane is in the stream
 *   rulings.c    what was decided by hand about its figures
 *   consumer.c   reads the stream, deals its entries out to the lanes
 *   apply.c      one lane's batches: read the figures, compute, write
 *   curator.c    one lane's deadlines
 *   archiver.c   what was applied, into the archive
 *   trim.c       the stream's old end
 *   matchmaker.c one product's tickets (and making.c, ticketcare.c, ticketnotes.c)
 *   retention.c  past windows of one lane's boards
 *   snapshots.c  boards as files
 *   report.c     figures for /metrics, and the log lines that events cause
 *   status.c     /healthz, /readyz, /metrics
 *   reload.c     the game files, read again
 */
#ifndef VARCADE_WORKER_H
#define VARCADE_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/product/generation.h"
#include "lib/rules/event.h"
#include "worker/report.h"
#include "worker/tally.h"

struct apply;
struct archived;
struct archiver;
struct conf;
struct consumer;
struct curator;
struct gameserver_client;
struct leases;
struct lobby;
struct loop;
struct loop_timer;
struct making;
struct matchmaker;
struct metrics;
struct product;
struct products;
struct redis;
struct retention;
struct rulings;
struct servers;
struct snapshot;
struct snapshots;
struct trim;
struct ticketlog;

/* Whether it is known where a lane is in the stream. */
enum lane_place { LANE_UNKNOWN, LANE_LOADING, LANE_READY };

/* Events that are late. All zero: none. */
struct lag {
    int64_t entries;
    wall_ms since; /* the time of one of them; 0: none */
};

/*
 * One product as the worker serves it, or the events of no product (KEYS_NO_PRODUCT).
 *
 * 1. place is LANE_READY only while held.
 * 2. Between checkpoint and read there is no event of this product, once no batch is under way.
 */
struct lane {
    struct worker *worker;
    char id[TEXT_PRODUCT_ID_MAX + 1];
    const struct product *product; /* NULL: events of no product */
    struct lane_report report;
    size_t busy; /* callbacks to come that have this lane as their cookie */

    bool held;  /* lease.c: this worker serves it */
    bool asked; /* lease.c: an answer is under way */

    enum lane_place place;
    char checkpoint[EVENT_ID_SIZE]; /* as it is in Redis; "" for none */
    struct generation generation;   /* the one that was live with that checkpoint */
    struct event_id read;           /* the stream is read up to here */
    int64_t read_entries;  /* how many entries it had ever had up to there; -1: not known */
    int64_t moved_entries; /* the same of the checkpoint */
    struct tally read_events, moved_events; /* of the product: up to read, up to the checkpoint */
    mono_ms moved_at;      /* when the checkpoint was moved or loaded */
    wall_ms read_at;       /* when the last read with entries for it was sent … */
    bool read_all;         /* … which reached the stream's end, and the lane has taken all of it */
    wall_ms caught_up;     /* what happened before is applied; 0: not known */
    bool at_end;           /* read_all, and all of that is applied */
    struct lag lag;        /* what was read and came back unapplied, until a batch is applied or the lease is lost */

    bool on_hold;               /* as it was found: a rebuild is about to end */
    struct loop_timer *again;   /* position.c: to look again */
    struct rulings *rulings;    /* as they are at the checkpoint */
    struct apply *apply;        /* its batches */
    bool dealt;                 /* consumer.c: one was begun for the read that is dealt out */
    size_t limit;               /* events a batch at the most; small after a refusal */
    struct event_id refused_id; /* the event that Redis refused when it was alone in its batch */
    char refused[128];          /* why; "" for none */

    struct archived *archived;   /* NULL for events of no product, and where no archive is kept */
    struct curator *curator;     /* NULL for events of no product */
    struct matchmaker *matchmaker; /* NULL for events of no product */
    struct retention *retention; /* NULL for events of no product */
    struct snapshots *snapshots; /* NULL for events of no product, and where none are written */
};

struct worker {
    struct loop *loop;
    const struct conf *conf;
    struct products *products;
    struct redis *state;  /* varcade's keys */
    struct redis *stream; /* the stream; waits in XREAD */
    struct redis *side;   /* the stream again, for what must not wait there; may be state */
    struct ticketlog *tickets; /* news of tickets; waits in XREAD */
    struct gameserver_client *client;
    struct servers *servers;
    struct lobby *lobby;
    struct making *makings; /* making.c: matches whose games are being made */
    struct metrics *metrics;
    struct report report;
    struct lane **lanes; /* sorted by id as products_at() is; the last one is that of no product */
    size_t nlanes;
    struct leases *leases;
    struct consumer *consumer;
    struct snapshot *snapshot_queue; /* those whose board is to be read */
    size_t snapshot_reads;           /* whose board is being read */
    struct archiver *archiver; /* NULL: no archive is kept */
    struct trim *trim;
    bool settling;  /* the curators begin no round: the products are to change */
    bool reloading; /* nothing at all is begun: they change as soon as all lanes are idle */
    bool stopping;  /* nor here: the program is about to end */
};

/* lanes_update(w): a lane for every product of w->products, and one for no product. A lane of the
 * old ones whose product is still there is taken over; the others must not be busy. */
void lanes_update(struct worker *w);
void lanes_free(struct worker *w);

/* lanes_find(w, id, len): the product's lane; where there is none, the one of no product. */
struct lane *lanes_find(const struct worker *w, const char *id, size_t len);

#endif
