/* hparams.c - hyperparameters of architecture "llama" from GGUF keys, with limits: what passes here
 * may be multiplied and allocated without further thought. */
#include "backends/native/hparams.h"
#include <math.h>
#include <stdio.h>
#include "backends/native/gguf.h"
#include "backends/native/model.h"
#include "harness/base/err.h"

enum {
    MAX_CTX = 1 << 24,
    MAX_EMBD = 1 << 17,
    MAX_LAYERS = 1024,
    MAX_HEADS = 4096,
    MAX_HEAD_DIM = 4096,
    MAX_FF = 1 << 20
};

struct key_row {
    const char *key; /* behind "llama." */
    size_t member;   /* offset of a uint32_t in struct hparams */
    uint32_t max;
    bool required;
};
static const struct key_row keys[] = {
    {"context_length", offsetof(struct hparams, n_ctx), MAX_CTX, true},
    {"embedding_length", offsetof(struct hparams, n_embd), MAX_EMBD, true},
    {"block_count", offsetof(struct hparams, n_layer), MAX_LAYERS, true},
    {"feed_forward_length", offsetof(struct hparams, n_ff), MAX_FF, true},
    {"attention.head_count", offsetof(struct hparams, n_head), MAX_HEADS, true},
    {"attention.head_count_kv", offsetof(struct hparams, n_head_kv), MAX_HEADS, false},
    {"attention.key_length", offsetof(struct hparams, head_dim), MAX_HEAD_DIM, false},
    {"rope.dimension_count", offsetof(struct hparams, rope_dims), MAX_HEAD_DIM, false},
};

static const char *full(const char *key, char buf[64])
{
    snprintf(buf, 64, "llama.%s", key);
    return buf;
}

/* An integer, or an array of equal ones (some converters write one per layer).  1, 0 or an error.
 * */
static int uniform(const struct gguf *g, const char *key, uint64_t *out, struct assay_err *e)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    if (!kv || kv->type != GGUF_ARRAY)
        return gguf_uint(g, key, out, e);
    if (!kv->n || !gguf_is_int(kv->elem))
        return err_set(e, ASSAY_EFORMAT, "%s: offset %zu: '%s' is not an array of integers",
                       g->path, kv->offset, key);
    int64_t first = gguf_int_at(kv, 0);
    for (uint64_t i = 1; i < kv->n; i++)
        if (gguf_int_at(kv, i) != first)
            return err_set(e, ASSAY_EUNSUPPORTED,
                           "%s: offset %zu: '%s' differs between layers, which "
                           "is not supported",
                           g->path, kv->offset, key);
    *out = first < 0 ? UINT64_MAX : (uint64_t)first;
    return 1;
}

static int read_key(const struct gguf *g, const struct key_row *row, struct hparams *hp,
                    struct assay_err *e)
{
    char key[64];
    uint64_t x = 0;
    int found = uniform(g, full(row->key, key), &x, e);
    if (found < 0)
        return found;
    if (!found && row->required)
        return err_set(e, ASSAY_EFORMAT, "%s: the key '%s' is missing", g->path, key);
    if (found && (x < 1 || x > row->max))
        return err_set(e, ASSAY_EFORMAT, "%s: offset %zu: '%s' is %llu, expected 1 to %u", g->path,
                       gguf_find(g, key)->offset, key, (unsigned long long)x, row->max);
    *(uint32_t *)(void *)((char *)hp + row->member) = (uint32_t)x;
    return 0;
}

static int read_float(const struct gguf *g, const char *name, double lo, double hi, float *out,
                      struct assay_err *e)
{
    char key[64];
    double x = 0;
    int found = gguf_float(g, full(name, key), &x, e);
    if (found <= 0)
        return found;
    if (!(x >= lo && x <= hi))
        return err_set(e, ASSAY_EFORMAT, "%s: offset %zu: '%s' is %g, expected %g to %g", g->path,
                       gguf_find(g, key)->offset, key, x, lo, hi);
    *out = (float)x;
    return 1;
}

