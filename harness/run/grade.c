/* grade.c - grading a stored run again: no backend, all or nothing per job. */
#include "harness/run/grade.h"
#include <stdio.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/run/job.h"
#include "harness/run/record.h"
#include "harness/run/score.h"
#include "harness/run/stored.h"
#include "harness/store/store.h"

struct grade {
    const struct grade_options *options;
    struct grade_summary *summary;
    struct stored run;
    struct store *store;
    const char *variant, *job; /* in hand */
};

static void emit(const struct grade *g, struct run_event x)
{
    x.variant = g->variant;
    x.job = g->job;
    x.job_kind = "task";
    if (g->options->on_event)
        g->options->on_event(g->options->user, &x);
}

static void on_tick(void *user, bool is_waiting, uint64_t n_done, uint64_t n_total)
{
    (void)is_waiting;
    emit(user, (struct run_event){.kind = RUN_PROGRESS, .n_done = n_done, .n_total = n_total});
}

/* -- what to grade ----------------------------------------------------------------------------- */

static bool is_wanted(const struct grade *g, const char *name)
{
    const char *p = g->options->tasks;
    size_t n = strlen(name);
    if (!p)
        return true;
    for (;;) {
        size_t k = strcspn(p, ",");
        if (k == n && strncmp(p, name, n) == 0)
            return true;
        if (!p[k])
            return false;
        p += k + 1;
    }
}

static int check_wanted(const struct grade *g, struct assay_err *e)
{
    const char *p = g->options->tasks;
    while (p && *p) {
        size_t k = strcspn(p, ",");
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)k, p);
        if (!stored_task(&g->run, name))
            return err_set(e, ASSAY_EUSAGE, "run '%s' has no task '%s'", g->run.run.uid, name);
        p += k + (p[k] == ',');
    }
    return 0;
}

/* -- one job ----------------------------------------------------------------------------------- */

/* In a transaction of its own: a job that cannot be graded keeps what it had. */
static int grade_job(struct grade *g, const struct store_run_variant *v, const struct store_job *j,
                     struct assay_err *e)
{
    const struct plan_task *t = stored_task(&g->run, j->name);
    if (!t)
        return err_set(e, ASSAY_EUSAGE, "the task is no longer there");
    struct job job = {
        .plan = g->run.plan,
        .task = t,
        .store = g->store,
        .variant_id = v->variant_id,
        .run_variant_id = v->id,
        .job_id = j->id,
        .tick = on_tick,
        .user = g,
    };
    size_t *scored, n_expected = t->n_docs;
    bool is_early = j->reason && strcmp(j->reason, "decided") == 0;
    if (is_early) { /* what was not asked has nothing to grade */
        TRY(store_get_scored(g->store, j->id, &g->run.arena, &scored, &n_expected, e));
        job.only = scored;
        job.n_only = n_expected;
    }
    TRY(store_begin(g->store, e));
    int rc = job_run(&job, e);
    if (rc >= 0 && job.n_missing)
        rc = err_set(
            e, ASSAY_ENOTFOUND,
            "%llu of its requests have no stored response: the question changed; run it again",
            (unsigned long long)job.n_missing);
    if (rc >= 0 && job.n_done != n_expected)
        rc = err_set(e, ASSAY_EFORMAT, "%llu of %zu items could be graded",
                     (unsigned long long)job.n_done, n_expected);
    struct store_job row;
    store_job_init(&row);
    row.id = j->id;
    row.task_id = t->id;
    row.n_items = (int64_t)t->n_docs;
    row.n_done = (int64_t)n_expected;
    row.status = "done";
    row.reason = is_early ? j->reason : NULL;
    row.warning = j->warning;
    if (rc >= 0)
        rc = store_set_job(g->store, &row, e);
    if (rc >= 0)
        rc = store_commit(g->store, e);
    if (rc < 0)
        store_rollback(g->store);
    g->summary->n_items += rc >= 0 ? job.n_done : 0;
    return rc;
}

