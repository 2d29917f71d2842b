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

/* -- 16 weights of one k as f32 -------------------------------------------------------------------- */
INLINE __m512 load_half(const struct kern_mat *w, const uint8_t *codes, size_t k)
{
    __m256i h = _mm256_loadu_si256((const __m256i *)(const void *)(codes + k * KERN_ROWS * 2));
    if (w->form == KERN_F16)
        return _mm512_cvtph_ps(h);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}

/* Scale and zero point of one group of 16 rows; the code tables of codes up to 4 bits are in `table`:
 * entry i is i less the zero point that all rows share, and bits of i above the code do not matter. */
struct group {
    __m512 scale, zero, table;
};

INLINE __m512 code_table(const enum kern_form form, const bool zeros)
{
    const int mask = form == KERN_I2 ? 3 : form == KERN_I3 ? 7 : 15;    /* of no use above 4 bits */
    const __m512i i = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_and_si512(i, _mm512_set1_epi32(mask)),
                                               _mm512_set1_epi32(zeros ? 0 : kern_zero(form))));
}

INLINE __m512 bytes_f32(const int8_t *p)
{
    return _mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)));
}

INLINE __m512i bytes_u32(const uint8_t *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}

/* (code - zero) * scale; the difference is exact. */
INLINE __m512 scaled(__m512 code, const struct group *g, const bool zeros)
{
    return _mm512_mul_ps(zeros ? _mm512_sub_ps(code, g->zero) : code, g->scale);
}

/* Bits of `code` above those of the form do not matter. */
INLINE __m512 value_of(__m512i code, const struct group *g, const enum kern_form form,
                       const bool zeros)
{
    if (form != KERN_I6 && form != KERN_I5)
        return scaled(_mm512_permutexvar_ps(code, g->table), g, zeros);
    const int zero = kern_zero(form);
    code = _mm512_and_si512(code, _mm512_set1_epi32(2 * zero - 1));
    code = _mm512_sub_epi32(code, _mm512_set1_epi32(zeros ? 0 : zero));
    return scaled(_mm512_cvtepi32_ps(code), g, zeros);
}

/* Where panel p's codes are. */
struct codes {
    const uint8_t *low, *high;
};

/* One k. */
INLINE __m512 load_one(struct codes c, size_t k, const struct group *g, const enum kern_form form,
                       const bool zeros)
{
    if (form == KERN_I8)
        return scaled(bytes_f32((const int8_t *)c.low + k * KERN_ROWS), g, zeros);
    const size_t bits = (size_t)kern_low_bits(form), more = (size_t)kern_high_bits(form);
    const size_t per_byte = 8 / bits, per_high = more ? 8 / more : 1;
    __m512i q = _mm512_srl_epi32(bytes_u32(c.low + k / per_byte * KERN_ROWS),
                                 _mm_cvtsi32_si128((int)(k % per_byte * bits)));
    if (more) {
        __m512i high = _mm512_srl_epi32(bytes_u32(c.high + k / per_high * KERN_ROWS),
                                        _mm_cvtsi32_si128((int)(k % per_high * more)));
        q = _mm512_or_si512(_mm512_and_si512(q, _mm512_set1_epi32((1 << bits) - 1)),
                            _mm512_slli_epi32(high, (unsigned)bits));
    }
    return value_of(q, g, form, zeros);
}

/* Values from one load of codes: enough k that no byte is loaded twice. */
enum { BUNCH_MAX = 8 };
INLINE size_t bunch_of(const enum kern_form form)
{
    return form == KERN_I8 ? 1 : 8 / (size_t)(kern_high_bits(form) ? kern_high_bits(form)
                                                                   : kern_low_bits(form));
}

