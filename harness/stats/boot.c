/* boot.c - the percentile bootstrap; see the header. */
#include "harness/stats/boot.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/rng.h"
#include "harness/stats/quantile.h"

double boot_mean(double *x, size_t nx, double *y, size_t ny, void *user)
{
    (void)y, (void)ny, (void)user;
    double sum = 0;
    for (size_t i = 0; i < nx; i++)
        sum += x[i];
    return sum / (double)nx;
}

double boot_quantile_ratio(double *x, size_t nx, double *y, size_t ny, void *user)
{
    double p = *(const double *)user;
    double below = quantile_select(x, nx, p);
    return quantile_select(y, ny, p) / below;
}

static void draw(struct rng *rng, const double *v, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = v[rng_below(rng, n)];
}

static bool has_nan(const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(v[i]))
            return true;
    return false;
}

static bool run(const struct boot_spec *s, double *stats, struct arena *a, struct boot_result *r)
{
    double *x = ARENA_ARRAY(a, double, s->nx), *y = ARENA_ARRAY(a, double, s->ny + 1);
    memcpy(x, s->x, s->nx * sizeof *x);
    if (s->y)
        memcpy(y, s->y, s->ny * sizeof *y);
    r->estimate = s->fn(x, s->nx, y, s->ny, s->user);
    struct rng rng = {s->seed};
    for (size_t b = 0; b < s->n_resamples; b++) {
        draw(&rng, s->x, s->nx, x);
        if (s->y)
            draw(&rng, s->y, s->ny, y);
        stats[b] = s->fn(x, s->nx, y, s->ny, s->user);
        if (isnan(stats[b]))
            return false;
    }
    quantile_sort(stats, s->n_resamples);
    r->lo = quantile_sorted(stats, s->n_resamples, 0.5 * s->alpha);
    r->hi = quantile_sorted(stats, s->n_resamples, 1 - 0.5 * s->alpha);
    return !isnan(r->estimate);
}

bool boot_run(const struct boot_spec *s, double *resamples, struct boot_result *r)
{
    *r = (struct boot_result){NAN, NAN, NAN};
    if (s->nx < 1 || (s->y && s->ny < 1) || s->n_resamples < 1 || !(s->alpha > 0 && s->alpha < 1) ||
        has_nan(s->x, s->nx) || (s->y && has_nan(s->y, s->ny)))
        return false;
    struct arena a = {0};
    double *stats = resamples ? resamples : ARENA_ARRAY(&a, double, s->n_resamples);
    bool ok = run(s, stats, &a, r);
    arena_release(&a);
    return ok;
}
