/* cluster.h - the standard error of a mean (or of a ratio of sums) when items come in clusters.
 *
 * Clusters are given as one id per item, equal ids adjacent (positions of a document, questions of
 * a passage); ids NULL: every item its own cluster.  With fewer than 20 clusters use CR1 and the
 * t quantile with n_clusters - 1 degrees of freedom (cluster_half_width does). */
#ifndef CLUSTER_H
#define CLUSTER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cluster_error {
    size_t n, n_clusters;
    double mean;
    double clt;    /* sqrt(sum (s-m)^2 / (n (n-1))): items independent */
    double miller; /* Miller 2024 (arXiv 2411.00640): clt plus within-cluster products */
    double cr0;    /* sqrt(sum over clusters of (sum of s-m)^2) / n */
    double cr1;    /* cr0 * sqrt(G / (G-1)) */
};
/* False when n < 1 or a value is NaN; errors that need two items or clusters are NAN. */
bool cluster_mean(const double *s, const int32_t *ids, size_t n, struct cluster_error *);

/* sum(d) / sum(w) with the delta-method error, clusters as above: perplexity ratios where w counts
 * tokens, words or bytes.  w NULL: all 1.  False as above or when sum(w) <= 0. */
struct cluster_ratio {
    size_t n, n_clusters;
    double ratio, se; /* se: CR1 form */
};
bool cluster_ratio(const double *d, const double *w, const int32_t *ids, size_t n,
                   struct cluster_ratio *);

/* Half of the interval at 1 - alpha: normal quantile, Student's below 20 clusters. */
double cluster_half_width(double se, size_t n_clusters, double alpha);
/* Two-sided p of value / se, same rule. */
double cluster_p(double value, double se, size_t n_clusters);
/* 1 + (mean cluster size - 1) * icc: divide n by it before asking for power. */
double cluster_deff(double mean_size, double icc);

/* What clusters do to a formula made for independent items (Rao and Scott 1981, first order: a variance
 * is `deff` times as large).  n_clusters 0: there are none, and nothing changes; below 20 Student's t
 * takes the normal's place, as above. */
struct cluster_design {
    double deff;                  /* at least 1 */
    size_t n_clusters;
};
/* An interval about v, its arms stretched. */
void cluster_stretch(const struct cluster_design *, double v, double alpha, double lim[2]);
/* The p that remains of a two-sided one, or of the upper tail of a statistic. */
double cluster_two_sided(const struct cluster_design *, double p);
double cluster_one_sided(const struct cluster_design *, double p);
#endif
