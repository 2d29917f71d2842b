/* agree.h - do the tasks of a suite order the variants alike?
 *
 * Every task ranks the variants by its own score; Kendall's tau-b compares two rankings, or one
 * with the ranking by KL divergence from the reference.  Intervals are the estimate +- 1.96 times
 * its spread when the items of each task are drawn again (seeded; items are drawn in up to 128
 * blocks, so no score has to stay in memory).  Only variants that have most tasks, and tasks that
 * all of those have, are ranked; aggregations that are not means or likelihoods are not. */
#ifndef AGREE_H
#define AGREE_H
#include "reports/compare.h"

struct arena;
struct agree_sums;               /* what the scores leave behind */

enum { AGREE_LEAST_ROWS = 3, AGREE_LEAST_TASKS = 2, AGREE_MOST_TASKS = 200 };

struct agree_task {
    size_t task;                 /* of compare.tasks */
    struct compare_value others; /* mean tau with the other ranked tasks */
    struct compare_value kl;     /* tau with the order by KL; NAN: not all have one */
    const size_t *order;         /* rows of the comparison, best first; [agree.n_rows] */
    const double *score;         /* theirs, higher is better: equal neighbours are tied */
};
/* The k-th of the order has the same score as the one before it. */
bool agree_ties(const struct agree_task *, size_t k);
struct agree {
    size_t n_rows;
    const size_t *rows;          /* of the comparison: the ranked variants */
    size_t n_tasks;
    const struct agree_task *tasks;
    const struct compare_value *tau;         /* [n_tasks][n_tasks]; NAN: a task ties them all */
    struct compare_value mean;   /* of tau over pairs of tasks */
    struct compare_value mean_kl;
};

/* Of a variant that fails though some tasks rule out a loss of the margin: which 0/1 task lost most, how
 * many fail with it, and which rule it out, in words; NULL: the tasks do not part like that. */
const char *agree_parting(const struct compare *, const struct compare_row *, struct arena *);

struct agree_sums *agree_new(size_t n_tasks, size_t n_rows, struct arena *);
/* Adds the scores of one task of one row; `aggregation` and direction are the task's. */
void agree_add(struct agree_sums *, size_t task, size_t row, const struct view_scores *,
               const struct compare_task *);
/* NULL: too few variants or tasks to speak of orders. */
const struct agree *agree_make(const struct agree_sums *, const struct compare *, struct arena *);
#endif
