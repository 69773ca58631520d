/*
 * An event of the stream, `XADD game_event_stream * product_id … game_id … type … <fields>`:
 * what game servers write and the worker reads. docs/events.md is the page for those who write them.
 */
#ifndef VARCADE_EVENT_H
#define VARCADE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"

struct redisReply;
struct redis_args;

#define EVENT_FIELDS_MAX 64
#define EVENT_FIELD_NAME_MAX 128
#define EVENT_FIELD_VALUE_MAX 65536

/* A stream id, `<ms>-<seq>`; ordered by ms, then seq. */
struct event_id {
    uint64_t ms;
    uint64_t seq;
};

#define EVENT_ID_SIZE 48 /* room for event_id_format's text and its NUL */

int event_id_compare(struct event_id a, struct event_id b);
int event_id_parse(const char *s, size_t len, struct event_id *ret_id)
    __attribute__((warn_unused_result));
size_t event_id_format(struct event_id id, char out[static EVENT_ID_SIZE]);

/* What varcadectl says about an event in quarantine, in the field EVENT_VERDICT_FIELD of an event of
 * its own: `release <id>`, with the other's fields, or `drop <id>`. */
enum event_verdict { EVENT_NO_VERDICT, EVENT_RELEASE, EVENT_DROP };
#define EVENT_VERDICT_FIELD "varcade_quarantine"

/* Names of fields that begin so are varcade's own, and not for those who post events. */
#define EVENT_OWN_FIELDS "varcade_"

/* Reasons for which a dead letter has the beginning of its event alone. */
#define EVENT_WHY_MANY "more than 64 fields"
#define EVENT_WHY_LONG "a field's value is longer than 65536 bytes"

struct event_text {
    const char *s; /* NULL where the event has no such field */
    size_t len;
};

enum event_type {
    EVENT_OTHER, /* gameplay, no type, or a type that is not in this list: for the rules alone */
    EVENT_STATE_CHANGE,
    EVENT_PLAYER_CONNECT, /* varcade's own: player_id has connected to the game server */
    EVENT_PLAYER_DISCONNECT,
    EVENT_GAME_REMOVED,
    EVENT_GAME_OVER,
    EVENT_PLAYER_NAME, /* of no game: user_id is called username */
    EVENT_TYPE_MAX
};

/* The text is borrowed from the reply it was decoded from. */
struct event {
    struct event_id id;
    enum event_type type;
    struct event_text product_id; /* set and well-formed after event_decode succeeded */
    struct event_text game_id;    /* may be absent: a score needs no game */
    enum event_verdict verdict;   /* its field is none of those below */
    struct event_id verdict_of;   /* the event in quarantine; only with a verdict */
    size_t nfields;
    struct event_text name[EVENT_FIELDS_MAX];
    struct event_text value[EVENT_FIELDS_MAX];
};

/* event_at(e): when it happened, as the stream's id says; of an event that is released, as its own
 * id said. event_id_time(id): an id's time. */
struct event_id event_at(const struct event *e);
wall_ms event_id_time(struct event_id id);

/*
 * event_decode(entry, e, ret_why): check and take apart one entry of an XREAD or XRANGE reply
 * (an array of id and array of fields). Returns 0; or -1 with *ret_why set to a reason (static text,
 * fit for a dead letter) and e->id and e->product_id set as far as they could be read. What is
 * checked: names and values UTF-8, names without control characters, no field twice, the limits
 * above, product_id well-formed, and the fields that the type needs:
 *   state_change       game_id, new_state (one of the four)
 *   player_connect, player_disconnect  game_id, player_id (a name as text_is_name)
 *   game_removed       game_id
 *   game_over          game_id, winner_id and loser_id, or placements
 *   player_name        user_id, username (names too)
 * An event_id is a name. The game_id of these is as text_is_game_id; of a player_name it is not looked at, and that of
 * other events is a name, where there is one.
 */
int event_decode(const struct redisReply *entry, struct event *e, const char **ret_why)
    __attribute__((warn_unused_result));

/*
 * The same checks for an event that is not an entry yet: event_clear(e), then event_add(e, name, value)
 * for every field, then event_check(e), which looks at all of them together and sets type,
 * product_id and game_id. Both answer NULL, or a reason as event_decode's; texts are borrowed. An
 * event that passes is one that event_decode accepts once it is in the stream.
 */
void event_clear(struct event *e);
const char *event_add(struct event *e, struct event_text name, struct event_text value)
    __attribute__((warn_unused_result));
const char *event_check(struct event *e) __attribute__((warn_unused_result));

/* event_field(e, name): the value, or a text whose s is NULL. */
struct event_text event_field(const struct event *e, const char *name);

/* event_text_is(t, s): whether t is present and equals s. */
bool event_text_is(struct event_text t, const char *s);

/*
 * event_encode(a, stream, fields, values, n): the XADD that writes an event (id *). The round trip of
 * this and event_decode is tested. A name or value of NULL is left out with its partner.
 */
void event_encode(struct redis_args *a, const char *stream, const char *const *names,
                  const char *const *values, size_t n);

#endif
