/* make_gguf.h - writes GGUF files for tests: key by key, or a whole tiny llama model with random
 * weights and a small SentencePiece vocabulary.  Independent of the reader it tests.
 *
 *   struct mk g;
 *   mk_init(&g);
 *   mk_u32(&g, "general.alignment", 32);
 *   mk_tensor(&g, "x", QT_F32, 2, (uint64_t[]){4, 2}, floats, sizeof floats);
 *   struct buf file;
 *   mk_finish(&g, &file);        then buf_release(&file) */
#ifndef MAKE_GGUF_H
#define MAKE_GGUF_H
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backends/native/gguf.h"
#include "backends/native/quant.h"
#include "harness/base/buf.h"
#include "harness/base/rng.h"

struct mk {
    struct buf kv, info, data;
    uint64_t n_kv, n_tensors;
    uint32_t version, align;
};

static inline void mk_le(struct buf *b, uint64_t x, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        buf_addc(b, (char)(x >> 8 * i));
}
static inline void mk_text(struct buf *b, const char *s, size_t n)
{
    mk_le(b, n, 8);
    buf_add(b, s, n);
}
static inline void mk_init(struct mk *g)
{
    memset(g, 0, sizeof *g);
    buf_init(&g->kv, 0);
    buf_init(&g->info, 0);
    buf_init(&g->data, 0);
    g->version = 3;
    g->align = 32;
}
static inline void mk_key(struct mk *g, const char *key, uint32_t type)
{
    mk_text(&g->kv, key, strlen(key));
    mk_le(&g->kv, type, 4);
    g->n_kv++;
}
static inline void mk_u32(struct mk *g, const char *key, uint32_t x)
{
    mk_key(g, key, GGUF_U32);
    mk_le(&g->kv, x, 4);
}
static inline void mk_u64(struct mk *g, const char *key, uint64_t x)
{
    mk_key(g, key, GGUF_U64);
    mk_le(&g->kv, x, 8);
}
static inline uint32_t mk_bits(float x)
{
    union { float f; uint32_t u; } c = {x};
    return c.u;
}
static inline void mk_f32(struct mk *g, const char *key, float x)
{
    mk_key(g, key, GGUF_F32);
    mk_le(&g->kv, mk_bits(x), 4);
}
static inline void mk_bool(struct mk *g, const char *key, bool x)
{
    mk_key(g, key, GGUF_BOOL);
    mk_le(&g->kv, x, 1);
}
static inline void mk_str(struct mk *g, const char *key, const char *s)
{
    mk_key(g, key, GGUF_STR);
    mk_text(&g->kv, s, strlen(s));
}
static inline void mk_array(struct mk *g, const char *key, uint32_t elem, uint64_t n)
{
    mk_key(g, key, GGUF_ARRAY);
    mk_le(&g->kv, elem, 4);
    mk_le(&g->kv, n, 8);
}
static inline void mk_strs(struct mk *g, const char *key, const char *const *s, size_t n)
{
    mk_array(g, key, GGUF_STR, n);
    for (size_t i = 0; i < n; i++)
        mk_text(&g->kv, s[i], strlen(s[i]));
}
static inline void mk_f32s(struct mk *g, const char *key, const float *x, size_t n)
{
    mk_array(g, key, GGUF_F32, n);
    for (size_t i = 0; i < n; i++)
        mk_le(&g->kv, mk_bits(x[i]), 4);
}
static inline void mk_i32s(struct mk *g, const char *key, const int32_t *x, size_t n)
{
    mk_array(g, key, GGUF_I32, n);
    for (size_t i = 0; i < n; i++)
        mk_le(&g->kv, (uint32_t)x[i], 4);
}
static inline void mk_pad(struct buf *b, uint32_t align)
{
    while (b->n % align)
        buf_addc(b, 0);
}
static inline void mk_tensor(struct mk *g, const char *name, uint32_t type, uint32_t n_dims,
                             const uint64_t *dims, const void *data, size_t bytes)
{
    mk_text(&g->info, name, strlen(name));
    mk_le(&g->info, n_dims, 4);
    for (uint32_t i = 0; i < n_dims; i++)
        mk_le(&g->info, dims[i], 8);
    mk_le(&g->info, type, 4);
    mk_le(&g->info, g->data.n, 8);
    buf_add(&g->data, data, bytes);
    mk_pad(&g->data, g->align);
    g->n_tensors++;
}
static inline void mk_finish(struct mk *g, struct buf *out)
{
    buf_init(out, 0);
    buf_add(out, "GGUF", 4);
    mk_le(out, g->version, 4);
    mk_le(out, g->n_tensors, 8);
    mk_le(out, g->n_kv, 8);
    buf_add(out, g->kv.v, g->kv.n);
    buf_add(out, g->info.v, g->info.n);
    if (g->n_tensors)
        mk_pad(out, g->align);
    buf_add(out, g->data.v, g->data.n);
    buf_release(&g->kv);
    buf_release(&g->info);
    buf_release(&g->data);
}

