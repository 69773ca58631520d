/*
 * varcadectl hide, unhide, ban, unban: who is on no board, and who cannot play.
 *
 * A hidden player's scores are moved out of the boards into a hash beside each, and the worker goes
 * on counting there: so nobody else's read takes longer, and they come back at once and right.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/rules/rules.h"
#include "worker/ctl/ctl.h"
#include "worker/ctl/ctl_scan.h"

#define ROUNDS_MAX 10

/* How the game's file has the ties of the board that the key is of. */
static const char *
ties_of(const struct ctl_player *p, const struct product *product, const char *key)
{
    static const char *const names[] = {
        [RULES_COMPETITION] = "competition", [RULES_DENSE] = "dense", [RULES_FIRST] = "first"};
    const char *name = ctl_scan_name(p, key);
    int board = rules_board_find(product->rules, name, strcspn(name, ":"));

    return names[board >= 0 ? rules_board_at(product->rules, (size_t)board)->ties
                            : RULES_COMPETITION];
}

/* One call of the function on the boards that there are now. The caller frees the answer; NULL: it
 * failed, and that was told. */
static struct redisReply *
sanction(struct ctl *c, struct ctl_player *p, const struct product *product)
{
    struct ctl_names boards = {.n = 0};
    struct redisReply *reply = NULL;
    struct redis_args a;

    if (!ctl_generation(c, p->product, &p->generation) || !ctl_scan_boards(c, p, &boards))
        goto out;
    ctl_redis_change(&a, "sanction", p->product);
    redis_args_key(&a, KEY_CHECKPOINT, p->product, c->conf->stream_name);
    redis_args_key(&a, KEY_POSITION, p->product, c->conf->stream_name);
    redis_args_key(&a, KEY_GENERATIONS, p->product);
    redis_args_key(&a, KEY_GENERATION, p->product);
    redis_args_key(&a, KEY_HIDDEN, p->product);
    redis_args_key(&a, KEY_BANNED, p->product);
    for (size_t i = 0; i < boards.n; i++) {
        redis_args_key(&a, "%s", boards.name[i]);
        redis_args_key(&a, "%s" KEYS_SCORES, boards.name[i]);
        redis_args_key(&a, "%s" KEYS_COUNTS, boards.name[i]);
        redis_args_key(&a, "%s" KEYS_MEMBERS, boards.name[i]);
        redis_args_key(&a, "%s" KEYS_HIDDEN, boards.name[i]);
    }
    ctl_redis_who(c, &a);
    redis_args_str(&a, p->user);
    redis_args_str(&a, p->generation.s);
    for (size_t i = 0; i < boards.n; i++)
        redis_args_str(&a, ties_of(p, product, boards.name[i]));
    reply = ctl_redis_call(c, &a);
out:
    ctl_scan_free(&boards);
    return reply;
}

/* What the player is already; NULL where the command can change something. */
static const char *
refusal(const char *command, const struct redisReply *reply)
{
    if (reply->type == REDIS_REPLY_STRING)
        return "is banned: see varcadectl unban";
    if (strcmp(command, "hide") == 0)
        return "is hidden already";
    if (strcmp(command, "ban") == 0)
        return "is banned already";
    return strcmp(command, "unhide") == 0 ? "is not hidden" : "is not banned";
}

/* Until a round finds nothing: an event that came meanwhile may have put him on a new board. */
static int
run(struct ctl *c, struct ctl_player *p, const struct product *product, long long *ret_boards)
{
    bool changed = false;
    long long boards = 0;

    for (int round = 0; round < ROUNDS_MAX; round++) {
        struct redisReply *reply = sanction(c, p, product);
        bool done = reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
        bool nothing = done && reply->element[0]->integer + reply->element[1]->integer == 0;
        int ret = CTL_OK;

        if (reply == NULL)
            return CTL_FAILED;
        if (done && !nothing) {
            changed = true;
            boards += reply->element[1]->integer;
            ctl_redis_log(c, p->product, p->user);
        } else if (reply->type != REDIS_REPLY_NIL && !changed) {
            ret = ctl_fail("%s %s", p->user, refusal(c->command->name, reply));
        }
        freeReplyObject(reply);
        if (nothing || ret != CTL_OK) {
            *ret_boards = boards;
            return ret;
        }
    }
    return ctl_fail("%s still has events that are being counted: try again", p->user);
}

int
ctl_hide_run(struct ctl *c)
{
    struct ctl_player p = {.product = ctl_product(c), .user = c->args[1]};
    struct product *product;
    long long boards = 0;
    int ret;

    if (p.product == NULL || !ctl_scan_is_user(c))
        return CTL_USAGE;
    product = ctl_product_load(c, p.product);
    if (product == NULL)
        return CTL_FAILED;
    ret = run(c, &p, product, &boards);
    product_free(product);
    if (ret == CTL_OK)
        printf(c->json ? "{\"boards\": %lld}\n" : "boards: %lld\n", boards);
    return ret;
}

/* --- list ------------------------------------------------------------------------------------- */

static struct redisReply *
ask(struct ctl *c, const char *command, const char *format, const char *product,
    const struct redisReply *users)
{
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, command);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    redis_args_printf(&a, format, product);
#pragma GCC diagnostic pop
    for (size_t i = 0; users != NULL && i < users->elements; i++)
        redis_args_add(&a, users->element[i]->str, users->element[i]->len);
    return ctl_redis_call(c, &a);
}

static void
add_user(struct buf *out, const struct redisReply *user, const struct redisReply *name, bool banned,
         bool json)
{
    if (!json) {
        buf_printf(out, "%s\t%s\t%s\n", user->str, banned ? "banned" : "hidden",
                   name->type == REDIS_REPLY_STRING ? name->str : "");
        return;
    }
    buf_str(out, out->len > 1 ? ",\n {\"user_id\": " : "\n {\"user_id\": ");
    ctl_json_text(out, user->str, user->len);
    buf_str(out, ", \"username\": ");
    if (name->type == REDIS_REPLY_STRING)
        ctl_json_text(out, name->str, name->len);
    else
        buf_str(out, "null");
    buf_printf(out, ", \"banned\": %s}", banned ? "true" : "false");
}

int
ctl_hide_list(struct ctl *c)
{
    const char *product = ctl_product(c);
    struct redisReply *users, *names = NULL, *banned = NULL;
    int ret = CTL_FAILED;
    struct buf out;

    if (product == NULL)
        return CTL_USAGE;
    if (!ctl_redis_knows(c, product))
        return CTL_FAILED;
    buf_init(&out, (size_t)1 << 30);
    buf_str(&out, c->json ? "[" : "");
    users = ask(c, "SMEMBERS", KEY_HIDDEN, product, NULL);
    if (users == NULL)
        goto out;
    if (users->elements > 0) {
        names = ask(c, "HMGET", KEY_NAMES, product, users);
        banned = ask(c, "SMISMEMBER", KEY_BANNED, product, users);
        if (names == NULL || banned == NULL)
            goto out;
    }
    for (size_t i = 0; i < users->elements; i++)
        add_user(&out, users->element[i], names->element[i], banned->element[i]->integer == 1,
                 c->json);
    buf_str(&out, c->json ? "]\n" : "");
    ret = buf_ok(&out) ? CTL_OK : ctl_fail("out of memory");
    if (ret == CTL_OK && out.len > 0)
        fputs(out.data, stdout);
out:
    buf_free(&out);
    if (users != NULL)
        freeReplyObject(users);
    if (names != NULL)
        freeReplyObject(names);
    if (banned != NULL)
        freeReplyObject(banned);
    return ret;
}
