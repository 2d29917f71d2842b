/* quantile.h - order statistics: sorting, quantiles, their intervals, and LoadGen's counts. */
#ifndef QUANTILE_H
#define QUANTILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void quantile_sort(double *v, size_t n); /* ascending, in place; no NaN */
struct quantile_ref {
    double v;
    size_t at; /* place in the unsorted array */
};
void quantile_order(const double *v, size_t n, struct quantile_ref *out);

/* Type 7 (numpy's linear): sorted[h] interpolated at h = p (n - 1).  NAN when n = 0 or p is not in
 * 0..1. */
double quantile_sorted(const double *sorted, size_t n, double p);
/* The same over unsorted values, O(n); reorders v. */
double quantile_select(double *v, size_t n, double p);

/* 1-based ranks lo..hi of the sorted sample that hold the p-quantile with confidence 1 - alpha,
 * whatever the distribution.  False when n is too small for one of them to exist: then the
 * quantile is not to be reported (p99 at 95 %: n < 368). */
bool quantile_ranks(size_t n, double p, double alpha, size_t *lo, size_t *hi);
/* Least n for which quantile_ranks gives both ranks; 0: p or alpha make no sense. */
size_t quantile_least_n(double p, double alpha);

/* MLPerf LoadGen's early stopping: t samples over the limit are compatible with "the p-quantile
 * keeps the limit" at confidence 1 - alpha once at least h samples are under it: the least h with
 * P(Bin(h + t, 1 - p) <= t) <= alpha.  -1 when arguments make no sense. */
int64_t quantile_early_stop(int64_t t, double p, double alpha);
#endif
