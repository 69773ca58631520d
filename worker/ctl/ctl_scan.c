/* Boards among the keys of Redis: see ctl_scan.h. */
#include "worker/ctl/ctl_scan.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/redis/keys.h"
#include "worker/ctl/ctl.h"

#define SCAN_COUNT "1000"

void
ctl_scan_add(struct ctl_names *names, const char *s)
{
    if (names->n == names->cap) {
        names->cap = names->cap == 0 ? 64 : 2 * names->cap;
        names->name = reallocarray(names->name, names->cap, sizeof(char *));
        if (names->name == NULL)
            abort();
    }
    names->name[names->n] = strdup(s);
    if (names->name[names->n++] == NULL)
        abort();
}

void
ctl_scan_free(struct ctl_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->name[i]);
    free(names->name);
    *names = (struct ctl_names){.n = 0};
}

/* What comes behind `{product}:<generation>:board:`. */
const char *
ctl_scan_name(const struct ctl_player *p, const char *key)
{
    return key + strlen(p->product) + strlen(p->generation.s) + strlen(KEYG_BOARD_HEAD) -
           strlen("%s%s");
}

/* How much of the key is that of a board: the one that it is of, or that of the hidden players
 * beside it; 0 where it is another one. Neither boards nor windows have a colon. */
static size_t
board_len(const struct ctl_player *p, const char *key)
{
    const char *colon = strchr(ctl_scan_name(p, key), ':');
    const char *beside = colon != NULL ? strchr(colon + 1, ':') : NULL;

    if (beside != NULL)
        return strcmp(beside, KEYS_HIDDEN) == 0 ? (size_t)(beside - key) : 0;
    return colon != NULL ? strlen(key) : 0;
}

/* One page of SCAN into boards; cursor is moved on. */
static bool
scan_page(struct ctl *c, const struct ctl_player *p, char cursor[static 32],
          struct ctl_names *boards)
{
    struct redisReply *reply;
    struct redis_args a;
    bool good;

    redis_args_init(&a);
    redis_args_str(&a, "SCAN");
    redis_args_str(&a, cursor);
    redis_args_str(&a, "MATCH");
    redis_args_printf(&a, KEYG_BOARD_HEAD "*", p->product, p->generation.s);
    redis_args_str(&a, "COUNT");
    redis_args_str(&a, SCAN_COUNT);
    reply = ctl_redis_call(c, &a);
    good = reply != NULL && reply->elements == 2 && reply->element[0]->len < 32;
    if (good) {
        (void)snprintf(cursor, 32, "%s", reply->element[0]->str);
        for (size_t i = 0; i < reply->element[1]->elements; i++) {
            char *key = reply->element[1]->element[i]->str;
            size_t len = board_len(p, key);

            key[len] = '\0';
            if (len > 0)
                ctl_scan_add(boards, key);
        }
    }
    if (reply != NULL)
        freeReplyObject(reply);
    return good;
}

static int
compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* SCAN may tell of a key twice, and one board has two keys. */
static void
make_unique(struct ctl_names *names)
{
    size_t n = 0;

    if (names->n > 0)
        qsort(names->name, names->n, sizeof(*names->name), compare);
    for (size_t i = 0; i < names->n; i++) {
        if (n > 0 && strcmp(names->name[n - 1], names->name[i]) == 0)
            free(names->name[i]);
        else
            names->name[n++] = names->name[i];
    }
    names->n = n;
}

bool
ctl_scan_boards(struct ctl *c, const struct ctl_player *p, struct ctl_names *boards)
{
    char cursor[32] = "0";

    do {
        if (!scan_page(c, p, cursor, boards))
            return false;
    } while (strcmp(cursor, "0") != 0);
    make_unique(boards);
    return true;
}

bool
ctl_scan_is_user(const struct ctl *c)
{
    if (text_is_name(c->args[1], strlen(c->args[1])))
        return true;
    (void)ctl_usage("%s: not a player's id", c->args[1]);
    return false;
}
