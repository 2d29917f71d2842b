/* rank.h - two independent samples by ranks, and rank correlation.
 *
 * Small samples exactly, larger ones by the normal approximation with the tie correction.
 * Functions refuse (false, NAN) empty samples and NaN. */
#ifndef RANK_H
#define RANK_H
#include <stdbool.h>
#include <stddef.h>

struct rank_u {
    double u;                     /* pairs with x > y, ties count one half */
    double p_above;               /* P(Y > X) + P(Y = X) / 2 */
    double p_exact;               /* two-sided; NAN with ties or more than 2500 pairs */
    double p_normal_cc, p_normal; /* tie-corrected, with and without continuity correction */
};
/* Mann-Whitney. */
bool rank_mann_whitney(const double *x, size_t nx, const double *y, size_t ny, struct rank_u *);

struct rank_shift {
    double shift, lo, hi; /* limits NAN when the samples are too small for the confidence */
};
/* Hodges-Lehmann: median of all y - x, with the interval by order statistics that inverts the
 * Mann-Whitney test at 1 - alpha.  On logarithms exp() of it is a ratio y / x.  Up to 4e6 pairs. */
bool rank_hodges_lehmann(const double *x, size_t nx, const double *y, size_t ny, double alpha,
                         struct rank_shift *);

struct rank_bm {
    double statistic, df, p; /* p two-sided by Student's t */
};
/* Brunner-Munzel: P(Y > X) = 1/2 without assuming equal spread.  Needs two values each; fully
 * separated samples without inner spread give statistic +-INFINITY, p 0. */
bool rank_brunner_munzel(const double *x, size_t nx, const double *y, size_t ny, struct rank_bm *);

/* Kendall's tau-b of n pairs, O(n^2); NAN when either is constant. */
double rank_kendall(const double *x, const double *y, size_t n);
#endif
