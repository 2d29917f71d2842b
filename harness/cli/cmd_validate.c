/* cmd_validate.c - assay validate: does every task of a folder load, and why not.
 *
 * Tasks are loaded in parallel, each part with files of its own; what is printed does not depend on
 * the number of threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/log.h"
#include "harness/base/pool.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/task_code.h"
#include "harness/run/paths.h"
#include "reports/csv.h"
#include "tasks/refusal.h"
#include "tasks/task.h"

enum { N_PARTS = 64 };
struct validate_flags {
    const char *format;
    int32_t all;
};
static struct validate_flags flags;
static struct task_code_flags code_flags;

static const struct assay_field fields[] = {
    {"format", ASSAY_ENUM, offsetof(struct validate_flags, format), "table", "table|csv",
     "table: what does not load, and counts; csv: every task"},
    {"all", ASSAY_BOOL, offsetof(struct validate_flags, all), "no", NULL,
     "table: list the tasks that load too"},
    {0},
};

struct verdict {
    const struct task_node *node;
    enum refusal class;
    bool is_group;
    const char *reason; /* NULL: it loads */
    bool is_python;     /* and only with the folder's Python */
};
struct work {
    struct verdict *v;
    size_t n, cap;
    struct arena arenas[N_PARTS]; /* reasons */
    struct assay_err errs[N_PARTS];
};

static void load_one(struct task_index *x, struct verdict *v, const struct task_host *host, struct arena *a,
                     struct arena *reasons)
{
    struct task_settings settings = {.n_fewshot = -1, .fewshot_seed = 1234, .host = host};
    struct task *t;
    struct assay_err e = {0};
    arena_reset(a);
    if (task_load(x, v->node, &settings, a, &t, &e) == 0) {
        task_release(t);
        v->reason = NULL;
        v->is_python = host != NULL;
        return;
    }
    v->class = refusal_of(&e);
    v->reason = arena_strdup(reasons, e.msg);
}

static void load_part(void *user, size_t part, size_t n_parts)
{
    struct work *w = user;
    struct task_index *x; /* no names: only the table of files */
    struct arena a = {0};
    if (task_index_open(NULL, 0, NULL, &x, &w->errs[part]) < 0)
        return;
    for (size_t i = w->n * part / n_parts; i < w->n * (part + 1) / n_parts; i++)
        if (!w->v[i].is_group)
            load_one(x, &w->v[i], NULL, &a, &w->arenas[part]);
    arena_release(&a);
    task_index_close(x);
}

/* What was refused for a function, once more with Python: one process, so one after the other. */
static int load_with_code(struct work *w, struct taskcode *code, struct assay_err *e)
{
    struct task_index *x;
    struct arena a = {0};
    TRY(task_index_open(NULL, 0, NULL, &x, e));
    for (size_t i = 0; i < w->n; i++)
        if (!w->v[i].is_group && w->v[i].reason &&
            (w->v[i].class == REFUSAL_FUNCTION || w->v[i].class == REFUSAL_VERSION))
            load_one(x, &w->v[i], taskcode_host(code), &a, &w->arenas[0]);
    arena_release(&a);
    task_index_close(x);
    return 0;
}

/* -- printing -------------------------------------------------------------------------------------- */

static void add_safe(struct buf *b, const char *s)
{
    text_safe(b, s, strlen(s));
}

static const char *class_of(const struct verdict *v)
{
    return v->is_group ? "group" : refusal_name(v->class);
}

static void put_csv(struct buf *b, const struct work *w)
{
    static const char *const head[] = {"task", "loads", "class", "reason", "path", "kind"};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        csv_text(b, head[i]);
    csv_end(b);
    for (size_t i = 0; i < w->n; i++) {
        const struct verdict *v = &w->v[i];
        csv_text(b, v->node->name);
        csv_text(b, v->reason ? "no" : v->is_python ? "python" : "yes");
        csv_text(b, v->reason ? class_of(v) : NULL);
        csv_text(b, v->reason);
        csv_text(b, v->node->path);
        csv_text(b, v->is_group ? "group" : "task");
        csv_end(b);
    }
}

static void put_table(struct buf *b, const struct work *w, const size_t n_loads[2])
{
    size_t counts[N_REFUSALS] = {0}, n_groups = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct verdict *v = &w->v[i];
        n_groups += v->is_group;
        if (v->reason && !v->is_group)
            counts[v->class]++;
        if (!v->reason && !flags.all)
            continue;
        buf_printf(b, "%-16s ", v->reason ? class_of(v) : v->is_python ? "with python" : "loads");
        add_safe(b, v->node->name);
        buf_adds(b, "\n");
        if (v->reason) {
            buf_printf(b, "%17s", "");
            add_safe(b, v->reason);
            buf_adds(b, "\n");
        }
    }
    if (b->n)
        buf_adds(b, "\n");
    size_t n_python = 0, n_tasks = w->n - n_groups;
    for (size_t i = 0; i < w->n; i++)
        n_python += w->v[i].is_python;
    buf_printf(b, "%-16s %7zu %6.2f %%\n", "loads", n_loads[0] - n_python,
               n_tasks ? 100. * (double)(n_loads[0] - n_python) / (double)n_tasks : 0.);
    if (code_flags.allow)
        buf_printf(b, "%-16s %7zu %6.2f %%\n", "with python", n_python,
                   n_tasks ? 100. * (double)n_python / (double)n_tasks : 0.);
    for (size_t c = 0; c < N_REFUSALS; c++)
        if (counts[c])
            buf_printf(b, "%-16s %7zu %6.2f %%\n", refusal_name((enum refusal)c), counts[c],
                       100. * (double)counts[c] / (double)n_tasks);
    buf_printf(b, "%-16s %7zu\n", "tasks", n_tasks);
    if (n_groups)
        buf_printf(b, "%-16s %7zu, %zu of them whole\n", "groups", n_groups, n_loads[1]);
}

