/*
 * The worker's archive: see archiver.h. It is made in rounds:
 *
 *   1. for a lane that is new here, how far its archive is: KEY_ARCHIVED, and the files;
 *   2. which events did not count (KEY_ASIDE), of all lanes that take part;
 *   3. the stream, from the lane that is furthest behind up to what all of them have applied;
 *   4. the files, one a turn of the loop, since each waits for the disk; and KEY_ARCHIVED.
 */
#include "worker/archive/archiver.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "lib/config/conf.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "worker/archive/archive.h"
#include "worker/archive/aside.h"
#include "worker/archive/reach.h"
#include "worker/mem.h"
#include "worker/position.h"
#include "worker/worker.h"

#define COUNT 1000 /* entries a read */

struct archived {
    struct lane *lane;
    struct archive *archive; /* NULL: it is not known how far it is */
    struct reach reach;
    bool takes_part;         /* in the round that is under way */
    struct event_id applied; /* where the lane was when it began */
    struct tally events;     /* those that the lane had read there */
    int64_t seen;            /* events, in this round, whatever became of them */
    size_t added;            /* events, in this round */
    struct aside *aside;     /* what did not count, of this round */
};

struct archiver {
    struct worker *worker;
    struct loop_timer *timer;
    bool round;            /* one is under way */
    size_t waiting;        /* answers to come */
    bool failed;           /* one of them is not to be used */
    struct event_id limit; /* of the round */
    struct event_id at;    /* the stream was read up to here */
    struct event_id since; /* the stream has all that is above */
    size_t next;           /* the lane to be written next */
    struct event event;    /* the one that is looked at */
};

/* --- the round's end -------------------------------------------------------------------------- */

static void
end_round(struct archiver *a, dur_ms pause)
{
    const struct worker *w = a->worker;

    for (size_t i = 0; i < w->nlanes; i++) {
        struct archived *of = w->lanes[i]->archived;

        if (of == NULL || !of->takes_part)
            continue;
        of->takes_part = false;
        of->lane->busy--;
        aside_free(&of->aside);
    }
    a->round = false;
    loop_timer_set(a->timer, pause);
}

/* The lane's archive is not as it is thought to be, or cannot be written: it is looked at later. */
static void
give_up(struct archived *of, const char *what)
{
    struct worker *w = of->lane->worker;
    int error = errno;

    archive_close(of->archive);
    of->archive = NULL;
    if (error == ESTALE || error == EWOULDBLOCK)
        return;
    metric_add(w->report.archive_failures, 1);
    if (report_allowed(&w->report.trouble_lines, loop_now(w->loop)))
        log_error("archive", what, LOG_S("dir", w->conf->archive_dir),
                  LOG_S("product", of->lane->id), LOG_ERRNO(error));
}

/* --- 4. the files ----------------------------------------------------------------------------- */

/* The lane's archive is at the limit now. Where the lane itself was there, too, the events that it
 * had read are to be those that were met; else its count is of another place. */
static void
take_reach(const struct archiver *a, struct archived *of)
{
    struct reach *reach = &of->reach;
    struct event_id checked = reach->checked;

    if (reach->id.ms == 0 && of->events.since.ms > 0)
        reach->since = a->since;
    reach->id = a->limit;
    reach->last = archive_last(of->archive);
    reach->met.n += of->seen;
    if (event_id_compare(of->applied, a->limit) == 0)
        report_missing(of->lane, checked, reach->id, reach_check(reach, of->events));
}

static void
tell_reach(const struct archived *of)
{
    const struct worker *w = of->lane->worker;
    struct redis_args a;

    redis_args_init(&a);
    reach_tell(&a, of->lane->id, w->conf->stream_name, &of->reach);
    redis_send(w->state, &a, NULL, NULL);
    if (of->aside != NULL) {
        redis_args_reset(&a);
        aside_drop(&a, of->lane->id, of->reach.id);
        redis_send(w->state, &a, NULL, NULL);
    }
    redis_args_free(&a);
}

static void
write_lane(const struct archiver *a, struct archived *of)
{
    if (of->archive == NULL || event_id_compare(a->limit, of->reach.id) <= 0)
        return;
    if (archive_write(of->archive) < 0) {
        give_up(of, "the archive cannot be written");
        return;
    }
    metric_add(of->lane->report.archived, (double)of->added);
    take_reach(a, of);
    tell_reach(of);
}

