/* net_file.c - fused matrices to a file's separate ones and back. */
#include "backends/native/train/net_file.h"
#include "backends/native/gguf.h"
#include "backends/native/hparams.h"
#include "backends/native/model.h"
#include "backends/native/quant.h"
#include "backends/native/train/gguf_write.h"
#include "backends/native/vocab.h"
#include "harness/base/err.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_NAME = 64,
    MAX_PIECES = 16,
    ALL_F32 = 0,
    MOSTLY_F16 = 1,
    MOSTLY_Q4_0 = 2,
    MOSTLY_Q8_0 = 7
};

/* -- pieces: one tensor of a file, rows first..first+n_out of a fused one ---------------------- */
struct piece {
    char name[MAX_NAME];
    const struct net_tensor *of;
    size_t first, n_out;
};

static void piece_set(struct piece *p, const struct net_tensor *t, const char *name, size_t first,
                      size_t n_out)
{
    p->of = t;
    p->first = first;
    p->n_out = n_out;
    if (t->kind == NET_EMBD || t->kind == NET_OUTPUT_NORM)
        snprintf(p->name, sizeof p->name, "%s.weight", name);
    else
        snprintf(p->name, sizeof p->name, "blk.%u.%s.weight", t->layer, name);
}

static size_t pieces_of(const struct net *n, const struct net_tensor *t, struct piece *p)
{
    static const char *const whole[] = {
        [NET_EMBD] = "token_embd", [NET_ATTN_NORM] = "attn_norm",
        [NET_O] = "attn_output",   [NET_FFN_NORM] = "ffn_norm",
        [NET_DOWN] = "ffn_down",   [NET_OUTPUT_NORM] = "output_norm",
    };
    const size_t ff = n->cfg.n_ff;
    if (t->kind == NET_QKV) {
        piece_set(&p[0], t, "attn_q", 0, n->n_q);
        piece_set(&p[1], t, "attn_k", n->n_q, n->n_kv);
        piece_set(&p[2], t, "attn_v", n->n_q + n->n_kv, n->n_kv);
        return 3;
    }
    if (t->kind == NET_GATE_UP) {
        piece_set(&p[0], t, "ffn_gate", 0, ff);
        piece_set(&p[1], t, "ffn_up", ff, ff);
        return 2;
    }
    piece_set(&p[0], t, whole[t->kind], 0, t->n_out);
    return 1;
}

/* -- saving ------------------------------------------------------------------------------------ */

static const struct grid *grid_for(const struct net_save *o, const struct net_tensor *t)
{
    if (!o->mode || net_is_gain(t))
        return NULL;
    return t->kind == NET_EMBD ? &o->mode->embd : &o->mode->weights;
}

static uint32_t type_for(const struct net_save *o, const struct net_tensor *t)
{
    const struct grid *g = grid_for(o, t);
    if (net_is_gain(t) || strcmp(o->type, "f32") == 0)
        return QT_F32;
    if (strcmp(o->type, "grid") != 0 || !g)
        return QT_F16;
    return g->rule == GRID_BLOCK ? g->type : grid_is_q4_0(g) ? QT_Q4_0 : QT_F16;
}

/* What a reader will see must be finite, and on the grid still.  Eight-bit rows in fp16 keep their
 * codes though not every bit of their values. */
static int check_stored(const struct net_save *o, const struct piece *p, uint32_t type,
                        const float *seen, struct assay_err *e)
{
    const struct grid *g = grid_for(o, p->of);
    const size_t n = p->n_out * p->of->n_in;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(seen[i]))
            return err_set(e, ASSAY_EUSAGE, "tensor '%s' holds %g at %zu", p->name, (double)seen[i],
                           i);
    if (!g || g->rule == GRID_NONE || (type == QT_F16 && g->qmax > 7))
        return 0;
    float *again = malloc(n * sizeof *again);
    if (!again)
        return err_set(e, ASSAY_ENOMEM, "no memory for tensor '%s'", p->name);
    grid_matrix(g, seen, p->n_out, p->of->n_in, again);
    bool same = true;
    for (size_t i = 0; i < n; i++)
        same = same && again[i] == seen[i];
    free(again);
    return same ? 0
                : err_set(e, ASSAY_EUSAGE,
                          "tensor '%s' does not lie on the grid of %s when "
                          "stored as %s; choose another type",
                          p->name, o->mode->name, o->type);
}

