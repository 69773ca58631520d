/*
 * What is done with one dead letter, or one event in quarantine.
 *
 * Where state and stream are one Redis, a letter goes back to the stream and off the list in one
 * step. Where they are two, it goes to the stream first: were this program to die in between, the
 * letter would be sent again, and its event_id tells that the second is the first one.
 *
 * What is said about an event in quarantine goes to the stream, and the worker does it
 * (worker/batch/batch_quarantine.c): once, however often it is said, and again where all is
 * computed anew.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/rules/event.h"
#include "worker/archive/archive.h"
#include "worker/archive/pseudonym.h"
#include "worker/ctl/ctl.h"
#include "worker/ctl/ctl_letters.h"

/* The call that changes something about the letter was made: as a letter_fn. */
static int
changed(struct ctl *c, const struct letters *l, const struct redisReply *letter,
        struct redisReply *reply)
{
    const char *id = letter->element[0]->str;
    bool done = reply != NULL && reply->type != REDIS_REPLY_NIL;

    if (done)
        ctl_redis_log(c, l->product, id);
    else if (reply != NULL)
        (void)ctl_fail("%s: somebody else took it off the list", id);
    if (reply != NULL)
        freeReplyObject(reply);
    return done ? 1 : -1;
}

/* Call a function of the library on the letter, as a letter_fn. */
static int
change(struct ctl *c, const char *function, const struct letters *l,
       const struct redisReply *letter)
{
    struct redis_args a;

    ctl_redis_change(&a, function, l->product);
    ctl_letters_add_key(&a, l);
    if (strcmp(function, "letter_replay") == 0)
        redis_args_key(&a, "%s", c->conf->stream_name);
    ctl_redis_who(c, &a);
    redis_args_str(&a, letter->element[0]->str);
    return changed(c, l, letter, ctl_redis_call(c, &a));
}

int
ctl_letter_drop(struct ctl *c, const struct letters *l, const struct redisReply *letter)
{
    return change(c, "letter_drop", l, letter);
}

/* An event to the stream; a has all of the XADD. */
static bool
send_event(struct ctl *c, struct redis_args *a)
{
    struct redisReply *reply = ctl_redis_call_stream(c, a);

    if (reply == NULL)
        return false;
    freeReplyObject(reply);
    return true;
}

static void
start_event(const struct ctl *c, struct redis_args *a)
{
    redis_args_init(a);
    redis_args_str(a, "XADD");
    redis_args_str(a, c->conf->stream_name);
    redis_args_str(a, "*");
}

/* Why the event cannot be sent again, or NULL. What its letter has of it may well be a good event,
 * but another one. */
static const char *
replay_problem(const struct letters *l, const struct redisReply *fields)
{
    struct event_text reason = {fields->element[1]->str, fields->element[1]->len};

    if (fields->elements == l->head)
        return "the event had no fields";
    if (event_text_is(reason, EVENT_WHY_MANY) || event_text_is(reason, EVENT_WHY_LONG))
        return "the letter has the beginning of its event alone";
    return NULL;
}

/* The product that the event named; "": none. */
static const char *
product_of(const struct letters *l, const struct redisReply *fields)
{
    for (size_t i = l->head; i < fields->elements; i += 2)
        if (strcmp(fields->element[i]->str, "product_id") == 0)
            return fields->element[i + 1]->str;
    return "";
}

/* Whether the stream has an entry of this id: 1, 0, or -1. */
static int
is_in_stream(struct ctl *c, struct event_id id)
{
    char text[EVENT_ID_SIZE];
    struct redisReply *reply;
    struct redis_args a;
    int found = -1;

    (void)event_id_format(id, text);
    redis_args_init(&a);
    redis_args_str(&a, "XRANGE");
    redis_args_str(&a, c->conf->stream_name);
    redis_args_str(&a, text);
    redis_args_str(&a, text);
    reply = ctl_redis_call_stream(c, &a);
    if (reply != NULL) {
        found = reply->elements > 0;
        freeReplyObject(reply);
    }
    return found;
}

/* Whether a product's archive has an entry of this id: 1, 0, or -1. */
static int
is_in_archive(const struct ctl *c, const char *product, struct event_id id)
{
    struct event_id before = id.seq > 0 ? (struct event_id){id.ms, id.seq - 1}
                                        : (struct event_id){id.ms - (id.ms > 0), UINT64_MAX};
    const char *dir = c->conf->archive_dir;
    struct archive_reader *archive;
    struct redisReply *entry;
    struct event_id first;
    int found;

    if (dir[0] == '\0' || !text_is_product_id(product, strlen(product)))
        return 0;
    if (archive_reader_open(dir, product, before, &archive) < 0) {
        (void)ctl_fail("%s/%s: %s", dir, product, strerror(errno));
        return -1;
    }
    found = archive_reader_next(archive, &entry, &first);
    if (found < 0)
        (void)ctl_fail("%s/%s/%s", dir, product, archive_reader_why(archive));
    if (found > 0) {
        found = event_id_compare(first, id) == 0;
        freeReplyObject(entry);
    }
    archive_reader_close(archive);
    return found;
}

