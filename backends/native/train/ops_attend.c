/* ops_attend.c - causal attention of one sequence and its derivative, head by head, as products.
 *
 *   S = Q K^T / sqrt(hd),  P = softmax(S) over positions 0..t,  O = P V
 *   dP = dO V^T,  dS = P (dP - rowsum(P dP)) / sqrt(hd)
 *   dQ = dS K,  dK = dS^T Q,  dV = P^T dO        (dK, dV summed over the heads that share them)
 *
 * Rows are taken in blocks, and a block's products stop at its last row: half the square is
 * skipped. Columns beyond the row's own position hold zeros. */
#include "backends/native/train/mm.h"
#include "backends/native/train/ops.h"

#include <math.h>
#include <string.h>

enum { ROWS = 48 }; /* of a block; a multiple of KERN_ROWS */

struct scratch {
    float *panels;      /* [ld][hd] or [hd][n], as panels */
    float *ds, *turned; /* [n][ld], [ld][n] */
};

static size_t panel_floats(size_t n, size_t hd)
{
    const size_t a = mm_panels(n, hd), b = mm_panels(hd, n);
    return a > b ? a : b;
}

size_t ops_attend_scratch(size_t n, size_t hd)
{
    return panel_floats(n, hd) + 2 * n * ops_attend_ld(n);
}

static struct scratch scratch_of(const struct ops_attend *f)
{
    float *p = f->scratch;
    const size_t n = panel_floats(f->n, f->hd);
    return (struct scratch){p, p + n, p + n + f->n * ops_attend_ld(f->n)};
}

static size_t block_end(size_t n, size_t t)
{
    return t + ROWS < n ? t + ROWS : n;
}

/* y[t][j] = x[t] . w[j] for j up to the end of t's block; w: rows of hd. */
static void rows_by_rows(const struct ops_attend *f, const float *x, size_t ldx, const float *w,
                         size_t ldw, float *panels, float *y)
{
    mm_pack_rows(w, ldw, f->n, f->hd, panels);
    for (size_t t = 0, end; t < f->n; t = end) {
        end = block_end(f->n, t);
        const struct kern_f32 g = {
            .w = panels,
            .stride = f->hd * KERN_ROWS,
            .n_rows = end,
            .n_k = f->hd,
            .x = x + t * ldx,
            .ldx = ldx,
            .n = end - t,
            .y = y + t * ops_attend_ld(f->n),
            .ldy = ops_attend_ld(f->n),
        };
        mm_run(f->kern, &g);
    }
}

/* y[t] = sum over j <= the end of t's block of a[t][j] w[j]. */
static void rows_by_past(const struct ops_attend *f, const float *a, const float *w, size_t ldw,
                         float *panels, float *y, size_t ldy)
{
    mm_pack_cols(w, ldw, f->hd, f->n, panels);
    for (size_t t = 0, end; t < f->n; t = end) {
        end = block_end(f->n, t);
        const struct kern_f32 g = {
            .w = panels,
            .stride = f->n * KERN_ROWS,
            .n_rows = f->hd,
            .n_k = end,
            .x = a + t * ops_attend_ld(f->n),
            .ldx = ops_attend_ld(f->n),
            .n = end - t,
            .y = y + t * ldy,
            .ldy = ldy,
        };
        mm_run(f->kern, &g);
    }
}

/* y[j] (+)= sum over t >= the start of j's block of a[t][j] w[t]. */
static void rows_by_future(const struct ops_attend *f, const float *a, float *turned,
                           const struct kern_f32 *io, float *panels)
{
    mm_pack_cols(io->w, io->stride, f->hd, f->n, panels);
    mm_transpose(a, ops_attend_ld(f->n), f->n, f->n, turned, f->n);
    for (size_t j = 0, end; j < f->n; j = end) {
        end = block_end(f->n, j);
        const struct kern_f32 g = {
            .w = panels + j * KERN_ROWS,
            .stride = f->n * KERN_ROWS,
            .n_rows = f->hd,
            .n_k = f->n - j,
            .x = turned + j * f->n + j,
            .ldx = f->n,
            .n = end - j,
            .y = io->y + j * io->ldy,
            .ldy = io->ldy,
            .add = io->add,
        };
        mm_run(f->kern, &g);
    }
}

