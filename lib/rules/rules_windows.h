/*
 * The compiler's part for a board's windows. Private to the rules_*.c of the compiler.
 */
#ifndef VARCADE_RULES_WINDOWS_H
#define VARCADE_RULES_WINDOWS_H

struct json_object;
struct rules_file;
struct window_plan;
struct zone;

/* rules_windows_zone(f, object, fallback): the zone that the object's `timezone` names; fallback
 * where it has none, or one that is a problem. */
const struct zone *rules_windows_zone(struct rules_file *f, struct json_object *object,
                                      const struct zone *fallback);

/* rules_windows_compile(f, board, plan): `windows`, `timezone`, `week_start`, `keep` and `seasons` of
 * a board into plan, which is all zero; plan->season is for free(). f->zone is the fallback. */
void rules_windows_compile(struct rules_file *f, struct json_object *board,
                           struct window_plan *plan);

#endif
