/*
 * The matcher alone: crowds that come at once, matched by CPU time and by how close the ratings
 * are.
 *
 *     tests/bench/matcher [players]
 *
 * Ratings are from a normal distribution (mean 1500, deviation 300), from a fixed seed.
 * "neighbours" is what pairing neighbours in the sorted list gives, for teams groups of neighbours
 * dealt out like cards (1 2 2 1 1 2 2 1 …). One line a case: tickets, how they came, CPU seconds
 * from the first ticket to the last match, tickets left, the mean gap between the ratings (teams:
 * between their means) and how many times that of the neighbours it is.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/text.h"
#include "lib/matcher/matcher.h"
#include "tests/unit/random.h"

#define PI 3.14159265358979323846
#define START 1000000 /* ms */

struct figures {
    double seconds;
    size_t matches, rounds;
    double gap, spread;
    size_t left;
};

static double
cpu(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
normal(struct random_source *r)
{
    double u = ((double)random_below(r, 1U << 30) + 1) / (1U << 30);
    double v = (double)random_below(r, 1U << 30) / (1U << 30);

    return sqrt(-2 * log(u)) * cos(2 * PI * v);
}

static struct queue
queue(size_t team_size)
{
    return (struct queue){.id = "q",
                          .teams = 2,
                          .size_min = team_size,
                          .size_max = team_size,
                          .board = 0,
                          .range = {100, 10, HUGE_VAL},
                          .timeout = 300000};
}

static void
add(struct matcher *m, size_t i, double rating, wall_ms since, size_t size, const char *mode)
{
    char id[24];
    struct matcher_ticket t = {.size = size, .rating = rating, .since = since};

    t.id.s = id;
    t.id.len = (size_t)snprintf(id, sizeof(id), "t%zu", i);
    t.equal[0] = (struct event_text){mode, strlen(mode)};
    if (matcher_add(m, &t) == -1) {
        perror("matcher_add");
        exit(EXIT_FAILURE);
    }
}

static void
take_all(struct matcher *m, struct figures *f)
{
    struct matcher_match *match;

    while ((match = matcher_take(m)) != NULL) {
        f->matches++;
        f->gap += match->gap;
        f->spread += match->spread;
        matcher_done(m, match);
    }
}

/* Rounds until there is nothing to do before end. */
static void
run(struct matcher *m, wall_ms now, wall_ms end, struct figures *f)
{
    for (; now <= end; now = matcher_next(m, now)) {
        (void)matcher_round(m, now);
        f->rounds++;
        take_all(m, f);
    }
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y ? 1 : 0;
}

/* The mean gap of teams made of neighbours. */
static double
neighbours(double *rating, size_t n, size_t team_size)
{
    double sum = 0;
    size_t matches = n / (2 * team_size);

    qsort(rating, n, sizeof(*rating), compare);
    for (size_t i = 0; i < matches; i++) {
        double gap = 0;

        for (size_t j = 0; j < 2 * team_size; j++)
            gap += (j + 1) / 2 % 2 == 0 ? rating[i * 2 * team_size + j]
                                        : -rating[i * 2 * team_size + j];
        sum += fabs(gap) / (double)team_size;
    }
    return sum / (double)matches;
}

/* n players; those who come over so many ms are matched as they come, every 50 ms. */
static void
crowd(const char *name, size_t n, size_t team_size, dur_ms over)
{
    struct random_source r = {20240229};
    struct queue q = queue(team_size);
    struct matcher *m = matcher_new(&q);
    double *rating = calloc(n, sizeof(*rating)), begun, base;
    struct figures f = {0};
    wall_ms now = START;

    for (size_t i = 0; i < n; i++)
        rating[i] = 1500 + 300 * normal(&r);
    begun = cpu();
    for (size_t i = 0; i < n; i++) {
        wall_ms at = START + (wall_ms)((double)over * (double)i / (double)n);

        if (at >= now + 50) {
            run(m, now, now, &f);
            now = at;
        }
        add(m, i, rating[i], at, 1, "");
    }
    run(m, now, now + q.timeout / 2, &f);
    f.seconds = cpu() - begun;
    f.left = matcher_waiting(m);
    base = neighbours(rating, n, team_size);
    printf("%-28s %7zu  %6.3f s  left %3zu  gap %8.4f", name, n, f.seconds, f.left,
           f.gap / (double)f.matches);
    /* Who comes one by one cannot have had everybody as a neighbour. */
    if (over == 0)
        printf("  neighbours %7.4f  ratio %4.2f", base, f.gap / (double)f.matches / base);
    printf("  spread %6.2f\n", f.spread / (double)f.matches);
    matcher_free(m);
    free(rating);
}

/* Nobody can be matched: what the first rounds take, and one with a newcomer after that. */
static void
strangers(const char *name, struct queue *q, size_t n, size_t size, bool modes, double step)
{
    struct matcher *m = matcher_new(q);
    struct random_source r = {1};
    struct figures f = {0};
    double begun = cpu(), later;
    char mode[24] = "";
    wall_ms now = START;

    for (size_t i = 0; i < n; i++) {
        struct matcher_ticket t = {.size = size, .rating = 1500 + 300 * normal(&r), .since = START};
        char id[24];

        if (modes)
            (void)snprintf(mode, sizeof(mode), "m%zu", i);
        t.id = (struct event_text){id, (size_t)snprintf(id, sizeof(id), "t%zu", i)};
        t.equal[0] = (struct event_text){mode, strlen(mode)};
        t.within[q->nwithin == 2 ? 1 : 0] = step * (double)i;
        if (matcher_add(m, &t) == -1)
            exit(EXIT_FAILURE);
    }
    (void)matcher_round(m, now);
    f.seconds = cpu() - begun;
    later = cpu();
    run(m, now, now + 20000, &f);
    later = cpu() - later;
    printf("%-28s %7zu  first %6.3f s  20 s of waiting %6.3f s in %zu rounds", name, n, f.seconds,
           later, f.rounds);
    now += 20000;
    f.rounds = 0;
    begun = cpu();
    for (size_t i = 0; i < 100; i++) {
        add(m, n + i, 1500, now + (wall_ms)i * 10, size, "newcomer");
        run(m, now + (wall_ms)i * 10, now + (wall_ms)i * 10, &f);
    }
    printf("  a newcomer %7.1f us  (%zu matches)\n", (cpu() - begun) * 1e4, f.matches);
    matcher_free(m);
}

int
main(int argc, char **argv)
{
    int64_t n = 100000;
    struct queue q = queue(1);

    if (argc > 2 ||
        (argc == 2 && text_parse_int(argv[1], strlen(argv[1]), 100, 1000000, &n) == -1)) {
        fputs("usage: matcher [players]\n", stderr);
        return EXIT_FAILURE;
    }
    crowd("1v1, at once", (size_t)n, 1, 0);
    crowd("1v1, over a minute", (size_t)n, 1, 60000);
    crowd("5v5, at once", (size_t)n, 5, 0);
    crowd("5v5, over a minute", (size_t)n, 5, 60000);
    crowd("32v32, at once", (size_t)n, 32, 0);
    crowd("1v1, at once", 2000, 1, 0);
    crowd("5v5, at once", 2000, 5, 0);
    q.nequal = 1;
    strangers("strangers by equal", &q, 10000, 1, true, 0);
    q.nequal = 0;
    q.nwithin = 1;
    q.within[0] = (struct queue_within){"level", 1};
    strangers("strangers by within", &q, 10000, 1, false, 2);
    q.nwithin = 2;
    q.within[0].distance = 1e9;
    q.within[1] = (struct queue_within){"age", 1};
    strangers("strangers by two within", &q, 10000, 1, false, 2);
    q = queue(5);
    strangers("parties of 2 for teams of 5", &q, 10000, 2, false, 0);
    return EXIT_SUCCESS;
}
