/* attend_body.h - the code of one table of attend.h; included once by each attend_ISA.c, which
 * defines LANES (floats in a native vector), TABLE and TABLE_NAME.
 *
 * Written with the compilers' vector types: the ISA file's flags decide the instructions, the code
 * decides the arithmetic.  A "lane16" is 16 floats as 16/LANES native vectors; every sum lives in
 * one.  Needs -ffp-contract=off. */
#include "backends/native/attend.h"
#include "backends/native/quant.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>
#if LANES >= 8
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

enum { NV = 16 / LANES };
typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));
typedef uint16_t vh __attribute__((vector_size(2 * LANES)));
struct lane16 {
    vf v[NV];
};

#define INLINE static inline __attribute__((always_inline))

INLINE vf splat(float x)
{
    return x - (vf){0};
}

INLINE vf load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(float *p, vf v)
{
    memcpy(p, &v, sizeof v);
}

INLINE vf select_f(vi mask, vf a, vf b)
{
    return (vf)(((vi)a & mask) | ((vi)b & ~mask));
}

INLINE vf max_f(vf a, vf b)
{
    return select_f(a > b, a, b);
}

/* exp for x <= 88.37: 2^n * p(r), x = n ln 2 + r, p of degree 6 (Cephes expf).  Within 2 ulp; 0
 * below -87.3, where the arithmetic goes astray and the mask hides it; NaN stays NaN. */
INLINE vf exp_low(vf x)
{
    const vi live = ~(x <= splat(-87.33654f));
    const vf magic = splat(12582912.0f), shifted = x * splat(1.44269504088896341f) + magic;
    const vf n = shifted - magic;
    const vf r = (x - n * splat(0.693359375f)) - n * splat(-2.12194440e-4f);
    vf p = splat(1.9875691500e-4f);
    p = p * r + splat(1.3981999507e-3f);
    p = p * r + splat(8.3334519073e-3f);
    p = p * r + splat(4.1665795894e-2f);
    p = p * r + splat(1.6666665459e-1f);
    p = p * r + splat(5.0000001201e-1f);
    p = p * (r * r) + r + splat(1.0f);
    const vu bits = ((vu)shifted - 0x4b400000u + 127u) << 23;
    return (vf)((vi)(p * (vf)bits) & live);
}

INLINE vf exp_f(vf x)
{
    const vf hi = splat(88.3762626647949f);
    return exp_low(select_f(x >= hi, hi, x));
}

/* 16 lanes folded to 4: i with i + 8, then with i + 4. */
#if LANES == 16
#define LOW8(v) __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
#define HIGH8(v) __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)
#define FOLD8(a, op) op##_8(LOW8((a).v[0]), HIGH8((a).v[0]))
#elif LANES == 8
#define FOLD8(a, op) op##_8((a).v[0], (a).v[1])
#endif
#if LANES == 4
#define FOLD4(a, op) op##_4(op##_4((a).v[0], (a).v[2]), op##_4((a).v[1], (a).v[3]))
#else
typedef float v8f __attribute__((vector_size(32)));
typedef int32_t v8i __attribute__((vector_size(32)));
#define LOW4(v) __builtin_shufflevector(v, v, 0, 1, 2, 3)
#define HIGH4(v) __builtin_shufflevector(v, v, 4, 5, 6, 7)
#define FOLD4(a, op) op##_4(LOW4(FOLD8(a, op)), HIGH4(FOLD8(a, op)))

INLINE v8f add_8(v8f a, v8f b)
{
    return a + b;
}

INLINE v8f max_8(v8f a, v8f b)
{
    const v8i m = a > b;
    return (v8f)(((v8i)a & m) | ((v8i)b & ~m));
}
#endif
typedef float v4f __attribute__((vector_size(16)));
typedef int32_t v4i __attribute__((vector_size(16)));

INLINE v4f add_4(v4f a, v4f b)
{
    return a + b;
}

INLINE v4f max_4(v4f a, v4f b)
{
    const v4i m = a > b;
    return (v4f)(((v4i)a & m) | ((v4i)b & ~m));
}

