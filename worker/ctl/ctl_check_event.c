/*
 * varcadectl check --event: what a game's rules make of a sample event. The event goes through the
 * worker's own batch, with no figure there is, so what becomes of it is what would become of the
 * first event of all its players.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/product/generation.h"
#include "lib/product/product.h"
#include "lib/rules/event.h"
#include "lib/rules/rating_rule.h"
#include "lib/rules/rules.h"
#include "worker/batch/batch.h"
#include "worker/ctl/ctl_check.h"

enum fate { COUNTS, IGNORED, DUPLICATE, QUARANTINED, DEAD };

static const char *const fates[] = {[COUNTS] = "counts",
                                    [IGNORED] = "ignored",
                                    [DUPLICATE] = "duplicate",
                                    [QUARANTINED] = "quarantined",
                                    [DEAD] = "dead_letter"};

static const char *const operations[] = {
    [RULES_ADD] = "add", [RULES_MAX] = "max", [RULES_MIN] = "min", [RULES_SET] = "set"};

struct sample {
    const struct product *product;
    struct event event;
    struct batch *batch;
    enum fate fate;
    const char *why; /* QUARANTINED, DEAD */
    struct rules_room room;
    struct rules_effect *effects; /* of one that is no dead letter */
    double *made;                 /* what each makes of a figure that is not there yet */
    size_t neffects;
    struct buf *out;
    bool json;
};

/* --- the event -------------------------------------------------------------------------------- */

static struct event_text
text_of(const char *s, size_t len)
{
    return (struct event_text){s, len};
}

/* The event of `name=value` arguments and of now. Returns an exit status; why is set where it is
 * one that no product has. */
static int
read_event(const struct ctl *c, struct sample *s)
{
    static const char id[] = "product_id";
    const struct product *product = s->product;
    struct event *e = &s->event;
    const char *why = NULL;
    bool has_product = false;

    event_clear(e);
    e->id.ms = (uint64_t)clock_wall();
    for (size_t i = 1; i < c->nargs && why == NULL; i++) {
        const char *equals = strchr(c->args[i], '=');

        if (equals == NULL)
            return ctl_usage("%s: a field is name=value", c->args[i]);
        has_product = has_product || strncmp(c->args[i], "product_id=", sizeof(id)) == 0;
        why = event_add(e, text_of(c->args[i], (size_t)(equals - c->args[i])),
                        text_of(equals + 1, strlen(equals + 1)));
    }
    if (why == NULL && !has_product)
        why = event_add(e, text_of(id, strlen(id)), text_of(product->id, strlen(product->id)));
    if (why == NULL)
        why = event_check(e);
    if (why == NULL && !event_text_is(e->product_id, product->id))
        why = "product_id is another than the file's";
    s->why = why;
    return CTL_OK;
}

/* What becomes of it. */
static void
judge(struct sample *s)
{
    static const struct generation first = {.s = "0"};
    struct batch_results results;

    s->fate = DEAD;
    if (s->why != NULL)
        return;
    batch_start(s->batch, s->product->id, &first, s->product);
    batch_add(s->batch, &s->event);
    batch_compute(s->batch);
    results = batch_results(s->batch);
    if (results.dead > 0)
        s->why = batch_dead_at(s->batch, 0).reason;
    else if (results.held > 0)
        s->fate = QUARANTINED;
    else
        s->fate = results.duplicates > 0 ? DUPLICATE : results.ignored > 0 ? IGNORED : COUNTS;
    if (s->fate == QUARANTINED)
        s->why = batch_held_at(s->batch, 0).reason;
}

static bool
is_same_figure(const struct rules_effect *a, const struct rules_effect *b)
{
    return a->target == b->target && a->player.len == b->player.len &&
           memcmp(a->player.s, b->player.s, a->player.len) == 0 &&
           (a->target == RULES_BOARD
                ? a->board == b->board
                : a->stat.len == b->stat.len && memcmp(a->stat.s, b->stat.s, a->stat.len) == 0);
}

/* The effects, and what they make. */
static bool
evaluate(struct sample *s)
{
    size_t max = rules_effects_max(s->product->rules);
    const char *why;

    s->effects = calloc(max + 1, sizeof(*s->effects));
    s->made = calloc(max + 1, sizeof(*s->made));
    if (s->effects == NULL || s->made == NULL)
        return false;
    if (s->fate == DEAD || rules_evaluate(s->product->rules, &s->event, &s->room, s->effects, max,
                                          &s->neffects, &why) < 0)
        s->neffects = 0;
    for (size_t i = 0; i < s->neffects; i++) {
        struct rules_effect *effect = &s->effects[i];
        size_t before = i;

        while (before > 0 && !is_same_figure(effect, &s->effects[before - 1]))
            before--;
        if (effect->follows)
            effect->value = s->made[i - 1];
        if (rules_apply(effect->op, before > 0 ? s->made[before - 1] : 0, before > 0, effect->value,
                        &s->made[i]) < 0)
            s->made[i] = effect->value;
    }
    return true;
}

/* --- as text and as JSON ---------------------------------------------------------------------- */

static void
add_text(const struct sample *s, struct event_text text)
{
    if (s->json)
        ctl_json_text(s->out, text.s, text.len);
    else
        buf_add(s->out, text.s, text.len);
}

/* The windows that the event is in: ` (all, 2026)`, or an array. */
static void
add_windows(const struct sample *s, const struct rules_board *board)
{
    wall_ms at = event_id_time(rules_event_at(s->product->rules, &s->event));
    const char *before = s->json ? ", \"windows\": [" : " (";
    struct window window;

    for (int kind = 0; kind < WINDOW_KINDS; kind++) {
        if (!board->windows.has[kind] ||
            !window_at(&board->windows, (enum window_kind)kind, at, &window))
            continue;
        buf_printf(s->out, s->json ? "%s\"%s\"" : "%s%s", before, window.name);
        before = ", ";
    }
    /* Between seasons a board may have none. */
    if (strcmp(before, ", ") != 0)
        buf_str(s->out, before);
    buf_str(s->out, s->json ? "]" : ")");
}