static int grade_groups(struct grade *g, const struct store_run_variant *v,
                        const struct store_job *jobs, size_t n, struct assay_err *e)
{
    TRY(store_begin(g->store, e));
    int rc = store_clear_groups(g->store, v->id, e);
    for (size_t i = 0; i < g->run.plan->n_groups && rc >= 0; i++) {
        const struct plan_group *x = &g->run.plan->groups[i];
        int64_t *ids = ARENA_ARRAY(&g->run.arena, int64_t, x->n_leaves + 1);
        const struct task **tasks =
            ARENA_ARRAY(&g->run.arena, const struct task *, x->n_leaves + 1);
        for (size_t k = 0; k < x->n_leaves; k++)
            tasks[k] = g->run.plan->tasks[x->leaves[k]].task;
        for (size_t k = 0; k < x->n_leaves; k++)
            for (size_t m = 0; m < n; m++)
                if (strcmp(jobs[m].kind, "task") == 0 &&
                    strcmp(jobs[m].name, g->run.plan->tasks[x->leaves[k]].task->name) == 0)
                    ids[k] = jobs[m].id;
        struct score_group s = {.node = x->node,
                                .group_id = x->id,
                                .run_variant_id = v->id,
                                .leaf_tasks = tasks,
                                .leaf_jobs = ids,
                                .n_leaves = x->n_leaves};
        rc = score_group(g->store, &s, e);
    }
    if (rc >= 0)
        rc = store_commit(g->store, e);
    if (rc < 0)
        store_rollback(g->store);
    return rc;
}

/* Where each variant has a chat template, each has tasks of its own. */
static int use_chat(struct grade *g, const struct store_run_variant *v, struct assay_err *e)
{
    if (!g->run.suite.applies_chat)
        return 0;
    TRY(stored_use_chat(&g->run, g->store, v, e));
    TRY(store_begin(g->store, e));
    int rc = record_plan(g->run.plan, g->store, g->run.run.id, e);
    if (rc >= 0)
        rc = store_commit(g->store, e);
    if (rc < 0)
        store_rollback(g->store);
    return rc;
}

static int grade_variant(struct grade *g, const struct store_run_variant *v, struct assay_err *e)
{
    struct store_job *jobs;
    size_t n;
    g->variant = v->name;
    g->job = NULL;
    emit(g, (struct run_event){.kind = RUN_VARIANT});
    if (v->variant_id == STORE_NULL)
        return 0;
    TRY(use_chat(g, v, e));
    TRY(store_get_jobs(g->store, v->id, &g->run.arena, &jobs, &n, e));
    for (size_t i = 0; i < n; i++) {
        struct assay_err said = {0};
        if (strcmp(jobs[i].kind, "task") != 0 || strcmp(jobs[i].status, "done") != 0 ||
            !is_wanted(g, jobs[i].name))
            continue;
        g->job = jobs[i].name;
        g->summary->n_jobs++;
        emit(g, (struct run_event){.kind = RUN_JOB, .n_total = (uint64_t)jobs[i].n_items});
        int rc = grade_job(g, v, &jobs[i], &said);
        g->summary->n_failed += rc < 0;
        emit(g, (struct run_event){.kind = RUN_JOB_END,
                                   .status = rc < 0 ? "failed" : "done",
                                   .text = rc < 0 ? said.msg : NULL});
    }
    return grade_groups(g, v, jobs, n, e);
}

static int grade_all(struct grade *g, struct assay_err *e)
{
    struct store_run_variant *variants;
    size_t n;
    const struct grade_options *o = g->options;
    struct stored_ask ask = {.run = o->run,
                             .data_dirs = o->data_dirs,
                             .task_dirs = o->task_dirs,
                             .bootstrap = o->bootstrap,
                             .allow_task_code = o->allow_task_code,
                             .task_code_python = o->task_code_python,
                             .task_code_memory = o->task_code_memory,
                             .task_code_timeout_s = o->task_code_timeout_s};
    TRY(stored_open(&g->run, g->store, &ask, e));
    snprintf(g->summary->uid, sizeof g->summary->uid, "%s", g->run.run.uid);
    TRY(check_wanted(g, e));
    int rc = 0;
    if (!g->run.suite.applies_chat) { /* else each variant has tasks of its own: use_chat */
        TRY(store_begin(g->store, e));
        rc = record_plan(g->run.plan, g->store, g->run.run.id, e);
        if (rc >= 0)
            rc = store_commit(g->store, e);
    }
    if (rc < 0) {
        store_rollback(g->store);
        return rc;
    }
    TRY(store_get_variants(g->store, g->run.run.id, &g->run.arena, &variants, &n, e));
    for (size_t i = 0; i < n; i++)
        TRY(grade_variant(g, &variants[i], e));
    return 0;
}

int grade_run(const struct grade_options *options, struct grade_summary *summary,
              struct assay_err *e)
{
    struct grade g = {.options = options, .summary = summary};
    struct store_lock lock;
    *summary = (struct grade_summary){.n_jobs = 0};
    TRY(store_lock(options->db, false, &lock, e));
    int rc = store_open(options->db, STORE_WRITE, &g.store, e);
    if (rc >= 0)
        rc = grade_all(&g, e);
    store_close(g.store);
    stored_release(&g.run);
    store_unlock(&lock);
    return rc;
}
