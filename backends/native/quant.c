/* quant.c - the stored number formats and their own rounding rules.
 *
 * Each format is one row of quant_types[]: a dequantizer and the reference quantizer of the format.
 * The rules are those of the GGUF block formats: scales are computed in fp32 and stored as fp16, codes
 * are made with the unrounded fp32 scale, so that re-quantizing values on the grid returns the codes.
 * An all-zero block has the code of zero everywhere; nothing divides by zero.
 * Not here: what a precision variant makes of a tensor (linear.c). */
#include "backends/native/quant.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 32 };

static uint32_t float_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float bits_float(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

uint16_t quant_f16(float x)
{
    uint32_t u = float_bits(x);
    uint32_t sign = (u >> 16) & 0x8000u;
    uint32_t a = u & 0x7fffffffu;
    if (a > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (a >= 0x477ff000u) /* 65520, half way to 2^16 */
        return (uint16_t)(sign | 0x7c00u);
    if (a < 0x38800000u)  /* below 2^-14: adding 0.5 leaves multiples of 2^-24, ties to even */
        return (uint16_t)(sign | (float_bits(bits_float(a) + 0.5f) - 0x3f000000u));
    a += 0xc8000fffu + ((a >> 13) & 1u); /* rebias the exponent and round to nearest even */
    return (uint16_t)(sign | (a >> 13));
}

float quant_f16_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    uint32_t exp = (h >> 10) & 31u;
    uint32_t man = h & 0x3ffu;
    if (exp == 0)
        return bits_float(sign | float_bits((float)man * 0x1p-24f));
    if (exp == 31)
        return bits_float(sign | 0x7f800000u | man << 13);
    return bits_float(sign | (exp + 112) << 23 | man << 13);
}

uint16_t quant_bf16(float x)
{
    uint32_t u = float_bits(x);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)((u >> 16) | 0x40u);
    return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

/* -- little-endian fields of a block ------------------------------------------------------------- */
static uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put_u32(uint8_t *p, uint32_t v)
{
    put_u16(p, (uint16_t)v);
    put_u16(p + 2, (uint16_t)(v >> 16));
}

/* 1/d as the formats use it.  Where it overflows, d is 0 as fp16 and any code is worth 0. */
static float inverse(float d)
{
    float id = d != 0 ? 1.0f / d : 0.0f;
    return isfinite(id) ? id : 0.0f;
}

/* The element of largest magnitude with its sign, the first one on ties. */
static float signed_max(const float *x)
{
    float max = 0;
    for (int j = 0; j < BLOCK; j++)
        if (fabsf(x[j]) > fabsf(max))
            max = x[j];
    return max;
}

/* x + bias cut to an integer in 0..top; x * id may lie outside where id lost precision. */
static uint8_t code_of(float v, int top)
{
    if (!(v > 0))
        return 0;
    return v >= (float)top ? (uint8_t)top : (uint8_t)v;
}

/* -- f32, f16, bf16 ------------------------------------------------------------------------------ */
static void f32_copy(const void *src, float *dst, size_t n)
{
    memcpy(dst, src, n * sizeof *dst);
}

static void f32_store(const float *src, void *dst, size_t n)
{
    memcpy(dst, src, n * sizeof *src);
}

static void f16_load(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = quant_f16_f32(get_u16(p + 2 * i));
}

static void f16_store(const float *src, void *dst, size_t n)
{
    uint8_t *p = dst;
    for (size_t i = 0; i < n; i++)
        put_u16(p + 2 * i, quant_f16(src[i]));
}

static void bf16_load(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = quant_bf16_f32(get_u16(p + 2 * i));
}

static void bf16_store(const float *src, void *dst, size_t n)
{
    uint8_t *p = dst;
    for (size_t i = 0; i < n; i++)
        put_u16(p + 2 * i, quant_bf16(src[i]));
}

/* -- q8_0: d, int8 q[32]; x = q d; d = absmax / 127, half away from zero ---------------------------- */
static void q8_0_load(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < n; i += BLOCK, p += 34) {
        float d = quant_f16_f32(get_u16(p));
        for (int j = 0; j < BLOCK; j++)
            dst[i + (size_t)j] = (float)(int8_t)p[2 + j] * d;
    }
}

