/* Allocation that ends the program where there is no memory, and an arena. See mem.h for why. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "worker/mem.h"

#define CHUNK_SIZE ((size_t)65536)

struct mem_chunk {
    struct mem_chunk *next;
    size_t size;
    max_align_t data[];
};

void
mem_out(void)
{
    log_error("worker", "out of memory; exiting, to go on from the checkpoint");
    exit(EXIT_FAILURE);
}

void *
mem_alloc(size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size);

    if (p == NULL)
        mem_out();
    return p;
}

void *
mem_grow(void *p, size_t *cap, size_t need, size_t size)
{
    size_t room = *cap > 0 ? *cap : 16;
    void *grown;

    if (p != NULL && need <= *cap)
        return p;
    while (room < need)
        room *= 2;
    grown = reallocarray(p, room, size);
    if (grown == NULL)
        mem_out();
    *cap = room;
    return grown;
}

static void
chunk_add(struct mem_arena *a, size_t len)
{
    size_t size = len > CHUNK_SIZE ? len : CHUNK_SIZE;
    struct mem_chunk *chunk =
        size > SIZE_MAX - sizeof(*chunk) ? NULL : malloc(sizeof(*chunk) + size);

    if (chunk == NULL)
        mem_out();
    chunk->next = a->chunk;
    a->total += size;
    chunk->size = size;
    a->chunk = chunk;
    a->used = 0;
}

void *
mem_arena_alloc(struct mem_arena *a, size_t len)
{
    size_t align = sizeof(max_align_t);
    char *p;

    if (len > SIZE_MAX - align)
        mem_out();
    len = (len + align - 1) / align * align;
    if (a->chunk == NULL || len > a->chunk->size - a->used)
        chunk_add(a, len);
    p = (char *)a->chunk->data + a->used;
    a->used += len;
    return memset(p, 0, len);
}

char *
mem_arena_copy(struct mem_arena *a, const void *p, size_t len)
{
    char *copy = mem_arena_alloc(a, len + 1);

    if (len > 0)
        memcpy(copy, p, len);
    return copy;
}

void
mem_arena_reset(struct mem_arena *a)
{
    struct mem_chunk *chunk = a->chunk, *next;

    if (chunk == NULL)
        return;
    for (chunk = chunk->next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    a->chunk->next = NULL;
    a->total = a->chunk->size;
    a->used = 0;
}

void
mem_arena_free(struct mem_arena *a)
{
    mem_arena_reset(a);
    free(a->chunk);
    a->chunk = NULL;
    a->total = 0;
}
