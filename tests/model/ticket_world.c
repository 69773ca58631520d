/* The tickets' model: what must not be, and how a state is packed and printed. */
#include "tests/model/ticket_world.h"

#define CHANCES_AT 40
#define MATCHES_AT 44

/* --- packing ---------------------------------------------------------------------------------- */

/* Who is in whose place. */
static const uint8_t orders[][TICKET_PLAYERS] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                                 {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

static unsigned
reorder_mask(unsigned mask, const uint8_t *order)
{
    unsigned to = 0;

    for (size_t i = 0; i < TICKET_PLAYERS; i++)
        to |= (mask >> order[i] & 1) << i;
    return to;
}

/* What does not change with the order of players; 22 bits. */
static uint64_t
pack_making(const struct match *m)
{
    return m->game | (uint64_t)m->making << 2 | (uint64_t)m->join << 6 | (uint64_t)m->event << 9 |
           (uint64_t)m->record << 11 | (uint64_t)m->due << 12 | (uint64_t)m->later << 13 |
           (uint64_t)m->made << 14 | (uint64_t)m->tells << 15 | (uint64_t)m->heard << 16 |
           (uint64_t)m->counts << 17 | (uint64_t)m->stalled << 18;
}

/* And what does; 9 bits. */
static uint64_t
pack_players(const struct match *m, const uint8_t *order)
{
    uint64_t w = reorder_mask(m->seats, order);

    for (size_t i = 0; i < TICKET_PLAYERS; i++)
        w |= (uint64_t)m->ref[order[i]] << (3 + 2 * i);
    return w;
}

static uint64_t
pack_ticket(const struct tickets *w, size_t which, const uint8_t *order, size_t first_match)
{
    const struct ticket *t = &w->ticket[which];
    uint64_t match = t->state == STARTING && t->match != first_match;

    return t->state | (uint64_t)reorder_mask(t->members, order) << 3 | match << 6 |
           (uint64_t)t->due << 7 | (uint64_t)w->elsewhere[which] << 8;
}

/* Of a player what does not say who else: players are put in this order, and where it is the same
 * for some in the one that makes the least of the state. */
static uint64_t
key_of(const struct tickets *w, size_t u, size_t first)
{
    const struct match *a = &w->match[first], *b = &w->match[1 - first];
    uint64_t match = w->ticket[u].state == STARTING && w->ticket[u].match != first;

    return (uint64_t)(a->seats >> u & 1) | (uint64_t)(b->seats >> u & 1) << 1 |
           (uint64_t)a->ref[u] << 2 | (uint64_t)b->ref[u] << 4 | match << 6 |
           (uint64_t)w->ticket[u].due << 7 | (uint64_t)w->elsewhere[u] << 8 |
           (uint64_t)w->ticket[u].state << 9;
}

static struct packed
pack_in_order(const struct tickets *w, const uint64_t *making, const uint8_t *order, size_t first)
{
    struct packed p = {{making[first], making[1 - first]}};

    p.word[0] |= pack_players(&w->match[first], order) << 19;
    p.word[1] |= pack_players(&w->match[1 - first], order) << 19;
    for (size_t i = 0; i < TICKET_PLAYERS; i++)
        p.word[0] |= pack_ticket(w, order[i], order, first) << (28 + 9 * i);
    return p;
}

static bool
is_less(const struct packed *a, const struct packed *b)
{
    return a->word[0] < b->word[0] || (a->word[0] == b->word[0] && a->word[1] < b->word[1]);
}

struct packed
tickets_pack(const struct tickets *w)
{
    uint64_t making[TICKET_MATCHES] = {pack_making(&w->match[0]), pack_making(&w->match[1])};
    size_t begin = making[0] < making[1], end = making[0] <= making[1] ? 2 : 1;
    struct packed least = {{UINT64_MAX, UINT64_MAX}};

    for (size_t first = begin; first < end; first++) {
        uint64_t key[TICKET_PLAYERS];

        for (size_t u = 0; u < TICKET_PLAYERS; u++)
            key[u] = key_of(w, u, first);
        for (size_t o = 0; o < sizeof(orders) / sizeof(orders[0]); o++) {
            const uint8_t *order = orders[o];
            struct packed p;

            if (key[order[0]] > key[order[1]] || key[order[1]] > key[order[2]])
                continue;
            p = pack_in_order(w, making, order, first);
            if (is_less(&p, &least))
                least = p;
        }
    }
    least.word[1] |= (uint64_t)w->chances << CHANCES_AT | (uint64_t)w->matches << MATCHES_AT;
    return least;
}

static struct match
unpack_match(uint64_t w)
{
    struct match m = {.game = w & 3,
                      .making = w >> 2 & 15,
                      .join = w >> 6 & 7,
                      .event = w >> 9 & 3,
                      .record = w >> 11 & 1,
                      .due = w >> 12 & 1,
                      .later = w >> 13 & 1,
                      .made = w >> 14 & 1,
                      .tells = w >> 15 & 1,
                      .heard = w >> 16 & 1,
                      .counts = w >> 17 & 1,
                      .stalled = w >> 18 & 1,
                      .seats = w >> 19 & 7};

    for (size_t i = 0; i < TICKET_PLAYERS; i++)
        m.ref[i] = w >> (22 + 2 * i) & 3;
    return m;
}

struct tickets
tickets_unpack(const struct packed *state)
{
    struct tickets w = {.match = {unpack_match(state->word[0]), unpack_match(state->word[1])},
                        .chances = state->word[1] >> CHANCES_AT & 15,
                        .matches = state->word[1] >> MATCHES_AT & 3};

    for (size_t i = 0; i < TICKET_PLAYERS; i++) {
        uint64_t t = state->word[0] >> (28 + 9 * i);

        w.ticket[i] = (struct ticket){
            .state = t & 7, .members = t >> 3 & 7, .match = t >> 6 & 1, .due = t >> 7 & 1};
        w.elsewhere[i] = t >> 8 & 1;
    }
    return w;
}

/* A ticket that the other one has is there as if it waited, or was over where it will not wait
 * again. */
struct packed
tickets_seen_from(const struct tickets *w, size_t which)
{
    struct tickets alone = {.match = {w->match[which]}, .chances = TICKET_UNBOUNDED, .matches = 1};

    for (size_t i = 0; i < TICKET_PLAYERS; i++) {
        alone.ticket[i] = w->ticket[i];
        if (w->ticket[i].state != STARTING)
            continue;
        alone.ticket[i].match = 0;
        if (w->ticket[i].match != which)
            alone.ticket[i].state = WAITING, alone.ticket[i].due = true;
    }
    return tickets_pack(&alone);
}

/* --- what must not be ------------------------------------------------------------------------- */

static const char *
wrong_with_match(const struct tickets *w, const struct match *m)
{
    unsigned covered = 0;

    if (m->made && m->game == NO_GAME && (m->making == IDLE || m->making == ORPHAN))
        return "the game server has a game of which nobody knows";
    for (size_t i = 0; i < TICKET_PLAYERS; i++) {
        if (m->game == RUNNING && m->ref[i] == LOST)
            return "a cancelled ticket is in a game that started";
        if (m->game == RUNNING && (m->seats >> i & 1) && tickets_of(w, i) > 0)
            return "a player is in a game and waits for one";
        if (m->ref[i] == STOLEN)
            return "a ticket is taken that does not wait";
        if (m->ref[i] == HAS)
            covered |= w->ticket[i].members;
        if (m->ref[i] == LOST)
            covered |= m->seats;
    }
    if (m->record && m->game == CREATING && (m->seats & ~covered) != 0)
        return "a match has not all of its tickets";
    return NULL;
}

const char *
tickets_wrong(const struct packed *state)
{
    struct tickets w = tickets_unpack(state);
    const char *what = NULL;

    for (size_t u = 0; u < TICKET_PLAYERS && what == NULL; u++)
        if (tickets_held(&w, u) > 1)
            what = "a player is in two games";
        else if (tickets_of(&w, u) > 1)
            what = "a player has two tickets";
    for (size_t m = 0; m < TICKET_MATCHES && what == NULL; m++)
        what = wrong_with_match(&w, &w.match[m]);
    return what;
}

bool
tickets_is_clean(const struct packed *state)
{
    struct tickets w = tickets_unpack(state);

    for (size_t i = 0; i < TICKET_PLAYERS; i++)
        if (w.ticket[i].state != NO_TICKET)
            return false;
    for (size_t m = 0; m < TICKET_MATCHES; m++)
        if (w.match[m].game != NO_GAME || w.match[m].record || w.match[m].made ||
            w.match[m].making != IDLE || w.match[m].tells)
            return false;
    return true;
}

void
tickets_print(FILE *out, const struct packed *state)
{
    static const char *const states[] = {"-", "forming", "waiting", "starting", "over"};
    static const char *const games[] = {"-", "creating", "running", "removing"};
    static const char *const makings[] = {
        "",          ", taken",      ", asked",   ", done",          ", refused",
        ", late",    ", late done",  ", waits",   ", waits, done",   ", waits, refused",
        ", joining", ", confirming", ", failing", ", failing later", ", orphan"};
    static const char *const joins[] = {"", ", join asked", ", joined", ", join refused",
                                        ", join late"};
    struct tickets w = tickets_unpack(state);

    for (size_t i = 0; i < TICKET_PLAYERS; i++) {
        const struct ticket *t = &w.ticket[i];

        fprintf(out, " (%s%s%s of %u", states[t->state],
                t->state != STARTING ? ""
                : t->match == 0      ? " 1"
                                     : " 2",
                t->due ? ", due" : "", (unsigned)t->members);
        fprintf(out, "%s)", w.elsewhere[i] ? ", elsewhere" : "");
    }
    for (size_t i = 0; i < TICKET_MATCHES; i++) {
        const struct match *m = &w.match[i];

        fprintf(out, " | %s%s%s%s%s%s%s seats %u, refs %u%u%u", games[m->game],
                m->later ? " later" : "", m->record ? ", record" : "", m->made ? ", made" : "",
                m->tells ? ", told" : "", makings[m->making], joins[m->join], (unsigned)m->seats,
                (unsigned)m->ref[0], (unsigned)m->ref[1], (unsigned)m->ref[2]);
    }
    fputc('\n', out);
}
