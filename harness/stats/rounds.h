/* rounds.h - paired differences d_1 .. d_n of interleaved rounds: is their centre zero?
 *
 * All p two-sided.  NAN when n is 0 or a value is NaN; all differences zero: 1. */
#ifndef ROUNDS_H
#define ROUNDS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/stats/rank.h"

/* Wilcoxon signed ranks; zeros are dropped, ties get midranks.  Exact (over the signs, given the
 * ranks) up to 200 differences, tie-corrected normal with continuity correction beyond. */
double rounds_wilcoxon(const double *d, size_t n);
/* Sign-flip permutation test of the mean: all 2^n signs up to n = 20, else `resamples` random ones
 * by SplitMix64(seed), p = (1 + hits) / (1 + resamples). */
double rounds_sign_flip(const double *d, size_t n, size_t resamples, uint64_t seed);
/* Sign test; zeros are dropped. */
double rounds_sign(const double *d, size_t n);
/* Hodges-Lehmann: median of the means of all pairs (d_i + d_j) / 2, i <= j, with the interval by their
 * order that inverts the signed-rank test at 1 - alpha; at 95 % it needs 6 differences.  Refuses
 * (false) no values, NaN, more than 200. */
bool rounds_shift(const double *d, size_t n, double alpha, struct rank_shift *);
#endif
