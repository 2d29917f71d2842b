/* gate_turns.h - what the gate measures after a run: the noise floor of the machine (one variant
 * against itself) and suspects against the last good variant, in turns on this machine. */
#ifndef GATE_TURNS_H
#define GATE_TURNS_H
#include "harness/run/gate.h"
#include "reports/gate.h"

struct turn {                          /* one thing to measure; texts live in the list's arena */
    const char *kind;                  /* "a/a", "a/b", "again" */
    const char *variant;
    struct gate_side a, b;             /* a.options NULL: only b */
    const struct suite_scenario *scenario;
};
struct turn_list {
    struct arena arena;
    struct turn v[16];
    size_t n, n_left_out;
    const struct suite *suite;
    bool has_floor;                    /* wanted: a/a of the first variant that was measured */
};
/* A gate_done_fn: fills the list (user) from a verdict. */
int gate_plan_turns(void *list, const struct gate_night *, struct assay_err *);
struct turn_place {
    const char *db, *run_uid;          /* where the blocks are kept, beside which run */
    int64_t aa_blocks, ab_blocks;      /* 0: not measured */
};
/* Measures the list in databases of their own below $TMPDIR and keeps the blocks. */
int gate_measure_turns(const struct turn_list *, const struct turn_place *, struct assay_err *);
#endif
