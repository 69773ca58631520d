/*
 * Looks at all states of the models, and then whether what is broken on purpose is found wrong.
 *
 *     model            what takes seconds: for make check
 *     model full       everything
 *     model functions  the Redis functions that are steps of a model
 *     model NAME       that model alone, and how what is wrong with it comes about
 *     model NAME N     how bug N of that model shows
 *
 * Says how many states there are, and ends with 1 where something is not as it should be.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "tests/model/search.h"

/* Of 24 bytes each, and 8 in the table: less than 5 GB. */
#define STATES_MAX ((size_t)100000000)

static const struct model *const models[] = {
    &lobby_one_game,        &lobby_kept_seats, &lobby_match_game,   &lobby_two_games,
    &lobby_two_games_short, &ticket_one_match, &ticket_two_matches, &backfill_model};
#define NMODELS (sizeof(models) / sizeof(models[0]))

static bool
happens(const struct search *s, const struct model *model)
{
    bool all = true;

    for (size_t i = 0; i < model->nsteps; i++)
        if (model->whole && !search_has_taken(s, i)) {
            printf("%s: %s never happens\n", model->name, model->steps[i].name);
            all = false;
        }
    return all;
}

/* ret_search NULL: nobody needs it. */
static int
look(const struct model *model, unsigned bug, struct search **ret_search)
{
    struct search *s = search_new(model);
    struct search_result r;
    int result = -1;

    if (s == NULL || search_run(s, bug, STATES_MAX, stdout, &r) == -1) {
        fprintf(stderr, "%s: too many states\n", model->name);
        goto out;
    }
    printf("%s: %zu states, %zu steps between them: %s\n", model->name, r.states, r.edges,
           r.wrong != NULL ? r.wrong : "nothing is wrong");
    result = r.wrong == NULL && happens(s, model) ? 0 : -1;
out:
    if (ret_search != NULL)
        *ret_search = s;
    else
        search_free(s);
    return result;
}

static int
break_it(const struct model *model, unsigned bug)
{
    struct search *s = search_new(model);
    struct search_result r;
    int result = -1;

    if (s != NULL && search_run(s, bug, STATES_MAX, NULL, &r) == 0) {
        printf("%s, broken: %s: %s (%zu states)\n", model->name, model->bugs[bug],
               r.wrong != NULL ? r.wrong : "is not noticed", r.states);
        result = r.wrong != NULL ? 0 : -1;
    }
    search_free(s);
    return result;
}

static int
break_all(const struct model *model, bool full)
{
    int result = 0;

    for (unsigned bug = 1; bug < model->nbugs && (full || bug <= model->nquick); bug++)
        result |= break_it(model, bug);
    return result;
}

/* All states of whole, seen from each of its parts, are states of one: so one stands for any number
 * of them. */
static int
look_at_parts(const struct model *one, const struct model *whole)
{
    struct search *parts = NULL, *both = NULL;
    int result = look(one, 0, &parts);

    result |= look(whole, 0, &both);
    if (result == 0 && !search_is_seen_in(both, parts, stdout)) {
        printf("%s: more than there is in %s\n", whole->name, one->name);
        result = -1;
    }
    search_free(parts);
    search_free(both);
    return result;
}

static int
run(bool full)
{
    int result = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    result |= look(&lobby_match_game, 0, NULL);
    result |= look(&backfill_model, 0, NULL);
    if (full) {
        result |= look_at_parts(&lobby_one_game, &lobby_two_games);
        result |= look(&lobby_kept_seats, 0, NULL);
        result |= look_at_parts(&ticket_one_match, &ticket_two_matches);
    } else {
        result |= look(&lobby_two_games_short, 0, NULL);
        result |= look(&ticket_one_match, 0, NULL);
    }
    result |= break_all(&lobby_one_game, full);
    result |= break_all(&ticket_one_match, full);
    result |= break_all(&backfill_model, full);
    return result;
}

static void
print_functions(void)
{
    for (size_t m = 0; m < NMODELS; m++)
        for (size_t i = 0; i < models[m]->nsteps; i++)
            if (models[m]->steps[i].kind == STEP_FUNCTION)
                puts(models[m]->steps[i].name);
}

static const struct model *
model_called(const char *name)
{
    for (size_t i = 0; i < NMODELS; i++)
        if (strcmp(models[i]->name, name) == 0)
            return models[i];
    return NULL;
}

int
main(int argc, char **argv)
{
    const struct model *model = argc > 1 ? model_called(argv[1]) : NULL;
    int64_t bug = 0;

    if (argc == 1)
        return run(false) == 0 ? 0 : 1;
    if (argc == 2 && strcmp(argv[1], "full") == 0)
        return run(true) == 0 ? 0 : 1;
    if (argc == 2 && strcmp(argv[1], "functions") == 0) {
        print_functions();
        return 0;
    }
    if (model != NULL &&
        (argc == 2 || (argc == 3 && text_parse_int(argv[2], strlen(argv[2]), 1,
                                                   (int64_t)model->nbugs - 1, &bug) == 0)))
        return look(model, (unsigned)bug, NULL) == 0 ? 0 : 1;
    fprintf(stderr, "usage: model [full | functions | MODEL [BUG]]\n");
    return 2;
}
