/* export.c - a stored run in lm-eval's layout: variants, folders, files. */
#include "harness/run/export.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/json.h"
#include "harness/base/value.h"
#include "harness/run/export_impl.h"

/* -- names ------------------------------------------------------------------------------------- */

/* Runs of what a file name should not have become "__", as upstream does. */
static const char *sanitized(struct arena *a, const char *name)
{
    static const char bad[] = "\"<>:/|\\?*[]";
    struct buf b;
    buf_init(&b, 0);
    while (*name) {
        size_t n = strcspn(name, bad);
        buf_add(&b, name, n);
        name += n;
        if (*name)
            buf_adds(&b, "__");
        name += strspn(name, bad);
    }
    char *out = arena_strdup(a, b.n ? b.v : "_");
    buf_release(&b);
    /* nothing leads out of the folder */
    return strcmp(out, ".") == 0 || strcmp(out, "..") == 0 ? "_" : out;
}

/* datetime.isoformat() of local time with '-' for ':'. */
static const char *stamp(struct arena *a, int64_t ns)
{
    time_t s = (time_t)(ns / 1000000000);
    long us = (long)(ns % 1000000000 / 1000);
    struct tm t;
    char text[32];
    localtime_r(&s, &t);
    strftime(text, sizeof text, "%Y-%m-%dT%H-%M-%S", &t);
    return us ? arena_printf(a, "%s.%06ld", text, us) : arena_strdup(a, text);
}

static const struct suite_variant *suite_of(const struct export *x, const char *name)
{
    for (size_t i = 0; i < x->stored.suite.n_variants; i++)
        if (strcmp(x->stored.suite.variants[i].name, name) == 0)
            return &x->stored.suite.variants[i];
    return NULL;
}

static void name_variant(struct export *x)
{
    const struct value *model = x->suite ? value_get(x->suite->options, "model") : NULL;
    const char *base = model && model->type == VALUE_STR ? fs_basename(model->s) : NULL;
    x->model_name = base ? arena_printf(&x->arena, "%s/%s", base, x->variant->name) : x->variant->name;
    x->model_folder = sanitized(&x->arena, x->model_name);
}

/* -- a variant --------------------------------------------------------------------------------- */

/* The finished tasks, in the order of the plan; each must be what was run. */
static int find_tasks(struct export *x, struct assay_err *e)
{
    struct store_job *jobs;
    size_t n;
    const struct plan *plan = x->stored.plan;
    TRY(store_get_jobs(x->store, x->variant->id, &x->arena, &jobs, &n, e));
    x->tasks = ARENA_ARRAY(&x->arena, struct export_task, plan->n_tasks + 1);
    x->n_tasks = 0;
    for (size_t i = 0; i < plan->n_tasks; i++) {
        const struct plan_task *t = &plan->tasks[i];
        const struct store_job *found = NULL;
        for (size_t k = 0; k < n && !found; k++)
            if (strcmp(jobs[k].kind, "task") == 0 && strcmp(jobs[k].name, t->task->name) == 0)
                found = &jobs[k];
        if (!found || strcmp(found->status, "done") != 0) {
            x->summary->n_left_out++;
            continue;
        }
        char uid[65];
        TRY(store_get_task_uid(x->store, found->task_id, uid, e));
        if (strcmp(uid, t->uid) != 0)
            return err_set(e, ASSAY_EFORMAT,
                           "task '%s' is not what run '%s' had: its file or its data changed; give the old "
                           "ones by --task-dir and --data, or run it again",
                           t->task->name, x->stored.run.uid);
        x->tasks[x->n_tasks++] = (struct export_task){.plan = t, .job_id = found->id, .is_early = found->reason && strcmp(found->reason, "decided") == 0};
    }
    return 0;
}

static int write_results(struct export *x, const char *path, struct assay_err *e)
{
    const struct value *v;
    struct buf b;
    TRY(export_results(x, &v, e));
    buf_init(&b, 0);
    json_write(&b, v, JSON_INDENT);
    int rc = fs_write_atomic(path, b.v, b.n, e);
    buf_release(&b);
    if (rc >= 0 && x->options->on_file)
        x->options->on_file(x->options->user, path, 0);
    return rc;
}

static int export_variant(struct export *x, struct assay_err *e)
{
    x->suite = suite_of(x, x->variant->name);
    name_variant(x);
    TRY(stored_use_chat(&x->stored, x->store, x->variant, e));
    TRY(find_tasks(x, e));
    if (!x->n_tasks)
        return 0;
    const char *dir = fs_join(&x->arena, x->options->out, x->model_folder);
    TRY(fs_mkdirs(dir, e));
    for (size_t i = 0; i < x->n_tasks; i++) {
        const char *task = sanitized(&x->arena, x->tasks[i].plan->task->name);
        const char *file = arena_printf(&x->arena, "samples_%s_%s.jsonl", task, x->stamp);
        TRY(export_samples(x, &x->tasks[i], fs_join(&x->arena, dir, file), e));
    }
    const char *file = arena_printf(&x->arena, "results_%s.json", x->stamp);
    TRY(write_results(x, fs_join(&x->arena, dir, file), e));
    x->summary->n_files += x->n_tasks + 1;
    x->summary->n_variants++;
    return 0;
}

static int check_folders(struct export *x, const struct store_run_variant *v, size_t n, struct assay_err *e)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(sanitized(&x->stored.arena, v[i].name), sanitized(&x->stored.arena, v[k].name)) == 0)
                return err_set(e, ASSAY_EUSAGE, "variants '%s' and '%s' would share a folder", v[k].name,
                               v[i].name);
    return 0;
}

static int export_all(struct export *x, struct assay_err *e)
{
    struct store_run_variant *v;
    size_t n;
    const struct export_options *o = x->options;
    struct stored_ask ask = {.run = o->run,
                             .data_dirs = o->data_dirs,
                             .task_dirs = o->task_dirs,
                             .bootstrap = -1,
                             .allow_task_code = o->allow_task_code,
                             .task_code_python = o->task_code_python,
                             .task_code_memory = o->task_code_memory,
                             .task_code_timeout_s = o->task_code_timeout_s};
    TRY(stored_open(&x->stored, x->store, &ask, e));
    snprintf(x->summary->uid, sizeof x->summary->uid, "%s", x->stored.run.uid);
    x->stamp = stamp(&x->stored.arena, x->stored.run.started_ns);
    TRY(store_get_variants(x->store, x->stored.run.id, &x->stored.arena, &v, &n, e));
    TRY(check_folders(x, v, n, e));
    for (size_t i = 0; i < n; i++) {
        x->variant = &v[i];
        if (v[i].variant_id != STORE_NULL)
            TRY(export_variant(x, e));
        arena_reset(&x->arena);
    }
    if (!x->summary->n_variants)
        return err_set(e, ASSAY_ENOTFOUND, "run '%s' has no finished task to export", x->stored.run.uid);
    return 0;
}

int export_run(const struct export_options *options, struct export_summary *summary, struct assay_err *e)
{
    struct export x = {.options = options, .summary = summary};
    *summary = (struct export_summary){.n_variants = 0};
    int rc = store_open(options->db, STORE_READ, &x.store, e);
    if (rc >= 0)
        rc = export_all(&x, e);
    store_close(x.store);
    stored_release(&x.stored);
    arena_release(&x.arena);
    return rc;
}
