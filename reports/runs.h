/* runs.h - what differs between the runs of a report, and what each variant did on each machine. */
#ifndef RUNS_H
#define RUNS_H
#include "reports/compare.h"

struct arena;

struct runs_field {              /* one line of the table of machines */
    const char *name;            /* "machine", "cpu", "kernel" ...: nested members as "a.b" */
    const char *const *values;   /* [n_runs]; NULL: that run does not say */
    bool differs;
};
/* Fields in a fixed order: the run's own, then hardware, then environment. */
size_t runs_fields(const struct view_set *, struct arena *, const struct runs_field **);
/* "machine 'a' -> 'b'; assay '1.0' -> '1.1'": how run `at` differs from the first, with what was
 * loaded under the same names; "" when in nothing. */
const char *runs_changes(const struct compare *, size_t at, struct arena *);

enum runs_state { RUNS_NATIVE, RUNS_EMULATED, RUNS_MISMATCH, RUNS_OOM, RUNS_UNSUPPORTED, RUNS_CRASH,
                  RUNS_TIMEOUT, RUNS_UNTESTED };
const char *runs_state_name(enum runs_state);
struct runs_cell {
    enum runs_state state;
    const char *reason;          /* one line, always set */
    const char *detail;          /* what was loaded there, for hovering; NULL: nothing */
    double rate;                 /* decoded tokens/s there, else prefilled; NAN: not measured */
};
struct runs_matrix {             /* machine class x variant, newest run of a class */
    size_t n_classes, n_names;
    const size_t *runs;          /* [n_classes]: index into set->runs */
    const char *const *names;    /* [n_names] of variants */
    const struct runs_cell *cells;           /* [n_classes][n_names] */
};
/* False when the runs are of one class only. */
bool runs_matrix_make(const struct compare *, struct arena *, struct runs_matrix *);
bool runs_on_machines(const struct view_set *);  /* more than one class */
#endif
