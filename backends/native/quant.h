/* quant.h - number formats: how a row of weights is stored and what each code is worth.
 *
 * Two tables.  quant_types[]: the formats a GGUF file may hold (F32 .. Q8_0); adding a type is
 * adding a row.  Schemes: what a variant makes of a tensor at load (precision.h).
 * Rows run along `in`, the dot-product axis.  All formulas: ties and ranges as each row says;
 * scales are computed in fp32.  NaN or Inf in weights is an error with the index. */
#ifndef QUANT_H
#define QUANT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assay_err;

enum quant_type {                 /* GGUF's ids */
    QT_F32 = 0, QT_F16 = 1, QT_Q4_0 = 2, QT_Q4_1 = 3, QT_Q5_0 = 6, QT_Q5_1 = 7, QT_Q8_0 = 8,
    QT_BF16 = 30
};
struct quant_traits {
    uint32_t type;                /* enum quant_type */
    const char *name;             /* "q4_0" */
    uint32_t block, bytes;        /* elements and bytes per block */
    void (*dequantize)(const void *src, float *dst, size_t n);   /* n: multiple of block */
    void (*quantize)(const float *src, void *dst, size_t n);     /* the format's own reference rule */
};
const struct quant_traits *quant_find(uint32_t type);            /* NULL: unknown */
const struct quant_traits *quant_find_name(const char *name);

uint16_t quant_f16(float x);      /* RNE, subnormals, overflow to inf */
float quant_f16_f32(uint16_t h);
uint16_t quant_bf16(float x);     /* RNE, subnormals kept */
static inline float quant_bf16_f32(uint16_t h)
{
    union { uint32_t u; float f; } c = {.u = (uint32_t)h << 16};
    return c.f;
}
#endif
