/* kv.c - memory of one sequence's keys and values: sizes, places, copying a prefix. */
#include "backends/native/kv.h"
#include "harness/base/err.h"
#include <stdlib.h>
#include <string.h>

static size_t element_bytes(enum kv_type t)
{
    return t == KV_F32 ? 4 : t == KV_F16 ? 2 : 1;
}

static uint32_t round_up(uint32_t n)
{
    return (n + KV_BLOCK - 1) / KV_BLOCK * KV_BLOCK;
}

static size_t head_bytes(const struct kv_shape *s, uint32_t cap)
{
    const size_t scales = s->type == KV_INT8 ? 2 * sizeof(float) : 0;
    return (size_t)cap * (2 * element_bytes(s->type) * s->head_dim + scales);
}

size_t kv_bytes_per_token(const struct kv_shape *s)
{
    return (size_t)s->n_layer * s->n_head * head_bytes(s, 1);
}

size_t kv_bytes(const struct kv_shape *s, uint32_t n_pos)
{
    return (size_t)s->n_layer * s->n_head * head_bytes(s, round_up(n_pos));
}

int kv_reserve(struct kv_seq *seq, const struct kv_shape *s, uint32_t n_pos, struct assay_err *err)
{
    if (n_pos <= seq->cap)
        return 0;
    kv_release(seq);
    const size_t bytes = kv_bytes(s, n_pos);
    unsigned char *mem = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!mem)
        return err_set(err, ASSAY_ENOMEM, "no memory for the KV cache: %u positions need %zu bytes",
                       n_pos, bytes);
    memset(mem, 0, bytes);
    *seq = (struct kv_seq){.cap = round_up(n_pos), .bytes = bytes, .mem = mem};
    return 0;
}

void kv_release(struct kv_seq *seq)
{
    free(seq->mem);
    *seq = (struct kv_seq){0};
}

struct kv_view kv_at(const struct kv_seq *seq, const struct kv_shape *s, uint32_t layer,
                     uint32_t head)
{
    const size_t row = (size_t)seq->cap * s->head_dim * element_bytes(s->type);
    unsigned char *p = seq->mem + ((size_t)layer * s->n_head + head) * head_bytes(s, seq->cap);
    struct kv_view v = {.k = p, .v = p + row};
    if (s->type == KV_INT8) {
        v.ks = (float *)(void *)(p + 2 * row);
        v.vs = v.ks + seq->cap;
    }
    return v;
}

void kv_copy(struct kv_seq *dst, const struct kv_seq *src, const struct kv_shape *s, uint32_t n)
{
    const size_t row = (size_t)s->head_dim * element_bytes(s->type);
    for (uint32_t l = 0; l < s->n_layer; l++)
        for (uint32_t h = 0; h < s->n_head; h++) {
            const struct kv_view d = kv_at(dst, s, l, h), o = kv_at(src, s, l, h);
            memcpy(d.k, o.k, round_up(n) * row);
            memcpy(d.v, o.v, n * row);
            if (d.ks) {
                memcpy(d.ks, o.ks, n * sizeof(float));
                memcpy(d.vs, o.vs, n * sizeof(float));
            }
        }
}
