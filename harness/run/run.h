/* run.h - one execution of a suite: plan, one child process per variant, grading, rounds of scenarios,
 * and going on after an interruption.
 *
 * Guarantees: a variant that crashes, hangs, runs out of memory or answers nonsense is a row with
 * a reason and the others finish; killed at any instant, the same call goes on where it stopped and
 * ends in the same responses and scores.
 * Call it from a process with one thread and no open store.  While it runs it owns SIGINT and
 * SIGTERM: the first lets the item in hand finish, the second kills the child. */
#ifndef RUN_H
#define RUN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assay_err;
struct suite;

enum run_event_kind {
    RUN_IDLE,          /* the machine's idle power: text: that it is measured, then what it is */
    RUN_BEGIN,         /* n_total: variants; text: run uid; is_resumed */
    RUN_VARIANT,       /* a variant begins: variant */
    RUN_OPEN,          /* its model is open: text: precision and kernel path */
    RUN_JOB,           /* a job begins: variant, job, n_total items */
    RUN_PROGRESS,      /* n_done of n_total items of the job */
    RUN_JOB_END,       /* text: reason or warning, or NULL; status */
    RUN_VARIANT_END,   /* status; text: reason, or NULL */
    RUN_ROUND,         /* scenarios again: n_done of n_total rounds begins */
    RUN_END            /* status of the run */
};
struct run_event {
    enum run_event_kind kind;
    const char *variant, *job, *job_kind, *status, *text;   /* NULL where they say nothing */
    uint64_t n_done, n_total;          /* items of the job in hand */
    uint64_t all_done, all_total;      /* items of all task jobs of all variants */
    bool is_resumed;
};
typedef void run_event_fn(void *user, const struct run_event *);

struct run_options {
    const char *db;
    const char *command;               /* as typed, for the record */
    const char *version;               /* of assay */
    run_event_fn *on_event;            /* may be NULL */
    void *user;
};
enum run_status { RUN_DONE, RUN_PARTIAL, RUN_INTERRUPTED };
struct run_summary {
    enum run_status status;
    char uid[37];
    bool is_resumed;
    size_t n_variants, n_variants_done;
    size_t n_jobs_failed;              /* in variants that finished */
    size_t n_tasks_missing;            /* left out: their datasets are not here */
    uint64_t n_items, n_asked, n_reused;
    uint64_t n_saved;                  /* items that nobody had to ask: what stopped was decided */
};
/* 0: the run ended, summary->status says how.  Errors (nothing was run, nothing was written):
 * everything wrong with suite, tasks, datasets, options, database. */
int run_suite(const struct suite *, const struct run_options *, struct run_summary *,
              struct assay_err *);
#endif
