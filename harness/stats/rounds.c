/* rounds.c - tests on paired differences; see the header. */
#include "harness/stats/rounds.h"

#include <math.h>
#include <stdbool.h>
#include "harness/base/arena.h"
#include "harness/base/rng.h"
#include "harness/stats/dist.h"
#include "harness/stats/paired.h"
#include "harness/stats/quantile.h"

enum { WILCOXON_EXACT = 200, FLIP_EXACT = 20 };

static bool is_valid(const double *d, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(d[i]))
            return false;
    return n > 0;
}

/* P(W = w2/2), w2 = 0 .. *total, where each doubled rank counts with probability one half. */
static double *signed_ranks(const size_t *rank2, size_t n, size_t *total, struct arena *a)
{
    *total = 0;
    for (size_t i = 0; i < n; i++)
        *total += rank2[i];
    double *p = ARENA_ARRAY(a, double, *total + 1);
    p[0] = 1;
    size_t top = 0;
    for (size_t i = 0; i < n; i++) {
        top += rank2[i];
        for (size_t s = top + 1; s-- > 0;)
            p[s] = 0.5 * p[s] + (s >= rank2[i] ? 0.5 * p[s - rank2[i]] : 0);
    }
    return p;
}

static double signed_rank_cdf(const size_t *rank2, size_t n, size_t w2, struct arena *a)
{
    size_t total;
    double *p = signed_ranks(rank2, n, &total, a), sum = 0;
    for (size_t s = 0; s <= w2 && s <= total; s++)
        sum += p[s];
    return sum;
}

static double wilcoxon(const double *d, size_t n, struct arena *a)
{
    struct quantile_ref *s = ARENA_ARRAY(a, struct quantile_ref, n);
    double *size = ARENA_ARRAY(a, double, n);
    size_t m = 0, *rank2 = ARENA_ARRAY(a, size_t, n), plus2 = 0, minus2 = 0;
    double *sign = ARENA_ARRAY(a, double, n), ties = 0;
    for (size_t i = 0; i < n; i++)
        if (d[i] != 0) {
            sign[m] = d[i];
            size[m++] = fabs(d[i]);
        }
    if (m == 0)
        return 1;
    quantile_order(size, m, s);
    for (size_t i = 0, j; i < m; i = j) {
        for (j = i + 1; j < m && s[j].v == s[i].v; j++)
            ;
        double t = (double)(j - i);
        ties += t * t * t - t;
        for (size_t k = i; k < j; k++) {
            rank2[k] = i + 1 + j;
            *(sign[s[k].at] > 0 ? &plus2 : &minus2) += rank2[k];
        }
    }
    size_t low2 = plus2 < minus2 ? plus2 : minus2;
    double mm = (double)m, p;
    if (m <= WILCOXON_EXACT) {
        p = 2 * signed_rank_cdf(rank2, m, low2, a);
    } else {
        double off = mm * (mm + 1) / 4 - 0.5 * (double)low2 - 0.5;
        p = 2 * dist_norm_sf(off / sqrt(mm * (mm + 1) * (2 * mm + 1) / 24 - ties / 48));
    }
    return p < 1 ? p : 1;
}

double rounds_wilcoxon(const double *d, size_t n)
{
    if (!is_valid(d, n))
        return NAN;
    struct arena a = {0};
    double p = wilcoxon(d, n, &a);
    arena_release(&a);
    return p;
}

double rounds_sign_flip(const double *d, size_t n, size_t resamples, uint64_t seed)
{
    if (!is_valid(d, n) || (n > FLIP_EXACT && resamples < 1))
        return NAN;
    double seen = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        seen += d[i];
        size += fabs(d[i]);
    }
    double limit = fabs(seen) - 1e-12 * size; /* sums of the same terms in another order */
    bool is_exact = n <= FLIP_EXACT;
    size_t total = is_exact ? (size_t)1 << n : resamples, hits = 0;
    struct rng rng = {seed};
    for (size_t r = 0; r < total; r++) {
        double sum = 0;
        uint64_t bits = r;
        for (size_t i = 0; i < n; i++) {
            if (!is_exact && i % 64 == 0)
                bits = rng_next(&rng);
            sum += bits >> (i % 64) & 1 ? -d[i] : d[i];
        }
        hits += fabs(sum) >= limit;
    }
    return is_exact ? (double)hits / (double)total : (double)(hits + 1) / (double)(total + 1);
}

double rounds_sign(const double *d, size_t n)
{
    if (!is_valid(d, n))
        return NAN;
    int64_t plus = 0, minus = 0;
    for (size_t i = 0; i < n; i++) {
        plus += d[i] > 0;
        minus += d[i] < 0;
    }
    return paired_mcnemar_exact(plus, minus);
}

/* The largest c with 2 P(W < c) <= alpha, W the sum of positive ranks under no shift: the limits are
 * the c-th means from both ends; 0: none. */
static size_t first_mean(size_t n, double alpha, struct arena *a)
{
    size_t *rank2 = ARENA_ARRAY(a, size_t, n), total2, c = 0;
    for (size_t i = 0; i < n; i++)
        rank2[i] = 2 * (i + 1);
    double *p = signed_ranks(rank2, n, &total2, a), below = 0;
    for (; 2 * c < total2 && 2 * (below + p[2 * c]) <= alpha; c++)
        below += p[2 * c];
    return c;
}

bool rounds_shift(const double *d, size_t n, double alpha, struct rank_shift *r)
{
    *r = (struct rank_shift){NAN, NAN, NAN};
    if (!is_valid(d, n) || n > WILCOXON_EXACT || !(alpha > 0 && alpha < 1))
        return false;
    struct arena a = {0};
    size_t total = n * (n + 1) / 2, k = 0;
    double *mean = ARENA_ARRAY(&a, double, total);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            mean[k++] = 0.5 * d[i] + 0.5 * d[j];
    quantile_sort(mean, total);
    r->shift = quantile_sorted(mean, total, 0.5);
    size_t c = first_mean(n, alpha, &a);
    if (c >= 1) {
        r->lo = mean[c - 1];
        r->hi = mean[total - c];
    }
    arena_release(&a);
    return true;
}
