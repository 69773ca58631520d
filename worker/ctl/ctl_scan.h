/*
 * The boards of a product, for varcadectl's commands about a player. They are looked for among the
 * keys of Redis and not in the game's file, so that a board that the file no longer has, and a
 * window that is past, are found too.
 */
#ifndef VARCADE_CTL_SCAN_H
#define VARCADE_CTL_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/product/generation.h"

struct ctl;

/* Who it is about, and where the figures are. */
struct ctl_player {
    const char *product;
    const char *user;
    struct generation generation;
};

/* Names of keys; a failure to add one is the program's end. */
struct ctl_names {
    char **name;
    size_t n, cap;
};

void ctl_scan_add(struct ctl_names *names, const char *s);
void ctl_scan_free(struct ctl_names *names);

/* ctl_scan_boards(c, p, boards): the keys of all boards and windows of the generation, each once, into boards, which is
 * empty. False where they cannot be read, and that was told. */
bool ctl_scan_boards(struct ctl *c, const struct ctl_player *p, struct ctl_names *boards)
    __attribute__((warn_unused_result));

/* ctl_scan_name(p, key): what such a key ends with, `board:window`. */
const char *ctl_scan_name(const struct ctl_player *p, const char *key);

/* ctl_scan_is_user(c): whether the command's second argument is a player's id; if not, that is told. */
bool ctl_scan_is_user(const struct ctl *c);

#endif
