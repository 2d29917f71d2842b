/* pass.c - the network, forward and backward; the parts' formulas are in ops.c and ops_attend.c. */
#include "backends/native/train/pass.h"
#include "backends/native/train/mm.h"
#include "harness/base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, SKEW = 16 }; /* SKEW: keeps transposed rows off powers of two */

/* -- memory ------------------------------------------------------------------------------------ */
struct carve { /* first run: counts; second run: hands out */
    char *base;
    size_t used;
};

static float *floats(struct carve *c, size_t n)
{
    float *p = c->base ? (float *)(void *)(c->base + c->used) : NULL;
    c->used += (n * sizeof(float) + ALIGN - 1) / ALIGN * ALIGN;
    return p;
}

static size_t max3(size_t a, size_t b, size_t c)
{
    const size_t ab = a > b ? a : b;
    return ab > c ? ab : c;
}

static void carve_layer(const struct pass *p, struct pass_layer *l, struct carve *c)
{
    const struct net *n = p->net;
    const size_t t = p->cap, d = n->cfg.n_embd, ff = n->cfg.n_ff;
    l->x = floats(c, t * d);
    l->r1 = floats(c, t);
    l->xn1 = floats(c, t * d);
    l->qkv = floats(c, t * n->n_qkv);
    l->att = floats(c, t * n->n_q);
    l->p = floats(c, t * n->cfg.n_head * ops_attend_ld(n->cfg.n_ctx));
    l->mid = floats(c, t * d);
    l->r2 = floats(c, t);
    l->xn2 = floats(c, t * d);
    l->gu = floats(c, t * 2 * ff);
    l->act = floats(c, t * ff);
}

static void carve_all(struct pass *p, int train, struct carve *c)
{
    const struct net *n = p->net;
    const size_t t = p->cap, d = n->cfg.n_embd, ff = n->cfg.n_ff, v = n->cfg.n_vocab;
    const size_t half = (size_t)n->cfg.n_ctx * n->cfg.head_dim / 2;
    for (uint32_t i = 0; i < n->cfg.n_layer; i++)
        carve_layer(p, &p->layers[i], c);
    p->rope.cosine = floats(c, half);
    p->rope.sine = floats(c, half);
    p->x = floats(c, t * d);
    p->rf = floats(c, t);
    p->xf = floats(c, t * d);
    p->logits = floats(c, PASS_CHUNK * v);
    p->scratch = floats(c, ops_attend_scratch(n->cfg.n_ctx, n->cfg.head_dim));
    if (!train)
        return;
    p->other = floats(c, PASS_CHUNK * v);
    p->dx = floats(c, t * d);
    p->dxn = floats(c, t * d);
    p->dqkv = floats(c, t * n->n_qkv);
    p->datt = floats(c, t * n->n_q);
    p->dgu = floats(c, t * 2 * ff);
    p->dact = floats(c, t * ff);
    p->turned = floats(c, (t + SKEW) * max3(d, ff, n->n_q));
    const size_t wide = mm_panels(max3(2 * ff, n->n_qkv, d), t), head = mm_panels(v, PASS_CHUNK);
    p->panels = floats(c, wide > head ? wide : head);
    p->grad = floats(c, n->n_params);
    p->grad_rows = floats(c, v * d);
}

/* As the engine's table, in double and rounded once. */
static void fill_rope(struct pass *p)
{
    const size_t hd = p->net->cfg.head_dim;
    float *c = p->rope.cosine, *s = p->rope.sine;
    for (size_t i = 0; i < hd / 2; i++) {
        const double theta = pow(NET_ROPE_BASE, -2.0 * (double)i / (double)hd);
        for (size_t pos = 0; pos < p->net->cfg.n_ctx; pos++) {
            c[pos * hd / 2 + i] = (float)cos((double)pos * theta);
            s[pos * hd / 2 + i] = (float)sin((double)pos * theta);
        }
    }
}

int pass_new(const struct net *net, const struct pass_options *o, struct pass *p,
             struct assay_err *e)
{
    struct carve c = {0};
    *p = (struct pass){
        .net = net, .kern = o->kern, .cap = o->cap, .ops = attend_pick(o->kern->features)};
    p->rope.hd = net->cfg.head_dim;
    p->layers = calloc(net->cfg.n_layer, sizeof *p->layers);
    p->lost = calloc(o->cap, sizeof *p->lost);
    if (p->layers) {
        carve_all(p, o->train, &c);
        p->mem = c.base = aligned_alloc(ALIGN, c.used);
    }
    if (!p->layers || !p->lost || !p->mem) {
        pass_release(p);
        return err_set(e, ASSAY_ENOMEM, "no memory for a pass over %zu tokens (%zu MiB)", o->cap,
                       c.used >> 20);
    }
    c.used = 0;
    carve_all(p, o->train, &c);
    fill_rope(p);
    if (o->train)
        pass_clear(p);
    return 0;
}