/* The next lane, and then the loop has its turn. */
static void
write_next(struct archiver *a)
{
    const struct worker *w = a->worker;

    while (a->next < w->nlanes) {
        struct archived *of = w->lanes[a->next++]->archived;

        if (of == NULL || !of->takes_part)
            continue;
        write_lane(a, of);
        loop_timer_set(a->timer, 0);
        return;
    }
    end_round(a, w->conf->archive_interval);
}

/* --- 3. the stream ---------------------------------------------------------------------------- */

static void on_entries(void *cookie, enum redis_outcome outcome, const struct redisReply *reply);

static void
send_read(struct archiver *a)
{
    char from[EVENT_ID_SIZE], to[EVENT_ID_SIZE];
    struct redis_args args;

    (void)event_id_format(a->at, from);
    (void)event_id_format(a->limit, to);
    redis_args_init(&args);
    redis_args_str(&args, "XRANGE");
    redis_args_str(&args, a->worker->conf->stream_name);
    redis_args_printf(&args, "(%s", from);
    redis_args_str(&args, to);
    redis_args_str(&args, "COUNT");
    redis_args_int(&args, COUNT);
    a->waiting = 1;
    redis_send(a->worker->side, &args, on_entries, a);
    redis_args_free(&args);
}

static void
take_entry(struct archiver *a, const struct redisReply *entry)
{
    struct event *e = &a->event;
    const struct lane *lane;
    struct archived *of;
    const char *why;
    int good = event_decode(entry, e, &why);

    a->at = e->id;
    lane = lanes_find(a->worker, e->product_id.s, e->product_id.len);
    of = lane->archived;
    if (of == NULL || !of->takes_part || of->archive == NULL ||
        event_id_compare(e->id, of->reach.id) <= 0)
        return;
    of->seen++;
    /* Dead letters; and what the files have already, put there by a worker that died before it
     * could say so. */
    if (good < 0 || aside_has(of->aside, e->id) ||
        event_id_compare(e->id, archive_last(of->archive)) <= 0)
        return;
    of->added++;
    if (archive_add(of->archive, entry) < 0)
        give_up(of, "the archive cannot be written");
}

static void
on_entries(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct archiver *a = cookie;
    const struct worker *w = a->worker;

    a->waiting = 0;
    if (w->reloading || w->stopping || outcome != REDIS_DONE || reply->type != REDIS_REPLY_ARRAY) {
        end_round(a, w->conf->archive_interval);
        return;
    }
    for (size_t i = 0; i < reply->elements; i++)
        take_entry(a, reply->element[i]);
    if (reply->elements == COUNT)
        send_read(a);
    else
        write_next(a);
}

/* --- 2. what did not count -------------------------------------------------------------------- */

static void
answered(struct archiver *a)
{
    if (--a->waiting > 0)
        return;
    if (a->failed || a->worker->reloading || a->worker->stopping)
        end_round(a, a->worker->conf->archive_interval);
    else
        send_read(a);
}

static void
on_aside(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct archived *of = cookie;
    struct archiver *a = of->lane->worker->archiver;

    if (outcome != REDIS_DONE || aside_take(&of->aside, reply) < 0)
        a->failed = true;
    answered(a);
}

/* Where the stream begins: what is not there can be rebuilt no more. */
static void
on_info(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct archiver *a = cookie;
    struct position_stream stream;

    a->since = (struct event_id){0, 0};
    if (outcome == REDIS_REFUSED)
        a->since = a->limit; /* it is not there: somebody has deleted it */
    else if (outcome != REDIS_DONE || position_stream_read(reply, &stream) < 0)
        a->failed = true;
    else if (stream.added > stream.length)
        a->since = stream.length > 0 ? stream.first : stream.last;
    answered(a);
}

static void
ask_info(struct archiver *a)
{
    struct redis_args args;

    redis_args_init(&args);
    redis_args_str(&args, "XINFO");
    redis_args_str(&args, "STREAM");
    redis_args_str(&args, a->worker->conf->stream_name);
    a->waiting++;
    redis_send(a->worker->side, &args, on_info, a);
    redis_args_free(&args);
}

static void
ask_aside(struct archiver *a, struct archived *of)
{
    struct redis_args args;

    redis_args_init(&args);
    aside_command(&args, of->lane->id, of->reach.id, a->limit);
    a->waiting++;
    redis_send(a->worker->state, &args, on_aside, of);
    redis_args_free(&args);
}

/* --- 1. who takes part ------------------------------------------------------------------------ */

static bool
may_take_part(struct archived *of)
{
    const struct lane *lane = of != NULL ? of->lane : NULL;

    return of != NULL && of->archive != NULL && lane->held && lane->place == LANE_READY &&
           position_checkpoint(lane->checkpoint, strlen(lane->checkpoint), &of->applied) == 0;
}

