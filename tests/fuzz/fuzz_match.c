/*
 * Placements and ranks of an event: whatever comes in, what is taken is a match as lib/rules/match.h
 * promises, and nothing else is read.
 *
 * The input is the placements and, behind the first line feed, the ranks.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/rules/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy that ends where it ends, so that a sanitizer sees a look behind it. */
static char *
copied(const uint8_t *data, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);

    assert(copy != NULL);
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

static void
check(const struct match *m)
{
    size_t players = 0;

    assert(m->nteams >= 1 && m->nplayers <= MATCH_PLAYERS_MAX);
    for (size_t i = 0; i < m->nteams; i++) {
        assert(m->size[i] >= 1);
        assert(i == 0 || m->rank[i] >= m->rank[i - 1]);
        players += m->size[i];
    }
    assert(players == m->nplayers);
    for (size_t i = 0; i < players; i++) {
        assert(text_is_name(m->player[i].s, m->player[i].len));
        for (size_t j = 0; j < i; j++)
            assert(m->player[i].len != m->player[j].len ||
                   memcmp(m->player[i].s, m->player[j].s, m->player[i].len) != 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t len = line != NULL ? (size_t)(line - data) : size;
    size_t behind = line != NULL ? size - len - 1 : 0;
    char *placements = copied(data, len), *ranks = line != NULL ? copied(line + 1, behind) : NULL;
    struct match_room *room = malloc(sizeof(*room));
    struct match match;
    const char *why;

    assert(room != NULL);
    why = match_placements((struct event_text){placements, len}, (struct event_text){ranks, behind},
                           room, &match);
    if (why == NULL)
        check(&match);
    else
        assert(why[0] != '\0');
    free(placements);
    free(ranks);
    free(room);
    return 0;
}
