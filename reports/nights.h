/* nights.h - what a report shows of the nights before: per class of machine its series with change
 * points, and what is different on the newest night.
 *
 * Computed from the store by the code of `assay history` and `assay gate`.  Where the gate judged the
 * night itself, its verdict and its findings stand: they were made with the suite's own rules. */
#ifndef NIGHTS_H
#define NIGHTS_H
#include "reports/gate.h"

enum { NIGHTS_MOST = 130 };      /* of one class of machine */

struct nights_change {           /* a line of "what changed" */
    const struct gate_row *row;
    bool is_new;                 /* its state is this night's */
    struct compare_value effect; /* after / before - 1; accuracy: a difference; limits may be NAN */
    int64_t from_ns, to_ns;      /* it began between these nights; 0: unknown */
    const char *from_uid;        /* run that began it; NULL: unknown */
};
struct nights {                  /* one class of machine */
    const struct view_run *run;  /* the newest that is shown ... */
    const struct view_run *last; /* ... and the one before it */
    struct history history;      /* of at least two runs */
    bool is_judged;              /* false: a later run exists, and what is kept is about that one */
    bool is_stored;              /* the gate judged this night: verdict and headline are its own */
    const char *verdict, *headline;
    struct gate_night gate;
    const struct nights_change *changes;     /* what is not as before, worst first */
    size_t n_changes;
};
/* Per class of the compared runs that has a history; lives in `arena` and in the view. */
int nights_make(struct view *, const struct compare *, struct arena *, const struct nights **,
                size_t *n, struct assay_err *);
/* The series with this id; NULL: none. */
const struct history_series *nights_series(const struct nights *, const char *id);
#endif
