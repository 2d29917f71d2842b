/* adjust.h - p-values adjusted for multiplicity.
 *
 * Holm for what gates (family-wise), Benjamini-Hochberg for exploration (false discovery rate).
 * NaN entries are not tests: they stay NaN and do not count.  out may be p. */
#ifndef ADJUST_H
#define ADJUST_H
#include <stddef.h>

void adjust_holm(const double *p, size_t n, double *out);
void adjust_bh(const double *p, size_t n, double *out);
#endif
