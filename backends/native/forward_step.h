/* forward_step.h - one step of the forward pass: a batch of tokens through all layers.
 *
 * A step is an ordered list of (token, position, sequence).  When a token's turn comes, its
 * sequence must hold its ancestors at positions 0..pos-1, from earlier steps or from earlier in
 * this one; the token then takes position pos.  So one sequence walks a whole tree in preorder, and
 * many sequences decode side by side.  A token's results depend on its ancestors alone.
 * Not here: which tokens to evaluate (forward_score.c, generate.c, probe.c). */
#ifndef FORWARD_STEP_H
#define FORWARD_STEP_H
#include "backends/native/attend.h"
#include "backends/native/forward.h"
#include "backends/native/kv.h"
#include "backends/native/model.h"
#include <stdbool.h>

enum { STEP_TOKENS = 512,         /* tokens of one step, at most */
       STEP_PARTS = 4,            /* parts of a step's work per thread, at most */
       STEP_THREAD_TOKENS = 32,   /* fewer tokens per thread: the products split rows instead */
       STEP_PART_TOKENS = 64,     /* smaller parts only to give every thread one */
       FORWARD_SLOTS = 64 };      /* requests that generate side by side, at most */

enum tap {                        /* values a probe may watch, in order of evaluation */
    TAP_EMBD, TAP_ATTN_NORM, TAP_Q, TAP_K, TAP_V, TAP_ATTN_OUT, TAP_FFN_NORM, TAP_FFN_OUT, TAP_OUT,
    TAP_OUTPUT_NORM, TAP_COUNT,
    TAP_O_IN = TAP_COUNT, TAP_DOWN_IN      /* inputs of o and down: for calibration, not for probes */
};
/* Rows of one tensor for all tokens of the step, [n][n_cols]; layer is 0 where a tensor has none.
 * Non-zero ends the step with that code. */
struct tap_rows {
    enum tap tap;
    uint32_t layer;
    const float *v;
    size_t n, n_cols;
};
typedef int tap_fn(void *user, const struct tap_rows *);

struct step {
    size_t n;
    int32_t *token;               /* [STEP_TOKENS] */
    uint32_t *pos;
    struct kv_seq **seq;
    uint8_t *want;                /* 1: logits are wanted after this token */
    uint32_t *out;                /* after forward_step: [n_out] tokens with want, ascending */
    size_t n_out;
};
struct forward {
    struct model *m;
    const struct attend *ops;
    struct kv_shape kv;
    size_t n_q, n_kv;             /* floats per token of q, and of k or v */
    struct step step;
    void *mem;                    /* owns all of the scratch below */
    size_t mem_bytes;
    float *x, *xn, *q, *k, *v, *att, *y, *gate, *up;      /* [STEP_TOKENS][...] */
    float *logits;                /* [tile][n_vocab] */
    struct attend_lse *lse;       /* [tile] */
    size_t tile;                  /* rows of logits at once */
    size_t first;                 /* out token that row 0 of logits stands for */
    unsigned char *linear;        /* [parts][linear_ld] activations of linear_forward */
    size_t linear_ld;
    uint32_t *run;                /* [STEP_TOKENS + 1] starts of runs of one sequence */
    size_t n_run;
    float *scores;                /* [parts][scores_ld] */
    size_t scores_ld;
    float *rope;                  /* [rope_pos][2][rope_dims], see attend.h */
    uint32_t rope_pos;            /* positions that rope and scores have room for */
    struct kv_seq path;           /* the sequence of scoring and probing */
    int32_t *held;                /* the tokens that path has behind a probe; */
    size_t n_held;                /* 0 again as soon as anything else writes it */
    struct kv_seq slots[FORWARD_SLOTS];      /* the sequences of generation */
    tap_fn *tap;                  /* NULL: nobody watches */
    void *tap_user;
    struct assay_usage usage;
};

/* Prepares positions 0..n_pos-1 (tables and scratch that grow with the context). */
int forward_reserve(struct forward *, uint32_t n_pos, struct assay_err *);
/* Adds a token; the caller has checked that step.n < STEP_TOKENS. */
static inline void step_add(struct step *s, int32_t token, uint32_t pos, struct kv_seq *seq,
                            bool want)
{
    s->token[s->n] = token;
    s->pos[s->n] = pos;
    s->seq[s->n] = seq;
    s->want[s->n++] = want;
}
/* Runs the step and empties nothing: the caller sets step.n = 0.  0, or what the tap returned. */
int forward_step(struct forward *);
/* Logits of out tokens first..first+n-1 (n <= tile) into logits[0..n); with `lse`, also lse[]. */
void forward_logits(struct forward *, size_t first, size_t n, bool lse);
#endif
