/* forward.c - the scratch a forward pass works in: sizes, life, and what it has counted. */
#include "backends/native/forward.h"
#include "backends/native/forward_step.h"
#include "backends/native/kern.h"
#include "harness/base/err.h"
#include "harness/base/pool.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOGITS_MAX = 8 << 20, TILE_MIN = 16 }; /* floats of a tile of logits; rows at least */

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Activation scratch of the largest call over n tokens. */
static size_t linear_bytes_for(const struct forward *f, size_t n)
{
    const struct model *m = f->m;
    size_t bytes = linear_scratch(m->output, n < f->tile ? n : f->tile);
    for (uint32_t l = 0; l < m->hp.n_layer; l++) {
        const struct layer *w = &m->layers[l];
        const struct linear *const all[] = {w->q, w->k, w->v, w->o, w->gate, w->up, w->down};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            bytes = max_size(bytes, linear_scratch(all[i], n));
    }
    return (bytes + 63) / 64 * 64;
}

/* Parts of a step that may run at once, each with scratch of its own. */
static size_t max_parts(const struct forward *f)
{
    return (size_t)pool_size(f->m->pool) * STEP_PARTS;
}

struct carve { /* first pass: base NULL, counts; second: hands out */
    unsigned char *base;
    size_t used;
};

static void *carve(struct carve *c, size_t n, size_t size)
{
    unsigned char *p = c->base ? c->base + c->used : NULL;
    c->used += (n * size + 63) / 64 * 64;
    return p;
}

static void carve_all(struct forward *f, struct carve *c)
{
    const struct hparams *hp = &f->m->hp;
    const size_t n = STEP_TOKENS;
    f->step.token = carve(c, n, sizeof *f->step.token);
    f->step.pos = carve(c, n, sizeof *f->step.pos);
    f->step.seq = carve(c, n, sizeof *f->step.seq);
    f->step.want = carve(c, n, 1);
    f->step.out = carve(c, n, sizeof *f->step.out);
    f->run = carve(c, n + 1, sizeof *f->run);
    f->x = carve(c, n * hp->n_embd, sizeof(float));
    f->xn = carve(c, n * hp->n_embd, sizeof(float));
    f->q = carve(c, n * f->n_q, sizeof(float));
    f->k = carve(c, n * f->n_kv, sizeof(float));
    f->v = carve(c, n * f->n_kv, sizeof(float));
    f->att = carve(c, n * f->n_q, sizeof(float));
    f->y = carve(c, n * hp->n_embd, sizeof(float));
    f->gate = carve(c, n * hp->n_ff, sizeof(float));
    f->up = carve(c, n * hp->n_ff, sizeof(float));
    f->logits = carve(c, f->tile * hp->n_vocab, sizeof(float));
    f->lse = carve(c, f->tile, sizeof *f->lse);
    const size_t most = STEP_TOKENS / STEP_THREAD_TOKENS;
    const size_t parts = max_parts(f) < most ? max_parts(f) : most;
    const size_t share = max_size(STEP_TOKENS / parts + 1, 2 * STEP_PART_TOKENS);
    f->linear_ld = linear_bytes_for(f, share);
    f->linear = carve(c, max_size(parts * f->linear_ld, linear_bytes_for(f, STEP_TOKENS)), 1);
}

