/* kern_avx512.c - AVX-512 F, BW, VL, DQ: products with f32 activations, and activation quantizers.
 *
 * A tile holds MT tokens x NP panels of sums in registers; weights are loaded once per k and
 * activations broadcast.  Tile shapes never change the order of a sum (kern.h).  MT and NP are
 * constants after inlining, so that every accumulator is a register. */
#include "backends/native/kern.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
enum { MAX_SUMS = 24 };

static __mmask16 row_mask(size_t n_rows)
{
    return n_rows >= KERN_ROWS ? (__mmask16)0xffff : (__mmask16)((1u << n_rows) - 1);
}

/* -- f32 x f32 ----------------------------------------------------------------------------------- */
/* Tokens t.. of panels starting at w; `mask` is for the last panel. */
INLINE void tile(const struct kern_f32 *g, size_t p, size_t t, __mmask16 mask, const int mt,
                 const int np)
{
    const float *w = g->w + p * g->stride, *x = g->x + t * g->ldx;
    float *y = g->y + t * g->ldy + p * KERN_ROWS;
    __m512 acc[MAX_SUMS];
    for (int i = 0; i < mt; i++)
        for (int j = 0; j < np; j++)
            acc[i * np + j] =
                g->add ? _mm512_maskz_loadu_ps(j == np - 1 ? mask : 0xffff,
                                               y + (size_t)i * g->ldy + j * KERN_ROWS)
                       : _mm512_setzero_ps();
    for (size_t k = 0; k < g->n_k; k++) {
        __m512 wv[8];
        for (int j = 0; j < np; j++)
            wv[j] = _mm512_loadu_ps(w + (size_t)j * g->stride + k * KERN_ROWS);
        for (int i = 0; i < mt; i++) {
            __m512 xv = _mm512_set1_ps(x[(size_t)i * g->ldx + k]);
            for (int j = 0; j < np; j++)
                acc[i * np + j] = _mm512_fmadd_ps(wv[j], xv, acc[i * np + j]);
        }
    }
    for (int i = 0; i < mt; i++)
        for (int j = 0; j < np; j++)
            _mm512_mask_storeu_ps(y + (size_t)i * g->ldy + j * KERN_ROWS,
                                  j == np - 1 ? mask : 0xffff, acc[i * np + j]);
}

/* All tokens of np panels. */
INLINE void strip(const struct kern_f32 *g, size_t p, __mmask16 mask, const int mt, const int np)
{
    size_t t = 0;
    for (; t + (size_t)mt <= g->n; t += (size_t)mt)
        tile(g, p, t, mask, mt, np);
    for (; t + 4 <= g->n; t += 4)
        tile(g, p, t, mask, 4, np);
    for (; t + 2 <= g->n; t += 2)
        tile(g, p, t, mask, 2, np);
    if (t < g->n)
        tile(g, p, t, mask, 1, np);
}

static void avx512_f32(const struct kern_f32 *g)
{
    size_t panels = (g->n_rows + KERN_ROWS - 1) / KERN_ROWS, p = 0;
    while (p < panels) {
        size_t left = panels - p;
        size_t np = g->n == 1 && left >= 8 ? 8 : left >= 4 ? 4 : left;
        __mmask16 mask = row_mask(g->n_rows - (p + np - 1) * KERN_ROWS);
        switch (np) {
        case 8: tile(g, p, 0, mask, 1, 8); break;
        case 4: strip(g, p, mask, 6, 4); break;
        case 3: strip(g, p, mask, 8, 3); break;
        case 2: strip(g, p, mask, 12, 2); break;
        default: strip(g, p, mask, 16, 1); break;
        }
        p += np;
    }
}

/* -- weights as f32 -------------------------------------------------------------------------------- */
typedef float vf __attribute__((vector_size(64)));
typedef uint32_t vu __attribute__((vector_size(64)));
enum { LANES = 16, GEMV_PANELS = 4 };

