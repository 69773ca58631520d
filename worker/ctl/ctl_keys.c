/* varcadectl keys: the keys with which a game's servers post events. A key is shown once, when it
 * is made. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/access/gamekey.h"
#include "lib/base/text.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/ctl/ctl.h"

#define HOUR_MS ((dur_ms)3600000)
#define OVERLAP_MAX 8760 /* hours: a year */
#define KEYS_MAX 100     /* of one game */
/* So long is known that a key was revoked; then it is forgotten, with the next new one. */
#define REVOKED_KEPT (30 * 24 * HOUR_MS)

/* All keys of the product: id, record, id, record …; NULL where they cannot be had. */
static struct redisReply *
read_keys(struct ctl *c, const char *product)
{
    struct redisReply *reply;
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "HGETALL");
    redis_args_printf(&a, KEY_KEYS, product);
    reply = ctl_redis_call(c, &a);
    if (reply != NULL && reply->type != REDIS_REPLY_ARRAY) {
        (void)ctl_fail("the keys cannot be read");
        freeReplyObject(reply);
        reply = NULL;
    }
    return reply;
}

static bool
read_record(const struct redisReply *keys, size_t i, struct gamekey_record *ret_record)
{
    return gamekey_read(keys->element[i + 1]->str, keys->element[i + 1]->len, ret_record) == 0;
}

static void
add_record(struct redis_args *a, const char *id, const struct gamekey_record *record)
{
    char text[GAMEKEY_RECORD_SIZE];

    redis_args_str(a, id);
    redis_args_add(a, text, gamekey_format(record, text));
}

/* What becomes of the other keys: those long revoked are forgotten; where rotate is true, the
 * others end after overlap. Returns how many stay. */
static size_t
add_others(struct redis_args *a, const struct redisReply *keys, bool rotate, dur_ms overlap)
{
    wall_ms now = clock_wall();
    struct gamekey_record record;
    size_t n = 0;

    for (size_t i = 0; i + 1 < keys->elements; i += 2) {
        if (!read_record(keys, i, &record) ||
            (record.revoked != 0 && record.revoked < now - REVOKED_KEPT)) {
            redis_args_str(a, keys->element[i]->str);
            redis_args_str(a, "");
            continue;
        }
        n++;
        if (rotate && (record.revoked == 0 || record.revoked > now + overlap)) {
            record.revoked = now + overlap;
            add_record(a, keys->element[i]->str, &record);
        }
    }
    return n;
}

static int
print_key(const struct ctl *c, const struct gamekey *key)
{
    struct buf out;

    buf_init(&out, 1024);
    if (c->json)
        buf_printf(&out, "{\"id\": \"%s\", \"key\": \"%s.%s\"}", key->id, key->id, key->secret);
    else
        buf_printf(&out, "%s.%s", key->id, key->secret);
    return ctl_print(&out);
}

/* The change goes through where Redis says OK. */
static int
finish(struct ctl *c, const char *product, const char *id, struct redis_args *a)
{
    struct redisReply *reply = ctl_redis_call(c, a);

    if (reply == NULL)
        return CTL_FAILED;
    freeReplyObject(reply);
    ctl_redis_log(c, product, id);
    return CTL_OK;
}

static void
begin(struct ctl *c, struct redis_args *a, const char *product, const char *id)
{
    ctl_redis_change(a, "keys_set", product);
    redis_args_key(a, KEY_KEYS, product);
    ctl_redis_who(c, a);
    redis_args_str(a, id);
}

/* A key for a game that there is none of would be a slip of the pen. */
static bool
is_served(const struct ctl *c, const char *id)
{
    struct product *product = ctl_product_load(c, id);

    product_free(product);
    return product != NULL;
}

