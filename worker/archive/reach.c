/* How far an archive is: see reach.h. */
#include "worker/archive/reach.h"

#include <hiredis/hiredis.h>

#include "lib/base/text.h"
#include "lib/redis/keys.h"
#include "lib/redis/redis.h"

/* The fields of KEY_ARCHIVED. */
enum { ID, LAST, SINCE, MET, MET_SINCE, CHECKED, MISSING, FROM, TO, FIELDS };
static const char *const names[FIELDS] = {
    [ID] = "id",           [LAST] = "last",           [SINCE] = "since",
    [MET] = "met",         [MET_SINCE] = "met_since", [CHECKED] = "checked",
    [MISSING] = "missing", [FROM] = "missing_from",   [TO] = "missing_to",
};

void
reach_ask(struct redis_args *a, const char *product_id, const char *stream)
{
    redis_args_str(a, "HMGET");
    redis_args_printf(a, KEY_ARCHIVED, product_id, stream);
    for (size_t i = 0; i < FIELDS; i++)
        redis_args_str(a, names[i]);
}

static bool
take_id(const struct redisReply *reply, struct event_id *ret)
{
    *ret = (struct event_id){0, 0};
    return reply->type == REDIS_REPLY_NIL ||
           (reply->type == REDIS_REPLY_STRING && event_id_parse(reply->str, reply->len, ret) == 0);
}

static bool
take_number(const struct redisReply *reply, int64_t *ret)
{
    *ret = 0;
    return reply->type == REDIS_REPLY_NIL ||
           (reply->type == REDIS_REPLY_STRING &&
            text_parse_int(reply->str, reply->len, 0, INT64_MAX, ret) == 0);
}

int
reach_take(const struct redisReply *reply, struct reach *ret)
{
    struct redisReply *const *field = reply->element;
    struct reach reach;
    bool good;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != FIELDS)
        return -1;
    good = take_id(field[ID], &reach.id) && take_id(field[LAST], &reach.last) &&
           take_id(field[SINCE], &reach.since) && take_id(field[CHECKED], &reach.checked) &&
           take_id(field[FROM], &reach.from) && take_id(field[TO], &reach.to) &&
           take_id(field[MET_SINCE], &reach.met.since) &&
           take_number(field[MISSING], &reach.missing) && take_number(field[MET], &reach.met.n);
    if (!good)
        return -1;
    /* An archive that was not counted: what there is, is as good as begun anew. */
    if (field[MET]->type == REDIS_REPLY_NIL)
        reach.met.since = reach.id;
    *ret = reach;
    return 0;
}

void
reach_tell(struct redis_args *a, const char *product_id, const char *stream,
           const struct reach *reach)
{
    const struct event_id ids[FIELDS] = {[ID] = reach->id,
                                         [LAST] = reach->last,
                                         [SINCE] = reach->since,
                                         [CHECKED] = reach->checked,
                                         [FROM] = reach->from,
                                         [TO] = reach->to,
                                         [MET_SINCE] = reach->met.since};
    char text[EVENT_ID_SIZE];

    redis_args_str(a, "HSET");
    redis_args_printf(a, KEY_ARCHIVED, product_id, stream);
    for (size_t i = 0; i < FIELDS; i++) {
        redis_args_str(a, names[i]);
        if (i == MET || i == MISSING)
            redis_args_int(a, i == MET ? reach->met.n : reach->missing);
        else
            redis_args_add(a, text, event_id_format(ids[i], text));
    }
}

int64_t
reach_check(struct reach *reach, struct tally events)
{
    int64_t missing = events.n - reach->met.n;

    if (event_id_compare(events.since, reach->met.since) != 0 || missing < 0)
        missing = 0;
    if (missing > 0 && reach->missing == 0)
        reach->from = reach->checked;
    if (missing > 0)
        reach->to = reach->id;
    reach->missing += missing;
    reach->met = events;
    reach->checked = reach->id;
    return missing;
}
