/*
 * varcadectl export player, erase: all that is kept about one player.
 *
 * Boards are looked for among the keys of Redis and not in the game's file, so that a board that
 * the file no longer has, and a window that is past, are found too.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/generation.h"
#include "lib/keys.h"
#include "lib/text.h"
#include "worker/ctl.h"

#define SCAN_COUNT "1000"
#define ROUNDS_MAX 10

/* The player's own keys: all that lib/keys.h has by user id, and KEYG_HISTORY for each board. The
 * first HASHES are hashes, and then come lists. */
static const char *const own_keys[] = {KEYG_STATS, KEYG_PLAYER, KEYG_VERSUS, KEYG_MATCHES};
#define HASHES 3
#define OWN_KEYS (sizeof(own_keys) / sizeof(own_keys[0]))

/* Who it is about, and where the figures are. */
struct player {
    const char *product;
    const char *user;
    struct generation generation;
};

/* Names of keys; failure is the program's end. */
struct names {
    char **name;
    size_t n, cap;
};

static void
add_name(struct names *names, const char *s)
{
    if (names->n == names->cap) {
        names->cap = names->cap == 0 ? 64 : 2 * names->cap;
        names->name = reallocarray(names->name, names->cap, sizeof(char *));
        if (names->name == NULL)
            abort();
    }
    names->name[names->n] = strdup(s);
    if (names->name[names->n++] == NULL)
        abort();
}

static void
free_names(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->name[i]);
    free(names->name);
    *names = (struct names){.n = 0};
}

/* What comes behind `{product}:<generation>:board:`. */
static const char *
board_name(const struct player *p, const char *key)
{
    return key + strlen(p->product) + strlen(p->generation.s) + strlen(KEYG_BOARD_HEAD) -
           strlen("%s%s");
}

/* Whether the key is a board's, and not one of those beside it: neither boards nor windows have a
 * colon. */
static bool
is_board(const struct player *p, const char *key)
{
    const char *colon = strchr(board_name(p, key), ':');

    return colon != NULL && strchr(colon + 1, ':') == NULL;
}

/* One page of SCAN into boards; cursor is moved on. */
static bool
scan_page(struct ctl *c, const struct player *p, char cursor[static 32], struct names *boards)
{
    struct redisReply *reply;
    struct redis_args a;
    bool good;

    redis_args_init(&a);
    redis_args_str(&a, "SCAN");
    redis_args_str(&a, cursor);
    redis_args_str(&a, "MATCH");
    redis_args_printf(&a, KEYG_BOARD_HEAD "*", p->product, p->generation.s);
    redis_args_str(&a, "COUNT");
    redis_args_str(&a, SCAN_COUNT);
    redis_args_str(&a, "TYPE");
    redis_args_str(&a, "zset");
    reply = ctl_redis_call(c, &a);
    good = reply != NULL && reply->elements == 2 && reply->element[0]->len < 32;
    if (good) {
        (void)snprintf(cursor, 32, "%s", reply->element[0]->str);
        for (size_t i = 0; i < reply->element[1]->elements; i++)
            if (is_board(p, reply->element[1]->element[i]->str))
                add_name(boards, reply->element[1]->element[i]->str);
    }
    if (reply != NULL)
        freeReplyObject(reply);
    return good;
}

static bool
scan_boards(struct ctl *c, const struct player *p, struct names *boards)
{
    char cursor[32] = "0";

    do {
        if (!scan_page(c, p, cursor, boards))
            return false;
    } while (strcmp(cursor, "0") != 0);
    return true;
}

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
make_key(struct buf *key, const char *format, const struct player *p)
{
    buf_reset(key);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    buf_printf(key, format, p->product, p->generation.s, p->user);
#pragma GCC diagnostic pop
}

/* The key of the course of the player's ratings on the board that a board's key is of. */
static void
make_history(struct buf *key, const struct player *p, const char *board)
{
    const char *name = board_name(p, board);

    buf_reset(key);
    buf_printf(key, "{%s}:%s:history:%s:%.*s", p->product, p->generation.s, p->user,
               (int)strcspn(name, ":"), name);
}

static bool
is_user(const struct ctl *c)
{
    if (text_is_name(c->args[1], strlen(c->args[1])))
        return true;
    (void)ctl_usage("%s: not a player's id", c->args[1]);
    return false;
}

/* --- erase ------------------------------------------------------------------------------------ */

/* One call of the function `erase`, on what there is now. Returns the keys that had something; NULL
 * with *ret_again true where the player had another opponent meanwhile, or the figures are others.
 */
