/* net.h - the network that is trained: the engine's llama with a tied head, its parameters as one
 * array of floats, and how it begins.
 *
 * Fused matrices, each [n_out][n_in] row-major: q, k and v over each other, gate and up over each
 * other; files hold them apart.  Not here: the passes (pass.h), files (net_file.h). */
#ifndef NET_H
#define NET_H
#include <stddef.h>
#include <stdint.h>

struct assay_err;

struct net_config {
    uint32_t n_vocab, n_ctx, n_embd, n_layer, n_head, n_head_kv, head_dim, n_ff;
};
enum net_kind {                    /* order in the array */
    NET_EMBD, NET_ATTN_NORM, NET_QKV, NET_O, NET_FFN_NORM, NET_GATE_UP, NET_DOWN, NET_OUTPUT_NORM
};
enum { NET_LAYER = 6 };            /* tensors of a layer */
struct net_tensor {
    enum net_kind kind;
    uint32_t layer;
    size_t n_out, n_in;            /* a gain: 1, its length */
    size_t at;                     /* first float in the array */
};
struct net {
    struct net_config cfg;
    size_t n_q, n_kv, n_qkv;       /* rows of q, of k or v, of all three */
    size_t n_tensors, n_params;
    struct net_tensor *tensors;
    float *p;                      /* [n_params] */
};

#define NET_EPS 1e-5f
#define NET_ROPE_BASE 1e4

/* ASSAY_EUSAGE: sizes that are zero, too large or do not divide, with the numbers; ASSAY_ENOMEM.
 * Parameters are zero; net_init draws them: N(0, 0.5 / n_in) for matrices, those that write to the
 * residual stream / sqrt(2 n_layer), embeddings N(0, 0.05^2), gains 1. */
int net_new(const struct net_config *, struct net *, struct assay_err *);
void net_release(struct net *);    /* NULL and zeroed are fine */
void net_init(struct net *, uint64_t seed);

static inline int net_is_gain(const struct net_tensor *t)
{
    return t->kind == NET_ATTN_NORM || t->kind == NET_FFN_NORM || t->kind == NET_OUTPUT_NORM;
}
static inline const struct net_tensor *net_at(const struct net *n, uint32_t layer,
                                               enum net_kind kind)
{
    if (kind == NET_EMBD)
        return &n->tensors[0];
    if (kind == NET_OUTPUT_NORM)
        return &n->tensors[n->n_tensors - 1];
    return &n->tensors[layer * NET_LAYER + (unsigned)kind];
}
static inline float *net_values(const struct net *n, uint32_t layer, enum net_kind kind)
{
    return n->p + net_at(n, layer, kind)->at;
}
#endif
