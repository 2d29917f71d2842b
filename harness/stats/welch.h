/* welch.h - two independent samples: Welch's t test and the two-sample Kolmogorov-Smirnov test. */
#ifndef WELCH_H
#define WELCH_H
#include <stdbool.h>
#include <stddef.h>

struct welch {
    double t, df, p; /* of mean(x) - mean(y); p two-sided */
};
/* False when a sample has fewer than two values or NaN.  Both constant: t 0 and p 1 when equal,
 * else t +-INFINITY and p 0. */
bool welch_test(const double *x, size_t nx, const double *y, size_t ny, struct welch *);

struct welch_ks {
    double d, p; /* largest distance of the two distribution functions */
};
/* p exact (as if there were no ties) up to 1e6 lattice points, asymptotic beyond.  False when a
 * sample is empty or has NaN. */
bool welch_kolmogorov(const double *x, size_t nx, const double *y, size_t ny, struct welch_ks *);
#endif
