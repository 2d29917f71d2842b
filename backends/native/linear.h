/* linear.h - a weight matrix made ready for computing: quantized by a scheme, repacked into row
 * panels, multiplied by the kernel table that was picked for this processor.
 *
 *   y[t][o] = sum_i W[o][i] * x[t][i]        W: [n_out][n_in], x: [n][n_in], y: [n][n_out]
 *
 * Invariants.  The result for a token depends on that token's x alone: not on n, not on its place
 * in the batch, not on the number of threads (fixed K order; work is split over output rows). */
#ifndef LINEAR_H
#define LINEAR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assay_err;
struct kern;
struct pool;

enum scheme_id {                  /* how weights are held and multiplied */
    SCHEME_F32,                   /* f32 x f32 */
    SCHEME_F16, SCHEME_BF16,      /* rounded weights (RNE), f32 activations, f32 FMA */
    SCHEME_INT16,                 /* symmetric per output row +-32767, activations int16 per token, exact integer sums */
    SCHEME_INT8,                  /* symmetric per output row +-127, or groups; f32 activations */
    SCHEME_W8A8,                  /* int8 per output row, activations int8 per token +-127, int32 sums */
    SCHEME_W8A8_STATIC,           /* W8A8, but one activation scale for all tokens, from calibration */
    SCHEME_LLM_INT8,              /* W8A8 but for activations of LINEAR_OUTLIER and beyond, which are f32 */
    SCHEME_INT6, SCHEME_INT5,     /* symmetric groups +-31 and +-15, f32 activations */
    SCHEME_INT4,                  /* symmetric groups +-7, f32 activations */
    SCHEME_INT3, SCHEME_INT2,     /* groups of the full range -4..3 and -2..1, f32 activations */
    SCHEME_INT8A, SCHEME_INT4A, SCHEME_INT3A, SCHEME_INT2A,       /* groups with a zero point */
    SCHEME_W4A4,                  /* GGUF's Q4_0 blocks x int4 activations per 32, +-7, int32 sums */
    SCHEME_Q8_0, SCHEME_Q4_0, SCHEME_Q4_1, SCHEME_Q5_0, SCHEME_Q5_1  /* GGUF blocks x q8 activations per 32, as llama.cpp */
};
#define LINEAR_OUTLIER 6.0f
struct scheme {
    enum scheme_id id;
    uint32_t group;               /* INT2 to INT8 and INT*A: group size along in; 0: whole row */
};

struct linear;                    /* packed weights; one allocation */

/* Rules; b bits, all in fp32, RNE: round to the nearest, ties to even.
 * Symmetric weights: s = absmax / qmax, qmax = 2^(b-1) - 1, q = clamp(RNE(x / s), -qmax, qmax).
 * INT3, INT2 use the full range, since 2 bits would else be 3 values: s = m / -2^(b-1) where m is the
 * first value of the largest magnitude, q = clamp(RNE(x / s), -2^(b-1), 2^(b-1) - 1); s may be
 * negative.  Both stand for q s.
 * INT*A: lo = min(0, min x), hi = max(0, max x), s = (hi - lo) / (2^b - 1),
 * z = clamp(RNE(-lo / s), 0, 2^b - 1), q = clamp(RNE(x / s) + z, 0, 2^b - 1); stands for (q - z) s.
 * An all-zero row or group has s = 0 and stands for zeros.  Activations are quantized at run time with the reciprocal:
 * q = round to even(x * (qmax / absmax)), d = absmax / qmax, stored as fp32 per token (INT16, W8A8)
 * and as fp16 per block of 32 (Q*, and W4A4 with qmax 7); NaN or Inf in x makes y NaN.  Order of sums: kern.h.
 * W8A8_STATIC: d = top / 127 with top given, q = RNE(clamp(x (127 / top), -127, 127)); |x| > 127.5 d
 * saturates and is counted.
 * LLM_INT8, after LLM.int8() (Dettmers et al. 2022), but outliers are decided for each token by itself,
 * not for the columns of a batch: x with its |x[i]| >= 6 set to 0 is quantized and multiplied as W8A8,
 * then y += (code s) x[i] in f32 for each of those, i ascending, codes and s as in W8A8. */

/* Can the scheme hold a matrix of this shape?  ASSAY_EUSAGE with the sizes if not; callers pick
 * another scheme then. */
int linear_check(struct scheme, size_t n_out, size_t n_in, struct assay_err *);

/* Builds from `stored` rows of GGUF type `stored_type` ([n_out][n_in], contiguous).  When the scheme
 * is the stored format itself, the stored codes are kept bit for bit; else every row is dequantized
 * to fp32 and quantized by the scheme.
 * Errors: ASSAY_EUSAGE a group that does not divide n_in, or a shape the scheme cannot have;
 * ASSAY_EFORMAT NaN or Inf, with `name` and index; ASSAY_ENOMEM. */
int linear_new(const struct kern *, struct scheme, const char *name, uint32_t stored_type,
               const void *stored, size_t n_out, size_t n_in, struct pool *, struct linear **,
               struct assay_err *);
/* The same from a source with more to say. */
struct linear_source {
    const char *name;
    uint32_t type;                /* GGUF's */
    const void *rows;
    float act_top;                /* W8A8_STATIC: finite and not negative */
    const float *hinv;            /* [n_in][n_in], gptq.h: round by it; NULL: to the nearest */
};
/* Can the scheme's codes be rounded by gptq?  Those of GGUF formats and floats have their own rule. */
bool linear_takes_gptq(struct scheme);
int linear_build(const struct kern *, struct scheme, const struct linear_source *, size_t n_out,
                 size_t n_in, struct pool *, struct linear **, struct assay_err *);
void linear_free(struct linear *);
/* W8A8_STATIC: activations that saturated so far, of how many; false: another scheme. */
bool linear_saturation(const struct linear *, uint64_t *saturated, uint64_t *seen);
size_t linear_bytes(const struct linear *);            /* held for computing, scales included */
const char *linear_stored(const struct linear *);      /* "int4 g32" */
const char *linear_compute(const struct linear *);     /* "u4xs8->s32->f32", "f32" */
size_t linear_n_out(const struct linear *);
size_t linear_n_in(const struct linear *);

/* y = W x for n tokens.  ldx, ldy: elements from one token to the next.  Activation quantization
 * happens inside, in `scratch` (linear_scratch bytes for that n, 64-byte aligned). */
size_t linear_scratch(const struct linear *, size_t n);
void linear_forward(const struct linear *, struct pool *, const float *x, size_t ldx, size_t n,
                    float *y, size_t ldy, void *scratch);
/* Several matrices over the same x: activations are quantized once per kind.  m <= 4; scratch: the
 * largest linear_scratch of them. */
void linear_forward_many(const struct linear *const *w, size_t m, struct pool *, const float *x,
                         size_t ldx, size_t n, float *const *y, const size_t *ldy, void *scratch);
/* The fp32 values the packed matrix stands for, row `o`: tests and embeddings. */
void linear_row(const struct linear *, size_t o, float *out);
#endif