INLINE float sum16(struct lane16 a)
{
    const v4f q = FOLD4(a, add);
    return (q[0] + q[2]) + (q[1] + q[3]);
}

INLINE float max16(struct lane16 a)
{
    const v4f q = FOLD4(a, max);
    const float x = q[0] > q[2] ? q[0] : q[2], y = q[1] > q[3] ? q[1] : q[3];
    return x > y ? x : y;
}

/* -- rows -------------------------------------------------------------------------------------- */
static void add_norm(float *x, const float *y, const float *w, size_t n, float eps, float *out)
{
    struct lane16 sq = {0};
    const size_t whole = n / 16 * 16;
    for (size_t i = 0; i < whole; i += 16)
        for (int j = 0; j < NV; j++) {
            vf a = load(x + i + j * LANES);
            if (y) {
                a += load(y + i + j * LANES);
                store(x + i + j * LANES, a);
            }
            sq.v[j] += a * a;
        }
    float tail[16] = {0};
    for (size_t i = whole; i < n; i++) {
        if (y)
            x[i] += y[i];
        tail[i - whole] = x[i] * x[i];
    }
    if (!w)
        return;
    for (int j = 0; j < NV; j++)
        sq.v[j] += load(tail + j * LANES);
    const float scale = 1.0f / sqrtf(sum16(sq) / (float)n + eps);
    for (size_t i = 0; i < whole; i += LANES)
        store(out + i, load(x + i) * splat(scale) * load(w + i));
    for (size_t i = whole; i < n; i++)
        out[i] = x[i] * scale * w[i];
}

static void exp_row(const float *x, float *out, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(out + i, exp_f(load(x + i)));
    if (i < n) {
        float t[LANES] = {0};
        memcpy(t, x + i, (n - i) * sizeof *t);
        store(t, exp_f(load(t)));
        memcpy(out + i, t, (n - i) * sizeof *t);
    }
}

static void silu_mul(float *gate, const float *up, size_t n)
{
    const vf one = splat(1.0f);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vf g = load(gate + i);
        store(gate + i, g / (one + exp_f(-g)) * load(up + i));
    }
    if (i < n) {
        float g[LANES] = {0}, u[LANES] = {0};
        memcpy(g, gate + i, (n - i) * sizeof *g);
        memcpy(u, up + i, (n - i) * sizeof *u);
        store(g, load(g) / (one + exp_f(-load(g))) * load(u));
        memcpy(gate + i, g, (n - i) * sizeof *g);
    }
}

/* Lanes are summed in float over 8 steps, then in double. */
static void lse_row(const float *x, size_t n, struct attend_lse *r)
{
    const size_t whole = n / 16 * 16;
    float tail[16];
    for (size_t i = 0; i < 16; i++)
        tail[i] = whole + i < n ? x[whole + i] : -INFINITY;
    struct lane16 m;
    for (int j = 0; j < NV; j++)
        m.v[j] = splat(-INFINITY);
    vi at[NV] = {{0}};            /* where each lane's maximum first stood, in 16s */
    for (size_t i = 0; i <= whole; i += 16) {
        const float *p = i < whole ? x + i : tail;
        for (int j = 0; j < NV; j++) {
            const vf v = load(p + j * LANES);
            const vi more = v > m.v[j];
            m.v[j] = select_f(more, v, m.v[j]);
            at[j] = (((int32_t)(i / 16) - (vi){0}) & more) | (at[j] & ~more);
        }
    }
    const float top = max16(m);
    double sum[16] = {0};
    for (size_t i0 = 0; i0 <= whole; i0 += 128) {
        struct lane16 s = {0};
        for (size_t i = i0; i < i0 + 128 && i <= whole; i += 16) {
            const float *p = i < whole ? x + i : tail;
            for (int j = 0; j < NV; j++)
                s.v[j] += exp_low(load(p + j * LANES) - splat(top));
        }
        float part[16];
        memcpy(part, &s, sizeof part);
        for (int l = 0; l < 16; l++)
            sum[l] += (double)part[l];
    }
    double total = 0;
    for (int l = 0; l < 16; l++)
        total += sum[l];
    float best[16];
    int32_t where[16], arg = INT32_MAX;
    memcpy(best, &m, sizeof best);
    memcpy(where, at, sizeof where);
    for (int l = 0; l < 16; l++)
        if (best[l] == top && where[l] * 16 + l < arg)
            arg = where[l] * 16 + l;
    *r = (struct attend_lse){.lse = (double)top + log(total), .argmax = arg};
}

