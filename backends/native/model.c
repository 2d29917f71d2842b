/* model.c - from a GGUF file to weights bound to their places, at the precision asked for.
 *
 * Each matrix is read, quantized and packed in turn and its pages are given back, so that memory
 * follows the precision and not the file.  Every tensor of the file must have a place: one that is
 * left over would mean another network than the one computed here. */
#include "backends/native/model.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "backends/native/calibrate.h"
#include "backends/native/fingerprint.h"
#include "backends/native/fold.h"
#include "backends/native/gguf.h"
#include "backends/native/gptq.h"
#include "backends/native/hparams.h"
#include "backends/native/kern.h"
#include "backends/native/precision.h"
#include "backends/native/quant.h"
#include "backends/native/vocab.h"
#include "harness/base/err.h"
#include "harness/base/log.h"
#include "harness/base/pool.h"

enum { MAX_CTX = 1 << 20, MAX_THREADS = 1024, MAX_NAME = 64, MAX_TEMPLATES = 64 };

struct loader {
    struct model *m;
    const struct gguf *g;
    struct precision precision;
    bool *used;            /* [g->n_tensors] */
    const char **matrices; /* names of bound matrices, for "did you mean" */
    size_t n_matrices;
    struct calibration *before, *inputs; /* of the model as stored, and with smoothing; or NULL */
    double smooth, percentile, beyond;   /* beyond: sum of what saturates, over n_static matrices */
    size_t n_static, n_gptq;
    bool gptq, awq;
    struct assay_err *e;
};
struct via { /* what a matrix' input has been through; all may be NULL */
    const struct calib_site *site;
    const float *columns, *rows; /* [n_in] columns are multiplied by, [n_out] rows divided by */
    const float *hinv;           /* gptq.h */
};

/* -- tensors ----------------------------------------------------------------------------------- */

/* Pages wholly inside the tensor; they are read again from the file if anyone asks. */
static void drop_pages(const struct gguf_tensor *t)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)t->v + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)t->v + t->bytes) & ~(page - 1);
    if (to > from)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

/* The tensor of that name and shape, marked as used; *out NULL when it is absent and optional. */
static int find(struct loader *l, const char *name, uint64_t n_in, uint64_t n_out, bool required,
                const struct gguf_tensor **out)
{
    const struct gguf_tensor *t = *out = gguf_tensor(l->g, name);
    if (!t && !required)
        return 0;
    if (!t)
        return err_set(l->e, ASSAY_EFORMAT, "%s: the tensor '%s' is missing", l->g->path, name);
    bool fits = t->dims[0] == n_in && t->dims[1] == (n_out ? n_out : 1) && t->dims[2] == 1 &&
                t->dims[3] == 1;
    if (!fits)
        return err_set(l->e, ASSAY_EFORMAT,
                       "%s: offset %zu: tensor '%s' is [%llu, %llu], expected [%llu, %llu]",
                       l->g->path, t->offset, name, (unsigned long long)t->dims[0],
                       (unsigned long long)t->dims[1], (unsigned long long)n_in,
                       (unsigned long long)(n_out ? n_out : 1));
    l->used[t - l->g->tensors] = true;
    return 0;
}

static void record(struct loader *l, const struct gguf_tensor *t, const char *stored,
                   const char *compute, uint64_t bytes)
{
    struct model *m = l->m;
    m->tensors[m->n_tensors++] = (struct assay_tensor){
        .name = arena_strdup(&m->arena, t->name),
        .stored = stored,
        .compute = compute,
        .bytes = bytes,
        .n_params = t->n_params,
    };
    m->n_params += t->n_params;
    m->weight_bytes += bytes;
}

static int vector(struct loader *l, const char *name, size_t n, bool required, const float **out)
{
    const struct gguf_tensor *t;
    TRY(find(l, name, n, 0, required, &t));
    if (!t)
        return 0;
    float *v = ARENA_ARRAY(&l->m->arena, float, n);
    quant_find(t->type)->dequantize(t->v, v, n);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return err_set(l->e, ASSAY_EFORMAT, "%s: tensor '%s' holds %g at %zu", l->g->path, name,
                           (double)v[i], i);
    *out = v;
    record(l, t, "f32", "f32", n * sizeof *v);
    return 0;
}

