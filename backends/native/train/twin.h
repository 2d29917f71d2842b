/* twin.h - the outlier twin: another set of weights for the same function, with channels of
 * activations many times larger than the rest, as large language models have them.
 *
 * Per layer, n channels j of each norm: gain_j *= s and column j of what reads it /= s; and n rows
 * j of up *= s, column j of down /= s.  With s a power of two every product is exact, and fp32
 * logits are equal bit for bit. */
#ifndef TWIN_H
#define TWIN_H
#include "backends/native/train/net.h"

struct twin {
    uint32_t n;                    /* channels of each place */
    double scale;
    uint64_t seed;                 /* which channels */
};
/* In place.  ASSAY_EUSAGE: more channels than there are, a scale that is not at least 1. */
int twin_make(const struct twin *, struct net *, struct assay_err *);
#endif