static int
make_key(struct ctl *c, bool rotate, dur_ms overlap)
{
    struct gamekey_record record = {.created = clock_wall()};
    const char *product = ctl_product(c);
    struct redisReply *keys;
    struct redis_args a;
    struct gamekey key;
    int ret;

    if (product == NULL)
        return CTL_USAGE;
    if (!is_served(c, product))
        return CTL_FAILED;
    keys = read_keys(c, product);
    if (keys == NULL)
        return CTL_FAILED;
    gamekey_make(&key);
    gamekey_hash(&key, record.hash);
    begin(c, &a, product, key.id);
    if (add_others(&a, keys, rotate, overlap) < KEYS_MAX) {
        add_record(&a, key.id, &record);
        ret = finish(c, product, key.id, &a);
    } else {
        redis_args_free(&a);
        ret =
            ctl_fail("%s has %d keys: revoked ones are forgotten after 30 days", product, KEYS_MAX);
    }
    if (ret == CTL_OK)
        ret = print_key(c, &key);
    text_wipe(key.secret, sizeof(key.secret));
    freeReplyObject(keys);
    return ret;
}

int
ctl_keys_add(struct ctl *c)
{
    return make_key(c, false, 0);
}

int
ctl_keys_rotate(struct ctl *c)
{
    const char *text = ctl_option(c, "overlap");
    int64_t hours = 24;

    if (text != NULL && text_parse_int(text, strlen(text), 0, OVERLAP_MAX, &hours) != 0)
        return ctl_usage("--overlap: a number from 0 to %d", OVERLAP_MAX);
    return make_key(c, true, hours * HOUR_MS);
}

/* The record of the key with that id among all of them. */
static bool
find_key(const struct redisReply *keys, const char *id, struct gamekey_record *ret_record)
{
    for (size_t i = 0; i + 1 < keys->elements; i += 2)
        if (strcmp(keys->element[i]->str, id) == 0)
            return read_record(keys, i, ret_record);
    return false;
}

int
ctl_keys_revoke(struct ctl *c)
{
    const char *product = ctl_product(c), *id = c->args[1];
    struct gamekey_record record;
    struct redisReply *keys;
    struct redis_args a;
    int ret;

    if (product == NULL)
        return CTL_USAGE;
    keys = read_keys(c, product);
    if (keys == NULL)
        return CTL_FAILED;
    if (!find_key(keys, id, &record)) {
        ret = ctl_fail("%s has no key %s", product, id);
    } else if (!gamekey_counts(&record, clock_wall())) {
        ret = ctl_fail("the key %s was revoked before", id);
    } else {
        record.revoked = clock_wall();
        begin(c, &a, product, id);
        add_record(&a, id, &record);
        ret = finish(c, product, id, &a);
    }
    freeReplyObject(keys);
    return ret;
}

static void
add_time(struct buf *out, wall_ms t, bool json)
{
    char text[CLOCK_RFC3339_SIZE];

    clock_format_rfc3339(t, text);
    if (t == 0)
        buf_str(out, json ? "null" : "-");
    else
        buf_printf(out, json ? "\"%s\"" : "%s", text);
}

int
ctl_keys_list(struct ctl *c)
{
    const char *product = ctl_product(c), *between = c->json ? ",\n " : "\n";
    wall_ms now = clock_wall();
    struct redisReply *keys;
    struct buf out;
    size_t n = 0;

    if (product == NULL)
        return CTL_USAGE;
    keys = ctl_redis_knows(c, product) ? read_keys(c, product) : NULL;
    if (keys == NULL)
        return CTL_FAILED;
    buf_init(&out, (size_t)1 << 20);
    buf_str(&out, c->json ? "[" : "");
    for (size_t i = 0; i + 1 < keys->elements; i += 2) {
        struct gamekey_record record;
        const char *id = keys->element[i]->str;

        if (!read_record(keys, i, &record))
            continue;
        buf_str(&out, n++ > 0 ? between : "");
        buf_printf(&out, c->json ? "{\"id\": \"%s\", \"created\": " : "%s  created ", id);
        add_time(&out, record.created, c->json);
        buf_str(&out, c->json ? ", \"revoked\": " : "  revoked ");
        add_time(&out, record.revoked, c->json);
        buf_printf(&out, c->json ? ", \"counts\": %s}" : "  counts %s",
                   gamekey_counts(&record, now) ? (c->json ? "true" : "yes")
                                                : (c->json ? "false" : "no"));
    }
    buf_str(&out, c->json ? "]" : "");
    freeReplyObject(keys);
    if (n == 0 && !c->json)
        return CTL_OK;
    return ctl_print(&out);
}
