/*
 * varcadectl erase, in the archive: a pseudonym takes the player's place in every event that names
 * him, so that what others have by them stays. A rebuild then computes figures for the pseudonym
 * too, and takes them out again (KEY_PSEUDONYMS): nobody has asked for them.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/keys.h"
#include "lib/loop.h"
#include "lib/product.h"
#include "worker/archive.h"
#include "worker/ctl.h"
#include "worker/position.h"
#include "worker/pseudonym.h"

#define WAIT ((dur_ms)15000) /* for the archive to have what is applied */
#define LOOK ((dur_ms)50)

struct edit {
    const struct rules *rules;
    const char *user;
    char other[PSEUDONYM_SIZE];
};

static int
edit_entry(void *cookie, const struct redisReply *entry, struct buf *out)
{
    const struct edit *edit = cookie;

    if (!pseudonym_names(edit->rules, entry, edit->user))
        return 0;
    pseudonym_replace(edit->rules, entry, edit->user, edit->other, out);
    return 1;
}

/* Whether the archive is where the worker is: 1, 0, or -1. */
static int
has_all(struct ctl *c, const char *product, struct event_id *ret_applied)
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
        if (ret_applied->ms == 0 && calls[0].reply->type == REDIS_REPLY_STRING &&
            position_checkpoint(calls[0].reply->str, calls[0].reply->len, ret_applied) < 0)
            *ret_applied = (struct event_id){0, 0};
        if (calls[1].reply->type == REDIS_REPLY_STRING &&
            event_id_parse(calls[1].reply->str, calls[1].reply->len, &archived) < 0)
            archived = (struct event_id){0, 0};
        ret = event_id_compare(archived, *ret_applied) >= 0;
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

/* What was applied before this was called is in the archive then. */
static bool
wait_for_archive(struct ctl *c, const char *product)
{
    struct event_id applied = {0, 0};
    mono_ms until = clock_mono() + WAIT;
    struct loop_timer *timer;
    int has = has_all(c, product, &applied);

    timer = c->loop != NULL ? loop_timer_new(c->loop, ignore, NULL) : NULL;
    while (timer != NULL && has == 0 && clock_mono() < until) {
        loop_timer_set(timer, LOOK);
        if (loop_run_once(c->loop, LOOK) != 0)
            break;
        has = has_all(c, product, &applied);
    }
    loop_timer_free(timer);
    if (has == 0)
        (void)ctl_fail("the archive does not have all that was applied: does a worker run, and can "
                       "it write there?");
    return has == 1;
}

static bool
remember(struct ctl *c, const char *product, const char *pseudonym)
{
    struct redisReply *reply;
    struct redis_args a;

    redis_args_init(&a);
    redis_args_str(&a, "SADD");
    redis_args_printf(&a, KEY_PSEUDONYMS, product);
    redis_args_str(&a, pseudonym);
    reply = ctl_redis_call(c, &a);
    if (reply != NULL)
        freeReplyObject(reply);
    return reply != NULL;
}

int
ctl_archive_erase(struct ctl *c, const char *product_id, const char *user, size_t *ret_events)
{
    struct edit edit = {.user = user};
    struct product *product;
    int ret = CTL_FAILED;

    *ret_events = 0;
    if (c->conf->archive_dir[0] == '\0')
        return CTL_OK;
    product = ctl_product_load(c, product_id);
    if (product == NULL)
        return CTL_FAILED;
    edit.rules = product->rules;
    pseudonym_make(edit.other);
    if (wait_for_archive(c, product_id) && remember(c, product_id, edit.other)) {
        if (archive_rewrite(c->conf->archive_dir, product_id, edit_entry, &edit, ret_events) == 0)
            ret = CTL_OK;
        else
            (void)ctl_fail("%s/%s: %s", c->conf->archive_dir, product_id, strerror(errno));
    }
    product_free(product);
    return ret;
}
