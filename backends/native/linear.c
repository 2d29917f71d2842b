/* linear.c - one weight matrix: quantize by a scheme, repack into row panels, give rows back.
 *
 * Each scheme is one row of schemes[].  A block of memory holds the struct, the codes, the high bits,
 * the scales and the minima; layouts are those of kern.h.  Multiplying is in linear_forward.c. */
#include "backends/native/linear_int.h"
#include "backends/native/quant.h"
#include "harness/base/err.h"
#include "harness/base/pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, MAX_PARTS = 64 };
/* Tiles load 64 k of W8 at once and may read this far behind the last panel. */
enum { SLACK = 1024 };
#define MAX_ELEMENTS ((size_t)1 << 40)
/* 127 * 127 * n_in must fit in 31 bits. */
#define MAX_IN_W8 ((size_t)133144)

enum grid {                        /* rule for codes, linear.h */
    GRID_NONE,                     /* floats, or the codes of a GGUF format */
    GRID_SYMMETRIC, GRID_FULL, GRID_ZERO_POINT
};
struct scheme_row {
    const char *name, *compute;
    enum kern_form form;
    enum quant_type type;          /* the GGUF format whose codes are kept; F32: quantized from f32 */
    int offset;
    enum grid grid;
    int bits;                      /* of a grid */
    bool min, groups;
};
static const struct scheme_row schemes[] = {
    [SCHEME_F32] = {"f32", "f32", KERN_F32, QT_F32, 0, GRID_NONE, 0, false, false},
    [SCHEME_F16] = {"f16", "f16xf32->f32", KERN_F16, QT_F16, 0, GRID_NONE, 0, false, false},
    [SCHEME_BF16] = {"bf16", "bf16xf32->f32", KERN_BF16, QT_BF16, 0, GRID_NONE, 0, false, false},
    [SCHEME_INT16] = {"int16", "s16xs16->s64->f32", KERN_I16, QT_F32, 0, GRID_SYMMETRIC, 16, false,
                      false},
    [SCHEME_INT8] = {"int8", "s8xf32->f32", KERN_I8, QT_F32, 0, GRID_SYMMETRIC, 8, false, true},
    [SCHEME_W8A8] = {"int8", "s8xs8->s32->f32", KERN_W8, QT_F32, 128, GRID_SYMMETRIC, 8, false,
                     false},
    [SCHEME_W8A8_STATIC] = {"int8", "s8xs8->s32->f32 static", KERN_W8, QT_F32, 128, GRID_SYMMETRIC,
                            8, false, false},
    [SCHEME_LLM_INT8] = {"int8", "s8xs8->s32->f32+f32", KERN_W8, QT_F32, 128, GRID_SYMMETRIC, 8,
                         false, false},
    [SCHEME_INT4] = {"int4", "s4xf32->f32", KERN_I4, QT_F32, 0, GRID_SYMMETRIC, 4, false, true},
    [SCHEME_INT6] = {"int6", "s6xf32->f32", KERN_I6, QT_F32, 0, GRID_SYMMETRIC, 6, false, true},
    [SCHEME_INT5] = {"int5", "s5xf32->f32", KERN_I5, QT_F32, 0, GRID_SYMMETRIC, 5, false, true},
    [SCHEME_INT3] = {"int3", "s3xf32->f32", KERN_I3, QT_F32, 0, GRID_FULL, 3, false, true},
    [SCHEME_INT2] = {"int2", "s2xf32->f32", KERN_I2, QT_F32, 0, GRID_FULL, 2, false, true},
    [SCHEME_INT8A] = {"int8a", "u8xf32->f32", KERN_I8, QT_F32, 0, GRID_ZERO_POINT, 8, false, true},
    [SCHEME_INT4A] = {"int4a", "u4xf32->f32", KERN_I4, QT_F32, 0, GRID_ZERO_POINT, 4, false, true},
    [SCHEME_INT3A] = {"int3a", "u3xf32->f32", KERN_I3, QT_F32, 0, GRID_ZERO_POINT, 3, false, true},
    [SCHEME_INT2A] = {"int2a", "u2xf32->f32", KERN_I2, QT_F32, 0, GRID_ZERO_POINT, 2, false, true},
    [SCHEME_W4A4] = {"q4_0", "u4xs4->s32->f32", KERN_Q4, QT_Q4_0, 8, GRID_NONE, 0, false, false},
    [SCHEME_Q8_0] = {"q8_0", "s8xs8->s32->f32", KERN_Q8, QT_Q8_0, 128, GRID_NONE, 0, false, false},
    [SCHEME_Q4_0] = {"q4_0", "u4xs8->s32->f32", KERN_Q4, QT_Q4_0, 8, GRID_NONE, 0, false, false},
    [SCHEME_Q4_1] = {"q4_1", "u4xs8->s32->f32", KERN_Q4, QT_Q4_1, 0, GRID_NONE, 0, true, false},
    [SCHEME_Q5_0] = {"q5_0", "u5xs8->s32->f32", KERN_Q5, QT_Q5_0, 16, GRID_NONE, 0, false, false},
    [SCHEME_Q5_1] = {"q5_1", "u5xs8->s32->f32", KERN_Q5, QT_Q5_1, 0, GRID_NONE, 0, true, false},
};

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static size_t panels_of(const struct kern_mat *m)
{
    return round_up(m->n_out, KERN_ROWS) / KERN_ROWS;
}

