/*
 * The Redis function library as the programs carry it: all parts in lib/redis/ as one Lua text. The
 * build makes library.c of them.
 */
#ifndef VARCADE_REDIS_LIBRARY_H
#define VARCADE_REDIS_LIBRARY_H

#include <stddef.h>

/* The first 8 hexadecimal digits of the SHA-256 of the parts; in the library's and all functions'
 * names: library varcade_<version>, functions varcade_<version>_<function>. */
extern const char library_version[];

/* What FUNCTION LOAD takes: library_len bytes, and a NUL behind them. */
extern const char library_text[];
extern const size_t library_len;

#endif
