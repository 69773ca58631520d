/*
 * The formulas stand as their papers have them, with the papers' names, so that they can be held
 * against them; tests/unit/check_rating.c has the published figures.
 */
#include "lib/rules/rating.h"

#include <assert.h>
#include <math.h>

/* --- Elo -------------------------------------------------------------------------------------- */

double
rating_elo_expected(double own, double other)
{
    return 1 / (1 + pow(10, (other - own) / 400));
}

double
rating_elo(double own, double expected, double score, double k)
{
    return own + k * (score - expected);
}

double
rating_elo_k(const struct rating_elo_step *steps, size_t n, uint64_t games, double peak)
{
    size_t i = 0;

    assert(n > 0);
    while (i + 1 < n && (games >= steps[i].games || peak >= steps[i].below))
        i++;
    return steps[i].k;
}

/* --- Glicko-2 --------------------------------------------------------------------------------- */

#define GLICKO2_SCALE 173.7178
#define GLICKO2_CENTRE 1500.0
#define GLICKO2_EPSILON 1e-6
/* The iteration converges in a handful of steps; this bounds it whatever comes in. */
#define GLICKO2_STEPS_MAX 100

static double
glicko2_g(double phi)
{
    return 1 / sqrt(1 + 3 * phi * phi / (M_PI * M_PI));
}

/* Step 5's function, whose root is ln(sigma'^2). */
static double
glicko2_f(double x, double delta, double phi, double v, double a, double tau)
{
    double ex = exp(x);
    double d = phi * phi + v + ex;

    return ex * (delta * delta - d) / (2 * d * d) - (x - a) / (tau * tau);
}

/* Step 5: the new volatility, by the Illinois variant of regula falsi. */
static double
glicko2_volatility(double sigma, double delta, double phi, double v, double tau)
{
    double a = log(sigma * sigma);
    double low = a;
    double high, f_low, f_high;
    int i;

    if (delta * delta > phi * phi + v) {
        high = log(delta * delta - phi * phi - v);
    } else {
        high = a - tau;
        for (i = 0; i < GLICKO2_STEPS_MAX && glicko2_f(high, delta, phi, v, a, tau) < 0; i++)
            high -= tau;
    }
    f_low = glicko2_f(low, delta, phi, v, a, tau);
    f_high = glicko2_f(high, delta, phi, v, a, tau);
    for (i = 0; i < GLICKO2_STEPS_MAX && fabs(high - low) > GLICKO2_EPSILON; i++) {
        double mid = low + (low - high) * f_low / (f_high - f_low);
        double f_mid = glicko2_f(mid, delta, phi, v, a, tau);

        if (f_mid * f_high <= 0) {
            low = high;
            f_low = f_high;
        } else {
            f_low /= 2;
        }
        high = mid;
        f_high = f_mid;
    }
    return exp(low / 2);
}

static struct rating_glicko2
glicko2_grow(struct rating_glicko2 player, double variance)
{
    double phi = player.deviation / GLICKO2_SCALE;

    player.deviation = fmin(RATING_DEVIATION_MAX, GLICKO2_SCALE * sqrt(phi * phi + variance));
    return player;
}

struct rating_glicko2
rating_glicko2_rest(struct rating_glicko2 player, double periods)
{
    return glicko2_grow(player, periods * player.volatility * player.volatility);
}

struct rating_glicko2
rating_glicko2(struct rating_glicko2 player, const struct rating_glicko2_result *results, size_t n,
               double tau)
{
    double mu = (player.rating - GLICKO2_CENTRE) / GLICKO2_SCALE;
    double phi = player.deviation / GLICKO2_SCALE;
    double information = 0;
    double gain = 0;
    double v, phi_star;
    size_t i;

    if (n == 0)
        return rating_glicko2_rest(player, 1);
    for (i = 0; i < n; i++) {
        double g = glicko2_g(results[i].deviation / GLICKO2_SCALE);
        double mu_j = (results[i].rating - GLICKO2_CENTRE) / GLICKO2_SCALE;
        double e = 1 / (1 + exp(-g * (mu - mu_j)));

        information += g * g * e * (1 - e);
        gain += g * (results[i].score - e);
    }
    v = 1 / information;
    player.volatility = glicko2_volatility(player.volatility, v * gain, phi, v, tau);
    phi_star = sqrt(phi * phi + player.volatility * player.volatility);
    phi = 1 / sqrt(1 / (phi_star * phi_star) + information);
    player.rating = GLICKO2_SCALE * (mu + phi * phi * gain) + GLICKO2_CENTRE;
    player.deviation = fmin(RATING_DEVIATION_MAX, GLICKO2_SCALE * phi);
    return player;
}

/* --- OpenSkill -------------------------------------------------------------------------------- */

#define SKILL_BETA (25.0 / 6)
#define SKILL_KAPPA 1e-4

struct skill_team {
    double mu;       /* sum of the players' */
    double variance; /* sum of sigma^2 + tau^2 */
    double strength; /* e^(mu / c) */
    double sum;      /* S_q: strengths of those not ranked above this team */
    double tied;     /* A_q: teams of this rank */
};

static double
skill_variance(const struct rating_skill *player, double tau)
{
    return player->sigma * player->sigma + tau * tau;
}

/* What all teams together make of each: c, the strengths, the sums S_q and the counts A_q. */
static double
skill_prepare(struct skill_team *team, const struct rating_skill *players, const size_t *sizes,
              const int64_t *ranks, size_t teams, double tau)
{
    double c = 0;
    size_t i, q, p = 0, j;

    for (i = 0; i < teams; i++) {
        team[i] = (struct skill_team){0};
        for (j = 0; j < sizes[i]; j++, p++) {
            team[i].mu += players[p].mu;
            team[i].variance += skill_variance(&players[p], tau);
        }
        c += team[i].variance + SKILL_BETA * SKILL_BETA;
    }
    c = sqrt(c);
    for (i = 0; i < teams; i++)
        team[i].strength = exp(team[i].mu / c);
    for (q = 0; q < teams; q++) {
        for (i = 0; i < teams; i++) {
            if (ranks[i] >= ranks[q])
                team[q].sum += team[i].strength;
            team[q].tied += ranks[i] == ranks[q];
        }
    }
    return c;
}

void
rating_plackett_luce(struct rating_skill *players, const size_t *sizes, const int64_t *ranks,
                     size_t teams, double tau)
{
    struct skill_team team[RATING_TEAMS_MAX];
    size_t i, q, j, p = 0;
    double c;

    assert(teams >= 2 && teams <= RATING_TEAMS_MAX);
    c = skill_prepare(team, players, sizes, ranks, teams, tau);
    for (i = 0; i < teams; i++) {
        double omega = 0;
        double delta = 0;
        double v = team[i].variance;

        for (q = 0; q < teams; q++) {
            double k = team[i].strength / team[q].sum;

            if (ranks[q] > ranks[i])
                continue;
            omega += ((i == q) - k) / team[q].tied;
            delta += k * (1 - k) / team[q].tied;
        }
        omega *= v / c;
        delta *= v / (c * c) * sqrt(v) / c;
        for (j = 0; j < sizes[i]; j++, p++) {
            double share = skill_variance(&players[p], tau) / v;

            players[p].sigma = sqrt(share * v) * sqrt(fmax(1 - share * delta, SKILL_KAPPA));
            players[p].mu += share * omega;
        }
    }
}
