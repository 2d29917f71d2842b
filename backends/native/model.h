/* model.h - an open model: hyperparameters, vocabulary and weights bound to their places.
 *
 * model_open maps the GGUF file, checks every shape against the hyperparameters, makes each tensor
 * what the precision says (precision.h) and unmaps what is no longer needed.
 * Not here: the forward pass (forward.h), the contract's glue (native.c). */
#ifndef MODEL_H
#define MODEL_H
#include "backends/backend.h"
#include "backends/native/linear.h"
#include "harness/base/arena.h"

struct kern;
struct pool;
struct vocab;

struct hparams {
    uint32_t n_vocab, n_ctx, n_embd, n_layer, n_head, n_head_kv, head_dim, n_ff;
    uint32_t rope_dims;            /* leading dims of a head that rotate */
    float rope_base, rms_eps;
    float rope_scale;              /* linear: positions are divided by it; 1: none */
};
/* INT8: symmetric per head and token; INT4 symmetric, INT3 and INT2 of full range per 32 dimensions of
 * a head and token (attend_low_body.h), K after rotation; fp32 scales. */
enum kv_type { KV_F32, KV_F16, KV_INT8, KV_INT4, KV_INT3, KV_INT2, KV_TYPES };

struct layer {                     /* all row-major [out][in] */
    const float *attn_norm;        /* [n_embd] */
    struct linear *q;              /* [n_head*head_dim][n_embd] */
    struct linear *k, *v;          /* [n_head_kv*head_dim][n_embd] */
    struct linear *o;              /* [n_embd][n_head*head_dim] */
    const float *ffn_norm;         /* [n_embd] */
    struct linear *gate, *up;      /* [n_ff][n_embd] */
    struct linear *down;           /* [n_embd][n_ff] */
};
struct model {
    struct arena arena;            /* names, norms, tables */
    struct hparams hp;
    const char *arch;
    const struct kern *kern;       /* picked for this processor and ASSAY_CPU */
    struct pool *pool;
    enum kv_type kv;
    struct vocab *vocab;
    struct linear *embd;           /* [n_vocab][n_embd]; rows are read with linear_row */
    struct layer *layers;          /* [n_layer] */
    const float *output_norm;      /* [n_embd] */
    struct linear *output;         /* [n_vocab][n_embd]; == embd when tied */
    const float *rope_freqs;       /* [rope_dims/2] divisors, or NULL */
    struct assay_tensor *tensors;  /* for info */
    uint32_t n_tensors;
    uint64_t n_params, weight_bytes, file_bytes;
    const char *precision;         /* in words */
    char fingerprint[65];
    const char *chat_template;     /* the default one; NULL: none */
    struct assay_chat_template *chat_templates; /* those with names */
    uint32_t n_chat_templates;
    struct forward *forward;       /* forward.h; made by native.c after model_open */
};
/* Part of every fingerprint: raise it when a change makes any answer differ in any bit. */
enum { MODEL_NUMERICS = 1 };

struct model_options {             /* filled through the field table in native.c */
    const char *path;              /* --model */
    const char *precision;         /* precision.h; NULL: fp32 */
    const char *kv;                /* f32 f16 int8 int4; NULL: f32 */
    const char *keep;              /* "fp16:output,blk.0.*;q8_0:*.ffn_down": at another precision */
    int64_t group;                 /* 0: the precision's own */
    const char *calibrate;         /* text file of rows; NULL: none */
    double smooth;                 /* SmoothQuant's alpha; 0: off */
    const char *rounding;          /* nearest gptq awq; NULL: nearest */
    double percentile;             /* of w8a8_static's ranges; 0 and 100: the largest */
    int64_t n_ctx;                 /* 0: the model's */
    int64_t threads;               /* 0: all */
};
/* Errors: those of gguf.h, vocab.h, precision.h and linear.h with the path in front;
 * ASSAY_EUNSUPPORTED names an architecture, a rope scaling or a tensor this engine does not know;
 * ASSAY_EFORMAT a hyperparameter out of range or a shape that does not follow from them. */
int model_open(const struct model_options *, struct model **, struct assay_err *);
/* What needs no weights: hparams, vocabulary, chat templates.  Only info, tokenizing and closing make
 * sense then: kern, pool and layers are NULL. */
int model_open_facts(const struct model_options *, struct model **, struct assay_err *);
void model_close(struct model *);  /* does not free m->forward */
#endif