int forward_new(struct model *m, struct forward **out, struct assay_err *err)
{
    const struct hparams *hp = &m->hp;
    struct forward *f = calloc(1, sizeof *f);
    if (!f)
        return err_set(err, ASSAY_ENOMEM, "no memory for a forward pass");
    f->m = m;
    f->ops = attend_pick(m->kern->features);
    f->kv = (struct kv_shape){
        .type = m->kv, .n_layer = hp->n_layer, .n_head = hp->n_head_kv, .head_dim = hp->head_dim};
    f->n_q = (size_t)hp->n_head * hp->head_dim;
    f->n_kv = (size_t)hp->n_head_kv * hp->head_dim;
    f->tile = LOGITS_MAX / hp->n_vocab;
    f->tile = f->tile < TILE_MIN ? TILE_MIN : f->tile > STEP_TOKENS ? STEP_TOKENS : f->tile;
    f->usage.size = sizeof f->usage;
    struct carve c = {0};
    carve_all(f, &c);
    f->mem_bytes = c.used;
    c = (struct carve){.base = aligned_alloc(64, f->mem_bytes)};
    if (!c.base) {
        err_set(err, ASSAY_ENOMEM, "no memory for a forward pass: %zu bytes for %d tokens at once",
                f->mem_bytes, STEP_TOKENS);
        free(f);
        return ASSAY_ENOMEM;
    }
    f->mem = c.base;
    carve_all(f, &c);
    *out = f;
    return 0;
}

void forward_free(struct forward *f)
{
    if (!f)
        return;
    kv_release(&f->path);
    for (int i = 0; i < FORWARD_SLOTS; i++)
        kv_release(&f->slots[i]);
    free(f->held);
    free(f->rope);
    free(f->scores);
    free(f->mem);
    free(f);
}

static size_t rope_row(const struct forward *f)
{
    return 2 * (size_t)f->m->hp.rope_dims;
}

/* cos and sin of pos * base^(-2i / dims) / (scale * divisor[i]), in double. */
static void fill_rope(const struct model *m, float *rope, uint32_t from, uint32_t to)
{
    const uint32_t dims = m->hp.rope_dims;
    for (uint32_t i = 0; i < dims / 2; i++) {
        double theta = pow((double)m->hp.rope_base, -2.0 * i / dims) / (double)m->hp.rope_scale;
        if (m->rope_freqs)
            theta /= (double)m->rope_freqs[i];
        for (uint32_t p = from; p < to; p++) {
            float *c = rope + (size_t)p * 2 * dims + 2 * i, *s = c + dims;
            c[0] = c[1] = (float)cos(p * theta);
            s[1] = (float)sin(p * theta);
            s[0] = -s[1];
        }
    }
}

int forward_reserve(struct forward *f, uint32_t n_pos, struct assay_err *err)
{
    if (n_pos <= f->rope_pos)
        return 0;
    const uint32_t n = (n_pos + KV_BLOCK - 1) / KV_BLOCK * KV_BLOCK;
    const size_t ld = 2 * (size_t)n;
    float *rope = realloc(f->rope, (size_t)n * rope_row(f) * sizeof *rope);
    if (rope)
        f->rope = rope;
    float *scores = aligned_alloc(64, max_parts(f) * ld * sizeof *scores);
    if (!rope || !scores) {
        free(scores);
        return err_set(err, ASSAY_ENOMEM, "no memory for a context of %u positions", n_pos);
    }
    free(f->scores);
    f->scores = scores;
    f->scores_ld = ld;
    fill_rope(f->m, f->rope, f->rope_pos, n);
    f->rope_pos = n;
    return 0;
}

void forward_usage(const struct forward *f, struct assay_usage *out)
{
    const uint32_t size = out->size;
    memcpy(out, &f->usage, size < sizeof f->usage ? size : sizeof f->usage);
    out->size = size;
}

void forward_memory(const struct forward *f, struct assay_memory *out)
{
    struct assay_memory m = {
        .size = out->size,
        .weights = f->m->weight_bytes,
        .kv = f->path.bytes,
        .kv_per_token = kv_bytes_per_token(&f->kv),
        .scratch = f->mem_bytes + (size_t)f->rope_pos * rope_row(f) * sizeof(float) +
                   max_parts(f) * f->scores_ld * sizeof(float),
    };
    for (int i = 0; i < FORWARD_SLOTS; i++)
        m.kv += f->slots[i].bytes;
    memcpy(out, &m, out->size < sizeof m ? out->size : sizeof m);
}
