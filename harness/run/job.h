/* job.h - one task for one variant: documents -> items -> answers -> scores -> results.
 *
 * With an engine it asks; without one it grades what is stored.  Works in pieces of about a
 * thousand documents, so memory does not grow with the number of rows. */
#ifndef JOB_H
#define JOB_H
#include "harness/run/ask.h"
#include "harness/run/plan.h"

struct job {
    const struct plan *plan;
    const struct plan_task *task;
    struct store *store;
    const struct engine *engine;       /* NULL: grade */
    struct ask_known *known;           /* of the variant; NULL: every request is looked up */
    int64_t variant_id, run_variant_id, job_id;
    const volatile sig_atomic_t *stop;
    const size_t *only;                /* places, rising, instead of all documents; NULL: all */
    size_t n_only;
    bool is_more;                      /* adds to the scores the job has, instead of forgetting them */
    bool is_part;                      /* more will come: no results yet */
    /* is_waiting: the backend has the word */
    void (*tick)(void *user, bool is_waiting, uint64_t n_done, uint64_t n_total);
    void *user;
    /* out */
    struct ask_stats stats;
    uint64_t n_done, n_missing;        /* items answered; requests without an answer */
};
/* A transaction is open before and after, whatever the outcome.  ASSAY_ECANCELED: stopped; what was
 * answered is in the store. */
int job_run(struct job *, struct assay_err *);
#endif
