/*
 * Texts of players that the worker reads, changes and writes: ratings, what there was between two
 * players, names. As with figures, each stands once in the batch, however many events touch it.
 *
 * What is in one key is a ledger, one field of it a record; the kind says what its text means.
 */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/redis/keys.h"
#include "lib/redis/redis.h"
#include "lib/rules/match.h"
#include "lib/rules/rating_rule.h"
#include "worker/batch/batch.h"
#include "worker/batch/batch_private.h"
#include "worker/mem.h"

_Static_assert(RATING_RULE_TEXT_SIZE >= MATCH_TALLY_SIZE, "a record's text fits");

/* How the two tables name things: this, the player, then the record's field. A ledger's name is
 * the start of its records' names. */
struct name_head {
    uint64_t kind;
    size_t player_len; /* keeps `ab`+`c` and `a`+`bc` apart */
};

static size_t
make_name(struct batch *b, enum ledger_kind kind, struct event_text player, struct event_text field)
{
    struct name_head head = {.kind = kind, .player_len = player.len};
    size_t len = sizeof(head) + player.len + field.len;

    b->name = mem_grow(b->name, &b->name_cap, len, 1);
    memcpy(b->name, &head, sizeof(head));
    memcpy(b->name + sizeof(head), player.s, player.len);
    memcpy(b->name + sizeof(head) + player.len, field.s, field.len);
    return len;
}

static char *
make_key(struct batch *b, enum ledger_kind kind, const char *player)
{
    char *key, *copy;
    int len;

    switch (kind) {
    case LEDGER_RATINGS:
        len = asprintf(&key, KEYG_PLAYER, b->product_id, b->generation.s, player);
        break;
    case LEDGER_VERSUS:
        len = asprintf(&key, KEYG_VERSUS, b->product_id, b->generation.s, player);
        break;
    case LEDGER_NAMES:
    default:
        len = asprintf(&key, KEY_NAMES, b->product_id);
        break;
    }
    if (len < 0)
        mem_out();
    copy = mem_arena_copy(&b->arena, key, (size_t)len);
    free(key);
    return copy;
}

/* The ledger whose name is the first bytes of b->name. */
static struct ledger *
find_ledger(struct batch *b, enum ledger_kind kind, struct event_text player)
{
    size_t len = sizeof(struct name_head) + player.len;
    struct ledger *ledger;

    HASH_FIND(hh, b->ledgers_by_name, b->name, len, ledger);
    if (ledger != NULL)
        return ledger;
    ledger = mem_arena_alloc(&b->arena, sizeof(*ledger));
    ledger->kind = kind;
    ledger->key = make_key(b, kind, player.s);
    ledger->tail = &ledger->records;
    HASH_ADD_KEYPTR(hh, b->ledgers_by_name, mem_arena_copy(&b->arena, b->name, len), len, ledger);
    b->ledgers = mem_grow(b->ledgers, &b->ledgers_cap, b->nledgers + 1, sizeof(*b->ledgers));
    b->ledgers[b->nledgers++] = ledger;
    return ledger;
}

struct record *
batch_ledgers_find(struct batch *b, enum ledger_kind kind, struct event_text player,
                   struct event_text field)
{
    size_t len = make_name(b, kind, player, field);
    struct ledger *ledger;
    struct record *record;

