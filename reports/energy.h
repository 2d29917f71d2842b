/* energy.h - joules per token and per correct answer, gross and net of the machine's idle power.
 *
 *   per token     of a scenario: its counted repetitions / tokens of the prompt (prefill) or generated
 *                 (decode: the prompt's evaluation is inside).  Of several rounds the median, with the
 *                 interval by their ranks
 *   per answer    of tasks scored right or wrong: asking, answering and scoring all items / right ones
 *   net           gross - idle watts x time: below 0 is what noise can do, and is left so
 *   error         how far the instrument can be off: a millisecond at the edges of each block, and in
 *                 net the uncertainty of the idle power (95 %).  Intervals are widened by it
 * Sources are never added or compared with one another.  A counter is of the whole package: whatever
 * else ran then is in it. */
#ifndef ENERGY_REPORT_H
#define ENERGY_REPORT_H
#include "reports/compare.h"

/* From here on a figure is marked: what the instrument may be off is more than a change that counts. */
#define ENERGY_DOUBTFUL 0.03

/* W; NAN: not measured.  *error, if not NULL: of 95 %. */
double energy_idle(const struct view_idle *, double *error);
void energy_per_token(const struct view_run *, const struct view_job *, enum view_source,
                      double alpha, struct compare_energy *);
/* Gross joules of all rounds; NAN: not known of each. */
double energy_total(const struct view_job *, enum view_source);
/* Of one task, or of all binary ones (task == n_tasks). */
void energy_per_answer(const struct compare *, const struct compare_row *, size_t task,
                       enum view_source, struct compare_energy *);
/* Fills the rows' headlines, and c->has_energy. */
void energy_fill(struct compare *);
bool energy_is_doubtful(double v, double error);
/* Why there is none, as a sentence without full stop, the same for all runs or with their number; NULL:
 * there is some, or nobody knows. */
const char *energy_missing(const struct compare *, struct arena *);
#endif
