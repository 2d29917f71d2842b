/* gptq.c - factors of inverse Hessians.
 *
 * With H = M M^T, M upper triangular, H^-1 = M^-T M^-1, so U = M^-1: nothing is inverted twice. */
#include "backends/native/gptq.h"
#include <math.h>
#include <stdlib.h>
#include "backends/backend.h"
#include "harness/base/err.h"

#define DAMP_FIRST 0.01
#define DAMP_LAST  1.0

/* The upper triangle of `a` from H; unused columns become unit ones. */
static void fill(const float *gram, size_t n, double damp, double *a)
{
    double mean = 0;
    for (size_t i = 0; i < n; i++)
        mean += gram[i * n + i] > 0 ? (double)gram[i * n + i] : 1;
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i; k < n; k++)
            a[i * n + k] = (double)gram[i * n + k];
        a[i * n + i] = (gram[i * n + i] > 0 ? a[i * n + i] : 1) + damp * mean;
    }
}

/* H = M M^T in place, from the last column back; -1: not positive definite. */
static int factor(double *a, size_t n)
{
    for (size_t j = n; j-- > 0;) {
        const double *mj = a + j * n;
        for (size_t i = j + 1; i-- > 0;) {
            double *mi = a + i * n, sum = mi[j];
            for (size_t k = j + 1; k < n; k++)
                sum -= mi[k] * mj[k];
            if (i == j && !(sum > 0))
                return -1;
            mi[j] = i == j ? sqrt(sum) : sum / mj[j];
        }
    }
    return 0;
}

/* Row i of M^-1 solves u M = e_i. */
static void invert(const double *m, size_t n, double *u, float *out)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++)
            u[k] = k == i;
        for (size_t k = i; k < n; k++) {
            const double *row = m + k * n;
            u[k] /= row[k];
            for (size_t j = k + 1; j < n; j++)
                u[j] -= u[k] * row[j];
        }
        for (size_t k = 0; k < n; k++)
            out[i * n + k] = (float)u[k];
    }
}

int gptq_factor(const float *gram, size_t n, float *hinv, double *damp, struct assay_err *e)
{
    double *a = malloc((n * n + n) * sizeof *a);
    int rc = -1;
    if (!a)
        return err_set(e, ASSAY_ENOMEM, "no memory to invert a matrix of %zu x %zu", n, n);
    for (*damp = DAMP_FIRST / 10; rc < 0 && *damp * 10 <= DAMP_LAST;) {
        *damp *= 10;
        fill(gram, n, *damp, a);
        rc = factor(a, n);
    }
    if (rc == 0)
        invert(a, n, a + n * n, hinv);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (!(gram[i * n + i] > 0))
            hinv[i * n + i] = 0;
    free(a);
    if (rc < 0)
        return err_set(e, ASSAY_EFORMAT,
                       "the inputs' Gram matrix cannot be inverted, even damped; are the "
                       "calibration activations finite?");
    return 0;
}
