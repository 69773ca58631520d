/*
 * What came of a batch's events, for figures and the log: see batch.h.
 */
#include <assert.h>

#include "worker/batch/batch.h"
#include "worker/batch/batch_private.h"

const char *
batch_kind(enum event_type type)
{
    static const char *const kinds[EVENT_TYPE_MAX] = {
        [EVENT_STATE_CHANGE] = "state",
        [EVENT_PLAYER_CONNECT] = "connect",
        [EVENT_PLAYER_DISCONNECT] = "disconnect",
        [EVENT_GAME_REMOVED] = "removed",
        [EVENT_GAME_OVER] = "over",
    };

    return kinds[type];
}

struct batch_results
batch_results(const struct batch *b)
{
    struct batch_results results = {.gone = b->ngone};
    size_t i;

    for (i = 0; i < b->nitems; i++) {
        const struct item *item = &b->items[i];

        if (item->breach != NULL)
            results.held++;
        else if (item->dead != NULL)
            results.dead++;
        else if (item->duplicate)
            results.duplicates++;
        else if (item->neffects > 0 || item->type != EVENT_OTHER || item->held != NULL)
            results.applied++;
        else
            results.ignored++;
    }
    return results;
}

/* The n-th event that changes nothing; those in quarantine are another series. */
static struct batch_dead
dead_at(const struct batch *b, size_t n, bool held)
{
    size_t i;

    for (i = 0; i < b->nitems; i++) {
        const struct item *item = &b->items[i];

        if (item->dead != NULL && (item->breach != NULL) == held && n-- == 0)
            return (struct batch_dead){.id = item->id, .reason = item->dead};
    }
    assert(false && "an event of this batch");
    return (struct batch_dead){.reason = NULL};
}

struct batch_dead
batch_dead_at(const struct batch *b, size_t n)
{
    return dead_at(b, n, false);
}

struct batch_dead
batch_held_at(const struct batch *b, size_t n)
{
    return dead_at(b, n, true);
}

size_t
batch_moves(const struct batch *b)
{
    return b->nmoves;
}

struct batch_move
batch_move_at(const struct batch *b, size_t i)
{
    const struct item *item;

    assert(i < b->nmoves);
    item = &b->items[b->moves[i]];
    return (struct batch_move){.id = item->id,
                               .game_id = item->game_id,
                               .kind = batch_kind(item->type),
                               .argument = item->argument};
}
