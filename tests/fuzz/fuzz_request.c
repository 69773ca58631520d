/* A request's target and body: whatever comes, they are taken apart within their limits. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fcgi/server/jsontext.h"
#include "fcgi/server/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char text[TARGET_MAX];

static void
check_text(struct target_text part)
{
    assert(part.s >= text && part.len <= TARGET_MAX && part.s + part.len <= text + sizeof(text));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct target t;
    const char *s = (const char *)data;

    if (target_parse(&t, s, size, text) == 0) {
        assert(size > 0 && s[0] == '/' && t.nsegments >= 1);
    } else {
        assert(t.nsegments == 0 && t.nparams == 0);
    }
    assert(t.nsegments <= TARGET_SEGMENTS_MAX && t.nparams <= TARGET_PARAMS_MAX);
    for (size_t i = 0; i < t.nsegments; i++)
        check_text(t.segment[i]);
    for (size_t i = 0; i < t.nparams; i++) {
        check_text(t.param[i].name);
        check_text(t.param[i].value);
    }
    (void)target_param(&t, "count");
    if (jsontext_is_valid(s, size))
        assert(size > 0 && memchr(s, '\0', size) == NULL);
    return 0;
}
