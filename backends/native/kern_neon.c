/* kern_neon.c - arm64 as every processor has it: f32 products, activations, integers by widening. */
#include "backends/native/kern.h"

#if defined(__aarch64__)
#include "backends/native/quant.h"
#include <arm_neon.h>

#define INLINE static inline __attribute__((always_inline))

/* Four byte products per lane, from 16-bit products added in pairs twice. */
INLINE int32x4_t dot8(int32x4_t sum, int8x16_t w, int8x16_t x)
{
    int16x8_t lo = vmull_s8(vget_low_s8(w), vget_low_s8(x));
    int16x8_t hi = vmull_high_s8(w, x);
    return vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(lo), vpaddlq_s16(hi)));
}

INLINE int8x16_t spread(const int8_t *q)
{
    int32_t v;
    __builtin_memcpy(&v, q, sizeof v);
    return vreinterpretq_s8_s32(vdupq_n_s32(v));
}

INLINE void dot_pair(int32x4_t *sum, int8x16_t w[2][2], const int8_t *q, size_t n_k, const int mt)
{
    for (int i = 0; i < mt; i++) {
        int8x16_t x0 = spread(q + (size_t)i * n_k), x1 = spread(q + (size_t)i * n_k + 4);
        for (int j = 0; j < 2; j++)
            sum[2 * i + j] = dot8(dot8(sum[2 * i + j], w[0][j], x0), w[1][j], x1);
    }
}

INLINE void settle(int32x4_t *sum, const int mt)
{
    (void)sum;
    (void)mt;
}

#include "backends/native/kern_neon_int.h"

static void load_rows(const float *y, float32x4_t v[2], size_t n)
{
    float tmp[HALF] = {0};
    memcpy(tmp, y, n * sizeof *y);
    v[0] = vld1q_f32(tmp);
    v[1] = vld1q_f32(tmp + 4);
}

/* -- f32 x f32 ----------------------------------------------------------------------------------- */
/* MT tokens x NP panels, four registers each. */
INLINE void tile(const struct kern_f32 *g, size_t p, size_t t, const int mt, const int np)
{
    const float *w = g->w + p * g->stride, *x = g->x + t * g->ldx;
    float *y = g->y + t * g->ldy + p * KERN_ROWS;
    float32x4_t acc[6][4 * 2];
    const int quads = 4 * np;
    for (int i = 0; i < mt; i++)
        for (int j = 0; j < quads; j++)
            acc[i][j] = vdupq_n_f32(0);
    for (int i = 0; g->add && i < mt; i++)
        for (int j = 0; j < quads; j += 2)
            if (p * KERN_ROWS + (size_t)j * 4 < g->n_rows)
                load_rows(y + (size_t)i * g->ldy + j * 4, &acc[i][j],
                          rows_left(g->n_rows, p * KERN_ROWS + (size_t)j * 4));
    for (size_t k = 0; k < g->n_k; k++) {
        for (int j = 0; j < quads; j++) {
            float32x4_t wv = vld1q_f32(w + (size_t)(j / 4) * g->stride + k * KERN_ROWS + j % 4 * 4);
            for (int i = 0; i < mt; i++)
                acc[i][j] = vfmaq_n_f32(acc[i][j], wv, x[(size_t)i * g->ldx + k]);
        }
    }
    for (int i = 0; i < mt; i++)
        for (int j = 0; j < quads; j += 2)
            if (p * KERN_ROWS + (size_t)j * 4 < g->n_rows)
                store_rows(y + (size_t)i * g->ldy + j * 4, &acc[i][j],
                           rows_left(g->n_rows, p * KERN_ROWS + (size_t)j * 4));
}