/* -- shapes -------------------------------------------------------------------------------------- */
int linear_check(struct scheme s, size_t n_out, size_t n_in, struct assay_err *e)
{
    if ((size_t)s.id >= sizeof schemes / sizeof schemes[0])
        return err_set(e, ASSAY_EUSAGE, "unknown weight scheme %d", (int)s.id);
    const struct scheme_row *row = &schemes[s.id];
    if (n_out == 0 || n_in == 0 || n_out > MAX_ELEMENTS / n_in)
        return err_set(e, ASSAY_EUSAGE, "a matrix of %zu x %zu is empty or too large", n_out, n_in);
    if (s.group && !row->groups)
        return err_set(e, ASSAY_EUSAGE, "%s has no group size to set, got %u", row->name, s.group);
    if (s.group && n_in % s.group)
        return err_set(e, ASSAY_EUSAGE, "%s in groups of %u does not fit rows of %zu, "
                       "expected a multiple of %u", row->name, s.group, n_in, s.group);
    if (row->form >= KERN_Q8 && n_in % KERN_BLOCK)
        return err_set(e, ASSAY_EUSAGE, "%s does not fit rows of %zu, expected a multiple of %d",
                       row->name, n_in, KERN_BLOCK);
    if (row->form == KERN_W8 && n_in > MAX_IN_W8)
        return err_set(e, ASSAY_EUSAGE, "w8a8 rows of %zu could overflow 32-bit sums, at most %zu",
                       n_in, MAX_IN_W8);
    return 0;
}

/* Bytes of one panel's codes of a grouped form. */
static size_t grouped_bytes(enum kern_form form, size_t n_in)
{
    if (form == KERN_I8)
        return n_in * KERN_ROWS;
    const size_t block = (size_t)kern_block(form), words = (size_t)kern_words(form);
    const size_t per_word = 2 * (16 / (size_t)kern_bits(form));
    const size_t last = round_up(n_in % block, per_word) / per_word;
    return (n_in / block * words + (last < words ? last : words)) * KERN_WORD;
}

/* Strides and sizes of every region by form. */
static void shape_set(struct kern_mat *m, const struct scheme_row *row, uint32_t group)
{
    size_t blocks = m->n_in / KERN_BLOCK;
    m->form = row->form;
    m->offset = row->offset;
    m->n_k = m->n_in;
    m->group = group ? group : m->n_in;
    switch (row->form) {
    case KERN_F32: m->codes_stride = m->n_k * KERN_ROWS * 4; break;
    case KERN_F16:
    case KERN_BF16: m->codes_stride = m->n_k * KERN_ROWS * 2; break;
    case KERN_I16:
        m->n_k = round_up(m->n_in, 2);
        m->codes_stride = m->n_k * KERN_ROWS * 2;
        m->scale_stride = KERN_ROWS * 4;
        break;
    case KERN_W8:
        m->n_k = round_up(m->n_in, 64);
        m->codes_stride = round_up(m->n_in, 4) * KERN_ROWS;
        m->scale_stride = KERN_ROWS * 4;
        break;
    case KERN_Q8: m->codes_stride = blocks * 512; break;
    case KERN_Q5: m->high_stride = blocks * 64; /* fall through */
    case KERN_Q4: m->codes_stride = blocks * 256; break;
    default:
        m->codes_stride = grouped_bytes(row->form, m->n_in);
        m->scale_stride = m->n_in / m->group * KERN_ROWS * 4;
    }
    if (row->form >= KERN_Q8)
        m->scale_stride = blocks * KERN_ROWS * 2;
}

