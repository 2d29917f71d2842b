/* score.h - from answered items to rows: items, scores, results of tasks and of groups.
 *
 * The same code serves a run and a later `grade`: whoever brings the answers. */
#ifndef SCORE_H
#define SCORE_H
#include "harness/base/buf.h"
#include "harness/base/hash.h"
#include "harness/run/ask.h"
#include "harness/store/store.h"
#include "tasks/notice.h"
#include "tasks/task.h"

struct score {
    struct store *store;
    struct task *task;
    int64_t task_id, job_id, run_variant_id;
    bool is_more;                      /* keep what the job has */
    /* private */
    const struct task_measure *measures;
    size_t n_measures;
    int64_t *measure_ids;
    struct task_score *row;            /* [n_measures] */
    struct task_notice *notices;       /* [n_notices], of the items in hand */
    size_t n_notices;
    bool items_known, clusters_known;  /* all of the task's are stored already */
    struct hash hash;
    struct buf bytes, choices, target;
};
/* n_items: how many the whole split has when all are scored, else 0.  Clears what a job had
 * before, unless is_more. */
int score_begin(struct score *, size_t n_items, struct arena *, struct assay_err *);
/* Grades and writes items whose requests were all answered; `answers` as ask_items left them. */
int score_items(struct score *, const struct task_item *, size_t n, const struct ask_answers *,
                struct arena *, struct assay_err *);
/* Aggregates what is stored into results. */
int score_end(struct score *, struct assay_err *);
void score_release(struct score *);

/* Results of one group for one variant, from its leaves' stored results; a group with a leaf that
 * has none gets none. */
struct score_group {
    const struct task_node *node;
    int64_t group_id, run_variant_id;
    const struct task *const *leaf_tasks;
    const int64_t *leaf_jobs;          /* 0: the leaf was not done */
    size_t n_leaves;
};
int score_group(struct store *, const struct score_group *, struct assay_err *);
#endif
