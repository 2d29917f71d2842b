/* attend.h - the loops of a forward pass that are not matrix products: attention, norms, rotation,
 * the gate, and log-sum-exp of logits; one table per instruction set.
 *
 * Every table gives the same bits: sums run in 16 fixed lanes (lane = index mod 16) that are added
 * pairwise at the end, products and sums are rounded separately, exp is one polynomial.  So a
 * result depends on its own row only, never on the batch, the thread count or the processor. */
#ifndef ATTEND_H
#define ATTEND_H
#include "backends/native/kv.h"
#include <stddef.h>
#include <stdint.h>

struct attend_job {               /* one kv head, one layer, n tokens of one sequence */
    struct kv_view kv;
    size_t n;
    const uint32_t *pos;          /* [n]: position of each token */
    float *q;                     /* [n][n_rep][head_dim], rotated in place */
    float *k;                     /* [n][head_dim], rotated in place */
    const float *v;               /* [n][head_dim] */
    float *out;                   /* [n][n_rep][head_dim] */
    size_t ldq, ldkv, ldo;        /* floats from one token to the next */
    uint32_t n_rep, head_dim;     /* n_rep: query heads that share the kv head */
    const float *rope;            /* [position][2][rope_dims]: (c, c) and (-s, s) of each pair */
    uint32_t rope_dims;
    float *scores;                /* scratch [2][positions rounded up to 16] */
};
struct attend_lse {               /* what scoring needs of one row of logits */
    double lse;                   /* log of the sum of exp */
    int32_t argmax;               /* lowest id of the largest logit */
};
/* Tokens in order: rotates q and k, stores k and v at pos, then
 *   out = softmax(q K / sqrt(head_dim)) V over positions 0..pos.
 * Positions before pos[0] are in the cache already; a later token may overwrite an earlier one's
 * position, which is how a tree of tokens is walked in one sequence. */
typedef void attend_fn(const struct attend_job *);

struct attend {
    const char *name;
    attend_fn *run[KV_TYPES];     /* by enum kv_type */
    /* x += y unless y is NULL; out = x * w / sqrt(mean(x^2) + eps). w NULL: no norm wanted. */
    void (*add_norm)(float *x, const float *y, const float *w, size_t n, float eps, float *out);
    /* gate = silu(gate) * up, silu(x) = x / (1 + exp(-x)) */
    void (*silu_mul)(float *gate, const float *up, size_t n);
    void (*lse)(const float *logits, size_t n, struct attend_lse *);
    void (*exp)(const float *x, float *out, size_t n);   /* exp(x), 0 below -87.3 */
};
/* The best table that `features` (cpu.h) allows. */
const struct attend *attend_pick(uint32_t features);

extern const struct attend attend_ref;
#if defined(__x86_64__)
extern const struct attend attend_avx2, attend_avx512;
#endif
#endif
