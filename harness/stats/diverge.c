/* diverge.c - KL divergence from logits and the paired perplexity ratio.
 *
 * log-softmax as x - max - ln(sum exp(x - max)); terms with p = 0 contribute 0. */
#include "harness/stats/diverge.h"

#include <math.h>

struct lse {
    double max, ln_sum;
    size_t top;
};

/* The two element types share one text; float widens to double exactly. */
#define DEFINE_DIVERGE(NAME, T)                                                                  \
    static bool NAME##_lse(const T *z, size_t n, struct lse *r)                                  \
    {                                                                                            \
        size_t top = 0;                                                                          \
        for (size_t i = 0; i < n; i++) {                                                         \
            if (isnan(z[i]) || z[i] == (T)INFINITY)                                              \
                return false;                                                                    \
            if (z[i] > z[top])                                                                   \
                top = i;                                                                         \
        }                                                                                        \
        double max = (double)z[top], sum = 0;                                                    \
        if (isinf(max))                                                                          \
            return false;                                                                        \
        for (size_t i = 0; i < n; i++)                                                           \
            sum += exp((double)z[i] - max);                                                      \
        *r = (struct lse){max, log(sum), top};                                                   \
        return true;                                                                             \
    }                                                                                            \
    bool NAME(const T *base, const T *variant, size_t n, size_t target, struct diverge_row *row) \
    {                                                                                            \
        struct lse b, v;                                                                         \
        *row = (struct diverge_row){NAN, NAN, NAN, NAN, false};                                  \
        if (n < 1 || target >= n || !NAME##_lse(base, n, &b) || !NAME##_lse(variant, n, &v))     \
            return false;                                                                        \
        double kl = 0;                                                                           \
        for (size_t i = 0; i < n; i++) {                                                         \
            double lp = (double)base[i] - b.max - b.ln_sum;                                      \
            double lq = (double)variant[i] - v.max - v.ln_sum;                                   \
            double p = exp(lp);                                                                  \
            if (p > 0)                                                                           \
                kl += p * (lp - lq);                                                             \
        }                                                                                        \
        double lp = (double)base[target] - b.max - b.ln_sum;                                     \
        double lq = (double)variant[target] - v.max - v.ln_sum;                                  \
        *row = (struct diverge_row){kl, exp(lq) - exp(lp), -lq, -lp, b.top == v.top};            \
        return true;                                                                             \
    }

DEFINE_DIVERGE(diverge_logits, float)
DEFINE_DIVERGE(diverge_logits_f64, double)

bool diverge_ppl(const double *nll_base, const double *nll, size_t n, struct diverge_ratio *r)
{
    *r = (struct diverge_ratio){NAN, NAN, NAN, NAN, NAN};
    double sum_b = 0, sum_v = 0, nn = (double)n;
    for (size_t i = 0; i < n; i++) {
        sum_b += nll_base[i];
        sum_v += nll[i];
    }
    if (n < 2 || isnan(sum_b) || isnan(sum_v))
        return false;
    double mean_b = sum_b / nn, mean_v = sum_v / nn, bb = 0, vv = 0, bv = 0, dd = 0;
    for (size_t i = 0; i < n; i++) {
        double b = nll_base[i] - mean_b, v = nll[i] - mean_v;
        bb += b * b;
        vv += v * v;
        bv += b * v;
        dd += (v - b) * (v - b);
    }
    r->mean = mean_v - mean_b;
    r->se = sqrt(dd / (nn * (nn - 1)));
    r->ratio = exp(r->mean);
    r->ratio_se = r->ratio * r->se;
    if (bb > 0 && vv > 0)
        r->corr = bv / sqrt(bb * vv);
    return true;
}