/* -- one row into its panel ------------------------------------------------------------------------ */
struct place {                     /* where row r of panel p goes */
    uint8_t *codes, *high;
    void *scale, *min;
    int8_t *zero;
    size_t r;
};

static struct place place_of(const struct linear *l, size_t o)
{
    size_t p = o / KERN_ROWS;
    const struct kern_mat *m = &l->m;
    return (struct place){
        .codes = l->codes + p * m->codes_stride,
        .high = l->high ? l->high + p * m->high_stride : NULL,
        .scale = l->scale ? l->scale + p * m->scale_stride : NULL,
        .min = l->min ? l->min + p * m->scale_stride : NULL,
        .zero = l->zero ? (int8_t *)l->zero + p * (m->scale_stride / 4) : NULL,
        .r = o % KERN_ROWS,
    };
}

static void pack_float(const struct kern_mat *m, const uint8_t *row, struct place at)
{
    size_t bytes = m->form == KERN_F32 ? 4 : 2;
    for (size_t k = 0; k < m->n_in; k++)
        memcpy(at.codes + (k * KERN_ROWS + at.r) * bytes, row + k * bytes, bytes);
}

/* Word j of those that a code of row r lies in. */
static uint32_t word_get(const uint8_t *codes, struct kern_place at, size_t r, size_t j)
{
    uint32_t word;
    memcpy(&word, codes + (at.word + j) * KERN_WORD + r * sizeof word, sizeof word);
    return word;
}

/* Address arithmetic of one code of I6 to I2 as it is stored, among others, which start as zeros. */
static void grouped_put(uint8_t *codes, enum kern_form form, size_t k, size_t r, int q)
{
    const struct kern_place at = kern_place(form, k);
    const uint32_t code = ((uint32_t)q & ((1u << kern_bits(form)) - 1)) << at.then;
    for (size_t j = 0; j < at.n_words; j++) {
        const uint32_t part = code >> (size_t)at.part * j & ((1u << at.part) - 1);
        const uint32_t word = word_get(codes, at, r, j) | part << at.shift;
        memcpy(codes + (at.word + j) * KERN_WORD + r * sizeof word, &word, sizeof word);
    }
}

static int grouped_get(const uint8_t *codes, enum kern_form form, size_t k, size_t r)
{
    const struct kern_place at = kern_place(form, k);
    uint32_t bits = 0;
    for (size_t j = 0; j < at.n_words; j++)
        bits |= (word_get(codes, at, r, j) >> at.shift & ((1u << at.part) - 1)) << (size_t)at.part * j;
    return (int)(bits >> at.then & ((1u << kern_bits(form)) - 1));
}

/* The same of any integer code; kept beside its inverse, code_get. */
static void code_put(const struct kern_mat *m, struct place at, size_t k, int q)
{
    size_t r = at.r;
    int16_t wide = (int16_t)q;
    if (m->form == KERN_I8)
        at.codes[k * KERN_ROWS + r] = (uint8_t)q;
    else if (kern_is_grouped(m->form))
        grouped_put(at.codes, m->form, k, r, q);
    else if (m->form == KERN_I16)
        memcpy(at.codes + (k / 2 * 32 + r * 2 + k % 2) * 2, &wide, sizeof wide);
    else
        at.codes[k / 4 * 64 + r * 4 + k % 4] = (uint8_t)(q + 128);
}

static int code_get(const struct kern_mat *m, struct place at, size_t k)
{
    size_t r = at.r;
    int16_t wide;
    if (m->form == KERN_I8)
        return (int8_t)at.codes[k * KERN_ROWS + r];
    if (kern_is_grouped(m->form))
        return grouped_get(at.codes, m->form, k, r);
    if (m->form != KERN_I16)
        return at.codes[k / 4 * 64 + r * 4 + k % 4] - 128;
    memcpy(&wide, at.codes + (k / 2 * 32 + r * 2 + k % 2) * 2, sizeof wide);
    return wide;
}

static float clamp(float q, float low, float high)
{
    return q > low ? (q > high ? high : q) : low;
}

/* How one group is quantized: q = clamp(RNE(x / s) + zero, low, high). */
struct fit {
    float s, zero, low, high;
};

