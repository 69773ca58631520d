/*
 * Redis for commands that run and exit: the programs' own asynchronous connection, with the loop
 * turned until the answer is there. An answer is copied, so that a command can be written as a
 * list of steps.
 */
#include <hiredis/hiredis.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/base/text.h"
#include "lib/config/conf.h"
#include "lib/product/generation.h"
#include "lib/redis/keys.h"
#include "worker/ctl/ctl.h"

#define LOST "the connection was lost before the answer came: it may have been done"

/* A connection that is being made. */
struct attempt {
    bool known;
    bool up;
    char why[256];
};

static void
changed(void *cookie, bool up, const char *why)
{
    struct attempt *attempt = cookie;

    /* Asked of once: what comes later, a command meets. */
    if (attempt->known)
        return;
    attempt->known = true;
    attempt->up = up;
    (void)snprintf(attempt->why, sizeof(attempt->why), "%s", why != NULL ? why : "");
}

static struct attempt attempts[2]; /* state, stream: they live as long as the connections */

static struct redis *
connect_to(struct ctl *c, const char *url, struct attempt *attempt)
{
    const struct conf *conf = c->conf;
    struct redis *redis = NULL;
    char *password = NULL;
    struct buf why;

    buf_init(&why, CTL_WHY_MAX);
    *attempt = (struct attempt){.known = false};
    if (conf_read_password(conf, &password, &why) != 0) {
        (void)ctl_fail("%s", why.data != NULL ? why.data : "out of memory");
        goto out;
    }
    redis = redis_open(
        c->loop,
        &(struct redis_options){.url = url,
                                .password = password,
                                .user = conf->redis_user[0] != '\0' ? conf->redis_user : NULL,
                                .connect_timeout = conf->redis_connect_timeout,
                                .command_timeout = conf->redis_command_timeout,
                                .functions = attempt == &attempts[0]},
        changed, attempt);
    while (redis != NULL && !attempt->known)
        if (loop_run_once(c->loop, -1) != 0)
            break;
    if (!attempt->up) {
        (void)ctl_fail("%s: %s", url, attempt->why);
        redis_close(redis);
        redis = NULL;
    }
out:
    if (password != NULL)
        text_wipe(password, strlen(password));
    free(password);
    buf_free(&why);
    return redis;
}

static const char *
stream_url(const struct ctl *c)
{
    return c->conf->redis_stream_url[0] != '\0' ? c->conf->redis_stream_url
                                                : c->conf->redis_state_url;
}

