/* plan.h - a suite resolved against what is there: plugins, options, tasks, datasets.
 *
 * Making a plan finds everything that can be wrong before anything is written: unknown tasks,
 * malformed rows, wrong options.  It holds no handle that a fork would spoil.
 * Of several tasks, those whose dataset is not here are left out, said and recorded; one task, or
 * all of them, without data is an error. */
#ifndef PLAN_H
#define PLAN_H
#include "harness/run/docs.h"
#include "harness/run/plugin.h"
#include "harness/run/suite.h"
#include "tasks/task.h"

struct plan_task {
    const struct task_node *node;
    struct task *task;
    size_t n_rows, n_docs;             /* read, evaluated */
    const char *dataset;               /* files, for people */
    char dataset_uid[65], uid[65];     /* uid: configuration + dataset + what is drawn */
    int64_t id;                        /* row in the store; set by whoever opens it */
};
struct plan_group {
    const struct task_node *node;
    size_t *leaves;                    /* indices into tasks */
    size_t n_leaves;
    int64_t id;
};
struct plan_missing {                  /* a task that is left out: its dataset is not here */
    const char *name, *reason;
};
struct plan_variant {
    const struct suite_variant *suite;
    const struct plugin *plugin;
    void *options;
    const struct value *record;        /* every option of the backend */
    struct chat *chat;                 /* what its prompts are made with; NULL: plain text, or unknown */
    const char *chat_source;           /* "default", a name, a file */
};
struct taskcode;
struct plan {
    struct arena arena;
    struct taskcode *code;             /* NULL: task code is not allowed */
    const struct suite *suite;
    struct docs_paths paths;
    struct task_index *index;
    struct task_plan selected;
    struct plan_task *tasks;
    size_t n_tasks;
    struct plan_missing *missing;
    size_t n_missing;
    struct plan_group *groups;
    size_t n_groups;
    struct plan_variant *variants;     /* in the order they run: the reference first */
    size_t n_variants;
    const struct chat *chat;           /* of the variant in hand: plan_use_chat */
    const char *chat_source;
};
/* with_variants false: tasks only, for grading. */
int plan_make(const struct suite *, bool with_variants, struct plan **, struct assay_err *);
/* Prompts of the tasks are made with this template from now on, and their uids know it.  False: they
 * were already. */
bool plan_use_chat(struct plan *, const struct chat *, const char *source);
void plan_free(struct plan *);
const char *plan_output_name(const struct task *);     /* "multiple_choice", ... */
#endif