void pass_release(struct pass *p)
{
    if (!p)
        return;
    free(p->layers);
    free(p->lost);
    free(p->mem);
    memset(p, 0, sizeof *p);
}

void pass_clear(struct pass *p)
{
    const struct net_config *c = &p->net->cfg;
    memset(p->grad, 0, p->net->n_params * sizeof *p->grad);
    memset(p->grad_rows, 0, (size_t)c->n_vocab * c->n_embd * sizeof *p->grad_rows);
}

/* -- products with a weight matrix ------------------------------------------------------------- */
struct rows { /* of a product: y (+)= x through tensor i */
    const float *x;
    float *y;
    size_t n;
    bool add;
};

static void product(const struct pass *p, const struct pack *w, const struct net_tensor *t,
                    const struct rows *r, bool back)
{
    const size_t i = (size_t)(t - w->net->tensors);
    const size_t out = back ? t->n_in : t->n_out, in = back ? t->n_out : t->n_in;
    const struct kern_f32 g = {
        .w = w->panels + (back ? w->cols : w->rows)[i],
        .stride = in * KERN_ROWS,
        .n_rows = out,
        .n_k = in,
        .x = r->x,
        .ldx = in,
        .n = r->n,
        .y = r->y,
        .ldy = out,
        .add = r->add,
    };
    mm_run(p->kern, &g);
}

/* grad[i][o] += sum_t x[t][i] dy[t][o] */
static void gradient(struct pass *p, const struct net_tensor *t, const float *x, const float *dy,
                     size_t n)
{
    const size_t ld = n + SKEW;
    mm_transpose(x, t->n_in, n, t->n_in, p->turned, ld);
    mm_pack_cols(dy, t->n_out, t->n_out, n, p->panels);
    const struct kern_f32 g = {
        .w = p->panels,
        .stride = n * KERN_ROWS,
        .n_rows = t->n_out,
        .n_k = n,
        .x = p->turned,
        .ldx = ld,
        .n = t->n_in,
        .y = p->grad + t->at,
        .ldy = t->n_out,
        .add = true,
    };
    mm_run(p->kern, &g);
}

static void round_acts(const struct pack *w, float *x, size_t n, size_t n_in)
{
    if (w->mode)
        grid_acts(&w->mode->acts, x, n, n_in);
}

/* -- forward ----------------------------------------------------------------------------------- */

static struct ops_attend attend_job(const struct pass *p, const struct pass_layer *l,
                                    const struct pass_input *in, size_t seq)
{
    const struct net *n = p->net;
    const size_t at = in->starts[seq];
    return (struct ops_attend){
        .kern = p->kern,
        .ops = p->ops,
        .n = in->starts[seq + 1] - at,
        .n_head = n->cfg.n_head,
        .n_head_kv = n->cfg.n_head_kv,
        .hd = n->cfg.head_dim,
        .q = l->qkv + at * n->n_qkv,
        .k = l->qkv + at * n->n_qkv + n->n_q,
        .v = l->qkv + at * n->n_qkv + n->n_q + n->n_kv,
        .ld = n->n_qkv,
        .out = l->att + at * n->n_q,
        .ldo = n->n_q,
        .p = l->p + at * n->cfg.n_head * ops_attend_ld(n->cfg.n_ctx),
        .scratch = p->scratch,
    };
}

static struct ops_norm norm_job(const struct pass *p, uint32_t layer, enum net_kind kind, size_t n)
{
    const struct pass_layer *l = &p->layers[layer];
    struct ops_norm job = {.gain = net_values(p->net, layer, kind),
                           .n = n,
                           .d = p->net->cfg.n_embd,
                           .eps = NET_EPS,
                           .x = p->x,
                           .y = p->xf,
                           .r = p->rf};
    if (kind == NET_ATTN_NORM)
        job.x = l->x, job.y = l->xn1, job.r = l->r1;
    else if (kind == NET_FFN_NORM)
        job.x = l->mid, job.y = l->xn2, job.r = l->r2;
    return job;
}

