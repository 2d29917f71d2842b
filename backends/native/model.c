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
#include "backends/native/fingerprint.h"
#include "backends/native/gguf.h"
#include "backends/native/hparams.h"
#include "backends/native/kern.h"
#include "backends/native/precision.h"
#include "backends/native/quant.h"
#include "backends/native/vocab.h"
#include "harness/base/err.h"
#include "harness/base/log.h"
#include "harness/base/pool.h"

enum { MAX_CTX = 1 << 20, MAX_THREADS = 1024, MAX_NAME = 64 };

struct loader {
    struct model *m;
    const struct gguf *g;
    struct precision precision;
    bool *used;            /* [g->n_tensors] */
    const char **matrices; /* names of bound matrices, for "did you mean" */
    size_t n_matrices;
    struct assay_err *e;
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

static int matrix(struct loader *l, const char *name, size_t n_in, size_t n_out,
                  struct linear **out)
{
    const struct gguf_tensor *t;
    struct scheme scheme;
    TRY(find(l, name, n_in, n_out, true, &t));
    TRY(precision_choose(&l->precision, name, t->type, n_in, &scheme, l->e));
    int rc =
        linear_new(l->m->kern, scheme, name, t->type, t->v, n_out, n_in, l->m->pool, out, l->e);
    if (rc < 0)
        return err_prefix(l->e, rc, "%s", l->g->path);
    drop_pages(t);
    record(l, t, linear_stored(*out), linear_compute(*out), linear_bytes(*out));
    l->matrices[l->n_matrices++] = l->m->tensors[l->m->n_tensors - 1].name;
    return 0;
}

static int bind_layer(struct loader *l, uint32_t i)
{
    const struct hparams *hp = &l->m->hp;
    struct layer *w = &l->m->layers[i];
    size_t n_q = (size_t)hp->n_head * hp->head_dim, n_kv = (size_t)hp->n_head_kv * hp->head_dim;
    const struct {
        const char *name;
        size_t in, out;
        struct linear **to;
    } matrices[] = {
        {"attn_q", hp->n_embd, n_q, &w->q},           {"attn_k", hp->n_embd, n_kv, &w->k},
        {"attn_v", hp->n_embd, n_kv, &w->v},          {"attn_output", n_q, hp->n_embd, &w->o},
        {"ffn_gate", hp->n_embd, hp->n_ff, &w->gate}, {"ffn_up", hp->n_embd, hp->n_ff, &w->up},
        {"ffn_down", hp->n_ff, hp->n_embd, &w->down},
    };
    char name[MAX_NAME];
    snprintf(name, sizeof name, "blk.%u.attn_norm.weight", i);
    TRY(vector(l, name, hp->n_embd, true, &w->attn_norm));
    snprintf(name, sizeof name, "blk.%u.ffn_norm.weight", i);
    TRY(vector(l, name, hp->n_embd, true, &w->ffn_norm));
    for (size_t k = 0; k < sizeof matrices / sizeof *matrices; k++) {
        snprintf(name, sizeof name, "blk.%u.%s.weight", i, matrices[k].name);
        TRY(matrix(l, name, matrices[k].in, matrices[k].out, matrices[k].to));
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
    TRY(matrix(l, "token_embd.weight", hp->n_embd, hp->n_vocab, &m->embd));
    TRY(vector(l, "output_norm.weight", hp->n_embd, true, &m->output_norm));
    m->output = m->embd;
    bool tied = !gguf_tensor(l->g, "output.weight");
    if (!tied) {
        m->output = NULL;
        TRY(matrix(l, "output.weight", hp->n_embd, hp->n_vocab, &m->output));
    }
    TRY(vector(l, "rope_freqs.weight", hp->rope_dims / 2, false, &m->rope_freqs));
    TRY(check_freqs(l));
    for (uint32_t i = 0; i < hp->n_layer; i++)
        TRY(bind_layer(l, i));
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
static int make_fingerprint(struct model *m, const struct gguf *g, const struct model_options *o,
                            struct assay_err *e)
{
    const char *parts[] = {o->precision ? o->precision : "fp32", o->kv ? o->kv : "f32",
                           arena_printf(&m->arena, "%lld", (long long)o->group),
                           o->keep ? o->keep : "",
                           arena_printf(&m->arena, "native %d", MODEL_NUMERICS)};
    uint8_t file[HASH_BYTES], all[HASH_BYTES];
    struct hash h = {0};
    TRY(fingerprint_file(o->path, &g->map, m->pool, file, e));
    hash_init(&h);
    hash_add(&h, file, sizeof file);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hash_add_str(&h, parts[i], strlen(parts[i]));
    hash_end(&h, all);
    hash_release(&h);
    hash_hex(all, m->fingerprint);
    return 0;
}

static int read_facts(struct model *m, const struct gguf *g, struct assay_err *e)
{
    struct gguf_str template = {NULL, 0};
    m->arch = "llama";
    m->file_bytes = g->map.n;
    TRY(hparams_read(g, &m->hp, e));
    TRY(vocab_open(g, &m->vocab, e));
    m->hp.n_vocab = vocab_size(m->vocab);
    int found = gguf_string(g, "tokenizer.chat_template", &template, e);
    if (found > 0)
        m->chat_template = arena_strndup(&m->arena, template.v, template.n);
    return found < 0 ? found : 0;
}

static int load(struct model *m, const struct gguf *g, const struct model_options *o,
                struct assay_err *e)
{
    struct loader l = {.m = m, .g = g, .e = e};
    TRY(precision_parse(o, &m->arena, &l.precision, e));
    m->kv = l.precision.kv;
    TRY(read_facts(m, g, e));
    TRY(choose_context(m, o, e));
    TRY(open_machine(m, o, e));
    TRY(bind_all(&l));
    m->precision = precision_words(m->tensors, m->n_tensors, m->kv, &m->arena);
    return make_fingerprint(m, g, o, e);
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

void model_close(struct model *m)
{
    if (!m)
        return;
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
