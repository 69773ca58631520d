/*
 * Snapshot files: see snapshots.h. A lane has one for its top ten and one for each board; what they
 * differ in is where they stand, what is read, and how it is written down.
 */
#include <dirent.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/board.h"
#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/metrics.h"
#include "lib/product.h"
#include "lib/redis.h"
#include "lib/rules.h"
#include "lib/text.h"
#include "lib/topten.h"
#include "worker/batch.h"
#include "worker/files.h"
#include "worker/mem.h"
#include "worker/snapshots.h"
#include "worker/worker.h"

#define FOLDER "leaderboards"
#define TOP_TEN "top_ten"
#define LOOK ((dur_ms)2000) /* how often a board is looked at without a reason */

struct snapshot {
    struct lane *lane;
    int board;    /* index among the product's boards; -1: a top ten where there is none */
    bool top_ten; /* else the board's first page */
    struct board_page page; /* that page, as it was asked for last */
    struct loop_timer *timer;
    char *folder;
    char *path;
    char *temporary;
    mono_ms written; /* when the file was last looked at */
    bool asked;      /* the board is being read */
    bool changed;    /* … and has changed since */
};

struct snapshots {
    size_t n;
    struct snapshot file[]; /* the top ten, then the boards */
};

static void
trouble(struct worker *w, const char *what, const char *path)
{
    int error = errno;

    if (report_allowed(&w->report.trouble_lines, loop_now(w->loop)))
        log_error("snapshots", what, LOG_S("path", path), LOG_ERRNO(error));
}

static char *
join(const char *dir, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        mem_out();
    return path;
}

/* --- the folders ------------------------------------------------------------------------------ */

/* Whether a file has the name of a board, or among the top tens of a product, that is no more.
 * Names that cannot be one are somebody else's files. */
static bool
is_of_nothing(const struct worker *w, const char *folder, const char *name)
{
    size_t len = strlen(name);
    const struct product *product;

    if (!text_is_product_id(name, len))
        return false;
    if (strcmp(folder, TOP_TEN) == 0)
        return products_find(w->products, name, len) == NULL;
    product = products_find(w->products, folder, strlen(folder));
    return product == NULL || rules_board_find(product->rules, name, len) < 0;
}

static void
clean_folder(struct worker *w, const char *above, const char *name)
{
    char *path = join(above, name);
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if ((files_is_left_over(entry->d_name) || is_of_nothing(w, name, entry->d_name)) &&
            unlinkat(dirfd(dir), entry->d_name, 0) < 0)
            trouble(w, "a file that is no longer needed cannot be removed", entry->d_name);
    if (dir != NULL)
        (void)closedir(dir);
    free(path);
}

void
snapshots_prepare(struct worker *w)
{
    struct dirent *entry;
    char *path;
    DIR *dir;

    if (w->conf->snapshots_dir[0] == '\0')
        return;
    path = join(w->conf->snapshots_dir, FOLDER);
    dir = files_make_folder(path) == 0 ? opendir(path) : NULL;
    if (dir == NULL)
        trouble(w, "the folder cannot be used", path);
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (text_is_product_id(entry->d_name, strlen(entry->d_name)))
            clean_folder(w, path, entry->d_name);
    if (dir != NULL)
        (void)closedir(dir);
    free(path);
}

/* --- one file --------------------------------------------------------------------------------- */

