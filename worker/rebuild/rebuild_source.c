/*
 * Where a rebuild's events come from: the archive, as far as it is, then the stream.
 *
 * The archive grows and the stream is trimmed behind it while this is read. So a part of the stream
 * holds only where the archive, asked for afterwards, is still not beyond its beginning: then
 * nothing of it was trimmed, and nothing was taken off the list of what did not count. Else it is
 * read from the archive.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <string.h>

#include "lib/config/conf.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/archive/archive.h"
#include "worker/archive/aside.h"
#include "worker/archive/reach.h"
#include "worker/ctl/ctl.h"
#include "worker/position.h"
#include "worker/rebuild/rebuild.h"

#define COUNT 1000 /* entries a read of the stream */

/* --- how far the archive is ------------------------------------------------------------------- */

static bool
read_reach(struct rebuild *r, struct reach *ret)
{
    struct redisReply *reply;
    struct redis_args a;
    bool good;

    *ret = (struct reach){.id = {0, 0}};
    if (r->archive == NULL)
        return true;
    redis_args_init(&a);
    reach_ask(&a, r->product->id, r->c->conf->stream_name);
    reply = ctl_redis_call(r->c, &a);
    if (reply == NULL)
        return false;
    good = reach_take(reply, ret) == 0;
    freeReplyObject(reply);
    if (!good)
        (void)ctl_fail("how far the archive of %s is cannot be read", r->product->id);
    return good;
}

/* --- the archive ------------------------------------------------------------------------------ */

static bool
next_of_archive(struct rebuild *r)
{
    int got;

    if (r->ahead != NULL)
        return true;
    got = archive_reader_next(r->archive, &r->ahead, &r->ahead_id);
    if (got < 0)
        (void)ctl_fail("%s/%s/%s", r->c->conf->archive_dir, r->product->id,
                       archive_reader_why(r->archive));
    return got >= 0;
}

/* Up to limit, or as far as is known to be on the disk. What it has is known to where it is. */
static bool
read_archive(struct rebuild *r, struct event_id limit, const struct reach *reach)
{
    struct event_id seen = r->read, last = reach->last;
    bool beyond = event_id_compare(reach->id, limit) > 0;

    if (!beyond)
        limit = reach->id;

    for (;;) {
        bool taken;

        if (!next_of_archive(r))
            return false;
        if (r->ahead == NULL || event_id_compare(r->ahead_id, limit) > 0)
            break;
        seen = r->ahead_id;
        taken = event_id_compare(seen, r->read) <= 0 || rebuild_take(r, r->ahead, seen);
        freeReplyObject(r->ahead);
        r->ahead = NULL;
        if (!taken)
            return false;
    }
    if (event_id_compare(last, limit) <= 0 && event_id_compare(seen, last) < 0 &&
        event_id_compare(r->read, last) < 0) {
        (void)ctl_fail("files of the archive are missing in %s/%s", r->c->conf->archive_dir,
                       r->product->id);
        return false;
    }
    r->read = limit;
    r->gone = *reach;
    if (beyond) /* so it is not known how many there are up to the limit */
        r->gone.met.since = (struct event_id){UINT64_MAX, UINT64_MAX};
    return true;
}

/* --- the stream ------------------------------------------------------------------------------- */

static struct redisReply *
read_stream(struct rebuild *r, struct event_id limit)
{
    char from[EVENT_ID_SIZE], to[EVENT_ID_SIZE];
    struct redis_args a;

    (void)event_id_format(r->read, from);
    (void)event_id_format(limit, to);
    redis_args_init(&a);
    redis_args_str(&a, "XRANGE");
    redis_args_str(&a, r->c->conf->stream_name);
    redis_args_printf(&a, "(%s", from);
    redis_args_str(&a, to);
    redis_args_str(&a, "COUNT");
    redis_args_int(&a, COUNT);
    return ctl_redis_call_stream(r->c, &a);
}