/* -- the cache --------------------------------------------------------------------------------- */
/* HALF_N: N fp16 values as floats, exactly.  BYTES_N: N int8 values at p. */
#if LANES == 16
#define HALF_16(h) ((vf)_mm512_cvtph_ps((__m256i)(h)))
#define BYTES_16(p)                                                                                \
    ((vf)_mm512_cvtepi32_ps(                                                                       \
        _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(p)))))
#endif
#if LANES >= 8
#define HALF_8(h) ((v8f)_mm256_cvtph_ps((__m128i)(h)))
#define BYTES_8(p)                                                                                 \
    ((v8f)_mm256_cvtepi32_ps(                                                                      \
        _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(p)))))
#elif defined(__aarch64__)
INLINE vf bytes_4(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
    return (vf)vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}
#define HALF_4(h) ((vf)vcvt_f32_f16((float16x4_t)(h)))
#define BYTES_4(p) bytes_4(p)
#else
/* The exponent is moved by a product, so that subnormals come out right. */
INLINE vf half_4(vh h)
{
    const vu u = __builtin_convertvector(h, vu), em = (u & 0x7fffu) << 13;
    const vu special = (vu)(em >= 0x0f800000u) & 0x7f800000u;
    return (vf)((vu)((vf)em * splat(0x1p112f)) | special | ((u & 0x8000u) << 16));
}
#define HALF_4(h) half_4(h)
#define BYTES_4(p) ((vf){(float)(p)[0], (float)(p)[1], (float)(p)[2], (float)(p)[3]})
#endif

/* cached_N: N values from index i of a cache array, as floats. */
#define DEFINE_CACHED(N, F)                                                                        \
    INLINE F cached_##N(enum kv_type t, const void *base, size_t i)                                \
    {                                                                                              \
        typedef uint16_t half __attribute__((vector_size(2 * N)));                                 \
        half h;                                                                                    \
        F v;                                                                                       \
        if (t == KV_F16) {                                                                         \
            memcpy(&h, (const uint16_t *)base + i, sizeof h);                                      \
            return HALF_##N(h);                                                                    \
        }                                                                                          \
        if (t == KV_INT8)                                                                          \
            return BYTES_##N((const int8_t *)base + i);                                            \
        memcpy(&v, (const float *)base + i, sizeof v);                                             \
        return v;                                                                                  \
    }

#if LANES == 16
DEFINE_CACHED(16, vf)
DEFINE_CACHED(8, v8f)
#define cached cached_16
#elif LANES == 8
DEFINE_CACHED(8, vf)
#define cached cached_8
#else
DEFINE_CACHED(4, vf)
#define cached cached_4
#endif

INLINE float cached_one(enum kv_type t, const void *base, size_t i)
{
    if (t == KV_F32)
        return ((const float *)base)[i];
    if (t == KV_F16)
        return quant_f16_f32(((const uint16_t *)base)[i]);
    return (float)((const int8_t *)base)[i];
}

INLINE float absmax(const float *x, size_t n)
{
    v4f top = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        v4f v;
        memcpy(&v, x + i, sizeof v);
        top = max_4((v4f)((v4i)v & 0x7fffffff), top);
    }
    const float a = top[0] > top[1] ? top[0] : top[1], b = top[2] > top[3] ? top[2] : top[3];
    float best = a > b ? a : b;
    for (; i < n; i++)
        best = fabsf(x[i]) > best ? fabsf(x[i]) : best;
    return best;
}

#include "backends/native/attend_low_body.h"