/* Add the command that reads it; false where there is nothing to be read. */
static bool
command(struct snapshot *s, struct redis_args *a)
{
    if (s->top_ten)
        return topten_command(a, s->lane->product, clock_wall());
    s->page = board_page_first(s->lane->product, (size_t)s->board, clock_wall());
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

/*
 * How long the file has to stay as it is, ms. A web server makes its ETag of the second in which it
 * was written and its size: of two versions in one second, whoever has the first would never be
 * given the second. The clock is the one that files are given their time by.
 */
static dur_ms
stays(const struct snapshot *s)
{
    struct timespec now;
    struct stat st;

    if (stat(s->path, &st) < 0 || clock_gettime(CLOCK_REALTIME_COARSE, &now) < 0 ||
        st.st_mtim.tv_sec != now.tv_sec)
        return 0;
    return 1000 - now.tv_nsec / 1000000;
}

/* Returns 0, or after how long it has to be tried again. */
static dur_ms
save(struct snapshot *s, const struct redisReply *reply)
{
    struct worker *w = s->lane->worker;
    dur_ms wait = 0;
    struct buf json;

    buf_init(&json, BOARD_JSON_MAX);
    if (render(s, reply, &json) < 0) {
        errno = EBADMSG;
        trouble(w, "the board is none", s->path);
    } else if (!files_same(s->path, &json) && (wait = stays(s)) == 0) {
        if (write_file(s, &json) == 0) {
            metric_add(w->report.snapshots, 1);
        } else {
            trouble(w, "the file cannot be written", s->path);
            (void)unlink(s->path); /* an old one would be served as if it were new */
        }
    }
    buf_free(&json);
    return wait;
}

/* --- when ------------------------------------------------------------------------------------- */

static void
on_board(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct snapshot *s = cookie;
    struct worker *w = s->lane->worker;
    dur_ms next = LOOK, wait;

    s->lane->busy--;
    s->asked = false;
    if (generation_moved(s->lane->product, outcome, reply)) {
        loop_timer_set(s->timer, 0);
        return;
    }
    s->written = loop_now(w->loop);
    if (outcome == REDIS_DONE) {
        wait = save(s, reply);
        if (wait > 0)
            next = wait;
    } else if (outcome == REDIS_REFUSED) {
        errno = EBADMSG;
        trouble(w, reply->str, s->path);
    }
    if (s->changed && next > w->conf->snapshots_interval)
        next = w->conf->snapshots_interval;
    loop_timer_set(s->timer, next);
    s->changed = false;
}

static void
look(void *cookie)
{
    struct snapshot *s = cookie;
    struct lane *lane = s->lane;
    const struct worker *w = lane->worker;
    struct redis_args a;

    loop_timer_set(s->timer, LOOK);
    if (s->asked || w->reloading || w->stopping || !redis_is_up(w->state))
        return;
    redis_args_init(&a);
    if (command(s, &a)) {
        s->asked = true;
        lane->busy++;
        redis_send(w->state, &a, on_board, s);
    } else {
        (void)save(s, NULL); /* never changes */
    }
    redis_args_free(&a);
}

void
snapshots_refresh(struct snapshots *all)
{
    for (size_t i = 0; all != NULL && i < all->n; i++)
        if (!all->file[i].asked)
            loop_timer_set(all->file[i].timer, 0);
}

void
snapshots_applied(struct snapshots *all, const struct batch *batch)
{
    bool names = batch_changes_names(batch);

    for (size_t i = 0; all != NULL && i < all->n; i++) {
        struct snapshot *s = &all->file[i];
        const struct worker *w = s->lane->worker;
        dur_ms since = loop_now(w->loop) - s->written;

        if (s->board < 0 || !(batch_changes_board(batch, (size_t)s->board) || names))
            continue;
        s->changed = s->asked;
        if (!s->asked)
            loop_timer_set(s->timer, since < w->conf->snapshots_interval
                                         ? w->conf->snapshots_interval - since
                                         : 0);
    }
}

/* --- all of a lane ---------------------------------------------------------------------------- */

/* folder: below leaderboards/; name: of the file in it. */
static void
open_snapshot(struct snapshot *s, struct lane *lane, const char *folder, const char *name)
{
    struct worker *w = lane->worker;

    if (asprintf(&s->folder, "%s/" FOLDER "/%s", w->conf->snapshots_dir, folder) < 0)
        mem_out();
    s->lane = lane;
    s->path = join(s->folder, name);
    s->temporary = files_temporary(s->folder, name);
    s->written = loop_now(w->loop) - w->conf->snapshots_interval;
    s->timer = loop_timer_new(w->loop, look, s);
    if (s->timer == NULL)
        mem_out();
    loop_timer_set(s->timer, 0);
}

struct snapshots *
snapshots_new(struct lane *lane)
{
    const struct rules *rules = lane->product->rules;
    size_t boards = rules_board_count(rules);
    struct snapshots *all;

    if (lane->worker->conf->snapshots_dir[0] == '\0')
        return NULL;
    all = mem_alloc(1, sizeof(*all) + (1 + boards) * sizeof(all->file[0]));
    all->n = 1 + boards;
    all->file[0].top_ten = true;
    all->file[0].board = rules_top_ten_board(rules);
    open_snapshot(&all->file[0], lane, TOP_TEN, lane->id);
    for (size_t i = 0; i < boards; i++) {
        all->file[1 + i].board = (int)i;
        open_snapshot(&all->file[1 + i], lane, lane->id, rules_board_at(rules, i)->id);
    }
    return all;
}

void
snapshots_free(struct snapshots *all)
{
    for (size_t i = 0; all != NULL && i < all->n; i++) {
        loop_timer_free(all->file[i].timer);
        free(all->file[i].path);
        free(all->file[i].temporary);
        free(all->file[i].folder);
    }
    free(all);
}
