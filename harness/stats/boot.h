/* boot.h - the percentile bootstrap, reproducible from its seed.
 *
 * One SplitMix64 stream; every resample draws all of x, then all of y, by index = rng_below(n).
 * Items that hang together (clusters, blocks) are resampled by giving one value per cluster. */
#ifndef BOOT_H
#define BOOT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The statistic of a (re)sample; may reorder x and y. */
typedef double boot_fn(double *x, size_t nx, double *y, size_t ny, void *user);
struct boot_spec {
    const double *x, *y; /* y NULL: one sample */
    size_t nx, ny;
    boot_fn *fn;
    void *user;
    size_t n_resamples;
    uint64_t seed;
    double alpha;
};
struct boot_result {
    double estimate, lo, hi; /* limits: type 7 quantiles of the resamples */
};
/* resamples [n_resamples]: filled and sorted; may be NULL.  False when a sample is empty, a value
 * or a statistic is NaN, or there are no resamples. */
bool boot_run(const struct boot_spec *, double *resamples, struct boot_result *);

/* Statistics ready to use: mean of x; quantile *user of y over that of x. */
boot_fn boot_mean, boot_quantile_ratio;
#endif