static void
add_effect_text(const struct sample *s, size_t i)
{
    const struct rules_effect *effect = &s->effects[i];
    char value[TEXT_DOUBLE_SIZE];

    (void)text_format_double(effect->value, value);
    if (effect->target == RULES_STAT) {
        buf_str(s->out, "\n  statistic ");
        add_text(s, effect->stat);
    } else {
        const struct rules_board *board = rules_board_at(s->product->rules, effect->board);

        buf_printf(s->out, "\n  board %s", board->id);
        add_windows(s, board);
    }
    buf_str(s->out, " of ");
    add_text(s, effect->player);
    buf_printf(s->out, ": %s ", operations[effect->op]);
    if (effect->follows) {
        add_text(s, s->effects[i - 1].stat);
        buf_printf(s->out, " as it is then (%s where it began at 0)", value);
    } else {
        buf_str(s->out, value);
    }
}

static void
add_effect_json(const struct sample *s, size_t i)
{
    const struct rules_effect *effect = &s->effects[i];

    buf_str(s->out, i > 0 ? ", {\"player\": " : "{\"player\": ");
    add_text(s, effect->player);
    if (effect->target == RULES_STAT) {
        buf_str(s->out, ", \"statistic\": ");
        add_text(s, effect->stat);
    } else {
        const struct rules_board *board = rules_board_at(s->product->rules, effect->board);

        buf_printf(s->out, ", \"board\": \"%s\"", board->id);
        add_windows(s, board);
    }
    buf_printf(s->out, ", \"%s\": ", operations[effect->op]);
    buf_json_number(s->out, effect->value);
    if (effect->follows) {
        buf_str(s->out, ", \"follows\": ");
        add_text(s, s->effects[i - 1].stat);
    }
    buf_str(s->out, ", \"makes\": ");
    buf_json_number(s->out, s->made[i]);
    buf_str(s->out, "}");
}

/* The matches that boards rate. */
static void
add_ratings(const struct sample *s)
{
    static struct match_room room;
    const struct rules *rules = s->product->rules;
    const char *separator = "";

    for (size_t i = 0; s->fate != DEAD && i < rules_board_count(rules); i++) {
        const struct rules_board *board = rules_board_at(rules, i);
        struct match match;
        const char *why;

        if (board->rating == NULL ||
            rating_rule_match(rules, board->rating, &s->event, &room, &match, &why) <= 0)
            continue;
        buf_printf(s->out, s->json ? "%s{\"board\": \"%s\"" : "%s\n  board %s",
                   s->json ? separator : "", board->id);
        add_windows(s, board);
        buf_str(s->out, s->json ? ", \"players\": [" : " rates ");
        for (size_t p = 0; p < match.nplayers; p++) {
            buf_str(s->out, p > 0 ? ", " : "");
            add_text(s, match.player[p]);
        }
        buf_str(s->out, s->json ? "]}" : "");
        separator = ", ";
    }
}

/* What it does to a game in the lobby. */
static void
add_game(const struct sample *s)
{
    struct batch_move move;

    if (s->fate == DEAD || batch_moves(s->batch) == 0)
        return;
    move = batch_move_at(s->batch, 0);
    buf_str(s->out, s->json ? ", \"game\": {\"game_id\": " : "\n  game ");
    add_text(s, move.game_id);
    buf_printf(s->out, s->json ? ", \"event\": \"%s\"" : ": %s", move.kind);
    if (move.argument.len > 0) {
        buf_str(s->out, s->json ? ", \"argument\": " : " ");
        add_text(s, move.argument);
    }
    buf_str(s->out, s->json ? "}" : "");
}

static void
add_all(const struct sample *s)
{
    if (s->json) {
        buf_printf(s->out, ", \"event\": \"%s\"", fates[s->fate]);
        if (s->why != NULL) {
            buf_str(s->out, ", \"reason\": ");
            ctl_json_text(s->out, s->why, strlen(s->why));
        }
        buf_str(s->out, ", \"effects\": [");
    }
    for (size_t i = 0; i < s->neffects; i++)
        (s->json ? add_effect_json : add_effect_text)(s, i);
    buf_str(s->out, s->json ? "], \"ratings\": [" : "");
    add_ratings(s);
    buf_str(s->out, s->json ? "]" : "");
    add_game(s);
    if (s->fate != DEAD && batch_changes_names(s->batch))
        buf_str(s->out, s->json ? ", \"names\": true" : "\n  names a player");
    if (s->json)
        return;
    if (s->fate == QUARANTINED)
        buf_printf(s->out, "\n  quarantined, and nothing of it counts: %s", s->why);
    else if (s->fate != COUNTS && s->fate != DEAD)
        buf_str(s->out, "\n  no rule speaks of the event");
}

int
ctl_check_event(struct ctl *c, const struct product *product, struct buf *out)
{
    static struct sample s;
    int ret;

    s.product = product;
    s.out = out;
    s.json = c->json;
    ret = read_event(c, &s);
    if (ret != CTL_OK)
        return ret;
    s.batch = batch_new();
    judge(&s);
    if (!evaluate(&s))
        ret = ctl_fail("out of memory");
    else
        add_all(&s);
    if (s.fate == DEAD) {
        ret = CTL_FAILED;
        if (!c->json)
            (void)ctl_fail("the event would be a dead letter: %s", s.why);
    }
    batch_free(s.batch);
    free(s.effects);
    free(s.made);
    return ret;
}
