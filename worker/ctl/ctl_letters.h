/* Dead letters and events in quarantine, for ctl_letter*.c alone. */
#ifndef VARCADE_CTL_LETTERS_H
#define VARCADE_CTL_LETTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/product/generation.h"

struct ctl;
struct redisReply;
struct redis_args;

/* The letters of one product. */
struct letters {
    const char *product;
    struct generation generation; /* of what is in quarantine */
    bool quarantine;   /* not dead ones */
    size_t head;       /* names and values that the worker put before the event's own */
    const char *thing; /* what one of them is called */
};

/* ctl_letters_add_key(a, l): the stream that they are in. */
void ctl_letters_add_key(struct redis_args *a, const struct letters *l);

/* What is done with one letter: 1 where it was done, 0 where there was nothing to do, -1 where it
 * failed, and that was told. ctl_letter_erase: drop it where it names the player of the command's second
 * argument. */
typedef int letter_fn(struct ctl *c, const struct letters *l, const struct redisReply *letter);
letter_fn ctl_letter_replay, ctl_letter_drop, ctl_letter_release_held, ctl_letter_drop_held,
    ctl_letter_erase;

#endif
