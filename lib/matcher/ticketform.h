/*
 * What a client says of itself when it asks to be matched: `{"queue", "attributes", "latencies", "party"}`, checked against the
 * queue's rules; and the two parts of it that are kept with the ticket, as JSON, read again by the matchmaker.
 *
 * A parser of outside bytes: fuzzed as tests/fuzz/fuzz_ticketform.c.
 */
#ifndef VARCADE_TICKETFORM_H
#define VARCADE_TICKETFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/product/queue.h"

struct product;

/* The kept texts are never longer. */
#define TICKETFORM_TEXT_MAX 4096

struct ticketform {
    const struct queue *queue;
    bool party;
    char equal[QUEUE_EQUAL_MAX][QUEUE_TEXT_MAX + 1]; /* in the queue's order */
    double within[QUEUE_WITHIN_MAX];
    int32_t latency[QUEUE_REGIONS_MAX]; /* ms by region; -1: none was given */
};

/*
 * ticketform_read(product, queue, json, len, ret_form, why): a request's body. queue NULL: it names one of the
 * product's, and has all that the queue's rules ask for; else it is of a player who joins a party in that
 * queue, and only "latencies" counts. Other keys are of no meaning. Returns 0, or -1 with the reason in
 * why.
 */
int ticketform_read(const struct product *product, const struct queue *queue, const char *json,
                    size_t len, struct ticketform *ret_form, struct buf *why)
    __attribute__((warn_unused_result));

/* ticketform_attributes(form, out), ticketform_latencies(form, out): the texts to keep. */
void ticketform_attributes(const struct ticketform *form, struct buf *out);
void ticketform_latencies(const struct ticketform *form, struct buf *out);

/*
 * ticketform_load_attributes(form, text, len), ticketform_load_latencies(form, text, len): back, by the rules of form->queue, which
 * may be others than when the text was made: what it does not have is "", 0 or no latency. A second text of
 * latencies is another player's: the higher one of each region counts, and none where either has none. Before the first,
 * ticketform_init(form, queue).
 */
void ticketform_init(struct ticketform *form, const struct queue *queue);
void ticketform_load_attributes(struct ticketform *form, const char *text, size_t len);
void ticketform_load_latencies(struct ticketform *form, const char *text, size_t len, bool first);

#endif
