/* tiny_model.h - small random llama models built in memory, and an independent forward pass over
 * them: double precision, one sequence at a time, full attention, nothing shared.  Test programs
 * only. */
#ifndef TINY_MODEL_H
#define TINY_MODEL_H
#include "backends/native/forward.h"
#include "backends/native/kern.h"
#include "backends/native/linear.h"
#include "backends/native/model.h"
#include "backends/native/quant.h"
#include "harness/base/pool.h"
#include "harness/base/rng.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tiny_spec {
    uint32_t n_vocab, n_ctx, n_embd, n_layer, n_head, n_head_kv, head_dim, n_ff, rope_dims;
    float rope_scale;
    int freqs, tied, threads;
    enum kv_type kv;
    struct scheme scheme;
    const char *cpu;              /* level of cpu.h; NULL: all */
    uint64_t seed;
};

static const struct tiny_spec tiny_default = {
    .n_vocab = 97, .n_ctx = 700, .n_embd = 64, .n_layer = 3, .n_head = 4, .n_head_kv = 2,
    .head_dim = 16, .n_ff = 96, .rope_dims = 16, .rope_scale = 1, .tied = 1, .threads = 1,
    .scheme = {SCHEME_F32, 0}, .seed = 1,
};

struct tiny {
    struct model m;
    struct kern kern;
    struct layer layers[8];
    float rope_freqs[64];
};

static inline float *tiny_floats(struct tiny *t, struct rng *r, size_t n, double base,
                                 double spread)
{
    float *v = arena_alloc(&t->m.arena, n * sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i] = (float)(base + spread * (2 * rng_double(r) - 1));
    return v;
}

static inline struct linear *tiny_linear(struct tiny *t, struct scheme s, struct rng *r,
                                         size_t n_out, size_t n_in, double spread)
{
    struct linear *l = NULL;
    struct assay_err err = {0};
    const float *w = tiny_floats(t, r, n_out * n_in, 0, spread);
    if (linear_new(t->m.kern, s, "tiny", QT_F32, w, n_out, n_in, NULL, &l, &err) < 0) {
        fprintf(stderr, "tiny model: %s\n", err.msg);
        abort();
    }
    return l;
}

static inline struct tiny *tiny_new(const struct tiny_spec *s)
{
    struct tiny *t = calloc(1, sizeof *t);
    struct assay_err err = {0};
    if (!t || kern_open(s->cpu, &t->kern, &err) < 0)
        abort();
    struct rng r = {s->seed};
    const uint32_t d = s->n_embd, nq = s->n_head * s->head_dim, nkv = s->n_head_kv * s->head_dim;
    t->m.kern = &t->kern;
    t->m.pool = s->threads > 1 ? pool_new(s->threads) : NULL;
    t->m.kv = s->kv;
    t->m.hp = (struct hparams){
        .n_vocab = s->n_vocab,
        .n_ctx = s->n_ctx,
        .n_embd = d,
        .n_layer = s->n_layer,
        .n_head = s->n_head,
        .n_head_kv = s->n_head_kv,
        .head_dim = s->head_dim,
        .n_ff = s->n_ff,
        .rope_dims = s->rope_dims,
        .rope_base = 10000,
        .rms_eps = 1e-5f,
        .rope_scale = s->rope_scale,
    };
    t->m.layers = t->layers;
    t->m.embd = tiny_linear(t, s->scheme, &r, s->n_vocab, d, 0.3);
    t->m.output = s->tied ? t->m.embd : tiny_linear(t, s->scheme, &r, s->n_vocab, d, 0.2);
    t->m.output_norm = tiny_floats(t, &r, d, 1, 0.3);
    for (uint32_t l = 0; l < s->n_layer; l++) {
        struct layer *w = &t->layers[l];
        w->attn_norm = tiny_floats(t, &r, d, 1, 0.3);
        w->ffn_norm = tiny_floats(t, &r, d, 1, 0.3);
        w->q = tiny_linear(t, s->scheme, &r, nq, d, 0.2);
        w->k = tiny_linear(t, s->scheme, &r, nkv, d, 0.2);
        w->v = tiny_linear(t, s->scheme, &r, nkv, d, 0.2);
        w->o = tiny_linear(t, s->scheme, &r, d, nq, 0.2);
        w->gate = tiny_linear(t, s->scheme, &r, s->n_ff, d, 0.2);
        w->up = tiny_linear(t, s->scheme, &r, s->n_ff, d, 0.2);
        w->down = tiny_linear(t, s->scheme, &r, d, s->n_ff, 0.2);
    }
    if (s->freqs) {
        for (uint32_t i = 0; i < s->rope_dims / 2; i++)
            t->rope_freqs[i] = 1.0f + (float)i;
        t->m.rope_freqs = t->rope_freqs;
    }
    if (forward_new(&t->m, &t->m.forward, &err) < 0)
        abort();
    return t;
}

static inline void tiny_free(struct tiny *t)
{
    forward_free(t->m.forward);
    for (uint32_t l = 0; l < t->m.hp.n_layer; l++) {
        struct layer *w = &t->layers[l];
        struct linear *all[] = {w->q, w->k, w->v, w->o, w->gate, w->up, w->down};
        for (size_t i = 0; i < 7; i++)
            linear_free(all[i]);
    }
    if (t->m.output != t->m.embd)
        linear_free(t->m.output);
    linear_free(t->m.embd);
    pool_free(t->m.pool);
    arena_release(&t->m.arena);
    free(t);
}

