/*
 * varcadectl erase, in the archive: a pseudonym takes the player's place in every event that names
 * him, so that what others have by them stays. A rebuild then computes figures for the pseudonym
 * too, and takes them out again (KEY_PSEUDONYMS): nobody has asked for them.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/loop.h"
#include "lib/config/conf.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "worker/archive/archive.h"
#include "worker/archive/pseudonym.h"
#include "worker/ctl/ctl.h"
#include "worker/position.h"

#define WAIT ((dur_ms)15000) /* for the archive to have what is applied */
#define LOOK ((dur_ms)50)

struct edit {
    const struct rules *rules;
    const char *user;
    const struct ctl_erasures *erasures;
};

static int
edit_entry(void *cookie, const struct redisReply *entry, struct buf *out)
{
    const struct edit *edit = cookie;
    const struct ctl_erasures *e = edit->erasures;
    struct event_id id;
    size_t i = 0;

    if (!archive_entry_id(entry, &id) || !pseudonym_names(edit->rules, entry, edit->user))
        return 0;
    while (i < e->n && event_id_compare(id, e->up_to[i]) > 0)
        i++;
    if (i == e->n)
        return 0;
    pseudonym_replace(edit->rules, entry, edit->user, e->pseudonym[i], out);
    return 1;
}

/* Whether the archive is at *up_to, or, the first time that it is asked for the greatest id, where
 * the worker is, which then takes its place: 1, 0, or -1. */
static int
has_all(struct ctl *c, const char *product, struct event_id *up_to)
{
    struct event_id archived = {0, 0};
    struct ctl_call calls[2];
    int ret = -1;

    redis_args_init(&calls[0].a);
    redis_args_str(&calls[0].a, "GET");
    redis_args_printf(&calls[0].a, KEY_CHECKPOINT, product, c->conf->stream_name);
    redis_args_init(&calls[1].a);
    redis_args_str(&calls[1].a, "HGET");
    redis_args_printf(&calls[1].a, KEY_ARCHIVED, product, c->conf->stream_name);
    redis_args_str(&calls[1].a, "id");
    if (ctl_redis_pipeline(c, calls, 2)) {
        if (up_to->ms == UINT64_MAX &&
            (calls[0].reply->type != REDIS_REPLY_STRING ||
             position_checkpoint(calls[0].reply->str, calls[0].reply->len, up_to) < 0))
            *up_to = (struct event_id){0, 0};
        if (calls[1].reply->type == REDIS_REPLY_STRING &&
            event_id_parse(calls[1].reply->str, calls[1].reply->len, &archived) < 0)
            archived = (struct event_id){0, 0};
        ret = event_id_compare(archived, *up_to) >= 0;
    }
    for (size_t i = 0; i < 2; i++)
        if (calls[i].reply != NULL)
            freeReplyObject(calls[i].reply);
    return ret;
}

static void
ignore(void *cookie)
{
    (void)cookie;
}

/* All up to there is in the archive then. */
static bool
wait_for_archive(struct ctl *c, const char *product, struct event_id up_to)
{
    mono_ms until = clock_mono() + WAIT;
    struct loop_timer *timer;
    int has = has_all(c, product, &up_to);

    timer = c->loop != NULL ? loop_timer_new(c->loop, ignore, NULL) : NULL;
    while (timer != NULL && has == 0 && clock_mono() < until) {
        loop_timer_set(timer, LOOK);
        if (loop_run_once(c->loop, LOOK) != 0)
            break;
        has = has_all(c, product, &up_to);
    }
    loop_timer_free(timer);
    if (has == 0)
        (void)ctl_fail("the archive does not have all that was applied: does a worker run, and can "
                       "it write there?");
    return has == 1;
}

static bool
remember(struct ctl *c, const char *product, const struct ctl_erasures *e)
{
    struct redisReply *reply;
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "SADD");
    redis_args_printf(&a, KEY_PSEUDONYMS, product);
    for (size_t i = 0; i < e->n; i++)
        redis_args_str(&a, e->pseudonym[i]);
    reply = ctl_redis_call(c, &a);
    if (reply != NULL)
        freeReplyObject(reply);
    return reply != NULL;
}

int
ctl_archive_erase(struct ctl *c, const char *product_id, const char *user,
                  const struct ctl_erasures *e, size_t *events)
{
    struct edit edit = {.user = user, .erasures = e};
    struct product *product;
    int ret = CTL_FAILED;
    size_t changed = 0;

    if (c->conf->archive_dir[0] == '\0')
        return CTL_OK;
    product = ctl_product_load(c, product_id);
    if (product == NULL)
        return CTL_FAILED;
    edit.rules = product->rules;
    if (wait_for_archive(c, product_id, e->up_to[e->n - 1]) && remember(c, product_id, e)) {
        if (archive_rewrite(c->conf->archive_dir, product_id, edit_entry, &edit, &changed) == 0)
            ret = CTL_OK;
        else
            (void)ctl_fail("%s/%s: %s", c->conf->archive_dir, product_id, strerror(errno));
    }
    *events += changed;
    product_free(product);
    return ret;
}
