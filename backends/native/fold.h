/* fold.h - moving the size of activations into weights without changing what a model computes.
 *
 * SmoothQuant (Xiao et al. 2023): input column j of a matrix is divided by s[j] and its weights
 * multiplied by it, s[j] = max|X_j|^alpha / max|W_:j|^(1-alpha), at least 1e-5, and 1 where either
 * maximum is 0.  The division is folded into what makes the input: the norm's weights (attn_norm for
 * q k v, ffn_norm for gate up), the rows of v for o, the rows of up for down.  Query heads that share
 * a kv head share its s: the geometric mean of what each would have. */
#ifndef FOLD_H
#define FOLD_H
#include "backends/native/calibrate.h"

struct fold {                      /* of one layer; NULL: nothing to do */
    float *attn, *ffn;             /* [n_embd]: divide the norm, multiply columns */
    float *v;                      /* [n_head_kv*head_dim]: divide rows of v */
    float *o;                      /* [n_head*head_dim]: v's, for the columns of o */
    float *down;                   /* [n_ff]: divide rows of up, multiply columns of down */
};
struct fold_matrix {               /* as the file stores it */
    uint32_t type;
    const void *rows;
    size_t n_out, n_in;
};
/* AWQ (Lin et al. 2023), without its search for clips: for r = 0, 1/20 .. 19/20,
 *   s = max(a^r, 1e-4), a[j] = mean |X_j|, divided by sqrt(max s min s);
 * the s that minimises sum over rows w of d H d, d = w - Q(w s) / s, H = sum x x^T: the squared error
 * of the outputs on the calibration rows.  Of equals the smallest r. */
struct fold_search {
    const struct kern *kern;
    struct pool *pool;
    const struct calib_site *site; /* with its Gram matrix */
    const struct fold_matrix *w;   /* [n], all of site->n columns */
    const struct scheme *schemes;  /* [n]: Q */
    size_t n;
};
int fold_awq(const struct fold_search *, float *s, struct assay_err *);
/* max|W_:j| over matrices of equal n_in into top[n_in], which starts as it is. */
int fold_columns(const struct fold_matrix *, size_t n, float *top, struct assay_err *);
/* s from x = max|X_j| and w = max|W_:j|; s may be x. */
void fold_scales(const float *x, const float *w, size_t n, double alpha, float *s);
#endif
