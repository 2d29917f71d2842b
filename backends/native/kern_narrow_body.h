/* kern_narrow_body.h - expand and gemv of the weights narrower than f32 that meet f32 activations; included
 * once by each kern_ISA.c.
 *
 * Before it the ISA file defines INLINE and:
 *   LANES, vf, vu       lanes of a native vector; so many floats, and 32-bit words
 *   GEMV_PANELS         panels at a time; their sums and scales stay in registers
 *   v_fma(a, b, c)      a * b + c, rounded once
 *   v_put(m, a, b)      bits of a where m is 1 put into b, which has zeros there
 *   v_f16(p), v_bf16(p), v_signed(p)   LANES halves of either kind, and signed bytes, as floats
 *   V_LOOKUP            if it looks codes up: struct v_table, v_table(form, zero) of code - zero in bf16,
 *                       and v_lookup(i, t, form) of the codes at the bottoms of the halves of i
 * Behind it stands narrow_table(k), which enters the functions. */
#include "backends/native/kern.h"
#include <string.h>

enum {
    PANEL_VECTORS = KERN_ROWS / LANES,
    MAX_VECTORS = GEMV_PANELS * PANEL_VECTORS,
    MANTISSA = 23,
    AHEAD = 160                    /* elements: what memory takes to answer */
};