INLINE vf v_fma(vf a, vf b, vf c)
{
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

INLINE vu v_put(vu mask, vu a, vu b)
{
    return (vu)_mm512_ternarylogic_epi32((__m512i)mask, (__m512i)a, (__m512i)b, 0xea);
}

INLINE vf v_f16(const void *p)
{
    return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

INLINE vf v_bf16(const void *p)
{
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return (vf)_mm512_slli_epi32(wide, 16);
}

INLINE vf v_signed(const void *p)
{
    return (vf)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

/* Values of codes in bf16, which is exact; above a form's bits they repeat. */
#define V_LOOKUP
struct v_table {
    __m512i low, high;             /* of indices below 32, and of the others */
};

INLINE __m256i values_from(int first, const enum kern_form form, int zero)
{
    const __m512i i = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i code = _mm512_add_epi32(i, _mm512_set1_epi32(first));
    code = _mm512_and_si512(code, _mm512_set1_epi32((1 << kern_bits(form)) - 1));
    const __m512 v = _mm512_cvtepi32_ps(_mm512_sub_epi32(code, _mm512_set1_epi32(zero)));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(v), 16));
}

INLINE struct v_table v_table(const enum kern_form form, int zero)
{
    struct v_table t;
    t.low = _mm512_inserti64x4(_mm512_castsi256_si512(values_from(0, form, zero)),
                               values_from(16, form, zero), 1);
    t.high = _mm512_inserti64x4(_mm512_castsi256_si512(values_from(32, form, zero)),
                                values_from(48, form, zero), 1);
    return t;
}

INLINE vu v_lookup(vu index, const struct v_table *t, const enum kern_form form)
{
    if (form == KERN_I6)
        return (vu)_mm512_permutex2var_epi16(t->low, (__m512i)index, t->high);
    return (vu)_mm512_permutexvar_epi16((__m512i)index, t->low);
}

#include "backends/native/kern_narrow_body.h"

/* -- activations ------------------------------------------------------------------------------------ */
static __mmask16 left_mask(size_t left)
{
    return row_mask(left);
}

/* |x|'s largest bits as an integer: NaN and Inf sort above every number. */
static int32_t absmax_bits(const float *x, size_t n)
{
    __m512i max = _mm512_setzero_si512(), keep = _mm512_set1_epi32(0x7fffffff);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        max = _mm512_max_epi32(max, _mm512_and_si512(_mm512_loadu_si512(x + i), keep));
    __m512i last = _mm512_maskz_loadu_epi32(left_mask(n - i), x + i);
    return _mm512_reduce_max_epi32(_mm512_max_epi32(max, _mm512_and_si512(last, keep)));
}

/* As scale_of in kern_ref.c, for 16 vectors at once. */
INLINE __m512 scales_from(__m512i bits, float top, __m512 *inverse)
{
    __m512 absmax = _mm512_castsi512_ps(bits), qmax = _mm512_set1_ps(top);
    __mmask16 broken = _mm512_cmpge_epi32_mask(bits, _mm512_set1_epi32(KERN_BITS_INF));
    __mmask16 live = _mm512_cmp_ps_mask(absmax, _mm512_set1_ps(KERN_ABSMAX_MIN), _CMP_GE_OQ);
    *inverse = _mm512_maskz_div_ps(live, qmax, absmax);
    __m512 d = _mm512_maskz_div_ps(live, absmax, qmax);
    return _mm512_mask_mov_ps(d, broken, _mm512_castsi512_ps(_mm512_set1_epi32(0x7fc00000)));
}

static float scale_of(int32_t bits, float top, float *inverse)
{
    __m512 inv, d = scales_from(_mm512_set1_epi32(bits), top, &inv);
    *inverse = _mm512_cvtss_f32(inv);
    return _mm512_cvtss_f32(d);
}

/* 16 codes; lanes outside `live` are 0, which also keeps NaN * 0 out. */
INLINE __m512i codes_of(const float *x, __mmask16 live, __m512 inverse)
{
    __m512 v = _mm512_maskz_mul_ps(live, _mm512_maskz_loadu_ps(live, x), inverse);
    return _mm512_cvtps_epi32(v);
}

static int32_t bias_of(int offset, int32_t sum)
{
    return (int32_t)(0u - (uint32_t)offset * (uint32_t)sum);
}

static void avx512_act_w8(const struct kern_act *a, size_t t, const float *x)
{
    int8_t *q = a->q + t * a->n_k;
    float inverse;
    a->d[t] = scale_of(absmax_bits(x, a->n_in), (float)a->max, &inverse);
    __m512 inv = _mm512_set1_ps(inverse);
    __m512i sum = _mm512_setzero_si512();
    size_t n = inverse != 0 ? a->n_in : 0;
    for (size_t i = 0; i < a->n_k; i += 16) {
        __m512i v = codes_of(x + (i < n ? i : 0), i < n ? left_mask(n - i) : 0, inv);
        sum = _mm512_add_epi32(sum, v);
        _mm_storeu_si128((__m128i *)(void *)(q + i), _mm512_cvtepi32_epi8(v));
    }
    a->bias[t] = bias_of(a->offset, _mm512_reduce_add_epi32(sum));
}

static void avx512_act_i16(const struct kern_act *a, size_t t, const float *x)
{
    int16_t *high = a->q16 + t * 2 * a->n_k, *low = high + a->n_k;
    float inverse;
    a->d[t] = scale_of(absmax_bits(x, a->n_in), 32767.0f, &inverse);
    __m512 inv = _mm512_set1_ps(inverse);
    size_t n = inverse != 0 ? a->n_in : 0;
    for (size_t i = 0; i < a->n_k; i += 16) {
        __mmask16 out = left_mask(a->n_k - i);
        __m512i v = codes_of(x + (i < n ? i : 0), i < n ? left_mask(n - i) : 0, inv);
        __m512i h = _mm512_srai_epi32(_mm512_add_epi32(v, _mm512_set1_epi32(128)), 8);
        __m512i l = _mm512_sub_epi32(v, _mm512_slli_epi32(h, 8));
        _mm256_mask_storeu_epi16(high + i, out, _mm512_cvtepi32_epi16(h));
        _mm256_mask_storeu_epi16(low + i, out, _mm512_cvtepi32_epi16(l));
    }
}

/* 16 blocks: their absmax first, so that one division serves all. */
static void act_blocks(const struct kern_act *a, size_t i, size_t n, const float *x, int8_t *q)
{
    _Alignas(64) int32_t bits[16] = {0}, sums[16] = {0};
    _Alignas(64) float inv[16];
    __m512 inverse;
    for (size_t b = 0; b < n; b++)
        bits[b] = absmax_bits(x + b * KERN_BLOCK, KERN_BLOCK);
    __m512 d = scales_from(_mm512_load_si512(bits), (float)a->max, &inverse);
    _mm512_store_ps(inv, inverse);
    for (size_t b = 0; b < n; b++) {
        const float *v = x + b * KERN_BLOCK;
        __mmask16 live = inv[b] != 0 ? 0xffff : 0;
        __m512 s = _mm512_set1_ps(inv[b]);
        __m512i lo = codes_of(v, live, s), hi = codes_of(v + 16, live, s);
        _mm_storeu_si128((__m128i *)(void *)(q + b * KERN_BLOCK), _mm512_cvtepi32_epi8(lo));
        _mm_storeu_si128((__m128i *)(void *)(q + b * KERN_BLOCK + 16), _mm512_cvtepi32_epi8(hi));
        sums[b] = _mm512_reduce_add_epi32(_mm512_add_epi32(lo, hi));
    }
    __m512 s = _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_load_si512(sums)));
    _mm512_store_ps(inv, _mm512_cvtph_ps(_mm512_cvtps_ph(d, _MM_FROUND_TO_NEAREST_INT)));
    for (size_t b = 0; b < n; b++) {
        a->d[i + b * a->ldd] = inv[b];
        a->bias[i + b * a->ldd] = bias_of(a->offset, sums[b]);
    }
    _mm512_store_ps(inv, _mm512_cvtph_ps(_mm512_cvtps_ph(s, _MM_FROUND_TO_NEAREST_INT)));
    for (size_t b = 0; a->s && b < n; b++)
        a->s[i + b * a->ldd] = inv[b];
}

static void avx512_act_block(const struct kern_act *a, size_t t, const float *x)
{
    size_t n_blocks = a->n_in / KERN_BLOCK;
    for (size_t b = 0; b < n_blocks; b += 16)
        act_blocks(a, b * a->ldd + t, n_blocks - b < 16 ? n_blocks - b : 16, x + b * KERN_BLOCK,
                   a->q + t * a->n_k + b * KERN_BLOCK);
}

void kern_avx512(struct kern *k)
{
    k->name = "avx512";
    k->f32 = avx512_f32;
    narrow_table(k);
    k->act_i16 = avx512_act_i16;
    k->act_w8 = avx512_act_w8;
    k->act_block = avx512_act_block;
}
#endif
