/* net.c - shapes, layout and initial values. */
#include "backends/native/train/net.h"
#include "harness/base/err.h"
#include "harness/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIM = 1 << 14, MAX_LAYERS = 256, MAX_VOCAB = 65536, MAX_CTX = 65535, ALIGN = 64 };
#define MAX_PARAMS ((size_t)1 << 30)

static int check(const struct net_config *c, struct assay_err *e)
{
    const struct {
        const char *name;
        uint32_t v, most;
    } sizes[] = {
        {"vocabulary", c->n_vocab, MAX_VOCAB}, {"context", c->n_ctx, MAX_CTX},
        {"embedding", c->n_embd, MAX_DIM},     {"number of layers", c->n_layer, MAX_LAYERS},
        {"number of heads", c->n_head, 1024},  {"number of kv heads", c->n_head_kv, 1024},
        {"head size", c->head_dim, 1024},      {"feed-forward size", c->n_ff, MAX_DIM},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (!sizes[i].v || sizes[i].v > sizes[i].most)
            return err_set(e, ASSAY_EUSAGE, "a %s of %u, expected 1 to %u", sizes[i].name,
                           sizes[i].v, sizes[i].most);
    if (c->n_head % c->n_head_kv)
        return err_set(e, ASSAY_EUSAGE, "%u heads are not a multiple of %u kv heads", c->n_head,
                       c->n_head_kv);
    if (c->head_dim % 2)
        return err_set(e, ASSAY_EUSAGE, "a head size of %u, expected an even one: it rotates pairs",
                       c->head_dim);
    return 0;
}

static void add(struct net *n, enum net_kind kind, uint32_t layer, size_t n_out, size_t n_in)
{
    n->tensors[n->n_tensors++] = (struct net_tensor){kind, layer, n_out, n_in, n->n_params};
    n->n_params += n_out * n_in;
}

int net_new(const struct net_config *c, struct net *n, struct assay_err *e)
{
    memset(n, 0, sizeof *n);
    TRY(check(c, e));
    n->cfg = *c;
    n->n_q = (size_t)c->n_head * c->head_dim;
    n->n_kv = (size_t)c->n_head_kv * c->head_dim;
    n->n_qkv = n->n_q + 2 * n->n_kv;
    n->tensors = calloc((size_t)c->n_layer * NET_LAYER + 2, sizeof *n->tensors);
    if (!n->tensors)
        return err_set(e, ASSAY_ENOMEM, "no memory for a network");
    add(n, NET_EMBD, 0, c->n_vocab, c->n_embd);
    for (uint32_t l = 0; l < c->n_layer; l++) {
        add(n, NET_ATTN_NORM, l, 1, c->n_embd);
        add(n, NET_QKV, l, n->n_qkv, c->n_embd);
        add(n, NET_O, l, c->n_embd, n->n_q);
        add(n, NET_FFN_NORM, l, 1, c->n_embd);
        add(n, NET_GATE_UP, l, 2 * (size_t)c->n_ff, c->n_embd);
        add(n, NET_DOWN, l, c->n_embd, c->n_ff);
    }
    add(n, NET_OUTPUT_NORM, 0, 1, c->n_embd);
    const size_t bytes = (n->n_params * sizeof *n->p + ALIGN - 1) / ALIGN * ALIGN;
    n->p = n->n_params <= MAX_PARAMS ? aligned_alloc(ALIGN, bytes) : NULL;
    if (!n->p) {
        const int rc = err_set(e, ASSAY_ENOMEM, "no memory for %zu parameters", n->n_params);
        net_release(n);
        return rc;
    }
    memset(n->p, 0, bytes);
    return 0;
}

void net_release(struct net *n)
{
    if (!n)
        return;
    free(n->tensors);
    free(n->p);
    memset(n, 0, sizeof *n);
}

/* Close to normal, by the sum of twelve: the same on every machine, unlike log and cos. */
static double draw_normal(struct rng *r)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += rng_double(r);
    return sum;
}

void net_init(struct net *n, uint64_t seed)
{
    struct rng r = {seed};
    for (size_t i = 0; i < n->n_tensors; i++) {
        const struct net_tensor *t = &n->tensors[i];
        float *p = n->p + t->at;
        double sigma = sqrt(0.5 / (double)t->n_in);
        if (t->kind == NET_EMBD)
            sigma = 0.05;
        if (t->kind == NET_O || t->kind == NET_DOWN)
            sigma /= sqrt(2.0 * n->cfg.n_layer);
        for (size_t j = 0; j < t->n_out * t->n_in; j++)
            p[j] = net_is_gain(t) ? 1.0f : (float)(sigma * draw_normal(&r));
    }
}
