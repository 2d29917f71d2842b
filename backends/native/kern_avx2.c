/* kern_avx2.c - AVX2, FMA, F16C.
 *
 * Sixteen registers: f32 tiles are 6 tokens x 1 panel, integer tiles 4 or 8 tokens x half a panel.
 * vpmaddubsw saturates pairs at 16 bits, so 8-bit codes go through |w| and sign(x, w), which stays
 * within 128 * 127 * 2; codes of 4 and 5 bits are multiplied as they are, four steps to a 16-bit sum. */
#include "backends/native/kern.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
enum { HALF = 8, BLOCK_BYTES = KERN_BLOCK * KERN_ROWS, I16_STEPS = 128 };

static size_t rows_left(size_t n_rows, size_t at)
{
    return n_rows - at < HALF ? n_rows - at : HALF;
}

static void store_rows(float *y, __m256 v, size_t n)
{
    float tmp[HALF];
    if (n == HALF) {
        _mm256_storeu_ps(y, v);
        return;
    }
    _mm256_storeu_ps(tmp, v);
    memcpy(y, tmp, n * sizeof *y);
}

static __m256 load_rows(const float *y, size_t n)
{
    float tmp[HALF] = {0};
    if (n == HALF)
        return _mm256_loadu_ps(y);
    memcpy(tmp, y, n * sizeof *y);
    return _mm256_loadu_ps(tmp);
}

/* -- f32 x f32 ----------------------------------------------------------------------------------- */
INLINE void tile(const struct kern_f32 *g, size_t p, size_t t, const int mt, const int np)
{
    const float *w = g->w + p * g->stride, *x = g->x + t * g->ldx;
    float *y = g->y + t * g->ldy + p * KERN_ROWS;
    const int halves = 2 * np;
    __m256 acc[12];
    KERN_UNROLL
    for (int i = 0; i < mt * halves; i++)
        acc[i] = _mm256_setzero_ps();
    for (int i = 0; g->add && i < mt; i++)
        KERN_UNROLL
        for (int j = 0; j < halves; j++)
            if (p * KERN_ROWS + (size_t)j * HALF < g->n_rows)
                acc[i * halves + j] =
                    load_rows(y + (size_t)i * g->ldy + j * HALF,
                              rows_left(g->n_rows, p * KERN_ROWS + (size_t)j * HALF));
    for (size_t k = 0; k < g->n_k; k++) {
        __m256 wv[8];
        KERN_UNROLL
        for (int j = 0; j < halves; j++)
            wv[j] = _mm256_loadu_ps(w + (size_t)(j / 2) * g->stride + k * KERN_ROWS + j % 2 * HALF);
        KERN_UNROLL
        for (int i = 0; i < mt; i++) {
            __m256 xv = _mm256_broadcast_ss(x + (size_t)i * g->ldx + k);
            KERN_UNROLL
            for (int j = 0; j < halves; j++)
                acc[i * halves + j] = _mm256_fmadd_ps(wv[j], xv, acc[i * halves + j]);
        }
    }
    KERN_UNROLL
    for (int i = 0; i < mt; i++)
        KERN_UNROLL
        for (int j = 0; j < halves; j++)
            if (p * KERN_ROWS + (size_t)j * HALF < g->n_rows)
                store_rows(y + (size_t)i * g->ldy + j * HALF, acc[i * halves + j],
                           rows_left(g->n_rows, p * KERN_ROWS + (size_t)j * HALF));
}

static void avx2_f32(const struct kern_f32 *g)
{
    size_t panels = (g->n_rows + KERN_ROWS - 1) / KERN_ROWS, p = 0;
    for (; g->n == 1 && p + 4 <= panels; p += 4)
        tile(g, p, 0, 1, 4);
    for (; p < panels; p++) {
        size_t t = 0;
        for (; t + 6 <= g->n; t += 6)
            tile(g, p, t, 6, 1);
        for (; t + 2 <= g->n; t += 2)
            tile(g, p, t, 2, 1);
        if (t < g->n)
            tile(g, p, t, 1, 1);
    }
}

/* -- weights as f32 -------------------------------------------------------------------------------- */
typedef float vf __attribute__((vector_size(32)));
typedef uint32_t vu __attribute__((vector_size(32)));
enum { LANES = 8, GEMV_PANELS = 2 };

