/* stored.h - a stored run with its suite and plan made again from today's task files and data.
 *
 * What `grade` and `export` begin with: no backend is opened. */
#ifndef STORED_H
#define STORED_H
#include "harness/base/arena.h"
#include "harness/run/plan.h"
#include "harness/run/suite.h"
#include "harness/store/store.h"

struct stored {
    struct arena arena;
    struct suite suite;
    struct plan *plan;
    struct store_run run;
};
struct stored_ask {
    const char *run;                   /* uid or prefix; NULL: the newest */
    const char *const *data_dirs;      /* NULL: those the run recorded */
    const char *const *task_dirs;      /* NULL: those the run recorded */
    int64_t bootstrap;                 /* iterations; -1: as recorded */
    bool allow_task_code;              /* asked anew: what a run allowed holds for that run */
    const char *task_code_python, *task_code_memory;
    int64_t task_code_timeout_s;
};
/* Errors: ASSAY_EUSAGE no such run, or one without tasks; whatever plan_make says. */
int stored_open(struct stored *, struct store *, const struct stored_ask *, struct assay_err *);
void stored_release(struct stored *);
/* The plan's prompts with the chat template that this variant had, from the record; no-op without. */
int stored_use_chat(struct stored *, struct store *, const struct store_run_variant *, struct assay_err *);
const struct plan_task *stored_task(const struct stored *, const char *name);      /* NULL: not there */
#endif