static struct redisReply *
erase_once(struct ctl *c, struct player *p, bool *ret_again)
{
    const char *product = p->product;
    struct redisReply *opponents, *reply = NULL;
    struct names boards = {.n = 0};
    struct redis_args a;
    struct buf key;

    *ret_again = false;
    if (!ctl_generation(c, product, &p->generation))
        return NULL;
    buf_init(&key, 1024);
    make_key(&key, KEYG_VERSUS, p);
    opponents = ask(c, "HKEYS", key.data, NULL);
    if (opponents == NULL || !scan_boards(c, p, &boards))
        goto out;
    ctl_redis_change(&a, "erase", product);
    redis_args_key(&a, KEY_CHECKPOINT, product, c->conf->stream_name);
    redis_args_key(&a, KEY_POSITION, product, c->conf->stream_name);
    redis_args_key(&a, KEY_GENERATIONS, product);
    redis_args_key(&a, KEY_GENERATION, product);
    redis_args_key(&a, "%s", key.data);
    for (size_t i = 0; i < OWN_KEYS; i++) {
        make_key(&key, own_keys[i], p);
        redis_args_key(&a, "%s", key.data);
    }
    for (size_t i = 0; i < boards.n; i++) {
        make_history(&key, p, boards.name[i]);
        redis_args_key(&a, "%s", key.data);
    }
    redis_args_key(&a, KEY_NAMES, product);
    for (size_t i = 0; i < opponents->elements; i++)
        redis_args_key(&a, KEYG_VERSUS, product, p->generation.s, opponents->element[i]->str);
    for (size_t i = 0; i < boards.n; i++) {
        redis_args_key(&a, "%s", boards.name[i]);
        redis_args_key(&a, "%s" KEYS_SCORES, boards.name[i]);
        redis_args_key(&a, "%s" KEYS_COUNTS, boards.name[i]);
        redis_args_key(&a, "%s" KEYS_MEMBERS, boards.name[i]);
    }
    ctl_redis_who(c, &a);
    redis_args_str(&a, p->user);
    redis_args_str(&a, p->generation.s);
    redis_args_int(&a, (int64_t)(OWN_KEYS + boards.n));
    redis_args_int(&a, 1 + (int64_t)opponents->elements);
    redis_args_int(&a, (int64_t)opponents->elements);
    reply = ctl_redis_call(c, &a);
    *ret_again = reply != NULL && reply->type == REDIS_REPLY_NIL;
out:
    if (*ret_again) {
        freeReplyObject(reply);
        reply = NULL;
    }
    if (opponents != NULL)
        freeReplyObject(opponents);
    free_names(&boards);
    buf_free(&key);
    return reply;
}

/* Until a round finds nothing: an event that came meanwhile may have put him on a new board. */
static int
erase_all(struct ctl *c, struct player *p, struct names *had)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        bool again;
        struct redisReply *reply = erase_once(c, p, &again);
        size_t n = reply != NULL ? reply->elements : 0;

        if (reply == NULL && !again)
            return CTL_FAILED;
        for (size_t i = 0; i < n; i++)
            add_name(had, reply->element[i]->str);
        if (reply != NULL)
            freeReplyObject(reply);
        if (n == 0 && !again)
            return CTL_OK;
        ctl_redis_log(c, p->product, p->user);
    }
    return ctl_fail("%s still has events that are being counted: try again", p->user);
}

int
ctl_player_erase(struct ctl *c)
{
    struct player p = {.product = ctl_product(c), .user = c->args[1]};
    struct names had = {.n = 0};
    size_t letters = 0, held = 0;
    struct buf out;
    int ret;

    if (p.product == NULL || !is_user(c))
        return CTL_USAGE;
    ret = erase_all(c, &p, &had);
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
               c->json ? "], \"dead_letters\": %zu, \"quarantined\": %zu}"
                       : "dead letters: %zu\nquarantined: %zu",
               letters, held);
    free_names(&had);
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

/* The course of the ratings, by board: every window's key of a board names it, one of them is
 * `all`. */
static bool
add_histories(struct ctl *c, struct buf *out, const struct player *p)
{
    struct names boards = {.n = 0};
    bool good = scan_boards(c, p, &boards);
    struct buf key, name;

    buf_init(&key, 1024);
    buf_init(&name, 1024);
    buf_str(out, ",\n \"history\": {");
    for (size_t i = 0; good && i < boards.n; i++) {
        const char *board = board_name(p, boards.name[i]);
        size_t len = strcspn(board, ":");

        if (strcmp(board + len, ":all") != 0)
            continue;
        make_history(&key, p, boards.name[i]);
        buf_reset(&name);
        buf_add(&name, board, len);
        good = add_list(c, out, name.data, key.data);
    }
    buf_str(out, "}");
    buf_free(&key);
    buf_free(&name);
    free_names(&boards);
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

/* The player's score on a board, after its name; nothing where he has none. */
static bool
add_score(struct ctl *c, struct buf *out, const char *name, const char *key, const char *user)
{
    struct redisReply *reply;
    const char *score = NULL;
    struct buf members;

    buf_init(&members, 1024);
    buf_printf(&members, "%s" KEYS_MEMBERS, key);
    reply = ask(c, "HGET", members.data, user);
    if (reply != NULL && reply->type == REDIS_REPLY_STRING) {
        score = strchr(reply->str, ':'); /* behind the place */
        score = score != NULL ? score + 1 : NULL;
    } else if (reply != NULL) {
        freeReplyObject(reply);
        reply = ask(c, "ZSCORE", key, user);
        if (reply != NULL && reply->type == REDIS_REPLY_STRING)
            score = reply->str;
    }
    if (score != NULL) {
        buf_str(out, out->data[out->len - 1] == '{' ? "" : ", ");
        ctl_json_text(out, name, strlen(name));
        buf_str(out, ": ");
        ctl_json_score(out, score);
    }
    buf_free(&members);
    if (reply == NULL)
        return false;
    freeReplyObject(reply);
    return true;
}

/* The scores on all boards, by `board:window`, as the key has it. */
static bool
add_scores(struct ctl *c, struct buf *out, const struct player *p)
{
    struct names boards = {.n = 0};
    bool good = scan_boards(c, p, &boards);

    buf_str(out, ",\n \"boards\": {");
    for (size_t i = 0; good && i < boards.n; i++)
        good = add_score(c, out, board_name(p, boards.name[i]), boards.name[i], p->user);
    buf_str(out, "}");
    free_names(&boards);
    return good;
}

/* All of it, of one generation. */
static bool
add_all(struct ctl *c, struct buf *out, const struct player *p)
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
    buf_str(out, "}");
    buf_free(&key);
    return good;
}

int
ctl_player_export(struct ctl *c)
{
    struct player p = {.product = ctl_product(c), .user = c->args[1]};
    struct generation now;
    struct buf out;
    bool good;

    if (p.product == NULL || !is_user(c))
        return CTL_USAGE;
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
