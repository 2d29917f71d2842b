/* dist.c - distribution functions over libm.
 *
 * The incomplete beta function is the one workhorse (Lentz's continued fraction, DLMF 8.17.22);
 * t and binomial follow from it, quantiles by bisection, which cannot fail to converge. */
#include "harness/stats/dist.h"

#include <math.h>

static double ln_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign); /* lgamma writes a global */
}

double dist_norm_cdf(double x)
{
    return 0.5 * erfc(-x / sqrt(2.0));
}

double dist_norm_sf(double x)
{
    return 0.5 * erfc(x / sqrt(2.0));
}

/* Start: Abramowitz & Stegun 26.2.23 (error < 4.5e-4); then Halley steps on the smaller tail, whose
 * erfc keeps full relative precision. */
double dist_norm_quantile(double p)
{
    if (!(p >= 0 && p <= 1))
        return NAN;
    if (p == 0 || p == 1)
        return p == 0 ? -INFINITY : INFINITY;
    double tail = p < 0.5 ? p : 1 - p;
    double t = sqrt(-2 * log(tail));
    double x = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                       (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int i = 0; i < 4; i++) {
        double f = (dist_norm_sf(x) - tail) * sqrt(2 * M_PI) * exp(0.5 * x * x);
        x += f / (1 - 0.5 * x * f);
    }
    return p < 0.5 ? -x : x;
}

/* ln Gamma(x) minus Stirling's (x - 1/2) ln x - x + ln sqrt(2 pi); x >= 10 (DLMF 5.11.1). */
static double stirling_rest(double x)
{
    double y = 1 / (x * x);
    return (1.0 / 12 -
            y * (1.0 / 360 -
                 y * (1.0 / 1260 - y * (1.0 / 1680 - y * (1.0 / 1188 - y * (691.0 / 360360)))))) /
           x;
}

/* Three values of ln Gamma nearly cancel when an argument is large, so their Stirling parts are
 * cancelled by hand. */
double dist_lnbeta(double a, double b)
{
    double p = a < b ? a : b, q = a < b ? b : a;
    if (!(q >= 10))
        return ln_gamma(p) + ln_gamma(q) - ln_gamma(p + q);
    double rest = stirling_rest(q) - stirling_rest(p + q), share = p / (p + q);
    if (p < 10)
        return ln_gamma(p) + rest + p - p * log(p + q) + (q - 0.5) * log1p(-share);
    return 0.5 * log(2 * M_PI) - 0.5 * log(q) + stirling_rest(p) + rest + (p - 0.5) * log(share) +
           q * log1p(-share);
}

static double beta_fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m < 100000; m++) {
        double m2 = 2.0 * m;
        double even = m * (b - m) * x / ((a + m2 - 1) * (a + m2));
        double odd = -(a + m) * (a + b + m) * x / ((a + m2) * (a + m2 + 1));
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-16)
            break;
    }
    return h;
}

double dist_beta_cdf(double x, double a, double b)
{
    if (!(x >= 0 && x <= 1 && a > 0 && b > 0))
        return NAN;
    if (x == 0 || x == 1)
        return x;
    double front = exp(a * log(x) + b * log1p(-x) - dist_lnbeta(a, b));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(x, a, b) / a;
    return 1 - front * beta_fraction(1 - x, b, a) / b;
}

double dist_beta_quantile(double p, double a, double b)
{
    if (!(p >= 0 && p <= 1 && a > 0 && b > 0))
        return NAN;
    double lo = 0, hi = 1;
    for (int i = 0; i < 200 && lo < hi; i++) {
        double mid = 0.5 * (lo + hi);
        if (mid == lo || mid == hi)
            break;
        if (dist_beta_cdf(mid, a, b) < p)
            lo = mid;
        else
            hi = mid;
    }
    return 0.5 * (lo + hi);
}

double dist_t_two_sided(double t, double df)
{
    if (!(df > 0) || isnan(t))
        return NAN;
    if (isinf(t))
        return 0;
    return dist_beta_cdf(df / (df + t * t), 0.5 * df, 0.5);
}

double dist_t_cdf(double t, double df)
{
    double tail = 0.5 * dist_t_two_sided(t, df);
    return t > 0 ? 1 - tail : tail;
}

double dist_t_quantile(double p, double df)
{
    if (!(p >= 0 && p <= 1 && df > 0))
        return NAN;
    if (p == 0 || p == 1)
        return p == 0 ? -INFINITY : INFINITY;
    double tail = p < 0.5 ? p : 1 - p, lo = 0, hi = 1;
    while (0.5 * dist_t_two_sided(hi, df) > tail && hi < 1e300)
        hi *= 2;
    for (int i = 0; i < 200; i++) {
        double mid = 0.5 * (lo + hi);
        if (mid == lo || mid == hi)
            break;
        if (0.5 * dist_t_two_sided(mid, df) > tail)
            lo = mid;
        else
            hi = mid;
    }
    return p < 0.5 ? -0.5 * (lo + hi) : 0.5 * (lo + hi);
}

double dist_lnchoose(double n, double k)
{
    return -log(n + 1) - dist_lnbeta(n - k + 1, k + 1);
}

double dist_binom_cdf(int64_t k, int64_t n, double p)
{
    if (!(p >= 0 && p <= 1) || n < 0)
        return NAN;
    if (k < 0)
        return 0;
    if (k >= n)
        return 1;
    return dist_beta_cdf(1 - p, (double)(n - k), (double)k + 1);
}

double dist_chi1_sf(double x)
{
    return x >= 0 ? erfc(sqrt(0.5 * x)) : NAN;
}
