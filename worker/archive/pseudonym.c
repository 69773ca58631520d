/* Players' names in events: see pseudonym.h. */
#include "worker/archive/pseudonym.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/text.h"
#include "lib/rules/event.h"
#include "lib/rules/rules.h"
#include "worker/archive/archive.h"

#define RANDOM_BYTES 8
#define QUOTED_MAX 1024 /* an id as JSON, each byte of it escaped */

void
pseudonym_make(char out[static PSEUDONYM_SIZE])
{
    char digits[2 * RANDOM_BYTES + 1];

    text_random_hex(digits, RANDOM_BYTES);
    (void)snprintf(out, PSEUDONYM_SIZE, "erased-%s", digits);
}

/* The next place from `at` where the text has the quoted one; NULL: there is none. */
static const char *
find_quoted(const char *at, const char *end, const struct buf *quoted)
{
    return buf_ok(quoted) ? memmem(at, (size_t)(end - at), quoted->data, quoted->len) : NULL;
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
    struct buf quoted;
    bool found = false;

    buf_init(&quoted, QUOTED_MAX);
    buf_json_string(&quoted, user, strlen(user));
    for (size_t i = 0; i + 1 < fields->elements && !found; i += 2) {
        const struct redisReply *value = fields->element[i + 1];
        struct event_text text = {value->str, value->len};

        found = is_player(rules, fields->element[i]) &&
                (event_text_is(text, user) ||
                 find_quoted(value->str, value->str + value->len, &quoted) != NULL);
    }
    buf_free(&quoted);
    return found;
}

/* A list of players, with the other one in it. */
static void
replace_quoted(const struct redisReply *value, const struct buf *quoted, const char *other,
               struct buf *out)
{
    const char *at = value->str, *end = at + value->len, *found;

    while ((found = find_quoted(at, end, quoted)) != NULL) {
        buf_add(out, at, (size_t)(found - at));
        buf_json_string(out, other, strlen(other));
        at = found + quoted->len;
    }
    buf_add(out, at, (size_t)(end - at));
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
    struct buf quoted, text;
    struct event_id id;

    if (!archive_entry_id(entry, &id))
        return;
    buf_init(&quoted, QUOTED_MAX);
    buf_init(&text, ARCHIVE_MEMBER_MAX);
    buf_json_string(&quoted, user, strlen(user));
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
            replace_quoted(value, &quoted, other, &text);
        else
            buf_add(&text, value->str, value->len);
        archive_entry_value(out, text.data != NULL ? text.data : "", text.len);
    }
    buf_free(&quoted);
    buf_free(&text);
}
