/* proportion.h - intervals for one proportion of k successes in n trials. */
#ifndef PROPORTION_H
#define PROPORTION_H
#include <stdbool.h>
#include <stdint.h>

/* Two-sided interval at confidence 1 - alpha.  False, and NAN in both limits, when n < 1, k is
 * outside 0..n or alpha outside (0,1). */
bool proportion_wilson(int64_t k, int64_t n, double alpha, double *lo, double *hi);
/* Clopper-Pearson: never below its confidence, wider than Wilson. */
bool proportion_exact(int64_t k, int64_t n, double alpha, double *lo, double *hi);
#endif
