/* forward_step.c - the layers of arch "llama", token rows in, normed hidden rows out.
 *
 * Per layer: norm, q k v, attention, o, add and norm, gate up, silu, down, add and norm of the next
 * layer.  Rows whose logits nobody wants leave after the last layer's keys and values. */
#include "backends/native/forward_step.h"
#include "harness/base/err.h"
#include "harness/base/pool.h"
#include <assert.h>
#include <string.h>

/* -- tokens ---------------------------------------------------------------------------------------
 * Everything but attention treats each token alone.  Many tokens are split among the threads, each
 * taking its share through all products up to the next attention; few tokens stay together and the
 * products split their rows.  Either way gives the same bits.  More parts than threads: whoever is
 * held up by other programs holds up less. */
struct share { /* tokens from..from+n-1 */
    size_t from, n;
    struct pool *pool; /* NULL: this is one thread's share */
    void *scratch;
};
struct pass {
    struct forward *f;
    size_t n;       /* tokens, or items of attention */
    uint32_t layer; /* the one whose attention comes next */
    bool lse;
};

static int tap(const struct forward *f, enum tap what, uint32_t layer, const float *v,
               size_t n_cols)
{
    if (!f->tap)
        return 0;
    const struct tap_rows r = {
        .tap = what, .layer = layer, .v = v, .n = f->step.n, .n_cols = n_cols};
    return f->tap(f->tap_user, &r);
}

static void add_norm(const struct forward *f, const struct share *s, const float *add,
                     const float *norm)
{
    const size_t d = f->m->hp.n_embd;
    for (size_t t = s->from; t < s->from + s->n; t++)
        f->ops->add_norm(f->x + t * d, add ? add + t * d : NULL, norm, d, f->m->hp.rms_eps,
                         f->xn + t * d);
}

static int embed(const struct forward *f, const struct share *s)
{
    for (size_t t = s->from; t < s->from + s->n; t++)
        linear_row(f->m->embd, (size_t)f->step.token[t], f->x + t * f->m->hp.n_embd);
    TRY(tap(f, TAP_EMBD, 0, f->x, f->m->hp.n_embd));
    add_norm(f, s, NULL, f->m->layers[0].attn_norm);
    return 0;
}

/* Normed rows -> q, k, v of layer l. */
static int project(const struct forward *f, const struct share *s, uint32_t l)
{
    const struct layer *w = &f->m->layers[l];
    const size_t d = f->m->hp.n_embd;
    TRY(tap(f, TAP_ATTN_NORM, l, f->xn, d));
    linear_forward_many(
        (const struct linear *[]){w->q, w->k, w->v}, 3, s->pool, f->xn + s->from * d, d, s->n,
        (float *[]){f->q + s->from * f->n_q, f->k + s->from * f->n_kv, f->v + s->from * f->n_kv},
        (size_t[]){f->n_q, f->n_kv, f->n_kv}, s->scratch);
    return 0;
}

/* Attention's output of layer l -> residual after it, and normed rows for what follows. */
static int finish(const struct forward *f, const struct share *s, uint32_t l)
{
    const struct model *m = f->m;
    const struct layer *w = &m->layers[l];
    const size_t d = m->hp.n_embd, ff = m->hp.n_ff;
    float *xn = f->xn + s->from * d, *y = f->y + s->from * d;
    float *gate = f->gate + s->from * ff, *up = f->up + s->from * ff;
    TRY(tap(f, TAP_O_IN, l, f->att, f->n_q));
    linear_forward(w->o, s->pool, f->att + s->from * f->n_q, f->n_q, s->n, y, d, s->scratch);
    TRY(tap(f, TAP_ATTN_OUT, l, f->y, d));
    add_norm(f, s, f->y, w->ffn_norm);
    TRY(tap(f, TAP_FFN_NORM, l, f->xn, d));
    linear_forward_many((const struct linear *[]){w->gate, w->up}, 2, s->pool, xn, d, s->n,
                        (float *[]){gate, up}, (size_t[]){ff, ff}, s->scratch);
    f->ops->silu_mul(gate, up, s->n * ff);
    TRY(tap(f, TAP_DOWN_IN, l, f->gate, ff));
    linear_forward(w->down, s->pool, gate, ff, s->n, y, d, s->scratch);
    TRY(tap(f, TAP_FFN_OUT, l, f->y, d));
    add_norm(f, s, f->y, l + 1 < m->hp.n_layer ? m->layers[l + 1].attn_norm : m->output_norm);
    return tap(f, TAP_OUT, l, f->x, d);
}

/* From one attention to the next, or from the tokens to the first, or from the last to the end. */
static int between(const struct pass *p, const struct share *s)
{
    TRY(p->layer == 0 ? embed(p->f, s) : finish(p->f, s, p->layer - 1));
    return p->layer < p->f->m->hp.n_layer ? project(p->f, s, p->layer) : 0;
}

static int make_logits(const struct pass *p, const struct share *s)
{
    const struct forward *f = p->f;
    const size_t d = f->m->hp.n_embd, n_vocab = f->m->hp.n_vocab;
    float *logits = f->logits + s->from * n_vocab;
    linear_forward(f->m->output, s->pool, f->xn + (f->first + s->from) * d, d, s->n, logits,
                   n_vocab, s->scratch);
    for (size_t t = 0; p->lse && t < s->n; t++)
        f->ops->lse(logits + t * n_vocab, n_vocab, &f->lse[s->from + t]);
    return 0;
}