static void forward_attention(struct pass *p, const struct pack *w, uint32_t layer,
                              const struct pass_input *in)
{
    const struct net *n = p->net;
    struct pass_layer *l = &p->layers[layer];
    const struct ops_norm norm = norm_job(p, layer, NET_ATTN_NORM, in->n);
    ops_norm(&norm);
    round_acts(w, l->xn1, in->n, n->cfg.n_embd);
    product(p, w, net_at(n, layer, NET_QKV), &(struct rows){l->xn1, l->qkv, in->n, false}, false);
    for (size_t s = 0; s < in->n_seq; s++) {
        const struct ops_attend job = attend_job(p, l, in, s);
        ops_rope(&p->rope, l->qkv + in->starts[s] * n->n_qkv, job.n,
                 n->cfg.n_head + n->cfg.n_head_kv, n->n_qkv, 0);
        ops_attend(&job);
    }
    round_acts(w, l->att, in->n, n->n_q);
    memcpy(l->mid, l->x, in->n * n->cfg.n_embd * sizeof *l->x);
    product(p, w, net_at(n, layer, NET_O), &(struct rows){l->att, l->mid, in->n, true}, false);
}

static void forward_gate(struct pass *p, const struct pack *w, uint32_t layer,
                         const struct pass_input *in)
{
    const struct net *n = p->net;
    const size_t d = n->cfg.n_embd, ff = n->cfg.n_ff;
    struct pass_layer *l = &p->layers[layer];
    float *out = layer + 1 < n->cfg.n_layer ? p->layers[layer + 1].x : p->x;
    const struct ops_norm norm = norm_job(p, layer, NET_FFN_NORM, in->n);
    ops_norm(&norm);
    round_acts(w, l->xn2, in->n, d);
    product(p, w, net_at(n, layer, NET_GATE_UP), &(struct rows){l->xn2, l->gu, in->n, false},
            false);
    ops_gate(p->ops, l->gu, in->n, ff, l->act);
    round_acts(w, l->act, in->n, ff);
    memcpy(out, l->mid, in->n * d * sizeof *out);
    product(p, w, net_at(n, layer, NET_DOWN), &(struct rows){l->act, out, in->n, true}, false);
}

void pass_forward(struct pass *p, const struct pack *w, const struct pass_input *in)
{
    const size_t d = p->net->cfg.n_embd;
    for (size_t t = 0; t < in->n; t++)
        memcpy(p->layers[0].x + t * d, w->values + in->tokens[t] * d, d * sizeof(float));
    for (uint32_t l = 0; l < p->net->cfg.n_layer; l++) {
        forward_attention(p, w, l, in);
        forward_gate(p, w, l, in);
    }
    const struct ops_norm norm = norm_job(p, 0, NET_OUTPUT_NORM, in->n);
    ops_norm(&norm);
    if (w->mode)
        grid_acts(&w->mode->head_acts, p->xf, in->n, d);
}

void pass_logits(const struct pass *p, const struct pack *w, size_t at, size_t n, float *logits)
{
    const size_t d = p->net->cfg.n_embd;
    product(p, w, net_at(p->net, 0, NET_EMBD), &(struct rows){p->xf + at * d, logits, n, false},
            false);
}

/* -- the head ---------------------------------------------------------------------------------- */

static void lose_rows(struct pass *p, const struct pass_input *in, const struct pass_head *h,
                      size_t at, size_t n)
{
    const size_t v = p->net->cfg.n_vocab;
    for (size_t i = 0; i < n; i++) {
        const struct ops_loss job = {
            .n_vocab = v,
            .target = in->targets[at + i],
            .weight = in->weights[at + i] * h->scale,
            .mix = h->teacher ? h->mix : 0,
        };
        float *other = h->teacher ? p->other + i * v : NULL;
        p->lost[at + i] = (struct ops_lost){0};
        if (in->weights[at + i] > 0)
            p->lost[at + i] = ops_loss(p->ops, &job, p->logits + i * v, other);
        else
            memset(p->logits + i * v, 0, v * sizeof *p->logits);
    }
}

