/* child.h - the child process of one variant: opens the model, does its jobs, reports over a pipe.
 *
 * The child opens the model first and touches the store only after the parent said go: a model that
 * does not open leaves no trace unless the parent decides so.
 * Scenarios are measured in rounds: a later child of the same variant does nothing else, and what the
 * first learned about the variant stays. */
#ifndef CHILD_H
#define CHILD_H
#include "harness/run/plan.h"

enum child_msg_kind {
    CHILD_OPENED,      /* text: precision and kernel path */
    CHILD_JOB,         /* job_kind, text: name; n_total */
    CHILD_LIFE,        /* n_done, n_total of the job in hand */
    CHILD_JOB_END,     /* status; text: reason or warning */
    CHILD_LOG,         /* n_done: level; text */
    CHILD_END          /* status, code; text: reason; n_total: scenarios with rounds to come */
};
struct child_msg {                     /* at most PIPE_BUF bytes: written whole or not at all */
    uint32_t kind;
    int32_t code;
    uint32_t is_waiting;               /* the backend has the word: the watchdog counts */
    uint32_t was_opened;
    uint64_t n_done, n_total, n_asked, n_reused;    /* JOB_END: items asked, of the job's */
    char job_kind[16], status[16];
    char text[480];
};
struct child_go {                      /* from the parent, once the run is in the store */
    int64_t run_id, run_variant_id, reference_id;   /* reference_id: run_variant of the reference */
};
struct child {
    struct plan *plan;
    const struct plan_variant *variant;
    const char *db;
    int64_t round;                     /* 0: everything; later ones: scenarios only */
    int to_parent, from_parent;
};
/* Never returns. */
_Noreturn void child_main(const struct child *);
#endif
