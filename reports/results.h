/* results.h - `assay results`: the aggregates of the store as CSV or JSON for scripts, one row per
 * (run, machine, variant, task or group, metric, filter): value, stderr, n. */
#ifndef RESULTS_H
#define RESULTS_H
#include "reports/view.h"

struct buf;

enum results_format { RESULTS_CSV, RESULTS_JSON };
void results_write(const struct view_set *, enum results_format, struct buf *);
#endif