/* -- a tiny model ------------------------------------------------------------------------------ */

struct mk_tiny {
    uint32_t n_embd, n_layer, n_head, n_head_kv, n_ff, n_ctx;
    uint32_t type;                 /* enum quant_type of the matrices */
    bool tied;
    uint64_t seed;
    uint32_t head_dim, rope_dims;  /* 0: n_embd / n_head, head_dim */
    float rope_base, rope_scale;   /* 0: no such key */
    bool rope_freqs;
};
static const struct mk_tiny mk_tiny_default = {64, 2, 4, 2, 96, 128, QT_F32, false, 1,
                                               0, 0, 0, 0, false};

/* What llama.cpp's goldens exist for (tests/golden/tiny-NAME-logits.txt): changing one, or
 * mk_random, or mk_vocab, means writing them again (tests/interop/llama_golden.sh). */
static const struct { const char *name; struct mk_tiny tiny; } mk_variants[] = {
    {"tied-linear", {64, 2, 4, 4, 96, 128, QT_F32, true, 3, 0, 0, 500000, 4, false}},
    {"rope-freqs", {64, 2, 4, 1, 172, 128, QT_F32, false, 4, 16, 0, 0, 0, true}},
    {"wide-heads", {96, 3, 2, 1, 64, 128, QT_F32, false, 5, 64, 0, 0, 0, false}},
    {"f16", {64, 2, 4, 2, 96, 128, QT_F16, false, 6, 0, 0, 0, 0, false}},
    {"q8_0", {64, 2, 4, 2, 96, 128, QT_Q8_0, false, 7, 0, 0, 0, 0, false}},
    {"q4_0", {64, 2, 4, 2, 96, 128, QT_Q4_0, false, 8, 0, 0, 0, 0, false}},
    {"q4_1", {64, 2, 4, 2, 96, 128, QT_Q4_1, false, 9, 0, 0, 0, 0, false}},
    {"q5_0", {64, 2, 4, 2, 96, 128, QT_Q5_0, false, 10, 0, 0, 0, 0, false}},
    {"q5_1", {64, 2, 4, 2, 96, 128, QT_Q5_1, false, 11, 0, 0, 0, 0, false}},
};
enum { MK_VARIANTS = sizeof mk_variants / sizeof *mk_variants };

/* 3 control, 256 byte and a few normal tokens: n_vocab = MK_VOCAB. */
static const char *const mk_pieces[] = {
    "\xe2\x96\x81", "a", "b", "c", "d", "e", "h", "n", "o", "r", "s", "t", "u", ".", ",",
    "\xe2\x96\x81t", "he", "\xe2\x96\x81the", "an", "\xe2\x96\x81" "a", "nd", "\xe2\x96\x81" "and",
    "on", "ou", "er", "\xe2\x96\x81s", "en", "\xe2\x96\x81h", "\xc3\xa9",
};
enum { MK_PIECES = sizeof mk_pieces / sizeof *mk_pieces, MK_VOCAB = 3 + 256 + MK_PIECES };

/* Tokens that exercise the rules around merging: texts matched before it, ties, an unused and an
 * empty one, one whose text makes it control.  mk_odd_vocab adds them and turns the space prefix
 * off. */
