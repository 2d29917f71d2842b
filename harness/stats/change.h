/* change.h - a series of nights: has it stepped, and is tonight suspect?
 *
 * E-divisive change points (Matteson & James 2014) with the energy statistic, confirmed by seeded
 * permutations, and a Student prediction limit for the newest value.  NaN: false, or no points. */
#ifndef CHANGE_H
#define CHANGE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The split with the largest T(tau) = nm/(n+m) (2 mean|x-y| - mean|x-x'| - mean|y-y'|), means over
 * all ordered pairs, tau = points on the left, 2 <= tau <= n - 2.  False when n < 4. */
bool change_best(const double *x, size_t n, size_t *tau, double *t);
/* p of the best split: (1 + #{permutations with T >= t}) / (permutations + 1); Fisher-Yates in
 * place, SplitMix64(seed).  NAN when n < 4. */
double change_p(const double *x, size_t n, size_t permutations, uint64_t seed);

struct change_options {
    size_t permutations; /* 0: 999 */
    double p;            /* accept at p <= this; 0: 0.01 */
    double min_effect;   /* least |median right / median left - 1|; 0: any */
    uint64_t seed;       /* of every segment */
};
struct change_point {
    size_t at;     /* first index of the new level */
    size_t lo, hi; /* splits of its segment with T >= 0.9 max */
    double t, p;
    double before, after; /* medians of the two sides within the segment */
};
/* All change points by recursion, ascending; writes at most cap, returns how many there are. */
size_t change_find(const double *x, size_t n, const struct change_options *,
                   struct change_point *out, size_t cap);

/* Upper limit for one more value of a normal series: mean + t_{n-1}(confidence) sd sqrt(1 + 1/n).
 * NAN when n < 2. */
double change_limit(double mean, double sd, size_t n, double confidence);
/* One-sided p that `value` comes from the same normal series as x (greater: it is high).
 * NAN when n < 3 or the series is constant. */
double change_suspect(const double *x, size_t n, double value);
#endif
