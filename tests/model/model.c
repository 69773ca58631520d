/*
 * Looks at all states of the lobby's model, and then whether what is broken on purpose is found
 * wrong.
 *
 *     model            what takes seconds: for make check
 *     model full       everything: one game without any bound, and two games
 *     model functions  the Redis functions that are steps of the model
 *     model bug N      how that bug shows
 *
 * Says how many states there are, and ends with 1 where something is not as it should be.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/text.h"
#include "tests/model/search.h"

/* Of 24 bytes each, and a table of 4 to 8: less than 2 GB. */
#define STATES_MAX ((size_t)50000000)

static int
look(const struct model *model)
{
    struct search_result r;

    if (search_run(model, 0, STATES_MAX, stdout, &r) == -1) {
        fprintf(stderr, "%s: too many states\n", model->name);
        return -1;
    }
    printf("%s: %zu states, %zu steps between them: %s\n", model->name, r.states, r.edges,
           r.wrong != NULL ? r.wrong : "nothing is wrong");
    for (size_t i = 0; i < model->nsteps; i++)
        if (model->whole && !r.taken[i]) {
            printf("%s: %s never happens\n", model->name, model->steps[i].name);
            r.wrong = model->steps[i].name;
        }
    free(r.taken);
    return r.wrong != NULL ? -1 : 0;
}

static int
break_it(unsigned bug, FILE *trace)
{
    const struct model *model = bug == lobby_one_game.across ? &lobby_two_games : &lobby_one_game;
    struct search_result r;

    if (search_run(model, bug, STATES_MAX, trace, &r) == -1)
        return -1;
    free(r.taken);
    printf("broken: %s: %s (%zu states)\n", model->bugs[bug],
           r.wrong != NULL ? r.wrong : "is not noticed", r.states);
    return r.wrong != NULL ? 0 : -1;
}

static void
print_functions(const struct model *model)
{
    for (size_t i = 0; i < model->nsteps; i++)
        if (model->steps[i].kind == STEP_FUNCTION)
            puts(model->steps[i].name);
}

static int
run(bool full)
{
    int result = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (full)
        result |= look(&lobby_one_game);
    result |= look(full ? &lobby_two_games : &lobby_two_games_short);
    for (unsigned bug = 1; bug < lobby_one_game.nbugs && (full || bug <= lobby_one_game.nquick);
         bug++)
        result |= break_it(bug, NULL);
    return result;
}

int
main(int argc, char **argv)
{
    int64_t bug;

    if (argc == 1)
        return run(false) == 0 ? 0 : 1;
    if (argc == 2 && strcmp(argv[1], "full") == 0)
        return run(true) == 0 ? 0 : 1;
    if (argc == 2 && strcmp(argv[1], "functions") == 0) {
        print_functions(&lobby_one_game);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "bug") == 0 &&
        text_parse_int(argv[2], strlen(argv[2]), 1, (int64_t)lobby_one_game.nbugs - 1, &bug) == 0)
        return break_it((unsigned)bug, stdout) == 0 ? 0 : 1;
    fprintf(stderr, "usage: model [full | functions | bug N]\n");
    return 2;
}