static bool
read_aside(struct rebuild *r, struct event_id limit, struct aside **aside)
{
    struct redisReply *reply;
    struct redis_args a;
    bool good;

    redis_args_init(&a);
    aside_command(&a, r->product->id, r->read, limit);
    reply = ctl_redis_call(r->c, &a);
    if (reply == NULL)
        return false;
    good = aside_take(aside, reply) == 0;
    freeReplyObject(reply);
    return good;
}

/* How many entries the stream has lost; -1: that was told. ret_first: the first that it still has.
 */
static int64_t
count_trimmed(struct rebuild *r, struct event_id *ret_first)
{
    struct position_stream stream = {.length = 0};
    struct redisReply *reply;
    struct redis_args a;
    int64_t n = 0;

    redis_args_init(&a);
    redis_args_str(&a, "EXISTS");
    redis_args_str(&a, r->c->conf->stream_name);
    reply = ctl_redis_call_stream(r->c, &a);
    if (reply == NULL)
        return -1;
    n = reply->integer;
    freeReplyObject(reply);
    if (n == 0)
        return 0;
    redis_args_init(&a);
    redis_args_str(&a, "XINFO");
    redis_args_str(&a, "STREAM");
    redis_args_str(&a, r->c->conf->stream_name);
    reply = ctl_redis_call_stream(r->c, &a);
    if (reply == NULL)
        return -1;
    n = position_stream_read(reply, &stream) == 0 ? stream.added - stream.length : -1;
    freeReplyObject(reply);
    *ret_first = stream.length > 0 ? stream.first : stream.last;
    return n;
}

/* Whether the part of the stream that was read behind r->read is whole, and so is what is known of
 * it. 1; 0: it is in the archive by now; -1. */
static int
is_whole(struct rebuild *r)
{
    struct event_id first = {0, 0};
    struct reach reach;
    int64_t trimmed;

    if (r->archive != NULL) {
        if (!read_reach(r, &reach))
            return -1;
        if (event_id_compare(reach.id, r->read) > 0)
            return 0;
        if (reach.id.ms > 0)
            return 1;
    }
    trimmed = count_trimmed(r, &first);
    if (trimmed == r->trimmed)
        return 1;
    if (trimmed >= 0)
        (void)ctl_fail("the stream was trimmed meanwhile, and there is no archive");
    return -1;
}

/* Take what was read, up to the limit. */
static bool
take_part(struct rebuild *r, const struct redisReply *part, const struct aside *aside,
          struct event_id limit)
{
    for (size_t i = 0; i < part->elements; i++) {
        struct event_id id;

        if (!archive_entry_id(part->element[i], &id)) {
            (void)ctl_fail("the stream: an entry of another shape");
            return false;
        }
        if (aside_has(aside, id)) {
            r->read = id;
            r->gone.met.n++;
        } else if (!rebuild_take(r, part->element[i], id)) {
            return false;
        } else if (event_text_is(r->event.product_id, r->product->id)) {
            r->gone.met.n++;
        }
    }
    if (part->elements < COUNT)
        r->read = limit;
    return true;
}

bool
rebuild_source_read(struct rebuild *r, struct event_id limit)
{
    bool good = true;

    while (good && event_id_compare(r->read, limit) < 0) {
        struct aside *aside = NULL;
        struct redisReply *part;
        struct reach reach;
        int whole = -1;

        if (!read_reach(r, &reach))
            return false;
        if (event_id_compare(reach.id, r->read) > 0) {
            good = read_archive(r, limit, &reach);
            continue;
        }
        part = read_stream(r, limit);
        if (part != NULL && read_aside(r, limit, &aside))
            whole = is_whole(r);
        good = whole >= 0 && (whole == 0 || take_part(r, part, aside, limit));
        if (part != NULL)
            freeReplyObject(part);
        aside_free(&aside);
        rebuild_progress(r);
    }
    return good;
}

/* --- what is nowhere any more ----------------------------------------------------------------- */

