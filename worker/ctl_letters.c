/*
 * varcadectl deadletters: events that could not be applied, to be looked at, sent again or thrown
 * away.
 *
 * Where state and stream are one Redis, a letter goes back to the stream and off the list in one
 * step. Where they are two, it goes to the stream first: were this program to die in between, the
 * letter would be sent again, and its event_id tells that the second is the first one.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/event.h"
#include "lib/keys.h"
#include "lib/text.h"
#include "worker/ctl.h"

#define LIST_MAX 100000
#define PAGE 500
#define HEAD \
    4 /* reason, its text, source_id, its text: what the worker put before the event's own */

/* The product whose letters are meant: `?` is a name of its own here. */
static const char *
letters_of(const struct ctl *c)
{
    return strcmp(c->args[0], KEYS_NO_PRODUCT) == 0 ? c->args[0] : ctl_product(c);
}

static bool
is_letter(const struct redisReply *entry)
{
    return entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 &&
           entry->element[1]->type == REDIS_REPLY_ARRAY && entry->element[1]->elements >= HEAD &&
           entry->element[1]->elements % 2 == 0;
}

/* XRANGE of at most n letters: from one id on (`-`, `(1-0`, …) to another. */
static struct redisReply *
read_letters(struct ctl *c, const char *product, const char *from, const char *to, int64_t n)
{
    struct redisReply *reply;
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "XRANGE");
    redis_args_printf(&a, KEY_DEADLETTERS, product);
    redis_args_str(&a, from);
    redis_args_str(&a, to);
    redis_args_str(&a, "COUNT");
    redis_args_int(&a, n);
    reply = ctl_redis_call(c, &a);
    for (size_t i = 0; reply != NULL && i < reply->elements; i++) {
        if (!is_letter(reply->element[i])) {
            (void)ctl_fail("a dead letter cannot be read");
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
print_letter(struct buf *out, const struct redisReply *letter, bool json)
{
    const struct redisReply *fields = letter->element[1];

    buf_printf(out, json ? "{\"id\": \"%s\", \"reason\": " : "%s  ", letter->element[0]->str);
    add_text(out, fields->element[1]);
    buf_str(out, json ? ", \"source_id\": " : "  of ");
    if (json)
        add_text(out, fields->element[3]);
    else
        buf_str(out, fields->element[3]->str);
    buf_str(out, json ? ", \"fields\": [" : " ");
    for (size_t i = HEAD; i < fields->elements; i += 2) {
        buf_str(out, json ? (i > HEAD ? ", [" : "[") : " ");
        add_text(out, fields->element[i]);
        buf_str(out, json ? ", " : "=");
        add_text(out, fields->element[i + 1]);
        buf_str(out, json ? "]" : "");
    }
    buf_str(out, json ? "]}" : "");
}

static bool
print_page(const struct ctl *c, const struct redisReply *page, bool first)
{
    struct buf out;
    bool good;

    buf_init(&out, (size_t)1 << 30);
    for (size_t i = 0; i < page->elements; i++) {
        if (c->json)
            buf_str(&out, first && i == 0 ? "\n " : ",\n ");
        print_letter(&out, page->element[i], c->json);
        buf_str(&out, c->json ? "" : "\n");
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
    const char *product = letters_of(c), *limit = ctl_option(c, "limit");
    const char *behind = ctl_option(c, "after");
    char after[EVENT_ID_SIZE + 1] = "-";
    struct event_id id;
    int64_t left = 100;
    size_t got = 0;

    if (product == NULL)
        return CTL_USAGE;
    if (limit != NULL && text_parse_int(limit, strlen(limit), 1, LIST_MAX, &left) != 0)
        return ctl_usage("--limit: a number from 1 to %d", LIST_MAX);
    if (behind != NULL && event_id_parse(behind, strlen(behind), &id) != 0)
        return ctl_usage("--after: not an id such as 1700000000000-0");
    if (behind != NULL)
        set_after(after, behind);
    fputs(c->json ? "[" : "", stdout);
    while (left > 0) {
        int64_t n = left < PAGE ? left : PAGE;
        struct redisReply *page = read_letters(c, product, after, "+", n);
        bool printed = page != NULL && print_page(c, page, got == 0);

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

/* What is done with one letter: 1 where it was done, 0 where there was nothing to do, -1 where it
 * failed, and that was told. */
typedef int letter_fn(struct ctl *c, const char *product, const struct redisReply *letter);

/* Call a function of the library on the letter, as a letter_fn. */
static int
change(struct ctl *c, const char *function, const char *product, const struct redisReply *letter)
{
    const char *id = letter->element[0]->str;
    struct redisReply *reply;
    struct redis_args a;
    bool done;

    ctl_redis_change(&a, function, product);
    redis_args_key(&a, KEY_DEADLETTERS, product);
    if (strcmp(function, "letter_replay") == 0)
        redis_args_key(&a, "%s", c->conf->stream_name);
    ctl_redis_who(c, &a);
    redis_args_str(&a, id);
    reply = ctl_redis_call(c, &a);
    if (reply == NULL)
        return -1;
    done = reply->type != REDIS_REPLY_NIL;
    freeReplyObject(reply);
    if (done)
        ctl_redis_log(c, product, id);
    else
        (void)ctl_fail("%s: somebody else took it off the list", id);
    return done ? 1 : -1;
}

static int
drop(struct ctl *c, const char *product, const struct redisReply *letter)
{
    return change(c, "letter_drop", product, letter);
}

/* The event to a stream that is elsewhere, with the id that it had or one that follows from the
 * letter. */
static bool
send_event(struct ctl *c, const char *product, const struct redisReply *letter)
{
    const struct redisReply *fields = letter->element[1];
    struct redisReply *reply;
    struct redis_args a;
    bool has_id = false;

    redis_args_init(&a);
    redis_args_str(&a, "XADD");
    redis_args_str(&a, c->conf->stream_name);
    redis_args_str(&a, "*");
    for (size_t i = HEAD; i < fields->elements; i++) {
        redis_args_add(&a, fields->element[i]->str, fields->element[i]->len);
        has_id = has_id || (i % 2 == 0 && strcmp(fields->element[i]->str, "event_id") == 0);
    }
    if (!has_id) {
        redis_args_str(&a, "event_id");
        redis_args_printf(&a, "replay:%s:%s", product, letter->element[0]->str);
    }
    reply = ctl_redis_call_stream(c, &a);
    if (reply == NULL)
        return false;
    freeReplyObject(reply);
    return true;
}

static int
replay(struct ctl *c, const char *product, const struct redisReply *letter)
{
    if (letter->element[1]->elements == HEAD) {
        (void)ctl_fail("%s: the event had no fields", letter->element[0]->str);
        return -1;
    }
    if (ctl_redis_is_one(c))
        return change(c, "letter_replay", product, letter);
    if (!send_event(c, product, letter))
        return -1;
    return change(c, "letter_drop", product, letter);
}

/* Whether a field is the player of the command's second argument, or a JSON text that names him. */
static bool
names_player(const struct ctl *c, const struct redisReply *letter)
{
    const struct redisReply *fields = letter->element[1];
    const char *user = c->args[1];
    struct buf quoted;
    bool found = false;

    buf_init(&quoted, 1024);
    buf_json_string(&quoted, user, strlen(user));
    for (size_t i = HEAD + 1; i < fields->elements && !found; i += 2) {
        struct event_text value = {fields->element[i]->str, fields->element[i]->len};

        found = event_text_is(value, user) ||
                (buf_ok(&quoted) && memmem(value.s, value.len, quoted.data, quoted.len) != NULL);
    }
    buf_free(&quoted);
    return found;
}

static int
drop_player(struct ctl *c, const char *product, const struct redisReply *letter)
{
    return names_player(c, letter) ? drop(c, product, letter) : 0;
}

/* The letters between two ids, both included, to fn. Adds how many were done; false where one
 * failed. */
static bool
each(struct ctl *c, const char *product, const char *from, const char *to, letter_fn *fn,
     size_t *done)
{
    char after[EVENT_ID_SIZE + 1];
    bool good = true;
    size_t got;

    (void)snprintf(after, sizeof(after), "%s", from);
    do {
        struct redisReply *page = read_letters(c, product, after, to, PAGE);

        if (page == NULL)
            return false;
        got = page->elements;
        for (size_t i = 0; i < got; i++) {
            int one = fn(c, product, page->element[i]);

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
each_of_all(struct ctl *c, const char *product, letter_fn *fn, size_t *done)
{
    struct redisReply *last;
    struct redis_args a;
    bool good = true;

    redis_args_init(&a);
    redis_args_str(&a, "XREVRANGE");
    redis_args_printf(&a, KEY_DEADLETTERS, product);
    redis_args_str(&a, "+");
    redis_args_str(&a, "-");
    redis_args_str(&a, "COUNT");
    redis_args_str(&a, "1");
    last = ctl_redis_call(c, &a);
    if (last == NULL)
        return false;
    if (last->elements == 1 && is_letter(last->element[0]))
        good = each(c, product, "-", last->element[0]->element[0]->str, fn, done);
    freeReplyObject(last);
    return good;
}

static int
run(struct ctl *c, letter_fn *fn, const char *word)
{
    const char *product = letters_of(c);
    bool all = ctl_option(c, "all") != NULL, good = true;
    size_t done = 0;
    struct event_id id;

    if (product == NULL)
        return CTL_USAGE;
    if (all != (c->nargs == 1))
        return ctl_usage("%s: either --all or the ids of dead letters", c->command->name);
    for (size_t i = 1; i < c->nargs; i++)
        if (event_id_parse(c->args[i], strlen(c->args[i]), &id) != 0)
            return ctl_usage("%s: not an id such as 1700000000000-0", c->args[i]);
    if (all)
        good = each_of_all(c, product, fn, &done);
    for (size_t i = 1; i < c->nargs; i++) {
        size_t before = done;

        good = each(c, product, c->args[i], c->args[i], fn, &done) && good;
        if (good && done == before) {
            (void)ctl_fail("%s: there is no such dead letter", c->args[i]);
            good = false;
        }
    }
    printf(c->json ? "{\"%s\": %zu}\n" : "%s: %zu\n", word, done);
    return good ? CTL_OK : CTL_FAILED;
}

int
ctl_letters_replay(struct ctl *c)
{
    return run(c, replay, "replayed");
}

int
ctl_letters_drop(struct ctl *c)
{
    return run(c, drop, "dropped");
}

int
ctl_letters_erase(struct ctl *c, const char *product, size_t *ret_dropped)
{
    size_t dropped = 0;

    if (!each(c, product, "-", "+", drop_player, &dropped))
        return CTL_FAILED;
    *ret_dropped = dropped;
    return CTL_OK;
}