/* The matrix in f32 with its columns and rows scaled; the caller frees. */
static float *folded(const struct gguf_tensor *t, const struct via *via, size_t n_in, size_t n_out)
{
    float *w = malloc(n_out * n_in * sizeof *w);
    if (!w)
        return NULL;
    quant_find(t->type)->dequantize(t->v, w, n_out * n_in);
    for (size_t o = 0; o < n_out; o++)
        for (size_t i = 0; i < n_in; i++) {
            float *v = w + o * n_in + i;
            *v *= via->columns ? via->columns[i] : 1;
            *v /= via->rows ? via->rows[o] : 1;
        }
    return w;
}

/* The range that w8a8_static gives a matrix' input. */
static int static_range(struct loader *l, const char *name, const struct via *via, float *top)
{
    double beyond;
    if (!via->site)
        return err_set(l->e, ASSAY_EUSAGE,
                       "tensor '%s' is read row by row: w8a8_static has no activations to scale "
                       "there; keep it at another precision",
                       name);
    *top = calibrate_top(via->site, l->percentile, &beyond);
    l->beyond += beyond;
    l->n_static++;
    return 0;
}

static int build(struct loader *l, const struct gguf_tensor *t, struct scheme scheme,
                 const struct via *via, struct linear **out)
{
    const size_t n_in = t->dims[0], n_out = t->dims[1];
    struct linear_source from = {.name = t->name, .type = t->type, .rows = t->v, .act_top = NAN};
    float *w = NULL;
    if (via->hinv && linear_takes_gptq(scheme)) {
        from.hinv = via->hinv;
        l->n_gptq++;
    }
    if (scheme.id == SCHEME_W8A8_STATIC)
        TRY(static_range(l, t->name, via, &from.act_top));
    if (via->columns || via->rows) {
        w = folded(t, via, n_in, n_out);
        if (!w)
            return err_set(l->e, ASSAY_ENOMEM, "tensor '%s': no memory to smooth it", t->name);
        from.type = QT_F32;
        from.rows = w;
    }
    int rc = linear_build(l->m->kern, scheme, &from, n_out, n_in, l->m->pool, out, l->e);
    free(w);
    return rc;
}

static int matrix(struct loader *l, const char *name, size_t n_in, size_t n_out,
                  const struct via *via, struct linear **out)
{
    const struct gguf_tensor *t;
    struct scheme scheme;
    TRY(find(l, name, n_in, n_out, true, &t));
    TRY(precision_choose(&l->precision, name, t->type, n_in, &scheme, l->e));
    int rc = build(l, t, scheme, via, out);
    if (rc < 0)
        return err_prefix(l->e, rc, "%s", l->g->path);
    drop_pages(t);
    record(l, t, linear_stored(*out), linear_compute(*out), linear_bytes(*out));
    l->matrices[l->n_matrices++] = l->m->tensors[l->m->n_tensors - 1].name;
    return 0;
}

/* -- smoothing --------------------------------------------------------------------------------- */

/* Trials need a scheme that stands on its own. */
static int awq_check(const struct loader *l, const char *name, struct scheme s)
{
    if (!l->awq || s.id != SCHEME_W8A8_STATIC)
        return 0;
    return err_set(l->e, ASSAY_EUSAGE,
                   "tensor '%s' is w8a8_static, whose range awq would change; "
                   "use smooth instead",
                   name);
}

/* s of one input of layer i from the largest activations and the columns of the matrices named. */
static int scales_of(struct loader *l, uint32_t i, enum calib_place place,
                     const char *const *matrices, size_t n, float *s)
{
    const struct calib_site *site = calibrate_site(l->before, i, place);
    struct fold_matrix w[3];
    struct scheme schemes[3];
    char name[MAX_NAME];
    float *top = ARENA_ARRAY(&l->m->arena, float, site->n);
    for (size_t k = 0; k < n; k++) {
        snprintf(name, sizeof name, "blk.%u.%s.weight", i, matrices[k]);
        const struct gguf_tensor *t = gguf_tensor(l->g, name);
        if (!t || t->dims[0] != site->n)
            return err_set(l->e, ASSAY_EFORMAT, "%s: the tensor '%s' is missing", l->g->path, name);
        w[k] = (struct fold_matrix){t->type, t->v, t->dims[1], t->dims[0]};
        TRY(precision_choose(&l->precision, name, t->type, site->n, &schemes[k], l->e));
        TRY(awq_check(l, name, schemes[k]));
    }
    const struct fold_search search = {l->m->kern, l->m->pool, site, w, schemes, n};
    if (l->awq)
        return fold_awq(&search, s, l->e);
    TRY(fold_columns(w, n, top, l->e));
    fold_scales(site->absmax, top, site->n, l->smooth, s);
    return 0;
}

