/* rank.c - Mann-Whitney, Hodges-Lehmann, Brunner-Munzel, Kendall; see the header. */
#include "harness/stats/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/stats/dist.h"
#include "harness/stats/quantile.h"

enum { EXACT_PAIRS = 2500, MAX_PAIRS = 4000000 };

static bool has_nan(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i]))
            return true;
    return false;
}

static bool is_valid(const double *x, size_t nx, const double *y, size_t ny)
{
    return nx > 0 && ny > 0 && !has_nan(x, nx) && !has_nan(y, ny);
}

/* P(U <= u) for u = 0 .. m*n into cdf; counts by r(m,n,u) = r(m,n-1,u) + r(m-1,n,u-n).  Counts stay
 * below C(100, 50) ~ 1e29 and only add up, so doubles keep them to rounding. */
static double *u_distribution(size_t m, size_t n, struct arena *a)
{
    size_t len = m * n + 1;
    double *count = ARENA_ARRAY(a, double, (m + 1) * len);
    for (size_t i = 0; i <= m; i++)
        count[i * len] = 1;
    for (size_t j = 1; j <= n; j++)
        for (size_t i = 1; i <= m; i++)
            for (size_t u = j; u < len; u++)
                count[i * len + u] += count[(i - 1) * len + u - j];
    double *cdf = count + m * len, total = 0;
    for (size_t u = 0; u < len; u++)
        total += cdf[u];
    double sum = 0;
    for (size_t u = 0; u < len; u++) {
        sum += cdf[u];
        cdf[u] = sum / total;
    }
    return cdf;
}

/* Midranks of v (1-based) into rank; returns sum of t^3 - t over ties. */
static double midranks(const double *v, size_t n, double *rank, struct arena *a)
{
    struct quantile_ref *s = ARENA_ARRAY(a, struct quantile_ref, n);
    quantile_order(v, n, s);
    double ties = 0;
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && s[j].v == s[i].v; j++)
            ;
        double t = (double)(j - i), mid = 0.5 * (double)(i + 1 + j);
        ties += t * t * t - t;
        for (size_t k = i; k < j; k++)
            rank[s[k].at] = mid;
    }
    return ties;
}

static double *join(const double *x, size_t nx, const double *y, size_t ny, struct arena *a)
{
    double *v = ARENA_ARRAY(a, double, nx + ny);
    memcpy(v, x, nx * sizeof *v);
    memcpy(v + nx, y, ny * sizeof *v);
    return v;
}

static double sigma_u(double m, double n, double ties)
{
    double total = m + n;
    return sqrt(m * n / 12 * (total + 1 - (total > 1 ? ties / (total * (total - 1)) : 0)));
}

bool rank_mann_whitney(const double *x, size_t nx, const double *y, size_t ny, struct rank_u *r)
{
    *r = (struct rank_u){NAN, NAN, NAN, NAN, NAN};
    if (!is_valid(x, nx, y, ny))
        return false;
    struct arena a = {0};
    double *rank = ARENA_ARRAY(&a, double, nx + ny);
    double ties = midranks(join(x, nx, y, ny, &a), nx + ny, rank, &a);
    double m = (double)nx, n = (double)ny, sum = 0;
    for (size_t i = 0; i < nx; i++)
        sum += rank[i];
    r->u = sum - m * (m + 1) / 2;
    r->p_above = 1 - r->u / (m * n);
    double off = fabs(r->u - m * n / 2), sd = sigma_u(m, n, ties);
    r->p_normal = sd > 0 ? 2 * dist_norm_sf(off / sd) : 1;
    r->p_normal_cc = sd > 0 && off > 0.5 ? 2 * dist_norm_sf((off - 0.5) / sd) : 1;
    if (ties == 0 && m * n <= EXACT_PAIRS) {
        double low = r->u < m * n - r->u ? r->u : m * n - r->u;
        double p = 2 * u_distribution(nx, ny, &a)[(size_t)low];
        r->p_exact = p < 1 ? p : 1;
    }
    arena_release(&a);
    return true;
}

