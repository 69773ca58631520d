/*
 * What can be chosen for a game: `settings` of a game's file, what clients ask for by them, and what they filter the open
 * games by. Every setting has a value in every game, so that a filter finds all that fit.
 */
#ifndef VARCADE_GAMESETTINGS_H
#define VARCADE_GAMESETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

struct gamesettings;
struct json_object;

#define GAMESETTINGS_MAX 16         /* settings of a game */
#define GAMESETTINGS_VALUES_MAX 64  /* texts that one can be */
#define GAMESETTINGS_TEXT_MAX 64    /* bytes of a name and of a text */
/* Bytes of a game's settings as JSON, and of its terms. */
#define GAMESETTINGS_JSON_MAX 12288
#define GAMESETTINGS_TERMS_MAX 4096

/*
 * gamesettings_compile(file_object, ret_settings, why): compile the key `settings` of a game's file; other keys are not
 * looked at. *ret_settings is NULL where it has none. Returns 0; or -1 with lines `PATH: REASON` in why, one a problem.
 */
int gamesettings_compile(struct json_object *file_object, struct gamesettings **ret_settings,
                         struct buf *why) __attribute__((warn_unused_result));

/* gamesettings_free(s): NULL is legal. */
void gamesettings_free(struct gamesettings *s);

/* gamesettings_json(s): what can be chosen, as the file has it; `{}` for NULL. */
const char *gamesettings_json(const struct gamesettings *s);

/*
 * gamesettings_choose(s, given, num_players, json, why): a new game's settings as a JSON object, num_players before them:
 * what given (NULL: nothing) says, and the defaults. s may be NULL: there are none to choose. Returns 0; or -1 with what is
 * wrong, the setting named, in why.
 */
int gamesettings_choose(const struct gamesettings *s, struct json_object *given, int64_t num_players,
                        struct buf *json, struct buf *why) __attribute__((warn_unused_result));

/* What somebody wishes a setting to be: a text, or a number where there is none. */
struct gamesettings_wish {
    const char *name;
    const char *text; /* NULL: number */
    size_t text_len;
    double number;
};

/*
 * gamesettings_of_match(s, wishes, n, region, members): the settings of a game that nobody chose, as members of a JSON object,
 * each with a comma in front: the defaults, and of the wishes those that can be. Without settings of the names by which a
 * match says something itself: attributes, queue, teams, and region where it has one.
 */
void gamesettings_of_match(const struct gamesettings *s, const struct gamesettings_wish *wishes,
                           size_t n, bool region, struct buf *members);

/*
 * gamesettings_terms(s, given, terms, why): what a game has to have to fit all that given says, as lines NAME=VALUE, the
 * terms by which Redis' index of open games is made (lib/redis/games.lua). gamesettings_term: one more, from text.
 * Return as gamesettings_choose.
 */
int gamesettings_terms(const struct gamesettings *s, struct json_object *given, struct buf *terms,
                       struct buf *why) __attribute__((warn_unused_result));
int gamesettings_term(const struct gamesettings *s, const char *name, size_t name_len,
                      const char *value, size_t value_len, struct buf *terms, struct buf *why)
    __attribute__((warn_unused_result));

#endif
