/* export_results.c - results_<time>.json: scores, groups, configurations, what was run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/value.h"
#include "harness/run/export_impl.h"
#include "tasks/chat.h"
#include "tasks/metric.h"
#include "tasks/pytext.h"

/* -- dicts that grow --------------------------------------------------------------------------- */

struct dict {
    struct arena *arena;
    struct value_entry *v;
    size_t n, cap;
};

static void put(struct dict *d, const char *key, const struct value *v)
{
    for (size_t i = 0; i < d->n; i++)
        if (strcmp(d->v[i].key->s, key) == 0) {
            d->v[i].value = v;
            return;
        }
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 16;
        struct value_entry *more = ARENA_ARRAY(d->arena, struct value_entry, cap);
        if (d->n)
            memcpy(more, d->v, d->n * sizeof *more);
        d->v = more;
        d->cap = cap;
    }
    d->v[d->n++] = (struct value_entry){value_str(d->arena, key), v};
}

static const struct value *find(const struct dict *d, const char *key)
{
    for (size_t i = 0; i < d->n; i++)
        if (strcmp(d->v[i].key->s, key) == 0)
            return d->v[i].value;
    return NULL;
}

static const struct value *done(const struct dict *d)
{
    return value_dict(d->arena, d->v, d->n);
}

static int by_key(const void *x, const void *y)
{
    return strcmp(((const struct value_entry *)x)->key->s, ((const struct value_entry *)y)->key->s);
}

static const struct value *sorted(const struct dict *d)
{
    if (d->n)
        qsort(d->v, d->n, sizeof *d->v, by_key);
    return done(d);
}

static const struct value *text(struct arena *a, const char *s)
{
    return s ? value_str(a, s) : &value_null;
}

/* -- tasks ------------------------------------------------------------------------------------- */

struct parts {                         /* of the whole file */
    struct export *x;
    struct arena *arena;
    struct dict results, groups, subtasks, configs, versions, shots, better, samples, hashes;
    struct assay_err *e;
};
struct rows {                          /* results of a task or group, by measure */
    struct arena *arena;
    struct row {
        const char *metric, *filter;
        double value, stderr_;
        int64_t n;
    } *v;
    size_t n, cap;
};

static void take_row(void *user, const struct store_result *r, const char *metric, const char *filter)
{
    struct rows *x = user;
    if (x->n == x->cap) {
        size_t cap = x->cap ? x->cap * 2 : 16;
        struct row *more = ARENA_ARRAY(x->arena, struct row, cap);
        if (x->n)
            memcpy(more, x->v, x->n * sizeof *more);
        x->v = more;
        x->cap = cap;
    }
    x->v[x->n++] = (struct row){arena_strdup(x->arena, metric), arena_strdup(x->arena, filter), r->value,
                                r->stderr_, r->n};
}

static const struct value *number_or_na(struct arena *a, double x)
{
    return isnan(x) ? value_str(a, "N/A") : value_float(a, x);
}

static void put_row(struct dict *d, const struct row *r)
{
    struct arena *a = d->arena;
    bool is_bypass = strcmp(r->metric, "bypass") == 0;
    put(d, arena_printf(a, "%s,%s", r->metric, r->filter),
        is_bypass ? value_int(a, (int64_t)r->value) : value_float(a, r->value));
    put(d, arena_printf(a, "%s_stderr,%s", r->metric, r->filter), number_or_na(a, r->stderr_));
}

