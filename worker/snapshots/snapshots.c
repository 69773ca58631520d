/*
 * The snapshot files of a lane: see snapshots.h. It has one for its top ten, and one for each
 * window of each of its boards.
 *
 * What this worker changes it knows. What it cannot know is looked for every TICK: windows that are
 * over, a checkpoint that moved without it, names; and one file after the other has its turn.
 */
#include <dirent.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/loop.h"
#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "lib/rules/rules.h"
#include "worker/batch/batch.h"
#include "worker/files.h"
#include "worker/mem.h"
#include "worker/snapshots/snapshot.h"
#include "worker/snapshots/snapshots.h"
#include "worker/worker.h"

#define FOLDER "leaderboards"
#define TOP_TEN "top_ten"
#define TICK ((dur_ms)2000)

struct snapshots {
    struct lane *lane;
    struct loop_timer *timer;
    char checkpoint[EVENT_ID_SIZE]; /* as it was last seen in Redis, and with it … */
    long long names;                /* … how many names of players there were */
    size_t turn;                    /* whose turn it is to be looked at without a reason */
    size_t n;
    struct snapshot file[]; /* the top ten, then the boards' windows */
};

static char *
join(const char *dir, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        mem_out();
    return path;
}

/* --- the folders ------------------------------------------------------------------------------ */

/* Whether this is the name of a file of that board: `<board>` the standard window, and
 * `<board>.<kind>` each of them, of which the standard one is a link to the former. */
static bool
is_of_board(const struct rules_board *board, const char *suffix, bool is_link)
{
    int kind;

    if (*suffix == '\0')
        return !is_link;
    kind = window_kind_find(suffix + 1, strlen(suffix + 1));
    return kind >= 0 && board->windows.has[kind] &&
           is_link == (kind == (int)board->windows.standard);
}

/* Whether a file has the name of a board, or among the top tens of a product, that is no more.
 * Names that cannot be one are somebody else's files. */
static bool
is_of_nothing(const struct worker *w, const char *folder, const char *name, bool is_link)
{
    const char *suffix = strchrnul(name, '.');
    size_t len = (size_t)(suffix - name);
    const struct product *product;
    int board;

    if (!text_is_product_id(name, len) ||
        (*suffix != '\0' && window_kind_find(suffix + 1, strlen(suffix + 1)) < 0))
        return false;
    if (strcmp(folder, TOP_TEN) == 0)
        return *suffix == '\0' && products_find(w->products, name, len) == NULL;
    product = products_find(w->products, folder, strlen(folder));
    board = product != NULL ? rules_board_find(product->rules, name, len) : -1;
    return board < 0 ||
           !is_of_board(rules_board_at(product->rules, (size_t)board), suffix, is_link);
}

static void
clean_folder(struct worker *w, const char *above, const char *name)
{
    char *path = join(above, name);

    snapshot_clean(w, path, name, is_of_nothing);
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
        snapshot_trouble(w, "the folder cannot be used", path);
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (text_is_product_id(entry->d_name, strlen(entry->d_name)))
            clean_folder(w, path, entry->d_name);
    if (dir != NULL)
        (void)closedir(dir);
    free(path);
}

/* --- for a reason ----------------------------------------------------------------------------- */

void
snapshots_refresh(struct snapshots *all)
{
    for (size_t i = 0; all != NULL && i < all->n; i++)
        snapshot_mark(&all->file[i]);
}

void
snapshots_applied(struct snapshots *all, const struct batch *batch)
{
    bool names = batch_changes_names(batch);

    for (size_t i = 0; all != NULL && i < all->n; i++) {
        struct snapshot *s = &all->file[i];

        if (s->board >= 0 && s->shown &&
            (names || batch_changes_board(batch, (size_t)s->board, s->page.window.name)))
            snapshot_mark(s);
    }
}

/* --- without a reason ------------------------------------------------------------------------- */

/* The checkpoint moves with whatever changes a board. Where this worker has moved it, it knows
 * already what changed. */
static void
on_checkpoint(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct snapshots *all = cookie;
    const struct lane *lane = all->lane;
    const char *checkpoint;

    all->lane->busy--;
    if (outcome != REDIS_DONE)
        return;
    checkpoint = reply->type == REDIS_REPLY_STRING ? reply->str : "";
    if (strcmp(checkpoint, all->checkpoint) == 0)
        return;
    (void)snprintf(all->checkpoint, sizeof(all->checkpoint), "%s", checkpoint);
    if (lane->place != LANE_READY || strcmp(checkpoint, lane->checkpoint) != 0)
        snapshots_refresh(all);
}

/* Names are also told by players' tokens, past every worker. A name that is another and not one
 * more is found in turn. */
