/* varcadectl rebuild: arguments, progress and results; the work is in rebuild*.c. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/text.h"
#include "lib/product/product.h"
#include "worker/archive/archive.h"
#include "worker/ctl/ctl.h"
#include "worker/rebuild/rebuild.h"

#define TELL_EVERY ((dur_ms)1000)
#define SHOWN_MAX ((size_t)1 << 20) /* bytes of keys that differ */

/* --- progress --------------------------------------------------------------------------------- */

/* How much of all there is was read, from 0 to 1: the archive by bytes, the stream by its time. */
static double
share(const struct rebuild *r)
{
    wall_ms from = event_id_time(r->from), read = event_id_time(r->read), now = clock_wall();
    int64_t total = 0, done = r->archive != NULL ? archive_reader_progress(r->archive, &total) : 0;

    if (total > 0 && done < total)
        return (double)done / (double)total;
    return read > from && now > from ? (double)(read - from) / (double)(now - from) : 0;
}

void
rebuild_progress(struct rebuild *r)
{
    mono_ms now = clock_mono();
    double part = share(r), passed = (double)(now - r->began) / 1000;

    if (now - r->told < TELL_EVERY)
        return;
    r->told = now;
    fprintf(stderr, "varcadectl: %lld events, %.0f a second, %.0f %%", (long long)r->events,
            (double)r->events / passed, 100 * (part < 1 ? part : 1));
    if (part > 0.01 && part < 1)
        fprintf(stderr, ", %.0f s left", passed / part * (1 - part));
    fputc('\n', stderr);
}

/* --- results ---------------------------------------------------------------------------------- */

/* Keys, a line each, as the elements of an array. */
static void
add_lines(struct buf *out, const struct buf *lines)
{
    const char *at = lines->data;

    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, "\n");

        buf_str(out, at != lines->data ? ", " : "");
        ctl_json_text(out, at, len);
        at += len + (at[len] == '\n');
    }
}

/* What is nowhere any more, which is why figures may differ. */
static void
add_gone(struct buf *out, const struct reach *gone)
{
    char from[EVENT_ID_SIZE], to[EVENT_ID_SIZE];

    (void)event_id_format(gone->since, from);
    if (gone->since.ms > 0)
        buf_printf(out, ", \"archive_since\": \"%s\"", from);
    buf_printf(out, ", \"missing\": %lld", (long long)gone->missing);
    (void)event_id_format(gone->from, from);
    (void)event_id_format(gone->to, to);
    if (gone->missing > 0)
        buf_printf(out, ", \"missing_after\": \"%s\", \"missing_up_to\": \"%s\"", from, to);
}

static int
print_result(const struct rebuild *r, const struct buf *lines, size_t n)
{
    double seconds = (double)(clock_mono() - r->began) / 1000;
    struct buf out;

    buf_init(&out, 2 * SHOWN_MAX);
    if (r->c->json) {
        buf_printf(&out,
                   "{\"product_id\": \"%s\", \"events\": %lld, \"left_out\": %lld, "
                   "\"seconds\": %.3f",
                   r->product->id, (long long)r->events, (long long)r->left_out, seconds);
        add_gone(&out, &r->gone);
        if (r->verify) {
            buf_printf(&out, ", \"equal\": %s, \"different\": %zu, \"keys\": [",
                       n == 0 ? "true" : "false", n);
            add_lines(&out, lines);
            buf_str(&out, "]}");
        } else {
            buf_printf(&out, ", \"generation\": \"%s\"}", r->own.s);
        }
    } else {
        if (n > 0)
            buf_add(&out, lines->data, lines->len);
        rebuild_source_gone(r, &out);
        buf_printf(&out, "%s: %lld events in %.1f s", r->product->id, (long long)r->events,
                   seconds);
        if (r->left_out > 0)
            buf_printf(&out, ", %lld left out", (long long)r->left_out);
        if (r->verify && n > 0)
            buf_printf(&out, "; %zu keys differ", n);
        else
            buf_str(&out, r->verify ? "; all figures are equal" : "");
    }
    return ctl_print(&out);
}

/* --- the command ------------------------------------------------------------------------------ */

static int
run(struct rebuild *r)
{
    struct buf lines;
    size_t n = 0;
    int ret = CTL_FAILED;

    buf_init(&lines, SHOWN_MAX);
    if (!rebuild_begin(r) || !rebuild_catch_up(r) || !rebuild_forget(r))
        goto out;
    if (r->verify) {
        if (!rebuild_verify(r, &lines, &n))
            goto out;
    } else {
        if (!rebuild_swap(r, r->own.s))
            goto out;
        ctl_redis_log(r->c, r->product->id, r->own.s);
    }
    ret = print_result(r, &lines, n);
    if (n > 0)
        ret = CTL_FAILED;
out:
    buf_free(&lines);
    return ret;
}

int
ctl_rebuild_run(struct ctl *c)
{
    struct rebuild r = {.c = c,
                        .verify = ctl_option(c, "verify") != NULL,
                        .partial = ctl_option(c, "partial") != NULL};
    const char *id = ctl_product(c);
    struct product *product;
    int ret;

    if (id == NULL)
        return CTL_USAGE;
    for (size_t i = 0; i < c->nmany; i++)
        if (!text_is_name(c->many[i], strlen(c->many[i])))
            return ctl_usage("%s: not a player's id", c->many[i]);
    product = ctl_product_load(c, id);
    if (product == NULL)
        return CTL_FAILED;
    r.product = product;
    r.without = c->many;
    r.nwithout = c->nmany;
    ret = run(&r);
    rebuild_end(&r);
    product_free(product);
    return ret;
}
