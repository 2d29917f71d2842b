/* kern_ref.c - every kernel in plain C: the definition the fast ones are held to, bit for bit.
 *
 * Written for reading, not for speed.  fmaf is the correctly rounded one of the C library, so that
 * sums agree with the fused instructions of every other table. */
#include "backends/native/kern.h"
#include "backends/native/quant.h"

#include <math.h>
#include <string.h>

static float value_f32(const void *p, size_t i)
{
    float v;
    memcpy(&v, (const char *)p + i * sizeof v, sizeof v);
    return v;
}

static float value_f16(const void *p, size_t i)
{
    uint16_t v;
    memcpy(&v, (const char *)p + i * sizeof v, sizeof v);
    return quant_f16_f32(v);
}

/* Code k of row r as it is stored in one panel. */
static int int_code(const struct kern_mat *w, size_t p, size_t k, size_t r)
{
    const uint8_t *c = w->codes + p * w->codes_stride;
    if (w->form == KERN_I8)
        return (int8_t)c[k * KERN_ROWS + r];
    const struct kern_place at = kern_place(w->form, k);
    uint32_t bits = 0;
    for (size_t j = 0; j < at.n_words; j++) {
        uint32_t word;
        memcpy(&word, c + (at.word + j) * KERN_WORD + r * sizeof word, sizeof word);
        bits |= (word >> at.shift & ((1u << at.part) - 1)) << (size_t)at.part * j;
    }
    return (int)(bits >> at.then & ((1u << kern_bits(w->form)) - 1));
}

static const void *scale_at(const struct kern_mat *w, size_t p)
{
    return (const char *)w->scale + p * w->scale_stride;
}

static size_t rows_of(const struct kern_mat *w, size_t p)
{
    size_t left = w->n_out - p * KERN_ROWS;
    return left < KERN_ROWS ? left : KERN_ROWS;
}

/* -- f32 activations --------------------------------------------------------------------------- */
static void ref_f32(const struct kern_f32 *g)
{
    for (size_t t = 0; t < g->n; t++) {
        for (size_t r = 0; r < g->n_rows; r++) {
            const float *w = g->w + r / KERN_ROWS * g->stride + r % KERN_ROWS;
            float *y = &g->y[t * g->ldy + r];
            float acc = g->add ? *y : 0.0f;
            for (size_t k = 0; k < g->n_k; k++)
                acc = fmaf(w[k * KERN_ROWS], g->x[t * g->ldx + k], acc);
            *y = acc;
        }
    }
}

static void ref_expand_f16(const struct kern_mat *w, size_t p, size_t k0, size_t n_k, float *out)
{
    const uint8_t *c = w->codes + p * w->codes_stride + k0 * KERN_ROWS * 2;
    for (size_t i = 0; i < n_k * KERN_ROWS; i++)
        out[i] = value_f16(c, i);
}

static void ref_expand_bf16(const struct kern_mat *w, size_t p, size_t k0, size_t n_k, float *out)
{
    const uint8_t *c = w->codes + p * w->codes_stride + k0 * KERN_ROWS * 2;
    for (size_t i = 0; i < n_k * KERN_ROWS; i++) {
        uint16_t v;
        memcpy(&v, c + 2 * i, sizeof v);
        out[i] = quant_bf16_f32(v);
    }
}

static void ref_expand_int(const struct kern_mat *w, size_t p, size_t k0, size_t n_k, float *out)
{
    const int8_t *zeros = w->zero ? w->zero + p * (w->scale_stride / 4) : NULL;
    for (size_t i = 0; i < n_k; i++) {
        size_t k = k0 + i, g = k / w->group * KERN_ROWS;
        for (size_t r = 0; r < KERN_ROWS; r++) {
            int zero = zeros ? zeros[g + r] : kern_zero(w->form);
            out[i * KERN_ROWS + r] =
                (float)(int_code(w, p, k, r) - zero) * value_f32(scale_at(w, p), g + r);
        }
    }
}

