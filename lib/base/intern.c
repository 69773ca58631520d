/*
 * A hash table with open addressing, at most half full. Only texts of our own files are ever added,
 * so nobody outside can choose texts that collide; those who write events only ask.
 */
#include "lib/base/intern.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INTERN_LIMIT 65536
#define INTERN_SLOTS_MIN 8

struct intern_text {
    char *s;
    size_t len;
    uint32_t hash;
};

void
intern_init(struct intern *t, size_t max)
{
    assert(max <= INTERN_LIMIT);
    memset(t, 0, sizeof(*t));
    t->max = max;
}

void
intern_free(struct intern *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->text[i].s);
    free(t->text);
    free(t->slot);
    intern_init(t, t->max);
}

/* FNV-1a */
static uint32_t
hash_of(const char *s, size_t len)
{
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)s[i]) * 16777619U;
    return hash;
}

/* The slot of a text, or the free one where it belongs. There is always a free one. */
static size_t
slot_of(const struct intern *t, const char *s, size_t len, uint32_t hash)
{
    size_t at = hash & (t->nslots - 1);

    while (t->slot[at] != 0) {
        const struct intern_text *text = &t->text[t->slot[at] - 1];

        if (text->hash == hash && text->len == len && memcmp(text->s, s, len) == 0)
            break;
        at = (at + 1) & (t->nslots - 1);
    }
    return at;
}

int
intern_find(const struct intern *t, const char *s, size_t len)
{
    if (t->n == 0 || len > t->longest)
        return -1;
    return (int)t->slot[slot_of(t, s, len, hash_of(s, len))] - 1;
}

/* Make room for one more text: twice the slots, and as many texts as half of them. */
static int
grow(struct intern *t)
{
    size_t nslots = t->nslots == 0 ? INTERN_SLOTS_MIN : 2 * t->nslots;
    struct intern_text *text = reallocarray(t->text, nslots / 2, sizeof(*text));
    uint32_t *slot = calloc(nslots, sizeof(*slot));

    if (text != NULL)
        t->text = text;
    if (text == NULL || slot == NULL) {
        free(slot);
        return -1;
    }
    free(t->slot);
    t->slot = slot;
    t->nslots = nslots;
    for (size_t i = 0; i < t->n; i++)
        slot[slot_of(t, text[i].s, text[i].len, text[i].hash)] = (uint32_t)i + 1;
    return 0;
}

int
intern_add(struct intern *t, const char *s, size_t len)
{
    int found = intern_find(t, s, len);
    uint32_t hash = hash_of(s, len);
    char *copy;

    if (found != -1)
        return found;
    if (t->n == t->max) {
        errno = ENOSPC;
        return -1;
    }
    if (t->n == t->nslots / 2 && grow(t) == -1)
        return -1;
    copy = malloc(len + 1);
    if (copy == NULL)
        return -1;
    memcpy(copy, s, len);
    copy[len] = '\0';
    t->slot[slot_of(t, s, len, hash)] = (uint32_t)t->n + 1;
    t->text[t->n] = (struct intern_text){copy, len, hash};
    if (len > t->longest)
        t->longest = len;
    return (int)t->n++;
}

size_t
intern_count(const struct intern *t)
{
    return t->n;
}

const char *
intern_text(const struct intern *t, size_t i, size_t *ret_len)
{
    assert(i < t->n);
    if (ret_len != NULL)
        *ret_len = t->text[i].len;
    return t->text[i].s;
}
