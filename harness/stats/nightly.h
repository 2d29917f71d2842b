/* nightly.h - series of nights judged together: is tonight suspect, and where did a series step?
 *
 * Two layers, because each sees what the other misses.  Suspicion: a Student prediction limit for
 * tonight's value, Benjamini-Hochberg over all series of the night; sees a shift on its first night
 * and forgets it.  Confirmation: E-divisive change points (change.h); needs two nights and about
 * twenty values before p can reach 0.01, and does not forget; or a second night outside the limit of
 * the first.  All ask for a least effect.
 *
 * After a confirmed step the mean is that of the new level and the spread that of all levels,
 * relative to each: suspicion works again from the third night on.  Without a step it is the plain
 * limit mean + t_{n-1} s sqrt(1 + 1/n). */
#ifndef NIGHTLY_H
#define NIGHTLY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/stats/change.h"

enum { NIGHTLY_WINDOW = 60, NIGHTLY_RECENT = 30, NIGHTLY_LEAST = 8, NIGHTLY_STEPS = 8 };
struct nightly_series {
    const double *x;             /* positive, oldest first; the last one is tonight's */
    size_t n;
    bool higher_is_better;
    double min_effect;           /* least |ratio - 1| that matters: default and 3 times the noise floor */
    uint64_t seed;               /* of the permutations: from the series' name */
    size_t accepted;             /* first value of a level somebody accepted; 0: none */
};
enum nightly_state {
    NIGHTLY_LEARNING,            /* fewer than 8 nights before tonight */
    NIGHTLY_SETTLING,            /* a step within the last two nights: no level to predict from */
    NIGHTLY_QUIET,
    NIGHTLY_SUSPECT
};
struct nightly_night {
    enum nightly_state state;
    bool is_worse;               /* of a suspect: in the bad direction */
    size_t n_history;            /* values the prediction rests on */
    double expected;             /* median of the current level without tonight */
    double effect;               /* tonight / expected - 1 */
    double p_worse, p_better;    /* one-sided; NAN: cannot be told */
    double q_worse, q_better;    /* adjusted over the night's series */
    struct change_point steps[NIGHTLY_STEPS];    /* in the last 60 values; `at` counts from x[0] */
    size_t n_steps;
};
/* Every series of a night.  q: false discovery rate of suspicion; 0: 0.05. */
void nightly_judge(const struct nightly_series *, size_t n, double q, struct nightly_night *out);
/* A suspect seen once: does tonight lie outside too, predicted without the nights since x[first]?
 * One test that was announced the night before, so no adjustment: *p one-sided towards the shift,
 * *effect tonight / expected - 1.  True: p <= 0.01 and the effect matters. */
bool nightly_again(const struct nightly_series *, size_t first, bool is_worse, double *p, double *effect);
#endif