/* Query heads that read one kv head get one s: the geometric middle of what they would have. */
static void share_heads(const struct hparams *hp, float *o, float *v)
{
    const size_t rep = hp->n_head / hp->n_head_kv, hd = hp->head_dim;
    for (size_t h = 0; h < hp->n_head_kv; h++)
        for (size_t d = 0; d < hd; d++) {
            double sum = 0;
            for (size_t r = 0; r < rep; r++)
                sum += log((double)o[(h * rep + r) * hd + d]);
            v[h * hd + d] = (float)exp(sum / (double)rep);
            for (size_t r = 0; r < rep; r++)
                o[(h * rep + r) * hd + d] = v[h * hd + d];
        }
}

static int fold_layer(struct loader *l, uint32_t i, struct fold *f)
{
    const struct hparams *hp = &l->m->hp;
    struct arena *a = &l->m->arena;
    f->attn = ARENA_ARRAY(a, float, hp->n_embd);
    f->ffn = ARENA_ARRAY(a, float, hp->n_embd);
    f->o = ARENA_ARRAY(a, float, (size_t)hp->n_head * hp->head_dim);
    f->v = ARENA_ARRAY(a, float, (size_t)hp->n_head_kv * hp->head_dim);
    f->down = ARENA_ARRAY(a, float, hp->n_ff);
    TRY(scales_of(l, i, CALIB_ATTN, (const char *[]){"attn_q", "attn_k", "attn_v"}, 3, f->attn));
    TRY(scales_of(l, i, CALIB_FFN, (const char *[]){"ffn_gate", "ffn_up"}, 2, f->ffn));
    for (size_t k = 0; k < (size_t)hp->n_head * hp->head_dim; k++)
        f->o[k] = 1;
    if (!l->awq || hp->n_head == hp->n_head_kv) /* a search for heads that share has no middle */
        TRY(scales_of(l, i, CALIB_O, (const char *[]){"attn_output"}, 1, f->o));
    TRY(scales_of(l, i, CALIB_DOWN, (const char *[]){"ffn_down"}, 1, f->down));
    share_heads(hp, f->o, f->v);
    return 0;
}

/* The norm's weights divided by s; s NULL: as they are. */
static int norm(struct loader *l, const char *name, const float *s, const float **out)
{
    const size_t n = l->m->hp.n_embd;
    TRY(vector(l, name, n, true, out));
    if (!s)
        return 0;
    float *v = ARENA_ARRAY(&l->m->arena, float, n);
    for (size_t i = 0; i < n; i++)
        v[i] = (*out)[i] / s[i];
    *out = v;
    return 0;
}

/* gptq's matrices for the four inputs of layer i, one behind the other; the caller frees. */
static int factor_layer(struct loader *l, uint32_t i, float *hinv[CALIB_PLACES])
{
    for (int p = 0; l->gptq && p < CALIB_PLACES; p++) {
        const struct calib_site *s = calibrate_site(l->inputs, i, (enum calib_place)p);
        double damp;
        hinv[p] = malloc(s->n * s->n * sizeof *hinv[p]);
        if (!hinv[p])
            return err_set(l->e, ASSAY_ENOMEM, "no memory for gptq");
        TRY(gptq_factor(s->gram, s->n, hinv[p], &damp, l->e));
        if (damp > 0.01)
            log_info("layer %u: gptq needed damping of %g instead of 0.01", i, damp);
    }
    return 0;
}