static int read_rope(const struct gguf *g, struct hparams *hp, struct assay_err *e)
{
    struct gguf_str type = {"linear", 6};
    char show[GGUF_SHOW];
    hp->rope_base = 10000;
    hp->rope_scale = 1;
    TRY(read_float(g, "rope.freq_base", 1, 1e12, &hp->rope_base, e));
    TRY(gguf_string(g, "llama.rope.scaling.type", &type, e));
    if (gguf_str_is(type, "none"))
        return 0;
    if (!gguf_str_is(type, "linear"))
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "%s: offset %zu: rope scaling '%s'; supported are none, "
                       "linear and a rope_freqs tensor",
                       g->path, gguf_find(g, "llama.rope.scaling.type")->offset,
                       gguf_show(type, show));
    int found = read_float(g, "rope.scaling.factor", 0, 1e6, &hp->rope_scale, e);
    if (!found)
        found = read_float(g, "rope.scale_linear", 0, 1e6, &hp->rope_scale, e);
    if (hp->rope_scale < 1e-6f)
        hp->rope_scale = 1; /* 0 stands for "none" */
    return found < 0 ? found : 0;
}

static int check_heads(const struct gguf *g, struct hparams *hp, struct assay_err *e)
{
    uint64_t n_value = 0;
    if (!hp->n_head_kv)
        hp->n_head_kv = hp->n_head;
    if (hp->n_head % hp->n_head_kv)
        return err_set(e, ASSAY_EFORMAT, "%s: %u attention heads are not a multiple of %u KV heads",
                       g->path, hp->n_head, hp->n_head_kv);
    if (!hp->head_dim && hp->n_embd % hp->n_head)
        return err_set(e, ASSAY_EFORMAT, "%s: an embedding of %u is not a multiple of %u heads",
                       g->path, hp->n_embd, hp->n_head);
    if (!hp->head_dim)
        hp->head_dim = hp->n_embd / hp->n_head;
    if (!hp->rope_dims)
        hp->rope_dims = hp->head_dim;
    if (hp->head_dim > MAX_HEAD_DIM || hp->rope_dims % 2 || hp->rope_dims > hp->head_dim)
        return err_set(e, ASSAY_EFORMAT,
                       "%s: rope over %u dimensions of heads of %u, expected an even"
                       " number up to the head's",
                       g->path, hp->rope_dims, hp->head_dim);
    int found = gguf_uint(g, "llama.attention.value_length", &n_value, e);
    if (found > 0 && n_value != hp->head_dim)
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "%s: values of %llu dimensions beside keys of %u are not"
                       " supported",
                       g->path, (unsigned long long)n_value, hp->head_dim);
    return found < 0 ? found : 0;
}

int hparams_read(const struct gguf *g, struct hparams *hp, struct assay_err *e)
{
    struct gguf_str arch = {"", 0};
    char show[GGUF_SHOW];
    uint64_t n_experts = 0;
    TRY(gguf_string(g, "general.architecture", &arch, e));
    if (!gguf_str_is(arch, "llama"))
        return err_set(e, ASSAY_EUNSUPPORTED, "%s: the architecture is '%s'; supported is 'llama'",
                       g->path, gguf_show(arch, show));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        TRY(read_key(g, &keys[i], hp, e));
    TRY(gguf_uint(g, "llama.expert_count", &n_experts, e));
    if (n_experts)
        return err_set(e, ASSAY_EUNSUPPORTED, "%s: a mixture of %llu experts is not supported",
                       g->path, (unsigned long long)n_experts);
    int found = read_float(g, "attention.layer_norm_rms_epsilon", 1e-12, 1, &hp->rms_eps, e);
    if (!found)
        return err_set(e, ASSAY_EFORMAT,
                       "%s: the key 'llama.attention.layer_norm_rms_epsilon' is missing", g->path);
    TRY(found);
    TRY(read_rope(g, hp, e));
    return check_heads(g, hp, e);
}