/* Writes n values, `step` elements apart; returns the scale: KV_INT8 absmax / 127, ties to even. */
INLINE float cache_put(enum kv_type t, void *base, size_t at, size_t step, const float *x, size_t n)
{
    if (t == KV_F32) {
        for (size_t i = 0; i < n; i++)
            ((float *)base)[at + i * step] = x[i];
        return 1.0f;
    }
    if (t == KV_F16) {
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)base)[at + i * step] = quant_f16(x[i]);
        return 1.0f;
    }
    const float scale = absmax(x, n) / 127.0f;
    size_t i = 0;
    for (; scale > 0 && i + 4 <= n; i += 4) {
        v4f v;
        memcpy(&v, x + i, sizeof v);
        const v4i q = (v4i)(v / scale + 12582912.0f) - 0x4b400000;     /* ties to even */
        for (size_t j = 0; j < 4; j++)
            ((int8_t *)base)[at + (i + j) * step] = (int8_t)q[j];
    }
    for (; i < n; i++)
        ((int8_t *)base)[at + i * step] = scale > 0 ? (int8_t)rintf(x[i] / scale) : 0;
    return scale;
}

/* -- attention --------------------------------------------------------------------------------- */
/* Pairs (a, b) -> (a c - b s, b c + a s).  The sign lies in the table: written with a difference,
 * gcc 12 makes fused multiply-addsub of it, -ffp-contract=off or not. */
INLINE void rotate(float *x, const float *cosine, const float *sine, size_t dims)
{
    size_t i = 0;
#if LANES >= 8
    for (; i + 8 <= dims; i += 8) {
        v8f v, c, s;
        memcpy(&v, x + i, sizeof v);
        memcpy(&c, cosine + i, sizeof c);
        memcpy(&s, sine + i, sizeof s);
        v = v * c + __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6) * s;
        memcpy(x + i, &v, sizeof v);
    }
#endif
    for (; i < dims; i += 2) {
        const float a = x[i], b = x[i + 1];
        x[i] = a * cosine[i] + b * sine[i];
        x[i + 1] = b * cosine[i + 1] + a * sine[i + 1];
    }
}

/* Scores of one or two (s1 not NULL) query heads against blocks of 16 positions. */
INLINE void scores_of(enum kv_type t, const struct kv_view *kv, const float *q, size_t hd,
                      size_t n_blocks, float *s0, float *s1)
{
    if (kv_is_low(t)) {
        low_scores(t, kv, q, hd, n_blocks, s0, s1);
        return;
    }
    for (size_t b = 0; b < n_blocks; b++) {
        struct lane16 a0 = {0}, a1 = {0};
        for (size_t d = 0; d < hd; d++)
            for (int j = 0; j < NV; j++) {
                const vf k = cached(t, kv->k, (b * hd + d) * 16 + j * LANES);
                a0.v[j] += k * splat(q[d]);
                if (s1)
                    a1.v[j] += k * splat(q[hd + d]);
            }
        for (int j = 0; j < NV; j++) {
            const size_t i = b * 16 + j * LANES;
            const vf scale = t == KV_INT8 ? load(kv->ks + i) : splat(1.0f);
            store(s0 + i, t == KV_INT8 ? a0.v[j] * scale : a0.v[j]);
            if (s1)
                store(s1 + i, t == KV_INT8 ? a1.v[j] * scale : a1.v[j]);
        }
    }
}

/* s[h][0..n) -> exp(scale * (s - max)), lanes up to the block's end zeroed; inv[h] = 1 / sum; for
 * one head or two.  KV_INT8: the values' scales are multiplied in afterwards, so that the next
 * loop sees plain codes. */
