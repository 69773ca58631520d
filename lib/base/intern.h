/*
 * Texts as small numbers: 0, 1, 2, … in the order in which they were added. Built once, then asked for
 * often: whether a text of an event is one that some rule names costs one probe, whatever its
 * length and however many there are.
 */
#ifndef VARCADE_INTERN_H
#define VARCADE_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct intern {
    struct intern_text *text; /* n of them, by number */
    size_t n, max;
    uint32_t *slot; /* hash table of number + 1, 0 where free; nslots is a power of two or 0 */
    size_t nslots;
    size_t longest; /* bytes of the longest text: a longer one need not be looked up */
};

/* intern_init(t, max): no texts yet, and never more than max (<= 65536). Allocates nothing. */
void intern_init(struct intern *t, size_t max);
void intern_free(struct intern *t);

/* intern_add(t, s, len): the number of a text, copied in where it is new. Returns -1 with errno
 * ENOSPC (max texts are in) or ENOMEM. */
int intern_add(struct intern *t, const char *s, size_t len) __attribute__((warn_unused_result));

/* intern_find(t, s, len): the number of a text, or -1. */
int intern_find(const struct intern *t, const char *s, size_t len);

/* intern_count(t), intern_text(t, i, ret_len): text i, with a NUL behind it; ret_len may be NULL. */
size_t intern_count(const struct intern *t);
const char *intern_text(const struct intern *t, size_t i, size_t *ret_len);

#endif
