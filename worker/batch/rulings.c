/* Two tables by name: see rulings.h. */
#include "worker/batch/rulings.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)
#include <uthash.h>

#include "lib/base/text.h"
#include "lib/redis/keys.h"
#include "lib/rules/rules.h"
#include "lib/rules/window.h"
#include "worker/mem.h"

struct ruling {
    char *name;
    wall_ms at; /* of a season: its end */
    UT_hash_handle hh;
};

struct rulings {
    struct ruling *hidden; /* by user id */
    struct ruling *closed; /* by `board:season` */
};

static void
forget(struct ruling **table)
{
    struct ruling *ruling, *next;

    HASH_ITER (hh, *table, ruling, next) {
        HASH_DEL(*table, ruling);
        free(ruling->name);
        free(ruling);
    }
}

static void
add(struct ruling **table, const struct redisReply *name, wall_ms at)
{
    struct ruling *ruling = mem_alloc(1, sizeof(*ruling));

    ruling->name = mem_alloc(1, name->len + 1);
    memcpy(ruling->name, name->str, name->len);
    ruling->at = at;
    HASH_ADD_KEYPTR(hh, *table, ruling->name, name->len, ruling);
}

struct rulings *
rulings_new(void)
{
    return mem_alloc(1, sizeof(struct rulings));
}

void
rulings_free(struct rulings *r)
{
    if (r == NULL)
        return;
    forget(&r->hidden);
    forget(&r->closed);
    free(r);
}

int
rulings_take_hidden(struct rulings *r, const struct redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        return -1;
    forget(&r->hidden);
    for (size_t i = 0; i < reply->elements; i++)
        add(&r->hidden, reply->element[i], 0);
    return 0;
}

int
rulings_take_closed(struct rulings *r, const struct redisReply *reply)
{
    int64_t at;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0)
        return -1;
    forget(&r->closed);
    for (size_t i = 0; i < reply->elements; i += 2) {
        const struct redisReply *value = reply->element[i + 1];

        if (text_parse_int(value->str, value->len, 0, WINDOW_TIME_MAX, &at) != 0)
            return -1;
        add(&r->closed, reply->element[i], at);
    }
    return 0;
}

bool
rulings_hides(const struct rulings *r, const char *user, size_t len)
{
    struct ruling *ruling = NULL;

    if (r != NULL && r->hidden != NULL)
        HASH_FIND(hh, r->hidden, user, len, ruling);
    return ruling != NULL;
}

wall_ms
rulings_season_end(const struct rulings *r, const char *board, const char *season)
{
    char name[RULES_ID_MAX + WINDOW_SEASON_ID_MAX + 2];
    struct ruling *ruling = NULL;
    int len;

    if (r == NULL || r->closed == NULL)
        return WINDOW_NEVER;
    len = snprintf(name, sizeof(name), KEYS_CLOSED_SEASON, board, season);
    HASH_FIND(hh, r->closed, name, (size_t)len, ruling);
    return ruling != NULL ? ruling->at : WINDOW_NEVER;
}