/* First u with P(U <= u) > alpha/2: the rank from the bottom where the interval begins. */
static size_t first_rank(size_t nx, size_t ny, double alpha, struct arena *a)
{
    double pairs = (double)nx * (double)ny;
    if (pairs > EXACT_PAIRS) {
        double z = dist_norm_quantile(1 - 0.5 * alpha);
        double c = floor(pairs / 2 - z * sigma_u((double)nx, (double)ny, 0));
        return c > 0 ? (size_t)c : 0;
    }
    const double *cdf = u_distribution(nx, ny, a);
    size_t u = 0;
    while (cdf[u] <= 0.5 * alpha)
        u++;
    return u;
}

bool rank_hodges_lehmann(const double *x, size_t nx, const double *y, size_t ny, double alpha,
                         struct rank_shift *r)
{
    *r = (struct rank_shift){NAN, NAN, NAN};
    if (!is_valid(x, nx, y, ny) || !(alpha > 0 && alpha < 1) || (double)nx * (double)ny > MAX_PAIRS)
        return false;
    struct arena a = {0};
    size_t n = nx * ny, k = 0;
    double *d = ARENA_ARRAY(&a, double, n);
    for (size_t i = 0; i < nx; i++)
        for (size_t j = 0; j < ny; j++)
            d[k++] = y[j] - x[i];
    quantile_sort(d, n);
    r->shift = quantile_sorted(d, n, 0.5);
    size_t c = first_rank(nx, ny, alpha, &a);
    if (c >= 1) {
        r->lo = d[c - 1];
        r->hi = d[n - c];
    }
    arena_release(&a);
    return true;
}

/* Sum over one sample of (rank in both - rank in own - mean difference)^2 / (n - 1). */
static double bm_spread(const double *both, const double *own, size_t n, double mean)
{
    double sum = 0, own_mean = ((double)n + 1) / 2;
    for (size_t i = 0; i < n; i++) {
        double d = both[i] - own[i] - mean + own_mean;
        sum += d * d;
    }
    return sum / ((double)n - 1);
}

static double mean_of(const double *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    return sum / (double)n;
}

bool rank_brunner_munzel(const double *x, size_t nx, const double *y, size_t ny, struct rank_bm *r)
{
    *r = (struct rank_bm){NAN, NAN, NAN};
    if (nx < 2 || ny < 2 || !is_valid(x, nx, y, ny))
        return false;
    struct arena a = {0};
    double *both = ARENA_ARRAY(&a, double, nx + ny);
    double *rx = ARENA_ARRAY(&a, double, nx), *ry = ARENA_ARRAY(&a, double, ny);
    midranks(join(x, nx, y, ny, &a), nx + ny, both, &a);
    midranks(x, nx, rx, &a);
    midranks(y, ny, ry, &a);
    double m = (double)nx, n = (double)ny, mx = mean_of(both, nx), my = mean_of(both + nx, ny);
    double sx = m * bm_spread(both, rx, nx, mx), sy = n * bm_spread(both + nx, ry, ny, my);
    if (sx + sy > 0) {
        r->statistic = m * n * (my - mx) / ((m + n) * sqrt(sx + sy));
        r->df = (sx + sy) * (sx + sy) / (sx * sx / (m - 1) + sy * sy / (n - 1));
        r->p = dist_t_two_sided(r->statistic, r->df);
    } else {
        r->statistic = my == mx ? 0 : copysign(INFINITY, my - mx);
        r->p = my == mx ? 1 : 0;
    }
    arena_release(&a);
    return true;
}

double rank_kendall(const double *x, const double *y, size_t n)
{
    if (n < 2 || has_nan(x, n) || has_nan(y, n))
        return NAN;
    double balance = 0, free_x = 0, free_y = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            int dx = (x[i] < x[j]) - (x[i] > x[j]), dy = (y[i] < y[j]) - (y[i] > y[j]);
            balance += dx * dy;
            free_x += dx != 0;
            free_y += dy != 0;
        }
    return free_x > 0 && free_y > 0 ? balance / sqrt(free_x * free_y) : NAN;
}
