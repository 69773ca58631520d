/*
 * A folder of games' files to an array of products, sorted by id: there are few, they are looked
 * up often, and they never change while a program runs.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/config/table.h"
#include "lib/product/product.h"

#define FILE_MAX (1024 * 1024)
#define PRODUCTS_MAX 4096

struct products {
    struct product **item; /* sorted by id */
    size_t n;
};

static int
is_game_file(const struct dirent *entry)
{
    const char *name = entry->d_name;
    size_t len = strlen(name);

    return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".json") == 0 &&
           strcmp(name, "schema.json") != 0;
}

int
products_load_file(const char *file, struct product **ret_product, struct buf *why)
{
    const char *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file;
    struct product *product = NULL;
    char *json = NULL;
    size_t len;
    int ret = -1;

    if (text_read_file(file, FILE_MAX, &json, &len) != 0) {
        table_problem(why, "%s: cannot read it: %s", file, strerror(errno));
        goto out;
    }
    if (product_parse_one(json, len, file, &product, why) != 0) {
        goto out;
    }
    len = strlen(product->id);
    if (strncmp(product->id, name, len) != 0 || strcmp(name + len, ".json") != 0) {
        table_problem(why, "%s: product_id: is \"%s\", so the file's name must be %s.json", file,
                      product->id, product->id);
        goto out;
    }
    *ret_product = product;
    product = NULL;
    ret = 0;
out:
    product_free(product);
    free(json);
    return ret;
}

/* Read dir/name and put it in p. */
static int
load_one(struct products *p, const char *dir, const char *name, struct buf *why)
{
    struct buf file;
    int ret = -1;

    buf_init(&file, strlen(dir) + strlen(name) + 1);
    buf_printf(&file, "%s/%s", dir, name);
    if (!buf_ok(&file)) {
        table_problem(why, "%s: out of memory", name);
    } else if (products_load_file(file.data, &p->item[p->n], why) == 0) {
        p->n++;
        ret = 0;
    }
    buf_free(&file);
    return ret;
}

static int
compare(const void *a, const void *b)
{
    const struct product *const *left = a, *const *right = b;

    return strcmp((*left)->id, (*right)->id);
}

/* All files of the folder, those behind a bad one too: every problem is told at once. */
static int
load_all(struct products *p, const char *dir, struct dirent **names, size_t n, struct buf *why)
{
    int ret = 0;

    if (n == 0) {
        table_problem(why, "%s: holds no game's file (PRODUCT_ID.json)", dir);
        return -1;
    }
    if (n > PRODUCTS_MAX) {
        table_problem(why, "%s: holds more than %d files", dir, PRODUCTS_MAX);
        return -1;
    }
    p->item = calloc(n, sizeof(struct product *));
    if (p->item == NULL) {
        table_problem(why, "%s: out of memory", dir);
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        if (load_one(p, dir, names[i]->d_name, why) != 0) {
            ret = -1;
        }
    }
    qsort(p->item, p->n, sizeof(struct product *), compare);
    return ret;
}

int
products_load(const char *dir, struct products **ret_products, struct buf *why)
{
    struct products *p = calloc(1, sizeof(*p));
    struct dirent **names = NULL;
    int n = -1, ret = -1;

    if (p == NULL) {
        table_problem(why, "%s: out of memory", dir);
        goto out;
    }
    n = scandir(dir, &names, is_game_file, alphasort);
    if (n < 0) {
        table_problem(why, "%s: cannot read the folder: %s", dir, strerror(errno));
        goto out;
    }
    if (load_all(p, dir, names, (size_t)n, why) != 0) {
        goto out;
    }
    *ret_products = p;
    p = NULL;
    ret = 0;
out:
    while (n > 0) {
        free(names[--n]);
    }
    free(names);
    products_free(p);
    return ret;
}

void
products_free(struct products *p)
{
    if (p != NULL) {
        for (size_t i = 0; i < p->n; i++) {
            product_free(p->item[i]);
        }
        free(p->item);
        free(p);
    }
}

const struct product *
products_find(const struct products *p, const char *id, size_t len)
{
    size_t low = 0, high = p->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct product *found = p->item[middle];
        size_t found_len = strlen(found->id);
        int order = memcmp(id, found->id, len < found_len ? len : found_len);

        order = order != 0 ? order : (len > found_len) - (len < found_len);
        if (order == 0) {
            return found;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

size_t
products_count(const struct products *p)
{
    return p->n;
}

const struct product *
products_at(const struct products *p, size_t i)
{
    return p->item[i];
}
