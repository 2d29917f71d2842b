/* grid.h - fake quantization for quantization-aware training: the values that weights and
 * activations would have after a round trip through a precision of the engine.
 *
 * Rules are the engine's (linear.h, quant.h), but scales of 4 bits and less are first rounded: to
 * 8 significant bits, with 2-bit codes to fp16.  Every value then is a number of fp16 and every
 * scale is recovered from its group: a checkpoint of grid_matrix' output lies on the engine's
 * grid, in f32 or f16, and quantizing it again gives the same codes, scales and values.  The
 * derivative is passed straight through (scales never clip). */
#ifndef GRID_H
#define GRID_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assay_err;

enum grid_rule {
    GRID_NONE,                     /* fp32 */
    GRID_SYMMETRIC,                /* s = absmax / qmax, codes -qmax..qmax, ties to even */
    GRID_FULL,                     /* s = first value of largest magnitude / -(qmax + 1), codes from
                                      -(qmax + 1) to qmax */
    GRID_BLOCK                     /* a GGUF block format's own quantizer; activations: d as fp16 */
};
struct grid {
    enum grid_rule rule;
    int qmax;
    uint32_t group;                /* along n_in; 0: the whole row */
    uint32_t type;                 /* GRID_BLOCK of weights: enum quant_type */
};
struct grid_mode {                 /* one precision to train for */
    const char *name;              /* the engine's name of it */
    struct grid weights, acts;
    struct grid embd, head_acts;   /* of the embedding, which is the head too, and before it */
};

const struct grid_mode *grid_find(const char *name);             /* NULL: unknown */
extern const char grid_names[];                                  /* "int4|q4_0|..." */
/* ASSAY_EUSAGE when the group or block does not divide n_in, naming `what`. */
int grid_check(const struct grid *, const char *what, size_t n_in, struct assay_err *);
/* n rows of n_in; out may be w. */
void grid_matrix(const struct grid *, const float *w, size_t n, size_t n_in, float *out);
/* Does a grid of 4 bits or fewer fit GGUF's Q4_0, which holds any codes -8..7 times a scale in fp16? */
bool grid_is_q4_0(const struct grid *);
/* n values on such a grid as Q4_0 blocks; n a multiple of 32. */
void grid_q4_0(const struct grid *, const float *w, size_t n, uint8_t *blocks);
/* In place, per row (or group of it): d = absmax / qmax, x = d * RNE(x * (qmax / absmax)). */
void grid_acts(const struct grid *, float *x, size_t n, size_t n_in);
#endif
