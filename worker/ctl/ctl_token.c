/* varcadectl token: a player's token, for trying things out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/access/token.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "worker/ctl/ctl.h"

#define HOURS_MAX 87600 /* ten years */

/* sign(c, hours, why): the token, free()d by the caller; NULL with the reason in why. */
static char *
sign(const struct ctl *c, int64_t hours, wall_ms now, struct buf *why)
{
    const struct conf *conf = c->conf;
    const struct table_list *files = &conf->token_key_files;
    struct token_keys *keys = NULL;
    char *token = NULL;

    if (files->n == 0) {
        buf_str(why, "token.key_files: at least one is needed");
        return NULL;
    }
    if (token_keys_load(conf->token_algorithm, (const char *const *)files->item, files->n,
                        conf->token_leeway, &keys, why) != 0)
        return NULL;
    token = token_sign(keys, ctl_option(c, "user"), ctl_option(c, "name"), hours * 3600, now);
    if (token == NULL && errno == ENOTSUP)
        buf_printf(why, "token.algorithm: %s: the key is public, tokens are signed elsewhere",
                   conf->token_algorithm);
    else if (token == NULL)
        buf_str(why, strerror(errno));
    token_keys_free(keys);
    return token;
}

static bool
is_name(const struct ctl *c, const char *option)
{
    const char *value = ctl_option(c, option);

    return text_is_name(value, strlen(value));
}

static int
print(const struct ctl *c, const char *token, wall_ms expires)
{
    char time[CLOCK_RFC3339_SIZE];
    struct buf out;

    clock_format_rfc3339(expires, time);
    buf_init(&out, CTL_WHY_MAX);
    if (c->json) {
        buf_printf(&out, "{\"token\": \"%s\", \"user_id\": ", token);
        ctl_json_text(&out, ctl_option(c, "user"), strlen(ctl_option(c, "user")));
        buf_printf(&out, ", \"expires\": \"%s\"}", time);
    } else {
        buf_str(&out, token);
    }
    return ctl_print(&out);
}

int
ctl_token_run(struct ctl *c)
{
    static const char name_rule[] = "1 to 128 bytes of UTF-8 without control characters";
    const char *text = ctl_option(c, "hours");
    wall_ms now = clock_wall();
    int64_t hours = 24;
    struct buf why;
    char *token;
    int ret = CTL_OK;

    if (text != NULL && text_parse_int(text, strlen(text), 1, HOURS_MAX, &hours) != 0)
        return ctl_usage("--hours: a number from 1 to %d", HOURS_MAX);
    if (!is_name(c, "user"))
        return ctl_usage("--user: %s", name_rule);
    if (!is_name(c, "name"))
        return ctl_usage("--name: %s", name_rule);
    buf_init(&why, CTL_WHY_MAX);
    token = sign(c, hours, now, &why);
    if (token != NULL)
        ret = print(c, token, now / 1000 * 1000 + hours * 3600 * 1000);
    else
        ret = ctl_fail("%s", why.data != NULL ? why.data : "out of memory");
    if (ret == CTL_OK)
        ctl_redis_log(c, NULL, ctl_option(c, "user"));
    free(token);
    buf_free(&why);
    return ret;
}
