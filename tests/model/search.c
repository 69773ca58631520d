/* The search: see search.h. Breadth first, so that what is found wrong is shown by one of the
 * shortest ways to it. */
#include "tests/model/search.h"

#include <stdlib.h>
#include <string.h>

struct node {
    struct packed state;
    uint32_t parent;
    uint8_t step;
    bool settles; /* quiet steps lead to a clean state */
};

struct search {
    const struct model *model;
    struct node *nodes;
    size_t n, max;
    uint32_t *table; /* a node's number + 1 */
    size_t mask;
    uint32_t from; /* the node whose successors are added */
    size_t edges;
    bool full;
    bool *taken;
    bool looking; /* for whether the node settles, and nothing is added */
    bool settles;
};

static uint64_t
mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

/* Where in the table the state is, or would be. */
static size_t
slot_of(const struct search *s, const struct packed *state)
{
    size_t i = mix(mix(state->word[0]) + state->word[1]) & s->mask;

    while (s->table[i] != 0 && memcmp(&s->nodes[s->table[i] - 1].state, state, sizeof(*state)) != 0)
        i = (i + 1) & s->mask;
    return i;
}

static void
add_node(struct search *s, size_t slot, size_t step, const struct packed *state)
{
    if (s->n == s->max) {
        s->full = true;
        return;
    }
    s->nodes[s->n] = (struct node){.state = *state, .parent = s->from, .step = (uint8_t)step};
    s->table[slot] = (uint32_t)++s->n;
}

void
search_add(struct search *s, size_t step, bool quiet, const struct packed *to)
{
    size_t slot;

    if (s->looking && (!quiet || s->settles))
        return;
    slot = slot_of(s, to);
    if (s->looking) {
        s->settles = s->nodes[s->table[slot] - 1].settles;
        return;
    }
    s->edges++;
    s->taken[step] = true;
    if (s->table[slot] == 0)
        add_node(s, slot, step, to);
}

static void
print_way(const struct search *s, FILE *out, uint32_t node, size_t *ret_depth)
{
    size_t depth = 0;

    for (uint32_t i = node; i != 0; i = s->nodes[i].parent)
        depth++;
    *ret_depth = depth;
    if (out == NULL)
        return;
    for (size_t d = 0; d <= depth; d++) {
        uint32_t i = node;

        for (size_t up = depth - d; up > 0; up--)
            i = s->nodes[i].parent;
        fprintf(out, "  %-24s", d == 0 ? "" : s->model->steps[s->nodes[i].step].name);
        s->model->print(out, &s->nodes[i].state);
    }
}

/* Nodes are looked at from the last one on: those behind a node were mostly found later. */
static size_t
find_stranded(struct search *s, unsigned bug)
{
    size_t stranded = 0;
    bool changed = true;

    s->looking = true;
    while (changed) {
        changed = false;
        stranded = s->n;
        for (size_t i = s->n; i-- > 0;) {
            if (s->nodes[i].settles)
                continue;
            s->settles = s->model->is_clean(&s->nodes[i].state);
            if (!s->settles)
                s->model->next(s, &s->nodes[i].state, bug);
            if (s->settles)
                s->nodes[i].settles = changed = true;
            else
                stranded = i;
        }
    }
    return stranded;
}

static int
search_new(struct search *s, const struct model *model, size_t max)
{
    size_t slots = 1024;

    while (slots < max + max / 2)
        slots *= 2;
    *s = (struct search){.model = model, .max = max, .mask = slots - 1};
    s->nodes = malloc(max * sizeof(*s->nodes));
    s->table = calloc(slots, sizeof(*s->table));
    s->taken = calloc(model->nsteps, sizeof(*s->taken));
    return s->nodes != NULL && s->table != NULL && s->taken != NULL ? 0 : -1;
}

static void
search_free(struct search *s)
{
    free(s->nodes);
    free(s->table);
    free(s->taken);
}

int
search_run(const struct model *model, unsigned bug, size_t max, FILE *trace,
           struct search_result *ret_result)
{
    struct search_result r = {.wrong = NULL};
    struct search s;
    struct packed first = model->first();
    int result = -1;
    size_t i;

    if (search_new(&s, model, max) == -1)
        goto out;
    add_node(&s, slot_of(&s, &first), 0, &first);
    for (i = 0; i < s.n && r.wrong == NULL; i++) {
        s.from = (uint32_t)i;
        r.wrong = model->wrong(&s.nodes[i].state);
        if (r.wrong == NULL)
            model->next(&s, &s.nodes[i].state, bug);
        if (s.full)
            goto out;
    }
    i--;
    if (r.wrong == NULL) {
        size_t stranded = find_stranded(&s, bug);

        if (stranded < s.n)
            r.wrong = "stranded: no deadline leads to an end";
        i = stranded < s.n ? stranded : i;
    }
    print_way(&s, r.wrong != NULL ? trace : NULL, (uint32_t)i, &r.depth);
    r.states = s.n;
    r.edges = s.edges;
    r.taken = s.taken;
    s.taken = NULL;
    *ret_result = r;
    result = 0;
out:
    search_free(&s);
    return result;
}
