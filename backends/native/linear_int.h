/* linear_int.h - what linear.c builds and linear_forward.c multiplies.  Nobody else includes it. */
#ifndef LINEAR_INT_H
#define LINEAR_INT_H
#include "backends/native/kern.h"
#include "backends/native/linear.h"
#include <stdatomic.h>

struct linear_counts {            /* written by all threads */
    _Atomic uint64_t saturated, seen;
};
struct linear {
    struct kern_mat m;             /* the kernels' view; points into the regions below */
    const struct kern *kern;       /* borrowed for life */
    uint8_t *codes, *high, *scale, *min, *zero;    /* behind the struct, in one allocation */
    size_t bytes;
    float outlier;                 /* activations this large keep to f32; 0: none do */
    float act_top;                 /* W8A8_STATIC */
    struct linear_counts *counts;  /* the same; NULL: another scheme */
    const char *compute;
    char stored[24];
};
#endif
