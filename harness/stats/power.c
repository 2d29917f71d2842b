/* power.c - sample sizes and detectable effects, normal approximations; see the header. */
#include "harness/stats/power.h"

#include <math.h>
#include <stdbool.h>
#include "harness/stats/dist.h"

static bool is_open_unit(double x)
{
    return x > 0 && x < 1;
}

double power_paired_n(double psi, double delta, double alpha, double power)
{
    if (!(psi > 0 && psi <= 1 && delta != 0 && delta * delta <= psi) || !is_open_unit(alpha) ||
        !is_open_unit(power))
        return NAN;
    double a = dist_norm_quantile(1 - 0.5 * alpha), b = dist_norm_quantile(power);
    double root = (a * sqrt(psi) + b * sqrt(psi - delta * delta)) / delta;
    return root * root;
}

static double mde(double variance, double n, double alpha, double power)
{
    if (!(n > 0) || !is_open_unit(alpha) || !is_open_unit(power))
        return NAN;
    double z = dist_norm_quantile(1 - 0.5 * alpha) + dist_norm_quantile(power);
    return z * sqrt(variance / n);
}

double power_paired_mde(double psi, double n, double alpha, double power)
{
    return psi >= 0 && psi <= 1 ? mde(psi, n, alpha, power) : NAN;
}

double power_unpaired_mde(double p, double n, double alpha, double power)
{
    return p >= 0 && p <= 1 ? mde(2 * p * (1 - p), n, alpha, power) : NAN;
}

double power_noninferior_n(double psi, double margin, double alpha, double power)
{
    if (!(psi >= 0 && psi <= 1 && margin > 0) || !is_open_unit(alpha) || !is_open_unit(power))
        return NAN;
    double z = dist_norm_quantile(1 - alpha) + dist_norm_quantile(power);
    return z * z * psi / (margin * margin);
}