static struct fit fit_group(const struct scheme_row *row, const float *x, size_t n)
{
    const float levels = (float)(1 << row->bits), half = levels / 2;
    float lo = 0, hi = 0, top = 0;       /* top: of the largest magnitude, signed */
    for (size_t i = 0; i < n; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
        top = fabsf(x[i]) > fabsf(top) ? x[i] : top;
    }
    if (row->grid == GRID_SYMMETRIC)
        return (struct fit){fabsf(top) / (half - 1), 0, 1 - half, half - 1};
    if (row->grid == GRID_FULL)
        return (struct fit){top / -half, 0, -half, half - 1};
    const float s = (hi - lo) / (levels - 1);
    const float zero = s != 0 ? clamp(rintf(-lo / s), 0, levels - 1) : 0;
    return (struct fit){s, zero, 0, levels - 1};
}

/* Passes the error of column k on to those behind it (gptq.h). */
static void spread_error(const float *hinv, size_t n, size_t k, float value, float *x)
{
    const float *u = hinv + k * n;
    if (u[k] == 0)
        return;
    const float error = (x[k] - value) / u[k];
    for (size_t i = k + 1; i < n; i++)
        x[i] -= error * u[i];
}

/* Quantizes a row; with hinv, x is changed. */
static void pack_grid(const struct kern_mat *m, const struct scheme_row *row, const float *hinv,
                      float *x, struct place at)
{
    const int shift = row->grid != GRID_ZERO_POINT ? -kern_zero(m->form)
                      : m->form == KERN_I8         ? 128
                                                   : 0;
    float *scale = at.scale;
    for (size_t k = 0; hinv && k < m->n_in; k++)
        x[k] = hinv[k * m->n_in + k] != 0 ? x[k] : 0;
    for (size_t g = 0; g < m->n_in / m->group; g++) {
        const float *v = x + g * m->group;
        const struct fit f = fit_group(row, v, m->group);
        scale[g * KERN_ROWS + at.r] = f.s;
        if (at.zero)
            at.zero[g * KERN_ROWS + at.r] = (int8_t)((int)f.zero - shift);
        for (size_t i = 0; i < m->group; i++) {
            float q = f.s != 0 ? clamp(rintf(v[i] / f.s) + f.zero, f.low, f.high) : f.zero;
            code_put(m, at, g * m->group + i, (int)q - shift);
            if (hinv)
                spread_error(hinv, m->n_in, g * m->group + i, (q - f.zero) * f.s, x);
        }
    }
}

/* (code - zero) * scale of element k, or code * scale. */
static float grid_get(const struct kern_mat *m, struct place at, size_t k)
{
    const size_t g = kern_is_grouped(m->form) ? k / m->group * KERN_ROWS + at.r : at.r;
    const int zero = at.zero ? at.zero[g] : kern_zero(m->form);
    return (float)(code_get(m, at, k) - zero) * ((const float *)at.scale)[g];
}

/* Byte and bit of element k of one block in the panel's step layout (kern.h). */
static void pack_block(const struct kern_mat *m, size_t b, const uint8_t q[KERN_BLOCK],
                       struct place at)
{
    for (size_t k = 0; k < KERN_BLOCK; k++) {
        size_t step = k / 4, byte = at.r * 4 + k % 4;
        if (m->form == KERN_Q8) {
            at.codes[b * 512 + step * 64 + byte] = q[k];
            continue;
        }
        at.codes[b * 256 + step % 4 * 64 + byte] |= (uint8_t)((q[k] & 15) << (step / 4 * 4));
        if (m->form == KERN_Q5)
            at.high[b * 64 + step * 8 + byte / 8] |= (uint8_t)((q[k] >> 4) << (byte % 8));
    }
}

static int block_code(const struct kern_mat *m, size_t b, size_t k, struct place at)
{
    size_t step = k / 4, byte = at.r * 4 + k % 4;
    if (m->form == KERN_Q8)
        return at.codes[b * 512 + step * 64 + byte];
    int q = at.codes[b * 256 + step % 4 * 64 + byte] >> (step / 4 * 4) & 15;
    if (m->form == KERN_Q5)
        q |= (at.high[b * 64 + step * 8 + byte / 8] >> (byte % 8) & 1) << 4;
    return q;
}

