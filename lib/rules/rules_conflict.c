/*
 * Rules that cannot both be meant. Two operations on one figure of the same player are compared by
 * their conditions: where no event fulfils both there is nothing to say; where the conditions are
 * the same, one of them is a slip; where an event may fulfil both, they must be of one kind, or
 * their order in the file would decide the figure.
 */
#include <string.h>

#include "lib/base/buf.h"
#include "lib/rules/rules_file.h"
#include "lib/rules/rules_rule.h"
#include "lib/rules/rules_table.h"

enum relation { EXCLUSIVE, SAME, OVERLAPPING };

struct condition_list {
    struct rules_condition at[RULES_CONDITIONS_MAX + 1];
    size_t n;
};

/* The conditions under which a step is done: its rule's, and its value of a count. */
static struct condition_list
conditions_of(const struct rules *r, const struct rules_step *step)
{
    const struct rules_rule *rule = &r->rule[step->rule];
    struct condition_list list = {.n = rule->nconditions};

    memcpy(list.at, rule->condition, sizeof(rule->condition));
    if (step->when >= 0)
        list.at[list.n++] = (struct rules_condition){rule->count_field, step->when};
    return list;
}

static enum relation
relation(const struct rules *r, const struct rules_step *a, const struct rules_step *b)
{
    struct condition_list x = conditions_of(r, a), y = conditions_of(r, b);
    size_t common = 0;

    for (size_t i = 0; i < x.n; i++)
        for (size_t j = 0; j < y.n; j++) {
            if (x.at[i].field != y.at[j].field)
                continue;
            if (x.at[i].value != y.at[j].value)
                return EXCLUSIVE;
            common++;
        }
    if (common == x.n && common == y.n && (a->when == RULES_OTHER) == (b->when == RULES_OTHER))
        return SAME;
    return OVERLAPPING;
}

static bool
same_figure(const struct rules *r, const struct rules_step *a, const struct rules_step *b)
{
    return a->target == b->target && a->figure == b->figure &&
           r->rule[a->rule].player == r->rule[b->rule].player;
}

/* What a does wrong with b there, as words before b's place; or NULL. */
static const char *
conflict(const struct rules *r, const struct rules_step *a, const struct rules_step *b)
{
    enum relation rel = same_figure(r, a, b) ? relation(r, a, b) : EXCLUSIVE;

    if (rel == EXCLUSIVE)
        return NULL;
    if (a->op != b->op || (rel == OVERLAPPING && a->op == RULES_SET))
        return "one event may match both this and";
    return rel == SAME ? "the same again as" : NULL;
}

void
rules_conflict_check(struct rules_file *f)
{
    const struct rules *r = f->r;

    for (size_t i = 0; i < r->nsteps; i++)
        for (size_t j = 0; j < i; j++) {
            const char *words = conflict(r, &r->step[i], &r->step[j]);

            if (words == NULL)
                continue;
            buf_printf(f->why, "%s: %s %s\n", f->where[i], words, f->where[j]);
            f->problems++;
            break;
        }
}
