/* record.h - a plan and an open model as rows of the store.  Every call finds what is there or
 * makes
 * it: parent and child, first start and resumption use the same. */
#ifndef RECORD_H
#define RECORD_H
#include "harness/run/plan.h"
#include "harness/store/store.h"

/* Keys of ours: in the configuration of a task's row, {chat_template_sha256, chat_template_source,
 * fewshot_as_multiturn, system_instruction}; in the info of a variant's row, what chats.h calls facts. */
#define RECORD_PROMPTING "prompting"
#define RECORD_CHAT "chat"

struct record_jobs {                   /* of one variant; jobs as the store has them */
    struct store_job *tasks;           /* [plan->n_tasks] */
    struct store_job *divergences;     /* [plan->n_tasks]; id 0: none */
    struct store_job *scenarios;       /* [suite->n_scenarios] */
};
/* Tasks and, for this run, groups; fills their ids in the plan. */
int record_plan(struct plan *, struct store *, int64_t run_id, struct assay_err *);
int record_jobs(const struct plan *, struct store *, const struct plan_variant *,
                int64_t run_variant_id, struct arena *, struct record_jobs *, struct assay_err *);
/* Whether a variant's distributions are compared at all. */
bool record_compares(const struct plan *);
int64_t record_logits_share(const struct plan *);      /* bytes of the budget each task may take */

/* The model and variant rows of what was opened. */
struct record_opened {
    const struct plan_variant *variant;
    const struct engine *engine;
    int64_t variant_id, file_bytes;    /* out; file_bytes STORE_NULL: no file */
};
int record_variant(struct record_opened *, struct store *, struct assay_err *);
#endif
