/* distance.h - next-token distributions of a variant against its run's reference, summarised:
 * per task and over all tasks, errors clustered by item (CR1). */
#ifndef DISTANCE_H
#define DISTANCE_H
#include "reports/compare.h"

/* Fills row->kl and row->task_kl [compare.n_tasks].  Errors: those of reading. */
int distance_measure(struct view *, const struct compare *, struct compare_row *,
                     struct assay_err *);
#endif