INLINE vf v_fma(vf a, vf b, vf c)
{
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}

INLINE vu v_put(vu mask, vu a, vu b)
{
    return (a & mask) | b;
}

INLINE vf v_f16(const void *p)
{
    return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

INLINE vf v_bf16(const void *p)
{
    return (vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16);
}

INLINE vf v_signed(const void *p)
{
    return (vf)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

#include "backends/native/kern_narrow_body.h"

/* -- integer products: half a panel, rows 8 h .. 8 h + 7 ----------------------------------------------- */
INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

INLINE __m256i spread(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm256_set1_epi32(v);
}

/* sum + four products of signed codes per lane; `abs` is |w|. */
INLINE __m256i dot8(__m256i sum, __m256i abs, __m256i w, __m256i x)
{
    __m256i pairs = _mm256_maddubs_epi16(abs, _mm256_sign_epi8(x, w));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

INLINE void w8_tile(const struct kern_int *g, size_t half, size_t t, const int mt)
{
    const struct kern_mat *w = g->w;
    const size_t n_k = g->a->n_k, p = half / 2, h = half % 2;
    const uint8_t *c = w->codes + p * w->codes_stride + h * 32;
    const int8_t *q = g->a->q + t * n_k;
    const char *scale = (const char *)w->scale + p * w->scale_stride + h * 32;
    __m256i sum[8];
    KERN_UNROLL
    for (int i = 0; i < mt; i++)
        sum[i] = _mm256_setzero_si256();
    for (size_t k = 0; k < w->n_in; k += 4) {
        __m256i wv = _mm256_xor_si256(load(c + k * KERN_ROWS), _mm256_set1_epi8(-128));
        __m256i abs = _mm256_abs_epi8(wv);
        KERN_UNROLL
        for (int i = 0; i < mt; i++)
            sum[i] = dot8(sum[i], abs, wv, spread(q + (size_t)i * n_k + k));
    }
    KERN_UNROLL
    for (int i = 0; i < mt; i++) {
        __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(sum[i]),
                                 _mm256_loadu_ps((const float *)(const void *)scale));
        v = _mm256_mul_ps(v, _mm256_set1_ps(g->a->d[t + (size_t)i]));
        store_rows(g->y + (t + (size_t)i) * g->ldy + half * HALF, v,
                   rows_left(w->n_out, half * HALF));
    }
}

/* The halves of panels p0..p1 that have rows. */
static size_t halves_end(const struct kern_int *g)
{
    size_t end = (g->w->n_out + HALF - 1) / HALF;
    return end < 2 * g->p1 ? end : 2 * g->p1;
}

static void avx2_w8(const struct kern_int *g)
{
    for (size_t half = 2 * g->p0; half < halves_end(g); half++) {
        size_t t = 0;
        for (; t + 8 <= g->n; t += 8)
            w8_tile(g, half, t, 8);
        for (; t + 2 <= g->n; t += 2)
            w8_tile(g, half, t, 2);
        if (t < g->n)
            w8_tile(g, half, t, 1);
    }
}

/* sum64 += 256 * high + low, lane by lane. */
INLINE void i16_flush(int64_t sum64[HALF], __m256i high, __m256i low)
{
    KERN_UNROLL
    for (int h = 0; h < 2; h++) {
        __m128i hi = h ? _mm256_extracti128_si256(high, 1) : _mm256_castsi256_si128(high);
        __m128i lo = h ? _mm256_extracti128_si256(low, 1) : _mm256_castsi256_si128(low);
        __m256i v = _mm256_slli_epi64(_mm256_cvtepi32_epi64(hi), 8);
        v = _mm256_add_epi64(v, _mm256_cvtepi32_epi64(lo));
        v = _mm256_add_epi64(v, load(sum64 + 4 * h));
        _mm256_storeu_si256((__m256i *)(void *)(sum64 + 4 * h), v);
    }
}

INLINE void i16_tile(const struct kern_int *g, size_t half, size_t t, const int mt)
{
    const struct kern_mat *w = g->w;
    const size_t n_k = w->n_k, p = half / 2, h = half % 2;
    const uint8_t *c = w->codes + p * w->codes_stride + h * 32;
    const char *scale = (const char *)w->scale + p * w->scale_stride + h * 32;
    const int16_t *q = g->a->q16 + t * 2 * n_k;
    int64_t sum[4][HALF] = {{0}};
    for (size_t k = 0; k < n_k;) {
        size_t stop = k + 2 * I16_STEPS < n_k ? k + 2 * I16_STEPS : n_k;
        __m256i high[4], low[4];
        KERN_UNROLL
        for (int i = 0; i < mt; i++)
            high[i] = low[i] = _mm256_setzero_si256();
        for (; k < stop; k += 2) {
            __m256i wv = load(c + k * KERN_ROWS * 2);
            KERN_UNROLL
            for (int i = 0; i < mt; i++) {
                const int16_t *x = q + (size_t)i * 2 * n_k + k;
                high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(wv, spread(x)));
                low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(wv, spread(x + n_k)));
            }
        }
        KERN_UNROLL
        for (int i = 0; i < mt; i++)
            i16_flush(sum[i], high[i], low[i]);
    }
    KERN_UNROLL
    for (int i = 0; i < mt; i++) {
        float v[HALF];
        for (int r = 0; r < HALF; r++)
            v[r] = (float)sum[i][r];
        __m256 f = _mm256_mul_ps(_mm256_loadu_ps(v),
                                 _mm256_loadu_ps((const float *)(const void *)scale));
        f = _mm256_mul_ps(f, _mm256_set1_ps(g->a->d[t + (size_t)i]));
        store_rows(g->y + (t + (size_t)i) * g->ldy + half * HALF, f,
                   rows_left(w->n_out, half * HALF));
    }
}

