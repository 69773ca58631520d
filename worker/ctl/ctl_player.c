/* varcadectl export player, erase: all that is kept about one player. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/product/generation.h"
#include "lib/redis/keys.h"
#include "worker/archive/pseudonym.h"
#include "worker/ctl/ctl.h"
#include "worker/ctl/ctl_scan.h"
#include "worker/position.h"

/* The player's own keys: all that lib/redis/keys.h has by user id, and KEYG_HISTORY for each board.
 * The first HASHES are hashes, and then come lists. */
static const char *const own_keys[] = {KEYG_STATS, KEYG_PLAYER, KEYG_VERSUS, KEYG_MATCHES};
#define HASHES 3
#define RATING_HEAD "r:" /* of a field of KEYG_PLAYER: a board follows */
#define OWN_KEYS (sizeof(own_keys) / sizeof(own_keys[0]))

/* `COMMAND {product}:…:<user> ARGUMENT`; argument NULL: none. */
static struct redisReply *
ask(struct ctl *c, const char *command, const char *key, const char *argument)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, command);
    redis_args_str(&a, key);
    if (argument != NULL)
        redis_args_str(&a, argument);
    return ctl_redis_call(c, &a);
}

/* format: KEYG_ of a player's. */
static void
make_key(struct buf *key, const char *format, const struct ctl_player *p)
{
    buf_reset(key);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    buf_printf(key, format, p->product, p->generation.s, p->user);
#pragma GCC diagnostic pop
}

/* The course of the player's ratings on the board whose name ends at a colon or with the text. */
static void
make_history(struct buf *key, const struct ctl_player *p, const char *board)
{
    buf_reset(key);
    buf_printf(key, "{%s}:%s:history:%s:%.*s", p->product, p->generation.s, p->user,
               (int)strcspn(board, ":"), board);
}

/* The boards on which the player has a rating, whether they have a window at present or not. */
static bool
find_rated(struct ctl *c, const struct ctl_player *p, struct ctl_names *rated)
{
    struct redisReply *fields;
    struct buf key;

    buf_init(&key, 1024);
    make_key(&key, KEYG_PLAYER, p);
    fields = ask(c, "HKEYS", key.data, NULL);
    buf_free(&key);
    if (fields == NULL)
        return false;
    for (size_t i = 0; i < fields->elements; i++)
        if (strncmp(fields->element[i]->str, RATING_HEAD, strlen(RATING_HEAD)) == 0)
            ctl_scan_add(rated, fields->element[i]->str + strlen(RATING_HEAD));
    freeReplyObject(fields);
    return true;
}

/* --- erase ------------------------------------------------------------------------------------ */

/* The keys that have something of the player, in the order of the function `erase`: the pace, his
 * own, hashes with a field of his, boards. Returns how many are his own. */
static int64_t
add_keys(struct redis_args *a, const struct ctl_player *p, const struct redisReply *opponents,
         const struct ctl_names *boards, const struct ctl_names *rated)
{
    struct buf key;

    redis_args_key(a, KEYG_PACE, p->product, p->generation.s);
    buf_init(&key, 1024);
    for (size_t i = 0; i < OWN_KEYS; i++) {
        make_key(&key, own_keys[i], p);
        redis_args_key(a, "%s", key.data);
    }
    for (size_t i = 0; i < boards->n; i++) {
        make_history(&key, p, ctl_scan_name(p, boards->name[i]));
        redis_args_key(a, "%s", key.data);
    }
    for (size_t i = 0; i < rated->n; i++) {
        make_history(&key, p, rated->name[i]);
        redis_args_key(a, "%s", key.data);
    }
    for (size_t i = 0; i < opponents->elements; i++)
        redis_args_key(a, KEYG_VERSUS, p->product, p->generation.s, opponents->element[i]->str);
    for (size_t i = 0; i < boards->n; i++) {
        redis_args_key(a, "%s", boards->name[i]);
        redis_args_key(a, "%s" KEYS_SCORES, boards->name[i]);
        redis_args_key(a, "%s" KEYS_COUNTS, boards->name[i]);
        redis_args_key(a, "%s" KEYS_MEMBERS, boards->name[i]);
        redis_args_key(a, "%s" KEYS_HIDDEN, boards->name[i]);
    }
    buf_free(&key);
    return (int64_t)(OWN_KEYS + boards->n + rated->n);
}

/* Whom the player has met. */
static struct redisReply *
ask_opponents(struct ctl *c, const struct ctl_player *p)
{
    struct redisReply *opponents;
    struct buf key;

    buf_init(&key, 1024);
    make_key(&key, KEYG_VERSUS, p);
    opponents = ask(c, "HKEYS", key.data, NULL);
    buf_free(&key);
    return opponents;
}