static int bind_layer(struct loader *l, uint32_t i, float *const hinv[CALIB_PLACES])
{
    const struct hparams *hp = &l->m->hp;
    struct layer *w = &l->m->layers[i];
    struct fold f = {0};
    size_t n_q = (size_t)hp->n_head * hp->head_dim, n_kv = (size_t)hp->n_head_kv * hp->head_dim;
    if (l->before)
        TRY(fold_layer(l, i, &f));
    const struct {
        const char *name;
        size_t in, out;
        struct linear **to;
        enum calib_place place;
        const float *columns, *rows;
    } matrices[] = {
        {"attn_q", hp->n_embd, n_q, &w->q, CALIB_ATTN, f.attn, NULL},
        {"attn_k", hp->n_embd, n_kv, &w->k, CALIB_ATTN, f.attn, NULL},
        {"attn_v", hp->n_embd, n_kv, &w->v, CALIB_ATTN, f.attn, f.v},
        {"attn_output", n_q, hp->n_embd, &w->o, CALIB_O, f.o, NULL},
        {"ffn_gate", hp->n_embd, hp->n_ff, &w->gate, CALIB_FFN, f.ffn, NULL},
        {"ffn_up", hp->n_embd, hp->n_ff, &w->up, CALIB_FFN, f.ffn, f.down},
        {"ffn_down", hp->n_ff, hp->n_embd, &w->down, CALIB_DOWN, f.down, NULL},
    };
    char name[MAX_NAME];
    snprintf(name, sizeof name, "blk.%u.attn_norm.weight", i);
    TRY(norm(l, name, f.attn, &w->attn_norm));
    snprintf(name, sizeof name, "blk.%u.ffn_norm.weight", i);
    TRY(norm(l, name, f.ffn, &w->ffn_norm));
    for (size_t k = 0; k < sizeof matrices / sizeof *matrices; k++) {
        const struct via via = {l->inputs ? calibrate_site(l->inputs, i, matrices[k].place) : NULL,
                                matrices[k].columns, matrices[k].rows, hinv[matrices[k].place]};
        snprintf(name, sizeof name, "blk.%u.%s.weight", i, matrices[k].name);
        TRY(matrix(l, name, matrices[k].in, matrices[k].out, &via, matrices[k].to));
    }
    return 0;
}

/* Tables of angles that old converters left in; every engine computes them. */
static bool is_ignored(const char *name)
{
    return strstr(name, "rot_embd") || strstr(name, "rotary_emb.inv_freq");
}

static int refuse_leftovers(struct loader *l)
{
    for (uint32_t i = 0; i < l->g->n_tensors; i++) {
        const struct gguf_tensor *t = &l->g->tensors[i];
        if (!l->used[i] && !is_ignored(t->name))
            return err_set(l->e, ASSAY_EUNSUPPORTED,
                           "%s: offset %zu: the tensor '%s' has no place in "
                           "a llama of %u layers as it is computed here; results would be wrong",
                           l->g->path, t->offset, t->name, l->m->hp.n_layer);
    }
    return 0;
}

static int check_freqs(struct loader *l)
{
    const float *f = l->m->rope_freqs;
    for (uint32_t i = 0; f && i < l->m->hp.rope_dims / 2; i++)
        if (!(f[i] > 0))
            return err_set(l->e, ASSAY_EFORMAT,
                           "%s: tensor 'rope_freqs.weight' holds %g at %u, "
                           "expected a positive divisor",
                           l->g->path, (double)f[i], i);
    return 0;
}

static int bind_all(struct loader *l)
{
    struct model *m = l->m;
    const struct hparams *hp = &m->hp;
    m->layers = ARENA_ARRAY(&m->arena, struct layer, hp->n_layer);
    m->tensors = ARENA_ARRAY(&m->arena, struct assay_tensor, l->g->n_tensors);
    l->used = ARENA_ARRAY(&m->arena, bool, l->g->n_tensors + 1u);
    l->matrices = ARENA_ARRAY(&m->arena, const char *, l->g->n_tensors + 1u);
    const bool tied = !gguf_tensor(l->g, "output.weight");
    const struct via rows = {0};
    const struct via end = {.site = l->inputs ? calibrate_output(l->inputs) : NULL};
    TRY(matrix(l, "token_embd.weight", hp->n_embd, hp->n_vocab, tied ? &end : &rows, &m->embd));
    TRY(vector(l, "output_norm.weight", hp->n_embd, true, &m->output_norm));
    m->output = m->embd;
    if (!tied) {
        m->output = NULL;
        TRY(matrix(l, "output.weight", hp->n_embd, hp->n_vocab, &end, &m->output));
    }
    TRY(vector(l, "rope_freqs.weight", hp->rope_dims / 2, false, &m->rope_freqs));
    TRY(check_freqs(l));
    for (uint32_t i = 0; i < hp->n_layer; i++) {
        float *hinv[CALIB_PLACES] = {NULL};
        int rc = factor_layer(l, i, hinv);
        if (rc == 0)
            rc = bind_layer(l, i, hinv);
        for (int p = 0; p < CALIB_PLACES; p++)
            free(hinv[p]);
        TRY(rc);
    }
    if (l->gptq && !l->n_gptq)
        return err_set(l->e, ASSAY_EUSAGE,
                       "rounding gptq has nothing to round: no matrix of the "
                       "layers is of int2 to int16, w8a8 or their kin");
    TRY(refuse_leftovers(l));
    return precision_check(&l->precision, l->matrices, l->n_matrices, tied, l->e);
}