static void avx2_i16(const struct kern_int *g)
{
    for (size_t half = 2 * g->p0; half < halves_end(g); half++) {
        size_t t = 0;
        for (; t + 4 <= g->n; t += 4)
            i16_tile(g, half, t, 4);
        for (; t < g->n; t++)
            i16_tile(g, half, t, 1);
    }
}

/* -- blocks of 32 ---------------------------------------------------------------------------------- */
/* 32 bits to 32 bytes of 16 or 0. */
INLINE __m256i fifth_bits(const uint8_t *high)
{
    const __m256i pick = _mm256_setr_epi64x(0x0000000000000000, 0x0101010101010101,
                                            0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i v = _mm256_and_si256(_mm256_shuffle_epi8(spread(high), pick), bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(v, bit), _mm256_set1_epi8(16));
}

/* Step s of block b, half h: unsigned codes below 32. */
INLINE __m256i step_codes(const struct kern_mat *w, size_t half, size_t b, const int s,
                          const enum kern_form form)
{
    const size_t p = half / 2, h = half % 2;
    const uint8_t *c = w->codes + p * w->codes_stride + b * (BLOCK_BYTES / 2);
    __m256i v = load(c + s % 4 * 64 + h * 32);
    if (s >= 4)
        v = _mm256_srli_epi16(v, 4);
    v = _mm256_and_si256(v, _mm256_set1_epi8(15));
    if (form == KERN_Q5)
        v = _mm256_or_si256(v, fifth_bits(w->high + p * w->high_stride + b * 64 + s * 8 + h * 4));
    return v;
}

struct block_at {
    const struct kern_mat *w;
    size_t half, b;                /* half panel, block */
    const int8_t *q;               /* codes of the first token in the block */
    size_t n_k;                    /* to the next token */
};
INLINE void q8_sums(struct block_at at, __m256i *sum, const int mt)
{
    const uint8_t *c = at.w->codes + at.half / 2 * at.w->codes_stride + at.b * BLOCK_BYTES +
                       at.half % 2 * 32;
    KERN_UNROLL
    for (int i = 0; i < mt; i++)
        sum[i] = _mm256_setzero_si256();
    KERN_UNROLL
    for (int s = 0; s < 8; s++) {
        __m256i wv = _mm256_xor_si256(load(c + s * 64), _mm256_set1_epi8(-128));
        __m256i abs = _mm256_abs_epi8(wv);
        KERN_UNROLL
        for (int i = 0; i < mt; i++)
            sum[i] = dot8(sum[i], abs, wv, spread(at.q + (size_t)i * at.n_k + s * 4));
    }
}

/* Small codes: sum starts at the bias, four steps add up in 16 bits (31 * 127 * 2 * 4 < 2^15). */
INLINE void small_sums(struct block_at at, __m256i *sum, const int mt, const enum kern_form form)
{
    KERN_UNROLL
    for (int part = 0; part < 2; part++) {
        __m256i pairs[4];
        KERN_UNROLL
        for (int i = 0; i < mt; i++)
            pairs[i] = _mm256_setzero_si256();
        KERN_UNROLL
        for (int s = 4 * part; s < 4 * part + 4; s++) {
            __m256i wv = step_codes(at.w, at.half, at.b, s, form);
            KERN_UNROLL
            for (int i = 0; i < mt; i++)
                pairs[i] = _mm256_add_epi16(
                    pairs[i], _mm256_maddubs_epi16(wv, spread(at.q + (size_t)i * at.n_k + s * 4)));
        }
        KERN_UNROLL
        for (int i = 0; i < mt; i++)
            sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(pairs[i], _mm256_set1_epi16(1)));
    }
}

