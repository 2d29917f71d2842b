/* fold.c - the scales of SmoothQuant, and those that AWQ finds. */
#include "backends/native/fold.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "backends/native/quant.h"
#include "harness/base/err.h"
#include "harness/base/pool.h"

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

/* -- awq --------------------------------------------------------------------------------------- */
enum { AWQ_STEPS = 20 };
#define AWQ_MIN 1e-4

struct trial { /* one matrix at one s */
    const struct linear *l;
    const float *w, *s, *gram; /* w: [n_out][n_in] as it was */
    double *loss;              /* [n_out] */
    float *temp;               /* [parts][n_in] */
};

static void trial_part(void *user, size_t part, size_t n_parts)
{
    const struct trial *t = user;
    const size_t n = linear_n_in(t->l), n_out = linear_n_out(t->l);
    float *d = t->temp + part * n;
    for (size_t o = n_out * part / n_parts; o < n_out * (part + 1) / n_parts; o++) {
        linear_row(t->l, o, d);
        for (size_t i = 0; i < n; i++)
            d[i] = t->w[o * n + i] - d[i] / t->s[i];
        t->loss[o] = 0;
        for (size_t i = 0; i < n; i++) {
            float sum[16] = {0};
            size_t k = 0;
            for (; k + 16 <= n; k += 16)
                for (size_t j = 0; j < 16; j++)
                    sum[j] += t->gram[i * n + k + j] * d[k + j];
            for (; k < n; k++)
                sum[0] += t->gram[i * n + k] * d[k];
            double all = 0;
            for (size_t j = 0; j < 16; j++)
                all += (double)sum[j];
            t->loss[o] += (double)d[i] * all;
        }
    }
}

/* Adds the loss of one matrix at s to *loss. */
static int add_loss(const struct fold_search *f, size_t which, const float *s, double *loss,
                    struct assay_err *e)
{
    const struct fold_matrix *m = &f->w[which];
    const size_t n = m->n_in, parts = (size_t)pool_size(f->pool);
    float *w = malloc(2 * m->n_out * n * sizeof *w), *scaled = w ? w + m->n_out * n : NULL;
    struct trial t = {.w = w, .s = s, .gram = f->site->gram};
    struct linear *l = NULL;
    t.loss = malloc(m->n_out * sizeof *t.loss);
    t.temp = malloc(parts * n * sizeof *t.temp);
    int rc = 0;
    if (!w || !t.loss || !t.temp)
        rc = err_set(e, ASSAY_ENOMEM, "no memory to try awq on %zu x %zu weights", m->n_out, n);
    if (rc == 0) {
        quant_find(m->type)->dequantize(m->rows, w, m->n_out * n);
        for (size_t i = 0; i < m->n_out * n; i++)
            scaled[i] = w[i] * s[i % n];
        rc = linear_new(f->kern, f->schemes[which], "awq", QT_F32, scaled, m->n_out, n, f->pool, &l,
                        e);
    }
    if (rc == 0) {
        t.l = l;
        pool_run(f->pool, parts, trial_part, &t);
        for (size_t o = 0; o < m->n_out; o++)
            *loss += t.loss[o];
    }
    linear_free(l);
    free(w);
    free(t.loss);
    free(t.temp);
    return rc;
}

static void awq_scales(const struct calib_site *x, int step, float *s)
{
    double most = 0, least = INFINITY;
    for (size_t i = 0; i < x->n; i++) {
        const double v = pow(x->abs_sum[i] / (double)x->n_rows, (double)step / AWQ_STEPS);
        s[i] = (float)(v > AWQ_MIN ? v : AWQ_MIN);
        most = (double)s[i] > most ? (double)s[i] : most;
        least = (double)s[i] < least ? (double)s[i] : least;
    }
    for (size_t i = 0; i < x->n; i++)
        s[i] = (float)((double)s[i] / sqrt(most * least));
}

int fold_awq(const struct fold_search *f, float *s, struct assay_err *e)
{
    double best = INFINITY;
    float *tried = malloc(f->site->n * sizeof *tried);
    if (!tried)
        return err_set(e, ASSAY_ENOMEM, "no memory for scales of %zu columns", f->site->n);
    int rc = 0;
    for (int step = 0; rc == 0 && step < AWQ_STEPS; step++) {
        double loss = 0;
        awq_scales(f->site, step, tried);
        for (size_t k = 0; rc == 0 && k < f->n; k++)
            rc = add_loss(f, k, tried, &loss, e);
        if (rc == 0 && (step == 0 || loss < best)) {
            best = loss;
            memcpy(s, tried, f->site->n * sizeof *s);
        }
    }
    free(tried);
    return rc;
}
