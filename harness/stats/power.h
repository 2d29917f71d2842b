/* power.h - how many items, and what difference they can show.
 *
 * psi: share of items that flip; delta, margin: accuracy differences as fractions; alpha two-sided
 * unless said.  Arguments that make no sense give NAN. */
#ifndef POWER_H
#define POWER_H

/* Items for a paired comparison to see delta (Connor 1987). */
double power_paired_n(double psi, double delta, double alpha, double power);
/* Minimum detectable effect of a paired comparison: (z_{alpha/2} + z_power) sqrt(psi / n). */
double power_paired_mde(double psi, double n, double alpha, double power);
/* The same for two independent samples of n items at accuracy p. */
double power_unpaired_mde(double p, double n, double alpha, double power);
/* Items to show non-inferiority at `margin` when the true difference is 0; alpha one-sided. */
double power_noninferior_n(double psi, double margin, double alpha, double power);
#endif
