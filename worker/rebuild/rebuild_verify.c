/*
 * Comparing two generations: key by key, each by a digest of its elements that does not depend on
 * their order, read a few at a time. First while all goes on; what differs then may only have moved
 * in between, so it is compared once more while the worker is held, both being at the same event.
 *
 * Left out is what nobody asks for any more and each removes in its own time: past windows, events
 * of more than a day ago in `seen`, minutes that are over in `pace`.
 */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/text.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/ctl/ctl.h"
#include "worker/ctl/ctl_scan.h"
#include "worker/past.h"
#include "worker/rebuild/rebuild.h"

#define COUNT "1000"
#define AT_ONCE ((size_t)256) /* keys that are read in one write */
#define DAY_MS 86400000
#define MINUTE_MS 60000
#define PACE_EVENTS 2097152 /* worker/batch/batch_bounds.c */
#define CURSOR 48
#define SCORE_SIZE 64 /* a place, a colon and a score */

struct digest {
    uint64_t sum[2];
    int64_t elements;
};

/* What is compared: a key of both generations by what stands behind the generation. */
struct compared {
    struct rebuild *r;
    const struct generation *generation; /* the one that is read */
    const char *name;
    wall_ms now;
};

/* --- digests ---------------------------------------------------------------------------------- */

static uint64_t
mix(uint64_t h)
{
    h ^= h >> 30;
    h *= UINT64_C(0xbf58476d1ce4e5b9);
    h ^= h >> 27;
    h *= UINT64_C(0x94d049bb133111eb);
    return h ^ h >> 31;
}

/* FNV-1a over an element's parts, with their lengths. */
static void
add_element(struct digest *d, const struct event_text *part, size_t n)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < part[i].len; j++)
            h = (h ^ (unsigned char)part[i].s[j]) * UINT64_C(1099511628211);
        h = mix(h ^ part[i].len);
    }
    d->sum[0] += h;
    d->sum[1] += mix(h + 1);
    d->elements++;
}

static bool
is_name(const struct compared *k, const char *name)
{
    return strcmp(k->name, name) == 0;
}

static bool
begins(const char *s, const char *head)
{
    return strncmp(s, head, strlen(head)) == 0;
}

static bool
ends(const char *s, const char *tail)
{
    size_t n = strlen(s), m = strlen(tail);

    return n >= m && strcmp(s + n - m, tail) == 0;
}

/* How much of an element is compared. When a window ends follows from its name; of a season that
 * was ended by hand what is stored may be from before. */
static size_t
parts(const struct compared *k)
{
    return is_name(k, "windows") ? 1 : 2;
}

/* Whether an element of a sorted set is compared; the name of a window without its generation. */
static bool
counts(const struct compared *k, struct event_text *member, const struct redisReply *score)
{
    const struct product *product = k->r->product;
    size_t skip = strlen(product->id) + strlen("{}:") + strlen(k->generation->s);
    double v;

    if (is_name(k, "windows")) {
        if (past_is_gone(product, k->generation, member->s, member->len, k->now))
            return false;
        if (member->len > skip) {
            member->s += skip;
            member->len -= skip;
        }
        return true;
    }
    if (text_parse_double(score->str, score->len, &v) < 0)
        return true;
    if (is_name(k, "seen"))
        return v > (double)(k->now - DAY_MS);
    return !is_name(k, "pace") || v >= (double)(k->now / MINUTE_MS) * PACE_EVENTS;
}

/* A score as text, `<score>` or `<place>:<score>`, into out, with the score in one form: Redis and
 * the batch write the same number in different ones. */
static struct event_text
one_form(const struct redisReply *text, char out[static SCORE_SIZE])
{
    const char *colon = memrchr(text->str, ':', text->len);
    size_t place = colon != NULL ? (size_t)(colon + 1 - text->str) : 0;
    double score;

    if (place + TEXT_DOUBLE_SIZE > SCORE_SIZE ||
        text_parse_double(text->str + place, text->len - place, &score) < 0)
        return (struct event_text){text->str, text->len};
    memcpy(out, text->str, place);
    return (struct event_text){out, place + text_format_double(score, out + place)};
}

/* HSCAN or ZSCAN: one page; the cursor is moved on. */
static bool
take_pairs(const struct compared *k, bool scored, const struct redisReply *reply,
           char cursor[static CURSOR], struct digest *d)
{
    const struct redisReply *pairs;

    if (reply->elements != 2 || reply->element[0]->len >= CURSOR)
        return false;
    (void)snprintf(cursor, CURSOR, "%s", reply->element[0]->str);
    pairs = reply->element[1];
    for (size_t i = 0; i + 1 < pairs->elements; i += 2) {
        char text[SCORE_SIZE];
        struct event_text part[2] = {{pairs->element[i]->str, pairs->element[i]->len},
                                     {pairs->element[i + 1]->str, pairs->element[i + 1]->len}};

        if (!scored && (ends(k->name, KEYS_HIDDEN) || ends(k->name, KEYS_MEMBERS)))
            part[1] = one_form(pairs->element[i + 1], text);

        if (!scored || counts(k, &part[0], pairs->element[i + 1]))
            add_element(d, part, parts(k));
    }
    return true;
}

