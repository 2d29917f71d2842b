/* proportion.c - Wilson (1927) and Clopper-Pearson (1934) intervals. */
#include "harness/stats/proportion.h"

#include <math.h>
#include "harness/stats/dist.h"

static bool is_valid(int64_t k, int64_t n, double alpha, double *lo, double *hi)
{
    *lo = *hi = NAN;
    return n >= 1 && k >= 0 && k <= n && alpha > 0 && alpha < 1;
}

bool proportion_wilson(int64_t k, int64_t n, double alpha, double *lo, double *hi)
{
    if (!is_valid(k, n, alpha, lo, hi))
        return false;
    double z = dist_norm_quantile(1 - 0.5 * alpha), z2 = z * z, nn = (double)n;
    double p = (double)k / nn, mid = p + z2 / (2 * nn);
    double half = z * sqrt(p * (1 - p) / nn + z2 / (4 * nn * nn)), scale = 1 + z2 / nn;
    *lo = k == 0 ? 0 : (mid - half) / scale;
    *hi = k == n ? 1 : (mid + half) / scale;
    return true;
}

bool proportion_exact(int64_t k, int64_t n, double alpha, double *lo, double *hi)
{
    if (!is_valid(k, n, alpha, lo, hi))
        return false;
    double kk = (double)k, nn = (double)n;
    *lo = k == 0 ? 0 : dist_beta_quantile(0.5 * alpha, kk, nn - kk + 1);
    *hi = k == n ? 1 : dist_beta_quantile(1 - 0.5 * alpha, kk + 1, nn - kk);
    return true;
}
