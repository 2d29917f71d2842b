/* grade.h - responses -> scores -> results, with no backend.
 *
 * Renders the requests of a run's tasks again from today's task files, finds the stored responses
 * by their keys and rewrites scores and results.  A task whose questions changed (a request without
 * a response) keeps its old scores and is reported.  Grading an unchanged run changes nothing. */
#ifndef GRADE_H
#define GRADE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/run/run.h"

struct grade_options {
    const char *db;
    const char *run;                   /* uid or prefix; NULL: the newest */
    const char *tasks;                 /* comma list of task names to grade; NULL: all of the run */
    const char *const *data_dirs;      /* NULL: those the run recorded */
    const char *const *task_dirs;      /* NULL: those the run recorded */
    int64_t bootstrap;                 /* iterations; -1: as recorded */
    bool allow_task_code;              /* asked anew: what a run allowed holds for that run */
    const char *task_code_python, *task_code_memory;
    int64_t task_code_timeout_s;
    run_event_fn *on_event;            /* RUN_VARIANT, RUN_JOB, RUN_PROGRESS, RUN_JOB_END */
    void *user;
};
struct grade_summary {
    char uid[37];
    size_t n_jobs, n_failed;           /* failed: the reason came with RUN_JOB_END */
    uint64_t n_items;
};
int grade_run(const struct grade_options *, struct grade_summary *, struct assay_err *);
#endif
