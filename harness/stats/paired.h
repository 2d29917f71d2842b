/* paired.h - two variants on the same n items, right or wrong: McNemar's tests and Tango's
 * interval.
 *
 * losses: base right and variant wrong; gains: the reverse; delta = (gains - losses) / n.  Counts
 * that make no sense (negative, losses + gains > n, n < 1) give NAN or false. */
#ifndef PAIRED_H
#define PAIRED_H
#include <stdbool.h>
#include <stdint.h>

/* McNemar, two-sided: exact binomial, mid-p (the verdict's: its type I error is nearest to the
 * nominal), chi-square without and with Edwards' continuity correction.  No flips: 1. */
double paired_mcnemar_exact(int64_t losses, int64_t gains);
double paired_mcnemar_mid(int64_t losses, int64_t gains);
double paired_mcnemar_chi(int64_t losses, int64_t gains, bool is_corrected);

/* sqrt(b + c - (b - c)^2 / n) / n; degenerate (0) without flips: show the score interval. */
double paired_wald_se(int64_t losses, int64_t gains, int64_t n);
/* Tango (1998) score statistic for delta = d, -1 < d < 1; falls as d rises. */
double paired_score(int64_t losses, int64_t gains, int64_t n, double d);
/* Limits of delta at confidence 1 - alpha: where the statistic is +-z. */
bool paired_interval(int64_t losses, int64_t gains, int64_t n, double alpha, double lim[2]);
/* p of H0 "the loss is the margin or more" (margin >= 0): small means non-inferior. */
double paired_noninferior(int64_t losses, int64_t gains, int64_t n, double margin);
/* p of TOST: the larger of the tests against -margin and +margin; small means equivalent. */
double paired_equivalent(int64_t losses, int64_t gains, int64_t n, double margin);
#endif
