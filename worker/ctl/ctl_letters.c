/*
 * varcadectl deadletters, quarantine: events that could not be applied, and those that a board's
 * bounds keep out, to be looked at, sent again, let through or thrown away. Here they are read and
 * listed; ctl_letter.c is about one of them.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/redis/keys.h"
#include "lib/rules/event.h"
#include "worker/ctl/ctl.h"
#include "worker/ctl/ctl_letters.h"

#define LIST_MAX 100000
#define PAGE 500

#define DEAD_HEAD 4  /* reason, source_id */
#define HELD_HEAD 12 /* they, board, bound, value, user_id */

/* Those of a product. Returns an exit status. */
static int
letters_of(struct ctl *c, const char *product, bool quarantine, struct letters *ret_letters)
{
    struct letters dead = {.product = product, .head = DEAD_HEAD, .thing = "dead letter"};
    struct letters held = {
        .product = product, .quarantine = true, .head = HELD_HEAD, .thing = "event in quarantine"};

    if (quarantine && !ctl_generation(c, product, &held.generation))
        return CTL_FAILED;
    *ret_letters = quarantine ? held : dead;
    return CTL_OK;
}

/* Those that the command is about. `?` is a name of its own here. */
static int
letters_meant(struct ctl *c, struct letters *ret_letters)
{
    static const char quarantine[] = "quarantine";
    bool held = strncmp(c->command->name, quarantine, sizeof(quarantine) - 1) == 0;
    const char *product = c->args[0];

    if (held || strcmp(product, KEYS_NO_PRODUCT) != 0)
        product = ctl_product(c);
    if (product == NULL)
        return CTL_USAGE;
    return ctl_redis_knows(c, product) ? letters_of(c, product, held, ret_letters) : CTL_FAILED;
}

void
ctl_letters_add_key(struct redis_args *a, const struct letters *l)
{
    if (l->quarantine)
        redis_args_key(a, KEYG_QUARANTINE, l->product, l->generation.s);
    else
        redis_args_key(a, KEY_DEADLETTERS, l->product);
}

static bool
is_letter(const struct letters *l, const struct redisReply *entry)
{
    return entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 &&
           entry->element[1]->type == REDIS_REPLY_ARRAY && entry->element[1]->elements >= l->head &&
           entry->element[1]->elements % 2 == 0;
}

/* XRANGE of at most n letters: from one id on (`-`, `(1-0`, …) to another. */
static struct redisReply *
read_letters(struct ctl *c, const struct letters *l, const char *from, const char *to, int64_t n)
{
    struct redisReply *reply;
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "XRANGE");
    ctl_letters_add_key(&a, l);
    redis_args_str(&a, from);
    redis_args_str(&a, to);
    redis_args_str(&a, "COUNT");
    redis_args_int(&a, n);
    reply = ctl_redis_call(c, &a);
    for (size_t i = 0; reply != NULL && i < reply->elements; i++) {
        if (!is_letter(l, reply->element[i])) {
            (void)ctl_fail("%s: this %s cannot be read", reply->element[i]->element[0]->str,
                           l->thing);
            freeReplyObject(reply);
            return NULL;
        }
    }
    return reply;
}

/* --- list ------------------------------------------------------------------------------------- */

static void
add_text(struct buf *out, const struct redisReply *text)
{
    ctl_json_text(out, text->str, text->len);
}

static void
print_letter(struct buf *out, const struct letters *l, const struct redisReply *letter)
{
    const struct redisReply *fields = letter->element[1];

    buf_printf(out, "%s  ", letter->element[0]->str);
    add_text(out, fields->element[1]);
    buf_printf(out, "  of %s ", fields->element[3]->str);
    for (size_t i = l->head; i < fields->elements; i += 2) {
        buf_str(out, " ");
        add_text(out, fields->element[i]);
        buf_str(out, "=");
        add_text(out, fields->element[i + 1]);
    }
    buf_str(out, "\n");
}

/* What the worker put before the event's own fields are members; these are pairs, since nothing is
 * known of their names. */
static void
json_letter(struct buf *out, const struct letters *l, const struct redisReply *letter)
{
    const struct redisReply *fields = letter->element[1];

    buf_printf(out, "{\"id\": \"%s\"", letter->element[0]->str);
    for (size_t i = 0; i < l->head; i += 2) {
        buf_str(out, ", ");
        add_text(out, fields->element[i]);
        buf_str(out, ": ");
        add_text(out, fields->element[i + 1]);
    }
    buf_str(out, ", \"fields\": [");
    for (size_t i = l->head; i < fields->elements; i += 2) {
        buf_str(out, i > l->head ? ", [" : "[");
        add_text(out, fields->element[i]);
        buf_str(out, ", ");
        add_text(out, fields->element[i + 1]);
        buf_str(out, "]");
    }
    buf_str(out, "]}");
}

static bool
print_page(const struct ctl *c, const struct letters *l, const struct redisReply *page, bool first)
{
    struct buf out;
    bool good;

    buf_init(&out, (size_t)1 << 30);
    for (size_t i = 0; i < page->elements; i++) {
        if (c->json)
            buf_str(&out, first && i == 0 ? "\n " : ",\n ");
        (c->json ? json_letter : print_letter)(&out, l, page->element[i]);
    }
    good = buf_ok(&out);
    if (out.len > 0)
        fputs(out.data, stdout);
    buf_free(&out);
    return good;
}

/* The id behind which the next page begins, as XRANGE takes it. */
static void
set_after(char after[static EVENT_ID_SIZE + 1], const char *id)
{
    (void)snprintf(after, EVENT_ID_SIZE + 1, "(%s", id);
}

