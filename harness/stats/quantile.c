/* quantile.c - order statistics; see the header for definitions. */
#include "harness/stats/quantile.h"

#include <math.h>
#include <stdlib.h>
#include "harness/stats/dist.h"

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void quantile_sort(double *v, size_t n)
{
    if (n > 1)
        qsort(v, n, sizeof *v, by_value);
}

static int by_ref(const void *a, const void *b)
{
    const struct quantile_ref *x = a, *y = b;
    if (x->v != y->v)
        return x->v < y->v ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

void quantile_order(const double *v, size_t n, struct quantile_ref *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (struct quantile_ref){v[i], i};
    if (n > 1)
        qsort(out, n, sizeof *out, by_ref);
}

double quantile_sorted(const double *sorted, size_t n, double p)
{
    if (n == 0 || !(p >= 0 && p <= 1))
        return NAN;
    double h = p * (double)(n - 1);
    size_t i = (size_t)h;
    return i + 1 < n ? sorted[i] + (h - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

/* Hoare's selection (as Wirth writes it) with the median of three: v[k] becomes what sorting would
 * put there, and nothing behind it is smaller. */
static void select_at(double *v, size_t n, size_t k)
{
    ptrdiff_t lo = 0, hi = (ptrdiff_t)n - 1, at = (ptrdiff_t)k;
    while (lo < hi) {
        double a = v[lo], b = v[lo + (hi - lo) / 2], c = v[hi];
        double pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        ptrdiff_t i = lo, j = hi;
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i > j)
                break;
            double t = v[i];
            v[i++] = v[j];
            v[j--] = t;
        }
        if (at <= j)
            hi = j;
        else if (at >= i)
            lo = i;
        else
            return;
    }
}

double quantile_select(double *v, size_t n, double p)
{
    if (n == 0 || !(p >= 0 && p <= 1))
        return NAN;
    double h = p * (double)(n - 1);
    size_t i = (size_t)h;
    select_at(v, n, i);
    if (i + 1 >= n || h == (double)i)
        return v[i];
    double next = INFINITY;
    for (size_t j = i + 1; j < n; j++)
        next = v[j] < next ? v[j] : next;
    return v[i] + (h - (double)i) * (next - v[i]);
}

/* Least k with P(Bin(n, p) <= k) > limit (or >= when `or_equal`), by bisection. */
static int64_t binom_first(int64_t n, double p, double limit, bool or_equal)
{
    int64_t lo = -1, hi = n;
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        double c = dist_binom_cdf(mid, n, p);
        if (or_equal ? c >= limit : c > limit)
            hi = mid;
        else
            lo = mid;
    }
    return hi;
}

bool quantile_ranks(size_t n, double p, double alpha, size_t *lo, size_t *hi)
{
    *lo = *hi = 0;
    if (n < 1 || !(p > 0 && p < 1) || !(alpha > 0 && alpha < 1))
        return false;
    /* lo: the largest rank with P(B <= lo - 1) <= alpha/2; hi: the least with
     * P(B <= hi - 1) >= 1 - alpha/2; B = Bin(n, p) values below the quantile */
    int64_t first = binom_first((int64_t)n, p, 0.5 * alpha, false);
    int64_t last = binom_first((int64_t)n, p, 1 - 0.5 * alpha, true) + 1;
    if (first < 1 || last > (int64_t)n)
        return false;
    *lo = (size_t)first;
    *hi = (size_t)last;
    return true;
}

size_t quantile_least_n(double p, double alpha)
{
    if (!(p > 0 && p < 1) || !(alpha > 0 && alpha < 1))
        return 0;
    double far = p > 0.5 ? p : 1 - p;
    size_t n = (size_t)ceil(log(0.5 * alpha) / log(far)), lo, hi;
    while (!quantile_ranks(n, p, alpha, &lo, &hi))
        n++;
    return n;
}

int64_t quantile_early_stop(int64_t t, double p, double alpha)
{
    if (t < 0 || t > 1000000 || !(p > 0 && p < 1) || !(alpha > 0 && alpha < 1))
        return -1;
    int64_t lo = 0, hi = 1; /* lo fails, hi holds */
    while (dist_beta_cdf(p, (double)hi, (double)t + 1) > alpha) {
        lo = hi;
        hi *= 2;
    }
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (dist_beta_cdf(p, (double)mid, (double)t + 1) > alpha)
            lo = mid;
        else
            hi = mid;
    }
    return hi;
}
