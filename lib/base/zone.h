/*
 * Time zones: what a clock on the wall shows, by the system's own tables (package tzdata).
 *
 * The C library knows one zone, the process' own. So a zone is asked for through TZ once, when it
 * is loaded, and kept as the list of its changes; from then on all is arithmetic, independent of
 * the environment. Loading is for a program's start and a reload, in its only thread.
 */
#ifndef VARCADE_ZONE_H
#define VARCADE_ZONE_H

#include "lib/base/clock.h"

struct zone;

#define ZONE_NAME_MAX 64

/* zone_find(name): the zone of that name (`Europe/Berlin`), or NULL with errno: ENOENT (there is
 * none), ENOMEM. It lives as long as the process, and is loaded once. `UTC` needs no tables. Changes
 * are known from 1970 to 2099; before and after, the clock stays as it was set at these ends. */
const struct zone *zone_find(const char *name);

/* zone_name(z): the name that it was found by; its caller must not free it. */
const char *zone_name(const struct zone *z);

/* zone_local(z, t): what the clock shows at t, as ms since 1970-01-01 00:00 on that clock. */
int64_t zone_local(const struct zone *z, wall_ms t);

/* zone_reached(z, local): the first moment at which the clock shows local or later. A time that the
 * clock shows twice is meant the first time; one that it skips, when it jumps. */
wall_ms zone_reached(const struct zone *z, int64_t local);

#endif
