/*
 * Players in events: whether an event names one, and the same event with another name in its place,
 * so that what it counts for others stays when the player is forgotten.
 */
#ifndef VARCADE_WORKER_PSEUDONYM_H
#define VARCADE_WORKER_PSEUDONYM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/rules/event.h"

struct buf;
struct redisReply;
struct rules;

#define PSEUDONYM_SIZE 32

/* pseudonym_make(out): a new one, `erased-` and random digits. */
void pseudonym_make(char out[static PSEUDONYM_SIZE]);

/* pseudonym_is_in(value, user): whether a field's value is the player, or a JSON text with a string that is, however
 * that is written. */
bool pseudonym_is_in(struct event_text value, const char *user);

/* pseudonym_names(rules, entry, user): whether a field that has players has this one. */
bool pseudonym_names(const struct rules *rules, const struct redisReply *entry, const char *user);

/* pseudonym_replace(rules, entry, user, other, out): append the entry as the archive has it, with other in place of
 * user, and of his username. */
void pseudonym_replace(const struct rules *rules, const struct redisReply *entry, const char *user,
                       const char *other, struct buf *out);

#endif