/* -- the independent forward pass -------------------------------------------------------------- */
static inline void naive_mul(const struct linear *w, const double *x, double *y)
{
    const size_t n_in = linear_n_in(w);
    float *row = malloc(n_in * sizeof *row);
    for (size_t o = 0; o < linear_n_out(w); o++) {
        linear_row(w, o, row);
        y[o] = 0;
        for (size_t i = 0; i < n_in; i++)
            y[o] += (double)row[i] * x[i];
    }
    free(row);
}

static inline void naive_norm(const double *x, const float *w, size_t n, double eps, double *y)
{
    double s = 0;
    for (size_t i = 0; i < n; i++)
        s += x[i] * x[i];
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / sqrt(s / (double)n + eps) * (double)w[i];
}

static inline void naive_rope(const struct model *m, double *x, size_t n_head, size_t pos)
{
    const struct hparams *hp = &m->hp;
    for (size_t h = 0; h < n_head; h++)
        for (size_t i = 0; i < hp->rope_dims / 2; i++) {
            double a = (double)pos / (double)hp->rope_scale /
                       pow((double)hp->rope_base, 2.0 * (double)i / hp->rope_dims);
            if (m->rope_freqs)
                a /= (double)m->rope_freqs[i];
            double *p = x + h * hp->head_dim + 2 * i, p0 = p[0], p1 = p[1];
            p[0] = p0 * cos(a) - p1 * sin(a);
            p[1] = p0 * sin(a) + p1 * cos(a);
        }
}

static inline void naive_attend(const struct hparams *hp, const double *q, const double *k,
                                const double *v, size_t pos, double *out)
{
    const size_t hd = hp->head_dim, rep = hp->n_head / hp->n_head_kv, nkv = hd * hp->n_head_kv;
    double *p = malloc((pos + 1) * sizeof *p);
    for (size_t h = 0; h < hp->n_head; h++) {
        double top = -INFINITY, sum = 0;
        for (size_t j = 0; j <= pos; j++) {
            p[j] = 0;
            for (size_t d = 0; d < hd; d++)
                p[j] += q[h * hd + d] * k[j * nkv + h / rep * hd + d];
            p[j] /= sqrt((double)hd);
            top = p[j] > top ? p[j] : top;
        }
        for (size_t j = 0; j <= pos; j++)
            sum += p[j] = exp(p[j] - top);
        for (size_t d = 0; d < hd; d++) {
            out[h * hd + d] = 0;
            for (size_t j = 0; j <= pos; j++)
                out[h * hd + d] += p[j] / sum * v[j * nkv + h / rep * hd + d];
        }
    }
    free(p);
}

/* Logits after every token: [n][n_vocab], the caller frees. */
static inline double *naive_logits(const struct model *m, const int32_t *tokens, size_t n)
{
    const struct hparams *hp = &m->hp;
    const size_t d = hp->n_embd, nq = (size_t)hp->n_head * hp->head_dim;
    const size_t nkv = (size_t)hp->n_head_kv * hp->head_dim, ff = hp->n_ff;
    double *logits = malloc(n * hp->n_vocab * sizeof *logits);
    double *k = malloc(hp->n_layer * n * nkv * sizeof *k),
           *v = malloc(hp->n_layer * n * nkv * sizeof *v);
    double *x = malloc(d * sizeof *x), *xn = malloc(d * sizeof *xn), *y = malloc(d * sizeof *y);
    double *q = malloc(nq * sizeof *q), *att = malloc(nq * sizeof *att);
    double *g = malloc(ff * sizeof *g), *u = malloc(ff * sizeof *u);
    float *row = malloc(d * sizeof *row);
    for (size_t t = 0; t < n; t++) {
        linear_row(m->embd, (size_t)tokens[t], row);
        for (size_t i = 0; i < d; i++)
            x[i] = (double)row[i];
        for (uint32_t l = 0; l < hp->n_layer; l++) {
            const struct layer *w = &m->layers[l];
            double *kl = k + l * n * nkv, *vl = v + l * n * nkv;
            naive_norm(x, w->attn_norm, d, (double)hp->rms_eps, xn);
            naive_mul(w->q, xn, q);
            naive_mul(w->k, xn, kl + t * nkv);
            naive_mul(w->v, xn, vl + t * nkv);
            naive_rope(m, q, hp->n_head, t);
            naive_rope(m, kl + t * nkv, hp->n_head_kv, t);
            naive_attend(hp, q, kl, vl, t, att);
            naive_mul(w->o, att, y);
            for (size_t i = 0; i < d; i++)
                x[i] += y[i];
            naive_norm(x, w->ffn_norm, d, (double)hp->rms_eps, xn);
            naive_mul(w->gate, xn, g);
            naive_mul(w->up, xn, u);
            for (size_t i = 0; i < ff; i++)
                g[i] = g[i] / (1 + exp(-g[i])) * u[i];
            naive_mul(w->down, g, y);
            for (size_t i = 0; i < d; i++)
                x[i] += y[i];
        }
        naive_norm(x, m->output_norm, d, (double)hp->rms_eps, xn);
        naive_mul(m->output, xn, logits + t * hp->n_vocab);
    }
    free(k), free(v), free(x), free(xn), free(y), free(q), free(att), free(g), free(u), free(row);
    return logits;
}

static inline double naive_logprob(const double *logits, size_t n_vocab, int32_t token)
{
    double top = -INFINITY, sum = 0;
    for (size_t i = 0; i < n_vocab; i++)
        top = logits[i] > top ? logits[i] : top;
    for (size_t i = 0; i < n_vocab; i++)
        sum += exp(logits[i] - top);
    return logits[token] - top - log(sum);
}
#endif