/* metric_list gives the names and directions; without one the defaults of the output type do. */
static const struct value *directions(const struct task *t, struct arena *a)
{
    struct dict d = {.arena = a};
    const struct value *list = value_get(t->config, "metric_list");
    size_t n;
    const struct task_measure *m = task_measures(t, &n);
    if (!list || list->type != VALUE_LIST) {
        for (size_t i = 0; i < n; i++)
            put(&d, m[i].metric, m[i].higher_is_better < 0 ? &value_null : value_bool(m[i].higher_is_better));
        return done(&d);
    }
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *name = value_get(list->items[i], "metric");
        const struct value *said = value_get(list->items[i], "higher_is_better");
        if (!name || (name->type != VALUE_STR && name->type != VALUE_FUNC))
            continue;
        const char *dot = name->type == VALUE_FUNC ? strrchr(name->s, '.') : NULL;
        const struct metric *known = metric_find(name->s);
        put(&d, dot ? dot + 1 : name->s, said ? said : known ? value_bool(known->higher_is_better) : &value_null);
    }
    return done(&d);
}

static int put_task(struct parts *p, const struct export_task *t)
{
    struct arena *a = p->arena;
    const struct task *task = t->plan->task;
    struct dict d = {.arena = a}, n = {.arena = a};
    struct rows rows = {.arena = a};
    TRY(store_each_result(p->x->store, t->job_id, take_row, &rows, p->e));
    put(&d, "name", value_str(a, task->name));
    put(&d, "alias", value_str(a, task->alias ? task->alias : task->name));
    int64_t most = 0;
    for (size_t i = 0; i < rows.n; i++)
        most = rows.v[i].n > most ? rows.v[i].n : most;
    put(&d, "sample_len", value_int(a, most));
    size_t n_order, n_measures;
    const size_t *order = task_measure_order(task, a, &n_order);
    const struct task_measure *m = task_measures(task, &n_measures);
    for (size_t i = 0; i < n_order; i++)
        for (size_t k = 0; k < rows.n; k++)
            if (strcmp(rows.v[k].metric, m[order[i]].metric) == 0 &&
                strcmp(rows.v[k].filter, m[order[i]].filter) == 0)
                put_row(&d, &rows.v[k]);
    put(&p->results, task->name, done(&d));
    const struct value *extra = p->x->suite ? p->x->suite->options : NULL;
    put(&p->configs, task->name, task_logged_config(p->x->stored.plan->index, task, extra, a));
    const struct value *meta = value_get(task->config, "metadata"), *version = value_get(meta, "version");
    put(&p->versions, task->name, version ? version : value_str(a, "Yaml"));
    put(&p->shots, task->name, value_int(a, task->n_fewshot));
    put(&p->better, task->name, directions(task, a));
    put(&n, "original", value_int(a, (int64_t)t->n_rows));
    put(&n, "effective", value_int(a, most));
    put(&p->samples, task->name, done(&n));
    put(&p->hashes, task->name, value_str(a, t->hash));
    return 0;
}

/* -- groups ------------------------------------------------------------------------------------ */

static const char *child_name(const struct parts *p, const struct plan_group *g, size_t i)
{
    return p->x->stored.plan->selected.nodes[g->node->children[i]].name;
}

static const struct plan_group *find_group(const struct parts *p, const char *name)
{
    const struct plan *plan = p->x->stored.plan;
    for (size_t i = 0; i < plan->n_groups; i++)
        if (strcmp(plan->groups[i].node->name, name) == 0)
            return &plan->groups[i];
    return NULL;
}

static int64_t leaf_items(const struct parts *p, const struct plan_group *g)
{
    int64_t n = 0;
    for (size_t i = 0; i < g->n_leaves; i++) {
        const struct value *r = find(&p->results, p->x->stored.plan->tasks[g->leaves[i]].task->name);
        n += r ? value_get(r, "sample_len")->i : 0;
    }
    return n;
}

