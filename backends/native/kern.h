/* kern.h - the table of inner loops, and the layout of weights and activations they share.
 *
 * Weights lie in panels of KERN_ROWS output rows, K outermost inside a panel, so that vector lanes
 * are rows and sums never cross lanes.  One layout serves every instruction set:
 *
 *   KERN_F32          [k][16] f32
 *   KERN_F16, BF16    [k][16] u16
 *   KERN_I8           [k][16] s8                scale: [k/group][16] f32
 *   KERN_I6 ... I2    [k/per][16] u32           as I8; per = 4, 6, 8, 10, 16; q + 2^(bits - 1)
 *                                               A word's halves of 16 bits have per / 2 codes each, from their
 *                                               lowest bits on: even k in the lower half, odd k in the upper.
 *                                               3, 5, 1, 3, 1 words are a block of 16, 32, 8, 32, 16 codes: bits
 *                                               that a half has left, from the first word's on, make the last
 *                                               codes of the block, even k from lower halves.  A row ends
 *                                               with the word that has its last code.
 *   KERN_I16          [k/2][16][2] s16          scale: [16] f32
 *   KERN_W8           [k/4][16][4] u8 = q + 128 scale: [16] f32
 *   KERN_Q8           per block of 32: [8][16][4] u8 = q + 128          scale: [block][16] fp16
 *   KERN_Q4           per block: [4][16][4] u8; low nibble: k 0..15, high nibble: k 16..31
 *   KERN_Q5           as KERN_Q4; high: per block [8] u64, bit j of word i = fifth bit of byte j of step i
 *
 * KERN_I* with zero points: zero: [k/group][16] s8, and a code stands for (code - zero) * scale; codes
 * and zero points of KERN_I8 are both 128 less than the unsigned ones, others are unsigned.  Without,
 * the zero point is 0 for I8, 32 for I6, 16 for I5, 8 for I4, 4 for I3, 2 for I2.
 * Rows beyond n_out and k beyond n_in are zero codes.
 *
 * Order of arithmetic, the same in every table (floats by fused multiply-add, one chain per output):
 *   f32 activations   y = fma(w[k], x[k], y), k ascending; w is the fp32 value of the code
 *   KERN_W8, KERN_I16 y = ((float)sum * scale) * d, sum exact
 *   KERN_Q*           y = fma(scale * d, (float)sum, y) and then, with a minimum, y = fma(min, s, y),
 *                     blocks ascending, sum exact
 * Hence every table gives the same bits, for any n, any place in the batch and any split of rows. */
#ifndef KERN_H
#define KERN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assay_err;

enum { KERN_ROWS = 16, KERN_BLOCK = 32, KERN_CHUNK = 128, KERN_WIDE = 4, KERN_WORD = 64 };

enum kern_form {
    KERN_F32, KERN_F16, KERN_BF16, KERN_I8, KERN_I6, KERN_I5,
    KERN_I4, KERN_I3, KERN_I2,                            /* up to here f32 activations */
    KERN_I16, KERN_W8,                                    /* quantized per token */
    KERN_Q8, KERN_Q4, KERN_Q5                             /* quantized per token and block */
};
struct kern_mat {                  /* packed weights; strides in bytes from panel to panel */
    enum kern_form form;
    size_t n_out, n_in, n_k;       /* n_k: n_in rounded up to what the form needs */
    size_t group;                  /* I*: k per scale */
    int offset;                    /* stored code - offset = signed code (W8, Q*) */
    int act_max;                   /* W8, Q*: activation codes are -act_max..act_max */
    const uint8_t *codes, *high;
    const void *scale;             /* f32 or fp16 by form */
    const uint16_t *min;           /* fp16; NULL: none; strides as scale */
    const int8_t *zero;            /* I*: zero points; NULL: symmetric; strides scale_stride / 4 */
    size_t codes_stride, high_stride, scale_stride;
};
/* Is it a form with f32 activations? */
static inline bool kern_is_float(enum kern_form form)
{
    return form <= KERN_I2;
}
/* Has it integer codes and scales per group, to be made f32? */
static inline bool kern_is_grouped(enum kern_form form)
{
    return form >= KERN_I8 && form <= KERN_I2;
}
/* Bits of a grouped form's code; words of a block of a row, and codes, 1 of wider forms. */
static inline int kern_bits(enum kern_form form)
{
    return form == KERN_I8 ? 8 : form <= KERN_I4 ? 6 - (form - KERN_I6) : 3 - (form - KERN_I3);
}
static inline int kern_words(enum kern_form form)
{
    return form == KERN_I5 ? 5 : form == KERN_I6 || form == KERN_I3 ? 3 : 1;
}
static inline int kern_block(enum kern_form form)
{
    return form <= KERN_I8 ? 1 : 32 * kern_words(form) / kern_bits(form);
}
/* The stored code that stands for 0 in a symmetric matrix. */
static inline int kern_zero(enum kern_form form)
{
    return form > KERN_I8 && form <= KERN_I2 ? 1 << (kern_bits(form) - 1) : 0;
}
/* Where code k of a row of I6 ... I2 is: `part` bits from `shift` on of each of n_words words, joined from
 * the lowest on; of what that makes, the code begins at bit `then`. */
