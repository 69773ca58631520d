/* varcadectl check: games' files, before they go live. */
#include "worker/ctl/ctl_check.h"

#include <stdio.h>
#include <string.h>

#include "lib/product/product.h"

/* The problems without the file's name, as the elements of an array. */
static void
add_problems(struct buf *out, const char *file, const char *line)
{
    const char *separator = "";

    while (line[0] != '\0') {
        size_t len = strcspn(line, "\n"), name = strlen(file);
        size_t skip =
            strncmp(line, file, name) == 0 && strncmp(line + name, ": ", 2) == 0 ? name + 2 : 0;

        buf_str(out, separator);
        ctl_json_text(out, line + skip, len - skip);
        separator = ", ";
        line += len + (line[len] == '\n');
    }
}

/* A file, and the problems it has; JSON: an object that is not yet closed. */
static void
add_file(const struct ctl *c, struct buf *out, const char *file, const char *problems)
{
    bool good = problems[0] == '\0';

    if (c->json) {
        buf_str(out, "{\"file\": ");
        ctl_json_text(out, file, strlen(file));
        buf_printf(out, ", \"good\": %s, \"problems\": [", good ? "true" : "false");
        add_problems(out, file, problems);
        buf_str(out, "]");
    } else if (good) {
        buf_printf(out, "%s%s: good", out->len > 0 ? "\n" : "", file);
    } else {
        fprintf(stderr, "%s\n", problems);
    }
}

/* One file; with --event what its rules make of that. Returns an exit status. */
static int
check(struct ctl *c, const char *file, bool event, struct buf *out)
{
    struct product *product = NULL;
    int ret = CTL_FAILED;
    struct buf why;

    buf_init(&why, CTL_WHY_MAX);
    if (products_load_file(file, &product, &why) == 0)
        ret = CTL_OK;
    else if (why.data == NULL)
        buf_str(&why, "out of memory");
    add_file(c, out, file, ret == CTL_OK ? "" : why.data);
    if (ret == CTL_OK && event)
        ret = ctl_check_event(c, product, out);
    buf_str(out, c->json ? "}" : "");
    buf_free(&why);
    product_free(product);
    return ret;
}

int
ctl_check_run(struct ctl *c)
{
    bool event = ctl_option(c, "event") != NULL;
    int ret = CTL_OK;
    struct buf out;

    buf_init(&out, (size_t)1 << 26);
    buf_str(&out, c->json && !event ? "[" : "");
    for (size_t i = 0; i < (event ? 1 : c->nargs); i++) {
        int status;

        buf_str(&out, c->json && i > 0 ? ",\n " : "");
        status = check(c, c->args[i], event, &out);
        if (status != CTL_OK)
            ret = status;
    }
    buf_str(&out, c->json && !event ? "]" : "");
    if (out.len == 0 || (c->json && ret == CTL_USAGE))
        buf_free(&out);
    else if (ctl_print(&out) != CTL_OK)
        ret = CTL_FAILED;
    return ret;
}