    HASH_FIND(hh, b->records_by_name, b->name, len, record);
    if (record != NULL)
        return record;
    ledger = find_ledger(b, kind, player);
    record = mem_arena_alloc(&b->arena, sizeof(*record));
    record->field = field;
    HASH_ADD_KEYPTR(hh, b->records_by_name, mem_arena_copy(&b->arena, b->name, len), len, record);
    *ledger->tail = record;
    ledger->tail = &record->next;
    ledger->nrecords++;
    return record;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void
add_field(const struct ledger *ledger, const struct record *record, struct redis_args *a)
{
    if (ledger->kind == LEDGER_RATINGS)
        redis_args_printf(a, KEYS_PLAYER_RATING, record->field.s);
    else
        redis_args_add(a, record->field.s, record->field.len);
}

void
batch_ledgers_read_command(const struct batch *b, size_t i, struct redis_args *a)
{
    const struct ledger *ledger = b->ledgers[i];

    redis_args_str(a, "HMGET");
    redis_args_str(a, ledger->key);
    for (const struct record *r = ledger->records; r != NULL; r = r->next)
        add_field(ledger, r, a);
}

/* Whether the text is one of its kind; then it is in the record. */
static bool
take_text(const struct ledger *ledger, struct record *r, const struct redisReply *text)
{
    if (text->type != REDIS_REPLY_STRING)
        return false;
    if (ledger->kind == LEDGER_RATINGS)
        return rating_rule_parse(r->rule, text->str, text->len, &r->rating) == 0;
    if (ledger->kind == LEDGER_VERSUS)
        return match_tally_parse(text->str, text->len, &r->tally) == 0;
    return true; /* a name is overwritten, whatever it was */
}

int
batch_ledgers_read_reply(struct batch *b, size_t i, const struct redisReply *reply)
{
    struct ledger *ledger = b->ledgers[i];
    size_t n = 0;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != ledger->nrecords)
        return -1;
    for (struct record *r = ledger->records; r != NULL; r = r->next) {
        const struct redisReply *text = reply->element[n++];

        if (text->type != REDIS_REPLY_NIL)
            r->broken = !take_text(ledger, r, text);
    }
    return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Names are written with their index, by an operation of their own. */
static bool
is_hash(const struct ledger *ledger)
{
    return ledger->kind != LEDGER_NAMES;
}

static size_t
count_changed(const struct ledger *ledger)
{
    size_t n = 0;

    for (const struct record *r = ledger->records; r != NULL; r = r->next)
        n += r->changed;
    return n;
}

size_t
batch_ledgers_add_keys(const struct batch *b, struct redis_args *a)
{
    size_t keys = 0;

    for (size_t i = 0; i < b->nledgers; i++) {
        if (!is_hash(b->ledgers[i]) || count_changed(b->ledgers[i]) == 0)
            continue;
        redis_args_key(a, "%s", b->ledgers[i]->key);
        keys++;
    }
    return keys;
}

static void
add_text(const struct ledger *ledger, const struct record *r, struct redis_args *a)
{
    char text[RATING_RULE_TEXT_SIZE];

    if (ledger->kind == LEDGER_RATINGS)
        redis_args_add(a, text, rating_rule_format(r->rule, &r->rating, text));
    else
        redis_args_add(a, text, match_tally_format(&r->tally, text));
}

void
batch_ledgers_add_hashes(const struct batch *b, size_t key, struct redis_args *a)
{
    for (size_t i = 0; i < b->nledgers; i++) {
        const struct ledger *ledger = b->ledgers[i];
        size_t n = count_changed(ledger);

        if (!is_hash(ledger) || n == 0)
            continue;
        redis_args_int(a, (int64_t)key++);
        redis_args_int(a, (int64_t)n);
        for (const struct record *r = ledger->records; r != NULL; r = r->next)
            if (r->changed) {
                add_field(ledger, r, a);
                add_text(ledger, r, a);
            }
    }
}

/* The names that change, all of them in one ledger; NULL for none. */
static const struct ledger *
find_names(const struct batch *b)
{
    for (size_t i = 0; i < b->nledgers; i++)
        if (b->ledgers[i]->kind == LEDGER_NAMES && count_changed(b->ledgers[i]) > 0)
            return b->ledgers[i];
    return NULL;
}

bool
batch_changes_names(const struct batch *b)
{
    return find_names(b) != NULL;
}

void
batch_ledgers_add_names_keys(const struct batch *b, struct redis_args *a)
{
    if (find_names(b) == NULL)
        return;
    redis_args_key(a, KEY_NAMES, b->product_id);
    redis_args_key(a, KEY_BYNAME, b->product_id);
}

void
batch_ledgers_add_names(const struct batch *b, size_t key, struct redis_args *a)
{
    const struct ledger *names = find_names(b);

    if (names == NULL)
        return;
    redis_args_str(a, "names");
    redis_args_int(a, (int64_t)key);
    redis_args_int(a, (int64_t)key + 1);
    redis_args_int(a, (int64_t)count_changed(names));
    for (const struct record *r = names->records; r != NULL; r = r->next)
        if (r->changed) {
            redis_args_add(a, r->field.s, r->field.len);
            redis_args_add(a, r->name.s, r->name.len);
        }
}