/* k to k + bunch; k is a multiple of it. */
INLINE void load_bunch(struct codes c, size_t k, const struct group *g, __m512 v[BUNCH_MAX],
                       const enum kern_form form, const bool zeros)
{
    if (form == KERN_I8) {
        v[0] = load_one(c, k, g, form, zeros);
        return;
    }
    const int bits = kern_low_bits(form), more = kern_high_bits(form), per_byte = 8 / bits;
    const __m512i low_bits = _mm512_set1_epi32((1 << bits) - 1);
    __m512i high = _mm512_setzero_si512();
    if (more)
        high = _mm512_slli_epi32(bytes_u32(c.high + k * (size_t)more / 8 * KERN_ROWS),
                                 (unsigned)bits);
    KERN_UNROLL
    for (int i = 0; i < (int)bunch_of(form); i++) {
        __m512i q = bytes_u32(c.low + (k / (size_t)per_byte + (size_t)(i / per_byte)) * KERN_ROWS);
        q = _mm512_srli_epi32(q, (unsigned)(i % per_byte * bits));
        if (more)                  /* the low bits of q and the others of high: few of them count */
            q = _mm512_ternarylogic_epi32(low_bits, q,
                                          _mm512_srli_epi32(high, (unsigned)(i * more)), 0xca);
        v[i] = value_of(q, g, form, zeros);
    }
}

static const float *scales_of(const struct kern_mat *w, size_t p)
{
    return (const float *)(const void *)((const char *)w->scale + p * w->scale_stride);
}

static struct codes codes_at_panel(const struct kern_mat *w, size_t p)
{
    return (struct codes){w->codes + p * w->codes_stride,
                          w->high ? w->high + p * w->high_stride : NULL};
}

INLINE void group_at(const struct kern_mat *w, size_t p, size_t k, struct group *g,
                     const bool zeros)
{
    const size_t at = k / w->group * KERN_ROWS;
    g->scale = _mm512_loadu_ps(scales_of(w, p) + at);
    if (zeros)
        g->zero = bytes_f32(w->zero + p * (w->scale_stride / 4) + at);
}

static void expand_half(const struct kern_mat *w, size_t p, size_t k0, size_t n_k, float *out)
{
    const uint8_t *codes = w->codes + p * w->codes_stride;
    for (size_t i = 0; i < n_k; i++)
        _mm512_storeu_ps(out + i * KERN_ROWS, load_half(w, codes, k0 + i));
}

INLINE void expand_int(const struct kern_mat *w, size_t p, size_t k0, size_t n_k, float *out,
                       const enum kern_form form, const bool zeros)
{
    const struct codes c = codes_at_panel(w, p);
    const size_t bunch = bunch_of(form);
    struct group g = {.table = code_table(form, zeros)};
    size_t k = k0, end = k0 + n_k;
    while (k < end) {
        size_t stop = (k / w->group + 1) * w->group;
        stop = stop < end ? stop : end;
        group_at(w, p, k, &g, zeros);
        for (; k < stop && k % bunch; k++, out += KERN_ROWS)
            _mm512_storeu_ps(out, load_one(c, k, &g, form, zeros));
        for (; k + bunch <= stop; k += bunch, out += bunch * KERN_ROWS) {
            __m512 v[BUNCH_MAX];
            load_bunch(c, k, &g, v, form, zeros);
            KERN_UNROLL
            for (size_t i = 0; i < bunch; i++)
                _mm512_storeu_ps(out + i * KERN_ROWS, v[i]);
        }
        for (; k < stop; k++, out += KERN_ROWS)
            _mm512_storeu_ps(out, load_one(c, k, &g, form, zeros));
    }
}

/* One token; np panels at a time so that their sums hide each other's latency. */
INLINE void gemv_half(const struct kern_mat *w, size_t p, const float *x, __m512 acc[4],
                      const int np)
{
    const uint8_t *codes = w->codes + p * w->codes_stride;
    for (size_t k = 0; k < w->n_in; k++) {
        __m512 xv = _mm512_set1_ps(x[k]);
        for (int j = 0; j < np; j++)
            acc[j] = _mm512_fmadd_ps(load_half(w, codes + (size_t)j * w->codes_stride, k), xv,
                                     acc[j]);
    }
}

INLINE void gemv_int(const struct kern_mat *w, size_t p, const float *x, __m512 acc[4],
                     const int np, const enum kern_form form, const bool zeros)
{
    const size_t bunch = bunch_of(form);
    struct codes c[4];
    struct group g[4];
    for (int j = 0; j < np; j++) {
        c[j] = codes_at_panel(w, p + (size_t)j);
        g[j].table = code_table(form, zeros);
    }
    for (size_t k = 0; k < w->n_in;) {
        const size_t stop = k + w->group;
        for (int j = 0; j < np; j++)
            group_at(w, p + (size_t)j, k, &g[j], zeros);
        while (k < stop) {
            const size_t n = k % bunch == 0 && k + bunch <= stop ? bunch : 1;
            if (n == 1) {
                __m512 xv = _mm512_set1_ps(x[k]);
                for (int j = 0; j < np; j++)
                    acc[j] = _mm512_fmadd_ps(load_one(c[j], k, &g[j], form, zeros), xv, acc[j]);
            } else {
                KERN_UNROLL
                for (int j = 0; j < np; j++) {
                    __m512 v[BUNCH_MAX];
                    load_bunch(c[j], k, &g[j], v, form, zeros);
                    KERN_UNROLL
                    for (size_t i = 0; i < bunch; i++)
                        acc[j] = _mm512_fmadd_ps(v[i], _mm512_set1_ps(x[k + i]), acc[j]);
                }
            }
            k += n;
        }
    }
}

