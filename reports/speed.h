/* speed.h - the samples of one scenario job as rates and latencies.
 *
 * Warm-ups are never used; repetitions the machine disturbed (dirty) are counted and left out,
 * unless fewer than 3 are clean: then all are used and the result says so.
 *   prefill rate   prompt tokens / time to first token (wall time where none was stamped)
 *   decode rate    (n - 1) / (last - first token stamp): the first token belongs to prefill
 *   ITL            gaps between token stamps, pooled over repetitions
 *   TTFT           start to first token
 * The unit of an interval is a round where a scenario was measured in several: a process of its own,
 * between those of the other variants.  Repetitions within a process are more alike than they are to
 * the next process's, so their spread is the unit only where there was one round.
 * A percentile is given only when a 95 % interval by ranks exists (p90: 36 values, p99: 368). */
#ifndef SPEED_H
#define SPEED_H
#include "reports/compare.h"

struct arena;

extern const struct compare_speed speed_unknown;    /* no figure at all */
/* Everything the result points to lives in `keep`. */
int speed_measure(struct view *, const struct view_job *, double alpha, struct arena *keep,
                  struct compare_speed *, struct assay_err *);
enum { SPEED_QUANTILES = 20 };   /* 5 %, 10 % ... 95 %, 99 % */
/* Of TTFT a repetition has one: with fewer, hardly a quantile has an interval (10: those from 35 to 65 %). */
enum { SPEED_LEAST_TTFT = 10 };
struct speed_ratio {
    double p;                    /* of the distribution of the times */
    double v, lo, hi;            /* variant / base: above 1 is slower */
};
/* Quantile by quantile, with a 95 % percentile bootstrap over units (times of one hang together), both
 * sides drawn apart, 200 resamples, seeded.  Quantiles too far out for the times there are, are left
 * out; fewer than 3 units on a side: no limits.  Returns how many were filled. */
size_t speed_ratios(const struct compare_times *base, const struct compare_times *variant,
                    struct speed_ratio out[SPEED_QUANTILES]);
/* Fills *ratio from logarithms of rates on both sides: Hodges-Lehmann shift. */
void speed_compare(const double *base, size_t n_base, const double *v, size_t n, double alpha,
                   struct compare_value *ratio);
/* The same from what was measured; round by round, in pairs, where both took turns in one run. */
void speed_ratio(const struct compare_speed *base, const struct compare_speed *, bool is_same_run,
                 double alpha, struct compare_value *ratio);
#endif