static void neon_f32(const struct kern_f32 *g)
{
    size_t panels = (g->n_rows + KERN_ROWS - 1) / KERN_ROWS, p = 0;
    for (; g->n == 1 && p + 2 <= panels; p += 2)
        tile(g, p, 0, 1, 2);
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
typedef float vf __attribute__((vector_size(16)));
typedef uint32_t vu __attribute__((vector_size(16)));
enum { LANES = 4, GEMV_PANELS = 2 };

INLINE vf v_fma(vf a, vf b, vf c)
{
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}

INLINE vu v_put(vu mask, vu a, vu b)
{
    return (vu)vbslq_u32((uint32x4_t)mask, (uint32x4_t)a, (uint32x4_t)b);
}

INLINE vf v_f16(const void *p)
{
    return (vf)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

INLINE vf v_bf16(const void *p)
{
    return (vf)vshll_n_u16(vld1_u16(p), 16);
}

INLINE vf v_signed(const void *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
    return (vf)vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}

#include "backends/native/kern_narrow_body.h"

/* -- int16: products in 32 bits, pairs added into 64 ---------------------------------------------------- */
static void i16_row(const struct kern_int *g, size_t half, size_t t)
{
    const struct kern_mat *w = g->w;
    const size_t p = half / 2, h = half % 2;
    const uint8_t *c = w->codes + p * w->codes_stride + h * 32;
    const float *scale =
        (const float *)(const void *)((const char *)w->scale + p * w->scale_stride) + h * HALF;
    const int16_t *q = g->a->q16 + t * 2 * w->n_k;
    int64x2_t sum[4] = {vdupq_n_s64(0), vdupq_n_s64(0), vdupq_n_s64(0), vdupq_n_s64(0)};
    for (size_t k = 0; k < w->n_k; k += 2) {
        int16x8_t wv[2] = {vreinterpretq_s16_u8(vld1q_u8(c + k * KERN_ROWS * 2)),
                           vreinterpretq_s16_u8(vld1q_u8(c + k * KERN_ROWS * 2 + 16))};
        uint16_t x0 = (uint16_t)(256 * q[k] + q[w->n_k + k]);
        uint16_t x1 = (uint16_t)(256 * q[k + 1] + q[w->n_k + k + 1]);
        int16x8_t x = vreinterpretq_s16_u32(vdupq_n_u32((uint32_t)x1 << 16 | x0));
        for (int j = 0; j < 2; j++) {
            sum[2 * j] = vpadalq_s32(sum[2 * j], vmull_s16(vget_low_s16(wv[j]), vget_low_s16(x)));
            sum[2 * j + 1] = vpadalq_s32(sum[2 * j + 1], vmull_high_s16(wv[j], x));
        }
    }
    float32x4_t v[2];
    for (int j = 0; j < 2; j++) {  /* exact in f64, so rounded once */
        float32x2_t lo = vcvt_f32_f64(vcvtq_f64_s64(sum[2 * j]));
        v[j] = vcvt_high_f32_f64(lo, vcvtq_f64_s64(sum[2 * j + 1]));
        v[j] = vmulq_n_f32(vmulq_f32(v[j], vld1q_f32(scale + 4 * j)), g->a->d[t]);
    }
    store_rows(g->y + t * g->ldy + half * HALF, v, rows_left(w->n_out, half * HALF));
}

static void neon_i16(const struct kern_int *g)
{
    for (size_t half = 2 * g->p0; half < halves_end(g); half++)
        for (size_t t = 0; t < g->n; t++)
            i16_row(g, half, t);
}

/* -- activations ------------------------------------------------------------------------------------ */
/* 4 values of x from i on, zeros from n on. */
INLINE float32x4_t load_padded(const float *x, size_t i, size_t n)
{
    float tmp[4] = {0};
    if (i + 4 <= n)
        return vld1q_f32(x + i);
    if (i < n)
        memcpy(tmp, x + i, (n - i) * sizeof *x);
    return vld1q_f32(tmp);
}

/* As in kern_ref.c, from |x|'s largest bits: NaN and Inf sort above every number. */
static float scale_of(const float *x, size_t n, float top, float *inverse)
{
    uint32x4_t max = vdupq_n_u32(0);
    for (size_t i = 0; i < n; i += 4)
        max = vmaxq_u32(max, vreinterpretq_u32_f32(vabsq_f32(load_padded(x, i, n))));
    uint32_t bits = vmaxvq_u32(max);
    float absmax;
    memcpy(&absmax, &bits, sizeof absmax);
    *inverse = 0;
    if (bits >= KERN_BITS_INF)
        return __builtin_nanf("");
    if (absmax < KERN_ABSMAX_MIN)
        return 0;
    *inverse = top / absmax;
    return absmax / top;
}

/* 4 codes from x[i]; all zero when inverse is, so that NaN * 0 stays out. */
INLINE int32x4_t codes_at(const float *x, size_t i, size_t n, float inverse)
{
    return vcvtnq_s32_f32(vmulq_n_f32(load_padded(x, i, inverse != 0 ? n : 0), inverse));
}

/* n_k codes, a multiple of 8; returns their sum. */
static int32_t codes_s8(const float *x, size_t n, size_t n_k, float inverse, int8_t *q)
{
    int32x4_t sum = vdupq_n_s32(0);
    for (size_t i = 0; i < n_k; i += 8) {
        int32x4_t a = codes_at(x, i, n, inverse), b = codes_at(x, i + 4, n, inverse);
        sum = vaddq_s32(sum, vaddq_s32(a, b));
        vst1_s8(q + i, vmovn_s16(vcombine_s16(vmovn_s32(a), vmovn_s32(b))));
    }
    return vaddvq_s32(sum);
}

static int32_t bias_of(int offset, int32_t sum)
{
    return (int32_t)(0u - (uint32_t)offset * (uint32_t)sum);
}

static void neon_act_w8(const struct kern_act *a, size_t t, const float *x)
{
    float inverse;
    a->d[t] = scale_of(x, a->n_in, (float)a->max, &inverse);
    int32_t sum = codes_s8(x, a->n_in, a->n_k, inverse, a->q + t * a->n_k);
    a->bias[t] = bias_of(a->offset, sum);
}

static void neon_act_block(const struct kern_act *a, size_t t, const float *x)
{
    int8_t *q = a->q + t * a->n_k;
    for (size_t b = 0; b < a->n_in / KERN_BLOCK; b++, x += KERN_BLOCK, q += KERN_BLOCK) {
        float inverse, d = scale_of(x, KERN_BLOCK, (float)a->max, &inverse);
        int32_t sum = codes_s8(x, KERN_BLOCK, KERN_BLOCK, inverse, q);
        a->d[b * a->ldd + t] = quant_f16_f32(quant_f16(d));
        a->bias[b * a->ldd + t] = bias_of(a->offset, sum);
        if (a->s)
            a->s[b * a->ldd + t] = quant_f16_f32(quant_f16(d * (float)sum));
    }
}

static void neon_act_i16(const struct kern_act *a, size_t t, const float *x)
{
    int16_t *high = a->q16 + t * 2 * a->n_k, *low = high + a->n_k;
    float inverse;
    a->d[t] = scale_of(x, a->n_in, 32767.0f, &inverse);
    for (size_t i = 0; i < a->n_k; i += 4) {
        int32_t v[4];
        vst1q_s32(v, codes_at(x, i, a->n_in, inverse));
        for (size_t j = 0; j < 4 && i + j < a->n_k; j++) {
            high[i + j] = (int16_t)((v[j] + 128) >> 8);
            low[i + j] = (int16_t)(v[j] - 256 * high[i + j]);
        }
    }
}

void kern_neon(struct kern *k)
{
    k->name = "neon";
    k->f32 = neon_f32;
    narrow_table(k);
    k->i16 = neon_i16;
    k->w8 = int_w8;
    k->q8 = int_q8;
    k->q4 = int_q4;
    k->q5 = int_q5;
    k->act_i16 = neon_act_i16;
    k->act_w8 = neon_act_w8;
    k->act_block = neon_act_block;
}
#endif
