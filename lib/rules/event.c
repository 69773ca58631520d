/*
 * Events of the stream. Everything in an entry is outside bytes: game servers are other people's
 * programs, and one that is broken must cost a dead letter, not the worker. So an entry is checked
 * whole before anything looks at it, and every refusal has a reason that tells its author what to
 * change.
 */
#include "lib/rules/event.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/redis/redis.h"

/* --- stream ids ------------------------------------------------------------------------------- */

int
event_id_compare(struct event_id a, struct event_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    if (a.seq != b.seq)
        return a.seq < b.seq ? -1 : 1;
    return 0;
}

/* Half of an id: an unsigned decimal number as Redis writes it, without leading zeros. */
static int
parse_half(const char *s, size_t len, uint64_t *ret_v)
{
    uint64_t v = 0;

    if (len == 0 || (len > 1 && s[0] == '0'))
        return -1;
    for (size_t i = 0; i < len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)s[i] - '0';

        if (digit > 9 || v > (UINT64_MAX - digit) / 10)
            return -1;
        v = v * 10 + digit;
    }
    *ret_v = v;
    return 0;
}

int
event_id_parse(const char *s, size_t len, struct event_id *ret_id)
{
    const char *dash = len > 0 ? memchr(s, '-', len) : NULL;
    struct event_id id;

    if (dash == NULL || parse_half(s, (size_t)(dash - s), &id.ms) == -1 ||
        parse_half(dash + 1, len - (size_t)(dash - s) - 1, &id.seq) == -1)
        return -1;
    *ret_id = id;
    return 0;
}

size_t
event_id_format(struct event_id id, char out[static EVENT_ID_SIZE])
{
    int len = snprintf(out, EVENT_ID_SIZE, "%llu-%llu", (unsigned long long)id.ms,
                       (unsigned long long)id.seq);

    assert(len > 0 && len < EVENT_ID_SIZE);
    return (size_t)len;
}

wall_ms
event_id_time(struct event_id id)
{
    return id.ms > INT64_MAX ? INT64_MAX : (wall_ms)id.ms;
}

struct event_id
event_at(const struct event *e)
{
    return e->verdict == EVENT_NO_VERDICT ? e->id : e->verdict_of;
}

/* --- fields ----------------------------------------------------------------------------------- */

bool
event_text_is(struct event_text t, const char *s)
{
    return t.s != NULL && strlen(s) == t.len && memcmp(t.s, s, t.len) == 0;
}

struct event_text
event_field(const struct event *e, const char *name)
{
    for (size_t i = 0; i < e->nfields; i++)
        if (event_text_is(e->name[i], name))
            return e->value[i];
    return (struct event_text){NULL, 0};
}

static bool
is_string(const struct redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_STRING;
}

static struct event_text
text_of(const struct redisReply *reply)
{
    return (struct event_text){reply->str, reply->len};
}

/* Why a name cannot be one, or NULL. */
static const char *
name_problem(const struct event *e, struct event_text name)
{
    if (name.len == 0)
        return "a field has an empty name";
    if (name.len > EVENT_FIELD_NAME_MAX)
        return "a field's name is longer than 128 bytes";
    if (!text_is_name(name.s, name.len))
        return "a field's name is not UTF-8 without control characters";
    /* Every pair is compared, at worst 64 * 63 / 2; mostly the lengths alone tell. */
    for (size_t i = 0; i < e->nfields; i++)
        if (e->name[i].len == name.len && memcmp(e->name[i].s, name.s, name.len) == 0)
            return "a field occurs twice";
    return NULL;
}

static const char *
value_problem(struct event_text value)
{
    if (value.len > EVENT_FIELD_VALUE_MAX)
        return EVENT_WHY_LONG;
    if (!text_is_utf8(value.s, value.len))
        return "a field's value is not UTF-8";
    return NULL;
}

void
event_clear(struct event *e)
{
    e->id = (struct event_id){0, 0};
    e->type = EVENT_OTHER;
    e->product_id = (struct event_text){NULL, 0};
    e->game_id = (struct event_text){NULL, 0};
    e->verdict = EVENT_NO_VERDICT;
    e->nfields = 0;
}

/* It is beside the fields: an event with as many as there may be can be released too. */
static const char *
read_verdict(struct event *e, struct event_text value)
{
    static const char *const words[] = {[EVENT_RELEASE] = "release ", [EVENT_DROP] = "drop "};

    if (e->verdict != EVENT_NO_VERDICT)
        return "a field occurs twice";
    for (int verdict = EVENT_RELEASE; verdict <= EVENT_DROP; verdict++) {
        size_t skip = strlen(words[verdict]);

        if (value.len <= skip || memcmp(value.s, words[verdict], skip) != 0 ||
            event_id_parse(value.s + skip, value.len - skip, &e->verdict_of) != 0)
            continue;
        e->verdict = (enum event_verdict)verdict;
        return NULL;
    }
    return EVENT_VERDICT_FIELD " is neither `release` nor `drop` and an id";
}

const char *
event_add(struct event *e, struct event_text name, struct event_text value)
{
    const char *why = NULL;

    if (event_text_is(name, EVENT_VERDICT_FIELD))
        return read_verdict(e, value);
    if (e->nfields == EVENT_FIELDS_MAX)
        why = EVENT_WHY_MANY;
    if (why == NULL)
        why = name_problem(e, name);
    if (why == NULL)
        why = value_problem(value);
    if (why != NULL)
        return why;
    e->name[e->nfields] = name;
    e->value[e->nfields] = value;
    e->nfields++;
    return NULL;
}

