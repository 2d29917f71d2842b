/* kern_neon_int.h - integer products for arm64, compiled once per way of multiplying bytes.
 *
 * A tile is half a panel (8 rows, two registers per step) x MT tokens.  The including file defines
 * before, for 8 k at a time:
 *   dot_pair(sum, w, q, n_k, mt)   sum += w[step][quarter] x q;  mt is 1 or 4
 *   settle(sum, mt)                brings sum into the order [token][quarter], lanes = rows
 * and gets int_w8, int_q8, int_q4, int_q5.  Without INLINE, which these files define, it is empty. */
#ifndef KERN_NEON_INT_H
#define KERN_NEON_INT_H
#include "backends/native/kern.h"

#if defined(__aarch64__) && defined(INLINE)
#include <string.h>

enum { HALF = 8, BLOCK_BYTES = KERN_BLOCK * KERN_ROWS };

static inline size_t rows_left(size_t n_rows, size_t at)
{
    return n_rows - at < HALF ? n_rows - at : HALF;
}

/* Two registers of y, of which n rows exist. */
static inline void store_rows(float *y, const float32x4_t v[2], size_t n)
{
    float tmp[HALF];
    vst1q_f32(tmp, v[0]);
    vst1q_f32(tmp + 4, v[1]);
    memcpy(y, tmp, n * sizeof *y);
}

/* The halves of panels p0..p1 that have rows. */
static inline size_t halves_end(const struct kern_int *g)
{
    size_t end = (g->w->n_out + HALF - 1) / HALF;
    return end < 2 * g->p1 ? end : 2 * g->p1;
}

INLINE int8x16_t load_signed(const uint8_t *c)
{
    return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(c), vdupq_n_u8(0x80)));
}

/* -- per row and token ---------------------------------------------------------------------------- */
INLINE void w8_tile(const struct kern_int *g, size_t half, size_t t, const int mt)
{
    const struct kern_mat *w = g->w;
    const size_t n_k = g->a->n_k, p = half / 2, h = half % 2;
    const uint8_t *c = w->codes + p * w->codes_stride + h * 32;
    const int8_t *q = g->a->q + t * n_k;
    const float *scale =
        (const float *)(const void *)((const char *)w->scale + p * w->scale_stride) + h * HALF;
    int32x4_t sum[8];
    for (int i = 0; i < 2 * mt; i++)
        sum[i] = vdupq_n_s32(0);
    /* An odd last step multiplies what lies behind the panel by the zeros that pad q. */
    for (size_t k = 0; k < w->n_in; k += 8) {
        const uint8_t *s = c + k * KERN_ROWS;
        int8x16_t wv[2][2] = {{load_signed(s), load_signed(s + 16)},
                              {load_signed(s + 64), load_signed(s + 80)}};
        dot_pair(sum, wv, q + k, n_k, mt);
    }
    settle(sum, mt);
    for (int i = 0; i < mt; i++) {
        float32x4_t v[2];
        for (int j = 0; j < 2; j++) {
            v[j] = vmulq_f32(vcvtq_f32_s32(sum[2 * i + j]), vld1q_f32(scale + 4 * j));
            v[j] = vmulq_n_f32(v[j], g->a->d[t + (size_t)i]);
        }
        store_rows(g->y + (t + (size_t)i) * g->ldy + half * HALF, v,
                   rows_left(w->n_out, half * HALF));
    }
}

static void int_w8(const struct kern_int *g)
{
    for (size_t half = 2 * g->p0; half < halves_end(g); half++) {
        size_t t = 0;
        for (; t + 4 <= g->n; t += 4)
            w8_tile(g, half, t, 4);
        for (; t < g->n; t++)
            w8_tile(g, half, t, 1);
    }
}

/* -- blocks of 32 ---------------------------------------------------------------------------------- */
/* 16 bits to 16 bytes of 16 or 0. */
INLINE int8x16_t fifth_bits(const uint8_t *high)
{
    static const uint8_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t v = vcombine_u8(vdup_n_u8(high[0]), vdup_n_u8(high[1]));
    return vreinterpretq_s8_u8(vandq_u8(vtstq_u8(v, vld1q_u8(bits)), vdupq_n_u8(16)));
}

