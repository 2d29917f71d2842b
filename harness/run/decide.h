/* decide.h - an accuracy run that stops: a variant's items in one seeded random order over all tasks,
 * until its pooled difference to the reference is decided, or none are left.
 *
 * What is decided: the mean paired difference over all items of the tasks that take part, each item
 * with the same weight, as the pool of a comparison.  Tasks take part whose first measure is a mean
 * of rights and wrongs and whose scores of the reference are all there; the others are asked wholly
 * by the caller.  The reference itself was asked wholly.
 * The order depends on seed, task names and places only, and decisions are looked for at fixed places
 * of it (betting_next_look): threads, batches and interruptions change nothing.
 * The level is shared equally over the variants that the run decides. */
#ifndef DECIDE_H
#define DECIDE_H
#include "harness/base/arena.h"
#include "harness/run/ask.h"
#include "harness/machine/energy.h"
#include "harness/run/plan.h"
#include "harness/stats/betting.h"

struct decide_task {                   /* takes part */
    size_t at;                         /* in plan->tasks */
    int64_t job_id, measure_id;        /* of the subject */
    int8_t *reference;                 /* [n_places]: 0, 1; -1: not asked */
    size_t n_places;
    size_t *only, n_only;              /* places of the segment in hand */
    int64_t losses, gains, n_paired;   /* so far */
    uint64_t n_done;
    struct ask_stats stats;
    struct energy_total energy[ENERGY_SOURCES];      /* of its pieces */
};
struct decide_item {
    uint64_t key;
    uint32_t task, place;
};
struct decide {
    const struct plan *plan;
    struct store *store;
    const struct engine *engine;
    struct energy_meter *meter;
    struct ask_known *known;
    int64_t variant_id, run_variant_id, reference_id;
    const volatile sig_atomic_t *stop;
    void (*tick)(void *user, bool is_waiting, uint64_t n_done, uint64_t n_total);
    void *user;
    /* out */
    struct decide_task *tasks;
    size_t n_tasks;
    struct decide_item *order;
    size_t n_items, n_seen;
    size_t n_subjects;
    enum betting_verdict verdict;      /* OPEN: asked to the end, undecided */
    size_t failed;                     /* index into tasks whose piece failed, when decide_run fails */
    struct arena arena;
};
/* Finds who takes part, and the order.  `jobs`: the subject's, as the plan's tasks. */
int decide_open(struct decide *, const struct store_job *jobs, struct assay_err *);
void decide_release(struct decide *);
bool decide_has(const struct decide *, size_t plan_task);
/* Asks until decided.  The scores the jobs had are forgotten first; answers are not asked twice.  A
 * transaction is open before and after.  Errors: of job_run; `failed` says which task. */
int decide_run(struct decide *, struct assay_err *);
void decide_result(const struct decide *, struct store_decision *);
/* Where (task, place) stands in the order of a seed: lower is earlier. */
uint64_t decide_key(uint64_t seed, const char *task, size_t place);
#endif
