/* The body of a request for a match: whatever comes, what is read fits the rules, and survives
 * being kept. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/matcher/ticketform.h"
#include "lib/product/product.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct queue queue = {.id = "q",
                                 .size_max = 2,
                                 .region = {"eu", "us"},
                                 .nregions = 2,
                                 .equal = {"mode"},
                                 .nequal = 1,
                                 .within = {{"level", 5}},
                                 .nwithin = 1};
    static const struct product product = {.queues = &queue, .nqueues = 1};
    struct ticketform form, again;
    struct buf why, text;

    buf_init(&why, 4096);
    buf_init(&text, TICKETFORM_TEXT_MAX);
    if (ticketform_read(&product, NULL, (const char *)data, size, &form, &why) == 0) {
        ticketform_init(&again, &queue);
        ticketform_attributes(&form, &text);
        assert(buf_ok(&text));
        ticketform_load_attributes(&again, text.data, text.len);
        assert(strcmp(again.equal[0], form.equal[0]) == 0 && again.within[0] >= form.within[0] &&
               again.within[0] <= form.within[0]);
        buf_reset(&text);
        ticketform_latencies(&form, &text);
        ticketform_load_latencies(&again, text.data, text.len, true);
        assert(memcmp(again.latency, form.latency, sizeof(form.latency)) == 0);
    } else {
        assert(why.len > 0);
    }
    buf_free(&why);
    buf_free(&text);
    return 0;
}
