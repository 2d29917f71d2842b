/* kern_vnni.c - AVX-512 VNNI: integer products.
 *
 * One vpdpbusd multiplies 4 k of 16 rows (one step of a panel) by 4 broadcast activation codes.  The
 * sums start at the activations' bias, which takes the offset of unsigned codes back out, so a sum is
 * exact when its block ends.  dot8 and dot16 are inline assembly because GCC 12 spills arrays of
 * accumulators around the intrinsics. */
#include "backends/native/kern.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
enum { BLOCK_BYTES = KERN_BLOCK * KERN_ROWS, MAX_SUMS = 24 };
/* Steps of two int16 products, each at most 2^22, that fit 31 bits. */
enum { I16_STEPS = 128 };

INLINE __m512i dot8(__m512i acc, __m512i u8, __m512i s8)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(u8), "v"(s8));
    return acc;
}

INLINE __m512i dot16(__m512i acc, __m512i a, __m512i b)
{
    __asm__("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
    return acc;
}

static __mmask16 rows_mask(const struct kern_mat *w, size_t p)
{
    size_t left = w->n_out - p * KERN_ROWS;
    return left >= KERN_ROWS ? (__mmask16)0xffff : (__mmask16)((1u << left) - 1);
}

INLINE __m512i load(const void *p)
{
    return _mm512_loadu_si512(p);
}

/* Four codes, or two of 16 bits, to every lane. */
INLINE __m512i spread(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}

INLINE __m512 half_scales(const void *base, size_t stride, size_t p, size_t b)
{
    const char *s = (const char *)base + p * stride + b * KERN_ROWS * 2;
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)s));
}

/* -- per row and token ---------------------------------------------------------------------------- */
INLINE void w8_tile(const struct kern_int *g, size_t p, size_t t, const int mt, const int np)
{
    const struct kern_mat *w = g->w;
    const struct kern_act *a = g->a;
    const size_t stride = w->codes_stride, n_k = a->n_k, n_in = w->n_in;
    const uint8_t *c = w->codes + p * stride;
    const int8_t *q = a->q + t * n_k;
    __m512i acc[MAX_SUMS];
    KERN_UNROLL
    for (int i = 0; i < mt; i++)
        KERN_UNROLL
        for (int j = 0; j < np; j++)
            acc[i * np + j] = _mm512_set1_epi32(a->bias[t + (size_t)i]);
    for (size_t k = 0; k < n_in; k += 4) {
        __m512i wv[4];
        KERN_UNROLL
        for (int j = 0; j < np; j++)
            wv[j] = load(c + (size_t)j * stride + k * KERN_ROWS);
        KERN_UNROLL
        for (int i = 0; i < mt; i++) {
            __m512i x = spread(q + (size_t)i * n_k + k);
            KERN_UNROLL
            for (int j = 0; j < np; j++)
                acc[i * np + j] = dot8(acc[i * np + j], wv[j], x);
        }
    }
    KERN_UNROLL
    for (int i = 0; i < mt; i++) {
        float *y = g->y + (t + (size_t)i) * g->ldy + p * KERN_ROWS;
        KERN_UNROLL
        for (int j = 0; j < np; j++) {
            const char *s = (const char *)w->scale + (p + (size_t)j) * w->scale_stride;
            __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(acc[i * np + j]), _mm512_loadu_ps(s));
            v = _mm512_mul_ps(v, _mm512_set1_ps(a->d[t + (size_t)i]));
            _mm512_mask_storeu_ps(y + j * KERN_ROWS, rows_mask(w, p + (size_t)j), v);
        }
    }
}

INLINE void w8_strip(const struct kern_int *g, size_t p, const int mt, const int np)
{
    size_t t = 0;
    for (; t + (size_t)mt <= g->n; t += (size_t)mt)
        w8_tile(g, p, t, mt, np);
    for (; t + 2 <= g->n; t += 2)
        w8_tile(g, p, t, 2, np);
    if (t < g->n)
        w8_tile(g, p, t, 1, np);
}

static void vnni_w8(const struct kern_int *g)
{
    size_t p = g->p0;
    for (; p + 3 <= g->p1; p += 3)
        w8_strip(g, p, 8, 3);
    for (; p < g->p1; p++)
        w8_strip(g, p, 12, 1);
}

/* sum64 += 256 * high + low, lane by lane. */
INLINE void i16_flush(__m512i sum64[2], __m512i high, __m512i low)
{
    KERN_UNROLL
    for (int h = 0; h < 2; h++) {
        __m256i hi = h ? _mm512_extracti64x4_epi64(high, 1) : _mm512_castsi512_si256(high);
        __m256i lo = h ? _mm512_extracti64x4_epi64(low, 1) : _mm512_castsi512_si256(low);
        __m512i v = _mm512_slli_epi64(_mm512_cvtepi32_epi64(hi), 8);
        v = _mm512_add_epi64(v, _mm512_cvtepi32_epi64(lo));
        sum64[h] = _mm512_add_epi64(sum64[h], v);
    }
}