/* -- quantized activations --------------------------------------------------------------------- */
static int64_t sum_i16(const int16_t *w, const int16_t *q, size_t n_k)
{
    int64_t sum = 0;
    for (size_t k = 0; k < n_k; k++) {
        int32_t x = 256 * q[k] + q[n_k + k];
        sum += (int64_t)w[k / 2 * 32 + k % 2] * x;
    }
    return sum;
}

static void ref_i16(const struct kern_int *g)
{
    const struct kern_mat *w = g->w;
    for (size_t p = g->p0; p < g->p1; p++) {
        const int16_t *c = (const int16_t *)(const void *)(w->codes + p * w->codes_stride);
        for (size_t t = 0; t < g->n; t++) {
            const int16_t *q = g->a->q16 + t * 2 * w->n_k;
            float *y = g->y + t * g->ldy + p * KERN_ROWS;
            for (size_t r = 0; r < rows_of(w, p); r++)
                y[r] = (float)sum_i16(c + 2 * r, q, w->n_k) * value_f32(scale_at(w, p), r) *
                       g->a->d[t];
        }
    }
}

static void ref_w8(const struct kern_int *g)
{
    const struct kern_mat *w = g->w;
    for (size_t p = g->p0; p < g->p1; p++) {
        const uint8_t *c = w->codes + p * w->codes_stride;
        for (size_t t = 0; t < g->n; t++) {
            const int8_t *q = g->a->q + t * g->a->n_k;
            float *y = g->y + t * g->ldy + p * KERN_ROWS;
            for (size_t r = 0; r < rows_of(w, p); r++) {
                int32_t sum = 0;
                for (size_t k = 0; k < w->n_in; k++)
                    sum += (c[k / 4 * 64 + r * 4 + k % 4] - w->offset) * q[k];
                y[r] = (float)sum * value_f32(scale_at(w, p), r) * g->a->d[t];
            }
        }
    }
}

/* Stored code of element k of row r in one block. */
static int code_at(const struct kern_mat *w, size_t p, size_t block, size_t r, size_t k)
{
    const uint8_t *c = w->codes + p * w->codes_stride;
    size_t step = k / 4, byte = r * 4 + k % 4;
    if (w->form == KERN_Q8)
        return c[block * 512 + step * 64 + byte];
    int q = c[block * 256 + step % 4 * 64 + byte] >> (step / 4 * 4) & 15;
    if (w->form == KERN_Q5) {
        uint64_t high;
        memcpy(&high, w->high + p * w->high_stride + block * 64 + step * 8, sizeof high);
        q |= (int)(high >> byte & 1) << 4;
    }
    return q;
}

static float block_row(const struct kern_int *g, size_t p, size_t r, size_t t, float acc)
{
    const struct kern_mat *w = g->w;
    const int8_t *q = g->a->q + t * g->a->n_k;
    const char *min = w->min ? (const char *)w->min + p * w->scale_stride : NULL;
    for (size_t b = 0; b < w->n_in / KERN_BLOCK; b++) {
        size_t i = b * g->a->ldd + t;
        int32_t sum = 0;
        for (size_t k = 0; k < KERN_BLOCK; k++)
            sum += (code_at(w, p, b, r, k) - w->offset) * q[b * KERN_BLOCK + k];
        acc = fmaf(value_f16(scale_at(w, p), b * KERN_ROWS + r) * g->a->d[i], (float)sum, acc);
        if (min)
            acc = fmaf(value_f16(min, b * KERN_ROWS + r), g->a->s[i], acc);
    }
    return acc;
}

static void ref_block(const struct kern_int *g)
{
    for (size_t p = g->p0; p < g->p1; p++) {
        for (size_t t = 0; t < g->n; t++) {
            float *y = g->y + t * g->ldy + p * KERN_ROWS;
            for (size_t r = 0; r < rows_of(g->w, p); r++)
                y[r] = block_row(g, p, r, t, g->add ? y[r] : 0.0f);
        }
    }
}

static void ref_widen(const struct kern_mat *w, size_t p, size_t b0, size_t n_b, uint8_t *out)
{
    for (size_t b = 0; b < n_b; b++)
        for (size_t i = 0; i < KERN_BLOCK * KERN_ROWS; i++)
            out[b * KERN_BLOCK * KERN_ROWS + i] =
                (uint8_t)code_at(w, p, b0 + b, i % 64 / 4, i / 64 * 4 + i % 4);
}