/* Codes of one GGUF block as the panels hold them: unsigned, offset added. */
static void block_codes(const struct kern_mat *m, const uint8_t *p, uint8_t q[KERN_BLOCK])
{
    p += m->min ? 4 : 2;
    if (m->form == KERN_Q8) {
        for (int j = 0; j < KERN_BLOCK; j++)
            q[j] = (uint8_t)(p[j] + 128);
        return;
    }
    uint32_t high = 0;
    if (m->form == KERN_Q5) {
        high = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        p += 4;
    }
    for (int j = 0; j < 16; j++) {
        q[j] = (uint8_t)((p[j] & 15) | (high >> j & 1u) << 4);
        q[j + 16] = (uint8_t)(p[j] >> 4 | (high >> (j + 16) & 1u) << 4);
    }
}

static void pack_blocks(const struct kern_mat *m, const uint8_t *row, size_t block_bytes,
                        struct place at)
{
    uint16_t *scale = at.scale, *min = at.min;
    for (size_t b = 0; b < m->n_in / KERN_BLOCK; b++, row += block_bytes) {
        uint8_t q[KERN_BLOCK];
        scale[b * KERN_ROWS + at.r] = (uint16_t)(row[0] | row[1] << 8);
        if (min)
            min[b * KERN_ROWS + at.r] = (uint16_t)(row[2] | row[3] << 8);
        block_codes(m, row, q);
        pack_block(m, b, q, at);
    }
}

/* -- building -------------------------------------------------------------------------------------- */
struct build {
    struct linear *l;
    const struct scheme_row *row;
    const struct quant_traits *from, *to;   /* stored type, format kept */
    const char *name;
    const uint8_t *stored;
    const float *hinv;                      /* NULL: round to the nearest */
    size_t from_bytes, to_bytes;            /* of one row */
    char *temp;
    size_t temp_bytes;                      /* per part */
    struct assay_err errs[MAX_PARTS];
};

static int row_check(const struct build *b, const float *x, size_t o, const char *what,
                     struct assay_err *e)
{
    for (size_t i = 0; i < b->l->m.n_in; i++)
        if (!isfinite(x[i]))
            return err_set(e, ASSAY_EFORMAT, "tensor '%s': %s %s at row %zu, column %zu", b->name,
                           isnan(x[i]) ? "nan" : "infinity", what, o, i);
    return 0;
}

/* hi - lo of a group must be a number. */
static int range_check(const struct build *b, const float *x, size_t o, struct assay_err *e)
{
    const size_t group = b->l->m.group;
    for (size_t i = 0; b->row->grid == GRID_ZERO_POINT && i < b->l->m.n_in; i += group)
        if (!isfinite(fit_group(b->row, x + i, group).s))
            return err_set(e, ASSAY_EFORMAT, "tensor '%s': the range of the weights at row %zu, "
                           "columns %zu to %zu, overflows fp32", b->name, o, i, i + group - 1);
    return 0;
}

static int build_row(const struct build *b, size_t o, char *temp, struct assay_err *e)
{
    const struct kern_mat *m = &b->l->m;
    const uint8_t *row = b->stored + o * b->from_bytes;
    float *x = (float *)(void *)temp;
    uint8_t *codes = (uint8_t *)temp + m->n_in * sizeof *x;
    struct place at = place_of(b->l, o);
    b->from->dequantize(row, x, m->n_in);
    TRY(row_check(b, x, o, "in the stored weights", e));
    if (b->row->grid != GRID_NONE) {
        TRY(range_check(b, x, o, e));
        pack_grid(m, b->row, b->hinv, x, at);
        return b->hinv ? row_check(b, x, o, "after gptq passed errors on", e) : 0;
    }
    if (b->from->type != b->to->type) {
        b->to->quantize(x, codes, m->n_in);
        b->to->dequantize(codes, x, m->n_in);
        TRY(row_check(b, x, o, b->to->block > 1 ? "after quantizing (the scale overflows fp16)"
                                                : "after rounding (the value overflows fp16)", e));
        row = codes;
    }
    if (m->form >= KERN_Q8)
        pack_blocks(m, row, b->to->bytes, at);
    else
        pack_float(m, row, at);
    return 0;
}

static void build_part(void *user, size_t part, size_t n_parts)
{
    struct build *b = user;
    size_t panels = panels_of(&b->l->m);
    size_t end = panels * (part + 1) / n_parts * KERN_ROWS;
    if (end > b->l->m.n_out)
        end = b->l->m.n_out;
    for (size_t o = panels * part / n_parts * KERN_ROWS; o < end; o++)
        if (build_row(b, o, b->temp + part * b->temp_bytes, &b->errs[part]) < 0)
            return;
}