INLINE void i16_tile(const struct kern_int *g, size_t p, size_t t, const int mt, const int np)
{
    const struct kern_mat *w = g->w;
    const uint8_t *c = w->codes + p * w->codes_stride;
    const int16_t *q = g->a->q16 + t * 2 * w->n_k;
    __m512i sum[MAX_SUMS];
    KERN_UNROLL
    for (int i = 0; i < mt * np * 2; i++)
        sum[i] = _mm512_setzero_si512();
    for (size_t k = 0; k < w->n_k;) {
        size_t stop = k + 2 * I16_STEPS < w->n_k ? k + 2 * I16_STEPS : w->n_k;
        __m512i high[MAX_SUMS / 2], low[MAX_SUMS / 2];
        KERN_UNROLL
        for (int i = 0; i < mt * np; i++)
            high[i] = low[i] = _mm512_setzero_si512();
        for (; k < stop; k += 2) {
            KERN_UNROLL
            for (int i = 0; i < mt; i++) {
                const int16_t *x = q + (size_t)i * 2 * w->n_k + k;
                __m512i xh = spread(x), xl = spread(x + w->n_k);
                KERN_UNROLL
                for (int j = 0; j < np; j++) {
                    __m512i wv = load(c + (size_t)j * w->codes_stride + k * KERN_ROWS * 2);
                    high[i * np + j] = dot16(high[i * np + j], wv, xh);
                    low[i * np + j] = dot16(low[i * np + j], wv, xl);
                }
            }
        }
        KERN_UNROLL
        for (int i = 0; i < mt * np; i++)
            i16_flush(&sum[2 * i], high[i], low[i]);
    }
    KERN_UNROLL
    for (int i = 0; i < mt * np; i++) {
        size_t at = t + (size_t)(i / np), panel = p + (size_t)(i % np);
        const char *s = (const char *)w->scale + panel * w->scale_stride;
        __m512 v = _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtepi64_ps(sum[2 * i])),
                                      _mm512_cvtepi64_ps(sum[2 * i + 1]), 1);
        v = _mm512_mul_ps(_mm512_mul_ps(v, _mm512_loadu_ps(s)), _mm512_set1_ps(g->a->d[at]));
        _mm512_mask_storeu_ps(g->y + at * g->ldy + panel * KERN_ROWS, rows_mask(w, panel), v);
    }
}

INLINE void i16_strip(const struct kern_int *g, size_t p, const int np)
{
    size_t t = 0;
    for (; t + 6 <= g->n; t += 6)
        i16_tile(g, p, t, 6, np);
    for (; t + 2 <= g->n; t += 2)
        i16_tile(g, p, t, 2, np);
    if (t < g->n)
        i16_tile(g, p, t, 1, np);
}

static void vnni_i16(const struct kern_int *g)
{
    size_t p = g->p0;
    for (; p + 2 <= g->p1; p += 2)
        i16_strip(g, p, 2);
    if (p < g->p1)
        i16_strip(g, p, 1);
}

/* -- blocks of 32 ---------------------------------------------------------------------------------- */
/* Step s (0..7) of block b as 64 unsigned codes. */
INLINE __m512i step_codes(const struct kern_mat *w, size_t p, size_t b, const int s,
                          const enum kern_form form)
{
    const uint8_t *c = w->codes + p * w->codes_stride;
    if (form == KERN_Q8)
        return load(c + b * BLOCK_BYTES + s * 64);
    __m512i v = load(c + b * (BLOCK_BYTES / 2) + s % 4 * 64);
    if (s >= 4)
        v = _mm512_srli_epi16(v, 4);
    v = _mm512_and_si512(v, _mm512_set1_epi8(15));
    if (form == KERN_Q5) {
        uint64_t high;
        memcpy(&high, w->high + p * w->high_stride + b * 64 + s * 8, sizeof high);
        v = _mm512_mask_add_epi8(v, high, v, _mm512_set1_epi8(16));
    }
    return v;
}

/* sum[token][panel] of block b: MT tokens x NP panels, K by steps of 4. */
struct block_at {
    const struct kern_mat *w;
    size_t p, b;                   /* first panel, block */
    const int8_t *q;               /* codes of the first token in the block */
    size_t n_k;                    /* to the next token */
};
INLINE void block_sums(struct block_at at, __m512i *sum, const int mt, const int np,
                       const enum kern_form form)
{
    KERN_UNROLL
    for (int s = 0; s < 8; s++) {
        __m512i wv[2];
        KERN_UNROLL
        for (int j = 0; j < np; j++)
            wv[j] = step_codes(at.w, at.p + (size_t)j, at.b, s, form);
        KERN_UNROLL
        for (int i = 0; i < mt; i++) {
            __m512i x = spread(at.q + (size_t)i * at.n_k + s * 4);
            KERN_UNROLL
            for (int j = 0; j < np; j++)
                sum[i * np + j] = dot8(sum[i * np + j], wv[j], x);
        }
    }
}

/* Sums of one tile over all blocks, from and to y.  Structs are copied so that nothing is read again
 * after a store. */
