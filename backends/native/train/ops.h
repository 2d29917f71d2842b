/* ops.h - the parts of a training pass that are not matrix products: norms, rotation, attention,
 * the gate and the loss, each with its derivative.
 *
 * fp32.  Sums run in 16 fixed lanes or ascending chains, exp is the engine's (attend.h): results do
 * not depend on threads or instruction sets.  d* is the derivative of the loss by *. */
#ifndef OPS_H
#define OPS_H
#include "backends/native/attend.h"
#include "backends/native/kern.h"
#include <stddef.h>
#include <stdint.h>

/* -- RMSNorm: y = x r g, r = 1 / sqrt(mean(x^2) + eps), for n rows of d ------------------------ */
struct ops_norm {
    const float *x, *gain;         /* [n][d], [d] */
    float *y;                      /* [n][d] */
    float *r;                      /* [n] */
    size_t n, d;
    float eps;
};
void ops_norm(const struct ops_norm *);
/* dx += derivative, dgain += derivative; `f` as after ops_norm (y is not read). */
void ops_norm_back(const struct ops_norm *f, const float *dy, float *dx, float *dgain);

/* -- rotation of adjacent pairs: [positions][hd/2] cosines, then sines ------------------------- */
struct ops_rope {
    float *cosine, *sine;          /* [positions][hd/2] */
    size_t hd;
};
/* n rows of n_head heads of hd, `ld` apart, at positions 0..n-1; back: by the negative angle, which
 * is the derivative. */
void ops_rope(const struct ops_rope *, float *x, size_t n, size_t n_head, size_t ld, int back);

/* -- causal attention of one sequence ---------------------------------------------------------- */
struct ops_attend {
    const struct kern *kern;
    const struct attend *ops;
    size_t n, n_head, n_head_kv, hd;
    const float *q, *k, *v;        /* [n][heads][hd], rotated, `ld` apart */
    size_t ld;
    float *out;                    /* [n][n_head][hd], `ldo` apart */
    size_t ldo;
    float *p;                      /* [n_head][n][ops_attend_ld(n)]: probabilities, kept */
    float *scratch;                /* ops_attend_scratch(n, hd) floats */
};
static inline size_t ops_attend_ld(size_t n)
{
    return (n + KERN_ROWS - 1) / KERN_ROWS * KERN_ROWS;
}
size_t ops_attend_scratch(size_t n, size_t hd);
void ops_attend(const struct ops_attend *);
struct ops_attend_back {
    const float *dout;             /* as out */
    float *dq, *dk, *dv;           /* as q, k, v, `ld` apart; overwritten */
};
void ops_attend_back(const struct ops_attend *f, const struct ops_attend_back *);

/* -- gate: act = silu(gate) up; gu: [n][2 ff], gate then up ------------------------------------ */
void ops_gate(const struct attend *, const float *gu, size_t n, size_t ff, float *act);
/* dgu [n][2 ff] from dact [n][ff]. */
void ops_gate_back(const struct attend *, const float *gu, const float *dact, size_t n, size_t ff,
                   float *dgu);

/* -- loss of one row of logits ----------------------------------------------------------------- */
struct ops_loss {
    size_t n_vocab;
    uint32_t target;
    float weight;                  /* of this row in the mean: dlogits are multiplied by it */
    float mix;                     /* share of the teacher's KL, 0..1; the rest is cross-entropy */
};
struct ops_lost {
    double ce, kl;                 /* -log p(target); KL(teacher || student); nats, unweighted */
    int32_t argmax;
};
/* logits become dlogits = weight ((1 - mix) (p - onehot) + mix (p - p_teacher)).  `teacher`: its
 * logits, overwritten; NULL with mix 0. */
struct ops_lost ops_loss(const struct attend *, const struct ops_loss *, float *logits,
                         float *teacher);
#endif