struct kern_place {
    size_t word, n_words;
    int shift, part, then;
};
static inline struct kern_place kern_place(enum kern_form form, size_t k)
{
    const int bits = kern_bits(form), words = kern_words(form), half = 16 / bits;
    const int c = (int)(k % (size_t)kern_block(form)), pair = c / 2, up = c % 2 * 16;
    const size_t word = k / (size_t)kern_block(form) * (size_t)words;
    if (pair < words * half)
        return (struct kern_place){word + (size_t)(pair / half), 1, up + pair % half * bits, bits, 0};
    return (struct kern_place){word, (size_t)words, up + half * bits, 16 % bits,
                               (pair - words * half) * bits};
}
struct kern_act {                  /* activations of n tokens, quantized */
    int8_t *q;                     /* [n][n_k]; I16: unused */
    int16_t *q16;                  /* I16: [n][2][n_k], code = 256 * first plane + second, both -128..128 */
    float *d;                      /* [blocks][ldd]: block b of token t at b * ldd + t; per token: b = 0 */
    float *s;                      /* as d: d * sum of codes, as fp16; only with a minimum */
    int32_t *bias;                 /* as d: -offset * sum of codes, modulo 2^32 */
    size_t n_in, n_k, ldd;
    int offset, max;               /* the matrix's offset and act_max */
};
struct kern_f32 {                  /* one product with weights as f32 panels */
    const float *w;
    size_t stride;                 /* floats from panel to panel */
    size_t n_rows, n_k;            /* rows of w; panels = n_rows / 16, rounded up */
    const float *x;
    size_t ldx, n;
    float *y;
    size_t ldy;
    bool add;                      /* go on from what y holds */
};

struct kern_int {                  /* one product with quantized activations */
    const struct kern_mat *w;
    size_t p0, p1;                 /* panels to do */
    const struct kern_act *a;
    size_t n;
    float *y;                      /* row 0 of the matrix, not of p0 */
    size_t ldy;
    bool add;                      /* go on from what y holds; only to the q8 that widening calls */
};

/* y[t][16 p0 .. 16 p1) for n tokens; rows beyond n_out are not written. */
typedef void kern_int_fn(const struct kern_int *);
/* Panel p, k0..k0+n_k, as [n_k][16] f32; k0 is a multiple of KERN_CHUNK. */
typedef void kern_expand_fn(const struct kern_mat *, size_t p, size_t k0, size_t n_k, float *out);
/* Panel p, blocks b0..b0+n_b of Q4 or Q5 in the layout of Q8; the offset stays. */
typedef void kern_widen_fn(const struct kern_mat *, size_t p, size_t b0, size_t n_b, uint8_t *out);
/* One token: y[16 p0 ..] = w x for forms with f32 activations. */
typedef void kern_gemv_fn(const struct kern_mat *, size_t p0, size_t p1, const float *x, float *y);
/* One token's activations x[n_in] -> row t of *a. */
typedef void kern_act_fn(const struct kern_act *a, size_t t, const float *x);

struct kern {
    const char *name;              /* "ref", "avx2", "avx512-vnni", ... */
    uint32_t features;             /* bits of enum cpu_feature it was picked for */
    void (*f32)(const struct kern_f32 *);
    kern_expand_fn *expand[KERN_I2 + 1];     /* by form, but KERN_F32 */
    kern_gemv_fn *gemv[KERN_I2 + 1];         /* the same; NULL: expand and multiply */
    kern_int_fn *i16, *w8, *q8, *q4, *q5;
    kern_widen_fn *widen_q4, *widen_q5;
    size_t widen_min;              /* from this many tokens on Q4 and Q5 are widened for q8, which must
                                      then take any offset; SIZE_MAX: never */
    kern_act_fn *act_i16, *act_w8, *act_block;
};

/* Fills *k: the reference, overwritten upward by what `features` allows.  kern_open detects the
 * processor and masks it with a level of cpu.h (NULL: none; callers pass getenv("ASSAY_CPU")). */
void kern_pick(uint32_t features, struct kern *k);
int kern_open(const char *level, struct kern *k, struct assay_err *);

/* y[t][16 p0 .. 16 p1) of any form with f32 activations. */
void kern_float(const struct kern *, const struct kern_mat *, size_t p0, size_t p1,
                const struct kern_f32 *xy);
/* The same for integer forms, from quantized activations. */
void kern_integer(const struct kern *, const struct kern_int *);
/* Row t of *a from x, by the form of the weights. */
void kern_quantize(const struct kern *, enum kern_form, const struct kern_act *, size_t t,
                   const float *x);

/* One per instruction set; each overwrites the members it has. */
void kern_ref(struct kern *);
void kern_avx2(struct kern *);
void kern_avx512(struct kern *);
void kern_avx512_vnni(struct kern *);
void kern_amx(struct kern *);
void kern_neon(struct kern *);
void kern_neon_dotprod(struct kern *);
void kern_neon_i8mm(struct kern *);

/* Before loops over accumulators: a loop left rolled would keep them in memory.  Under sanitizers they
 * stay rolled, since checks in every copy take compilers minutes. */
#if defined(__has_feature)
#define KERN_HAS_FEATURE(x) __has_feature(x)
#else
#define KERN_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    KERN_HAS_FEATURE(address_sanitizer) || KERN_HAS_FEATURE(thread_sanitizer) ||                   \
    KERN_HAS_FEATURE(undefined_behavior_sanitizer)
#define KERN_UNROLL
#elif defined(__clang__)
#define KERN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define KERN_UNROLL _Pragma("GCC unroll 32")
#endif

/* x's largest magnitude as bits: NaN sorts above Inf, Inf above every number. */
#define KERN_BITS_INF 0x7f800000
/* Below this 127 / absmax and 32767 / absmax would overflow: the vector counts as zero. */
#define KERN_ABSMAX_MIN 0x1p-110f
#endif