int
ctl_letters_list(struct ctl *c)
{
    struct letters l;
    const char *limit = ctl_option(c, "limit");
    const char *behind = ctl_option(c, "after");
    char after[EVENT_ID_SIZE + 1] = "-";
    struct event_id id;
    int64_t left = 100;
    size_t got = 0;
    int ret;

    if (limit != NULL && text_parse_int(limit, strlen(limit), 1, LIST_MAX, &left) != 0)
        return ctl_usage("--limit: a number from 1 to %d", LIST_MAX);
    if (behind != NULL && event_id_parse(behind, strlen(behind), &id) != 0)
        return ctl_usage("--after: not an id such as 1700000000000-0");
    ret = letters_meant(c, &l);
    if (ret != CTL_OK)
        return ret;
    if (behind != NULL)
        set_after(after, behind);
    fputs(c->json ? "[" : "", stdout);
    while (left > 0) {
        int64_t n = left < PAGE ? left : PAGE;
        struct redisReply *page = read_letters(c, &l, after, "+", n);
        bool printed = page != NULL && print_page(c, &l, page, got == 0);

        if (page == NULL)
            return CTL_FAILED;
        left = page->elements < (size_t)n ? 0 : left - n;
        got += page->elements;
        if (page->elements > 0)
            set_after(after, page->element[page->elements - 1]->element[0]->str);
        freeReplyObject(page);
        if (!printed)
            return ctl_fail("out of memory");
    }
    fputs(c->json ? "]\n" : "", stdout);
    return CTL_OK;
}

/* --- replay, drop ----------------------------------------------------------------------------- */

/* The letters between two ids, both included, to fn. Adds how many were done; false where one
 * failed. */
static bool
each(struct ctl *c, const struct letters *l, const char *from, const char *to, letter_fn *fn,
     size_t *done)
{
    char after[EVENT_ID_SIZE + 1];
    bool good = true;
    size_t got;

    (void)snprintf(after, sizeof(after), "%s", from);
    do {
        struct redisReply *page = read_letters(c, l, after, to, PAGE);

        if (page == NULL)
            return false;
        got = page->elements;
        for (size_t i = 0; i < got; i++) {
            int one = fn(c, l, page->element[i]);

            *done += one > 0;
            good = good && one >= 0;
        }
        if (got > 0)
            set_after(after, page->element[got - 1]->element[0]->str);
        freeReplyObject(page);
    } while (got == PAGE);
    return good;
}

/* All letters that there are now: one that is replayed may come back as a new one. */
static bool
each_of_all(struct ctl *c, const struct letters *l, letter_fn *fn, size_t *done)
{
    struct redisReply *last;
    struct redis_args a;
    bool good = true;

    redis_args_init(&a);
    redis_args_str(&a, "XREVRANGE");
    ctl_letters_add_key(&a, l);
    redis_args_str(&a, "+");
    redis_args_str(&a, "-");
    redis_args_str(&a, "COUNT");
    redis_args_str(&a, "1");
    last = ctl_redis_call(c, &a);
    if (last == NULL)
        return false;
    if (last->elements == 1 && is_letter(l, last->element[0]))
        good = each(c, l, "-", last->element[0]->element[0]->str, fn, done);
    freeReplyObject(last);
    return good;
}

static int
run(struct ctl *c, letter_fn *fn, const char *word)
{
    struct letters l;
    bool all = ctl_option(c, "all") != NULL, good = true;
    size_t done = 0;
    struct event_id id;
    int ret;

    if (all != (c->nargs == 1))
        return ctl_usage("%s: either --all or the ids of what it is about", c->command->name);
    for (size_t i = 1; i < c->nargs; i++)
        if (event_id_parse(c->args[i], strlen(c->args[i]), &id) != 0)
            return ctl_usage("%s: not an id such as 1700000000000-0", c->args[i]);
    ret = letters_meant(c, &l);
    if (ret != CTL_OK)
        return ret;
    if (all)
        good = each_of_all(c, &l, fn, &done);
    for (size_t i = 1; i < c->nargs; i++) {
        size_t before = done;

        good = each(c, &l, c->args[i], c->args[i], fn, &done) && good;
        if (good && done == before) {
            (void)ctl_fail("%s: there is no such %s", c->args[i], l.thing);
            good = false;
        }
    }
    printf(c->json ? "{\"%s\": %zu}\n" : "%s: %zu\n", word, done);
    return good ? CTL_OK : CTL_FAILED;
}

int
ctl_letters_replay(struct ctl *c)
{
    return run(c, ctl_letter_replay, "replayed");
}

int
ctl_letters_drop(struct ctl *c)
{
    return run(c, ctl_letter_drop, "dropped");
}

int
ctl_letters_release(struct ctl *c)
{
    return run(c, ctl_letter_release_held, "released");
}

int
ctl_letters_drop_held(struct ctl *c)
{
    return run(c, ctl_letter_drop_held, "dropped");
}

int
ctl_letters_erase(struct ctl *c, const char *product, bool quarantine, size_t *ret_dropped)
{
    const char *of[] = {product, KEYS_NO_PRODUCT};
    struct letters l;
    size_t dropped = 0;

    for (size_t i = 0; i < (quarantine ? 1 : 2); i++)
        if (letters_of(c, of[i], quarantine, &l) != CTL_OK ||
            !each(c, &l, "-", "+", ctl_letter_erase, &dropped))
            return CTL_FAILED;
    *ret_dropped = dropped;
    return CTL_OK;
}
