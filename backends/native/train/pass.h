/* pass.h - forward and backward over a few hundred tokens of whole sequences, by one thread.
 *
 * A pass owns its activations and, for training, its gradients, to which every backward adds; the
 * trainer gives each lane of a batch a pass of its own and sums the gradients in lane order. */
#ifndef PASS_H
#define PASS_H
#include "backends/native/attend.h"
#include "backends/native/train/ops.h"
#include "backends/native/train/pack.h"

struct pass_input {                /* sequences over each other */
    size_t n, n_seq;
    uint16_t *tokens;              /* [n] */
    uint16_t *targets;             /* [n]: the next token; anything where weight is 0 */
    float *weights;                /* [n]: of predicting the target */
    uint32_t *starts;              /* [n_seq + 1] */
    uint32_t *tasks;               /* [n_seq] */
};
struct pass_layer {                /* [n][...], kept for the way back */
    float *x, *r1, *xn1, *qkv, *att, *p, *mid, *r2, *xn2, *gu, *act;
};
struct pass {
    const struct net *net;
    const struct kern *kern;
    const struct attend *ops;
    struct ops_rope rope;
    size_t cap;                    /* tokens at once */
    struct pass_layer *layers;
    float *x, *rf, *xf;            /* residual stream, final norm */
    float *dx, *dxn, *dqkv, *datt, *dgu, *dact;
    float *turned, *panels, *logits, *other, *scratch;
    struct ops_lost *lost;         /* [cap]: of each row, after pass_head */
    float *grad;                   /* [n_params]: matrices as [n_in][n_out] */
    float *grad_rows;              /* [n_vocab][n_embd]: what comes in by the embedding */
    void *mem;
};

struct pass_options {
    const struct kern *kern;
    size_t cap;                    /* tokens at once; at least the context */
    int train;                     /* with gradients */
};
/* Errors: ASSAY_ENOMEM. */
int pass_new(const struct net *, const struct pass_options *, struct pass *, struct assay_err *);
void pass_release(struct pass *);
/* Up to the final norm, into xf. */
void pass_forward(struct pass *, const struct pack *, const struct pass_input *);
/* For a training pass: loss of every row with a weight (lost[]), dxf into dxn and the head's
 * gradient.  weights are multiplied by `scale`.  teacher: another pass after pass_forward of the
 * same input, with its weights; its share is `mix`. */
struct pass_head {
    float scale, mix;
    const struct pass *teacher;
    const struct pack *teacher_pack;
};
void pass_head(struct pass *, const struct pack *, const struct pass_input *,
               const struct pass_head *);
/* Instead of pass_head: lost[] of every row with a weight, no gradients. */
void pass_judge(struct pass *, const struct pack *, const struct pass_input *);
/* After pass_head: adds to the gradients. */
void pass_backward(struct pass *, const struct pack *, const struct pass_input *);
/* Logits of rows at..at+n-1 (n <= PASS_CHUNK) after pass_forward: [n][n_vocab]. */
enum { PASS_CHUNK = 128 };
void pass_logits(const struct pass *, const struct pack *, size_t at, size_t n, float *logits);
void pass_clear(struct pass *);    /* gradients to zero */
#endif