INLINE vf v_load(const void *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE vu v_words(const void *p)
{
    vu v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE vf v_splat(float x)
{
    return x - (vf){0};
}

INLINE vu v_bits(uint32_t x)
{
    return x + (vu){0};
}

/* What is the same in every call of one copy of the code below: constants, once all is inlined. */
struct kind {
    enum kern_form form;
    bool zeros;                    /* has zero points */
    bool sums;                     /* gemv, not expand */
    int n;                         /* vectors, numbered through the panels */
};
/* The codes at the bottoms of words, less the zero point that all rows share: put into the mantissa of
 * 2^23, whose lowest bit counts 1, a code makes 2^23 + code, and a subtraction takes the rest away,
 * exactly. */
INLINE vf code_at(vu words, const struct kind c)
{
    const uint32_t field = (1u << kern_bits(c.form)) - 1, one = (127 + MANTISSA) << MANTISSA;
    const float less = (float)((1 << MANTISSA) + (c.zeros ? 0 : kern_zero(c.form)));
    return (vf)v_put(v_bits(field), words, v_bits(one)) - v_splat(less);
}

/* What codes of both halves of words become floats from, and the float of one half. */
#ifdef V_LOOKUP
INLINE vu pair_at(vu words, const int place, const struct v_table *t, const struct kind c)
{
    return v_lookup(words >> (uint32_t)place, t, c.form);
}

INLINE vf half_of(vu pair, const int odd, const int place, const struct kind c)
{
    (void)place;
    (void)c;
    return (vf)(odd ? pair & v_bits(0xffff0000) : pair << 16);
}
#else
struct v_table {
    char none;
};

INLINE struct v_table v_table(const enum kern_form form, const int zero)
{
    (void)form;
    (void)zero;
    return (struct v_table){0};
}

INLINE vu pair_at(vu words, const int place, const struct v_table *t, const struct kind c)
{
    (void)place;
    (void)t;
    (void)c;
    return words;
}

INLINE vf half_of(vu pair, const int odd, const int place, const struct kind c)
{
    return code_at(pair >> (uint32_t)(place + (odd ? 16 : 0)), c);
}
#endif

/* One walk along panels from p on. */
struct walk {
    const struct kern_mat *w;
    const uint8_t *codes;          /* of panel p */
    size_t stride, p, k0, end;     /* panel, elements */
    const float *x;                /* to multiply by, from element 0 on */
    float *out;                    /* for values from k0 on, where there are no sums */
};
struct vectors {
    vf scale[MAX_VECTORS], zero[MAX_VECTORS], sum[MAX_VECTORS];
    struct v_table table;
};

/* Vector i of what each panel has at so many bytes; lanes of `lane` bytes. */
INLINE const uint8_t *vector_at(const void *base, size_t stride, size_t bytes, int i, size_t lane)
{
    return (const uint8_t *)base + (size_t)(i / PANEL_VECTORS) * stride + bytes +
           (size_t)(i % PANEL_VECTORS) * LANES * lane;
}

/* Scales and zero points of a group. */
INLINE void take_group(const struct walk *s, size_t group, struct vectors *v, const struct kind c)
{
    const struct kern_mat *w = s->w;
    const size_t at = s->p * w->scale_stride + group * KERN_ROWS * sizeof(float);
    KERN_UNROLL
    for (int i = 0; i < c.n; i++) {
        v->scale[i] = v_load(vector_at(w->scale, w->scale_stride, at, i, sizeof(float)));
        if (c.zeros)
            v->zero[i] = v_signed(vector_at(w->zero, w->scale_stride / 4, at / 4, i, 1));
    }
}

/* The value of element k is there. */
INLINE void take(const struct walk *s, size_t k, int i, vf value, struct vectors *v,
                 const struct kind c)
{
    if (c.sums)
        v->sum[i] = v_fma(value, v_splat(s->x[k]), v->sum[i]);
    else
        memcpy(s->out + (k - s->k0) * KERN_ROWS + (size_t)i * LANES, &value, sizeof value);
}

/* (code - zero) * scale; code has lost the zero point that all rows share. */
INLINE vf value_of(vf code, int i, const struct vectors *v, const struct kind c)
{
    return (c.zeros ? code - v->zero[i] : code) * v->scale[i];
}

/* Element k, wherever it lies. */
INLINE void take_one(const struct walk *s, size_t k, struct vectors *v, const struct kind c)
{
    KERN_UNROLL
    for (int i = 0; i < c.n; i++) {
        if (c.form == KERN_F16) {
            take(s, k, i, v_f16(vector_at(s->codes, s->stride, k * KERN_ROWS * 2, i, 2)), v, c);
        } else if (c.form == KERN_BF16) {
            take(s, k, i, v_bf16(vector_at(s->codes, s->stride, k * KERN_ROWS * 2, i, 2)), v, c);
        } else if (c.form == KERN_I8) {
            const vf code = v_signed(vector_at(s->codes, s->stride, k * KERN_ROWS, i, 1));
            take(s, k, i, value_of(code, i, v, c), v, c);
        } else {
            const struct kern_place at = kern_place(c.form, k);
            const uint8_t *codes = vector_at(s->codes, s->stride, at.word * KERN_WORD, i, 4);
            vu bits = v_words(codes) >> (uint32_t)at.shift;
            for (size_t j = 1; j < at.n_words; j++) {
                const uint32_t field = (1u << at.part) - 1, up = (uint32_t)at.part * (uint32_t)j;
                bits &= v_bits((1u << up) - 1);
                bits |= (v_words(codes + j * KERN_WORD) >> (uint32_t)at.shift & v_bits(field)) << up;
            }
            const vf code = code_at(bits >> (uint32_t)at.then, c);
            take(s, k, i, value_of(code, i, v, c), v, c);
        }
    }
}

/* Two elements of each vector, from bit `place` of the halves of words. */
INLINE void take_pair(const struct walk *s, size_t k, const vu words[], const int place,
                      struct vectors *v, const struct kind c)
{
    vu pair[MAX_VECTORS];
    KERN_UNROLL
    for (int i = 0; i < c.n; i++)
        pair[i] = pair_at(words[i], place, &v->table, c);
    KERN_UNROLL
    for (int odd = 0; odd < 2; odd++)
        KERN_UNROLL
        for (int i = 0; i < c.n; i++)
            take(s, k + (size_t)odd, i, value_of(half_of(pair[i], odd, place, c), i, v, c), v, c);
}

/* Elements at a time: at least what shares a cache line. */
INLINE size_t block_of(const struct kind c)
{
    return c.form < KERN_I8 ? 2 : c.form == KERN_I8 ? 4 : (size_t)kern_block(c.form);
}

/* Asks for the lines that are due some time after those at `bytes`.  Halves need it not, and their many
 * loads leave no room for it. */
INLINE void fetch_ahead(const struct walk *s, size_t bytes, const struct kind c)
{
    if (!c.sums || c.form < KERN_I8)
        return;
    bytes += AHEAD * KERN_ROWS / 8 * (size_t)kern_bits(c.form);
    if (bytes >= s->stride)
        bytes += s->stride * (size_t)(c.n / PANEL_VECTORS - 1);
    KERN_UNROLL
    for (int i = 0; i < c.n; i += PANEL_VECTORS)
        __builtin_prefetch(vector_at(s->codes, s->stride, bytes, i, 4));
}

/* A block; k is a multiple of its length. */
INLINE void take_block(const struct walk *s, size_t k, struct vectors *v, const struct kind c)
{
    if (c.form <= KERN_I8) {
        fetch_ahead(s, k * KERN_ROWS * (c.form == KERN_I8 ? 1 : 2), c);
        KERN_UNROLL
        for (size_t m = 0; m < block_of(c); m++)
            take_one(s, k + m, v, c);
        return;
    }
    const int bits = kern_bits(c.form), n_words = kern_words(c.form), half = 16 / bits;
    const int part = 16 % bits;    /* bits that a half has left, gathered in rest */
    const size_t at = k / (size_t)kern_block(c.form) * (size_t)n_words * KERN_WORD;
    vu words[MAX_VECTORS], rest[MAX_VECTORS];
    KERN_UNROLL
    for (int j = 0; j < n_words; j++) {
        const size_t word = at + (size_t)j * KERN_WORD;
        fetch_ahead(s, word, c);
        KERN_UNROLL
        for (int i = 0; i < c.n; i++) {
            words[i] = v_words(vector_at(s->codes, s->stride, word, i, 4));
            if (part) {
                const vu field = v_bits(((1u << part) - 1) * 0x10001u << part * j);
                const vu low = words[i] >> (uint32_t)(16 - part - part * j);
                rest[i] = v_put(field, low, j ? rest[i] : v_bits(0));
            }
        }
        KERN_UNROLL
        for (int m = 0; m < half; m++, k += 2)
            take_pair(s, k, words, m * bits, v, c);
    }
    KERN_UNROLL
    for (int m = 0; m < n_words * part / bits; m++)
        take_pair(s, k + 2 * (size_t)m, rest, m * bits, v, c);
}

INLINE void walk_along(const struct walk *s, struct vectors *v, const struct kind c)
{
    const size_t block = block_of(c);
    size_t group = s->k0 / s->w->group, k = s->k0;
    v->table = v_table(c.form, c.zeros ? 0 : kern_zero(c.form));
    for (size_t stop = (group + 1) * s->w->group; k < s->end; stop += s->w->group, group++) {
        const size_t end = stop < s->end ? stop : s->end;
        if (kern_is_grouped(c.form))
            take_group(s, group, v, c);
        for (; k < end && k % block; k++)
            take_one(s, k, v, c);
        for (; k + block <= end; k += block)
            take_block(s, k, v, c);
        for (; k < end; k++)
            take_one(s, k, v, c);
    }
}

INLINE struct walk walk_from(const struct kern_mat *w, size_t p, size_t k0, size_t end)
{
    return (struct walk){.w = w, .codes = w->codes + p * w->codes_stride, .stride = w->codes_stride,
                         .p = p, .k0 = k0, .end = end};
}

INLINE void gemv_panels(const struct walk *s, float *y, const struct kind c)
{
    struct vectors v;
    KERN_UNROLL
    for (int i = 0; i < c.n; i++)
        v.sum[i] = (vf){0};
    walk_along(s, &v, c);
    KERN_UNROLL
    for (int i = 0; i < c.n; i++) {
        const size_t row = s->p * KERN_ROWS + (size_t)i * LANES;
        float last[LANES];
        if (row + LANES <= s->w->n_out) {
            memcpy(y + row, &v.sum[i], sizeof v.sum[i]);
        } else if (row < s->w->n_out) {
            memcpy(last, &v.sum[i], sizeof last);
            memcpy(y + row, last, (s->w->n_out - row) * sizeof *y);
        }
    }
}

INLINE void expand_narrow(const struct kern_mat *w, size_t p, size_t k0, size_t n_k, float *out,
                          const enum kern_form form, const bool zeros)
{
    struct walk s = walk_from(w, p, k0, k0 + n_k);
    struct vectors v;
    s.out = out;
    walk_along(&s, &v, (struct kind){form, zeros, false, PANEL_VECTORS});
}

INLINE void gemv_narrow(const struct kern_mat *w, size_t p0, size_t p1, const float *x, float *y,
                        const enum kern_form form, const bool zeros)
{
    while (p0 < p1) {
        struct walk s = walk_from(w, p0, 0, w->n_in);
        s.x = x;
        if (p0 + GEMV_PANELS <= p1) {
            gemv_panels(&s, y, (struct kind){form, zeros, true, MAX_VECTORS});
            p0 += GEMV_PANELS;
        } else {
            gemv_panels(&s, y, (struct kind){form, zeros, true, PANEL_VECTORS});
            p0++;
        }
    }
}

/* Both entries of one form, with and without zero points. */
#define DEFINE_FORM(name, form)                                                                    \
    static void expand_##name(const struct kern_mat *w, size_t p, size_t k0, size_t n_k,           \
                              float *out)                                                          \
    {                                                                                              \
        if (w->zero)                                                                               \
            expand_narrow(w, p, k0, n_k, out, form, true);                                        \
        else                                                                                       \
            expand_narrow(w, p, k0, n_k, out, form, false);                                       \
    }                                                                                              \
    static void gemv_##name(const struct kern_mat *w, size_t p0, size_t p1, const float *x,        \
                            float *y)                                                              \
    {                                                                                              \
        if (w->zero)                                                                               \
            gemv_narrow(w, p0, p1, x, y, form, true);                                             \
        else                                                                                       \
            gemv_narrow(w, p0, p1, x, y, form, false);                                            \
    }
DEFINE_FORM(f16, KERN_F16)
DEFINE_FORM(bf16, KERN_BF16)
DEFINE_FORM(i8, KERN_I8)
DEFINE_FORM(i6, KERN_I6)
DEFINE_FORM(i5, KERN_I5)
DEFINE_FORM(i4, KERN_I4)
DEFINE_FORM(i3, KERN_I3)
DEFINE_FORM(i2, KERN_I2)

static void narrow_table(struct kern *k)
{
    static kern_expand_fn *const expand[] = {expand_f16, expand_bf16, expand_i8, expand_i6,
                                             expand_i5,  expand_i4,   expand_i3, expand_i2};
    static kern_gemv_fn *const gemv[] = {gemv_f16, gemv_bf16, gemv_i8, gemv_i6,
                                         gemv_i5,  gemv_i4,   gemv_i3, gemv_i2};
    memcpy(&k->expand[KERN_F16], expand, sizeof expand);
    memcpy(&k->gemv[KERN_F16], gemv, sizeof gemv);
}
