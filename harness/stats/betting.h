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
#endif