/* -- the command ----------------------------------------------------------------------------------- */

static int load_all(struct work *w, struct assay_err *e)
{
    struct pool *pool = pool_new(pool_cpus());
    pool_run(pool, N_PARTS, load_part, w);
    pool_free(pool);
    for (size_t i = 0; i < N_PARTS; i++)
        if (w->errs[i].code < 0)
            return err_set(e, w->errs[i].code, "%s", w->errs[i].msg);
    return 0;
}

static void add_node(struct work *w, const struct task_node *node)
{
    w->v[w->n++].node = node;
}

/* A group's verdict is whether its members are there; what it defines itself is judged as a task. */
static void add_group(struct task_index *x, struct work *w, const struct task_entry *entry, struct arena *a)
{
    struct task_plan plan;
    struct assay_err e = {0};
    struct task_node *self = ARENA_NEW(a, struct task_node);
    struct verdict *v = &w->v[w->n];
    *self = (struct task_node){.name = entry->name, .path = entry->path, .is_group = true};
    add_node(w, self);
    v->is_group = true;
    if (task_select(x, entry->name, a, &plan, &e) < 0) {
        v->reason = arena_strdup(a, e.msg);
        return;
    }
    const struct task_node *group = &plan.nodes[plan.roots[0]];
    for (size_t i = 0; i < group->n_children; i++) {
        const struct task_node *child = &plan.nodes[group->children[i]];
        if (!child->is_group && child->config && w->n < w->cap)
            add_node(w, child);
    }
}

static int judge(struct task_index *x, struct work *w, struct arena *a, struct assay_err *e)
{
    size_t n, n_loads[2] = {0, 0}, n_broken;
    const struct task_entry *entries = task_index_entries(x, &n);
    struct task_node *nodes = ARENA_ARRAY(a, struct task_node, n + 1);
    w->cap = 2 * n + 4096;
    w->v = ARENA_ARRAY(a, struct verdict, w->cap + 1);
    log_to(NULL, LOG_ERROR); /* warnings of tasks are for their runs */
    for (size_t i = 0; i < n; i++) {
        nodes[i] = (struct task_node){.name = entries[i].name, .path = entries[i].path};
        if (entries[i].kind == TASK_ENTRY_TASK)
            add_node(w, &nodes[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (entries[i].kind == TASK_ENTRY_GROUP)
            add_group(x, w, &entries[i], a);
    TRY(load_all(w, e));
    struct taskcode *code;
    TRY(task_code_open(&code_flags, NULL, &code, e));
    int rc = code ? load_with_code(w, code, e) : 0;
    taskcode_free(code);
    TRY(rc);
    for (size_t i = 0; i < w->n; i++)
        n_loads[w->v[i].is_group] += w->v[i].reason == NULL;
    struct buf b;
    buf_init(&b, 0);
    if (strcmp(flags.format, "csv") == 0)
        put_csv(&b, w);
    else
        put_table(&b, w, n_loads);
    say_buf(&b);
    buf_release(&b);
    const char *broken = task_index_broken(x, &n_broken);
    if (n_broken)
        return err_set(e, ASSAY_EFORMAT, "%zu file%s can't be read, first: %s", n_broken,
                       n_broken == 1 ? "" : "s", broken);
    if (w->n == 0)
        return err_set(e, ASSAY_EUSAGE, "no tasks there");
    if (n_loads[0] + n_loads[1] < w->n)
        return err_set(e, ASSAY_EUNSUPPORTED, "%zu of %zu tasks and groups do not load",
                       w->n - n_loads[0] - n_loads[1], w->n);
    return 0;
}

static int body(struct options *o, struct assay_err *e)
{
    struct task_index *x;
    struct work *w = calloc(1, sizeof *w);
    if (!w)
        return err_set(e, ASSAY_ENOMEM, "out of memory");
    int rc = task_index_open(o->args, 1, paths_cache(&o->arena), &x, e);
    if (rc == 0) {
        rc = judge(x, w, &o->arena, e);
        task_index_close(x);
    }
    for (size_t i = 0; i < N_PARTS; i++)
        arena_release(&w->arenas[i]);
    free(w);
    return rc;
}

static int run_validate(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags, &code_flags};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_validate = {
    .name = "validate",
    .summary = "load every task of a folder, and say which do not load and why",
    .arguments = "DIR",
    .min_args = 1,
    .max_args = 1,
    .tables = {fields, task_code_fields},
    .text = "Exit code 0 when every task loads.  Data are not looked at.  Classes of reasons:\n"
            "  python function  the task names a function that is not built in\n"
            "  other version    one that is, but its module is not the version that is known\n"
            "  python module    with --allow-task-code: Python here lacks a module\n"
            "  python error     with --allow-task-code: its module fails when loaded\n"
            "  python class     the task is written in Python\n"
            "  images or sound, runs code, metric, filter, template, configuration\n"
            "  group            a group whose members or aggregates can't be had\n",
    .examples = "validate my-tasks # what does not load, and counts by reason\n"
                "validate my-tasks --allow-task-code # loads Python functions too\n"
                "validate lm_eval/tasks --format csv > tasks.csv # every task, for a spreadsheet\n",
    .main = run_validate,
};