/* -- activations --------------------------------------------------------------------------------- */
static int32_t absmax_bits(const float *x, size_t n)
{
    int32_t max = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t b;
        memcpy(&b, &x[i], sizeof b);
        b &= 0x7fffffff;
        max = b > max ? b : max;
    }
    return max;
}

/* Scale and its inverse for codes up to `top`: both 0 for a zero vector, NaN and 0 for a broken one. */
static float scale_of(int32_t bits, float top, float *inverse)
{
    float absmax;
    memcpy(&absmax, &bits, sizeof absmax);
    *inverse = 0;
    if (bits >= KERN_BITS_INF)
        return NAN;
    if (absmax < KERN_ABSMAX_MIN)
        return 0;
    *inverse = top / absmax;
    return absmax / top;
}

static int32_t quantize_s8(const float *x, size_t n, float inverse, int8_t *q)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t v = inverse != 0 ? (int32_t)lrintf(x[i] * inverse) : 0;
        q[i] = (int8_t)v;
        sum += v;
    }
    return sum;
}

static int32_t bias_of(int offset, int32_t sum)
{
    return (int32_t)(0u - (uint32_t)offset * (uint32_t)sum);
}

static void ref_act_i16(const struct kern_act *a, size_t t, const float *x)
{
    int16_t *high = a->q16 + t * 2 * a->n_k, *low = high + a->n_k;
    float inverse;
    a->d[t] = scale_of(absmax_bits(x, a->n_in), 32767.0f, &inverse);
    for (size_t i = 0; i < a->n_k; i++) {
        int32_t v = i < a->n_in && inverse != 0 ? (int32_t)lrintf(x[i] * inverse) : 0;
        high[i] = (int16_t)((v + 128) >> 8);
        low[i] = (int16_t)(v - 256 * high[i]);
    }
}

static void ref_act_w8(const struct kern_act *a, size_t t, const float *x)
{
    int8_t *q = a->q + t * a->n_k;
    float inverse;
    a->d[t] = scale_of(absmax_bits(x, a->n_in), (float)a->max, &inverse);
    a->bias[t] = bias_of(a->offset, quantize_s8(x, a->n_in, inverse, q));
    memset(q + a->n_in, 0, a->n_k - a->n_in);
}

static void ref_act_block(const struct kern_act *a, size_t t, const float *x)
{
    int8_t *q = a->q + t * a->n_k;
    for (size_t b = 0; b < a->n_in / KERN_BLOCK; b++, x += KERN_BLOCK, q += KERN_BLOCK) {
        size_t i = b * a->ldd + t;
        float inverse;
        float d = scale_of(absmax_bits(x, KERN_BLOCK), (float)a->max, &inverse);
        int32_t sum = quantize_s8(x, KERN_BLOCK, inverse, q);
        a->d[i] = quant_f16_f32(quant_f16(d));
        a->bias[i] = bias_of(a->offset, sum);
        if (a->s)
            a->s[i] = quant_f16_f32(quant_f16(d * (float)sum));
    }
}

void kern_ref(struct kern *k)
{
    *k = (struct kern){
        .name = "ref",
        .f32 = ref_f32,
        .expand = {[KERN_F16] = ref_expand_f16, [KERN_BF16] = ref_expand_bf16,
                   [KERN_I8] = ref_expand_int, [KERN_I6] = ref_expand_int,
                   [KERN_I5] = ref_expand_int, [KERN_I4] = ref_expand_int,
                   [KERN_I3] = ref_expand_int, [KERN_I2] = ref_expand_int},
        .i16 = ref_i16,
        .w8 = ref_w8,
        .q8 = ref_block,
        .q4 = ref_block,
        .q5 = ref_block,
        .widen_q4 = ref_widen,
        .widen_q5 = ref_widen,
        .widen_min = SIZE_MAX,
        .act_i16 = ref_act_i16,
        .act_w8 = ref_act_w8,
        .act_block = ref_act_block,
    };
}