/* Step s of block b, quarter j (4 rows): signed codes of Q8, unsigned small ones of Q4 and Q5. */
INLINE int8x16_t step_codes(const struct kern_mat *w, size_t half, size_t b, const int s,
                            const int j, const enum kern_form form)
{
    const uint8_t *c = w->codes + half / 2 * w->codes_stride;
    const size_t at = half % 2 * 32 + (size_t)j * 16;
    if (form == KERN_Q8)
        return load_signed(c + b * BLOCK_BYTES + (size_t)s * 64 + at);
    uint8x16_t v = vld1q_u8(c + b * (BLOCK_BYTES / 2) + (size_t)(s % 4) * 64 + at);
    int8x16_t q = vreinterpretq_s8_u8(s >= 4 ? vshrq_n_u8(v, 4) : vandq_u8(v, vdupq_n_u8(15)));
    if (form == KERN_Q5) {
        const uint8_t *high = w->high + half / 2 * w->high_stride + b * 64 + (size_t)s * 8;
        q = vorrq_s8(q, fifth_bits(high + at / 8));
    }
    return q;
}

INLINE float32x4_t half_scales(const void *base, size_t stride, size_t half, size_t b, const int j)
{
    const char *s = (const char *)base + half / 2 * stride +
                    (b * KERN_ROWS + half % 2 * HALF + (size_t)j * 4) * 2;
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8((const uint8_t *)s)));
}

INLINE void block_tile(const struct kern_int *g, size_t half, size_t t, const int mt,
                       const enum kern_form form)
{
    const struct kern_mat w = *g->w;
    const struct kern_act a = *g->a;
    const size_t rows = rows_left(w.n_out, half * HALF);
    float *y = g->y + t * g->ldy + half * HALF;
    float32x4_t acc[4][2];
    for (int i = 0; i < mt; i++)
        acc[i][0] = acc[i][1] = vdupq_n_f32(0);
    for (size_t b = 0; b < w.n_in / KERN_BLOCK; b++) {
        const size_t at = b * a.ldd + t;
        int32x4_t sum[8];
        for (int i = 0; i < 2 * mt; i++)
            sum[i] = vdupq_n_s32(0);
        for (int s = 0; s < 8; s += 2) {
            int8x16_t wv[2][2];
            for (int j = 0; j < 2; j++) {
                wv[0][j] = step_codes(&w, half, b, s, j, form);
                wv[1][j] = step_codes(&w, half, b, s + 1, j, form);
            }
            dot_pair(sum, wv, a.q + t * a.n_k + b * KERN_BLOCK + s * 4, a.n_k, mt);
        }
        settle(sum, mt);
        for (int j = 0; j < 2; j++) {
            float32x4_t dw = half_scales(w.scale, w.scale_stride, half, b, j);
            for (int i = 0; i < mt; i++) {
                int32x4_t v = sum[2 * i + j];
                if (form != KERN_Q8)
                    v = vaddq_s32(v, vdupq_n_s32(a.bias[at + (size_t)i]));
                acc[i][j] = vfmaq_f32(acc[i][j], vmulq_n_f32(dw, a.d[at + (size_t)i]),
                                      vcvtq_f32_s32(v));
            }
            if (!w.min)
                continue;
            float32x4_t m = half_scales(w.min, w.scale_stride, half, b, j);
            for (int i = 0; i < mt; i++)
                acc[i][j] = vfmaq_f32(acc[i][j], m, vdupq_n_f32(a.s[at + (size_t)i]));
        }
    }
    for (int i = 0; i < mt; i++)
        store_rows(y + (size_t)i * g->ldy, acc[i], rows);
}

INLINE void block_all(const struct kern_int *g, const enum kern_form form)
{
    for (size_t half = 2 * g->p0; half < halves_end(g); half++) {
        size_t t = 0;
        for (; t + 4 <= g->n; t += 4)
            block_tile(g, half, t, 4, form);
        for (; t < g->n; t++)
            block_tile(g, half, t, 1, form);
    }
}

static void int_q8(const struct kern_int *g)
{
    block_all(g, KERN_Q8);
}

static void int_q4(const struct kern_int *g)
{
    block_all(g, KERN_Q4);
}

static void int_q5(const struct kern_int *g)
{
    block_all(g, KERN_Q5);
}
#endif
#endif
