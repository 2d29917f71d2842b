/* fold.c - the scales of SmoothQuant. */
#include "backends/native/fold.h"
#include <math.h>
#include <stdlib.h>
#include "backends/native/quant.h"
#include "harness/base/err.h"

#define SCALE_MIN 1e-5

int fold_columns(const struct fold_matrix *w, size_t n, float *top, struct assay_err *e)
{
    float *row = malloc(w->n_in * sizeof *row);
    if (!row)
        return err_set(e, ASSAY_ENOMEM, "no memory for a row of %zu weights", w->n_in);
    for (size_t i = 0; i < n; i++) {
        const struct quant_traits *q = quant_find(w[i].type);
        const size_t bytes = w[i].n_in / q->block * q->bytes;
        for (size_t o = 0; o < w[i].n_out; o++) {
            q->dequantize((const char *)w[i].rows + o * bytes, row, w[i].n_in);
            for (size_t k = 0; k < w[i].n_in; k++)
                top[k] = fabsf(row[k]) > top[k] ? fabsf(row[k]) : top[k];
        }
    }
    free(row);
    return 0;
}

void fold_scales(const float *x, const float *w, size_t n, double alpha, float *s)
{
    for (size_t i = 0; i < n; i++) {
        const double v = pow((double)x[i], alpha) / pow((double)w[i], 1 - alpha);
        s[i] = x[i] > 0 && w[i] > 0 && isfinite(v) ? (float)(v > SCALE_MIN ? v : SCALE_MIN) : 1;
    }
}