/* LRANGE: all of it, each with its place. */
static bool
take_list(const struct redisReply *reply, struct digest *d)
{
    for (size_t i = 0; i < reply->elements; i++) {
        char place[24];
        int len = snprintf(place, sizeof(place), "%zu", i);
        struct event_text part[2] = {{place, (size_t)len},
                                     {reply->element[i]->str, reply->element[i]->len}};

        add_element(d, part, 2);
    }
    return true;
}

/* XRANGE: one page; the cursor is the last id. */
static bool
take_entries(const struct redisReply *reply, char cursor[static CURSOR], struct digest *d)
{
    (void)snprintf(cursor, CURSOR, "0");
    for (size_t i = 0; i < reply->elements; i++) {
        const struct redisReply *entry = reply->element[i];

        for (size_t j = 0; j + 1 < entry->element[1]->elements; j += 2) {
            const struct redisReply *name = entry->element[1]->element[j];
            const struct redisReply *value = entry->element[1]->element[j + 1];
            struct event_text part[3] = {{entry->element[0]->str, entry->element[0]->len},
                                         {name->str, name->len},
                                         {value->str, value->len}};

            add_element(d, part, 3);
        }
        (void)snprintf(cursor, CURSOR, "(%s", entry->element[0]->str);
    }
    return true;
}

enum form { HASH, SET, LIST, STREAM };

static enum form
form_of(const char *name)
{
    bool board = begins(name, "board:");

    if (strcmp(name, "quarantine") == 0)
        return STREAM;
    if (begins(name, "matches:") || begins(name, "history:"))
        return LIST;
    if (begins(name, "stats:") || begins(name, "player:") || begins(name, "versus:") ||
        (board && (ends(name, KEYS_COUNTS) || ends(name, KEYS_MEMBERS) || ends(name, KEYS_HIDDEN))))
        return HASH;
    return SET;
}

static void
page_command(const struct compared *k, enum form form, const char *cursor, struct redis_args *a)
{
    static const char *const commands[] = {
        [HASH] = "HSCAN", [SET] = "ZSCAN", [LIST] = "LRANGE", [STREAM] = "XRANGE"};
    bool first = strcmp(cursor, "0") == 0;

    redis_args_init(a);
    redis_args_str(a, commands[form]);
    redis_args_printf(a, "{%s}:%s:%s", k->r->product->id, k->generation->s, k->name);
    redis_args_str(a, form == STREAM && first ? "-" : cursor);
    if (form == LIST)
        redis_args_str(a, "-1");
    if (form == STREAM)
        redis_args_str(a, "+");
    if (form != LIST) {
        redis_args_str(a, "COUNT");
        redis_args_str(a, COUNT);
    }
}

static bool
take_page(const struct compared *k, enum form form, const struct redisReply *reply,
          char cursor[static CURSOR], struct digest *d)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        return false;
    if (form == LIST)
        return take_list(reply, d);
    if (form == STREAM)
        return take_entries(reply, cursor, d);
    return take_pairs(k, form == SET, reply, cursor, d);
}

/* A key in both generations, as far as it is read. */
struct pair {
    const char *name;
    struct digest d[2];
    char cursor[2][CURSOR];
};

static struct compared
side(struct rebuild *r, const struct pair *pair, size_t i, wall_ms now)
{
    return (struct compared){
        .r = r, .generation = i == 0 ? &r->live : &r->own, .name = pair->name, .now = now};
}

static bool
take_side(struct rebuild *r, struct pair *pair, size_t i, wall_ms now,
          const struct redisReply *reply)
{
    struct compared k = side(r, pair, i, now);

    if (take_page(&k, form_of(pair->name), reply, pair->cursor[i], &pair->d[i]))
        return true;
    (void)ctl_fail("%s cannot be read", pair->name);
    return false;
}

/* What the first page had no room for. */
static bool
read_rest(struct rebuild *r, struct pair *pair, size_t i, wall_ms now)
{
    struct compared k = side(r, pair, i, now);
    bool good = true;

    while (good && strcmp(pair->cursor[i], "0") != 0) {
        struct redisReply *reply;
        struct redis_args a;

        page_command(&k, form_of(pair->name), pair->cursor[i], &a);
        reply = ctl_redis_call(r->c, &a);
        good = reply != NULL && take_side(r, pair, i, now, reply);
        if (reply != NULL)
            freeReplyObject(reply);
    }
    return good;
}

static bool
is_same(const struct pair *pair)
{
    return pair->d[0].sum[0] == pair->d[1].sum[0] && pair->d[0].sum[1] == pair->d[1].sum[1] &&
           pair->d[0].elements == pair->d[1].elements;
}

/* Some keys at a time: their first pages in one write, and most have no second. Those that differ
 * go to differ. */
