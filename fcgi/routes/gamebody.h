/*
 * What the bodies of requests for games say. Old clients send fields of their own there, and anything but an object: all
 * that is ignored.
 */
#ifndef VARCADE_FCGI_GAMEBODY_H
#define VARCADE_FCGI_GAMEBODY_H

#include <stdbool.h>

#include "lib/base/buf.h"

struct request;

/* settings: of the game to be made, a JSON object; terms: what was asked for among them (lib/product/gamesettings.h). */
struct gamebody {
    struct buf settings, terms;
    bool is_private;
    int board; /* a quick match's: an index; -1 for none */
};

/* gamebody_read(r, quick, ret_body): what the body of r, which is JSON, says; quick: of a quick match. Returns 0; or -1, and r is answered. gamebody_free()
 * is due where it returned 0. */
int gamebody_read(struct request *r, bool quick, struct gamebody *ret_body)
    __attribute__((warn_unused_result));
void gamebody_free(struct gamebody *b);

#endif