bool
ctl_redis_is_one(const struct ctl *c)
{
    return strcmp(stream_url(c), c->conf->redis_state_url) == 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* A copy that freeReplyObject() frees; memory that runs out ends the program. */
static struct redisReply *
copy_reply(const struct redisReply *reply)
{
    struct redisReply *copy = calloc(1, sizeof(*copy));

    if (copy == NULL)
        abort();
    copy->type = reply->type;
    copy->integer = reply->integer;
    if (reply->str != NULL) {
        copy->str = malloc(reply->len + 1);
        if (copy->str == NULL)
            abort();
        memcpy(copy->str, reply->str, reply->len);
        copy->str[reply->len] = '\0';
        copy->len = reply->len;
    }
    if (reply->elements > 0) {
        copy->element = calloc(reply->elements, sizeof(struct redisReply *));
        if (copy->element == NULL)
            abort();
        copy->elements = reply->elements;
        for (size_t i = 0; i < reply->elements; i++)
            copy->element[i] = copy_reply(reply->element[i]);
    }
    return copy;
}

struct wait {
    bool done;
    struct redisReply *reply; /* NULL: it was told why */
};

static void
answered(void *cookie, enum redis_outcome outcome, const struct redisReply *reply)
{
    struct wait *wait = cookie;

    wait->done = true;
    if (outcome == REDIS_DONE)
        wait->reply = copy_reply(reply);
    else if (reply != NULL && reply->str != NULL)
        (void)ctl_fail("Redis: %s", reply->str);
    else
        (void)ctl_fail("Redis: %s", outcome == REDIS_LOST ? LOST : "not connected");
}

static struct redisReply *
call(struct ctl *c, struct redis **redis, const char *url, struct attempt *attempt,
     struct redis_args *a)
{
    struct wait wait = {.done = false};

    if (c->loop == NULL)
        c->loop = loop_new();
    if (c->loop == NULL)
        (void)ctl_fail("the loop cannot be made");
    else if (*redis == NULL)
        *redis = connect_to(c, url, attempt);
    if (*redis != NULL) {
        redis_send(*redis, a, answered, &wait);
        while (!wait.done && loop_run_once(c->loop, -1) == 0)
            continue;
    }
    redis_args_free(a);
    return wait.reply;
}

struct redisReply *
ctl_redis_call(struct ctl *c, struct redis_args *a)
{
    return call(c, &c->state, c->conf->redis_state_url, &attempts[0], a);
}

struct redisReply *
ctl_redis_call_stream(struct ctl *c, struct redis_args *a)
{
    return call(c, &c->stream, stream_url(c), &attempts[1], a);
}

bool
ctl_redis_pipeline(struct ctl *c, struct ctl_call *calls, size_t n)
{
    struct wait *waits = calloc(n, sizeof(*waits));
    struct redisReply *first = NULL;
    bool good = true;

    if (waits == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        calls[i].reply = NULL;
    if (c->state == NULL) { /* the first one connects */
        calls[0].reply = first = ctl_redis_call(c, &calls[0].a);
        good = first != NULL;
    }
    for (size_t i = first != NULL; i < n; i++) {
        if (good)
            redis_send(c->state, &calls[i].a, answered, &waits[i]);
        redis_args_free(&calls[i].a);
    }
    for (size_t i = first != NULL; good && i < n; i++)
        while (!waits[i].done && loop_run_once(c->loop, -1) == 0)
            continue;
    for (size_t i = first != NULL; i < n; i++) {
        calls[i].reply = waits[i].reply;
        good = good && waits[i].reply != NULL;
    }
    free(waits);
    return good;
}

void
ctl_redis_close(struct ctl *c)
{
    redis_close(c->state);
    redis_close(c->stream);
    loop_free(c->loop);
}

bool
ctl_redis_knows(struct ctl *c, const char *product)
{
    struct redisReply *reply;
    struct redis_args a;
    bool known = false;
    char *file;

    if (asprintf(&file, "%s/%s.json", c->conf->games_dir, product) < 0)
        abort();
    if (strcmp(product, KEYS_NO_PRODUCT) == 0 || access(file, F_OK) == 0) {
        free(file);
        return true;
    }
    redis_args_init(&a);
    redis_args_str(&a, "EXISTS");
    redis_args_printf(&a, KEY_CHECKPOINT, product, c->conf->stream_name);
    redis_args_printf(&a, KEY_AUDIT, product);
    redis_args_printf(&a, KEY_DEADLETTERS, product);
    redis_args_printf(&a, KEY_KEYS, product);
    redis_args_printf(&a, KEY_NAMES, product);
    reply = ctl_redis_call(c, &a);
    if (reply != NULL) {
        known = reply->integer > 0;
        if (!known)
            (void)ctl_fail("there is no product %s: neither %s nor anything in Redis", product,
                           file);
        freeReplyObject(reply);
    }
    free(file);
    return known;
}

bool
ctl_generation(struct ctl *c, const char *product, struct generation *ret)
{
    struct redisReply *reply;
    struct redis_args a;
    bool good;

    redis_args_init(&a);
    redis_args_str(&a, "GET");
    redis_args_printf(&a, KEY_GENERATION, product);
    reply = ctl_redis_call(c, &a);
    if (reply == NULL)
        return false;
    good = generation_take(reply, ret) == 0;
    if (!good)
        (void)ctl_fail("the generation of %s cannot be read", product);
    freeReplyObject(reply);
    return good;
}

/* --- changes ---------------------------------------------------------------------------------- */

/* The unix user who runs this. */
static void
who(char *out, size_t size)
{
    const struct passwd *user = getpwuid(getuid());

    if (user != NULL)
        (void)snprintf(out, size, "%s", user->pw_name);
    else
        (void)snprintf(out, size, "%llu", (unsigned long long)getuid());
}

void
ctl_redis_change(struct redis_args *a, const char *function, const char *product)
{
    redis_args_init(a);
    redis_args_fcall(a, function, false);
    redis_args_key(a, KEY_AUDIT, product);
}

void
ctl_redis_who(const struct ctl *c, struct redis_args *a)
{
    char name[256];

    who(name, sizeof(name));
    redis_args_str(a, name);
    redis_args_str(a, c->command->name);
}

void
ctl_redis_log(const struct ctl *c, const char *product, const char *about)
{
    char name[256];

    who(name, sizeof(name));
    log_notice("audit", c->command->name, LOG_S("who", name), LOG_S("product", product),
               LOG_S("about", about));
}
