/*
 * Memory for the worker: a failed allocation ends the program. It is started again and goes on
 * from the checkpoint, so that this is always safe, and nothing here has to undo half a batch.
 */
#ifndef VARCADE_WORKER_MEM_H
#define VARCADE_WORKER_MEM_H

#include <stddef.h>

/* mem_out(): say that there is no memory, and exit. */
void mem_out(void) __attribute__((noreturn));

/* mem_alloc(n, size): n zeroed elements, to be free()d. Never NULL. */
void *mem_alloc(size_t n, size_t size) __attribute__((warn_unused_result, returns_nonnull));

/* mem_grow(p, cap, need, size): p, or where it grew what took its place, with room for need
 * elements; *cap is the room. The new part is not zeroed. */
void *mem_grow(void *p, size_t *cap, size_t need, size_t size)
    __attribute__((warn_unused_result, returns_nonnull));

/* An arena: many small pieces that are released together. All zero is an empty one. */
struct mem_chunk;
struct mem_arena {
    struct mem_chunk *chunk; /* the one in use; older ones hang behind it */
    size_t used;             /* bytes of it */
    size_t total;            /* bytes of all of them */
};

/* mem_arena_alloc(a, len): len bytes, zeroed, aligned for any type, valid until the arena is reset.
 * mem_arena_copy(a, p, len): a copy of p, with a NUL behind it. Never NULL. */
void *mem_arena_alloc(struct mem_arena *a, size_t len)
    __attribute__((warn_unused_result, returns_nonnull));
char *mem_arena_copy(struct mem_arena *a, const void *p, size_t len)
    __attribute__((warn_unused_result, returns_nonnull));

/* mem_arena_reset(a): forget all pieces; one chunk is kept. mem_arena_free(a): that too. */
void mem_arena_reset(struct mem_arena *a);
void mem_arena_free(struct mem_arena *a);

#endif