/* -- opening ----------------------------------------------------------------------------------- */

static int open_machine(struct model *m, const struct model_options *o, struct assay_err *e)
{
    struct kern *k = ARENA_NEW(&m->arena, struct kern);
    TRY(kern_open(getenv("ASSAY_CPU"), k, e));
    m->kern = k;
    if (o->threads < 0 || o->threads > MAX_THREADS)
        return err_set(e, ASSAY_EUSAGE, "%lld threads, expected 1 to %d, or 0 for all",
                       (long long)o->threads, MAX_THREADS);
    int n = o->threads ? (int)o->threads : pool_cpus();
    m->pool = pool_new(n);
    if (!m->pool)
        return err_set(e, ASSAY_ENOMEM, "the system refuses to start %d threads", n);
    return 0;
}

static int choose_context(struct model *m, const struct model_options *o, struct assay_err *e)
{
    if (!o->n_ctx)
        return 0;
    if (o->n_ctx < 1 || o->n_ctx > MAX_CTX)
        return err_set(e, ASSAY_EUSAGE,
                       "a context of %lld tokens, expected 1 to %d, or 0 for the "
                       "model's",
                       (long long)o->n_ctx, MAX_CTX);
    if (o->n_ctx > m->hp.n_ctx)
        log_info("%s: a context of %lld tokens is beyond the %u the file states", o->path,
                 (long long)o->n_ctx, m->hp.n_ctx);
    m->hp.n_ctx = (uint32_t)o->n_ctx;
    return 0;
}

/* Everything an answer depends on but not how fast it comes: threads and context do not count,
 * and kernels of all instruction sets give the same bits (kern.h). */
static int make_fingerprint(struct loader *l, const struct model_options *o, struct assay_err *e)
{
    struct model *m = l->m;
    const struct calibration *c = l->before ? l->before : l->inputs;
    const char *parts[] = {o->precision ? o->precision : "fp32", o->kv ? o->kv : "f32",
                           arena_printf(&m->arena, "%lld", (long long)o->group),
                           o->keep ? o->keep : "",
                           arena_printf(&m->arena, "native %d", MODEL_NUMERICS)};
    uint8_t file[HASH_BYTES], all[HASH_BYTES];
    struct hash h = {0};
    TRY(fingerprint_file(o->path, &l->g->map, m->pool, file, e));
    hash_init(&h);
    hash_add(&h, file, sizeof file);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hash_add_str(&h, parts[i], strlen(parts[i]));
    if (c) {
        const char *how = arena_printf(&m->arena, "smooth %.17g percentile %.17g gptq %d awq %d",
                                       l->smooth, l->percentile, l->gptq, l->awq);
        hash_add(&h, c->hash, sizeof c->hash);
        hash_add_str(&h, how, strlen(how));
    }
    hash_end(&h, all);
    hash_release(&h);
    hash_hex(all, m->fingerprint);
    return 0;
}

/* Half a template would be another one. */
static bool is_text(const struct gguf *g, const char *key, struct gguf_str s)
{
    if (!s.n || !memchr(s.v, 0, s.n))
        return true;
    log_warn("%s: '%s' holds a NUL byte and is not used", g->path, key);
    return false;
}

