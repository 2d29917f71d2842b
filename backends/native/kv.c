/* kv.c - memory of one sequence's keys and values: sizes, places, copying a prefix. */
#include "backends/native/kv.h"
#include "harness/base/err.h"
#include <stdlib.h>
#include <string.h>

static size_t row_bytes(const struct kv_shape *s)
{
    return kv_row_bytes(s->type, s->head_dim);
}

/* Scales of one position's keys. */
static size_t n_scales(const struct kv_shape *s)
{
    if (kv_is_low(s->type))
        return (s->head_dim + KV_GROUP - 1u) / KV_GROUP;
    return s->type == KV_INT8 ? 1 : 0;
}

static uint32_t round_up(uint32_t n)
{
    return (n + KV_BLOCK - 1) / KV_BLOCK * KV_BLOCK;
}

static size_t head_bytes(const struct kv_shape *s, uint32_t cap)
{
    return (size_t)cap * 2 * (row_bytes(s) + n_scales(s) * sizeof(float));
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
    const size_t row = seq->cap * row_bytes(s), scales = n_scales(s);
    unsigned char *p = seq->mem + ((size_t)layer * s->n_head + head) * head_bytes(s, seq->cap);
    struct kv_view v = {.k = p, .v = p + row, .cap = seq->cap};
    if (scales) {
        v.ks = (float *)(void *)(p + 2 * row);
        v.vs = v.ks + scales * seq->cap;
    }
    return v;
}

void kv_copy(struct kv_seq *dst, const struct kv_seq *src, const struct kv_shape *s, uint32_t n)
{
    const size_t row = row_bytes(s);
    for (uint32_t l = 0; l < s->n_layer; l++)
        for (uint32_t h = 0; h < s->n_head; h++) {
            const struct kv_view d = kv_at(dst, s, l, h), o = kv_at(src, s, l, h);
            memcpy(d.k, o.k, round_up(n) * row);
            memcpy(d.v, o.v, n * row);
            for (size_t g = 0; g < n_scales(s); g++) {
                memcpy(d.ks + g * d.cap, o.ks + g * o.cap, n * sizeof(float));
                memcpy(d.vs + g * d.cap, o.vs + g * o.cap, n * sizeof(float));
            }
        }
}
