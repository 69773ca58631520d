/* One batch for a test: see batch_fixture.h. */
#include "tests/unit/batch_fixture.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/product/product.h"
#include "lib/redis/redis.h"
#include "lib/rules/event.h"
#include "tests/entry.h"
#include "tests/unit/unit.h"
#include "worker/batch/batch.h"

struct product *product;
struct batch *batch;

void
batch_fixture_start(const char *game_file)
{
    struct buf why;

    buf_init(&why, 4096);
    ck_assert_msg(product_parse_one(game_file, strlen(game_file), "p.json", &product, &why) == 0,
                  "%s", why.data);
    buf_free(&why);
    batch = batch_new();
    batch_start(batch, "p", &GENERATION_FIRST, product);
}

void
batch_fixture_end(void)
{
    batch_free(batch);
    product_free(product);
}

void
add(struct redisReply *entry)
{
    const char *why = "";
    struct event e;

    ck_assert_msg(event_decode(entry, &e, &why) == 0, "%s", why);
    batch_add(batch, &e);
    (void)batch_reads(batch); /* looked for at once, in tests that answer reads they know */
    entry_free(entry);
}

const char batch_fixture_keys[] =
    "{p}:checkpoint:s {p}:deadletters {p}:deadlines {p}:lobby "
    "{p}:public {p}:counts {p}:holders {p}:index {p}:codes {p}:position:s";

const char *
batch_fixture_indexes(const char *s)
{
    static char text[8192];
    size_t len = 0;
    long fixed = 1;

    for (const char *c = batch_fixture_keys; *c != '\0'; c++)
        fixed += *c == ' ';
    while (*s != '\0') {
        char *end;

        ck_assert_uint_lt(len + 24, sizeof(text));
        if (*s == '~') {
            len += (size_t)snprintf(text + len, 24, "%ld", fixed + strtol(s + 1, &end, 10));
            s = end;
        } else {
            text[len++] = *s++;
        }
    }
    text[len] = '\0';
    return text;
}

const char *
joined(const struct redis_args *a)
{
    static char text[262144];
    size_t i, len = 0, from = 0;

    for (i = 0; i < a->n; i++) {
        ck_assert_uint_lt(len + a->ends[i] - from + 2, sizeof(text));
        memcpy(text + len, a->bytes.data + from, a->ends[i] - from);
        len += a->ends[i] - from;
        text[len++] = ' ';
        from = a->ends[i];
    }
    text[len] = '\0';
    return text;
}

const char *
applied(void)
{
    struct batch_span span = {.stream = "s",
                              .checkpoint = "1-0",
                              .end = {.ms = 9, .seq = 1},
                              .entries = 7,
                              .events = {.n = 5, .since = {1, 2}}};
    static char text[262144];
    struct redis_args a;

    batch_compute(batch);
    redis_args_init(&a);
    batch_apply_command(batch, &span, &a);
    ck_assert(!a.failed);
    (void)snprintf(text, sizeof(text), "%s", joined(&a));
    redis_args_free(&a);
    return text;
}

void
contains(const char *text, const char *part)
{
    part = batch_fixture_indexes(part);
    ck_assert_msg(strstr(text, part) != NULL, "no `%s` in `%s`", part, text);
}