INLINE void soften(enum kv_type t, const struct kv_view *kv, float *const s[2], size_t n,
                   float scale, float inv[2], int pair)
{
    const size_t padded = (n + 15) / 16 * 16;
    struct lane16 m[2], sum[2] = {{{{0}}}};
    vf top[2];
    for (int h = 0; h <= pair; h++) {
        for (size_t i = n; i < padded; i++)
            s[h][i] = -INFINITY;
        memcpy(&m[h], s[h], sizeof m[h]);
        for (size_t i = 16; i < padded; i += 16)
            for (int j = 0; j < NV; j++)
                m[h].v[j] = max_f(m[h].v[j], load(s[h] + i + j * LANES));
    }
    for (int h = 0; h <= pair; h++)
        top[h] = splat(max16(m[h]));
    for (size_t i = 0; i < padded; i += 16)
        for (int j = 0; j < NV; j++)
            for (int h = 0; h <= pair; h++) {
                float *p = s[h] + i + j * LANES;
                const vf e = exp_low((load(p) - top[h]) * splat(scale));
                sum[h].v[j] += e;
                store(p, t == KV_INT8 ? e * load(kv->vs + i + j * LANES) : e);
            }
    for (int h = 0; h <= pair; h++)
        inv[h] = 1.0f / sum16(sum[h]);
}

/* out[d0 .. d0 + n_vec * LANES) = inv * sum over positions of p V, positions ascending. */
INLINE void mix(enum kv_type t, const struct kv_view *kv, size_t hd, size_t n, size_t d0, int n_vec,
                const float *const p[2], const float inv[2], float *out, int pair)
{
    vf a0[4] = {{0}}, a1[4] = {{0}};
    for (size_t i = 0; i < n; i++)
        for (int j = 0; j < n_vec; j++) {
            const vf v = cached(t, kv->v, i * hd + d0 + (size_t)j * LANES);
            a0[j] += v * splat(p[0][i]);
            if (pair)
                a1[j] += v * splat(p[1][i]);
        }
    for (int j = 0; j < n_vec; j++) {
        store(out + d0 + (size_t)j * LANES, a0[j] * splat(inv[0]));
        if (pair)
            store(out + hd + d0 + (size_t)j * LANES, a1[j] * splat(inv[1]));
    }
}

#if LANES == 16
/* The same for half a vector: head_dim 8 is real. */
INLINE void mix_8(enum kv_type t, const struct kv_view *kv, size_t hd, size_t n, size_t d,
                  const float *const p[2], const float inv[2], float *out, int pair)
{
    v8f a0 = {0}, a1 = {0};
    for (size_t i = 0; i < n; i++) {
        const v8f v = cached_8(t, kv->v, i * hd + d);
        a0 += v * p[0][i];
        if (pair)
            a1 += v * p[1][i];
    }
    a0 *= inv[0];
    a1 *= inv[1];
    memcpy(out + d, &a0, sizeof a0);
    if (pair)
        memcpy(out + hd + d, &a1, sizeof a1);
}
#endif

INLINE void mix_all(enum kv_type t, const struct kv_view *kv, size_t hd, size_t n,
                    const float *const p[2], const float inv[2], float *out, int pair)
{
    size_t d = 0;
    if (kv_is_low(t)) {
        for (int h = 0; h <= pair; h++)
            low_mix(t, &(struct low_mix){kv, hd, kv_row_bytes(t, hd), n, p[h], inv[h],
                                         out + (size_t)h * hd});
        return;
    }
    for (; d + 4 * LANES <= hd; d += 4 * LANES)
        mix(t, kv, hd, n, d, 4, p, inv, out, pair);
    for (; d + 2 * LANES <= hd; d += 2 * LANES)
        mix(t, kv, hd, n, d, 2, p, inv, out, pair);
    for (; d + LANES <= hd; d += LANES)
        mix(t, kv, hd, n, d, 1, p, inv, out, pair);
#if LANES == 16
    for (; d + 8 <= hd; d += 8)
        mix_8(t, kv, hd, n, d, p, inv, out, pair);
#endif
    for (; d < hd; d++)
        for (int h = 0; h <= pair; h++) {
            float a = 0;
            for (size_t i = 0; i < n; i++)
                a += cached_one(t, kv->v, i * hd + d) * p[h][i];
            out[(size_t)h * hd + d] = a * inv[h];
        }
}