INLINE __m256 half_scales(const void *base, size_t stride, size_t half, size_t b)
{
    const char *s = (const char *)base + half / 2 * stride + (b * KERN_ROWS + half % 2 * HALF) * 2;
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)s));
}

INLINE void block_tile(const struct kern_int *g, size_t half, size_t t, const int mt,
                       const enum kern_form form)
{
    const struct kern_mat w = *g->w;
    const struct kern_act a = *g->a;
    const size_t rows = rows_left(w.n_out, half * HALF);
    float *y = g->y + t * g->ldy + half * HALF;
    __m256 acc[4];
    KERN_UNROLL
    for (int i = 0; i < mt; i++)
        acc[i] = _mm256_setzero_ps();
    for (size_t b = 0; b < w.n_in / KERN_BLOCK; b++) {
        const size_t at = b * a.ldd + t;
        const struct block_at place = {&w, half, b, a.q + t * a.n_k + b * KERN_BLOCK, a.n_k};
        __m256i sum[4];
        KERN_UNROLL
        for (int i = 0; i < mt; i++)
            sum[i] = _mm256_set1_epi32(a.bias[at + (size_t)i]);
        if (form == KERN_Q8)
            q8_sums(place, sum, mt);
        else
            small_sums(place, sum, mt, form);
        __m256 dw = half_scales(w.scale, w.scale_stride, half, b);
        KERN_UNROLL
        for (int i = 0; i < mt; i++)
            acc[i] = _mm256_fmadd_ps(_mm256_mul_ps(dw, _mm256_set1_ps(a.d[at + (size_t)i])),
                                     _mm256_cvtepi32_ps(sum[i]), acc[i]);
        if (!w.min)
            continue;
        __m256 m = half_scales(w.min, w.scale_stride, half, b);
        KERN_UNROLL
        for (int i = 0; i < mt; i++)
            acc[i] = _mm256_fmadd_ps(m, _mm256_set1_ps(a.s[at + (size_t)i]), acc[i]);
    }
    KERN_UNROLL
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

static void avx2_q8(const struct kern_int *g)
{
    block_all(g, KERN_Q8);
}

static void avx2_q4(const struct kern_int *g)
{
    block_all(g, KERN_Q4);
}

static void avx2_q5(const struct kern_int *g)
{
    block_all(g, KERN_Q5);
}

/* -- activations ------------------------------------------------------------------------------------ */
/* 8 values of x from i on, zeros from n on. */
INLINE __m256 load_padded(const float *x, size_t i, size_t n)
{
    if (i + HALF <= n)
        return _mm256_loadu_ps(x + i);
    return i < n ? load_rows(x + i, n - i) : _mm256_setzero_ps();
}

/* As in kern_ref.c, from |x|'s largest bits: NaN and Inf sort above every number. */
static float scale_of(const float *x, size_t n, float top, float *inverse)
{
    __m256i max = _mm256_setzero_si256(), keep = _mm256_set1_epi32(0x7fffffff);
    for (size_t i = 0; i < n; i += HALF)
        max = _mm256_max_epi32(
            max, _mm256_and_si256(_mm256_castps_si256(load_padded(x, i, n)), keep));
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(max), _mm256_extracti128_si256(max, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
    int32_t bits = _mm_cvtsi128_si32(m);
    float absmax = _mm_cvtss_f32(_mm_castsi128_ps(m));
    *inverse = 0;
    if (bits >= KERN_BITS_INF)
        return __builtin_nanf("");
    if (absmax < KERN_ABSMAX_MIN)
        return 0;
    *inverse = top / absmax;
    return absmax / top;
}

/* 8 codes from x[i]; all zero when inverse is, so that NaN * 0 stays out. */
INLINE __m256i codes_at(const float *x, size_t i, size_t n, float inverse)
{
    return _mm256_cvtps_epi32(
        _mm256_mul_ps(load_padded(x, i, inverse != 0 ? n : 0), _mm256_set1_ps(inverse)));
}

static int32_t lanes_sum(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

/* n_k codes, a multiple of 32; returns their sum. */
INLINE int32_t codes_s8(const float *x, size_t n, size_t n_k, float inverse, int8_t *q)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i sum = _mm256_setzero_si256();
    for (size_t i = 0; i < n_k; i += 32) {
        __m256i a = codes_at(x, i, n, inverse), b = codes_at(x, i + 8, n, inverse);
        __m256i c = codes_at(x, i + 16, n, inverse), d = codes_at(x, i + 24, n, inverse);
        __m256i v = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        sum = _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_add_epi32(a, b),
                                                     _mm256_add_epi32(c, d)));
        _mm256_storeu_si256((__m256i *)(void *)(q + i), _mm256_permutevar8x32_epi32(v, order));
    }
    return lanes_sum(sum);
}

