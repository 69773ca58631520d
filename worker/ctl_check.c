/* varcadectl check: games' files, before they go live. */
#include <stdio.h>

#include "lib/product.h"
#include "worker/ctl.h"

static int
check_file(const char *file)
{
    struct product *product = NULL;
    struct buf why;
    int ret;

    buf_init(&why, CTL_WHY_MAX);
    ret = products_load_file(file, &product, &why);
    if (ret == 0)
        printf("%s: good\n", file);
    else
        fprintf(stderr, "%s\n", why.data != NULL ? why.data : "out of memory");
    product_free(product);
    buf_free(&why);
    return ret;
}

int
ctl_check_run(struct ctl *c)
{
    int ret = CTL_OK;

    for (size_t i = 0; i < c->nargs; i++)
        if (check_file(c->args[i]) != 0)
            ret = CTL_FAILED;
    return ret;
}