/* Rotates token i's q and k and puts k and v in their place. */
INLINE void put_token(enum kv_type t, const struct attend_job *a, size_t i)
{
    const size_t hd = a->head_dim, pos = a->pos[i];
    float *q = a->q + i * a->ldq, *k = a->k + i * a->ldkv;
    const float *cosine = a->rope + pos * 2 * a->rope_dims, *sine = cosine + a->rope_dims;
    for (size_t r = 0; r < a->n_rep; r++)
        rotate(q + r * hd, cosine, sine, a->rope_dims);
    rotate(k, cosine, sine, a->rope_dims);
    if (kv_is_low(t)) {
        const size_t bytes = kv_row_bytes(t, hd), cap = a->kv.cap;
        uint8_t *kc = (uint8_t *)a->kv.k + pos / 16 * bytes * 16 + pos % 16;
        uint8_t *vc = (uint8_t *)a->kv.v + pos * bytes;
        low_put(t, kc, 16, a->kv.ks + pos, cap, k, hd);
        low_put(t, vc, 1, a->kv.vs + pos, cap, a->v + i * a->ldkv, hd);
        return;
    }
    const float ks = cache_put(t, a->kv.k, pos / 16 * hd * 16 + pos % 16, 16, k, hd);
    const float vs = cache_put(t, a->kv.v, pos * hd, 1, a->v + i * a->ldkv, hd);
    if (t == KV_INT8) {
        a->kv.ks[pos] = ks;
        a->kv.vs[pos] = vs;
    }
}

INLINE void attend_token(enum kv_type t, const struct attend_job *a, size_t i)
{
    const size_t hd = a->head_dim, pos = a->pos[i], n = pos + 1, n_blocks = pos / 16 + 1;
    const float *q = a->q + i * a->ldq, scale = 1.0f / sqrtf((float)hd);
    float *const s[2] = {a->scores, a->scores + n_blocks * 16}, *out = a->out + i * a->ldo;
    const float *const p[2] = {s[0], s[1]};
    float inv[2];
    size_t r = 0;
    for (; r + 2 <= a->n_rep; r += 2) {
        scores_of(t, &a->kv, q + r * hd, hd, n_blocks, s[0], s[1]);
        soften(t, &a->kv, s, n, scale, inv, 1);
        mix_all(t, &a->kv, hd, n, p, inv, out + r * hd, 1);
    }
    if (r < a->n_rep) {
        scores_of(t, &a->kv, q + r * hd, hd, n_blocks, s[0], NULL);
        soften(t, &a->kv, s, n, scale, inv, 0);
        mix_all(t, &a->kv, hd, n, p, inv, out + r * hd, 0);
    }
}

/* Chains of consecutive positions are put whole before they attend: a vector load right behind the
 * scalar stores it covers would wait for them. */
INLINE void run_all(enum kv_type t, const struct attend_job *a)
{
    for (size_t i = 0, end = 0; i < a->n; i = end) {
        do
            put_token(t, a, end);
        while (++end < a->n && a->pos[end] == a->pos[end - 1] + 1);
        for (size_t j = i; j < end; j++)
            attend_token(t, a, j);
    }
}

static void run_f32(const struct attend_job *a)
{
    run_all(KV_F32, a);
}

static void run_f16(const struct attend_job *a)
{
    run_all(KV_F16, a);
}

static void run_int8(const struct attend_job *a)
{
    run_all(KV_INT8, a);
}

static void run_int4(const struct attend_job *a)
{
    run_all(KV_INT4, a);
}

static void run_int3(const struct attend_job *a)
{
    run_all(KV_INT3, a);
}

static void run_int2(const struct attend_job *a)
{
    run_all(KV_INT2, a);
}

const struct attend TABLE = {
    .name = TABLE_NAME,
    .run = {[KV_F32] = run_f32, [KV_F16] = run_f16, [KV_INT8] = run_int8, [KV_INT4] = run_int4,
            [KV_INT3] = run_int3, [KV_INT2] = run_int2},
    .add_norm = add_norm, .silu_mul = silu_mul, .lse = lse_row, .exp = exp_row,
};