static int put_group(struct parts *p, const struct plan_group *g)
{
    struct arena *a = p->arena;
    struct dict d = {.arena = a}, counts = {.arena = a};
    struct rows rows = {.arena = a};
    const struct value *list = value_get(g->node->config, "aggregate_metric_list");
    const struct value *version = value_get(value_get(g->node->config, "metadata"), "version");
    bool aggregates = list && list->type != VALUE_NULL && list->n > 0;
    put(&d, "alias", value_str(a, g->node->alias ? g->node->alias : g->node->name));
    put(&d, "name", value_str(a, g->node->name));
    if (aggregates) {
        TRY(store_each_group_result(p->x->store, p->x->variant->id, g->node->name, take_row, &rows, p->e));
        put(&d, "sample_len", value_int(a, leaf_items(p, g)));
        for (size_t i = 0; i < rows.n; i++) {
            put_row(&d, &rows.v[i]);
            put(&counts, arena_printf(a, "%s,%s", rows.v[i].metric, rows.v[i].filter),
                value_int(a, rows.v[i].n));
        }
        if (counts.n)
            put(&d, "sample_count", done(&counts));
        put(&p->groups, g->node->name, &value_null); /* filled in its order afterwards */
    }
    put(&p->results, g->node->name, done(&d));
    put(&p->versions, g->node->name, value_str(a, version ? pystr_of(a, version).s : "N/A"));
    return 0;
}

/* Children before parents. */
static int put_groups_below(struct parts *p, const struct plan_group *g, int depth)
{
    if (find(&p->results, g->node->name) || depth > 32)
        return 0;
    for (size_t i = 0; i < g->node->n_children; i++) {
        const struct plan_group *child = find_group(p, child_name(p, g, i));
        if (child)
            TRY(put_groups_below(p, child, depth + 1));
    }
    return put_group(p, g);
}

/* What all children of a group say alike. */
static void spread_shots(struct parts *p, const struct plan_group *g)
{
    const struct value *one = NULL;
    for (size_t i = 0; i < g->node->n_children; i++) {
        const struct value *v = find(&p->shots, child_name(p, g, i));
        if (v && one && v->i != one->i)
            return;
        one = v ? v : one;
    }
    if (one)
        put(&p->shots, g->node->name, one);
}

static void spread_better(struct parts *p, const struct plan_group *g)
{
    struct dict d = {.arena = p->arena};
    for (size_t i = 0; i < g->node->n_children; i++) {
        const struct value *v = find(&p->better, child_name(p, g, i));
        for (uint32_t k = 0; v && k < v->n; k++) {
            const char *metric = v->entries[k].key->s;
            const struct value *known = find(&d, metric);
            if (!known)
                put(&d, metric, v->entries[k].value);
            else if (known->type != VALUE_NULL && !value_equal(known, v->entries[k].value))
                put(&d, metric, &value_null);
        }
    }
    if (d.n)
        put(&p->better, g->node->name, done(&d));
}

static int put_groups(struct parts *p)
{
    const struct plan *plan = p->x->stored.plan;
    struct dict aggregated = {.arena = p->arena};
    for (size_t i = 0; i < plan->n_groups; i++) {
        const struct plan_group *g = &plan->groups[i];
        const struct value **names = ARENA_ARRAY(p->arena, const struct value *, g->node->n_children + 1);
        for (size_t k = 0; k < g->node->n_children; k++)
            names[k] = value_str(p->arena, child_name(p, g, k));
        put(&p->subtasks, g->node->name, value_list(p->arena, names, g->node->n_children));
        TRY(put_groups_below(p, g, 0));
        spread_shots(p, g);
        spread_better(p, g);
    }
    for (size_t i = 0; i < p->results.n; i++)
        if (find(&p->groups, p->results.v[i].key->s))
            put(&aggregated, p->results.v[i].key->s, p->results.v[i].value);
    p->groups = aggregated;
    return 0;
}

/* -- the rest ---------------------------------------------------------------------------------- */