static void
on_names(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct snapshots *all = cookie;

    all->lane->busy--;
    if (outcome != REDIS_DONE || reply->type != REDIS_REPLY_INTEGER || reply->integer == all->names)
        return;
    all->names = reply->integer;
    snapshots_refresh(all);
}

static void
ask_for_news(struct snapshots *all)
{
    struct lane *lane = all->lane;
    const struct worker *w = lane->worker;
    struct redis_args a;

    lane->busy += 2;
    redis_args_init(&a);
    redis_args_str(&a, "GET");
    redis_args_printf(&a, KEY_CHECKPOINT, lane->id, w->conf->stream_name);
    redis_send(w->state, &a, on_checkpoint, all);
    redis_args_reset(&a);
    redis_args_str(&a, "HLEN");
    redis_args_printf(&a, KEY_NAMES, lane->id);
    redis_send(w->state, &a, on_names, all);
    redis_args_free(&a);
}

/* Whether another window than the file has is the present one. */
static bool
is_over(const struct snapshot *s, wall_ms now)
{
    struct board_page page;

    if (s->board < 0)
        return false;
    if (s->shown)
        return s->page.window.ends <= now || s->page.window.starts > now;
    return board_page_of(s->lane->product, (size_t)s->board, s->kind, now, &page);
}

/* Look at windows that are over, and tell when the next one will be. */
static dur_ms
end_windows(struct snapshots *all)
{
    wall_ms now = clock_wall();
    dur_ms wait = TICK;

    for (size_t i = 0; i < all->n; i++) {
        struct snapshot *s = &all->file[i];

        if (is_over(s, now))
            snapshot_mark(s);
        else if (s->board >= 0 && s->shown && s->page.window.ends - now < wait)
            wait = s->page.window.ends - now;
    }
    return wait;
}

static void
tick(void *cookie)
{
    struct snapshots *all = cookie;

    loop_timer_set(all->timer, end_windows(all));
    if (!snapshot_may_ask(all->lane->worker))
        return;
    snapshot_look(&all->file[all->turn]);
    all->turn = (all->turn + 1) % all->n;
    ask_for_news(all);
}

/* --- all of a lane ---------------------------------------------------------------------------- */

/* The files of one board: `<board>` its standard window, `<board>.<kind>` each of them. Returns how
 * many they are. */
static size_t
open_board(struct snapshot *first, struct lane *lane, const char *folder, size_t i)
{
    const struct rules_board *board = rules_board_at(lane->product->rules, i);
    size_t n = 0;

    for (int kind = 0; kind < WINDOW_KINDS; kind++) {
        bool standard = kind == (int)board->windows.standard;
        struct snapshot *s = &first[n];
        char *name;

        if (!board->windows.has[kind])
            continue;
        if (asprintf(&name, "%s.%s", board->id, window_kind_name((enum window_kind)kind)) < 0)
            mem_out();
        s->board = (int)i;
        s->kind = (enum window_kind)kind;
        snapshot_open(s, lane, folder, standard ? board->id : name);
        if (standard) {
            s->link = join(folder, name);
            s->target = board->id;
        }
        free(name);
        n++;
    }
    return n;
}

static void
open_top_ten(struct snapshot *s, struct lane *lane, const char *folder)
{
    const struct rules *rules = lane->product->rules;

    s->top_ten = true;
    s->board = rules_top_ten_board(rules);
    if (s->board >= 0)
        s->kind = rules_board_at(rules, (size_t)s->board)->windows.standard;
    snapshot_open(s, lane, folder, lane->id);
}

struct snapshots *
snapshots_new(struct lane *lane)
{
    size_t boards = rules_board_count(lane->product->rules);
    struct worker *w = lane->worker;
    struct snapshots *all;
    char *above, *folder;

    if (w->conf->snapshots_dir[0] == '\0')
        return NULL;
    all = mem_alloc(1, sizeof(*all) + (1 + boards * WINDOW_KINDS) * sizeof(all->file[0]));
    all->lane = lane;
    all->names = -1;
    all->timer = loop_timer_new(w->loop, tick, all);
    if (all->timer == NULL)
        mem_out();
    loop_timer_set(all->timer, 0);
    above = join(w->conf->snapshots_dir, FOLDER);
    folder = join(above, TOP_TEN);
    open_top_ten(&all->file[0], lane, folder);
    free(folder);
    folder = join(above, lane->id);
    all->n = 1;
    for (size_t i = 0; i < boards; i++)
        all->n += open_board(&all->file[all->n], lane, folder, i);
    free(folder);
    free(above);
    return all;
}

void
snapshots_free(struct snapshots *all)
{
    if (all == NULL)
        return;
    for (size_t i = 0; i < all->n; i++)
        snapshot_close(&all->file[i]);
    loop_timer_free(all->timer);
    free(all);
}