static int save_piece(const struct net_save *o, const struct piece *p, const float *values,
                      struct gguf_out *g, struct assay_err *e)
{
    const struct net_tensor *t = p->of;
    const size_t n = p->n_out * t->n_in;
    const uint32_t type = type_for(o, t);
    const struct quant_traits *q = quant_find(type);
    const float *w = values + t->at + p->first * t->n_in;
    if (t->n_in % q->block)
        return err_set(e, ASSAY_EUSAGE, "tensor '%s' has rows of %zu, %s needs a multiple of %u",
                       p->name, t->n_in, q->name, q->block);
    void *codes = malloc(n / q->block * q->bytes);
    float *seen = malloc(n * sizeof *seen);
    int rc = codes && seen ? 0 : err_set(e, ASSAY_ENOMEM, "no memory for tensor '%s'", p->name);
    if (rc == 0) {
        const struct grid *own = grid_for(o, t);
        if (type == QT_Q4_0 && own->rule != GRID_BLOCK)
            grid_q4_0(own, w, n, codes);
        else
            q->quantize(w, codes, n);
        q->dequantize(codes, seen, n);
        rc = check_stored(o, p, type, seen, e);
    }
    if (rc == 0)
        gguf_out_tensor(g, p->name, type, (uint64_t[]){t->n_in, p->n_out}, net_is_gain(t) ? 1 : 2,
                        codes);
    free(codes);
    free(seen);
    return rc;
}

static void save_keys(const struct net *n, const struct net_save *o, struct gguf_out *g)
{
    const struct net_config *c = &n->cfg;
    const uint32_t main_type = type_for(o, net_at(n, 0, NET_O));
    gguf_out_str(g, "general.architecture", "llama");
    gguf_out_str(g, "general.name", o->name);
    gguf_out_u32(g, "general.file_type",
                 main_type == QT_F32    ? ALL_F32
                 : main_type == QT_Q4_0 ? MOSTLY_Q4_0
                 : main_type == QT_Q8_0 ? MOSTLY_Q8_0
                                        : MOSTLY_F16);
    gguf_out_u32(g, "llama.vocab_size", c->n_vocab);
    gguf_out_u32(g, "llama.context_length", c->n_ctx);
    gguf_out_u32(g, "llama.embedding_length", c->n_embd);
    gguf_out_u32(g, "llama.block_count", c->n_layer);
    gguf_out_u32(g, "llama.feed_forward_length", c->n_ff);
    gguf_out_u32(g, "llama.attention.head_count", c->n_head);
    gguf_out_u32(g, "llama.attention.head_count_kv", c->n_head_kv);
    gguf_out_u32(g, "llama.attention.key_length", c->head_dim);
    gguf_out_u32(g, "llama.attention.value_length", c->head_dim);
    gguf_out_u32(g, "llama.rope.dimension_count", c->head_dim);
    gguf_out_f32(g, "llama.rope.freq_base", (float)NET_ROPE_BASE);
    gguf_out_f32(g, "llama.attention.layer_norm_rms_epsilon", NET_EPS);
    if (o->mode)
        gguf_out_str(g, "assay.trained_for", o->mode->name);
}

static void copy_tokenizer(const struct gguf *from, struct gguf_out *g)
{
    static const char prefix[] = "tokenizer.";
    for (uint32_t i = 0; i < from->n_kv; i++) {
        const struct gguf_str key = from->kv[i].key;
        if (key.n > sizeof prefix - 1 && memcmp(key.v, prefix, sizeof prefix - 1) == 0)
            gguf_out_copy(g, &from->kv[i]);
    }
}

static int check_vocab(const struct gguf *g, uint32_t *n, struct assay_err *e)
{
    struct vocab *v = NULL;
    TRY(vocab_open(g, &v, e));
    *n = vocab_size(v);
    vocab_close(v);
    return 0;
}

int net_vocab(const char *path, uint32_t *n, struct assay_err *e)
{
    struct gguf *g = NULL;
    TRY(gguf_open(path, &g, e));
    const int rc = check_vocab(g, n, e);
    gguf_close(g);
    return rc;
}