/* One call of the function `erase`, on what there is now; the first one is told in the audit
 * whatever it finds. Returns the keys that had something; NULL with *ret_again true where the
 * player had another opponent meanwhile, or the figures are others. */
static struct redisReply *
erase_once(struct ctl *c, struct ctl_player *p, bool first, bool *ret_again)
{
    const char *product = p->product;
    struct redisReply *opponents, *reply = NULL;
    struct ctl_names boards = {.n = 0}, rated = {.n = 0};
    struct redis_args a;
    int64_t own;

    *ret_again = false;
    if (!ctl_generation(c, product, &p->generation))
        return NULL;
    opponents = ask_opponents(c, p);
    if (opponents == NULL || !ctl_scan_boards(c, p, &boards) || !find_rated(c, p, &rated))
        goto out;
    ctl_redis_change(&a, "erase", product);
    redis_args_key(&a, KEY_CHECKPOINT, product, c->conf->stream_name);
    redis_args_key(&a, KEY_POSITION, product, c->conf->stream_name);
    redis_args_key(&a, KEY_GENERATIONS, product);
    redis_args_key(&a, KEY_GENERATION, product);
    redis_args_key(&a, KEYG_VERSUS, product, p->generation.s, p->user);
    redis_args_key(&a, KEY_NAMES, product);
    redis_args_key(&a, KEY_BYNAME, product);
    own = add_keys(&a, p, opponents, &boards, &rated);
    ctl_redis_who(c, &a);
    redis_args_str(&a, p->user);
    redis_args_str(&a, p->generation.s);
    redis_args_int(&a, own);
    redis_args_int(&a, (int64_t)opponents->elements);
    redis_args_int(&a, (int64_t)opponents->elements);
    redis_args_int(&a, first);
    reply = ctl_redis_call(c, &a);
    *ret_again = reply != NULL && reply->type == REDIS_REPLY_NIL;
out:
    if (*ret_again) {
        freeReplyObject(reply);
        reply = NULL;
    }
    if (opponents != NULL)
        freeReplyObject(opponents);
    ctl_scan_free(&boards);
    ctl_scan_free(&rated);
    return reply;
}

bool
ctl_player_forget(struct ctl *c, const struct ctl_player *p, const struct ctl_names *boards)
{
    struct redisReply *opponents = ask_opponents(c, p), *reply = NULL;
    struct ctl_names rated = {.n = 0};
    struct redis_args a;
    int64_t own;

    if (opponents != NULL && find_rated(c, p, &rated)) {
        redis_args_init(&a);
        redis_args_fcall(&a, "rebuild_forget", false);
        redis_args_key(&a, KEY_GENERATION, p->product);
        own = add_keys(&a, p, opponents, boards, &rated);
        redis_args_str(&a, p->user);
        redis_args_str(&a, p->generation.s);
        redis_args_int(&a, own);
        redis_args_int(&a, (int64_t)opponents->elements);
        reply = ctl_redis_call(c, &a);
    }
    if (opponents != NULL)
        freeReplyObject(opponents);
    ctl_scan_free(&rated);
    if (reply == NULL)
        return false;
    freeReplyObject(reply);
    return true;
}

/* Until a round finds nothing: an event that came meanwhile may have put him on a new board. e: up
 * to where each round has forgotten him. */
static int
erase_all(struct ctl *c, struct ctl_player *p, struct ctl_names *had, struct ctl_erasures *e)
{
    bool first = true;

    for (int round = 0; round < CTL_ERASURES_MAX; round++) {
        bool again;
        struct redisReply *reply = erase_once(c, p, first, &again);
        size_t n = reply != NULL ? reply->elements : 0;

        if (reply == NULL && !again)
            return CTL_FAILED;
        if (n > 0 &&
            position_checkpoint(reply->element[0]->str, reply->element[0]->len, &e->up_to[e->n]) ==
                0 &&
            e->n++ > 0) /* the first one is known already */
            pseudonym_make(e->pseudonym[e->n - 1]);
        for (size_t i = 1; i < n; i++)
            ctl_scan_add(had, reply->element[i]->str);
        if (reply != NULL)
            freeReplyObject(reply);
        if (n > 1 || (n == 1 && first))
            ctl_redis_log(c, p->product, p->user);
        if (n == 1)
            return CTL_OK;
        first = first && again;
    }
    return ctl_fail("%s still has events that are being counted: try again", p->user);
}

