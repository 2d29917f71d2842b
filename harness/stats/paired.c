/* paired.c - McNemar (1947, mid-p: Fagerland 2013) and Tango's score method (1998). */
#include "harness/stats/paired.h"

#include <math.h>
#include "harness/stats/dist.h"

/* Sum of C(n, j) / 2^n for j <= k, and its last term, by the ratio of neighbours downwards. */
static double half_tail(int64_t k, int64_t n, double *last)
{
    double term = exp(dist_lnchoose((double)n, (double)k) - (double)n * M_LN2);
    double sum = term;
    *last = term;
    for (int64_t j = k; j > 0 && term > sum * 1e-18; j--) {
        term *= (double)j / (double)(n - j + 1);
        sum += term;
    }
    return sum;
}

double paired_mcnemar_exact(int64_t losses, int64_t gains)
{
    if (losses < 0 || gains < 0)
        return NAN;
    if (losses + gains == 0)
        return 1;
    double last, p = 2 * half_tail(losses < gains ? losses : gains, losses + gains, &last);
    return p < 1 ? p : 1;
}

double paired_mcnemar_mid(int64_t losses, int64_t gains)
{
    if (losses < 0 || gains < 0)
        return NAN;
    if (losses + gains == 0)
        return 1;
    double last, p = 2 * half_tail(losses < gains ? losses : gains, losses + gains, &last) - last;
    return p < 1 ? p : 1;
}

double paired_mcnemar_chi(int64_t losses, int64_t gains, bool is_corrected)
{
    if (losses < 0 || gains < 0)
        return NAN;
    if (losses + gains == 0)
        return 1;
    double d = fabs((double)(losses - gains));
    if (is_corrected)
        d = d > 1 ? d - 1 : 0;
    return dist_chi1_sf(d * d / (double)(losses + gains));
}

static bool is_valid(int64_t losses, int64_t gains, int64_t n)
{
    return n >= 1 && losses >= 0 && gains >= 0 && losses <= n - gains;
}

double paired_wald_se(int64_t losses, int64_t gains, int64_t n)
{
    if (!is_valid(losses, gains, n))
        return NAN;
    double b = (double)losses, c = (double)gains, nn = (double)n;
    return sqrt(b + c - (b - c) * (b - c) / nn) / nn;
}

double paired_score(int64_t losses, int64_t gains, int64_t n, double d)
{
    if (!is_valid(losses, gains, n) || !(d > -1 && d < 1))
        return NAN;
    double l = (double)losses, g = (double)gains, nn = (double)n;
    double a = 2 * nn, b = -g - l + (2 * nn - g + l) * d, c = -l * d * (1 - d);
    double disc = b * b - 4 * a * c;
    double q = (sqrt(disc > 0 ? disc : 0) - b) / (2 * a);
    double top = g - l - nn * d, var = nn * (2 * q + d * (1 - d));
    if (var <= 0)
        return top == 0 ? 0 : copysign(INFINITY, top);
    return top / sqrt(var);
}

/* The d in (lo, hi) where the falling statistic passes z. */
static double solve(int64_t losses, int64_t gains, int64_t n, double z)
{
    double lo = -1, hi = 1;
    for (int i = 0; i < 200; i++) {
        double mid = 0.5 * (lo + hi);
        if (mid <= lo || mid >= hi)
            break;
        if (paired_score(losses, gains, n, mid) > z)
            lo = mid;
        else
            hi = mid;
    }
    return 0.5 * (lo + hi);
}

bool paired_interval(int64_t losses, int64_t gains, int64_t n, double alpha, double lim[2])
{
    lim[0] = lim[1] = NAN;
    if (!is_valid(losses, gains, n) || !(alpha > 0 && alpha < 1))
        return false;
    double z = dist_norm_quantile(1 - 0.5 * alpha);
    lim[0] = solve(losses, gains, n, z);
    lim[1] = solve(losses, gains, n, -z);
    return true;
}

double paired_noninferior(int64_t losses, int64_t gains, int64_t n, double margin)
{
    return margin >= 0 ? dist_norm_sf(paired_score(losses, gains, n, -margin)) : NAN;
}

double paired_equivalent(int64_t losses, int64_t gains, int64_t n, double margin)
{
    double below = paired_noninferior(losses, gains, n, margin);
    double above = margin >= 0 ? dist_norm_cdf(paired_score(losses, gains, n, margin)) : NAN;
    if (isnan(below) || isnan(above))
        return NAN;
    return below > above ? below : above;
}