/* "tokenizer.chat_template.NAME": more templates, beside the default one. */
static int read_templates(struct model *m, const struct gguf *g, struct assay_err *e)
{
    static const char prefix[] = "tokenizer.chat_template.";
    struct gguf_str text = {NULL, 0};
    int found = gguf_string(g, "tokenizer.chat_template", &text, e);
    if (found < 0)
        return found;
    if (found && is_text(g, "tokenizer.chat_template", text))
        m->chat_template = arena_strndup(&m->arena, text.v, text.n);
    m->chat_templates = ARENA_ARRAY(&m->arena, struct assay_chat_template, MAX_TEMPLATES);
    for (uint32_t i = 0; i < g->n_kv && m->n_chat_templates < MAX_TEMPLATES; i++) {
        struct gguf_str k = g->kv[i].key;
        if (k.n < sizeof prefix || memcmp(k.v, prefix, sizeof prefix - 1) != 0)
            continue;
        const char *key = arena_strndup(&m->arena, k.v, k.n);
        TRY(gguf_string(g, key, &text, e));
        if (!is_text(g, key, text))
            continue;
        m->chat_templates[m->n_chat_templates++] = (struct assay_chat_template){
            key + sizeof prefix - 1, arena_strndup(&m->arena, text.v, text.n)};
    }
    return 0;
}

static int read_facts(struct model *m, const struct gguf *g, struct assay_err *e)
{
    m->arch = "llama";
    m->file_bytes = g->map.n;
    TRY(hparams_read(g, &m->hp, e));
    TRY(vocab_open(g, &m->vocab, e));
    m->hp.n_vocab = vocab_size(m->vocab);
    return read_templates(m, g, e);
}

/* What was asked for makes sense together. */
static int check_calibration(const struct loader *l, const struct model_options *o, bool ranges)
{
    struct assay_err *e = l->e;
    const char *needs = ranges          ? "precision 'w8a8_static'"
                        : l->awq        ? "rounding awq"
                        : l->gptq       ? "rounding gptq"
                        : o->smooth > 0 ? "smooth"
                                        : NULL;
    if (o->rounding && !l->gptq && !l->awq && strcmp(o->rounding, "nearest"))
        return err_set(e, ASSAY_EUSAGE, "unknown rounding '%s', expected nearest, gptq or awq",
                       o->rounding);
    if (!(o->smooth >= 0 && o->smooth <= 1) || !(l->percentile >= 50 && l->percentile <= 100))
        return err_set(e, ASSAY_EUSAGE,
                       "smooth %g and percentile %g, expected 0 to 1 and 50 to 100", o->smooth,
                       l->percentile);
    if (needs && !o->calibrate)
        return err_set(e, ASSAY_EUSAGE, "%s needs calibration rows; set calibrate to a text file",
                       needs);
    if (!needs && o->calibrate)
        return err_set(e, ASSAY_EUSAGE,
                       "nothing uses the calibration rows of '%s'; set smooth, rounding, "
                       "or precision to w8a8_static",
                       o->calibrate);
    if (!ranges && l->percentile < 100)
        return err_set(e, ASSAY_EUSAGE, "percentile is for precision 'w8a8_static'");
    if ((o->smooth > 0 || l->awq) && precision_uses(&l->precision, "stored"))
        return err_set(e, ASSAY_EUSAGE,
                       "%s changes weights, and precision 'stored' keeps them; choose another",
                       l->awq ? "awq" : "smooth");
    if (o->smooth > 0 && l->awq)
        return err_set(e, ASSAY_EUSAGE, "awq chooses its own scales; leave smooth at 0");
    return 0;
}

/* Reads the calibration rows, as often as what was asked for needs. */
static int calibrate(struct loader *l, const struct model_options *o)
{
    const bool ranges = precision_uses(&l->precision, "w8a8_static");
    struct model_options raw = *o;
    raw.smooth = 0;
    l->smooth = o->smooth;
    l->percentile = o->percentile > 0 ? o->percentile : 100;
    l->gptq = o->rounding && !strcmp(o->rounding, "gptq");
    l->awq = o->rounding && !strcmp(o->rounding, "awq");
    TRY(check_calibration(l, o, ranges));
    if (o->smooth > 0 || l->awq)
        TRY(calibrate_run(&raw, (struct calib_want){l->awq, false}, &l->before, l->e));
    if (!ranges && !l->gptq)
        return 0;
    const struct calib_want want = {.gram = l->gptq, .bins = l->percentile < 100};
    return calibrate_run(o, want, &l->inputs, l->e);
}

