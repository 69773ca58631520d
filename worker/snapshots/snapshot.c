/* One snapshot file: see snapshot.h. */
#include "worker/snapshots/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "lib/boards/topten.h"
#include "lib/config/conf.h"
#include "lib/product/generation.h"
#include "lib/redis/redis.h"
#include "worker/files.h"
#include "worker/mem.h"
#include "worker/snapshots/plain.h"
#include "worker/worker.h"

#define RETRY ((dur_ms)2000) /* after a read or a write that failed */
#define READS_MAX 32         /* boards of all lanes that are being read */

void
snapshot_trouble(struct worker *w, const char *what, const char *path)
{
    int error = errno;

    if (report_allowed(&w->report.trouble_lines, loop_now(w->loop)))
        log_error("snapshots", what, LOG_S("path", path), LOG_ERRNO(error));
}

void
snapshot_clean(struct worker *w, const char *path, const char *folder,
               snapshot_test_fn *is_of_nothing)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char target[1];

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        bool is_link = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target)) >= 0;

        if ((files_is_left_over(entry->d_name) ||
             is_of_nothing(w, folder, entry->d_name, is_link)) &&
            unlinkat(dirfd(dir), entry->d_name, 0) < 0)
            snapshot_trouble(w, "a file that is no longer needed cannot be removed", entry->d_name);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

/* --- one file --------------------------------------------------------------------------------- */

/* Find the page to be shown at present. Returns false where there is none. */
static bool
find_page(struct snapshot *s, wall_ms now)
{
    s->shown = true;
    if (s->board >= 0)
        s->shown = board_page_of(s->lane->product, (size_t)s->board, s->kind, now, &s->page);
    return s->shown;
}

/* Add the command that reads it; false where there is nothing to be read. */
static bool
command(const struct snapshot *s, struct redis_args *a, wall_ms now)
{
    if (s->top_ten)
        return topten_command(a, s->lane->product, now);
    board_page_command(a, &s->page);
    return true;
}

static int
render(const struct snapshot *s, const struct redisReply *reply, struct buf *json)
{
    return s->top_ten ? topten_render(reply, json) : board_page_render(&s->page, reply, json);
}

/* Also where somebody has removed the folder. */
static int
write_file(const struct snapshot *s, const struct buf *json)
{
    int ret = files_replace(s->path, s->temporary, json);

    if (ret == 0 || errno != ENOENT || files_make_folder(s->folder) < 0)
        return ret;
    return files_replace(s->path, s->temporary, json);
}

static void
remove_file(const struct snapshot *s)
{
    if (unlink(s->path) < 0 && errno != ENOENT)
        snapshot_trouble(s->lane->worker, "a file that is no longer needed cannot be removed",
                         s->path);
}

enum saved { SAVED_SAME, SAVED_NEW, SAVED_NOT };

static enum saved
save(struct snapshot *s, const struct redisReply *reply)
{
    struct worker *w = s->lane->worker;
    enum saved saved = SAVED_NOT;
    struct buf json;

    buf_init(&json, BOARD_JSON_MAX);
    if (render(s, reply, &json) < 0) {
        errno = EBADMSG;
        snapshot_trouble(w, "the board is none", s->path);
    } else if (files_same(s->path, &json)) {
        saved = SAVED_SAME;
    } else if (write_file(s, &json) == 0) {
        metric_add(w->report.snapshots, 1);
        saved = SAVED_NEW;
    } else {
        snapshot_trouble(w, "the file cannot be written", s->path);
        (void)unlink(s->path); /* an old one would be served as if it were new */
    }
    if (saved != SAVED_NOT && s->link != NULL && files_link(s->link, s->temporary, s->target) < 0) {
        snapshot_trouble(w, "the link cannot be made", s->link);
        saved = SAVED_NOT;
    }
    /* The standard window of a board. */
    if (saved != SAVED_NOT && s->link != NULL)
        plain_write(w, &s->page, reply);
    buf_free(&json);
    return saved;
}

/* --- when ------------------------------------------------------------------------------------- */

static void serve_queue(struct worker *w);
static void enqueue(void *cookie);

bool
snapshot_may_ask(const struct worker *w)
{
    return !w->reloading && !w->stopping && redis_is_up(w->state);
}

/* It was looked at: it rests, but for what happened meanwhile. */
static void
rest(struct snapshot *s, bool again)
{
    s->step = SNAPSHOT_RESTS;
    s->changed = s->idle = false;
    if (again)
        snapshot_mark(s);
}