static void q8_0_store(const float *src, void *dst, size_t n)
{
    uint8_t *p = dst;
    for (size_t i = 0; i < n; i += BLOCK, p += 34) {
        float d = fabsf(signed_max(src + i)) / 127.0f;
        float id = inverse(d);
        put_u16(p, quant_f16(d));
        for (int j = 0; j < BLOCK; j++) {
            float v = roundf(src[i + (size_t)j] * id);
            v = v > 127 ? 127 : v < -127 ? -127 : v;
            p[2 + j] = (uint8_t)(int8_t)v;
        }
    }
}

/* -- q4_0, q5_0: x = (q - 8) d with d = signed max / -8;  x = (q - 16) d with d = signed max / -16 -- */
static void q4_0_load(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < n; i += BLOCK, p += 18) {
        float d = quant_f16_f32(get_u16(p));
        for (int j = 0; j < 16; j++) {
            dst[i + (size_t)j] = (float)((p[2 + j] & 15) - 8) * d;
            dst[i + 16 + (size_t)j] = (float)((p[2 + j] >> 4) - 8) * d;
        }
    }
}

static void q4_0_store(const float *src, void *dst, size_t n)
{
    uint8_t *p = dst;
    for (size_t i = 0; i < n; i += BLOCK, p += 18) {
        float d = signed_max(src + i) / -8.0f;
        float id = inverse(d);
        put_u16(p, quant_f16(d));
        for (size_t j = 0; j < 16; j++) {
            uint8_t lo = code_of(src[i + j] * id + 8.5f, 15);
            uint8_t hi = code_of(src[i + 16 + j] * id + 8.5f, 15);
            p[2 + j] = (uint8_t)(lo | hi << 4);
        }
    }
}

/* Nibbles and fifth bits of one block, at p: qh[4], qs[16]. */
static void put_q5(uint8_t *p, const uint8_t q[BLOCK])
{
    uint32_t high = 0;
    for (int j = 0; j < BLOCK; j++)
        high |= (uint32_t)(q[j] >> 4) << j;
    put_u32(p, high);
    for (int j = 0; j < 16; j++)
        p[4 + j] = (uint8_t)((q[j] & 15) | (q[j + 16] & 15) << 4);
}

static void get_q5(const uint8_t *p, uint8_t q[BLOCK])
{
    uint32_t high = get_u32(p);
    for (int j = 0; j < 16; j++) {
        q[j] = (uint8_t)((p[4 + j] & 15) | (high >> j & 1u) << 4);
        q[j + 16] = (uint8_t)(p[4 + j] >> 4 | (high >> (j + 16) & 1u) << 4);
    }
}

static void q5_0_load(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < n; i += BLOCK, p += 22) {
        float d = quant_f16_f32(get_u16(p));
        uint8_t q[BLOCK];
        get_q5(p + 2, q);
        for (size_t j = 0; j < BLOCK; j++)
            dst[i + j] = (float)(q[j] - 16) * d;
    }
}

static void q5_0_store(const float *src, void *dst, size_t n)
{
    uint8_t *p = dst;
    for (size_t i = 0; i < n; i += BLOCK, p += 22) {
        float d = signed_max(src + i) / -16.0f;
        float id = inverse(d);
        uint8_t q[BLOCK];
        for (size_t j = 0; j < BLOCK; j++)
            q[j] = code_of(src[i + j] * id + 16.5f, 31);
        put_u16(p, quant_f16(d));
        put_q5(p + 2, q);
    }
}