int
ctl_player_erase(struct ctl *c)
{
    struct ctl_player p = {.product = ctl_product(c), .user = c->args[1]};
    struct ctl_names had = {.n = 0};
    size_t letters = 0, held = 0, archived = 0;
    struct ctl_erasures e = {.n = 1, .up_to = {{UINT64_MAX, UINT64_MAX}}};
    struct buf out;
    int ret;

    if (p.product == NULL || !ctl_scan_is_user(c))
        return CTL_USAGE;
    /* First, so that no rebuild that begins later finds him there. */
    pseudonym_make(e.pseudonym[0]);
    ret = ctl_archive_erase(c, p.product, p.user, &e, &archived);
    if (ret != CTL_OK)
        return ret;
    e.n = 0;
    ret = erase_all(c, &p, &had, &e);
    /* And what was counted in between; not what counts for him since then. */
    if (e.n > 0 && ctl_archive_erase(c, p.product, p.user, &e, &archived) != CTL_OK)
        ret = CTL_FAILED;
    if (ret == CTL_OK)
        ret = ctl_letters_erase(c, p.product, false, &letters);
    if (ret == CTL_OK)
        ret = ctl_letters_erase(c, p.product, true, &held);
    buf_init(&out, (size_t)1 << 30);
    buf_str(&out, c->json ? "{\"erased\": [" : "");
    for (size_t i = 0; i < had.n; i++) {
        if (c->json) {
            buf_str(&out, i > 0 ? ", " : "");
            buf_json_string(&out, had.name[i], strlen(had.name[i]));
        } else {
            buf_printf(&out, "%s\n", had.name[i]);
        }
    }
    buf_printf(&out,
               c->json ? "], \"dead_letters\": %zu, \"quarantined\": %zu, \"archived\": %zu}"
                       : "dead letters: %zu\nquarantined: %zu\nin the archive: %zu",
               letters, held, archived);
    ctl_scan_free(&had);
    return ctl_print(&out) == CTL_OK ? ret : CTL_FAILED;
}

/* --- export ----------------------------------------------------------------------------------- */

/* A hash as a member of an object. */
static bool
add_hash(struct ctl *c, struct buf *out, const char *name, const char *key)
{
    struct redisReply *reply = ask(c, "HGETALL", key, NULL);

    if (reply == NULL)
        return false;
    buf_printf(out, ",\n \"%s\": {", name);
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        buf_str(out, i > 0 ? ", " : "");
        ctl_json_text(out, reply->element[i]->str, reply->element[i]->len);
        buf_str(out, ": ");
        ctl_json_text(out, reply->element[i + 1]->str, reply->element[i + 1]->len);
    }
    buf_str(out, "}");
    freeReplyObject(reply);
    return true;
}

/* The entries of a list, as a member of an object. */
static bool
add_list(struct ctl *c, struct buf *out, const char *name, const char *key)
{
    struct redisReply *reply;
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "LRANGE");
    redis_args_str(&a, key);
    redis_args_str(&a, "0");
    redis_args_str(&a, "-1");
    reply = ctl_redis_call(c, &a);
    if (reply == NULL)
        return false;
    buf_printf(out, "%s\"%s\": [", out->data[out->len - 1] == '{' ? "" : ",\n ", name);
    for (size_t i = 0; i < reply->elements; i++) {
        buf_str(out, i > 0 ? ", " : "");
        ctl_json_text(out, reply->element[i]->str, reply->element[i]->len);
    }
    buf_str(out, "]");
    freeReplyObject(reply);
    return true;
}

/* The course of the ratings, by board. */
static bool
add_histories(struct ctl *c, struct buf *out, const struct ctl_player *p)
{
    struct ctl_names rated = {.n = 0};
    bool good = find_rated(c, p, &rated);
    struct buf key;

    buf_init(&key, 1024);
    buf_str(out, ",\n \"history\": {");
    for (size_t i = 0; good && i < rated.n; i++) {
        make_history(&key, p, rated.name[i]);
        good = add_list(c, out, rated.name[i], key.data);
    }
    buf_str(out, "}");
    buf_free(&key);
    ctl_scan_free(&rated);
    return good;
}

static bool
add_username(struct ctl *c, struct buf *out, const char *key, const char *user)
{
    struct redisReply *reply = ask(c, "HGET", key, user);

    if (reply == NULL)
        return false;
    buf_str(out, ",\n \"username\": ");
    if (reply->type == REDIS_REPLY_STRING)
        ctl_json_text(out, reply->str, reply->len);
    else
        buf_str(out, "null");
    freeReplyObject(reply);
    return true;
}

