/*
 * A request's target, `/path/of/it?name=value&…`, taken apart: the path's segments and the
 * query's parameters, percent-decoded. Pure, and a parser of outside bytes: fuzzed as
 * tests/fuzz/fuzz_target.c.
 *
 * The path is split before it is decoded, so that a user id may hold a slash as %2F.
 */
#ifndef VARCADE_FCGI_TARGET_H
#define VARCADE_FCGI_TARGET_H

#include <stddef.h>
#include <stdint.h>

#define TARGET_MAX 8192      /* bytes of a target */
#define TARGET_SEGMENTS_MAX 8
#define TARGET_PARAMS_MAX 16

/* Decoded: any bytes at all. */
struct target_text {
    const char *s; /* NULL where there is none */
    size_t len;
};

struct target_param {
    struct target_text name;
    struct target_text value;
};

struct target {
    size_t nsegments; /* of `/a/b/`: 3, "a", "b" and "" */
    struct target_text segment[TARGET_SEGMENTS_MAX];
    size_t nparams;
    struct target_param param[TARGET_PARAMS_MAX];
};

/*
 * target_parse(t, s, len, text): text has room for len bytes, and is what t's texts point into. Returns 0; or -1 with errno EINVAL (no slash at the start, a broken
 * escape) or E2BIG (longer than TARGET_MAX, too many segments or parameters); t then has neither
 * segments nor parameters.
 */
int target_parse(struct target *t, const char *s, size_t len, char *text)
    __attribute__((warn_unused_result));

/* target_param(t, name): the value of the first parameter of that name, or a text whose s is
 * NULL. */
struct target_text target_param(const struct target *t, const char *name);

/*
 * target_integer(t, name, fallback, max, ret_n): a parameter that is an integer from 0 up, of any
 * length: what is over max counts as max; fallback where it is absent. Returns 0, or -1 where it
 * is no integer, or negative.
 */
int target_integer(const struct target *t, const char *name, int64_t fallback, int64_t max,
                   int64_t *ret_n) __attribute__((warn_unused_result));

/* target_text_is(t, s): whether t is present and equals s. */
int target_text_is(struct target_text t, const char *s);

#endif
