/* speed.h - the samples of one scenario job as rates and latencies.
 *
 * Warm-ups are never used; repetitions the machine disturbed (dirty) are counted and left out,
 * unless fewer than 3 are clean: then all are used and the result says so.
 *   prefill rate   prompt tokens / time to first token (wall time where none was stamped)
 *   decode rate    (n - 1) / (last - first token stamp): the first token belongs to prefill
 *   ITL            gaps between token stamps, pooled over repetitions
 *   TTFT           start to first token
 * A percentile is given only when a 95 % interval by ranks exists (p90: 36 values, p99: 368). */
#ifndef SPEED_H
#define SPEED_H
#include "reports/compare.h"

struct arena;

/* Everything the result points to lives in `keep`.  rates_out [result.n]: tokens/s, ascending. */
int speed_measure(struct view *, const struct view_job *, double alpha, struct arena *keep,
                  struct compare_speed *, const double **rates_out, struct assay_err *);
enum { SPEED_QUANTILES = 20 };   /* 5 %, 10 % ... 95 %, 99 % */
/* Of TTFT a repetition has one: with fewer, hardly a quantile has an interval (10: those from 35 to 65 %). */
enum { SPEED_LEAST_TTFT = 10 };
struct speed_ratio {
    double p;                    /* of the distribution of the times */
    double v, lo, hi;            /* variant / base: above 1 is slower */
};
/* Quantile by quantile, with a 95 % percentile bootstrap over repetitions (gaps of one repetition
 * hang together), 200 resamples, seeded.  Quantiles too far out for the times there are, are left
 * out; fewer than 3 repetitions on a side: no limits.  Returns how many were filled. */
size_t speed_ratios(const struct compare_times *base, const struct compare_times *variant,
                    struct speed_ratio out[SPEED_QUANTILES]);
/* Fills *ratio from the rates of both: Hodges-Lehmann shift of their logarithms. */
void speed_compare(const double *base, size_t n_base, const double *rates, size_t n, double alpha,
                   struct compare_value *ratio);
#endif