int net_save(const struct net *n, const float *values, const struct net_save *o,
             struct assay_err *e)
{
    struct gguf *from = NULL;
    uint32_t n_vocab = 0;
    TRY(gguf_open(o->tokenizer, &from, e));
    struct gguf_out *g = gguf_out_new();
    int rc = check_vocab(from, &n_vocab, e);
    if (rc == 0 && n_vocab != n->cfg.n_vocab)
        rc = err_set(e, ASSAY_EUSAGE, "%s: a tokenizer of %u pieces for a network of %u",
                     o->tokenizer, n_vocab, n->cfg.n_vocab);
    if (rc < 0)
        goto out;
    save_keys(n, o, g);
    copy_tokenizer(from, g);
    for (size_t i = 0; rc == 0 && i < n->n_tensors; i++) {
        struct piece p[MAX_PIECES];
        const size_t n_pieces = pieces_of(n, &n->tensors[i], p);
        for (size_t k = 0; rc == 0 && k < n_pieces; k++)
            rc = save_piece(o, &p[k], values, g, e);
    }
    if (rc == 0)
        rc = gguf_out_write(g, o->path, e);
out:
    gguf_out_free(g);
    gguf_close(from);
    return rc;
}

/* -- loading ----------------------------------------------------------------------------------- */

static int read_config(const struct gguf *g, struct net_config *c, struct assay_err *e)
{
    struct hparams hp = {0};
    TRY(hparams_read(g, &hp, e));
    TRY(check_vocab(g, &hp.n_vocab, e));
    if (hp.rms_eps != NET_EPS || hp.rope_base != (float)NET_ROPE_BASE || hp.rope_scale != 1 ||
        hp.rope_dims != hp.head_dim)
        return err_set(
            e, ASSAY_EUNSUPPORTED,
            "%s: norms with eps %g and heads of %u that rotate %u dimensions by base %g / "
            "%g cannot be trained, expected %g, all, %g and 1",
            g->path, (double)hp.rms_eps, hp.head_dim, hp.rope_dims, (double)hp.rope_base,
            (double)hp.rope_scale, (double)NET_EPS, NET_ROPE_BASE);
    *c = (struct net_config){hp.n_vocab, hp.n_ctx,     hp.n_embd,   hp.n_layer,
                             hp.n_head,  hp.n_head_kv, hp.head_dim, hp.n_ff};
    return 0;
}

static int load_piece(const struct gguf *g, const struct piece *p, float *values,
                      struct assay_err *e)
{
    const struct gguf_tensor *t = gguf_tensor(g, p->name);
    float *to = values + p->of->at + p->first * p->of->n_in;
    if (!t)
        return err_set(e, ASSAY_EFORMAT, "%s: the tensor '%s' is missing", g->path, p->name);
    if (t->dims[0] != p->of->n_in || t->dims[1] != p->n_out || t->dims[2] != 1 || t->dims[3] != 1)
        return err_set(e, ASSAY_EFORMAT, "%s: tensor '%s' is [%llu, %llu], expected [%zu, %zu]",
                       g->path, p->name, (unsigned long long)t->dims[0],
                       (unsigned long long)t->dims[1], p->of->n_in, p->n_out);
    quant_find(t->type)->dequantize(t->v, to, p->n_out * p->of->n_in);
    for (size_t i = 0; i < p->n_out * p->of->n_in; i++)
        if (!isfinite(to[i]))
            return err_set(e, ASSAY_EFORMAT, "%s: tensor '%s' holds %g at %zu", g->path, p->name,
                           (double)to[i], i);
    return 0;
}

static int load(const struct gguf *g, struct net *n, struct assay_err *e)
{
    struct net_config c;
    size_t n_pieces = 0;
    TRY(read_config(g, &c, e));
    TRY(net_new(&c, n, e));
    for (size_t i = 0; i < n->n_tensors; i++) {
        struct piece p[MAX_PIECES];
        const size_t k = pieces_of(n, &n->tensors[i], p);
        for (size_t j = 0; j < k; j++)
            TRY(load_piece(g, &p[j], n->p, e));
        n_pieces += k;
    }
    if (n_pieces != g->n_tensors)
        return err_set(e, ASSAY_EUNSUPPORTED, "%s: %u tensors, a llama with a tied head has %zu",
                       g->path, g->n_tensors, n_pieces);
    return 0;
}

int net_load(const char *path, struct net *n, struct assay_err *e)
{
    struct gguf *g = NULL;
    memset(n, 0, sizeof *n);
    TRY(gguf_open(path, &g, e));
    const int rc = load(g, n, e);
    gguf_close(g);
    if (rc < 0)
        net_release(n);
    return rc;
}