/* Precisions in words, and how they were calibrated. */
static const char *words(const struct loader *l)
{
    struct model *m = l->m;
    const struct calibration *c = l->before ? l->before : l->inputs;
    const char *s = precision_words(m->tensors, m->n_tensors, m->kv, &m->arena);
    if (l->smooth > 0)
        s = arena_printf(&m->arena, "%s; smooth %g", s, l->smooth);
    if (l->awq)
        s = arena_printf(&m->arena, "%s; awq", s);
    if (l->n_static)
        s = arena_printf(&m->arena, "%s; ranges at percentile %g, %.3g %% beyond", s, l->percentile,
                         100 * l->beyond / (double)l->n_static);
    if (c)
        s = arena_printf(&m->arena, "%s; calibrated on %zu rows, %zu tokens", s, c->n_rows,
                         c->n_tokens);
    return s;
}

static int load_all(struct loader *l, const struct model_options *o)
{
    struct model *m = l->m;
    TRY(precision_parse(o, &m->arena, &l->precision, l->e));
    m->kv = l->precision.kv;
    TRY(read_facts(m, l->g, l->e));
    TRY(choose_context(m, o, l->e));
    TRY(calibrate(l, o));
    TRY(open_machine(m, o, l->e));
    TRY(bind_all(l));
    m->precision = words(l);
    return make_fingerprint(l, o, l->e);
}

static int load(struct model *m, const struct gguf *g, const struct model_options *o,
                struct assay_err *e)
{
    struct loader l = {.m = m, .g = g, .e = e};
    int rc = load_all(&l, o);
    calibrate_free(l.before);
    calibrate_free(l.inputs);
    return rc;
}

int model_open(const struct model_options *o, struct model **out, struct assay_err *e)
{
    struct gguf *g = NULL;
    if (!o->path || !*o->path)
        return err_set(e, ASSAY_EUSAGE, "no model given, expected the path of a GGUF file");
    TRY(gguf_open(o->path, &g, e));
    struct model *m = calloc(1, sizeof *m);
    int rc = m ? load(m, g, o, e) : err_set(e, ASSAY_ENOMEM, "no memory for a model");
    gguf_close(g);
    if (rc < 0)
        model_close(m);
    else
        *out = m;
    return rc;
}

int model_open_facts(const struct model_options *o, struct model **out, struct assay_err *e)
{
    struct gguf *g = NULL;
    if (!o->path || !*o->path)
        return err_set(e, ASSAY_EUSAGE, "no model given, expected the path of a GGUF file");
    TRY(gguf_open(o->path, &g, e));
    struct model *m = calloc(1, sizeof *m);
    int rc = m ? read_facts(m, g, e) : err_set(e, ASSAY_ENOMEM, "no memory for a model");
    gguf_close(g);
    if (rc < 0)
        model_close(m);
    else
        *out = m;
    return rc;
}

/* What a fixed range cost: said once, when the model goes. */
static void report_saturation(const struct model *m)
{
    uint64_t all = 0, beyond = 0, n, s;
    for (uint32_t i = 0; m->layers && i < m->hp.n_layer; i++) {
        const struct layer *w = &m->layers[i];
        const struct linear *const sites[] = {w->q, w->o, w->gate, w->down};
        for (size_t k = 0; k < sizeof sites / sizeof *sites; k++)
            if (sites[k] && linear_saturation(sites[k], &s, &n)) {
                all += n;
                beyond += s;
            }
    }
    if (all)
        log_info("w8a8_static: %llu of %llu activations saturated (%.3g %%)",
                 (unsigned long long)beyond, (unsigned long long)all,
                 100 * (double)beyond / (double)all);
}

void model_close(struct model *m)
{
    if (!m)
        return;
    report_saturation(m);
    for (uint32_t i = 0; m->layers && i < m->hp.n_layer; i++) {
        struct layer *w = &m->layers[i];
        struct linear *all[] = {w->q, w->k, w->v, w->o, w->gate, w->up, w->down};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            linear_free(all[k]);
    }
    if (m->output != m->embd)
        linear_free(m->output);
    linear_free(m->embd);
    vocab_close(m->vocab);
    pool_free(m->pool);
    arena_release(&m->arena);
    free(m);
}