/* Whether an event of a product that was unknown counts where it stood first: a product that is
 * given its file counts what the stream still has of it. 1, 0, or -1. */
static int
counts_already(struct ctl *c, const struct letters *l, const struct redisReply *fields)
{
    struct event_text reason = {fields->element[1]->str, fields->element[1]->len};
    struct event_id id;
    int found;

    if (!event_text_is(reason, "unknown product") ||
        event_id_parse(fields->element[3]->str, fields->element[3]->len, &id) < 0)
        return 0;
    found = is_in_stream(c, id);
    return found == 0 ? is_in_archive(c, product_of(l, fields), id) : found;
}

/* Where the stream is elsewhere, the event has the id that it had or one that follows from the
 * letter. */
int
ctl_letter_replay(struct ctl *c, const struct letters *l, const struct redisReply *letter)
{
    const struct redisReply *fields = letter->element[1];
    const char *why = replay_problem(l, fields);
    int counts = why == NULL ? counts_already(c, l, fields) : 0;
    struct redis_args a;
    bool has_id = false;

    if (counts > 0)
        why = "the stream or the archive still has the event, and it counts there";
    if (counts < 0)
        return -1;
    if (why != NULL) {
        (void)ctl_fail("%s: %s", letter->element[0]->str, why);
        return -1;
    }
    if (ctl_redis_is_one(c))
        return change(c, "letter_replay", l, letter);
    start_event(c, &a);
    for (size_t i = l->head; i < fields->elements; i++) {
        redis_args_add(&a, fields->element[i]->str, fields->element[i]->len);
        has_id = has_id || (i % 2 == 0 && strcmp(fields->element[i]->str, "event_id") == 0);
    }
    if (!has_id) {
        redis_args_str(&a, "event_id");
        redis_args_printf(&a, "replay:%s:%s", l->product, letter->element[0]->str);
    }
    return send_event(c, &a) ? change(c, "letter_drop", l, letter) : -1;
}

/* The event that says what becomes of the one in quarantine. */
static void
add_verdict(struct redis_args *a, const struct letters *l, const struct redisReply *letter,
            const char *verdict)
{
    const struct redisReply *fields = letter->element[1];

    if (strcmp(verdict, "drop") == 0) {
        redis_args_str(a, "product_id");
        redis_args_str(a, l->product);
    } else {
        for (size_t i = l->head; i < fields->elements; i++)
            redis_args_add(a, fields->element[i]->str, fields->element[i]->len);
    }
    redis_args_str(a, EVENT_VERDICT_FIELD);
    redis_args_printf(a, "%s %s", verdict, letter->element[0]->str);
}

/* Say it, as a letter_fn. Where the stream is elsewhere, before it is in the audit: were this
 * program to die in between, saying it again does no harm. */
static int
settle(struct ctl *c, const struct letters *l, const struct redisReply *letter, const char *verdict)
{
    bool one = ctl_redis_is_one(c);
    struct redis_args a;

    if (!one) {
        start_event(c, &a);
        add_verdict(&a, l, letter, verdict);
        if (!send_event(c, &a))
            return -1;
    }
    ctl_redis_change(&a, "quarantine_settle", l->product);
    ctl_letters_add_key(&a, l);
    if (one)
        redis_args_key(&a, "%s", c->conf->stream_name);
    ctl_redis_who(c, &a);
    redis_args_str(&a, letter->element[0]->str);
    if (one)
        add_verdict(&a, l, letter, verdict);
    return changed(c, l, letter, ctl_redis_call(c, &a));
}

int
ctl_letter_release_held(struct ctl *c, const struct letters *l, const struct redisReply *letter)
{
    return settle(c, l, letter, "release");
}

int
ctl_letter_drop_held(struct ctl *c, const struct letters *l, const struct redisReply *letter)
{
    return settle(c, l, letter, "drop");
}

/* Whether a field is the player of the command's second argument, or a JSON text that names him.
 * Letters of no product are of the command's where they say so: it had no file then. */
static bool
names_player(const struct ctl *c, const struct letters *l, const struct redisReply *letter)
{
    const struct redisReply *fields = letter->element[1];
    bool found = false;

    if (strcmp(l->product, c->args[0]) != 0 && strcmp(product_of(l, fields), c->args[0]) != 0)
        return false;

    for (size_t i = l->head + 1; i < fields->elements && !found; i += 2) {
        struct event_text value = {fields->element[i]->str, fields->element[i]->len};

        found = pseudonym_is_in(value, c->args[1]);
    }
    return found;
}

int
ctl_letter_erase(struct ctl *c, const struct letters *l, const struct redisReply *letter)
{
    if (!names_player(c, l, letter))
        return 0;
    return l->quarantine ? ctl_letter_drop_held(c, l, letter) : ctl_letter_drop(c, l, letter);
}
