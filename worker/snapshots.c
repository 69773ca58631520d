/*
 * Snapshot files: see snapshots.h.
 *
 * No fsync: what is lost in a power failure is written again at the next start. The rename alone
 * gives a reader the old bytes or the new ones.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
#include "worker/mem.h"
#include "worker/snapshots.h"
#include "worker/worker.h"

#define FOLDER "leaderboards/top_ten"
#define LOOK ((dur_ms)2000) /* how often a board is looked at without a reason */

struct snapshot {
    struct lane *lane;
    struct loop_timer *timer;
    char *path;
    char *temporary;
    mono_ms written; /* when the file was last looked at */
    bool asked;      /* the board is being read */
    bool changed;    /* … and has changed since */
};

static void
trouble(struct worker *w, const char *what, const char *path)
{
    int error = errno;

    if (report_allowed(&w->report.trouble_lines, loop_now(w->loop)))
        log_error("snapshots", what, LOG_S("path", path), LOG_ERRNO(error));
}

/* --- the folder ------------------------------------------------------------------------------- */

static char *
join(const char *dir, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        mem_out();
    return path;
}

/* mkdir -p; 0755, since nginx reads there as another user. */
static int
make_folders(char *path)
{
    char *slash = path;

    while ((slash = strchr(slash + 1, '/')) != NULL) {
        int ok;

        *slash = '\0';
        ok = mkdir(path, 0755) == 0 || errno == EEXIST;
        *slash = '/';
        if (!ok)
            return -1;
    }
    return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : -1;
}

/* Whether the name is `.<product>.<pid>`, a temporary file, of a process that is no more. */
static bool
is_left_over(const char *name)
{
    const char *dot = strrchr(name, '.');
    int64_t pid;

    if (name[0] != '.' || dot == name ||
        text_parse_int(dot + 1, strlen(dot + 1), 1, INT32_MAX, &pid) < 0)
        return false;
    return pid == getpid() || (kill((pid_t)pid, 0) < 0 && errno == ESRCH);
}

static bool
is_of_no_product(const struct worker *w, const char *name)
{
    size_t len = strlen(name);

    return text_is_product_id(name, len) && products_find(w->products, name, len) == NULL;
}

void
snapshots_prepare(struct worker *w)
{
    char *path;
    struct dirent *entry;
    DIR *dir;

    if (w->conf->snapshots_dir[0] == '\0')
        return;
    path = join(w->conf->snapshots_dir, FOLDER);
    dir = make_folders(path) == 0 ? opendir(path) : NULL;
    if (dir == NULL) {
        trouble(w, "the folder cannot be used", path);
        free(path);
        return;
    }
    while ((entry = readdir(dir)) != NULL)
        if ((is_left_over(entry->d_name) || is_of_no_product(w, entry->d_name)) &&
            unlinkat(dirfd(dir), entry->d_name, 0) < 0)
            trouble(w, "a file that is no longer needed cannot be removed", entry->d_name);
    (void)closedir(dir);
    free(path);
}

/* --- one file --------------------------------------------------------------------------------- */

/* Whether the file has these bytes already. The file is asked and not memory: another worker may
 * share the folder, and a file that somebody removed has to come back. */
static bool
is_same(const char *path, const struct buf *json)
{
    char *data = NULL;
    size_t len;
    bool same;

    if (text_read_file(path, TOPTEN_JSON_MAX, &data, &len) < 0)
        return false;
    same = len == json->len && memcmp(data, json->data, len) == 0;
    free(data);
    return same;
}

static int
write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int
replace(const struct snapshot *s, const struct buf *json)
{
    int fd, ret = -1;

    fd = open(s->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    if (write_all(fd, json->data, json->len) == 0 && fchmod(fd, 0644) == 0)
        ret = 0;
    if (close(fd) < 0)
        ret = -1;
    if (ret == 0)
        ret = rename(s->temporary, s->path);
    if (ret < 0)
        (void)unlink(s->temporary);
    return ret;
}

static void
save(struct snapshot *s, const struct redisReply *reply)
{
    struct worker *w = s->lane->worker;
    struct buf json;

    buf_init(&json, TOPTEN_JSON_MAX);
    if (topten_render(reply, &json) < 0) {
        errno = EBADMSG;
        trouble(w, "the board is none", s->path);
    } else if (!is_same(s->path, &json)) {
        if (replace(s, &json) < 0)
            trouble(w, "the file cannot be written", s->path);
        else
            metric_add(w->report.snapshots, 1);
    }
    buf_free(&json);
}

/* --- when ------------------------------------------------------------------------------------- */

static void
on_board(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct snapshot *s = cookie;
    struct worker *w = s->lane->worker;

    s->lane->busy--;
    s->asked = false;
    s->written = loop_now(w->loop);
    if (outcome == REDIS_DONE)
        save(s, reply);
    else if (outcome == REDIS_REFUSED) {
        errno = EBADMSG;
        trouble(w, reply->str, s->path);
    }
    loop_timer_set(s->timer, s->changed ? w->conf->snapshots_interval : LOOK);
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
    if (topten_command(&a, lane->product)) {
        s->asked = true;
        lane->busy++;
        redis_send(w->state, &a, on_board, s);
    } else {
        save(s, NULL);
    }
    redis_args_free(&a);
}

void
snapshot_refresh(struct snapshot *s)
{
    if (s != NULL && !s->asked)
        loop_timer_set(s->timer, 0);
}

void
snapshot_applied(struct snapshot *s, const struct batch *batch)
{
    const struct worker *w;
    dur_ms since;
    int board;

    if (s == NULL)
        return;
    w = s->lane->worker;
    board = rules_top_ten_board(s->lane->product->rules);
    if (board < 0 || !batch_changes_board(batch, (size_t)board))
        return;
    s->changed = s->asked;
    if (s->asked)
        return;
    since = loop_now(w->loop) - s->written;
    loop_timer_set(s->timer,
                   since < w->conf->snapshots_interval ? w->conf->snapshots_interval - since : 0);
}

struct snapshot *
snapshot_new(struct lane *lane)
{
    struct worker *w = lane->worker;
    struct snapshot *s;
    char *folder;

    if (w->conf->snapshots_dir[0] == '\0')
        return NULL;
    s = mem_alloc(1, sizeof(*s));
    s->lane = lane;
    folder = join(w->conf->snapshots_dir, FOLDER);
    s->path = join(folder, lane->id);
    if (asprintf(&s->temporary, "%s/.%s.%ld", folder, lane->id, (long)getpid()) < 0)
        mem_out();
    free(folder);
    s->written = loop_now(w->loop) - w->conf->snapshots_interval;
    s->timer = loop_timer_new(w->loop, look, s);
    if (s->timer == NULL)
        mem_out();
    loop_timer_set(s->timer, 0);
    return s;
}

void
snapshot_free(struct snapshot *s)
{
    if (s == NULL)
        return;
    loop_timer_free(s->timer);
    free(s->path);
    free(s->temporary);
    free(s);
}
