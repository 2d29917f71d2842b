/* welch.c - Welch (1947) and Kolmogorov-Smirnov (exact: lattice paths, Hodges 1958). */
#include "harness/stats/welch.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/stats/dist.h"
#include "harness/stats/quantile.h"

static bool moments(const double *v, size_t n, double *mean, double *var)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (v[i] - *mean) * (v[i] - *mean);
    *var = squares / ((double)n - 1);
    return !isnan(sum);
}

bool welch_test(const double *x, size_t nx, const double *y, size_t ny, struct welch *r)
{
    *r = (struct welch){NAN, NAN, NAN};
    double mx, my, vx, vy;
    if (nx < 2 || ny < 2 || !moments(x, nx, &mx, &vx) || !moments(y, ny, &my, &vy))
        return false;
    double a = vx / (double)nx, b = vy / (double)ny;
    if (a + b == 0) {
        r->t = mx == my ? 0 : copysign(INFINITY, mx - my);
        r->p = mx == my ? 1 : 0;
        return true;
    }
    r->t = (mx - my) / sqrt(a + b);
    r->df = (a + b) * (a + b) / (a * a / ((double)nx - 1) + b * b / ((double)ny - 1));
    r->p = dist_t_two_sided(r->t, r->df);
    return true;
}

static double *sorted_copy(const double *v, size_t n, struct arena *a)
{
    double *s = ARENA_ARRAY(a, double, n);
    memcpy(s, v, n * sizeof *s);
    quantile_sort(s, n);
    return s;
}

/* Probability that a random lattice walk (0,0) -> (m,n) meets |i/m - j/n| >= d.  What has met the
 * boundary leaves the walk, so all sums are of positive terms. */
static double ks_exact(size_t m, size_t n, double d, struct arena *a)
{
    double *in = ARENA_ARRAY(a, double, n + 1), out = 0, mm = (double)m, nn = (double)n;
    for (size_t i = 0; i <= m; i++)
        for (size_t j = 0; j <= n; j++) {
            double left =
                i > 0 ? in[j] * (mm - (double)i + 1) / (mm + nn - (double)(i + j) + 1) : 0;
            double up =
                j > 0 ? in[j - 1] * (nn - (double)j + 1) / (mm + nn - (double)(i + j) + 1) : 0;
            double mass = i + j == 0 ? 1 : left + up;
            if (fabs((double)i / mm - (double)j / nn) >= d - 1e-12) {
                out += mass;
                mass = 0;
            }
            in[j] = mass;
        }
    return out < 1 ? out : 1;
}

static double ks_asymptotic(double m, double n, double d)
{
    double s = d * sqrt(m * n / (m + n)), p = 0;
    if (s < 0.2)
        return 1;
    for (int k = 1; k <= 100; k++) {
        double term = 2 * exp(-2.0 * k * k * s * s);
        p += k % 2 ? term : -term;
        if (term < 1e-17)
            break;
    }
    return p < 0 ? 0 : p > 1 ? 1 : p;
}

bool welch_kolmogorov(const double *x, size_t nx, const double *y, size_t ny, struct welch_ks *r)
{
    *r = (struct welch_ks){NAN, NAN};
    for (size_t i = 0; i < nx + ny; i++)
        if (isnan(i < nx ? x[i] : y[i - nx]))
            return false;
    if (nx == 0 || ny == 0)
        return false;
    struct arena a = {0};
    const double *sx = sorted_copy(x, nx, &a), *sy = sorted_copy(y, ny, &a);
    double d = 0;
    for (size_t i = 0, j = 0; i < nx && j < ny;) {
        double v = sx[i] < sy[j] ? sx[i] : sy[j];
        while (i < nx && sx[i] == v)
            i++;
        while (j < ny && sy[j] == v)
            j++;
        double gap = fabs((double)i / (double)nx - (double)j / (double)ny);
        d = gap > d ? gap : d;
    }
    r->d = d;
    r->p = (double)nx * (double)ny <= 1e6 ? ks_exact(nx, ny, d, &a)
                                          : ks_asymptotic((double)nx, (double)ny, d);
    arena_release(&a);
    return true;
}
