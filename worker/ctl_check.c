/* varcadectl check: games' files, before they go live, and what their rules make of a sample event.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/event.h"
#include "lib/product.h"
#include "lib/rating_rule.h"
#include "lib/rules.h"
#include "lib/text.h"
#include "worker/ctl.h"

/* Returns the product, or NULL, and what is wrong was told. */
static struct product *
load(const char *file)
{
    struct product *product = NULL;
    struct buf why;

    buf_init(&why, CTL_WHY_MAX);
    if (products_load_file(file, &product, &why) == 0)
        printf("%s: good\n", file);
    else
        fprintf(stderr, "%s\n", why.data != NULL ? why.data : "out of memory");
    buf_free(&why);
    return product;
}

/* --- a sample event --------------------------------------------------------------------------- */

static struct event_text
text_of(const char *s, size_t len)
{
    return (struct event_text){s, len};
}

/* The event of `name=value` arguments and of now. Returns an exit status. */
static int
read_event(const struct ctl *c, const struct product *product, struct event *e)
{
    static const char id[] = "product_id";
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
    return why == NULL ? CTL_OK : ctl_fail("the event would be a dead letter: %s", why);
}

static void
print_windows(const struct rules_board *board, wall_ms now)
{
    const char *before = " (";
    struct window window;

    for (int kind = 0; kind < WINDOW_KINDS; kind++) {
        if (!board->windows.has[kind] ||
            !window_at(&board->windows, (enum window_kind)kind, now, &window))
            continue;
        printf("%s%s", before, window.name);
        before = ", ";
    }
    fputs(")", stdout);
}

static void
print_effect(const struct product *product, const struct rules_effect *effect, wall_ms now)
{
    static const char *const words[] = {
        [RULES_ADD] = "add", [RULES_MAX] = "max", [RULES_MIN] = "min", [RULES_SET] = "set"};
    char value[TEXT_DOUBLE_SIZE];

    (void)text_format_double(effect->value, value);
    if (effect->target == RULES_STAT) {
        printf("  statistic %.*s", (int)effect->stat.len, effect->stat.s);
    } else {
        const struct rules_board *board = rules_board_at(product->rules, effect->board);

        printf("  board %s", board->id);
        print_windows(board, now);
    }
    printf(" of %.*s: %s %s\n", (int)effect->player.len, effect->player.s, words[effect->op],
           value);
}

/* The matches that boards rate; how many, or -1. They are printed where print is true. */
static int
rate(const struct product *product, const struct event *e, bool print, const char **ret_why)
{
    static struct match_room room;
    int n = 0;

    for (size_t i = 0; i < rules_board_count(product->rules); i++) {
        const struct rules_board *board = rules_board_at(product->rules, i);
        struct match match;
        int found = 0;

        if (board->rating != NULL)
            found = rating_rule_match(product->rules, board->rating, e, &room, &match, ret_why);
        if (found < 0)
            return -1;
        if (found == 0)
            continue;
        n++;
        if (!print)
            continue;
        printf("  board %s", board->id);
        print_windows(board, event_id_time(rules_event_at(product->rules, e)));
        fputs(" rates", stdout);
        for (size_t p = 0; p < match.nplayers; p++)
            printf("%s%.*s", p > 0 ? ", " : " ", (int)match.player[p].len, match.player[p].s);
        puts("");
    }
    return n;
}

static int
print_effects(const struct product *product, const struct event *e)
{
    size_t max = rules_effects_max(product->rules), n = 0;
    struct rules_effect *effects = calloc(max + 1, sizeof(*effects));
    static struct rules_room room;
    const char *why = NULL;
    int rated = -1;

    if (effects == NULL)
        return ctl_fail("out of memory");
    if (rules_evaluate(product->rules, e, &room, effects, max, &n, &why) == 0)
        rated = rate(product, e, false, &why);
    if (rated >= 0) {
        for (size_t i = 0; i < n; i++)
            print_effect(product, &effects[i], event_id_time(rules_event_at(product->rules, e)));
        (void)rate(product, e, true, &why);
    }
    free(effects);
    if (rated < 0)
        return ctl_fail("the event would be a dead letter: %s", why);
    if (n == 0 && rated == 0)
        puts("  no rule speaks of the event");
    return CTL_OK;
}

static int
check_event(struct ctl *c)
{
    struct product *product = load(c->args[0]);
    struct event e;
    int ret = product != NULL ? read_event(c, product, &e) : CTL_FAILED;

    if (ret == CTL_OK)
        ret = print_effects(product, &e);
    product_free(product);
    return ret;
}

int
ctl_check_run(struct ctl *c)
{
    int ret = CTL_OK;

    if (ctl_option(c, "event") != NULL)
        return check_event(c);
    for (size_t i = 0; i < c->nargs; i++) {
        struct product *product = load(c->args[i]);

        if (product == NULL)
            ret = CTL_FAILED;
        product_free(product);
    }
    return ret;
}
