/* mm.h - matrix products of training on the engine's own f32 product, and the two ways of laying a
 * matrix into its panels (kern.h: [k][16] floats, 16 outputs side by side).
 *
 *   forward        y[t][o]  = sum_i x[t][i] W[o][i]      panels of W's rows, k = i
 *   back to data   dx[t][i] = sum_o dy[t][o] W[o][i]     panels of W's columns, k = o
 *   back to W      dWt[i][o] += sum_t xT[i][t] dy[t][o]  panels of dy's columns, k = t
 *
 * Every output is one chain of fused multiply-adds over ascending k, whatever the blocking: the
 * same bits for any split and any instruction set. */
#ifndef MM_H
#define MM_H
#include "backends/native/kern.h"
#include <stddef.h>

/* Floats of the panels of n rows and k steps. */
static inline size_t mm_panels(size_t n, size_t n_k)
{
    return (n + KERN_ROWS - 1) / KERN_ROWS * KERN_ROWS * n_k;
}
/* out[p][k][r] = w[16 p + r][k]; w: [n][n_k] with ld; rows beyond n are zero. */
void mm_pack_rows(const float *w, size_t ld, size_t n, size_t n_k, float *out);
/* out[p][k][r] = w[k][16 p + r]; w: [n_k][n] with ld; columns beyond n are zero. */
void mm_pack_cols(const float *w, size_t ld, size_t n, size_t n_k, float *out);
/* out[j][i] = x[i][j]; x: [n][m] with ldx. */
void mm_transpose(const float *x, size_t ldx, size_t n, size_t m, float *out, size_t ldo);
/* As struct kern's f32 product, blocked for the caches; n_k 0 is an empty sum. */
void mm_run(const struct kern *, const struct kern_f32 *);
#endif
