/* kv.h - keys and values of one sequence of tokens, laid out for attention.
 *
 * Per layer and kv head: K in blocks of 16 positions with the positions innermost,
 * [cap/16][head_dim][16], so that scores of 16 positions are computed side by side; V by position,
 * [cap][head_dim]; for KV_INT8 one fp32 scale per position behind each.  KV_INT4, KV_INT3, KV_INT2:
 * several dimensions to a byte, [cap/16][row bytes][16] and [cap][row bytes], and one scale per
 * position for every KV_GROUP dimensions; attend_low_body.h says which share a byte.
 * Invariant: a position's values depend on nothing but what was stored there, so a copied prefix
 * equals a computed one bit for bit.  Lanes of a block beyond the last stored position hold finite
 * leftovers that attention never lets through. */
#ifndef KV_H
#define KV_H
#include "backends/native/model.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assay_err;

enum { KV_BLOCK = 16, KV_GROUP = 32 };
struct kv_shape {
    enum kv_type type;
    uint32_t n_layer, n_head, head_dim;      /* n_head: kv heads */
};
struct kv_seq {                   /* zeroed: empty */
    uint32_t cap;                 /* positions, multiple of KV_BLOCK */
    size_t bytes;
    unsigned char *mem;           /* [n_layer][n_head][K, V, K scales, V scales] */
};
struct kv_view {                  /* one layer, one kv head */
    void *k;                      /* [cap/16][head_dim][16] float, fp16, int8 or packed */
    void *v;                      /* [cap][head_dim] */
    float *ks, *vs;               /* [cap], below 8 bits [groups][cap]; KV_F32, KV_F16: NULL */
    size_t cap;
};

/* Below 8 bits: packed, with scales per group? */
static inline bool kv_is_low(enum kv_type t)
{
    return t >= KV_INT4;
}
/* Bytes of one position's keys in one head, or of its values, without scales. */
static inline size_t kv_row_bytes(enum kv_type t, size_t head_dim)
{
    switch (t) {
    case KV_F32: return head_dim * 4;
    case KV_F16: return head_dim * 2;
    case KV_INT4: return (head_dim + 1) / 2;
    case KV_INT3: return (head_dim + 3) / 4 + (head_dim + 7) / 8;
    case KV_INT2: return (head_dim + 3) / 4;
    default: return head_dim;
    }
}

size_t kv_bytes_per_token(const struct kv_shape *);
size_t kv_bytes(const struct kv_shape *, uint32_t n_pos);     /* what kv_reserve(n_pos) holds */
/* Room for n_pos positions; what was stored is lost when it must grow.
 * Errors: ASSAY_ENOMEM with the size. */
int kv_reserve(struct kv_seq *, const struct kv_shape *, uint32_t n_pos, struct assay_err *);
void kv_release(struct kv_seq *);
struct kv_view kv_at(const struct kv_seq *, const struct kv_shape *, uint32_t layer, uint32_t head);
/* Copies positions 0..n-1; both hold at least n. */
void kv_copy(struct kv_seq *dst, const struct kv_seq *src, const struct kv_shape *, uint32_t n);
#endif
