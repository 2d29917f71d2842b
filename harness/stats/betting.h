/* betting.h - tests that may be looked at after every item (anytime-valid).
 *
 * Items must come in random order.  Both return evidence that may be compared with 1 / alpha at any
 * time; the value depends on the counts only, not on their order.  Negative counts: NAN. */
#ifndef BETTING_H
#define BETTING_H
#include <stdbool.h>
#include <stdint.h>

/* Beta-mixture e-value against "losses and gains are equally likely"; one-sided: the variant is
 * worse.  Reject (fail) at >= 1 / alpha. */
double betting_worse(int64_t losses, int64_t gains);
double betting_differs(int64_t losses, int64_t gains);
/* Capital of a bettor against "the loss is the margin or more": the mean over bets lambda in
 * {.02 .05 .1 .2 .4 .8} of prod(1 + lambda (d + margin)), d = -1, 0, +1.  Pass at >= 1 / alpha. */
double betting_noninferior(int64_t losses, int64_t gains, int64_t n, double margin);
/* The mirror image: against "the loss is at most the margin".  Fail at >= 1 / alpha. */
double betting_inferior(int64_t losses, int64_t gains, int64_t n, double margin);

/* The one-sided limit: delta is above it at every n at once, with probability 1 - level. */
double betting_limit(int64_t losses, int64_t gains, int64_t n, double level);
/* Confidence sequence of delta = (gains - losses) / n: with probability 1 - alpha the truth is inside
 * at every n at once, so also where one stopped because of what was seen.  Wider than an interval
 * for one n that was fixed before.  false, and NAN: counts that make no sense. */
bool betting_interval(int64_t losses, int64_t gains, int64_t n, double alpha, double lim[2]);

/* Early stopping: PASS refutes a loss of the margin or more, FAIL refutes a smaller one.  However
 * often it is asked, it decides wrongly with probability `level` at most; share the level when
 * several variants are decided. */
enum betting_verdict { BETTING_OPEN, BETTING_PASS, BETTING_FAIL };
enum betting_verdict betting_decide(int64_t losses, int64_t gains, int64_t n, double margin,
                                    double level);
/* The next place of the order at which a decision is looked for: 128, then an eighth later each.
 * Places, not batches: what was decided does not depend on how the items were asked. */
int64_t betting_next_look(int64_t n);
#endif
