/*
 * Reading matches. The two texts are so small a part of JSON (arrays, strings, integers) that a
 * reader of exactly that part is shorter than checking what a whole parser made of them, and cannot
 * be led into anything else.
 */
#include "lib/rules/match.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define WHOLE_MAX ((int64_t)1 << 53) /* of a rank, of a number of matches */

static const char not_placements[] = "placements is not a JSON array of arrays of strings";
static const char not_ranks[] = "ranks is not a JSON array of integers";

bool
match_pair(struct event_text winner, struct event_text loser, struct match_room *room,
           struct match *ret_match)
{
    if (winner.len == loser.len && memcmp(winner.s, loser.s, winner.len) == 0)
        return false;
    for (size_t i = 0; i < 2; i++) {
        room->size[i] = 1;
        room->rank[i] = (int64_t)i + 1;
    }
    room->player[0] = winner;
    room->player[1] = loser;
    *ret_match = (struct match){2, 2, room->size, room->rank, room->player};
    return true;
}

/* --- JSON ------------------------------------------------------------------------------------- */

struct cursor {
    const char *s, *end;
};

static void
skip_space(struct cursor *c)
{
    while (c->s < c->end && (*c->s == ' ' || *c->s == '\t' || *c->s == '\n' || *c->s == '\r'))
        c->s++;
}

/* Go over the character, if it is what comes next but for white space. */
static bool
take(struct cursor *c, char what)
{
    skip_space(c);
    if (c->s == c->end || *c->s != what)
        return false;
    c->s++;
    return true;
}

static bool
at_end(struct cursor *c)
{
    skip_space(c);
    return c->s == c->end;
}

static bool
take_hex(struct cursor *c, uint32_t *ret_v)
{
    uint32_t v = 0;

    if (c->end - c->s < 4)
        return false;
    for (int i = 0; i < 4; i++, c->s++) {
        char h = *c->s;

        if (h >= '0' && h <= '9')
            v = v << 4 | (uint32_t)(h - '0');
        else if ((h >= 'a' && h <= 'f') || (h >= 'A' && h <= 'F'))
            v = v << 4 | (uint32_t)((h | 0x20) - 'a' + 10);
        else
            return false;
    }
    *ret_v = v;
    return true;
}

