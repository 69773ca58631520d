/* Players' names in events: see pseudonym.h. */
#include "worker/archive/pseudonym.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/text.h"
#include "lib/rules/match.h"
#include "lib/rules/rules.h"
#include "worker/archive/archive.h"

#define RANDOM_BYTES 8

void
pseudonym_make(char out[static PSEUDONYM_SIZE])
{
    char digits[2 * RANDOM_BYTES + 1];

    text_random_hex(digits, RANDOM_BYTES);
    (void)snprintf(out, PSEUDONYM_SIZE, "erased-%s", digits);
}

/* The first string of a JSON text from *at on that is the player, as match_next_string() has it. */
static const char *
find_player(const char **at, const char *end, const char *user)
{
    char text[TEXT_USER_ID_MAX + 1];
    const char *quote;
    size_t len;

    do
        quote = match_next_string(at, end, text, &len);
    while (quote != NULL && !event_text_is((struct event_text){text, len}, user));
    return quote;
}

bool
pseudonym_is_in(struct event_text value, const char *user)
{
    const char *at = value.s;

    return event_text_is(value, user) || find_player(&at, value.s + value.len, user) != NULL;
}

static bool
is_player(const struct rules *rules, const struct redisReply *name)
{
    return rules_field_is_player(rules, name->str, name->len);
}

bool
pseudonym_names(const struct rules *rules, const struct redisReply *entry, const char *user)
{
    const struct redisReply *fields = entry->element[1];
    bool found = false;

    for (size_t i = 0; i + 1 < fields->elements && !found; i += 2) {
        const struct redisReply *value = fields->element[i + 1];

        found = is_player(rules, fields->element[i]) &&
                pseudonym_is_in((struct event_text){value->str, value->len}, user);
    }
    return found;
}

/* A list of players, with the other one in it. */
static void
replace_strings(const struct redisReply *value, const char *user, const char *other,
                struct buf *out)
{
    const char *at = value->str, *end = at + value->len, *done = at, *found;

    while ((found = find_player(&at, end, user)) != NULL) {
        buf_add(out, done, (size_t)(found - done));
        buf_json_string(out, other, strlen(other));
        done = at;
    }
    buf_add(out, done, (size_t)(end - done));
}

static bool
is_user_of(const struct redisReply *fields, const char *user)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        struct event_text name = {fields->element[i]->str, fields->element[i]->len};
        struct event_text value = {fields->element[i + 1]->str, fields->element[i + 1]->len};

        if (event_text_is(name, "user_id"))
            return event_text_is(value, user);
    }
    return false;
}

void
pseudonym_replace(const struct rules *rules, const struct redisReply *entry, const char *user,
                  const char *other, struct buf *out)
{
    const struct redisReply *fields = entry->element[1];
    bool own = is_user_of(fields, user);
    struct buf text;
    struct event_id id;

    if (!archive_entry_id(entry, &id))
        return;
    buf_init(&text, ARCHIVE_MEMBER_MAX);
    archive_entry_begin(out, id, fields->elements);
    for (size_t i = 0; i < fields->elements; i++) {
        const struct redisReply *value = fields->element[i];
        const struct redisReply *name = i % 2 == 1 ? fields->element[i - 1] : NULL;
        struct event_text whole = {value->str, value->len};

        buf_reset(&text);
        if (name != NULL && ((is_player(rules, name) && event_text_is(whole, user)) ||
                             (own && strcmp(name->str, "username") == 0)))
            buf_str(&text, other);
        else if (name != NULL && is_player(rules, name))
            replace_strings(value, user, other, &text);
        else
            buf_add(&text, value->str, value->len);
        archive_entry_value(out, text.data != NULL ? text.data : "", text.len);
    }
    buf_free(&text);
}
