/* diverge.h - how far a variant's next-token distribution is from the base's.
 *
 * Natural logarithms (nats), full vocabulary, log-softmax and sums in double. */
#ifndef DIVERGE_H
#define DIVERGE_H
#include <stdbool.h>
#include <stddef.h>

struct diverge_row {
    double kl;            /* KL(base || variant) >= 0 up to rounding */
    double delta_p;       /* p_variant(target) - p_base(target) */
    double nll, nll_base; /* -ln p(target) */
    bool same_top;        /* argmax equal; ties: the lowest id */
};
/* One position: logits [n] of the base and of the variant, and the token that came.
 * False when n < 1, target >= n, or a logit is NaN or +infinity (-infinity is a masked token). */
bool diverge_logits(const float *base, const float *variant, size_t n, size_t target,
                    struct diverge_row *);
bool diverge_logits_f64(const double *base, const double *variant, size_t n, size_t target,
                        struct diverge_row *);

struct diverge_ratio { /* ln(PPL_variant / PPL_base) over the same n tokens */
    double mean, se;   /* mean and sd / sqrt(n) of nll - nll_base */
    double ratio, ratio_se;
    double corr; /* of the two nll; NAN when one is constant */
};
/* False when n < 2 or a value is NaN. */
bool diverge_ppl(const double *nll_base, const double *nll, size_t n, struct diverge_ratio *);
#endif