/* Where the worker is: KEY_POSITION. ret_id: 0-0 where it has yet to begin. */
static bool
read_position(struct rebuild *r, struct event_id *ret_id, struct position *ret)
{
    struct redisReply *reply;
    struct redis_args a;
    const char *id = "";
    bool good;

    redis_args_init(&a);
    position_ask(&a, r->product->id, r->c->conf->stream_name);
    reply = ctl_redis_call(r->c, &a);
    if (reply == NULL)
        return false;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
        reply->element[0]->type == REDIS_REPLY_STRING)
        id = reply->element[0]->str;
    *ret_id = (struct event_id){0, 0};
    good = id[0] == '\0' || position_checkpoint(id, strlen(id), ret_id) == 0;
    *ret = position_take(reply, id);
    freeReplyObject(reply);
    if (!good)
        (void)ctl_fail("the position of %s cannot be read", r->product->id);
    return good;
}

void
rebuild_source_gone(const struct rebuild *r, struct buf *out)
{
    char from[EVENT_ID_SIZE], to[EVENT_ID_SIZE];

    (void)event_id_format(r->gone.since, from);
    if (r->gone.since.ms > 0)
        buf_printf(out, "the archive begins at %s: what was counted before is not in it\n", from);
    (void)event_id_format(r->gone.from, from);
    (void)event_id_format(r->gone.to, to);
    if (r->gone.missing > 0)
        buf_printf(out,
                   "%lld events are no longer in the stream, nor in the archive: after %s and up "
                   "to %s, removed by somebody when they were applied\n",
                   (long long)r->gone.missing, from, to);
}

/* Whether the rebuild may go on with what there is. */
static bool
is_enough(const struct rebuild *r)
{
    struct buf gone;

    if (r->partial || r->verify || (r->gone.missing == 0 && r->gone.since.ms == 0))
        return true;
    buf_init(&gone, 1024);
    rebuild_source_gone(r, &gone);
    (void)ctl_fail("%.*s: what they counted would be gone (--partial does it all the same)",
                   (int)gone.len - 1, gone.data);
    buf_free(&gone);
    return false;
}

bool
rebuild_source_check(struct rebuild *r)
{
    struct position position;
    struct event_id at;

    if (!read_position(r, &at, &position))
        return false;
    r->gone.id = r->read;
    if (event_id_compare(at, r->read) == 0)
        (void)reach_check(&r->gone, position.events);
    return is_enough(r);
}

/* --- the outside ------------------------------------------------------------------------------ */

/* Without an archive, the stream has to have all that the worker has read: that is counted, unless
 * its own count began later. */
static bool
look_at_stream(struct rebuild *r)
{
    struct position position;
    struct event_id at, first = {0, 0};

    r->trimmed = count_trimmed(r, &first);
    if (r->trimmed < 0 || !read_position(r, &at, &position))
        return false;
    if (r->gone.id.ms > 0 || position.events.since.ms == 0)
        return true;
    r->gone.missing = r->trimmed;
    r->gone.to = first;
    return true;
}

bool
rebuild_source_open(struct rebuild *r)
{
    const char *dir = r->c->conf->archive_dir;

    if (dir[0] != '\0' &&
        archive_reader_open(dir, r->product->id, (struct event_id){0, 0}, &r->archive) < 0) {
        (void)ctl_fail("%s/%s: %s", dir, r->product->id, strerror(errno));
        return false;
    }
    if (!read_reach(r, &r->gone) || !look_at_stream(r) || !is_enough(r))
        return false;
    /* Whatever this found is found again as all is read, and counted. */
    r->gone = (struct reach){.since = r->gone.since};
    return true;
}

void
rebuild_source_close(struct rebuild *r)
{
    archive_reader_close(r->archive);
    r->archive = NULL;
    if (r->ahead != NULL)
        freeReplyObject(r->ahead);
    r->ahead = NULL;
}
