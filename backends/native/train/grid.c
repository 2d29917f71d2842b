/* grid.c - round trips through the engine's number formats. */
#include "backends/native/train/grid.h"
#include "backends/native/kern.h"
#include "backends/native/quant.h"
#include "harness/base/err.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 32, Q4_0_BYTES = 18, MAX_BLOCK_BYTES = 64, SETTLE = 8, SNAPPED = 7 };
#define SCALE_MIN 0x1p-16f /* below it fp16 would not hold codes times a snapped scale */

#define NONE               \
    {                      \
        GRID_NONE, 0, 0, 0 \
    }
#define ROW8                      \
    {                             \
        GRID_SYMMETRIC, 127, 0, 0 \
    }
#define Q8                              \
    {                                   \
        GRID_BLOCK, 127, BLOCK, QT_Q8_0 \
    }
#define Q4                            \
    {                                 \
        GRID_BLOCK, 7, BLOCK, QT_Q4_0 \
    }
static const struct grid_mode modes[] = {
    {"int8", ROW8, NONE, ROW8, NONE},
    {"w8a8", ROW8, ROW8, ROW8, ROW8},
    {"int4", {GRID_SYMMETRIC, 7, BLOCK, 0}, NONE, ROW8, NONE},
    {"int3", {GRID_FULL, 3, BLOCK, 0}, NONE, ROW8, NONE},
    {"int2", {GRID_FULL, 1, BLOCK, 0}, NONE, ROW8, NONE},
    {"q8_0", Q8, Q8, Q8, Q8},
    {"q4_0", Q4, Q8, Q8, Q8},
    {"w4a4", Q4, Q4, Q8, Q8},
};
const char grid_names[] = "int8|w8a8|int4|int3|int2|q8_0|q4_0|w4a4";

const struct grid_mode *grid_find(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

int grid_check(const struct grid *g, const char *what, size_t n_in, struct assay_err *e)
{
    const size_t group = g->group;
    if (g->rule != GRID_NONE && group && n_in % group)
        return err_set(e, ASSAY_EUSAGE, "%s: rows of %zu cannot be cut into groups of %zu", what,
                       n_in, group);
    return 0;
}

/* 8 significant bits for codes of 3 bits.  Else the scale that quantizing quantized values gives
 * again, settled: qmax * s rounds, and divided by qmax it need not be s. */
static float symmetric_scale(float absmax, int qmax)
{
    const float most = (float)qmax;
    float s = absmax / most;
    if (qmax <= SNAPPED)
        return s < SCALE_MIN ? 0 : quant_bf16_f32(quant_bf16(s));
    for (int i = 0; i < SETTLE && most * s / most != s; i++)
        s = most * s / most;
    return s;
}

static void symmetric_group(const float *w, size_t n, int qmax, float *out)
{
    const float most = (float)qmax;
    float absmax = 0;
    for (size_t i = 0; i < n; i++)
        absmax = fabsf(w[i]) > absmax ? fabsf(w[i]) : absmax;
    const float s = symmetric_scale(absmax, qmax);
    for (size_t i = 0; i < n; i++) {
        float q = s != 0 ? rintf(w[i] / s) : 0;
        q = q > most ? most : q < -most ? -most : q;
        out[i] = q * s;
    }
}

static void full_group(const float *w, size_t n, int qmax, float *out)
{
    const float most = (float)qmax;
    float top = 0;
    for (size_t i = 0; i < n; i++)
        top = fabsf(w[i]) > fabsf(top) ? w[i] : top;
    float s = top / -(most + 1);
    s = qmax == 1 ? quant_f16_f32(quant_f16(s)) : quant_bf16_f32(quant_bf16(s));
    s = fabsf(s) < SCALE_MIN ? 0 : s;
    for (size_t i = 0; i < n; i++) {
        float q = s != 0 ? rintf(w[i] / s) : 0;
        q = q > most ? most : q < -most - 1 ? -most - 1 : q;
        out[i] = q * s;
    }
}

void grid_matrix(const struct grid *g, const float *w, size_t n, size_t n_in, float *out)
{
    const size_t group = g->group ? g->group : n_in;
    if (g->rule == GRID_NONE) {
        memmove(out, w, n * n_in * sizeof *w);
        return;
    }
    const struct quant_traits *q = g->rule == GRID_BLOCK ? quant_find(g->type) : NULL;
    for (size_t i = 0; i < n * n_in; i += group) {
        unsigned char codes[MAX_BLOCK_BYTES];
        if (q) {
            q->quantize(w + i, codes, BLOCK);
            q->dequantize(codes, out + i, BLOCK);
        } else if (g->rule == GRID_SYMMETRIC) {
            symmetric_group(w + i, group, g->qmax, out + i);
        } else {
            full_group(w + i, group, g->qmax, out + i);
        }
    }
}

bool grid_is_q4_0(const struct grid *g)
{
    return (g->rule == GRID_SYMMETRIC || g->rule == GRID_FULL) && g->qmax <= SNAPPED &&
           g->group == BLOCK;
}

void grid_q4_0(const struct grid *g, const float *w, size_t n, uint8_t *blocks)
{
    for (size_t i = 0; i < n; i += BLOCK, blocks += Q4_0_BYTES) {
        const float *x = w + i;
        float top = 0;
        for (size_t j = 0; j < BLOCK; j++)
            top = fabsf(x[j]) > fabsf(top) ? x[j] : top;
        const float s = g->rule == GRID_FULL ? top / -((float)g->qmax + 1)
                                             : symmetric_scale(fabsf(top), g->qmax);
        const uint16_t d = quant_f16(s);
        blocks[0] = (uint8_t)d;
        blocks[1] = (uint8_t)(d >> 8);
        for (size_t j = 0; j < BLOCK / 2; j++) {
            const int low = s != 0 ? (int)rintf(x[j] / s) : 0;
            const int high = s != 0 ? (int)rintf(x[j + BLOCK / 2] / s) : 0;
            blocks[2 + j] = (uint8_t)((low + 8) | (high + 8) << 4);
        }
    }
}

void grid_acts(const struct grid *g, float *x, size_t n, size_t n_in)
{
    const size_t group = g->group ? g->group : n_in;
    const float qmax = (float)g->qmax, magic = 12582912.0f; /* adding it rounds to even */
    if (g->rule == GRID_NONE)
        return;
    for (size_t i = 0; i < n * n_in; i += group) {
        float *v = x + i, absmax = 0;
        for (size_t j = 0; j < group; j++)
            absmax = fabsf(v[j]) > absmax ? fabsf(v[j]) : absmax;
        const bool live = absmax >= KERN_ABSMAX_MIN;
        const float inverse = live ? qmax / absmax : 0;
        float d = live ? absmax / qmax : 0;
        d = g->rule == GRID_BLOCK ? quant_f16_f32(quant_f16(d)) : d;
        for (size_t j = 0; j < group; j++)
            v[j] = (v[j] * inverse + magic - magic) * d;
    }
}
