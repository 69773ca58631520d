/*
 * The compiler's part for one rule. Private to the rules_*.c of the compiler.
 */
#ifndef VARCADE_RULES_RULE_H
#define VARCADE_RULES_RULE_H

struct json_object;
struct rules_file;

/* rules_rule_stat(f, entry): an entry of `stats`. */
void rules_rule_stat(struct rules_file *f, struct json_object *entry);

/* rules_rule_board(f, entry): an entry of `from`, of the board that the table has last. */
void rules_rule_board(struct rules_file *f, struct json_object *entry);

/* rules_conflict_check(f): complain about rules that do the same twice or contradict each other. */
void rules_conflict_check(struct rules_file *f);

#endif