static int build_run(struct build *b, struct pool *pool, struct assay_err *e)
{
    size_t n_parts = (size_t)pool_size(pool);
    if (n_parts > MAX_PARTS)
        n_parts = MAX_PARTS;
    b->temp_bytes = round_up(b->l->m.n_in * sizeof(float) + b->to_bytes, ALIGN);
    b->temp = malloc(b->temp_bytes * n_parts);
    if (!b->temp)
        return err_set(e, ASSAY_ENOMEM, "tensor '%s': out of memory for %zu bytes", b->name,
                       b->temp_bytes * n_parts);
    if (n_parts == 1)
        build_part(b, 0, 1);
    else
        pool_run(pool, n_parts, build_part, b);
    free(b->temp);
    for (size_t i = 0; i < n_parts; i++)
        if (b->errs[i].code)
            return err_set(e, b->errs[i].code, "%s", b->errs[i].msg);
    return 0;
}

/* Lays the regions out behind the struct, each on its own cache lines. */
static int linear_alloc(const struct scheme_row *row, struct kern_mat shape, struct linear **out)
{
    size_t panels = panels_of(&shape);
    size_t codes = round_up(panels * shape.codes_stride, ALIGN);
    size_t high = round_up(panels * shape.high_stride, ALIGN);
    size_t scale = round_up(panels * shape.scale_stride, ALIGN);
    size_t head = round_up(sizeof **out + sizeof(struct linear_counts), ALIGN);
    size_t zero = 0;
    if (row->grid == GRID_ZERO_POINT)
        zero = round_up(panels * (shape.scale_stride / 4), ALIGN);
    size_t total = head + codes + high + scale * (row->min ? 2 : 1) + zero;
    uint8_t *mem = aligned_alloc(ALIGN, total + SLACK);
    if (!mem)
        return ASSAY_ENOMEM;
    memset(mem, 0, total + SLACK);
    struct linear *l = (struct linear *)(void *)mem;
    l->m = shape;
    l->codes = mem + head;
    l->high = high ? l->codes + codes : NULL;
    l->scale = scale ? l->codes + codes + high : NULL;
    l->min = row->min ? l->scale + scale : NULL;
    l->zero = zero ? l->scale + scale : NULL;
    l->m.codes = l->codes;
    l->m.high = l->high;
    l->m.scale = l->scale;
    l->m.min = (const uint16_t *)(const void *)l->min;
    l->m.zero = (const int8_t *)l->zero;
    l->bytes = total - head;
    *out = l;
    return 0;
}

/* What a scheme says of itself, and what sets its activations apart. */
static void describe(struct linear *l, struct scheme s, const struct linear_source *from)
{
    const struct scheme_row *row = &schemes[s.id];
    l->compute = row->compute;
    l->outlier = s.id == SCHEME_LLM_INT8 ? LINEAR_OUTLIER : 0;
    l->act_top = from->act_top;
    if (s.id == SCHEME_W8A8_STATIC) {
        l->counts = (struct linear_counts *)(void *)(l + 1);
        atomic_init(&l->counts->saturated, 0);
        atomic_init(&l->counts->seen, 0);
    }
    const char *how = from->hinv ? " gptq" : "";
    if (row->grid == GRID_NONE)
        snprintf(l->stored, sizeof l->stored, "%s", row->name);
    else if (s.group)
        snprintf(l->stored, sizeof l->stored, "%s g%u%s", row->name, s.group, how);
    else
        snprintf(l->stored, sizeof l->stored, "%s row%s", row->name, how);
}

bool linear_takes_gptq(struct scheme s)
{
    return schemes[s.id].grid != GRID_NONE;
}

/* Is there everything the scheme needs? */
static int source_check(const struct build *b, struct scheme s, const struct linear_source *from,
                        struct assay_err *e)
{
    const size_t n_in = b->to_bytes / b->to->bytes * b->to->block;
    if (!b->from)
        return err_set(e, ASSAY_EUNSUPPORTED, "tensor '%s': unsupported type %u", b->name,
                       from->type);
    if (n_in % b->from->block)
        return err_set(e, ASSAY_EUSAGE, "tensor '%s': %s does not fit rows of %zu, expected a "
                       "multiple of %u", b->name, b->from->name, n_in, b->from->block);
    if (s.id == SCHEME_W8A8_STATIC && !(isfinite(from->act_top) && from->act_top >= 0))
        return err_set(e, ASSAY_EUSAGE, "tensor '%s': an activation range of %g, expected a finite "
                       "one from calibration rows", b->name, (double)from->act_top);
    return 0;
}

