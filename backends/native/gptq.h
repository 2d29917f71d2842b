/* gptq.h - the matrix that GPTQ (Frantar et al. 2023) spreads rounding errors with.
 *
 * H = sum x x^T over calibration tokens, plus damp * mean(diag H) on the diagonal; hinv is the upper
 * triangle U of H^-1 = U^T U.  A row of weights is rounded column by column, in order: with
 * e = (w[i] - value of its code) / U[i][i], w[j] -= e U[i][j] for all j > i.  Scales of a group are
 * fitted when its first column comes, from the weights as they are then.  A column that no token ever
 * used has U[i][i] = 0, and its weights are 0.
 * Inputs are the fp32 model's, not those of the layers before after rounding. */
#ifndef GPTQ_H
#define GPTQ_H
#include <stddef.h>

struct assay_err;

/* gram and hinv: [n][n].  *damp: 0.01, or ten times as much as often as H was not positive definite.
 * Errors: ASSAY_ENOMEM; ASSAY_EFORMAT when no damping up to 1 helps. */
int gptq_factor(const float *gram, size_t n, float *hinv, double *damp, struct assay_err *);
#endif
