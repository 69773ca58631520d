/*
 * What a batch puts in front of lists that keep so many elements: a player's last matches and
 * ratings. Nothing of them has to be read.
 */
#include <string.h>

#include "lib/redis/redis.h"
#include "worker/batch/batch_private.h"
#include "worker/mem.h"

void
batch_lists_push(struct batch *b, const char *key, size_t max, struct event_text text)
{
    size_t len = strlen(key);
    struct list *list;
    struct line *line = mem_arena_alloc(&b->arena, sizeof(*line));

    HASH_FIND(hh, b->lists_by_key, key, len, list);
    if (list == NULL) {
        list = mem_arena_alloc(&b->arena, sizeof(*list));
        list->key = mem_arena_copy(&b->arena, key, len);
        list->max = max;
        HASH_ADD_KEYPTR(hh, b->lists_by_key, list->key, len, list);
    }
    line->text = text;
    if (list->last != NULL)
        list->last->next = line;
    else
        list->first = line;
    list->last = line;
    /* What would fall off the end at once is not sent. */
    if (list->n == list->max)
        list->first = list->first->next;
    else
        list->n++;
}

void
batch_lists_add_keys(const struct batch *b, struct redis_args *a)
{
    for (const struct list *list = b->lists_by_key; list != NULL; list = list->hh.next)
        redis_args_key(a, "%s", list->key);
}

size_t
batch_lists_keys(const struct batch *b)
{
    return HASH_COUNT(b->lists_by_key);
}

void
batch_lists_add(const struct batch *b, size_t key, struct redis_args *a)
{
    for (const struct list *list = b->lists_by_key; list != NULL; list = list->hh.next) {
        redis_args_str(a, "push");
        redis_args_int(a, (int64_t)key++);
        redis_args_int(a, (int64_t)list->max);
        redis_args_int(a, (int64_t)list->n);
        for (const struct line *line = list->first; line != NULL; line = line->next)
            redis_args_add(a, line->text.s, line->text.len);
    }
}