int linear_build(const struct kern *kern, struct scheme s, const struct linear_source *from,
                 size_t n_out, size_t n_in, struct pool *pool, struct linear **out,
                 struct assay_err *e)
{
    *out = NULL;
    const char *name = from->name;
    int rc = linear_check(s, n_out, n_in, e);
    if (rc < 0)
        return err_prefix(e, rc, "tensor '%s'", name);
    const struct scheme_row *row = &schemes[s.id];
    struct build b = {.row = row, .name = name, .stored = from->rows, .hinv = from->hinv};
    b.from = quant_find(from->type);
    b.to = quant_find(row->type);
    b.to_bytes = n_in / b.to->block * b.to->bytes;
    TRY(source_check(&b, s, from, e));
    b.from_bytes = n_in / b.from->block * b.from->bytes;
    struct kern_mat shape = {.n_out = n_out, .n_in = n_in};
    shape_set(&shape, row, s.group);
    shape.act_max = s.id == SCHEME_W4A4 ? 7 : 127;
    if (linear_alloc(row, shape, &b.l) < 0)
        return err_set(e, ASSAY_ENOMEM, "tensor '%s': out of memory for %zu x %zu as %s", name,
                       n_out, n_in, row->name);
    b.l->kern = kern;
    describe(b.l, s, from);
    rc = build_run(&b, pool, e);
    if (rc < 0) {
        linear_free(b.l);
        return rc;
    }
    *out = b.l;
    return 0;
}

int linear_new(const struct kern *kern, struct scheme s, const char *name, uint32_t stored_type,
               const void *stored, size_t n_out, size_t n_in, struct pool *pool, struct linear **out,
               struct assay_err *e)
{
    const struct linear_source from = {
        .name = name, .type = stored_type, .rows = stored, .act_top = NAN};
    return linear_build(kern, s, &from, n_out, n_in, pool, out, e);
}

void linear_free(struct linear *l)
{
    free(l);
}

bool linear_saturation(const struct linear *l, uint64_t *saturated, uint64_t *seen)
{
    if (!l->counts)
        return false;
    *saturated = atomic_load(&l->counts->saturated);
    *seen = atomic_load(&l->counts->seen);
    return true;
}

/* -- facts and rows ---------------------------------------------------------------------------------- */
size_t linear_bytes(const struct linear *l)
{
    return l->bytes;
}

const char *linear_stored(const struct linear *l)
{
    return l->stored;
}

const char *linear_compute(const struct linear *l)
{
    return l->compute;
}

size_t linear_n_out(const struct linear *l)
{
    return l->m.n_out;
}

size_t linear_n_in(const struct linear *l)
{
    return l->m.n_in;
}

static float float_get(const struct kern_mat *m, struct place at, size_t k)
{
    size_t i = k * KERN_ROWS + at.r;
    if (m->form == KERN_F32)
        return ((const float *)(const void *)at.codes)[i];
    uint16_t h = ((const uint16_t *)(const void *)at.codes)[i];
    return m->form == KERN_F16 ? quant_f16_f32(h) : quant_bf16_f32(h);
}

static float block_get(const struct kern_mat *m, struct place at, size_t k)
{
    size_t b = k / KERN_BLOCK, i = b * KERN_ROWS + at.r;
    float d = quant_f16_f32(((const uint16_t *)at.scale)[i]);
    float v = (float)(block_code(m, b, k % KERN_BLOCK, at) - m->offset) * d;
    return at.min ? v + quant_f16_f32(((const uint16_t *)at.min)[i]) : v;
}

void linear_row(const struct linear *l, size_t o, float *out)
{
    const struct kern_mat *m = &l->m;
    struct place at = place_of(l, o);
    for (size_t k = 0; k < m->n_in; k++) {
        if (m->form <= KERN_BF16)
            out[k] = float_get(m, at, k);
        else if (m->form >= KERN_Q8)
            out[k] = block_get(m, at, k);
        else
            out[k] = grid_get(m, at, k);
    }
}
