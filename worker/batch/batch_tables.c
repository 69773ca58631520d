/*
 * Statistics of many players, as `apply` is told them: those of whom the same ones change make a
 * table, whose columns' names are said once. What is an argument costs Redis more than what is done
 * with it.
 */
#include "lib/redis/redis.h"
#include "worker/batch/batch_private.h"
#include "worker/mem.h"

/* Of fewer players, one by one is shorter. */
#define ROWS_MIN 3
/* What Lua can take from its stack at once is less than twice this. */
#define COLUMNS_MAX 1000

static void
add_group(struct batch *b, struct group *group)
{
    size_t n = 0, len = group->nchanged * sizeof(const char *);
    const char **names = mem_arena_alloc(&b->arena, len);
    struct table *table;

    for (const struct figure *f = group->figures; f != NULL; f = f->next)
        if (f->changed)
            names[n++] = f->name.s;
    HASH_FIND(hh, b->tables, names, len, table);
    if (table == NULL) {
        table = mem_arena_alloc(&b->arena, sizeof(*table));
        table->tail = &table->groups;
        HASH_ADD_KEYPTR(hh, b->tables, names, len, table);
    }
    group->table = table;
    group->row = NULL;
    *table->tail = group;
    table->tail = &group->row;
    table->ngroups++;
}

void
batch_tables_make(struct batch *b)
{
    for (size_t i = 0; i < b->ngroups; i++) {
        struct group *group = b->groups[i];

        group->table = NULL;
        if (group->kind == GROUP_STATS && group->nchanged > 0 && group->nchanged <= COLUMNS_MAX)
            add_group(b, group);
    }
}

bool
batch_tables_have(const struct group *group)
{
    return group->table != NULL && group->table->ngroups >= ROWS_MIN;
}

size_t
batch_tables_add_keys(const struct batch *b, struct redis_args *a)
{
    size_t n = 0;

    for (const struct table *table = b->tables; table != NULL; table = table->hh.next)
        if (table->ngroups >= ROWS_MIN)
            for (const struct group *row = table->groups; row != NULL; row = row->row, n++)
                redis_args_key(a, "%s", row->key);
    return n;
}

static void
add_columns(const struct group *row, struct redis_args *a)
{
    for (const struct figure *f = row->figures; f != NULL; f = f->next)
        if (f->changed)
            redis_args_add(a, f->name.s, f->name.len);
}

static void
add_row(const struct group *row, struct redis_args *a)
{
    for (const struct figure *f = row->figures; f != NULL; f = f->next)
        if (f->changed)
            redis_args_double(a, f->value);
}

void
batch_tables_add(const struct batch *b, size_t key, struct redis_args *a)
{
    for (const struct table *table = b->tables; table != NULL; table = table->hh.next) {
        if (table->ngroups < ROWS_MIN)
            continue;
        redis_args_str(a, "table");
        redis_args_int(a, (int64_t)key);
        redis_args_int(a, (int64_t)table->ngroups);
        redis_args_int(a, (int64_t)table->groups->nchanged);
        add_columns(table->groups, a);
        for (const struct group *row = table->groups; row != NULL; row = row->row)
            add_row(row, a);
        key += table->ngroups;
    }
}
