/*
 * varcadectl season close: a season ends before its time. When it does stands in Redis, for the
 * worker, for readers, and for whoever computes all of it anew.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/product/product.h"
#include "lib/redis/keys.h"
#include "lib/rules/rules.h"
#include "worker/ctl/ctl.h"

/* What it is about. */
struct close {
    const char *product, *board, *season;
    wall_ms now;
    wall_ms at; /* 0: now */
    struct window window;
};

/* Find the season in the game's file; an exit status. */
static int
find_season(const struct product *product, struct close *s)
{
    int board = rules_board_find(product->rules, s->board, strlen(s->board));
    const struct window_plan *plan;
    char name[WINDOW_NAME_SIZE];
    int len;

    if (board < 0)
        return ctl_fail("%s has no board %s", s->product, s->board);
    plan = &rules_board_at(product->rules, (size_t)board)->windows;
    len = snprintf(name, sizeof(name), "s-%s", s->season);
    if (len < 0 || (size_t)len >= sizeof(name) || !plan->has[WINDOW_SEASON] ||
        !window_named(plan, WINDOW_SEASON, name, (size_t)len, &s->window))
        return ctl_fail("the board %s has no season %s", s->board, s->season);
    if ((s->at > 0 ? s->at : s->now) <= s->window.starts)
        return ctl_fail("the season %s has not begun by then", s->season);
    if (s->at >= s->window.ends)
        return ctl_fail("the season %s has ended by then", s->season);
    return CTL_OK;
}

static struct redisReply *
call(struct ctl *c, const struct close *s)
{
    struct redis_args a;

    ctl_redis_change(&a, "season_close", s->product);
    redis_args_key(&a, KEY_CHECKPOINT, s->product, c->conf->stream_name);
    redis_args_key(&a, KEY_POSITION, s->product, c->conf->stream_name);
    redis_args_key(&a, KEY_GENERATIONS, s->product);
    redis_args_key(&a, KEY_CLOSED, s->product);
    ctl_redis_who(c, &a);
    redis_args_printf(&a, KEYS_CLOSED_SEASON, s->board, s->season);
    redis_args_printf(&a, KEYS_CLOSED_SEASON, s->board, s->season);
    redis_args_int(&a, s->now);
    if (s->at > 0)
        redis_args_int(&a, s->at);
    else
        redis_args_str(&a, "");
    redis_args_int(&a, s->window.ends);
    return ctl_redis_call(c, &a);
}

static int
tell(struct ctl *c, const struct close *s, const struct redisReply *reply)
{
    char at[CLOCK_RFC3339_SIZE];

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING)
        return ctl_fail("an answer of another shape");
    clock_format_rfc3339(reply->element[1]->integer, at);
    if (strcmp(reply->element[0]->str, "ended") == 0)
        return ctl_fail("the season %s ended at %s", s->season, at);
    if (strcmp(reply->element[0]->str, "counted") == 0)
        return ctl_fail("events up to %s count in the season %s already", at, s->season);
    ctl_redis_log(c, s->product, s->season);
    printf(c->json ? "{\"ends\": \"%s\"}\n" : "ends: %s\n", at);
    return CTL_OK;
}

int
ctl_season_close(struct ctl *c)
{
    struct close s = {.product = ctl_product(c),
                      .board = ctl_option(c, "board"),
                      .season = c->args[1],
                      .now = clock_wall()};
    const char *at = ctl_option(c, "at");
    struct redisReply *reply = NULL;
    struct product *product;
    int ret;

    if (s.product == NULL)
        return CTL_USAGE;
    if (at != NULL && (clock_parse_rfc3339(at, strlen(at), &s.at) != 0 || s.at <= 0))
        return ctl_usage("--at: not a time as RFC 3339 writes it, 2026-01-31T00:00:00Z");
    product = ctl_product_load(c, s.product);
    ret = product != NULL ? find_season(product, &s) : CTL_FAILED;
    product_free(product);
    if (ret == CTL_OK)
        reply = call(c, &s);
    if (reply != NULL) {
        ret = tell(c, &s, reply);
        freeReplyObject(reply);
    } else {
        ret = CTL_FAILED;
    }
    return ret;
}