static struct share share_of(const struct pass *p, size_t part, size_t n_parts)
{
    const size_t from = p->n * part / n_parts;
    return (struct share){.from = from,
                          .n = p->n * (part + 1) / n_parts - from,
                          .scratch = p->f->linear + part * p->f->linear_ld};
}

static void between_part(void *user, size_t part, size_t n_parts)
{
    const struct share s = share_of(user, part, n_parts);
    (void)between(user, &s); /* only a tap can fail, and taps are never split */
}

static void logits_part(void *user, size_t part, size_t n_parts)
{
    const struct share s = share_of(user, part, n_parts);
    (void)make_logits(user, &s);
}

static int run_tokens(struct pass *p, int (*all)(const struct pass *, const struct share *),
                      pool_fn *part)
{
    struct pool *pool = p->f->m->pool;
    const size_t threads = (size_t)pool_size(pool);
    if (threads > 1 && !p->f->tap && p->n >= threads * STEP_THREAD_TOKENS) {
        const size_t many = p->n / STEP_PART_TOKENS, most = threads * STEP_PARTS;
        pool_run(pool, many < threads ? threads : many > most ? most : many, part, p);
        return 0;
    }
    return all(p, &(struct share){.n = p->n, .pool = pool, .scratch = p->f->linear});
}

/* -- attention --------------------------------------------------------------------------------- */

/* Items are (run of one sequence, kv head): what one item writes no other reads. */
static void attend_part(void *user, size_t part, size_t n_parts)
{
    const struct pass *p = user;
    const struct forward *f = p->f;
    const struct hparams *hp = &f->m->hp;
    const size_t hd = hp->head_dim, rep = hp->n_head / hp->n_head_kv;
    const struct share s = share_of(p, part, n_parts);
    for (size_t i = s.from; i < s.from + s.n; i++) {
        const size_t run = i / hp->n_head_kv, t = f->run[run];
        const uint32_t h = (uint32_t)(i % hp->n_head_kv);
        const struct attend_job job = {
            .kv = kv_at(f->step.seq[t], &f->kv, p->layer, h),
            .n = f->run[run + 1] - t,
            .pos = f->step.pos + t,
            .q = f->q + t * f->n_q + h * rep * hd,
            .ldq = f->n_q,
            .k = f->k + t * f->n_kv + h * hd,
            .ldkv = f->n_kv,
            .v = f->v + t * f->n_kv + h * hd,
            .out = f->att + t * f->n_q + h * rep * hd,
            .ldo = f->n_q,
            .n_rep = (uint32_t)rep,
            .head_dim = hp->head_dim,
            .rope = f->rope,
            .rope_dims = hp->rope_dims,
            .scores = f->scores + part * f->scores_ld,
        };
        f->ops->run[f->kv.type](&job);
    }
}

static int attention(struct forward *f, uint32_t l)
{
    const size_t most = (size_t)pool_size(f->m->pool) * STEP_PARTS;
    struct pass p = {.f = f, .n = f->n_run * f->kv.n_head, .layer = l};
    pool_run(f->m->pool, p.n < most ? p.n : most, attend_part, &p);
    TRY(tap(f, TAP_Q, l, f->q, f->n_q));
    TRY(tap(f, TAP_K, l, f->k, f->n_kv));
    return tap(f, TAP_V, l, f->v, f->n_kv);
}

/* -- the step ---------------------------------------------------------------------------------- */
static void prepare(struct forward *f)
{
    struct step *s = &f->step;
    s->n_out = 0;
    f->n_run = 0;
    for (size_t t = 0; t < s->n; t++) {
        if (s->want[t])
            s->out[s->n_out++] = (uint32_t)t;
        if (t == 0 || s->seq[t] != s->seq[t - 1])
            f->run[f->n_run++] = (uint32_t)t;
    }
    f->run[f->n_run] = (uint32_t)s->n;
}

/* Moves the wanted rows of x and att to the front. */
static void keep_wanted(struct forward *f)
{
    const size_t d = f->m->hp.n_embd;
    for (size_t i = 0; i < f->step.n_out; i++) {
        const size_t t = f->step.out[i];
        if (t == i)
            continue;
        memcpy(f->x + i * d, f->x + t * d, d * sizeof(float));
        memcpy(f->att + i * f->n_q, f->att + t * f->n_q, f->n_q * sizeof(float));
    }
}

int forward_step(struct forward *f)
{
    struct step *s = &f->step;
    const uint32_t n_layer = f->m->hp.n_layer;
    assert(s->n > 0 && s->n <= STEP_TOKENS);
    prepare(f);
    assert(!f->tap || s->n_out == s->n); /* a watched step keeps every row */
    f->usage.n_evaluated += s->n;
    struct pass p = {.f = f, .n = s->n};
    for (; p.layer < n_layer; p.layer++) {
        TRY(run_tokens(&p, between, between_part));
        TRY(attention(f, p.layer));
    }
    keep_wanted(f);
    p.n = s->n_out;
    if (p.n)
        TRY(run_tokens(&p, between, between_part));
    return tap(f, TAP_OUTPUT_NORM, 0, f->xn, f->m->hp.n_embd);
}

void forward_logits(struct forward *f, size_t first, size_t n, bool lse)
{
    assert(n <= f->tile && first + n <= f->step.n_out);
    struct pass p = {.f = f, .n = n, .lse = lse};
    f->first = first;
    (void)run_tokens(&p, make_logits, logits_part);
}