static void soften(const struct ops_attend *f, float *p)
{
    const float scale = 1.0f / sqrtf((float)f->hd);
    const size_t ld = ops_attend_ld(f->n);
    for (size_t t = 0; t < f->n; t++, p += ld) {
        float top = p[0], sum[16] = {0};
        for (size_t j = 1; j <= t; j++)
            top = p[j] > top ? p[j] : top;
        for (size_t j = 0; j <= t; j++)
            p[j] = (p[j] - top) * scale;
        f->ops->exp(p, p, t + 1);
        memset(p + t + 1, 0, (ld - t - 1) * sizeof *p);
        for (size_t j = 0; j < ld; j += 16)
            for (size_t l = 0; l < 16; l++)
                sum[l] += p[j + l];
        for (size_t w = 8; w; w /= 2)
            for (size_t l = 0; l < w; l++)
                sum[l] += sum[l + w];
        const float inv = 1.0f / sum[0];
        for (size_t j = 0; j <= t; j++)
            p[j] *= inv;
    }
}

void ops_attend(const struct ops_attend *f)
{
    const struct scratch s = scratch_of(f);
    const size_t rep = f->n_head / f->n_head_kv, ld = ops_attend_ld(f->n);
    for (size_t h = 0; h < f->n_head; h++) {
        float *p = f->p + h * f->n * ld;
        const size_t kv = h / rep * f->hd;
        rows_by_rows(f, f->q + h * f->hd, f->ld, f->k + kv, f->ld, s.panels, p);
        soften(f, p);
        rows_by_past(f, p, f->v + kv, f->ld, s.panels, f->out + h * f->hd, f->ldo);
    }
}

/* dP -> dS, in place. */
static void soften_back(const struct ops_attend *f, const float *p, float *ds)
{
    const float scale = 1.0f / sqrtf((float)f->hd);
    const size_t ld = ops_attend_ld(f->n);
    for (size_t t = 0; t < f->n; t++, p += ld, ds += ld) {
        float sum[16] = {0};
        memset(ds + t + 1, 0, (ld - t - 1) * sizeof *ds);
        for (size_t j = 0; j < ld; j += 16)
            for (size_t l = 0; l < 16; l++)
                sum[l] += p[j + l] * ds[j + l];
        for (size_t w = 8; w; w /= 2)
            for (size_t l = 0; l < w; l++)
                sum[l] += sum[l + w];
        for (size_t j = 0; j <= t; j++)
            ds[j] = p[j] * (ds[j] - sum[0]) * scale;
    }
}

void ops_attend_back(const struct ops_attend *f, const struct ops_attend_back *b)
{
    const struct scratch s = scratch_of(f);
    const size_t rep = f->n_head / f->n_head_kv, ld = ops_attend_ld(f->n);
    for (size_t h = 0; h < f->n_head; h++) {
        const float *p = f->p + h * f->n * ld, *dout = b->dout + h * f->hd;
        const size_t kv = h / rep * f->hd;
        const bool add = h % rep != 0;
        rows_by_rows(f, dout, f->ldo, f->v + kv, f->ld, s.panels, s.ds);
        soften_back(f, p, s.ds);
        rows_by_past(f, s.ds, f->k + kv, f->ld, s.panels, b->dq + h * f->hd, f->ld);
        const struct kern_f32 dv = {
            .w = dout, .stride = f->ldo, .y = b->dv + kv, .ldy = f->ld, .add = add};
        rows_by_future(f, p, s.turned, &dv, s.panels);
        const struct kern_f32 dk = {
            .w = f->q + h * f->hd, .stride = f->ld, .y = b->dk + kv, .ldy = f->ld, .add = add};
        rows_by_future(f, s.ds, s.turned, &dk, s.panels);
    }
}
