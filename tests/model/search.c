/* The search: see search.h. Breadth first, so that what is found wrong is shown by one of the
 * shortest ways to it. */
#include "tests/model/search.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 64
#define FIRST_SLOTS ((size_t)1 << 16)

struct node {
    struct packed state;
    uint32_t parent;
    uint8_t step;
    bool settles; /* quiet steps lead to a clean state */
};

struct search {
    const struct model *model;
    struct node *nodes;
    size_t n, room, max;
    uint32_t *table; /* a node's number + 1 */
    size_t slots;    /* a power of 2 */
    uint32_t from;   /* the node whose successors are added */
    size_t edges;
    bool full; /* or no memory */
    bool taken[STEPS_MAX];
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
    size_t i = mix(mix(state->word[0]) + state->word[1]) & (s->slots - 1);

    while (s->table[i] != 0 && memcmp(&s->nodes[s->table[i] - 1].state, state, sizeof(*state)) != 0)
        i = (i + 1) & (s->slots - 1);
    return i;
}

/* Two thirds of the slots are as many nodes as there is room for. */
static int
grow(struct search *s)
{
    size_t slots = s->slots > 0 ? 2 * s->slots : FIRST_SLOTS, room = slots / 3 * 2;
    struct node *nodes = realloc(s->nodes, room * sizeof(*nodes));
    uint32_t *table = calloc(slots, sizeof(*table));

    if (nodes != NULL)
        s->nodes = nodes;
    if (nodes == NULL || table == NULL) {
        free(table);
        return -1;
    }
    free(s->table);
    s->table = table;
    s->slots = slots;
    s->room = room;
    for (size_t i = 0; i < s->n; i++)
        s->table[slot_of(s, &s->nodes[i].state)] = (uint32_t)i + 1;
    return 0;
}

static void
add_node(struct search *s, size_t slot, size_t step, const struct packed *state)
{
    if (s->n == s->max) {
        s->full = true;
        return;
    }
    if (s->n == s->room) {
        if (grow(s) == -1) {
            s->full = true;
            return;
        }
        slot = slot_of(s, state);
    }
    s->nodes[s->n] = (struct node){.state = *state, .parent = s->from, .step = (uint8_t)step};
    s->table[slot] = (uint32_t)++s->n;
}

bool
search_minds(const struct search *s, bool quiet)
{
    return !s->looking || (quiet && !s->settles);
}

void
search_add(struct search *s, size_t step, bool quiet, const struct packed *to)
{
    size_t slot;

    if (!search_minds(s, quiet))
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
print_way(const struct search *s, FILE *out, uint32_t node)
{
    size_t depth = 0;

    for (uint32_t i = node; i != 0; i = s->nodes[i].parent)
        depth++;
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

struct search *
search_new(const struct model *model)
{
    struct search *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->model = model;
    if (model->nsteps > STEPS_MAX || grow(s) == -1) {
        search_free(s);
        return NULL;
    }
    return s;
}

void
search_free(struct search *s)
{
    if (s == NULL)
        return;
    free(s->nodes);
    free(s->table);
    free(s);
}

int
search_run(struct search *s, unsigned bug, size_t max, FILE *trace,
           struct search_result *ret_result)
{
    struct search_result r = {.wrong = NULL};
    struct packed first = s->model->first();
    size_t i;

    s->max = max;
    add_node(s, slot_of(s, &first), 0, &first);
    for (i = 0; i < s->n && r.wrong == NULL; i++) {
        struct packed state = s->nodes[i].state;

        s->from = (uint32_t)i;
        r.wrong = s->model->wrong(&state);
        if (r.wrong == NULL)
            s->model->next(s, &state, bug);
        if (s->full)
            return -1;
    }
    i--;
    if (r.wrong == NULL) {
        size_t stranded = find_stranded(s, bug);

        if (stranded < s->n)
            r.wrong = "stranded: no deadline leads to an end";
        i = stranded < s->n ? stranded : i;
    }
    if (r.wrong != NULL && trace != NULL)
        print_way(s, trace, (uint32_t)i);
    r.states = s->n;
    r.edges = s->edges;
    *ret_result = r;
    return 0;
}

bool
search_has_taken(const struct search *s, size_t step)
{
    return s->taken[step];
}

bool
search_has(const struct search *s, const struct packed *state)
{
    return s->table[slot_of(s, state)] != 0;
}

bool
search_is_seen_in(const struct search *s, const struct search *parts, FILE *trace)
{
    for (size_t i = 0; i < s->n; i++) {
        struct packed seen[2];
        size_t n = s->model->seen_from(&s->nodes[i].state, seen);

        for (size_t j = 0; j < n; j++)
            if (!search_has(parts, &seen[j])) {
                print_way(s, trace, (uint32_t)i);
                return false;
            }
    }
    return true;
}
