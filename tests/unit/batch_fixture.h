/*
 * What the tests of batches share: one batch of the product `p`, whose game's file each of them
 * brings, and its commands as text.
 */
#ifndef VARCADE_TESTS_UNIT_BATCH_FIXTURE_H
#define VARCADE_TESTS_UNIT_BATCH_FIXTURE_H

struct batch;
struct product;
struct redis_args;
struct redisReply;

extern struct product *product;
extern struct batch *batch;

/* batch_fixture_start(game_file): an empty batch of the product of that text; a bad file fails the test. */
void batch_fixture_start(const char *game_file);
void batch_fixture_end(void);

/* add(entry): the next event; entry is freed, since nothing of it may be needed any more. */
void add(struct redisReply *entry);

/* The keys that every call of apply has first; what follows is counted from there. */
extern const char batch_fixture_keys[];

/* batch_fixture_indexes(s): s, in which `~1` stands for the index of the first key behind them; valid until the next
 * call. */
const char *batch_fixture_indexes(const char *s);

/* joined(a): the arguments, a blank behind each; valid until the next call. */
const char *joined(const struct redis_args *a);

/* applied(): the whole call of apply, computed now, as joined() has it; valid until the next call. */
const char *applied(void);

/* contains(text, part): fail unless the part is in it, `~` in it as in batch_fixture_indexes. */
void contains(const char *text, const char *part);

#endif