/* The character of \uXXXX, or of two that are a pair. */
static bool
take_code_point(struct cursor *c, uint32_t *ret_v)
{
    uint32_t high, low;

    if (!take_hex(c, &high))
        return false;
    if (high >= 0xd800 && high <= 0xdbff) {
        if (c->end - c->s < 2 || c->s[0] != '\\' || c->s[1] != 'u')
            return false;
        c->s += 2;
        if (!take_hex(c, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }
    *ret_v = high;
    return high < 0xd800 || high > 0xdfff;
}

static size_t
put_utf8(uint32_t v, char out[static 4])
{
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t len = v < 0x80 ? 1 : v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;

    for (size_t i = len - 1; i > 0; i--, v >>= 6)
        out[i] = (char)(0x80 | (v & 0x3f));
    out[0] = (char)(first[len == 1 ? 0 : len] | v);
    return len;
}

static bool
take_escape(struct cursor *c, char out[static 4], size_t *ret_len)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *letter;
    uint32_t v;

    if (c->s == c->end)
        return false;
    if (*c->s == 'u') {
        c->s++;
        if (!take_code_point(c, &v))
            return false;
        *ret_len = put_utf8(v, out);
        return true;
    }
    letter = memchr(letters, *c->s++, sizeof(letters) - 1);
    if (letter == NULL)
        return false;
    out[0] = meant[letter - letters];
    *ret_len = 1;
    return true;
}

/* A string behind its opening quote, as far as TEXT_USER_ID_MAX + 1 bytes, so that one too long can
 * be told from one that fits. The bytes are UTF-8: event_decode saw to that. */
static bool
take_string(struct cursor *c, char out[static TEXT_USER_ID_MAX + 1], size_t *ret_len)
{
    size_t n = 0;

    while (c->s < c->end && *c->s != '"') {
        char piece[4] = {*c->s};
        size_t len = 1;

        if ((unsigned char)*c->s < ' ')
            return false;
        if (*c->s++ == '\\' && !take_escape(c, piece, &len))
            return false;
        for (size_t i = 0; i < len && n <= TEXT_USER_ID_MAX; i++)
            out[n++] = piece[i];
    }
    *ret_len = n;
    return take(c, '"');
}

const char *
match_next_string(const char **at, const char *end, char out[static TEXT_USER_ID_MAX + 1],
                  size_t *ret_len)
{
    struct cursor c = {*at, end};
    const char *quote;

    while ((quote = memchr(c.s, '"', (size_t)(end - c.s))) != NULL) {
        c.s = quote + 1;
        if (take_string(&c, out, ret_len)) {
            *at = c.s;
            return quote;
        }
        c.s = quote + 1;
    }
    return NULL;
}

/* --- placements ------------------------------------------------------------------------------- */

/* What is being read. */
struct reading {
    struct cursor c;
    struct match_room *room;
    struct match m;
    size_t used; /* bytes of the room's text */
};

static bool
is_there(const struct reading *r, struct event_text player)
{
    for (size_t i = 0; i < r->m.nplayers; i++)
        if (r->room->player[i].len == player.len &&
            memcmp(r->room->player[i].s, player.s, player.len) == 0)
            return true;
    return false;
}

static const char *
read_player(struct reading *r)
{
    struct event_text player;
    char *text = r->room->text + r->used;

    if (!take(&r->c, '"'))
        return not_placements;
    if (r->m.nplayers == MATCH_PLAYERS_MAX)
        return "placements has more than 64 players";
    if (!take_string(&r->c, text, &player.len))
        return not_placements;
    player.s = text;
    if (!text_is_name(player.s, player.len))
        return "placements has a user id that is not 1 to 128 bytes of UTF-8 without control "
               "characters";
    if (is_there(r, player))
        return "placements has a player twice";
    r->used += player.len;
    r->room->player[r->m.nplayers++] = player;
    return NULL;
}

static const char *
read_team(struct reading *r)
{
    size_t before = r->m.nplayers;
    const char *why;

    if (!take(&r->c, '['))
        return not_placements;
    if (take(&r->c, ']'))
        return "placements has a team without players";
    do {
        why = read_player(r);
    } while (why == NULL && take(&r->c, ','));
    if (why != NULL)
        return why;
    if (!take(&r->c, ']'))
        return not_placements;
    r->room->size[r->m.nteams] = r->m.nplayers - before;
    r->room->rank[r->m.nteams] = (int64_t)r->m.nteams + 1;
    r->m.nteams++;
    return NULL;
}

static const char *
read_teams(struct reading *r)
{
    const char *why;

    if (!take(&r->c, '['))
        return not_placements;
    if (take(&r->c, ']'))
        return "placements has no teams";
    do {
        why = read_team(r);
    } while (why == NULL && take(&r->c, ','));
    if (why != NULL)
        return why;
    return take(&r->c, ']') && at_end(&r->c) ? NULL : not_placements;
}

bool
match_team(struct event_text text, struct match_room *room, size_t *ret_n)
{
    struct reading r = {.c = {text.s, text.s + text.len}, .room = room};
    struct cursor look = r.c;
    bool teams = take(&look, '[') && take(&look, '[');
    const char *why = teams ? read_teams(&r) : read_team(&r);

    if (why != NULL || !at_end(&r.c))
        return false;
    *ret_n = r.m.nplayers;
    return true;
}

/* An integer as JSON writes it: text_parse_int would take leading zeros too. */
static bool
take_integer(struct cursor *c, int64_t *ret_v)
{
    const char *from, *digits;

    skip_space(c);
    from = digits = c->s;
    if (c->s < c->end && *c->s == '-')
        digits = ++c->s;
    while (c->s < c->end && *c->s >= '0' && *c->s <= '9')
        c->s++;
    if (c->s - digits > 1 && *digits == '0')
        return false;
    return text_parse_int(from, (size_t)(c->s - from), -WHOLE_MAX, WHOLE_MAX, ret_v) == 0;
}

static const char *
read_ranks(struct reading *r, struct event_text ranks)
{
    size_t n = 0;

    r->c = (struct cursor){ranks.s, ranks.s + ranks.len};
    if (!take(&r->c, '['))
        return not_ranks;
    do {
        int64_t rank;

        if (!take_integer(&r->c, &rank))
            return not_ranks;
        if (n == r->m.nteams)
            return "ranks has more elements than placements";
        if (n > 0 && rank < r->room->rank[n - 1])
            return "ranks is not in the order of placements, best first";
        r->room->rank[n++] = rank;
    } while (take(&r->c, ','));
    if (!take(&r->c, ']') || !at_end(&r->c))
        return not_ranks;
    return n == r->m.nteams ? NULL : "ranks has fewer elements than placements";
}

const char *
match_placements(struct event_text placements, struct event_text ranks, struct match_room *room,
                 struct match *ret_match)
{
    struct reading r = {.c = {placements.s, placements.s + placements.len},
                        .room = room,
                        .m = {0, 0, room->size, room->rank, room->player}};
    const char *why = read_teams(&r);

    if (why == NULL && ranks.s != NULL)
        why = read_ranks(&r, ranks);
    if (why == NULL)
        *ret_match = r.m;
    return why;
}

/* --- tallies ---------------------------------------------------------------------------------- */

size_t
match_tally_format(const struct match_tally *t, char out[static MATCH_TALLY_SIZE])
{
    int len = snprintf(out, MATCH_TALLY_SIZE, "%llu %llu %llu", (unsigned long long)t->wins,
                       (unsigned long long)t->losses, (unsigned long long)t->draws);

    assert(len > 0 && len < MATCH_TALLY_SIZE);
    return (size_t)len;
}

int
match_tally_parse(const char *s, size_t len, struct match_tally *ret_tally)
{
    const char *end = s + len;
    int64_t figure[3];

    for (size_t i = 0; i < 3; i++) {
        const char *blank = i < 2 ? memchr(s, ' ', (size_t)(end - s)) : end;

        if (blank == NULL || text_parse_int(s, (size_t)(blank - s), 0, WHOLE_MAX, &figure[i]) < 0)
            return -1;
        s = blank + 1;
    }
    *ret_tally =
        (struct match_tally){(uint64_t)figure[0], (uint64_t)figure[1], (uint64_t)figure[2]};
    return 0;
}
