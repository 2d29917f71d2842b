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

/* Mean over the bets of prod(1 + bet (d - d0)); bets shrink where d0 > 0 so that no factor can turn
 * negative. */
static double capital(int64_t losses, int64_t gains, int64_t n, double d0)
{
    static const double bets[] = {0.02, 0.05, 0.1, 0.2, 0.4, 0.8};
    enum { N_BETS = sizeof bets / sizeof *bets };
    double zeros = (double)(n - losses - gains), sum = 0, scale = d0 > 0 ? 1 / (1 + d0) : 1;
    for (int i = 0; i < N_BETS; i++) {
        double bet = bets[i] * scale;
        sum += exp((double)losses * log1p(bet * (-1 - d0)) +
                   (double)gains * log1p(bet * (1 - d0)) + zeros * log1p(-bet * d0));
    }
    return sum / N_BETS;
}

static bool is_valid(int64_t losses, int64_t gains, int64_t n, double margin)
{
    return losses >= 0 && gains >= 0 && losses <= n - gains && margin >= 0 && margin < 1;
}

double betting_noninferior(int64_t losses, int64_t gains, int64_t n, double margin)
{
    return is_valid(losses, gains, n, margin) ? capital(losses, gains, n, -margin) : NAN;
}

double betting_inferior(int64_t losses, int64_t gains, int64_t n, double margin)
{
    return is_valid(losses, gains, n, margin) ? capital(gains, losses, n, margin) : NAN;
}

/* The smallest d0 that a bettor against "delta <= d0" has not ruined: the capital falls as d0
 * rises. */
static double lower_limit(int64_t losses, int64_t gains, int64_t n, double level)
{
    double lo = -1, hi = 1;
    for (int i = 0; i < 60; i++) {
        double mid = 0.5 * (lo + hi);
        if (capital(losses, gains, n, mid) >= 1 / level)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

double betting_limit(int64_t losses, int64_t gains, int64_t n, double level)
{
    return is_valid(losses, gains, n, 0) && level > 0 && level < 1
               ? lower_limit(losses, gains, n, level)
               : NAN;
}

bool betting_interval(int64_t losses, int64_t gains, int64_t n, double alpha, double lim[2])
{
    lim[0] = lim[1] = NAN;
    if (!is_valid(losses, gains, n, 0) || !(alpha > 0 && alpha < 1))
        return false;
    lim[0] = lower_limit(losses, gains, n, alpha / 2);
    lim[1] = -lower_limit(gains, losses, n, alpha / 2);
    return true;
}

enum betting_verdict betting_decide(int64_t losses, int64_t gains, int64_t n, double margin,
                                    double level)
{
    if (!(level > 0) || !is_valid(losses, gains, n, margin))
        return BETTING_OPEN;
    if (betting_noninferior(losses, gains, n, margin) >= 1 / level)
        return BETTING_PASS;
    return betting_inferior(losses, gains, n, margin) >= 1 / level ? BETTING_FAIL : BETTING_OPEN;
}

int64_t betting_next_look(int64_t n)
{
    enum { FIRST = 128 };
    return n < FIRST ? FIRST : n <= INT64_MAX - n / 8 ? n + n / 8 : INT64_MAX;
}