static int32_t bias_of(int offset, int32_t sum)
{
    return (int32_t)(0u - (uint32_t)offset * (uint32_t)sum);
}

static float round_f16(float v)
{
    return _cvtsh_ss(_cvtss_sh(v, _MM_FROUND_TO_NEAREST_INT));
}

static void avx2_act_w8(const struct kern_act *a, size_t t, const float *x)
{
    float inverse;
    a->d[t] = scale_of(x, a->n_in, (float)a->max, &inverse);
    int32_t sum = codes_s8(x, a->n_in, a->n_k, inverse, a->q + t * a->n_k);
    a->bias[t] = bias_of(a->offset, sum);
}

static void avx2_act_block(const struct kern_act *a, size_t t, const float *x)
{
    int8_t *q = a->q + t * a->n_k;
    for (size_t b = 0; b < a->n_in / KERN_BLOCK; b++, x += KERN_BLOCK, q += KERN_BLOCK) {
        float inverse, d = scale_of(x, KERN_BLOCK, (float)a->max, &inverse);
        int32_t sum = codes_s8(x, KERN_BLOCK, KERN_BLOCK, inverse, q);
        a->d[b * a->ldd + t] = round_f16(d);
        a->bias[b * a->ldd + t] = bias_of(a->offset, sum);
        if (a->s)
            a->s[b * a->ldd + t] = round_f16(d * (float)sum);
    }
}

static void avx2_act_i16(const struct kern_act *a, size_t t, const float *x)
{
    int16_t *high = a->q16 + t * 2 * a->n_k, *low = high + a->n_k;
    float inverse;
    a->d[t] = scale_of(x, a->n_in, 32767.0f, &inverse);
    for (size_t i = 0; i < a->n_k; i += HALF) {
        __m256i v = codes_at(x, i, a->n_in, inverse);
        __m256i h = _mm256_srai_epi32(_mm256_add_epi32(v, _mm256_set1_epi32(128)), 8);
        __m256i l = _mm256_sub_epi32(v, _mm256_slli_epi32(h, 8));
        int16_t both[16];          /* h 0-3, l 0-3, h 4-7, l 4-7 */
        _mm256_storeu_si256((__m256i *)(void *)both, _mm256_packs_epi32(h, l));
        size_t n = a->n_k - i < HALF ? a->n_k - i : HALF;
        for (size_t j = 0; j < n; j++) {
            high[i + j] = both[j / 4 * 8 + j % 4];
            low[i + j] = both[j / 4 * 8 + 4 + j % 4];
        }
    }
}

void kern_avx2(struct kern *k)
{
    k->name = "avx2";
    k->f32 = avx2_f32;
    narrow_table(k);
    k->i16 = avx2_i16;
    k->w8 = avx2_w8;
    k->q8 = avx2_q8;
    k->q4 = avx2_q4;
    k->q5 = avx2_q5;
    k->act_i16 = avx2_act_i16;
    k->act_w8 = avx2_act_w8;
    k->act_block = avx2_act_block;
}
#endif
