/* change.c - E-divisive change points and prediction limits; see the header.
 *
 * One pass over all splits costs O(n^2): moving a point from right to left changes the three sums
 * of distances by its distances to the two sides. */
#include "harness/stats/change.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/rng.h"
#include "harness/stats/dist.h"
#include "harness/stats/quantile.h"

/* T of every split into t[2 .. n-2]; returns the best split. */
static size_t scan(const double *x, size_t n, double *t)
{
    double left = 0, right = 0, between = 0; /* unordered sums of |difference| */
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            right += fabs(x[i] - x[j]);
    size_t best = 2;
    for (size_t tau = 1; tau <= n - 2; tau++) {
        double to_left = 0, to_right = 0;
        for (size_t j = 0; j < tau - 1; j++)
            to_left += fabs(x[tau - 1] - x[j]);
        for (size_t j = tau; j < n; j++)
            to_right += fabs(x[tau - 1] - x[j]);
        left += to_left;
        right -= to_right;
        between += to_right - to_left;
        if (tau < 2)
            continue;
        double a = (double)tau, b = (double)(n - tau);
        t[tau] =
            a * b / (a + b) * (2 * between / (a * b) - 2 * left / (a * a) - 2 * right / (b * b));
        if (t[tau] > t[best])
            best = tau;
    }
    return best;
}

static bool is_valid(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return n >= 4;
}

bool change_best(const double *x, size_t n, size_t *tau, double *t)
{
    *tau = 0;
    *t = NAN;
    if (!is_valid(x, n))
        return false;
    struct arena a = {0};
    double *all = ARENA_ARRAY(&a, double, n);
    *tau = scan(x, n, all);
    *t = all[*tau];
    arena_release(&a);
    return true;
}

static double permute(double *x, size_t n, double limit, size_t permutations, struct rng *rng,
                      double *t)
{
    size_t hits = 0;
    for (size_t r = 0; r < permutations; r++) {
        for (size_t i = n - 1; i > 0; i--) {
            size_t j = (size_t)rng_below(rng, i + 1);
            double swap = x[i];
            x[i] = x[j];
            x[j] = swap;
        }
        hits += t[scan(x, n, t)] >= limit;
    }
    return (double)(hits + 1) / (double)(permutations + 1);
}

double change_p(const double *x, size_t n, size_t permutations, uint64_t seed)
{
    if (!is_valid(x, n))
        return NAN;
    struct arena a = {0};
    double *copy = ARENA_ARRAY(&a, double, n), *t = ARENA_ARRAY(&a, double, n);
    memcpy(copy, x, n * sizeof *copy);
    double limit = t[scan(copy, n, t)];
    struct rng rng = {seed};
    double p = permute(copy, n, limit, permutations, &rng, t);
    arena_release(&a);
    return p;
}

static double median(const double *x, size_t n, struct arena *a)
{
    double *copy = ARENA_ARRAY(a, double, n);
    memcpy(copy, x, n * sizeof *copy);
    return quantile_select(copy, n, 0.5);
}

/* The accepted change point of x[first .. first+n), or false. */
static bool accept(const double *x, size_t first, size_t n, const struct change_options *o,
                   struct change_point *c)
{
    if (n < 4)
        return false;
    struct arena a = {0};
    double *t = ARENA_ARRAY(&a, double, n);
    size_t tau = scan(x + first, n, t);
    *c =
        (struct change_point){.at = first + tau, .lo = first + tau, .hi = first + tau, .t = t[tau]};
    for (size_t s = 2; s <= n - 2; s++)
        if (t[s] >= 0.9 * t[tau]) {
            c->lo = first + s < c->lo ? first + s : c->lo;
            c->hi = first + s > c->hi ? first + s : c->hi;
        }
    c->before = median(x + first, tau, &a);
    c->after = median(x + first + tau, n - tau, &a);
    arena_release(&a);
    c->p = change_p(x + first, n, o->permutations ? o->permutations : 999, o->seed);
    bool is_large = o->min_effect <= 0 || fabs(c->after / c->before - 1) >= o->min_effect;
    return c->p <= (o->p > 0 ? o->p : 0.01) && is_large;
}

static size_t find(const double *x, size_t first, size_t n, const struct change_options *o,
                   struct change_point *out, size_t cap)
{
    struct change_point c;
    if (!accept(x, first, n, o, &c))
        return 0;
    size_t tau = c.at - first, k = find(x, first, tau, o, out, cap);
    if (k < cap)
        out[k] = c;
    k++;
    return k + find(x, c.at, n - tau, o, out + (k < cap ? k : cap), k < cap ? cap - k : 0);
}

size_t change_find(const double *x, size_t n, const struct change_options *o,
                   struct change_point *out, size_t cap)
{
    return is_valid(x, n) ? find(x, 0, n, o, out, cap) : 0;
}

double change_limit(double mean, double sd, size_t n, double confidence)
{
    if (n < 2 || !(sd >= 0))
        return NAN;
    double t = dist_t_quantile(confidence, (double)n - 1);
    return mean + t * sd * sqrt(1 + 1 / (double)n);
}

double change_suspect(const double *x, size_t n, double value)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    if (n < 3 || isnan(sum) || isnan(value) || squares == 0)
        return NAN;
    double sd = sqrt(squares / ((double)n - 1));
    return 1 - dist_t_cdf((value - mean) / (sd * sqrt(1 + 1 / (double)n)), (double)n - 1);
}
