/* What the parts of varcadectl check share. */
#ifndef VARCADE_CTL_CHECK_H
#define VARCADE_CTL_CHECK_H

#include "worker/ctl/ctl.h"

struct product;

/* ctl_check_event(c, product, out): what the product's rules make of the event of c's arguments behind the
 * first, as lines without an end, or (--json) as members of the object that out has begun. Returns an exit status. */
int ctl_check_event(struct ctl *c, const struct product *product, struct buf *out);

#endif
