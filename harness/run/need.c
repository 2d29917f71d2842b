/* need.c - see need.h. */
#include "harness/run/need.h"

#include <string.h>

#include "datasets/data.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/log.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "harness/run/paths.h"
#include "harness/run/suite.h"
#include "harness/run/taskcode.h"
#include "tasks/task.h"

struct needs {
    struct need *v;
    size_t n;
    struct arena *arena;
    const char *const *data, *const *recipes;
    const char *cache;
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_value(const struct value *a, const struct value *b)
{
    return a == b || (a && b && value_equal(a, b));
}

static void add_split(struct needs *all, struct need *x, const char *split)
{
    for (size_t i = 0; i < x->n_splits; i++)
        if (strcmp(x->splits[i], split) == 0)
            return;
    const char **more = ARENA_ARRAY(all->arena, const char *, x->n_splits + 1);
    if (x->n_splits)
        memcpy(more, x->splits, x->n_splits * sizeof *more);
    more[x->n_splits++] = arena_strdup(all->arena, split);
    x->splits = more;
}

static void look(const struct needs *all, struct need *x, const char *base_dir, const char *split)
{
    struct data_source src = {.path = x->path, .name = x->name, .split = split, .kwargs = x->kwargs,
                              .base_dir = base_dir, .data_dirs = all->data,
                              .recipe_dirs = all->recipes};
    x->is_local = x->is_local && data_is_here(&src);
    src.cache = all->cache;
    x->is_here = x->is_here && data_is_here(&src);
}

static void add_task(struct needs *all, const struct task *t)
{
    const char *splits[] = {t->eval_split, t->fewshot_split};
    struct need *x = NULL;
    if (!t->dataset_path || !t->eval_split)
        return;
    for (size_t i = 0; i < all->n && !x; i++)
        if (same_text(all->v[i].path, t->dataset_path) && same_text(all->v[i].name, t->dataset_name) &&
            same_value(all->v[i].kwargs, t->dataset_kwargs))
            x = &all->v[i];
    if (!x) {
        x = &all->v[all->n++];
        *x = (struct need){.path = t->dataset_path, .name = t->dataset_name,
                           .kwargs = t->dataset_kwargs, .task = t->name, .is_local = true,
                           .is_here = true};
    }
    for (int i = 0; i < 2; i++)
        if (splits[i]) {
            add_split(all, x, splits[i]);
            look(all, x, t->base_dir, splits[i]);
        }
}

static void join(const struct suite_list *l, struct buf *b)
{
    for (size_t i = 0; i < l->n; i++)
        buf_printf(b, "%s%s", i ? "," : "", l->v[i]);
}

static int load_all(const struct suite *s, struct task_index *x, const struct task_plan *plan,
                    struct needs *all, struct assay_err *err)
{
    struct taskcode_options o = {.python = s->task_code_python, .timeout_s = s->task_code_timeout_s};
    TRY(suite_parse_size(s->task_code_memory_text, "task-code-memory", &o.memory_bytes, err));
    struct taskcode *code = s->allow_task_code ? taskcode_new(&o) : NULL;
    struct task_settings settings = {.n_fewshot = (int)s->fewshot,
                                     .fewshot_seed = (uint64_t)s->fewshot_seed,
                                     .host = taskcode_host(code)};
    size_t n_bad = 0;
    struct assay_err first = {0};
    for (size_t i = 0; i < plan->n; i++) {
        struct assay_err e = {0};
        struct task *t;
        if (plan->nodes[i].is_group)
            continue;
        if (task_load(x, &plan->nodes[i], &settings, all->arena, &t, &e) < 0) {
            first = n_bad++ ? first : e;
            continue;
        }
        add_task(all, t);
        task_release(t);
    }
    taskcode_free(code);
    if (n_bad)
        log_warn("%zu task%s not load and %s passed over; the first: %s", n_bad,
                 n_bad == 1 ? " does" : "s do", n_bad == 1 ? "is" : "are", first.msg);
    return 0;
}

int need_list(const struct suite *s, struct arena *a, struct need **out, size_t *n,
              struct assay_err *e)
{
    size_t n_dirs;
    const char *const *dirs = paths_tasks(a, s->task_dirs.v, &n_dirs);
    struct needs all = {.arena = a, .data = paths_data(a, s->data.v),
                        .recipes = paths_recipes(a, s->recipe_dirs.v), .cache = paths_cache(a)};
    struct task_index *index;
    struct task_plan plan = {0};
    struct buf selector;
    *out = NULL;
    *n = 0;
    if (!s->tasks.n)
        return 0;
    TRY(task_index_open(dirs, n_dirs, paths_cache(a), &index, e));
    buf_init(&selector, 0);
    join(&s->tasks, &selector);
    int rc = task_select(index, selector.v, a, &plan, e);
    buf_release(&selector);
    if (rc >= 0) {
        all.v = ARENA_ARRAY(a, struct need, plan.n + 1);
        rc = load_all(s, index, &plan, &all, e);
    }
    task_index_close(index);
    *out = all.v;
    *n = all.n;
    return rc < 0 ? rc : 0;
}

static void add_word(struct buf *b, const char *s)
{
    buf_addc(b, ' ');
    text_shell_word(b, s);
}

char *need_command(const struct suite *s, struct arena *a)
{
    struct buf b, tasks;
    buf_init(&b, 0);
    buf_init(&tasks, 0);
    buf_adds(&b, "assay data get");
    if (s->path)
        add_word(&b, s->path);
    if (!s->path || s->tasks.is_flag) {
        join(&s->tasks, &tasks);
        buf_adds(&b, " --tasks");
        add_word(&b, tasks.v);
    }
    for (size_t i = 0; i < s->task_dirs.n && (!s->path || s->task_dirs.is_flag); i++) {
        buf_adds(&b, " --task-dir");
        add_word(&b, s->task_dirs.v[i]);
    }
    char *text = arena_strndup(a, b.v, b.n);
    buf_release(&b);
    buf_release(&tasks);
    return text;
}