static const char *
read_fields(const struct redisReply *fields, struct event *e)
{
    if (fields->elements % 2 != 0)
        return "a field has no value";
    for (size_t i = 0; i < fields->elements; i += 2) {
        const char *why;

        if (!is_string(fields->element[i]) || !is_string(fields->element[i + 1]))
            return "not an entry of a stream";
        why = event_add(e, text_of(fields->element[i]), text_of(fields->element[i + 1]));
        if (why != NULL)
            return why;
    }
    return NULL;
}

/* --- what each type needs --------------------------------------------------------------------- */

static bool
is_state(const char *s, size_t len)
{
    static const char *const states[] = {"creator_joined", "all_players_joined", "in_progress",
                                         "ended"};
    struct event_text state = {s, len};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (event_text_is(state, states[i]))
            return true;
    return false;
}

struct need {
    const char *field; /* NULL ends a list */
    bool (*check)(const char *s, size_t len);
    const char *missing;
    const char *malformed;
};

#define NEEDS_MAX 4
/* clang-format off */
#define NEED_GAME \
    {"game_id", text_is_game_id, "game_id is missing", \
     "game_id is not 32 lower-case hexadecimal digits"}
#define NEED_NAME(field) \
    {field, text_is_name, field " is missing", \
     field " is not 1 to 128 bytes of UTF-8 without control characters"}
/* clang-format on */

static const struct type {
    const char *name;
    enum event_type type;
    struct need needs[NEEDS_MAX];
} types[] = {
    {"state_change",
     EVENT_STATE_CHANGE,
     {NEED_GAME,
      {"new_state", is_state, "new_state is missing",
       "new_state is none of creator_joined, all_players_joined, in_progress, ended"}}},
    {"player_connect", EVENT_PLAYER_CONNECT, {NEED_GAME, NEED_NAME("player_id")}},
    {"player_disconnect", EVENT_PLAYER_DISCONNECT, {NEED_GAME, NEED_NAME("player_id")}},
    {"game_removed", EVENT_GAME_REMOVED, {NEED_GAME}},
    {"game_over", EVENT_GAME_OVER, {NEED_GAME, NEED_NAME("winner_id"), NEED_NAME("loser_id")}},
    {"player_name", EVENT_PLAYER_NAME, {NEED_NAME("user_id"), NEED_NAME("username")}},
};

static const struct need placement_needs[NEEDS_MAX] = {NEED_GAME};
/* Events that no game of the lobby hangs on: a game's id need not be one of ours. */
static const struct need any_needs[NEEDS_MAX] = {NEED_NAME("event_id")};
static const struct need other_needs[NEEDS_MAX] = {NEED_NAME("game_id")};

static const char *
check_needs(const struct event *e, const struct need *needs, bool optional)
{
    for (const struct need *n = needs; n < needs + NEEDS_MAX && n->field != NULL; n++) {
        struct event_text value = event_field(e, n->field);

        if (value.s == NULL && optional)
            continue;
        if (value.s == NULL)
            return n->missing;
        if (!n->check(value.s, value.len))
            return n->malformed;
    }
    return NULL;
}

const char *
event_check(struct event *e)
{
    struct event_text product = event_field(e, "product_id");
    struct event_text type = event_field(e, "type");
    const char *why;

    if (product.s == NULL)
        return "product_id is missing";
    if (!text_is_product_id(product.s, product.len))
        return "product_id is malformed";
    e->product_id = product;
    e->game_id = event_field(e, "game_id");

    why = check_needs(e, any_needs, true);
    if (why != NULL)
        return why;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const struct need *needs = types[i].needs;

        if (!event_text_is(type, types[i].name))
            continue;
        e->type = types[i].type;
        if (e->type == EVENT_GAME_OVER && event_field(e, "placements").s != NULL)
            needs = placement_needs;
        return check_needs(e, needs, false);
    }
    return check_needs(e, other_needs, true);
}

/* --- decode and encode ------------------------------------------------------------------------ */

/* The product, wherever it stands: a dead letter belongs to it, whatever else is wrong. */
static void
find_product(const struct redisReply *fields, struct event *e)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        const struct redisReply *name = fields->element[i], *value = fields->element[i + 1];

        if (!is_string(name) || !event_text_is(text_of(name), "product_id"))
            continue;
        if (is_string(value) && text_is_product_id(value->str, value->len))
            e->product_id = text_of(value);
        return;
    }
}

static const char *
decode(const struct redisReply *entry, struct event *e)
{
    const struct redisReply *fields;
    const char *why;

    if (entry == NULL || entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
        !is_string(entry->element[0]))
        return "not an entry of a stream";
    if (event_id_parse(entry->element[0]->str, entry->element[0]->len, &e->id) == -1)
        return "the entry's id cannot be read";
    fields = entry->element[1];
    /* XREADGROUP and XAUTOCLAIM answer nil for the fields of what was deleted. */
    if (fields == NULL || fields->type != REDIS_REPLY_ARRAY)
        return "not an entry of a stream";
    find_product(fields, e);
    why = read_fields(fields, e);
    return why != NULL ? why : event_check(e);
}

int
event_decode(const struct redisReply *entry, struct event *e, const char **ret_why)
{
    const char *why;

    event_clear(e);
    why = decode(entry, e);
    if (why == NULL)
        return 0;
    *ret_why = why;
    return -1;
}

void
event_encode(struct redis_args *a, const char *stream, const char *const *names,
             const char *const *values, size_t n)
{
    redis_args_str(a, "XADD");
    redis_args_str(a, stream);
    redis_args_str(a, "*");
    for (size_t i = 0; i < n; i++) {
        if (names[i] == NULL || values[i] == NULL)
            continue;
        redis_args_str(a, names[i]);
        redis_args_str(a, values[i]);
    }
}