static const struct { const char *text; float score; int32_t type; } mk_odd[] = {
    {"<<", 0, 4}, {"<<<", 0, 4}, {"the cat", 0, 4}, {"  ", 0, 4}, {"\n\n", 0, 4}, {"a<", 0, 3},
    {"<|im_end|>", 0, 1}, {"<tool>", 0, 3}, {"tcat", -3, 5}, {"", 0, 1}, {"ab", -2, 1},
    {"bc", -2, 1}, {"cd", -2, 1}, {"abc", -1, 1}, {"\xe2\x96\x81\xe2\x96\x81", -9, 1},
    {"\xe2\x96\x81\xe2\x96\x81\xe2\x96\x81\xe2\x96\x81", -8, 1}, {"n\xe2\x96\x81t", 5, 1},
    {"\xc3", -1, 1}, {"\xe2\x96", -1, 1}, {"\x81", 0, 1},
};
enum { MK_ODD = sizeof mk_odd / sizeof *mk_odd };

static inline void mk_vocab_of(struct mk *g, size_t n_odd)
{
    static char names[256][8];
    const char *text[MK_VOCAB + MK_ODD] = {"<unk>", "<s>", "</s>"};
    float score[MK_VOCAB + MK_ODD] = {0};
    int32_t type[MK_VOCAB + MK_ODD] = {2, 3, 3};
    for (int i = 0; i < 256; i++) {
        snprintf(names[i], sizeof names[i], "<0x%02X>", (unsigned)i);
        text[3 + i] = names[i];
        type[3 + i] = 6;
    }
    for (int i = 0; i < MK_PIECES; i++) {
        text[259 + i] = mk_pieces[i];
        score[259 + i] = (float)-i;
        type[259 + i] = 1;
    }
    for (size_t i = 0; i < n_odd; i++) {
        text[MK_VOCAB + i] = mk_odd[i].text;
        score[MK_VOCAB + i] = mk_odd[i].score;
        type[MK_VOCAB + i] = mk_odd[i].type;
    }
    mk_str(g, "tokenizer.ggml.model", "llama");
    mk_strs(g, "tokenizer.ggml.tokens", text, MK_VOCAB + n_odd);
    mk_f32s(g, "tokenizer.ggml.scores", score, MK_VOCAB + n_odd);
    mk_i32s(g, "tokenizer.ggml.token_type", type, MK_VOCAB + n_odd);
    mk_u32(g, "tokenizer.ggml.bos_token_id", 1);
    mk_u32(g, "tokenizer.ggml.eos_token_id", 2);
}
static inline void mk_vocab(struct mk *g)
{
    mk_vocab_of(g, 0);
}
static inline void mk_odd_vocab(struct mk *g)
{
    mk_vocab_of(g, MK_ODD);
    mk_bool(g, "tokenizer.ggml.add_space_prefix", false);
}

