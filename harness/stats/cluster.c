/* cluster.c - standard errors under clustering; see the header for formulas. */
#include "harness/stats/cluster.h"

#include <math.h>
#include "harness/stats/dist.h"

static bool is_last_of_cluster(const int32_t *ids, size_t n, size_t i)
{
    return i + 1 == n || !ids || ids[i + 1] != ids[i];
}

bool cluster_mean(const double *s, const int32_t *ids, size_t n, struct cluster_error *e)
{
    *e = (struct cluster_error){
        .n = n, .mean = NAN, .clt = NAN, .miller = NAN, .cr0 = NAN, .cr1 = NAN};
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += s[i];
    if (n < 1 || isnan(sum))
        return false;
    double mean = sum / (double)n, squares = 0, between = 0, part = 0;
    for (size_t i = 0; i < n; i++) {
        double d = s[i] - mean;
        squares += d * d;
        part += d;
        if (is_last_of_cluster(ids, n, i)) {
            between += part * part;
            part = 0;
            e->n_clusters++;
        }
    }
    double nn = (double)n, g = (double)e->n_clusters;
    e->mean = mean;
    e->cr0 = sqrt(between) / nn;
    if (n > 1) {
        double clt2 = squares / (nn * (nn - 1)), miller2 = clt2 + (between - squares) / (nn * nn);
        e->clt = sqrt(clt2);
        e->miller = sqrt(miller2 > 0 ? miller2 : 0);
    }
    if (e->n_clusters > 1)
        e->cr1 = e->cr0 * sqrt(g / (g - 1));
    return true;
}

bool cluster_ratio(const double *d, const double *w, const int32_t *ids, size_t n,
                   struct cluster_ratio *r)
{
    *r = (struct cluster_ratio){.n = n, .ratio = NAN, .se = NAN};
    double top = 0, bottom = 0;
    for (size_t i = 0; i < n; i++) {
        top += d[i];
        bottom += w ? w[i] : 1;
    }
    if (n < 1 || isnan(top) || !(bottom > 0))
        return false;
    double ratio = top / bottom, between = 0, part = 0;
    for (size_t i = 0; i < n; i++) {
        part += d[i] - ratio * (w ? w[i] : 1);
        if (is_last_of_cluster(ids, n, i)) {
            between += part * part;
            part = 0;
            r->n_clusters++;
        }
    }
    double g = (double)r->n_clusters;
    r->ratio = ratio;
    if (r->n_clusters > 1)
        r->se = sqrt(between * g / (g - 1)) / bottom;
    return true;
}

double cluster_half_width(double se, size_t n_clusters, double alpha)
{
    if (n_clusters < 2 || !(alpha > 0 && alpha < 1))
        return NAN;
    double p = 1 - 0.5 * alpha;
    return se *
           (n_clusters < 20 ? dist_t_quantile(p, (double)n_clusters - 1) : dist_norm_quantile(p));
}

double cluster_p(double value, double se, size_t n_clusters)
{
    if (n_clusters < 2 || isnan(value) || !(se >= 0))
        return NAN;
    if (se == 0)
        return value == 0 ? 1 : 0;
    double z = fabs(value) / se;
    return n_clusters < 20 ? dist_t_two_sided(z, (double)n_clusters - 1) : 2 * dist_norm_sf(z);
}

double cluster_deff(double mean_size, double icc)
{
    return 1 + (mean_size - 1) * icc;
}

void cluster_stretch(const struct cluster_design *d, double v, double alpha, double lim[2])
{
    if (!d->n_clusters)
        return;
    double by = cluster_half_width(sqrt(d->deff), d->n_clusters, alpha) /
                dist_norm_quantile(1 - 0.5 * alpha);
    lim[0] = v - by * (v - lim[0]);
    lim[1] = v + by * (lim[1] - v);
}

/* The upper tail p of a statistic becomes that of one sqrt(deff) times smaller. */
static double tail(const struct cluster_design *d, double p)
{
    /* further out the quantile's own arithmetic would overflow */
    double z = -dist_norm_quantile(p > 0 ? fmax(p, 1e-300) : p) / sqrt(d->deff);
    if (d->n_clusters >= 20 || isinf(z))
        return dist_norm_sf(z);
    return dist_t_cdf(-z, (double)d->n_clusters - 1);
}

double cluster_two_sided(const struct cluster_design *d, double p)
{
    if (!d->n_clusters || isnan(p))
        return p;
    return fmin(1, 2 * tail(d, 0.5 * fmin(p, 1)));
}

double cluster_one_sided(const struct cluster_design *d, double p)
{
    return d->n_clusters && !isnan(p) ? tail(d, p) : p;
}