/* -- q4_1, q5_1: x = q d + m with m = min, d = (max - min) / 15 or / 31 ------------------------------ */
static void min_range(const float *x, int top, float *m, float *d)
{
    float lo = x[0], hi = x[0];
    for (int j = 1; j < BLOCK; j++) {
        lo = x[j] < lo ? x[j] : lo;
        hi = x[j] > hi ? x[j] : hi;
    }
    *m = lo;
    *d = (hi - lo) / (float)top;
}

static void q4_1_load(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < n; i += BLOCK, p += 20) {
        float d = quant_f16_f32(get_u16(p)), m = quant_f16_f32(get_u16(p + 2));
        for (int j = 0; j < 16; j++) {
            dst[i + (size_t)j] = (float)(p[4 + j] & 15) * d + m;
            dst[i + 16 + (size_t)j] = (float)(p[4 + j] >> 4) * d + m;
        }
    }
}

static void q4_1_store(const float *src, void *dst, size_t n)
{
    uint8_t *p = dst;
    for (size_t i = 0; i < n; i += BLOCK, p += 20) {
        float m, d;
        min_range(src + i, 15, &m, &d);
        float id = inverse(d);
        put_u16(p, quant_f16(d));
        put_u16(p + 2, quant_f16(m));
        for (size_t j = 0; j < 16; j++) {
            uint8_t lo = code_of((src[i + j] - m) * id + 0.5f, 15);
            uint8_t hi = code_of((src[i + 16 + j] - m) * id + 0.5f, 15);
            p[4 + j] = (uint8_t)(lo | hi << 4);
        }
    }
}

static void q5_1_load(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < n; i += BLOCK, p += 24) {
        float d = quant_f16_f32(get_u16(p)), m = quant_f16_f32(get_u16(p + 2));
        uint8_t q[BLOCK];
        get_q5(p + 4, q);
        for (size_t j = 0; j < BLOCK; j++)
            dst[i + j] = (float)q[j] * d + m;
    }
}

static void q5_1_store(const float *src, void *dst, size_t n)
{
    uint8_t *p = dst;
    for (size_t i = 0; i < n; i += BLOCK, p += 24) {
        float m, d;
        min_range(src + i, 31, &m, &d);
        float id = inverse(d);
        uint8_t q[BLOCK];
        for (size_t j = 0; j < BLOCK; j++)
            q[j] = code_of((src[i + j] - m) * id + 0.5f, 31);
        put_u16(p, quant_f16(d));
        put_u16(p + 2, quant_f16(m));
        put_q5(p + 4, q);
    }
}

/* -- the table ------------------------------------------------------------------------------------ */
static const struct quant_traits quant_types[] = {
    {QT_F32, "f32", 1, 4, f32_copy, f32_store},
    {QT_F16, "f16", 1, 2, f16_load, f16_store},
    {QT_BF16, "bf16", 1, 2, bf16_load, bf16_store},
    {QT_Q8_0, "q8_0", BLOCK, 34, q8_0_load, q8_0_store},
    {QT_Q4_0, "q4_0", BLOCK, 18, q4_0_load, q4_0_store},
    {QT_Q4_1, "q4_1", BLOCK, 20, q4_1_load, q4_1_store},
    {QT_Q5_0, "q5_0", BLOCK, 22, q5_0_load, q5_0_store},
    {QT_Q5_1, "q5_1", BLOCK, 24, q5_1_load, q5_1_store},
};
enum { N_TYPES = sizeof quant_types / sizeof quant_types[0] };

const struct quant_traits *quant_find(uint32_t type)
{
    for (int i = 0; i < N_TYPES; i++)
        if (quant_types[i].type == type)
            return &quant_types[i];
    return NULL;
}

const struct quant_traits *quant_find_name(const char *name)
{
    for (int i = 0; i < N_TYPES; i++)
        if (strcmp(quant_types[i].name, name) == 0)
            return &quant_types[i];
    return NULL;
}
