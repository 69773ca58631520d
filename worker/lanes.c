/* The lanes of all products: made at start, and made anew when the game files were read again. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/apply.h"
#include "worker/archive/archiver.h"
#include "worker/batch/rulings.h"
#include "worker/curator.h"
#include "worker/matchmaker/matchmaker.h"
#include "worker/mem.h"
#include "worker/position.h"
#include "worker/retention.h"
#include "worker/snapshots/snapshots.h"
#include "worker/worker.h"

static struct lane *
lane_new(struct worker *w, const char *id, const struct product *product)
{
    struct lane *lane = mem_alloc(1, sizeof(*lane));

    lane->worker = w;
    (void)snprintf(lane->id, sizeof(lane->id), "%s", id);
    lane->product = product;
    lane->limit = SIZE_MAX;
    lane->read_entries = -1;
    report_lane_init(&w->report, id, &lane->report);
    lane->rulings = rulings_new();
    lane->again = loop_timer_new(w->loop, position_again, lane);
    if (lane->again == NULL)
        mem_out();
    lane->apply = apply_new(lane);
    if (product != NULL) {
        lane->archived = archived_new(lane);
        lane->curator = curator_new(lane);
        lane->matchmaker = matchmaker_new(lane);
        lane->retention = retention_new(lane);
        lane->snapshots = snapshots_new(lane);
    }
    return lane;
}

static void
lane_free(struct lane *lane)
{
    if (lane == NULL)
        return;
    metric_set(lane->report.held, 0);
    metric_set(lane->report.in_lobby, 0);
    metric_set(lane->report.in_game, 0);
    metric_set(lane->report.games, 0);
    snapshots_free(lane->snapshots);
    retention_free(lane->retention);
    matchmaker_free(lane->matchmaker);
    curator_free(lane->curator);
    archived_free(lane->archived);
    apply_free(lane->apply);
    rulings_free(lane->rulings);
    loop_timer_free(lane->again);
    free(lane);
}

/* Take the lane of this id out of the old ones. */
static struct lane *
take_over(struct lane **old, size_t n, const char *id, const struct product *product)
{
    size_t i;

    for (i = 0; i < n; i++) {
        struct lane *lane = old[i];

        if (lane == NULL || strcmp(lane->id, id) != 0)
            continue;
        old[i] = NULL;
        lane->product = product;
        apply_rest(lane->apply);
        if (product != NULL) {
            /* Its boards may be others now. */
            snapshots_free(lane->snapshots);
            lane->snapshots = snapshots_new(lane);
            matchmaker_renew(lane->matchmaker);
        }
        return lane;
    }
    return NULL;
}

void
lanes_update(struct worker *w)
{
    struct lane **old = w->lanes;
    size_t i, nold = w->nlanes, n = products_count(w->products);

    w->nlanes = n + 1;
    w->lanes = mem_alloc(w->nlanes, sizeof(struct lane *));
    for (i = 0; i <= n; i++) {
        const struct product *product = i < n ? products_at(w->products, i) : NULL;
        const char *id = product != NULL ? product->id : KEYS_NO_PRODUCT;

        w->lanes[i] = take_over(old, nold, id, product);
        if (w->lanes[i] == NULL)
            w->lanes[i] = lane_new(w, id, product);
    }
    for (i = 0; i < nold; i++) {
        assert(old[i] == NULL || old[i]->busy == 0);
        lane_free(old[i]);
    }
    free(old);
}

void
lanes_free(struct worker *w)
{
    size_t i;

    for (i = 0; i < w->nlanes; i++)
        lane_free(w->lanes[i]);
    free(w->lanes);
    w->lanes = NULL;
    w->nlanes = 0;
}

static int
compare_id(const char *id, size_t len, const struct lane *lane)
{
    size_t n = strlen(lane->id);
    int order = memcmp(id, lane->id, len < n ? len : n);

    if (order != 0)
        return order;
    return len < n ? -1 : len > n;
}

struct lane *
lanes_find(const struct worker *w, const char *id, size_t len)
{
    size_t low = 0, high = w->nlanes - 1; /* the last one is of no product */

    while (id != NULL && low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_id(id, len, w->lanes[middle]);

        if (order == 0)
            return w->lanes[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return w->lanes[w->nlanes - 1];
}