void pass_head(struct pass *p, const struct pack *w, const struct pass_input *in,
               const struct pass_head *h)
{
    const struct net_tensor *embd = net_at(p->net, 0, NET_EMBD);
    const size_t d = p->net->cfg.n_embd;
    for (size_t at = 0; at < in->n; at += PASS_CHUNK) {
        const size_t n = in->n - at < PASS_CHUNK ? in->n - at : PASS_CHUNK;
        pass_logits(p, w, at, n, p->logits);
        if (h->teacher)
            pass_logits(h->teacher, h->teacher_pack, at, n, p->other);
        lose_rows(p, in, h, at, n);
        product(p, w, embd, &(struct rows){p->logits, p->dxn + at * d, n, false}, true);
        gradient(p, embd, p->xf + at * d, p->logits, n);
    }
}

void pass_judge(struct pass *p, const struct pack *w, const struct pass_input *in)
{
    const size_t v = p->net->cfg.n_vocab;
    for (size_t at = 0; at < in->n; at += PASS_CHUNK) {
        const size_t n = in->n - at < PASS_CHUNK ? in->n - at : PASS_CHUNK;
        pass_logits(p, w, at, n, p->logits);
        for (size_t i = 0; i < n; i++) {
            struct attend_lse l = {0};
            const float *row = p->logits + i * v;
            p->lost[at + i] = (struct ops_lost){0};
            if (in->weights[at + i] <= 0)
                continue;
            p->ops->lse(row, v, &l);
            p->lost[at + i] = (struct ops_lost){.ce = l.lse - (double)row[in->targets[at + i]],
                                                .argmax = l.argmax};
        }
    }
}

/* -- backward ---------------------------------------------------------------------------------- */

static void norm_back(struct pass *p, uint32_t layer, enum net_kind kind, size_t n)
{
    const struct ops_norm job = norm_job(p, layer, kind, n);
    ops_norm_back(&job, p->dxn, p->dx, p->grad + net_at(p->net, layer, kind)->at);
}

static void back_gate(struct pass *p, const struct pack *w, uint32_t layer, size_t n)
{
    const struct net_tensor *down = net_at(p->net, layer, NET_DOWN);
    const struct net_tensor *gu = net_at(p->net, layer, NET_GATE_UP);
    const struct pass_layer *l = &p->layers[layer];
    product(p, w, down, &(struct rows){p->dx, p->dact, n, false}, true);
    gradient(p, down, l->act, p->dx, n);
    ops_gate_back(p->ops, l->gu, p->dact, n, p->net->cfg.n_ff, p->dgu);
    product(p, w, gu, &(struct rows){p->dgu, p->dxn, n, false}, true);
    gradient(p, gu, l->xn2, p->dgu, n);
    norm_back(p, layer, NET_FFN_NORM, n);
}

static void back_attention(struct pass *p, const struct pack *w, uint32_t layer,
                           const struct pass_input *in)
{
    const struct net *net = p->net;
    const struct net_tensor *o = net_at(net, layer, NET_O), *qkv = net_at(net, layer, NET_QKV);
    const struct pass_layer *l = &p->layers[layer];
    product(p, w, o, &(struct rows){p->dx, p->datt, in->n, false}, true);
    gradient(p, o, l->att, p->dx, in->n);
    for (size_t s = 0; s < in->n_seq; s++) {
        const struct ops_attend job = attend_job(p, l, in, s);
        float *d = p->dqkv + in->starts[s] * net->n_qkv;
        const struct ops_attend_back back = {
            .dout = p->datt + in->starts[s] * net->n_q,
            .dq = d,
            .dk = d + net->n_q,
            .dv = d + net->n_q + net->n_kv,
        };
        ops_attend_back(&job, &back);
        ops_rope(&p->rope, d, job.n, net->cfg.n_head + net->cfg.n_head_kv, net->n_qkv, 1);
    }
    product(p, w, qkv, &(struct rows){p->dqkv, p->dxn, in->n, false}, true);
    gradient(p, qkv, l->xn1, p->dqkv, in->n);
    norm_back(p, layer, NET_ATTN_NORM, in->n);
}

void pass_backward(struct pass *p, const struct pack *w, const struct pass_input *in)
{
    const size_t d = p->net->cfg.n_embd;
    memset(p->dx, 0, in->n * d * sizeof *p->dx);
    norm_back(p, 0, NET_OUTPUT_NORM, in->n);
    for (uint32_t l = p->net->cfg.n_layer; l-- > 0;) {
        back_gate(p, w, l, in->n);
        back_attention(p, w, l, in);
    }
    for (size_t t = 0; t < in->n; t++) {
        float *g = p->grad_rows + in->tokens[t] * d;
        for (size_t i = 0; i < d; i++)
            g[i] += p->dx[t * d + i];
    }
}