static void
try_again(struct snapshot *s)
{
    s->written = loop_now(s->lane->worker->loop);
    rest(s, false);
    s->step = SNAPSHOT_WAITS;
    loop_timer_set(s->timer, RETRY);
}

/*
 * The answer, or NULL where no question was needed. Who does not serve the lane may have read
 * before a change of which it hears nothing, and have written behind who does: it looks once more.
 */
static void
take_answer(struct snapshot *s, const struct redisReply *reply)
{
    enum saved saved = save(s, reply);

    if (saved == SAVED_NOT) {
        try_again(s);
        return;
    }
    /* What was in vain must not keep waiting who comes with a reason. */
    if (saved == SAVED_NEW || !s->idle)
        s->written = loop_now(s->lane->worker->loop);
    rest(s, s->changed || (saved == SAVED_NEW && !s->lane->held));
}

static void
on_board(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct snapshot *s = cookie;
    struct worker *w = s->lane->worker;

    s->lane->busy--;
    w->snapshot_reads--;
    if (generation_moved(s->lane->product, outcome, reply)) {
        enqueue(s);
        return;
    }
    if (outcome == REDIS_DONE) {
        take_answer(s, reply);
    } else {
        errno = EBADMSG;
        if (outcome == REDIS_REFUSED)
            snapshot_trouble(w, reply->str, s->path);
        try_again(s);
    }
    serve_queue(w);
}

static void
ask(struct snapshot *s)
{
    struct lane *lane = s->lane;
    struct worker *w = lane->worker;
    wall_ms now = clock_wall();
    struct redis_args a;

    redis_args_init(&a);
    if (!snapshot_may_ask(w)) {
        rest(s, false); /* there will be a reason when it may */
    } else if (!find_page(s, now)) {
        remove_file(s);
        rest(s, false);
    } else if (!command(s, &a, now)) {
        take_answer(s, NULL);
    } else {
        s->step = SNAPSHOT_ASKED;
        lane->busy++;
        w->snapshot_reads++;
        redis_send(w->state, &a, on_board, s);
    }
    redis_args_free(&a);
}

static void
serve_queue(struct worker *w)
{
    struct snapshot *s;

    while (w->snapshot_reads < READS_MAX && (s = w->snapshot_queue) != NULL) {
        DL_DELETE(w->snapshot_queue, s);
        ask(s);
    }
}

static void
enqueue(void *cookie)
{
    struct snapshot *s = cookie;
    struct worker *w = s->lane->worker;

    s->step = SNAPSHOT_QUEUED;
    DL_APPEND(w->snapshot_queue, s);
    serve_queue(w);
}

void
snapshot_mark(struct snapshot *s)
{
    const struct worker *w = s->lane->worker;
    dur_ms since = loop_now(w->loop) - s->written;

    s->changed = s->step == SNAPSHOT_ASKED;
    if (s->step == SNAPSHOT_QUEUED)
        s->idle = false;
    if (s->step == SNAPSHOT_ASKED || s->step == SNAPSHOT_QUEUED)
        return;
    if (since < w->conf->snapshots_interval) {
        s->step = SNAPSHOT_WAITS;
        loop_timer_set(s->timer, w->conf->snapshots_interval - since);
    } else {
        loop_timer_stop(s->timer);
        enqueue(s);
    }
}

void
snapshot_look(struct snapshot *s)
{
    if (s->step != SNAPSHOT_RESTS)
        return;
    s->idle = true;
    enqueue(s);
}

/* --- beginning and end ------------------------------------------------------------------------ */

void
snapshot_open(struct snapshot *s, struct lane *lane, const char *folder, const char *name)
{
    struct loop *loop = lane->worker->loop;

    s->lane = lane;
    s->folder = strdup(folder);
    if (s->folder == NULL || asprintf(&s->path, "%s/%s", folder, name) < 0)
        mem_out();
    s->temporary = files_temporary(folder, name);
    s->written = loop_now(loop) - lane->worker->conf->snapshots_interval;
    s->shown = s->board < 0;
    s->timer = loop_timer_new(loop, enqueue, s);
    if (s->timer == NULL)
        mem_out();
}

void
snapshot_close(struct snapshot *s)
{
    if (s->step == SNAPSHOT_QUEUED)
        DL_DELETE(s->lane->worker->snapshot_queue, s);
    loop_timer_free(s->timer);
    free(s->path);
    free(s->temporary);
    free(s->folder);
    free(s->link);
}