INLINE void gemv_panels(const struct kern_mat *w, size_t p, const float *x, float *y, const int np,
                        const enum kern_form form, const bool zeros)
{
    __m512 acc[4];
    for (int j = 0; j < np; j++)
        acc[j] = _mm512_setzero_ps();
    if (kern_is_grouped(form))
        gemv_int(w, p, x, acc, np, form, zeros);
    else
        gemv_half(w, p, x, acc, np);
    for (int j = 0; j < np; j++)
        _mm512_mask_storeu_ps(y + (p + (size_t)j) * KERN_ROWS,
                              row_mask(w->n_out - (p + (size_t)j) * KERN_ROWS), acc[j]);
}

INLINE void gemv(const struct kern_mat *w, size_t p0, size_t p1, const float *x, float *y,
                 const enum kern_form form, const bool zeros)
{
    for (; p0 + 4 <= p1; p0 += 4)
        gemv_panels(w, p0, x, y, 4, form, zeros);
    for (; p0 < p1; p0++)
        gemv_panels(w, p0, x, y, 1, form, zeros);
}

static void gemv_f16(const struct kern_mat *w, size_t p0, size_t p1, const float *x, float *y)
{
    gemv(w, p0, p1, x, y, KERN_F16, false);
}

static void gemv_bf16(const struct kern_mat *w, size_t p0, size_t p1, const float *x, float *y)
{
    gemv(w, p0, p1, x, y, KERN_BF16, false);
}

/* Both entries of one form, with and without zero points. */
#define DEFINE_FORM(name, form)                                                                    \
    static void expand_##name(const struct kern_mat *w, size_t p, size_t k0, size_t n_k,           \
                              float *out)                                                          \
    {                                                                                              \
        if (w->zero)                                                                               \
            expand_int(w, p, k0, n_k, out, form, true);                                            \
        else                                                                                       \
            expand_int(w, p, k0, n_k, out, form, false);                                           \
    }                                                                                              \
    static void gemv_##name(const struct kern_mat *w, size_t p0, size_t p1, const float *x,        \
                            float *y)                                                              \
    {                                                                                              \
        if (w->zero)                                                                               \
            gemv(w, p0, p1, x, y, form, true);                                                     \
        else                                                                                       \
            gemv(w, p0, p1, x, y, form, false);                                                    \
    }
DEFINE_FORM(i8, KERN_I8)
DEFINE_FORM(i6, KERN_I6)
DEFINE_FORM(i5, KERN_I5)
DEFINE_FORM(i4, KERN_I4)
DEFINE_FORM(i3, KERN_I3)
DEFINE_FORM(i2, KERN_I2)

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
    k->expand[KERN_F16] = k->expand[KERN_BF16] = expand_half;
    k->expand[KERN_I8] = expand_i8;
    k->expand[KERN_I6] = expand_i6;
    k->expand[KERN_I5] = expand_i5;
    k->expand[KERN_I4] = expand_i4;
    k->expand[KERN_I3] = expand_i3;
    k->expand[KERN_I2] = expand_i2;
    k->gemv[KERN_F16] = gemv_f16;
    k->gemv[KERN_BF16] = gemv_bf16;
    k->gemv[KERN_I8] = gemv_i8;
    k->gemv[KERN_I6] = gemv_i6;
    k->gemv[KERN_I5] = gemv_i5;
    k->gemv[KERN_I4] = gemv_i4;
    k->gemv[KERN_I3] = gemv_i3;
    k->gemv[KERN_I2] = gemv_i2;
    k->act_i16 = avx512_act_i16;
    k->act_w8 = avx512_act_w8;
    k->act_block = avx512_act_block;
}
#endif
