/* dist.h - distribution functions: normal, Student t, beta, binomial.
 *
 * Over libm alone; absolute error about 1e-13, relative error in the tails about 1e-11.  NaN in,
 * NaN out; a parameter outside its range gives NaN. */
#ifndef DIST_H
#define DIST_H
#include <stdint.h>

#define DIST_Z975 1.959963984540054 /* quantiles of the standard normal */
#define DIST_Z95  1.6448536269514722
#define DIST_Z80  0.8416212335729143

double dist_norm_cdf(double x);
double dist_norm_sf(double x);                      /* 1 - cdf, exact in the tail */
double dist_norm_quantile(double p);                /* p in (0,1); 0 and 1 give +-INFINITY */
double dist_lnbeta(double a, double b);             /* ln B(a, b) */
double dist_beta_cdf(double x, double a, double b); /* regularised incomplete beta I_x(a, b) */
double dist_beta_quantile(double p, double a, double b);
double dist_t_cdf(double t, double df);
double dist_t_two_sided(double t, double df); /* P(|T| >= |t|) */
double dist_t_quantile(double p, double df);
double dist_lnchoose(double n, double k);              /* ln C(n, k) */
double dist_binom_cdf(int64_t k, int64_t n, double p); /* P(Bin(n, p) <= k) */
double dist_chi1_sf(double x);                         /* chi-square, one degree of freedom */
#endif