static bool
compare_some(struct rebuild *r, const char *const *names, size_t n, wall_ms now,
             struct ctl_names *differ)
{
    struct pair pairs[AT_ONCE];
    struct ctl_call calls[2 * AT_ONCE];
    bool good;

    for (size_t i = 0; i < 2 * n; i++) {
        struct pair *pair = &pairs[i / 2];
        struct compared k;

        if (i % 2 == 0)
            *pair = (struct pair){.name = names[i / 2], .cursor = {"0", "0"}};
        k = side(r, pair, i % 2, now);
        page_command(&k, form_of(pair->name), "0", &calls[i].a);
    }
    good = n == 0 || ctl_redis_pipeline(r->c, calls, 2 * n);
    for (size_t i = 0; i < 2 * n; i++) {
        good = good && take_side(r, &pairs[i / 2], i % 2, now, calls[i].reply);
        if (calls[i].reply != NULL)
            freeReplyObject(calls[i].reply);
    }
    for (size_t i = 0; good && i < n; i++) {
        good = read_rest(r, &pairs[i], 0, now) && read_rest(r, &pairs[i], 1, now);
        if (good && !is_same(&pairs[i]))
            ctl_scan_add(differ, names[i]);
    }
    return good;
}

/* --- all keys --------------------------------------------------------------------------------- */

/* What stands behind the generation in a key that is compared; NULL: it is not. */
static const char *
name_of(const struct rebuild *r, const struct generation *generation, const char *key, wall_ms now)
{
    const char *name = key + strlen(r->product->id) + strlen("{}::") + strlen(generation->s);
    size_t len = strlen(key);

    if (strcmp(name, "checkpoint") == 0 || strcmp(name, "position") == 0)
        return NULL;
    /* What is beside a board is as past as the board. */
    if (begins(name, "board:")) {
        const char *colon = strchr(name + strlen("board:"), ':');
        const char *beside = colon != NULL ? strchr(colon + 1, ':') : NULL;

        if (beside != NULL)
            len = (size_t)(beside - key);
        if (past_is_gone(r->product, generation, key, len, now))
            return NULL;
    }
    return name;
}

/* One page of keys of a generation: those that differ, into names. */
static bool
compare_page(struct rebuild *r, const struct generation *generation, char cursor[static CURSOR],
             wall_ms now, struct ctl_names *names)
{
    const char *some[AT_ONCE];
    struct redisReply *reply;
    struct redis_args a;
    bool good = true;
    size_t n = 0;

    redis_args_init(&a);
    redis_args_str(&a, "SCAN");
    redis_args_str(&a, cursor);
    redis_args_str(&a, "MATCH");
    redis_args_printf(&a, "{%s}:%s:*", r->product->id, generation->s);
    redis_args_str(&a, "COUNT");
    redis_args_str(&a, COUNT);
    reply = ctl_redis_call(r->c, &a);
    if (reply == NULL)
        return false;
    (void)snprintf(cursor, CURSOR, "%s", reply->element[0]->str);
    for (size_t i = 0; good && i < reply->element[1]->elements; i++) {
        some[n] = name_of(r, generation, reply->element[1]->element[i]->str, now);
        n += some[n] != NULL;
        if (n < AT_ONCE)
            continue;
        good = compare_some(r, some, n, now, names);
        n = 0;
    }
    good = good && compare_some(r, some, n, now, names);
    freeReplyObject(reply);
    rebuild_progress(r);
    return good;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Those that differed, once more, at one event. */
static bool
compare_again(struct rebuild *r, struct ctl_names *names, struct buf *out, size_t *ret_n)
{
    struct ctl_names differ = {.n = 0};
    const char *before = "";
    mono_ms held = 0;
    bool good = true;

    if (names->n > 0)
        qsort(names->name, names->n, sizeof(*names->name), compare_names);
    for (size_t i = 0; good && i < names->n; i++) {
        if (strcmp(names->name[i], before) == 0)
            continue;
        before = names->name[i];
        if (held == 0 || clock_mono() - held > REBUILD_HOLD / 4) {
            good = rebuild_hold(r);
            held = clock_mono();
        }
        good = good && compare_some(r, &before, 1, event_id_time(r->read), &differ);
    }
    for (size_t i = 0; good && i < differ.n; i++)
        buf_printf(out, "%s\n", differ.name[i]);
    *ret_n = differ.n;
    ctl_scan_free(&differ);
    return good;
}

bool
rebuild_verify(struct rebuild *r, struct buf *out, size_t *ret_n)
{
    const struct generation *generations[2] = {&r->live, &r->own};
    struct ctl_names names = {.n = 0};
    bool good = rebuild_drop_past(r, event_id_time(r->read));

    for (size_t i = 0; good && i < 2; i++) {
        char cursor[CURSOR] = "0";

        do
            good = compare_page(r, generations[i], cursor, event_id_time(r->read), &names);
        while (good && strcmp(cursor, "0") != 0);
    }
    good = good && compare_again(r, &names, out, ret_n);
    rebuild_release(r);
    ctl_scan_free(&names);
    return good;
}
