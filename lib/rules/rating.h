/*
 * Ratings: Elo, Glicko-2 and OpenSkill (Weng-Lin, Plackett-Luce) as pure functions on doubles.
 *
 * Nothing here knows players, boards, Redis or the clock: the tracker reads the ratings of those
 * who played, calls one of these in the order of the events, and writes what comes out.
 * lib/rules/rating_rule.h is what a game's file makes of them.
 */
#ifndef VARCADE_RATING_H
#define VARCADE_RATING_H

#include <stddef.h>
#include <stdint.h>

/* --- Elo (A. Elo, "The Rating of Chessplayers", 1978) ----------------------------------------- */

/* rating_elo_expected(own, other): the score expected of own against other, 0..1:
 * 1 / (1 + 10^((other - own) / 400)). */
double rating_elo_expected(double own, double other);

/*
 * rating_elo(own, expected, score, k): the rating after games in which expected was the sum of
 * rating_elo_expected() and score the sum of the results (1 a win, 0.5 a draw, 0 a loss); k is the
 * development coefficient, > 0.
 */
double rating_elo(double own, double expected, double score, double k);

/* One step of a K that depends on the player. */
struct rating_elo_step {
    double k;
    uint64_t games; /* holds while the player has played fewer; UINT64_MAX: however many */
    double below;   /* holds until the player has once had this rating; HUGE_VAL: whatever it is */
};

/* rating_elo_k(steps, n, games, peak): K of a player who has played so many games and had the rating
 * peak at best: that of the first step that holds. The last one of the n >= 1 always does. */
double rating_elo_k(const struct rating_elo_step *steps, size_t n, uint64_t games, double peak);

/* --- Glicko-2 (M. Glickman, "Example of the Glicko-2 system", glicko.net) --------------------- */

struct rating_glicko2 {
    double rating;     /* on Glicko's scale: 1500 for a new player */
    double deviation;  /* RD, > 0: 350 for a new player, and never more */
    double volatility; /* sigma, > 0: 0.06 for a new player */
};

#define RATING_DEVIATION_MAX 350.0

struct rating_glicko2_result {
    double rating; /* the opponent's, before the period */
    double deviation;
    double score; /* 1, 0.5 or 0 */
};

/*
 * rating_glicko2(player, results, n, tau): the rating after one period with these results; n == 0:
 * a period without play, in which the deviation grows alone. tau, 0.2 to 1.2, bounds the
 * volatility's change.
 */
struct rating_glicko2 rating_glicko2(struct rating_glicko2 player,
                                     const struct rating_glicko2_result *results, size_t n,
                                     double tau);

/* rating_glicko2_rest(player, periods): after so many periods (any fraction, >= 0) without play. */
struct rating_glicko2 rating_glicko2_rest(struct rating_glicko2 player, double periods);

/* --- OpenSkill, Plackett-Luce (R. Weng, C.-J. Lin, JMLR 12, 2011, algorithm 4) ---------------- */

struct rating_skill {
    double mu;    /* 25 for a new player */
    double sigma; /* > 0; 25/3 for a new player */
};

#define RATING_TEAMS_MAX 64

/*
 * rating_plackett_luce(players, sizes, ranks, teams, tau): rate one match in place. players: those
 * of the first team, then of the second …; sizes[i] >= 1: players of team i; ranks[i]: lower is
 * better, equal for a tie; 2 <= teams <= RATING_TEAMS_MAX; tau >= 0 is added to each sigma (in
 * squares) first, so that it never settles for good. beta is 25/6, kappa 1e-4.
 */
void rating_plackett_luce(struct rating_skill *players, const size_t *sizes, const int64_t *ranks,
                          size_t teams, double tau);

#endif