/* [n_out][n_in] uniform in +-scale around `mean`, stored as `type`; n_out 0: a vector. */
static inline void mk_random(struct mk *g, struct rng *r, const char *name, uint32_t type,
                             uint64_t n_in, uint64_t n_out, float mean, float scale)
{
    size_t n = n_in * (n_out ? n_out : 1);
    const struct quant_traits *q = quant_find(type);
    float *x = malloc(n * sizeof *x);
    void *codes = calloc(n / q->block + 1, q->bytes);
    for (size_t i = 0; i < n; i++)
        x[i] = mean + scale * (float)(2 * rng_double(r) - 1);
    q->quantize(x, codes, n);
    mk_tensor(g, name, type, n_out ? 2 : 1, (uint64_t[]){n_in, n_out}, codes,
              n / q->block * q->bytes);
    free(x);
    free(codes);
}
static inline void mk_layer(struct mk *g, struct rng *r, const struct mk_tiny *t, uint32_t layer)
{
    uint32_t d = t->n_embd, hd = t->head_dim ? t->head_dim : d / t->n_head;
    uint32_t n_q = hd * t->n_head, kv = hd * t->n_head_kv;
    const struct { const char *name; uint32_t in, out; } w[] = {
        {"attn_q", d, n_q}, {"attn_k", d, kv}, {"attn_v", d, kv}, {"attn_output", n_q, d},
        {"ffn_gate", d, t->n_ff}, {"ffn_up", d, t->n_ff}, {"ffn_down", t->n_ff, d},
    };
    char name[64];
    for (size_t i = 0; i < sizeof w / sizeof *w; i++) {
        snprintf(name, sizeof name, "blk.%u.%s.weight", layer, w[i].name);
        mk_random(g, r, name, t->type, w[i].in, w[i].out, 0, 1.7f / sqrtf((float)w[i].in));
    }
    snprintf(name, sizeof name, "blk.%u.attn_norm.weight", layer);
    mk_random(g, r, name, QT_F32, d, 0, 1, 0.3f);
    snprintf(name, sizeof name, "blk.%u.ffn_norm.weight", layer);
    mk_random(g, r, name, QT_F32, d, 0, 1, 0.3f);
}
static inline void mk_tiny_keys(struct mk *g, const struct mk_tiny *t)
{
    mk_str(g, "general.architecture", "llama");
    mk_u32(g, "llama.context_length", t->n_ctx);
    mk_u32(g, "llama.embedding_length", t->n_embd);
    mk_u32(g, "llama.block_count", t->n_layer);
    mk_u32(g, "llama.feed_forward_length", t->n_ff);
    mk_u32(g, "llama.attention.head_count", t->n_head);
    mk_u32(g, "llama.attention.head_count_kv", t->n_head_kv);
    mk_u32(g, "llama.rope.dimension_count",
           t->rope_dims ? t->rope_dims : t->head_dim ? t->head_dim : t->n_embd / t->n_head);
    if (t->head_dim) {
        mk_u32(g, "llama.attention.key_length", t->head_dim);
        mk_u32(g, "llama.attention.value_length", t->head_dim);
    }
    if (t->rope_base != 0)
        mk_f32(g, "llama.rope.freq_base", t->rope_base);
    if (t->rope_scale != 0) {
        mk_str(g, "llama.rope.scaling.type", "linear");
        mk_f32(g, "llama.rope.scaling.factor", t->rope_scale);
    }
    mk_f32(g, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
}
static inline void mk_tiny_tensors(struct mk *g, const struct mk_tiny *t)
{
    struct rng r = {t->seed};
    mk_random(g, &r, "token_embd.weight", t->type, t->n_embd, MK_VOCAB, 0, 1);
    mk_random(g, &r, "output_norm.weight", QT_F32, t->n_embd, 0, 1, 0.3f);
    if (!t->tied)
        mk_random(g, &r, "output.weight", t->type, t->n_embd, MK_VOCAB, 0, 0.4f);
    if (t->rope_freqs)
        mk_random(g, &r, "rope_freqs.weight", QT_F32, t->head_dim / 2, 0, 3, 2);
    for (uint32_t i = 0; i < t->n_layer; i++)
        mk_layer(g, &r, t, i);
}
static inline void mk_tiny_model(const struct mk_tiny *t, struct buf *out)
{
    struct mk g;
    mk_init(&g);
    mk_tiny_keys(&g, t);
    mk_vocab(&g);
    mk_tiny_tensors(&g, t);
    mk_finish(&g, out);
}

/* A fresh file with these bytes; the caller unlinks and frees the path. */
static inline char *mk_write(const struct buf *b)
{
    const char *dir = getenv("TMPDIR");
    char *path = malloc(4096);
    snprintf(path, 4096, "%s/assay-gguf-XXXXXX", dir && *dir ? dir : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, b->v, b->n) != (ssize_t)b->n) {
        perror(path);
        abort();
    }
    close(fd);
    return path;
}
static inline char *mk_tiny_file(const struct mk_tiny *t)
{
    struct buf b;
    mk_tiny_model(t, &b);
    char *path = mk_write(&b);
    buf_release(&b);
    return path;
}
#endif