INLINE void block_tile(const struct kern_int *g, size_t p, size_t t, const int mt, const int np,
                       const enum kern_form form)
{
    const struct kern_mat w = *g->w;
    const struct kern_act a = *g->a;
    const size_t n_blocks = w.n_in / KERN_BLOCK, ldy = g->ldy;
    float *y = g->y + t * ldy + p * KERN_ROWS;
    const __mmask16 last = rows_mask(&w, p + (size_t)np - 1);
    __m512 acc[MAX_SUMS / 2];
    KERN_UNROLL
    for (int i = 0; i < mt * np; i++)
        acc[i] = _mm512_setzero_ps();
    if (g->add)
        KERN_UNROLL
        for (int i = 0; i < mt; i++)
            KERN_UNROLL
            for (int j = 0; j < np; j++)
                acc[i * np + j] = _mm512_maskz_loadu_ps(j == np - 1 ? last : 0xffff,
                                                        y + (size_t)i * ldy + j * KERN_ROWS);
    for (size_t b = 0; b < n_blocks; b++) {
        const size_t at = b * a.ldd + t;
        __m512i sum[MAX_SUMS / 2];
        KERN_UNROLL
        for (int i = 0; i < mt; i++)
            KERN_UNROLL
            for (int j = 0; j < np; j++)
                sum[i * np + j] = _mm512_set1_epi32(a.bias[at + (size_t)i]);
        block_sums((struct block_at){&w, p, b, a.q + t * a.n_k + b * KERN_BLOCK, a.n_k}, sum, mt,
                   np, form);
        __m512 dw[2];
        KERN_UNROLL
        for (int j = 0; j < np; j++)
            dw[j] = half_scales(w.scale, w.scale_stride, p + (size_t)j, b);
        KERN_UNROLL
        for (int i = 0; i < mt; i++) {
            __m512 da = _mm512_set1_ps(a.d[at + (size_t)i]);
            KERN_UNROLL
            for (int j = 0; j < np; j++)
                acc[i * np + j] =
                    _mm512_fmadd_ps(_mm512_mul_ps(dw[j], da), _mm512_cvtepi32_ps(sum[i * np + j]),
                                    acc[i * np + j]);
        }
        if (!w.min)
            continue;
        KERN_UNROLL
        for (int j = 0; j < np; j++) {
            __m512 m = half_scales(w.min, w.scale_stride, p + (size_t)j, b);
            KERN_UNROLL
            for (int i = 0; i < mt; i++)
                acc[i * np + j] = _mm512_fmadd_ps(m, _mm512_set1_ps(a.s[at + (size_t)i]),
                                                  acc[i * np + j]);
        }
    }
    KERN_UNROLL
    for (int i = 0; i < mt; i++)
        KERN_UNROLL
        for (int j = 0; j < np; j++)
            _mm512_mask_storeu_ps(y + (size_t)i * ldy + j * KERN_ROWS, j == np - 1 ? last : 0xffff,
                                  acc[i * np + j]);
}

INLINE void block_all(const struct kern_int *g, const enum kern_form form)
{
    size_t p = g->p0;
    for (; p + 2 <= g->p1; p += 2) {
        size_t t = 0;
        for (; form == KERN_Q8 && t + 6 <= g->n; t += 6)
            block_tile(g, p, t, 6, 2, form);
        for (; t + 2 <= g->n; t += 2)
            block_tile(g, p, t, 2, 2, form);
        if (t < g->n)
            block_tile(g, p, t, 1, 2, form);
    }
    for (size_t t = 0; p < g->p1 && t < g->n; t++)
        block_tile(g, p, t, 1, 1, form);
}

static void vnni_q8(const struct kern_int *g)
{
    block_all(g, KERN_Q8);
}

static void vnni_q4(const struct kern_int *g)
{
    block_all(g, KERN_Q4);
}

static void vnni_q5(const struct kern_int *g)
{
    block_all(g, KERN_Q5);
}

INLINE void widen(const struct kern_mat *w, size_t p, size_t b0, size_t n_b, uint8_t *out,
                  const enum kern_form form)
{
    for (size_t b = 0; b < n_b; b++, out += BLOCK_BYTES)
        KERN_UNROLL
        for (int s = 0; s < 8; s++)
            _mm512_storeu_si512(out + s * 64, step_codes(w, p, b0 + b, s, form));
}

static void vnni_widen_q4(const struct kern_mat *w, size_t p, size_t b0, size_t n_b, uint8_t *out)
{
    widen(w, p, b0, n_b, out, KERN_Q4);
}

static void vnni_widen_q5(const struct kern_mat *w, size_t p, size_t b0, size_t n_b, uint8_t *out)
{
    widen(w, p, b0, n_b, out, KERN_Q5);
}

void kern_avx512_vnni(struct kern *k)
{
    k->name = "avx512-vnni";
    k->i16 = vnni_i16;
    k->w8 = vnni_w8;
    k->q8 = vnni_q8;
    k->q4 = vnni_q4;
    k->q5 = vnni_q5;
    k->widen_q4 = vnni_widen_q4;
    k->widen_q5 = vnni_widen_q5;
    k->widen_min = 6;
}
#endif
