/* gate_keep.h - a night judged and written down: findings, states and the verdict, in one transaction. */
#ifndef GATE_KEEP_H
#define GATE_KEEP_H
#include "reports/gate.h"

/* Judges; then keeps what came of it unless `dry`.  The view is opened and closed inside, so that
 * *night's pointers into it end with `done`: called (may be NULL) before that. */
typedef int gate_done_fn(void *user, const struct gate_night *, struct assay_err *);
int gate_judge_and_keep(struct gate_input *, bool dry, gate_done_fn *done, void *user,
                        struct assay_err *);
/* A run becomes what its machine class is compared with, and open findings up to it are expected. */
int gate_set_baseline(struct store *, const struct store_run *, const char *reason, int64_t now_ns,
                      struct assay_err *);
#endif
