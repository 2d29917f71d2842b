/* betting.c - e-values for early stopping; see the header for formulas. */
#include "harness/stats/betting.h"

#include <math.h>
#include "harness/stats/dist.h"

double betting_differs(int64_t losses, int64_t gains)
{
    if (losses < 0 || gains < 0)
        return NAN;
    double b = (double)losses, c = (double)gains;
    return exp((b + c) * M_LN2 + dist_lnbeta(b + 1, c + 1));
}

double betting_worse(int64_t losses, int64_t gains)
{
    if (losses < 0 || gains < 0)
        return NAN;
    double b = (double)losses, c = (double)gains;
    /* 1 - I_1/2(b+1, c+1) = I_1/2(c+1, b+1) */
    return betting_differs(losses, gains) * 2 * dist_beta_cdf(0.5, c + 1, b + 1);
}

double betting_noninferior(int64_t losses, int64_t gains, int64_t n, double margin)
{
    static const double bets[] = {0.02, 0.05, 0.1, 0.2, 0.4, 0.8};
    enum { N_BETS = sizeof bets / sizeof *bets };
    if (losses < 0 || gains < 0 || losses > n - gains || !(margin >= 0 && margin < 1))
        return NAN;
    double zeros = (double)(n - losses - gains), sum = 0;
    for (int i = 0; i < N_BETS; i++)
        sum += exp((double)losses * log1p(bets[i] * (margin - 1)) +
                   (double)gains * log1p(bets[i] * (margin + 1)) + zeros * log1p(bets[i] * margin));
    return sum / N_BETS;
}