static const struct value *config_value(const struct export *x, struct arena *a)
{
    const struct suite *s = &x->stored.suite;
    struct dict d = {.arena = a};
    put(&d, "model", text(a, x->suite ? x->suite->backend : NULL));
    put(&d, "model_args", x->suite && x->suite->options ? x->suite->options : value_dict(a, NULL, 0));
    put(&d, "batch_size", &value_null);
    put(&d, "batch_sizes", value_list(a, NULL, 0));
    put(&d, "device", &value_null);
    put(&d, "use_cache", &value_null);
    put(&d, "limit", s->limit > 0 ? value_float(a, s->limit) : &value_null);
    put(&d, "bootstrap_iters", value_int(a, s->bootstrap));
    put(&d, "gen_kwargs", s->gen_kwargs ? s->gen_kwargs : &value_null);
    put(&d, "random_seed", value_int(a, 0));
    put(&d, "numpy_seed", value_int(a, 1234));
    put(&d, "torch_seed", value_int(a, 1234));
    put(&d, "fewshot_seed", value_int(a, s->fewshot_seed));
    return done(&d);
}

static const struct value *hash_of(struct arena *a, const char *s)
{
    struct hash h = {0};
    uint8_t digest[HASH_BYTES];
    char hex[HASH_HEX];
    hash_init(&h);
    hash_add(&h, s, strlen(s));
    hash_end(&h, digest);
    hash_release(&h);
    return value_str(a, hash_hex(digest, hex));
}

static void put_rest(const struct parts *p, struct dict *d)
{
    const struct export *x = p->x;
    struct arena *a = p->arena;
    const struct store_run *run = &x->stored.run;
    put(d, "config", config_value(x, a));
    put(d, "git_hash", &value_null);
    put(d, "date", value_float(a, (double)run->started_ns / 1e9));
    put(d, "pretty_env_info", value_str(a, "N/A (torch not installed)"));
    put(d, "transformers_version", value_str(a, "N/A"));
    put(d, "lm_eval_version", value_str(a, arena_printf(a, "assay %s", x->options->version)));
    put(d, "upper_git_hash", &value_null);
    put(d, "task_hashes", done(&p->hashes));
    put(d, "model_source", text(a, x->suite ? x->suite->backend : NULL));
    put(d, "model_name", value_str(a, x->model_name));
    put(d, "model_name_sanitized", value_str(a, x->model_folder));
    const struct suite *s = &x->stored.suite;
    const struct chat *chat = x->stored.plan->chat;
    bool has_system = s->system_instruction && s->system_instruction[0];
    put(d, "system_instruction", has_system ? text(a, s->system_instruction) : &value_null);
    put(d, "system_instruction_sha", has_system ? hash_of(a, s->system_instruction) : &value_null);
    put(d, "fewshot_as_multiturn", value_bool(s->shots_as_turns));
    put(d, "chat_template", chat ? text(a, chat_template_text(chat)) : &value_null);
    put(d, "chat_template_sha", chat ? text(a, chat_template_uid(chat)) : &value_null);
    double took = run->ended_ns == STORE_NULL ? 0 : (double)(run->ended_ns - run->started_ns) / 1e9;
    put(d, "total_evaluation_time_seconds", value_str(a, pystr_of(a, value_float(a, took)).s));
}

int export_results(struct export *x, const struct value **out, struct assay_err *e)
{
    struct arena *a = &x->arena;
    struct dict none = {.arena = a}, d = none;
    struct parts p = {x, a, none, none, none, none, none, none, none, none, none, e};
    for (size_t i = 0; i < x->n_tasks; i++)
        TRY(put_task(&p, &x->tasks[i]));
    TRY(put_groups(&p));
    put(&d, "results", done(&p.results));
    if (p.groups.n)
        put(&d, "groups", done(&p.groups));
    put(&d, "group_subtasks", done(&p.subtasks));
    put(&d, "configs", sorted(&p.configs));
    put(&d, "versions", sorted(&p.versions));
    put(&d, "n-shot", sorted(&p.shots));
    put(&d, "higher_is_better", sorted(&p.better));
    put(&d, "n-samples", done(&p.samples));
    put_rest(&p, &d);
    *out = done(&d);
    return 0;
}
