/*
 * Where a matcher's tickets are: by id, by rating in buckets, and by when something is due.
 *
 * Buckets are skip lists with links both ways at every level: neighbours by rating are one step
 * away, whoever leaves is unlinked without a search, and nothing has to be moved or rebalanced when
 * thousands come or go at once.
 */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/matcher/matcher_impl.h"

#define KEY_SIZE ((QUEUE_TEXT_MAX + 1) * QUEUE_EQUAL_MAX + sizeof(int64_t))
#define STRETCH_MIN 1e-3
#define STRETCH_LONGER 1.001
#define GROW_MIN 64

/* --- the heap: what is due next --------------------------------------------------------------- */

static void
heap_put(struct matcher *m, size_t at, struct heap_slot slot)
{
    m->heap[at] = slot;
    slot.entry->heap_at = at;
}

static void
heap_up(struct matcher *m, size_t at)
{
    struct heap_slot slot = m->heap[at];

    while (at > 0 && slot.key < m->heap[(at - 1) / 2].key) {
        heap_put(m, at, m->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(m, at, slot);
}

static void
heap_down(struct matcher *m, size_t at)
{
    struct heap_slot slot = m->heap[at];
    size_t child;

    while ((child = 2 * at + 1) < m->heap_n) {
        if (child + 1 < m->heap_n && m->heap[child + 1].key < m->heap[child].key)
            child++;
        if (slot.key <= m->heap[child].key)
            break;
        heap_put(m, at, m->heap[child]);
        at = child;
    }
    heap_put(m, at, slot);
}

static void
heap_set(struct matcher *m, struct entry *e, wall_ms key)
{
    if (e->heap_at == SIZE_MAX) {
        assert(m->heap_n < m->heap_cap);
        heap_put(m, m->heap_n++, (struct heap_slot){key, e->since, e});
    }
    m->heap[e->heap_at].key = key;
    heap_up(m, e->heap_at);
    heap_down(m, e->heap_at);
}

static void
heap_remove(struct matcher *m, struct entry *e)
{
    size_t at = e->heap_at;

    if (at == SIZE_MAX)
        return;
    e->heap_at = SIZE_MAX;
    m->heap_n--;
    if (at < m->heap_n) {
        struct entry *moved = m->heap[m->heap_n].entry;

        heap_put(m, at, m->heap[m->heap_n]);
        heap_up(m, at);
        heap_down(m, moved->heap_at);
    }
}

/* --- lists ------------------------------------------------------------------------------------ */

void
matcher_store_append(struct entry_list *list, struct entry *e)
{
    assert(e->list == NULL);
    e->list = list;
    e->in_list = (struct entry_link){NULL, list->last};
    *(list->last != NULL ? &list->last->in_list.next : &list->first) = e;
    list->last = e;
    list->n++;
}

void
matcher_store_unlist(struct entry *e)
{
    struct entry_list *list = e->list;

    if (list == NULL)
        return;
    *(e->in_list.prev != NULL ? &e->in_list.prev->in_list.next : &list->first) = e->in_list.next;
    *(e->in_list.next != NULL ? &e->in_list.next->in_list.prev : &list->last) = e->in_list.prev;
    list->n--;
    e->list = NULL;
}

/* --- buckets ---------------------------------------------------------------------------------- */

static bool
before(const struct entry *a, const struct entry *b)
{
    if (a->rating != b->rating)
        return a->rating < b->rating;
    if (a->since != b->since)
        return a->since < b->since;
    return strcmp(a->id, b->id) < 0;
}

static void
bucket_insert(struct bucket *b, struct entry *e)
{
    struct entry *at = NULL, *next;

    for (size_t level = MATCHER_HEIGHT_MAX; level-- > 0;) {
        for (;;) {
            next = at != NULL ? at->link[level].next : b->first[level];
            if (next == NULL || !before(next, e))
                break;
            at = next;
        }
        if (level >= e->height)
            continue;
        e->link[level] = (struct entry_link){next, at};
        *(at != NULL ? &at->link[level].next : &b->first[level]) = e;
        if (next != NULL)
            next->link[level].prev = e;
    }
    b->n++;
    b->by_size[e->size]++;
}

static void
bucket_remove(struct bucket *b, struct entry *e)
{
    for (size_t level = 0; level < e->height; level++) {
        struct entry_link *link = &e->link[level];

        *(link->prev != NULL ? &link->prev->link[level].next : &b->first[level]) = link->next;
        if (link->next != NULL)
            link->next->link[level].prev = link->prev;
    }
    b->n--;
    b->by_size[e->size]--;
}

struct entry *
matcher_store_around(const struct bucket *b, const struct entry *e, struct entry **ret_above)
{
    struct entry *at = NULL, *next = NULL;

    for (size_t level = MATCHER_HEIGHT_MAX; level-- > 0;)
        for (;;) {
            next = at != NULL ? at->link[level].next : b->first[level];
            if (next == NULL || !before(next, e))
                break;
            at = next;
        }
    *ret_above = next;
    return at;
}

/* Two numbers that are within the distance are in the same stretch or in two side by side. A
 * stretch is a little longer than the distance, so that this is true of rounded quotients as well:
 * they are 1e12 at most. */
static int64_t
stretch_of(const struct queue *q, const struct matcher_ticket *t)
{
    double distance = q->nwithin > 0 ? q->within[0].distance : 0;

    if (q->nwithin == 0)
        return 0;
    return (int64_t)floor(t->within[0] /
                          (STRETCH_LONGER * (distance > STRETCH_MIN ? distance : STRETCH_MIN)));
}

static struct bucket *
bucket_find(const struct matcher *m, const char *key, size_t len)
{
    struct bucket *b;

    HASH_FIND(hh, m->buckets, key, len, b);
    return b;
}

struct bucket *
matcher_store_beside(const struct matcher *m, const struct bucket *b, int by)
{
    char key[KEY_SIZE];
    size_t at = b->key_len - sizeof(int64_t);
    int64_t stretch;

    memcpy(key, b->key, b->key_len);
    memcpy(&stretch, key + at, sizeof(stretch));
    stretch += by;
    memcpy(key + at, &stretch, sizeof(stretch));
    return bucket_find(m, key, b->key_len);
}

void
matcher_store_equal(const struct matcher *m, const struct bucket *b,
                    struct event_text ret_equal[static QUEUE_EQUAL_MAX])
{
    const char *key = b->key;

    for (size_t i = 0; i < m->q->nequal; i++) {
        ret_equal[i] = (struct event_text){.s = key + 1, .len = (unsigned char)*key};
        key += 1 + ret_equal[i].len;
    }
}

/* The bucket of a ticket. NULL: out of memory. */
static struct bucket *
bucket_of(struct matcher *m, const struct matcher_ticket *t)
{
    int64_t stretch = stretch_of(m->q, t);
    char key[KEY_SIZE];
    struct bucket *b;
    size_t len = 0;

    for (size_t i = 0; i < m->q->nequal; i++) {
        key[len++] = (char)t->equal[i].len;
        memcpy(key + len, t->equal[i].s, t->equal[i].len);
        len += t->equal[i].len;
    }
    memcpy(key + len, &stretch, sizeof(stretch));
    len += sizeof(stretch);
    b = bucket_find(m, key, len);
    if (b != NULL)
        return b;
    b = calloc(1, sizeof(*b) + len);
    if (b == NULL)
        return NULL;
    memcpy(b->key, key, len);
    b->key_len = len;
    HASH_ADD_KEYPTR(hh, m->buckets, b->key, len, b);
    if (b->hh.tbl == NULL) {
        free(b);
        return NULL;
    }
    return b;
}

/* Nobody's bucket goes: attributes are what players say, and there may be no end of them. */
static void
bucket_leave(struct matcher *m, struct bucket *b)
{
    if (--b->users == 0) {
        HASH_DEL(m->buckets, b);
        free(b);
    }
}

/* --- entries ---------------------------------------------------------------------------------- */

/* Room for one more in an array of n elements. */
static bool
grow(void **array, size_t *cap, size_t n, size_t element)
{
    size_t want = *cap == 0 ? GROW_MIN : *cap * 2;
    void *bigger;

    if (n < *cap)
        return true;
    bigger = reallocarray(*array, want, element);
    if (bigger == NULL)
        return false;
    *array = bigger;
    *cap = want;
    return true;
}

/* A quarter of those of each height are higher. */
static unsigned
height(struct matcher *m)
{
    uint64_t z = (m->dice += 0x9e3779b97f4a7c15);
    unsigned h = 1;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z ^= z >> 27;
    for (; h < MATCHER_HEIGHT_MAX && (z & 3) == 0; z >>= 2)
        h++;
    return h;
}

int
matcher_store_new(struct matcher *m, const struct matcher_ticket *t, struct entry **ret_entry)
{
    unsigned h = height(m);
    size_t all = m->waiting + m->proposed + m->expired.n;
    struct entry *e;

    if (!grow((void **)&m->heap, &m->heap_cap, all, sizeof(*m->heap)) ||
        !grow((void **)&m->seed, &m->seed_cap, all, sizeof(*m->seed)))
        return -1;
    e = calloc(1, sizeof(*e) + h * sizeof(e->link[0]));
    if (e == NULL)
        return -1;
    *e = (struct entry){.rating = t->rating,
                        .since = t->since,
                        .size = t->size,
                        .state = ENTRY_HELD,
                        .mask_until = INT64_MIN,
                        .wake = MATCHER_NEVER,
                        .heap_at = SIZE_MAX,
                        .seed_at = SIZE_MAX,
                        .height = h};
    memcpy(e->within, t->within, sizeof(e->within));
    memcpy(e->latency, t->latency, sizeof(e->latency));
    memcpy(e->id, t->id.s, t->id.len);
    e->bucket = bucket_of(m, t);
    if (e->bucket == NULL)
        goto fail;
    e->bucket->users++;
    HASH_ADD_KEYPTR(hh, m->by_id, e->id, t->id.len, e);
    if (e->hh.tbl == NULL) {
        bucket_leave(m, e->bucket);
        goto fail;
    }
    *ret_entry = e;
    return 0;
fail:
    free(e);
    errno = ENOMEM;
    return -1;
}

void
matcher_store_free(struct matcher *m, struct entry *e)
{
    matcher_store_leave(m, e);
    HASH_DEL(m->by_id, e);
    bucket_leave(m, e->bucket);
    free(e);
}

void
matcher_store_wait(struct matcher *m, struct entry *e)
{
    e->state = ENTRY_WAITING;
    bucket_insert(e->bucket, e);
    matcher_store_wake(m, e, MATCHER_NEVER);
    matcher_store_append(&m->fresh, e);
}

void
matcher_store_hold(struct matcher *m, struct entry *e, wall_ms until)
{
    e->state = ENTRY_HELD;
    e->wake = until;
    heap_set(m, e, until);
}

void
matcher_store_leave(struct matcher *m, struct entry *e)
{
    if (e->state == ENTRY_WAITING)
        bucket_remove(e->bucket, e);
    heap_remove(m, e);
    matcher_store_unlist(e);
    if (e->seed_at != SIZE_MAX)
        m->seed[e->seed_at] = NULL;
    e->seed_at = SIZE_MAX;
}

void
matcher_store_wake(struct matcher *m, struct entry *e, wall_ms at)
{
    wall_ms expires = e->since + m->q->timeout;

    e->wake = at;
    heap_set(m, e, at < expires ? at : expires);
}