static void
take_part(struct archived *of)
{
    of->takes_part = true;
    of->events = of->lane->moved_events;
    of->seen = 0;
    of->added = 0;
    of->lane->busy++;
}

/* From the lane that is furthest behind, up to what all of them have applied. */
static void
begin_round(struct archiver *a)
{
    const struct worker *w = a->worker;
    size_t n = 0;

    for (size_t i = 0; i < w->nlanes; i++) {
        struct archived *of = w->lanes[i]->archived;

        if (w->reloading || w->stopping || !may_take_part(of))
            continue;
        take_part(of);
        if (n == 0 || event_id_compare(of->reach.id, a->at) < 0)
            a->at = of->reach.id;
        if (n++ == 0 || event_id_compare(of->applied, a->limit) < 0)
            a->limit = of->applied;
    }
    if (n == 0 || event_id_compare(a->at, a->limit) >= 0) {
        end_round(a, w->conf->archive_interval);
        return;
    }
    a->next = 0;
    a->failed = false;
    ask_info(a);
    for (size_t i = 0; i < w->nlanes; i++)
        if (w->lanes[i]->archived != NULL && w->lanes[i]->archived->takes_part)
            ask_aside(a, w->lanes[i]->archived);
}

static void
take_place(struct archived *of, const struct redisReply *reply)
{
    const struct worker *w = of->lane->worker;

    if (reach_take(reply, &of->reach) < 0) {
        errno = EBADMSG;
        give_up(of, "how far the archive is cannot be read");
        return;
    }
    if (archive_open(w->conf->archive_dir, of->lane->id, &of->archive) < 0) {
        give_up(of, "the archive cannot be opened");
    } else if (event_id_compare(archive_last(of->archive), of->reach.last) < 0) {
        errno = ENOENT;
        give_up(of, "files of the archive are missing: it does not have what it had");
    }
}

static void
on_place(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct archived *of = cookie;
    struct archiver *a = of->lane->worker->archiver;

    of->lane->busy--;
    if (outcome == REDIS_DONE && of->archive == NULL)
        take_place(of, reply);
    if (--a->waiting == 0)
        begin_round(a);
}

static void
ask_place(struct archiver *a, struct archived *of)
{
    struct redis_args args;

    redis_args_init(&args);
    reach_ask(&args, of->lane->id, a->worker->conf->stream_name);
    a->waiting++;
    of->lane->busy++;
    redis_send(a->worker->state, &args, on_place, of);
    redis_args_free(&args);
}

/* Lanes that are served here no more are forgotten, and those that are new are asked for. */
static void
look_at_lanes(struct archiver *a)
{
    const struct worker *w = a->worker;

    for (size_t i = 0; i < w->nlanes; i++) {
        struct archived *of = w->lanes[i]->archived;

        if (of == NULL)
            continue;
        if (!of->lane->held) {
            archive_close(of->archive);
            of->archive = NULL;
        } else if (of->archive == NULL) {
            ask_place(a, of);
        }
    }
}

static void
turn(void *cookie)
{
    struct archiver *a = cookie;
    const struct worker *w = a->worker;

    if (a->round) {
        if (a->waiting == 0)
            write_next(a);
        return;
    }
    loop_timer_set(a->timer, w->conf->archive_interval);
    if (w->reloading || w->settling || w->stopping || !redis_is_up(w->state) ||
        !redis_is_up(w->side))
        return;
    a->round = true;
    look_at_lanes(a);
    if (a->waiting == 0)
        begin_round(a);
}

/* --- the outside ------------------------------------------------------------------------------ */

struct archiver *
archiver_new(struct worker *w)
{
    struct archiver *a;

    if (w->conf->archive_dir[0] == '\0')
        return NULL;
    a = mem_alloc(1, sizeof(*a));
    a->worker = w;
    a->timer = loop_timer_new(w->loop, turn, a);
    if (a->timer == NULL)
        mem_out();
    loop_timer_set(a->timer, w->conf->archive_interval);
    return a;
}

void
archiver_free(struct archiver *a)
{
    if (a == NULL)
        return;
    loop_timer_free(a->timer);
    free(a);
}

struct archived *
archived_new(struct lane *lane)
{
    struct archived *of;

    if (lane->worker->conf->archive_dir[0] == '\0')
        return NULL;
    of = mem_alloc(1, sizeof(*of));
    of->lane = lane;
    return of;
}

void
archived_free(struct archived *of)
{
    if (of == NULL)
        return;
    archive_close(of->archive);
    aside_free(&of->aside);
    free(of);
}
