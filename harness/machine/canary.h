/* canary.h - fixed work of our own, measured night after night: when it becomes slower, the machine
 * did, and not the model.
 *
 *   stream     a[i] = b[i] + s * c[i] over three arrays of 16 MiB of floats: GB/s, 12 bytes an element
 *   int8-dot   dot products of int8 vectors of 4096 from the first-level cache: giga-operations/s,
 *              a multiplication and an addition each
 * Plain C on one thread, the same instructions whatever the model and its kernels. */
#ifndef CANARY_H
#define CANARY_H
#include <stddef.h>

struct assay_err;

enum { CANARY_KINDS = 2, CANARY_REPS = 9 };
struct canary {
    const char *name, *unit;
    double value[CANARY_REPS];         /* in the order measured; more is faster */
};
/* Takes well under a second.  Errors: ASSAY_ENOMEM. */
int canary_measure(struct canary out[CANARY_KINDS], struct assay_err *);
#endif
