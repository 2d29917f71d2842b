/* reference.h - the trained network once more, in double precision and without any of its code:
 * plain loops over one sequence, from which finite differences come.  Test programs only. */
#ifndef REFERENCE_H
#define REFERENCE_H
#include "backends/native/train/net.h"
#include "harness/base/rng.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static inline float ref_draw(struct rng *r, double spread)
{
    return (float)(spread * (2 * rng_double(r) - 1));
}
static inline double *ref_doubles(size_t n)
{
    double *v = calloc(n, sizeof *v);
    if (!v)
        abort();
    return v;
}
static inline void ref_norm(const double *x, const double *g, size_t d, double *y)
{
    double s = 0;
    for (size_t i = 0; i < d; i++)
        s += x[i] * x[i];
    for (size_t i = 0; i < d; i++)
        y[i] = x[i] / sqrt(s / (double)d + 1e-5) * g[i];
}
static inline void ref_mul(const double *w, const double *x, size_t n_out, size_t n_in, double *y)
{
    for (size_t o = 0; o < n_out; o++) {
        y[o] = 0;
        for (size_t i = 0; i < n_in; i++)
            y[o] += w[o * n_in + i] * x[i];
    }
}
static inline void ref_rope(double *x, size_t n_head, size_t hd, size_t pos)
{
    for (size_t h = 0; h < n_head; h++)
        for (size_t i = 0; i < hd / 2; i++) {
            double a = (double)pos / pow(10000, 2.0 * (double)i / (double)hd);
            double *p = x + h * hd + 2 * i, p0 = p[0], p1 = p[1];
            p[0] = p0 * cos(a) - p1 * sin(a);
            p[1] = p0 * sin(a) + p1 * cos(a);
        }
}
/* One token's attention: q [n_head][hd]; k, v [pos + 1][n_head_kv][hd], `ld` apart. */
static inline void ref_attend(const double *q, const double *k, const double *v, size_t ld,
                              size_t n_head, size_t n_head_kv, size_t hd, size_t pos, double *out)
{
    double *p = ref_doubles(pos + 1);
    for (size_t h = 0; h < n_head; h++) {
        const size_t kv = h / (n_head / n_head_kv) * hd;
        double top = -INFINITY, sum = 0;
        for (size_t j = 0; j <= pos; j++) {
            p[j] = 0;
            for (size_t i = 0; i < hd; i++)
                p[j] += q[h * hd + i] * k[j * ld + kv + i];
            p[j] /= sqrt((double)hd);
            top = p[j] > top ? p[j] : top;
        }
        for (size_t j = 0; j <= pos; j++)
            sum += p[j] = exp(p[j] - top);
        for (size_t i = 0; i < hd; i++) {
            out[h * hd + i] = 0;
            for (size_t j = 0; j <= pos; j++)
                out[h * hd + i] += p[j] / sum * v[j * ld + kv + i];
        }
    }
    free(p);
}
static inline double ref_lse(const double *z, size_t n)
{
    double top = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        top = z[i] > top ? z[i] : top;
    for (size_t i = 0; i < n; i++)
        sum += exp(z[i] - top);
    return top + log(sum);
}

/* Logits [n][n_vocab] of one sequence, from parameters laid out as net.h says. */
static inline double *ref_logits(const struct net *net, const double *p, const uint16_t *tokens,
                                 size_t n)
{
    const struct net_config *c = &net->cfg;
    const size_t d = c->n_embd, ff = c->n_ff, ld = net->n_qkv;
    double *qkv = ref_doubles(c->n_layer * n * ld), *x = ref_doubles(d), *xn = ref_doubles(d);
    double *att = ref_doubles(net->n_q), *y = ref_doubles(d), *gu = ref_doubles(2 * ff);
    double *z = ref_doubles(n * c->n_vocab);
    for (size_t t = 0; t < n; t++) {
        memcpy(x, p + net_at(net, 0, NET_EMBD)->at + tokens[t] * d, d * sizeof *x);
        for (uint32_t l = 0; l < c->n_layer; l++) {
            double *rows = qkv + l * n * ld, *own = rows + t * ld;
            ref_norm(x, p + net_at(net, l, NET_ATTN_NORM)->at, d, xn);
            ref_mul(p + net_at(net, l, NET_QKV)->at, xn, ld, d, own);
            ref_rope(own, c->n_head + c->n_head_kv, c->head_dim, t);
            ref_attend(own, rows + net->n_q, rows + net->n_q + net->n_kv, ld, c->n_head,
                       c->n_head_kv, c->head_dim, t, att);
            ref_mul(p + net_at(net, l, NET_O)->at, att, d, net->n_q, y);
            for (size_t i = 0; i < d; i++)
                x[i] += y[i];
            ref_norm(x, p + net_at(net, l, NET_FFN_NORM)->at, d, xn);
            ref_mul(p + net_at(net, l, NET_GATE_UP)->at, xn, 2 * ff, d, gu);
            for (size_t i = 0; i < ff; i++)
                gu[i] = gu[i] / (1 + exp(-gu[i])) * gu[ff + i];
            ref_mul(p + net_at(net, l, NET_DOWN)->at, gu, d, ff, y);
            for (size_t i = 0; i < d; i++)
                x[i] += y[i];
        }
        ref_norm(x, p + net_at(net, 0, NET_OUTPUT_NORM)->at, d, xn);
        ref_mul(p + net_at(net, 0, NET_EMBD)->at, xn, c->n_vocab, d, z + t * c->n_vocab);
    }
    free(qkv), free(x), free(xn), free(att), free(y), free(gu);
    return z;
}
#endif
