/* adam.h - AdamW with clipping by the global norm, and the warm-up, stable, decay schedule.
 *
 *   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2
 *   p -= lr (m' / (sqrt(v') + eps) + decay p),  m' = m / (1 - b1^t), v' = v / (1 - b2^t)
 * with g already scaled by min(1, clip / norm).  Loshchilov and Hutter, arXiv 1711.05101. */
#ifndef ADAM_H
#define ADAM_H
#include <stddef.h>
#include <stdint.h>

struct adam_rule {
    double lr, b1, b2, eps, decay;
    uint64_t t;                    /* this step, from 1 */
};
/* One run of n parameters; decay 0 for gains.  scale: of the gradient. */
void adam_update(const struct adam_rule *, double scale, const float *g, size_t n, float *p,
                 float *m, float *v);

struct adam_schedule {             /* shares of the whole run */
    double peak, warmup, decay, final;   /* final: share of peak at the end */
};
/* Learning rate when `done` (0..1) of the run is done. */
double adam_rate(const struct adam_schedule *, double done);
#endif
