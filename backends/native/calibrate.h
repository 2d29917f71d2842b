/* calibrate.h - what goes into each matrix of a model when it reads calibration rows: the fp32 model
 * is opened and reads the lines of a text file, and running statistics of every matrix' input are
 * kept.  No row outlives its step.
 *
 * Invariant: statistics depend on the model, the rows and their order alone. */
#ifndef CALIBRATE_H
#define CALIBRATE_H
#include "backends/native/model.h"
#include "harness/base/hash.h"

enum { CALIBRATE_ROWS = 4096, CALIBRATE_BYTES = 16 << 20 };       /* at most, of a file */

enum calib_place {                 /* matrices that share an input */
    CALIB_ATTN,                    /* q, k, v */
    CALIB_O, CALIB_FFN,            /* FFN: gate, up */
    CALIB_DOWN, CALIB_PLACES
};
struct calib_site {
    size_t n;                      /* columns */
    uint64_t n_rows;               /* tokens seen */
    float *absmax;                 /* [n] largest magnitude of each column */
    double *abs_sum;               /* [n] sum of magnitudes */
    float *gram;                   /* [n][n] sum of x x^T; NULL unless wanted */
    uint32_t *bins;                /* magnitudes by the high bits of their float; NULL unless wanted */
};
struct calibration {
    struct arena arena;            /* owns all of it */
    size_t n_rows, n_tokens;       /* lines of text, tokens */
    uint32_t n_layer;
    struct calib_site *sites;      /* [n_layer][CALIB_PLACES], then the output matrix' */
    uint8_t hash[HASH_BYTES];      /* of the file */
};
struct calib_want {
    bool gram, bins;
};

/* Opens o->path in fp32 with o->smooth in place and reads the rows of o->calibrate.
 * Errors: those of model_open; ASSAY_EUSAGE an empty set; ASSAY_ELIMIT too many rows, a file too
 * large, a row beyond the context (with its line), Gram matrices beyond 4 GiB. */
int calibrate_run(const struct model_options *o, struct calib_want, struct calibration **,
                  struct assay_err *);
void calibrate_free(struct calibration *);
const struct calib_site *calibrate_site(const struct calibration *, uint32_t layer,
                                        enum calib_place);
const struct calib_site *calibrate_output(const struct calibration *);
/* The magnitude that `percent` of all inputs stay within, bins' upper edges (0.4 % apart), and at 100
 * the largest; *beyond: the share of inputs that saturate at a scale of it / 127.  Below 100 the site
 * must have bins. */
float calibrate_top(const struct calib_site *, double percent, double *beyond);
#endif
