/*
 * The compiler's part for one rule. Private to the rules_*.c of the compiler.
 */
#ifndef VARCADE_RULES_RULE_H
#define VARCADE_RULES_RULE_H

#include "lib/rules/rules.h"

struct json_object;
struct rating_rule;
struct rules_file;

/* rules_rule_stat(f, entry): an entry of `stats`. */
void rules_rule_stat(struct rules_file *f, struct json_object *entry);

/* rules_rule_board(f, entry): an entry of `from`, of the board that the table has last. */
void rules_rule_board(struct rules_file *f, struct json_object *entry);

/* rules_rule_on(f, entry, condition): what the entry's `on` asks for; how many conditions it is. */
size_t rules_rule_on(struct rules_file *f, struct json_object *entry,
                     struct rules_condition condition[static RULES_CONDITIONS_MAX]);

/* rules_rule_field(f, object, key): the field that the object's member key names, or -1. */
int rules_rule_field(struct rules_file *f, struct json_object *object, const char *key);

/* rules_rating_compile(f, rating): a board's `rating`, or NULL where it does not do. */
struct rating_rule *rules_rating_compile(struct rules_file *f, struct json_object *rating);

/* rules_conflict_check(f): complain about rules that do the same twice or contradict each other. */
void rules_conflict_check(struct rules_file *f);

#endif