/* Behind the place, where there is one. */
static const char *
behind_place(const char *score)
{
    const char *colon = strchr(score, ':');

    return colon != NULL ? colon + 1 : score;
}

/* The player's score on a board, or beside it where he is hidden, after the board's name; nothing
 * where he has none. */
static bool
add_score(struct ctl *c, struct buf *out, const char *name, const char *key, const char *user)
{
    static const char *const ask_in[][2] = {
        {"HGET", KEYS_MEMBERS}, {"ZSCORE", ""}, {"HGET", KEYS_HIDDEN}};
    struct redisReply *reply = NULL;
    struct buf where;

    buf_init(&where, 1024);
    for (size_t i = 0; i < 3; i++) {
        buf_reset(&where);
        buf_printf(&where, "%s%s", key, ask_in[i][1]);
        reply = ask(c, ask_in[i][0], where.data, user);
        if (reply == NULL || reply->type == REDIS_REPLY_STRING || i == 2)
            break;
        freeReplyObject(reply);
    }
    buf_free(&where);
    if (reply == NULL)
        return false;
    if (reply->type == REDIS_REPLY_STRING) {
        buf_str(out, out->data[out->len - 1] == '{' ? "" : ", ");
        ctl_json_text(out, name, strlen(name));
        buf_str(out, ": ");
        ctl_json_score(out, behind_place(reply->str));
    }
    freeReplyObject(reply);
    return true;
}

/* The scores on all boards, by `board:window`, as the key has it. */
static bool
add_scores(struct ctl *c, struct buf *out, const struct ctl_player *p)
{
    struct ctl_names boards = {.n = 0};
    bool good = ctl_scan_boards(c, p, &boards);

    buf_str(out, ",\n \"boards\": {");
    for (size_t i = 0; good && i < boards.n; i++)
        good = add_score(c, out, ctl_scan_name(p, boards.name[i]), boards.name[i], p->user);
    buf_str(out, "}");
    ctl_scan_free(&boards);
    return good;
}

/* Whether the player is in a set. */
static bool
add_flag(struct ctl *c, struct buf *out, const char *name, const char *key, const char *user)
{
    struct redisReply *reply = ask(c, "SISMEMBER", key, user);

    if (reply == NULL)
        return false;
    buf_printf(out, ",\n \"%s\": %s", name, reply->integer == 1 ? "true" : "false");
    freeReplyObject(reply);
    return true;
}

/* All of it, of one generation. */
static bool
add_all(struct ctl *c, struct buf *out, const struct ctl_player *p)
{
    static const char *const names[OWN_KEYS] = {"stats", "player", "versus", "matches"};
    struct buf key;
    bool good;

    buf_init(&key, 1024);
    buf_printf(out, "{\"product_id\": \"%s\",\n \"user_id\": ", p->product);
    buf_json_string(out, p->user, strlen(p->user));
    buf_printf(&key, KEY_NAMES, p->product);
    good = add_username(c, out, key.data, p->user);
    for (size_t i = 0; good && i < OWN_KEYS; i++) {
        make_key(&key, own_keys[i], p);
        good = (i < HASHES ? add_hash : add_list)(c, out, names[i], key.data);
    }
    good = good && add_histories(c, out, p);
    good = good && add_scores(c, out, p);
    buf_reset(&key);
    buf_printf(&key, KEY_HIDDEN, p->product);
    good = good && add_flag(c, out, "hidden", key.data, p->user);
    buf_reset(&key);
    buf_printf(&key, KEY_BANNED, p->product);
    good = good && add_flag(c, out, "banned", key.data, p->user);
    buf_str(out, "}");
    buf_free(&key);
    return good;
}

int
ctl_player_export(struct ctl *c)
{
    struct ctl_player p = {.product = ctl_product(c), .user = c->args[1]};
    struct generation now;
    struct buf out;
    bool good;

    if (p.product == NULL || !ctl_scan_is_user(c))
        return CTL_USAGE;
    if (!ctl_redis_knows(c, p.product))
        return CTL_FAILED;
    buf_init(&out, (size_t)1 << 30);
    good = ctl_generation(c, p.product, &now);
    /* Again, where another generation became the live one meanwhile. */
    while (good && strcmp(now.s, p.generation.s) != 0) {
        p.generation = now;
        buf_reset(&out);
        good = add_all(c, &out, &p) && ctl_generation(c, p.product, &now);
    }
    if (!good) {
        buf_free(&out);
        return CTL_FAILED;
    }
    return ctl_print(&out);
}
